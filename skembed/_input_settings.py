"""The constructor parameters of InputEmbedding: their rules, and those that the data meet."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import _params
from ._splitting import relative_sizes
from .nn._record import Record


def _is_dtype(value: Any) -> bool:
    try:
        # Of None NumPy makes float64.
        return value is not None and np.dtype(value).kind in "biuf"
    except TypeError:
        return False


def _is_false(value: Any) -> bool:
    return isinstance(value, bool | np.bool_) and not value


SPLIT_RULES = {
    "relative_size": relative_sizes,
    "stratify": _params.boolean,
    "shuffle": _params.boolean,
    "random_state": _params.random_state,
}
BATCH_RULES = {"batch_size": _params.none | _params.integer(1), "shuffle": _params.boolean}
RULES = {
    "scale": _params.satisfying("False", _is_false) | _params.one_of("global", "feature"),
    "encode": _params.one_of("auto") | _params.boolean,
    "vocabulary": _params.one_of("per_column", "joint"),
    "encode_target": _params.boolean,
    "handle_unknown": _params.one_of("zeros", "embed", "mean", "error"),
    "handle_missing": _params.one_of("embed", "unknown", "error"),
    "sparse_output": _params.boolean,
    "padding": _params.none | _params.one_of("post", "pre"),
    "max_length": _params.none | _params.integer(1),
    "dtype": _params.satisfying("a NumPy dtype of floats, integers or booleans", _is_dtype),
    **SPLIT_RULES,
    **BATCH_RULES,
}


class InputSettings(Record):
    """The parameters that say what becomes of a value, under their own names."""

    scale: Any
    encode: Any
    joint: bool
    handle_unknown: str
    handle_missing: str
    padding: str | None
    max_length: int | None
    dtype: np.dtype[Any]


def native_dtype(dtype: Any) -> np.dtype[Any]:
    """The dtype in the byte order of the machine."""
    return np.dtype(dtype).newbyteorder("=")


def read_settings(estimator: Any) -> InputSettings:
    """The settings of an estimator whose parameters were checked one by one."""
    if estimator.handle_unknown == "mean" and np.dtype(estimator.dtype).kind != "f":
        raise ValueError(
            "handle_unknown='mean' gives fractions and needs a float dtype. "
            f"Got dtype={np.dtype(estimator.dtype)}."
        )
    if estimator.sparse_output and np.dtype(estimator.dtype) == np.float16:
        raise ValueError(
            "dtype=float16 is one that the matrices of sparse_output=True cannot hold. Use a wider "
            "dtype, or sparse_output=False."
        )
    return InputSettings(
        scale=estimator.scale if isinstance(estimator.scale, str) else False,
        encode=estimator.encode if isinstance(estimator.encode, str) else bool(estimator.encode),
        joint=estimator.vocabulary == "joint",
        handle_unknown=estimator.handle_unknown,
        handle_missing=estimator.handle_missing,
        padding=estimator.padding,
        max_length=estimator.max_length,
        # SciPy's matrices have no numbers in another byte order than the machine's.
        dtype=native_dtype(estimator.dtype),
    )
