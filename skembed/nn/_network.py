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

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._architecture import Architecture, Parameters, Places
from ._bags import Bags
from ._dense_layers import DenseLayers, Flat
from ._initializers import normal
from ._losses import Loss
from ._memory import Buffers, NewArrays
from ._optimizers import Gradient
from ._record import Record
from ._row_gradient import RowGradient
from ._rows import distinct_rows, lookup, sum_by_row

Array = NDArray[np.floating]

# Vectors start small beside standardised numeric inputs.
_TABLE_SCALE = 0.1


class Data(Record):
    """Rows to learn from: codes per stack ``(n, n_columns)``, numeric block, target, weight."""

    codes: tuple[Places, ...]
    numeric: Array
    y: NDArray
    weight: Array | None

    def __init__(
        self, codes: tuple[Places, ...], numeric: Array, y: NDArray, weight: Array | None = None
    ) -> None:
        # One is made at each step: this takes a third of the time that the way of all records does.
        self.__dict__.update(codes=codes, numeric=numeric, y=y, weight=weight)

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


def _look_up(table: Array, places: Places) -> Array:
    """The vector of every column in every row, ``(n * n_columns, width)``."""
    return places.pool(table) if isinstance(places, Bags) else lookup(table, places.ravel())


def _sum_back(places: Places, values: Array, n_rows: int) -> Array:
    """The gradient of the rows from that of what :func:`_look_up` gives."""
    if isinstance(places, Bags):
        return places.sum_by_row(values, n_rows)
    return sum_by_row(places, values, n_rows)


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
        self.stacks = architecture.stacks()
        self.dense = DenseLayers(
            architecture.layer_shapes(),
            sum(stack.width * len(stack.columns) for stack in self.stacks),
            architecture.activation,
            architecture.dropout,
            alpha,
        )
        self._scratch = [np.empty(stack.n_rows, dtype=np.intp) for stack in self.stacks]

    def initial_parameters(
        self, rng: np.random.Generator, baseline: Array, dtype: type = np.float32
    ) -> Parameters:
        """Random start, with the output bias at ``baseline`` of shape ``(n_outputs,)``."""
        parameters = {
            stack.name: normal((stack.n_rows, stack.width), rng, dtype, scale=_TABLE_SCALE)
            for stack in self.stacks
        }
        parameters["dense"] = self.dense.initial(rng, baseline, dtype)
        return parameters

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
        flat = self.dense.flat(parameters["dense"])
        return self.dense.predict(flat, self.inputs(parameters, data))

    def input_gradients(
        self,
        parameters: Mapping[str, Array],
        data: Data,
        buffers: Buffers | None = None,
        to: Array | None = None,
    ) -> tuple[Array, list[Array]]:
        """Raw prediction, and the gradient of each output by the vectors in the first layer's
        input, in ``buffers`` if given, times ``to`` if given, ``(n_wanted, n_vector_inputs)``.
        """
        flat, buffers = self.dense.flat(parameters["dense"]), buffers or NewArrays()
        raw, saved = self.dense.forward(flat, self.inputs(parameters, data), None, buffers)
        first = None if to is None else to @ flat.layers[0][0][: self.dense.n_wanted]
        outputs = range(raw.shape[1])
        return raw, [self.dense.slopes_of_inputs(flat, saved, k, buffers, first) for k in outputs]

    def value_and_gradient(
        self,
        parameters: Mapping[str, Array],
        batch: Batch,
        rng: np.random.Generator | None = None,
    ) -> tuple[float, dict[str, Gradient]]:
        """Loss of a batch and its gradient; ``rng`` draws the dropout, None switches it off."""
        flat = self.dense.flat(parameters["dense"])
        flat_gradient = self.dense.flat(np.empty_like(flat.array))
        inputs, buffers = self.inputs(parameters, batch.data), NewArrays()
        value, gradient = self.propagate(flat, flat_gradient, inputs, batch.data, rng, buffers)
        value += self.dense.add_penalty(flat, flat_gradient, len(inputs), buffers)
        gradients: dict[str, Gradient] = {"dense": flat_gradient.array}
        start = 0
        for stack, rows, places in zip(self.stacks, batch.rows, batch.places, strict=True):
            stop = start + stack.width * len(stack.columns)
            values = gradient[:, start:stop].reshape(-1, stack.width)
            gradients[stack.name] = RowGradient(rows, _sum_back(places, values, len(rows)))
            start = stop
        return value, gradients

    def propagate(
        self,
        flat: Flat,
        flat_gradient: Flat,
        inputs: Array,
        data: Data,
        rng: np.random.Generator | None,
        buffers: Buffers,
        share: float = 1.0,
        out: Array | None = None,
    ) -> tuple[float, Array]:
        """From the first dense layer's input to the loss and back.

        Parameters
        ----------
        flat, flat_gradient : Flat
            The dense parameters, and where their gradient is written.
        inputs : ndarray of shape (n, n_inputs)
            The input for the rows of ``data``.
        data : Data
            What has the target and the weights.
        rng : Generator or None
            Draws the dropout; None switches it off.
        buffers : Buffers
            Where results lie.
        share : float, default=1.0
            Which part of a batch these rows are; the loss and the gradients are those of the whole.
        out : ndarray of shape (n, n_vector_inputs), optional
            Where the gradient of the vectors is written.

        Returns
        -------
        value : float
            The loss without the penalty.
        gradient : ndarray of shape (n, n_vector_inputs)
            That of the vectors in ``inputs``.
        """
        raw, saved = self.dense.forward(flat, inputs, rng, buffers)
        value, gradient = self.loss(raw, data.y, data.weight)
        gradient = gradient.astype(raw.dtype, copy=False)
        if share != 1:
            gradient *= share
        gradient = self.dense.backward(flat, flat_gradient, saved, gradient, buffers, out)
        return value * share, gradient
