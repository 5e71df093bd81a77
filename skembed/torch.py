"""Fitted vectors as layers of PyTorch (extra ``torch``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._frames import as_objects, as_series, encode_values, is_frame, read_masked
from ._map import check_estimator
from ._sample import encode_columns
from ._vocabulary import UNKNOWN, ColumnVocabulary

try:
    import torch
except ImportError as error:
    raise ImportError(
        'skembed.torch needs PyTorch, the extra "torch": pip install torch.'
    ) from error

__all__ = ["ColumnEmbedding", "to_torch"]


@dataclass(frozen=True)
class ColumnEmbedding:
    """The vectors of a column as a layer, beside its vocabulary.

    Attributes
    ----------
    embedding : torch.nn.Embedding
        One row per code.
    vocabulary : dict
        The row of every category. Infrequent ones share a row.
    unknown : int
        The row of values that are not in the vocabulary.
    missing : int
        The row of missing values.
    """

    embedding: torch.nn.Embedding
    vocabulary: dict[Any, int]
    unknown: int
    missing: int
    _codes: _Codes

    def encode(self, values: Iterable[Any]) -> torch.Tensor:
        """Rows of some values.

        Parameters
        ----------
        values : Series, 1-D array, tensor or iterable of length n
            Categories, unknown and missing values.

        Returns
        -------
        rows : torch.Tensor of shape (n,), dtype int64
            For ``embedding``.

        Raises
        ------
        TypeError
            For a string, a table or a mapping in place of values.
        ValueError
            For an array of several dimensions, and for a value that ``handle_unknown="error"`` or
            ``handle_missing="error"`` forbids.
        """
        return self._codes(values)


@dataclass(frozen=True)
class _Codes:
    """Codes of the values of a column, as in ``transform``."""

    name: Any
    vocabulary: ColumnVocabulary
    handle_unknown: str
    handle_missing: str

    def __call__(self, values: Any) -> torch.Tensor:
        values = _as_column(values)
        codes, _ = encode_columns(
            [encode_values(values, self.name)],
            range(len(values)),
            [self.vocabulary],
            [self.name],
            self.handle_unknown,
            self.handle_missing,
            "mean",
        )
        return torch.from_numpy(codes[:, 0].astype(np.int64))


def _as_column(values: Any) -> Any:
    """Values as a Series or an array with one dimension."""
    is_one = isinstance(values, str | bytes) or not isinstance(values, Iterable)
    if is_one or isinstance(values, Mapping) or is_frame(values):
        raise TypeError(
            "Values must be a list, a column or an array. Got "
            f"{repr(values) if is_one else type(values).__name__}: wrap a single value in a list, "
            "and take one column of a table."
        )
    if isinstance(values, torch.Tensor):
        values = values.numpy(force=True)
    values = as_series(read_masked(values))
    if hasattr(values, "to_pylist"):  # an array of Arrow without a Series around it
        values = values.to_pylist()
    if not hasattr(values, "dtype"):
        values = np.fromiter(values, dtype=object)
    if getattr(values, "ndim", 1) != 1:
        raise ValueError(f"Values must have one dimension. Got the shape {values.shape}.")
    return values


def to_torch(estimator: Any, *, freeze: bool = True) -> dict[Any, ColumnEmbedding]:
    """The vectors of a fitted estimator as layers of PyTorch, one per categorical column.

    Parameters
    ----------
    estimator : EmbeddingEncoder, EmbeddingClassifier or EmbeddingRegressor
        Fitted.
    freeze : bool, default=True
        Whether the layers stay as they are in training, as in
        :meth:`torch.nn.Embedding.from_pretrained`.

    Returns
    -------
    columns : dict column -> ColumnEmbedding
        In the order of the output of ``transform``. Layers have copies of the vectors.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.

    Notes
    -----
    Columns of ``sequence_features`` have a row per element;
    :meth:`torch.nn.EmbeddingBag.from_pretrained` makes a pooling layer of ``embedding.weight``.

    Examples
    --------
    >>> from skembed import EmbeddingEncoder
    >>> from skembed.torch import to_torch
    >>> X, y = [["Rome"], ["Paris"], ["Rome"], ["Oslo"]] * 5, [1.5, 2.0, 1.0, 3.0] * 5
    >>> encoder = EmbeddingEncoder(embedding_dim=2, random_state=0).fit(X, y)
    >>> city = to_torch(encoder)["x0"]
    >>> city.embedding
    Embedding(5, 3)
    >>> city.vocabulary
    {'Oslo': 1, 'Paris': 2, 'Rome': 3}
    >>> city.encode(["Rome", "Atlantis", None])
    tensor([3, 0, 4])
    """
    check_estimator(estimator)
    names = estimator._columns.categorical_names
    return {
        name: _column(name, table, vocabulary, estimator, freeze)
        for name, table, vocabulary in zip(
            names, estimator.embeddings_, estimator._vocabularies, strict=True
        )
    }


def _column(
    name: Any, table: Any, vocabulary: ColumnVocabulary, estimator: Any, freeze: bool
) -> ColumnEmbedding:
    categories = as_objects(vocabulary.categories)
    missing = UNKNOWN if estimator.handle_missing == "unknown" else vocabulary.missing_code
    return ColumnEmbedding(
        embedding=torch.nn.Embedding.from_pretrained(torch.tensor(table), freeze=freeze),
        vocabulary=dict(zip(categories, vocabulary.category_codes.tolist(), strict=True)),
        unknown=UNKNOWN,
        missing=missing,
        _codes=_Codes(name, vocabulary, estimator.handle_unknown, estimator.handle_missing),
    )
