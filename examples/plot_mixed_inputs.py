"""
Categories and numbers in one network
=====================================

Will a flight be late? Three categorical columns share one table of vectors, by offsets; beside them
stand ten numeric columns. Both are concatenated and go through two dense layers.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import expit
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

from skembed import nn
from skembed.datasets import load_flights

flights = load_flights()
late = (flights.target > 15).to_numpy(np.float32)[:, None]
categories = ["carrier", "origin", "dest"]
numbers = ["month", "day", "sched_dep_time", "distance", "temp", "humid", "wind_speed"]
numbers += ["precip", "pressure", "visib"]

# %%
# Each column is encoded for itself and starts where the column before it ends, so that one table
# holds them all.
encoder = OrdinalEncoder(dtype=np.intp)
codes = encoder.fit_transform(flights.data[categories])
sizes = [len(column) for column in encoder.categories_]
codes = nn.offset_columns(codes, sizes)
scaled = StandardScaler().fit_transform(flights.data[numbers].fillna(0)).astype(np.float32)
train, test = train_test_split(np.arange(len(late)), test_size=1 / 3, random_state=0)
print(f"{dict(zip(categories, sizes, strict=True))}: a table of {sum(sizes)} rows")

# %%
table = nn.Embedding(sum(sizes), 4, name="categories", random_state=0)
network = nn.Sequential(
    nn.Concatenate(nn.Sequential(nn.Input(), table, nn.Flatten()), nn.Input()),
    nn.Dense(3 * 4 + len(numbers), 32, activation="relu", random_state=1),
    nn.Dense(32, 1, random_state=2),
)
for name, array in network.parameters().items():
    print(f"  {name:<18}{array.shape}")

# %%
# The gradient of the logistic loss goes in, the gradients of all parameters come out. That of the
# table has only the rows of the batch.
optimizer, parameters = nn.SGD(momentum=0.9, nesterov=True), network.parameters()
state, rng, scores = optimizer.init(parameters), np.random.default_rng(0), []
for epoch in range(12):
    for batch in np.array_split(rng.permutation(train), len(train) // 256):
        raw, backward = network.forward((codes[batch], scaled[batch]))
        gradients = backward((expit(raw) - late[batch]) / len(batch))
        optimizer.update(parameters, gradients, state, learning_rate=0.1)
    parts = [roc_auc_score(late[p], network((codes[p], scaled[p]))) for p in (train, test)]
    scores.append(parts)
    print(f"epoch {epoch + 1:2d}: AUC on training rows {parts[0]:.3f}, on test rows {parts[1]:.3f}")

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 5), layout="constrained")
left.plot(range(1, 13), scores, marker="o", label=["training rows", "test rows"])
left.set(xlabel="epoch", ylabel="AUC", title="Late arrivals")
left.legend()
carriers = encoder.categories_[0]
vectors = table(np.arange(len(carriers)))
image = right.imshow(vectors, cmap="RdBu", vmin=-0.8, vmax=0.8, aspect="auto")
right.set(title="vectors of the carriers", xlabel="coordinate", xticks=range(4))
right.set_yticks(range(len(carriers)), carriers)
figure.colorbar(image)

if __name__ == "__main__":
    figure.savefig("mixed_inputs.png")
