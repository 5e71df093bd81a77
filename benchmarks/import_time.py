"""What importing the package adds to ``import sklearn.model_selection, pandas``.

usage: python benchmarks/import_time.py [--repeats N] [--out FILE]

Public names are read when they are first asked for, so that importing the package is one thing and
having an estimator another; both are here. Whole processes with and without the package start in
alternation; the figures are medians of the differences of neighbours, of the clock and of the
processor. Each is started once before it counts, so that all bytecode is written.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn

import skembed

GOAL = 30  # ms
WITHOUT = "import sklearn.model_selection, pandas"
PROGRAMS = [
    "import skembed",
    "from skembed import EmbeddingEncoder",
    "from skembed import EmbeddingClassifier",
    "from skembed import *; from skembed.nn import *",
]


def run(program: str) -> tuple[float, float]:
    """Milliseconds of the clock and of the processor that a program takes."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    before, start = os.times(), time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
    wall, after = time.perf_counter() - start, os.times()
    cpu = after.children_user + after.children_system
    return 1e3 * wall, 1e3 * (cpu - before.children_user - before.children_system)


def measure(repeats: int) -> list[str]:
    """Rows of the table."""
    programs = [WITHOUT, *(f"{WITHOUT}\n{program}" for program in PROGRAMS)]
    for program in programs:
        run(program)
    rounds = np.array([[run(program) for program in programs] for _ in range(repeats)])
    alone = np.median(rounds[:, 0], axis=0)
    more = np.median(rounds[:, 1:] - rounds[:, :1], axis=0)
    rows = [f"| `{WITHOUT}` | {alone[0]:.0f} | {alone[1]:.0f} |"]
    for program, (clock, processor) in zip(PROGRAMS, more, strict=True):
        rows.append(f"| and `{program}` | {clock:+.0f} | {processor:+.0f} |")
    return rows


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
            "| program | clock (ms) | processor (ms) |",
            "|---|---|---|",
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
