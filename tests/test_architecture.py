"""The laws of the house, read off the source with ``ast``; each rule is shown to be able to fail.

A rule is a function of a module (its path inside the package and its syntax tree) that yields one
``(line, message)`` per breach.
"""

from __future__ import annotations

import ast
import configparser
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import sklearn.base

import skembed
from skembed import EmbeddingClassifier, EmbeddingEncoder, EmbeddingRegressor, InputEmbedding

ROOT = Path(__file__).parents[1]
PACKAGE = Path(skembed.__file__).parent

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50

DATAFRAME_LIBRARIES = {"narwhals", "pandas", "polars", "pyarrow"}

# Optional library -> the only module that may import it. That module is imported by no other.
OPTIONAL_MODULES = {
    "matplotlib": "plotting.py",
    "mpl_toolkits": "plotting.py",
    "plotly": "interactive.py",
    "onnx": "onnx.py",
    "onnxruntime": "onnx.py",
    "skl2onnx": "onnx.py",
    "torch": "torch.py",
    "dask": "dask.py",
    "distributed": "dask.py",
}

# The only module that imports by a call: public names of the packages when they are asked for.
LAZY = Path("nn/_lazy.py")

# What only the training loop handles. `momentum` or `batch_size` are constructor parameters too.
TRAINING_WORDS = re.compile(r"gradient|(^|_)grads?(_|$)|backward|backprop|optimi[sz]er", re.I)
TRAINING_MODULES = {"skembed.nn._layers", "skembed.nn._optimizers", "skembed.nn._schedules"}

# The constructor parameters of all estimators: their fits stand in classes without a constructor.
PARAMETERS = {
    name
    for cls in (EmbeddingClassifier, EmbeddingEncoder, EmbeddingRegressor, InputEmbedding)
    for name in cls().get_params(deep=False)
}

LOOKING_UP = re.compile(
    r"(inverse_)?transform|predict|decision_function|score|_gather$|_apply$|_raw_prediction$"
)

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)

Breaches = Iterator[tuple[int, str]]


class Module(NamedTuple):
    """A module: its path relative to the package, its text and its syntax tree."""

    path: Path
    source: str
    tree: ast.Module

    @property
    def in_nn(self) -> bool:
        return self.path.parts[0] == "nn"

    @property
    def is_optional(self) -> bool:
        return str(self.path) in OPTIONAL_MODULES.values()


def parse(path: str | Path, source: str) -> Module:
    return Module(Path(path), source, ast.parse(source))


def top(name: str) -> str:
    return name.partition(".")[0]


def imports(module: Module) -> Iterator[tuple[ast.stmt, str, str]]:
    """Yield ``(statement, full dotted name, bound name)``, relative imports resolved."""
    package = ("skembed", *module.path.parent.parts)
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name, alias.asname or top(alias.name)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else ()
            origin = ".".join((*start, *filter(None, [node.module])))
            for alias in node.names:
                yield node, f"{origin}.{alias.name}", alias.asname or alias.name


def nn_stands_alone(module: Module) -> Breaches:
    """``nn`` imports NumPy, SciPy, the standard library and itself."""
    if not module.in_nn:
        return
    for node, name, _ in imports(module):
        inside = name.startswith("skembed.nn.")
        if not (inside or top(name) in {"numpy", "scipy"} | sys.stdlib_module_names):
            yield node.lineno, f"nn imports {name}"


def dataframes_in_one_place(module: Module) -> Breaches:
    """Dataframe libraries appear where frames are read and values found, and in ``datasets/``."""
    if str(module.path) in {"_frames.py", "_lookup.py"} or module.path.parts[0] == "datasets":
        return
    for node, name, _ in imports(module):
        if top(name) in DATAFRAME_LIBRARIES:
            yield node.lineno, f"{name} belongs into _frames.py"


def optional_libraries_in_one_module(module: Module) -> Breaches:
    """An optional library is imported by its own module alone, and nothing imports that module."""
    optional = {f"skembed.{Path(file).stem}" for file in OPTIONAL_MODULES.values()}
    for node, name, _ in imports(module):
        home = OPTIONAL_MODULES.get(top(name))
        if home is not None and str(module.path) != home:
            yield node.lineno, f"{name} belongs into {home}"
        if ".".join(name.split(".")[:2]) in optional:
            yield node.lineno, f"imports the optional module {name}"


def declared_dependencies_only(module: Module) -> Breaches:
    """What is imported is in the standard library or a dependency of the package in setup.cfg."""
    if module.is_optional:
        return
    for node, name, _ in imports(module):
        if top(name) not in sys.stdlib_module_names | DEPENDENCIES | {"skembed"}:
            yield node.lineno, f"{top(name)} is not a dependency in setup.cfg"


def read_dependencies() -> set[str]:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = config["options"]["install_requires"].split()
    names = {re.match(r"[\w-]+", line).group() for line in lines}
    return {"sklearn" if name == "scikit-learn" else name for name in names}


DEPENDENCIES = read_dependencies()


def is_private(name: str) -> bool:
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__"))


# Inherited private attributes; `_repr_html_` and its like are the protocol of notebooks.
SKLEARN_PRIVATE = {
    name
    for cls in vars(sklearn.base).values()
    if isinstance(cls, type) and cls.__module__.startswith("sklearn")
    for name in dir(cls)
    if is_private(name) and not name.endswith("_")
}


def dotted(node: ast.expr) -> list[str]:
    """Return ``["a", "b", "c"]`` for ``a.b.c``, an empty list if it does not start at a name."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute) and (start := dotted(node.value)):
        return [*start, node.attr]
    return []


def no_private_names_of_sklearn(module: Module) -> Breaches:
    """No private module, function, class or inherited attribute of scikit-learn is used."""
    bound = set()
    for node, name, bound_name in imports(module):
        if top(name) == "sklearn":
            bound.add(bound_name)
            if any(map(is_private, name.split("."))):
                yield node.lineno, f"{name} is private to scikit-learn"
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Attribute) or not is_private(node.attr):
            continue
        names = dotted(node)
        if (names and names[0] in bound) or node.attr in SKLEARN_PRIVATE:
            yield node.lineno, f"{node.attr} is private to scikit-learn"


def files_are_short(module: Module) -> Breaches:
    """No file is longer than 400 lines."""
    n_lines = len(module.source.splitlines())
    if n_lines > MAX_FILE_LINES:
        yield n_lines, f"{n_lines} lines, at most {MAX_FILE_LINES} allowed"


def functions_are_short(module: Module) -> Breaches:
    """No function has more than 50 lines of code, signature and docstring left out."""
    for node in ast.walk(module.tree):
        if not isinstance(node, FUNCTIONS[:2]):
            continue
        body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
        n_lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
        if n_lines > MAX_FUNCTION_LINES:
            yield node.lineno, f"{node.name} has {n_lines} lines, at most {MAX_FUNCTION_LINES}"


def imports_at_the_top(module: Module) -> Breaches:
    """No import inside a function, be it by a call, but the one that reads public names lazily."""
    for function in ast.walk(module.tree):
        if isinstance(function, FUNCTIONS):
            for node in ast.walk(function):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    yield node.lineno, "import inside a function"
    if module.path == LAZY:
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            name = (dotted(node.func) or [""])[-1]
            if name in {"__import__", "import_module"}:
                yield node.lineno, f"import by {name}"


def no_global_state(module: Module) -> Breaches:
    """No function rebinds a name of its module."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Global):
            yield node.lineno, f"global {', '.join(node.names)}"


def identifiers(tree: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """Names that are defined or used. Keywords of calls are left out: they are another's names."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield node, name
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.alias(name=name):
                yield node, name


def estimators_do_not_train(module: Module) -> Breaches:
    """Modules beside ``nn`` name no gradient and no optimiser."""
    # The exports to other libraries describe layers, and a user's own loop may need their names.
    if len(module.path.parts) > 1 or module.is_optional:
        return
    for node, name in identifiers(module.tree):
        if TRAINING_WORDS.search(name):
            yield node.lineno, f"{name} belongs into nn"
    for node, name, _ in imports(module):
        if any(f"{name}.".startswith(f"{private}.") for private in TRAINING_MODULES):
            yield node.lineno, f"{name} belongs to the training loop"


def assigned_attributes(function: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the attributes of ``self`` that a method assigns or deletes, or cells of which."""
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
            target: ast.expr = node
            while isinstance(target, ast.Subscript):
                target = target.value
            if isinstance(target, ast.Attribute) and ast.unparse(target.value) == "self":
                yield node.lineno, target.attr


def estimator_methods(module: Module) -> Iterator[ast.FunctionDef]:
    """Yield each method of the classes beside ``nn`` but for the constructors."""
    for cls in ast.walk(module.tree):
        if module.in_nn or not isinstance(cls, ast.ClassDef):
            continue
        for node in cls.body:
            if isinstance(node, ast.FunctionDef) and node.name != "__init__":
                yield node


def parameters_stay_as_given(module: Module) -> Breaches:
    """Only the constructor assigns a constructor parameter, of whichever estimator it is."""
    for method in estimator_methods(module):
        for line, name in assigned_attributes(method):
            if name in PARAMETERS:
                yield line, f"{method.name} writes the parameter {name}"


def looking_up_changes_nothing(module: Module) -> Breaches:
    """``transform``, ``predict``, their like and what they call assign no attribute."""
    for method in estimator_methods(module):
        if LOOKING_UP.match(method.name):
            for line, name in assigned_attributes(method):
                yield line, f"{method.name} writes {name}"


RULES = [
    nn_stands_alone,
    dataframes_in_one_place,
    optional_libraries_in_one_module,
    declared_dependencies_only,
    no_private_names_of_sklearn,
    files_are_short,
    functions_are_short,
    imports_at_the_top,
    no_global_state,
    estimators_do_not_train,
    parameters_stay_as_given,
    looking_up_changes_nothing,
]

MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_laws(file):
    module = parse(file.relative_to(PACKAGE), file.read_text(encoding="utf-8"))
    breaches = [
        f"{file.relative_to(PACKAGE.parent)}:{line}: {message} ({rule.__name__})"
        for rule in RULES
        for line, message in rule(module)
    ]
    assert not breaches, "\n".join(breaches)


def test_all_modules_are_walked():
    assert {PACKAGE / "__init__.py", PACKAGE / "datasets" / "_tables.py"} <= set(MODULES)
    assert any(file.parent.name == "nn" for file in MODULES)


def long_function(n_lines: int) -> str:
    """Source of a function with a docstring of 30 lines and ``n_lines`` lines of code."""
    docstring = '    """' + "words\n" * 30 + '    """\n'
    return "def f(\n    x,\n):\n" + docstring + "    x += 1\n" * n_lines


BREACHES = [
    (nn_stands_alone, "nn/_layers.py", "import sklearn"),
    (nn_stands_alone, "nn/_layers.py", "from pandas import DataFrame"),
    (nn_stands_alone, "nn/_layers.py", "from .. import _frames"),
    (nn_stands_alone, "nn/_layers.py", "from .._frames import read"),
    (nn_stands_alone, "nn/_layers.py", "import skembed"),
    (nn_stands_alone, "nn/deep/_layers.py", "from ... import _frames"),
    (nn_stands_alone, "nn/_layers.py", "import threadpoolctl"),
    (dataframes_in_one_place, "_base.py", "import pandas as pd"),
    (dataframes_in_one_place, "_base.py", "from narwhals.stable import v2"),
    (dataframes_in_one_place, "plotting.py", "import polars.selectors"),
    (optional_libraries_in_one_module, "_base.py", "import matplotlib.pyplot as plt"),
    (optional_libraries_in_one_module, "plotting.py", "import plotly"),
    (optional_libraries_in_one_module, "nn/torch.py", "import torch"),
    (optional_libraries_in_one_module, "_encoder.py", "try:\n    import dask\nexcept E:\n    1"),
    (optional_libraries_in_one_module, "__init__.py", "from . import onnx"),
    (optional_libraries_in_one_module, "__init__.py", "from .plotting import EmbeddingDisplay"),
    (optional_libraries_in_one_module, "nn/_layers.py", "import skembed.torch"),
    (declared_dependencies_only, "_base.py", "import skrub"),
    (no_private_names_of_sklearn, "_base.py", "from sklearn.utils._encode import unique"),
    (no_private_names_of_sklearn, "_base.py", "from sklearn.utils import _safe_indexing"),
    (no_private_names_of_sklearn, "_base.py", "import sklearn.utils._tags as tags"),
    (no_private_names_of_sklearn, "_base.py", "import sklearn\nsklearn.utils._tags.Tags()"),
    (no_private_names_of_sklearn, "_base.py", "from sklearn import base as b\nb._fit_context"),
    (no_private_names_of_sklearn, "_base.py", "self._validate_params()"),
    (no_private_names_of_sklearn, "_base.py", "super()._get_metadata_request()"),
    (files_are_short, "_base.py", "x = 1\n" * (MAX_FILE_LINES + 1)),
    (functions_are_short, "_base.py", long_function(MAX_FUNCTION_LINES + 1)),
    (imports_at_the_top, "_base.py", "def f():\n    import os"),
    (imports_at_the_top, "_base.py", "class A:\n    async def f(self):\n        from . import b"),
    (imports_at_the_top, "_base.py", "import importlib\nx = importlib.import_module('os')"),
    (imports_at_the_top, "_base.py", "x = __import__('os')"),
    (imports_at_the_top, "nn/_lazy.py", "def f():\n    import os"),
    (no_global_state, "_base.py", "x = 1\ndef f():\n    global x\n    x = 2"),
    (estimators_do_not_train, "_encoder.py", "gradient = 1"),
    (estimators_do_not_train, "_encoder.py", "layer.backward(x)"),
    (estimators_do_not_train, "_encoder.py", "def f(grad_output):\n    pass"),
    (estimators_do_not_train, "_encoder.py", "from .nn import RowGradient"),
    (estimators_do_not_train, "_encoder.py", "from .nn._optimizers import Adam"),
    (estimators_do_not_train, "_encoder.py", "from .nn import _layers"),
    (parameters_stay_as_given, "_base.py", "class A:\n    def fit(self, X): self.cv = 3"),
    (parameters_stay_as_given, "_base.py", "class A:\n    def fit(self, X): self.a_, self.cv = X"),
    (parameters_stay_as_given, "_base.py", "class A:\n    def fit(self, X): self.shared[0] = X"),
    (looking_up_changes_nothing, "_base.py", "class A:\n    def transform(self, X): self.n_ = 1"),
    (looking_up_changes_nothing, "_base.py", "class A:\n    def predict_proba(self): self.n_ += 1"),
    (looking_up_changes_nothing, "_base.py", "class A:\n    def _gather(self): self.n_[0][1] = 1"),
]


@pytest.mark.parametrize(("rule", "path", "source"), BREACHES)
def test_rule_finds_breach(rule, path, source):
    assert list(rule(parse(path, source)))


def test_every_rule_is_shown_to_fail():
    assert {rule for rule, _, _ in BREACHES} == set(RULES)


ALLOWED = [
    ("nn/_layers.py", "from __future__ import annotations\nimport numpy as np\nimport json"),
    ("nn/_layers.py", "from . import _rows\nfrom ._rows import lookup\nfrom scipy import sparse"),
    ("nn/deep/_layers.py", "from .. import _rows"),
    ("nn/_training.py", "def f(gradient, optimizer):\n    return gradient"),
    ("_frames.py", "import narwhals as nw\nimport pandas as pd"),
    ("_lookup.py", "import pandas as pd"),
    ("datasets/_tables.py", "import pandas as pd"),
    ("plotting.py", "try:\n    import matplotlib\nexcept ImportError as e:\n    raise e"),
    ("torch.py", "import torch\nfrom . import _encoder"),
    ("_base.py", "import sklearn\nif sklearn.__version__ > '1.6':\n    pass"),
    ("_base.py", "class A:\n    def __sklearn_tags__(self): return super().__sklearn_tags__()"),
    ("_base.py", "def f(self):\n    return self._own_helper()"),
    ("nn/_lazy.py", "from importlib import import_module\ndef f(x):\n    import_module(x)"),
    ("_base.py", "x = 1\n" * MAX_FILE_LINES),
    ("_base.py", long_function(MAX_FUNCTION_LINES)),
    ("_base.py", 'def f():\n    """Only words."""'),
    ("_encoder.py", "train(a, optimizer='adam', learning_rate_init=0.1, momentum=momentum)"),
    ("_encoder.py", "class A:\n    def fit(self, X): self.cv_ = self.cv"),
    ("_encoder.py", "class A:\n    def transform(self, X): return self.cv_"),
]


@pytest.mark.parametrize(("path", "source"), ALLOWED)
def test_rules_allow(path, source):
    module = parse(path, source)
    assert {rule.__name__: list(rule(module)) for rule in RULES} == {r.__name__: [] for r in RULES}
