"""The witness: the small process between the client and the server. Standard library only."""
