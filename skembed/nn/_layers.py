"""Dense layer, activations and dropout: forward and backward side by side.

A forward function returns its output and what is needed to go back, so that nothing stale stays on
an object. All arrays are of shape ``(batch, units)``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


def dense(inputs: Array, weight: Array, bias: Array) -> Array:
    """``inputs @ weight + bias``, with ``weight`` of shape ``(n_inputs, n_units)``."""
    output = inputs @ weight
    output += bias
    return output


def dense_backward(
    grad_output: Array,
    inputs: Array,
    weight: Array,
    grad_weight: Array,
    grad_bias: Array,
    n_wanted: int | None = None,
) -> Array:
    """Write the gradients of weight and bias into the arrays given; return that of the inputs, or
    of the first ``n_wanted`` of them.
    """
    np.matmul(inputs.T, grad_output, out=grad_weight)
    np.sum(grad_output, axis=0, out=grad_bias)
    return grad_output @ weight[:n_wanted].T


class Activation(NamedTuple):
    """``forward(z) -> (output, saved)`` and ``backward(grad_output, saved) -> grad_z``."""

    forward: Callable[[Array], tuple[Array, Array]]
    backward: Callable[[Array, Array], Array]


def _identity(z: Array) -> tuple[Array, Array]:
    return z, z


def _identity_backward(grad: Array, z: Array) -> Array:
    return grad


def _relu(z: Array) -> tuple[Array, Array]:
    output = np.maximum(z, 0)
    return output, output


def _relu_backward(grad: Array, output: Array) -> Array:
    return grad * (output > 0)


def _tanh(z: Array) -> tuple[Array, Array]:
    output = np.tanh(z)
    return output, output


def _tanh_backward(grad: Array, output: Array) -> Array:
    return grad * (1 - output * output)


def _sigmoid(z: Array) -> Array:
    """``1 / (1 + exp(-z))`` by way of tanh, which NumPy vectorises and which cannot overflow."""
    s = np.tanh(0.5 * z)
    s += 1
    s *= 0.5
    return s


def _logistic(z: Array) -> tuple[Array, Array]:
    output = _sigmoid(z)
    return output, output


def _logistic_backward(grad: Array, output: Array) -> Array:
    return grad * (output * (1 - output))


def _silu(z: Array) -> tuple[Array, Array]:
    # The derivative, s + z s (1 - s) with s the logistic of z, costs least where s is at hand.
    s = _sigmoid(z)
    output = z * s
    slope = output * (1 - s)
    slope += s
    return output, slope


def _silu_backward(grad: Array, slope: Array) -> Array:
    return grad * slope


ACTIVATIONS = {
    "identity": Activation(_identity, _identity_backward),
    "relu": Activation(_relu, _relu_backward),
    "silu": Activation(_silu, _silu_backward),
    "tanh": Activation(_tanh, _tanh_backward),
    "logistic": Activation(_logistic, _logistic_backward),
}


def dropout_mask(shape: tuple[int, ...], rate: float, rng: np.random.Generator) -> Array:
    """0 with probability ``rate``, else ``1 / (1 - rate)``: forward and backward multiply by it.

    What is left out is the multiple of ``2**-16`` next to the rate.
    """
    # Sixteen random bits decide as well as a float does, and cost a quarter.
    size = math.prod(shape)
    bits = rng.bit_generator.random_raw(-(-size // 4)).view(np.uint16)[:size].reshape(shape)
    threshold = min(round(rate * 2**16), 2**16 - 1)
    return (bits >= threshold) * np.float32(1 / (1 - rate))
