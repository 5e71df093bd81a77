"""The network: embedding tables, layers, losses, optimisers and training, in NumPy and SciPy."""
