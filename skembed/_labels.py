"""Labels of rows (targets, strata, groups), whatever their type and container."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._frames import as_objects, encode_values
from ._input_read import to_tidy_array
from ._vocabulary import learn_vocabulary
from .nn._record import Record

Array = NDArray[Any]


class Labels(Record):
    """``classes[codes]`` are the labels; the classes are sorted and occur."""

    classes: Array
    codes: NDArray[np.integer]

    @property
    def counts(self) -> NDArray[np.intp]:
        """Rows per class, shape ``(n_classes,)``."""
        return np.bincount(self.codes, minlength=len(self.classes))


def read_labels(values: Any, name: str) -> Labels:
    """One label per row; one-hot rows stand for the position of their 1, others for themselves."""
    array = _in_one_column(to_tidy_array(values))
    if array.ndim == 2 and array.shape[1]:
        rows = np.empty(len(array), dtype=object)
        rows[:] = [tuple(row) for row in array.tolist()]
        array = rows
    if array.ndim != 1:
        raise ValueError(f"{name} must have one label per row. Got shape {array.shape}.")
    coded = encode_values(array, name)
    if (coded.codes < 0).any():
        row = int(np.flatnonzero(coded.codes < 0)[0])
        raise ValueError(f"{name} holds missing values (the first is in row {row}). Remove them.")
    vocabulary = learn_vocabulary(coded)
    return Labels(vocabulary.categories, vocabulary.encode(coded) - 1)


def _in_one_column(array: Array) -> Array:
    """One-hot rows as the positions of their 1, a matrix of one column without its second axis."""
    if array.ndim == 2 and array.shape[1] == 1:
        return array[:, 0]
    return array.argmax(axis=1) if is_one_hot(array) else array


def is_one_hot(array: Array) -> bool:
    """Whether every row of a matrix of two or more columns holds one 1 and zeros."""
    if array.ndim != 2 or array.shape[1] < 2 or array.dtype.kind not in "biuf":
        return False
    return bool(np.isin(array, (0, 1)).all() and (array.sum(axis=1) == 1).all())


def class_balance(y: Any) -> dict[Any, int] | None:
    """Rows per class; None for a target without classes: several columns, fractions, lists."""
    array = _in_one_column(to_tidy_array(y))
    if array.ndim != 1 or (array.dtype.kind == "f" and (array != np.floor(array)).any()):
        return None
    try:
        vocabulary = learn_vocabulary(encode_values(array, "y"))
    except (TypeError, ValueError):  # Infinite, or nothing that could be a category.
        return None
    return dict(zip(as_objects(vocabulary.categories), vocabulary.counts.tolist(), strict=True))
