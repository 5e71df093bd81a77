"""One step of training: rows of a batch to the loss, parameters moved in place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from ._memory import Buffers
from ._network import Data, Network, Parameters
from ._optimizers import SGD, Adam, RowDecay
from ._touched import Moments, TableRules, TouchedRows

Array = NDArray[np.floating]
Rules = Mapping[str, TableRules]


class Step(Protocol):
    """Moves the parameters of a network."""

    def __call__(
        self, data: Data, learning_rate: float, total_rate: float, rng: np.random.Generator
    ) -> float:
        """Learn from a batch; ``total_rate`` is the sum of the rates of all steps before."""

    def settle(self, total_rate: float) -> None:
        """Bring all parameters up to date, as if no step had left any for later."""


def make_step(
    network: Network,
    parameters: Parameters,
    optimizer: SGD | Adam,
    rules: Rules,
    batch_size: int,
) -> Step:
    """The fastest step there is: for Adam and tables of which no column pools bags of rows."""
    pooled = [stack.pooled for stack in network.stacks]
    if isinstance(optimizer, Adam) and pooled and not any(pooled):
        return FusedStep(network, parameters, optimizer, rules, batch_size)
    return PlainStep(network, parameters, optimizer, rules)


class PlainStep:
    """Look up, gradient, update: each table by itself."""

    def __init__(
        self, network: Network, parameters: Parameters, optimizer: SGD | Adam, rules: Rules
    ) -> None:
        self._network = network
        self._parameters = parameters
        self._optimizer = optimizer
        self._state = optimizer.init(parameters)
        self._decays = {n: RowDecay(r.decay) for n, r in rules.items() if r.decay is not None}
        self._multipliers = {
            n: r.multiplier.astype(np.float32) for n, r in rules.items() if r.multiplier is not None
        }

    def __call__(
        self, data: Data, learning_rate: float, total_rate: float, rng: np.random.Generator
    ) -> float:
        batch = self._network.make_batch(data)
        for stack, rows in zip(self._network.stacks, batch.rows, strict=True):
            if stack.name in self._decays:
                self._decays[stack.name].settle(self._parameters[stack.name], rows, total_rate)
        value, gradients = self._network.value_and_gradient(self._parameters, batch, rng)
        self._optimizer.update(
            self._parameters, gradients, self._state, learning_rate, self._multipliers
        )
        return value

    def settle(self, total_rate: float) -> None:
        for name, decay in self._decays.items():
            decay.settle(self._parameters[name], slice(None), total_rate)


class FusedStep:
    """The step of Adam with all parameters in flat arrays: the dense ones, then the rows of the
    tables that a batch touches.
    """

    def __init__(
        self,
        network: Network,
        parameters: Parameters,
        adam: Adam,
        rules: Rules,
        batch_size: int,
    ) -> None:
        self._network = network
        self._adam = adam
        self._dense = parameters["dense"]
        n_dense = len(self._dense)
        self._rows = TouchedRows(network.stacks, parameters, rules, batch_size, n_dense)
        self._moments = Moments.of_zeros(self._rows.size, self._dense.dtype)
        self._rows.lay_out(self._moments)
        self._flat = network.dense.flat(self._moments.values[:n_dense])
        self._flat_gradient = network.dense.flat(self._moments.gradient[:n_dense])
        self._flat.array[...] = self._dense
        self._buffers = Buffers()
        self._n_steps = 0

    def __call__(
        self, data: Data, learning_rate: float, total_rate: float, rng: np.random.Generator
    ) -> float:
        codes = cast("tuple[NDArray[np.integer], ...]", data.codes)
        vectors = self._rows.look_up(codes, total_rate)
        n_inputs = len(self._flat.layers[0][0])
        inputs = self._buffers.get("inputs", (len(data), n_inputs), self._dense.dtype)
        np.concatenate([*vectors, data.numeric], axis=1, out=inputs)
        value, gradient = self._network.propagate(
            self._flat, self._flat_gradient, inputs, data, rng, self._buffers
        )
        stop = self._rows.sum_gradient(gradient)
        self._n_steps += 1
        moved = self._moments.part(0, stop)
        self._adam.move(*moved, learning_rate, self._n_steps, self._rows.factors(stop))
        self._rows.take_back()
        return value

    def settle(self, total_rate: float) -> None:
        self._rows.settle(total_rate)
        self._dense[...] = self._flat.array
