"""Trial: a plan tried for real and rolled back, and what was in its way."""
