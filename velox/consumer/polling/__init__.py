"""Polling: records in, offsets out, through rebalances.

assigned_consumer.py  One topic from given places on, in no group
assignment.py         The partitions held: taken, paused, begun anew and given up
client_errors.py      What the consumer's client says went wrong: which of it passes
commit_lookup.py      Asking for the group's commits until somebody tells them
commits.py            Offset commits: what the ledger says is durable, at most once a second
draining.py           What is in flight gets time to finish before its partitions are given up
gone_partitions.py    Partitions that are assigned and that the topic no longer has
intake.py             From the client's messages to records that the ledger has admitted
lag_gauges.py         Consumer lag by partition, in records and in seconds
ledger.py             The ledger: which records are in flight, which are done
notes.py              What a group's commits carry besides offsets and the topic's identity
offset_gaps.py        Offset gaps: records that were gone before the consumer came
old_stretches.py      Where what is too old to be classified ends, asked of the broker by time
poller.py             The poll loop: one thread, and nothing else touches the Kafka consumer
positions.py          How far the client has come in each partition
skipping.py           Skipping by time: what is too old is not downloaded only to be dropped
stable_offsets.py     The end of what can be read of each partition
stretch.py            Which part of a topic is read: all that comes, or a fixed stretch
topic_consumer.py     One topic as a member of a group reads it: librdkafka's consumer
topic_identity.py     Which topic it is, and to which the positions belong: this one
unreadable.py         The end of a batch that the client cannot unpack
"""
