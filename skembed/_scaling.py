"""Min-max scaling into [0, 1]: learn a range, apply it, undo it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .nn._record import Record

Array = NDArray[Any]


class Range(Record):
    """Smallest value and extent of the training data: scalars, or one number per column."""

    low: Array
    span: Array

    def scale(self, values: Array) -> NDArray[np.float64]:
        """``(values - low) / span`` in float64; NaN stays NaN."""
        return (np.asarray(values, dtype=np.float64) - self.low) / self.span

    def unscale(self, values: Array, where: str) -> NDArray[np.float64]:
        """Undo :meth:`scale`; ``where`` names the column for an error."""
        try:
            numbers = np.asarray(values, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{where} must hold scaled numbers, as transform returns them: {error}."
            ) from error
        return numbers * self.span + self.low


def extremes(values: Array, axis: int | tuple[int, ...] | None) -> tuple[Array, Array]:
    """Smallest and largest number along ``axis``, NaN left out; NaN where there is none."""
    if values.size == 0:
        return np.array(np.nan), np.array(np.nan)
    low = np.fmin.reduce(values, axis=axis)
    high = np.fmax.reduce(values, axis=axis)
    return np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)


def make_range(low: Array, high: Array) -> Range:
    """The range from ``low`` to ``high``, which maps to 0 what is constant or was never seen."""
    low = np.where(np.isnan(low), 0.0, low)
    with np.errstate(over="ignore"):
        span = np.where(high > low, high - low, 1.0)
    if np.isinf(span).any():
        raise ValueError(
            "The data span more than a float64 can hold "
            f"({np.min(low)} to {np.max(high)}). Divide them by a constant first."
        )
    return Range(low, span)
