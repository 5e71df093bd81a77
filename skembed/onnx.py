"""Fitted estimators as ONNX models, which run without Python; needs the extra ``onnx``.

With the library skl2onnx beside it, importing this module registers the estimators there: then
pipelines of them and other transformers and models convert as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from ._base import EmbeddingModel
from ._classifier import EmbeddingClassifier
from ._encoder import EmbeddingEncoder
from ._graph import Graph, Node
from ._graph_columns import STRING, InputColumn, check_tokens, input_dtypes, number_dtype
from ._graph_models import Output, labels, write_model
from ._graph_pipelines import (
    check_order,
    dtypes_of,
    find_ours,
    free_name,
    last_step,
    names_of_inputs,
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
    from skl2onnx.common._registration import get_converter
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
        ``sequence_features``, dates, several types; if ``missing`` is one of the categories; with
        ``double=True`` for steps of a pipeline that have no doubles there.
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
    names = names_of_inputs(dtypes)
    graph = Graph(taken={*names, "label", "probabilities", "variable"})
    columns = [
        InputColumn(feature, name, dtype)
        for name, (feature, dtype) in zip(names, dtypes.items(), strict=True)
    ]
    outputs = write_model(graph, estimator, columns, missing, double)
    results = {output.name: free_name(output.name, names) for output in outputs}
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
    dtypes = dtypes_of(estimator, missing, double)
    check_tokens(missing, list(find_ours(estimator)))
    wide = np.dtype(np.float64) in dtypes.values()
    options: dict[int, dict[str, Any]] = {}
    for own in find_ours(estimator):
        # Beside doubles of other steps vectors are doubles too: converters take the type of the
        # first block for all. Alone they stay floats, for which more operators exist.
        in_double = wide if isinstance(own, EmbeddingEncoder) else double
        options[id(own)] = {"missing": missing, "double": bool(in_double)}
    last = last_step(estimator)
    if is_classifier(last):
        options.setdefault(id(last), {}).update(_without_zipmap(last))
    names = names_of_inputs(dtypes)
    types = [_tensor_type(dtype)([None, 1]) for dtype in dtypes.values()]
    inputs = list(zip(names, types, strict=True))
    model = skl2onnx.convert_sklearn(estimator, initial_types=inputs, options=options)
    if double:
        _make_double(model.graph)
        _check_double(model, wide)
    _rename(model.graph, names)
    return model


def _without_zipmap(classifier: Any) -> dict[str, Any]:
    """The option of skl2onnx that leaves probabilities a matrix, for what has it."""
    try:
        allowed = get_converter(skl2onnx.get_model_alias(type(classifier))).get_allowed_options()
    except (RuntimeError, ValueError):
        return {}  # Without a converter, which skl2onnx says better.
    return {"zipmap": False} if allowed == "passthrough" or "zipmap" in (allowed or ()) else {}


def _make_double(graph: onnx.GraphProto) -> None:
    """Give numbers as double: what skl2onnx declares need not be what the nodes give."""
    numbers = {onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE}
    inner = {name for node in graph.node for name in node.output}
    new: dict[str, str] = {}
    for value in graph.output:
        if value.type.tensor_type.elem_type in numbers:
            new[value.name] = free_name(value.name, [*inner, *new.values()])
            value.type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
    for node in graph.node:
        node.input[:] = [new.get(name, name) for name in node.input]
        node.output[:] = [new.get(name, name) for name in node.output]
    graph.node.extend(
        helper.make_node("Cast", [given], [name], to=onnx.TensorProto.DOUBLE)
        for name, given in new.items()
    )


def _check_double(model: onnx.ModelProto, wide: bool) -> None:
    """Raise for what no program would load: types that do not fit, operators without doubles."""
    remedy = "Convert the pipeline with double=False."
    if wide and any(node.op_type == "SVMRegressor" for node in model.graph.node):
        raise ValueError(f"onnxruntime has no SVMRegressor of doubles. {remedy}")
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ValueError(
            f"skl2onnx mixes float and double in a step of this pipeline: {error}. {remedy}"
        ) from error


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
        new[name] = free_name(name, [*names, *inner, *new.values()])
    for node in graph.node:
        node.input[:] = [new.get(name, name) for name in node.input]
        node.output[:] = [new.get(name, name) for name in node.output]
    for value in [*graph.initializer, *graph.output]:
        value.name = new.get(value.name, value.name)


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


def _options(operator: Any) -> dict[str, Any]:
    """What was said of an operator of skl2onnx."""
    return operator.scope_inst.get_options(operator.raw_operator, {"missing": "", "double": False})


def _give_shapes(operator: Any) -> None:
    """Set the types of the outputs of an operator of skl2onnx."""
    estimator = operator.raw_operator
    n_rows = operator.inputs[0].get_first_dimension()
    double = _options(operator)["double"]
    wide = double or any(_element_dtype(variable) == np.float64 for variable in operator.inputs)
    number = _tensor_type(number_dtype(wide))
    if isinstance(estimator, EmbeddingEncoder):
        width = len(estimator.get_feature_names_out())
        operator.outputs[0].type = _tensor_type(number_dtype(double))([n_rows, width])
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
    options = _options(operator)
    outputs = write_model(graph, estimator, columns, options["missing"], options["double"])
    values = [output.value for output in outputs]
    if isinstance(estimator, EmbeddingEncoder):
        # Perhaps rounded: of the type that the operators of other models take.
        values = [graph.cast(value, _element_dtype(operator.outputs[0])) for value in values]
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
            options={"missing": None, "double": [True, False], **options},
        )


if skl2onnx is not None:
    _register()
