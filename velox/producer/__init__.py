"""Streaming images: from where they are to the topic.

feed.py     One source and the thread that reads it
feeds.py    Several sources at once: each is read in a thread, and all come together in one stream
groups.py   Groups of items: what lies ready is handed over several at a time
sources/    Where images come from
tally.py    What became of the images of one source
telling.py  What tells the world how the producer is: its figures, and whether it works
"""
