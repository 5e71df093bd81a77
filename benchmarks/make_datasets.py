"""Write the compressed csv files that ``skembed.datasets`` ships, from parquet files.

usage: python benchmarks/make_datasets.py PARQUET_FOLDER [--out FOLDER]

PARQUET_FOLDER holds ``employee_salaries.parquet`` and ``nycflights13.parquet``. The same input
gives the same text; only the compressed bytes may differ with the version of zlib.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

FLIGHTS_ROWS = 30_000
# Also written in the docstring of `load_flights`.
FLIGHTS_SEED = 0


def write(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame as csv; dates without a time of day, floats with all their digits."""
    # Without a fixed time in the gzip header the bytes would differ at each run.
    compression = {"method": "gzip", "compresslevel": 9, "mtime": 0}
    frame.to_csv(path, index=False, date_format="%Y-%m-%d", compression=compression)
    print(f"{path}: {len(frame):,} rows, {path.stat().st_size:,} bytes")


def main() -> None:
    """Read the two parquet files and write the two csv files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parquet_folder", type=Path)
    package = Path(__file__).parents[1] / "skembed" / "datasets"
    parser.add_argument("--out", type=Path, default=package, help="default: %(default)s")
    args = parser.parse_args()

    salaries = pd.read_parquet(args.parquet_folder / "employee_salaries.parquet")
    write(salaries, args.out / "employee_salaries.csv.gz")

    flights = pd.read_parquet(args.parquet_folder / "nycflights13.parquet")
    sample = flights.sample(FLIGHTS_ROWS, random_state=FLIGHTS_SEED).sort_index()
    write(sample, args.out / "flights.csv.gz")


if __name__ == "__main__":
    main()
