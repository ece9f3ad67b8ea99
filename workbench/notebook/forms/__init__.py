"""Forms: a command is filled in and issued by mouse or keyboard; each kind of value has its control."""
