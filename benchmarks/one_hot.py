"""Sparse one-hot encoding of a large table of strings: InputEmbedding against OneHotEncoder.

usage: python benchmarks/one_hot.py [--rows N] [--columns N] [--repeats N] [--out FILE]

Both encode the same frame to the same float32 CSR matrix, in alternation in one process, on pandas'
string dtype and on columns of Python objects. Times are medians over the repeats and ratios are
medians of the ratios of neighbours, so that a slow moment of the machine hits both. Memory is the
peak that Python, NumPy and pandas allocate during ``transform`` (the output included), from a run
of its own; what PyArrow allocates for one column of strings at a time is not seen.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
import tracemalloc
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
import scipy
import sklearn
from sklearn.preprocessing import OneHotEncoder

import skembed
from skembed import InputEmbedding

FEWEST, MOST = 2, 10_000  # categories per column, in geometric steps
# How the strings are held, and how many times faster the sum of both steps should be. Readers of
# files make one object per category; computed columns have one per cell.
GOALS = {"str": 3.0, "object, one per category": 1.5, "object, one per cell": 1.5}


def make_table(n_rows: int, n_columns: int, held: str) -> pd.DataFrame:
    """Strings drawn uniformly."""
    rng = np.random.default_rng(0)
    columns = {}
    for j, n in enumerate(np.geomspace(FEWEST, MOST, n_columns).astype(int)):
        pool = np.array([f"category {i:06d} of {j}" for i in range(n)], dtype=object)
        values = pool[rng.integers(0, n, n_rows)]
        if held == "object, one per cell":
            values = np.array([value[:1] + value[1:] for value in values], dtype=object)
        dtype = "str" if held == "str" else object
        columns[f"column {j}"] = pd.Series(values, dtype=dtype)
    return pd.DataFrame(columns)


def make_encoders() -> dict:
    """Both with the same output."""
    return {
        "InputEmbedding": InputEmbedding(sparse_output=True),
        "OneHotEncoder": OneHotEncoder(handle_unknown="ignore", dtype=np.float32),
    }


def time_steps(encoder, X: pd.DataFrame) -> tuple[dict[str, float], object]:
    """Seconds of each step, and the output."""
    start = time.perf_counter()
    encoder.fit(X)
    fitted = time.perf_counter()
    out = encoder.transform(X)
    end = time.perf_counter()
    return {"fit": fitted - start, "transform": end - fitted, "both": end - start}, out


def check_equal(outputs: list) -> None:
    """Stop if the outputs differ in any bit."""
    ours, theirs = outputs
    for name in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))


def memory(encoder, X: pd.DataFrame) -> tuple[float, float]:
    """Megabytes of the output of ``transform``, and of the peak on the way to it."""
    encoder.fit(X)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    out = encoder.transform(X)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    size = out.indptr.nbytes + out.indices.nbytes + out.data.nbytes
    return size / 1e6, (peak - before) / 1e6


def measure(held: str, args: argparse.Namespace) -> tuple[list[str], list[str]]:
    """Rows of the two tables for one way to hold strings."""
    X = make_table(args.rows, args.columns, held)
    rounds = []
    for repeat in range(args.repeats + 1):
        timed = {name: time_steps(encoder, X) for name, encoder in make_encoders().items()}
        if repeat == 0:  # a warm-up, to compare the outputs
            check_equal([out for _, out in timed.values()])
        else:
            rounds.append([steps for steps, _ in timed.values()])
    speed = []
    for step in ("fit", "transform", "both"):
        ours, theirs = ([r[i][step] for r in rounds] for i in (0, 1))
        ratio = statistics.median(t / o for o, t in zip(ours, theirs, strict=True))
        goal = f"{GOALS[held]}" if step == "both" else ""
        times = f"{statistics.median(ours):.2f} | {statistics.median(theirs):.2f}"
        speed.append(f"| {held} | {step} | {times} | {ratio:.2f} | {goal} |")
    space = []
    for name, encoder in make_encoders().items():
        size, peak = memory(encoder, X)
        space.append(f"| {held} | {name} | {size:.0f} | {peak:.0f} | {peak / size:.2f} |")
    return speed, space


def report(args: argparse.Namespace) -> str:
    """The whole page."""
    speed, space = zip(*(measure(held, args) for held in GOALS), strict=True)
    versions = {m.__name__: m.__version__ for m in (skembed, sklearn, np, scipy, pd)}
    return "\n".join(
        [
            "# Sparse one-hot encoding of strings",
            "",
            f"`python benchmarks/one_hot.py --rows {args.rows} --columns {args.columns} "
            f"--repeats {args.repeats}`",
            "",
            f"{args.rows:,} rows, {args.columns} columns of {FEWEST} to {MOST:,} categories, "
            f"float32 output, seed 0, medians of {args.repeats} repeats, {os.cpu_count()} cores. "
            f"Python {platform.python_version()}, "
            + ", ".join(f"{name} {version}" for name, version in versions.items())
            + ".",
            "",
            "Ratios are medians over neighbouring runs, not ratios of the medians.",
            "",
            "| strings | step | InputEmbedding (s) | OneHotEncoder (s) | times faster | goal |",
            "|---|---|---|---|---|---|",
            *chain.from_iterable(speed),
            "",
            "Memory of `transform`, in MB; the goal is a peak of at most 2 times the output.",
            "",
            "| strings | encoder | output | peak | peak / output |",
            "|---|---|---|---|---|",
            *chain.from_iterable(space),
            "",
        ]
    )


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="default: %(default)s")
    parser.add_argument("--columns", type=int, default=20, help="default: %(default)s")
    parser.add_argument("--repeats", type=int, default=5, help="default: %(default)s")
    out = Path(__file__).parent / "results" / "one_hot.md"
    parser.add_argument("--out", type=Path, default=out, help="default: %(default)s")
    args = parser.parse_args()
    page = report(args)
    print(page)
    args.out.parent.mkdir(exist_ok=True)
    args.out.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
