"""The rows of all tables that a batch touches, brought together in flat arrays.

    tables --> the rows touched, with Adam's running sums, decayed --> vectors of the batch
    tables <-- the same rows, updated                              <-- their gradient, summed by row

This is the fast path of training: one optimiser step passes over the rows of all tables together.
Its plain reference is :class:`~._step.PlainStep`, which looks each table up, decays it and updates
it by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._architecture import Stack
from ._memory import Buffers
from ._record import Record
from ._rows import RowSums, distinct_rows, lookup, row_items

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


# While a batch has fewer numbers than this for each stack, finding each number by its place takes
# less time than the calls that treat a stack's rows as a whole.
_FEW_NUMBERS = 8192


class Moments(NamedTuple):
    """Numbers that Adam moves, their gradient, and its two running sums; 1-D arrays of one size."""

    values: Array
    gradient: Array
    means: Array
    squares: Array

    @classmethod
    def of_zeros(cls, size: int, dtype: np.dtype[np.floating]) -> Moments:
        """Arrays of ``size`` zeros."""
        return cls(*(np.zeros(size, dtype) for _ in range(4)))

    def part(self, start: int, stop: int) -> Moments:
        """A part of them."""
        return Moments(*(array[start:stop] for array in self))


class _Place:
    """The arrays of a stack, and the room that the rows of it that a batch touches take.

    Attributes
    ----------
    first_row : int
        Number of the stack's first row, counted over all stacks.
    start : int
        Where the room begins in the flat arrays.
    room : int
        How many rows it holds.
    kept, touched : list of ndarray
        Table and running sums, of all rows and of the touched ones.
    """

    def __init__(self, stack: Stack, first_row: int, table: Array, start: int, room: int) -> None:
        self.width = stack.width
        self.n_columns = len(stack.columns)
        self.first_row = first_row
        self.start = start
        self.room = room
        self.kept = [table, np.zeros_like(table), np.zeros_like(table)]
        self._kept_items = [row_items(array) for array in self.kept]

    def lay_out(self, moments: Moments) -> None:
        """Take the room in the flat arrays."""
        part = moments.part(self.start, self.start + self.room * self.width)
        flats = part.values, part.means, part.squares
        self.touched = [flat.reshape(self.room, self.width) for flat in flats]
        self._touched_items = [row_items(array) for array in self.touched]
        self.gradient = part.gradient.reshape(self.room, self.width)

    def bring(self, rows: Indices) -> None:
        """Copy rows of the stack into its room."""
        self._rows = rows
        for array, touched in zip(self.kept, self.touched, strict=True):
            lookup(array, rows, out=touched[: len(rows)])

    def take_back(self) -> None:
        """Copy what is in the room to the rows that were brought."""
        for items, touched in zip(self._kept_items, self._touched_items, strict=True):
            items[self._rows] = touched[: len(self._rows)]


class TouchedRows:
    """Brings rows together, gives the vectors of a batch, and adds up their gradient.

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
    start : int
        Where the rooms begin in the flat arrays.

    Attributes
    ----------
    size : int
        Where they end.
    """

    def __init__(
        self,
        stacks: Sequence[Stack],
        parameters: Mapping[str, Array],
        rules: Mapping[str, TableRules],
        batch_size: int,
        start: int,
    ) -> None:
        self._places: list[_Place] = []
        self._n_rows, self.size = 0, start
        for stack in stacks:
            room = min(stack.n_rows, batch_size * len(stack.columns))
            table = parameters[stack.name]
            self._places.append(_Place(stack, self._n_rows, table, self.size, room))
            self._n_rows += stack.n_rows
            self.size += room * stack.width
        # Of each input of the network that is part of a vector: its column, its place in the row.
        widths = [place.width for place in self._places for _ in range(place.n_columns)]
        self._column_of_input = np.repeat(np.arange(len(widths)), widths)
        self._place_in_row = np.concatenate([np.arange(width) for width in widths])
        self._width_of_column = np.array(widths)
        self._scratch = np.empty(self._n_rows, dtype=np.intp)
        self._settled = np.zeros(self._n_rows)
        self._decay = _joined(stacks, {name: rule.decay for name, rule in rules.items()}, 0)
        multipliers = {name: rule.multiplier for name, rule in rules.items()}
        self._multiplier = _joined(stacks, multipliers, 1)
        self._sums = RowSums()
        self._buffers = Buffers()

    def lay_out(self, moments: Moments) -> None:
        """Take flat arrays to work in."""
        self._moments = moments
        for place in self._places:
            place.lay_out(moments)

    def look_up(self, codes: Sequence[NDArray[np.integer]], total_rate: float) -> list[Array]:
        """The vectors of a batch side by side, in one array or in one for each stack.

        ``codes`` are rows of each stack, ``(n, n_columns)``; ``total_rate`` is the sum of all
        learning rates so far, up to which the rows decay first.
        """
        flat = self._join(codes)
        rows, at = distinct_rows(flat, self._scratch)
        # Codes are joined stack by stack, and so are the rows that are found in them.
        ends = [int(np.count_nonzero(rows < place.first_row)) for place in self._places[1:]]
        self._rows, self._parts = rows, [slice(*pair) for pair in pairwise([0, *ends, len(rows)])]
        factors = self._decay_factors(rows, total_rate)
        self._at: list[Indices] = []
        begin, n_rows = 0, len(codes[0])
        for place, part in zip(self._places, self._parts, strict=True):
            place.bring(rows[part] - place.first_row)
            if factors is not None:
                place.touched[0][: part.stop - part.start] *= factors[part, None]
            end = begin + n_rows * place.n_columns
            self._at.append(at[begin:end] - part.start)
            begin = end
        self._cells: Indices | None = None
        if n_rows * len(self._place_in_row) < _FEW_NUMBERS * len(self._places):
            self._cells = self._find_cells(n_rows)
            return [self._moments.values.take(self._cells, mode="clip")]
        return [
            lookup(place.touched[0], own, out=self._room(place, own)).reshape(n_rows, -1)
            for place, own in zip(self._places, self._at, strict=True)
        ]

    def sum_gradient(self, gradient: Array) -> int:
        """Add the gradient of the vectors ``(n, n_inputs)`` up by the rows looked up last; return
        where the last of them ends in the flat arrays.
        """
        place, part = self._places[-1], self._parts[-1]
        stop = place.start + (part.stop - part.start) * place.width
        if self._cells is not None:
            sums = self._moments.gradient
            sums[self._places[0].start : stop] = 0
            np.add.at(sums, self._cells.reshape(-1), gradient.reshape(-1))
            return stop
        column = 0
        for place, part, own in zip(self._places, self._parts, self._at, strict=True):
            n_inputs, n_touched = place.n_columns * place.width, part.stop - part.start
            values = gradient[:, column : column + n_inputs].reshape(-1, place.width)
            place.gradient[:n_touched] = self._sums(own, values, place.room)[:n_touched]
            column += n_inputs
        return stop

    def settle(self, total_rate: float) -> None:
        """Decay all rows up to ``total_rate``."""
        factors = self._decay_factors(np.arange(self._n_rows), total_rate)
        if factors is None:
            return
        for place in self._places:
            table = place.kept[0]
            table *= factors[place.first_row : place.first_row + len(table), None]

    def _join(self, codes: Sequence[NDArray[np.integer]]) -> Indices:
        """The codes of all stacks one after the other, as rows counted over all of them."""
        flat = self._buffers.get("codes", (sum(own.size for own in codes),), np.intp)
        begin = 0
        for place, own in zip(self._places, codes, strict=True):
            part = flat[begin : begin + own.size]
            np.add(own.reshape(-1), place.first_row, out=part, dtype=np.intp)
            begin += own.size
        return flat

    def _find_cells(self, n_rows: int) -> Indices:
        """Where each number of the vectors lies in the flat arrays, ``(n_rows, n_inputs)``."""
        starts = self._buffers.get("starts", (n_rows, len(self._width_of_column)), np.intp)
        column = 0
        for place, at in zip(self._places, self._at, strict=True):
            own = starts[:, column : column + place.n_columns]
            np.multiply(at.reshape(n_rows, -1), place.width, out=own)
            own += place.start
            column += place.n_columns
        cells = self._buffers.get("cells", (n_rows, len(self._place_in_row)), np.intp)
        starts.take(self._column_of_input, axis=1, out=cells, mode="clip")
        cells += self._place_in_row
        return cells

    def _room(self, place: _Place, at: Indices) -> Array:
        return self._buffers.get(place, (len(at), place.width), place.kept[0].dtype)

    def _decay_factors(self, rows: Indices, total_rate: float) -> Array | None:
        """What brings ``rows`` up to date; see :class:`~._schedules.RowDecay`."""
        if self._decay is None:
            return None
        exponent = self._settled.take(rows)
        exponent -= total_rate
        exponent *= self._decay.take(rows)
        self._settled[rows] = total_rate
        return np.exp(exponent, out=exponent).astype(self._moments.values.dtype)

    def factors(self, stop: int) -> Array | None:
        """Factor of the learning rate of each number in the flat arrays, up to ``stop``; None where
        all are 1.
        """
        if self._multiplier is None:
            return None
        factors = self._buffers.get("factors", (self.size,), self._moments.values.dtype)
        factors[: self._places[0].start] = 1
        for place, part in zip(self._places, self._parts, strict=True):
            own = factors[place.start : place.start + (part.stop - part.start) * place.width]
            own.reshape(-1, place.width)[...] = self._multiplier[self._rows[part], None]
        return factors[:stop]

    def take_back(self) -> None:
        """Copy the rows looked up last, which have been moved, to their tables."""
        for place in self._places:
            place.take_back()


def _joined(
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
