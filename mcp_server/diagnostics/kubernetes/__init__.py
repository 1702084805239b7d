"""Questions about Kubernetes clusters."""
