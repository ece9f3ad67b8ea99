"""Notebook: the Workbench, the bridge from cells to async code, and all that is shown, typed or clicked there."""
