"""Benchmarks: what Velox does at what cost, as ratios within one run."""
