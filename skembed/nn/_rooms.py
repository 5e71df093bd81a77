"""Rows of tables in flat arrays, behind the dense parameters: a step of the optimiser passes over
all of them at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._architecture import Stack
from ._memory import Buffers
from ._rows import RowSums, lookup

Array = NDArray[np.floating]
Indices = NDArray[np.intp]

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

    def part(self, start: int, stop: int | None = None) -> Moments:
        """A part of them."""
        return Moments(*(array[start:stop] for array in self))


class Room:
    """Where rows of a stack lie in the flat arrays.

    Attributes
    ----------
    width, n_columns : int
        Of the stack.
    n_rows : int
        How many rows it holds.
    start : int
        Where it begins.
    values, gradient, means, squares : ndarray of shape (n_rows, width)
        Its part of the arrays.
    """

    def __init__(self, stack: Stack, n_rows: int, start: int, moments: Moments) -> None:
        self.width = stack.width
        self.n_columns = len(stack.columns)
        self.n_rows = n_rows
        self.start = start
        part = moments.part(start, start + n_rows * stack.width)
        self.values, self.gradient, self.means, self.squares = (
            array.reshape(n_rows, stack.width) for array in part
        )


class Rooms:
    """Gives the vectors of a batch, and adds up their gradient.

    Parameters
    ----------
    stacks : sequence of Stack
        The tables; none is pooled.
    n_rows : sequence of int
        Rows of each that there is room for.
    start : int
        How many numbers come before.
    dtype : dtype
        Of the arrays.

    Attributes
    ----------
    moments : Moments
        The flat arrays.
    """

    def __init__(
        self,
        stacks: Sequence[Stack],
        n_rows: Sequence[int],
        start: int,
        dtype: np.dtype[np.floating],
    ) -> None:
        sizes = [n * stack.width for stack, n in zip(stacks, n_rows, strict=True)]
        starts = np.cumsum([start, *sizes]).tolist()
        self.start = start
        self.moments = Moments.of_zeros(starts[-1], dtype)
        self._rooms = [
            Room(stack, n, first, self.moments)
            for stack, n, first in zip(stacks, n_rows, starts[:-1], strict=True)
        ]
        # Of each input of the network that is part of a vector: its column, its place in the row.
        widths = [room.width for room in self._rooms for _ in range(room.n_columns)]
        self._column_of_input = np.repeat(np.arange(len(widths)), widths)
        self._place_in_row = np.concatenate([np.arange(width) for width in widths])
        self._sums = RowSums()
        self._buffers = Buffers()
        # Rows of each room that are in use.
        self._n_used = list(n_rows)
        self._places: list[Indices] = []
        self._cells: Indices | None = None

    def _vectors(self, places: list[Indices], n_rows: int) -> list[Array]:
        """The vectors of ``n_rows`` rows side by side, in one array or in one for each stack.

        ``places`` are rows of each room, ``(n_rows * n_columns,)``.
        """
        self._places, self._cells = places, None
        if n_rows * len(self._place_in_row) < _FEW_NUMBERS * len(self._rooms):
            self._cells = self._find_cells(n_rows)
            return [self.moments.values.take(self._cells, mode="clip")]
        return [
            lookup(room.values, own, out=self._out(room, own)).reshape(n_rows, -1)
            for room, own in zip(self._rooms, places, strict=True)
        ]

    def sum_gradient(self, gradient: Array) -> None:
        """Add the gradient of the vectors ``(n, n_inputs)`` up by the rows looked up last."""
        if self._cells is not None:
            sums = self.moments.gradient
            sums[self.start :] = 0
            np.add.at(sums, self._cells.reshape(-1), gradient.reshape(-1))
            return
        column = 0
        for room, own, n_used in zip(self._rooms, self._places, self._n_used, strict=True):
            n_inputs = room.n_columns * room.width
            values = gradient[:, column : column + n_inputs].reshape(-1, room.width)
            room.gradient[:n_used] = self._sums(own, values, room.n_rows)[:n_used]
            column += n_inputs

    def _find_cells(self, n_rows: int) -> Indices:
        """Where each number of the vectors lies in the flat arrays, ``(n_rows, n_inputs)``."""
        n_columns = sum(room.n_columns for room in self._rooms)
        starts = self._buffers.get("starts", (n_rows, n_columns), np.intp)
        column = 0
        for room, at in zip(self._rooms, self._places, strict=True):
            own = starts[:, column : column + room.n_columns]
            np.multiply(at.reshape(n_rows, -1), room.width, out=own)
            own += room.start
            column += room.n_columns
        cells = self._buffers.get("cells", (n_rows, len(self._place_in_row)), np.intp)
        starts.take(self._column_of_input, axis=1, out=cells, mode="clip")
        cells += self._place_in_row
        return cells

    def _out(self, room: Room, places: Indices) -> Array:
        return self._buffers.get(room, (len(places), room.width), room.values.dtype)
