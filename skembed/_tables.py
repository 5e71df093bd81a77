"""What makes a table a finished one, and what it can tell: its norm bounded, its reserved rows, its
nearest categories, its dataframe.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import pairwise_distances, pairwise_distances_argmin

from ._frames import make_frame
from ._vocabulary import UNKNOWN, ColumnVocabulary
from .nn._bags import Bags, add_up

Array = NDArray[np.floating]
Table = NDArray[np.float32]

# Coordinates smaller than this share of the largest are rounding.
_LEAST_COORDINATE = 1e-6


def without_rounding(table: Array) -> Array:
    """The table with 0 where coordinates are mere rounding, which a scaler would blow up."""
    largest = np.abs(table).max(axis=0)
    return np.where(largest > _LEAST_COORDINATE * largest.max(initial=0), table, 0)


def limit_norm(table: Array, max_norm: float | None) -> Array:
    """The table with rows of a larger Euclidean norm scaled down to ``max_norm``."""
    if max_norm is None:
        return table
    norms = np.linalg.norm(table, axis=1, keepdims=True)
    return table * np.where(norms > max_norm, max_norm / (norms + 1e-7), 1)


def fill_reserved_rows(
    table: Table,
    vocabulary: ColumnVocabulary,
    counts: NDArray[np.float64],
    handle_unknown: str,
    handle_missing: str,
) -> Table:
    """The table with the rows that unknown and missing values are to get.

    ``counts`` says how often each of its codes occurs where it was learned.
    """
    mean = mean_over_rows(table, counts)
    table = table.copy()
    if handle_unknown == "mean":
        table[UNKNOWN] = mean
    elif handle_unknown == "zeros":
        table[UNKNOWN] = 0
    elif handle_unknown == "infrequent_if_exist" and vocabulary.infrequent_code is not None:
        table[UNKNOWN] = table[vocabulary.infrequent_code]
    if handle_missing == "unknown":
        table[vocabulary.missing_code] = table[UNKNOWN]
    elif not counts[vocabulary.missing_code]:
        table[vocabulary.missing_code] = mean
    return table


def count_rows(
    codes: NDArray[np.integer], bags: Bags | None, n_codes: int, weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weight of the rows of each code, those of a bag in its shares, ``(n_codes,)``."""
    if bags is None:
        return np.bincount(codes, weight, n_codes)
    return add_up(weight[:, None], codes, bags, n_codes)[:, 0]


def mean_over_rows(table: Table, counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean vector of rows of which so many have each code, ``(width,)``."""
    return counts @ table.astype(np.float64) / (counts.sum() or 1)


def take_vectors(table: Table, codes: NDArray[np.integer], out: Array) -> None:
    """Write the vectors of codes to ``out``, in its dtype."""
    if table.dtype != out.dtype and len(codes) < len(table):
        out[:] = table[codes]
    else:
        np.take(table.astype(out.dtype, copy=False), codes, axis=0, out=out, mode="clip")


def nearest_codes(vectors: Table, table: Table, codes: NDArray[np.intp]) -> NDArray[np.intp]:
    """Code with the least Euclidean distance to each vector, the first in ``codes`` of those that
    share a vector.
    """
    distinct, first = np.unique(table[codes], axis=0, return_index=True)
    return codes[first[pairwise_distances_argmin(vectors, distinct)]]


def vector_frame(table: Table, vocabulary: ColumnVocabulary, feature: Any, names: list[str]) -> Any:
    """One row per category, infrequent ones with the vector they share."""
    return make_frame(
        dict(zip(names, table[vocabulary.category_codes].T, strict=True)),
        index=vocabulary.categories,
        index_name=feature,
    )


def neighbour_frame(
    table: Table, vocabulary: ColumnVocabulary, position: int, n_neighbors: int, metric: str
) -> Any:
    """Categories by their distance to the one at ``position``, which is left out."""
    vectors = table[vocabulary.category_codes]
    try:
        distances = pairwise_distances(vectors[position : position + 1], vectors, metric=metric)[0]
    except ValueError as error:
        raise ValueError(
            f"The metric {metric!r} cannot compare vectors of {table.shape[1]} coordinates: "
            f"{error} Take one that needs nothing but two vectors, such as 'euclidean' or 'cosine'."
        ) from error
    others = np.delete(np.arange(len(vectors)), position)
    nearest = others[np.argsort(distances[others], kind="stable")[:n_neighbors]]
    return make_frame(
        {
            "category": vocabulary.categories[nearest],
            "distance": distances[nearest],
            "count": vocabulary.counts[nearest],
        }
    )
