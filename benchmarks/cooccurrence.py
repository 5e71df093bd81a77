"""Speed of learning vectors without a target: EmbeddingEncoder(task="none") on a large table.

usage: python benchmarks/cooccurrence.py [--rows N] [--repeats N] [--out FILE]

Two tables of 5 columns of integers. In the first, columns have 50 to 20,000 categories whose
frequencies follow Zipf's law. In the second, all have 20,000, equally frequent, and nearly every
pair is a new one: the worst case for counts of pairs. In both, half of a row's values follow from
a hidden group. ``fit`` includes reading the frame and learning the vocabularies. Processor time
beside the time on the clock tells whether the machine had other work. Memory is the peak that
NumPy and SciPy allocate during ``fit``, from a run of its own.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import scipy
import sklearn

import skembed
from skembed import EmbeddingEncoder

TABLES = {
    "Zipf, 50 to 20,000 categories": ((50, 500, 3_000, 10_000, 20_000), 1.0),
    "uniform, 20,000 categories each": ((20_000,) * 5, 0.0),
}
N_GROUPS = 40
GOAL = 10.0


def make_table(n_rows: int, sizes: tuple[int, ...], exponent: float) -> pd.DataFrame:
    """Columns of integers, half of whose values have the remainder of the row's group."""
    rng = np.random.default_rng(0)
    group = rng.integers(0, N_GROUPS, n_rows)
    columns = {}
    for j, size in enumerate(sizes):
        chances = np.arange(1, size + 1) ** -exponent
        value = rng.choice(size, n_rows, p=chances / chances.sum())
        grouped = np.minimum(value // N_GROUPS * N_GROUPS + group, size - 1)
        columns[f"column {j}"] = np.where(rng.random(n_rows) < 0.5, grouped, value)
    return pd.DataFrame(columns)


def time_fit(X: pd.DataFrame, dim: int) -> tuple[float, float]:
    """Seconds on the clock and of the processor."""
    start, cpu_start = time.perf_counter(), time.process_time()
    EmbeddingEncoder(task="none", embedding_dim=dim, random_state=0).fit(X)
    return time.perf_counter() - start, time.process_time() - cpu_start


def peak_memory(X: pd.DataFrame, dim: int) -> float:
    """Gigabytes at the peak of a fit."""
    tracemalloc.start()
    EmbeddingEncoder(task="none", embedding_dim=dim, random_state=0).fit(X)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 1e9


def measure(name: str, args: argparse.Namespace) -> list[str]:
    """Lines of the report for one table."""
    X = make_table(args.rows, *TABLES[name])
    lines = []
    for dim in (8, 16):
        times = [time_fit(X, dim) for _ in range(args.repeats)]
        clock, processor = (statistics.median(column) for column in zip(*times, strict=True))
        memory = peak_memory(X, dim)
        lines.append(f"| {name} | {dim} | {clock:.1f} | {processor:.1f} | {GOAL} | {memory:.1f} |")
    return lines


def report(args: argparse.Namespace) -> str:
    """The whole page."""
    versions = {m.__name__: m.__version__ for m in (skembed, sklearn, np, scipy, pd)}
    lines = [line for name in TABLES for line in measure(name, args)]
    return "\n".join(
        [
            "# Vectors without a target",
            "",
            f"`python benchmarks/cooccurrence.py --rows {args.rows} --repeats {args.repeats}`",
            "",
            f"`EmbeddingEncoder(task='none').fit` on {args.rows:,} rows x 5 columns of integers, "
            f"seed 0, medians of {args.repeats} repeats, {os.cpu_count()} cores (one BLAS thread), "
            f"load {os.getloadavg()[2]:.1f}. Python {platform.python_version()}, "
            + ", ".join(f"{name} {version}" for name, version in versions.items())
            + ".",
            "",
            "| table | embedding_dim | fit (s) | of the processor (s) | goal (s) | peak (GB) |",
            "|---|---|---|---|---|---|",
            *lines,
            "",
        ]
    )


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="default: %(default)s")
    parser.add_argument("--repeats", type=int, default=3, help="default: %(default)s")
    out = Path(__file__).parent / "results" / "cooccurrence.md"
    parser.add_argument("--out", type=Path, default=out, help="default: %(default)s")
    args = parser.parse_args()
    page = report(args)
    print(page)
    args.out.parent.mkdir(exist_ok=True)
    args.out.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
