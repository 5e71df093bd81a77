"""Dense layer, activations and dropout against formulas in plain Python and central differences."""

import math

import numpy as np
import pytest

from skembed.nn._layers import ACTIVATIONS, dense, dense_backward, dropout_mask

FORMULAS = {
    "identity": lambda z: z,
    "relu": lambda z: z if z > 0 else 0.0,
    "tanh": lambda z: (math.exp(2 * z) - 1) / (math.exp(2 * z) + 1),
    "logistic": lambda z: 1 / (1 + math.exp(-z)),
    "silu": lambda z: z / (1 + math.exp(-z)),
}
every_activation = pytest.mark.parametrize("name", FORMULAS)


def units(dtype=np.float64):
    """Both signs, near to and far from zero, but off the kink at zero itself."""
    z = np.random.default_rng(0).normal(scale=3, size=(6, 5))
    return np.where(np.abs(z) < 1e-2, 1e-2, z).astype(dtype)


def activate(name, z):
    """Output and slope, which a function computes in the place of its input."""
    output = z.copy()
    slope = ACTIVATIONS[name](output, np.full_like(z, np.nan))
    return output, np.ones_like(z) if slope is None else slope


def test_every_activation_is_tested():
    assert ACTIVATIONS.keys() == FORMULAS.keys()


@every_activation
def test_activations_equal_their_formulas(name):
    z = units()
    expected = [[FORMULAS[name](value) for value in row] for row in z.tolist()]
    np.testing.assert_allclose(activate(name, z)[0], expected, rtol=1e-12)
    # Also where no slope is wanted.
    assert ACTIVATIONS[name](z, None) is None
    np.testing.assert_allclose(z, expected, rtol=1e-12)


@every_activation
def test_activations_pass_the_gradient_check(name, assert_gradient):
    z = units()
    grad_output = np.random.default_rng(1).normal(size=z.shape)
    grad = grad_output * activate(name, z)[1]

    def value(point):
        return float(np.vdot(activate(name, point["z"])[0], grad_output))

    assert_gradient(value, {"z": z}, {"z": grad})


@every_activation
def test_activations_work_in_place(name):
    z, slope = units(np.float32), np.empty((6, 5), dtype=np.float32)
    found = ACTIVATIONS[name](z, slope)
    assert found is None if name == "identity" else found is slope
    expected = [[FORMULAS[name](value) for value in row] for row in units().tolist()]
    np.testing.assert_allclose(z, expected, rtol=1e-5)


@every_activation
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_activations_stand_huge_inputs(name, dtype):
    z = np.array([[-1e30, -1e4, -100, 0, 100, 1e4, 1e30]], dtype=dtype)
    output, grad = activate(name, z)
    assert np.isfinite(output).all()
    assert np.isfinite(grad).all()
    # All of them are flat or of slope 1 far out.
    assert set(np.round(grad[0, [0, 1, 2, 4, 5, 6]], 6).tolist()) <= {0.0, 1.0}


def test_relu_is_flat_where_a_unit_is_off():
    z = np.array([[-2.0, 0.0, 3.0]])
    output, slope = activate("relu", z)
    np.testing.assert_array_equal(output, [[0, 0, 3]])
    np.testing.assert_array_equal(slope, [[0, 0, 1]])


def layer():
    rng = np.random.default_rng(2)
    return {
        "inputs": rng.normal(size=(7, 4)),
        "weight": rng.normal(size=(4, 3)),
        "bias": rng.normal(size=3),
    }


def test_dense_equals_plain_loops():
    point = layer()
    output = dense(**point)
    for i in range(7):
        for k in range(3):
            total = sum(point["inputs"][i, j] * point["weight"][j, k] for j in range(4))
            assert output[i, k] == pytest.approx(total + point["bias"][k], rel=1e-12)


def test_dense_passes_the_gradient_check(assert_gradient):
    point = layer()
    grad_output = np.random.default_rng(3).normal(size=(7, 3))
    grad_weight, grad_bias = np.full((4, 3), np.nan), np.full(3, np.nan)
    grad_inputs = dense_backward(
        grad_output, point["inputs"], point["weight"], grad_weight, grad_bias
    )

    def value(changed):
        return float(np.vdot(dense(**changed), grad_output))

    gradient = {"inputs": grad_inputs, "weight": grad_weight, "bias": grad_bias}
    assert_gradient(value, point, gradient, tolerance=1e-8)


def test_dense_writes_where_it_is_told():
    point = layer()
    output, below = np.full((7, 3), np.nan), np.full((7, 2), np.nan)
    assert dense(**point, out=output) is output
    np.testing.assert_array_equal(output, dense(**point))
    slots = np.empty((4, 3)), np.empty(3)
    found = dense_backward(output, point["inputs"], point["weight"], *slots, 2, below)
    assert found is below
    whole = dense_backward(output, point["inputs"], point["weight"], *slots)
    np.testing.assert_allclose(below, whole[:, :2], rtol=1e-14)


def test_dense_changes_none_of_its_inputs():
    point = layer()
    before = {name: value.copy() for name, value in point.items()}
    output = dense(**point)
    dense_backward(output, point["inputs"], point["weight"], np.empty((4, 3)), np.empty(3))
    for name, value in point.items():
        np.testing.assert_array_equal(value, before[name])


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
def test_dropout_keeps_the_mean(rate):
    mask = dropout_mask((200, 100), rate, np.random.default_rng(0))
    assert mask.dtype == np.float32
    assert set(np.unique(mask)) <= {np.float32(0), np.float32(1 / (1 - rate))}
    # Four standard deviations of the mean of 20,000 draws.
    assert abs(mask.mean() - 1) <= 4 * math.sqrt(rate / (1 - rate) / mask.size)


def test_dropout_repeats_with_its_generator():
    masks = [dropout_mask((5, 4), 0.5, np.random.default_rng(seed)) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(masks[0], masks[1])
    assert (masks[0] != masks[2]).any()
