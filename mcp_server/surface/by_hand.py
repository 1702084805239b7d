"""Commands that are no tools: what they record is a person's word, so no client and no model may reach them."""

BY_HAND = ("approve", "skip_gate")
"""Each is `main(script_path, argv)` of the module of its name beside this one, and has a script, written by hand."""
