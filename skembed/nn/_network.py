"""The network: tables, dense layers and a loss as one function of flat parameters.

    codes -> rows of the tables --+
                                  +--> [dense, activation, dropout] ... -> dense -> raw prediction
                                  -> loss
    numeric block ----------------+

Parameters are a flat dict. All weights and biases lie in one array, ``"dense"``, so that an
optimiser passes over them once; tables of one width lie below each other in one array,
``"table_<width>"``, so that one lookup, one gradient and one update serve any number of columns.
Tables of which a column pools bags of rows lie apart, in ``"bags_<width>"``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._bags import NO_BAGS, Bags, bags_of_one, join_bags
from ._initializers import he_normal, normal
from ._layers import ACTIVATIONS, dense, dense_backward, dropout_mask
from ._losses import Loss
from ._optimizers import Gradient
from ._rows import RowGradient, distinct_rows, lookup, sum_by_row

Array = NDArray[np.floating]
# Rows of the tables of one width, one for each column of a row or a bag of them.
Places = NDArray[np.integer] | Bags
Parameters = dict[str, Array]

# Vectors start small beside standardised numeric inputs; the output layer starts near its bias.
_TABLE_SCALE = 0.1
_OUTPUT_SCALE = 0.1


class Stack(NamedTuple):
    """All tables of one width, pooled or not, below each other in one array."""

    name: str
    width: int
    tables: tuple[int, ...]
    offsets: tuple[int, ...]  # first row of each table
    columns: tuple[int, ...]
    n_rows: int
    pooled: bool


@dataclass(frozen=True)
class Architecture:
    """Sizes of a network.

    Parameters
    ----------
    n_codes : tuple of int
        Rows of each table.
    embedding_dims : tuple of int
        Width of each table.
    columns : tuple of int
        The table of each categorical column.
    n_numeric : int
        Columns of the numeric block.
    hidden_layer_sizes : tuple of int
        Units of the hidden layers.
    n_outputs : int
        Raw predictions per row.
    activation : str, default="silu"
        Activation of the hidden layers.
    dropout : float, default=0.0
        Share of hidden units left out in a training step.
    pooled : tuple of int, default=()
        The tables of which a column pools bags of rows.
    """

    n_codes: tuple[int, ...]
    embedding_dims: tuple[int, ...]
    columns: tuple[int, ...]
    n_numeric: int
    hidden_layer_sizes: tuple[int, ...]
    n_outputs: int
    activation: str = "silu"
    dropout: float = 0.0
    pooled: tuple[int, ...] = ()

    def stacks(self) -> tuple[Stack, ...]:
        """The tables gathered by width; tables of width 0 take no part."""
        stacks = []
        kinds = [(dim, t in self.pooled) for t, dim in enumerate(self.embedding_dims)]
        for width, pooled in sorted(kind for kind in set(kinds) if kind[0]):
            tables = tuple(t for t, kind in enumerate(kinds) if kind == (width, pooled))
            ends = np.cumsum([self.n_codes[t] for t in tables]).tolist()
            columns = tuple(j for j, t in enumerate(self.columns) if t in tables)
            name = f"bags_{width}" if pooled else f"table_{width}"
            stacks.append(Stack(name, width, tables, (0, *ends[:-1]), columns, ends[-1], pooled))
        return tuple(stacks)

    def input_slices(self) -> list[slice]:
        """Where the vector of each categorical column lies in the first dense layer's input."""
        slices, start = [slice(0)] * len(self.columns), 0
        for stack in self.stacks():
            for j in stack.columns:
                slices[j] = slice(start, start + stack.width)
                start += stack.width
        return slices

    def layer_shapes(self) -> tuple[tuple[int, int], ...]:
        """Shape of each dense layer's weight."""
        n_inputs = sum(self.embedding_dims[t] for t in self.columns) + self.n_numeric
        sizes = (n_inputs, *self.hidden_layer_sizes, self.n_outputs)
        return tuple(pairwise(sizes))


@dataclass(frozen=True)
class Data:
    """Rows to learn from: codes per stack ``(n, n_columns)``, numeric block, target, weight."""

    codes: tuple[Places, ...]
    numeric: Array
    y: NDArray
    weight: Array | None = None

    def __len__(self) -> int:
        return len(self.numeric)

    def take(self, rows: NDArray[np.integer] | slice) -> Data:
        """Some rows, in the order given."""
        weight = None if self.weight is None else self.weight[rows]
        return Data(tuple(c[rows] for c in self.codes), self.numeric[rows], self.y[rows], weight)


class Batch(NamedTuple):
    """Rows of one step, the distinct table rows they touch and each code's place among these."""

    data: Data
    rows: tuple[NDArray[np.intp], ...]
    places: tuple[Places, ...]


def place_codes(
    architecture: Architecture, codes: NDArray[np.integer], bags: Mapping[int, Bags] = NO_BAGS
) -> tuple[Places, ...]:
    """Codes ``(n, n_columns)``, with the bags of some columns, as rows of the stacks."""
    placed: list[Places] = []
    for stack in architecture.stacks():
        starts = dict(zip(stack.tables, stack.offsets, strict=True))
        offsets = [starts[architecture.columns[j]] for j in stack.columns]
        if stack.pooled:
            parts = [
                bags[j][codes[:, j]] if j in bags else bags_of_one(codes[:, j])
                for j in stack.columns
            ]
            placed.append(join_bags(parts, offsets))
        else:
            rows = codes[:, stack.columns] + np.asarray(offsets, dtype=np.int32)
            placed.append(rows.astype(np.int32, copy=False))
    return tuple(placed)


def map_places(function: Callable[[NDArray[np.integer]], NDArray[Any]], places: Places) -> Places:
    """Other rows in place of these, in the same bags if there are any."""
    if isinstance(places, Bags):
        return places.with_indices(function(places.indices))
    return function(places)


def _look_up(table: Array, places: Places) -> Array:
    """The vector of every column in every row, ``(n * n_columns, width)``."""
    return places.pool(table) if isinstance(places, Bags) else lookup(table, places.ravel())


def _sum_back(places: Places, values: Array, n_rows: int) -> Array:
    """The gradient of the rows from that of what :func:`_look_up` gives."""
    if isinstance(places, Bags):
        return places.sum_by_row(values, n_rows)
    return sum_by_row(places, values, n_rows)


def table_views(architecture: Architecture, parameters: Mapping[str, Array]) -> list[Array]:
    """Each table ``(n_codes, width)`` as a view into its stack."""
    views = [np.empty((n, 0), dtype=np.float32) for n in architecture.n_codes]
    for stack in architecture.stacks():
        for table, start in zip(stack.tables, stack.offsets, strict=True):
            views[table] = parameters[stack.name][start : start + architecture.n_codes[table]]
    return views


class Network:
    """The forward pass, the loss and their gradient for one architecture.

    Parameters
    ----------
    architecture : Architecture
        Sizes.
    loss : Loss
        What is minimised.
    alpha : float, default=0.0
        L2 penalty of the dense weights, divided by the batch size as in scikit-learn's MLP.
    """

    def __init__(self, architecture: Architecture, loss: Loss, alpha: float = 0.0) -> None:
        self.architecture = architecture
        self.loss = loss
        self.alpha = alpha
        self.stacks = architecture.stacks()
        self._activation = ACTIVATIONS[architecture.activation]
        self._shapes = architecture.layer_shapes()
        self._n_vector_inputs = sum(stack.width * len(stack.columns) for stack in self.stacks)
        self._scratch = [np.empty(stack.n_rows, dtype=np.intp) for stack in self.stacks]

    def initial_parameters(
        self, rng: np.random.Generator, baseline: Array, dtype: type = np.float32
    ) -> Parameters:
        """Random start, with the output bias at ``baseline`` of shape ``(n_outputs,)``."""
        parameters = {
            stack.name: normal((stack.n_rows, stack.width), rng, dtype, scale=_TABLE_SCALE)
            for stack in self.stacks
        }
        size = sum((n_inputs + 1) * n_units for n_inputs, n_units in self._shapes)
        parameters["dense"] = np.zeros(size, dtype=dtype)
        layers = self.layers(parameters["dense"])
        for weight, _ in layers:
            weight[...] = he_normal(weight.shape, rng, dtype)
        layers[-1][0][...] *= _OUTPUT_SCALE
        layers[-1][1][...] = baseline
        return parameters

    def layers(self, flat: Array) -> list[tuple[Array, Array]]:
        """Weight and bias of each dense layer as views into the flat array."""
        views, start = [], 0
        for n_inputs, n_units in self._shapes:
            middle = start + n_inputs * n_units
            weight = flat[start:middle].reshape(n_inputs, n_units)
            start = middle + n_units
            views.append((weight, flat[middle:start]))
        return views

    def make_batch(self, data: Data) -> Batch:
        """Find the table rows that the rows of ``data`` touch."""
        touched, places = [], []
        for codes, scratch in zip(data.codes, self._scratch, strict=True):
            indices = codes.indices if isinstance(codes, Bags) else codes.ravel()
            rows, own = distinct_rows(indices, scratch)
            touched.append(rows)
            places.append(codes.with_indices(own) if isinstance(codes, Bags) else own)
        return Batch(data, tuple(touched), tuple(places))

    def inputs(self, parameters: Mapping[str, Array], data: Data) -> Array:
        """The first dense layer's input: vectors of all columns, then the numeric block."""
        n = len(data)
        blocks = [
            _look_up(parameters[stack.name], codes).reshape(n, -1)
            for stack, codes in zip(self.stacks, data.codes, strict=True)
        ]
        return np.concatenate([*blocks, data.numeric], axis=1)

    def raw_prediction(self, parameters: Mapping[str, Array], data: Data) -> Array:
        """Raw predictions ``(n, n_outputs)``, without dropout."""
        return self._forward(parameters, self.inputs(parameters, data), None)[0]

    def _forward(
        self, parameters: Mapping[str, Array], inputs: Array, rng: np.random.Generator | None
    ) -> tuple[Array, list[tuple[Array, Array, Array | None]]]:
        """Raw prediction, and per hidden layer what its backward needs: input, activation, mask."""
        *hidden, output = self.layers(parameters["dense"])
        saved: list[tuple[Array, Array, Array | None]] = []
        for weight, bias in hidden:
            units, kept = self._activation.forward(dense(inputs, weight, bias))
            mask = None
            if rng is not None and self.architecture.dropout:
                mask = dropout_mask(units.shape, self.architecture.dropout, rng)
                units = units * mask
            saved.append((inputs, kept, mask))
            inputs = units
        saved.append((inputs, inputs, None))
        return dense(inputs, *output), saved

    def _backward(
        self,
        parameters: Mapping[str, Array],
        saved: list[tuple[Array, Array, Array | None]],
        gradient: Array,
    ) -> tuple[Array, Array]:
        """Gradients of the flat dense array and of the vectors in the first layer's input."""
        flat = np.empty_like(parameters["dense"])
        layers = self.layers(parameters["dense"])
        slots = self.layers(flat)
        for k in reversed(range(len(layers))):
            inputs, kept, mask = saved[k]
            if k < len(layers) - 1:
                if mask is not None:
                    gradient = gradient * mask
                gradient = self._activation.backward(gradient, kept)
            n_wanted = self._n_vector_inputs if k == 0 else None
            gradient = dense_backward(gradient, inputs, layers[k][0], *slots[k], n_wanted)
        return flat, gradient

    def input_gradients(
        self, parameters: Mapping[str, Array], data: Data
    ) -> tuple[Array, list[Array]]:
        """Raw prediction, and the gradient of each output by the vectors in the first layer's
        input, ``(n, n_vector_inputs)``.
        """
        raw, saved = self._forward(parameters, self.inputs(parameters, data), None)
        gradients = []
        for output in range(raw.shape[1]):
            one = np.zeros_like(raw)
            one[:, output] = 1
            gradients.append(self._backward(parameters, saved, one)[1])
        return raw, gradients

    def value_and_gradient(
        self,
        parameters: Mapping[str, Array],
        batch: Batch,
        rng: np.random.Generator | None = None,
    ) -> tuple[float, dict[str, Gradient]]:
        """Loss of a batch and its gradient; ``rng`` draws the dropout, None switches it off."""
        data = batch.data
        raw, saved = self._forward(parameters, self.inputs(parameters, data), rng)
        value, gradient = self.loss(raw, data.y, data.weight)
        flat, gradient = self._backward(parameters, saved, gradient)
        if self.alpha:
            value += self._add_penalty(parameters["dense"], flat, len(raw))
        gradients: dict[str, Gradient] = {"dense": flat}
        start = 0
        for stack, rows, places in zip(self.stacks, batch.rows, batch.places, strict=True):
            stop = start + stack.width * len(stack.columns)
            values = gradient[:, start:stop].reshape(-1, stack.width)
            gradients[stack.name] = RowGradient(rows, _sum_back(places, values, len(rows)))
            start = stop
        return value, gradients

    def _add_penalty(self, flat: Array, gradient: Array, n_rows: int) -> float:
        """Add the gradient of the L2 penalty in place; return its value."""
        total, strength = 0.0, self.alpha / n_rows
        pairs = zip(self.layers(flat), self.layers(gradient), strict=True)
        for (weight, _), (grad_weight, _) in pairs:
            total += float(np.vdot(weight, weight))
            grad_weight += weight.dtype.type(strength) * weight
        return 0.5 * strength * total
