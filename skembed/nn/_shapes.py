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


def as_array(what: str, values: Any) -> NDArray[Any]:
    """Values as an array; `what` names them in the errors."""
    if is_masked(values):
        raise TypeError(f"{what} must not be masked. Got a masked array: fill it or compress it.")
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(
            f"{what} must be an array. Got sequences that differ in length."
        ) from error


def is_masked(values: Any) -> bool:
    """Whether values are a masked array or a list of such, whose masks NumPy would drop."""
    types = set(map(type, values)) if isinstance(values, list | tuple) else {type(values)}
    return any(issubclass(own, np.ma.MaskedArray) for own in types)


def read_array(owner: str, inputs: Any) -> NDArray[Any]:
    """The inputs of a layer as an array of at least one axis."""
    array = as_array(f"The inputs of {owner}", inputs)
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


def read_grad(grad_output: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """`grad_output` as an array if it holds real numbers in the shape of the output."""
    grad = as_array("grad_output", grad_output)
    if grad.dtype.kind not in "biuf":
        raise TypeError(f"grad_output must hold real numbers. Got dtype {grad.dtype} instead.")
    if grad.shape != shape:
        raise ValueError(f"grad_output must have shape {shape}. Got {grad.shape} instead.")
    return grad


def _is_length(axis: Any) -> bool:
    return isinstance(axis, int | np.integer) and not isinstance(axis, bool) and int(axis) >= 0
