"""Shrunken target effects of categories, jointly over the columns.

The model is one of additive crossed random intercepts, ``y = mean + sum_j effect_j[category_j] +
noise``, each effect drawn from a normal distribution with a variance of its own per column, and
with mean 0 over the rows. Given the variances, the best linear unbiased prediction of an effect is
``(sum of the residuals of its rows) / (count + m)``, where ``m``, the ratio of the noise variance
to that of the column's effects, acts as so many rows of the overall mean. The columns are visited
in turn (backfitting) and the variances estimated by expectation-maximisation on the way.

In a column of bags a row belongs to several categories, each with its share, and has the sum of
their effects times their shares. Then the effects of a column depend on each other, and are solved
for together.

References: Henderson 1975, doi:10.2307/2529430 (prediction); Searle, Casella and McCulloch 1992,
"Variance Components", chapter 8 (estimation); Browne, Goldstein and Rasbash 2001, Multiple
membership multiple classification (MMMC) models, doi:10.1177/1471082X0100100202 (bags).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .nn._bags import NO_BAGS, Bags, count
from .nn._parallel import slices
from .nn._record import Record
from .nn._solve import solve_symmetric

Array = NDArray[np.float64]

N_SWEEPS = 15
# Of effects of a predictor, whose shrinkage is known then: of seven tables no score changes by more
# than 0.001 from those of 15 sweeps.
N_SWEEPS_KNOWN = 8
# Effects have settled once none changes by more than this share of the largest of its column.
_NO_CHANGE = 1e-11
# Steps in which the effects of a column of bags are found, in each sweep.
_N_SOLVER_STEPS = 20
FIRST_ESTIMATE = 10.0
_PSEUDO_COUNT_RANGE = (1e-3, 1e6)
# Keeps 0 / 0, a code without rows and without shrinkage, at 0.
_SMALLEST = 1e-300
# The most rows of the mean that shrink what all elements of a column have in common.
_COMMON_PSEUDO_COUNT = 10.0
# Rows that are worked on at a time: arrays of them stay in the cache.
_PART = 2**14
# Sizes of bags that differ by less are the same, but for rounding.
_LEAST_DIFFERENCE = 1e-9


class Effects(Record):
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
    """One column's codes and their counts."""

    def __init__(self, codes: NDArray[np.integer], n_codes: int, weight: Array) -> None:
        self.codes = codes
        self._weight = weight[:, None]
        self._shrinkage: tuple[Array, Shrinkage] | None = None
        self.counts = np.zeros((n_codes, 1))
        for part in slices(slice(0, len(codes)), _PART):
            _add_by_code(self.counts, codes[part], self._weight[part])

    def deviations(self, effects: Array) -> Array:
        """What was shrunken towards 0."""
        return effects

    def learn(self, residual: Array, effects: Array, m: Array) -> Array:
        """Effect of every code, ``(n_codes, n_outputs)``, with mean 0 over the rows, in place of
        those that the ``residual`` is without; it is changed in place.
        """
        # The sums of what these rows miss without the effects: those with them, and as many times
        # the effects, for which no row has to be looked at.
        total = self.counts * effects
        for part in slices(slice(0, len(residual)), _PART):
            _add_by_code(total, self.codes[part], residual[part] * self._weight[part])
        if self._shrinkage is None or not np.array_equal(self._shrinkage[0], m):
            self._shrinkage = m, Shrinkage(self.counts, m)
        found = self._shrinkage[1](total)
        way = found - effects
        for part in slices(slice(0, len(residual)), _PART):
            residual[part] -= way.take(self.codes[part], axis=0)
        return found


def _add_by_code(total: Array, codes: NDArray[np.integer], values: Array) -> None:
    """Add ``values[i]`` to ``total[codes[i]]``, one row after the other."""
    rows = codes.astype(np.intp)
    for own, column in zip(total.T, values.T, strict=True):
        np.add.at(own, rows, column)


class Shrinkage:
    """Shrinks the effects of a column with such counts by so many rows of the overall mean.

    Parameters
    ----------
    counts : ndarray of shape (n_codes, k)
        Of as many problems as there are outputs, or one for all.
    m : ndarray of shape (n_outputs,)
    """

    def __init__(self, counts: Array, m: Array) -> None:
        self._counts = counts
        self._shrunken = np.maximum(counts + m, _SMALLEST)
        self._share = counts / self._shrunken
        self._common = np.maximum(_sum(self._share, counts), _SMALLEST)
        # A category that was seen once is the best model of one that was never seen.
        self._unseen = counts <= 0
        self._rarity = 1 / (1 + counts)
        self._rarity[self._unseen] = 0
        self._pooled = np.maximum(_sum(self._rarity, counts) + m, _SMALLEST)

    def __call__(self, total: Array) -> Array:
        """Effects ``(n_codes, n_outputs)`` from the residuals of the codes, added up, with mean 0
        over the rows.
        """
        # What all categories have in common belongs to the overall mean. Left free, constants
        # wander between the columns for as long as they are visited.
        effects: Array = total - self._counts * (_sum(self._share, total) / self._common)
        pooled = _sum(self._rarity, effects) / self._pooled
        effects /= self._shrunken
        np.copyto(effects, pooled, where=self._unseen)
        return effects


def _sum(a: Array, b: Array) -> Array:
    """``(a * b).sum(axis=0)``, without the products."""
    total: Array = np.einsum("nk,nk->k", a, b)
    return total


def shrink(total: Array, counts: Array, m: Array) -> Array:
    """Effects of a column, where its :class:`Shrinkage` is needed once."""
    return Shrinkage(counts, m)(total)


class _BagColumn:
    """A column of bags: the shares of the categories in each row, and what they have in common.

    Where bags differ in size, or some are empty, every element has two effects: that of its
    category, and one that all elements have in common, which says what one element more adds.
    """

    def __init__(self, codes: NDArray[np.integer], bags: Bags, n_codes: int, weight: Array) -> None:
        self._shares = bags.matrix(n_codes)[codes]
        size = self._shares.sum(axis=1)
        size -= np.average(size, weights=weight)
        size[np.abs(size) < _LEAST_DIFFERENCE] = 0
        common = sparse.csr_array(size[:, None])
        self._design = sparse.csr_array(sparse.hstack([self._shares, common], format="csr"))
        self._weighted = (self._design * weight[:, None]).T.tocsr()
        self._sums = self._design.T @ weight
        # What a category is worth to the equations: its squared shares.
        self._squares = (self._design * self._design).T @ weight[:, None]
        self.counts = self._squares[:-1]
        self.seen = self.counts[:, 0] > 0
        self._rows = count(codes, bags, n_codes, weight)
        self._mean = self._sums[:-1] / weight.sum()
        self._common = 0.0
        self._last: Array | None = None

    def _contribution(self, effects: Array) -> Array:
        return self._shares @ effects - self._mean @ effects

    def deviations(self, effects: Array) -> Array:
        return effects - self._common

    def learn(self, residual: Array, effects: Array, m: Array) -> Array:
        residual += self._contribution(effects)
        effects = self._shrunken_mean(residual, m)
        residual -= self._contribution(effects)
        return effects

    def _shrunken_mean(self, residual: Array, m: Array) -> Array:
        """Effect of every code, ``(n_codes, n_outputs)``; those of the categories have mean 0 over
        the rows.
        """
        sums = np.repeat(self._sums[:, None], residual.shape[1], axis=1)
        right = np.hstack([self._weighted @ residual, sums])
        penalty = np.repeat(np.tile(m, 2)[None, :], len(right), axis=0)
        penalty[-1] = np.minimum(penalty[-1], _COMMON_PSEUDO_COUNT)
        self._last = solve_symmetric(
            lambda x: self._weighted @ (self._design @ x) + penalty * x,
            right,
            lambda x: x / np.maximum(self._squares + penalty, _SMALLEST),
            np.zeros(right.shape) if self._last is None else self._last,
            _N_SOLVER_STEPS,
            by_column=True,
        )
        # A multiplier of Lagrange keeps the mean at 0.
        effects, constant = np.hsplit(self._last, 2)
        effects = effects - constant * (self._sums @ effects) / np.maximum(
            self._sums @ constant, _SMALLEST
        )
        effects, self._common = effects[:-1], effects[-1]
        rarity = np.where(self.seen, 1 / (1 + self._rows), 0)
        pooled = rarity @ ((self.counts + m) * effects)
        effects[~self.seen] = pooled / np.maximum(rarity @ self.counts + m, _SMALLEST)
        return effects + self._common


def joint_effects(
    codes: NDArray[np.integer],
    n_codes: tuple[int, ...],
    y: Array,
    weight: Array,
    pseudo_counts: Array | None = None,
    bags: Mapping[int, Bags] = NO_BAGS,
    n_sweeps: int = N_SWEEPS,
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
    bags : dict of Bags, optional
        By column: its codes are bags of codes.
    n_sweeps : int
        How often the columns are visited at most.
    """
    columns = [
        _BagColumn(codes[:, j], bags[j], n, weight)
        if j in bags
        else _Column(codes[:, j], n, weight)
        for j, n in enumerate(n_codes)
    ]
    values = [np.zeros((n, y.shape[1])) for n in n_codes]
    estimate = pseudo_counts is None
    m = np.full((len(columns), y.shape[1]), FIRST_ESTIMATE) if estimate else pseudo_counts
    residual = y - np.average(y, axis=0, weights=weight)
    for sweep in range(n_sweeps):
        before = [] if estimate else [table.copy() for table in values]
        _visit(columns, values, residual, m)
        if estimate and sweep > 0:
            m = estimate_pseudo_counts(
                [column.counts for column in columns],
                [c.deviations(table) for c, table in zip(columns, values, strict=True)],
                np.einsum("n,nk,nk->k", weight, residual, residual),
                weight.sum(),
                m,
            )
        if not estimate and all(map(_have_settled, before, values)):
            break
    return Effects(values, m)


def _visit(
    columns: Sequence[_Column | _BagColumn], values: list[Array], residual: Array, m: Array
) -> None:
    """One sweep over the columns; ``values`` and ``residual`` are changed in place."""
    for column, table, m_column in zip(columns, values, m, strict=True):
        table[...] = column.learn(residual, table, m_column)


def _have_settled(before: Array, after: Array) -> bool:
    """Whether a sweep has added nothing to single precision."""
    largest = np.abs(after).max(initial=0)
    return bool(np.abs(after - before).max(initial=0) <= _NO_CHANGE * largest)


def estimate_pseudo_counts(
    counts: Sequence[Array], deviations: Sequence[Array], squares: Array, n: float, m: Array
) -> Array:
    """One step of expectation-maximisation for the ratio of noise variance to effect variance.

    ``counts``, ``(n_codes, 1)`` each, and what was shrunken towards 0, ``deviations``, are those of
    every column; ``squares``, ``(n_outputs,)``, the sums of the squared residuals of ``n`` rows.
    """
    used = sum((c / (c + m_c)).sum(axis=0) for c, m_c in zip(counts, m, strict=True))
    noise = squares / np.maximum(n - used, 0.2 * n)
    new = np.empty_like(m)
    for own, table, m_column, target in zip(counts, deviations, m, new, strict=True):
        seen = own[:, 0] > 0
        if not seen.any():
            target[...] = m_column
            continue
        spread = table[seen] ** 2 + noise / (own[seen] + m_column)
        variance = np.mean(spread, axis=0)
        target[...] = np.clip(noise / np.maximum(variance, _SMALLEST), *_PSEUDO_COUNT_RANGE)
    return new
