"""The stages between poll and commit: decode, infer, record."""
