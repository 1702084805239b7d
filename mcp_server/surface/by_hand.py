"""Commands that are no tools: what they record is a person's word, so no client and no model may reach them."""

BY_HAND = {"approve": "mcp_server.surface.approve", "skip_gate": "mcp_server.surface.skip_gate"}
"""Name → the module whose `main(script_path, argv)` it is. Each has a script of its name, written by hand."""
