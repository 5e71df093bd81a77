"""How much of a target is noise, and how much networks are held back for it."""

import numpy as np
import pytest

from skembed import EmbeddingClassifier, EmbeddingRegressor
from skembed._noise import share_of_noise
from skembed._sample import Sample
from skembed._targets import read_target

N_ROWS = 4000


def share(features, y, weight=None, task="regression"):
    weight = np.ones(len(y)) if weight is None else weight
    codes = np.zeros((len(y), 0), dtype=np.int32)
    target = read_target(y, task, weight)
    sample = Sample(np.arange(len(y)), codes, features, target, weight, {})
    return share_of_noise(sample, features.astype(np.float32))


def some_features(n_features=3, n_rows=N_ROWS, seed=0):
    return np.random.default_rng(seed).normal(size=(n_rows, n_features))


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.5, 0.9])
def test_the_share_is_that_of_the_noise(noise):
    features = some_features()
    rest = np.random.default_rng(1).normal(size=N_ROWS)
    known = np.column_stack([np.ones(N_ROWS), features])
    rest -= known @ np.linalg.lstsq(known, rest)[0]
    y = np.sqrt(1 - noise) * features[:, 0] / features[:, 0].std()
    y += np.sqrt(noise) * rest / rest.std()
    assert share(features, y) == pytest.approx(noise, abs=0.002)
    # Whatever its unit.
    assert share(features, 1e6 * y + 1e9) == pytest.approx(share(features, y), abs=1e-4)


def test_a_target_of_noise_alone_has_all_of_it_however_many_features_there_are():
    """Half as many features as rows would explain half of it."""
    y = np.random.default_rng(1).normal(size=200)
    assert share(some_features(100, 200), y) > 0.9
    assert share(some_features(200, 200), y) == 1
    assert share(some_features(0, 200), y) == 1


def test_rows_count_by_their_weight():
    features = some_features()
    first = np.arange(N_ROWS) < N_ROWS // 2
    y = np.where(first, features[:, 0], np.random.default_rng(1).normal(size=N_ROWS))
    half = share(features, y)
    assert share(features, y, np.where(first, 1.0, 1e-6)) < 0.01 < half
    assert share(features, y, np.full(N_ROWS, 7.0)) == pytest.approx(half, rel=1e-4)


def test_outputs_and_labels_are_taken_together():
    features = some_features()
    rest = np.random.default_rng(1).normal(size=N_ROWS)
    both = np.stack([features[:, 0], 100 * rest], axis=1)
    assert share(features, both) == pytest.approx(0.5, abs=0.02)
    labels = np.where(features[:, 0] > 0, "yes", "no")
    told = share(np.sign(features), labels, task="classification")
    assert told < 0.01 < share(features, labels, task="classification") < 0.5


def test_a_target_that_is_constant_has_no_use_for_less():
    assert share(some_features(), np.zeros(N_ROWS)) == 1


def rows(noise):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 5, (500, 2)).astype(str)
    return X, X.astype(float).sum(axis=1) + noise * rng.normal(size=500)


def dropout_of(model, noise):
    X, y = rows(noise)
    y = y > 4 if isinstance(model, EmbeddingClassifier) else y
    (member,) = model.fit(X, y)._blend.members
    return member.architecture.dropout


SMALL = {"n_estimators": 1, "hidden_layer_sizes": (4,), "max_iter": 1, "random_state": 0}


@pytest.mark.parametrize("kind", [EmbeddingClassifier, EmbeddingRegressor])
def test_dropout_falls_with_the_noise(kind):
    largest = dropout_of(kind(**SMALL), 20)
    assert largest == 0.15
    assert dropout_of(kind(**SMALL), 0.1) < 0.5 * largest
    # What the user gives stays.
    assert dropout_of(kind(dropout=0.4, **SMALL), 0.1) == 0.4


def test_vectors_decay_less_where_there_is_little_noise(monkeypatch):
    X, y = rows(0.1)
    model = EmbeddingRegressor(dropout=0.0, **SMALL)
    lengths = [np.linalg.norm(model.fit(X, y).embeddings_[0])]
    monkeypatch.setattr("skembed._predictors.share_of_noise", lambda sample, features: 1.0)
    lengths.append(np.linalg.norm(model.fit(X, y).embeddings_[0]))
    assert lengths[0] > lengths[1]
