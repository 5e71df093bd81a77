"""Vectors that a user gives to start from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._frames import encode_values
from ._sample import Columns, per_column
from ._vocabulary import ColumnVocabulary
from .nn._architecture import Architecture, Parameters, table_views

_LARGEST = np.finfo(np.float32).max


def read_initial_embeddings(
    initial_embeddings: Mapping[Any, Any] | None,
    columns: Columns,
    vocabularies: list[ColumnVocabulary],
) -> list[NDArray[np.float64] | None]:
    """Given vectors of each column's codes, ``(n_codes, width)``, NaN for codes that have none."""
    if initial_embeddings is None:
        return [None] * len(vocabularies)
    given = per_column(dict(initial_embeddings), columns, "initial_embeddings", None)
    return [
        None if vectors is None else _by_code(vectors, vocabulary, name)
        for vectors, vocabulary, name in zip(
            given, vocabularies, columns.categorical_names, strict=True
        )
    ]


def _by_code(vectors: Any, vocabulary: ColumnVocabulary, name: Any) -> NDArray[np.float64]:
    values, matrix = _read(vectors, name)
    found = vocabulary.find(values)
    known = found >= 0
    if not known.any():
        raise ValueError(
            f"The 'initial_embeddings' of column {name!r} hold no category that occurs in it. They "
            f"are given for {values[:3].tolist()!r}, and the column holds "
            f"{vocabulary.categories[:3].tolist()!r}."
        )
    # Infrequent categories share a code: it gets the mean of theirs, as often as they occur.
    codes, counts = vocabulary.category_codes[found[known]], vocabulary.counts[found[known]]
    shares = np.maximum(counts, 1) / np.bincount(codes, np.maximum(counts, 1))[codes]
    by_code = np.full((vocabulary.n_codes, matrix.shape[1]), np.nan)
    by_code[codes] = 0
    np.add.at(by_code, codes, shares[:, None] * matrix[known])
    return by_code


def _read(vectors: Any, name: Any) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Categories and their vectors ``(n, width)``, from a dataframe (its index) or a mapping."""
    is_mapping = isinstance(vectors, Mapping)
    if not is_mapping and not (hasattr(vectors, "to_numpy") and hasattr(vectors, "index")):
        raise TypeError(
            f"The 'initial_embeddings' of column {name!r} must be a pandas DataFrame with the "
            "categories as index, or a mapping category -> vector. Got "
            f"{type(vectors).__module__.partition('.')[0]}.{type(vectors).__name__}."
        )
    if not is_mapping and hasattr(vectors, "columns"):
        # What `embedding_frame` gives: effects are no coordinates that are learned.
        feature = name if vectors.index.name is None else vectors.index.name
        effect = re.compile(re.escape(f"{feature}_effect") + "(_.*)?")
        vectors = vectors.loc[:, [not effect.fullmatch(str(c)) for c in vectors.columns]]
    rows = list(vectors.values()) if is_mapping else vectors
    categories = np.empty(len(vectors), dtype=object)
    categories[:] = list(vectors) if is_mapping else list(vectors.index)
    try:
        with np.errstate(over="ignore"):  # Infinity is refused below.
            matrix = np.asarray(rows, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"The 'initial_embeddings' of column {name!r} must be vectors of numbers, all of one "
            f"length: {error}"
        ) from error
    # The tables are float32.
    if matrix.ndim != 2 or matrix.size == 0:
        raise ValueError(
            f"The 'initial_embeddings' of column {name!r} must be vectors of one length, at least "
            f"one. Got an array of shape {matrix.shape}."
        )
    if not (finite := (np.abs(matrix) <= _LARGEST).all(axis=1)).all():
        raise ValueError(
            f"The 'initial_embeddings' of column {name!r} must be finite in float32. Those of "
            f"{categories[~finite][0]!r} are {matrix[~finite][0].tolist()!r}: leave out a category "
            "that has no vector."
        )
    coded = encode_values(categories, name)
    if len(coded.values) != len(categories):
        raise ValueError(
            f"The 'initial_embeddings' of column {name!r} must give one vector per category. Some "
            "are missing values or stand twice."
        )
    return coded.values, matrix[np.argsort(coded.codes)]


def place_priors(
    architecture: Architecture,
    parameters: Parameters,
    priors: Sequence[NDArray[np.floating] | None],
) -> None:
    """Overwrite the first vectors of the tables that were given some."""
    for table, prior in zip(table_views(architecture, parameters), priors, strict=True):
        if prior is not None:
            # A category without a vector starts in the middle of those that have one.
            table[...] = np.where(np.isnan(prior), np.nanmean(prior, axis=0), prior)
