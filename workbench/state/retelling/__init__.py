"""Retelling: a session as a log of commands, as a notebook, as a test."""
