"""The real stack, started with Compose and put through its promises: `make test-stack`."""
