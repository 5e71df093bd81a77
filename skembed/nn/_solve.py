"""Linear equations that are known by their products alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
LinearMap = Callable[[Array], Array]

# The error left, as a share of the first one.
_TOLERANCE = 1e-10


def solve_symmetric(
    product: LinearMap,
    right: Array,
    inverse: LinearMap,
    start: Array,
    n_steps: int,
    *,
    by_column: bool = False,
) -> Array:
    """Solve ``product(x) = right`` by preconditioned conjugate gradients.

    Reference: Golub and Van Loan 2013, "Matrix Computations", section 11.5.

    Parameters
    ----------
    product : callable
        Linear, symmetric and positive.
    right : ndarray
        The right side.
    inverse : callable
        Nearly the inverse of ``product``, and symmetric and positive itself.
    start : ndarray
        Where to start from, in the shape of ``right``.
    n_steps : int
        Steps at most.
    by_column : bool, default=False
        Whether every column of ``right`` is a system of its own.
    """
    axis = 0 if by_column else None
    solution, error = start.copy(), right - product(start)
    direction = better = inverse(error)
    size = np.sum(error * better, axis=axis)
    goal = _TOLERANCE**2 * np.sum(right * inverse(right), axis=axis)
    for _ in range(n_steps):
        if not np.any(size > goal):
            break
        image = product(direction)
        curvature = np.sum(direction * image, axis=axis)
        step = _divide(size, curvature)
        solution += step * direction
        error = error - step * image
        better = inverse(error)
        before, size = size, np.sum(error * better, axis=axis)
        direction = better + _divide(size, before) * direction
    return solution


def _divide(a: Any, b: Any) -> Any:
    """``a / b``, 0 where a solved system leaves 0 / 0."""
    return np.where(b > 0, a / np.where(b > 0, b, 1), 0)
