"""Streaming images: from where they are to the topic."""
