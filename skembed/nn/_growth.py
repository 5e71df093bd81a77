"""Tables that get more rows, and what training remembers of each row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._architecture import Architecture, Parameters, table_views
from ._step import Memory

Array = NDArray[Any]
# The new row of every old row of a table, ``(n_old,)``.
Moves = NDArray[np.integer]


def move_rows(array: Array, moves: Moves, n_rows: int, fill: Any = 0) -> Array:
    """The rows of ``array`` at their new places among ``n_rows``; ``fill`` for those that are new.

    Examples
    --------
    >>> move_rows(np.array([1, 2]), np.array([0, 2]), 4, fill=9)
    array([1, 9, 2, 9])
    """
    moved = np.empty((n_rows, *array.shape[1:]), dtype=array.dtype)
    moved[...] = fill
    moved[moves] = array
    return moved


def grow_parameters(
    parameters: Parameters, old: Architecture, new: Architecture, moves: Sequence[Moves]
) -> Parameters:
    """Copies of the parameters; a new row of a table starts as its first row."""
    firsts = [table[:1] for table in table_views(old, parameters)]
    return {
        "dense": parameters["dense"].copy(),
        **{
            stack.name: _move_stack(parameters[stack.name], k, old, new, moves, firsts)
            for k, stack in enumerate(new.stacks())
        },
    }


def grow_memory(
    memory: Memory, old: Architecture, new: Architecture, moves: Sequence[Moves]
) -> Memory:
    """A copy of what training remembers, nothing of new rows."""
    places = {stack.name: k for k, stack in enumerate(new.stacks())}
    firsts = [np.zeros(1)] * len(new.n_codes)

    def grown(name: str, kept: Any) -> Any:
        if isinstance(kept, tuple):
            return tuple(grown(name, one) for one in kept)
        if not isinstance(kept, np.ndarray):
            return kept
        if name not in places:
            return kept.copy()
        return _move_stack(kept, places[name], old, new, moves, firsts)

    return {
        optimizer: {name: grown(name, kept) for name, kept in state.items()}
        for optimizer, state in memory.items()
    }


def _move_stack(
    array: Array,
    k: int,
    old: Architecture,
    new: Architecture,
    moves: Sequence[Moves],
    firsts: Sequence[Array],
) -> Array:
    """The rows of stack ``k``, those of each table at their new places."""
    before, after = old.stacks()[k], new.stacks()[k]
    parts = [
        move_rows(
            array[start : start + old.n_codes[table]], moves[table], new.n_codes[table], first
        )
        for table, start, first in zip(
            after.tables, before.offsets, (firsts[t] for t in after.tables), strict=True
        )
    ]
    return np.concatenate(parts)
