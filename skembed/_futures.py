"""Parts of rows that are futures of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakSet

from ._threads import single_blas_thread
from .nn._parts import add, cut

# Results that are added up by one task.
_BRANCHES = 8


@dataclass(frozen=True)
class Futures:
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
            return [self._task(function, part, *arguments) for part in self.futures]
        return [
            self._task(function, part, *cut(arguments, own))
            for part, own in zip(self.futures, self.present, strict=True)
        ]

    def _task(self, function: Callable[..., Any], *arguments: Any) -> Any:
        future = self.client.submit(_run, function, *arguments, pure=False)
        self.alive.add(future)
        return future

    def cancel(self) -> None:
        """Take back all tasks that these parts and those made of them have begun."""
        self.client.cancel(list(self.alive))

    def map(self, function: Callable[..., Any], *arguments: Any) -> Futures:
        return replace(self, futures=self._submit(function, arguments))

    def join(
        self, groups: Sequence[Sequence[int]], function: Callable[..., Any], *arguments: Any
    ) -> Futures:
        # Sent once: they hold the vocabularies.
        held = self._task(_itself, arguments)
        joined = [
            self._task(_call, function, [self.futures[k] for k in group], number, held)
            for number, group in enumerate(groups)
        ]
        return replace(self, futures=joined, present=None)

    def with_present(self, function: Callable[..., Any]) -> Futures:
        return replace(self, present=self.each(function))

    def each(self, function: Callable[..., Any], *arguments: Any) -> list[Any]:
        return self.client.gather(self._submit(function, arguments))

    def total(self, function: Callable[..., Any], *arguments: Any) -> Any:
        level = self._submit(function, arguments)
        while len(level) > 1:
            level = [
                self._task(_add_up, level[k : k + _BRANCHES])
                for k in range(0, len(level), _BRANCHES)
            ]
        return self.client.gather(level[0])


def _run(function: Callable[..., Any], *arguments: Any) -> Any:
    # In float32 the bits of a product depend on the number of threads.
    with single_blas_thread():
        return function(*arguments)


def _itself(value: Any) -> Any:
    return value


def _call(function: Callable[..., Any], parts: list[Any], number: int, held: tuple) -> Any:
    return function(parts, number, *held)


def _add_up(results: list[Any]) -> Any:
    total = results[0]
    for result in results[1:]:
        total = add(total, result)
    return total
