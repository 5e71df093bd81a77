"""A computation as a graph of ONNX operators, in plain data: nothing here needs the library onnx.

All operators used mean the same from opset 13 on, so that the graph fits into any larger one.
"""

from __future__ import annotations

from collections.abc import Container, Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .nn._record import Record

Array = NDArray[Any]
# What an operator takes: the name of a value, or a constant.
Operand = str | Array | float | int


class Node(Record):
    """One operator with one output.

    Attributes
    ----------
    operator : str
    inputs : tuple of str
    output : str
    attributes : dict
        A data type is one of NumPy.
    """

    operator: str
    inputs: tuple[str, ...]
    output: str
    attributes: dict[str, Any]


class Graph:
    """Operators in the order in which they run, and the constants that they take.

    What is added twice is computed once.

    Parameters
    ----------
    taken : container of str
        Names of values that exist already.
    """

    def __init__(self, taken: Container[str] = ()) -> None:
        self.nodes: list[Node] = []
        self.constants: dict[str, Array] = {}
        self._taken = taken
        self._known: dict[Hashable, str] = {}

    def constant(self, value: Array | float | int) -> str:
        """Name of a constant; strings are those of an array of objects."""
        array = np.asarray(value)
        content = tuple(array.ravel()) if array.dtype == object else array.tobytes()
        key = (array.dtype, array.shape, content)
        if key not in self._known:
            self._known[key] = self._name("constant")
            self.constants[self._known[key]] = array
        return self._known[key]

    def add(self, operator: str, *operands: Operand, **attributes: Any) -> str:
        """Name of what an operator makes of its operands."""
        inputs = tuple(x if isinstance(x, str) else self.constant(x) for x in operands)
        key = (operator, inputs, *((name, _frozen(v)) for name, v in attributes.items()))
        if key not in self._known:
            output = self._known[key] = self._name(operator)
            self.nodes.append(Node(operator, inputs, output, attributes))
        return self._known[key]

    def _name(self, stem: str) -> str:
        name = f"{stem}_{len(self._known)}"
        while name in self._taken:
            name += "_"
        return name

    def cast(self, value: Operand, dtype: Any) -> str:
        """The value in another data type of NumPy."""
        return self.add("Cast", value, to=np.dtype(dtype))

    def beside(self, blocks: Sequence[str]) -> str:
        """Blocks ``(n, width)`` side by side."""
        return self.add("Concat", *blocks, axis=1)

    def rows(self, table: Array, codes: str) -> str:
        """Rows of a table, ``(n, width)``."""
        return self.add("Gather", table, codes)

    def number(self, key: str, keys: Sequence[Any], numbers: Sequence[int], kind: str) -> str:
        """The integer that belongs to a key, 0 to any other; ``kind`` is that of the keys:
        ``"strings"``, ``"int64s"`` or ``"floats"``.
        """
        pairs = {f"keys_{kind}": list(keys), "values_int64s": list(map(int, numbers))}
        return self.add("LabelEncoder", key, **pairs, default_int64=0)


def _frozen(value: Any) -> Hashable:
    return tuple(value) if isinstance(value, list) else value
