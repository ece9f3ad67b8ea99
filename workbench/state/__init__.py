"""State: the local database: a State and the units, plans and histories that make one of another; pure, no driver."""
