"""Planning: what is pending as changes, in the order in which they can be written."""
