"""What is checked and measured on a GPU, within minutes and without a network.

`check` runs the parts and writes what they found; `place` says where, and how much of it.

- `own_tests`: the project's own tests that need a GPU.
- `training`: the default training, and short ones of other architectures.
- `correct`: what was trained, in every precision, against float32 on the CPU.
- `bare`: the engine beside what PyTorch offers.
- `decode`: images on all cores, and on the device.
- `pipeline`: Kafka to store, on a topic of `broker`.
- `shared`: processes on one device, each of them `one_of_many`.
- `swap`: another model under load.
- `little_memory`: a device without the memory for large batches.
"""
