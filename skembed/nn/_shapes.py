"""Shapes and numbers that come from users into layers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int | None, ...]


def read_shape(input_shape: Any, n_axes: int = 0) -> Shape:
    """A shape as a tuple, None for an axis of unknown length; an int is a shape of one axis."""
    axes = (input_shape,) if isinstance(input_shape, int | np.integer) else input_shape
    is_shape = isinstance(axes, tuple | list) and len(axes) >= n_axes
    if not is_shape or not all(axis is None or _is_length(axis) for axis in axes):
        least = f"{n_axes} or more " if n_axes else ""
        raise ValueError(
            f"input_shape must be a tuple of {least}ints of at least 0, with None for an axis of "
            f"unknown length. Got {input_shape!r} instead."
        )
    return tuple(axes)


def read_array(owner: str, inputs: Any) -> NDArray[Any]:
    """The inputs of a layer as an array of at least one axis."""
    try:
        array = np.asarray(inputs)
    except ValueError as error:
        raise ValueError(
            f"The inputs of {owner} must be an array. Got sequences that differ in length."
        ) from error
    if array.ndim == 0:
        raise ValueError(
            f"The inputs of {owner} must be an array with one row per sample. "
            f"Got {type(inputs).__name__} {inputs!r} instead."
        )
    return array


def read_numbers(owner: str, inputs: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The inputs of a layer as an array of numbers of a type."""
    array = read_array(owner, inputs)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"The inputs of {owner} must be real numbers. Got dtype {array.dtype}.")
    return array.astype(dtype, copy=False)


def _is_length(axis: Any) -> bool:
    return isinstance(axis, int | np.integer) and not isinstance(axis, bool) and int(axis) >= 0
