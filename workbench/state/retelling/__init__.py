"""Retelling: a session written down as a log of commands, as the cells of a notebook, or as a test."""
