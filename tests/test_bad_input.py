"""Bad input of every kind, and the words that its error must hold.

A case is a name, what is called, the type of the error and a pattern its message must match. What
single parameters refuse stands in the tests of the classes; here is what comes in from outside:
containers, values, shapes, weights, names, files.
"""

import decimal
import gzip
import re
import tracemalloc
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pytest
from matplotlib.figure import Figure
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold, TimeSeriesSplit

from skembed import (
    EmbeddingClassifier,
    EmbeddingEncoder,
    EmbeddingRegressor,
    InputEmbedding,
    RelativeSplit,
)
from skembed._frames import read
from skembed.datasets import load_employee_salaries, load_flights
from skembed.interactive import embedding_map
from skembed.nn import (
    SGD,
    Adagrad,
    Adam,
    Concatenate,
    Dense,
    Embedding,
    EmbeddingBag,
    Flatten,
    HashEmbedding,
    Input,
    QuotientRemainderEmbedding,
    RowGradient,
    Sequential,
    Vocabulary,
    offset_columns,
    read_word_vectors,
)
from skembed.onnx import to_onnx
from skembed.plotting import EmbeddingDisplay, LossCurveDisplay

pytestmark = pytest.mark.usefixtures("few_steps")

N = 10
X = pd.DataFrame({"town": list("aabbccaabb"), "size": np.arange(10.0)})
TOWN = X[["town"]]
CELLS = TOWN.to_numpy()
Y = np.arange(10.0)
LABELS = np.array(list("uvuvuvuvuv"), dtype=object)
ROWS = np.arange(N)
# A NaN that may not even be compared, and a number that float64 has not.
SIGNALLING = decimal.Decimal("sNaN")
BEYOND = np.longdouble("1e400")


class Case(NamedTuple):
    name: str
    call: Callable[..., Any]
    error: type[Exception]
    words: str


def encoder(**parameters):
    return EmbeddingEncoder(**{"max_iter": 1, "random_state": 0} | parameters)


def regressor(**parameters):
    return EmbeddingRegressor(**{"max_iter": 1, "n_estimators": 1, "random_state": 0} | parameters)


def classifier(**parameters):
    return EmbeddingClassifier(**{"max_iter": 1, "n_estimators": 1, "random_state": 0} | parameters)


@cache
def fitted(kind, table="frame"):
    data = {"frame": X, "cells": CELLS}[table]
    if kind == "encoder":
        numeric = ["size"] if table == "frame" else None
        return encoder(numeric_features=numeric).fit(data, Y)
    if kind == "regressor":
        return regressor().fit(data, Y)
    if kind == "classifier":
        return classifier().fit(data, LABELS)
    return InputEmbedding(encode_target=True).fit(data, LABELS)


# Tables

NO_TABLES = {
    "None": (None, ValueError, "2D array"),
    "a string": ("abc", ValueError, "2D array"),
    "a number": (3, ValueError, "2D array"),
    "a scalar array": (np.array(3), ValueError, "2D array"),
    "a dict": ({"a": [1, 2]}, ValueError, "2D array"),
    "a set": ({1, 2}, ValueError, "2D array"),
    "one axis": (np.arange(10), ValueError, "2D array"),
    "no feature": ([[]], ValueError, r"0 feature\(s\)"),
    "complex numbers": (np.ones((N, 1), complex), ValueError, "Complex data not supported"),
    "a sparse matrix": (sparse.csr_matrix(np.eye(N)), TypeError, "dense data is required"),
    "a lazy frame": (pl.LazyFrame({"a": [1]}), TypeError, r"Pass X.collect\(\)"),
    "objects without hash": (
        pd.DataFrame({"a": [bytearray(b"x")] * N}),
        TypeError,
        "'a' holds bytearray",
    ),
    "names of two types": (pd.DataFrame({0: ROWS, "b": ROWS}), TypeError, "string names"),
    "long doubles that are infinite": (
        np.full((N, 1), np.inf, dtype=np.longdouble),
        ValueError,
        "holds infinity",
    ),
}
ESTIMATORS = {"encoder": encoder, "regressor": regressor, "InputEmbedding": InputEmbedding}
TABLES = [
    Case(f"{kind}: fit on {name}", lambda m=make, d=data: m().fit(d, Y), error, words)
    for kind, make in ESTIMATORS.items()
    for name, (data, error, words) in NO_TABLES.items()
] + [
    Case(f"{kind}: transform {name}", lambda k=kind, d=data: fitted(k, "cells").transform(d), *rest)
    for kind in ("encoder", "classifier", "InputEmbedding")
    for name, (data, *rest) in NO_TABLES.items()
    if name not in ("names of two types", "objects without hash")
]

CHANGED = {
    "a column less": (TOWN, "(?s)missing.*size"),
    "a column more": (X.assign(more=1), "(?s)unseen.*more"),
    "another name": (X.rename(columns={"town": "city"}), "(?s)unseen.*city.*missing.*town"),
    "another order": (X[["size", "town"]], "same order"),
    "a name twice": (pd.concat([X, X], axis=1), "(?s)unique.*'town'"),
    "no row": (X[:0], r"0 sample\(s\)"),
    "infinite categories": (X.assign(town=np.inf), "'town' holds infinity"),
}
SIGNALS = X.assign(town=np.array([SIGNALLING] * N, dtype=object))
NOT_NUMBERS = {
    "strings": ("x", "'size' must hold numbers. Got the value 'x'"),
    "dates": (pd.Timestamp(0), "'size' must hold numbers.*days since a start"),
    "infinity": (np.inf, "'size' holds infinity"),
    "complex": (1j, "'size' must hold real numbers"),
    "an integer beyond floats": (10**400, "'size' must hold numbers"),
    "a signalling NaN": (SIGNALLING, r"'size' must hold numbers. Got the value Decimal\('sNaN'\)"),
    "a long double beyond floats": (BEYOND, "'size' holds infinity"),
}


def column_of(value):
    # pandas 2.2 cannot read integers beyond floats unless told that they are objects.
    return pd.Series([value] * N, dtype=object if isinstance(value, int) else None)


PREDICT = (
    [
        Case(
            f"{kind}: predict {name}",
            lambda k=kind, d=data: fitted(k).predict(d),
            ValueError,
            words,
        )
        for kind in ("regressor", "classifier")
        for name, (data, words) in CHANGED.items()
    ]
    + [
        Case(
            f"predict {name} as numbers",
            lambda v=value: fitted("regressor").predict(X.assign(size=column_of(v))),
            ValueError,
            words,
        )
        for name, (value, words) in NOT_NUMBERS.items()
    ]
    + [
        Case(
            f"{kind}: a signalling NaN as a category", call, TypeError, r"'town'.*Decimal\('sNaN'\)"
        )
        for kind, call in [
            ("fit", lambda: encoder(numeric_features=["size"]).fit(SIGNALS, Y)),
            ("transform", lambda: fitted("encoder").transform(SIGNALS)),
            ("predict", lambda: fitted("regressor").predict(SIGNALS)),
        ]
    ]
)

# Targets and weights

BAD_TARGETS = {
    "a string": ("abc", ValueError, r"1 or 2 dimensions.*\(\)"),
    "a number": (3, ValueError, r"1 or 2 dimensions.*\(\)"),
    "a dict": ({"a": 1}, ValueError, r"1 or 2 dimensions"),
    "three axes": (np.zeros((N, 2, 2)), ValueError, r"1 or 2 dimensions.*\(10, 2, 2\)"),
    "no column": (np.zeros((N, 0)), ValueError, r"not be empty.*\(10, 0\)"),
    "lists that differ": ([[1], [2, 3]] * 5, ValueError, "rows of one length"),
    "complex numbers": (np.ones(N) * 1j, ValueError, "numbers or labels. Got dtype complex"),
    "dates": (
        pd.date_range("2020", periods=N),
        ValueError,
        "numbers or labels. Got dtype datetime",
    ),
    "infinity": ([np.inf] * N, ValueError, "y contains infinity"),
    "masked in a row": (
        np.ma.array(ROWS, mask=ROWS == 3),
        ValueError,
        "NaN or None .first in row 3",
    ),
    "NaT": ([pd.NaT] * N, ValueError, "NaN or None .first in row 0"),
    "a signalling NaN": ([1] * 9 + [SIGNALLING], ValueError, "NaN or None .first in row 9"),
    "a missing category": (
        pd.Categorical([*"uvuvuvuvu", None]),
        ValueError,
        "first in row 9",
    ),
    "a missing boolean": ([True, False, None] * 3 + [True], ValueError, "first in row 2"),
    "one row": ([[0, 1] * 5], ValueError, "X has 10 rows, y has 1"),
    "a sparse matrix": (sparse.csr_matrix(np.eye(N)), TypeError, "be dense.* y.toarray()"),
}
BAD_LABELS = {
    "sets": ([{1}, {2}] * 5, r"one type that can be sorted. Got \['set'\]: sets cannot be sorted"),
    "columns of two types": (X, r"labels of one type .* Got \['float', 'str'\]"),
    "bytes": ([b"a", b"b"] * 5, r"Got \['bytes'\]"),
    "objects without order": ([object(), object()] * 5, r"Got \['object'\]"),
    "strings and numbers": (np.array(["a", 1] * 5, dtype=object), r"Got \['int', 'str'\]"),
}
TARGETS = [
    Case(f"{make.__name__}: y is {name}", lambda m=make, y=y: m().fit(TOWN, y), error, words)
    for make in (encoder, regressor, classifier)
    for name, (y, error, words) in BAD_TARGETS.items()
] + [
    Case(f"{make.__name__}: labels are {name}", lambda m=make, y=y: m().fit(TOWN, y), TypeError, w)
    for make in (encoder, classifier)
    for name, (y, w) in BAD_LABELS.items()
]

BAD_WEIGHTS = {
    "a string": ("abc", "sample_weight must be numbers.*str"),
    "strings": (list("ab") * 5, "sample_weight must be numbers.*list"),
    "a dict": ({}, "sample_weight must be numbers.*dict"),
    "objects": ([object()] * N, "sample_weight must be numbers"),
    "lists that differ": ([[1], [1, 2]], "sample_weight must be numbers"),
    "two axes": (np.ones((N, 1)), "1D array or scalar"),
    "complex numbers": (np.ones(N) * 1j, "(?i)complex"),
    "missing": ([None] * N, "sample_weight contains NaN"),
    "infinity": ([np.inf] * N, "sample_weight contains infinity .first in row 0"),
    "one that is masked": (np.ma.array(ROWS, mask=ROWS == 3), "contains NaN .first in row 3"),
    "one that is missing": ([1.0] * 9 + [np.nan], "sample_weight contains NaN .first in row 9"),
    "long doubles beyond floats": ([1] * 9 + [BEYOND], "sample_weight contains infinity"),
    "a signalling NaN": ([1] * 9 + [SIGNALLING], "sample_weight must be numbers.*NaN"),
    "too few": ([1.0], r"expected \(10,\)"),
    "a negative number": (-1.0, "must not be negative"),
}
WEIGHTS = [
    Case(
        f"{make.__name__}: weights are {name}",
        lambda m=make, y=y, w=weight: m().fit(TOWN, y, sample_weight=w),
        ValueError,
        words,
    )
    for make, y in ((encoder, Y), (regressor, Y), (classifier, LABELS))
    for name, (weight, words) in BAD_WEIGHTS.items()
]

# Parameters whose values are data

HALVES = [(ROWS[:5], ROWS[5:]), (ROWS[5:], ROWS[:5])]
BAD_CV = {
    "a string": ("five", "'cv' parameter .* a splitter or an iterable of splits. Got 'five'"),
    "a class": (KFold, "'cv' parameter .* a splitter"),
    "a dict": ({}, "'cv' parameter .* a splitter"),
    "positions alone": ([1, 2], "split of 'cv' must be a pair.*Got 1"),
    "None inside": ([None], "split of 'cv' must be a pair.*Got None"),
    "three parts": ([(*HALVES[0], ROWS)], "split of 'cv' must be a pair"),
    "one part": ([(ROWS,)], "split of 'cv' must be a pair"),
    "rows beyond": ([(ROWS[:5], [10])], r"pair.*in \[0, 10\)"),
    "fractions": ([(ROWS[:5], ROWS[5:] + 0.5)], "pair"),
    "letters": ([("a", "b")], "pair"),
    "a matrix": ([(ROWS[:5], ROWS[5:, None])], "pair of 1-D arrays"),
    "overlaps": ([(ROWS, ROWS)], "training part and in its test part"),
    "rows left out": (HALVES[:1], "every row exactly once.*Row 0 is in 0"),
    "nothing": ([], "every row exactly once"),
}
CV = [
    Case(f"cv: {name}", lambda c=cv: encoder(cv=c).fit_transform(TOWN, Y), ValueError, words)
    for name, (cv, words) in BAD_CV.items()
] + [
    Case(
        "cv: groups that are too few",
        lambda: encoder(cv=GroupKFold(2)).fit_transform(TOWN, Y, groups=[1, 2]),
        ValueError,
        r"'cv' parameter, GroupKFold.* cannot split the rows: .*inconsistent numbers",
    ),
    Case(
        "cv: no groups",
        lambda: encoder(cv=GroupKFold(2)).fit_transform(TOWN, Y),
        ValueError,
        "'groups'.* Pass them to fit_transform, in a pipeline as <step>__groups",
    ),
    Case(
        "cv: classes of numbers",
        lambda: encoder(cv=StratifiedKFold(2)).fit_transform(TOWN, Y + 0.5),
        ValueError,
        "'cv' parameter, StratifiedKFold.* cannot split the rows: .*'continuous'",
    ),
    Case(
        "cv: rows that come before all others",
        lambda: encoder(cv=TimeSeriesSplit(2)).fit_transform(TOWN, Y),
        ValueError,
        "Row 0 is in 0 of them. KFold and GroupKFold hold every row once, TimeSeriesSplit",
    ),
    Case(
        "cv: groups without a target",
        lambda: encoder(task="none", cv=GroupKFold(2)).fit_transform(TOWN, groups=Y),
        ValueError,
        r"\['groups'\], which are for the splitter of 'cv'; with task='none'",
    ),
    Case(
        "cv: parameters that nothing takes",
        lambda: encoder().fit_transform(TOWN, Y, other=1),
        ValueError,
        r"Got \['other'\], which need a splitter that uses them, but cv=5",
    ),
]

BAD_PARAMETERS = [
    ({"categories": {"town": "abc"}}, ValueError, "'town' must be a list of values. Got 'abc'"),
    ({"categories": {"town": list("ab")}}, ValueError, r"unknown categories \['c'\].*'town'"),
    ({"categories": {"town": [["a"]]}}, TypeError, "'town' holds list"),
    ({"categories": {"town": ["a", None]}}, ValueError, "'town' must be distinct and not missing"),
    ({"embedding_dim": {"town": "x"}}, ValueError, "'town'"),
    ({"embedding_dim": {-5: 2}}, ValueError, "column -5, which X does not have"),
    ({"initial_embeddings": {"town": "abc"}}, TypeError, "'town' must be a pandas DataFrame"),
    ({"initial_embeddings": {"town": pl.DataFrame()}}, TypeError, "Got polars.*DataFrame"),
    (
        {"initial_embeddings": {"town": {"a": [1.0], "b": [np.nan]}}},
        ValueError,
        r"'town' must be finite in float32. Those of 'b' are \[nan\]: leave out",
    ),
    (
        {"initial_embeddings": {"town": {"a": [1.0]}}, "embedding_dim": {"town": 3}},
        ValueError,
        "'embedding_dim' of column 'town' is 3, but its 'initial_embeddings' have 1",
    ),
    ({"initial_embeddings": {"town": {}}}, ValueError, "'town' must be vectors"),
    ({"initial_embeddings": {"town": {"a": 1.0}}}, ValueError, "'town' must be vectors"),
    ({"initial_embeddings": {"town": {"a": [1e300]}}}, ValueError, "finite in float32"),
    ({"initial_embeddings": {"town": {"a": [BEYOND]}}}, ValueError, "finite in float32"),
    (
        {"initial_embeddings": {"town": pd.DataFrame([[1.0], [2.0]], index=["a", "a"])}},
        ValueError,
        "'town' must give one vector per category",
    ),
    ({"initial_embeddings": {"town": {"a": [1j]}}}, ValueError, "vectors of numbers"),
    ({"learning_rate_multipliers": {"town": "x"}}, ValueError, "'town' must be"),
    ({"learning_rate_multipliers": {"town": np.nan}}, ValueError, "'town' must be"),
    ({"shared": [["town", "town"]]}, ValueError, "'town' more than once"),
    ({"embedding_dim": {"town": 1, 0: 2}}, ValueError, "'town' more than once"),
    ({"numeric_features": [9]}, ValueError, "column 9, which X does not have"),
    ({"numeric_features": [True]}, ValueError, "column True, which X does not have"),
    ({"sequence_features": ["town"]}, TypeError, "'town' .* holds the str 'a' in row 0"),
    ({"random_state": 2**40}, ValueError, r"'random_state' .* \[0, 2\*\*32 - 1\]"),
    ({"early_stopping": True, "validation_fraction": 0.999}, ValueError, "none to learn from"),
    ({"learning_rate_init": 1e200}, FloatingPointError, "Lower learning_rate_init"),
]
PARAMETERS = [
    Case(f"{make.__name__}: {parameters}", lambda m=make, p=parameters: m(**p).fit(TOWN, Y), *rest)
    for make in (encoder, regressor)
    for parameters, *rest in BAD_PARAMETERS
] + [
    Case(
        "as many bins as no table holds",
        lambda: regressor(n_bins=10**9).fit(X, Y),
        ValueError,
        r"'n_bins' .* \[0, 10000\]",
    ),
]

BAD_CLASSES = {
    "None inside": (["u", "v", None], "none of them missing"),
    "two axes": ([["u", "v"]], "list of labels"),
    "two types": (["u", "v", 1], "of one type"),
    "a number": (3, "list of labels"),
    "a string": ("uv", "list of labels"),
    "a class less": (["u", "w"], "'v', which is not among the classes"),
}
CLASSES = [
    Case(
        f"classes: {name}",
        lambda c=classes: classifier().partial_fit(X, LABELS, classes=c),
        ValueError,
        words,
    )
    for name, (classes, words) in BAD_CLASSES.items()
] + [
    Case(
        "classes: others in a later call",
        lambda: classifier().partial_fit(X, LABELS).partial_fit(X, LABELS, classes=list("uvw")),
        ValueError,
        r"classes must be those of the first call, \['u', 'v'\]",
    ),
    Case(
        "partial_fit with another number of outputs",
        lambda: regressor().partial_fit(X, Y).partial_fit(X, np.c_[Y, Y]),
        ValueError,
        "as in the first call, continuous with 1 outputs",
    ),
]

# Asking a fitted estimator


def vectors(kind="encoder"):
    return fitted(kind).transform(X)


def vector_table():
    return pd.DataFrame(vectors(), columns=fitted("encoder").get_feature_names_out())


ASKING = (
    [
        Case(f"before fit: {name}", call, NotFittedError, "not fitted yet")
        for name, call in [
            ("categories_", lambda: encoder().categories_),
            ("names", lambda: encoder().get_feature_names_out()),
            ("transform", lambda: encoder().transform(X)),
            ("predict", lambda: regressor().predict(X)),
        ]
    ]
    + [
        Case(
            "names of another number of columns",
            lambda: fitted("encoder", "cells").get_feature_names_out(["a", "b"]),
            ValueError,
            r"number of features \(1\), got 2",
        ),
        Case(
            "a frame of which two columns have one name",
            lambda: read(pd.concat([X, X], axis=1)),
            ValueError,
            "(?s)unique.*'town'",
        ),
    ]
    + [
        Case(f"{name}: {words}", lambda c=call: c(fitted("encoder")), error, words)
        for name, call, error, words in [
            ("frame", lambda e: e.embedding_frame("x"), ValueError, "'x', which X does not have"),
            ("frame", lambda e: e.embedding_frame(["town"]), ValueError, "which X does not have"),
            ("frame", lambda e: e.embedding_frame("size"), ValueError, "'size' is numeric"),
            (
                "near",
                lambda e: e.nearest_categories("town", ["a"]),
                ValueError,
                r"category \['a'\]",
            ),
            ("near", lambda e: e.nearest_categories("town", {}), ValueError, "no category {}"),
            ("near", lambda e: e.nearest_categories("town", None), ValueError, "no category None"),
            (
                "near",
                lambda e: e.nearest_categories("town", "a", 0),
                ValueError,
                "n_neighbors.*Got 0",
            ),
            ("near", lambda e: e.nearest_categories("town", "a", "5"), ValueError, "Got '5'"),
            ("near", lambda e: e.nearest_categories("town", "a", 1, "far"), ValueError, "'metric'"),
            (
                "near by more",
                lambda e: e.nearest_categories("town", "a", 1, "mahalanobis"),
                ValueError,
                "'mahalanobis' cannot compare vectors of .* Take one that needs nothing but two",
            ),
            ("names", lambda e: e.get_feature_names_out(3), ValueError, "list of names. Got 3"),
            ("names", lambda e: e.get_feature_names_out(["x"]), ValueError, "Expected .*'town'"),
            ("inverse", lambda e: e.inverse_transform(None), ValueError, "2D array"),
            ("inverse", lambda e: e.inverse_transform("abc"), ValueError, "'abc'"),
            (
                "inverse",
                lambda e: e.inverse_transform(np.ones((2, 9))),
                ValueError,
                "X has 9 columns",
            ),
            (
                "inverse",
                lambda e: e.inverse_transform(vectors() * np.nan),
                ValueError,
                "contains NaN",
            ),
            ("inverse", lambda e: e.inverse_transform([[1e300] * 3]), ValueError, "too large"),
            (
                "inverse",
                lambda e: e.inverse_transform(vector_table().iloc[:, ::-1]),
                ValueError,
                r"that transform returns, \['town_effect', 'town_0', 'town_1'\], in this order",
            ),
            (
                "inverse",
                lambda e: e.inverse_transform(pl.from_pandas(vector_table().add_suffix("_"))),
                ValueError,
                "'town_effect_'",
            ),
        ]
    ]
    + [
        Case(
            f"not fitted: {method}",
            lambda m=method, a=a, make=make: getattr(make(), m)(*a),
            NotFittedError,
            "not fitted yet",
        )
        for make, method, a in [
            (encoder, "transform", (X,)),
            (encoder, "save_embeddings", ("x",)),
            (encoder, "nearest_categories", ("town", "a")),
            (encoder, "get_feature_names_out", ()),
            (encoder, "inverse_transform", (X,)),
        ]
    ]
)

# InputEmbedding and RelativeSplit

SPLITS = [
    Case(name, call, error, words)
    for name, call, error, words in [
        ("split: None", lambda: next(RelativeSplit().split(None)), ValueError, "X must hold"),
        ("split: a number", lambda: next(RelativeSplit().split(3)), ValueError, "X must hold.*3"),
        (
            "split: a scalar array",
            lambda: InputEmbedding().split(np.array(3)),
            ValueError,
            "X must",
        ),
        ("split: a string", lambda: InputEmbedding().split("abc"), ValueError, "X must hold.*str"),
        (
            "split: a dict",
            lambda: InputEmbedding().split({"a": [1]}),
            ValueError,
            "X must hold.*dict",
        ),
        ("split: a generator", lambda: InputEmbedding().split(x for x in X), ValueError, "X must"),
        ("split: no row", lambda: next(RelativeSplit().split([])), ValueError, "row|sample"),
        (
            "split: y a number",
            lambda: InputEmbedding().split(X, 3),
            ValueError,
            "y must hold.*int 3",
        ),
        ("split: y lazy", lambda: InputEmbedding().split(X, pl.LazyFrame()), ValueError, "y must"),
        ("split: y a dict", lambda: InputEmbedding().split(X, {}), ValueError, "y must hold.*dict"),
        (
            "split: y short",
            lambda: InputEmbedding().split(X, [1]),
            ValueError,
            "y has 1 rows, but X",
        ),
        (
            "split: groups a number",
            lambda: InputEmbedding().split(X, groups=3),
            ValueError,
            "groups must hold a value per row",
        ),
        (
            "split: groups missing",
            lambda: InputEmbedding().split(X, groups=[None] * N),
            ValueError,
            "groups holds missing values",
        ),
        (
            "split: classes without a column",
            lambda: next(RelativeSplit(stratify=True).split(X, np.zeros((N, 0)))),
            ValueError,
            r"one label per row. Got shape \(10, 0\)",
        ),
        (
            "split: classes of one row",
            lambda: next(RelativeSplit(stratify=True).split(X, Y)),
            ValueError,
            "1 row.*fewer than the 2 parts",
        ),
        (
            "split: sizes",
            lambda: InputEmbedding(relative_size=(1, np.nan, 0)).split(X),
            ValueError,
            "'relative_size'",
        ),
        (
            "target: no column",
            lambda: InputEmbedding(encode_target=True).fit(X, np.zeros((N, 0))),
            ValueError,
            r"one label per row. Got shape \(10, 0\)",
        ),
        (
            "target: sets",
            lambda: InputEmbedding(encode_target=True).fit(X, [{1}, {2}] * 5),
            TypeError,
            "'y' holds set",
        ),
        (
            "target: unseen",
            lambda: fitted("input").transform_target(["w"]),
            ValueError,
            r"not seen in fit: \['w'\]",
        ),
        (
            "target back: missing scores",
            lambda: fitted("input").inverse_transform_target([[np.nan, 1]]),
            ValueError,
            "must not be missing",
        ),
        (
            "target back: words",
            lambda: fitted("input").inverse_transform_target([["a", "b"]]),
            ValueError,
            "must be numbers.*'a'",
        ),
        (
            "back: missing cells",
            lambda: fitted("input").inverse_transform(np.full((2, 4), np.nan)),
            ValueError,
            "must not be missing",
        ),
        (
            "back: words",
            lambda: fitted("input").inverse_transform(np.full((2, 4), "a")),
            ValueError,
            "must hold numbers",
        ),
        (
            "back: None",
            lambda: fitted("input").inverse_transform(np.full((2, 4), None)),
            ValueError,
            "hold numbers|not be missing",
        ),
        ("mask before fit", lambda: InputEmbedding().mask(X), NotFittedError, "not fitted yet"),
    ]
]

# The layers

LAYERS = {
    "Embedding": Embedding(5, 3, random_state=0),
    "EmbeddingBag": EmbeddingBag(5, 3, random_state=0),
    "HashEmbedding": HashEmbedding(5, 3, random_state=0),
    "QuotientRemainder": QuotientRemainderEmbedding(5, 3, random_state=0),
}
BAD_INDICES = {
    "None": (None, TypeError, "must be integers|no sequence|must be a"),
    "fractions": ([[0.5]], TypeError, "must be integers"),
    "booleans": ([[True]], TypeError, "must be integers"),
    "NaN": ([[np.nan]], TypeError, "must be integers"),
    "complex numbers": ([[1j]], TypeError, "must be integers"),
    "dates": (np.array([["2020"]], dtype="M8[Y]"), TypeError, "must be integers"),
    "None inside": ([[0, None]], TypeError, "must be integers"),
    "decimals": ([[decimal.Decimal(1)]], TypeError, "must be integers"),
}
OUTSIDE = {
    "negative": ([[-1]], r"Index -1 .* \[0, 5\)"),
    "beyond": ([[5]], r"Index 5 .* \[0, 5\)"),
    "far beyond": (np.array([[2**63]], dtype=np.uint64), r"Index 9223372036854775808"),
    "no machine integer": ([[2**64]], "Index 18446744073709551616"),
}
BAD_GRADIENTS = {
    "None": (None, TypeError, "real numbers"),
    "words": ([["a"] * 3] * 2, TypeError, "real numbers. Got dtype <U1"),
    "complex numbers": (np.ones((2, 3)) * 1j, TypeError, "real numbers. Got dtype complex128"),
    "too narrow": (np.ones((2, 2)), ValueError, r"shape \(2, 3\). Got \(2, 2\)"),
    "too few": (np.ones((1, 3)), ValueError, r"shape \(2, 3\). Got \(1, 3\)"),
}
NN = (
    [
        Case(f"{kind}: indices {name}", lambda k=kind, i=i: LAYERS[k](i), error, words)
        for kind in LAYERS
        for name, (i, error, words) in BAD_INDICES.items()
        if not (kind == "EmbeddingBag" and name == "None")
    ]
    + [
        Case(f"{kind}: indices {name}", lambda k=kind, i=i: LAYERS[k](i), IndexError, words)
        for kind in LAYERS
        if kind != "HashEmbedding"  # any integer is hashed
        for name, (i, words) in OUTSIDE.items()
    ]
    + [
        Case(
            f"{kind}: gradient {name}",
            lambda k=kind, g=g: LAYERS[k].backward([[0], [1]] if "Bag" in k else [0, 1], g),
            error,
            words,
        )
        for kind in LAYERS
        for name, (g, error, words) in BAD_GRADIENTS.items()
    ]
    + [
        Case(f"{kind.__name__}: {name}", call, error, words)
        for kind in (Embedding, EmbeddingBag)
        for name, call, error, words in [
            (
                "masked",
                lambda k=kind: k(5, 3)(np.ma.array([[0, 9]], mask=[[0, 1]])),
                TypeError,
                "mask",
            ),
            ("rows of a word", lambda k=kind: k("abc", 2), TypeError, "'num_embeddings'.*'abc'"),
            ("rows of nothing", lambda k=kind: k([], 2), ValueError, "'num_embeddings'.*Got 0"),
            ("freeze", lambda k=kind: k.from_pretrained([[1.0]], "no"), TypeError, "freeze.*'no'"),
            (
                "frequency",
                lambda k=kind: k(4, 2, scale_grad_by_freq="yes"),
                TypeError,
                "'scale_grad_by_freq' .* bool. Got 'yes'",
            ),
            ("missing weights", lambda k=kind: k(1, 1, weight=[[np.nan]]), ValueError, "finite"),
            (
                "weights of words",
                lambda k=kind: k.from_pretrained([["a"]]),
                (TypeError, ValueError),
                "a",
            ),
        ]
    ]
)

ROW_1 = RowGradient(np.array([1]), np.ones((1, 3)))


TABLE = {"table": np.zeros((4, 3))}


def step(optimizer, learning_rate=0.1, **given):
    parameters = given.get("parameters", TABLE)
    gradients = given.get("gradients", {"table": ROW_1})
    state = given.get("state", optimizer.init(parameters))
    optimizer.update(parameters, gradients, state, learning_rate, given.get("multipliers", {}))


def other_state(optimizer):
    """What an optimiser of another kind keeps."""
    return (Adagrad() if isinstance(optimizer, Adam) else Adam()).init(TABLE)


def rows(*numbers, dim=3):
    return RowGradient(np.array(numbers), np.ones((len(numbers), dim)))


OPTIMIZERS = (
    [
        Case(f"{make.__name__}: {name}", lambda m=make, k=kwargs: step(m(), **k), error, words)
        for make in (SGD, Adagrad, Adam)
        for name, kwargs, error, words in [
            ("unknown name", {"gradients": {"x": ROW_1}}, ValueError, r"of 'x'.*\['table'\]"),
            ("row beyond", {"gradients": {"table": rows(9)}}, IndexError, r"\[0, 4\). Got 9"),
            ("negative row", {"gradients": {"table": rows(-1)}}, IndexError, r"\[0, 4\). Got -1"),
            (
                "a row twice",
                {"gradients": {"table": rows(2, 1, 2)}},
                ValueError,
                "row 2 more than once",
            ),
            (
                "rows in a list",
                {"gradients": {"table": RowGradient([0], 1.0)}},
                TypeError,
                "rows must",
            ),
            (
                "integers",
                {"gradients": {"table": np.ones((4, 3), int)}},
                TypeError,
                "gradient of 'table' must be an array of float32 or float64. Got dtype int",
            ),
            (
                "width",
                {"gradients": {"table": rows(0, dim=2)}},
                ValueError,
                r"\(1, 3\). Got \(1, 2\)",
            ),
            (
                "shape",
                {"gradients": {"table": np.ones((2, 2))}},
                ValueError,
                r"\(4, 3\). Got \(2, 2\)",
            ),
            ("no gradient", {"gradients": {"table": None}}, TypeError, "'table' .*Got NoneType"),
            (
                "multipliers",
                {"multipliers": {"table": np.ones(3)}},
                ValueError,
                r"\(4,\). Got \(3,\)",
            ),
            ("state None", {"state": None}, ValueError, "what init .* returned.*Got None"),
            (
                "parameters of integers",
                {"parameters": {"table": np.zeros((4, 3), int)}},
                TypeError,
                "parameter 'table' must be an array of float32 or float64. Got dtype int",
            ),
            (
                "half floats",
                {"parameters": {"table": np.zeros((4, 3), np.float16)}},
                TypeError,
                "parameter 'table' must be .*float64. Got dtype float16",
            ),
            (
                "no axis",
                {"parameters": {"table": np.array(1.0)}},
                ValueError,
                r"parameter 'table' must have at least one axis: .* shape \(1,\)",
            ),
            ("rate NaN", {"learning_rate": np.nan}, ValueError, "learning_rate .* Got nan"),
            ("rate negative", {"learning_rate": -1}, ValueError, "learning_rate .* Got -1"),
            ("rate a word", {"learning_rate": "a"}, ValueError, "learning_rate .* Got 'a'"),
        ]
    ]
    + [
        Case(
            f"{type(optimizer).__name__}: a state that {name}",
            lambda o=optimizer, s=state: step(o, state=s),
            ValueError,
            "state must be what init of this optimiser returned.*" + words,
        )
        for optimizer in (SGD(momentum=0.5), Adagrad(), Adam())
        for name, state, words in [
            ("holds nothing", {}, "'table'|Got {}"),
            ("is of a smaller table", optimizer.init({"table": np.zeros((2, 3))}), "'table'"),
            ("is of another optimiser", other_state(optimizer), "'table'|Got {'table'"),
            ("holds words", {"table": "abc", "step": 0}, "'table'"),
        ]
    ]
    + [
        Case(f"{make.__name__}({kwargs})", lambda m=make, k=kwargs: m(**k), ValueError, words)
        for make, kwargs, words in [
            (SGD, {"momentum": 2}, r"'momentum' parameter of SGD .* \[0, 1\). Got 2"),
            (SGD, {"momentum": "a"}, "'momentum' .* Got 'a'"),
            (Adam, {"beta_1": 1}, "'beta_1' parameter of Adam"),
            (Adam, {"beta_2": np.nan}, "'beta_2' .* Got nan"),
            (Adam, {"epsilon": -1}, "'epsilon' .* Got -1"),
            (Adagrad, {"initial": -1}, "'initial' parameter of Adagrad"),
        ]
    ]
)

NETWORK = Sequential(Embedding(5, 3, random_state=0), Flatten())
BRANCHES = Concatenate(Embedding(5, 3, random_state=0), Input())
BAD_SHAPES = {
    "None": None,
    "a word": "abc",
    "fractions": (None, 1.5),
    "a negative axis": (2, -1),
    "a boolean": (True,),
}
SHAPED = {**LAYERS, "Flatten": Flatten(), "Dense": Dense(2, 3), "Sequential": NETWORK}
NETWORKS = (
    [
        Case(
            f"{kind}: output_shape of {name}",
            lambda k=kind, s=shape: SHAPED[k].output_shape(s),
            ValueError,
            "input_shape must be a tuple.*Got " + re.escape(repr(shape)),
        )
        for kind in SHAPED
        for name, shape in BAD_SHAPES.items()
    ]
    + [
        Case(
            f"{kind}: output_shape of ()", lambda k=kind: SHAPED[k].output_shape(()), ValueError, w
        )
        for kind, w in [
            ("Flatten", "tuple of 1 or more"),
            ("Dense", "tuple of 1 or more"),
            ("EmbeddingBag", "tuple of 1 or more"),
        ]
    ]
    + [
        Case(f"{kind.__name__} of {name}", lambda k=kind, x=layer: k(x), TypeError, words)
        for kind in (Sequential, Concatenate)
        for name, layer, words in [
            ("None", None, "takes layers and callables. Got None"),
            ("a number", 3, "Got 3"),
            ("a list of layers", [Flatten()], r"Got \["),
            ("a class", Flatten, "Got <class"),
        ]
    ]
    + [
        Case(f"{type(layer).__name__}: inputs {name}", lambda x=layer, i=i: x(i), error, words)
        for layer in (Flatten(), Dense(2, 3))
        for name, i, error, words in [
            ("None", None, ValueError, "one row per sample. Got NoneType"),
            ("a number", 3, ValueError, "one row per sample. Got int 3"),
            ("ragged", [[1], [1, 2]], ValueError, "sequences that differ in length"),
        ]
    ]
    + [
        Case("Flatten: run(3)", lambda: Flatten().run(3), ValueError, "Got int 3"),
        Case("Dense: words", lambda: Dense(2, 3)([["a", "b"]]), TypeError, "real.*dtype <U1"),
        Case("Dense: complex", lambda: Dense(2, 3)([[1j, 1]]), TypeError, "real.*dtype complex128"),
        Case("Sequential: no data", NETWORK, ValueError, r"give to Embedding\(5, 3.*an Input"),
        Case("Concatenate: no data", BRANCHES, ValueError, "call the network on data"),
        Case("Concatenate: a number", lambda: BRANCHES(3), ValueError, "2 inputs.*Got 1"),
        Case("Concatenate: shape", lambda: BRANCHES.output_shape(None), ValueError, "2 shapes"),
    ]
)

ROW_GRADIENTS = [
    Case(f"RowGradient: {name}", call, error, words)
    for name, call, error, words in [
        ("lists", lambda: RowGradient([0], [[1.0]]).check(), TypeError, "rows must be an array"),
        ("None", lambda: RowGradient(None, None).check(), TypeError, "Got NoneType"),
        ("a row twice", lambda: rows(1, 1).check(), ValueError, "row 1 more than once"),
        ("a size that is none", lambda: ROW_1.check(2.5), TypeError, "num_embeddings .* Got 2.5"),
        ("a word as size", lambda: ROW_1.check("a"), TypeError, "num_embeddings .* Got 'a'"),
        ("too small a table", lambda: ROW_1.to_dense(1), IndexError, r"\[0, 1\). Got 1"),
        ("plus None", lambda: ROW_1.add(None), TypeError, "must be a RowGradient. Got NoneType"),
        ("plus a pair", lambda: ROW_1.add(tuple(ROW_1)), TypeError, "Got tuple"),
        ("another width", lambda: ROW_1.add(rows(0, dim=2)), ValueError, "same embedding_dim"),
    ]
]

WORDS = Vocabulary("ab", padding="_")
VOCABULARIES = [
    Case(f"Vocabulary: {name}", call, error, words)
    for name, call, error, words in [
        (
            "None",
            lambda: Vocabulary(None),
            TypeError,
            "symbols must be a list of strings. Got None",
        ),
        ("a number", lambda: Vocabulary(3), TypeError, "symbols must be a list"),
        ("numbers", lambda: Vocabulary([1]), TypeError, "A symbol must be a string. Got 1"),
        ("a symbol twice", lambda: Vocabulary(["a", "a"]), ValueError, "'a'"),
        ("learn from None", lambda: Vocabulary.fit(None), TypeError, "texts must be a list"),
        ("learn from numbers", lambda: Vocabulary.fit([1]), TypeError, "A text must be a string"),
        ("encode None", lambda: WORDS.encode(None), TypeError, "texts must be a list"),
        ("encode a number", lambda: WORDS.encode(3), TypeError, "texts must be a list.*Got 3"),
        ("encode unknown", lambda: WORDS.encode("c"), ValueError, "'c'"),
        ("decode None", lambda: WORDS.decode(None), TypeError, "must be integers"),
        ("decode fractions", lambda: WORDS.decode([0.5]), TypeError, "must be integers"),
        (
            "decode a number",
            lambda: WORDS.decode(1),
            ValueError,
            "codes must be a vector: those of one text",
        ),
        ("decode two texts", lambda: WORDS.decode([[0], [1, 2]]), ValueError, "those of one text"),
        ("decode beyond", lambda: WORDS.decode([3]), IndexError, r"\[0, 3\). Got 3"),
        ("pad nothing", lambda: Vocabulary("ab").encode_padded(["a"]), ValueError, "no padding"),
        ("pad left", lambda: WORDS.encode_padded(["a"], side="left"), ValueError, "side|'left'"),
    ]
] + [
    Case(f"offset_columns: {name}", lambda c=codes, s=sizes: offset_columns(c, s), error, words)
    for name, codes, sizes, error, words in [
        ("fractions", [[0]], [1.5], TypeError, "sizes must be ints.*Got 1.5"),
        ("negative", [[0]], [-1], TypeError, "sizes must be ints.*Got -1"),
        ("letters", [[0]], "a", TypeError, "sizes must be ints.*Got 'a'"),
        ("too much", [[0, 0]], [2**62, 2**62], ValueError, "a table that can exist"),
        ("one axis", [0], [2], ValueError, r"shape \(n_samples, 1\)"),
    ]
]

# Pictures, exports, data


def ax():
    return Figure().add_subplot()


def show(**kwargs):
    return EmbeddingDisplay.from_estimator(fitted("encoder"), "town", ax=ax(), **kwargs)


def display(**kwargs):
    one = {"categories": ["a"], "positions": [[1, 2]], "counts": [1]}
    return EmbeddingDisplay(**one | kwargs).plot(ax())


PICTURES = [
    Case(f"picture: {name}", call, error, words)
    for name, call, error, words in [
        (
            "no estimator",
            lambda: EmbeddingDisplay.from_estimator(None, "town"),
            TypeError,
            "NoneType",
        ),
        ("a class", lambda: embedding_map(EmbeddingEncoder, "town"), TypeError, "Got type"),
        ("not fitted", lambda: embedding_map(encoder(), "town"), NotFittedError, "not fitted yet"),
        ("projection", lambda: show(projection="umap"), ValueError, "'projection' .* 'umap'"),
        ("three axes", lambda: show(projection=PCA(3)), ValueError, "two finite coordinates"),
        ("colour", lambda: show(color=[1]), ValueError, "one value per category"),
        ("labels", lambda: show(annotate=["x"]), ValueError, r"names \['x'\]"),
        ("a point short", lambda: display(positions=[1, 2]), ValueError, r"shape \(1, 2\)"),
        ("counts", lambda: display(counts=[1, 2]), ValueError, r"counts \(1,\).*Got .*\(2,\)"),
        ("names of axes", lambda: display(axis_names=("x",)), ValueError, "two names"),
        (
            "axes",
            lambda: EmbeddingDisplay.from_estimator(fitted("encoder"), "town", ax=3),
            TypeError,
            "ax must be axes of matplotlib. Got int",
        ),
        (
            "axes of a curve",
            lambda: LossCurveDisplay.from_estimator(fitted("encoder"), ax="x"),
            TypeError,
            "ax must be axes of matplotlib. Got str",
        ),
        ("onnx of nothing", lambda: to_onnx(None), TypeError, "not an estimator"),
        ("onnx not fitted", lambda: to_onnx(encoder()), NotFittedError, "not fitted yet"),
        (
            "onnx token",
            lambda: to_onnx(fitted("encoder"), missing=["a"]),
            ValueError,
            r"missing=\['a'\] cannot stand for a missing value in column 'town'",
        ),
        (
            "onnx numbers",
            lambda: to_onnx(fitted("encoder"), double="yes"),
            TypeError,
            "double must be a bool. Got 'yes'",
        ),
        *(
            (f"a curve of {name}", lambda c=curve: LossCurveDisplay(**c).plot(ax()), ValueError, w)
            for name, curve, w in [
                (
                    "None",
                    {"loss_curve": None},
                    "loss_curve must hold one number per epoch. Got None",
                ),
                ("a number", {"loss_curve": 3}, "loss_curve .* Got 3"),
                ("words", {"loss_curve": ["a"]}, r"loss_curve .* Got \['a'\]"),
                ("nothing", {"loss_curve": []}, r"loss_curve .* Got \[\]"),
                ("two axes", {"loss_curve": [[1.0]]}, r"loss_curve .* Got \[\[1"),
                ("lists that differ", {"loss_curve": [[1], [1, 2]]}, "loss_curve"),
                (
                    "scores of words",
                    {"loss_curve": [1.0], "validation_scores": "abc"},
                    "validation_scores must hold one number per epoch. Got 'abc'",
                ),
            ]
        ),
        ("data", lambda: load_flights(return_X_y="no"), TypeError, "return_X_y .* Got 'no'"),
        ("data", lambda: load_employee_salaries(return_X_y=None), TypeError, "return_X_y"),
    ]
]

CASES = [
    *TABLES,
    *PREDICT,
    *TARGETS,
    *WEIGHTS,
    *CV,
    *PARAMETERS,
    *CLASSES,
    *ASKING,
    *SPLITS,
    *NN,
    *OPTIMIZERS,
    *NETWORKS,
    *ROW_GRADIENTS,
    *VOCABULARIES,
    *PICTURES,
]


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize(
    ("call", "error", "words"), [case[1:] for case in CASES], ids=[case.name for case in CASES]
)
def test_bad_input_is_refused_with_words_that_help(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_there_are_many_cases_and_all_are_refused_for_their_own_reason():
    page = (Path(__file__).parents[1] / "docs/reliability.md").read_text(encoding="utf-8")
    assert f"{len(CASES)} cases in one table" in page
    assert not any(case.error in (Exception, KeyError, AttributeError) for case in CASES)


# Files

VECTORS = {
    "nothing": (b"", "holds no vectors"),
    "lines without letters": (b"\n\n", "holds no vectors"),
    "a header alone": (b"2 3\n", "holds no vectors"),
    "a header that lies": (b"1 3\na 1 2\n", "Line 2 .* a word and 3 finite numbers"),
    "a header that wants all memory": (b"1 99999999999\na 1\n", "Line 2"),
    "words alone": (b"a\nb\n", "Line 1"),
    "NaN": (b"a nan 1\n", "Line 1 .* finite numbers"),
    "beyond float32": (b"a 1e300 1\n", "Line 1 .* finite numbers"),
    "a short line": (b"a 1 2\nb 1\n", "Line 2 .* a word and 2 finite numbers"),
    "a long line": (b"a 1 2\nb 1 2 3\n", "Line 2"),
    "tabs": (b"a\t1\t2\n", "Line 1"),
    "no text": (b"\x00\xff\xfe\x80", "vectors.txt holds text that is not in 'utf-8'"),
    "another encoding": ("café 1 2\n".encode("latin-1"), "(?s)utf-8.*Give the encoding"),
    "UTF-16": ("a 1 2\n".encode("utf-16"), "holds text that is not in 'utf-8'"),
    "a byte that is wrong far behind": (b"a 1\n" * 10_000 + b"\xff 1\n", "not in 'utf-8'"),
}
DAMAGED = {
    "no archive": b"a 1 2\n",
    "an archive cut off": gzip.compress(b"a 1 2\n")[:-9],
    "an archive with a wrong byte": gzip.compress(b"a 1 2\n")[:10] + b"\x07" * 40,
}


@pytest.mark.parametrize("name", VECTORS)
def test_files_that_hold_no_word_vectors_are_refused(name, tmp_path):
    content, words = VECTORS[name]
    path = tmp_path / "vectors.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=words):
        read_word_vectors(path)


@pytest.mark.parametrize("name", DAMAGED)
def test_archives_that_are_damaged_are_refused(name, tmp_path):
    path = tmp_path / "vectors.gz"
    path.write_bytes(DAMAGED[name])
    with pytest.raises(ValueError, match=r"vectors.gz cannot be unpacked: \w"):
        read_word_vectors(path)


def test_an_archive_of_one_endless_line_is_refused_before_memory_is_taken(tmp_path):
    path = tmp_path / "vectors.gz"
    path.write_bytes(gzip.compress(b"0" * 50_000_000))
    assert path.stat().st_size < 100_000
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"Line 1 of .*vectors.gz is longer than 4194304"):
            read_word_vectors(path)
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (read_word_vectors, FileNotFoundError),
        (EmbeddingEncoder.load_embeddings, FileNotFoundError),
        (lambda path: fitted("encoder").save_embeddings(path / "deeper"), FileNotFoundError),
        (lambda path: fitted("encoder").save_word_vectors(path / "x", "town"), FileNotFoundError),
        (lambda path: read_word_vectors(path.parent), IsADirectoryError),
        (lambda path: EmbeddingEncoder.load_embeddings(path.parent), IsADirectoryError),
        (lambda path: fitted("encoder").save_embeddings(path.parent), IsADirectoryError),
    ],
)
def test_errors_of_files_name_the_file(call, error, tmp_path):
    path: Path = tmp_path / "missing"
    with pytest.raises(error, match=tmp_path.name):
        call(path)


# What looks bad and has a meaning


def test_long_doubles_are_the_numbers_that_they_are():
    long, plain = ROWS[:, None].astype(np.longdouble), ROWS[:, None].astype(float)
    for make in (encoder, regressor):
        model = make().fit(plain, Y)
        np.testing.assert_array_equal(model.transform(long), model.transform(plain))
    model = regressor().fit(long, Y.astype(np.longdouble), sample_weight=np.longdouble(2))
    other = regressor().fit(plain, Y, sample_weight=2.0)
    np.testing.assert_array_equal(model.predict(long), other.predict(plain))


def test_an_axis_of_unknown_length_stays_unknown():
    assert Flatten().output_shape((None, None, 2)) == (None, None)
    assert NETWORK.output_shape((7, None)) == (7, None)
    assert Flatten().output_shape((5,)) == Flatten()(np.zeros(5)).shape == (5, 1)


def test_masked_cells_are_missing_values():
    cells = np.ma.array([["a"], ["b"], ["z"], ["a"]] * 5, mask=[[0], [0], [1], [0]] * 5)
    missing = np.array([["a"], ["b"], [None], ["a"]] * 5, dtype=object)
    y = np.arange(20.0)
    model = encoder().fit(cells, y)
    assert model.categories_[0].tolist() == ["a", "b"]
    np.testing.assert_array_equal(
        model.transform(cells), encoder().fit(missing, y).transform(missing)
    )
    embedding = InputEmbedding().fit(missing)
    np.testing.assert_array_equal(embedding.transform(cells), embedding.transform(missing))


def test_what_has_a_mask_and_is_no_masked_array_is_read_as_it_is():
    frame = TOWN[:4].assign(_mask=[True, True, False, True])
    labels = pd.array([1, 2, 1, None], dtype="Int64")
    embedding = InputEmbedding().fit(frame)
    assert embedding.transform(frame).tolist() == [[1, 0, 1], [1, 0, 1], [0, 1, 0], [0, 1, 1]]
    output = pd.DataFrame(embedding.transform(frame), columns=["a", "b", "_mask"])
    assert embedding.inverse_transform(output)[:, 0].tolist() == list("aabb")
    with pytest.raises(ValueError, match="first in row 3"):
        regressor().fit(frame, labels)


def test_dates_without_a_unit_are_missing_values():
    # The number that NaT is: NumPy 2.5 warns of np.datetime64("NaT") without a unit.
    cells = np.full((N, 1), np.iinfo(np.int64).min).view("M8")
    assert encoder().fit(cells, Y).categories_[0].size == 0


def test_a_table_of_vectors_without_names_is_inverted():
    model = fitted("encoder")
    expected = model.inverse_transform(vectors())
    for table in (pd.DataFrame(vectors()), vector_table(), pl.from_pandas(vector_table())):
        np.testing.assert_array_equal(model.inverse_transform(table), expected)


def test_huge_whole_numbers_are_no_labels_and_no_warning():
    with pytest.raises(ValueError, match=r"needs labels"):
        classifier().fit(TOWN, np.linspace(0, 1, N) * 1e300 + 0.5)
    assert np.isfinite(regressor().fit(TOWN, Y * 1e300).predict(TOWN)).all()
