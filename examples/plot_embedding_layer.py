"""
The embedding layer, step by step
=================================

A layer for ten numbers, each with a vector of three: what it returns, what it refuses, and how its
vectors join the noise that goes into a conditional generator.
"""

import matplotlib.pyplot as plt
import numpy as np

from skembed.nn import Embedding

rng = np.random.default_rng(0)
layer = Embedding(10, 3, weight="normal", random_state=0)
print(f"{layer}: a table of shape {layer.weight.shape}")

# %%
# Each number gives a row of the table: five numbers, five vectors, whatever they are.
numbers = rng.integers(0, 10, 5)
vectors = layer(numbers)
print(f"{numbers} -> shape {vectors.shape}")
assert np.array_equal(vectors, layer.weight[numbers])

# %%
# Arrays of any rank get one axis more.
for shape in [(), (4,), (2, 4), (2, 4, 6)]:
    print(f"indices of shape {shape!s:<10} -> {layer(rng.integers(0, 10, shape)).shape}")

# %%
# The table has rows for the numbers 0 to 9. There is no row 10, and none for -1.
for wrong in (10, [3, -1], 2.5):
    try:
        layer(wrong)
    except (IndexError, TypeError) as error:
        print(f"layer({wrong}): {type(error).__name__}: {error}")

# %%
# A batch of 64 labels as the condition of a generator: their vectors are put behind ten numbers of
# noise. For a network that reads sequences, one more axis makes 13 steps of one feature each.
labels, noise = rng.integers(0, 10, 64), rng.standard_normal((64, 10), dtype=np.float32)
joined = np.concatenate([noise, layer(labels)], axis=1)
sequences = joined[..., np.newaxis]
print(f"noise {noise.shape} and labels {labels.shape} -> {joined.shape} -> {sequences.shape}")

# %%
# The way back: the gradient of the table has a row for each label of the batch, and no others.
gradient = layer.backward(labels[:4], np.ones((4, 3)))
print(
    f"labels {labels[:4]} -> gradient of rows {gradient.rows}, first column {gradient.values[:, 0]}"
)

# %%
figure, (left, right) = plt.subplots(
    1, 2, figsize=(10, 5), layout="constrained", width_ratios=[1, 3]
)
limits = {"cmap": "RdBu", "vmin": -2.5, "vmax": 2.5}
left.imshow(layer.weight, **limits)
left.set(title="the table", xlabel="coordinate", ylabel="number", yticks=range(10), xticks=range(3))
image = right.imshow(joined[:10], **limits)
right.axvline(9.5, color="black")
right.set(title="ten samples: noise and the vector of the label", xlabel="input of the network")
right.set_yticks(range(10), [f"label {label}" for label in labels[:10]])
figure.colorbar(image, shrink=0.8)

if __name__ == "__main__":
    figure.savefig("embedding_layer.png")
