"""The images that are trained on, and how they are split."""
