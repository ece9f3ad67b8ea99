"""HTML: what is shown of steps, plans, conflicts and errors; all values in it are escaped."""
