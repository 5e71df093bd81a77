"""All rows of all tables in flat arrays: the fast path of training for small tables.

What a batch does not touch has to rest, with its running sums. Where tables are not much larger
than a batch, passes over all of their numbers take less time than finding the distinct rows of the
batch, bringing them together and taking them back, as ``_touched.py`` does for large tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ._architecture import Stack
from ._optimizers import Adam
from ._rooms import Rooms
from ._touched import TableRules, joined

Array = NDArray[np.floating]


class AllRows(Rooms):
    """Gives the vectors of a batch, adds up their gradient and moves the rows that it touches.

    Parameters
    ----------
    stacks : sequence of Stack
        The tables; none is pooled.
    parameters : dict of arrays
        Holds the array of each stack, which is changed in place when rows are settled.
    rules : dict of TableRules
        By the name of the stack.
    """

    def __init__(
        self,
        stacks: Sequence[Stack],
        parameters: Mapping[str, Array],
        rules: Mapping[str, TableRules],
    ) -> None:
        dense = parameters["dense"]
        n_rows = [stack.n_rows for stack in stacks]
        super().__init__(stacks, n_rows, len(dense), dense.dtype)
        self._tables = [parameters[stack.name] for stack in stacks]
        for room, table in zip(self._rooms, self._tables, strict=True):
            room.values[...] = table
        # Of each number in the rooms: its row, counted over all stacks.
        widths = np.repeat([stack.width for stack in stacks], n_rows)
        self._row_of_number = np.repeat(np.arange(len(widths)), widths)
        self._touched = np.empty(len(widths), dense.dtype)
        ends = np.cumsum(n_rows)[:-1]
        self._touched_parts = np.split(self._touched, ends)
        decay = joined(stacks, {name: rule.decay for name, rule in rules.items()}, 0)
        multiplier = joined(stacks, {name: rule.multiplier for name, rule in rules.items()}, 1)
        self._decay = self._of_numbers(decay)
        self._multiplier = self._of_numbers(multiplier)
        self._settled = 0.0

    def _of_numbers(self, of_rows: Array | None) -> Array | None:
        if of_rows is None:
            return None
        return of_rows.astype(self.moments.values.dtype)[self._row_of_number]

    def look_up(self, codes: Sequence[NDArray[np.integer]], total_rate: float) -> list[Array]:
        """The vectors of a batch side by side, in one array or in one for each stack.

        ``codes`` are rows of each stack, ``(n, n_columns)``; ``total_rate`` is the sum of all
        learning rates so far, up to which all rows decay first.
        """
        self._decay_to(total_rate)
        places = [own.reshape(-1).astype(np.intp, copy=False) for own in codes]
        self._touched.fill(0)
        for part, own in zip(self._touched_parts, places, strict=True):
            part[own] = 1
        return self._vectors(places, len(codes[0]))

    def move(self, adam: Adam, learning_rate: float, n_steps: int) -> None:
        """Move the rows looked up last, and the numbers before them, against their gradient."""
        adam.move(*self.moments.part(0, self.start), learning_rate, n_steps)
        numbers = self.moments.part(self.start)
        moving = self._buffers.get("moving", numbers.values.shape, numbers.values.dtype)
        self._touched.take(self._row_of_number, out=moving, mode="clip")
        adam.move(*numbers, learning_rate, n_steps, self._multiplier, moving)

    def settle(self, total_rate: float) -> None:
        """Decay all rows up to ``total_rate``, and write the tables."""
        self._decay_to(total_rate)
        for room, table in zip(self._rooms, self._tables, strict=True):
            table[...] = room.values

    def _decay_to(self, total_rate: float) -> None:
        """See :class:`~._optimizers.RowDecay`; here no row is left for later."""
        if self._decay is None or total_rate == self._settled:
            return
        values = self.moments.values[self.start :]
        factors = self._buffers.get("factors", values.shape, values.dtype)
        np.multiply(self._decay, self._settled - total_rate, out=factors)
        np.exp(factors, out=factors)
        values *= factors
        self._settled = total_rate
