"""Models: the file, the network, the device.

architectures.py        The networks that can be trained and run: the classifiers of torchvision
cards.py                Whether there can be a graphics card, told without PyTorch
checkpoint.py           The checkpoint: one file that carries all that rebuilds the model
compiler.py             PyTorch's compiler, left out where nothing is compiled
convert/                A checkpoint of other people's weights
description.py          What a checkpoint says of its model beside the weights; it needs no PyTorch
device.py               The device that a model runs on, and why a card that is there cannot be used
engine/                 The engine: a model at work, in the fastest form that decides the same
files.py                The files of a model: when there is reason to read them
inner_maps.py           What inner maps say of an image, given out beside the network's answer
labels.py               The list of labels beside a model, in the order of its outputs
measured_thresholds.py  Thresholds that training has measured, as they travel with a checkpoint
novelty.py              How unlike the images of a model's training an image is
novelty_limits.py       Beyond which novelty an image is unknown, as training has measured it
sample_tensors.py       Samples as a checkpoint's file holds them: tensors of bytes
samples.py              Images that travel with a checkpoint
shapes_within.py        The shapes of all that a network computes on its way
soundness.py            Whether the parts of a checkpoint make a model
torch_file.py           What `torch.save` wrote, read without executing anything; all else refused
torchvision_names.py    The tensors of torchvision's files by the names that the network has
wrappings.py            What other programs wrap weights in: a dict around them, prefixes of names
"""
