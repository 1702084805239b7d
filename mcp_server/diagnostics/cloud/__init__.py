"""Clouds: what their own control planes say of a resource."""
