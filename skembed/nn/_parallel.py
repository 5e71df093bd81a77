"""Two things at a time, where there are two processors to do them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

First = TypeVar("First")
Second = TypeVar("Second")

# Work on so few rows (about 1 ms) is done before a thread has begun.
_FEW_ROWS = 2**14


class Pair:
    """Calls two functions, the second in a thread of its own if that can be of use.

    NumPy lets other threads run while it computes. What the functions return must not depend on
    whether they run at the same time.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "skembed") if n_processors() > 1 else None

    def __call__(
        self, first: Callable[[], First], second: Callable[[], Second]
    ) -> tuple[First, Second]:
        """The results of both."""
        if self._pool is None:
            return first(), second()
        later = self._pool.submit(second)
        try:
            result = first()
        finally:
            # Whatever happened to the first, the arrays of the second are not left to a thread.
            found = later.result()
        return result, found

    def close(self) -> None:
        """End the thread."""
        if self._pool is not None:
            self._pool.shutdown()


def in_halves(work: Callable[[slice], First], n_rows: int) -> list[First]:
    """What ``work`` gives for both halves of the rows; for few rows it is called once."""
    if n_rows < _FEW_ROWS:
        return [work(slice(0, n_rows))]
    middle, pair = n_rows // 2, Pair()
    try:
        return list(pair(partial(work, slice(0, middle)), partial(work, slice(middle, n_rows))))
    finally:
        pair.close()


def slices(among: slice, n_rows: int, every: int = 1) -> Iterator[slice]:
    """Slices of at most so many rows, one after the other, or every other one and so on, which are
    then those that begin at a multiple of the distance, in whichever part of the rows.
    """
    distance = n_rows * every
    first = among.start if every == 1 else -(-among.start // distance) * distance
    for start in range(first, among.stop, distance):
        yield slice(start, min(start + n_rows, among.stop))


def n_processors() -> int:
    """Processors that a fit may use: those of the process, and no more than OMP_NUM_THREADS, by
    which users and joblib's workers keep numerical libraries from taking what others use.
    """
    limit = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(available or 1, int(limit)) if limit.isdecimal() and int(limit) else available or 1
