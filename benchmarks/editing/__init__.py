"""`dreamtext edit`: painting words into a photograph at its own resolution."""
