"""`python -m velox.report`: what was found, as one HTML page."""
