"""The consumer: from the topic to the stores, committed when it is durable.

assembly.py     The stages that the settings of `consumer.py` ask for, made and joined
bounded.py      Ends a pipeline once it has come to the end of its stretch
bounds.py       What a model's answers are compared with
command_line.py The command line of `consumer.py`
engines.py      Engines: made of checkpoints, warm, and known to be fit to decide
monitoring.py   What tells the world how the consumer is: metrics, probes, the live page
opening.py      What a consumer waits for at its start: model, stores and topics, one by one
pipeline.py     The pipeline: one direction, in order
polling/        Polling: records in, offsets out, through rebalances
redrive/        Dead letters go through the pipeline once more
redriving.py    `consumer.py --redrive`: dead letters once more
replay/         A stretch of the topic is classified again with today's model
replaying.py    `consumer.py --replay`: a stretch of the topic once more
shadow/         A model beside the one in use
shadowing.py    What runs beside the model in use, as the settings ask for it
sources/        What single sources have of their own
stages/         What happens to a batch between poll and commit
startup.py      The start of the consumer: it waits for what it needs
storage.py      What is stored, and where: detections, files, images for review, and their removal
sweeper.py      Beside the pipeline: documents follow their files, what is too old goes
task.py         What a run of the consumer reads
untried.py      Thresholds of sources that came after the model was tried
vital_signs.py  What the probes and the gauges look at while the pipeline runs
"""
