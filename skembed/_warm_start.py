"""Start a fit from the network of the one before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ._vocabulary import UNKNOWN, ColumnVocabulary
from .nn._architecture import Architecture, Parameters, column_views


def start_from(
    architecture: Architecture,
    parameters: Parameters,
    before: Mapping[Any, ColumnVocabulary],
    now: Mapping[Any, ColumnVocabulary],
) -> Callable[[Architecture, Parameters], None]:
    """A function that copies what still fits into new parameters: dense layers of the same size,
    vectors of categories that are still there.
    """

    def overwrite(new_architecture: Architecture, new_parameters: Parameters) -> None:
        if new_architecture.layer_shapes() == architecture.layer_shapes():
            new_parameters["dense"][...] = parameters["dense"]
        old_tables = dict(zip(before, column_views(architecture, parameters), strict=True))
        new_tables = column_views(new_architecture, new_parameters)
        for name, new_table in zip(now, new_tables, strict=True):
            old_table = old_tables.get(name)
            if old_table is None or old_table.shape[1] != new_table.shape[1]:
                continue
            for new, old in _matching_codes(before[name], now[name]):
                new_table[new] = old_table[old]

    return overwrite


def _matching_codes(before: ColumnVocabulary, now: ColumnVocabulary) -> list[tuple[Any, Any]]:
    """Pairs (new codes, old codes) that mean the same."""
    found = before.find(now.categories)
    kept = found >= 0
    return [
        (now.category_codes[kept], before.category_codes[found[kept]]),
        (UNKNOWN, UNKNOWN),
        (now.missing_code, before.missing_code),
    ]
