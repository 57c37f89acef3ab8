"""Images: their headers, their pixels, and what decoding them costs.

appearance.py     How an image looks, in three numbers: brightness, contrast and sharpness
avif.py           The size of an AVIF image: what the container says
colors.py         Whatever numbers a file holds as 8 bits of blue, green and red
cropping.py       The part of an image that is looked at, in fractions of its sides
fitting.py        From an image's own shape to a model's square: stretched, cut out, or padded
foreign.py        Bytes that begin like no image that is read: what they are, for whoever sent them
header.py         What an image file says of itself: format, width and height
jpeg2000.py       The size of a JPEG 2000 image, in its plain form: few tiles, no tiny blocks
known_good.py     An image and a document of Velox's own, made so that whatever works takes them
memory.py         What decoding an image takes of memory, and how much of it is taken at a time
near.py           Images that show nearly the same: copies, those saved again, frames of a video
netpbm.py         The headers of Netpbm's formats: PBM, PGM, PPM, PAM, and PFM
pages.py          Whether a file holds more than the image that is looked at
pixels.py         Encoded bytes to a fixed-size image, or a named reason why not
png.py            What a PNG says: its size, whether it is whole, what is transparent
preprocessing.py  From any image to a model's input: the choices that travel with a model
reading.py        From encoded bytes to 8 bits of three colours, the right way up
shapes.py         Synthetic images: one coloured shape on a plain but uneven ground
thumbnail.py      Small pictures of large ones, for people to look at
tiff.py           What the first directory of a TIFF file says
turning.py        How an image is turned and mirrored before it is looked at
webp.py           What a WebP says: its size, whether it is whole, whether it moves
"""
