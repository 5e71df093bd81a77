"""First weights: their spread, and what may be given."""

import numpy as np
import pytest

from skembed.nn import Dense
from skembed.nn._initializers import INITIALIZERS, fans, initialize

SHAPE = (400, 300)
# Variance, and the bound of the uniform ones.
EXPECTED = {
    "zeros": (0, None),
    "normal": (1, None),
    "uniform": (1 / 3, 1),
    "glorot_uniform": (2 / 700, np.sqrt(6 / 700)),
    "glorot_normal": (2 / 700, None),
    "he_uniform": (2 / 400, np.sqrt(6 / 400)),
    "he_normal": (2 / 400, None),
}


def make(weight, shape=SHAPE, dtype=np.float64, seed=0):
    return initialize(weight, shape, np.random.default_rng(seed), dtype)


@pytest.mark.parametrize("name", INITIALIZERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_spread(name, dtype):
    variance, bound = EXPECTED[name]
    values = make(name, dtype=dtype)
    assert values.dtype == dtype
    assert values.shape == SHAPE
    assert values.var() == pytest.approx(variance, rel=0.02)
    assert abs(values.mean()) < 0.02
    if bound is not None:
        assert bound * 0.999 < np.abs(values).max() <= bound * 1.001


@pytest.mark.parametrize("name", INITIALIZERS)
def test_names_and_functions_agree_and_repeat(name):
    np.testing.assert_array_equal(make(name), make(INITIALIZERS[name]))
    np.testing.assert_array_equal(make(name), make(name))
    if name != "zeros":
        assert (make(name) != make(name, seed=1)).any()


@pytest.mark.parametrize(
    ("activation", "name"),
    [("relu", "he_normal"), ("silu", "he_normal"), ("tanh", "glorot_uniform")],
)
def test_dense_layers_start_as_their_activation_asks(activation, name):
    layer = Dense(*SHAPE, activation=activation, dtype=np.float64, random_state=0)
    np.testing.assert_array_equal(layer.weight, make(name))


def test_fans():
    assert fans(()) == (1, 1)
    assert fans((5,)) == (5, 5)
    assert fans((5, 2, 3)) == (5, 6)


@pytest.mark.parametrize("weight", [3, 0.5, np.float32(0.5), np.ones((2, 3)), [[1, 2, 3]] * 2])
def test_values(weight):
    values = make(weight, (2, 3), np.float32)
    np.testing.assert_array_equal(values, np.broadcast_to(weight, (2, 3)).astype(np.float32))
    assert values.dtype == np.float32
    assert not np.shares_memory(values, weight)


def test_callable_knows_shape_and_rng():
    values = make(lambda shape, rng: rng.normal(size=shape), (2, 3))
    np.testing.assert_array_equal(values, np.random.default_rng(0).normal(size=(2, 3)))


@pytest.mark.parametrize(
    ("weight", "error", "message"),
    [
        ("he", ValueError, r"'he' is not the name .* zeros, normal"),
        (np.ones((3, 2)), ValueError, r"shape \(2, 3\). Got \(3, 2\)"),
        (lambda shape, rng: np.ones(3), ValueError, r"shape \(2, 3\). Got \(3,\)"),
        (np.nan, ValueError, r"finite in float32. Got nan at \(0, 0\)"),
        ([[1, 2, 3], [4, np.inf, 6]], ValueError, r"Got inf at \(1, 1\)"),
        (None, TypeError, "dtype object"),
        ([["a"] * 3] * 2, TypeError, "dtype <U1"),
        (True, TypeError, "dtype bool"),
    ],
)
def test_bad_weights(weight, error, message):
    with pytest.raises(error, match=message):
        make(weight, (2, 3), np.float32)


def test_a_value_too_large_for_the_dtype():
    with pytest.raises(ValueError, match=r"finite in float32. Got inf"):
        make(1e300, (2, 3), np.float32)
