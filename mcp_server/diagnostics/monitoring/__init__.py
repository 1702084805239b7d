"""Questions about what watches: is it awake, and does it see?"""
