"""Fitted estimators as ONNX models, which run without Python; needs the extra ``onnx``.

With the library skl2onnx beside it, importing this module registers the estimators there: then
pipelines of them and other transformers and models convert as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ._base import EmbeddingModel
from ._classifier import EmbeddingClassifier
from ._encoder import EmbeddingEncoder
from ._frames import find_missing
from ._graph import Graph, Node
from ._graph_columns import STRING, InputColumn, check_tokens, dtype_of_categories, input_dtypes
from ._graph_models import Output, labels, write_model
from ._graph_pipelines import (
    check_order,
    find_ours,
    last_step,
    parts_of,
    steps_of,
    without_passthrough,
)
from ._regressor import EmbeddingRegressor

try:
    import onnx
    from onnx import helper, numpy_helper
except ImportError as error:
    raise ImportError(
        'skembed.onnx needs the library onnx, the extra "onnx": pip install onnx.'
    ) from error

try:
    import skl2onnx
    from skl2onnx.common import data_types
except ImportError:
    skl2onnx = None

__all__ = ["to_onnx"]

# The oldest versions that have the operators used: they run in the most programs.
_OPSET, _ML_OPSET, _IR_VERSION = 13, 2, 7
_ML = "ai.onnx.ml"


def to_onnx(estimator: Any, *, missing: Any = "", double: bool = False) -> onnx.ModelProto:
    """Convert a fitted estimator, or a pipeline that has one, to an ONNX model.

    The model has one input per feature, with its name and of shape ``(n, 1)``: strings for columns
    of strings, int64 for integer categories, bool for boolean ones, float for numeric columns and
    for categories that are floats. Features without names are ``x0, x1, ...``; columns that a
    ``ColumnTransformer`` drops have no input.

    Unknown values get what :meth:`transform` and :meth:`predict` give them. Missing values are NaN
    in columns of floats, and the token ``missing`` in columns of strings.

    Parameters
    ----------
    estimator : EmbeddingEncoder, EmbeddingClassifier, EmbeddingRegressor or Pipeline
        Fitted. Steps from other libraries, and ``ColumnTransformer``, need the library skl2onnx.
    missing : str, dict column -> value, or None, default=""
        What stands for a missing value in columns of strings. A dict gives a token per column: a
        string, or an integer for integers and booleans, whose input then is int64 too. None means
        that nothing is missing.
    double : bool, default=False
        Take numbers as double instead of float, and give predictions as double. Needed for numbers
        that differ from the seventh digit on.

    Returns
    -------
    model : onnx.ModelProto
        With the outputs ``label`` and ``probabilities`` (n, n_classes) of a classifier, else
        ``variable``, the vectors (n, n_features_out) or predictions (n, n_outputs). An output has
        an underscore behind its name where a feature has that name.

    Raises
    ------
    ValueError
        For what ONNX cannot express: ``handle_unknown="error"``, ``handle_missing="error"``,
        ``sequence_features``, dates, several types; if ``missing`` is one of the categories.
    ImportError
        If the pipeline needs skl2onnx, and it is not installed.

    Notes
    -----
    Predictions are computed in float64, as in Python, but from numbers that were rounded to float32
    unless ``double=True``. The edges of bins are rounded alike: a value on one keeps its side.

    References
    ----------
    `ONNX operators <https://onnx.ai/onnx/operators/>`_

    Examples
    --------
    >>> from skembed import EmbeddingEncoder
    >>> from skembed.onnx import to_onnx
    >>> X = [["Oslo", 1], ["Rome", 2], ["Oslo", 2], ["Rome", 1]] * 5
    >>> encoder = EmbeddingEncoder(max_iter=1, random_state=0).fit(X, [0.1, 1.2, 0.3, 1.4] * 5)
    >>> model = to_onnx(encoder)
    >>> [value.name for value in model.graph.input]
    ['x0', 'x1']
    >>> [value.name for value in model.graph.output]
    ['variable']
    """
    if not isinstance(double, bool | np.bool_):
        raise TypeError(f"double must be a bool. Got {double!r} instead.")
    estimator = without_passthrough(estimator)
    check_is_fitted(estimator)
    if isinstance(estimator, EmbeddingModel):
        return _make_model(estimator, missing, double)
    if not list(find_ours(estimator)):
        raise TypeError(
            "to_onnx takes an estimator of skembed, or a Pipeline or ColumnTransformer that has "
            f"one. Got {estimator!r}."
        )
    if skl2onnx is None:
        raise ImportError(
            f"A {type(estimator).__name__} of several steps is converted by the library skl2onnx. "
            "Install it with: pip install skl2onnx"
        )
    return _convert_with_others(estimator, missing, double)


def _make_model(estimator: EmbeddingModel, missing: Any, double: bool) -> onnx.ModelProto:
    dtypes = input_dtypes(estimator, missing, double)
    check_tokens(missing, [estimator])
    names = _names_of_inputs(dtypes)
    graph = Graph(taken={*names, "label", "probabilities", "variable"})
    columns = [
        InputColumn(feature, name, dtype)
        for name, (feature, dtype) in zip(names, dtypes.items(), strict=True)
    ]
    outputs = write_model(graph, estimator, columns, missing)
    results = {output.name: _free(output.name, names) for output in outputs}
    nodes = [_make_node(node) for node in graph.nodes]
    nodes += [helper.make_node("Identity", [o.value], [results[o.name]]) for o in outputs]
    body = helper.make_graph(
        nodes,
        type(estimator).__name__,
        [helper.make_tensor_value_info(c.value, _element(c.dtype), [None, 1]) for c in columns],
        [
            helper.make_tensor_value_info(results[o.name], _element(o.dtype), _shape(o))
            for o in outputs
        ],
        [numpy_helper.from_array(array, name) for name, array in graph.constants.items()],
    )
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_ML, _ML_OPSET)]
    return helper.make_model(
        body, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="skembed"
    )


def _names_of_inputs(features: Iterable[Any]) -> list[str]:
    """The features' names, of which each must be one that ONNX can tell from no name."""
    names = [str(name) for name in features]
    if "" in names:
        raise ValueError(
            f"Column {names.index('')} of {len(names)} has the empty name '', which to ONNX is no "
            "input. Rename it before the fit."
        )
    return names


def _free(name: str, taken: Sequence[str]) -> str:
    return _free(f"{name}_", taken) if name in taken else name


def _make_node(node: Node) -> onnx.NodeProto:
    return helper.make_node(
        node.operator, node.inputs, [node.output], domain=_domain(node), **_attributes(node)
    )


def _domain(node: Node) -> str:
    return _ML if node.operator == "LabelEncoder" else ""


def _attributes(node: Node) -> dict[str, Any]:
    return {
        name: _element(value) if isinstance(value, np.dtype) else value
        for name, value in node.attributes.items()
    }


def _element(dtype: np.dtype) -> int:
    """The number of a data type in ONNX."""
    return helper.np_dtype_to_tensor_dtype(dtype)


def _shape(output: Output) -> list[int | None]:
    return [None] if output.width is None else [None, output.width]


# Beside other steps, with skl2onnx


def _convert_with_others(estimator: Any, missing: Any, double: bool) -> onnx.ModelProto:
    """The model of a pipeline, by way of skl2onnx."""
    check_order(estimator)
    dtypes = _dtypes_of(estimator, missing, double)
    check_tokens(missing, list(find_ours(estimator)))
    options: dict[int, dict[str, Any]] = {}
    for own in find_ours(estimator):
        options[id(own)] = {"missing": missing}
    last = last_step(estimator)
    if is_classifier(last):
        options.setdefault(id(last), {})["zipmap"] = False
    names = _names_of_inputs(dtypes)
    types = [_tensor_type(dtype)([None, 1]) for dtype in dtypes.values()]
    inputs = list(zip(names, types, strict=True))
    model = skl2onnx.convert_sklearn(estimator, initial_types=inputs, options=options)
    _rename(model.graph, names)
    return model


def _rename(graph: onnx.GraphProto, names: Sequence[str]) -> None:
    """Give inputs the names of the features, of which skl2onnx makes identifiers, leave those out
    that nothing reads, and give outputs other names.
    """
    new = {value.name: name for value, name in zip(graph.input, names, strict=True)}
    used = {name for node in graph.node for name in node.input}
    for value in list(graph.input):
        if value.name not in used:
            graph.input.remove(value)
        value.name = new[value.name]
    inner = {name for node in graph.node for name in node.output}
    inner |= {value.name for value in graph.initializer}
    # What lies between may be called as a feature is, too.
    for name in sorted(inner & set(names)):
        new[name] = _free(name, [*names, *inner, *new.values()])
    for node in graph.node:
        node.input[:] = [new.get(name, name) for name in node.input]
        node.output[:] = [new.get(name, name) for name in node.output]
    for value in [*graph.initializer, *graph.output]:
        value.name = new.get(value.name, value.name)


def _dtypes_of(estimator: Any, missing: Any, double: bool) -> dict[Any, np.dtype]:
    """The data type of each column that a fitted estimator takes."""
    if isinstance(estimator, EmbeddingModel):
        return input_dtypes(estimator, missing, double)
    if isinstance(estimator, Pipeline):
        return _dtypes_of(steps_of(estimator)[0], missing, double)
    if not hasattr(estimator, "feature_names_in_"):
        raise ValueError(
            f"{type(estimator).__name__} was fitted without names of features, so that the types "
            "of its inputs cannot be told. Fit it on a dataframe, or give initial_types to "
            "skl2onnx.to_onnx yourself."
        )
    number = np.dtype(np.float64 if double else np.float32)
    dtypes = dict.fromkeys(estimator.feature_names_in_, number)
    if hasattr(estimator, "categories_"):
        for name, categories in zip(dtypes, estimator.categories_, strict=True):
            present = categories[~find_missing(categories)]
            dtypes[name] = dtype_of_categories(present, name, double)
    for part in parts_of(estimator):
        if hasattr(part, "feature_names_in_"):
            dtypes.update(_dtypes_of(part, missing, double))
    return dtypes


def _tensor_type(dtype: np.dtype) -> Any:
    types = {
        np.dtype(np.float32): data_types.FloatTensorType,
        np.dtype(np.float64): data_types.DoubleTensorType,
        np.dtype(np.int64): data_types.Int64TensorType,
        np.dtype(bool): data_types.BooleanTensorType,
        STRING: data_types.StringTensorType,
    }
    return types[dtype]


def _element_dtype(variable: Any) -> np.dtype:
    """The data type of a variable of skl2onnx."""
    element = variable.type.to_onnx_type().tensor_type.elem_type
    return np.dtype(helper.tensor_dtype_to_np_dtype(element))


def _give_shapes(operator: Any) -> None:
    """Set the types of the outputs of an operator of skl2onnx."""
    estimator = operator.raw_operator
    n_rows = operator.inputs[0].get_first_dimension()
    wide = any(_element_dtype(variable) == np.float64 for variable in operator.inputs)
    number = data_types.DoubleTensorType if wide else data_types.FloatTensorType
    if isinstance(estimator, EmbeddingEncoder):
        width = len(estimator.get_feature_names_out())
        operator.outputs[0].type = data_types.FloatTensorType([n_rows, width])
    elif isinstance(estimator, EmbeddingClassifier):
        n_classes = len(estimator.classes_)
        several = estimator.target_type_ == "multilabel-indicator"
        label = _tensor_type(labels(estimator).dtype)
        operator.outputs[0].type = label([n_rows, n_classes] if several else [n_rows])
        operator.outputs[1].type = number([n_rows, n_classes])
    else:
        n_outputs = 1 if estimator.target_type_ == "continuous" else estimator._n_outputs
        operator.outputs[0].type = number([n_rows, n_outputs])


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """Add the nodes of an estimator to the model that skl2onnx makes."""
    estimator = operator.raw_operator
    graph = Graph(taken=[variable.full_name for variable in operator.inputs])
    columns = _split_columns(graph, estimator, operator.inputs)
    missing = container.get_options(estimator, {"missing": ""}, fail=False).get("missing", "")
    outputs = write_model(graph, estimator, columns, missing)
    values = [output.value for output in outputs]
    if isinstance(estimator, EmbeddingEncoder) and estimator.dtype != np.float32:
        # Rounded, but of the type that the operators of other models take.
        values = [graph.cast(value, np.float32) for value in values]
    names = {name: scope.get_unique_variable_name(name) for name in graph.constants}
    for name, array in graph.constants.items():
        element = _element(array.dtype)
        container.add_initializer(names[name], element, list(array.shape), array.ravel().tolist())
    for node in graph.nodes:
        names[node.output] = scope.get_unique_variable_name(node.output)
        inputs = [names.get(name, name) for name in node.inputs]
        container.add_node(
            node.operator,
            inputs,
            [names[node.output]],
            op_domain=_domain(node),
            op_version=_ML_OPSET if _domain(node) else None,
            name=scope.get_unique_operator_name(node.operator),
            **_attributes(node),
        )
    for value, variable in zip(values, operator.outputs, strict=True):
        name = scope.get_unique_operator_name("Identity")
        container.add_node("Identity", [names[value]], [variable.full_name], name=name)


def _split_columns(
    graph: Graph, estimator: EmbeddingModel, variables: Sequence[Any]
) -> list[InputColumn]:
    """The columns that come in one or in several tensors."""
    features = estimator._columns.names
    by_name = {variable.raw_name: variable for variable in variables}
    if set(by_name) == set(map(str, features)):
        variables = [by_name[str(feature)] for feature in features]
    columns = []
    for variable in variables:
        n_columns = len(features) if len(variables) == 1 else variable.type.shape[1] or 1
        for k in range(n_columns):
            value = variable.full_name
            if n_columns > 1:
                value = graph.add("Gather", value, np.array([k]), axis=1)
            columns.append((value, _element_dtype(variable)))
    if len(columns) != len(features):
        raise ValueError(
            f"{type(estimator).__name__} takes {len(features)} columns. The inputs have "
            f"{len(columns)}: give initial_types with the shape of each."
        )
    return [InputColumn(f, *column) for f, column in zip(features, columns, strict=True)]


def _register() -> None:
    """Make the estimators known to skl2onnx."""
    of_classifiers = {
        "zipmap": [True, False, "columns"],
        # Its own conversion of classifiers asks for it.
        "nocl": [True, False],
        "output_class_labels": [False, True],
    }
    for cls in (EmbeddingEncoder, EmbeddingClassifier, EmbeddingRegressor):
        options = of_classifiers if cls is EmbeddingClassifier else {}
        skl2onnx.update_registered_converter(
            cls,
            f"Skembed{cls.__name__}",
            _give_shapes,
            _convert,
            options={"missing": None, **options},
        )


if skl2onnx is not None:
    _register()
