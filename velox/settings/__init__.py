"""The settings: what they are, what they may be, and where they come from."""
