"""What pages are made of: numbers read from files, checked once."""
