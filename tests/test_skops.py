"""Every estimator goes through skops with the published list of types, and gives the same."""

import datetime as dt
import decimal
from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skembed import (
    SKOPS_TRUSTED,
    EmbeddingClassifier,
    EmbeddingEncoder,
    EmbeddingRegressor,
    InputEmbedding,
    RelativeSplit,
)
from skembed.nn._losses import make_loss

N_ROWS = 200
RNG = np.random.default_rng(0)


def drawn(*values):
    cells = np.fromiter(values, dtype=object, count=len(values))
    return pd.Series(cells[RNG.integers(0, len(cells), N_ROWS)], dtype=object)


DAYS = pd.to_datetime(drawn("2020-01-01", "2021-06-01"))
X = pd.DataFrame(
    {
        "str": drawn("Rome", "Oslo", "", "Ω", None),
        "int": drawn(2**60, 2**60 + 1, 3).astype("int64"),
        "Int64": drawn(2**60, 2**60 + 1, None).astype("Int64"),
        "float": drawn(0.5, -0.0, np.nan).astype(float),
        "bool": drawn(True, False).astype(bool),
        "categorical": pd.Categorical(drawn("x", "y", None)),
        "datetime": DAYS,
        "datetime with zone": DAYS.dt.tz_localize("Europe/Berlin"),
        "date": drawn(dt.date(2020, 1, 1), dt.date(2020, 1, 2), None),
        "mixed": drawn(1, "1", 2.5, b"x", (1, "a"), decimal.Decimal(1) / 7, None),
        "interval": pd.cut(RNG.random(N_ROWS), 3),
        "tags": drawn(["a"], ["a", "b"], [], None),
        "number": RNG.normal(size=N_ROWS),
    }
)
CATEGORIES = list(X)[:-2]
# A product of two columns, so that a cross is found, and a number.
CROSSED = pd.DataFrame({name: drawn("a", "b", "c") for name in ("left", "right")})
CROSSED["number"] = X["number"]
LEFT, RIGHT = (CROSSED[name].map({"a": -1.0, "b": 0.0, "c": 1.0}) for name in ("left", "right"))
Y = LEFT * RIGHT + np.sin(2 * X["number"])

LOSSES = ("squared_error", "absolute_error", "huber", "quantile", "poisson")
FAST = {"max_iter": 1, "random_state": 0}
# No loss falls by `tol`, so that a fit ends after 11 epochs.
SHORT = {"max_iter": 500, "tol": 1e6, "random_state": 0}
MODEL = SHORT | {"n_estimators": 1, "hidden_layer_sizes": 4, "n_bins": 4}
ESTIMATORS = {
    **{f"encoder of {n}": (EmbeddingEncoder(**FAST), X[[n]], Y) for n in CATEGORIES},
    "encoder of sequences": (EmbeddingEncoder(**FAST, sequence_features=["tags"]), X[["tags"]], Y),
    "encoder that starts warm": (EmbeddingEncoder(**FAST, warm_start=True), X[["str"]], Y),
    "encoder to half precision": (EmbeddingEncoder(**FAST, dtype=np.float16), X[["str"]], Y),
    "encoder without a target": (EmbeddingEncoder(task="none"), X[["str", "mixed"]], None),
    "pipeline": (make_pipeline(EmbeddingEncoder(**FAST), Ridge()), X[["str", "int"]], Y),
    "classifier": (EmbeddingClassifier(**MODEL), CROSSED, Y > 0),
    "classifier of three": (
        EmbeddingClassifier(**MODEL),
        X[["str", "mixed"]],
        drawn("a", "b", "c"),
    ),
    **{
        f"regressor by {loss}": (EmbeddingRegressor(**MODEL, loss=loss), CROSSED, np.exp(Y))
        for loss in LOSSES
    },
    "regressor of many columns": (
        EmbeddingRegressor(**MODEL, sequence_features=["tags"]),
        X[["str", "datetime with zone", "mixed", "tags", "number"]],
        Y,
    ),
    "input of a table": (InputEmbedding(scale="feature"), X[[*CATEGORIES, "number"]], None),
    "input of sequences": (InputEmbedding(), [list("ACG"), list("T")], None),
    "input of an array": (InputEmbedding(scale="global"), np.arange(24.0).reshape(2, 3, 4), None),
    "input with a target": (InputEmbedding(encode_target=True), X[["str"]], drawn("a", "b")),
}


def streamed(estimator, X, y):
    """The estimator after batches."""
    return estimator.partial_fit(X, y).partial_fit(X, y)


STREAMED = {
    "encoder of batches": (EmbeddingEncoder(**FAST), X[["str"]], Y),
    "encoder of batches of columns": (EmbeddingEncoder(**FAST), X[["str", "int", "bool"]], Y),
    "encoder of batches by sgd": (EmbeddingEncoder(**FAST, solver="sgd"), X[["str"]], Y),
    "regressor of batches": (EmbeddingRegressor(**MODEL), CROSSED, Y),
}


@pytest.fixture(scope="module")
def dumped(half_of_each_in_module):
    """Each estimator fitted, and as skops writes it."""
    with pytest.MonkeyPatch.context() as patch:
        # Bags do not need the effects that many steps would find.
        patch.setattr("skembed._effects._N_SOLVER_STEPS", 2)
        fitted = {name: estimator.fit(*data) for name, (estimator, *data) in ESTIMATORS.items()}
        fitted |= {name: streamed(*given) for name, given in STREAMED.items()}
    counted = EmbeddingEncoder(**FAST).partial_fit_vocabulary(X[["str"]])
    fitted["encoder that has counted"] = counted
    return {name: (estimator, skops.io.dumps(estimator)) for name, estimator in fitted.items()}


def test_a_search_with_our_splitter_is_loaded():
    search = GridSearchCV(EmbeddingEncoder(**FAST), {"dropout": [0]}, cv=RelativeSplit())
    loaded = skops.io.loads(skops.io.dumps(search), trusted=SKOPS_TRUSTED)
    assert repr(loaded.cv) == repr(search.cv)


def outputs(estimator, table):
    methods = ("transform", "predict", "predict_proba")
    there = [getattr(estimator, method) for method in methods if hasattr(estimator, method)]
    return [method(table) for method in there]


@pytest.mark.parametrize("name", ESTIMATORS | STREAMED)
def test_what_is_loaded_gives_the_same(name, dumped):
    estimator, data = dumped[name]
    loaded = skops.io.loads(data, trusted=SKOPS_TRUSTED)
    table = (ESTIMATORS | STREAMED)[name][1]
    there, back = outputs(estimator, table), outputs(loaded, table)
    assert len(there) > 0
    for own, other in zip(there, back, strict=True):
        assert own.dtype == other.dtype
        np.testing.assert_array_equal(own, other)


@pytest.mark.parametrize("name", STREAMED)
def test_what_is_loaded_goes_on_alike(name, dumped):
    estimator, data = dumped[name]
    loaded = skops.io.loads(data, trusted=SKOPS_TRUSTED)
    table, y = STREAMED[name][1:]
    own = deepcopy(estimator).partial_fit(table, y).transform(table)
    np.testing.assert_array_equal(own, loaded.partial_fit(table, y).transform(table))


def test_what_is_loaded_has_counted_the_same(dumped):
    estimator, data = dumped["encoder that has counted"]
    loaded = skops.io.loads(data, trusted=SKOPS_TRUSTED)
    own = deepcopy(estimator).partial_fit(X[["str"]][:20], Y[:20])
    loaded.partial_fit(X[["str"]][:20], Y[:20])
    assert repr(loaded.categories_) == repr(own.categories_)
    np.testing.assert_array_equal(loaded.transform(X[["str"]]), own.transform(X[["str"]]))


@pytest.mark.parametrize("name", [name for name in ESTIMATORS if name.startswith("encoder of ")])
def test_what_is_loaded_knows_its_categories(name, dumped):
    estimator, data = dumped[name]
    loaded = skops.io.loads(data, trusted=SKOPS_TRUSTED)
    assert repr(loaded.categories_) == repr(estimator.categories_)
    assert type(loaded.categories_[0][0]) is type(estimator.categories_[0][0])


def test_a_target_is_decoded_the_same(dumped):
    loaded = skops.io.loads(dumped["input with a target"][1], trusted=SKOPS_TRUSTED)
    assert loaded.inverse_transform_target(np.eye(2)).tolist() == ["a", "b"]


def test_nothing_is_trusted_in_vain(dumped):
    # Predictors that were fitted on parts, by Dask, know the baseline of all rows.
    of_parts = skops.io.dumps(make_loss("squared_error").with_baseline(np.zeros(1)))
    dumps = [of_parts, skops.io.dumps(RelativeSplit()), *(data for _, data in dumped.values())]
    wanted = set().union(*(skops.io.get_untrusted_types(data=data) for data in dumps))
    # Which types of other libraries are trusted anyway depends on the version of skops.
    assert {name for name in SKOPS_TRUSTED if name.startswith("skembed.")} <= wanted
    assert sorted(SKOPS_TRUSTED) == SKOPS_TRUSTED


def test_nothing_is_loaded_without_trust(dumped):
    with pytest.raises(skops.io.exceptions.UntrustedTypesFoundException):
        skops.io.loads(dumped["encoder of str"][1], trusted=[])
