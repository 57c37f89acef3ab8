"""Streaming images: from where they are to the topic.

feeds.py   Several sources at once: each is read in a thread, and all come together in one stream
groups.py  Groups of items: what lies ready is handed over several at a time
sources/   Where images come from
"""
