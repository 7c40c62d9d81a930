"""What a run should be, tried on a copy that is thrown away."""
