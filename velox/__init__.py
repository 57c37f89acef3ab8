"""Velox: classify images as they stream through Apache Kafka.

base/        What every room stands on
consumer/    The consumer: from the topic to the stores, committed when it is durable
demo/        The demo: broker, trainer, consumer and producer on this machine
forget.py    `python -m velox.forget`: all that is held of one source is removed
images/      Images: their headers, their pixels, and what decoding them costs
kafka/       Kafka's clients: made, understood, and sent through
models/      Models: the file, the network, the device
monitoring/  What a process tells of itself
producer/    Streaming images: from where they are to the topic
report/      `python -m velox.report`: what was found, as one HTML page
review/      The page to label on: images that wait, verdicts on them, what these are good for
settings/    The settings: what they are, what they may be, and where they come from
stores/      Where detections and their images are kept, and how they are read again
training/    Training: from images to a checkpoint that is judged
"""
