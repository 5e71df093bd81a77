"""Values <-> codes for one column.

Codes are the rows of the column's embedding table, in this order: the unknown value, the
categories, one row for all infrequent categories if there are any, the missing value.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._coded import Coded
from ._frames import as_objects, encode_values
from ._lookup import Lookup
from ._plain_values import objects_from_json, to_json
from ._stack_values import stack_values

UNKNOWN = 0


class ColumnVocabulary:
    """The categories of a column and the code of each.

    Parameters
    ----------
    categories : ndarray of shape (n_categories,)
        Distinct values, sorted, none missing.
    counts : ndarray of shape (n_categories,), dtype int64
        Rows in which each was seen.
    infrequent : ndarray of shape (n_categories,), dtype bool
        The categories that share one code.
    """

    def __init__(
        self, categories: NDArray[Any], counts: NDArray[np.int64], infrequent: NDArray[np.bool_]
    ) -> None:
        self.categories = categories
        self.counts = counts
        self.infrequent = infrequent
        self._build()

    def _build(self) -> None:
        n_own = int((~self.infrequent).sum())
        pooled = bool(self.infrequent.any())
        self.infrequent_code = n_own + 1 if pooled else None
        self.missing_code = n_own + 1 + pooled
        self.n_codes = self.missing_code + 1
        self.category_codes = np.full(len(self.categories), n_own + 1, dtype=np.int32)
        self.category_codes[~self.infrequent] = np.arange(1, n_own + 1)
        # One more cell at the end, for the position -1 of a value that is not found.
        self._code_at = np.append(self.category_codes, np.int32(UNKNOWN))
        self._lookup = Lookup(self.categories)

    def __getstate__(self) -> dict[str, Any]:
        # Hash maps are rebuilt on load: they would double the size of a pickle.
        state = {name: getattr(self, name) for name in ("categories", "counts", "infrequent")}
        if self.categories.dtype == object and not set(map(type, self.categories)) <= {str, int}:
            # skops cannot keep the scalars of pandas, among others.
            with suppress(TypeError):
                state["categories"] = to_json(list(self.categories))
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if isinstance(state["categories"], list):
            state = state | {"categories": objects_from_json(state["categories"])}
        self.__dict__.update(state)
        self._build()

    def encode(self, column: Coded) -> NDArray[np.int32]:
        """Code of every row, shape ``(n_rows,)``; unseen values are ``UNKNOWN``."""
        codes = self._code_at[self._lookup(column.values)]
        # The last cell serves the position -1 of a missing row.
        return np.append(codes, np.int32(self.missing_code))[column.codes]

    def unknown_values(self, column: Coded) -> NDArray[Any]:
        """The values of ``column`` that occur in it and have no code."""
        return column.values[(self._lookup(column.values) < 0) & (column.counts() > 0)]

    def find(self, values: NDArray[Any]) -> NDArray[np.intp]:
        """Positions of distinct values among the categories, -1 where not known."""
        return self._lookup(values)

    def position(self, value: Any) -> int:
        """Position of one category, -1 if it is not known."""
        wanted = np.empty(1, dtype=object)
        wanted[0] = value
        return int(self.find(wanted)[0])

    def codes_by_count(self) -> NDArray[np.intp]:
        """All codes, those of the most frequent categories first, the reserved ones last."""
        counts = np.full(self.n_codes, -1, dtype=np.int64)
        np.maximum.at(counts, self.category_codes, self.counts)
        return np.argsort(-counts, kind="stable")

    def values_of_codes(self) -> NDArray[Any]:
        """What each code stands for, ``(n_codes,)`` objects; None for unknown and missing.

        The pool of infrequent categories is represented by the most frequent of them.
        """
        values = np.full(self.n_codes, None, dtype=object)
        rare_first = np.argsort(self.counts, kind="stable")
        values[self.category_codes[rare_first]] = as_objects(self.categories)[rare_first]
        return values


def learn_vocabulary(
    column: Coded,
    *,
    n_rows: int | None = None,
    categories: NDArray[Any] | None = None,
    min_frequency: int | float | None = None,
    max_categories: int | None = None,
) -> ColumnVocabulary:
    """Vocabulary of what was seen, or of all given ``categories`` (sorted too).

    ``n_rows`` is given if it is not the length of the column.
    """
    n_rows = len(column) if n_rows is None else n_rows
    counts = column.counts()
    if categories is None:
        seen = counts > 0
        values, counts = column.values[seen], counts[seen]
    else:
        found = Lookup(column.values)(categories)
        values, counts = categories, np.append(counts, 0)[found]
    return vocabulary_of_counts(values, counts, n_rows, min_frequency, max_categories)


def vocabulary_of_counts(
    values: NDArray[Any],
    counts: NDArray[np.int64],
    n_rows: int,
    min_frequency: int | float | None,
    max_categories: int | None,
) -> ColumnVocabulary:
    """Vocabulary of distinct values, from the number of rows that hold each."""
    order = sort_order(values)
    values, counts = values[order], counts[order]
    infrequent = _find_infrequent(counts, n_rows, min_frequency, max_categories)
    return ColumnVocabulary(values, counts, infrequent)


def add_counts(vocabulary: ColumnVocabulary, column: Coded, *, may_grow: bool) -> ColumnVocabulary:
    """The vocabulary with the rows of one more column counted; categories that are new join it if
    they may.
    """
    found = vocabulary.find(column.values)
    counts = column.counts()
    more = vocabulary.counts.copy()
    np.add.at(more, found[found >= 0], counts[found >= 0])
    new = (found < 0) & (counts > 0)
    if not may_grow or not new.any():
        return ColumnVocabulary(vocabulary.categories, more, vocabulary.infrequent)
    values = _below_each_other(vocabulary.categories, column.values[new])
    order = sort_order(values)
    infrequent = np.append(vocabulary.infrequent, np.zeros(int(new.sum()), dtype=bool))
    return ColumnVocabulary(values[order], np.append(more, counts[new])[order], infrequent[order])


def pool_infrequent(
    vocabulary: ColumnVocabulary,
    n_rows: int,
    min_frequency: int | float | None,
    max_categories: int | None,
) -> ColumnVocabulary:
    """The vocabulary of ``n_rows`` rows with its infrequent categories pooled."""
    infrequent = _find_infrequent(vocabulary.counts, n_rows, min_frequency, max_categories)
    return ColumnVocabulary(vocabulary.categories, vocabulary.counts, infrequent)


def moved_codes(before: ColumnVocabulary, now: ColumnVocabulary) -> NDArray[np.intp]:
    """The code in ``now`` of every code of ``before``, all of whose categories it has."""
    moves = np.empty(before.n_codes, dtype=np.intp)
    moves[UNKNOWN], moves[before.missing_code] = UNKNOWN, now.missing_code
    moves[before.category_codes] = now.category_codes[now.find(before.categories)]
    return moves


def _below_each_other(values: NDArray[Any], more: NDArray[Any]) -> NDArray[Any]:
    """Two arrays of distinct values as one, of the type of the first where that holds them all."""
    if not len(values):
        return more
    if values.dtype.kind != more.dtype.kind and _holds(values.dtype, more):
        more = more.astype(values.dtype)
    return stack_values([values, more])


def _holds(dtype: np.dtype, values: NDArray[Any]) -> bool:
    """Whether a type of numbers has each of some numbers of another kind."""
    if not {dtype.kind, values.dtype.kind} <= set("iuf") or not len(values):
        return False
    if dtype.kind == "f":
        low, high = -(2 ** (np.finfo(dtype).nmant + 1)), 2 ** (np.finfo(dtype).nmant + 1)
    else:
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    # Numbers of Python are compared exactly.
    inside = low <= values.min().item() and values.max().item() <= high
    return inside and bool((np.floor(values) == values).all())


def stack_columns(columns: Sequence[Coded]) -> Coded:
    """Columns below each other as one."""
    if len(columns) == 1:
        return columns[0]
    values = [column.values for column in columns]
    merged = encode_values(stack_values(values))
    starts = np.cumsum([0] + [len(array) for array in values])
    parts = [
        # A missing cell, -1, reads the last entry.
        np.append(merged.codes[start : start + len(column.values)], -1)[column.codes]
        for start, column in zip(starts, columns, strict=False)
    ]
    return Coded(merged.values, np.concatenate(parts))


def _find_infrequent(
    counts: NDArray[np.int64],
    n_rows: int,
    min_frequency: int | float | None,
    max_categories: int | None,
) -> NDArray[np.bool_]:
    """The rule of scikit-learn's OneHotEncoder: below ``min_frequency``, or beyond the most
    frequent.
    """
    infrequent = np.zeros(len(counts), dtype=bool)
    if min_frequency is not None:
        is_count = isinstance(min_frequency, Integral)
        least = min_frequency if is_count else float(min_frequency) * n_rows
        infrequent = counts < least
    if max_categories is not None and len(counts) - infrequent.sum() + infrequent.any() > (
        max_categories
    ):
        # One of the places is the pool's own.
        by_frequency = np.argsort(-counts, kind="stable")
        infrequent[by_frequency[max_categories - 1 :]] = True
    return infrequent


def sort_order(values: NDArray[Any]) -> NDArray[np.intp]:
    """Order that sorts the values; mixed types go numbers first, then by the name of the type."""
    if values.dtype != object:
        return np.argsort(values, kind="stable")
    order = _natural_order(values)
    if order is None:
        order = sorted(range(len(values)), key=lambda i: _mixed_key(values[i]))
    return np.asarray(order, dtype=np.intp)


def _natural_order(values: NDArray[Any]) -> list[int] | None:
    """Order by the values' own ``<``; None where that does not rank every two of them."""
    try:
        order = sorted(range(len(values)), key=values.__getitem__)
        ordered = values[order]
        # Sets compare by inclusion: whatever order they came in would pass for sorted.
        return order if (ordered[:-1] < ordered[1:]).all() else None
    except TypeError:
        return None


def _mixed_key(value: Any) -> tuple[str, Any, str]:
    if isinstance(value, Real | np.bool_):
        return ("", value, "")
    if isinstance(value, str):
        return ("str", 0, value)
    if isinstance(value, frozenset):
        # The order of a set's elements changes from process to process.
        return ("frozenset", 0, repr(sorted(map(repr, value))))
    return (type(value).__name__, 0, repr(value))
