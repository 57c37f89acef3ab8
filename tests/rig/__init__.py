"""What the tests run against: real servers and the project's scripts, each in its own process."""
