"""The live page: what the consumer is finding, in a browser."""
