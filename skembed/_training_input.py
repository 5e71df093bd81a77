"""All that a fit reads of its arguments and parameters, before anything is learned or stored."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._coded import Column
from ._column_choice import choose_columns
from ._first_pass import FirstPass
from ._frames import Frame
from ._numeric import NumericScaler
from ._recipe import Recipe, make_recipe, share_tables
from ._sample import (
    Columns,
    RowNumbers,
    Sample,
    encode_columns,
    make_rng,
    numeric_matrix,
    read_input,
    read_target_and_weight,
)
from ._tables import count_rows
from ._vocabularies import learn_vocabularies
from ._vocabulary import ColumnVocabulary
from .nn._bags import Bags
from .nn._record import Record

CodesAndBags = tuple[NDArray[np.unsignedinteger], dict[int, Bags]]


class TrainingInput(Record):
    """What a fit works with.

    Attributes
    ----------
    probe : estimator
        A copy that has the names and the number of the columns.
    columns : Columns
    vocabularies : list of ColumnVocabulary
        One per categorical column.
    sample : Sample
    code_counts : list of ndarray of shape (n_codes,)
        Weight of the rows of each code, by categorical column.
    numbers : ndarray of shape (n, n_numeric)
        The numeric columns before scaling.
    scaler : NumericScaler
        What scaled them.
    recipe : Recipe
    rng : numpy.random.Generator
    counted_before : bool
        Whether a first pass has told the categories: no others join later.
    """

    probe: Any
    columns: Columns
    vocabularies: list[ColumnVocabulary]
    sample: Sample
    code_counts: list[NDArray[np.float64]]
    numbers: NDArray[np.float64]
    scaler: NumericScaler
    recipe: Recipe
    rng: np.random.Generator
    counted_before: bool = False

    @property
    def n_codes(self) -> tuple[int, ...]:
        """Codes of each categorical column."""
        return tuple(vocabulary.n_codes for vocabulary in self.vocabularies)


def read_training_input(
    estimator: Any,
    X: Any,
    y: Any,
    sample_weight: Any,
    *,
    classes: NDArray[Any] | None = None,
    first_pass: FirstPass | None = None,
) -> TrainingInput:
    """Read the arguments of ``fit`` as the parameters say; the estimator is left as it is.

    The categories are those of ``X``, or of a ``first_pass``.
    """
    # Names and number of columns are stored only when the fit has succeeded.
    probe = copy(estimator)
    frame = read_input(probe, X, reset=first_pass is None)
    columns = (
        choose_columns(
            frame,
            estimator.numeric_features,
            estimator.sequence_features,
            estimator._needs_categories,
        )
        if first_pass is None
        else first_pass.columns
    )
    probe._columns = columns
    rng = make_rng(estimator.random_state)
    tables = share_tables(estimator.shared, columns)
    rows, target, weight = read_target_and_weight(
        y, estimator.task, sample_weight, frame.n_rows, classes
    )
    numbers = numeric_matrix(frame, columns)[rows]
    scaler = NumericScaler().fit(numbers)
    coded = [column.take(rows) for column in columns.read(frame)]
    limits = estimator.min_frequency, estimator.max_categories
    vocabularies = (
        learn_vocabularies(coded, columns, estimator.categories, *limits, tables)
        if first_pass is None
        else first_pass.finished(tables, *limits)
    )
    numbered = range(frame.n_rows) if isinstance(rows, slice) else rows
    codes, bags = encode_coded(estimator, coded, numbered, columns, vocabularies)
    sample = Sample(rows, codes, scaler.transform(numbers), target, weight, bags)
    code_counts = [
        count_rows(codes[:, j], bags.get(j), vocabulary.n_codes, weight)
        for j, vocabulary in enumerate(vocabularies)
    ]
    recipe = make_recipe(estimator, columns, vocabularies, tables)
    return TrainingInput(
        probe,
        columns,
        vocabularies,
        sample,
        code_counts,
        numbers,
        scaler,
        recipe,
        rng,
        counted_before=first_pass is not None,
    )


def encode_input(
    estimator: Any, frame: Frame, columns: Columns, vocabularies: list[ColumnVocabulary]
) -> CodesAndBags:
    """Codes of all rows of a frame, ``(n, n_categorical)``, and the bags of some columns."""
    rows = range(frame.n_rows)
    return encode_coded(estimator, columns.read(frame), rows, columns, vocabularies)


def encode_coded(
    estimator: Any,
    coded: list[Column],
    rows: RowNumbers,
    columns: Columns,
    vocabularies: list[ColumnVocabulary],
) -> CodesAndBags:
    """Codes of the categorical columns, and the bags of some of them, of ``rows`` of the input."""
    return encode_columns(
        coded,
        rows,
        vocabularies,
        columns.categorical_names,
        estimator.handle_unknown,
        estimator.handle_missing,
        estimator.pooling,
    )
