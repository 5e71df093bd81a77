"""Columns of categories in plain arrays: distinct values, and positions among them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .nn._bags import Bags
from .nn._record import Record

Array = NDArray[Any]

ONE_VALUE = (
    "A cell must be one hashable value. Estimators that have the parameter sequence_features take "
    "columns of lists or sets that are named there; 'auto' finds those whose first value is one."
)


def has_hash(value: Any) -> bool:
    """Whether a value can be a category."""
    try:
        hash(value)
    except TypeError:
        return False
    return True


class Coded(Record):
    """A column of categories: ``values[codes]`` is the column, a code of -1 a missing cell."""

    values: Array
    codes: NDArray[np.integer]

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: NDArray[np.integer] | slice) -> Coded:
        """Some of the rows."""
        return Coded(self.values, self.codes[rows])

    def narrowed(self) -> Coded:
        """The same with codes of the smallest type, in which one more than the last has room."""
        smallest = np.min_scalar_type(-len(self.values) - 1)
        return Coded(self.values, self.codes.astype(smallest, copy=False))

    def counts(self) -> NDArray[np.intp]:
        """Rows that hold each of the values, ``(n_values,)``."""
        return np.bincount(self.codes + 1, minlength=len(self.values) + 1)[1:]

    def missing_rows(self) -> NDArray[np.integer]:
        """Rows that are missing."""
        return np.flatnonzero(self.codes < 0)

    @property
    def elements(self) -> Coded:
        """What the cells hold: for plain categories the column itself."""
        return self


class CodedBags(Record):
    """A column of bags of categories: ``values[bags.indices]`` are the elements of all cells, -1
    stands for a missing one. The elements of a bag are distinct, their shares say how often they
    occur.
    """

    values: Array
    bags: Bags

    def __len__(self) -> int:
        return len(self.bags)

    def take(self, rows: NDArray[np.integer] | slice) -> CodedBags:
        """Some of the rows."""
        return CodedBags(self.values, self.bags[rows])

    @property
    def elements(self) -> Coded:
        """The elements of all cells, as a column of categories."""
        return Coded(self.values, self.bags.indices)

    def missing_rows(self) -> NDArray[np.integer]:
        """Rows that are missing or hold a missing element."""
        return np.unique(self.bags.of_bag()[self.bags.indices < 0])


class Addresses:
    """The addresses that an array of objects holds, for ``numpy.asarray``."""

    def __init__(self, objects: Array) -> None:
        self.__array_interface__ = {
            "version": 3,
            "typestr": np.dtype(np.uintp).str,
            "shape": objects.shape,
            "strides": objects.strides,
            "data": (objects.__array_interface__["data"][0], True),
        }
        self.objects = objects  # lives as long as the addresses are in use


Column = Coded | CodedBags
