"""Floor 2: one file, one source of change."""
