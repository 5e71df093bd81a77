"""Effects of categories, as in ``_effects.py``, from sums over rows that lie in several parts.

The sum of the residuals of a category's rows needs no rows: it is the sum of their target, less
every other category's effect times the rows that hold both. So the weight and the target of each
code and the weight of each pair of codes say all, and they add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ._cooccurrence import cooccurrence_counts
from ._effects import FIRST_ESTIMATE, N_SWEEPS, Effects, estimate_pseudo_counts, shrink

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PairSums:
    """Sums over rows.

    Attributes
    ----------
    pairs : sparse array of shape (sum(n_codes), sum(n_codes))
        Weight of the rows that hold two codes of different columns.
    counts : ndarray of shape (sum(n_codes),)
        Weight of the rows of each code.
    sums : ndarray of shape (sum(n_codes), n_outputs)
        Weighted sum of the target over them.
    squares : ndarray of shape (n_outputs,)
        Weighted sum of the squared target over all rows.
    weight : float
        Of all rows.
    """

    pairs: sparse.csr_array
    counts: Array
    sums: Array
    squares: Array
    weight: float

    def __add__(self, other: PairSums) -> PairSums:
        return PairSums(
            self.pairs + other.pairs,
            self.counts + other.counts,
            self.sums + other.sums,
            self.squares + other.squares,
            self.weight + other.weight,
        )


def sum_pairs(
    codes: NDArray[np.integer], n_codes: Sequence[int], y: Array, weight: Array
) -> PairSums:
    """The sums over some rows; ``y`` of shape ``(n, n_outputs)``."""
    starts = np.cumsum([0, *n_codes])
    flat = codes + starts[:-1]
    n = int(starts[-1])
    counts, sums = np.zeros(n), np.zeros((n, y.shape[1]))
    for column in flat.T:
        counts += np.bincount(column, weight, n)
        for k, output in enumerate(y.T):
            sums[:, k] += np.bincount(column, weight * output, n)
    pairs = cooccurrence_counts(codes, n_codes, weight)
    return PairSums(pairs, counts, sums, weight @ y**2, float(weight.sum()))


class _Column:
    """The counts of a column's codes."""

    def __init__(self, counts: Array) -> None:
        self.counts = counts[:, None]

    def deviations(self, effects: Array) -> Array:
        return effects


def effects_of_pairs(
    total: PairSums, n_codes: Sequence[int], pseudo_counts: Array | None = None
) -> Effects:
    """What ``joint_effects`` gives for the rows of these sums.

    The target must have mean 0 over them.
    """
    stops = np.cumsum(n_codes)
    columns = [slice(stop - n, stop) for stop, n in zip(stops, n_codes, strict=True)]
    # Rows of one column, for a sweep multiplies by one after the other.
    pairs = [total.pairs[column] for column in columns]
    counted = [_Column(total.counts[column]) for column in columns]
    n_outputs = total.sums.shape[1]
    effects = np.zeros(total.sums.shape)
    m = np.full((len(columns), n_outputs), FIRST_ESTIMATE)
    m = m if pseudo_counts is None else pseudo_counts
    for sweep in range(N_SWEEPS):
        for column, own, counts, m_column in zip(columns, pairs, counted, m, strict=True):
            residual = total.sums[column] - own @ effects
            effects[column] = shrink(residual, counts.counts, m_column)
        if pseudo_counts is None and sweep > 0:
            values = [effects[column] for column in columns]
            squares = _residual_squares(total, pairs, columns, effects)
            m = estimate_pseudo_counts(
                [column.counts for column in counted], values, squares, total.weight, m
            )
    return Effects([effects[column] for column in columns], m)


def _residual_squares(
    total: PairSums, pairs: Sequence[sparse.csr_array], columns: Sequence[slice], effects: Array
) -> Array:
    """Weighted sum of the squared residuals, ``(n_outputs,)``."""
    fitted = total.counts[:, None] * effects
    for column, own in zip(columns, pairs, strict=True):
        fitted[column] += own @ effects
    squares = total.squares + (effects * (fitted - 2 * total.sums)).sum(axis=0)
    return np.maximum(squares, 0)
