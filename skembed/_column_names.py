"""Names of columns, where scikit-learn does not look at them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence


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
