"""What holds for the tables while a network is trained: how they decay, and which codes are made
unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ._recipe import Recipe
from ._vocabulary import UNKNOWN
from .nn._architecture import Architecture, map_places
from .nn._network import Data
from .nn._touched import TableRules
from .nn._training import Rows

Array = NDArray[np.floating]

# Decay of a trained vector per unit of learning rate, for a category of one row at the reference
# batch size.
_DECAY = 300.0
_REFERENCE_BATCH = 256
# Codes that unknown ones are drawn for at a time.
_AT_ONCE = 2**16


def _per_row_of_stack(architecture: Architecture, values: list[Array]) -> dict[str, Array]:
    """One value per code of each table, laid out like the stacks."""
    return {
        stack.name: np.concatenate([values[t] for t in stack.tables])
        for stack in architecture.stacks()
    }


def table_rules(
    architecture: Architecture,
    counts: Sequence[Array],
    recipe: Recipe,
) -> dict[str, TableRules]:
    """Rates and decays of all rows, by stack; ``counts`` are those of each table's codes."""
    multipliers = recipe.table_multipliers
    scale = recipe.decay * _DECAY * recipe.settings.batch_size / _REFERENCE_BATCH
    # Given vectors do not decay: 0 is not where they come from.
    strengths = [
        0.0 if prior is not None else multiplier * scale
        for multiplier, prior in zip(multipliers, recipe.priors, strict=True)
    ]
    of_codes = [s / np.maximum(count, 1) for count, s in zip(counts, strengths, strict=True)]
    factors = [np.full(len(c), m) for c, m in zip(counts, multipliers, strict=True)]
    decays = _per_row_of_stack(architecture, of_codes)
    rates = _per_row_of_stack(architecture, factors)
    plain = all(multiplier == 1 for multiplier in multipliers)
    return {
        name: TableRules(decay=decays[name], multiplier=None if plain else rates[name])
        for name in decays
    }


def rates_alone(
    architecture: Architecture, recipe: Recipe, unknown_rests: bool
) -> dict[str, TableRules]:
    """Rates of all rows, by stack, without decay: how rare a category is, a few more rows do not
    tell. With ``unknown_rests`` the rows of unknown values stay.
    """
    pairs = zip(architecture.n_codes, recipe.table_multipliers, strict=True)
    factors = [np.full(n, multiplier) for n, multiplier in pairs]
    for table in factors if unknown_rests else ():
        table[UNKNOWN] = 0
    rates = _per_row_of_stack(architecture, factors)
    return {name: TableRules(multiplier=rate) for name, rate in rates.items()}


def unknown_replacement(
    architecture: Architecture, counts: Sequence[Array]
) -> Callable[[Data, Rows, np.random.Generator], Data]:
    """What takes rows, and turns some of their codes into the unknown code, the rarer the likelier:
    it is trained where it would stand. ``counts`` are those of each table's codes.
    """
    # Chances as multiples of 2**-16, which bits of the generator are compared with.
    chances = _per_row_of_stack(
        architecture, [np.ceil(2**16 / (1 + count)).clip(max=2**16 - 1) for count in counts]
    )
    thresholds = {name: chance.astype(np.uint16) for name, chance in chances.items()}
    unknown = _per_row_of_stack(
        architecture,
        [np.full(n, UNKNOWN, dtype=np.int32) for n in architecture.n_codes],
    )
    stacks = architecture.stacks()
    for stack in stacks:
        for table, start in zip(stack.tables, stack.offsets, strict=True):
            unknown[stack.name][start : start + architecture.n_codes[table]] += start

    def replace_some(data: Data, rows: Rows, rng: np.random.Generator) -> Data:
        # Rows by their numbers are copied when they are taken, and may be changed.
        data = data.take(np.arange(len(data))[rows] if isinstance(rows, slice) else rows)

        def replace_in(name: str, placed: NDArray[np.integer]) -> NDArray[np.integer]:
            flat = placed.reshape(-1)
            # Some at a time: what is drawn for all would take as much memory again.
            for start in range(0, len(flat), _AT_ONCE):
                part = flat[start : start + _AT_ONCE]
                bits = rng.bit_generator.random_raw(-(-len(part) // 4)).view(np.uint16)
                chosen = np.flatnonzero(bits[: len(part)] < thresholds[name].take(part))
                part[chosen] = unknown[name][part[chosen]]
            return placed

        codes = tuple(
            map_places(partial(replace_in, stack.name), placed)
            for stack, placed in zip(stacks, data.codes, strict=True)
        )
        return Data(codes, data.numeric, data.y, data.weight)

    return replace_some
