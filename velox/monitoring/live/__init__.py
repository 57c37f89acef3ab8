"""The live page: what the consumer is finding, in a browser.

matches.py  The latest matches, kept for people to look at: a few a second
page.py     The live page: what the consumer is finding, in a browser
state.py    What the live page shows, read once a second however many look
"""
