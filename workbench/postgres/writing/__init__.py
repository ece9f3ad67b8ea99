"""Writing: a plan as statements, as a transaction, as a script for psql."""
