"""What ``import skembed`` adds to ``import sklearn.model_selection, pandas``.

usage: python benchmarks/import_time.py [--repeats N] [--out FILE]

Whole processes with and without the package start in alternation; the figure is the median of the
differences of neighbours, of the clock and of the processor. Each is started once before it
counts, so that all bytecode is written.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
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
WITH = f"{WITHOUT}\nimport skembed"


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
    for program in (WITHOUT, WITH):
        run(program)
    rounds = [(*run(WITHOUT), *run(WITH)) for _ in range(repeats)]
    rows = []
    for kind, k, goal in (("clock", 0, f"{GOAL}"), ("processor", 1, "")):
        without = statistics.median(times[k] for times in rounds)
        more = statistics.median(times[k + 2] - times[k] for times in rounds)
        rows.append(f"| {kind} | {without:.0f} | {more:.0f} | {goal} |")
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
            f"Medians of {args.repeats} pairs of processes, {os.cpu_count()} cores, load "
            f"{os.getloadavg()[0]:.1f} at the end. Python {platform.python_version()}, "
            + ", ".join(f"{name} {version}" for name, version in versions.items())
            + ".",
            "",
            f"| time (ms) | `{WITHOUT}` | more with `import skembed` | goal |",
            "|---|---|---|---|",
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
