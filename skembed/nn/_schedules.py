"""What changes as training goes on: the rate of all steps, and the decay of rows seen rarely."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


def constant(progress: float) -> float:
    """Schedule: the same rate throughout."""
    return 1.0


def linear(progress: float) -> float:
    """Schedule: from the full rate straight down to 0."""
    return 1.0 - progress


def cosine(progress: float, warm_up: float = 0.02) -> float:
    """Schedule: up to the full rate in the first 2 % of training, then half a cosine down to 0."""
    if progress < warm_up:
        return (progress + 1e-3) / (warm_up + 1e-3)
    return 0.5 * (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up)))


SCHEDULES = {"constant": constant, "linear": linear, "cosine": cosine}


class RowDecay:
    """Weight decay of a table whose rows have a strength each, exact although rows are visited
    rarely.

    A row decays by ``exp(-strength * learning_rate)`` at every step of training. These factors
    multiply, so that a row is brought up to date by one factor, from the sum of the learning rates
    since its last visit.

    Parameters
    ----------
    strength : ndarray of shape (n_rows,)
        Decay per unit of learning rate.
    """

    def __init__(self, strength: Array) -> None:
        self.strength = strength
        self._settled = np.zeros(len(strength))

    def settle(self, table: Array, rows: Any, total_rate: float) -> None:
        """Decay ``rows`` of ``table`` up to the sum ``total_rate`` of all learning rates so far."""
        exponent = self.strength[rows] * (self._settled[rows] - total_rate)
        self._settled[rows] = total_rate
        table[rows] *= np.exp(exponent)[:, None].astype(table.dtype)
