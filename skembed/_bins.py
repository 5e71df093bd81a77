"""Numeric columns in pieces: quantile bins as categories, and piecewise-linear coordinates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def _quantiles(values: Array, shares: Array) -> Array:
    """Quantiles of present values; in quarters, for the way between two huge ones may overflow."""
    return 4 * np.quantile(values / 4, shares)


def quantile_edges(values: Array, n_bins: int, n_value_bins: int = 0) -> Array:
    """Inner edges of at most ``n_bins`` bins of equally many values, NaN left out.

    With ``n_value_bins`` there are those of equally many *distinct* values beside them, which cut
    where a pile of equal values leaves no quantile.
    """
    present = values[~np.isnan(values)]
    if not len(present):
        return np.empty(0)
    edges = [_quantiles(present, np.linspace(0, 1, n_bins + 1)[1:-1])]
    if n_value_bins:
        shares = np.linspace(0, 1, n_value_bins + 1)[1:-1]
        edges.append(_quantiles(np.unique(present), shares))
    return np.unique(np.concatenate(edges))


def bin_codes(values: Array, edges: Array) -> NDArray[np.int32]:
    """Bin of each value as a code from 1; missing values have the last, ``len(edges) + 2``."""
    codes = np.searchsorted(edges, values, side="right") + 1
    codes[np.isnan(values)] = len(edges) + 2
    return codes.astype(np.int32)


def n_bin_codes(edges: Array) -> int:
    """Codes of a binned column, that of the unknown value, 0, included."""
    return len(edges) + 3


class PiecewiseLinear:
    """Coordinates that say how far a number has come through each bin between quantiles.

    The coordinate of a bin is 0 below it, 1 above it and linear inside, so that a linear map of
    them is a continuous piecewise-linear function (Gorishniy et al. 2022, arXiv:2203.05556).
    Missing values are all zeros.
    """

    def __init__(self, n_bins: int) -> None:
        self.n_bins = n_bins

    def fit(self, X: Array) -> PiecewiseLinear:
        """Learn the edges from ``X`` of shape ``(n, n_columns)``, NaN where missing."""
        self.edges_ = []
        for column in X.T:
            present = column[~np.isnan(column)]
            shares = np.linspace(0, 1, self.n_bins + 1)
            self.edges_.append(np.unique(_quantiles(present, shares)) if len(present) else present)
        return self

    def transform(self, X: Array) -> NDArray[np.float32]:
        """All coordinates side by side, ``(n, width)``."""
        blocks = [np.empty((len(X), 0), dtype=np.float32)]
        for column, edges in zip(X.T, self.edges_, strict=True):
            # One bin alone is linear, as the scaled column is.
            if len(edges) > 2:
                # Halves, for the width of a bin may overflow.
                inside = np.clip(column[:, None], edges[:-1], edges[1:])
                way = (inside / 2 - edges[:-1] / 2) / np.diff(edges / 2)
                way[np.isnan(column)] = 0
                blocks.append(way.astype(np.float32))
        return np.concatenate(blocks, axis=1)
