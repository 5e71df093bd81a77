"""One step of training: rows of a batch to the loss, parameters moved in place."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from ._adam_step import move_adam
from ._architecture import Parameters
from ._memory import Buffers
from ._network import Data, Network
from ._optimizers import SGD, Adam, State
from ._parallel import Pair
from ._schedules import RowDecay
from ._touched import Moments, TableRules, TouchedRows

Array = NDArray[np.floating]
Rules = Mapping[str, TableRules]
# The state of the optimiser that trains, under its text: serializers know no other keys.
Memory = dict[str, State]


# Rows of a batch times dense parameters from which on halves of it take long enough (about 1 ms)
# that running them at the same time gains more than it costs.
_LARGE = 2**24


class Step(Protocol):
    """Moves the parameters of a network."""

    def __call__(
        self, data: Data, learning_rate: float, total_rate: float, rng: np.random.Generator
    ) -> float:
        """Learn from a batch; ``total_rate`` is the sum of the rates of all steps before."""

    def settle(self, total_rate: float) -> None:
        """Bring all parameters up to date, as if no step had left any for later."""

    def close(self) -> None:
        """End what runs beside."""


def make_step(
    network: Network,
    parameters: Parameters,
    optimizer: SGD | Adam,
    rules: Rules,
    batch_size: int,
    memory: Memory | None = None,
) -> Step:
    """The fastest step there is: for Adam and tables of which no column pools bags of rows.

    With a ``memory`` the plain one, which keeps there what the next training goes on from.
    """
    if memory is not None:
        return PlainStep(
            network, parameters, optimizer, rules, _recall(memory, optimizer, parameters)
        )
    pooled = [stack.pooled for stack in network.stacks]
    if isinstance(optimizer, Adam) and pooled and not any(pooled):
        return FusedStep(network, parameters, optimizer, rules, batch_size)
    return PlainStep(network, parameters, optimizer, rules)


def _recall(memory: Memory, optimizer: SGD | Adam, parameters: Parameters) -> State:
    """The state to start from; that of another optimiser is of no use and forgotten."""
    key = repr(optimizer)
    if key not in memory:
        memory.clear()
        memory[key] = optimizer.init(parameters)
    return memory[key]


class PlainStep:
    """Look up, gradient, update: each table by itself."""

    def __init__(
        self,
        network: Network,
        parameters: Parameters,
        optimizer: SGD | Adam,
        rules: Rules,
        state: State | None = None,
    ) -> None:
        self._network = network
        self._parameters = parameters
        self._optimizer = optimizer
        self._state = optimizer.init(parameters) if state is None else state
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

    def close(self) -> None:
        pass


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
        self._flat.array[...] = self._dense
        # The two halves of a large batch have each their own gradient of the dense parameters.
        in_halves = batch_size * n_dense >= _LARGE
        self._flat_gradients = [network.dense.flat(self._moments.gradient[:n_dense])]
        if in_halves:
            self._flat_gradients.append(network.dense.flat(np.zeros_like(self._dense)))
        self._pair = Pair() if in_halves else None
        self._rngs: list[np.random.Generator] = []
        self._buffers = [Buffers(), Buffers()]
        self._n_steps = 0

    def __call__(
        self, data: Data, learning_rate: float, total_rate: float, rng: np.random.Generator
    ) -> float:
        codes = cast("tuple[NDArray[np.integer], ...]", data.codes)
        vectors = self._rows.look_up(codes, total_rate)
        n_rows, n_inputs = len(data), len(self._flat.layers[0][0])
        inputs = self._buffers[0].get("inputs", (n_rows, n_inputs), self._dense.dtype)
        np.concatenate([*vectors, data.numeric], axis=1, out=inputs)
        value, gradient = self._propagate(inputs, data, rng)
        flat_gradient = self._flat_gradients[0]
        value += self._network.dense.add_penalty(
            self._flat, flat_gradient, n_rows, self._buffers[0]
        )
        stop = self._rows.sum_gradient(gradient)
        self._n_steps += 1
        self._move(learning_rate, stop)
        self._rows.take_back()
        return value

    def _propagate(
        self, inputs: Array, data: Data, rng: np.random.Generator
    ) -> tuple[float, Array]:
        """Through the dense layers and back.

        A large batch goes in two halves, at the same time where that is possible. It goes in halves
        in any case: sums of other parts would have other bits.
        """
        if self._pair is None or len(data) < 2:
            return self._network.propagate(
                self._flat, self._flat_gradients[0], inputs, data, rng, self._buffers[0]
            )
        if not self._rngs:
            self._rngs = rng.spawn(2)
        shape = len(data), self._network.dense.n_wanted
        gradient = self._buffers[0].get("vectors", shape, self._dense.dtype)

        def half(number: int, part: slice) -> float:
            own = data.take(part)
            # What the caller ignores, a thread of its own has to ignore anew.
            with np.errstate(over="ignore", invalid="ignore"):
                return self._network.propagate(
                    self._flat,
                    self._flat_gradients[number],
                    inputs[part],
                    own,
                    self._rngs[number],
                    self._buffers[number],
                    len(own) / len(data),
                    gradient[part],
                )[0]

        middle = len(data) // 2
        values = self._pair(
            partial(half, 0, slice(0, middle)), partial(half, 1, slice(middle, None))
        )
        first, second = (flat.array for flat in self._flat_gradients)
        np.add(first, second, out=first)
        return sum(values), gradient

    def _move(self, learning_rate: float, stop: int) -> None:
        """Move the numbers in the flat arrays up to ``stop``, each by itself."""
        factors = self._rows.factors(stop)

        def move(start: int, stop: int) -> None:
            own = None if factors is None else factors[start:stop]
            with np.errstate(over="ignore", invalid="ignore"):
                moved = self._moments.part(start, stop)
                move_adam(self._adam, *moved, learning_rate, self._n_steps, own)

        if self._pair is None:
            move(0, stop)
        else:
            self._pair(partial(move, 0, stop // 2), partial(move, stop // 2, stop))

    def settle(self, total_rate: float) -> None:
        self._rows.settle(total_rate)
        self._dense[...] = self._flat.array

    def close(self) -> None:
        if self._pair is not None:
            self._pair.close()
