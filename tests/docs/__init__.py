"""What the documents say, put to the test; and what is written into them by machine."""
