"""What optimisers refuse before any parameter has moved."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ._row_gradient import RowGradient, is_real

_STATE = "state must be what init of this optimiser returned for these parameters."


def check_setting(owner: object, name: str, low: float, high: float = math.inf) -> None:
    """Refuse a setting of an optimiser outside ``[low, high)``."""
    value = getattr(owner, name)
    if not (is_real(value) and low <= value < high):
        raise ValueError(
            f"The {name!r} parameter of {type(owner).__name__} must be a number in "
            f"[{low}, {high}). Got {value!r} instead."
        )


def check_step(
    parameters: Mapping[str, Any],
    gradients: Mapping[str, Any],
    state: Any,
    learning_rate: Any,
    multipliers: Mapping[str, Any],
    n_arrays: int,
    counters: tuple[str, ...] = (),
) -> None:
    """Refuse what would end in a wrong step.

    The state holds `n_arrays` arrays per parameter, and the numbers called `counters`.
    """
    if not (is_real(learning_rate) and 0 <= learning_rate < math.inf):
        raise ValueError(
            f"learning_rate must be a finite number of at least 0. Got {learning_rate!r} instead."
        )
    if not isinstance(state, dict) or not all(isinstance(state.get(k), int) for k in counters):
        raise ValueError(f"{_STATE} Got {state!r}.")
    for name, gradient in gradients.items():
        if name not in parameters:
            raise ValueError(
                f"There is a gradient of {name!r}, but the parameters are {list(parameters)!r}."
            )
        shape = _check_floats(f"The parameter {name!r}", parameters[name])
        if not parameters[name].flags.writeable:
            raise ValueError(f"The parameter {name!r} is read-only. Give a copy.")
        _check_gradient(name, gradient, shape)
        if n_arrays:
            _check_state(name, state, shape, n_arrays)
        if name in multipliers:
            _check_multipliers(name, multipliers[name], shape[:1])


def _check_multipliers(name: str, multipliers: Any, shape: tuple[int, ...]) -> None:
    if np.shape(multipliers) != shape:
        raise ValueError(
            f"The multipliers of {name!r} must have shape {shape}. "
            f"Got {np.shape(multipliers)} instead."
        )
    factors = np.asarray(multipliers)
    if factors.dtype.kind not in "biuf" or not (np.isfinite(factors) & (factors >= 0)).all():
        raise ValueError(f"The multipliers of {name!r} must be finite numbers of at least 0.")


def _check_gradient(name: str, gradient: Any, shape: tuple[int, ...]) -> None:
    if isinstance(gradient, RowGradient):
        gradient.check(shape[0])
        shape = (len(gradient.rows), *shape[1:])
        gradient = gradient.values
    found = _check_floats(f"The gradient of {name!r}", gradient)
    if found != shape:
        raise ValueError(f"The gradient of {name!r} must have shape {shape}. Got {found}.")


def _check_state(name: str, state: dict[str, Any], shape: tuple[int, ...], n_arrays: int) -> None:
    held = state.get(name)
    arrays = held if isinstance(held, tuple) else (held,)
    if len(arrays) != n_arrays or any(np.shape(array) != shape for array in arrays):
        raise ValueError(f"{_STATE} It holds nothing that fits {name!r}, which has shape {shape}.")


def _check_floats(what: str, array: Any) -> tuple[int, ...]:
    """The shape of an array of float32 or float64; everything else is refused.

    In float16 what keeps a division from that by 0 would itself be 0.
    """
    is_plain = isinstance(array, np.ndarray) and not isinstance(array, np.ma.MaskedArray)
    if not is_plain or array.dtype not in (np.float32, np.float64):
        got = f"dtype {array.dtype}" if is_plain else type(array).__name__
        raise TypeError(f"{what} must be an array of float32 or float64. Got {got} instead.")
    if array.ndim == 0:
        raise ValueError(f"{what} must have at least one axis: make it an array of shape (1,).")
    return array.shape
