"""From what a user gives to a :class:`Sample`: categories coded, target and weights read."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array, validate_data

from ._another_type import warn_of_another_type
from ._coded import CodedBags, Column, has_hash
from ._column_names import check_column_names
from ._frames import Frame, is_frame, read, read_masked
from ._sequences import read_bags, weigh_bags
from ._target_values import used_rows
from ._targets import Target, read_target
from ._vocabulary import UNKNOWN, ColumnVocabulary
from .nn._bags import Bags
from .nn._record import Record

Rows = NDArray[np.intp] | slice
Codes = NDArray[np.unsignedinteger]
# Rows one by one, in what the user gave.
RowNumbers = Sequence[int] | NDArray[np.intp]

# The sum of the weights: float32 must hold the products that are made of them.
_LEAST_SUM, _LARGEST_SUM = 1e-30, 1e36
# Weights whose mean is less are hardly meant as numbers of rows.
_LEAST_PER_ROW = 0.05


class Columns(Record):
    """Which columns of the input are categories and which are numbers, by position; in those of
    ``sequences`` a cell holds several categories.
    """

    names: tuple[Any, ...]
    categorical: tuple[int, ...]
    numeric: tuple[int, ...]
    sequences: tuple[int, ...] = ()

    @property
    def categorical_names(self) -> list[Any]:
        """Names of the categorical columns, in order."""
        return [self.names[j] for j in self.categorical]

    @property
    def numeric_names(self) -> list[Any]:
        """Names of the numeric columns, in order."""
        return [self.names[j] for j in self.numeric]

    @property
    def sequence_names(self) -> list[Any]:
        """Names of the columns of sequences, in order."""
        return [self.names[j] for j in self.sequences]

    def read(self, frame: Frame) -> list[Column]:
        """The categorical columns of a frame."""
        return [
            read_bags(frame, j) if j in self.sequences else frame.coded(j).narrowed()
            for j in self.categorical
        ]


class Sample(Record):
    """Rows to learn from, as plain arrays; rows of weight 0 are left out.

    Attributes
    ----------
    rows : ndarray of shape (n,) or slice
        Positions of the rows in the input; a slice if all are here.
    codes : ndarray of shape (n, n_columns)
        Rows of the tables; in a column of sequences, numbers of bags of such rows. Of the smallest
        unsigned type that holds them.
    numeric : ndarray of shape (n, n_numeric), dtype float32
    target : Target
    weight : ndarray of shape (n,), dtype float64
    bags : dict of Bags
        Those of each column of sequences.
    """

    rows: Rows
    codes: Codes
    numeric: NDArray[np.float32]
    target: Target
    weight: NDArray[np.float64]
    bags: Mapping[int, Bags] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: NDArray[np.integer]) -> Sample:
        """Some of the rows."""
        return replace(
            self,
            rows=rows if isinstance(self.rows, slice) else self.rows[rows],
            codes=self.codes[rows],
            numeric=self.numeric[rows],
            target=self.target.take(rows),
            weight=self.weight[rows],
        )


def read_input(estimator: Any, X: Any, *, reset: bool) -> Frame:
    """Check the container, its feature names and their number; read the columns."""
    if is_frame(X):
        validate_data(estimator, X, reset=reset, skip_check_array=True)
        if 0 in X.shape:
            lacking = "feature(s)" if len(X) else "sample(s)"
            raise ValueError(
                f"Found array with 0 {lacking} (shape={tuple(X.shape)}) while a minimum of 1 is "
                f"required by {type(estimator).__name__}."
            )
        frame = read(X)
        if not reset:
            check_column_names(_names_in_fit(estimator), frame.names)
        return frame
    X = read_masked(X)
    if isinstance(X, list | tuple):
        # Keeps the types apart: [["a", 1]] would become strings.
        X = _as_cells(X)
    X = validate_data(estimator, X, reset=reset, dtype=None, ensure_all_finite=False)
    return read(X)


def _names_in_fit(estimator: Any) -> tuple[Any, ...]:
    """Names of the columns of a fit, or of the pass over the data before it, if there was any."""
    columns = getattr(estimator, "_columns", None)
    if columns is None and hasattr(estimator, "_first_pass"):
        columns = estimator._first_pass.columns
    return () if columns is None else columns.names


def _as_cells(X: list[Any] | tuple[Any, ...]) -> NDArray[Any]:
    """Rows as an array of objects; lists in its cells, which NumPy would take for axes, stay."""
    array = np.asarray(X, dtype=object)
    if array.ndim < 3:
        return array
    cells = np.empty(array.shape[:2], dtype=object)
    for i, j in np.ndindex(cells.shape):
        cells[i, j] = X[i][j]
    return cells


def find_column(names: Sequence[Any], name: Any, parameter: str) -> int:
    """Position of a column given by name or by position."""
    # An array, which has no hash, would be compared element by element.
    if has_hash(name) and name in names:
        return list(names).index(name)
    if isinstance(name, int | np.integer) and not isinstance(name, bool):
        if -len(names) <= name < len(names):
            return int(name) % len(names)
    raise ValueError(
        f"The {parameter!r} parameter names the column {name!r}, which X does not have. "
        f"Its columns are {list(names)!r}."
    )


def find_categorical(columns: Columns, name: Any, parameter: str) -> int:
    """Position among the categorical columns of one given by name or position."""
    j = find_column(columns.names, name, parameter)
    if j not in columns.categorical:
        raise ValueError(
            f"The {parameter!r} parameter names the column {name!r}, which is numeric. "
            f"The categorical columns are {columns.categorical_names!r}."
        )
    return columns.categorical.index(j)


def per_column(value: Any, columns: Columns, parameter: str, default: Any) -> list[Any]:
    """A value for each categorical column, from one value for all or a dict column -> value."""
    if not isinstance(value, Mapping):
        return [value] * len(columns.categorical)
    chosen: dict[int, Any] = {}
    for name, own in value.items():
        j = find_categorical(columns, name, parameter)
        if j in chosen:
            raise ValueError(
                f"The {parameter!r} parameter names the column {columns.categorical_names[j]!r} "
                "more than once."
            )
        chosen[j] = own
    return [chosen.get(j, default) for j in range(len(columns.categorical))]


def read_weight(sample_weight: Any, n_rows: int) -> NDArray[np.float64]:
    """Weights of the rows: finite, not negative, not all zero."""
    if sample_weight is None:
        return _ones(n_rows)
    try:
        weight = np.asarray(read_masked(sample_weight))
        # Strings and other objects that are numbers pass, as everywhere in scikit-learn.
        if weight.dtype.kind not in "biuc":
            with np.errstate(over="ignore"):  # Infinity is refused below.
                weight = weight.astype(np.float64, copy=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"sample_weight must be numbers, one per row. Got {type(sample_weight).__name__}: "
            f"{error}"
        ) from error
    if weight.ndim == 0 and weight.dtype.kind in "iuf":
        weight = np.full(n_rows, weight)
    if weight.ndim == 1 and weight.dtype.kind == "f" and not (finite := np.isfinite(weight)).all():
        row = int(np.flatnonzero(~finite)[0])
        found = "NaN" if np.isnan(weight[row]) else "infinity"
        raise ValueError(
            f"Input sample_weight contains {found} (first in row {row}). Give each row a finite "
            "weight; 0 leaves it out."
        )
    weight = check_array(
        weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight", ensure_min_samples=0
    )
    if weight.ndim != 1:
        raise ValueError(
            f"Sample weights must be 1D array or scalar. Got {weight.ndim} dimensions."
        )
    if len(weight) != n_rows:
        raise ValueError(
            f"sample_weight.shape == {weight.shape}, expected {(n_rows,)}: one weight per row."
        )
    if (weight < 0).any():
        row = int(np.flatnonzero(weight < 0)[0])
        raise ValueError(f"sample_weight must not be negative. Got {weight[row]} in row {row}.")
    _check_sum(weight)
    return weight


def no_weight() -> ValueError:
    """The error of rows that all have the weight 0."""
    return ValueError("sample_weight must not be all zero: no row is left to learn from.")


def _check_sum(weight: NDArray[np.float64]) -> None:
    with np.errstate(over="ignore"):
        total = weight.sum()
    if not total:
        raise no_weight()
    if not _LEAST_SUM <= total <= _LARGEST_SUM:
        raise ValueError(
            f"sample_weight must have a sum in [{_LEAST_SUM:g}, {_LARGEST_SUM:g}]. Got {total:g}: "
            "multiply or divide all weights."
        )


def _warn_of_light_rows(weight: float, n_rows: int) -> None:
    """Warn where the weight of ``n_rows`` rows is so little that it hardly is their number."""
    if weight < _LEAST_PER_ROW * n_rows:
        warnings.warn(
            f"The weights of {n_rows} rows have the sum {weight:g}. A weight is a number of rows: "
            "vectors are shrunken as if there were so few. If weights only compare rows, multiply "
            f"them by {n_rows / weight:.3g}.",
            UserWarning,
            stacklevel=2,
        )


def _ones(n_rows: int) -> NDArray[np.float64]:
    # One number that is read again for every row.
    return np.broadcast_to(1.0, n_rows)


def encode_columns(
    coded: Sequence[Column],
    rows: RowNumbers,
    vocabularies: Sequence[ColumnVocabulary],
    names: Sequence[Any],
    handle_unknown: str,
    handle_missing: str,
    pooling: str,
) -> tuple[Codes, dict[int, Bags]]:
    """Codes of some rows and all categorical columns, ``(n, n_columns)``, and the bags of those
    that are sequences, one for each row. ``rows`` are their numbers in what the user gave.
    """
    n_rows = len(rows)
    sizes = [
        n_rows if isinstance(column, CodedBags) else vocabulary.n_codes
        for column, vocabulary in zip(coded, vocabularies, strict=True)
    ]
    codes = np.empty((n_rows, len(coded)), dtype=np.min_scalar_type(max(sizes, default=1) - 1))
    bags = {}
    for j, (column, vocabulary, name) in enumerate(zip(coded, vocabularies, names, strict=True)):
        if handle_missing == "error" and len(missing := column.missing_rows()):
            raise ValueError(
                f"Column {name!r} has a missing value in row {rows[missing[0]]}, and "
                "handle_missing='error'. Fill it, or set handle_missing='embed'."
            )
        if handle_unknown == "error" and len(unseen := vocabulary.unknown_values(column.elements)):
            raise ValueError(
                f"Found unknown categories {list(unseen[:5])!r} in column {name!r}, which fit has "
                "not seen, and handle_unknown='error'. Set handle_unknown='embed' to give them the "
                "learned unknown vector."
            )
        own = vocabulary.encode(column.elements)
        if (own == UNKNOWN).any():
            warn_of_another_type(column.elements, vocabulary, name)
        if handle_missing == "unknown":
            own[own == vocabulary.missing_code] = UNKNOWN
        if isinstance(column, CodedBags):
            bags[j] = weigh_bags(column.bags.with_indices(own), vocabulary.n_codes, pooling)
            own = np.arange(len(column))
        codes[:, j] = own
    return codes, bags


def numeric_matrix(frame: Frame, columns: Columns) -> NDArray[np.float64]:
    """The numeric columns, NaN where missing, ``(n, n_numeric)``."""
    matrix = np.empty((frame.n_rows, len(columns.numeric)))
    for k, j in enumerate(columns.numeric):
        matrix[:, k] = frame.numeric(j)
    return matrix


def read_target_and_weight(
    y: Any, task: str, sample_weight: Any, n_rows: int, classes: NDArray[Any] | None = None
) -> tuple[Rows, Target, NDArray[np.float64]]:
    """The rows that count, and the target and the weight of each."""
    weight = read_weight(sample_weight, n_rows)
    rows = used_rows(weight)
    target = read_target(y, task, weight, classes)
    weight = weight[rows]
    _warn_of_light_rows(float(weight.sum()), len(weight))
    # How an array lies decides the last bits of sums: weights of 1 give those of no weights.
    if (weight == 1).all():
        weight = _ones(len(weight))
    return rows, target, weight


def make_rng(random_state: Any, *turn: int) -> np.random.Generator:
    """The one place where randomness enters; ``turn`` numbers the calls of a fit in parts."""
    seeds = check_random_state(random_state).randint(np.iinfo(np.int32).max, size=4)
    return np.random.default_rng(np.random.SeedSequence(seeds, spawn_key=turn))
