"""The images that are trained on.

augment.py      Random changes to images that leave their labels true
dataset.py      Data sets: images of one size with the index of their label, taken a batch at a time
folder.py       A folder of one's own images: one folder a label, as torchvision has it
image_files.py  Image files as a data set has them: decoded as a consumer decodes them
layout.py       How a folder of own images is laid out: by label, or by part and label
listing.py      The files of a folder of own images, each with its label and its part of the split
others.py       Images that have none of the labels: all files of a folder, whatever its folders are
reviewed.py     Images that people have looked at, beside a folder of own images
shapes.py       The synthetic data set: shapes drawn, encoded, and read as a consumer does
sides.py        How large the images of a folder are, so that small ones are not blown up
split.py        Which images a network learns from, which choose its epoch, which judge it
"""
