"""Terms of an additive model: columns of codes, alone or crossed, with what is known per code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ._bins import bin_codes, n_bin_codes
from .nn._growth import Moves, move_rows
from .nn._record import Record

Array = NDArray[np.float64]
Codes = NDArray[np.integer]

# Keys up to so many times the rows are found by a table instead of by sorting.
_DENSE = 4


class Part(Record):
    """A column of codes: a categorical column, or a numeric one cut into bins.

    Attributes
    ----------
    name : object
        Of the input column; a cross has no two parts of one.
    column : int
        Position among the categorical columns, or among the numeric ones if there are edges.
    edges : ndarray or None
    n_codes : int
    """

    name: object
    column: int
    edges: Array | None
    n_codes: int

    @classmethod
    def binned(cls, name: object, column: int, edges: Array) -> Part:
        """A numeric column in bins."""
        return cls(name, column, edges, n_bin_codes(edges))

    def codes(self, codes: Codes, numbers: Array) -> Codes:
        """Codes of rows, from all categorical codes and all numbers."""
        if self.edges is None:
            return codes[:, self.column]
        return bin_codes(numbers[:, self.column], self.edges)


class Cross(Record):
    """Combinations of the codes of several parts as codes of their own; 0 was not seen.

    Attributes
    ----------
    parts : tuple of Part
    keys : tuple of ndarray
        From the second part on, the sorted keys ``code so far * n_codes + code`` that were seen.
    """

    parts: tuple[Part, ...]
    keys: tuple[NDArray[np.int64], ...] = ()

    @property
    def name(self) -> object:
        """Name of the column, or the names of all."""
        names = tuple(part.name for part in self.parts)
        return names if len(names) > 1 else names[0]

    @property
    def columns(self) -> frozenset[object]:
        """The names of the columns, whatever their order."""
        return frozenset(part.name for part in self.parts)

    @property
    def n_codes(self) -> int:
        """Codes of the combinations, the 0 included."""
        return len(self.keys[-1]) + 1 if self.keys else self.parts[0].n_codes

    def extend(self, so_far: Codes, part: Part, codes: Codes) -> tuple[Cross, Codes]:
        """Return the cross with one more part, and the codes of the rows it is learned from."""
        key = so_far.astype(np.int64) * part.n_codes + codes
        seen, new = _number(key, self.n_codes * part.n_codes)
        return Cross((*self.parts, part), (*self.keys, seen)), new

    def codes(self, codes: Codes, numbers: Array) -> Codes:
        """Codes of any rows."""
        return self.codes_of([part.codes(codes, numbers) for part in self.parts])

    def codes_of(self, codes_of_parts: Sequence[Codes]) -> Codes:
        """Codes of any rows from those of each part."""
        so_far = codes_of_parts[0]
        for part, own, seen in zip(self.parts[1:], codes_of_parts[1:], self.keys, strict=True):
            key = so_far.astype(np.int64) * part.n_codes + own
            place = np.minimum(np.searchsorted(seen, key), len(seen) - 1)
            so_far = np.where(seen[place] == key, place + 1, 0).astype(np.int32)
        return so_far

    def grown(self, moves: Sequence[Moves], n_codes: Sequence[int]) -> tuple[Cross, Moves]:
        """The cross where categorical columns have more codes, and the new place of each of its
        own; ``moves`` has the new place of every code of a column.
        """
        parts = tuple(
            part if part.edges is not None else replace(part, n_codes=n_codes[part.column])
            for part in self.parts
        )
        own_moves = [
            np.arange(part.n_codes) if part.edges is not None else moves[part.column]
            for part in self.parts
        ]
        places, keys = own_moves[0], []
        for old, new, own, seen in zip(
            self.parts[1:], parts[1:], own_moves[1:], self.keys, strict=True
        ):
            so_far, code = np.divmod(seen, old.n_codes)
            moved = places[so_far].astype(np.int64) * new.n_codes + own[code]
            order = np.argsort(moved)
            keys.append(moved[order])
            places = np.zeros(len(seen) + 1, dtype=np.intp)
            places[order + 1] = np.arange(1, len(places))
        return Cross(parts, tuple(keys)), places


def _number(key: NDArray[np.int64], n_keys: int) -> tuple[NDArray[np.int64], Codes]:
    """Sorted distinct keys, and the number of each row's key among them from 1."""
    if n_keys > _DENSE * len(key):
        seen, numbers = np.unique(key, return_inverse=True)
        return seen, (numbers + 1).astype(np.int32)
    present = np.zeros(n_keys, dtype=bool)
    present[key] = True
    return np.flatnonzero(present), np.cumsum(present, dtype=np.int32)[key]


def cross_of(parts: Sequence[Part], codes: Sequence[Codes]) -> tuple[Cross, Codes]:
    """Learn a cross of parts from their codes, one array per part."""
    cross, so_far = Cross((parts[0],)), codes[0]
    for part, more in zip(parts[1:], codes[1:], strict=True):
        cross, so_far = cross.extend(so_far, part, more)
    return cross, so_far


class Term(Record):
    """What is known per code of a cross.

    Attributes
    ----------
    cross : Cross
    effects : ndarray of shape (n_codes, n_outputs) or None
        Shift of the target, in its standard deviations.
    log_counts : ndarray of shape (n_codes,) or None
        ``log(1 + rows)``.
    addends : ndarray of shape (n_codes, n_outputs) or None
        What it adds to the prediction of an additive model, in the unit of the effects.
    """

    cross: Cross
    effects: Array | None = None
    log_counts: Array | None = None
    addends: Array | None = None

    def grown(self, moves: Sequence[Moves], n_codes: Sequence[int]) -> Term:
        """The term where columns have more codes, which know what the unknown value does."""
        cross, places = self.cross.grown(moves, n_codes)
        known = [
            None if own is None else move_rows(own, places, cross.n_codes, own[:1])
            for own in (self.effects, self.log_counts, self.addends)
        ]
        return Term(cross, *known)

    @property
    def n_features(self) -> int:
        """How many features it gives."""
        return len(self.features_of(np.zeros(1, dtype=np.int32)))

    def features_of(self, own: Codes) -> list[Array]:
        """Effects and counts of rows from their codes of the cross."""
        features = [] if self.effects is None else list(self.effects[own].T)
        return features if self.log_counts is None else [*features, self.log_counts[own]]
