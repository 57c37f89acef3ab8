"""The images that are trained on.

augment.py  Random changes to images that leave their labels true
dataset.py  Data sets: images of one size with the index of their label, taken a batch at a time
folder.py   A folder of one's own images: one folder a label, as torchvision's ImageFolder has it
shapes.py   The synthetic data set: shapes drawn, encoded, and read back as a consumer reads them
"""
