"""HTML: how each noun is shown in a notebook, from steps and plans to errors; all values in it are escaped."""
