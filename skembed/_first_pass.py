"""The categories of all rows, counted batch by batch before anything is learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ._column_choice import choose_columns
from ._frames import Frame
from ._recipe import share_tables
from ._sample import Columns
from ._vocabularies import extend_vocabularies, learn_vocabularies
from ._vocabulary import ColumnVocabulary, pool_infrequent
from .nn._record import Record


class FirstPass(Record):
    """What a first pass has seen so far.

    Attributes
    ----------
    columns : Columns
    vocabularies : list of ColumnVocabulary
        One per categorical column; nothing is pooled yet.
    n_rows : int
    """

    columns: Columns
    vocabularies: list[ColumnVocabulary]
    n_rows: int

    def finished(
        self, tables: Sequence[int], min_frequency: int | float | None, max_categories: int | None
    ) -> list[ColumnVocabulary]:
        """The vocabularies with their infrequent categories pooled."""
        pooled = {
            table: pool_infrequent(
                self.vocabularies[tables.index(table)],
                self.n_rows * tables.count(table),
                min_frequency,
                max_categories,
            )
            for table in set(tables)
        }
        return [pooled[table] for table in tables]


def count_categories(estimator: Any, frame: Frame, before: FirstPass | None) -> FirstPass:
    """The first pass with one more batch."""
    if before is None:
        columns = choose_columns(
            frame,
            estimator.numeric_features,
            estimator.sequence_features,
            estimator._needs_categories,
        )
        tables = share_tables(estimator.shared, columns)
        vocabularies = learn_vocabularies(
            columns.read(frame), columns, estimator.categories, None, None, tables
        )
        return FirstPass(columns, vocabularies, frame.n_rows)
    vocabularies = extend_vocabularies(
        before.vocabularies,
        before.columns.read(frame),
        before.columns,
        estimator.categories,
        share_tables(estimator.shared, before.columns),
        may_grow=True,
    )
    return FirstPass(before.columns, vocabularies, before.n_rows + frame.n_rows)
