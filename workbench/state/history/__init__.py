"""History: the branches of a session, the ways through time, and where two of them differ."""
