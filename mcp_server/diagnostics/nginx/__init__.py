"""nginx: its configuration, and whatever stands behind it."""
