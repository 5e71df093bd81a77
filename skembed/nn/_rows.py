"""Work on single rows of a table: look them up, sum gradients by row, add to them.

Everything that reads or changes an embedding table goes through these functions, in the layer as in
training.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ._indices import check_range
from ._memory import empty_aligned
from ._parallel import in_halves

Array = NDArray[np.floating]
Indices = NDArray[np.intp]

# Below this many numbers the flat form of `np.add.at` costs less than building a sparse matrix.
_FEW_NUMBERS = 8192
# Up to this many repeated indices are cheaper to add one by one.
_FEW_REPEATS = 128
# Up to this many rows for each index of a batch, marking rows costs less than sorting indices.
_SMALL_TABLE = 8
# From this many indices on all are added up by a product, however few of them repeat: it reads the
# values in their order.
_MANY_INDICES = 8192
# The digits by which indices are sorted: NumPy sorts integers of 16 bits by counting.
_DIGIT = 16
# From this many rows on it pays to align the result of a lookup.
_MANY_ROWS = 2048
# Rows changed at a time: blocks of 2048 x 32 numbers stay in the cache, and make no large
# temporary.
_BLOCK = 2048


def lookup(
    table: NDArray[np.floating],
    indices: NDArray[np.integer],
    out: NDArray[np.floating] | None = None,
) -> NDArray[np.floating]:
    """Rows of ``table`` at ``indices`` of any rank, which the caller has checked to be in range."""
    if out is None and indices.size >= _MANY_ROWS:
        out = empty_aligned((*indices.shape, *table.shape[1:]), table.dtype)
    # mode="clip" is several times faster with `out`: the default copies it to survive an error.
    return table.take(indices, axis=0, out=out, mode="clip")


def clip_norms(vectors: Array, max_norm: float, norm_type: float = 2.0) -> Array:
    """Shorten the vectors along the last axis that are longer than `max_norm`; a new array.

    The 1e-7 keeps the result strictly inside and is part of the definition in PyTorch's embedding.
    """
    with np.errstate(over="ignore"):
        norms = _norms(vectors, norm_type)
    number = vectors.dtype.type
    factors = np.where(norms > max_norm, number(max_norm) / (norms + number(1e-7)), number(1))
    clipped = vectors * factors
    far = np.isinf(norms[..., 0])
    if far.any():
        # A norm beyond the range of floats, beside which 1e-7 is nothing.
        shares = vectors[far] / np.abs(vectors[far]).max(axis=-1, keepdims=True)
        clipped[far] = shares * (number(max_norm) / _norms(shares, norm_type))
    return clipped


def _norms(vectors: Array, norm_type: float) -> Array:
    """The p-norms along the last axis, which stays as one of length 1."""
    if norm_type in (1, 2, np.inf):
        return np.linalg.norm(vectors, norm_type, axis=-1, keepdims=True)
    # High powers of other numbers than 1 leave the range of floats.
    largest = np.abs(vectors).max(axis=-1, keepdims=True, initial=0)
    shares = vectors / np.where(largest > 0, largest, 1)
    return largest * np.linalg.norm(shares, norm_type, axis=-1, keepdims=True)


def add_to_rows(table: Array, rows: Indices, values: Array, factor: float = 1.0) -> None:
    """Add ``factor * values[i]`` to row ``rows[i]`` of `table`, in place; the rows are distinct.

    Raises IndexError for a row outside the table.
    """
    rows = check_range(rows, len(table))
    number = table.dtype.type(factor)

    def add(part: slice) -> None:
        own, own_values = rows[part], values[part]
        moved = np.empty((min(len(own), _BLOCK), table.shape[1]), table.dtype)
        step = np.empty_like(moved)
        target, source = table, moved
        if table.flags.c_contiguous and moved.size:
            target, source = row_items(table), row_items(moved)
        for start in range(0, len(own), _BLOCK):
            block = own[start : start + _BLOCK]
            size = len(block)
            lookup(table, block, out=moved[:size])
            moved[:size] += np.multiply(own_values[start : start + size], number, out=step[:size])
            target[block] = source[:size]

    in_halves(add, len(rows))


def row_items(table: Array) -> NDArray[Any]:
    """The same memory with one item for each row: NumPy then writes a row in one piece."""
    # Not its stride: a table of one row may be a part of a wider one.
    return table.view(np.dtype((np.void, table.shape[1] * table.itemsize))).reshape(-1)


def distinct_rows(
    indices: NDArray[np.integer], scratch: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Distinct values of 1-D ``indices`` (in the order of their last places) and the place of each
    index among them.

    No sorting: each index writes its own position into ``scratch`` (one cell per row of the table,
    content irrelevant), and the positions that survive being overwritten name the distinct rows.
    """
    positions = np.arange(len(indices))
    scratch[indices] = positions
    places = scratch.take(indices)
    rows = indices.take((places == positions).nonzero()[0])
    scratch[rows] = positions[: len(rows)]
    scratch.take(indices, out=places, mode="clip")
    return rows.astype(np.intp, copy=False), places


def sum_by_row(
    places: NDArray[np.integer], values: NDArray[np.floating], n_rows: int
) -> NDArray[np.floating]:
    """Sum ``values[i]`` into row ``places[i]`` of an array of shape ``(n_rows, dim)``."""
    if values.size < _FEW_NUMBERS:
        sums = np.zeros((n_rows, values.shape[1]), dtype=values.dtype)
        _add_at(sums, places, values)
        return sums
    return place_matrix(places, values.dtype, n_rows) @ values


class RowSums:
    """:func:`sum_by_row` for one batch after another, with one matrix for all of one size."""

    def __init__(self) -> None:
        self._matrices: dict[tuple[int, int], Any] = {}

    def __call__(self, places: Indices, values: Array, n_rows: int) -> Array:
        """Sum ``values[i]`` into row ``places[i]`` of an array of shape ``(n_rows, dim)``."""
        key = n_rows, len(places)
        matrix = self._matrices.get(key)
        if matrix is None:
            matrix = place_matrix(np.zeros_like(places), values.dtype, n_rows)
            self._matrices[key] = matrix
        # Only the places differ from batch to batch: a new matrix costs more than the product.
        matrix.indices[:] = places
        sums: Array = matrix @ values
        return sums


def place_matrix(places: NDArray[np.integer], dtype: Any, n_rows: int) -> Any:
    """The 0/1 matrix that adds up by row, of shape ``(n_rows, len(places))``.

    A product with it, in column form, is the fastest scatter-add of NumPy and SciPy. Given the
    narrowest index type that will do, SciPy copies nothing.
    """
    n = len(places)
    index = _index_type(max(n, n_rows))
    parts = np.ones(n, dtype), places.astype(index, copy=False), np.arange(n + 1, dtype=index)
    return sparse.csc_array(parts, shape=(n_rows, n))


def _index_type(size: int) -> type[np.signedinteger[Any]]:
    """The narrowest type of the indices of SciPy's matrices that holds `size`."""
    return np.int32 if size <= np.iinfo(np.int32).max else np.int64


def sum_sorted(
    indices: Indices, values: Array, num_embeddings: int | None = None
) -> tuple[Indices, Array]:
    """Distinct `indices` in order, and the sum of the ``values[i]`` of each.

    `indices` of shape (n,) are rows of a table of `num_embeddings` rows, `values` have shape (n,
    dim).
    """
    n = len(indices)
    if num_embeddings is not None and num_embeddings <= _SMALL_TABLE * n:
        # Passes over a table that is not much longer than the batch cost less than sorting.
        seen = np.zeros(num_embeddings, dtype=bool)
        seen[indices] = True
        rows = np.flatnonzero(seen)
        if rows.size == num_embeddings:
            return rows, sum_by_row(indices, values, num_embeddings)
        place_of = np.empty(num_embeddings, dtype=_index_type(num_embeddings))
        place_of[rows] = np.arange(rows.size, dtype=place_of.dtype)
        return rows, sum_by_row(place_of.take(indices), values, rows.size)
    order = _order(indices)
    ordered = indices.take(order)
    new = np.ones(n, dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
    first = new.nonzero()[0]
    rows = ordered.take(first)
    n_repeats = n - len(rows)
    if n < _MANY_INDICES and n_repeats <= _FEW_REPEATS:
        # Hardly any repeats: copy the first value of each row, and add the others to them.
        sums = lookup(values, order.take(first))
        if n_repeats:
            again = (~new).nonzero()[0]
            # A repeat stands as many places after its row's number as there were repeats so far.
            places = again - np.arange(1, n_repeats + 1)
            _add_at(sums, places, lookup(values, order.take(again)))
        return rows, sums
    places = np.empty(n, dtype=np.intp)
    places[order] = np.cumsum(new) - 1
    return rows, sum_by_row(places, values, rows.size)


def _add_at(sums: Array, places: NDArray[np.integer], values: Array) -> None:
    """Add ``values[i]`` to ``sums[places[i]]``; `sums` is contiguous.

    `np.add.at` is fast for vectors alone, so that the numbers are added cell by cell.
    """
    dim = sums.shape[1]
    cells = places.astype(np.intp, copy=False)[:, None] * dim + np.arange(dim)
    np.add.at(sums.reshape(-1), cells.reshape(-1), values.reshape(-1))


def _order(indices: Indices) -> Indices:
    """The order that sorts `indices`, which are not negative; equal ones keep theirs.

    By one digit after the other, the lowest first: several times faster than comparing.
    """
    order: Indices = np.argsort(indices.astype(np.uint16), kind="stable")
    # Read without its sign a negative number, which no sound gradient has, is one of all digits.
    largest = int(indices.view(np.uintp).max(initial=0))
    for shift in range(_DIGIT, largest.bit_length(), _DIGIT):
        digits = (indices >> shift).astype(np.uint16).take(order)
        order = order.take(np.argsort(digits, kind="stable"))
    return order
