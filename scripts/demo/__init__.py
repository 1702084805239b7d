"""The demonstration: a real small web service that breaks for real, and its diagnosis through the real server."""
