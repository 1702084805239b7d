"""Sources of dependency edges: one file each. A file that holds `EDGE_SOURCE` and `collect` is registered by being here."""
