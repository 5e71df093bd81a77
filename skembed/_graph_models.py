"""Fitted estimators as graphs of ONNX operators: vectors, features, networks, predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._base import EmbeddingModel
from ._bins import PiecewiseLinear
from ._blend import Blend
from ._classifier import EmbeddingClassifier
from ._encoder import EmbeddingEncoder
from ._features import Features
from ._graph import Graph
from ._graph_columns import (
    InputColumn,
    NumericInput,
    check_expressible,
    in_int64,
    number_dtype,
    write_codes,
    write_number,
)
from ._learning import FittedNetwork
from ._numeric import FAR, NumericScaler
from ._predictors import EmbeddingPredictor
from ._regressor import EmbeddingRegressor
from ._terms import Cross, Part, Term
from .nn._architecture import table_views
from .nn._losses import make_loss
from .nn._network import Network
from .nn._record import Record

Array = NDArray[Any]


class Output(Record):
    """What a graph gives.

    Attributes
    ----------
    name : str
        As converters of scikit-learn call it.
    value : str
        Its name in the graph.
    dtype : dtype
        Objects are strings.
    width : int or None
        Columns; None for one number or string per row.
    """

    name: str
    value: str
    dtype: np.dtype
    width: int | None


def write_model(
    graph: Graph,
    estimator: EmbeddingModel,
    columns: Sequence[InputColumn],
    missing: Any,
    double: bool,
) -> list[Output]:
    """What a fitted estimator makes of its columns: vectors, numbers, or labels and probabilities.

    Predictions are float64 with ``double`` and if a column is.
    """
    check_expressible(estimator)
    dtype = number_dtype(double or any(column.dtype == np.float64 for column in columns))
    own = estimator._columns
    codes = [
        write_codes(graph, columns[j], vocabulary, estimator.handle_missing, missing)
        for j, vocabulary in zip(own.categorical, estimator._vocabularies, strict=True)
    ]
    if isinstance(estimator, EmbeddingEncoder):
        tables = [table.astype(estimator.dtype, copy=False) for table in estimator.embeddings_]
        pairs = zip(tables, codes, strict=True)
        vectors = graph.beside([graph.rows(table, own) for table, own in pairs])
        width = sum(table.shape[1] for table in tables)
        return [Output("variable", vectors, np.dtype(estimator.dtype), width)]
    numbers = [write_number(graph, columns[j]) for j in own.numeric]
    raw = _write_raw_prediction(graph, estimator, codes, numbers)
    if isinstance(estimator, EmbeddingClassifier):
        return _write_classes(graph, estimator, raw, dtype)
    return [_write_regression(graph, estimator, raw, dtype)]


# Predictions


def _write_classes(
    graph: Graph, estimator: EmbeddingClassifier, raw: str, dtype: np.dtype
) -> list[Output]:
    kind, n_classes = estimator.target_type_, len(estimator.classes_)
    if kind == "multiclass":
        shares = graph.add("Softmax", raw, axis=1)
        best = graph.add("ArgMax", raw, axis=1, keepdims=0)
    else:
        shares = graph.add("Sigmoid", raw)
        best = graph.cast(graph.add("Greater", raw, 0.0), np.int64)
    probabilities = Output("probabilities", graph.cast(shares, dtype), dtype, n_classes)
    if kind == "multilabel-indicator":
        return [Output("label", best, np.dtype(np.int64), n_classes), probabilities]
    if kind == "binary":
        shares = graph.beside([graph.add("Sub", 1.0, shares), shares])
        probabilities = Output("probabilities", graph.cast(shares, dtype), dtype, n_classes)
        best = graph.add("Reshape", best, np.array([-1]))
    classes = labels(estimator)
    return [Output("label", graph.rows(classes, best), classes.dtype, None), probabilities]


def labels(estimator: EmbeddingClassifier) -> Array:
    """The classes as ONNX knows them: strings, or integers."""
    classes = estimator.classes_
    if classes.dtype.kind in "biuf" and in_int64(classes.tolist()):
        return classes.astype(np.int64)
    if all(isinstance(label, str) for label in classes):
        return classes.astype(object)
    raise ValueError(
        f"The classes {classes[:3].tolist()!r} are neither strings nor numbers of 64 bits with a "
        "sign, as ONNX needs them. Make strings of them before the fit."
    )


def _write_regression(
    graph: Graph, estimator: EmbeddingRegressor, raw: str, dtype: np.dtype
) -> Output:
    # What overflows is cut to the largest target below.
    is_count = estimator._blend.loss.link is make_loss("poisson").link
    prediction = graph.add("Exp", raw) if is_count else raw
    prediction = graph.add("Mul", prediction, estimator._target_scale)
    prediction = graph.add("Add", prediction, estimator._target_center)
    low, high = estimator._target_range
    prediction = graph.add("Min", graph.add("Max", prediction, low), high)
    return Output("variable", graph.cast(prediction, dtype), dtype, len(low))


def _write_raw_prediction(
    graph: Graph, estimator: EmbeddingPredictor, codes: list[str], numbers: list[NumericInput]
) -> str:
    """Raw predictions ``(n, n_outputs)``; see :class:`Blend`."""
    blend, features = estimator._blend, estimator._features
    numbers = _write_filled(graph, features.scaler, numbers)
    inputs = _write_features(graph, features, codes, numbers)
    parts = []
    if blend.share > 0:
        blocks = [*inputs, *_write_pieces(graph, features.bins, numbers)]
        raw = [_write_network(graph, blend, member, codes, blocks) for member in blend.members]
        mean = graph.add("Div", graph.add("Sum", *raw), float(len(raw)))
        parts.append(graph.add("Mul", mean, blend.share))
    if blend.linear is not None and blend.share < 1:
        linear = _write_dense(graph, inputs, *blend.linear)
        parts.append(graph.add("Mul", linear, 1 - blend.share))
    return graph.add("Sum", *parts)


def _write_network(
    graph: Graph, blend: Blend, member: FittedNetwork, codes: list[str], blocks: list[str]
) -> str:
    architecture, parameters = member.architecture, member.parameters
    tables = table_views(architecture, parameters)
    columns = [j for stack in architecture.stacks() for j in stack.columns]
    vectors = [graph.rows(tables[architecture.columns[j]], codes[j]) for j in columns]
    inputs = [*(graph.cast(block, np.float64) for block in vectors), *blocks]
    dense = Network(architecture, blend.loss).dense
    *hidden, output = dense.flat(parameters["dense"]).layers
    for weight, bias in hidden:
        inputs = [_write_activation(graph, architecture.activation, inputs, weight, bias)]
    return _write_dense(graph, inputs, *output)


def _write_activation(
    graph: Graph, activation: str, inputs: list[str], weight: Array, bias: Array
) -> str:
    z = _write_dense(graph, inputs, weight, bias)
    if activation == "silu":
        # The logistic function by way of tanh: some versions of onnxruntime make an operator of
        # z * Sigmoid(z) that they have for float32 only.
        tanh = graph.add("Tanh", graph.add("Mul", z, 0.5))
        return graph.add("Mul", z, graph.add("Mul", graph.add("Add", tanh, 1.0), 0.5))
    operators = {"relu": "Relu", "tanh": "Tanh", "logistic": "Sigmoid", "identity": "Identity"}
    return graph.add(operators[activation], z)


def _write_dense(graph: Graph, inputs: list[str], weight: Array, bias: Array) -> str:
    """``inputs @ weight + bias`` in float64; weights are stored as they are."""
    wide = [graph.cast(array, np.float64) for array in (weight, bias)]
    return graph.add("Add", graph.add("MatMul", graph.beside(inputs), wide[0]), wide[1])


# Features


def _write_features(
    graph: Graph, features: Features, codes: list[str], numbers: list[NumericInput]
) -> list[str]:
    """Blocks of features, float64 of float32 precision; see :class:`Features`."""
    addends, columns = (
        [graph.rows(table, own) for table, own in zip(tables, codes, strict=False)]
        for tables in (features.column_addends, features.effects_seen)
    )
    for term in features.terms:
        own = _write_cross(graph, term.cross, codes, numbers)
        columns += _write_term(graph, term, own)
        if term.addends is not None:
            addends.append(graph.rows(term.addends, own))
    if addends:
        columns.insert(0, graph.add("Sum", *addends))
    blocks = []
    if columns:
        centred = graph.add("Sub", graph.beside(columns), features.center)
        blocks.append(_smooth_clip(graph, graph.add("Div", centred, features.scale)))
    if numbers:
        blocks += _write_scaled(graph, features.scaler, numbers)
    if not blocks:
        as_column = graph.cast(graph.add("Reshape", codes[0], np.array([-1, 1])), np.float64)
        blocks = [graph.add("MatMul", as_column, np.empty((1, 0)))]
    return [_rounded(graph, block) for block in blocks]


def _write_term(graph: Graph, term: Term, own: str) -> list[str]:
    tables = [term.effects, None if term.log_counts is None else term.log_counts[:, None]]
    return [graph.rows(table, own) for table in tables if table is not None]


def _write_cross(graph: Graph, cross: Cross, codes: list[str], numbers: list[NumericInput]) -> str:
    """Codes of a cross; see :meth:`Cross.codes_of`."""
    so_far, *others = (_write_part(graph, part, codes, numbers) for part in cross.parts)
    for part, own, seen in zip(cross.parts[1:], others, cross.keys, strict=True):
        key = graph.add("Add", graph.add("Mul", so_far, part.n_codes), own)
        so_far = graph.number(key, seen.tolist(), range(1, len(seen) + 1), "int64s")
    return so_far


def _write_part(graph: Graph, part: Part, codes: list[str], numbers: list[NumericInput]) -> str:
    if part.edges is None:
        return codes[part.column]
    number = numbers[part.column]
    # Edges are values that occurred, or lie between two: rounded as the numbers were, they have
    # the same numbers on either side.
    edges = part.edges.astype(number.precision).astype(np.float64)
    reached = graph.add("Not", graph.add("Less", number.value, edges))
    n_reached = graph.add("MatMul", graph.cast(reached, np.float64), np.ones((len(edges), 1)))
    bins = graph.add("Add", graph.cast(n_reached, np.int64), 1)
    missing = graph.add("IsNaN", number.value)
    bins = graph.add("Where", missing, len(edges) + 2, bins)
    return graph.add("Reshape", bins, np.array([-1]))


def _write_filled(
    graph: Graph, scaler: NumericScaler, numbers: list[NumericInput]
) -> list[NumericInput]:
    """Numbers with the median where none was missing at fit; see :meth:`NumericScaler.fill`."""
    filled = []
    for number, center, flagged in zip(numbers, scaler.center_, scaler.flagged_, strict=True):
        if not flagged:
            # Rounded as the numbers and edges are.
            center = center.astype(number.precision).astype(np.float64)
            value = graph.add("Where", graph.add("IsNaN", number.value), center, number.value)
            number = NumericInput(value, number.precision)
        filled.append(number)
    return filled


def _write_scaled(graph: Graph, scaler: NumericScaler, numbers: list[NumericInput]) -> list[str]:
    """Scaled numbers, then the flags of missing ones; see :class:`NumericScaler`."""
    values = graph.beside([number.value for number in numbers])
    missing = graph.add("IsNaN", values)
    z = graph.add("Div", graph.add("Sub", values, scaler.center_), scaler.range_)
    z = graph.add("Where", missing, 0.0, z)
    z = _smooth_clip(graph, graph.add("Min", graph.add("Max", z, -FAR), FAR))
    if not scaler.flagged_.any():
        return [z]
    flags = graph.add(
        "Gather", graph.cast(missing, np.float64), np.flatnonzero(scaler.flagged_), axis=1
    )
    return [z, flags]


def _write_pieces(graph: Graph, bins: PiecewiseLinear, numbers: list[NumericInput]) -> list[str]:
    """Piecewise-linear coordinates; see :class:`PiecewiseLinear`."""
    blocks = []
    for number, edges in zip(numbers, bins.edges_, strict=True):
        if len(edges) > 2:
            low, high = edges[:-1], edges[1:]
            inside = graph.add("Min", graph.add("Max", number.value, low), high)
            way = graph.add("Sub", graph.add("Mul", inside, 0.5), low / 2)
            way = graph.add("Div", way, np.diff(edges / 2))
            way = graph.add("Where", graph.add("IsNaN", number.value), 0.0, way)
            blocks.append(_rounded(graph, way))
    return blocks


def _smooth_clip(graph: Graph, z: str) -> str:
    """See :func:`skembed._numeric.smooth_clip`; squares of what comes here stay finite."""
    hypotenuse = graph.add("Sqrt", graph.add("Add", graph.add("Mul", z, z), 9.0))
    return graph.add("Mul", graph.add("Div", z, hypotenuse), 3.0)


def _rounded(graph: Graph, value: str) -> str:
    """Float64 of what the network is given as float32."""
    return graph.cast(graph.cast(value, np.float32), np.float64)
