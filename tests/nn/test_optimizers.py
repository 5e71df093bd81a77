"""Optimisers against plain loops over single numbers; decay and schedules against their definition.

Rows against dense gradients are compared in test_row_optimizers.py.
"""

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skembed.nn import SGD, Adagrad, Adam, RowGradient
from skembed.nn._schedules import SCHEDULES, RowDecay

N_STEPS, SHAPE = 12, (4, 3)
RATES = 0.2 * 0.9 ** np.arange(N_STEPS)


def gradients(dtype=np.float64):
    return np.random.default_rng(0).normal(size=(N_STEPS, *SHAPE)).astype(dtype)


def start(dtype=np.float64):
    return np.random.default_rng(1).normal(size=SHAPE).astype(dtype)


def plain_sgd(value, gradients, momentum, nesterov):
    velocity = 0.0
    for gradient, rate in zip(gradients, RATES, strict=True):
        velocity = momentum * velocity - rate * gradient
        value += momentum * velocity - rate * gradient if nesterov else velocity
    return value


def plain_adam(value, gradients, beta_1, beta_2, epsilon):
    """As in algorithm 1 of the paper, with both corrections where the paper has them."""
    m = v = 0.0
    for t, (gradient, rate) in enumerate(zip(gradients, RATES, strict=True), start=1):
        m = beta_1 * m + (1 - beta_1) * gradient
        v = beta_2 * v + (1 - beta_2) * gradient**2
        value -= rate * (m / (1 - beta_1**t)) / (math.sqrt(v / (1 - beta_2**t)) + epsilon)
    return value


CASES = [
    (SGD(), lambda x, g: plain_sgd(x, g, 0.0, False)),
    (SGD(momentum=0.9), lambda x, g: plain_sgd(x, g, 0.9, False)),
    (SGD(momentum=0.8, nesterov=True), lambda x, g: plain_sgd(x, g, 0.8, True)),
    (Adam(), lambda x, g: plain_adam(x, g, 0.9, 0.95, 1e-8)),
    (Adam(0.5, 0.999, 0.1), lambda x, g: plain_adam(x, g, 0.5, 0.999, 0.1)),
]
every_optimizer = pytest.mark.parametrize(
    ("optimizer", "plain"), CASES, ids=[repr(optimizer) for optimizer, _ in CASES]
)


def run(optimizer, as_rows=False, dtype=np.float64, multipliers=None):
    """Parameters after all steps; ``as_rows`` gives the gradient row by row."""
    parameters = {"weights": start(dtype)}
    state = optimizer.init(parameters)
    for gradient, rate in zip(gradients(dtype), RATES, strict=True):
        given = RowGradient(np.array([2, 0, 3, 1]), gradient[[2, 0, 3, 1]]) if as_rows else gradient
        optimizer.update(parameters, {"weights": given}, state, rate, multipliers or {})
    return parameters["weights"]


@every_optimizer
@pytest.mark.parametrize("as_rows", [False, True])
def test_updates_equal_plain_loops(optimizer, plain, as_rows):
    expected = start()
    for place in np.ndindex(SHAPE):
        expected[place] = plain(expected[place], gradients()[(slice(None), *place)])
    np.testing.assert_allclose(run(optimizer, as_rows), expected, rtol=1e-12)


@every_optimizer
@pytest.mark.parametrize("as_rows", [False, True])
def test_a_multiplier_scales_the_rate_of_its_row_and_zero_freezes_it(optimizer, plain, as_rows):
    factors = np.array([0.0, 1.0, 0.5, 3.0])
    result = run(optimizer, as_rows, multipliers={"weights": factors})
    np.testing.assert_array_equal(result[0], start()[0])
    plain_rows = run(optimizer, as_rows)
    # Every step of these optimisers is the rate times something that the rate does not change.
    expected = start() + factors[:, None] * (plain_rows - start())
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("optimizer", [SGD(), SGD(momentum=0.9), Adam(), Adagrad()], ids=repr)
def test_multipliers_of_arrays_of_any_rank(optimizer):
    for shape in ((3,), (3, 2, 2)):
        parameters = {"p": np.ones(shape)}
        given = {"p": np.array([0.0, 1.0, 0.5])}
        state = optimizer.init(parameters)
        optimizer.update(parameters, {"p": np.ones(shape)}, state, 0.1, given)
        moved = (1 - parameters["p"]).reshape(3, -1)
        np.testing.assert_allclose(
            moved / moved[1], np.repeat([[0], [1], [0.5]], moved.shape[1], 1)
        )


@every_optimizer
def test_float32_stays_float32_and_agrees(optimizer, plain):
    result = run(optimizer, dtype=np.float32)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, run(optimizer), rtol=1e-4, atol=1e-5)


@every_optimizer
def test_parameters_change_in_place_and_nothing_else_does(optimizer, plain):
    table, dense = np.ones((3, 2)), np.ones(4)
    parameters = {"table": table, "dense": dense}
    given = {
        "table": RowGradient(np.array([1]), np.full((1, 2), 0.5)),
        "dense": np.full(4, -0.5),
    }
    state = optimizer.init(parameters)
    for _ in range(3):
        assert optimizer.update(parameters, given, state, np.float64(0.1)) is None
    assert parameters["table"] is table
    assert parameters["dense"] is dense
    np.testing.assert_array_equal(given["table"].values, 0.5)
    np.testing.assert_array_equal(given["dense"], -0.5)
    np.testing.assert_array_equal(table[[0, 2]], 1)
    assert (table[1] < 1).all()
    assert (dense > 1).all()


@every_optimizer
def test_an_empty_row_gradient_changes_nothing(optimizer, plain):
    parameters = {"table": np.ones((3, 2))}
    nothing = {"table": RowGradient(np.empty(0, dtype=np.intp), np.empty((0, 2)))}
    optimizer.update(parameters, nothing, optimizer.init(parameters), 0.1)
    np.testing.assert_array_equal(parameters["table"], 1)


@every_optimizer
def test_states_are_apart(optimizer, plain):
    """One optimiser may serve two sets of parameters."""
    first, second = {"a": np.ones(2)}, {"a": np.ones(2)}
    states = [optimizer.init(first), optimizer.init(second)]
    for _ in range(3):
        optimizer.update(first, {"a": np.ones(2)}, states[0], 0.1)
    optimizer.update(second, {"a": np.ones(2)}, states[1], 0.1)
    once = {"a": np.ones(2)}
    optimizer.update(once, {"a": np.ones(2)}, optimizer.init(once), 0.1)
    np.testing.assert_array_equal(second["a"], once["a"])


def test_the_bias_correction_of_adam_counts_all_steps_for_every_row():
    """A row that comes late is corrected as if its means had been running from the start."""
    parameters = {"table": np.zeros((2, 1))}
    optimizer, rate = Adam(), 0.1
    state = optimizer.init(parameters)
    for row in (0, 0, 0, 1):
        gradient = RowGradient(np.array([row]), np.ones((1, 1)))
        optimizer.update(parameters, {"table": gradient}, state, rate)
    m = (1 - 0.9) / (1 - 0.9**4)
    v = (1 - 0.95) / (1 - 0.95**4)
    assert parameters["table"][1, 0] == pytest.approx(-rate * m / (math.sqrt(v) + 1e-8), rel=1e-12)


@pytest.mark.parametrize(
    ("cls", "name", "limits", "good"),
    [
        (SGD, "momentum", "[0, 1)", [0, 0.999]),
        (Adam, "beta_1", "[0, 1)", [0, 0.999]),
        (Adam, "beta_2", "[0, 1)", [0, 0.999]),
        (Adam, "epsilon", "[0, inf)", [0, 5.0]),
        (Adagrad, "initial", "[0, inf)", [0, 5.0]),
        (Adagrad, "epsilon", "[0, inf)", [0, 5.0]),
    ],
)
def test_settings_have_limits(cls, name, limits, good):
    for value in good:
        assert getattr(cls(**{name: value}), name) == value
    for value in (-1e-9, np.nan, "0.5", *([1.0] if limits == "[0, 1)" else [np.inf])):
        message = f"The '{name}' parameter of {cls.__name__} must be a number in {limits}. Got "
        with pytest.raises(ValueError, match=re.escape(message + repr(value))):
            cls(**{name: value})


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.lists(st.tuples(st.floats(0, 0.5), st.sets(st.integers(0, 4))), max_size=12))
def test_decay_caught_up_equals_decay_at_each_step(steps):
    """Whatever the rates and the visits, with updates of the visited rows in between."""
    strength = np.array([0.0, 0.1, 1.0, 5.0, 50.0])
    lazy, eager = np.ones((5, 2)), np.ones((5, 2))
    decay, total = RowDecay(strength), 0.0
    for rate, rows in steps:
        visited = np.array(sorted(rows), dtype=np.intp)
        decay.settle(lazy, visited, total)
        np.testing.assert_allclose(lazy[visited], eager[visited], rtol=1e-10)
        for table in (lazy, eager):
            table[visited] += 0.3
        total += rate
        eager *= np.exp(-strength * rate)[:, None]
    decay.settle(lazy, slice(None), total)
    np.testing.assert_allclose(lazy, eager, rtol=1e-10)
    settled = lazy.copy()
    decay.settle(lazy, slice(None), total)
    np.testing.assert_array_equal(lazy, settled)


def test_decay_keeps_the_dtype_and_the_other_rows():
    table = np.ones((3, 2), dtype=np.float32)
    RowDecay(np.array([1.0, 2.0, 3.0])).settle(table, np.array([1]), 0.5)
    assert table.dtype == np.float32
    np.testing.assert_allclose(table, [[1, 1], [np.exp(-1)] * 2, [1, 1]], rtol=1e-6)


@pytest.mark.parametrize("name", ["constant", "linear", "cosine"])
def test_schedules_stay_between_zero_and_the_full_rate(name):
    rates = [SCHEDULES[name](progress) for progress in np.linspace(0, 1, 1001)]
    assert min(rates[:-1]) > 0
    assert max(rates) == pytest.approx(1, abs=1e-12)
    assert (np.diff(rates[21:]) <= 0).all()


def test_schedules_equal_their_definition():
    assert SCHEDULES.keys() == {"constant", "linear", "cosine"}
    for progress in (0.0, 0.25, 0.7, 1.0):
        assert SCHEDULES["constant"](progress) == 1
        assert SCHEDULES["linear"](progress) == pytest.approx(1 - progress)
    cosine = SCHEDULES["cosine"]
    for progress in (0.0, 0.01, 0.02):  # a straight line from -0.001 on
        assert cosine(progress) == pytest.approx((progress + 0.001) / 0.021)
    assert cosine(0.51) == pytest.approx(0.5)
    assert cosine(1.0) == pytest.approx(0)


def test_a_table_of_one_row_may_be_a_part_of_a_wider_one():
    wide = np.zeros((4, 8))
    parameters, optimizer = {"table": wide[:1, :3]}, SGD()
    gradient = {"table": RowGradient(np.array([0]), np.ones((1, 3)))}
    optimizer.update(parameters, gradient, optimizer.init(parameters), 0.5)
    assert wide[0].tolist() == [-0.5] * 3 + [0.0] * 5
    assert not wide[1:].any()


def test_adam_counts_its_steps_under_a_name_of_its_own():
    with pytest.raises(ValueError, match=r"may have the name 'step'.*\['w', 'step'\]: rename it"):
        Adam().init({"w": np.zeros(2), "step": np.zeros(2)})
    assert Adagrad().init({"step": np.zeros(2)}).keys() == {"step"}


def test_masked_arrays_are_no_parameters():
    plain, masked = np.zeros(2), np.ma.array(np.zeros(2), mask=[0, 1])
    for value, gradient in ((masked, plain), (plain, masked)):
        with pytest.raises(TypeError, match=r"'w' must be an array .* Got MaskedArray"):
            SGD().update({"w": value}, {"w": gradient}, {}, 0.5)


@pytest.mark.parametrize("optimizer", [SGD(), SGD(0.9), Adam(), Adagrad()])
@pytest.mark.parametrize(
    ("second", "multipliers", "words"),
    [
        (np.ones(2), {"second": ["x", "y"]}, "multipliers of 'second' must be finite numbers"),
        (np.ones(2), {"second": [1, np.nan]}, "multipliers of 'second' must be finite numbers"),
        (np.ones(2), {"second": [1, -1]}, "multipliers of 'second' must be finite numbers"),
        (np.broadcast_to(1.0, (2,)), {}, "parameter 'second' is read-only"),
    ],
)
def test_a_refused_step_moves_nothing(optimizer, second, multipliers, words):
    parameters = {"first": np.ones(2), "second": second}
    state = optimizer.init(parameters)
    gradients = {name: np.ones(2) for name in parameters}
    with pytest.raises(ValueError, match=words):
        optimizer.update(parameters, gradients, state, 0.1, multipliers)
    np.testing.assert_array_equal(parameters["first"], 1)
