"""Parts of rows that are futures of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field, replace
from typing import Any
from weakref import WeakSet

from ._threads import single_blas_thread
from .nn._parts import add, cut
from .nn._record import Record

# Results that are added up by one task.
_BRANCHES = 8


class Futures(Record):
    """Parts that are futures, held by the workers; see ``Parts``.

    Tasks are pure and their inputs are other tasks, down to those that load the tables. So what is
    lost with a worker is computed again.
    """

    client: Any
    futures: list[Any]
    present: list[Any] | None = None
    alive: WeakSet[Any] = field(default_factory=WeakSet)

    def __len__(self) -> int:
        return len(self.futures)

    def _submit(self, function: Callable[..., Any], arguments: Sequence[Any]) -> list[Any]:
        if self.present is None:
            own = [list(arguments)] * len(self)
        else:
            own = [cut(arguments, present) for present in self.present]
        return self._begin(function, self.futures, own)

    def _begin(
        self, function: Callable[..., Any], parts: Sequence[Any], arguments: Sequence[Any]
    ) -> list[Any]:
        """One task for each part, all sent at once."""
        futures = self.client.map(_run, [function] * len(parts), parts, arguments, pure=False)
        self.alive.update(futures)
        return futures

    def cancel(self) -> None:
        """Take back all tasks that these parts and those made of them have begun."""
        self.client.cancel(list(self.alive))

    def map(self, function: Callable[..., Any], *arguments: Any) -> Futures:
        return replace(self, futures=self._submit(function, arguments))

    def join(
        self, groups: Sequence[Sequence[int]], function: Callable[..., Any], *arguments: Any
    ) -> Futures:
        # Sent once: they hold the vocabularies.
        held = self.client.submit(_itself, arguments, pure=False)
        joined = [
            self.client.submit(
                _call, function, [self.futures[k] for k in own], number, held, pure=False
            )
            for number, own in enumerate(groups)
        ]
        self.alive.update([held, *joined])
        return replace(self, futures=joined, present=None)

    def with_present(self, function: Callable[..., Any]) -> Futures:
        return replace(self, present=self.each(function))

    def each(self, function: Callable[..., Any], *arguments: Any) -> list[Any]:
        return self.client.gather(self._submit(function, arguments))

    def total(self, function: Callable[..., Any], *arguments: Any) -> Any:
        level = self._submit(function, arguments)
        while len(level) > _BRANCHES:
            level = [
                self.client.submit(_add_up, level[k : k + _BRANCHES], pure=False)
                for k in range(0, len(level), _BRANCHES)
            ]
            self.alive.update(level)
        return _add_up(self.client.gather(level))


def _run(function: Callable[..., Any], part: Any, arguments: list[Any]) -> Any:
    # In float32 the bits of a product depend on the number of threads.
    with single_blas_thread():
        return function(part, *arguments)


def _itself(value: Any) -> Any:
    return value


def _call(function: Callable[..., Any], parts: list[Any], number: int, held: tuple) -> Any:
    return _run(function, parts, [number, *held])


def _add_up(results: list[Any]) -> Any:
    total = results[0]
    for result in results[1:]:
        total = add(total, result)
    return total
