"""First values of weights: random fills by name, and one function that resolves what a user gives.

The first axis of a weight is its input side, so a table of categories has ``fan_in =
num_embeddings``: looking a row up is the product of a one-hot vector and the table.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ._memory import empty_aligned
from ._shapes import as_array

Shape = tuple[int, ...]
Weights = NDArray[np.floating]


def zeros(
    shape: Shape, rng: np.random.Generator | None = None, dtype: DTypeLike = np.float32
) -> Weights:
    """All zeros; `rng` is not used."""
    values = empty_aligned(shape, dtype)
    values[...] = 0
    return values


def normal(
    shape: Shape, rng: np.random.Generator, dtype: DTypeLike = np.float32, *, scale: float = 1.0
) -> Weights:
    """Normal values with mean 0 and standard deviation `scale`."""
    values = empty_aligned(shape, dtype)
    rng.standard_normal(dtype=values.dtype.type, out=values)
    values *= scale
    return values


def uniform(
    shape: Shape, rng: np.random.Generator, dtype: DTypeLike = np.float32, *, limit: float = 1.0
) -> Weights:
    """Uniform values in ``[-limit, limit)``."""
    values = empty_aligned(shape, dtype)
    rng.random(dtype=values.dtype.type, out=values)
    values -= 0.5
    values *= 2 * limit
    return values


def glorot_uniform(
    shape: Shape, rng: np.random.Generator, dtype: DTypeLike = np.float32
) -> Weights:
    """Uniform values of variance ``2 / (fan_in + fan_out)`` (Glorot and Bengio, AISTATS 2010)."""
    return uniform(shape, rng, dtype, limit=math.sqrt(6 / max(1, sum(fans(shape)))))


def glorot_normal(shape: Shape, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> Weights:
    """Normal values of variance ``2 / (fan_in + fan_out)`` (Glorot and Bengio, AISTATS 2010)."""
    return normal(shape, rng, dtype, scale=math.sqrt(2 / max(1, sum(fans(shape)))))


def he_uniform(shape: Shape, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> Weights:
    """Uniform values of variance ``2 / fan_in`` (He et al., arXiv 1502.01852, eq. 10)."""
    return uniform(shape, rng, dtype, limit=math.sqrt(6 / max(1, fans(shape)[0])))


def he_normal(shape: Shape, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> Weights:
    """Normal values of variance ``2 / fan_in`` (He et al., arXiv 1502.01852, eq. 10)."""
    return normal(shape, rng, dtype, scale=math.sqrt(2 / max(1, fans(shape)[0])))


def fans(shape: Shape) -> tuple[int, int]:
    """Inputs and outputs of a weight: its first axis, and the product of the other axes."""
    if not shape:
        return 1, 1
    if len(shape) == 1:
        return shape[0], shape[0]
    return shape[0], math.prod(shape[1:])


INITIALIZERS: MappingProxyType[str, Callable[..., Weights]] = MappingProxyType(
    {
        function.__name__: function
        for function in (
            zeros,
            normal,
            uniform,
            glorot_uniform,
            glorot_normal,
            he_uniform,
            he_normal,
        )
    }
)


def initialize(
    weight: ArrayLike | Callable[..., Any],
    shape: Shape,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float32,
) -> Weights:
    """Return a new array of `shape` and `dtype` with the first values that `weight` describes.

    Parameters
    ----------
    weight : array-like, float, str or callable
        The values themselves, one value for every cell, the name of an initializer, or a function
        ``(shape, rng)`` that returns the values.
    shape : tuple of int
        The shape wanted.
    rng : numpy.random.Generator
        The source of randomness.
    dtype : {numpy.float32, numpy.float64}, default=numpy.float32
        The type wanted.

    Returns
    -------
    ndarray of shape `shape` and type `dtype`
        Never a view of `weight`.

    Raises
    ------
    ValueError
        If the name is unknown, the values have another shape, or one of them is not finite.
    TypeError
        If `weight` holds something else than numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from skembed.nn._initializers import initialize
    >>> initialize(0.5, (2, 3), np.random.default_rng(0))
    array([[0.5, 0.5, 0.5],
           [0.5, 0.5, 0.5]], dtype=float32)
    >>> initialize("he_normal", (2, 3), np.random.default_rng(0)).shape
    (2, 3)
    """
    if isinstance(weight, str):
        if weight not in INITIALIZERS:
            names = ", ".join(INITIALIZERS)
            raise ValueError(
                f"weight={weight!r} is not the name of an initializer: use one of {names}."
            )
        return INITIALIZERS[weight](shape, rng, dtype)
    if callable(weight):
        # The functions of this module draw in the type wanted; those of a user know only shape and
        # rng.
        known = any(weight is function for function in INITIALIZERS.values())
        weight = weight(shape, rng, dtype) if known else weight(shape, rng)
    return _as_weights(weight, shape, dtype)


def _as_weights(weight: Any, shape: Shape, dtype: DTypeLike) -> Weights:
    """A checked copy of `weight`; one number fills the whole `shape`."""
    given = as_array("weight", weight)
    if given.dtype.kind not in "iuf":
        raise TypeError(
            f"weight must hold real numbers, name an initializer or be a callable (shape, rng). "
            f"Got an array of dtype {given.dtype}."
        )
    if given.ndim and given.shape != shape:
        raise ValueError(f"weight must have shape {shape}. Got {given.shape} instead.")
    values = empty_aligned(shape, dtype)
    with np.errstate(over="ignore"):  # What is too large becomes infinite, an error below.
        values[...] = given
    finite = np.isfinite(values)
    if not finite.all():
        place = tuple(int(axis[0]) for axis in np.nonzero(~finite))
        raise ValueError(
            f"weight must be finite in {values.dtype}. Got {values[place]} at {place} instead."
        )
    return values
