"""The settings: what they are, what they may be, and where they come from.

consumer.py          What the consumer reads
declare.py           Declaring settings, each once; reading them from the environment and `.env`
kafka_properties.py  Properties of KAFKA_CONFIG that Velox's guarantees rest on: what they may say
parsers.py           Parsers of settings: what a variable's text must look like
programs.py          What each program reads that has no module of its own here
review.py            What is kept for people to look at, and how they get to it
shadow.py            How a new model comes in
shared.py            Settings that several programs read, and what their values may be
thresholds.py        How thresholds are written in a setting
training.py          What the training reads
unknown.py           Variables that nothing reads and that look like settings
"""
