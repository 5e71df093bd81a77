"""Input columns in a graph of ONNX operators: categories as codes, numbers as float64."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._graph import Graph
from ._vocabulary import UNKNOWN, ColumnVocabulary
from .nn._record import Record

STRING = np.dtype(object)

_DTYPES = {"strings": STRING, "booleans": np.dtype(bool), "integers": np.dtype(np.int64)}

_TOKENS = {
    "strings": (str, "a string"),
    "booleans": (Integral, "an integer of 64 bits; then True is 1 and False is 0"),
    "integers": (Integral, "an integer of 64 bits"),
    "numbers": (Real, "a number; NaN is missing anyway"),
}


class InputColumn(Record):
    """A column ``(n, 1)`` that the graph takes.

    Attributes
    ----------
    feature : object
        Its name, for messages.
    value : str
        Its name in the graph.
    dtype : dtype
        Objects are strings.
    """

    feature: Any
    value: str
    dtype: np.dtype


def check_expressible(estimator: Any) -> None:
    """Raise for what a fitted estimator does and ONNX cannot say."""
    for parameter in ("handle_unknown", "handle_missing"):
        if getattr(estimator, parameter) == "error":
            raise ValueError(
                f"ONNX cannot raise an error, as {parameter}='error' asks for. Call "
                f"set_params({parameter}='embed') on the fitted {type(estimator).__name__} to "
                "export the vectors it has for such values."
            )
    if sequences := estimator._columns.sequence_names:
        raise ValueError(
            f"The columns {sequences!r} are sequence_features, which to_onnx cannot export. Fit "
            f"{type(estimator).__name__} without them, or predict in Python."
        )


def check_tokens(missing: Any, estimators: Sequence[Any]) -> None:
    """Raise for tokens that none of the fitted estimators has a use for."""
    categorical = [name for own in estimators for name in own._columns.categorical_names]
    named = missing if isinstance(missing, Mapping) else ()
    if unknown := [name for name in named if name not in categorical]:
        raise ValueError(
            f"missing has tokens for {unknown!r}, which are no categorical columns. These are "
            f"{categorical!r}; in columns of numbers NaN is missing."
        )


def number_dtype(double: bool) -> np.dtype:
    """The data type of numbers, given as double or as float."""
    return np.dtype(np.float64 if double else np.float32)


def input_dtypes(estimator: Any, missing: Any, double: bool) -> dict[Any, np.dtype]:
    """The data type of each input column, in order."""
    columns = estimator._columns
    dtypes = dict.fromkeys(columns.names, number_dtype(double))
    pairs = zip(columns.categorical_names, estimator._vocabularies, strict=True)
    for name, vocabulary in pairs:
        dtypes[name] = dtype_of_categories(vocabulary.categories, name, double)
        token = missing_token(missing, name, vocabulary.categories)
        if token is not None and dtypes[name].kind == "b":
            dtypes[name] = np.dtype(np.int64)
    return dtypes


def dtype_of_categories(categories: NDArray[Any], feature: Any, double: bool) -> np.dtype:
    """The data type of a column of these categories."""
    return _DTYPES.get(_kind(categories, feature), number_dtype(double))


def _kind(values: NDArray[Any], feature: Any) -> str:
    """``"strings"``, ``"booleans"``, ``"integers"`` or ``"numbers"``."""
    objects = values.tolist()
    types = {type(value) for value in objects}
    bases = {
        "strings": (str,),
        "booleans": (bool, np.bool_),
        "integers": (Integral, np.bool_),
        "numbers": (Real, np.bool_),
    }
    fitting = [kind for kind, base in bases.items() if all(issubclass(t, base) for t in types)]
    is_date = values.dtype.kind in "mM"
    if is_date or not fitting or ("integers" in fitting and not in_int64(objects)):
        raise ValueError(
            f"The categories of column {feature!r}, such as {values[:3].tolist()!r}, are not all "
            "strings, all booleans or all numbers (integers of 64 bits), as ONNX needs them. Make "
            "strings of them before the fit."
        )
    # A column without any category is what its data type says.
    return "numbers" if not types and values.dtype != object else fitting[0]


def in_int64(objects: Sequence[Any]) -> bool:
    """Whether all numbers among the values have room in 64 bits with a sign."""
    return all(isinstance(value, str) or -(2**63) <= value < 2**63 for value in objects)


def missing_token(missing: Any, feature: Any, categories: NDArray[Any]) -> Any:
    """What stands for a missing value in a column besides NaN; None if nothing does."""
    kind = _kind(categories, feature)
    if isinstance(missing, Mapping):
        token = missing.get(feature)
    else:
        token = missing if kind == "strings" else None
    if token is None:
        return None
    base, words = _TOKENS[kind]
    is_large = base is Integral and isinstance(token, Integral) and not in_int64([token])
    if not isinstance(token, base) or token != token or is_large:
        raise ValueError(
            f"missing={token!r} cannot stand for a missing value in column {feature!r}, which "
            f"holds {kind}. It must be {words}."
        )
    if token in categories.tolist():
        raise ValueError(
            f"missing={token!r} is to stand for a missing value, but column {feature!r} has such a "
            "category. Choose another token, or None."
        )
    return token


def write_codes(
    graph: Graph,
    column: InputColumn,
    vocabulary: ColumnVocabulary,
    handle_missing: str,
    missing: Any,
) -> str:
    """The codes of a column, ``(n,)``."""
    missing_code = UNKNOWN if handle_missing == "unknown" else vocabulary.missing_code
    values, codes = vocabulary.categories.tolist(), vocabulary.category_codes.tolist()
    token = missing_token(missing, column.feature, vocabulary.categories)
    if token is not None:
        values, codes = [*values, token], [*codes, missing_code]
    strings = _kind(vocabulary.categories, column.feature) == "strings"
    if column.dtype != STRING and strings:
        raise _wrong_dtype(column, values)
    flat = graph.add("Reshape", column.value, np.array([-1]))
    if column.dtype == STRING:
        if not strings:
            values = _as_strings(values, column)
        return graph.number(flat, *_at_least_one(values, codes, "no such"), "strings")
    if column.dtype.kind in "ib":
        # An input of integers holds no others.
        pairs = zip(values, codes, strict=True)
        whole = {int(v): c for v, c in pairs if in_int64([v]) and v == int(v)}
        return _number_integers(graph, graph.cast(flat, np.int64), whole)
    found = _number_floats(graph, flat, values, codes, column)
    return graph.add("Where", graph.add("IsNaN", flat), missing_code, found)


def _wrong_dtype(column: InputColumn, values: Sequence[Any]) -> ValueError:
    got = "strings" if column.dtype == STRING else str(column.dtype)
    return ValueError(
        f"Column {column.feature!r} has categories such as {values[0]!r}, but its input holds "
        f"{got}. Give it an input of its type; several columns that a converter merges "
        "must be of one type."
    )


def _at_least_one(keys: Sequence[Any], codes: Sequence[int], other: Any) -> tuple[Any, Any]:
    """Keys and codes; an operator without any is not allowed."""
    return (keys, codes) if keys else ([other], [UNKNOWN])


def _as_strings(values: Sequence[Any], column: InputColumn) -> list[str]:
    """Integers as ONNX writes them when columns of several types are merged."""
    if not all(isinstance(value, Integral | np.bool_) for value in values):
        raise _wrong_dtype(column, values)
    return [str(int(value)) for value in values]


def _number_integers(graph: Graph, integers: str, codes: Mapping[int, int]) -> str:
    keys, numbers = list(codes), list(codes.values())
    return graph.number(integers, *_at_least_one(keys, numbers, 0), "int64s")


def _number_floats(
    graph: Graph, flat: str, values: Sequence[Any], codes: Sequence[int], column: InputColumn
) -> str:
    """Codes of numbers given as floats, whatever that of NaN."""
    if in_int64(values) and all(
        float(column.dtype.type(value)) == value == int(value) for value in values
    ):
        # Exact up to 2**53, where keys of ONNX are float32.
        integers = graph.cast(flat, np.int64)
        found = _number_integers(graph, integers, dict(zip(map(int, values), codes, strict=True)))
        same = graph.add("Equal", graph.cast(integers, column.dtype), flat)
        return graph.add("Where", same, found, UNKNOWN)
    with np.errstate(over="ignore"):
        keys = [float(np.float32(value)) for value in values]
    if len(set(keys)) < len(keys):
        raise ValueError(
            f"The categories of column {column.feature!r} are too close to each other for the "
            "float32 of ONNX. Fit the column as strings or integers, or, if it holds whole "
            "numbers, pass double=True."
        )
    flat = graph.cast(flat, np.float32)
    return graph.number(flat, *_at_least_one(keys, codes, 0.0), "floats")


class NumericInput(Record):
    """A numeric column in the graph.

    Attributes
    ----------
    value : str
        Float64 ``(n, 1)``, NaN where missing.
    precision : dtype
        In which the numbers came.
    """

    value: str
    precision: np.dtype


def write_number(graph: Graph, column: InputColumn) -> NumericInput:
    """A numeric column."""
    if column.dtype == STRING:
        raise ValueError(
            f"Column {column.feature!r} holds numbers, but its input holds strings. Give it an "
            "input of numbers; several columns that a converter merges must be of one type."
        )
    single = column.dtype == np.float32
    precision = np.dtype(np.float32 if single else np.float64)
    return NumericInput(graph.cast(column.value, np.float64), precision)
