"""The dense layers above the vectors: forward, backward and penalty, on one flat array."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._initializers import he_normal
from ._layers import ACTIVATIONS, dense, dense_backward, dropout_mask
from ._memory import Buffers

Array = NDArray[np.floating]

# The output layer starts near its bias.
_OUTPUT_SCALE = 0.1


class Flat(NamedTuple):
    """The weights and biases of all layers, or their gradients, in one array, which an optimiser
    passes over once.

    Attributes
    ----------
    array : ndarray of shape (size,)
    layers : list of (ndarray of shape (n_inputs, n_units), ndarray of shape (n_units,))
        Weight and bias of each layer, as views into it.
    """

    array: Array
    layers: list[tuple[Array, Array]]


# Per layer: its input, and the slope of that input by the units below (None: 1 everywhere).
Saved = list[tuple[Array, "Array | None"]]


class DenseLayers:
    """``[dense, activation, dropout] ... -> dense``.

    Parameters
    ----------
    shapes : tuple of (int, int)
        Inputs and units of each layer.
    n_wanted : int
        How many of the first layer's inputs need a gradient, from the first on.
    activation : str
        Activation of the hidden layers.
    dropout : float
        Share of the hidden units left out in a training step.
    alpha : float
        L2 penalty of the weights, divided by the batch size.
    """

    def __init__(
        self,
        shapes: tuple[tuple[int, int], ...],
        n_wanted: int,
        activation: str,
        dropout: float,
        alpha: float,
    ) -> None:
        self._shapes = shapes
        self.n_wanted = n_wanted
        self._activation = ACTIVATIONS[activation]
        self._dropout = dropout
        self.size = sum((n_inputs + 1) * n_units for n_inputs, n_units in shapes)
        self._strength: Array | None = None
        if alpha:
            # That of the penalty, 0 for the biases.
            self._strength = np.zeros(self.size, dtype=np.float32)
            for weight, _ in self.flat(self._strength).layers:
                weight[...] = alpha

    def flat(self, array: Array) -> Flat:
        """The layers as views into a flat array."""
        views, start = [], 0
        for n_inputs, n_units in self._shapes:
            middle = start + n_inputs * n_units
            weight = array[start:middle].reshape(n_inputs, n_units)
            start = middle + n_units
            views.append((weight, array[middle:start]))
        return Flat(array, views)

    def initial(self, rng: np.random.Generator, baseline: Array, dtype: type) -> Array:
        """A random start, with the output bias at ``baseline`` of shape ``(n_outputs,)``."""
        array: Array = np.zeros(self.size, dtype=dtype)
        layers = self.flat(array).layers
        for weight, _ in layers:
            weight[...] = he_normal(weight.shape, rng, dtype)
        layers[-1][0][...] *= _OUTPUT_SCALE
        layers[-1][1][...] = baseline
        return array

    def predict(self, flat: Flat, inputs: Array) -> Array:
        """Raw predictions ``(n, n_outputs)``, without dropout."""
        *hidden, output = flat.layers
        for layer in hidden:
            inputs = dense(inputs, *layer)
            self._activation(inputs, None)
        return dense(inputs, *output)

    def forward(
        self, flat: Flat, inputs: Array, rng: np.random.Generator | None, buffers: Buffers
    ) -> tuple[Array, Saved]:
        """Raw predictions, and what :meth:`backward` needs; ``rng`` draws the dropout."""
        saved: Saved = [(inputs, None)]
        dtype = flat.array.dtype
        *hidden, output = flat.layers
        for k, (weight, bias) in enumerate(hidden):
            shape = len(inputs), len(bias)
            units = dense(inputs, weight, bias, out=buffers.get(("units", k), shape, dtype))
            slope = self._activation(units, buffers.get(("slope", k), shape, dtype))
            if rng is not None and self._dropout:
                mask = buffers.get(("mask", k), shape, np.float32)
                dropout_mask(shape, self._dropout, rng, out=mask)
                units *= mask
                slope = mask if slope is None else np.multiply(slope, mask, out=slope)
            saved.append((units, slope))
            inputs = units
        return dense(inputs, *output), saved

    def backward(
        self,
        flat: Flat,
        flat_gradient: Flat,
        saved: Saved,
        gradient: Array,
        buffers: Buffers,
        out: Array | None = None,
    ) -> Array:
        """Write the gradients of the layers; return that of the first layer's wanted inputs, in
        ``out`` if it is given.
        """
        for k in reversed(range(len(saved))):
            (inputs, slope), (weight, _) = saved[k], flat.layers[k]
            n_wanted = len(weight) if k else self.n_wanted
            below = out
            if k or out is None:
                below = buffers.get(("below", k), (len(gradient), n_wanted), weight.dtype)
            gradient = dense_backward(
                gradient, inputs, weight, *flat_gradient.layers[k], n_wanted, below
            )
            if slope is not None:
                gradient *= slope
        return gradient

    def slopes_of_inputs(
        self, flat: Flat, saved: Saved, output: int, buffers: Buffers, first: Array | None = None
    ) -> Array:
        """The gradient of an output by the first layer's wanted inputs, ``(n, n_wanted)``.

        ``first``, ``(n_coordinates, n_units)``, is the first layer's weight by other coordinates,
        which the gradient is then by.
        """
        first = flat.layers[0][0][: self.n_wanted] if first is None else first
        n = len(saved[0][0])
        if len(saved) == 1:
            return np.broadcast_to(first[:, output], (n, len(first)))
        # The output's weight joins that of the layer below it: fewer numbers than there are rows.
        *weights, last = first, *(weight for weight, _ in flat.layers[1:-1])
        weights.append(last * flat.layers[-1][0][:, output])
        units, slope = saved[-1]
        gradient = np.ones_like(units) if slope is None else slope
        for k in reversed(range(len(weights))):
            below = buffers.get(("by input", k, output), (n, len(weights[k])), last.dtype)
            # A narrow product takes twice the time with a transposed factor.
            gradient = np.dot(gradient, np.ascontiguousarray(weights[k].T), out=below)
            if k and (slope := saved[k][1]) is not None:
                gradient *= slope
        return gradient

    def add_penalty(self, flat: Flat, flat_gradient: Flat, n_rows: int, buffers: Buffers) -> float:
        """Add the gradient of the L2 penalty in place; return its value."""
        if self._strength is None:
            return 0.0
        pull = buffers.get("penalty", flat.array.shape, flat.array.dtype)
        np.multiply(flat.array, self._strength, out=pull)
        pull *= 1 / n_rows
        np.add(flat_gradient.array, pull, out=flat_gradient.array)
        return 0.5 * float(np.vdot(pull, flat.array))
