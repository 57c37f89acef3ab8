"""A checkpoint of other people's weights: `python -m velox.models.convert`.

__main__.py      The command line: weights in, checkpoint out
options.py       What the command line says: how the weights were trained, and what to make
proof.py         Proof that a checkpoint answers as its weights do in PyTorch alone
safetensors.py   Weights in the safetensors format, read with every offset checked
tensor_names.py  Which tensor of a network each of a file's tensors is
timm_names.py    What timm calls the tensors of networks that it has in common with torchvision
weights_file.py  A state dict out of a file, whatever it is wrapped in
"""
