"""Where detections and their images are kept, and how they are read again."""
