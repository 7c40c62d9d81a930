"""What a description alone predicts; no torch."""
