"""What fitted pipelines are made of, for their conversion to ONNX."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline

from ._base import EmbeddingModel
from ._frames import find_missing
from ._graph_columns import dtype_of_categories, input_dtypes, number_dtype
from ._predictors import EmbeddingPredictor


def without_passthrough(estimator: Any) -> Any:
    """The only step of a pipeline that does something, or the estimator itself."""
    if not isinstance(estimator, Pipeline) or len(steps := steps_of(estimator)) != 1:
        return estimator
    return without_passthrough(steps[0])


def steps_of(pipeline: Pipeline) -> list[Any]:
    """Those that do something."""
    return [step for _, step in pipeline.steps if step is not None and step != "passthrough"]


def last_step(estimator: Any) -> Any:
    """What predicts in a pipeline, or the estimator itself."""
    return last_step(steps_of(estimator)[-1]) if isinstance(estimator, Pipeline) else estimator


def check_order(estimator: Any) -> None:
    """Raise for predictors in the middle, where they transform: skl2onnx would let them predict."""
    for own in find_ours(estimator):
        if isinstance(own, EmbeddingPredictor) and own is not last_step(estimator):
            raise ValueError(
                f"{type(own).__name__} is not the last step of the pipeline. In the middle only "
                "EmbeddingEncoder can be converted."
            )


def parts_of(estimator: Any) -> list[Any]:
    """The fitted estimators that a composed one is made of."""
    if isinstance(estimator, Pipeline):
        return steps_of(estimator)
    if isinstance(estimator, ColumnTransformer):
        return [part for _, part, _ in estimator.transformers_]
    if isinstance(estimator, FeatureUnion):
        return [part for _, part in estimator.transformer_list]
    return []


def find_ours(estimator: Any) -> Iterator[EmbeddingModel]:
    """The estimators of this package among the parts, at any depth."""
    if isinstance(estimator, EmbeddingModel):
        yield estimator
    for part in parts_of(estimator):
        yield from find_ours(part)


def dtypes_of(estimator: Any, missing: Any, double: bool) -> dict[Any, np.dtype]:
    """The data type of each column that a fitted estimator takes."""
    if isinstance(estimator, EmbeddingModel):
        return input_dtypes(estimator, missing, double)
    if isinstance(estimator, Pipeline):
        return dtypes_of(steps_of(estimator)[0], missing, double)
    if not hasattr(estimator, "feature_names_in_"):
        raise ValueError(
            f"{type(estimator).__name__} was fitted without names of features, so that the types "
            "of its inputs cannot be told. Fit it on a dataframe, or give initial_types to "
            "skl2onnx.to_onnx yourself."
        )
    dtypes = dict.fromkeys(estimator.feature_names_in_, number_dtype(double))
    if hasattr(estimator, "categories_"):
        for name, categories in zip(dtypes, estimator.categories_, strict=True):
            present = categories[~find_missing(categories)]
            dtypes[name] = dtype_of_categories(present, name, double)
    for part in parts_of(estimator):
        if hasattr(part, "feature_names_in_"):
            dtypes.update(dtypes_of(part, missing, double))
    return dtypes


def names_of_inputs(features: Iterable[Any]) -> list[str]:
    """The features' names, of which each must be one that ONNX can tell from no name."""
    names = [str(name) for name in features]
    if "" in names:
        raise ValueError(
            f"Column {names.index('')} of {len(names)} has the empty name '', which to ONNX is no "
            "input. Rename it before the fit."
        )
    return names


def free_name(name: str, taken: Sequence[str]) -> str:
    """The name, with underscores behind it as long as it is taken."""
    return free_name(f"{name}_", taken) if name in taken else name
