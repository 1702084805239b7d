"""Questions about the machine itself."""
