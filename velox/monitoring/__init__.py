"""What a process tells of itself: metrics, probes, and the live page."""
