"""Quality of categorical encoders, each in front of three kinds of model, on real tables.

usage: python benchmarks/quality.py [--data DIR] [--only NAMES] [--encoders NAMES] [--folds N]
                                    [--max-rows N] [--out FILE]

Without ``--data`` the two tables shipped with the package are used. Else DIR holds a NAME.parquet
per table and a tasks.json: ``{NAME: {"target": column, "task": "regression" | "binary" |
"multiclass", "drop": [columns], "categorical": [numeric columns that are categories], "log": true
for log(1 + target)}}``; only target and task must be given. The page is written anew after every
encoder, so that a run that is stopped loses nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
import warnings
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import scipy
import sklearn
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, RidgeCV
from sklearn.metrics import get_scorer
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

import skembed
from skembed import EmbeddingEncoder
from skembed.datasets import load_employee_salaries, load_flights

SEED = 0
EXAMPLE = "near_unique"
MODELS = ("linear", "boosting", "kNN")
METRICS = {"regression": "r2", "binary": "roc_auc", "multiclass": "accuracy"}
LABELS = {
    "onehot": "OneHotEncoder",
    "target": "TargetEncoder",
    "embedding": "EmbeddingEncoder",
    "learned": "EmbeddingEncoder(target_effect=False)",
    "no_cv": "EmbeddingEncoder(cv=None)",
    "learned_no_cv": "EmbeddingEncoder(target_effect=False, cv=None)",
}
UNKNOWN_IN = ("the column of most categories", "any column")
FEWEST_UNKNOWN = 200
NOTES = """\
Scores are means ± standard deviations over the same {folds} folds; higher is better. Categories are
strings, and missing ones a category. OneHotEncoder pools categories of fewer than 5 rows and keeps
200 a column at most; all else are defaults, with seed {seed} wherever there is randomness. Before
the linear model (RidgeCV, LogisticRegression) and kNN (20 neighbours) the encoded block is centred
and divided by one number, and numeric columns are imputed and standardised; boosting
(HistGradientBoosting) gets both as they are. Seconds are those of encoding the training rows and
fitting the model; in the last column those of `fit_transform` on all rows of the table."""
EXAMPLE_NOTES = """\
The data of scikit-learn's example "Target Encoder's Internal Cross fitting": 50,000 rows with an
informative column, the same shuffled, and a near-unique one, both of which are noise. R2 of Ridge
on a quarter of the rows; then with the near-unique column alone."""


@dataclass(frozen=True)
class Table:
    """One task: categories as strings, numbers with NaN where missing, and the target."""

    task: str
    categories: pd.DataFrame
    numbers: np.ndarray
    y: np.ndarray

    def splits(self, n_folds: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Training and test rows of each fold."""
        return make_folds(self.task, n_folds).split(self.categories, self.y)

    def unknown(self, train: np.ndarray, test: np.ndarray) -> dict[str, np.ndarray]:
        """Which test rows hold a category that the training rows do not, in both meanings."""
        columns = [self.categories[name] for name in self.categories]
        new = np.column_stack([~c.iloc[test].isin(c.iloc[train].unique()) for c in columns])
        largest = int(np.argmax([column.nunique() for column in columns]))
        return dict(zip(UNKNOWN_IN, (new[:, largest], new.any(axis=1)), strict=True))


def make_folds(task: str, n_folds: int) -> KFold | StratifiedKFold:
    """Folds in random order, of equal shares of the classes."""
    kind = KFold if task == "regression" else StratifiedKFold
    return kind(n_folds, shuffle=True, random_state=SEED)


def read_tables(folder: Path | None, max_rows: int, only: list[str]) -> Iterator[tuple[str, Table]]:
    """The tables that were asked for, one after the other."""
    shipped = {"employee_salaries": load_employee_salaries, "flights": load_flights}
    specs = dict.fromkeys(shipped, {"task": "regression"})
    if folder:
        specs = json.loads((folder / "tasks.json").read_text(encoding="utf-8"))
    for name, spec in specs.items():
        if only and name not in only:
            continue
        if folder:
            frame = pd.read_parquet(folder / f"{name}.parquet")
        else:
            frame = shipped[name]().frame
            dates = list(frame.select_dtypes("datetime"))
            spec = spec | {"target": frame.columns[-1], "drop": dates}
        yield name, make_table(frame, spec, max_rows)


def make_table(frame: pd.DataFrame, spec: dict, max_rows: int) -> Table:
    """A sample of the rows whose target is known, with columns sorted by kind."""
    frame = frame.drop(columns=spec.get("drop", [])).dropna(subset=spec["target"])
    if len(frame) > max_rows:
        frame = frame.sample(max_rows, random_state=SEED)
    y = frame.pop(spec["target"])
    chosen = spec.get("categorical", [])
    is_number = [pd.api.types.is_numeric_dtype(frame[c]) and c not in chosen for c in frame]
    numbers = frame.loc[:, is_number].to_numpy(dtype=float, na_value=np.nan)
    categories = frame.drop(columns=frame.columns[is_number]).astype(object).reset_index(drop=True)
    categories = categories.where(categories.notna(), "__missing__").astype(str).astype(object)
    if spec["task"] == "regression":
        y = np.log1p(y.astype(float)) if spec.get("log") else y.astype(float)
    else:
        y = pd.Series(pd.factorize(y, sort=True)[0])
    return Table(spec["task"], categories, numbers, y.to_numpy())


def make_encoders(task: str) -> dict:
    """All encoders, unfitted, by the names in ``LABELS``."""
    one_hot = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=5,
        max_categories=200,
        sparse_output=False,
        dtype=np.float32,
    )
    target_type = "continuous" if task == "regression" else task
    kind = "regression" if task == "regression" else "classification"
    ours = partial(EmbeddingEncoder, task=kind, random_state=SEED)
    return {
        "onehot": one_hot,
        "target": TargetEncoder(target_type=target_type, cv=make_folds(task, 5)),
        "embedding": ours(),
        "learned": ours(target_effect=False),
        "no_cv": ours(cv=None),
        "learned_no_cv": ours(target_effect=False, cv=None),
    }


def make_models(task: str) -> dict:
    """The models behind the encoders, unfitted."""
    if task == "regression":
        linear = RidgeCV(alphas=np.logspace(-3, 3, 13))
        models = linear, HistGradientBoostingRegressor(random_state=SEED), KNeighborsRegressor(20)
    else:
        linear = LogisticRegression(max_iter=500)
        models = linear, HistGradientBoostingClassifier(random_state=SEED), KNeighborsClassifier(20)
    return dict(zip(MODELS, models, strict=True))


def scale_as_block(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre a block and divide it by its largest deviation: coordinates keep their proportions."""
    mean, scale = train.mean(axis=0, dtype=float), train.std(axis=0, dtype=float).max()
    return (train - mean) / max(scale, 1e-12), (test - mean) / max(scale, 1e-12)


def make_inputs(model: str, encoded: tuple, numbers: tuple) -> list[np.ndarray]:
    """What a model gets of the training and of the test rows."""
    if model != "boosting":
        encoded = scale_as_block(*encoded)
        if numbers[0].shape[1]:
            impute = SimpleImputer(strategy="median", keep_empty_features=True)
            scale = make_pipeline(impute, StandardScaler()).fit(numbers[0])
            numbers = tuple(map(scale.transform, numbers))
    return [np.hstack(pair) for pair in zip(encoded, numbers, strict=True)]


def evaluate(encoder, table: Table, n_folds: int) -> dict[str, list[float]]:
    """Scores and seconds of each model, one per fold; each fold is encoded once for all models."""
    result, scorer = defaultdict(list), get_scorer(METRICS[table.task])
    for train, test in table.splits(n_folds):
        start, fitted = time.perf_counter(), clone(encoder)
        encoded = fitted.fit_transform(table.categories.iloc[train], table.y[train])
        encoding = time.perf_counter() - start
        blocks = encoded, fitted.transform(table.categories.iloc[test])
        for name, model in make_models(table.task).items():
            start = time.perf_counter()
            X, X_test = make_inputs(name, blocks, (table.numbers[train], table.numbers[test]))
            model.fit(X, table.y[train])
            result[f"{name} s"].append(encoding + time.perf_counter() - start)
            result[name].append(scorer(model, X_test, table.y[test]))
            if name == "linear" and table.task == "binary":
                for where, rows in table.unknown(train, test).items():
                    if len(set(table.y[test][rows])) == 2:
                        result[where].append(scorer(model, X_test[rows], table.y[test][rows]))
    start = time.perf_counter()
    clone(encoder).fit_transform(table.categories, table.y)
    result["all rows s"] = [time.perf_counter() - start]
    return result


def count_unknown(table: Table, n_folds: int) -> dict[str, int]:
    """Test rows of all folds with an unknown category, where they are to be scored."""
    found = [table.unknown(*split) for split in table.splits(n_folds) if table.task == "binary"]
    counts = {where: sum(int(rows[where].sum()) for rows in found) for where in UNKNOWN_IN}
    return {where: n for where, n in counts.items() if n >= FEWEST_UNKNOWN}


def run_example(encoder) -> list[float]:
    """Test R2 and seconds with all columns, then with the near-unique one alone."""
    n, n_categories, rng = 50_000, 100, np.random.RandomState(42)
    y = rng.randn(n)
    noisy = y + 0.5 * rng.randn(n)
    edges = np.linspace(noisy.min(), noisy.max(), n_categories + 1)
    informative = rng.permutation(n_categories)[np.digitize(noisy, edges[1:-1])]
    columns = {"informative": informative, "shuffled": rng.permutation(informative)}
    X = pd.DataFrame(columns | {EXAMPLE: rng.choice(int(0.9 * n), size=n)})
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=SEED)
    figures = []
    for part in (list(X), [EXAMPLE]):
        start = time.perf_counter()
        model = make_pipeline(clone(encoder), Ridge(alpha=1e-6)).fit(X_train[part], y_train)
        seconds = time.perf_counter() - start
        figures += [model.score(X_test[part], y_test), seconds]
    return figures


def differences(results: dict, what: str, ours: str, peers: list[str]) -> np.ndarray:
    """Mean score minus that of the best peer, on every table where all have one."""
    names = [ours, *peers]
    complete = [r for r in results.values() if all(what in r.get(name, {}) for name in names)]
    means = np.array([[np.mean(r[name][what]) for name in names] for r in complete])
    return means[:, 0] - means[:, 1:].max(axis=1) if len(means) else np.empty(0)


def summarise(results: dict, unknown: dict, example: dict) -> Iterator[str]:
    """A row per goal that can be judged: the goal, what is wanted, what was reached."""
    for model, peers, slack, ahead, wanted in (
        ("linear", ["onehot", "target"], 0.002, 0.01, "9 and 4 of 10"),
        ("kNN", ["onehot", "target"], 0.002, 0.01, "8 and 4 of 10"),
        ("boosting", ["target"], 0.003, 1e-9, "10 and 6 of 10"),
    ):
        if len(d := differences(results, model, "embedding", peers)):
            goal = f"{model}: within {slack} of {' and '.join(LABELS[peer] for peer in peers)}; "
            goal += f"better by {ahead}" if ahead > 1e-9 else "better"
            reached = f"{np.sum(d >= -slack)} and {np.sum(d >= ahead)} of {len(d)}"
            yield f"| {goal} | {wanted} | {reached}; from {d.min():+.4f} to {d.max():+.4f} |"
    if len(d := differences(results, "linear", "learned", ["onehot"])):
        yield f"| linear: learned vectors above one-hot | 6 of 10 | {np.sum(d > 0)} of {len(d)} |"
    salaries = {name: r for name, r in results.items() if name == "employee_salaries"}
    for d in differences(salaries, "linear", "learned", ["learned_no_cv"]):
        yield f"| employee_salaries: learned, cv=5 minus cv=None | at least -0.01 | {d:+.4f} |"
    for name, counts in unknown.items():
        for where in counts:
            for d in differences({name: results[name]}, where, "embedding", ["target"]):
                goal = f"{name}: unknown in {where}, EmbeddingEncoder minus TargetEncoder"
                yield f"| {goal} | at least 0 | {d:+.4f} |"
    if seconds := [r["embedding"]["all rows s"][0] for r in results.values() if "embedding" in r]:
        yield f"| slowest `fit_transform` of EmbeddingEncoder | below 10 s | {max(seconds):.1f} s |"
    if {"embedding", "target"} <= example.keys():
        d = example["embedding"][0] - example["target"][0]
        yield f"| example: EmbeddingEncoder minus TargetEncoder | at least -0.01 | {d:+.4f} |"
    if noise := [example[name][2] for name in ("embedding", "learned") if name in example]:
        yield f"| example: R2 of the noise column alone | below 0.01 | {max(noise):+.4f} |"
