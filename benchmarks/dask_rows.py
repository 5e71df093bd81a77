"""A fit of millions of rows and categories on Dask: seconds, and the memory of each worker.

The rows are made by the workers, partition by partition, and are never together anywhere. Four
columns hold a million categories in all, of which each row's are drawn evenly, so that every
partition holds a good part of them: the hardest case for what travels.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
from distributed import Client, LocalCluster

import skembed
from skembed.dask import DaskEmbeddingEncoder

# Columns and how many categories each has, of a million.
SHARES = {"user": 0.9, "item": 0.0989, "city": 0.001, "kind": 0.0001}


def sizes(n_categories: int) -> dict[str, int]:
    return {name: max(2, round(share * n_categories)) for name, share in SHARES.items()}


def make_rows(number: int, n_rows: int, n_categories: int) -> pd.DataFrame:
    """One partition."""
    rng = np.random.default_rng([0, number])
    codes = {name: rng.integers(0, n, n_rows) for name, n in sizes(n_categories).items()}
    effects = [np.sin(own) for own in codes.values()]
    return pd.DataFrame({**codes, "y": np.sum(effects, axis=0) + rng.normal(size=n_rows)})


def make_table(n_rows: int, n_partitions: int, n_categories: int) -> dd.DataFrame:
    meta = make_rows(0, 0, n_categories)
    n = n_rows // n_partitions
    return dd.from_map(make_rows, range(n_partitions), args=(n, n_categories), meta=meta)


def peak() -> float:
    """GB that were resident at most."""
    unit = 2**30 if sys.platform == "darwin" else 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


@contextmanager
def cluster(n_workers: int) -> Iterator[Client]:
    # Rows stay in memory: how much of it they take is to be seen.
    limits = {f"distributed.worker.memory.{name}": False for name in ("target", "spill", "pause")}
    with (
        dask.config.set(limits),
        LocalCluster(
            n_workers=n_workers, threads_per_worker=1, memory_limit=0, dashboard_address=":0"
        ) as workers,
        Client(workers) as client,
    ):
        yield client


def score(model: DaskEmbeddingEncoder, n_categories: int) -> float:
    """Correlation of effects that were found with those that the rows were made with."""
    frame = model.to_local().embedding_frame("item")
    return float(np.corrcoef(frame["item_effect"], np.sin(frame.index.to_numpy()))[0, 1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--partitions", type=int, default=40)
    parser.add_argument("--categories", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    table = make_table(given.rows, given.partitions, given.categories)
    names = list(SHARES)
    model = DaskEmbeddingEncoder(max_iter=given.rounds, random_state=0)
    with cluster(given.workers) as client:
        start = time.perf_counter()
        model.fit(table[names], table["y"])
        seconds = time.perf_counter() - start
        of_workers = sorted(client.run(peak).values())
    print(
        f"{given.rows:,} rows, {given.partitions} partitions, "
        f"{sum(map(len, model.categories_)):,} categories in {len(names)} columns, "
        f"{given.rounds} rounds, {given.workers} workers of 1 thread, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f}. Python {platform.python_version()}, skembed "
        f"{skembed.__version__}, dask {dask.__version__}, numpy {np.__version__}.\n"
    )
    print(f"- {seconds:.0f} seconds")
    print(f"- peak memory per worker (GB): {', '.join(f'{own:.2f}' for own in of_workers)}")
    print(f"- peak memory of client and scheduler (GB): {peak():.2f}")
    print(f"- effects found against true ones, correlation: {score(model, given.categories):.3f}")


if __name__ == "__main__":
    main()
