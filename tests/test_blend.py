"""How networks and the linear model are fitted and averaged: splits, shares, steps, interrupts."""

import itertools
import signal

import numpy as np
import pandas as pd
import pytest

from skembed import EmbeddingClassifier, EmbeddingRegressor
from skembed._blend import _best_share, _Fitted, _splits
from skembed._training_input import read_training_input
from skembed.nn._losses import make_loss
from skembed.nn._network import Network
from skembed.nn._training import History

SMALL = {"n_estimators": 1, "hidden_layer_sizes": (16,), "random_state": 0}
# Stops after a few epochs, since no improvement is enough.
QUICK = {**SMALL, "max_iter": 500, "tol": 1e6, "n_iter_no_change": 1}


def make_rows(n, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "a": rng.choice(list("abcdef"), n),
            "b": rng.choice(list("xyz"), n),
            "size": rng.normal(size=n),
        }
    )
    return X, (X["a"] < "d").to_numpy() + X["size"].to_numpy() + 0.3 * rng.normal(size=n)


@pytest.fixture(scope="module")
def rows():
    return make_rows(300)


@pytest.fixture
def interrupt_at(monkeypatch):
    """Make a step of training be interrupted, counted from 1 over all networks."""
    original = Network.propagate

    def patch(step):
        steps = itertools.count(1)

        def interrupted(self, *args, **kwargs):
            if next(steps) == step:
                raise KeyboardInterrupt
            return original(self, *args, **kwargs)

        monkeypatch.setattr(Network, "propagate", interrupted)

    return patch


def sample_of(y, task=EmbeddingRegressor, weight=None):
    X = pd.DataFrame({"a": np.arange(len(y)) % 5}).astype(str)
    return read_training_input(task(random_state=0), X, y, weight).sample


# Which rows a network leaves out


@pytest.mark.parametrize("n_estimators", [1, 4, 16, 19])
@pytest.mark.parametrize("n", [16, 100, 403])
def test_networks_leave_out_different_rows(n, n_estimators):
    sample = sample_of(np.arange(float(n)))
    splits = _splits(sample, n_estimators, np.random.default_rng(0))
    assert len(splits) == n_estimators
    for seen, held_out in splits:
        assert sorted([*seen, *held_out]) == list(range(n))
        assert n // 16 <= len(held_out) <= n // 16 + 1
    first = np.concatenate([held_out for _, held_out in splits[:16]])
    assert len(set(first)) == len(first)
    if n_estimators >= 16:
        assert len(first) == n


def test_classes_are_left_out_evenly():
    y = np.repeat(["rare", "common"], [80, 720])
    sample = sample_of(y, EmbeddingClassifier)
    for _, held_out in _splits(sample, 16, np.random.default_rng(0)):
        assert (y[held_out] == "rare").sum() == 5


def test_few_rows_are_all_used():
    sample = sample_of(np.arange(9.0))
    for seen, held_out in _splits(sample, 3, np.random.default_rng(0)):
        assert len(seen) == 9
        assert len(held_out) == 0


# The share of the networks


def held_out_rows(kind, seed, n=100):
    """A sample, and two rival predictions of rows in two members."""
    rng = np.random.default_rng(seed)
    if kind == "regression":
        y, loss, width = rng.normal(size=n), "squared_error", 1
        sample = sample_of(y, weight=rng.uniform(0.1, 2, n))
        truth = sample.target.values
    else:
        y, loss, width = rng.integers(0, 3, n), "multinomial_cross_entropy", 3
        sample = sample_of(y, EmbeddingClassifier, rng.uniform(0.1, 2, n))
        truth = 2 * np.eye(3)[y]
    parts = np.array_split(rng.permutation(n), 3)[:2]
    noise = rng.uniform(0.3, 2, 2)
    fitted = [
        _Fitted(
            None,
            History(),
            part,
            truth[part] + noise[0] * rng.normal(size=(len(part), width)),
            truth[part] + noise[1] * rng.normal(size=(len(part), width)),
            False,
        )
        for part in parts
    ]
    return sample, fitted, make_loss(loss)


@pytest.mark.parametrize("kind", ["regression", "multiclass"])
@pytest.mark.parametrize("seed", range(5))
def test_the_share_has_the_least_loss_on_rows_held_out(kind, seed):
    sample, fitted, loss = held_out_rows(kind, seed)
    losses = {}
    for share in np.linspace(0, 1, 11):
        losses[share] = 0.0
        for one in fitted:
            for k, i in enumerate(one.rows):
                raw = share * one.network[k] + (1 - share) * one.linear[k]
                own = loss.rows(raw[None], sample.target.values[[i]])[0][0]
                losses[share] += sample.weight[i] * own
    assert _best_share(sample, fitted, loss) == min(losses, key=losses.get)


def test_what_the_linear_model_cannot_tell_is_left_to_the_networks():
    """A product of two numbers, of which the linear model sees no bins."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 2))
    y = X.prod(axis=1)
    parts = {"target_effect": False, "crosses": 0, "counts": False}
    model = EmbeddingRegressor(**SMALL, **parts).fit(X[:1000], y[:1000])
    assert model.network_share_ > 0.8
    assert model.score(X[1000:], y[1000:]) > 0.6


def test_what_a_network_hardly_learns_is_left_to_the_linear_model():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, size=(800, 3))
    y = X @ [1.0, 2.0, -1.0] + rng.normal(size=800)
    worse = {"dropout": 0.9, "learning_rate_init": 1e-5}
    model = EmbeddingRegressor(**QUICK | worse, target_effect=False, crosses=0).fit(X, y)
    assert model.network_share_ < 0.3
    assert model.score(X, y) > 0.5


@pytest.mark.parametrize("n", [10, 300])
def test_without_a_linear_part_the_networks_are_all(n):
    X, y = make_rows(n)
    model = EmbeddingRegressor(**QUICK, linear_part=False).fit(X, y)
    assert model.network_share_ == 1
    assert model._blend.linear is None
    assert np.isfinite(model.predict(X)).all()


def test_the_prediction_is_the_mean_of_the_networks_beside_the_linear_model(rows):
    X, y = rows
    model = EmbeddingRegressor(**QUICK | {"n_estimators": 3}).fit(X, y)
    blend, y_range = model._blend, model._target_range
    alone = []
    for member in blend.members:
        model._blend = type(blend)(blend.loss, [member], None, 1.0)
        alone.append(model._raw_prediction(X))
    model._blend = type(blend)(blend.loss, blend.members, blend.linear, 0.0)
    linear = model._raw_prediction(X)
    model._blend = blend
    raw = blend.share * np.mean(alone, axis=0) + (1 - blend.share) * linear
    assert (alone[0] != alone[1]).any()
    expected = np.clip(raw[:, 0] * y.std() + y.mean(), *y_range[:, 0])
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-6, atol=1e-6)


# Training


@pytest.mark.parametrize("n_jobs", [2, -1])
def test_networks_trained_at_the_same_time_give_the_same_bits(rows, n_jobs):
    X, y = rows
    one, several = (
        EmbeddingRegressor(**QUICK | {"n_estimators": 3}, n_jobs=jobs).fit(X, y)
        for jobs in (None, n_jobs)
    )
    np.testing.assert_array_equal(one.predict(X), several.predict(X))
    assert one.network_share_ == several.network_share_
    assert one.loss_curve_ == several.loss_curve_


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 15, 16, 17, 20])
def test_tiny_samples_are_learned_from(n):
    X, y = make_rows(n)
    model = EmbeddingRegressor(**QUICK | {"n_estimators": 2}).fit(X, y)
    found = model.predict(make_rows(50)[0])
    assert np.isfinite(found).all()
    assert y.min() <= found.min()
    assert found.max() <= y.max()
    if n > 1:
        model = EmbeddingClassifier(**QUICK | {"n_estimators": 2}).fit(X, np.arange(n) % 2)
        assert np.isfinite(model.predict_proba(make_rows(50)[0])).all()


@pytest.mark.parametrize(
    ("n", "batch_size", "max_iter", "least"),
    [
        (1, 256, 15, 500),
        (300, 256, 15, 500),
        (513, 256, 15, 500),
        (1700, 256, 15, 500),
        (1700, 256, 1, 500),
        (20_000, 256, 15, 15 * 69),
        (400, 1, 3, 3 * 350),
    ],
)
def test_every_network_takes_at_least_500_steps(n, batch_size, max_iter, least, monkeypatch):
    trained = []

    def note(network, parameters, data, settings, rng, **others):
        trained.append((settings.max_iter, len(data), settings.n_iter_no_change))
        return parameters, History(loss_curve=[1.0])

    monkeypatch.setattr("skembed._learning.train", note)
    X, y = pd.DataFrame({"a": np.arange(n) % 7}).astype(str), np.arange(float(n))
    parameters = {"batch_size": batch_size, "max_iter": max_iter, "n_estimators": 3}
    EmbeddingRegressor(**parameters, crosses=0, counts=False, random_state=0).fit(X, y)
    assert len(trained) == 3
    for epochs, n_rows, patience in trained:
        steps = epochs * -(-n_rows // batch_size)
        assert least <= steps < least + 8 + steps // epochs
        assert patience / epochs == pytest.approx(10 / max_iter, rel=0.01)


def test_verbose_counts_to_the_epochs_there_are(rows, capsys):
    EmbeddingRegressor(**QUICK | {"max_iter": 2, "verbose": True}).fit(*rows)
    lines = capsys.readouterr().out.splitlines()
    # Two steps per epoch of 262 rows.
    assert lines[0].startswith("[EmbeddingRegressor] epoch 1/250: loss ")
    assert len(lines) <= 250


def test_early_stopping_scores_rows_held_out(rows):
    X, y = rows
    model = EmbeddingRegressor(**QUICK, early_stopping=True).fit(X, y)
    assert len(model.validation_scores_) == model.n_iter_ == len(model.loss_curve_)
    assert EmbeddingRegressor(**QUICK).fit(X, y).validation_scores_ is None


# Fits that do not come to an end


@pytest.mark.parametrize("step", [1, 2, 5, 40])
def test_an_interrupted_fit_keeps_what_it_has_and_raises_again(rows, interrupt_at, step):
    X, y = rows
    interrupt_at(step)
    model = EmbeddingRegressor(**SMALL | {"n_estimators": 3})
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert len(model._blend.members) == 1
    assert model.n_iter_ == (step - 1) // 2
    assert np.isfinite(model.predict(X)).all()
    assert model.transform(X).shape == (300, 5 + 1 + 2 + 1)
    assert model.score(X, y) > 0.3


def test_networks_that_were_finished_before_an_interrupt_are_kept(rows, interrupt_at):
    X, y = rows
    settings = QUICK | {"n_estimators": 4}
    whole = EmbeddingRegressor(**settings).fit(X, y)
    interrupt_at(2 * whole.n_iter_ + 2)
    model = EmbeddingRegressor(**settings)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert len(model._blend.members) == 2
    for name, values in whole._blend.members[0].parameters.items():
        np.testing.assert_array_equal(model._blend.members[0].parameters[name], values)
    assert np.isfinite(model.predict(X)).all()


def test_an_interrupt_before_training_leaves_the_estimator_as_it_was(rows, monkeypatch):
    X, y = rows
    model = EmbeddingRegressor(**QUICK).fit(X, y)
    before, state = model.predict(X), dict(vars(model))

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("skembed._predictors.make_features", interrupt)
        with pytest.raises(KeyboardInterrupt):
            model.fit(X[["b"]], -y)
    assert vars(model) == state
    np.testing.assert_array_equal(model.predict(X), before)


def test_a_diverging_fit_leaves_the_estimator_as_it_was(rows):
    X, y = rows
    model = EmbeddingRegressor(**QUICK).fit(X, y)
    before, state = model.predict(X), dict(vars(model))
    worse = {"solver": "sgd", "learning_rate_init": 1e9, "learning_rate": "constant"}
    model.set_params(**worse, random_state=1)
    with pytest.raises(FloatingPointError, match=r"Lower learning_rate_init \(now 1e\+09\)"):
        model.fit(X[["a", "size"]], y)
    assert {k: v for k, v in vars(model).items() if k.endswith("_") or k[0] == "_"} == {
        k: v for k, v in state.items() if k.endswith("_") or k[0] == "_"
    }
    np.testing.assert_array_equal(model.predict(X), before)


@pytest.fixture
def alarm():
    """A clock that interrupts, as Ctrl-C does; it may go off once."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_an_interrupt_while_other_processes_train_leaves_the_estimator_as_it_was(rows, alarm):
    long = {"max_iter": 10**6, "n_iter_no_change": 10**6, "n_estimators": 2}
    model = EmbeddingRegressor(**SMALL | long, n_jobs=2)
    before = dict(vars(model))
    alarm(2)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*rows)
    assert vars(model) == before
