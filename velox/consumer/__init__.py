"""The consumer: from the topic to the stores, committed when it is durable.

assembly.py     What the settings of `consumer.py` ask for, made and joined
engines.py      Engines: made of checkpoints, warm, and known to be fit to decide
monitoring.py   What tells the world how the consumer is: metrics, probes, the live page
pipeline.py     The pipeline: one direction, in order
polling/        Polling: records in, offsets out, through rebalances
sources/        What single sources have of their own
stages/         What happens to a batch between poll and commit
startup.py      The start of the consumer: it waits for what it needs
storage.py      What is stored, and where: detections, files, images for review, and their removal
sweeper.py      Beside the pipeline: documents follow their files, what is too old goes
vital_signs.py  What the probes and the gauges look at while the pipeline runs
"""
