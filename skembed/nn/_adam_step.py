"""One step of Adam on arrays, which :class:`~._optimizers.Adam` and the fast training share."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]

# Numbers moved at a time: the five arrays of a block stay in the cache of a core.
_BLOCK = 2**16


class AdamSettings(Protocol):
    """What the step needs of an :class:`~._optimizers.Adam`."""

    @property
    def beta_1(self) -> float: ...
    @property
    def beta_2(self) -> float: ...
    @property
    def epsilon(self) -> float: ...


def move_adam(
    adam: AdamSettings,
    values: Array,
    gradient: Array,
    mean: Array,
    square: Array,
    learning_rate: float,
    n_steps: int,
    factor: Array | None = None,
) -> None:
    """Move arrays of one shape one step of ``adam`` against their gradient, in place.

    ``mean`` and ``square`` are sums over all steps so far, faded by the betas: the running means
    without their constant factors, which the step has as a whole. ``n_steps`` counts this step too;
    ``factor``, which broadcasts to the shape, multiplies the learning rate.
    """
    # All constant factors and both bias corrections in two scalars.
    root = math.sqrt((1 - adam.beta_2) / (1 - adam.beta_2**n_steps))
    # A scalar of NumPy would make each product one of its own precision.
    rate = float(learning_rate) * (1 - adam.beta_1) / (1 - adam.beta_1**n_steps) / root
    epsilon = adam.epsilon / root
    if values.ndim > 1 or len(values) <= _BLOCK:
        _move_block(adam, values, gradient, mean, square, rate, epsilon, factor)
        return
    for start in range(0, len(values), _BLOCK):
        part = slice(start, start + _BLOCK)
        own = None if factor is None else factor[part]
        arrays = (values[part], gradient[part], mean[part], square[part])
        _move_block(adam, *arrays, rate, epsilon, own)


def _move_block(
    adam: AdamSettings,
    values: Array,
    gradient: Array,
    mean: Array,
    square: Array,
    rate: float,
    epsilon: float,
    factor: Array | None,
) -> None:
    mean *= adam.beta_1
    mean += gradient
    square *= adam.beta_2
    step = gradient * gradient
    square += step
    np.sqrt(square, out=step)
    step += epsilon
    np.divide(mean, step, out=step)
    step *= rate
    if factor is not None:
        step *= factor
    values -= step
