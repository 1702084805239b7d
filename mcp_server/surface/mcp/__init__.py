"""The MCP door, over stdio: the only package that imports the SDK."""
