"""Shrunken effects of the categories of one column alone, in closed form, in and out of fold.

The model is a one-way random effect, ``y = effect[category] + noise`` with ``y`` centred. The
effect is ``(sum of y) / (count + m)``; ``m``, the ratio of the noise variance to that of the
effects, is estimated by the method of moments. A fold is held out by taking its sums and counts
away, so that all folds together cost two passes over the rows.

Reference: Searle, Casella and McCulloch 1992, "Variance Components", chapter 3.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Codes = NDArray[np.integer]

# Pseudo-counts at most: with so many every effect is 0.
_MOST_PSEUDO_COUNTS = 1e9
_LEAST_PSEUDO_COUNT = 1e-3
_SMALLEST = 1e-300


class MarginalEffects:
    """Effects of one column on one target.

    Parameters
    ----------
    codes : ndarray of shape (n,)
    n_codes : int
    y : ndarray of shape (n, n_outputs)
        Centred.
    weight : ndarray of shape (n,)

    Attributes
    ----------
    pseudo_counts : ndarray of shape (n_outputs,)
        ``m``.
    """

    def __init__(self, codes: Codes, n_codes: int, y: Array, weight: Array) -> None:
        self._codes = codes
        self._weight = weight
        self._weighted = [weight * column for column in y.T]
        self._counts = np.bincount(codes, weight, n_codes)
        self._sums = [np.bincount(codes, values, n_codes) for values in self._weighted]
        self.pseudo_counts = np.array(
            [
                self._estimate(sums, float(values @ column))
                for sums, values, column in zip(self._sums, self._weighted, y.T, strict=True)
            ]
        )

    @property
    def by_code(self) -> Array:
        """The effects, ``(n_codes, n_outputs)``; 0 for a code without rows."""
        pairs = zip(self._sums, self.pseudo_counts, strict=True)
        return np.stack([sums / (self._counts + m) for sums, m in pairs], axis=1)

    def _estimate(self, sums: Array, squares: float) -> float:
        """``m`` by the method of moments, from sums per code and the sum of all squares."""
        counts = self._counts
        n_groups, n_rows = np.count_nonzero(counts), counts.sum()
        # One category, or a row of weight 1 per category, cannot tell effects from noise.
        if n_groups < 2 or n_rows <= n_groups:
            return _MOST_PSEUDO_COUNTS
        of_groups = float(sums @ (sums / np.maximum(counts, _SMALLEST)))
        noise = max(squares - of_groups, 0) / (n_rows - n_groups)
        between = of_groups / (n_groups - 1)
        rows_per_group = (n_rows - counts @ counts / n_rows) / (n_groups - 1)
        # Groups that differ less than noise would make them have no effect.
        if (between - noise) * _MOST_PSEUDO_COUNTS <= noise * rows_per_group:
            return _MOST_PSEUDO_COUNTS
        return max(noise * rows_per_group / (between - noise), _LEAST_PSEUDO_COUNT)

    def held_out(self, fold: Codes) -> Array:
        """The effect of each row's category without the rows of its fold, ``(n, n_outputs)``.

        ``fold`` of shape ``(n,)`` numbers the folds from 0.
        """
        n_folds, n_codes = int(fold.max(initial=0)) + 1, len(self._counts)
        cell = fold * n_codes + self._codes
        # Where there are fewer cells than rows, effects of cells are found before those of rows.
        in_cells = n_folds * n_codes <= len(cell)

        def without_fold(of_codes: Array, of_rows: Array) -> Array:
            of_cells = np.bincount(cell, of_rows, n_folds * n_codes)
            if in_cells:
                return of_codes - of_cells.reshape(n_folds, n_codes)
            return of_codes.take(self._codes) - of_cells.take(cell)

        counts = without_fold(self._counts, self._weight)
        effects = np.empty((len(cell), len(self._sums)))
        for k, m in enumerate(self.pseudo_counts):
            # Exactly 0 where no other fold has the code: both sums are the same in the same order.
            own = without_fold(self._sums[k], self._weighted[k]) / (counts + m)
            effects[:, k] = own.take(cell) if in_cells else own
        return effects
