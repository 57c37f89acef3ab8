"""The manifests in a real cluster, put through their promises: `make test-k8s`."""
