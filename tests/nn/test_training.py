"""The training loop: what it stops for, what it keeps, and that every row gets its turn."""

from dataclasses import replace

import numpy as np
import pytest

from skembed.nn import _training as training
from skembed.nn._architecture import Architecture, place_codes
from skembed.nn._losses import make_loss
from skembed.nn._network import Data, Network
from skembed.nn._optimizers import SGD, Adam
from skembed.nn._schedules import SCHEDULES
from skembed.nn._touched import TableRules
from skembed.nn._training import TrainingSettings, evaluate, predict, train

ARCHITECTURE = Architecture((6, 4), (2, 2), (0, 1), 1, (8,), 1)
SETTINGS = TrainingSettings("adam", 0.01, "cosine", batch_size=16, max_iter=8)


def some_data(n=100, seed=0, weighted=False):
    rng = np.random.default_rng(seed)
    codes = np.stack([rng.integers(0, 5, n), rng.integers(0, 4, n)], axis=1).astype(np.int32)
    numeric = rng.normal(size=(n, 1)).astype(np.float32)
    y = np.sin(codes[:, :1]) + codes[:, 1:] + numeric + 0.3 * rng.normal(size=(n, 1))
    weight = rng.uniform(0.5, 1.5, n).astype(np.float32) if weighted else None
    return Data(place_codes(ARCHITECTURE, codes), numeric, y.astype(np.float32), weight)


def make(architecture=ARCHITECTURE, network=Network):
    network = network(architecture, make_loss("squared_error"))
    baseline = np.zeros(architecture.n_outputs)
    return network, network.initial_parameters(np.random.default_rng(0), baseline)


def run(settings=SETTINGS, data=None, seed=0, architecture=ARCHITECTURE, **options):
    network, parameters = make(architecture)
    data = some_data() if data is None else data
    rng = np.random.default_rng(seed)
    return train(network, parameters, data, settings, rng, **options)


def copied(parameters):
    return {name: value.copy() for name, value in parameters.items()}


def assert_same(first, second):
    assert first.keys() == second.keys()
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name])


class Interrupting(Network):
    """Raises in the middle of an epoch, at one of its batches."""

    n_left = 10

    def propagate(self, *arguments):
        self.n_left -= 1
        if self.n_left < 0:
            raise KeyboardInterrupt
        return super().propagate(*arguments)


class Listening(Network):
    """Writes down the first numeric column of every batch."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.batches = []

    def propagate(self, flat, flat_gradient, inputs, data, rng, buffers):
        self.batches.append(data.numeric[:, 0].copy())
        return super().propagate(flat, flat_gradient, inputs, data, rng, buffers)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(("solver", "rate"), [("adam", 0.01), ("sgd", 0.05)])
def test_the_loss_falls(solver, rate, schedule):
    settings = replace(
        SETTINGS, solver=solver, learning_rate_init=rate, schedule=schedule, max_iter=20
    )
    parameters, history = run(settings)
    network, start = make()
    data = some_data()
    assert evaluate(network, parameters, data) < 0.3 * evaluate(network, start, data)
    assert len(history.loss_curve) == 20
    assert history.loss_curve[-1] < 0.5 * history.loss_curve[0]
    assert not history.interrupted
    assert history.validation_losses == []
    assert history.best_epoch == 19
    assert all(value.dtype == np.float32 for value in parameters.values())


def test_settings_name_their_optimizer():
    assert SETTINGS.make_optimizer() == Adam()
    settings = replace(SETTINGS, solver="sgd", momentum=0.5, nesterov=False)
    assert settings.make_optimizer() == SGD(0.5, False)


def test_the_loss_of_an_epoch_is_the_mean_over_its_rows():
    """Without steps worth speaking of it is the loss of the start."""
    settings = replace(SETTINGS, learning_rate_init=1e-30, solver="sgd", batch_size=33, max_iter=1)
    data = some_data(weighted=True)
    _, history = run(settings, data)
    network, start = make()
    assert history.loss_curve[0] == pytest.approx(evaluate(network, start, data), rel=1e-6)


def test_parameters_are_trained_in_place():
    network, parameters = make()
    result, _ = train(network, parameters, some_data(), SETTINGS, np.random.default_rng(0))
    assert all(result[name] is parameters[name] for name in parameters)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_the_same_seed_gives_the_same_bits(dropout):
    architecture = replace(ARCHITECTURE, dropout=dropout)
    first, again, other = (run(seed=seed, architecture=architecture)[0] for seed in (0, 0, 1))
    assert_same(first, again)
    assert any((first[name] != other[name]).any() for name in first)


def test_without_shuffling_and_dropout_the_seed_does_not_matter():
    settings = replace(SETTINGS, shuffle=False)
    assert_same(run(settings, seed=0)[0], run(settings, seed=1)[0])


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("batch_size", [1, 4, 5, 10, 100])
def test_every_row_is_used_once_per_epoch_and_the_last_batch_may_be_short(shuffle, batch_size):
    data = replace(some_data(10), numeric=np.arange(10, dtype=np.float32)[:, None])
    network, parameters = make(network=Listening)
    settings = replace(SETTINGS, batch_size=batch_size, max_iter=3, shuffle=shuffle)
    train(network, parameters, data, settings, np.random.default_rng(0))
    n_batches = -(-10 // batch_size)
    assert len(network.batches) == 3 * n_batches
    epochs = []
    for epoch in range(3):
        batches = network.batches[epoch * n_batches : (epoch + 1) * n_batches]
        assert [len(b) for b in batches[:-1]] == [batch_size] * (n_batches - 1)
        epochs.append(np.concatenate(batches).tolist())
        assert sorted(epochs[-1]) == list(range(10))
    in_order = [epoch == sorted(epoch) for epoch in epochs]
    assert in_order == [not shuffle] * 3
    assert (epochs[0] != epochs[1]) == shuffle


def noisy(n, seed):
    """More noise than pattern: after a while, training makes the loss of other rows worse."""
    data = some_data(n, seed)
    noise = 2 * np.random.default_rng(seed + 100).normal(size=(n, 1)).astype(np.float32)
    return replace(data, y=data.y + noise)


def test_early_stopping_restores_the_best_parameters():
    network, parameters = make()
    snapshots = []
    validation = noisy(40, 1)
    settings = replace(SETTINGS, learning_rate_init=0.03, max_iter=25)
    best, history = train(
        network,
        parameters,
        noisy(40, 0),
        settings,
        np.random.default_rng(0),
        validation=validation,
        on_epoch=lambda *arguments: snapshots.append((copied(parameters), arguments)),
    )
    losses = history.validation_losses
    # The case is one in which the last epoch is not the best one.
    assert 0 < history.best_epoch < len(losses) - 1
    assert history.best_epoch == int(np.argmin(losses))
    assert_same(best, snapshots[history.best_epoch][0])
    assert evaluate(network, best, validation) == min(losses)
    assert len(losses) == len(history.loss_curve) == 25
    expected = list(zip(range(25), history.loss_curve, losses, strict=True))
    assert [arguments for _, arguments in snapshots] == expected


def test_a_tie_goes_to_the_first_epoch():
    settings = replace(SETTINGS, learning_rate_init=1e-30, solver="sgd", max_iter=4)
    _, history = run(settings, validation=some_data(seed=1))
    assert len(set(history.validation_losses)) == 1
    assert history.best_epoch == 0


@pytest.mark.parametrize("patience", [1, 3])
@pytest.mark.parametrize("held_out", [False, True])
def test_training_stops_after_too_many_epochs_without_improvement(patience, held_out):
    settings = replace(SETTINGS, tol=1e9, n_iter_no_change=patience, max_iter=20)
    _, history = run(settings, validation=some_data(seed=1) if held_out else None)
    # As in scikit-learn's MLP: the first epoch always improves, and more than so many others end
    # it.
    assert len(history.loss_curve) == 1 + patience + 1


def test_without_held_out_rows_the_last_epoch_is_the_best_also_of_growing_losses():
    network, parameters = make()
    factor = iter(range(1, 5))

    def draw(rows, rng):
        data = some_data().take(rows)
        return replace(data, y=data.y * next(factor))

    settings = replace(SETTINGS, learning_rate_init=1e-30, solver="sgd", max_iter=4)
    _, history = train(
        network, parameters, some_data(), settings, np.random.default_rng(0), draw=draw
    )
    assert history.loss_curve == sorted(history.loss_curve)
    assert history.best_epoch == 3


def test_training_goes_on_while_the_loss_improves():
    settings = replace(SETTINGS, tol=1e-9, n_iter_no_change=1, max_iter=10)
    _, history = run(settings)
    assert len(history.loss_curve) == 10


@pytest.mark.parametrize("held_out", [False, True])
def test_an_interrupt_between_epochs_keeps_what_is_best_so_far(held_out):
    network, parameters = make()
    snapshots = []

    def on_epoch(epoch, *losses):
        snapshots.append(copied(parameters))
        if epoch == 2:
            raise KeyboardInterrupt

    result, history = train(
        network,
        parameters,
        some_data(),
        SETTINGS,
        np.random.default_rng(0),
        validation=some_data(seed=1) if held_out else None,
        on_epoch=on_epoch,
    )
    assert history.interrupted
    assert len(history.loss_curve) == 3
    if held_out:
        assert history.best_epoch == int(np.argmin(history.validation_losses))
    else:
        assert history.best_epoch == 2
    # Also the epoch whose end was interrupted counts.
    assert_same(result, snapshots[history.best_epoch])


def test_an_interrupt_of_a_draw_leaves_the_start():
    network, parameters = make()
    before = copied(parameters)

    def draw(rows, rng):
        raise KeyboardInterrupt

    result, history = train(
        network, parameters, some_data(), SETTINGS, np.random.default_rng(0), draw=draw
    )
    assert history.interrupted
    assert history.loss_curve == []
    assert_same(result, before)


@pytest.mark.parametrize("held_out", [False, True])
def test_an_interrupt_in_the_middle_of_an_epoch_leaves_usable_parameters(held_out):
    data = some_data()
    network, parameters = make(network=Interrupting)
    strength = np.full(10, 0.1)
    result, history = train(
        network,
        parameters,
        data,
        SETTINGS,
        np.random.default_rng(0),
        rules={"table_2": TableRules(decay=strength)},
        validation=some_data(seed=1) if held_out else None,
    )
    assert history.interrupted
    assert len(history.loss_curve) == 1
    fresh, start = make()
    assert np.isfinite(predict(fresh, result, data)).all()
    assert evaluate(fresh, result, data) < evaluate(fresh, start, data)
    if not held_out:
        # Rows that no batch touched have decayed as well: 10 steps were taken, 7 in the first
        # epoch.
        n_steps = SETTINGS.max_iter * 7
        total = sum(0.01 * SCHEDULES["cosine"](step / n_steps) for step in range(10))
        expected = start["table_2"][5] * np.exp(-0.1 * total)
        np.testing.assert_allclose(result["table_2"][5], expected, rtol=1e-6)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("max_iter", [1, 5])
@pytest.mark.parametrize("held_out", [False, True])
def test_a_loss_that_is_not_finite_says_what_to_lower(solver, max_iter, held_out):
    """Also if only the very last step, which no loss shows, did the damage."""
    settings = replace(
        SETTINGS, solver=solver, learning_rate_init=1e38, batch_size=100, max_iter=max_iter
    )
    validation = some_data(seed=1) if held_out else None
    epoch = "1" if max_iter == 1 else "[1-5]"
    words = rf"loss became (nan|inf) in epoch {epoch}\. Lower learning_rate_init \(now 1e\+38\)"
    with pytest.raises(FloatingPointError, match=words):
        run(settings, validation=validation)


def test_a_row_never_visited_decays_by_the_sum_of_the_rates():
    settings = replace(SETTINGS, schedule="linear")
    strength = np.linspace(0, 20, 10)
    result, _ = run(settings, rules={"table_2": TableRules(decay=strength)})
    _, start = make()
    n_steps = settings.max_iter * 7
    total = sum(0.01 * (1 - step / n_steps) for step in range(n_steps))
    # Code 5 of the first column does not occur.
    expected = start["table_2"][5] * np.exp(-strength[5] * total)
    np.testing.assert_allclose(result["table_2"][5], expected, rtol=1e-5)


def test_a_row_last_visited_early_decays_like_one_never_visited():
    """One row gets its only step in the first epoch; a hair's breadth of a rate keeps it there."""
    settings = replace(SETTINGS, solver="sgd", learning_rate_init=1e-12, schedule="constant")
    once = [True]

    def draw(rows, rng):
        data = some_data().take(rows)
        first = once.pop() if once else False
        codes = data.codes[0].copy()
        codes[:, 0] = 5 if first else 0
        return replace(data, codes=(codes,))

    strength = np.full(10, 1e10)
    result, _ = run(settings, rules={"table_2": TableRules(decay=strength)}, draw=draw)
    _, start = make()
    n_steps = settings.max_iter * 7
    expected = start["table_2"] * np.exp(-1e10 * 1e-12 * n_steps)
    np.testing.assert_allclose(result["table_2"], expected, rtol=1e-4)


def test_the_held_out_loss_is_that_of_decayed_rows():
    """Every row is brought up to date before a held-out part is scored."""
    strength = np.full(10, 30.0)
    seen = []
    network, parameters = make()
    validation = some_data(seed=1)
    _, history = train(
        network,
        parameters,
        some_data(),
        SETTINGS,
        np.random.default_rng(0),
        rules={"table_2": TableRules(decay=strength)},
        validation=validation,
        on_epoch=lambda *arguments: seen.append(evaluate(network, parameters, validation)),
    )
    assert seen == history.validation_losses


def test_a_multiplier_of_zero_freezes_its_rows():
    factors = np.ones(10)
    factors[[0, 3, 7]] = 0
    for solver in ("adam", "sgd"):
        result, _ = run(
            replace(SETTINGS, solver=solver), rules={"table_2": TableRules(multiplier=factors)}
        )
        _, start = make()
        moved = (result["table_2"] != start["table_2"]).any(axis=1)
        # Code 5 of the first column does not occur.
        np.testing.assert_array_equal(moved, (factors > 0) & (np.arange(10) != 5))


def test_drawn_rows_are_what_is_learned_from():
    network, parameters = make(network=Listening)

    def draw(rows, rng):
        data = some_data().take(rows)
        return replace(data, numeric=np.full_like(data.numeric, 7))

    train(network, parameters, some_data(), SETTINGS, np.random.default_rng(0), draw=draw)
    assert {value for batch in network.batches for value in batch.tolist()} == {7.0}


@pytest.mark.parametrize("weighted", [False, True])
def test_predictions_and_losses_do_not_depend_on_the_chunk(weighted, monkeypatch):
    network, parameters = make(replace(ARCHITECTURE, dropout=0.5))
    data = some_data(weighted=weighted)
    whole = predict(network, parameters, data), evaluate(network, parameters, data)
    np.testing.assert_array_equal(whole[0], network.raw_prediction(parameters, data))
    assert whole[1] == pytest.approx(network.loss(whole[0], data.y, data.weight)[0], rel=1e-12)
    monkeypatch.setattr(training, "_CHUNK", 7)
    np.testing.assert_allclose(predict(network, parameters, data), whole[0], rtol=1e-5, atol=1e-6)
    assert evaluate(network, parameters, data) == pytest.approx(whole[1], rel=1e-6)


def test_weights_of_one_change_nothing():
    data = some_data()
    weighted = replace(data, weight=np.ones(len(data), dtype=np.float32))
    assert_same(run(data=data)[0], run(data=weighted)[0])
