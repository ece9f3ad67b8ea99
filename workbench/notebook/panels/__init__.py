"""Panels: a session to click: commands, items, the plan, steps and branches, conflicts."""
