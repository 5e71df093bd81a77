"""Quality of categorical encoders, each in front of three kinds of model, on real tables.

Without ``--data`` the two tables shipped with the package are used. Else DIR holds a NAME.parquet
per table and a tasks.json: ``{NAME: {"task": "regression" | "binary" | "multiclass", "target":
column (by default the last), "drop": columns, "categorical": numeric columns that are categories,
"log": true for log(1 + target)}}``. Dates are left out. The page is written anew after every
encoder, so that a run that is stopped loses nothing. Needs scikit-learn 1.9.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

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
UNKNOWN_IN, FEWEST_UNKNOWN = ("the widest column", "any column"), 200
GOALS = (
    ("linear", ["onehot", "target"], 0.002, 0.01, "9 and 4 of 10"),
    ("kNN", ["onehot", "target"], 0.002, 0.01, "8 and 4 of 10"),
    ("boosting", ["target"], 0.003, 0, "10 and 6 of 10"),
)
NOTES = """\
Scores are R2 for regression, ROC AUC for two classes, else accuracy: means ± standard deviations
over the same folds. Categories are strings, missing ones a category. OneHotEncoder pools categories
of fewer than 5 rows and keeps at most 200 a column; all else are defaults, with seed 0. Before the
linear model (RidgeCV, LogisticRegression) and kNN (20 neighbours) the encoded block is centred and
divided by one number, and numeric columns are imputed and standardised; boosting
(HistGradientBoosting) gets both as they are. Seconds are those of encoding the training rows and
fitting the model; `fit_transform` is on all rows. For two classes there are scores on those test
rows alone whose category is unknown, in the column of most categories or in any."""
EXAMPLE = """\
The data of scikit-learn's example "Target Encoder's Internal Cross fitting": 50,000 rows with an
informative column, the same shuffled, and a near-unique one, both of which are noise. R2 of Ridge
on a quarter of the rows; then with the near-unique column alone."""


class Table(NamedTuple):
    """One task: categories as strings, numbers with NaN where missing, and the target."""

    task: str
    categories: pd.DataFrame
    numbers: np.ndarray
    y: np.ndarray


def make_folds(task: str, n_folds: int) -> KFold | StratifiedKFold:
    """Folds in random order, of equal shares of the classes."""
    kind = KFold if task == "regression" else StratifiedKFold
    return kind(n_folds, shuffle=True, random_state=SEED)


def read_tables(folder: Path | None, max_rows: int, only: list[str]) -> Iterator[tuple[str, Table]]:
    """The tables that were asked for, one after the other."""
    shipped = {"employee_salaries": load_employee_salaries, "flights": load_flights}
    specs = {name: {"task": "regression"} for name in shipped}
    if folder:
        specs = json.loads((folder / "tasks.json").read_text(encoding="utf-8"))
    for name, spec in specs.items():
        if not only or name in only:
            frame = pd.read_parquet(folder / f"{name}.parquet") if folder else shipped[name]().frame
            yield name, make_table(frame, spec, max_rows)


def make_table(frame: pd.DataFrame, spec: dict, max_rows: int) -> Table:
    """A sample of the rows whose target is known, with columns sorted by kind."""
    target = spec.get("target", frame.columns[-1])
    frame = frame.drop(columns=spec.get("drop", [])).select_dtypes(exclude="datetime")
    frame = frame.dropna(subset=target)
    if len(frame) > max_rows:
        frame = frame.sample(max_rows, random_state=SEED)
    y = frame.pop(target)
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
    one_hot = OneHotEncoder(min_frequency=5, max_categories=200, sparse_output=False)
    one_hot.set_params(handle_unknown="infrequent_if_exist", dtype=np.float32)
    target_type = "continuous" if task == "regression" else task
    ours = partial(EmbeddingEncoder, random_state=SEED)
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


def make_inputs(model: str, encoded: list, numbers: list) -> list[np.ndarray]:
    """What a model gets of the training and of the test rows."""
    if model != "boosting":
        # One divisor for the whole block: coordinates keep their proportions.
        centred = [part - encoded[0].mean(axis=0, dtype=float) for part in encoded]
        encoded = [part / max(centred[0].std(axis=0).max(), 1e-12) for part in centred]
        if numbers[0].shape[1]:
            impute = SimpleImputer(strategy="median", keep_empty_features=True)
            scale = make_pipeline(impute, StandardScaler()).fit(numbers[0])
            numbers = [scale.transform(part) for part in numbers]
    return [np.hstack(pair) for pair in zip(encoded, numbers, strict=True)]


def find_unknown(table: Table, train: np.ndarray, test: np.ndarray) -> dict[str, np.ndarray]:
    """Which test rows hold a category that the training rows do not, in both meanings."""
    new = table.categories.apply(lambda column: ~column.iloc[test].isin(column.iloc[train]))
    largest = table.categories.nunique().idxmax()
    found = new[largest].to_numpy(), new.to_numpy().any(axis=1)
    return dict(zip(UNKNOWN_IN, found, strict=True)) if table.task == "binary" else {}


def evaluate(encoder, table: Table, n_folds: int) -> dict[str, list[float]]:
    """Scores and seconds of each model, one per fold; each fold is encoded once for all models."""
    result, scorer = defaultdict(list), get_scorer(METRICS[table.task])
    for train, test in make_folds(table.task, n_folds).split(table.categories, table.y):
        start, fitted = time.perf_counter(), clone(encoder)
        encoded = fitted.fit_transform(table.categories.iloc[train], table.y[train])
        encoding = time.perf_counter() - start
        blocks = [encoded, fitted.transform(table.categories.iloc[test])]
        for name, model in make_models(table.task).items():
            start = time.perf_counter()
            X, X_test = make_inputs(name, blocks, [table.numbers[train], table.numbers[test]])
            model.fit(X, table.y[train])
            result[f"{name} s"].append(encoding + time.perf_counter() - start)
            result[name].append(scorer(model, X_test, table.y[test]))
            for where, rows in find_unknown(table, train, test).items() if name == "linear" else ():
                result[f"{where} rows"].append(rows.sum())
                if len(set(table.y[test][rows])) == 2:
                    result[where].append(scorer(model, X_test[rows], table.y[test][rows]))
    for where in UNKNOWN_IN:
        if sum(result[f"{where} rows"]) < FEWEST_UNKNOWN:
            result.pop(where, None)
    start = time.perf_counter()
    clone(encoder).fit_transform(table.categories, table.y)
    result["all rows s"] = [time.perf_counter() - start]
    return result


def run_example(encoder) -> list[float]:
    """Test R2 with all columns, then with the near-unique one alone."""
    n, n_categories, rng = 50_000, 100, np.random.RandomState(42)
    y = rng.randn(n)
    noisy = y + 0.5 * rng.randn(n)
    edges = np.linspace(noisy.min(), noisy.max(), n_categories + 1)
    informative = rng.permutation(n_categories)[np.digitize(noisy, edges[1:-1])]
    columns = {"informative": informative, "shuffled": rng.permutation(informative)}
    X = pd.DataFrame(columns | {"near_unique": rng.choice(int(0.9 * n), size=n)})
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=SEED)
    parts, model = (list(X), ["near_unique"]), make_pipeline(encoder, Ridge(alpha=1e-6))
    return [model.fit(X_train[p], y_train).score(X_test[p], y_test) for p in parts]


def differences(results: dict, what: str, ours: str, peers: list[str]) -> np.ndarray:
    """Mean score minus that of the best peer, on every table where all have one."""
    names = [ours, *peers]
    complete = [r for r in results.values() if all(what in r.get(name, {}) for name in names)]
    means = np.array([[np.mean(r[name][what]) for name in names] for r in complete])
    return means[:, 0] - means[:, 1:].max(axis=1) if len(means) else np.empty(0)


def summarise(results: dict, example: dict) -> Iterator[str]:
    """A row per goal that can be judged: the goal, what is wanted, what was reached."""
    for model, peers, slack, ahead, wanted in GOALS:
        if len(d := differences(results, model, "embedding", peers)):
            rivals = " and ".join(LABELS[peer] for peer in peers)
            goal = f"{model}: at most {slack} below {rivals}; more than {ahead} above"
            reached = f"{np.sum(d >= -slack)} and {np.sum(d > ahead)} of {len(d)}"
            yield f"| {goal} | {wanted} | {reached}; from {d.min():+.4f} to {d.max():+.4f} |"
    if len(d := differences(results, "linear", "learned", ["onehot"])):
        yield f"| linear: learned vectors above one-hot | 6 of 10 | {np.sum(d > 0)} of {len(d)} |"
    for name, result in results.items():
        for where in UNKNOWN_IN:
            for d in differences({name: result}, where, "embedding", ["target"]):
                yield f"| {name}, unknown in {where}: above TargetEncoder | 0 | {d:+.4f} |"
        if name == "employee_salaries":
            for d in differences({name: result}, "linear", "learned", ["learned_no_cv"]):
                yield f"| {name}: learned vectors, cv=5 minus cv=None | -0.01 | {d:+.4f} |"
    if seconds := [r["embedding"]["all rows s"][0] for r in results.values() if "embedding" in r]:
        yield f"| slowest `fit_transform` of EmbeddingEncoder | below 10 s | {max(seconds):.1f} s |"
    if {"embedding", "learned", "target"} <= example.keys():
        d = example["embedding"][0] - example["target"][0]
        yield f"| noise example: EmbeddingEncoder minus TargetEncoder | -0.01 | {d:+.4f} |"
        noise = max(example["embedding"][1], example["learned"][1])
        yield f"| noise example: R2 of the noise alone, at most | below 0.01 | {noise:+.4f} |"


def render(settings: list[str], results: dict, example: dict) -> str:
    """The whole page."""
    versions = ", ".join(f"{m.__name__} {m.__version__}" for m in (skembed, sklearn, np, scipy, pd))
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    machine = (
        f"{os.cpu_count()} cores, {threads} of them for OpenMP (OMP_NUM_THREADS), "
        f"Python {platform.python_version()}, {versions}."
    )
    lines = ["# Quality of categorical encoders", "", *settings, machine, "", NOTES, ""]
    lines += ["| goal | wanted | reached |", "|---|---|---|", *summarise(results, example), ""]
    head = f"table | encoder | {' | s | '.join(MODELS)} | s | `fit_transform`, s"
    head += "".join(f" | linear, unknown in {where} | rows" for where in UNKNOWN_IN)
    lines += [f"| {head} |", "|---" * 13 + "|"]
    for name, result in results.items():
        for encoder, r in result.items():
            cells = [f"{cell(r[model])} | {np.mean(r[f'{model} s']):.1f}" for model in MODELS]
            rest = [f"{cell(r[w])} | {sum(r[f'{w} rows']) or ''}" for w in UNKNOWN_IN if w in r]
            line = [name, LABELS[encoder], *cells, f"{r['all rows s'][0]:.1f}", *rest]
            lines += [f"| {' | '.join(line)} |" + " |" * (4 - 2 * len(rest))]
    lines += ["", EXAMPLE, "", "| encoder | R2 | R2, noise alone |", "|---|---|---|"]
    lines += [f"| {LABELS[k]} | {r2:.4f} | {noise:+.4f} |" for k, (r2, noise) in example.items()]
    return "\n".join([*lines, ""])


def cell(scores: list[float]) -> str:
    """Mean and deviation."""
    return f"{np.mean(scores):.4f} ± {np.std(scores):.4f}"


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = partial(str.split, sep=",")
    parser.add_argument("--data", type=Path, help="a folder, see the top of this file")
    parser.add_argument("--only", type=names, help="tables; near_unique is the noise example")
    parser.add_argument("--encoders", type=names, default=list(LABELS), help="of %(default)s")
    parser.add_argument("--folds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--max-rows", type=int, default=20_000, help="default: %(default)s")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results/quality.md")
    args = parser.parse_args()
    # Names for paths: where the files lay on this machine tells nothing.
    settings = [f"`python benchmarks/quality.py {' '.join(Path(a).name for a in sys.argv[1:])}`"]
    settings += ["", f"{args.folds} folds, at most {args.max_rows:,} rows a table;"]
    results, example = defaultdict(dict), {}
    warnings.simplefilter("ignore")  # unknown categories, linear models that need more steps
    args.out.parent.mkdir(parents=True, exist_ok=True)
    for name, table in read_tables(args.data, args.max_rows, args.only):
        for key in args.encoders:
            results[name][key] = r = evaluate(make_encoders(table.task)[key], table, args.folds)
            print(f"{name:20}{LABELS[key]:50}", *(cell(r[model]) for model in MODELS), flush=True)
            args.out.write_text(render(settings, results, example), encoding="utf-8")
    for key in args.encoders if not args.only or "near_unique" in args.only else ():
        example[key] = run_example(make_encoders("regression")[key])
        args.out.write_text(render(settings, results, example), encoding="utf-8")
    print(f"\n{render(settings, results, example)}")


if __name__ == "__main__":
    main()
