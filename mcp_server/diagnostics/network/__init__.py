"""Questions asked over the network."""
