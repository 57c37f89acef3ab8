"""The consumer: from the topic to the stores, committed when it is durable."""
