"""Models: the file, the network, the device, the samples that travel with it."""
