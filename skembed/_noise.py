"""How much of the target is noise. Where that is little, networks need little holding back.

The penalty of a coefficient that ridge regression is best with is the variance of the noise over
that of the coefficient. So vectors decay less, and fewer units are dropped, where the features that
are known before the training explain most of the target.

Reference: Hoerl and Kennard 1970, doi:10.1080/00401706.1970.10488634.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ._crosses import residual
from ._learning import Recipe
from ._sample import Sample
from ._targets import standardised

# From this share of noise on, networks are held back in full. Below, in proportion to the square of
# the share, which does better than the share itself.
_NOISY = 0.5
# Losses of which a few large errors say little: variances do not tell what is noise to them.
_ROBUST = ("absolute_error", "huber", "quantile")


def share_of_noise(sample: Sample, features: NDArray[np.float32]) -> float:
    """Share of the target's variance that a linear model of ``features``, ``(n, n_features)``,
    leaves unexplained; of several outputs the largest, 1 for a robust loss.

    It is corrected for what as many features of noise would explain (the adjusted R2).
    """
    weight = sample.weight
    # So many rows of equal weight tell as much.
    n_rows = weight.sum() ** 2 / (weight @ weight)
    n_free = n_rows - features.shape[1] - 1
    if n_free <= 0 or sample.target.loss in _ROBUST:
        return 1.0
    known, y = features.astype(np.float64), standardised(sample.target, weight)
    y -= np.average(y, axis=0, weights=weight)
    left, total = (weight @ values**2 for values in (residual(known, y, weight), y))
    if sample.target.values.ndim == 1:
        # Of classes all indicators together.
        left, total = left.sum(keepdims=True), total.sum(keepdims=True)
    varies = total > 0
    share = np.max(left[varies] / total[varies], initial=0.0) if varies.any() else 1.0
    return float(min(1.0, share * (n_rows - 1) / n_free))


def held_back(recipe: Recipe, noise: float, dropout: float | str) -> Recipe:
    """The recipe for a target with this share of noise; a ``dropout`` that was given stays."""
    strength = min(1.0, noise / _NOISY) ** 2
    if dropout == "auto":
        recipe = replace(recipe, dropout=strength * recipe.dropout)
    return replace(recipe, decay=strength)
