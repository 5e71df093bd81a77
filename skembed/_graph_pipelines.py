"""What fitted pipelines are made of, for their conversion to ONNX."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline

from ._base import EmbeddingModel
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
