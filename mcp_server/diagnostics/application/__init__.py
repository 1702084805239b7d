"""Applications: what they need, and whether it is there."""
