"""Veteran: incident response with evidence, for people and assistants."""

__version__ = "0.1.0"
