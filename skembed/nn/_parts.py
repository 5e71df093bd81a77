"""Rows in several parts, perhaps on several machines: what is sent to them, and sums over them.

A part knows the codes that its rows hold and numbers them anew, so that its tables are as small as
its own vocabulary and only rows that it touches travel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ._architecture import Architecture, Parameters, table_views
from ._network import Data
from ._record import Record

Array = NDArray[Any]


class Part(Record):
    """Rows of one part.

    Attributes
    ----------
    number : int
        Its place among the parts.
    present : list of ndarray
        The codes of each table that its rows hold, ascending; the first is the unknown code 0.
    architecture : Architecture
        That of a network with these codes alone.
    codes : ndarray of shape (n, n_columns), dtype int32
        Positions in ``present``.
    data : Data
        The same codes placed in stacks, numbers, target and weight.
    weight : ndarray of shape (n,), dtype float64
    """

    number: int
    present: list[Array]
    architecture: Architecture
    codes: NDArray[np.int32]
    data: Data
    weight: NDArray[np.float64]

    def __sizeof__(self) -> int:
        # What a scheduler weighs before it moves a part to another machine.
        arrays = [*self.data.codes, self.data.numeric, self.data.y, self.codes, self.weight]
        return sum(array.nbytes for array in arrays if isinstance(array, np.ndarray))

    def given_codes(self) -> NDArray[np.int32]:
        """The codes of all vocabularies, ``(n, n_columns)``."""
        codes = self.codes.copy()
        for own, table in zip(codes.T, self.architecture.columns, strict=True):
            own[...] = self.present[table][own]
        return codes

    def tables(self, values: Sequence[Array]) -> list[CodeSums]:
        """Values of the codes of each table, ready to be added to those of other parts."""
        return [CodeSums(codes, own) for codes, own in zip(self.present, values, strict=True)]


class Parts(Protocol):
    """All rows, as parts that stay where they are.

    Functions are pure and get a part and the arguments, of which :class:`Tables` are cut down to
    the codes that are present.
    """

    def __len__(self) -> int: ...

    def map(self, function: Callable[..., Any], *arguments: Any) -> Parts:
        """Other parts made of these, which stay where they are, too."""

    def join(
        self, groups: Sequence[Sequence[int]], function: Callable[..., Any], *arguments: Any
    ) -> Parts:
        """Other parts, each made of several of these and its number."""

    def with_present(self, function: Callable[..., Any]) -> Parts:
        """The same parts, of which is known which codes they have."""

    def each(self, function: Callable[..., Any], *arguments: Any) -> list[Any]:
        """What a function gives for each part."""

    def total(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """The sum of what a function gives for each part, added up in the order of a tree."""


class CodeSums(Record):
    """Sums by code, of which most are 0: ascending ``codes`` and ``values`` of as many rows."""

    codes: Array
    values: Array

    def __add__(self, other: CodeSums) -> CodeSums:
        if np.array_equal(self.codes, other.codes):
            return CodeSums(self.codes, np.add(self.values, other.values, dtype=np.float64))
        codes = _merge(self.codes, other.codes)
        values = np.zeros((len(codes), *self.values.shape[1:]))
        values[np.searchsorted(codes, self.codes)] += self.values
        values[np.searchsorted(codes, other.codes)] += other.values
        return CodeSums(codes, values)

    def to_dense(self, n_codes: int) -> NDArray[np.float64]:
        """Of all codes, ``(n_codes, ...)``."""
        dense = np.zeros((n_codes, *self.values.shape[1:]))
        dense[self.codes] = self.values
        return dense


class Tables(Record):
    """Arrays with a row per code, one for each table; None for tables that are not sent."""

    arrays: Sequence[Array | None]

    def of(self, present: Sequence[Array]) -> list[Array | None]:
        """The rows of some codes of each table."""
        return [
            None if array is None else array[codes]
            for array, codes in zip(self.arrays, present, strict=True)
        ]


def cut(arguments: Sequence[Any], present: Sequence[Array]) -> list[Any]:
    """Arguments as a part gets them."""
    return [a.of(present) if isinstance(a, Tables) else a for a in arguments]


def add(first: Any, second: Any) -> Any:
    """The sum of two results; in lists and tuples that of each two elements."""
    if isinstance(first, list | tuple):
        return type(first)(add(a, b) for a, b in zip(first, second, strict=True))
    return first + second


def present_codes(codes: NDArray[np.int32], columns: Sequence[int], n_tables: int) -> list[Array]:
    """The codes of each table that some rows hold, and the unknown code."""
    n_codes = int(codes.max(initial=0)) + 1  # narrow integers would go round
    held = [np.zeros(n_codes, dtype=bool) for _ in range(n_tables)]
    for own in held:
        own[0] = True
    for own, table in zip(codes.T, columns, strict=True):
        held[table][own] = True
    return [np.flatnonzero(own).astype(codes.dtype) for own in held]


def _merge(first: Array, second: Array) -> Array:
    """The codes of both, ascending as these are: two sorted runs take one pass."""
    both = np.sort(np.concatenate([first, second]), kind="stable")
    return both[np.append(True, both[1:] != both[:-1])]


def renumber(
    codes: NDArray[np.int32], columns: Sequence[int], present: Sequence[Array]
) -> NDArray[np.int32]:
    """Codes as positions among those that are present."""
    own = [np.searchsorted(present[table], codes[:, j]) for j, table in enumerate(columns)]
    return np.stack(own, axis=1).astype(np.int32) if own else codes


def with_codes(architecture: Architecture, present: Sequence[Array]) -> Architecture:
    """The architecture of a network that has some of the codes only."""
    return replace(architecture, n_codes=tuple(len(codes) for codes in present))


def join_parameters(
    architecture: Architecture, dense: Array, tables: Sequence[Array]
) -> Parameters:
    """Flat parameters from the dense ones and one array per table."""
    stacks = {
        stack.name: np.concatenate([tables[t] for t in stack.tables]).astype(dense.dtype)
        for stack in architecture.stacks()
    }
    return {**stacks, "dense": dense.copy()}


def part_parameters(
    architecture: Architecture, parameters: Mapping[str, Array]
) -> tuple[Array, Tables]:
    """What :func:`join_parameters` joins."""
    return parameters["dense"], Tables(table_views(architecture, parameters))
