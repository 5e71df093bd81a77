"""The fit on Dask beside the ordinary one: scores and times on the flights.

Each worker has one thread. The ordinary fit runs with one as well, and with as many as it likes,
which are two while vectors are learned.

``--data FILE`` is a Parquet file of all rows with the columns of ``load_flights`` and the target
``arr_delay``; without it the 30000 rows that are shipped are used. Rows are shuffled, a fifth is
held out. Vectors are scored by a ridge regression on them. The regressor is compared with an
ordinary one of the same parts: one network, without effects, crosses, counts and linear model.

Beside the time that passes, the seconds that processors worked are told: those of the ordinary fit,
and those of each worker and of the client, which has the scheduler. They depend less on what else
the machine does. The table lies with the workers before the fit, and what sending it takes is told.
Workers have imported skembed before, allocate memory as the ordinary process does (Dask tells them
to return it at once, and then every large array is made of new pages), and do not look every 10 ms
which function they are in.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
from distributed import Client, LocalCluster, wait
from sklearn.linear_model import Ridge

from skembed import EmbeddingEncoder, EmbeddingRegressor
from skembed.dask import DaskEmbeddingEncoder, DaskEmbeddingRegressor
from skembed.datasets import load_flights

N_PARTITIONS = 8
ALONE = {
    "n_estimators": 1,
    "crosses": 0,
    "counts": False,
    "linear_part": False,
    "target_effect": False,
}


def read(file: Path | None) -> tuple[pd.DataFrame, pd.Series]:
    X, y = load_flights(return_X_y=True)
    if file:
        rows = pd.read_parquet(file).dropna(subset=["arr_delay"])
        X, y = rows[[name for name in X if name in rows]], rows["arr_delay"]
    # A day's own mean delay, known only afterwards, would outshine everything.
    X = X.drop(columns="date")
    order = np.random.default_rng(0).permutation(len(X))
    return X.iloc[order].reset_index(drop=True), y.iloc[order].reset_index(drop=True).astype(float)


SETTINGS = {
    "distributed.nanny.pre-spawn-environ.MALLOC_MMAP_THRESHOLD_": 2**25,
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": 2**26,
    "distributed.worker.profile.enabled": False,
    # The table comes from this process, and that is no mistake here.
    "distributed.admin.large-graph-warning-threshold": "1TB",
}


def timed(action: Callable[[], Any]) -> tuple[Any, float, float]:
    """What an action gives, its seconds, and those of the processor in this process."""
    start, worked = time.perf_counter(), time.process_time()
    return action(), time.perf_counter() - start, time.process_time() - worked


@contextmanager
def threads_of(number: str | None) -> Iterator[None]:
    """Tell fits in this process how many threads they may use; None leaves it to them."""
    before = os.environ.pop("OMP_NUM_THREADS", None)
    try:
        if number is not None:
            os.environ["OMP_NUM_THREADS"] = number
        yield
    finally:
        os.environ.pop("OMP_NUM_THREADS", None)
        if before is not None:
            os.environ["OMP_NUM_THREADS"] = before


def send(parts: list[Any]) -> list[Any]:
    """Dask collections that lie with the workers."""
    held = [part.persist() for part in parts]
    wait(held)
    return held


def score_vectors(model: Any, train: tuple, test: tuple) -> float:
    ridge = Ridge().fit(model.transform(train[0]), train[1])
    return ridge.score(model.transform(test[0]), test[1])


def score_predictions(model: Any, train: tuple, test: tuple) -> float:
    return model.score(*test)


def peak_memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--encoder", action="store_true", help="leave out the regressors")
    given = parser.parse_args()
    X, y = read(given.data)
    numbers = [name for name in X if X[name].dtype.kind in "if"]
    n = len(X) * 4 // 5
    train, test = (X[:n], y[:n]), (X[n:], y[n:])
    parts = [dd.from_pandas(table, npartitions=N_PARTITIONS) for table in train]
    common = {"numeric_features": numbers, "random_state": 0}
    print(
        f"{n} rows, {N_PARTITIONS} partitions, blocks of {DaskEmbeddingEncoder.block_rows} rows, "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    pairs = [
        (EmbeddingEncoder(**common), DaskEmbeddingEncoder(**common), score_vectors),
        (
            EmbeddingRegressor(**common, **ALONE),
            DaskEmbeddingRegressor(**common),
            score_predictions,
        ),
    ]
    for ordinary, distributed, score in pairs[: 1 if given.encoder else 2]:
        name, references = type(ordinary).__name__, []
        for threads in ("1", os.environ.get("OMP_NUM_THREADS")):
            with threads_of(threads):
                model, reference, worked = timed(partial(ordinary.fit, *train))
            references.append(reference)
            print(
                f"{name}, {threads or 'as many threads as it likes'}: score "
                f"{score(model, train, test):.4f}, {reference:.1f} s, processor {worked:.1f} s",
                flush=True,
            )
        for n_workers in given.workers:
            with (
                dask.config.set(SETTINGS),
                LocalCluster(
                    n_workers=n_workers, threads_per_worker=1, dashboard_address=":0"
                ) as cluster,
                Client(cluster) as client,
            ):
                client.run(import_module, "skembed.dask")
                # The table lies in the memory of those who fit, as it does for the ordinary fit.
                held, sending, _ = timed(partial(send, parts))
                before = client.run(time.process_time)
                model, seconds, own = timed(partial(distributed.fit, *held))
                after = client.run(time.process_time)
                memory = max(client.run(peak_memory).values())
            of_workers = ", ".join(f"{after[key] - before[key]:.1f}" for key in before)
            ratios = " and ".join(f"{seconds / reference:.2f}" for reference in references)
            print(
                f"  {n_workers} workers: score {score(model.to_local(), train, test):.4f}, "
                f"{seconds:.1f} s, {ratios} of these, processor {of_workers} s and {own:.1f} s of "
                f"the client, {memory:.2f} GB per worker; {sending:.1f} s before to send the table",
                flush=True,
            )


if __name__ == "__main__":
    main()
