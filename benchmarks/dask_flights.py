"""The fit on Dask beside the ordinary one: scores and times on the flights, one thread each.

``--data FILE`` is a Parquet file of all rows with the columns of ``load_flights`` and the target
``arr_delay``; without it the 30000 rows that are shipped are used. Rows are shuffled, a fifth is
held out. Vectors are scored by a ridge regression on them. The regressor is compared with an
ordinary one of the same parts: one network, without effects, crosses, counts and linear model.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.dataframe as dd
import numpy as np
import pandas as pd
from distributed import Client, LocalCluster
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


def timed(action: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    return action(), time.perf_counter() - start


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
    X, y = read(parser.parse_args().data)
    numbers = [name for name in X if X[name].dtype.kind in "if"]
    n = len(X) * 4 // 5
    train, test = (X[:n], y[:n]), (X[n:], y[n:])
    parts = [dd.from_pandas(table, npartitions=N_PARTITIONS) for table in train]
    common = {"numeric_features": numbers, "random_state": 0}
    print(f"{n} rows, {N_PARTITIONS} partitions, blocks of {DaskEmbeddingEncoder.block_rows} rows")
    for ordinary, distributed, score in (
        (EmbeddingEncoder(**common), DaskEmbeddingEncoder(**common), score_vectors),
        (
            EmbeddingRegressor(**common, **ALONE),
            DaskEmbeddingRegressor(**common),
            score_predictions,
        ),
    ):
        model, reference = timed(lambda fit=ordinary.fit: fit(*train))
        name = type(ordinary).__name__
        print(f"{name}: score {score(model, train, test):.4f}, {reference:.1f} s", flush=True)
        for n_workers in (1, 2):
            with (
                LocalCluster(
                    n_workers=n_workers, threads_per_worker=1, dashboard_address=":0"
                ) as cluster,
                Client(cluster) as client,
            ):
                model, seconds = timed(lambda fit=distributed.fit: fit(*parts))
                memory = max(client.run(peak_memory).values())
            print(
                f"  {n_workers} workers: score {score(model.to_local(), train, test):.4f}, "
                f"{seconds:.1f} s, {seconds / reference:.2f} of it, {memory:.2f} GB per worker",
                flush=True,
            )


if __name__ == "__main__":
    main()
