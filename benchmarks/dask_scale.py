"""Whether the model of docs/scale.md predicts what a fit on Dask moves and takes.

First the fit runs in this process, on the same blocks: what every call would send to a block and
get from it is pickled and weighed, and set beside the formulas. The same run tells the seconds of
processor of the work in the blocks, W, and of the client, which cuts what it sends, adds up what it
gets and solves. Then local clusters of 1, 2, 4 and 8 workers fit. Of each the model is told four
things, measured on it without a fit: the seconds of an exchange that does nothing, those that a
task more per block adds to it, the bytes per second, and how many workers work at a time (their
number, but no more than there are cores). It predicts

    W / workers at a time * (1 if the blocks divide evenly, else more) + the client's seconds
    + exchanges * seconds of an empty one + further tasks per block * seconds of these
    + bytes / (bytes per second).
"""

from __future__ import annotations

import argparse
import os
import pickle
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from importlib import import_module
from math import ceil
from typing import Any

import numpy as np
from dask_rows import SHARES, cluster, make_rows, make_table
from distributed import Client

from skembed import EmbeddingEncoder
from skembed._fit_parts import fit_encoder
from skembed._futures import Futures
from skembed.dask import DaskEmbeddingEncoder
from skembed.nn._parts import add, cut
from skembed.nn._relearn import N_STEPS
from skembed.nn._relearn_parts import N_INNER_STEPS

N_BLOCKS = 8
N_PROBES = 10


@dataclass
class Log:
    """What calls of each function have moved, and how long they took."""

    down: Counter[str] = field(default_factory=Counter)
    up: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    exchanges: int = 0
    more_tasks: int = 0
    seconds: float = 0.0
    weighing: float = 0.0

    def weigh(self, moved: Counter[str], name: str, what: Any) -> None:
        start = time.thread_time()
        moved[name] += len(pickle.dumps(what, -1))
        self.weighing += time.thread_time() - start


@dataclass
class InProcess:
    """Parts in this process, which weigh what would travel; see ``Parts``."""

    parts: list[Any]
    log: Log
    present: list[Any] | None = None

    def __len__(self) -> int:
        return len(self.parts)

    def _call(self, function: Callable[..., Any], arguments: Sequence[Any]) -> list[Any]:
        self.log.calls[function.__name__] += 1
        results = []
        for k, part in enumerate(self.parts):
            own = cut(arguments, self.present[k]) if self.present else arguments
            self.log.weigh(self.log.down, function.__name__, own)
            start = time.thread_time()
            results.append(function(part, *own))
            self.log.seconds += time.thread_time() - start
        return results

    def each(self, function: Callable[..., Any], *arguments: Any) -> list[Any]:
        results = self._call(function, arguments)
        self.log.exchanges += 1
        for own in results:
            self.log.weigh(self.log.up, function.__name__, own)
        return results

    def total(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return reduce(add, self.each(function, *arguments))

    def map(self, function: Callable[..., Any], *arguments: Any) -> InProcess:
        self.log.more_tasks += 1
        return InProcess(self._call(function, arguments), self.log, self.present)

    def join(
        self, groups: Sequence[Sequence[int]], function: Callable[..., Any], *arguments: Any
    ) -> InProcess:
        self.log.more_tasks += 1
        start = time.thread_time()
        joined = [
            function([self.parts[k] for k in own], number, *arguments)
            for number, own in enumerate(groups)
        ]
        self.log.seconds += time.thread_time() - start
        return InProcess(joined, self.log)

    def with_present(self, function: Callable[..., Any]) -> InProcess:
        return InProcess(self.parts, self.log, self.each(function))


def formulas(d: int) -> dict[str, tuple[int, float, float]]:
    """Exchanges of each kind in all but training, bytes down and up per code of a block."""
    return {
        # The steps after the first bring the half step, whose loss is wanted, too.
        "linearise": (N_STEPS, 8 * d + 4 * d * (N_STEPS - 1) / N_STEPS, 0),
        "gradient": (N_STEPS, 0, 8 * d + 4),
        "sum_losses": (1, 8 * d, 0),
        "image": (N_STEPS * N_INNER_STEPS, 4 * d, 4 * d + 4),
        "equations_of_unknown": (N_STEPS, 4 * d + 4, 0),
    }


def compare_bytes(log: Log, n_codes: int, d: int, n_rounds: int) -> None:
    expected = {"train_part": (n_rounds, 4 * d + 8, 4 * (d + 1) + 4), **formulas(d)}
    print("| call | times | down, formula | down, weighed | up, formula | up, weighed |")
    print("|---|---|---|---|---|---|")
    for name, (times, down, up) in expected.items():
        # More than two candidates are tried where a step overshoots.
        times = log.calls[name] or times
        of_code = [moved[name] / (times * n_codes) for moved in (log.down, log.up)]
        print(
            f"| `{name}` | {times} | {down:.0f} | {of_code[0]:.1f} | {up:.0f} | {of_code[1]:.1f} |"
        )
    print(
        f"\nBytes per code of a block. In all: {sum(log.down.values()) / 1e6:.1f} MB down and "
        f"{sum(log.up.values()) / 1e6:.1f} MB up in {log.exchanges} exchanges.\n"
    )


def _size(part: Any, *arguments: Any) -> int:
    return 0


def _same(part: Any) -> Any:
    return part


def _mean_seconds(action: Callable[[], Any]) -> float:
    start = time.perf_counter()
    for _ in range(N_PROBES):
        action()
    return (time.perf_counter() - start) / N_PROBES


def probe(client: Client, n_bytes: int) -> tuple[float, float, float]:
    """Seconds of an empty exchange, those that a task more per block adds, and bytes per second
    beyond it.
    """
    parts = Futures(client, client.scatter(list(range(N_BLOCKS)), hash=False))
    parts.total(_size)
    empty = _mean_seconds(lambda: parts.total(_size))
    chained = _mean_seconds(lambda: parts.map(_same).total(_size))
    load = np.zeros(n_bytes // N_BLOCKS, dtype=np.uint8)
    full = _mean_seconds(lambda: parts.total(_size, load))
    return empty, max(chained - empty, 0), n_bytes / max(full - empty, 1e-3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=400_000)
    parser.add_argument("--categories", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8])
    given = parser.parse_args()
    settings = {"embedding_dim": 4, "max_iter": given.rounds, "random_state": 0}
    names, n = list(SHARES), given.rows // N_BLOCKS
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(
        f"{given.rows:,} rows in {N_BLOCKS} blocks, {given.categories:,} categories, "
        f"{given.rounds} rounds, {cores} cores, load {os.getloadavg()[0]:.1f}\n"
    )
    tables = [make_rows(k, n, given.categories) for k in range(N_BLOCKS)]
    codes = sum(1 + own[name].nunique() for own in tables for name in names)
    log = Log()
    parts = InProcess([(own[names], own["y"], None) for own in tables], log)
    # As Dask's workers have it: what follows is the processor's time of one thread.
    os.environ["OMP_NUM_THREADS"] = "1"
    start = time.process_time()
    fit_encoder(EmbeddingEncoder(**settings), parts, n)
    of_client = time.process_time() - start - log.seconds - log.weighing
    compare_bytes(log, codes, settings["embedding_dim"], given.rounds)
    n_bytes = sum(log.down.values()) + sum(log.up.values())
    n_exchanges = log.exchanges
    table = make_table(given.rows, N_BLOCKS, given.categories)
    DaskEmbeddingEncoder.block_rows = n
    # The partitions are loaded by a task each.
    n_more = log.more_tasks + 1
    print(
        f"Work: {log.seconds:.1f} s in the blocks, {of_client:.1f} s of the client; "
        f"{n_exchanges} exchanges, {n_more} times a task more per block.\n"
    )
    print(
        "| workers | empty exchange (ms) | a task more (ms) | MB/s | predicted (s) | measured (s) "
        "| ratio |"
    )
    print("|---|---|---|---|---|---|---|")
    for n_workers in given.workers:
        at_a_time = min(n_workers, cores)
        turns = ceil(N_BLOCKS / at_a_time)
        with cluster(n_workers) as client:
            client.run(import_module, "skembed.dask")
            empty, more, speed = probe(client, n_bytes // n_exchanges)
            predicted = log.seconds * turns / N_BLOCKS + of_client
            predicted += n_exchanges * empty + n_more * more + n_bytes / speed
            start = time.perf_counter()
            DaskEmbeddingEncoder(**settings).fit(table[names], table["y"])
            seconds = time.perf_counter() - start
        print(
            f"| {n_workers} | {1e3 * empty:.0f} | {1e3 * more:.0f} | {speed / 1e6:.0f} "
            f"| {predicted:.1f} | {seconds:.1f} | {seconds / predicted:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
