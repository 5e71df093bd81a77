"""
From words to a prediction
==========================

Words become vectors, the vectors of a sentence become one, and a dense layer says whether the
sentence praises or complains. The sentences are made up; some words are misspelt, hence unknown.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import expit

from skembed.nn import Adam, Dense, Embedding, EmbeddingBag, Sequential, Vocabulary

rng = np.random.default_rng(0)
THINGS = "soup bread coffee service waiter table music terrace menu cake".split()
GOOD = "great lovely fresh friendly warm superb quick perfect".split()
BAD = "awful cold stale rude slow dull noisy bitter".split()
FRAMES = ["the {} was {} and the {} {}", "a {} {} , {} {}", "{} : {} , but {} ? {} !"]


def misspell(word):
    """Swap two letters now and then."""
    return word[0] + word[2] + word[1] + word[3:] if len(word) > 3 and rng.random() < 0.05 else word


def make_sentence(praise):
    """Two things and two judgements; one judgement of twenty goes the other way."""
    kinds = [GOOD if praise ^ (rng.random() < 0.05) else BAD for _ in range(2)]
    (a, b), (first, second) = rng.choice(THINGS, 2), (rng.choice(kind) for kind in kinds)
    words = str(rng.choice(FRAMES)).format(a, first, b, second).split()
    return " ".join(map(misspell, words))


praise = rng.random(2400) < 0.5
sentences = [make_sentence(p) for p in praise]
train, test = slice(0, 1600), slice(1600, None)
print(f"{sentences[0]!r}: {'praise' if praise[0] else 'complaint'}")

# %%
# Words that are seen fewer than 20 times are unknown; all of them train one vector.
vocabulary = Vocabulary.fit(sentences[train], tokens="whitespace", min_frequency=20)
print(f"{vocabulary}; {sentences[1]!r} -> {vocabulary.encode(sentences[1])}")
bag = EmbeddingBag(vocabulary, 6, mode="mean", name="words", random_state=0)
network = Sequential(vocabulary, bag, Dense(6, 1, name="judge", random_state=1))

# %%
optimizer, parameters = Adam(), network.parameters()
state, y = optimizer.init(parameters), praise[:, None].astype(np.float32)
for epoch in range(10):
    for batch in rng.permutation(1600).reshape(-1, 32):
        raw, backward = network.forward([sentences[i] for i in batch])
        gradients = backward((expit(raw) - y[batch]) / len(batch))
        optimizer.update(parameters, gradients, state, learning_rate=0.02)
    right = [np.mean((network(sentences[p]) > 0) == y[p]) for p in (train, test)]
    print(
        f"epoch {epoch + 1:2d}: right on {right[0]:.1%} of the training, {right[1]:.1%} of the test"
    )

# %%
# A sentence as a sequence of vectors, from the same table, and what the dense layer makes of each.
sentence = "the soup was superb and the waiter slow but firendly"
layer = Embedding.from_pretrained(bag.weight)
vectors = layer(vocabulary.encode(sentence))
opinions = vectors @ network.named_layers["judge"].weight
pairs = zip(sentence.split(), opinions[:, 0], strict=True)
words = [f"{word} ({opinion:+.1f})" for word, opinion in pairs]
print(f"{sentence!r}: probability of praise {expit(network([sentence]))[0, 0]:.2f}")

figure, axes = plt.subplots(figsize=(9, 4), layout="constrained")
image = axes.imshow(vectors.T, cmap="RdBu", vmin=-1.5, vmax=1.5, aspect="auto")
axes.set_xticks(range(len(words)), words, rotation=45, ha="right")
axes.set(title="An embedded sentence (and the judgement of each word)", ylabel="coordinate")
figure.colorbar(image)

if __name__ == "__main__":
    figure.savefig("sentences.png")
