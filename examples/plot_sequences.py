"""
Sequences: one-hot and embedded
===============================

Half of these DNA-like strings hide the motif TATAAT, at any place and with one letter changed. The
letters go one-hot, place by place, into a network; overlapping words of three letters go into an
embedding, and the sum of their vectors decides: it does not care where the motif stands.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.neural_network import MLPClassifier

from skembed import InputEmbedding
from skembed.nn import Adam, Dense, EmbeddingBag, Sequential

MOTIF, LETTERS = "TATAAT", list("ACGT")
rng = np.random.default_rng(0)
labels = rng.integers(0, 2, 4500)
sequences = [rng.choice(LETTERS, rng.integers(24, 37)) for _ in labels]
for sequence, has_motif in zip(sequences, labels, strict=True):
    if has_motif:
        start = rng.integers(len(sequence) - len(MOTIF))
        sequence[start : start + len(MOTIF)] = list(MOTIF)
        sequence[start + rng.integers(len(MOTIF))] = rng.choice(LETTERS)

# %%
# One-hot: padded to one length, an axis for the letters, flattened for the network.
one_hot = InputEmbedding(relative_size=(2, 1), stratify=True, max_length=36, random_state=0)
parts = one_hot.split(sequences, labels)
train, test = parts.train, parts.validation
cells = one_hot.fit_transform(train.X)
print(f"one-hot {cells.shape}, {one_hot.mask(train.X).mean():.0%} padding, {train.class_balance}")
network = MLPClassifier((32,), alpha=1.0, early_stopping=True, random_state=0)
network.fit(cells.reshape(len(cells), -1), train.y)
flat = one_hot.transform(test.X).reshape(len(test.X), -1)
print(f"accuracy one-hot  {network.score(flat, test.y):.3f}")


# %%
# Embedded: a sequence is a bag of words, each with two coordinates, so that the table can be drawn.
# The gradient of the logistic loss is the probability minus the label.
def cut(sequences):
    return [["".join(x[i : i + 3]) for i in range(len(x) - 2)] for x in sequences]


train_words = cut(train.X)
words = InputEmbedding(padding=None, batch_size=100, random_state=0).fit(train_words)
bag = EmbeddingBag(len(words.categories_), 2, mode="sum", weight="normal", random_state=1)
hidden = Dense(2, 16, activation="relu", random_state=2)
model = Sequential(bag, hidden, Dense(16, 1, random_state=3))
optimizer, state = Adam(), Adam().init(model.parameters())
for _ in range(12):
    for X, y in words.batches(train_words, train.y):
        output, backward = model.forward([x.argmax(axis=1) for x in X])
        error = 1 / (1 + np.exp(-output)) - y[:, None]
        optimizer.update(model.parameters(), backward(error / len(y)), state, 0.01)
output = model([x.argmax(axis=1) for x in words.transform(cut(test.X))])
print(f"accuracy embedded {np.mean((output[:, 0] > 0) == test.y):.3f}")

# %%
# What the two learn from: the cells of the shortest sequence, and the vectors of all words.
figure, (above, below) = plt.subplots(2, height_ratios=(1, 3), figsize=(8, 8), layout="constrained")
shortest = one_hot.mask(train.X).sum(axis=1).argmax()
above.imshow(cells[shortest].T, cmap="Greys", aspect="auto")
above.set(title="One sequence, one-hot and padded", xlabel="place")
above.set_yticks(range(4), one_hot.categories_)
below.scatter(*bag.weight.T, alpha=0)  # sets the limits
for word, point in zip(words.categories_, bag.weight, strict=True):
    color = "tab:red" if word in cut([MOTIF])[0] else "tab:gray"
    below.annotate(word, point, color=color, ha="center", va="center", fontsize=8)
below.set(title=f"Vectors of the words (red: the words of {MOTIF})", xticks=[], yticks=[])

if __name__ == "__main__":
    figure.savefig("sequences.png")
