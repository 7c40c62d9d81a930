"""A network drawn, and written down."""
