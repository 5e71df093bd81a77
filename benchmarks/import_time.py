"""What importing the package adds to ``import sklearn.model_selection, pandas``.

usage: python benchmarks/import_time.py [--repeats N] [--out FILE]

Public names are read when they are first asked for, so that importing the package is one thing and
having an estimator another; both are here. Each figure is from processes of its own, which take the
time inside, after the other two libraries: the clock and the processor. Median and quickest of
them; on a busy machine the clock's median says how busy it was. Every program is started once
before it counts, so that all bytecode is written.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn

import skembed

GOAL = 30  # ms
WITHOUT = "import sklearn.model_selection, pandas"
TIMED = """
from time import perf_counter, process_time
{without}
clock, processor = perf_counter(), process_time()
{program}
print(perf_counter() - clock, process_time() - processor)
"""
PROGRAMS = [
    "import skembed",
    "from skembed import EmbeddingEncoder",
    "from skembed import EmbeddingClassifier",
    "from skembed import *; from skembed.nn import *",
]


def run(program: str) -> list[float]:
    """Milliseconds of the clock and of the processor that a program takes after `WITHOUT`."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, "-c", TIMED.format(without=WITHOUT, program=program)]
    printed = subprocess.run(command, check=True, env=environment, capture_output=True, text=True)
    return [1e3 * float(seconds) for seconds in printed.stdout.split()]


def measure(repeats: int) -> list[str]:
    """Rows of the table."""
    for program in PROGRAMS:
        run(program)
    times = np.array([[run(program) for program in PROGRAMS] for _ in range(repeats)])
    median, best = np.median(times, axis=0), times.min(axis=0)
    return [
        f"| `{program}` | {median[k, 0]:.1f} | {best[k, 0]:.1f} | {median[k, 1]:.1f} "
        f"| {best[k, 1]:.1f} |"
        for k, program in enumerate(PROGRAMS)
    ]


def report(args: argparse.Namespace) -> str:
    """The whole page."""
    versions = {m.__name__: m.__version__ for m in (skembed, sklearn, np, pd)}
    return "\n".join(
        [
            "# The time of `import skembed`",
            "",
            f"`python benchmarks/import_time.py --repeats {args.repeats}`",
            "",
            f"Medians of {args.repeats} processes each, {os.cpu_count()} cores, load "
            f"{os.getloadavg()[0]:.1f} at the end. Python {platform.python_version()}, "
            + ", ".join(f"{name} {version}" for name, version in versions.items())
            + ".",
            "",
            f"The goal is at most {GOAL} ms of the clock for `import skembed`.",
            "",
            f"| milliseconds after `{WITHOUT}` | clock, median | quickest | processor, median "
            "| quickest |",
            "|---|---|---|---|---|",
            *measure(args.repeats),
            "",
        ]
    )


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=20, help="default: %(default)s")
    out = Path(__file__).parent / "results" / "import_time.md"
    parser.add_argument("--out", type=Path, default=out, help="default: %(default)s")
    args = parser.parse_args()
    page = report(args)
    print(page)
    args.out.parent.mkdir(exist_ok=True)
    args.out.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
