"""Numeric columns: robust scale, smooth clip, a flag where values are missing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Beyond this the bent tail is flat.
FAR = 1e100


def smooth_clip(z: Array) -> Array:
    """``z / sqrt(1 + (z / 3)**2)``: the middle stays, the tails bend and never leave (-3, 3)."""
    return 3 * (z / np.hypot(3, z))


class NumericScaler:
    """Scale columns by median and interquartile range, then bend the tails.

    ``z = (x - median) / range``, then ``z / sqrt(1 + (z / 3)**2)``, which keeps the middle and
    never leaves (-3, 3) (Holzmüller et al. 2024, arXiv:2407.04491). A missing value becomes 0; a
    column with missing values at fit gets a second column that marks them.
    """

    def fit(self, X: Array) -> NumericScaler:
        """Learn from ``X`` of shape ``(n, n_columns)``, NaN where missing."""
        self.flagged_ = np.isnan(X).any(axis=0)
        self.center_ = np.zeros(X.shape[1])
        self.range_ = np.ones(X.shape[1])
        for j in range(X.shape[1]):
            present = X[~np.isnan(X[:, j]), j]
            if len(present):
                # Halves, for the mean of two huge numbers would overflow.
                self.center_[j] = 2 * np.median(present / 2)
                self.range_[j] = _spread(present)
        return self

    def fill(self, X: Array) -> Array:
        """The numbers with the median where a column that had none missing at fit lacks one."""
        return np.where(np.isnan(X) & ~self.flagged_, self.center_, X)

    def transform(self, X: Array) -> NDArray[np.float32]:
        """Scaled columns, then the flags, ``(n, n_columns + n_flagged)``."""
        missing = np.isnan(X)
        with np.errstate(over="ignore"):
            z = (X - self.center_) / self.range_
        z[missing] = 0
        z = smooth_clip(np.clip(z, -FAR, FAR))
        return np.concatenate([z, missing[:, self.flagged_]], axis=1).astype(np.float32)


def _spread(values: Array) -> float:
    """Interquartile range; half the range if the quartiles are equal; 1 for a constant."""
    low, high = np.quantile(values / 4, [0.25, 0.75])
    spread = 4 * float(high - low) or float(values.max() / 2 - values.min() / 2)
    return spread if 0 < spread < np.inf else 1.0
