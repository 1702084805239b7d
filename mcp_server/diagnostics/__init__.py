"""Floor 2: one file, one read-only question."""
