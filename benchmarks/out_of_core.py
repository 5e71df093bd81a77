"""Rows of a Parquet file learned batch by batch: seconds, and the memory above the start.

The file is made in a temporary folder: six categorical columns whose categories are long-tailed, a
number, and a target. The encoder is fitted by ``partial_fit``, in one pass, after a first pass that
counts the categories. Memory is resident memory at its peak, read from the operating system, less
what was resident after the imports; that of the tables is counted on its own.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import sklearn

import skembed
from skembed import EmbeddingEncoder

N_CATEGORIES = (10, 100, 1_000, 2_000, 5_000, 10_000)
NAMES = [f"c{n}" for n in N_CATEGORIES]


def make_table(n: int, rng: np.random.Generator) -> pa.Table:
    """Rows of which each column adds something to the target."""
    columns, y = {}, rng.normal(size=n)
    for name, size in zip(NAMES, N_CATEGORIES, strict=True):
        codes = (size * rng.random(n) ** 3).astype(np.int64)
        columns[name] = pa.DictionaryArray.from_arrays(
            codes.astype(np.int32), [f"{name}-{k}" for k in range(size)]
        ).cast(pa.string())
        y += np.sin(codes)
    number = rng.normal(size=n)
    return pa.table({**columns, "number": number, "y": y + number})


def write(file: Path, n_rows: int, batch: int) -> None:
    rng = np.random.default_rng(0)
    with pq.ParquetWriter(file, make_table(1, rng).schema) as writer:
        for start in range(0, n_rows, batch):
            writer.write_table(make_table(min(batch, n_rows - start), rng))


def read(file: Path, batch: int) -> Iterator[pa.Table]:
    with pq.ParquetFile(file, memory_map=False, pre_buffer=False) as rows:
        for own in rows.iter_batches(batch_size=batch):
            yield pa.Table.from_batches([own])


def peak() -> float:
    """MB that were resident at most."""
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def learn(file: Path, batch: int) -> dict[str, float]:
    """What a fit to the file takes."""
    before = peak()
    encoder = EmbeddingEncoder(random_state=0, numeric_features=["number"])
    start = time.perf_counter()
    for rows in read(file, batch):
        encoder.partial_fit_vocabulary(rows.drop_columns(["y"]))
    counted = time.perf_counter()
    for number, rows in enumerate(read(file, batch)):
        encoder.partial_fit(rows.drop_columns(["y"]), rows["y"])
        if number % 20 == 0:
            print(f"batch {number}, {peak():.0f} MB", file=sys.stderr, flush=True)
    return {
        "categories": sum(map(len, encoder.categories_)),
        "counting": counted - start,
        "learning": time.perf_counter() - counted,
        "tables": sum(own.nbytes for own in encoder.embeddings_) / 2**20,
        "start": before,
        "peak": peak(),
    }


def alone(function: Callable[..., Any], *arguments: Any) -> Any:
    """The result of a call in a new process, so that its memory is its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--batch", type=int, default=100_000)
    given = parser.parse_args()
    print(
        f"Batches of {given.batch:,} rows, seed 0, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f}. Python {platform.python_version()}, skembed "
        f"{skembed.__version__}, sklearn {sklearn.__version__}, numpy {np.__version__}, pyarrow "
        f"{pa.__version__}.\n"
    )
    print(
        "| rows | categories | first pass (s) | learning (s) | tables (MB) | at the start (MB) "
        "| above start and tables (MB) |\n|---|---|---|---|---|---|---|"
    )
    for n_rows in given.rows:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "rows.parquet"
            alone(write, file, n_rows, given.batch)
            found = alone(learn, file, given.batch)
        above = found["peak"] - found["start"] - found["tables"]
        print(
            f"| {n_rows:,} | {found['categories']:,} | {found['counting']:.0f} "
            f"| {found['learning']:.0f} | {found['tables']:.1f} | {found['start']:.0f} "
            f"| {above:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
