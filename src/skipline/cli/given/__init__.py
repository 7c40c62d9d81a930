"""From the words of a command to what they mean."""
