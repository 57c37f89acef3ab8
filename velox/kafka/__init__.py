"""Kafka's clients: made, understood, and sent through.

acknowledged.py     A Kafka producer that says of every message whether the broker has it
client.py           Making the Kafka clients of Velox: the configuration of each, with its reasons
client_log.py       What a Kafka client says of itself: kept as the reason of a trouble
delivery_errors.py  What each error of a delivery report means
errors.py           Errors of Kafka's clients that waiting does not mend
group_lag.py        The lag of a consumer group as the broker knows it
messages.py         What comes from Kafka, as the record that flows through the pipeline
outbox.py           Sending to a topic of ours: each item is acknowledged, to be sent again
pair.py             The two producers that send to one topic: in batches, and each message alone
read_back.py        Reading a topic back: what is in it since a place
refused_batches.py  A batch is refused as a whole: what its messages may be told of by that
retention.py        How long topics keep their records: asked for, and told
sender.py           Sending images to Kafka: idempotent, acknowledged by all replicas in sync
topic_log.py        What is in a topic, and where: asked and read in no group
topic_sizes.py      Topics as large as the settings ask for; where they stay smaller, that is said
topic_warnings.py   What is said of a topic that is not as the settings ask for
topics.py           Topics: what the cluster says of one, and one change of one at a time
"""
