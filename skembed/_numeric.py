"""Numeric columns: robust scale, smooth clip, a flag where values are missing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


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
                self.center_[j] = np.median(present)
                self.range_[j] = _spread(present)
        return self

    def transform(self, X: Array) -> NDArray[np.float32]:
        """Scaled columns, then the flags, ``(n, n_columns + n_flagged)``."""
        missing = np.isnan(X)
        z = (X - self.center_) / self.range_
        z[missing] = 0
        z = 3 * (z / np.hypot(3, z))
        return np.concatenate([z, missing[:, self.flagged_]], axis=1).astype(np.float32)


def _spread(values: Array) -> float:
    """Interquartile range; the range if half the values are equal; 1 for a constant."""
    low, high = np.quantile(values, [0.25, 0.75])
    spread = high - low or (values.max() - values.min()) / 2
    return float(spread) if spread > 0 and np.isfinite(spread) else 1.0
