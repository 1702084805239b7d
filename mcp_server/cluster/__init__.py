"""Objects of a Kubernetes cluster in, causes of trouble out: pure, whether the objects were listed, recorded or described."""
