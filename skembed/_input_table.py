"""Tables: each column becomes a scaled number or a block of one-hot cells, in the same order."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ._column_names import describe_column, make_distinct
from ._frames import Frame, as_objects
from ._input_read import has_no_rows, read_scores
from ._input_settings import InputSettings
from ._lookup import has_large_integers
from ._one_hot import (
    ZEROS,
    OneHot,
    cells_at,
    fill_dense,
    find_highest,
    learn_one_hot,
    mean_rows,
)
from ._scaling import Range, extremes, make_range
from ._stack_values import stack_values
from .nn._record import Record

Array = NDArray[Any]


class Number(Record):
    """A column that stays a number, scaled if there is a range."""

    name: Hashable
    range: Range | None
    refuse_missing: bool
    width: int = 1


class Table(Record):
    """What was learned of a table: one entry per column, and the dtype of the output."""

    columns: tuple[Number | OneHot, ...]
    dtype: np.dtype[Any]
    is_sequence = False

    @property
    def width(self) -> int:
        """Number of output columns."""
        return sum(column.width for column in self.columns)

    def without_cells(self, X: Any) -> Array | None:
        """A table without rows, if ``X`` is a list without rows."""
        return np.empty((0, len(self.columns))) if has_no_rows(X) else None

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of a transformed row."""
        return (self.width,)

    @property
    def positions(self) -> dict[Any, dict[Any, int]]:
        """Place by category, for each encoded column."""
        return {c.name: c.positions for c in self.columns if isinstance(c, OneHot)}

    @property
    def categories(self) -> list[Array | None]:
        """The categories of each column, None for numbers."""
        return [
            column.vocabulary.categories if isinstance(column, OneHot) else None
            for column in self.columns
        ]


def learn_table(frame: Frame, settings: InputSettings) -> Table:
    """Learn every column, one after another: the cells of all would take the room of the output."""
    learned: list[Any] = []
    for j, name in enumerate(frame.names):
        if is_encoded(frame, j, settings):
            counts_matter = settings.handle_unknown == "mean"
            learned.append(
                learn_one_hot(
                    frame.coded(j) if counts_matter else frame.distinct(j),
                    name,
                    handle_unknown=settings.handle_unknown,
                    handle_missing=settings.handle_missing,
                )
            )
        else:
            check_dtype(name, settings.dtype)
            numbers = frame.numeric(j)
            if settings.handle_missing == "error":
                check_missing(numbers, name)
            learned.append(extremes(numbers, axis=0))
    ranges = iter(_make_ranges([x for x in learned if isinstance(x, tuple)], settings.scale))
    columns = [
        Number(name, next(ranges), settings.handle_missing == "error")
        if isinstance(column, tuple)
        else column
        for name, column in zip(frame.names, learned, strict=True)
    ]
    return Table(tuple(columns), settings.dtype)


def is_encoded(frame: Frame, j: int, settings: InputSettings) -> bool:
    """Whether ``encode`` asks for one-hot cells in column ``j``."""
    if settings.encode is True or frame.is_numeric(j):
        return settings.encode is True
    if settings.encode is False:
        raise ValueError(
            f"{describe_column(frame.names[j])} does not hold numbers only, which encode=False "
            "needs. Set encode='auto' to one-hot encode what is not numeric, or encode=True for "
            "all."
        )
    return True


def _make_ranges(ends: list[tuple[Array, Array]], scale: Any) -> list[Range | None]:
    if scale is False or not ends:
        return [None] * len(ends)
    lows, highs = np.array(ends).T
    if scale == "global":
        return [make_range(np.fmin.reduce(lows), np.fmax.reduce(highs))] * len(ends)
    return [make_range(low, high) for low, high in zip(lows, highs, strict=True)]


def check_missing(numbers: Array, name: Hashable) -> None:
    """Refuse missing numbers."""
    if numbers.dtype.kind == "f" and np.isnan(numbers).any():
        raise ValueError(
            f"{describe_column(name)} holds missing values (NaN), which handle_missing='error' "
            "refuses. Fill them, or set handle_missing='embed', which leaves them NaN where "
            "numbers are."
        )


def _read_numbers(frame: Frame, j: int, column: Number, dtype: np.dtype[Any]) -> Array:
    """Numbers of a column, scaled, none of them out of the range of ``dtype``."""
    numbers = frame.numeric(j)
    if column.refuse_missing:
        check_missing(numbers, column.name)
    if column.range is not None:
        numbers = column.range.scale(numbers)
    check_range(numbers, column.name, dtype)
    return numbers


def check_range(numbers: Array, name: Hashable, dtype: np.dtype[Any]) -> None:
    """Refuse numbers that ``dtype`` would make infinite."""
    low, high = extremes(numbers, axis=None)
    largest = max(-float(low), float(high))
    if largest > float(np.finfo(dtype).max):
        raise ValueError(
            f"{describe_column(name)} holds {largest}, which dtype={dtype} cannot hold. Use a "
            "wider dtype, or scale='feature'."
        )


def check_dtype(name: Hashable, dtype: np.dtype[Any]) -> None:
    """Refuse to round numbers to integers."""
    if dtype.kind != "f":
        raise ValueError(
            f"{describe_column(name)} holds numbers, which dtype={dtype} cannot hold. Use a float "
            "dtype, or encode=True for one-hot cells only."
        )


def apply_table(frame: Frame, table: Table, *, sparse_output: bool) -> Any:
    """The output, of shape ``(n_rows, width)``."""
    return (_to_sparse if sparse_output else _to_dense)(frame, table)


def _to_dense(frame: Frame, table: Table) -> Array:
    out = np.zeros((frame.n_rows, table.width), dtype=table.dtype)
    offset = 0
    for j, column in enumerate(table.columns):
        if isinstance(column, Number):
            out[:, offset] = _read_numbers(frame, j, column, table.dtype)
        elif column.width:
            fill_dense(out, column.encode(frame.coded(j)), column, offset)
        offset += column.width
    return out


def _to_sparse(frame: Frame, table: Table) -> sparse.csr_matrix:
    """One stored value per row and column at most, and no stored zeros."""
    shape = (frame.n_rows, len(table.columns))
    index = np.int32 if max(math.prod(shape), table.width) < 2**31 else np.int64
    indices = np.empty(shape, dtype=index)
    data = np.ones(shape, dtype=table.dtype)
    means, holes, offset = [], False, 0
    for j, column in enumerate(table.columns):
        if isinstance(column, Number):
            data[:, j] = _read_numbers(frame, j, column, table.dtype)
            indices[:, j] = offset
            holes = holes or not data[:, j].all()
        else:
            places = column.encode(frame.coded(j))
            np.add(places, offset, out=indices[:, j])
            if places.min(initial=0) <= ZEROS:
                data[places <= ZEROS, j] = 0
                indices[places <= ZEROS, j] = 0
                if column.mean is not None:
                    means.append((offset, mean_rows(places, column, table.dtype)))
                holes = True
        offset += column.width
    starts = np.arange(0, data.size + 1, len(table.columns), dtype=index)
    matrix = sparse.csr_matrix(
        (data.ravel(), indices.ravel(), starts), shape=(frame.n_rows, offset)
    )
    if holes:
        matrix.eliminate_zeros()
    for start, rows in means:
        if rows.nnz:
            rows.indices += start
            rows.resize((frame.n_rows, offset))
            matrix = sparse.csr_matrix(matrix + rows)
    return matrix


def inverse_table(X: Any, table: Table) -> Array:
    """The table that has these scores, shape ``(n_rows, n_columns)``."""
    X = X.tocsr() if sparse.issparse(X) else read_scores(X)
    if X.ndim != 2 or X.shape[1] != table.width:
        raise ValueError(
            f"X must have the {table.width} columns that transform returns. Got shape {X.shape}."
        )
    parts = _dense_parts(X, table.width) if sparse.issparse(X) else [X]
    # Values are looked up for all rows at once: their type depends on which cells are empty.
    found = zip(*(_find_cells(part, table) for part in parts), strict=True)
    pairs = zip(map(np.concatenate, found), table.columns, strict=True)
    columns = [cells_at(own, c) if isinstance(c, OneHot) else own for own, c in pairs]
    kinds = {column.dtype.kind for column in columns}
    if kinds <= set("mM"):  # Of several units, perhaps.
        columns = np.split(stack_values(columns), len(columns))
    elif len(kinds) > 1 and (not kinds <= set("iuf") or any(map(has_large_integers, columns))):
        columns = [as_objects(column) for column in columns]
    return np.column_stack(columns)


def _dense_parts(X: sparse.csr_matrix, width: int) -> Iterator[Array]:
    """Rows of a sparse matrix, some at a time."""
    step = max(1, 10_000_000 // max(width, 1))
    for start in range(0, max(X.shape[0], 1), step):
        yield X[start : start + step].toarray()


def _find_cells(X: Array, table: Table) -> list[Array]:
    """Of every column the cells of highest score, or the numbers, which keep nothing of ``X``."""
    columns, offset = [], 0
    for column in table.columns:
        block = X[:, offset : offset + column.width]
        if isinstance(column, OneHot):
            columns.append(find_highest(block, column))
        else:
            numbers = block[:, 0].copy()
            where = describe_column(column.name)
            columns.append(column.range.unscale(numbers, where) if column.range else numbers)
        offset += column.width
    return columns


def output_names(table: Table, names: Sequence[str]) -> list[str]:
    """``city`` for a number, ``city_Paris`` for a one-hot cell; repeated names get a number."""
    wanted: list[str] = []
    for column, name in zip(table.columns, names, strict=True):
        if isinstance(column, OneHot):
            wanted += [f"{name}_{label}" for label in column.labels]
        else:
            wanted.append(str(name))
    return make_distinct(wanted)
