"""What a fit must know of all rows before it learns, as sums over rows that lie in several parts:
values and their counts, a sample of numbers, the target's labels and moments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._coded import Coded
from ._frames import encode_values, has_categories
from ._lookup import Lookup
from ._sample import Columns, numeric_matrix, read_input, read_weight
from ._stack_values import stack_values
from ._target_values import target_rows, unsortable
from ._targets import Target, for_loss, in_unit_of, read_target
from ._vocabularies import given_categories, not_given
from ._vocabulary import ColumnVocabulary, vocabulary_of_counts
from .nn._record import Record

Array = NDArray[Any]

# Distinct values of a target beyond these are numbers, of which moments tell all.
_MOST_LABELS = 10_000


class RawRows(Record):
    """Rows of a part as they were given, those of weight 0 left out.

    Attributes
    ----------
    columns : list of Coded
    numbers : ndarray of shape (n, n_numeric)
    y : ndarray or None
    has_labels : bool
        Whether the target's dtype says that it is categorical.
    weight : ndarray of shape (n,)
    """

    columns: list[Coded]
    numbers: NDArray[np.float64]
    y: Array | None
    has_labels: bool
    weight: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.weight)

    def __sizeof__(self) -> int:
        # What a scheduler weighs before it moves these to another machine.
        return self.numbers.nbytes + sum(column.codes.nbytes for column in self.columns)


def read_rows(given: tuple[Any, Any, Any], probe: Any, columns: Columns, task: str) -> RawRows:
    """Read the tables of a part: X, the target, the weights."""
    X, y, sample_weight = given
    if not len(X):
        empty = Coded(np.empty(0, dtype=object), np.empty(0, dtype=np.intp))
        n_numeric = len(columns.numeric)
        none = [empty] * len(columns.categorical)
        return RawRows(none, np.empty((0, n_numeric)), None, False, np.empty(0))
    frame = read_input(probe, X, reset=False)
    all_zero = sample_weight is not None and not np.any(sample_weight)
    weight = np.zeros(len(X)) if all_zero else read_weight(sample_weight, frame.n_rows)
    rows = np.flatnonzero(weight)
    return RawRows(
        [column.take(rows) for column in columns.read(frame)],
        numeric_matrix(frame, columns)[rows],
        None if task == "none" else target_rows(y, weight),
        has_categories(y),
        weight[rows],
    )


class ValueCounts(Record):
    """Distinct values with numbers that add up, such as counts."""

    values: Array
    counts: Array

    def __add__(self, other: ValueCounts) -> ValueCounts:
        if not len(self.values) or not len(other.values):
            return self if len(self.values) else other
        merged = encode_values(stack_values([self.values, other.values]))
        counts = np.concatenate([self.counts, other.counts])
        summed = np.bincount(merged.codes, counts, len(merged.values))
        return ValueCounts(merged.values, summed.astype(np.int64))


class LabelWeights(Record):
    """Distinct values of the target with the weight of their rows; the first ones of many."""

    values: Array
    weight: NDArray[np.float64]
    truncated: bool = False

    @classmethod
    def of(cls, y: Array, weight: NDArray[np.float64], truncated: bool = False) -> LabelWeights:
        """The labels of some rows."""
        try:
            values, inverse = np.unique(y, axis=0 if y.ndim > 1 else None, return_inverse=True)
        except TypeError as error:
            raise unsortable(y) from error
        summed = np.bincount(inverse.ravel(), weight, len(values))
        truncated |= len(values) > _MOST_LABELS
        return cls(values[:_MOST_LABELS], summed[:_MOST_LABELS], truncated)

    def __add__(self, other: LabelWeights) -> LabelWeights:
        return LabelWeights.of(
            np.concatenate([self.values, other.values]),
            np.concatenate([self.weight, other.weight]),
            self.truncated or other.truncated,
        )


class Moments(Record):
    """Sums of a numeric target's columns around a center near the mean."""

    weight: float
    sums: NDArray[np.float64]
    squares: NDArray[np.float64]
    limits: NDArray[np.float64]

    def __add__(self, other: Moments) -> Moments:
        low, high = np.stack([self.limits, other.limits], axis=1)
        return Moments(
            self.weight + other.weight,
            self.sums + other.sums,
            self.squares + other.squares,
            np.stack([low.min(axis=0), high.max(axis=0)]),
        )


class Survey(Record):
    """Sums over rows.

    Attributes
    ----------
    n_rows : int
    weights : tuple (sum, least, largest)
    values : list of ValueCounts
        Of each table, with counts of rows.
    missing : ndarray of shape (n_numeric,)
        Whether a number is missing.
    numbers : list of ndarray
        Of rows at equal distances.
    y : list of ndarray
        The target of the same rows.
    labels : LabelWeights or None
    has_labels : bool
    """

    n_rows: int
    weights: tuple[float, float, float]
    values: list[ValueCounts]
    missing: Array
    numbers: list[Array]
    y: list[Array]
    labels: LabelWeights | None
    has_labels: bool

    def __add__(self, other: Survey) -> Survey:
        if not other.n_rows or not self.n_rows:
            return self if self.n_rows else other
        (a, low, high), (b, other_low, other_high) = self.weights, other.weights
        return Survey(
            self.n_rows + other.n_rows,
            (a + b, min(low, other_low), max(high, other_high)),
            [x + y for x, y in zip(self.values, other.values, strict=True)],
            self.missing | other.missing,
            self.numbers + other.numbers,
            self.y + other.y,
            None if self.labels is None else self.labels + other.labels,
            self.has_labels or other.has_labels,
        )


def survey(raw: RawRows, tables: Sequence[int], stride: int) -> Survey:
    """The sums over the rows of one part."""
    values: list[ValueCounts] = []
    for table in range(max(tables, default=-1) + 1):
        own = [column for column, t in zip(raw.columns, tables, strict=True) if t == table]
        values.append(reduce(add, map(_count_values, own)))
    weight = raw.weight
    least = (weight.min(), weight.max()) if len(weight) else (np.inf, 0.0)
    y = [] if raw.y is None else [raw.y[::stride]]
    return Survey(
        len(raw),
        (weight.sum(), *least),
        values,
        np.isnan(raw.numbers).any(axis=0),
        [raw.numbers[::stride]],
        y,
        None if raw.y is None else LabelWeights.of(raw.y, weight),
        raw.has_labels,
    )


def _count_values(column: Coded) -> ValueCounts:
    counts = column.counts()
    seen = counts > 0
    return ValueCounts(column.values[seen], counts[seen])


def vocabularies_of(
    known: Survey, estimator: Any, columns: Columns, tables: Sequence[int]
) -> list[ColumnVocabulary]:
    """A vocabulary per categorical column."""
    given = given_categories(estimator.categories, columns, tables)
    learned = []
    for table, found in enumerate(known.values):
        sharing = [j for j, own in enumerate(tables) if own == table]
        values, counts = found.values, found.counts
        declared = given.get(table)
        if declared is not None:
            unseen = values[Lookup(declared)(values) < 0]
            if len(unseen):
                raise not_given(unseen, columns.categorical_names[sharing[0]])
            values, counts = declared, np.append(counts, 0)[Lookup(values)(declared)]
        n_cells = known.n_rows * len(sharing)
        learned.append(
            vocabulary_of_counts(
                values, counts, n_cells, estimator.min_frequency, estimator.max_categories
            )
        )
    return [learned[table] for table in tables]


def moments(raw: RawRows, center: NDArray[np.float64]) -> Moments:
    """Sums of the target of one part."""
    if raw.y is None:
        nothing, far = np.zeros(len(center)), np.full(len(center), np.inf)
        return Moments(0.0, nothing, nothing, np.stack([far, -far]))
    y = raw.y.astype(np.float64).reshape(len(raw), len(center))
    limits = np.stack([y.min(axis=0, initial=np.inf), y.max(axis=0, initial=-np.inf)])
    residual, weight = y - center, raw.weight
    return Moments(float(weight.sum()), weight @ residual, weight @ residual**2, limits)


def first_target(known: Survey, task: str) -> Target:
    """The target of the distinct values, which tells the kind and, if they are all, the classes,
    the mean and the deviation.
    """
    if task == "none":
        return read_target(None, task, np.empty(0))
    if task == "auto" and known.has_labels:
        task = "classification"
    labels = known.labels
    # Three times, for labels that occur once look like numbers.
    values, weight = np.repeat(labels.values, 3, axis=0), np.repeat(labels.weight / 3, 3)
    target = read_target(values, task, weight)
    if labels.truncated and not target.kind.startswith("continuous"):
        raise ValueError(f"y holds more than {_MOST_LABELS} distinct labels.")
    return target


def with_moments(target: Target, found: Moments) -> Target:
    """A target with the mean and deviation of all rows; its center was that of the moments."""
    mean = found.sums / found.weight
    variance = np.maximum(found.squares / found.weight - mean**2, 0)
    center = target.center + mean
    scale = np.sqrt(variance)
    scale[scale <= 1e-12 * np.abs(center)] = 1
    return replace(in_unit_of(target, center, scale), limits=found.limits)


def part_target(y: Array | None, weight: Array, of_all: Target, loss: str | None) -> Target:
    """The target of one part, read as that of all rows was."""
    if of_all.kind == "none":
        return read_target(None, "none", weight)
    if not of_all.kind.startswith("continuous"):
        classes = None if of_all.kind == "multilabel-indicator" else of_all.classes
        return read_target(y, "classification", weight, classes)
    target = replace(read_target(y, "regression", weight), limits=of_all.limits)
    return for_loss(target, loss or "squared_error", (of_all.center, of_all.scale))
