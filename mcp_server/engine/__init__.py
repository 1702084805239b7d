"""Floor 3: runs the rooms, which it reaches only through the catalog."""
