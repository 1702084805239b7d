"""Questions about the organisation's own rules."""
