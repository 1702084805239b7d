"""Questions that a break-in would answer."""
