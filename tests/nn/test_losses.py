"""Losses against formulas in plain Python, numerical derivatives and minimisers found otherwise."""

import math
import warnings

import numpy as np
import pytest
from scipy.optimize import minimize

from skembed.nn._losses import make_loss

N_ROWS = 8
DELTA, Q = 0.7, 0.3


def softmax(raw, k):
    return math.exp(raw[k]) / sum(math.exp(value) for value in raw)


def huber(raw, y):
    residual = abs(raw - y)
    return 0.5 * residual**2 if residual <= DELTA else DELTA * (residual - 0.5 * DELTA)


def cross_entropy(raw, y):
    share = 1 / (1 + math.exp(-raw))
    return -y * math.log(share) - (1 - y) * math.log(1 - share)


# Loss of one raw prediction, and the link.
FORMULAS = {
    "squared_error": (lambda raw, y: 0.5 * (raw - y) ** 2, lambda raw: raw),
    "absolute_error": (lambda raw, y: abs(raw - y), lambda raw: raw),
    "huber": (huber, lambda raw: raw),
    "quantile": (lambda raw, y: Q * (y - raw) if y > raw else (1 - Q) * (raw - y), lambda raw: raw),
    "poisson": (lambda raw, y: math.exp(raw) - y * raw, math.exp),
    "binary_cross_entropy": (cross_entropy, lambda raw: 1 / (1 + math.exp(-raw))),
}
NAMES = [*FORMULAS, "multinomial_cross_entropy"]
# The gradient of these is the prediction minus the target.
CANONICAL = ["squared_error", "poisson", "binary_cross_entropy", "multinomial_cross_entropy"]
SMOOTH = CANONICAL
WITH_KINKS = ["absolute_error", "huber", "quantile"]
CASES = [(name, n) for name in FORMULAS for n in (1, 3)] + [("multinomial_cross_entropy", 4)]
every_loss = pytest.mark.parametrize("name", NAMES)
every_case = pytest.mark.parametrize(("name", "n_outputs"), CASES)


def loss_of(name):
    return make_loss(name, quantile=Q, delta=DELTA)


def example(name, n_outputs, n=N_ROWS, dtype=np.float64):
    """Raw predictions and targets with no residual near a kink."""
    rng = np.random.default_rng(n_outputs)
    raw = rng.normal(scale=2, size=(n, n_outputs)).astype(dtype)
    if name == "multinomial_cross_entropy":
        return raw, rng.integers(0, n_outputs, n)
    if name == "poisson":
        return raw, rng.poisson(2, size=raw.shape).astype(dtype)
    if name == "binary_cross_entropy":
        return raw, rng.integers(0, 2, size=raw.shape).astype(dtype)
    return raw, (
        raw + rng.choice([-1, 1], raw.shape) * rng.choice([0.1, 0.5, 2.0], raw.shape)
    ).astype(dtype)


@every_case
def test_losses_equal_their_formulas(name, n_outputs):
    raw, y = example(name, n_outputs)
    losses, _ = loss_of(name).rows(raw, y)
    if name == "multinomial_cross_entropy":
        expected = [-math.log(softmax(r, k)) for r, k in zip(raw.tolist(), y, strict=True)]
    else:
        formula = FORMULAS[name][0]
        expected = [
            sum(map(formula, r, t)) / n_outputs
            for r, t in zip(raw.tolist(), y.tolist(), strict=True)
        ]
    np.testing.assert_allclose(losses, expected, rtol=1e-12)


@every_case
def test_links_equal_their_formulas(name, n_outputs):
    raw, _ = example(name, n_outputs)
    if name == "multinomial_cross_entropy":
        expected = [[softmax(r, k) for k in range(n_outputs)] for r in raw.tolist()]
    else:
        expected = [[FORMULAS[name][1](value) for value in r] for r in raw.tolist()]
    np.testing.assert_allclose(loss_of(name).link(raw), expected, rtol=1e-12)


@every_case
@pytest.mark.parametrize("weighted", [False, True])
def test_losses_pass_the_gradient_check(name, n_outputs, weighted, assert_gradient):
    loss = loss_of(name)
    raw, y = example(name, n_outputs)
    weight = np.random.default_rng(5).uniform(0.1, 3, N_ROWS) if weighted else None
    _, gradient = loss(raw, y, weight)
    assert_gradient(lambda point: loss(point["raw"], y, weight)[0], {"raw": raw}, {"raw": gradient})


@every_case
def test_the_gradient_of_rows_is_that_of_each_row(name, n_outputs, assert_gradient):
    """What relearning needs: not divided by the number of rows."""
    loss = loss_of(name)
    raw, y = example(name, n_outputs)
    gradient = loss.rows(raw, y)[1]
    np.testing.assert_allclose(gradient / N_ROWS, loss(raw, y)[1], rtol=1e-12)


@pytest.mark.parametrize(("name", "n_outputs"), [c for c in CASES if c[0] in CANONICAL])
def test_the_gradient_is_prediction_minus_target(name, n_outputs):
    """Ties link and loss together."""
    loss = loss_of(name)
    raw, y = example(name, n_outputs)
    gradient = loss.rows(raw, y)[1]
    if name == "multinomial_cross_entropy":
        expected = loss.link(raw) - np.eye(n_outputs)[y]
    else:
        expected = (loss.link(raw) - y) / n_outputs
    np.testing.assert_allclose(gradient, expected, rtol=1e-10, atol=1e-12)


def second_differences(loss, raw, y, step=1e-4):
    """Second derivative of each row's loss by each of its raw predictions."""
    result = np.empty_like(raw)
    for k in range(raw.shape[1]):
        shift = np.zeros_like(raw)
        shift[:, k] = step
        ahead, here, behind = (loss.rows(raw + s * shift, y)[0] for s in (1, 0, -1))
        result[:, k] = (ahead - 2 * here + behind) / step**2
    return result


@pytest.mark.parametrize(("name", "n_outputs"), [c for c in CASES if c[0] in SMOOTH])
def test_the_curvature_is_the_second_derivative(name, n_outputs):
    loss = loss_of(name)
    raw, y = example(name, n_outputs)
    expected = second_differences(loss, raw, y)
    np.testing.assert_allclose(loss.curvature(raw), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("name", "n_outputs"), [c for c in CASES if c[0] in WITH_KINKS])
def test_the_curvature_is_a_bound_where_the_loss_has_kinks(name, n_outputs):
    loss = loss_of(name)
    raw, y = example(name, n_outputs)
    curvature = loss.curvature(raw)
    assert (curvature > 0).all()
    assert (curvature >= second_differences(loss, raw, y) - 1e-6).all()
    if name == "huber":
        small = np.abs(raw - y) < 0.9 * DELTA
        np.testing.assert_allclose(
            curvature[small], second_differences(loss, raw, y)[small], rtol=1e-5
        )


@every_case
def test_the_baseline_minimises_the_loss_over_constants(name, n_outputs):
    loss = loss_of(name)
    _, y = example(name, n_outputs, n=60)
    weight = np.random.default_rng(6).uniform(0.1, 3, len(y))

    def value(constant):
        return loss(np.tile(constant, (len(y), 1)), y, weight)[0]

    baseline = np.asarray(loss.baseline(y, weight))
    assert baseline.shape == (n_outputs,)
    least = value(baseline)
    rng = np.random.default_rng(7)
    for size in (1e-4, 1e-2, 1, 10):
        for _ in range(20):
            assert value(baseline + size * rng.normal(size=n_outputs)) >= least - 1e-12
    if name in SMOOTH or name == "huber":
        found = minimize(value, np.zeros(n_outputs), method="BFGS")
        assert least <= found.fun + 1e-9


@every_case
def test_the_baseline_of_weights_is_that_of_repeated_rows(name, n_outputs):
    loss = loss_of(name)
    _, y = example(name, n_outputs, n=30)
    times = np.random.default_rng(8).integers(1, 4, len(y))
    weighted = loss.baseline(y, times.astype(float))
    repeated = loss.baseline(np.repeat(y, times, axis=0), np.ones(times.sum()))
    np.testing.assert_allclose(weighted, repeated, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", CANONICAL)
def test_the_link_of_the_baseline_is_the_weighted_mean(name):
    n_outputs = 4 if name == "multinomial_cross_entropy" else 2
    loss = loss_of(name)
    _, y = example(name, n_outputs, n=40)
    weight = np.random.default_rng(9).uniform(0.1, 3, len(y))
    prediction = loss.link(np.asarray(loss.baseline(y, weight))[None, :])[0]
    columns = np.eye(n_outputs)[y] if y.ndim == 1 else y
    np.testing.assert_allclose(prediction, np.average(columns, axis=0, weights=weight), rtol=1e-9)


def test_a_part_of_the_rows_may_lack_the_last_classes():
    """As the rows of a fold do when a class is rare."""
    loss = loss_of("multinomial_cross_entropy")
    y, weight = np.array([0, 1, 1, 0, 1]), np.ones(5)
    baseline = loss.baseline(y, weight, n_outputs=4)
    assert baseline.shape == (4,)
    np.testing.assert_allclose(loss.link(baseline[None, :])[0], [0.4, 0.6, 0, 0], atol=1e-5)
    np.testing.assert_allclose(baseline[:2], loss.baseline(y, weight))


@pytest.mark.parametrize("name", ["poisson", "binary_cross_entropy", "multinomial_cross_entropy"])
@pytest.mark.parametrize("value", [0, 1])
def test_the_baseline_is_finite_if_all_labels_are_equal(name, value):
    y = np.full(5, value) if name == "multinomial_cross_entropy" else np.full((5, 1), float(value))
    loss = loss_of(name)
    n_outputs = 2 if name == "multinomial_cross_entropy" else 1
    baseline = loss.baseline(y, np.ones(5), n_outputs)
    assert np.isfinite(baseline).all()
    assert (loss.curvature(baseline[None, :]) > 0).all()


@every_loss
@pytest.mark.parametrize("raw_value", [-1e4, -100.0, -1e-30, 0.0, 1e-30, 100.0, 1e4])
def test_nothing_overflows_in_float32(name, raw_value):
    loss = loss_of(name)
    n_outputs = 3
    raw = np.full((2, n_outputs), raw_value, dtype=np.float32)
    raw[:, 1:] = [0, -raw_value]
    _, y = example(name, n_outputs, n=2, dtype=np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value, gradient = loss(raw, y, np.ones(2, dtype=np.float32))
        prediction, curvature = loss.link(raw), loss.curvature(raw)
    assert np.isfinite(value)
    for array in (gradient, prediction, curvature):
        assert array.dtype == np.float32
        assert np.isfinite(array).all()
    assert (curvature >= 0).all()


@every_loss
def test_float32_agrees_with_float64(name):
    loss = loss_of(name)
    raw, y = example(name, 3)
    value, gradient = loss(raw, y)
    small = y if name == "multinomial_cross_entropy" else y.astype(np.float32)
    value_32, gradient_32 = loss(raw.astype(np.float32), small)
    assert value_32 == pytest.approx(value, rel=1e-5)
    np.testing.assert_allclose(gradient_32, gradient, rtol=1e-4, atol=1e-6)


@every_case
def test_weights_equal_repetition(name, n_outputs):
    loss = loss_of(name)
    raw, y = example(name, n_outputs)
    times = np.random.default_rng(10).integers(0, 4, N_ROWS)
    value, gradient = loss(raw, y, times.astype(float))
    rows = np.repeat(np.arange(N_ROWS), times)
    repeated, repeated_gradient = loss(raw[rows], y[rows])
    # Each is a sum divided by its own number of rows.
    assert value * N_ROWS == pytest.approx(repeated * len(rows), rel=1e-12)
    total = np.zeros_like(raw)
    np.add.at(total, rows, repeated_gradient * len(rows))
    np.testing.assert_allclose(gradient * N_ROWS, total, rtol=1e-12, atol=1e-14)


@every_loss
def test_inputs_are_not_changed(name):
    raw, y = example(name, 3)
    before_raw, before_y = raw.copy(), y.copy()
    weight = np.full(N_ROWS, 2.0)
    loss_of(name)(raw, y, weight)
    loss_of(name).baseline(y, weight)
    np.testing.assert_array_equal(raw, before_raw)
    np.testing.assert_array_equal(y, before_y)
    np.testing.assert_array_equal(weight, 2)


@pytest.mark.parametrize("q", [0.05, 0.5, 0.9])
def test_the_quantile_baseline_has_the_share_q_below_it(q):
    y = np.random.default_rng(11).normal(size=(2001, 2))
    baseline = make_loss("quantile", quantile=q).baseline(y, np.ones(len(y)))
    np.testing.assert_allclose((y < baseline).mean(axis=0), q, atol=1e-3)
