"""What sinks read, how far they are, and how they are moved."""
