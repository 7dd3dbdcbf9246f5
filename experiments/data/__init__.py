"""What a command trains on, and what became of each file."""
