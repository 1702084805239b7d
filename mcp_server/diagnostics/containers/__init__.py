"""Questions about one containers."""
