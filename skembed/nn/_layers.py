"""Dense layer, activations and dropout: forward and backward side by side.

A forward function gives its output and what is needed to go back, so that nothing stale stays on an
object. All arrays are of shape ``(batch, units)``; those given as ``out`` receive the result.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


def dense(inputs: Array, weight: Array, bias: Array, out: Array | None = None) -> Array:
    """``inputs @ weight + bias``, with ``weight`` of shape ``(n_inputs, n_units)``."""
    output: Array = np.dot(inputs, weight, out=out)
    output += bias
    return output


def dense_backward(
    grad_output: Array,
    inputs: Array,
    weight: Array,
    grad_weight: Array,
    grad_bias: Array,
    n_wanted: int | None = None,
    out: Array | None = None,
) -> Array:
    """Write the gradients of weight and bias into the arrays given; return that of the inputs, or
    of the first ``n_wanted`` of them, in ``out`` if it is given.
    """
    np.dot(inputs.T, grad_output, out=grad_weight)
    # As a product with ones the sum over the rows takes a fraction of the time.
    np.dot(np.ones(len(grad_output), grad_output.dtype), grad_output, out=grad_bias)
    below: Array = np.dot(grad_output, weight[:n_wanted].T, out=out)
    return below


# An activation turns the units z into their output, in place, and returns the slope of each output
# by its z, None for a slope of 1 everywhere. The slope lies in the array given; without one it is
# not wanted. A backward pass multiplies by the slopes.
Activation = Callable[[Array, "Array | None"], "Array | None"]


def _identity(z: Array, slope: Array | None) -> None:
    return None


def _relu(z: Array, slope: Array | None) -> Array | None:
    if slope is None:
        np.maximum(z, 0, out=z)
        return None
    # The maximum with a number takes four times as long as that with an array.
    slope.fill(0)
    np.maximum(z, slope, out=z)
    return np.greater(z, 0, out=slope)


def _tanh(z: Array, slope: Array | None) -> Array | None:
    np.tanh(z, out=z)
    if slope is not None:
        np.multiply(z, z, out=slope)
        np.subtract(1, slope, out=slope)
    return slope


def _sigmoid(z: Array, out: Array | None) -> Array:
    """``1 / (1 + exp(-z))`` by way of tanh, which NumPy vectorises and which cannot overflow."""
    s: Array = np.multiply(z, 0.5, out=out)
    np.tanh(s, out=s)
    s += 1
    s *= 0.5
    return s


def _logistic(z: Array, slope: Array | None) -> Array | None:
    _sigmoid(z, z)
    if slope is not None:
        np.subtract(1, z, out=slope)
        slope *= z
    return slope


def _silu(z: Array, slope: Array | None) -> Array | None:
    # The logistic s of z is (1 + tanh(z / 2)) / 2, and z s the product of both halves.
    z *= 0.5
    s: Array = np.tanh(z, out=slope)
    s += 1
    z *= s
    if slope is None:
        return None
    s *= 0.5
    # The derivative is s + z s (1 - s).
    rest = np.subtract(1, s)
    rest *= z
    slope += rest
    return slope


ACTIVATIONS: dict[str, Activation] = {
    "identity": _identity,
    "relu": _relu,
    "silu": _silu,
    "tanh": _tanh,
    "logistic": _logistic,
}


def dropout_mask(
    shape: tuple[int, ...], rate: float, rng: np.random.Generator, out: Array | None = None
) -> Array:
    """0 with probability ``rate``, else ``1 / (1 - rate)``: forward and backward multiply by it.

    What is left out is the multiple of ``2**-16`` next to the rate.
    """
    # Sixteen random bits decide as well as a float does, and cost a quarter.
    size = math.prod(shape)
    bits = rng.bit_generator.random_raw(-(-size // 4)).view(np.uint16)[:size].reshape(shape)
    threshold = min(round(rate * 2**16), 2**16 - 1)
    mask: Array = np.multiply(bits >= threshold, np.float32(1 / (1 - rate)), out=out)
    return mask
