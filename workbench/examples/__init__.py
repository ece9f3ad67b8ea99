"""Examples: one whole domain per file."""
