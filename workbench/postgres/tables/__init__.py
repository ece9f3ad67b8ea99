"""Tables: the gino models and tables under resources, and what would make the stored ones fit."""
