"""Polling: records in, offsets out, through rebalances."""
