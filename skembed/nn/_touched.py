"""The rows of all tables that a batch touches, brought together in flat arrays.

    tables --> the rows touched, with Adam's running sums, decayed --> vectors of the batch
    tables <-- the same rows, updated                              <-- their gradient, summed by row

This is the fast path of training: one optimiser step passes over the rows of all tables together.
Its plain reference is :class:`~._step.PlainStep`, which looks each table up, decays it and updates
it by itself. Small tables go as a whole, see ``_all_rows.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ._architecture import Stack
from ._optimizers import Adam
from ._record import Record
from ._rooms import Room, Rooms
from ._rows import distinct_rows, lookup, row_items

Array = NDArray[np.floating]
Indices = NDArray[np.intp]


class TableRules(Record):
    """What holds for the rows of one stack of tables.

    Parameters
    ----------
    decay : ndarray of shape (n_rows,) or None
        Decay per unit of learning rate.
    multiplier : ndarray of shape (n_rows,) or None
        Factor of the learning rate; 0 freezes a row.
    """

    decay: Array | None = None
    multiplier: Array | None = None


class _Kept:
    """A table with its running sums, and the room of the rows that a batch touches."""

    def __init__(self, table: Array, room: Room, first_row: int) -> None:
        # Number of the first row, counted over all stacks.
        self.first_row = first_row
        self.kept = [table, np.zeros_like(table), np.zeros_like(table)]
        self.touched = [room.values, room.means, room.squares]
        self._kept_items = [row_items(array) for array in self.kept]
        self._touched_items = [row_items(array) for array in self.touched]

    def bring(self, rows: Indices) -> None:
        """Copy rows of the table into the room."""
        self._rows = rows
        for array, touched in zip(self.kept, self.touched, strict=True):
            lookup(array, rows, out=touched[: len(rows)])

    def take_back(self) -> None:
        """Copy what is in the room to the rows that were brought."""
        for items, touched in zip(self._kept_items, self._touched_items, strict=True):
            items[self._rows] = touched[: len(self._rows)]


class TouchedRows(Rooms):
    """Brings rows together, gives the vectors of a batch, adds up their gradient and moves them.

    Parameters
    ----------
    stacks : sequence of Stack
        The tables; none is pooled.
    parameters : dict of arrays
        Holds the array of each stack, which is changed in place.
    rules : dict of TableRules
        By the name of the stack.
    batch_size : int
        The largest number of rows of a batch.
    """

    def __init__(
        self,
        stacks: Sequence[Stack],
        parameters: Mapping[str, Array],
        rules: Mapping[str, TableRules],
        batch_size: int,
    ) -> None:
        n_touched = [min(stack.n_rows, batch_size * len(stack.columns)) for stack in stacks]
        dense = parameters["dense"]
        super().__init__(stacks, n_touched, len(dense), dense.dtype)
        firsts = np.cumsum([0, *(stack.n_rows for stack in stacks)]).tolist()
        self._n_rows = firsts.pop()
        self._kept = [
            _Kept(parameters[stack.name], room, first)
            for stack, room, first in zip(stacks, self._rooms, firsts, strict=True)
        ]
        self._scratch = np.empty(self._n_rows, dtype=np.intp)
        self._settled = np.zeros(self._n_rows)
        self._decay = joined(stacks, {name: rule.decay for name, rule in rules.items()}, 0)
        multipliers = {name: rule.multiplier for name, rule in rules.items()}
        self._multiplier = joined(stacks, multipliers, 1)

    def look_up(self, codes: Sequence[NDArray[np.integer]], total_rate: float) -> list[Array]:
        """The vectors of a batch side by side, in one array or in one for each stack.

        ``codes`` are rows of each stack, ``(n, n_columns)``; ``total_rate`` is the sum of all
        learning rates so far, up to which the rows decay first.
        """
        flat = self._join(codes)
        rows, at = distinct_rows(flat, self._scratch)
        # Codes are joined stack by stack, and so are the rows that are found in them.
        ends = [int(np.count_nonzero(rows < kept.first_row)) for kept in self._kept[1:]]
        self._rows, self._parts = rows, [slice(*pair) for pair in pairwise([0, *ends, len(rows)])]
        self._n_used = [part.stop - part.start for part in self._parts]
        factors = self._decay_factors(rows, total_rate)
        places: list[Indices] = []
        begin = 0
        for kept, part, own in zip(self._kept, self._parts, codes, strict=True):
            kept.bring(rows[part] - kept.first_row)
            if factors is not None:
                kept.touched[0][: part.stop - part.start] *= factors[part, None]
            places.append(at[begin : begin + own.size] - part.start)
            begin += own.size
        return self._vectors(places, len(codes[0]))

    def move(self, adam: Adam, learning_rate: float, n_steps: int) -> None:
        """Move the rows looked up last, and the numbers before them, against their gradient."""
        stop = self._rooms[-1].start + self._n_used[-1] * self._rooms[-1].width
        moved = self.moments.part(0, stop)
        adam.move(*moved, learning_rate, n_steps, self._factors(stop))
        for kept in self._kept:
            kept.take_back()

    def settle(self, total_rate: float) -> None:
        """Decay all rows up to ``total_rate``."""
        factors = self._decay_factors(np.arange(self._n_rows), total_rate)
        if factors is None:
            return
        for kept in self._kept:
            table = kept.kept[0]
            table *= factors[kept.first_row : kept.first_row + len(table), None]

    def _join(self, codes: Sequence[NDArray[np.integer]]) -> Indices:
        """The codes of all stacks one after the other, as rows counted over all of them."""
        flat = self._buffers.get("codes", (sum(own.size for own in codes),), np.intp)
        begin = 0
        for kept, own in zip(self._kept, codes, strict=True):
            part = flat[begin : begin + own.size]
            np.add(own.reshape(-1), kept.first_row, out=part, dtype=np.intp)
            begin += own.size
        return flat

    def _decay_factors(self, rows: Indices, total_rate: float) -> Array | None:
        """What brings ``rows`` up to date; see :class:`~._optimizers.RowDecay`."""
        if self._decay is None:
            return None
        exponent = self._settled.take(rows)
        exponent -= total_rate
        exponent *= self._decay.take(rows)
        self._settled[rows] = total_rate
        return np.exp(exponent, out=exponent).astype(self.moments.values.dtype)

    def _factors(self, stop: int) -> Array | None:
        """Factor of the learning rate of each number in the flat arrays, up to ``stop``; None where
        all are 1.
        """
        if self._multiplier is None:
            return None
        values = self.moments.values
        factors = self._buffers.get("factors", values.shape, values.dtype)
        factors[: self.start] = 1
        for room, part in zip(self._rooms, self._parts, strict=True):
            own = factors[room.start : room.start + (part.stop - part.start) * room.width]
            own.reshape(-1, room.width)[...] = self._multiplier[self._rows[part], None]
        return factors[:stop]


def joined(
    stacks: Sequence[Stack], given: Mapping[str, Array | None], neutral: float
) -> Array | None:
    """One number per row of all stacks, below each other, ``neutral`` for a stack that has none;
    None if no stack has any.
    """
    parts = [given.get(stack.name) for stack in stacks]
    if all(part is None for part in parts):
        return None
    pairs = zip(stacks, parts, strict=True)
    return np.concatenate(
        [np.full(stack.n_rows, neutral) if part is None else part for stack, part in pairs]
    )
