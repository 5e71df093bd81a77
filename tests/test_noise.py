"""How much of a target is noise, and how much networks are held back for it."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

from skembed import EmbeddingClassifier, EmbeddingRegressor
from skembed._noise import held_back, share_of_noise
from skembed._sample import Sample
from skembed._targets import read_target

N_ROWS = 4000


def share(features, y, weight=None, task="regression", loss=None, **settings):
    weight = np.ones(len(y)) if weight is None else weight
    codes = np.zeros((len(y), 0), dtype=np.int32)
    target = read_target(y, task, weight)
    target = target if loss is None else replace(target, loss=loss)
    sample = Sample(np.arange(len(y)), codes, features, target, weight, {})
    return share_of_noise(sample, features.astype(np.float32), **settings)


def some_features(n_features=3, n_rows=N_ROWS, seed=0):
    return np.random.default_rng(seed).normal(size=(n_rows, n_features))


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.5, 0.9])
def test_the_share_is_that_of_the_noise(noise):
    features = some_features()
    rest = np.random.default_rng(1).normal(size=N_ROWS)
    known = np.column_stack([np.ones(N_ROWS), features])
    rest -= known @ np.linalg.lstsq(known, rest, rcond=None)[0]
    y = np.sqrt(1 - noise) * features[:, 0] / features[:, 0].std()
    y += np.sqrt(noise) * rest / rest.std()
    assert share(features, y) == pytest.approx(noise, abs=0.002)
    # Whatever its unit.
    assert share(features, 1e6 * y + 1e9) == pytest.approx(share(features, y), abs=1e-4)


def test_a_target_of_noise_alone_has_all_of_it_however_many_features_there_are():
    """Half as many features as rows would explain half of it."""
    y = np.random.default_rng(1).normal(size=200)
    assert share(some_features(100, 200), y) > 0.9
    assert share(some_features(0, 200), y) == 1


def test_too_few_rows_tell_nothing():
    y = np.random.default_rng(1).normal(size=200)
    assert share(some_features(200, 200), y) == 0.5
    assert share(some_features(200, 200), y, untold=1.0) == 1
    assert share(some_features(), np.ones(N_ROWS), untold=1.0) == 1


def test_rows_count_by_their_weight():
    features = some_features()
    first = np.arange(N_ROWS) < N_ROWS // 2
    y = np.where(first, features[:, 0], np.random.default_rng(1).normal(size=N_ROWS))
    half = share(features, y)
    assert share(features, y, np.where(first, 1.0, 1e-6)) < 0.01 < half
    assert share(features, y, np.full(N_ROWS, 7.0)) == pytest.approx(half, rel=1e-4)


def test_rows_of_large_weight_are_few_rows():
    """Of half as many features as such rows, noise would explain half."""
    y = np.random.default_rng(1).normal(size=N_ROWS)
    weight = np.where(np.arange(N_ROWS) < 200, 1e6, 1.0)
    assert share(some_features(100), y, weight) > 0.9


def test_the_noisiest_output_counts_up_to_a_half_and_then_the_least_noisy():
    features = some_features()
    rest = np.random.default_rng(1).normal(size=N_ROWS)
    both = np.stack([features[:, 0], 100 * rest], axis=1)
    assert share(features, both[:, 0]) < 0.01
    assert share(features, both) == 0.5
    assert share(features, np.stack([features[:, 0] + 2 * rest, rest], axis=1)) < 0.85
    assert share(features, np.column_stack([features[:, 0], np.ones(N_ROWS)])) < 0.01


def test_labels_have_noise_as_numbers_have():
    features = some_features()
    labels = np.where(features[:, 0] > 0, "yes", "no")
    told = share(np.sign(features), labels, task="classification")
    assert told < 0.01 < share(features, labels, task="classification") < 0.5
    three = np.digitize(features[:, 0], [-0.5, 0.5])
    of_three = np.eye(3)[three]
    assert share(of_three, three, task="classification") < 0.01


@pytest.mark.parametrize("loss", ["absolute_error", "huber", "quantile"])
def test_robust_losses_see_noise_in_ranks_and_a_half_at_least(loss):
    features = some_features()
    noise = np.random.default_rng(1).normal(size=N_ROWS)
    assert share(features, features[:, 0], loss=loss) == 0.5
    assert share(features, noise, loss=loss) > 0.99
    # A few far values would say that all is noise.
    y = features[:, 0] + 0.9 * noise
    far = np.where(np.arange(N_ROWS) < 5, 1e3, y)
    assert share(features, far) > 0.99
    assert share(features, far, loss=loss) == pytest.approx(share(features, y, loss=loss), abs=0.01)
    assert share(features, far, loss=loss) == pytest.approx(share(features, y), abs=0.1)


def test_counts_have_more_noise_the_larger_they_are():
    features = some_features(1)
    y = np.round(np.exp(3 * features[:, 0] + 5))
    assert share(features, y) > 0.5
    assert share(features, y, loss="poisson") < 0.1


def test_features_may_be_alike_and_weights_huge():
    features = np.repeat(some_features(1), 2, axis=1)
    assert share(features, features[:, 0], np.full(N_ROWS, 1e20)) < 0.01


def test_a_target_that_is_constant_tells_nothing():
    assert share(some_features(), np.zeros(N_ROWS)) == 0.5


# What follows from it


@dataclass
class Plain:
    """What a recipe has of it."""

    dropout: float
    decay: float


@pytest.mark.parametrize(
    ("noise", "strength"), [(0, 0), (0.1, 0.04), (0.25, 0.25), (0.5, 1), (0.9, 9), (1, 100)]
)
def test_networks_are_held_back_as_noise_asks_for(noise, strength):
    recipe = Plain(dropout=0.2, decay=1.0)
    for given, dropout in (("auto", 0.2 * min(strength, 1)), (0.2, 0.2)):
        found = held_back(recipe, noise, given, has_effects=True)
        assert (found.dropout, found.decay) == pytest.approx((dropout, strength))


def test_networks_without_effects_are_held_back_as_for_a_half_at_most():
    recipe = Plain(dropout=0.2, decay=1.0)
    for noise, strength in ((0.25, 0.25), (0.9, 1)):
        assert held_back(recipe, noise, "auto", has_effects=False).decay == strength


@pytest.mark.usefixtures("few_steps")
def test_crosses_have_effects_too():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 4, (600, 2)).astype(str)
    product = (X[:, 0] > "1") ^ (X[:, 1] > "1")
    alone = EmbeddingClassifier(**SMALL, target_effect=False).fit(X, product)
    assert alone.crosses_
    assert alone._features.has_effects
    assert (
        not EmbeddingClassifier(**SMALL, target_effect=False, crosses=0)
        .fit(X, product)
        ._features.has_effects
    )


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


@pytest.mark.usefixtures("few_steps")
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


ALONE = {"n_estimators": 1, "linear_part": False, "random_state": 0}


@pytest.mark.parametrize("kind", ["classes", "counts"])
def test_a_target_of_noise_is_predicted_by_its_mean(kind):
    """Held-out effects of six columns tell the target of a row to a network that knows what they
    are with it: new rows, whose effects lack nothing, then had a tenth of the chances.
    """
    rng = np.random.default_rng(0)
    X = rng.integers(0, 40, (3500, 6)).astype(str)
    if kind == "classes":
        y = rng.random(3500) < 0.1
        predicted = EmbeddingClassifier(**ALONE).fit(X[:1500], y[:1500]).predict_proba(X[1500:])
        predicted = predicted[:, 1]
    else:
        y = rng.poisson(0.3, 3500).astype(float)
        model = EmbeddingRegressor(**ALONE, loss="poisson").fit(X[:1500], y[:1500])
        predicted = model.predict(X[1500:])
    assert predicted.mean() == pytest.approx(y[:1500].mean(), rel=0.2)


def test_vectors_are_not_held_back_for_one_output_of_noise(monkeypatch):
    X, signal = rows(0.1)
    y = np.stack([signal, np.random.default_rng(1).normal(size=500)], axis=1)
    model = EmbeddingRegressor(dropout=0.0, **SMALL)
    # The effects of both outputs stand before the coordinates.
    lengths = [np.linalg.norm(model.fit(X, y).embeddings_[0][:, 2:])]
    monkeypatch.setattr("skembed._predictors.share_of_noise", lambda sample, features: 1.0)
    lengths.append(np.linalg.norm(model.fit(X, y).embeddings_[0][:, 2:]))
    assert lengths[0] > 2 * lengths[1]


@pytest.mark.usefixtures("few_steps")
def test_more_rows_and_searches_go_on_with_it():
    X, y = rows(0.1)
    model = EmbeddingRegressor(**SMALL)
    first = dropout_of(model, 0.1)
    model.partial_fit(X, y)
    assert model._blend.members[0].architecture.dropout == first
    search = GridSearchCV(EmbeddingRegressor(**SMALL), {"dropout": ["auto", 0.3]}, cv=2).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
