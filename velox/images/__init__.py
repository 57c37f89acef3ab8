"""Images: their headers, their pixels, and what decoding them costs.

avif.py           The size of an AVIF image: what the container says
fitting.py        From an image's own shape to a model's square: stretched, cut out, or padded
header.py         What an image file says of itself: format, width and height
jpeg2000.py       The size of a JPEG 2000 image, in its plain form: few tiles, no tiny blocks
known_good.py     An image and a document of Velox's own, made so that whatever works takes them
memory.py         What decoding an image takes of memory, and how much of it is taken at a time
pixels.py         Encoded bytes to a fixed-size image, or a named reason why not
preprocessing.py  From any image to a model's input: the choices that travel with a model
shapes.py         Synthetic images: one coloured shape on a plain but uneven ground
thumbnail.py      Small pictures of large ones, for people to look at
"""
