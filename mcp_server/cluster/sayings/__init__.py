"""How programs say what they lack, in their own logs: one file per kind of lack, read by `causes/said.py` in its order."""
