"""What every room stands on.

accuracy.py        How often the running model is right, by the verdicts on its random share alone
allowance.py       An allowance: so many an hour, with room left for what matters more
aside.py           Work that holds up no exit: what runs in a library cannot be told to stop
candidates.py      Images kept for people to look at: what is known, which are a random share
ending.py          The end of a process, whatever its threads are doing
errors.py          Named errors: each says which part failed and whether trying again can help
files.py           Files that appear whole or not at all
freshness.py       Freshness: which images are too old to be worth an answer
html.py            HTML made of elements, and pages that load nothing: what is no element is escaped
interval.py        How sure a share is that was found on a few, and the difference of two
json_places.py     JSON whose values know where they stand
logs.py            Logging: one line an event on standard error, whatever the C libraries print
machine.py         What the machine lets this process use: cores, and memory by the C allocator
moments.py         A moment as a person writes it on a command line
names.py           Names of files as text that can go anywhere, and the labels that folders give
native_log.py      What C libraries print on file descriptor 2: a small process of its own reads it
records.py         What flows through the pipeline: plain, frozen values
reference.py       What is usual: how the images of a training looked, and how they were decided
script.py          How a script begins: `--help`, settings, logging, the stop event
sink_errors.py     Which errors of a sink mean what: not now, not this one, not at all
source_figures.py  What a producer knows of one source, in figures
terminal.py        Lines that stay, one that lives, and a bar that grows, on a terminal or in a file
thresholds.py      From which confidence on an image is a match: one number for all labels
waiting.py         Waiting for what is away, what may hang, the next event, the next look
"""
