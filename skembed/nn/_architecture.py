"""Sizes of a network, and where everything lies: codes of columns as rows of the tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ._bags import NO_BAGS, Bags, bags_of_one, count, join_bags
from ._parallel import slices
from ._record import Record

Array = NDArray[np.floating]
Parameters = dict[str, Array]

# Codes placed at a time.
_AT_ONCE = 2**16


class Unplaced(Record):
    """Rows of the tables of one width in the making: codes are placed when rows of them are taken.
    All at once would take as much memory again.

    Parameters
    ----------
    codes : ndarray of shape (n, n_columns_of_all)
        Codes of all columns.
    columns : tuple of int
        Those of this width.
    offsets : ndarray of shape (n_columns,)
        First row of the table of each.
    n_rows : int
        Rows of all tables of this width.
    """

    codes: NDArray[np.integer]
    columns: tuple[int, ...]
    offsets: NDArray[np.integer]
    n_rows: int

    def __getitem__(self, rows: NDArray[np.integer] | slice) -> NDArray[np.integer]:
        """The places of some rows of the data, in the order given; a new array."""
        among, order = (self.codes[rows], None) if isinstance(rows, slice) else (self.codes, rows)
        n = len(among) if order is None else len(order)
        placed = np.empty((n, len(self.columns)), dtype=np.min_scalar_type(self.n_rows - 1))
        offsets = self.offsets.astype(placed.dtype)  # Of another type, sums would be converted.
        for part in slices(slice(0, n), _AT_ONCE):
            own = among[part if order is None else order[part]]
            if len(self.columns) < own.shape[1]:
                own = own[:, self.columns]
            np.add(own, offsets, out=placed[part], dtype=placed.dtype, casting="unsafe")
        return placed


# Rows of the tables of one width, one for each column of a row or a bag of them.
Places = NDArray[np.integer] | Bags


class Stack(Record):
    """All tables of one width, pooled or not, below each other in one array."""

    name: str
    width: int
    tables: tuple[int, ...]
    offsets: tuple[int, ...]  # first row of each table
    columns: tuple[int, ...]
    n_rows: int
    pooled: bool


class Architecture(Record):
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
        slices, start = [slice(0, 0)] * len(self.columns), 0
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


def place_codes(
    architecture: Architecture,
    codes: NDArray[np.integer],
    bags: Mapping[int, Bags] = NO_BAGS,
) -> tuple[Places, ...]:
    """Codes ``(n, n_columns)``, with the bags of some columns, as rows of the stacks."""
    places = lazy_places(architecture, codes, bags)
    return tuple(own if isinstance(own, Bags) else own[:] for own in places)


def lazy_places(
    architecture: Architecture,
    codes: NDArray[np.integer],
    bags: Mapping[int, Bags] = NO_BAGS,
) -> tuple[Places, ...]:
    """The same, but those of plain columns are made when rows of them are taken."""
    places: list[Places] = []
    for stack in architecture.stacks():
        starts = dict(zip(stack.tables, stack.offsets, strict=True))
        offsets = [starts[architecture.columns[j]] for j in stack.columns]
        if stack.pooled:
            parts = [
                bags[j][codes[:, j]] if j in bags else bags_of_one(codes[:, j])
                for j in stack.columns
            ]
            places.append(join_bags(parts, offsets))
        else:
            unplaced = Unplaced(codes, stack.columns, np.asarray(offsets), stack.n_rows)
            # Only rows of them are ever taken, which are an array.
            places.append(cast("NDArray[np.integer]", unplaced))
    return tuple(places)


def count_codes(
    architecture: Architecture,
    codes: NDArray[np.integer],
    bags: Mapping[int, Bags],
    weight: NDArray[np.float64],
) -> list[NDArray[np.float64]]:
    """Weight of the rows that hold each table's codes."""
    counts = [np.zeros(n) for n in architecture.n_codes]
    for j, table in enumerate(architecture.columns):
        counts[table] += count(codes[:, j], bags.get(j), len(counts[table]), weight)
    return counts


def map_places(function: Callable[[NDArray[np.integer]], NDArray[Any]], places: Places) -> Places:
    """Other rows in place of these, in the same bags if there are any."""
    if isinstance(places, Bags):
        return places.with_indices(function(places.indices))
    return function(places)


def table_views(architecture: Architecture, parameters: Mapping[str, Array]) -> list[Array]:
    """Each table ``(n_codes, width)`` as a view into its stack."""
    views = [np.empty((n, 0), dtype=np.float32) for n in architecture.n_codes]
    for stack in architecture.stacks():
        for table, start in zip(stack.tables, stack.offsets, strict=True):
            views[table] = parameters[stack.name][start : start + architecture.n_codes[table]]
    return views


def column_views(architecture: Architecture, parameters: Mapping[str, Array]) -> list[Array]:
    """The table of each column; columns that share one have the same view."""
    views = table_views(architecture, parameters)
    return [views[table] for table in architecture.columns]
