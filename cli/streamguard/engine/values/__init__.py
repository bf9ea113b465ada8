"""What operators and casts make of values."""
