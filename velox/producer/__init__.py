"""Streaming images: from where they are to the topic.

feeds.py  Several sources at once: each is read in a thread, and all come together in one stream
sources/  Where images come from
"""
