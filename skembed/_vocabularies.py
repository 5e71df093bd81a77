"""The vocabularies of all categorical columns: learned at once, or batch by batch."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._coded import Column
from ._frames import encode_values
from ._sample import Columns, per_column
from ._vocabulary import (
    ColumnVocabulary,
    add_counts,
    learn_vocabulary,
    moved_codes,
    sort_order,
    stack_columns,
)

# What to do about values that are not among the given categories, which a vocabulary takes at its
# first call.
_NAME_THEM = " during fit. Add them to the 'categories' parameter or drop their rows."
_BEGIN_ANEW = (
    ", which keeps those of the first call while 'categories' names some. Drop their rows, or "
    "begin anew with a clone that names them."
)


def learn_vocabularies(
    coded: Sequence[Column],
    columns: Columns,
    categories: Any,
    min_frequency: int | float | None,
    max_categories: int | None,
    tables: Sequence[int],
) -> list[ColumnVocabulary]:
    """A vocabulary per categorical column, from the data or as given by ``categories``.

    Columns with the same number in ``tables`` get one vocabulary, of what any of them holds.
    """
    given = given_categories(categories, columns, tables)
    learned: dict[int, ColumnVocabulary] = {}
    vocabularies = []
    for j, (column, name) in enumerate(zip(coded, columns.categorical_names, strict=True)):
        table = tables[j]
        if table not in learned:
            sharing = [k for k, other in enumerate(tables) if other == table]
            learned[table] = learn_vocabulary(
                stack_columns([coded[k].elements for k in sharing]),
                n_rows=sum(len(coded[k]) for k in sharing),
                categories=given.get(table),
                min_frequency=min_frequency,
                max_categories=max_categories,
            )
        if table in given and len(unseen := learned[table].unknown_values(column.elements)):
            raise not_given(unseen, name)
        vocabularies.append(learned[table])
    return vocabularies


def not_given(unseen: NDArray[Any], name: Any, advice: str = _NAME_THEM) -> ValueError:
    """The error of values that are not among the given categories of a column."""
    return ValueError(f"Found unknown categories {list(unseen[:5])!r} in column {name!r}{advice}")


def extend_vocabularies(
    vocabularies: Sequence[ColumnVocabulary],
    coded: Sequence[Column],
    columns: Columns,
    categories: Any,
    tables: Sequence[int],
    *,
    may_grow: bool,
) -> list[ColumnVocabulary]:
    """The vocabularies with the rows of one more batch counted. New categories join where they may
    and ``categories`` does not say what there is.
    """
    given = given_categories(categories, columns, tables)
    extended: dict[int, ColumnVocabulary] = {}
    for j, table in enumerate(tables):
        if table in given and len(unseen := vocabularies[j].unknown_values(coded[j].elements)):
            raise not_given(unseen, columns.categorical_names[j], _BEGIN_ANEW)
        if table not in extended:
            sharing = [k for k, other in enumerate(tables) if other == table]
            extended[table] = add_counts(
                vocabularies[j],
                stack_columns([coded[k].elements for k in sharing]),
                may_grow=may_grow and table not in given,
            )
    return [extended[table] for table in tables]


def given_categories(
    categories: Any, columns: Columns, tables: Sequence[int]
) -> dict[int, NDArray[Any]]:
    """The checked values of ``categories=`` by table; those that are learned are left out."""
    given: dict[int, NDArray[Any]] = {}
    for table, values, name in zip(
        tables, _lists_given(categories, columns), columns.categorical_names, strict=True
    ):
        if values is None:
            continue
        if not np.array_equal(given.setdefault(table, values), values):
            first = columns.categorical_names[tables.index(table)]
            raise ValueError(
                f"The 'categories' of columns {first!r} and {name!r}, which share a table, must "
                "be the same. Give all values of both to each."
            )
    return given


def _lists_given(categories: Any, columns: Columns) -> list[NDArray[Any] | None]:
    n = len(columns.categorical)
    if isinstance(categories, str):
        return [None] * n
    if isinstance(categories, Mapping):
        lists = per_column(categories, columns, "categories", None)
    else:
        lists = list(categories)
        if len(lists) != n:
            raise ValueError(
                f"The 'categories' parameter must give one list per categorical column: expected "
                f"{n} lists, got {len(lists)}."
            )
    names = columns.categorical_names
    return [
        None if v is None else _clean_list(v, name) for v, name in zip(lists, names, strict=True)
    ]


def _clean_list(values: Any, name: Any) -> NDArray[Any]:
    if isinstance(values, str) or not isinstance(values, Collection):
        raise ValueError(
            f"The 'categories' of column {name!r} must be a list of values. Got {values!r}."
        )
    array = np.empty(len(values), dtype=object)
    array[:] = list(values)
    coded = encode_values(array, name)
    if (coded.codes < 0).any() or len(coded.values) != len(array):
        raise ValueError(
            f"The 'categories' of column {name!r} must be distinct and not missing. Got {values!r}."
        )
    return coded.values[sort_order(coded.values)]


def moved_rows(
    before: Sequence[ColumnVocabulary], now: Sequence[ColumnVocabulary]
) -> tuple[list[NDArray[np.intp]], list[int]]:
    """The new place of every code of each column, and how many codes it has now."""
    moves = [moved_codes(old, new) for old, new in zip(before, now, strict=True)]
    return moves, [vocabulary.n_codes for vocabulary in now]
