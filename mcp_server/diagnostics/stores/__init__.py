"""Questions about databases and caches."""
