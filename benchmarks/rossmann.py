"""The experiments of "Entity Embeddings of Categorical Variables" on the Rossmann stores' sales.

Guo and Berkhahn 2016, arXiv:1604.06737. FILE is a parquet file of the competition's training table
(open stores with sales only) with Date, Sales, Store, DayOfWeek, Promo, Year, Month, Day and State.
The page is written anew after every line, so that a run that is stopped loses nothing; ``--smoke``
tries everything with few rows, ``--variants`` trains the paper's network in other ways.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scipy
import sklearn
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

import skembed
from skembed import EmbeddingEncoder, EmbeddingRegressor, _unseen

SEED = 0
# Share of the rows in which a combination of columns is made unseen.
UNSEEN = _unseen._RATE
SPLITS = ("shuffled", "by date")
# Coordinates of each column in the paper.
DIMS = {"Store": 10, "DayOfWeek": 6, "Promo": 1, "Year": 2, "Month": 6, "Day": 10, "State": 6}
PAPER = {
    "loss": "absolute_error",
    "target_effect": False,
    "crosses": 0,
    "counts": False,
    "n_bins": 0,
    "linear_part": False,
    "hidden_layer_sizes": (1000, 500),
    "activation": "relu",
    "dropout": 0,
    "alpha": 0,
    "learning_rate_init": 1e-3,
    "batch_size": 128,
    "max_iter": 10,
}
LINES = {
    "defaults": "EmbeddingRegressor()",
    "cosine": "the paper's network, cosine rate",
    "network": "the paper's network",
    "seen": "EmbeddingRegressor(), no combination made unseen",
    "absolute": 'EmbeddingRegressor(loss="absolute_error")',
    "all_rows": "EmbeddingRegressor(), all training rows",
    "all_rows_absolute": 'EmbeddingRegressor(loss="absolute_error"), all training rows',
}
# Changes of the paper's network, each with one member.
VARIANTS = {
    "one network": {},
    "rows of stores move as others": {"learning_rate_multipliers": None},
    "vectors decay, as they do by default": {
        "initial_embeddings": None,
        "embedding_dim": DIMS,
        "learning_rate_multipliers": None,
    },
    "a third of the rate": {"learning_rate_init": 1e-3 / 3},
    "squared error": {"loss": "squared_error"},
}
PUBLISHED = {"shuffled": 0.070, "by date": 0.093}
WANTED = {
    ("network", "shuffled"): 0.073,
    ("network", "by date"): 0.099,
    ("cosine", "shuffled"): 0.073,
    ("cosine", "by date"): 0.099,
    ("defaults", "shuffled"): 0.068,
    ("defaults", "by date"): 0.093,
}
MODELS = {
    "kNN": KNeighborsRegressor(10, weights="distance"),
    "random forest": RandomForestRegressor(25, max_features=0.5, random_state=SEED),
    "boosting": HistGradientBoostingRegressor(
        max_iter=300, max_leaf_nodes=127, early_stopping=False, random_state=SEED
    ),
}
INPUTS = ("integer codes", "one-hot", "network's vectors", "EmbeddingEncoder")
NOTES = """\
The paper is Guo and Berkhahn 2016, arXiv:1604.06737.

MAPE, the mean of |prediction - sales| / sales over the test rows; every model learns the logarithm
of the sales from store, day of week, promo, year, month, day and state, all categories. 90 % of the
rows are for training, drawn at random (shuffled) or the earliest (by date), the rest for testing;
as in the paper the training rows are drawn from these with replacement. Rows drawn again are given
as weights, but to the paper's network: else a row's copy in another fold would tell its label to
the effects.

*The paper's network*: tables of 10, 6, 1 (promo), 2, 6, 10 and 6 coordinates, 1000 and 500 ReLU
units, absolute error, Adam at a constant rate of 0.001, batches of 128, 10 epochs, the mean of
several networks (published: of five). It differs from the paper's in this: each network leaves out
a sixteenth of its rows; the output is linear and the target standardised where the paper has a
logistic output for log(sales) / log(largest sales); Adam's second mean decays by 0.95 a step in
place of 0.999; dense weights start at He's deviation; logarithms are averaged, not sales. Vectors
start between -0.05 and 0.05 as in Keras, by `initial_embeddings`, and so do not decay. Rows of a
table rest while they are in no batch. Keras moves them on, and divides by a mean of squares that
counts these batches as zeros: a row in a share p of the batches goes 1/sqrt(p) times as far, which
`learning_rate_multipliers` make up for."""
NOTES_COSINE = '*Cosine rate*: the same with `learning_rate="cosine"`.'
NOTES_MODELS = """\
The paper's second experiment: other models on the vectors that a network has learned. MAPE on a
part of the test rows. The network's vectors are those of its first member with the cosine rate,
looked up for training rows too, as in the paper; EmbeddingEncoder gives these out-of-fold vectors.
kNN takes 10 neighbours weighted by distance (integer codes standardised), the random forest 25
trees that try half of the columns, boosting 300 rounds of 127 leaves: less than in the paper."""


class Task(NamedTuple):
    """Training part, rows drawn from it, and test rows."""

    X: pd.DataFrame
    sales: np.ndarray
    part: np.ndarray
    drawn: np.ndarray
    test: np.ndarray


def read_table(path: Path) -> pd.DataFrame:
    """The table in the order of its dates, the paper's columns as categories."""
    frame = pd.read_parquet(path, columns=["Date", "Sales", *DIMS])
    frame = frame[frame["Sales"] > 0].sort_values(["Date", "Store"], kind="stable")
    return frame.astype(dict.fromkeys(DIMS, str)).reset_index(drop=True)


def make_task(frame: pd.DataFrame, split: str, n_drawn: int, n_test: int | None) -> Task:
    """One of the paper's two splits."""
    rng = np.random.default_rng(SEED)
    order = rng.permutation(len(frame)) if split == "shuffled" else np.arange(len(frame))
    part, test = np.split(order, [int(0.9 * len(frame))])
    drawn = part[rng.integers(0, len(part), n_drawn)]
    return Task(frame[list(DIMS)], frame["Sales"].to_numpy(float), part, drawn, test[:n_test])


def make_line(line: str, task: Task, n_networks: int, **changes: Any) -> EmbeddingRegressor:
    """An unfitted model."""
    if line not in ("network", "cosine"):
        loss = "absolute_error" if "absolute" in line else "squared_error"
        return EmbeddingRegressor(loss=loss, random_state=SEED, **changes)
    rng = np.random.default_rng(SEED)
    starts, multipliers = {}, {}
    for name, dim in DIMS.items():
        categories = task.X[name].unique()
        starts[name] = {value: rng.uniform(-0.05, 0.05, dim) for value in categories}
        absent = (1 - 1 / len(categories)) ** PAPER["batch_size"]
        multipliers[name] = 1 / np.sqrt(1 - absent)
    rate = "cosine" if line == "cosine" else "constant"
    given = {"initial_embeddings": starts, "learning_rate_multipliers": multipliers}
    given |= {"learning_rate": rate, "n_estimators": n_networks}
    return EmbeddingRegressor(**PAPER | given | changes, random_state=SEED)


def error(model: Any, X: Any, sales: np.ndarray) -> float:
    """MAPE of a model of the logarithm."""
    return float(np.mean(np.abs(np.exp(model.predict(X)) - sales) / sales))


def run_line(
    model: EmbeddingRegressor, task: Task, rows: np.ndarray, weighted: bool
) -> tuple[float, float]:
    """MAPE and seconds of the fit; ``weighted`` gives a row that was drawn twice once, weight 2."""
    weight, start = None, time.perf_counter()
    if weighted:
        rows, weight = np.unique(rows, return_counts=True)
    model.fit(task.X.iloc[rows], np.log(task.sales[rows]), weight)
    seconds = time.perf_counter() - start
    return error(model, task.X.iloc[task.test], task.sales[task.test]), seconds


def encode(name: str, task: Task, test: np.ndarray, network: EmbeddingRegressor) -> list[Any]:
    """Training and test rows as other models get them."""
    X, X_test = task.X.iloc[task.drawn], task.X.iloc[test]
    if name == "network's vectors":
        return [network.transform(X), network.transform(X_test)]
    if name == "EmbeddingEncoder":
        encoder = EmbeddingEncoder(task="regression", random_state=SEED)
    elif name == "one-hot":
        encoder = OneHotEncoder(handle_unknown="ignore")
    else:
        encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
        # In the order of numbers, as the paper has them.
        numbers = dict.fromkeys(set(DIMS) - {"State"}, int)
        X, X_test = X.astype(numbers), X_test.astype(numbers)
    return [encoder.fit_transform(X, np.log(task.sales[task.drawn])), encoder.transform(X_test)]


def run_models(
    task: Task, network: EmbeddingRegressor, n_test: int, report: Callable[..., None]
) -> None:
    """Every model on every input; one-hot columns are for kNN alone."""
    y, test = np.log(task.sales[task.drawn]), task.test
    if n_test < len(test):
        test = np.random.default_rng(SEED).choice(test, n_test, replace=False)
    for name in INPUTS:
        blocks = encode(name, task, test, network)
        for key, model in MODELS.items() if name != "one-hot" else [("kNN", MODELS["kNN"])]:
            X, X_test = blocks
            if key == "kNN" and name == "integer codes":
                scaler = StandardScaler().fit(X)
                X, X_test = scaler.transform(X), scaler.transform(X_test)
            report(key, name, error(clone(model).fit(X, y), X_test, task.sales[test]))


def table_of_lines(results: dict) -> Iterator[str]:
    """A row per line and split."""
    yield "| line | split | networks | MAPE | published | goal, at most | fit, s |"
    yield "|---|---|---|---|---|---|---|"
    for (line, split), (mape, seconds, n_networks) in results.items():
        goal = WANTED.get((line, split))
        judged = f"{goal:.3f}: {'reached' if mape <= goal else 'missed'}" if goal else ""
        known = f"{PUBLISHED[split]:.3f}"
        name = LINES.get(line, f"the paper's network: {line}")
        cells = [name, split, str(n_networks), f"{mape:.4f}", known, judged, f"{seconds:.0f}"]
        yield f"| {' | '.join(cells)} |"


def table_of_models(results: dict) -> Iterator[str]:
    """A row per model and split."""
    yield f"| model | split | {' | '.join(INPUTS)} |"
    yield "|---" * (2 + len(INPUTS)) + "|"
    for model, split in dict.fromkeys(key[:2] for key in results):
        mapes = [results.get((model, split, name)) for name in INPUTS]
        texts = ["" if mape is None else f"{mape:.4f}" for mape in mapes]
        yield f"| {model} | {split} | {' | '.join(texts)} |"


def render(settings: list[str], lines: dict, models: dict) -> str:
    """The whole page."""
    versions = ", ".join(f"{m.__name__} {m.__version__}" for m in (skembed, sklearn, np, scipy, pd))
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    machine = (
        f"{os.cpu_count()} cores, {threads} of them for OpenMP (OMP_NUM_THREADS), "
        f"Python {platform.python_version()}, {versions}."
    )
    page = ["# Entity embeddings of the Rossmann stores", "", *settings, machine, "", NOTES, ""]
    if any(line == "cosine" for line, _ in lines):
        page += [NOTES_COSINE, ""]
    page += table_of_lines(lines)
    if models:
        page += ["", NOTES_MODELS, "", *table_of_models(models)]
    return "\n".join([*page, ""])


def parse() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = partial(str.split, sep=",")
    parser.add_argument("--data", type=Path, required=True, help="a file, see the top of this file")
    parser.add_argument("--rows", type=int, default=200_000, help="drawn; default: %(default)s")
    parser.add_argument("--networks", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--jobs", type=int, default=1, help="processes; default: %(default)s")
    parser.add_argument("--lines", type=names, default=list(LINES), help="of %(default)s")
    parser.add_argument("--splits", type=names, default=list(SPLITS), help="of %(default)s")
    parser.add_argument("--model-rows", type=int, default=20_000, help="tested; 0: no other models")
    parser.add_argument("--vectors-of", default="cosine", help="a line; default: %(default)s")
    parser.add_argument("--variants", action="store_true", help="of the paper's network")
    parser.add_argument("--smoke", action="store_true", help="few rows and one epoch, no figures")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results/rossmann.md")
    return parser.parse_args()


def main() -> None:
    """Measure, print and write."""
    args = parse()
    if args.smoke:
        args.rows, args.networks, args.model_rows = 4000, 1, 500
        PAPER["max_iter"] = 1
        MODELS["boosting"].set_params(max_iter=10)
    # Names for paths: where the files lay on this machine tells nothing.
    settings = [f"`python benchmarks/rossmann.py {' '.join(Path(a).name for a in sys.argv[1:])}`"]
    settings += ["", f"{args.rows:,} training rows where not all are used, seed {SEED};"]
    frame, lines, models = read_table(args.data), {}, {}
    args.out.parent.mkdir(parents=True, exist_ok=True)

    def write(store: dict, key: tuple, value: Any) -> None:
        store[key] = value
        print(*key, value, flush=True)
        args.out.write_text(render(settings, lines, models), encoding="utf-8")

    tasks = {s: make_task(frame, s, args.rows, 2000 if args.smoke else None) for s in args.splits}
    if args.variants:
        for split, task in tasks.items():
            for name, changes in VARIANTS.items():
                model = make_line("network", task, 1, **changes)
                write(lines, (name, split), (*run_line(model, task, task.drawn, False), 1))
        return
    for line in args.lines:
        for split, task in tasks.items():
            rows = task.part[: 2 * args.rows] if args.smoke else task.part
            rows = rows if line.startswith("all_rows") else task.drawn
            # The rate is changed in this process alone.
            n_jobs = 1 if line == "seen" else args.jobs
            model = make_line(line, task, args.networks, n_jobs=n_jobs)
            _unseen._RATE = 0.0 if line == "seen" else UNSEEN
            found = run_line(model, task, rows, weighted=line not in ("cosine", "network"))
            write(lines, (line, split), (*found, model.n_estimators))
            if line == args.vectors_of and args.model_rows:
                run_models(
                    task,
                    model,
                    args.model_rows,
                    lambda k, n, v, s=split: write(models, (k, s, n), v),
                )


if __name__ == "__main__":
    main()
