"""Columns that hold values of another type than in the fit, so that none is known."""

from __future__ import annotations

import warnings
from datetime import date, datetime, timedelta
from numbers import Number
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._coded import Coded
from ._vocabulary import ColumnVocabulary

_DATES = "dates without a time zone"
_OF_DTYPE = {"M": _DATES, "m": "time spans", **dict.fromkeys("biufc", "numbers")}
_OF_TYPE = (
    (str, "strings"),
    (bytes, "bytes"),
    (Number | np.bool_, "numbers"),
    (date | np.datetime64, _DATES),
    (timedelta | np.timedelta64, "time spans"),
)


def warn_of_another_type(column: Coded, vocabulary: ColumnVocabulary, name: Any) -> None:
    """Warn where all values are of one kind, and those of the fit were of another."""
    found, known = column.values[column.counts() > 0], vocabulary.categories
    # The first values tell nearly always that both are alike, without a look at all.
    if not len(found) or not len(known) or _kind(found[:1]) == _kind(known[:1]):
        return
    kinds = _kind(found), _kind(known)
    if None not in kinds and kinds[0] != kinds[1]:
        warnings.warn(
            f"Column {name!r} holds {kinds[0]}, and held {kinds[1]} in the fit: no value is known, "
            "and all rows are taken as unknown. Give it the type it had.",
            UserWarning,
            stacklevel=2,
        )


def _kind(values: NDArray[Any]) -> str | None:
    """What all the values are, in words; None for several kinds and for others."""
    if values.dtype != object:
        return _OF_DTYPE.get(values.dtype.kind)
    types = set(map(type, values))
    kinds = [words for base, words in _OF_TYPE if all(issubclass(t, base) for t in types)]
    if kinds != [_DATES]:
        return kinds[0] if kinds else None
    with_zone = {isinstance(value, datetime) and value.tzinfo is not None for value in values}
    if len(with_zone) == 2:
        return None
    return "dates with a time zone" if with_zone.pop() else _DATES
