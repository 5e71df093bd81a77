"""Arrays of values of several types as one array that holds them all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._frames import as_objects

Array = NDArray[Any]


def stack_values(arrays: Sequence[Array]) -> Array:
    """Arrays of values as one: as objects where no type that NumPy would choose holds them all."""
    kinds = {array.dtype.kind for array in arrays}
    # Of all integers with and without a sign only floats come near.
    held = len(kinds) == 1 or (kinds == set("iu") and np.result_type(*arrays).kind == "i")
    if kinds <= {"m"} or kinds <= {"M"}:
        dtype = np.result_type(*arrays)
        held = all(_are_held(array, dtype) for array in arrays)
    return np.concatenate(arrays if held else [as_objects(array) for array in arrays])


def _are_held(moments: Array, dtype: np.dtype[Any]) -> bool:
    """Whether dates or time spans are the same in another unit: in a finer one far ones are not."""
    try:
        return bool((moments.astype(dtype).astype(moments.dtype) == moments).all())
    except OverflowError:  # As NumPy 2.5 tells it; before, they became others.
        return False
