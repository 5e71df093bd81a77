"""The recipe of a fit: everything that says how to learn, made of constructor parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._initial import read_initial_embeddings
from ._params import integer, real
from ._sample import Columns, find_categorical, per_column
from ._vocabulary import ColumnVocabulary
from .nn._record import Record
from .nn._training import TrainingSettings

# Without a target nothing tells which differences will matter: more are kept.
_AUTO_DIM_WITHOUT_TARGET = 16
# Of predictors, where the target is noisy.
_MOST_DROPOUT = 0.15


class Recipe(Record):
    """Everything that says how to learn, as plain values.

    Attributes
    ----------
    tables : tuple of int
        The table of each column; columns that share one have the same number.
    embedding_dims : tuple of int
        Learned coordinates of each column.
    priors : tuple of (ndarray of shape (n_codes, width) or None)
        First vectors of each table's codes, NaN where none were given.
    target_effect : bool
        Whether effects come first.
    shrinkage : float or None
        Pseudo-counts; None estimates them.
    multipliers, decay : tuple of float, float
        Factors of the learning rate of each column's table, and of the decay of vectors.
    max_norm : float or None
        Largest norm of a learned vector.
    hidden_layer_sizes, activation, dropout, alpha, settings
        The network, and how it is trained.
    validation_fraction : float or None
        Share of the rows held out for early stopping.
    quantile : float
        What the quantile loss predicts.
    """

    tables: tuple[int, ...]
    embedding_dims: tuple[int, ...]
    priors: tuple[NDArray[np.float64] | None, ...]
    target_effect: bool
    shrinkage: float | None
    multipliers: tuple[float, ...]
    max_norm: float | None
    hidden_layer_sizes: tuple[int, ...]
    activation: str
    dropout: float
    alpha: float
    settings: TrainingSettings
    validation_fraction: float | None
    quantile: float = 0.5
    decay: float = 1.0

    @property
    def first_columns(self) -> list[int]:
        """The first column of each table, which speaks for all columns that share it."""
        return [self.tables.index(table) for table in range(max(self.tables, default=-1) + 1)]

    def columns_of(self, table: int) -> list[int]:
        """The columns that share a table."""
        return [j for j, own in enumerate(self.tables) if own == table]

    def given_pseudo_counts(self, n_outputs: int) -> NDArray[np.float64] | None:
        """Rows of the mean that shrink the effects, ``(n_columns, n_outputs)``; None if they are to
        be estimated.
        """
        if self.shrinkage is None:
            return None
        return np.full((len(self.tables), n_outputs), self.shrinkage)

    @property
    def table_multipliers(self) -> list[float]:
        """Factor of the learning rate of each table."""
        return [self.multipliers[j] for j in self.first_columns]

    @property
    def frozen_tables(self) -> list[bool]:
        """Which tables keep their first vectors."""
        return [multiplier == 0 for multiplier in self.table_multipliers]


def make_recipe(
    estimator: Any, columns: Columns, vocabularies: list[ColumnVocabulary], tables: list[int]
) -> Recipe:
    """The recipe that an estimator's parameters describe, for these columns."""
    sizes = estimator.hidden_layer_sizes
    _reject_disagreement(estimator, columns, tables)
    priors = read_initial_embeddings(estimator.initial_embeddings, columns, vocabularies)
    auto_dim = _AUTO_DIM_WITHOUT_TARGET if estimator.task == "none" else estimator._auto_dim
    dims = choose_dims(estimator.embedding_dim, columns, vocabularies, auto_dim)
    _reject_other_widths(estimator.embedding_dim, dims, priors, columns)
    dims = [dim if v is None else v.shape[1] for dim, v in zip(dims, priors, strict=True)]
    dims = [dims[tables.index(table)] for table in tables]
    multipliers = estimator.learning_rate_multipliers or {}
    return Recipe(
        tables=tuple(tables),
        embedding_dims=tuple(dims),
        priors=tuple(priors[tables.index(table)] for table in sorted(set(tables))),
        target_effect=estimator.target_effect,
        shrinkage=None if estimator.shrinkage == "auto" else float(estimator.shrinkage),
        multipliers=tuple(_checked_multipliers(multipliers, columns)),
        max_norm=estimator.max_norm,
        hidden_layer_sizes=(int(sizes),) if np.isscalar(sizes) else tuple(int(s) for s in sizes),
        activation=estimator.activation,
        dropout=_MOST_DROPOUT if estimator.dropout == "auto" else float(estimator.dropout),
        alpha=float(estimator.alpha),
        settings=TrainingSettings(
            solver=estimator.solver,
            learning_rate_init=float(estimator.learning_rate_init),
            schedule=estimator.learning_rate,
            batch_size=int(estimator.batch_size),
            max_iter=int(estimator.max_iter),
            shuffle=bool(estimator.shuffle),
            tol=float(estimator.tol),
            n_iter_no_change=int(estimator.n_iter_no_change),
            momentum=float(estimator.momentum),
            nesterov=bool(estimator.nesterovs_momentum),
        ),
        validation_fraction=estimator.validation_fraction if estimator.early_stopping else None,
        quantile=getattr(estimator, "quantile", 0.5),
    )


def _reject_other_widths(
    embedding_dim: Any, dims: list[int], priors: list[Any], columns: Columns
) -> None:
    """Raise where a column is named with another width than that of its first vectors."""
    for name in embedding_dim if isinstance(embedding_dim, Mapping) else ():
        j = find_categorical(columns, name, "embedding_dim")
        if priors[j] is not None and embedding_dim[name] != "auto" and dims[j] != len(priors[j][0]):
            raise ValueError(
                f"The 'embedding_dim' of column {name!r} is {dims[j]}, but its "
                f"'initial_embeddings' have {len(priors[j][0])} coordinates. Leave it out."
            )


def share_tables(shared: Any, columns: Columns) -> list[int]:
    """The table of each categorical column; the columns of a group have one together."""
    owner = list(range(len(columns.categorical)))
    for group in shared or []:
        members = [find_categorical(columns, name, "shared") for name in group]
        for member in members:
            if owner[member] != member or members.count(member) > 1:
                raise ValueError(
                    "The 'shared' parameter names the column "
                    f"{columns.categorical_names[member]!r} more than once."
                )
        for member in members:
            owner[member] = min(members)
    number = {first: table for table, first in enumerate(sorted(set(owner)))}
    return [number[first] for first in owner]


def _reject_disagreement(estimator: Any, columns: Columns, tables: list[int]) -> None:
    """Columns that share a table take the settings of the first: only it may have its own."""
    for parameter in (
        "categories",
        "embedding_dim",
        "initial_embeddings",
        "learning_rate_multipliers",
    ):
        value = getattr(estimator, parameter)
        if not isinstance(value, Mapping):
            continue
        for name in value:
            j = find_categorical(columns, name, parameter)
            if (first := tables.index(tables[j])) != j:
                names = columns.categorical_names
                raise ValueError(
                    f"The {parameter!r} parameter names the column {names[j]!r}, which shares the "
                    f"table of {names[first]!r}. Give the setting for {names[first]!r}."
                )


def choose_dims(
    embedding_dim: Any, columns: Columns, vocabularies: list[ColumnVocabulary], auto_dim: int
) -> list[int]:
    """Learned coordinates of each column; ``auto_dim`` at most where that is left to us."""
    given = per_column(embedding_dim, columns, "embedding_dim", "auto")
    rule = integer(1)
    dims = []
    for value, vocabulary, name in zip(given, vocabularies, columns.categorical_names, strict=True):
        n_categories = len(vocabulary.categories)
        if isinstance(value, str) and value == "auto":
            # More coordinates than differences between categories are collinear.
            value = max(1, min(auto_dim, n_categories - 1))
        elif callable(value):
            value = value(n_categories)
        if not rule.holds(value):
            raise ValueError(
                f"The 'embedding_dim' of column {name!r} must be {rule.words}. "
                f"Got {value!r} instead."
            )
        dims.append(int(value))
    return dims


def _checked_multipliers(multipliers: Mapping[Any, Any], columns: Columns) -> list[float]:
    rule = real("[0, inf)")
    values = per_column(multipliers, columns, "learning_rate_multipliers", 1.0)
    for value, name in zip(values, columns.categorical_names, strict=True):
        if not rule.holds(value):
            raise ValueError(
                f"The 'learning_rate_multipliers' of column {name!r} must be {rule.words}. "
                f"Got {value!r} instead."
            )
    return [float(value) for value in values]
