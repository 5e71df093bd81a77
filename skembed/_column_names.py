"""Names of columns, where scikit-learn does not look at them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any


def describe_column(name: Hashable) -> str:
    """A column for messages; None stands for all cells."""
    return "X" if name is None else f"Column {name!r}"


def check_column_names(in_fit: Sequence[Hashable], now: Sequence[Hashable]) -> None:
    """Raise ValueError where a frame has other names than the one of the fit had."""
    if not all(isinstance(name, str) for name in in_fit) and tuple(now) != tuple(in_fit):
        raise ValueError(
            f"The columns of X must be named as in fit, in the same order: {list(in_fit)!r}. "
            f"Got {list(now)!r}."
        )


def input_names(estimator: Any, given: Any, unnamed: Iterable[Any]) -> list[Any]:
    """Names of the columns for ``get_feature_names_out``: those ``given`` to it, which must be
    those of the fit where it saw some, or these, or else ``unnamed``.
    """
    seen = getattr(estimator, "feature_names_in_", None)
    if given is None:
        return list(unnamed if seen is None else seen)
    # The letters of a string would pass for names.
    if isinstance(given, str | bytes) or not hasattr(given, "__iter__"):
        raise ValueError(f"input_features must be a list of names. Got {given!r}.")
    names = list(given)
    if seen is not None and names != list(seen):
        raise ValueError(
            f"input_features is not equal to feature_names_in_. Expected {list(seen)}, got {names}."
        )
    if len(names) != estimator.n_features_in_:
        raise ValueError(
            "input_features should have length equal to number of features "
            f"({estimator.n_features_in_}), got {len(names)}."
        )
    return names


def make_distinct(names: Sequence[str]) -> list[str]:
    """The names in their order, with a number behind those that would repeat."""
    taken, used = set(names), set[str]()
    distinct = []
    for name in names:
        new, number = name, 1
        while new in used:
            if (numbered := f"{name}_{number}") not in taken:
                new = numbered
            number += 1
        used.add(new)
        distinct.append(new)
    return distinct
