"""`python -m velox.report`: what was found, as one HTML page.

__main__.py  Write one HTML page of what was found: latest matches, counts, confidence, truth
accuracy.py  How often the model is right, by what people said of a random share, as a section
charts.py    The report's charts: plain HTML tables and SVG
page.py      The report: what was found, as one HTML page that needs nothing else
pictures.py  The stored images of some detections as small pictures inside a page
"""
