"""The weights of rows that follow from their classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._targets import Target, read_target


def weigh_classes(
    y: Any,
    task: str,
    weight: NDArray[np.float64],
    class_weight: Any,
    classes: NDArray[Any] | None = None,
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """The weights of the rows times those of their classes, and all classes: one of weight 0 is
    still one. The rest is as in `read_target`.
    """
    target = read_target(y, task, weight, classes)
    weight = weight.copy()
    if isinstance(class_weight, str):
        own = _balanced(target, weight[weight > 0])
    elif target.kind == "multilabel-indicator":
        own = _weights_of_labels(class_weight, target)
    elif isinstance(class_weight, Mapping):
        of_classes = _weights_of_classes(class_weight, target.classes)
        if np.count_nonzero(of_classes) < 2:
            raise ValueError(
                "The 'class_weight' parameter must leave two classes a weight above 0. Got "
                f"{class_weight!r}."
            )
        own = of_classes[target.numbers()]
    else:
        raise ValueError(
            f"The 'class_weight' parameter is a list, one dict per label, but y is {target.kind}. "
            "Pass one dict, such as {label: weight}."
        )
    weight[weight > 0] *= own
    return weight, target.classes


def _balanced(target: Target, weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Factors of the rows that give all classes the same total weight; of several labels the
    product of those that give each label as much weight as there is without it.
    """
    several = target.kind == "multilabel-indicator"
    columns = target.values.T.astype(np.intp) if several else [target.numbers()]
    factors = np.ones(len(weight))
    for numbers in columns:
        totals = np.bincount(numbers, weight)
        n_present = np.count_nonzero(totals)
        factors *= (weight.sum() / (n_present * np.where(totals > 0, totals, 1)))[numbers]
    return factors


def _weights_of_labels(class_weight: Any, target: Target) -> NDArray[np.float64]:
    """The product over several labels of what rows weigh that have a label or do not."""
    n_labels = target.n_outputs
    if isinstance(class_weight, Mapping) or len(class_weight) != n_labels:
        got = "one dict" if isinstance(class_weight, Mapping) else f"a list of {len(class_weight)}"
        raise ValueError(
            f"The 'class_weight' parameter must be a list of {n_labels} dicts, one per label of y, "
            f"such as {{0: 1.0, 1: 2.0}}. Got {got}."
        )
    of_labels = [_weights_of_classes(own, np.arange(2)) for own in class_weight]
    columns = target.values.T.astype(np.intp)
    pairs = zip(of_labels, columns, strict=True)
    return np.prod([weights[column] for weights, column in pairs], axis=0)


# Not by what scikit-learn offers, which asks that the rows have all the classes named.
def _weights_of_classes(
    class_weight: Mapping[Any, float], classes: NDArray[Any]
) -> NDArray[np.float64]:
    known = classes.tolist()
    if unknown := [label for label in class_weight if label not in known]:
        raise ValueError(
            f"The 'class_weight' parameter names the labels {unknown!r}, which y does not have. "
            f"The classes are {known!r}."
        )
    return np.array([class_weight.get(label, 1.0) for label in known], dtype=np.float64)
