"""Shrunken target effects of categories, jointly over the columns.

The model is one of additive crossed random intercepts, ``y = mean + sum_j effect_j[category_j] +
noise``, each effect drawn from a normal distribution with a variance of its own per column, and
with mean 0 over the rows. Given the variances, the best linear unbiased prediction of an effect is
``(sum of the residuals of its rows) / (count + m)``, where ``m``, the ratio of the noise variance
to that of the column's effects, acts as so many rows of the overall mean. The columns are visited
in turn (backfitting) and the variances estimated by expectation-maximisation on the way.

References: Henderson 1975, doi:10.2307/2529430 (prediction); Searle, Casella and McCulloch 1992,
"Variance Components", chapter 8 (estimation).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Array = NDArray[np.float64]

_N_SWEEPS = 15
_FIRST_ESTIMATE = 10.0
_PSEUDO_COUNT_RANGE = (1e-3, 1e6)
# Keeps 0 / 0, a code without rows and without shrinkage, at 0.
_SMALLEST = 1e-300


@dataclass(frozen=True)
class Effects:
    """Effects of the categories of several columns on several outputs.

    Attributes
    ----------
    values : list of ndarray of shape (n_codes, n_outputs)
        One table per column, in the unit of the target. A code that was never seen has the effect
        of the rare categories, pooled.
    pseudo_counts : ndarray of shape (n_columns, n_outputs)
        Rows of the overall mean that each effect was shrunken by.
    """

    values: list[Array]
    pseudo_counts: Array


class _Column:
    """One column's codes as a matrix that sums rows by category, and its counts.

    ``weight`` has shape ``(n,)``, or ``(n, k)`` for ``k`` problems that weigh the rows differently.
    """

    def __init__(self, codes: NDArray[np.integer], n_codes: int, weight: Array) -> None:
        n = len(codes)
        self.codes = codes
        ones = np.ones(n)
        parts = (ones if weight.ndim == 2 else weight, codes, np.arange(n + 1))
        self._sum = sparse.csc_matrix(parts, shape=(n_codes, n))
        self._weight = weight if weight.ndim == 2 else 1.0
        self.counts = self._sum @ (weight if weight.ndim == 2 else ones[:, None])

    def shrunken_mean(self, residual: Array, m: Array) -> Array:
        """Effect of every code, ``(n_codes, n_outputs)``, with mean 0 over the rows."""
        total = self._sum @ (residual * self._weight)
        share = self.counts / np.maximum(self.counts + m, _SMALLEST)
        # What all categories have in common belongs to the overall mean. Left free, constants
        # wander between the columns for as long as they are visited.
        common = (share * total).sum(axis=0) / np.maximum(
            (share * self.counts).sum(axis=0), _SMALLEST
        )
        total -= self.counts * common
        effects = total / np.maximum(self.counts + m, _SMALLEST)
        # A category that was seen once is the best model of one that was never seen.
        seen = self.counts > 0
        rarity = np.where(seen, 1 / (1 + self.counts), 0)
        pooled = (rarity * total).sum(axis=0)
        pooled /= np.maximum((rarity * self.counts).sum(axis=0) + m, _SMALLEST)
        return np.where(seen, effects, pooled)


def joint_effects(
    codes: NDArray[np.integer],
    n_codes: tuple[int, ...],
    y: Array,
    weight: Array,
    pseudo_counts: Array | None = None,
) -> Effects:
    """Effects of all columns on ``y`` of shape ``(n, n_outputs)``.

    Parameters
    ----------
    codes : ndarray of shape (n, n_columns)
    n_codes : tuple of int
        Codes of each column.
    y : ndarray of shape (n, n_outputs)
    weight : ndarray of shape (n,)
    pseudo_counts : ndarray of shape (n_columns, n_outputs), optional
        Fixed shrinkage; by default it is estimated.
    """
    columns = [_Column(codes[:, j], n, weight) for j, n in enumerate(n_codes)]
    values = [np.zeros((n, y.shape[1])) for n in n_codes]
    estimate = pseudo_counts is None
    m = np.full((len(columns), y.shape[1]), _FIRST_ESTIMATE) if estimate else pseudo_counts
    residual = y - np.average(y, axis=0, weights=weight)
    for sweep in range(_N_SWEEPS):
        _visit(columns, values, residual, m)
        if estimate and sweep > 0:
            m = _estimate_pseudo_counts(columns, values, residual, weight, m)
    return Effects(values, m)


def held_out_effects(
    codes: NDArray[np.integer],
    n_codes: tuple[int, ...],
    y: Array,
    weight: Array,
    pseudo_counts: Array,
    fold: NDArray[np.integer],
) -> list[Array]:
    """The effects of each row's categories, learned without the rows of its fold.

    All folds are solved at once: each is a problem of its own weights, 0 for the rows held out.

    Parameters
    ----------
    codes, n_codes, y, weight
        As in :func:`joint_effects`.
    pseudo_counts : ndarray of shape (n_columns, n_outputs)
        The shrinkage, as estimated from all rows.
    fold : ndarray of shape (n,)
        The fold of each row, from 0.

    Returns
    -------
    list of ndarray of shape (n, n_outputs)
        One array per column.
    """
    kept = np.repeat(weight[:, None], fold.max() + 1, axis=1)
    kept[np.arange(len(fold)), fold] = 0
    columns = [_Column(codes[:, j], n, kept) for j, n in enumerate(n_codes)]
    held_out = [np.empty(y.shape) for _ in n_codes]
    for output in range(y.shape[1]):
        values = [np.zeros((n, kept.shape[1])) for n in n_codes]
        mean = y[:, output] @ kept / np.maximum(kept.sum(axis=0), _SMALLEST)
        residual = y[:, output, None] - mean
        for _ in range(_N_SWEEPS):
            _visit(columns, values, residual, pseudo_counts[:, output, None])
        for column, table, out in zip(columns, values, held_out, strict=True):
            out[:, output] = table[column.codes, fold]
    return held_out


def _visit(columns: list[_Column], values: list[Array], residual: Array, m: Array) -> None:
    """One sweep over the columns; ``values`` and ``residual`` are changed in place."""
    for column, table, m_column in zip(columns, values, m, strict=True):
        residual += table[column.codes]
        table[...] = column.shrunken_mean(residual, m_column)
        residual -= table[column.codes]


def _estimate_pseudo_counts(
    columns: list[_Column], values: list[Array], residual: Array, weight: Array, m: Array
) -> Array:
    """One step of expectation-maximisation for the ratio of noise variance to effect variance."""
    n = weight.sum()
    used = sum((c.counts / (c.counts + m_c)).sum(axis=0) for c, m_c in zip(columns, m, strict=True))
    noise = weight @ residual**2 / np.maximum(n - used, 0.2 * n)
    new = np.empty_like(m)
    for column, table, m_column, target in zip(columns, values, m, new, strict=True):
        seen = column.counts[:, 0] > 0
        spread = table[seen] ** 2 + noise / (column.counts[seen] + m_column)
        variance = np.mean(spread, axis=0)
        target[...] = np.clip(noise / np.maximum(variance, _SMALLEST), *_PSEUDO_COUNT_RANGE)
    return new
