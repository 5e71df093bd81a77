"""How much of the target is noise, and how much networks are held back for it.

The penalty of a coefficient that ridge regression is best with is the variance of the noise over
that of the coefficient. So vectors decay more, and more units are dropped, where the features that
are known before the training explain little of the target.

It matters most where nearly all is noise: a row's held-out effects lack the targets of its own
fold, and a network that is free to learn what they are with them reads the target off the
difference.

Reference: Hoerl and Kennard 1970, doi:10.1080/00401706.1970.10488634.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from ._crosses import residual
from ._learning import Recipe
from ._sample import Sample
from ._targets import standardised

# The share of noise for which the constants of the recipe are; less holds back by its square, which
# does better than the share itself, more by the noise over the rest of the variance.
_NOISY = 0.5
_LEAST_SIGNAL = 0.01
# Losses of which a few large errors say little: variances do not tell what is noise to them.
_ROBUST = ("absolute_error", "huber", "quantile")


def share_of_noise(sample: Sample, features: NDArray[np.float32]) -> float:
    """Share of the target's variance that a linear model of ``features``, ``(n, n_features)``,
    leaves unexplained; of several outputs the largest.

    It is corrected for what as many features of noise would explain (the adjusted R2). For a robust
    loss it is that of the ranks, and a half at least, as where there are too few rows to tell.
    """
    weight, is_robust = sample.weight, sample.target.loss in _ROBUST
    # So many rows of equal weight tell as much.
    n_rows = weight.sum() ** 2 / (weight @ weight)
    n_free = n_rows - features.shape[1] - 1
    if n_free <= 0:
        return _NOISY
    known, y = features.astype(np.float64), standardised(sample.target, weight)
    if is_robust:
        y = rankdata(y, axis=0) / len(y)
    y -= np.average(y, axis=0, weights=weight)
    left, total = (weight @ values**2 for values in (residual(known, y, weight), y))
    if sample.target.values.ndim == 1:
        # Of classes all indicators together.
        left, total = left.sum(keepdims=True), total.sum(keepdims=True)
    varies = total > 0
    if not varies.any():
        return _NOISY
    share = float(min(1.0, np.max(left[varies] / total[varies]) * (n_rows - 1) / n_free))
    return max(share, _NOISY) if is_robust else share


def held_back(recipe: Recipe, noise: float, dropout: float | str) -> Recipe:
    """The recipe for a target with this share of noise; a ``dropout`` that was given stays."""
    strength = (noise / _NOISY) ** 2 if noise < _NOISY else noise / max(1 - noise, _LEAST_SIGNAL)
    if dropout == "auto":
        recipe = replace(recipe, dropout=min(strength, 1.0) * recipe.dropout)
    return replace(recipe, decay=strength)
