"""Veteran: read-only incident diagnostics for people and assistants."""

__version__ = "0.1.0"
