"""Names of the layers of a network."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from string import Formatter
from typing import Any


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
