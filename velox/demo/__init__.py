"""The demo: broker, trainer, consumer and producer on this machine."""
