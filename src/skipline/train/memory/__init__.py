"""What a step keeps, and what is done where memory runs out."""
