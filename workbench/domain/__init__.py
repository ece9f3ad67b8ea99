"""Domain: what a domain says: its records, their fields, what handles them, and the registry of all; pure."""
