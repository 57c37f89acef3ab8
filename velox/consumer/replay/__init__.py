"""A stretch of the topic is classified again, and the store says what today's model says.

letters.py      What a replay cannot classify is said and counted
places.py       Where a stretch of time lies in a topic
recorder.py     The last two stages of a replay: what matches no more is withdrawn
withdrawing.py  Withdrawing documents: their copy first, then their image, then themselves
"""
