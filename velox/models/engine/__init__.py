"""The engine: a model at work on CPU or CUDA, in the form that is fastest and decides the same."""
