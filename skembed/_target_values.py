"""The values of a target, as plain numbers or labels: what cannot be learned is refused."""

from __future__ import annotations

from numbers import Integral, Number
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils import column_or_1d

from ._frames import find_missing, read_masked, to_array


def no_target(task: str) -> ValueError:
    """The error of a fit that needs a target and has none."""
    return ValueError(
        f"requires y to be passed, but the target y is None: task={task!r} learns from a "
        "target. Pass y."
    )


def unsortable(labels: NDArray[Any]) -> TypeError:
    """The error of labels that cannot be put in an order."""
    names = sorted({type(label).__name__ for label in labels.ravel()})
    return TypeError(
        f"y must hold labels of one type that can be sorted, such as strings. Got {names}."
    )


def used_rows(weight: NDArray[np.float64]) -> NDArray[np.intp] | slice:
    """The rows of positive weight; a slice, which copies nothing, if all are."""
    return slice(None) if weight.all() else np.flatnonzero(weight)


def target_rows(y: Any, weight: NDArray[np.float64]) -> NDArray[Any]:
    """The values of ``y`` in the rows of positive weight, none missing."""
    array = _as_array(y)
    if len(array) != len(weight):
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: "
            f"X has {len(weight)} rows, y has {len(array)}."
        )
    rows = used_rows(weight)
    _reject_missing(array, rows)
    array = _as_numbers(array[rows])
    if array.dtype.kind == "f":
        reject_not_finite(array, rows)
    return array


def reject_not_finite(array: NDArray[Any], rows: NDArray[np.intp] | slice) -> None:
    """Raise for NaN and infinity in some rows of the input, in the words of scikit-learn and with
    the row.
    """
    finite = np.isfinite(array).all(axis=tuple(range(1, array.ndim)))
    if not finite.all():
        bad = int(np.argmin(finite))
        row = bad if isinstance(rows, slice) else rows[bad]
        has_nan = np.isnan(array[bad]).any()
        found = "NaN" if has_nan else "infinity or a value too large for dtype('float64')"
        raise ValueError(f"Input y contains {found} (first in row {row}). Drop these rows.")


def _as_array(y: Any) -> NDArray[Any]:
    if issparse(y):
        raise TypeError("y must be dense. Got a sparse matrix: give y.toarray().")
    try:
        array = to_array(read_masked(y))
    except ValueError as error:
        raise ValueError("y must hold rows of one length. Some differ.") from error
    if array.dtype.kind in "mMcV":
        raise ValueError(f"y must hold numbers or labels. Got dtype {array.dtype}.")
    if array.dtype.kind in "US":
        array = array.astype(object)
    if array.ndim == 2 and array.shape[1] == 1:
        array = column_or_1d(array, warn=True)
    if array.ndim not in (1, 2) or array.shape[-1:] == (0,):
        raise ValueError(
            f"y must have 1 or 2 dimensions and not be empty. Got {type(y).__name__} of shape "
            f"{array.shape}."
        )
    return array


def _reject_missing(array: NDArray[Any], rows: NDArray[np.intp] | slice) -> None:
    """Raise for a null among objects in some of the rows."""
    if array.dtype != object:
        return
    used = np.arange(len(array))[rows]
    missing = find_missing(array[rows]).reshape(len(used), -1).any(axis=1)
    if missing.any():
        raise ValueError(
            f"Input y contains NaN or None (first in row {used[missing][0]}). Drop these rows."
        )


def _as_numbers(array: NDArray[Any]) -> NDArray[Any]:
    """Objects that all are numbers as an array of numbers, so that their task can be told."""
    if array.dtype != object:
        return array
    types = set(map(type, array.ravel()))
    if not all(issubclass(t, Number | np.bool_) for t in types):
        return array
    natural = np.asarray(array.tolist())
    if natural.dtype == object and not all(issubclass(t, Integral) for t in types):
        return array.astype(np.float64)
    return natural
