"""What happens to a batch between poll and commit.

acceptance.py    A model is accepted before it decides anything, at the start and at every swap
agreement.py     Documents agree with the image files on disk, whoever removes files meanwhile
asked.py         The labels that settings ask for: which of them a model does not have
batch.py         A batch: when it closes, what it carries, and which are stored together
breaker.py       The breaker: a stage that refuses everything is not the records' fault
candidates.py    What is worth a look is kept: images of unsure decisions, and a random share
counts.py        What a batch came to, counted once it is durable
dead_letters.py  Dead letters: records that cannot be classified, stored or told of
decider.py       What a prediction comes to: a match, none, or unknown
decoder.py       Records to an array of images, on several cores
decoding.py      The decode stage: which of a batch's records are classified, and their pixels
inference.py     The infer stage: a batch's images through the model, and what becomes of each
model_slot.py    The model in use, and its replacement by a newer one between two batches
predictor.py     One batch through the engine: a failure is narrowed down to its image
recorder.py      Making all that a batch came to durable, in the order that loses nothing
refusals.py      How many of a stage's last records were refused, counted batch by batch
results.py       Results for other systems: every prediction, match or not, as JSON on a topic
store_writer.py  Writing to a store until all of it is durable or refused
targets.py       Targets that are no labels of the model: they never match
topic_sender.py  Sending to a topic of ours, until what it refuses is the fault of the records
"""
