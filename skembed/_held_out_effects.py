"""Joint effects of each row's categories, learned without the rows of its fold.

Several folds are solved at once: each is a problem of its own, which the rows that it holds out are
no part of. The method is that of :mod:`._effects`, with a shrinkage that is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ._effects import N_SWEEPS_KNOWN, Shrinkage, joint_effects
from .nn._bags import NO_BAGS, Bags, gather

Array = NDArray[np.float64]

# Codes of all columns times problems that are solved at once; each takes some 50 bytes.
_MOST_CELLS = 2**22


def held_out_effects(
    codes: NDArray[np.integer],
    n_codes: tuple[int, ...],
    y: Array,
    weight: Array,
    pseudo_counts: Array,
    fold: NDArray[np.integer],
    bags: Mapping[int, Bags] = NO_BAGS,
    n_sweeps: int = N_SWEEPS_KNOWN,
) -> list[Array]:
    """The effects of each row's categories, learned without the rows of its fold.

    Parameters
    ----------
    codes, n_codes, y, weight, bags
        As in :func:`._effects.joint_effects`.
    pseudo_counts : ndarray of shape (n_columns, n_outputs)
        The shrinkage, as estimated from all rows.
    fold : ndarray of shape (n,)
        The fold of each row, from 0.
    n_sweeps : int
        How often the columns are visited; at most so often where there are bags.

    Returns
    -------
    list of ndarray of shape (n, n_outputs)
        One array per column.
    """
    if bags:
        return _one_by_one(codes, n_codes, y, weight, pseudo_counts, fold, bags, n_sweeps)
    held_out = [np.empty(y.shape) for _ in n_codes]
    n_folds, n_at_once = int(fold.max()) + 1, max(1, _MOST_CELLS // max(sum(n_codes), 1))
    for first in range(0, n_folds, n_at_once):
        folds = _Folds(fold, weight, range(first, min(first + n_at_once, n_folds)))
        columns = [_Column(codes[:, j], n, folds) for j, n in enumerate(n_codes)]
        for output in range(y.shape[1]):
            tables = _learn(columns, folds, y[:, output], pseudo_counts[:, output], n_sweeps)
            for column, table, out in zip(columns, tables, held_out, strict=True):
                out[folds.rows, output] = table[column.codes[folds.rows], folds.problem_of_row]
    return held_out


class _Folds:
    """Which rows are no part of which problem.

    Attributes
    ----------
    weight : ndarray of shape (n,)
    n_folds : int
    rows, problem_of_row : ndarray
        Rows that a problem holds out, and which.
    """

    def __init__(self, fold: NDArray[np.integer], weight: Array, numbers: range) -> None:
        self.weight = weight
        self.n_folds = len(numbers)
        self.rows = np.flatnonzero((fold >= numbers.start) & (fold < numbers.stop))
        self.problem_of_row = fold[self.rows] - numbers.start
        self._cells = self.rows * self.n_folds + self.problem_of_row

    def hold_out(self, of_rows: Array) -> Array:
        """Set to 0 what problems ``(n, n_folds)`` know of rows that are no part of them."""
        of_rows.reshape(-1)[self._cells] = 0
        return of_rows


class _Column:
    """One column of codes in all problems."""

    def __init__(self, codes: NDArray[np.integer], n_codes: int, folds: _Folds) -> None:
        n = len(codes)
        self.codes = codes.astype(np.intp)
        # The product with it is the fastest sum by code, and row after row as any other.
        places = codes.astype(np.int32), np.arange(n + 1, dtype=np.int32)
        self.sum_by_code = sparse.csc_array((folds.weight, *places), shape=(n_codes, n))
        self.counts = self.sum_by_code @ folds.hold_out(np.ones((n, folds.n_folds)))


def _learn(
    columns: Sequence[_Column], folds: _Folds, y: Array, m: Array, n_sweeps: int
) -> list[Array]:
    """Effects of the codes of every column in all problems, ``(n_codes, n_folds)`` each."""
    ones = folds.hold_out(np.ones((len(y), folds.n_folds)))
    kept = ones * folds.weight[:, None]
    mean = y @ kept / np.maximum(kept.sum(axis=0), np.finfo(float).tiny)
    residual, change = y[:, None] - mean, ones
    tables = [np.zeros(column.counts.shape) for column in columns]
    shrink = [Shrinkage(column.counts, own) for column, own in zip(columns, m, strict=True)]
    for _ in range(n_sweeps):
        for column, table, shrunken in zip(columns, tables, shrink, strict=True):
            total = column.sum_by_code @ folds.hold_out(residual)
            # What the residual is without is the same for all rows of a code.
            total += column.counts * table
            effects = shrunken(total)
            (effects - table).take(column.codes, axis=0, out=change, mode="clip")
            residual -= change
            table[...] = effects
    return tables


def _one_by_one(
    codes: NDArray[np.integer],
    n_codes: tuple[int, ...],
    y: Array,
    weight: Array,
    pseudo_counts: Array,
    fold: NDArray[np.integer],
    bags: Mapping[int, Bags],
    n_sweeps: int,
) -> list[Array]:
    held_out = [np.zeros(y.shape) for _ in n_codes]
    for k in range(fold.max() + 1):
        own, rest = np.flatnonzero(fold == k), np.flatnonzero(fold != k)
        if not len(rest):
            continue
        known = codes[rest], n_codes, y[rest], weight[rest]
        part = joint_effects(*known, pseudo_counts, bags, n_sweeps)
        for j, (table, out) in enumerate(zip(part.values, held_out, strict=True)):
            out[own] = gather(table, codes[own, j], bags.get(j))
    return held_out
