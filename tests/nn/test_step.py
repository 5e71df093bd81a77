"""The fast step of training against the plain one."""

from dataclasses import replace

import numpy as np
import pytest

from skembed.nn import _parallel, _step, _touched
from skembed.nn._architecture import Architecture, place_codes
from skembed.nn._losses import make_loss
from skembed.nn._network import Data, Network
from skembed.nn._optimizers import SGD, Adam
from skembed.nn._rows import RowSums, sum_by_row
from skembed.nn._step import FusedStep, PlainStep, make_step
from skembed.nn._touched import TableRules

ARCHITECTURES = {
    "one width": Architecture((6, 40), (3, 3), (0, 1), 2, (7, 5), 1),
    "three widths": Architecture((6, 40, 5, 9), (2, 5, 1, 2), (0, 1, 2, 3), 1, (8,), 2, "relu"),
    "a shared table": Architecture((30, 4), (4, 2), (0, 0, 1), 0, (6,), 1, "tanh"),
    "a table of no width": Architecture((5, 9), (0, 2), (0, 1), 3, (4,), 1, "logistic"),
    "linear": Architecture((8, 3), (2, 2), (0, 1), 0, (), 1),
    "dropout": Architecture((6, 40, 4), (3, 3, 2), (0, 1, 2), 1, (7, 5), 1, "silu", 0.4),
}
BATCH = 25


@pytest.fixture(autouse=True, params=["cells", "rows"])
def way(request, monkeypatch):
    """Both ways from places to numbers, which the size of the batch would choose between."""
    monkeypatch.setattr(_touched, "_FEW_NUMBERS", 2**30 if request.param == "cells" else 0)


def some_data(architecture, dtype, n=60, seed=0, weighted=False):
    rng = np.random.default_rng(seed)
    sizes = [architecture.n_codes[t] for t in architecture.columns]
    # Codes from small to large are more and more rare, and the last ones do not occur.
    codes = np.stack([(rng.random(n) ** 2 * (size - 1)).astype(np.int32) for size in sizes], axis=1)
    return Data(
        place_codes(architecture, codes),
        rng.normal(size=(n, architecture.n_numeric)).astype(dtype),
        rng.normal(size=(n, architecture.n_outputs)).astype(dtype),
        rng.uniform(0.5, 1.5, n) if weighted else None,
    )


def some_rules(network, decay, multiplier):
    rng = np.random.default_rng(3)
    return {
        stack.name: TableRules(
            decay=rng.uniform(0, 20, stack.n_rows) if decay else None,
            multiplier=rng.integers(0, 3, stack.n_rows).astype(float) if multiplier else None,
        )
        for stack in network.stacks
    }


def walk(kind, architecture, rules=(False, False), alpha=0.1, weighted=False, dtype=np.float64):
    """Losses and parameters after some steps of different size, the last batch of each epoch a
    short one.
    """
    network = Network(architecture, make_loss("squared_error"), alpha)
    baseline = np.zeros(architecture.n_outputs)
    parameters = network.initial_parameters(np.random.default_rng(1), baseline, dtype)
    arguments = network, parameters, Adam(), some_rules(network, *rules)
    step = kind(*arguments, BATCH) if kind is FusedStep else kind(*arguments)
    rng, total, losses = np.random.default_rng(2), 0.0, []
    for epoch in range(3):
        data = some_data(architecture, dtype, seed=epoch, weighted=weighted)
        for start in range(0, len(data), BATCH):
            rate = 0.05 / (1 + len(losses))
            losses.append(step(data.take(slice(start, start + BATCH)), rate, total, rng))
            total += rate
        step.settle(total)
    step.close()
    return losses, parameters


@pytest.mark.parametrize("rules", [(False, False), (True, False), (True, True), (False, True)])
@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_the_fast_step_equals_the_plain_one(architecture, rules):
    losses, parameters = walk(FusedStep, architecture, rules, weighted=True)
    expected_losses, expected = walk(PlainStep, architecture, rules, weighted=True)
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-10)
    assert parameters.keys() == expected.keys()
    for name, value in parameters.items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_the_halves_of_a_large_batch_add_up_to_it(architecture, monkeypatch):
    architecture = replace(architecture, dropout=0.0)
    monkeypatch.setattr(_step, "_LARGE", 0)
    losses, parameters = walk(FusedStep, architecture, (True, True), weighted=True)
    expected_losses, expected = walk(PlainStep, architecture, (True, True), weighted=True)
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-10)
    for name, value in parameters.items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-8, atol=1e-10)


def test_a_batch_of_one_row_has_no_halves(monkeypatch):
    """Only its step is to be the same: where halves are, dropout draws other numbers."""
    architecture = replace(ARCHITECTURES["three widths"], dropout=0.0)
    monkeypatch.setitem(globals(), "BATCH", 1)
    _, expected = walk(FusedStep, architecture)
    monkeypatch.setattr(_step, "_LARGE", 0)
    _, parameters = walk(FusedStep, architecture)
    for name, value in parameters.items():
        np.testing.assert_array_equal(value, expected[name])


def test_small_networks_start_no_thread(monkeypatch):
    def refuse():
        raise AssertionError("a thread for a small batch")

    monkeypatch.setattr(_step, "Pair", refuse)
    losses, _ = walk(FusedStep, ARCHITECTURES["one width"])
    assert np.isfinite(losses).all()


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_halves_have_the_same_bits_with_one_processor_and_two(dropout, monkeypatch):
    architecture = replace(ARCHITECTURES["dropout"], dropout=dropout)
    monkeypatch.setattr(_step, "_LARGE", 0)
    found = []
    for n_processors in (1, 2):
        monkeypatch.setattr(_parallel, "n_processors", lambda n=n_processors: n)
        found.append(walk(FusedStep, architecture, (True, False)))
    assert found[0][0] == found[1][0]
    for name, value in found[0][1].items():
        np.testing.assert_array_equal(value, found[1][1][name])


def test_rules_may_hold_for_some_tables_alone(monkeypatch):
    def some(network, decay, multiplier):
        name = network.stacks[-1].name
        n_rows = network.stacks[-1].n_rows
        return {name: TableRules(np.linspace(0, 9, n_rows), np.arange(n_rows) % 3)}

    monkeypatch.setitem(globals(), "some_rules", some)
    architecture = ARCHITECTURES["three widths"]
    _, parameters = walk(FusedStep, architecture)
    _, expected = walk(PlainStep, architecture)
    for name, value in parameters.items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-8, atol=1e-10)


def test_the_fast_step_stays_in_float32():
    architecture = ARCHITECTURES["three widths"]
    _, parameters = walk(FusedStep, architecture, (True, True), dtype=np.float32)
    _, expected = walk(PlainStep, architecture, (True, True), dtype=np.float32)
    for name, value in parameters.items():
        assert value.dtype == np.float32
        np.testing.assert_allclose(value, expected[name], rtol=1e-3, atol=1e-4)


def test_a_penalty_changes_the_step():
    architecture = ARCHITECTURES["one width"]
    losses = [walk(FusedStep, architecture, alpha=alpha)[0] for alpha in (0.0, 1.0)]
    assert losses[0][0] < losses[1][0]


@pytest.mark.parametrize(
    ("optimizer", "changes", "kind"),
    [
        (Adam(), {}, FusedStep),
        (Adam(), {"pooled": (1,)}, PlainStep),
        (Adam(), {"embedding_dims": (0, 0)}, PlainStep),
        (SGD(), {}, PlainStep),
    ],
)
def test_the_fast_step_serves_adam_and_tables_of_single_codes(optimizer, changes, kind):
    architecture = replace(ARCHITECTURES["one width"], **changes)
    network = Network(architecture, make_loss("squared_error"))
    parameters = network.initial_parameters(np.random.default_rng(0), np.zeros(1))
    assert isinstance(make_step(network, parameters, optimizer, {}, BATCH), kind)


def test_sums_of_one_batch_after_another():
    rng, sums = np.random.default_rng(0), RowSums()
    for n in (50, 30, 50, 1, 30):
        places, values = rng.integers(0, 9, n), rng.normal(size=(n, 3))
        np.testing.assert_allclose(
            sums(places, values, 9), sum_by_row(places, values, 9), rtol=1e-12, atol=1e-14
        )
