"""Logs: what they say, lately and at their end."""
