"""Columns whose cells hold several categories: read, encoded, pooled.

cells -> distinct elements, and bags of their positions -> bags of codes with their shares
-> one pooled vector per cell

A missing cell is a bag that holds the missing value alone, an empty cell an empty bag.
"""

from __future__ import annotations

from collections.abc import Set
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._coded import CodedBags, has_hash
from ._frames import Frame, encode_values, find_missing, hashable, is_array
from .nn._bags import Bags, reduce_bags

Array = NDArray[Any]

# Cells of a column that are looked at together for the first that is not missing.
_AT_ONCE = 1000


def is_sequence(frame: Frame, j: int) -> bool:
    """Whether the cells of column ``j`` are lists, sets or arrays: by dtype, in a column of objects
    by the first cell that is not missing.
    """
    nested = frame.is_nested(j)
    return _starts_with_collection(np.asarray(frame.columns[j])) if nested is None else nested


def _starts_with_collection(cells: Array) -> bool:
    # Most columns of objects are told by their first cell.
    for start in range(0, len(cells), _AT_ONCE):
        some = cells[start : start + _AT_ONCE]
        present = some[~find_missing(some)]
        if len(present):
            # What has a hash, as a frozenset has, is a category of its own where it is not named.
            is_collection = isinstance(present[0], list | Set) or is_array(present[0])
            return is_collection and not has_hash(present[0])
    return False


def read_bags(frame: Frame, j: int) -> CodedBags:
    """Column ``j`` of a frame, whose cells are lists, tuples, sets or arrays of categories."""
    name, cells = frame.names[j], frame.cells(j)
    missing = find_missing(cells)
    _check_cells(cells, missing, name)
    lists = [(None,) if gone else _plain(cell) for cell, gone in zip(cells, missing, strict=True)]
    ends = np.zeros(len(lists) + 1, dtype=np.int32)
    np.cumsum([len(one) for one in lists], out=ends[1:])
    elements = np.fromiter(chain.from_iterable(lists), dtype=object, count=ends[-1])
    try:
        coded = encode_values(elements, name)
    except TypeError as error:
        bad = next(i for i, value in enumerate(elements) if not has_hash(value))
        row = int(np.searchsorted(ends, bad, side="right")) - 1
        raise TypeError(
            f"Column {name!r} holds in row {row} the {type(elements[bad]).__name__} "
            f"{elements[bad]!r} as an element of {cells[row]!r}. The elements of a cell must be "
            "hashable values, and not lists of values themselves."
        ) from error
    bags = Bags(coded.codes.astype(np.int32), np.ones(len(elements)), ends)
    return CodedBags(coded.values, bags.merged(len(coded.values)))


def _check_cells(cells: Array, missing: NDArray[np.bool_], name: Any) -> None:
    """Raise for the first cell that is no collection of categories."""
    good = {kind for kind in set(map(type, cells)) if issubclass(kind, list | tuple | Set)}
    for row in range(len(cells)) if len(good) < len(set(map(type, cells))) else ():
        cell = cells[row]
        if type(cell) in good or missing[row] or (is_array(cell) and cell.ndim == 1):
            continue
        single = isinstance(cell, str | bytes) or not hasattr(cell, "__iter__")
        hint = f"Wrap a single category in a list: [{cell!r}]." if single else "Make it a list."
        raise TypeError(
            f"Column {name!r} is one of sequence_features, but holds the {type(cell).__name__} "
            f"{cell!r} in row {row}. A cell must be a list, tuple, set or 1-D array of categories, "
            f"or missing. {hint}"
        )


def _plain(cell: Any) -> Any:
    """A cell as a collection of Python objects."""
    if not isinstance(cell, np.ndarray):
        return cell
    return hashable(cell) if cell.dtype.kind in "mM" else cell.tolist()


def weigh_bags(bags: Bags, n_codes: int, pooling: str) -> Bags:
    """The codes in every cell, each once and in order, whatever the order of the elements.

    Their shares say how often they occur; but for ``pooling="sum"`` they are made to add up to 1.
    """
    bags = bags.merged(n_codes)
    if pooling == "sum":
        return bags
    sizes = reduce_bags(np.add, bags.shares, bags.ends)
    return Bags(bags.indices, bags.shares / sizes[bags.of_bag()], bags.ends)


def pooled_vectors(
    table: Array, codes: NDArray[np.integer], bags: Bags | None, pooling: str
) -> Array:
    """The vector of every code, or that of its bag, ``(n, width)``."""
    if bags is None:
        return table[codes]
    own = bags[codes]
    return own.reduce(np.maximum, table) if pooling == "max" else own.pool(table)
