"""Saved: a plan as a file, to be read by others and applied once."""
