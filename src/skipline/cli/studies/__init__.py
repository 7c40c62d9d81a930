"""A study from its question to its page: conducted, shown, told."""
