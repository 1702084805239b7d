"""Floor 1: the only modules that touch the world, one client library each."""
