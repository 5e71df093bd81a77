"""Names of the layers of a network, and the calls that make them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from string import Formatter
from typing import Any


def show_call(layer: Any, *given: Any, **options: tuple[Any, Any]) -> str:
    """The call that makes a layer; of its options, pairs of a value and the usual one, those with
    other values alone.
    """
    parts = [repr(value) for value in given]
    parts += [f"{name}={own!r}" for name, (own, usual) in options.items() if own != usual]
    return f"{type(layer).__name__}({', '.join(parts)})"


def number_names(layers: Iterator[Any]) -> dict[str, Any]:
    """Name the layers: fixed names stay, patterns are numbered from 1, each for itself."""
    named: dict[str, Any] = {}
    counts: Counter[str] = Counter()
    for layer in layers:
        if not hasattr(layer, "name") or any(layer is other for other in named.values()):
            continue
        pattern = layer.name
        if pattern is None:
            pattern = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(layer).__name__).lower() + "-{}"
        name = pattern
        try:
            if any(field is not None for _, field, _, _ in Formatter().parse(pattern)):
                counts[pattern] += 1
                name = pattern.format(counts[pattern])
        except (ValueError, IndexError, KeyError) as error:
            raise ValueError(f"The name {pattern!r} takes no number: {error}.") from None
        if name in named:
            raise ValueError(f"Two layers of this network have the name {name!r}.")
        named[name] = layer
    return named
