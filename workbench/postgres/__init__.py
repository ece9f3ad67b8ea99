"""Postgres: what is stored: read, compared and written over gino and asyncpg, on a server of one's own or another."""
