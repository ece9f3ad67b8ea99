"""Server: the embedded Postgres: its folder of data and its processes."""
