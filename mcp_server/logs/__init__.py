"""Floor 1: text in, structure out; pure."""
