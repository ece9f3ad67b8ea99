"""Forms: what a command is filled in and issued with; a control for each kind of value."""
