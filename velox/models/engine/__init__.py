"""The engine: a model at work, in the form that is fastest and decides the same.

check.py         Whether a model in fewer bits decides as it does in float32
classifier.py    The whole way from pixels to the most likely label
compiled.py      A classifier as code that PyTorch's compiler makes for the card
cpu.py           The engine on the CPU: a model in its best form, run in parts on all cores
cuda.py          The engine on CUDA: one recorded graph for each size of batch
deprecated.py    The one door to what PyTorch has deprecated: TorchScript and `torch.ao`
export.py        A checkpoint's network as graphs for ONNX Runtime
fold.py          Batch normalisations folded into the convolutions before them
forms.py         The forms of a model on the CPU
graphs.py        A model that ONNX Runtime can run at once, as it is kept
int8.py          A network in 8-bit integers: calibrated after training, weights per channel
interface.py     The engine as the consumer sees it: a batch of images in
kept.py          What was made of a model and found out about it, kept for the next start
lanes.py         How a batch reaches a CUDA device: cut to the sizes that are prepared
onednn.py        A network with each convolution, its activation and its sum as one oneDNN call
onnx_choice.py   Which graph of a model runs
onnx_engine.py   The engine that runs a checkpoint's graphs with ONNX Runtime on the CPU
onnx_form.py     A graph as an engine uses it
out_of_memory.py What an engine says when memory is short, and what helps
parts.py         Into how many parts a batch is cut, so that all cores work on it
session.py       ONNX Runtime: a graph at work on the CPU
streams.py       Streams of CUDA devices: each engine has its own and gives them back
torch_engine.py  The engine that runs a checkpoint with PyTorch, on the CPU or on CUDA
trial.py         The form of a model on CUDA: half precision and compiled code
trial_images.py  Images of noise to measure forms of a model with, the same each time
workers.py       Threads that run a batch in parts, each part on one core
"""
