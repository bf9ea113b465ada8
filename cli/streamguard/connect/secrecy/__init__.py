"""What is a secret, and what is cut out of everything that is printed, logged, raised or written."""
