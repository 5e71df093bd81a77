"""Rows that lie in several parts, read for a fit.

parts of X, y, weights -> survey: vocabularies, scales, classes -> parts of codes, numbers, targets
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._bins import PiecewiseLinear
from ._column_choice import choose_columns
from ._cooccurrence import bin_edges, context_bins
from ._learning import make_architecture
from ._numeric import NumericScaler
from ._params import check_parameters
from ._recipe import make_recipe, share_tables
from ._sample import Columns, Sample, encode_columns, make_rng, no_weight, read_input
from ._survey import (
    RawRows,
    Survey,
    first_target,
    moments,
    part_target,
    read_rows,
    survey,
    vocabularies_of,
    with_moments,
)
from ._target_values import no_target
from ._targets import Target, for_loss, unit_for
from ._training_input import TrainingInput
from ._vocabulary import ColumnVocabulary
from .nn._architecture import Architecture, place_codes
from .nn._losses import Loss, make_loss
from .nn._network import Data
from .nn._parts import CodeSums, Part, Parts, present_codes, renumber, with_codes
from .nn._record import Record

Array = NDArray[Any]

# Rows that medians, quantiles and bins are taken from.
_SAMPLED_ROWS = 100_000


class Inputs(Record):
    """The numeric block of the network: scaled numbers, and pieces for a predictor."""

    scaler: NumericScaler
    bins: PiecewiseLinear | None

    def __call__(self, numbers: NDArray[np.float64]) -> NDArray[np.float32]:
        scaled = self.scaler.transform(numbers)
        if self.bins is None:
            return scaled
        return np.hstack([scaled, self.bins.transform(self.scaler.fill(numbers))])


class BinInputs(Record):
    """Numbers of quantile bins, of which co-occurrences are counted."""

    edges: list[NDArray[np.float64]]

    def __call__(self, numbers: NDArray[np.float64]) -> NDArray[np.float32]:
        return context_bins(numbers, self.edges).astype(np.float32)


class Plan(Record):
    """How raw rows become a part: all that was learned from the survey."""

    vocabularies: list[ColumnVocabulary]
    names: list[Any]
    handle_unknown: str
    handle_missing: str
    tables: list[int]
    inputs: Inputs | BinInputs
    target: Target
    loss: str | None
    architecture: Architecture


class Reading(Record):
    """What was read of all parts.

    Attributes
    ----------
    parts : Parts
    input : TrainingInput
        As of an ordinary fit, with no rows, but with the counts of all.
    architecture : Architecture
    inputs : Inputs or BinInputs
    survey : Survey
    weights : list of ndarray of shape (n_codes,)
        Weight of the rows of each table's codes.
    loss : Loss or None
        With the baseline of all rows.
    """

    parts: Parts
    input: TrainingInput
    architecture: Architecture
    inputs: Inputs | BinInputs
    survey: Survey
    weights: list[NDArray[np.float64]]
    loss: Loss | None


def read_parts(
    estimator: Any,
    given: Parts,
    block_rows: int,
    loss: str | None = None,
    n_bins: int | None = None,
) -> Reading:
    """Read all parts of ``(X, y, sample_weight)``.

    Neighbours are joined until a part has ``block_rows`` rows. ``loss`` is one that was chosen; of
    ``n_bins`` pieces of each number a predictor's network sees the coordinates, too.
    """
    check_parameters(estimator, estimator._rules)
    lengths = given.each(_lengths)
    _check_lengths(lengths, estimator.task)
    blank = copy(estimator)
    first = next(k for k, (n_rows, *_) in enumerate(lengths) if n_rows)
    probe, columns = given.join([[first]], _probe_first, blank).each(_itself)[0]
    tables = share_tables(estimator.shared, columns)
    raw = given.map(read_rows, probe, columns, estimator.task)
    stride = max(1, sum(n_rows for n_rows, *_ in lengths) // _SAMPLED_ROWS)
    known = raw.total(survey, tables, stride)
    if not known.n_rows:
        raise no_weight()
    vocabularies = vocabularies_of(known, estimator, columns, tables)
    target = _target_of_all(raw, known, estimator.task, loss)
    recipe = make_recipe(estimator, columns, vocabularies, tables)
    numbers = np.concatenate(known.numbers)
    scaler = NumericScaler().fit(numbers)
    scaler.flagged_ = known.missing
    inputs = _inputs(estimator.task, scaler, numbers, n_bins)
    empty = _no_rows(target, len(columns.categorical), inputs(numbers[:1]).shape[1])
    n_codes = tuple(vocabulary.n_codes for vocabulary in vocabularies)
    architecture = make_architecture(empty, n_codes, recipe)
    plan = Plan(
        vocabularies,
        columns.categorical_names,
        estimator.handle_unknown,
        estimator.handle_missing,
        tables,
        inputs,
        empty.target,
        loss,
        architecture,
    )
    parts = raw.join(_groups(raw.each(len), block_rows), make_part, plan).with_present(_present)
    sums = parts.total(_count_codes)
    code_counts = [own.to_dense(n) for own, n in zip(sums[0], n_codes, strict=True)]
    weights = [own.to_dense(n) for own, n in zip(sums[1], architecture.n_codes, strict=True)]
    read = TrainingInput(
        probe,
        columns,
        vocabularies,
        empty,
        code_counts,
        numbers[:0],
        scaler,
        recipe,
        make_rng(estimator.random_state),
    )
    fixed = _loss_of_all(known, target, recipe.quantile, loss)
    return Reading(parts, read, architecture, inputs, known, weights, fixed)


def _target_of_all(raw: Parts, known: Survey, task: str, loss: str | None) -> Target:
    target, labels = first_target(known, task), known.labels
    truncated = labels is not None and labels.truncated
    if truncated:
        target = with_moments(target, raw.total(moments, target.center))
    if loss is None:
        return target
    y = np.concatenate(known.y)
    values, weight = (y, np.ones(len(y))) if truncated else (labels.values, labels.weight)
    unit = unit_for(loss, part_target(values, weight, target, None), weight)
    return for_loss(target, loss, unit)


def _lengths(given: tuple[Any, Any, Any]) -> tuple[int, int | None, int | None]:
    X, y, weight = given
    return len(X), *(None if part is None else len(part) for part in (y, weight))


def _check_lengths(lengths: list[tuple[int, int | None, int | None]], task: str) -> None:
    if not any(n_rows for n_rows, *_ in lengths):
        raise ValueError(f"X has no rows: its partitions, {len(lengths)}, are all empty.")
    if task != "none" and lengths[0][1] is None:
        raise no_target(task)
    for k, (n_rows, n_targets, n_weights) in enumerate(lengths):
        for name, n in (("y", n_targets), ("sample_weight", n_weights)):
            if n is not None and n != n_rows:
                raise ValueError(
                    f"{name} must be partitioned like X, row for row: partition {k} of X has "
                    f"{n_rows} rows, that of {name} has {n}."
                )


def _probe_first(
    parts: Sequence[tuple[Any, Any, Any]], number: int, blank: Any
) -> tuple[Any, Columns]:
    """A copy of the estimator that has the names of the columns, and which they are."""
    frame = read_input(blank, parts[0][0], reset=True)
    # Lists cannot be categories, whatever the parameter says: tell why there is no way.
    columns = choose_columns(frame, blank.numeric_features, "auto", blank._needs_categories)
    if sequences := columns.sequence_names:
        raise TypeError(
            f"The columns {sequences!r} hold lists, sets or arrays, and there is no distributed "
            "version of sequence_features. Drop them, make tuples of their cells, which are single "
            "categories, or take the ordinary estimator."
        )
    blank._columns = columns
    return blank, columns


def _itself(value: Any) -> Any:
    return value


def _present(part: Part) -> list[Array]:
    return part.present


def _inputs(
    task: str, scaler: NumericScaler, numbers: Array, n_bins: int | None
) -> Inputs | BinInputs:
    if task == "none":
        return BinInputs(bin_edges(numbers, np.ones(len(numbers))))
    return Inputs(scaler, None if n_bins is None else PiecewiseLinear(n_bins).fit(numbers))


def _no_rows(target: Target, n_columns: int, n_numeric: int) -> Sample:
    nothing = np.empty(0, dtype=np.intp)
    return Sample(
        nothing,
        np.empty((0, n_columns), dtype=np.int32),
        np.empty((0, n_numeric), dtype=np.float32),
        target.take(nothing),
        np.empty(0),
    )


def _groups(lengths: Sequence[int], block_rows: int) -> list[list[int]]:
    """Neighbours that together have so many rows; what is left at the end joins the last."""
    groups: list[list[int]] = [[]]
    n_rows = 0
    left = sum(lengths)
    for k, n in enumerate(lengths):
        groups[-1].append(k)
        n_rows, left = n_rows + n, left - n
        if n_rows >= block_rows and left >= block_rows:
            groups.append([])
            n_rows = 0
    return groups


def make_part(raw: Sequence[RawRows], number: int, plan: Plan) -> Part:
    """Some raw parts, one below the other, as one part of codes, numbers and targets."""
    weight = np.concatenate([rows.weight for rows in raw])
    codes = np.concatenate([_encode(rows, plan) for rows in raw])
    target = [part_target(r.y, r.weight, plan.target, plan.loss) for r in raw if len(r)]
    present = present_codes(codes, plan.tables, len(plan.architecture.n_codes))
    architecture = with_codes(plan.architecture, present)
    own = renumber(codes, plan.tables, present)
    data = Data(
        codes=place_codes(architecture, own),
        numeric=plan.inputs(np.concatenate([rows.numbers for rows in raw])),
        y=np.concatenate([one.values for one in target]),
        weight=weight,
    )
    return Part(number, present, architecture, own, data, weight)


def _encode(rows: RawRows, plan: Plan) -> NDArray[np.int32]:
    codes, _ = encode_columns(
        rows.columns,
        range(len(rows)),
        plan.vocabularies,
        plan.names,
        plan.handle_unknown,
        plan.handle_missing,
        "mean",
    )
    return codes


def _count_codes(part: Part) -> tuple[list[CodeSums], list[CodeSums]]:
    """Weight of the rows of each code of each column, and of each table."""
    by_column, by_table = [], [np.zeros(len(codes)) for codes in part.present]
    for own, table in zip(part.codes.T, part.architecture.columns, strict=True):
        weights = np.bincount(own, part.weight, len(part.present[table]))
        by_column.append(CodeSums(part.present[table], weights))
        by_table[table] += weights
    return by_column, part.tables(by_table)


def _loss_of_all(known: Survey, target: Target, quantile: float, name: str | None) -> Loss | None:
    """The loss, which knows the baseline of all rows, whatever part it is asked for."""
    if target.kind == "none":
        return None
    loss = make_loss(target.loss, quantile=quantile)
    if target.loss == "squared_error":
        # The target is standardised.
        return loss.with_baseline(np.zeros(target.n_outputs, dtype=np.float32))
    if target.kind.startswith("continuous"):
        y = np.concatenate(known.y)
        weight = np.ones(len(y))
        values = part_target(y, weight, target, name).values
    else:
        labels = known.labels
        values = part_target(labels.values, labels.weight, target, None).values
        weight = labels.weight
    return loss.with_baseline(loss.baseline(values, weight, target.n_outputs))
