"""How much of the target is noise, and how much networks are held back for it.

The penalty of a coefficient that ridge regression is best with is the variance of the noise over
that of the coefficient. So vectors decay the more, the less of the target is explained by the
features that are known before the training; and where that is much, fewer units are dropped.

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
from ._recipe import Recipe
from ._sample import Sample
from ._targets import ROBUST_LOSSES, standardised

# The share of noise for which the constants of the recipe are; less holds back by its square, which
# does better than the share itself, more by the noise over the rest of the variance.
_NOISY = 0.5
_LEAST_SIGNAL = 0.01
# Free rows for a feature, of which fewer tell nothing.
_LEAST_FREE = 0.5


def share_of_noise(sample: Sample, features: NDArray[np.floating], untold: float = _NOISY) -> float:
    """Share of the target's variance that a linear model of ``features``, ``(n, n_features)``,
    leaves unexplained. Of several outputs the largest up to a half; above it the least, so that
    one of noise is not at the others' cost.

    ``untold`` is what it is where nothing can be told: too few rows, or a constant target.

    It is corrected for what as many features of noise would explain (the adjusted R2). For a robust
    loss it is that of the ranks, and a half at least; for counts, whose noise grows with their
    size, that of the ranks.
    """
    weight, loss = sample.weight, sample.target.loss
    # So many rows of equal weight tell as much.
    n_rows = weight.sum() ** 2 / (weight @ weight)
    n_free = n_rows - features.shape[1] - 1
    if n_free <= _LEAST_FREE * features.shape[1]:
        return untold
    known, y = features.astype(np.float64), standardised(sample.target, weight)
    if loss in (*ROBUST_LOSSES, "poisson"):
        y = rankdata(y, axis=0) / len(y)
    y -= np.average(y, axis=0, weights=weight)
    left, total = (weight @ values**2 for values in (residual(known, y, weight), y))
    if sample.target.values.ndim == 1:
        # Of classes all indicators together.
        left, total = left.sum(keepdims=True), total.sum(keepdims=True)
    varies = total > 0
    if not varies.any():
        return untold
    shares = np.minimum(left[varies] / total[varies] * (n_rows - 1) / n_free, 1)
    share = float(shares.max())
    return max(float(shares.min()), _NOISY) if share > _NOISY or loss in ROBUST_LOSSES else share


def held_back(recipe: Recipe, noise: float, dropout: float | str, has_effects: bool) -> Recipe:
    """The recipe for a target with this share of noise; a ``dropout`` that was given stays.

    Without effects among the features there is nothing to read the target off, and what the others
    leave is not all noise.
    """
    strength = (noise / _NOISY) ** 2 if noise < _NOISY else noise / max(1 - noise, _LEAST_SIGNAL)
    if dropout == "auto":
        recipe = replace(recipe, dropout=min(strength, 1.0) * recipe.dropout)
    return replace(recipe, decay=strength if has_effects else min(strength, 1.0))
