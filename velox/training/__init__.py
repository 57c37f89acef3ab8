"""Training: from images to a checkpoint that is judged."""
