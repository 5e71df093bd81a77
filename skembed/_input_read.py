"""Whatever holds the data of an InputEmbedding, as one of three plain values.

A dataframe stays as it is (:mod:`skembed._frames` reads its columns), regular data of any rank
becomes one array, and sequences of unequal length become :class:`Ragged`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from numbers import Integral, Number
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import check_array

from ._frames import as_objects, is_frame, n_rows_of, read_masked
from .nn._record import Record

Array = NDArray[Any]
_NESTED = list | tuple | np.ndarray


class Ragged(Record):
    """Sequences of unequal length.

    Attributes
    ----------
    steps : ndarray of shape (sum of lengths, ...)
        The steps of all sequences, one after another.
    lengths : ndarray of shape (n_sequences,), dtype intp
        How many of them belong to each sequence.
    """

    steps: Array
    lengths: NDArray[np.intp]

    @property
    def starts(self) -> NDArray[np.intp]:
        """Where each sequence starts among the steps, shape ``(n_sequences,)``."""
        return np.cumsum(self.lengths) - self.lengths


def read_data(X: Any, min_rows: int = 1) -> Any:
    """A native dataframe, an array of rank 2 or more, or :class:`Ragged`."""
    shape = _outer_shape(X)
    if shape and (shape[0] < min_rows or 0 in shape[1:]):
        lacking = "0 sample(s)" if shape[0] == 0 else "0 feature(s)"
        raise ValueError(
            f"Found array with {lacking} (shape={shape}) while a minimum of 1 is required."
        )
    if is_frame(X):
        return X
    X = read_masked(X)
    data = X if sparse.issparse(X) or isinstance(X, np.ndarray) else _unpack(X)
    if isinstance(data, np.ndarray) and data.dtype == object:
        data = _read_objects(data)
    if isinstance(data, Ragged):
        return data
    if isinstance(data, np.ndarray) and data.ndim == 1 and isinstance(data[0], str):
        raise ValueError(
            "Expected 2D array, got 1D array of strings instead. If their letters are the symbols, "
            "make them lists, as in [list(x) for x in X]."
        )
    return check_array(
        data, dtype=None, ensure_all_finite=False, allow_nd=True, ensure_min_samples=min_rows
    )


def _outer_shape(X: Any) -> tuple[int, ...]:
    if hasattr(X, "shape"):
        return tuple(X.shape)
    return (len(X),) if hasattr(X, "__len__") else ()


def is_nested(X: Any) -> bool:
    """Whether ``X`` is made of lists (or is a column of lists) rather than one array or frame."""
    return not (is_frame(X) or sparse.issparse(X)) and getattr(X, "ndim", 1) == 1


def has_no_rows(X: Any) -> bool:
    """Whether ``X`` is an empty list."""
    return is_nested(X) and hasattr(X, "__len__") and len(X) == 0


def has_no_steps(X: Any) -> bool:
    """Whether ``X`` is a list of nothing but empty sequences."""
    if not is_nested(X) or not hasattr(X, "__len__"):
        return False
    return all(isinstance(row, _NESTED) and len(row) == 0 for row in X)


def to_tidy_array(values: Any) -> Array:
    """A list, column or array as an array whose dtype keeps numbers numbers and strings strings."""
    values = read_masked(values)
    array = np.asarray(values) if hasattr(values, "__array__") else _unpack(values)
    if not isinstance(array, np.ndarray):
        array = np.asarray(array)
    return _tidy(array, set(map(type, array.flat))) if array.dtype == object else array


def read_scores(X: Any) -> Array:
    """Numbers in any container, NaN where they are masked."""
    if isinstance(X, np.ma.MaskedArray) and X.mask.any() and X.dtype.kind in "biuf":
        X = (X if X.dtype.kind == "f" else X.astype(np.float64)).filled(np.nan)
    try:
        return np.asarray(read_masked(X))
    except ValueError as error:
        raise ValueError(
            "Scores must be an array, as transform returns it. Got lists that differ in length."
        ) from error


def check_length(values: Any, name: str, n_rows: int) -> None:
    """Refuse a ``y`` or ``groups`` of another length than X."""
    if values is not None and (length := n_rows_of(values, name)) != n_rows:
        raise ValueError(f"{name} has {length} rows, but X has {n_rows}.")


def _unpack(X: Any) -> Any:
    """Lists and columns of lists as an object array of the regular part of their nesting."""
    if hasattr(X, "to_list"):
        X = X.to_list()
    elif getattr(X, "ndim", 0) > 1 or hasattr(X, "__array__"):
        return np.asarray(X)
    if not isinstance(X, Sequence) or isinstance(X, str):
        return X
    if any(isinstance(element, np.ndarray) for element in X):
        X = [as_objects(e).tolist() if isinstance(e, np.ndarray) else e for e in X]
    if len(X) == 0 or not isinstance(X[0], _NESTED):
        return _cells(X)
    return np.array(X, dtype=object)


def _cells(values: Sequence[Any]) -> Array:
    cells = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):
        cells[i] = value
    return cells


def _read_objects(array: Array) -> Array | Ragged:
    """Objects of one depth as an array; sequences of unequal length as :class:`Ragged`."""
    types = set(map(type, array.flat))
    if not any(issubclass(t, _NESTED) for t in types):
        return _tidy(array, types)
    if array.ndim == 1 and all(issubclass(t, _NESTED) for t in types):
        return _read_ragged(array)
    bad = next(i for i, v in enumerate(array.flat) if isinstance(v, _NESTED) == (array.ndim > 1))
    raise ValueError(
        "The lists of X differ in depth, or in length below the sequences: row "
        f"{np.unravel_index(bad, array.shape)[0]} holds {array.flat[bad]!r} beside values of "
        "another shape. Every cell must be nested equally deep, and only the sequences (the second "
        "axis) may differ in length."
    )


def _read_ragged(sequences: Array) -> Ragged:
    rows = (as_objects(row).tolist() if isinstance(row, np.ndarray) else row for row in sequences)
    steps = list(chain.from_iterable(rows))
    if not steps:
        raise ValueError("X holds only empty sequences. At least one must have a step.")
    cells = _unpack(steps)
    types = set(map(type, cells.flat))
    if any(issubclass(t, _NESTED) for t in types):
        raise ValueError(
            "The steps of the sequences of X are lists of unequal depth or length. Every cell must "
            "be nested equally deep, and every step must have the same shape."
        )
    return Ragged(_tidy(cells, types), np.fromiter(map(len, sequences), dtype=np.intp))


def _tidy(array: Array, types: set[type]) -> Array:
    """Objects that are all numbers or booleans as an array of such; anything else unchanged."""
    if not types or not all(issubclass(t, Number | np.bool_) for t in types):
        return array
    tidied = np.array(array.tolist())
    # Integers beyond 64 bits and decimals stay objects, and so do integers that floats would round.
    if tidied.dtype.kind == "f" and _rounds_integers(array, tidied):
        return array
    return tidied if tidied.dtype.kind in "biufc" else array


def _rounds_integers(array: Array, floats: Array) -> bool:
    """Whether an integer among objects is another number in the floats made of them."""
    large = np.flatnonzero(np.abs(floats) >= 2**53)
    pairs = zip(array.ravel()[large], floats.ravel()[large].tolist(), strict=True)
    return any(isinstance(value, Integral) and int(value) != rounded for value, rounded in pairs)
