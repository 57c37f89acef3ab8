"""What single sources have of their own, and what is counted of each.

counts.py   How many images each source gave, and how long ago the last one was
file.py     The file of SOURCES_PATH: what it may say, and where it says something else
pattern.py  Patterns that names of sources fit
rules.py    What a source has of its own: thresholds, targets, crop, how often it must be heard
watch.py    The file's rules in use, and their replacement once it says something else
"""
