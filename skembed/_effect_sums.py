"""Effects of categories from sums over rows, which add up over any batches of them.

The equations of the joint effects (see ``_effects.py``) hold the rows in sums only: the weight of
each category, its sum of the target, and the weight of every two categories of different columns
that stand in one row. From these the effects are those that all rows at once would give.

Pairs of categories can grow with the rows. Where they are bounded, the pairs of the two columns
that have most of them are given up beyond it, as if these columns were independent. Then what a
row's category of one column adds to the sums of the other is the mean of its effects, which is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ._effects import FIRST_ESTIMATE, N_SWEEPS, Effects, estimate_pseudo_counts, shrink
from .nn._growth import Moves, move_rows
from .nn._record import Record

Array = NDArray[np.float64]
Pairs = dict[tuple[int, int], sparse.csr_array]

# Pairs of categories that are kept where they are bounded, about 12 bytes each.
_MOST_PAIRS = 5_000_000
# Possible pairs per row up to which all of them are counted, those that do not occur as well.
_DENSE = 4


class EffectSums(Record):
    """Sums over rows.

    Attributes
    ----------
    n_rows : int
        Rows, whatever their weight.
    weight : float
        Their weight.
    target, squares : ndarray of shape (n_outputs,)
        Weighted sums of the target and of its square.
    counts : list of ndarray of shape (n_codes,)
        Weight of the rows of each code, by column.
    moments : list of ndarray of shape (n_codes, n_outputs)
        Weighted sums of the target of each code, by column.
    pairs : dict of sparse arrays of shape (n_codes, n_codes)
        Weight of the rows that hold two codes, by two columns, the first before the second.
    most_pairs : float
        Pairs that are kept at most.
    """

    n_rows: int
    weight: float
    target: Array
    squares: Array
    counts: list[Array]
    moments: list[Array]
    pairs: Pairs
    most_pairs: float

    def __getstate__(self) -> dict[str, Any]:
        # skops writes no keys that are tuples.
        return {**self.__dict__, "pairs": [[*columns, own] for columns, own in self.pairs.items()]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, pairs={(i, j): own for i, j, own in state["pairs"]})

    def __add__(self, other: EffectSums) -> EffectSums:
        """The sums over the rows of both."""
        # Pairs of columns that one of them has given up are not known of all rows.
        pairs = {
            columns: own + other.pairs[columns]
            for columns, own in self.pairs.items()
            if columns in other.pairs
        }
        return EffectSums(
            self.n_rows + other.n_rows,
            self.weight + other.weight,
            self.target + other.target,
            self.squares + other.squares,
            [own + more for own, more in zip(self.counts, other.counts, strict=True)],
            [own + more for own, more in zip(self.moments, other.moments, strict=True)],
            _within_bound(pairs, self.most_pairs),
            self.most_pairs,
        )

    def add(self, codes: NDArray[np.integer], y: Array, weight: Array) -> EffectSums:
        """The sums with more rows, ``codes`` of shape ``(n, n_columns)``."""
        weighted = y * weight[:, None]
        pairs = {}
        for (i, j), own in self.pairs.items():
            more = _count_pairs(codes[:, i], codes[:, j], weight, own.shape)
            pairs[i, j] = own + more if own.nnz else more
        return EffectSums(
            self.n_rows + len(codes),
            self.weight + float(weight.sum()),
            self.target + weighted.sum(axis=0),
            self.squares + (weighted * y).sum(axis=0),
            [c + np.bincount(codes[:, j], weight, len(c)) for j, c in enumerate(self.counts)],
            [
                m + np.stack([np.bincount(codes[:, j], w, len(m)) for w in weighted.T], axis=1)
                for j, m in enumerate(self.moments)
            ],
            _within_bound(pairs, self.most_pairs),
            self.most_pairs,
        )

    def grown(self, moves: Sequence[Moves], n_codes: Sequence[int]) -> EffectSums:
        """The same sums where columns have more codes; ``moves`` has the new place of each."""
        pairs = {}
        for (i, j), own in self.pairs.items():
            held = own.tocoo()
            places = (moves[i][held.row], moves[j][held.col])
            shape = (n_codes[i], n_codes[j])
            pairs[i, j] = sparse.coo_array((held.data, places), shape=shape).tocsr()
        return replace(
            self,
            counts=[move_rows(*own) for own in zip(self.counts, moves, n_codes, strict=True)],
            moments=[move_rows(*own) for own in zip(self.moments, moves, n_codes, strict=True)],
            pairs=pairs,
        )

    def scaled(self, factor: float) -> EffectSums:
        """The sums as if every row had ``factor`` times its weight."""
        return replace(
            self,
            weight=self.weight * factor,
            target=self.target * factor,
            squares=self.squares * factor,
            counts=[own * factor for own in self.counts],
            moments=[own * factor for own in self.moments],
            pairs={columns: own * factor for columns, own in self.pairs.items()},
        )

    @property
    def mean(self) -> Array:
        """Mean of each output."""
        return self.target / self.weight

    @property
    def deviation(self) -> Array:
        """Standard deviation of each output; 1 where it is constant."""
        variance = self.squares / self.weight - self.mean**2
        constant = variance <= 1e-12 * self.mean**2
        return np.sqrt(np.where(constant, 1, variance))

    def standardised(self) -> tuple[list[Array], list[Array]]:
        """Counts of the codes, ``(n_codes, 1)``, and their sums of the standardised target."""
        counts = [own[:, None] for own in self.counts]
        pairs = zip(self.moments, counts, strict=True)
        return counts, [(own - n * self.mean) / self.deviation for own, n in pairs]


def no_sums(
    n_codes: Sequence[int], n_outputs: int, with_pairs: bool, bounded: bool = True
) -> EffectSums:
    """The sums of no rows; without pairs no effects can be found from them. All pairs are kept
    unless they are ``bounded``.
    """
    n_columns = len(n_codes)
    pairs = {
        (i, j): sparse.csr_array((n_codes[i], n_codes[j]))
        for j in range(n_columns if with_pairs else 0)
        for i in range(j)
    }
    zeros = np.zeros(n_outputs)
    return EffectSums(
        0,
        0.0,
        zeros,
        zeros,
        [np.zeros(n) for n in n_codes],
        [np.zeros((n, n_outputs)) for n in n_codes],
        pairs,
        _MOST_PAIRS if bounded else np.inf,
    )


def _count_pairs(
    first: NDArray[np.integer], second: NDArray[np.integer], weight: Array, shape: tuple[int, int]
) -> sparse.csr_array:
    """Weight of the rows that hold two codes."""
    n_pairs = shape[0] * shape[1]
    if n_pairs > _DENSE * len(first):
        return sparse.coo_array((weight, (first, second)), shape=shape).tocsr()
    together = first.astype(np.intp) * shape[1] + second
    return sparse.csr_array(np.bincount(together, weight, n_pairs).reshape(shape))


def _within_bound(pairs: Pairs, most_pairs: float) -> Pairs:
    """The pairs of columns without those that have most of them, if all are too many."""
    kept = dict(sorted(pairs.items(), key=lambda item: item[1].nnz))
    while sum(own.nnz for own in kept.values()) > most_pairs:
        kept.popitem()
    return kept


def effects_from_sums(sums: EffectSums, pseudo_counts: Array | None = None) -> Effects:
    """Joint effects of all columns on the standardised target.

    Parameters
    ----------
    sums : EffectSums
    pseudo_counts : ndarray of shape (n_columns, n_outputs), optional
        Fixed shrinkage; by default it is estimated.
    """
    counts, moments = sums.standardised()
    values = [np.zeros(own.shape) for own in moments]
    estimate = pseudo_counts is None
    m = np.full((len(values), len(sums.target)), FIRST_ESTIMATE) if estimate else pseudo_counts
    for sweep in range(N_SWEEPS):
        for j, table in enumerate(values):
            left = moments[j] - _from_others(sums.pairs, values, j)
            table[...] = shrink(left, counts[j], m[j])
        if estimate and sweep > 0:
            squares = _squared_residuals(sums, values)
            m = estimate_pseudo_counts(counts, values, squares, sums.weight, m)
    return Effects(values, m)


def _from_others(pairs: Pairs, values: Sequence[Array], column: int) -> Array:
    """What the effects of the other columns add to the sums of a column's codes."""
    total = np.zeros(values[column].shape)
    for (i, j), own in pairs.items():
        if i == column:
            total += own @ values[j]
        elif j == column:
            total += own.T @ values[i]
    return total


def _squared_residuals(sums: EffectSums, values: Sequence[Array]) -> Array:
    """Weighted sums of the squared residuals that effects leave of the standardised target."""
    counts, moments = sums.standardised()
    variance = sums.squares - sums.target * sums.mean
    squares = variance / sums.deviation**2
    for count, moment, table in zip(counts, moments, values, strict=True):
        squares += ((count * table - 2 * moment) * table).sum(axis=0)
    for (i, j), own in sums.pairs.items():
        squares += 2 * ((own @ values[j]) * values[i]).sum(axis=0)
    return np.maximum(squares, 0)
