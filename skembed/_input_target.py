"""One-hot targets: labels -> vectors and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._input_read import read_scores, to_tidy_array
from ._labels import is_one_hot, read_labels
from ._lookup import Lookup
from .nn._record import Record

Array = NDArray[Any]


class TargetClasses(Record):
    """The classes of a target; for one that came as one-hot vectors, their positions."""

    classes: Array
    came_one_hot: bool


def learn_target(y: Any) -> TargetClasses:
    """The sorted classes of ``y``."""
    if y is None:
        raise ValueError("encode_target=True learns the classes of y. Got y=None.")
    array = to_tidy_array(y)
    if is_one_hot(array):
        return TargetClasses(np.arange(array.shape[1]), True)
    if array.ndim == 2 and array.shape[1] > 1:
        raise ValueError(
            "encode_target=True needs one label per row, or rows that are one-hot already. "
            f"Got an array of shape {array.shape}."
        )
    return TargetClasses(read_labels(array, "y").classes, False)


def encode_target(y: Any, target: TargetClasses, dtype: Any) -> Array:
    """One-hot vectors of shape ``(n_rows, n_classes)``; what is one-hot already passes through."""
    array = to_tidy_array(y)
    n_classes = len(target.classes)
    if target.came_one_hot:
        if len(array) and (not is_one_hot(array) or array.shape[1] != n_classes):
            raise ValueError(
                f"y was one-hot over {n_classes} classes in fit and must be so again. "
                f"Got an array of shape {array.shape} and dtype {array.dtype}."
            )
        return array.reshape(-1, n_classes).astype(dtype)
    if array.ndim == 2 and array.shape[1] > 1:
        if is_one_hot(array) and array.shape[1] == n_classes:
            return array.astype(dtype)
        raise ValueError(
            f"y must hold one label per row as in fit, or one-hot rows over its {n_classes} "
            f"classes. Got an array of shape {array.shape}."
        )
    out = np.zeros((len(array), n_classes), dtype=dtype)
    if len(array):
        labels = read_labels(array, "y")
        places = Lookup(target.classes)(labels.classes)
        if (places < 0).any():
            unknown = labels.classes[places < 0][:5].tolist()
            raise ValueError(f"y holds labels that were not seen in fit: {unknown}.")
        out[np.arange(len(array)), places[labels.codes]] = 1
    return out


def decode_target(scores: Any, target: TargetClasses) -> Array:
    """The class of highest score; for a target that came one-hot, its one-hot vector."""
    scores = read_scores(scores)
    try:
        missing = np.isnan(scores.astype(np.float64)).any()
    except (TypeError, ValueError) as error:
        raise ValueError(f"Scores of y must be numbers: {error}.") from error
    if missing:
        raise ValueError("Scores of y must not be missing. y holds NaN.")
    n_classes = len(target.classes)
    if scores.ndim != 2 or scores.shape[1] != n_classes:
        raise ValueError(
            f"Scores of y must have shape (n_samples, {n_classes}), one column per class. "
            f"Got {scores.shape}."
        )
    best = scores.argmax(axis=1)
    if target.came_one_hot:
        return np.eye(n_classes, dtype=scores.dtype)[best]
    return target.classes[best]
