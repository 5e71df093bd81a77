"""Bags of rows of a table: their vectors pooled to one, and what goes back from it to the rows.

Everything that pools vectors goes through this module, in the layer as in training.  A column of
codes may come with bags.  Then a code is not a row of the table but a bag of such rows; without
bags the code is the row, at the speed of a single lookup.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ._record import Record
from ._rows import lookup, place_matrix, sum_by_row

Array = NDArray[np.floating]
Integers = NDArray[np.integer]


class Bags(Record):
    """Rows of a table in bags, as the rows of a sparse matrix.

    Parameters
    ----------
    indices : ndarray of shape (n,), dtype int32
        Rows of the table, bag by bag.
    shares : ndarray of shape (n,)
        The factor of each in the sum of its bag.
    ends : ndarray of shape (n_bags + 1,), dtype int32
        0, and where each bag ends.
    per_row : int, default=1
        Bags side by side in a row of the data; its length and its rows are counted in such rows.
    """

    indices: Integers
    shares: Array
    ends: Integers
    per_row: int = 1

    def __len__(self) -> int:
        return (len(self.ends) - 1) // self.per_row

    def __getitem__(self, rows: Integers | slice) -> Bags:
        """The bags of some rows of the data, in the order given."""
        first = self.ends[:-1].reshape(-1, self.per_row)[rows].ravel()
        last = self.ends[1:].reshape(-1, self.per_row)[rows].ravel()
        ends = np.zeros(len(first) + 1, dtype=self.ends.dtype)
        np.cumsum(last - first, out=ends[1:])
        places = np.repeat(first - ends[:-1], last - first) + np.arange(ends[-1])
        return Bags(self.indices[places], self.shares[places], ends, self.per_row)

    def of_bag(self) -> Integers:
        """The bag of each index, ``(n,)``."""
        return np.repeat(np.arange(len(self.ends) - 1, dtype=np.int32), np.diff(self.ends))

    def with_indices(self, indices: Integers) -> Bags:
        """The same bags of other rows."""
        return replace(self, indices=indices)

    def merged(self, n_rows: int) -> Bags:
        """The same bags with every index once and in order, its shares added up.

        The indices are below ``n_rows`` and -1 at least.
        """
        shape = (len(self.ends) - 1, n_rows + 1)
        matrix = sparse.csr_array((self.shares, self.indices + 1, self.ends), shape, copy=True)
        matrix.sum_duplicates()
        return Bags(matrix.indices - 1, matrix.data, matrix.indptr, self.per_row)

    def matrix(self, n_rows: int, dtype: Any = np.float64) -> sparse.csr_array:
        """The shares of all rows in every bag, ``(n_bags, n_rows)``."""
        return sparse.csr_array(self._parts(dtype), shape=(len(self.ends) - 1, n_rows))

    def _parts(self, dtype: Any) -> tuple[Array, Integers, Integers]:
        """The arrays of that matrix by rows, and of its transpose by columns."""
        return self.shares.astype(dtype, copy=False), self.indices, self.ends

    def pool(self, table: Array) -> Array:
        """The sum of each bag's vectors times their shares, ``(n_bags, width)``."""
        pooled: Array = self.matrix(len(table), table.dtype) @ table
        return pooled

    def sum_by_row(self, values: Array, n_rows: int) -> Array:
        """``values[i]`` times its share, added to every row of bag ``i``, ``(n_rows, width)``."""
        shape = (n_rows, len(self.ends) - 1)
        sums: Array = sparse.csc_array(self._parts(values.dtype), shape=shape) @ values
        return sums

    def reduce(self, ufunc: np.ufunc, values: Array) -> Array:
        """``ufunc``, such as ``numpy.maximum``, over the values of the rows in each bag."""
        return reduce_bags(ufunc, lookup(values, self.indices), self.ends)


NO_BAGS: Mapping[int, Bags] = MappingProxyType({})


def bags_of_one(codes: Integers) -> Bags:
    """Every code as a bag that holds it alone."""
    indices = codes.astype(np.int32, copy=False)
    return Bags(indices, np.ones(len(codes)), np.arange(len(codes) + 1, dtype=np.int32))


def join_bags(parts: list[Bags], offsets: list[int]) -> Bags:
    """The bags of several columns side by side in every row; the offsets are added to the indices
    of each.
    """
    ends = np.cumsum([0] + [len(part.indices) for part in parts])
    joined = Bags(
        np.concatenate([part.indices + o for part, o in zip(parts, offsets, strict=True)]),
        np.concatenate([part.shares for part in parts]),
        np.concatenate(
            [[0], *(part.ends[1:] + end for part, end in zip(parts, ends, strict=False))]
        ).astype(np.int32),
    )
    order = np.arange(len(joined)).reshape(len(parts), -1).T
    return replace(joined[order.ravel()], per_row=len(parts))


def reduce_bags(ufunc: np.ufunc, values: NDArray[Any], ends: Integers) -> NDArray[Any]:
    """``ufunc`` over the values of each bag, which stand below each other; 0 for none."""
    filled = np.flatnonzero(np.diff(ends))
    reduced = np.zeros((len(ends) - 1, *values.shape[1:]), dtype=values.dtype)
    if len(filled):
        reduced[filled] = ufunc.reduceat(values, ends[filled], axis=0)
    return reduced


# A column of codes, with or without bags


def gather(table: Array, codes: Integers, bags: Bags | None) -> Array:
    """The vector of every code, ``(n, width)``."""
    return table[codes] if bags is None else bags.pool(table)[codes]


def add_up(values: Array, codes: Integers, bags: Bags | None, n_rows: int) -> Array:
    """The transpose of :func:`gather`: sums of ``values``, ``(n, width)``, by row of the table."""
    if bags is None:
        return sum_by_row(codes, values, n_rows)
    return BagSums(codes, bags, n_rows)(values)


class BagSums:
    """:func:`add_up` of one array of values after another, with the same matrices for all.

    Parameters
    ----------
    codes : ndarray of shape (n,)
        Numbers of bags.
    bags : Bags
    n_rows : int
        Rows of the table.
    """

    def __init__(self, codes: Integers, bags: Bags, n_rows: int) -> None:
        self._by_bag = place_matrix(codes, np.dtype(np.float64), len(bags))
        self._by_row = bags.matrix(n_rows).T

    def __call__(self, values: Array) -> Array:
        """Sums of ``values``, ``(n, width)``, by row of the table, ``(n_rows, width)``."""
        sums: Array = self._by_row @ (self._by_bag @ values)
        return sums


def count(
    codes: Integers, bags: Bags | None, n_rows: int, weight: Array | None = None
) -> NDArray[Any]:
    """Weight of the codes that hold each row of the table, ``(n_rows,)``; without weights, how
    many.
    """
    if bags is None:
        return np.bincount(codes, weight, n_rows)
    of_bag = np.bincount(codes, weight, len(bags))[bags.of_bag()]
    return np.bincount(bags.indices, of_bag, n_rows)
