"""Kafka's clients: made, understood, and sent through."""
