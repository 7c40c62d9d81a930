"""Data sets: where each is found, and the readers of their files."""
