"""One table in the containers of all libraries, pages that run, a gradient check, and checks that
cannot apply.
"""

import ast
import contextlib
import io
import json
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

try:
    import polars as pl
except ModuleNotFoundError:
    pl = None

Columns = Mapping[str, Sequence[Any]]

# All but these have wheels for Python without the global lock, too.
SOME_LACK = ("onnx", "onnxruntime", "polars", "skl2onnx")
ABSENT = {name for name in SOME_LACK if find_spec(name) is None}


def imported(path: Path) -> set[str]:
    """The libraries that a file imports at its top."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    names = {alias.name for node in body if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in body if isinstance(node, ast.ImportFrom)}
    return {name.split(".")[0] for name in names}


# scikit-learn has callbacks since 1.9.
OF_CALLBACKS = ["test_callbacks.py", "test_progress_bar.py"]
collect_ignore = [] if find_spec("sklearn.callback") else OF_CALLBACKS
if ABSENT:
    files = Path(__file__).parent.rglob("test_*.py")
    collect_ignore += [str(path) for path in files if imported(path) & ABSENT]


def pytest_report_header() -> list[str]:
    head = f"without {', '.join(sorted(ABSENT))}: {len(collect_ignore)} files of tests are left out"
    return [head] if ABSENT else []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # scikit-learn lists this check for every estimator, and it skips itself for all that do not
    # claim support of the array API. Ours read categories with pandas and claim none.
    away = [item for item in items if "check_array_api_input" in item.name]
    # Those of large libraries are left out where these are absent, so that -m slow runs anywhere.
    libraries = {"spark": "pyspark"} | {
        name: name for name in ("torch", "dask", "mlflow", "gensim")
    }
    absent = {mark for mark, name in libraries.items() if find_spec(name) is None}
    away += [item for item in items if absent & {mark.name for mark in item.iter_markers()}]
    if away:
        config.hook.pytest_deselected(items=away)
        items[:] = [item for item in items if item not in away]


PYTHON_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="session")
def run_page() -> Callable[[str, str], None]:
    """Run the Python blocks of a page from top to bottom, and compare what is printed with what
    stands beside each ``print``.
    """

    def run(page: str, name: str) -> None:
        namespace = {"__name__": "page"}
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            for block in PYTHON_BLOCK.finditer(page):
                line = page[: block.start(1)].count("\n")
                # Empty lines in front give errors the line number of the page.
                exec(compile("\n" * line + block.group(1), name, "exec"), namespace)
        blocks = "\n".join(PYTHON_BLOCK.findall(page))
        promised = re.findall(r"^ *print\(.*\)  # (.*)$", blocks, re.MULTILINE)
        assert printed.getvalue().splitlines() == promised
        assert len(promised) == blocks.count("print(") > 0

    return run


def _objects(columns: Columns) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(v, dtype=object) for name, v in columns.items()})


def _shuffled_categories(values: Sequence[Any]) -> pd.Categorical:
    """A dictionary in an order of its own, with an entry that no row uses."""
    distinct = list(pd.unique(pd.Series(values, dtype=object).dropna()))
    unused = "no such value" if all(isinstance(v, str) for v in distinct) else 987654
    return pd.Categorical(values, categories=[unused, *distinct[::-1]])


def _nullable_dtype(values: Sequence[Any]) -> Any:
    """The dtype with a missing value of its own; `convert_dtypes` would take floats between."""
    kinds = {type(v) for v in values if v is not None}
    names = {str: "string", bool: "boolean", int: "Int64", float: "Float64"}
    return names.get(kinds.pop(), object) if len(kinds) == 1 else object


def _enum(values: Sequence[Any]) -> "pl.Enum":
    """As `_shuffled_categories`."""
    distinct = dict.fromkeys(v for v in values if v is not None)
    return pl.Enum(["no such value", *reversed(distinct)])


def _numpy(columns: Columns) -> np.ndarray:
    array = np.empty((len(next(iter(columns.values()))), len(columns)), dtype=object)
    for j, values in enumerate(columns.values()):
        array[:, j] = values
    return array


TABLES: dict[str, Callable[[Columns], Any]] = {
    "pandas-object": _objects,
    "pandas-str": lambda columns: pd.DataFrame(
        {
            name: pd.Series(v, dtype=str if all(isinstance(x, str) for x in v) else None)
            for name, v in columns.items()
        }
    ),
    "pandas-nullable": lambda columns: pd.DataFrame(
        {name: pd.Series(v, dtype=_nullable_dtype(v)) for name, v in columns.items()}
    ),
    "pandas-categorical": lambda columns: pd.DataFrame(
        {name: _shuffled_categories(v) for name, v in columns.items()}
    ),
    "polars": lambda columns: pl.DataFrame({n: list(v) for n, v in columns.items()}, strict=False),
    "polars-categorical": lambda columns: pl.DataFrame(
        {
            name: pl.Series(v, dtype=pl.Categorical if isinstance(v[0], str) else None)
            for name, v in columns.items()
        }
    ),
    "polars-enum": lambda columns: pl.DataFrame(
        {
            name: pl.Series(v, dtype=_enum(v) if isinstance(v[0], str) else None)
            for name, v in columns.items()
        }
    ),
    "pyarrow": lambda columns: pa.table({n: pa.array(list(v)) for n, v in columns.items()}),
    "pyarrow-dictionary": lambda columns: pa.table(
        {n: pa.array(list(v)).dictionary_encode() for n, v in columns.items()}
    ),
    "numpy": _numpy,
}
if pl is None:
    TABLES = {name: make for name, make in TABLES.items() if not name.startswith("polars")}


@pytest.fixture(params=TABLES)
def make_table(request: pytest.FixtureRequest) -> Callable[[Columns], Any]:
    """Build a table from a dict column -> values, with None where missing, in one container."""
    return TABLES[request.param]


@pytest.fixture
def half_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Predictions are half of the networks and half of the linear model.

    Networks of a few steps often get no share, and what they say would not be seen.
    """
    monkeypatch.setattr("skembed._blend._SHARES", np.array([0.5]))


@pytest.fixture(scope="module")
def half_of_each_in_module() -> Iterator[None]:
    """`half_of_each` for fits of fixtures that are kept."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skembed._blend._SHARES", np.array([0.5]))
        yield


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks of predictors take the epochs of `max_iter`, however few steps these are.

    Where nothing depends on how far they are trained, the 500 steps that small samples take
    otherwise prove nothing more.
    """
    monkeypatch.setattr("skembed._blend._LEAST_STEPS", 1)


@pytest.fixture
def rough(monkeypatch: pytest.MonkeyPatch) -> None:
    """The equations of bags are solved in two steps, roughly.

    For tests that compare fits or their shapes, which are the same however far the steps lead.
    """
    monkeypatch.setattr("skembed._effects._N_SOLVER_STEPS", 2)
    monkeypatch.setattr("skembed.nn._linearised._N_SOLVER_STEPS", 2)


_BRING = """
import json, pickle, sys
size = pickle.loads(bytes.fromhex(sys.argv[1])).relative_size
from skembed import EmbeddingEncoder
of_one, names = [*sys.modules], {}
for package in ("skembed", "skembed.nn", "skembed.datasets"):
    space = {}
    exec(f"from {package} import *", space)
    names[package] = [*space]
print(json.dumps({"size": size, "of_one": of_one, "names": names, "of_all": [*sys.modules]}))
"""


@pytest.fixture(scope="session")
def brought() -> dict[str, Any]:
    """What a process of its own finds: the ``size`` of a pickled split, before it has imported
    anything; the modules that an estimator has brought then; the ``names`` that a star brings from
    each package; and the modules that all of them have brought.
    """
    from skembed import RelativeSplit

    split = pickle.dumps(RelativeSplit(relative_size=(3, 1))).hex()
    path = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", _BRING, split]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=path)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def assert_gradient() -> Callable[..., None]:
    """Compare a gradient with central differences along random directions, in float64.

    ``function`` takes a dict of arrays and returns a number; ``gradient`` has the same keys.
    """

    def check(
        function: Callable[[dict[str, np.ndarray]], float],
        point: dict[str, np.ndarray],
        gradient: dict[str, np.ndarray],
        *,
        tolerance: float = 1e-6,
        step: float = 1e-5,
        n_directions: int = 5,
    ) -> None:
        assert point.keys() == gradient.keys()
        assert all(value.dtype == np.float64 for value in point.values())
        rng = np.random.default_rng(0)
        for _ in range(n_directions):
            way = {name: rng.normal(size=value.shape) for name, value in point.items()}
            ahead = function({name: point[name] + step * way[name] for name in point})
            behind = function({name: point[name] - step * way[name] for name in point})
            expected = sum(float(np.vdot(gradient[name], way[name])) for name in point)
            size = sum(float(np.abs(gradient[name] * way[name]).sum()) for name in point)
            assert abs((ahead - behind) / (2 * step) - expected) <= tolerance * max(size, 1e-3)

    return check
