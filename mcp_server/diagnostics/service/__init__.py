"""Questions about one service."""
