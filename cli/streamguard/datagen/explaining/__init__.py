"""What a world says, and what is to be expected of it."""
