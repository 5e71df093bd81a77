"""Values found again: the position of each among the categories."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.errors import OutOfBoundsDatetime, OutOfBoundsTimedelta

Array = NDArray[Any]


class Lookup:
    """A hash map from values to their positions, built once and never changed."""

    def __init__(self, values: Array) -> None:
        dates = _dates_as_moments(_index(values))
        # A column of both may hold a date and the moment it begins, which are two categories.
        self._dates_are_moments = dates.is_unique
        self._index = dates if dates.is_unique else _index(values)
        self._index.get_indexer(self._index[:1])  # builds the hash table now, not in a thread later

    def __call__(self, values: Array) -> NDArray[np.intp]:
        """Position of each value, -1 where it is not known."""
        known, wanted = self._index, _index(values)
        if self._dates_are_moments:
            wanted = _dates_as_moments(wanted)
        if not _compare_exactly(known, wanted):
            # pandas would round large integers, read strings as dates and keep booleans apart from
            # numbers. Objects compare as in Python, where True is 1.
            known, wanted = known.astype(object), wanted.astype(object)
        try:
            return known.get_indexer(wanted)
        except (OutOfBoundsDatetime, OutOfBoundsTimedelta):
            # Of two units, the coarser one has what the finer one has not.
            return known.astype(object).get_indexer(wanted.astype(object))


def _index(values: Array) -> pd.Index:
    return pd.Index(values, dtype=values.dtype)


def _dates_as_moments(index: pd.Index) -> pd.Index:
    """The same with dates of Python as moments of pandas, which those of polars and Arrow are."""
    if index.dtype != object or date not in set(map(type, index)):
        return index
    return pd.Index([pd.Timestamp(v) if type(v) is date else v for v in index], dtype=object)


def _compare_exactly(a: pd.Index, b: pd.Index) -> bool:
    """Whether pandas compares the values of two indexes as Python does."""
    kinds = {a.dtype.kind, b.dtype.kind}
    if "f" in kinds and len(kinds) > 1 and kinds <= set("iuf"):
        return not any(has_large_integers(index) for index in (a, b))
    return len(kinds) == 1 or kinds == set("iu")


def has_large_integers(values: pd.Index | Array) -> bool:
    """Whether floats would round some of the integers."""
    is_integer = values.dtype.kind in "iu" and len(values) > 0
    return bool(is_integer and not -(2**53) <= values.min() <= values.max() <= 2**53)
