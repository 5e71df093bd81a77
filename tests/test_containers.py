"""The same values teach and give the same bits, whatever library and dtype hold them."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_array_equal

from skembed import EmbeddingClassifier, EmbeddingEncoder, EmbeddingRegressor, InputEmbedding

N = 150
RNG = np.random.default_rng(0)


def some(values, missing=True):
    """Values in random order; the first one is there, so that its type tells that of all."""
    picked = [values[i] for i in RNG.integers(0, len(values), N)]
    # pandas makes floats of integers beside missing ones: below 2**53 these are the same numbers.
    return [None if missing and k and RNG.random() < 0.1 else v for k, v in enumerate(picked)]


CATEGORICAL = {
    "name": some(["b", "a", "ä", "", "zz"]),
    "kind": some(["x", "y", "z"], missing=False),
    "id": some([2**52 + 1, 2**52, 7, -1]),
    "grade": some([3, 1, 2], missing=False),
    "flag": some([True, False]),
}
NUMERIC = {
    "price": some([0.5, 1.5, 2.5, -1.0]),
    "rooms": some([1, 2, 5], missing=False),
}
COLUMNS = CATEGORICAL | NUMERIC
Y = np.array([len(name or "...") for name in COLUMNS["name"]]) + np.array(COLUMNS["rooms"])
SMALL = {"hidden_layer_sizes": (8,), "random_state": 0}
# Done after 2 epochs of one step: no loss falls by `tol`.
QUICK = SMALL | {"n_estimators": 1, "batch_size": N}
QUICK |= {"max_iter": 500, "tol": 1e6, "n_iter_no_change": 1}
# What predictors look for beside the vectors, of which `transform` says nothing.
NOTHING_ELSE = {"crosses": 0, "n_bins": 0, "counts": False, "linear_part": False}
# By position: an array has no names.
NUMBERS = [list(COLUMNS).index(name) for name in NUMERIC]
MODELS = {
    "encoder": lambda: EmbeddingEncoder(**SMALL, max_iter=2, cv=2, numeric_features=NUMBERS),
    "without a target": lambda: EmbeddingEncoder(**SMALL, task="none", numeric_features=NUMBERS),
    "regressor": lambda: EmbeddingRegressor(**QUICK, numeric_features=NUMBERS),
    "classifier": lambda: EmbeddingClassifier(**QUICK, numeric_features=NUMBERS),
    "input": lambda: InputEmbedding(encode=True),
}


def target(name):
    return Y > Y.mean() if name == "classifier" else Y


def results(name, table, other):
    """All that a model learns from a table, and says of another with the same values."""
    model = MODELS[name]()
    learned = [np.asarray(model.fit_transform(table, target(name)))]
    learned += [getattr(model, "embeddings_", [])]
    learned += [np.asarray(model.transform(same)) for same in (table, other)]
    learned += [model.predict(other)] if hasattr(model, "predict") else []
    return learned


pytestmark = pytest.mark.usefixtures("half_of_each_in_module")


@pytest.fixture(scope="module")
def expected(half_of_each_in_module):
    """Learned from Python objects in pandas."""
    table = pd.DataFrame(COLUMNS, dtype=object)
    return {name: results(name, table, table) for name in MODELS}


@pytest.mark.parametrize("name", MODELS)
def test_the_same_values_give_the_same_bits(make_table, expected, name):
    table = make_table(COLUMNS)
    objects = pd.DataFrame(COLUMNS, dtype=object)
    other = table if isinstance(table, np.ndarray) else objects
    for one, same in zip(results(name, table, other), expected[name], strict=True):
        for left, right in zip(one, same, strict=True):
            assert_array_equal(left, right)


def test_ids_that_a_float_cannot_hold_stay_apart_beside_missing_values(make_table):
    ids = [2**53 + 1, 2**53, None, 2**53 + 1] * 10
    table = make_table({"id": ids})
    if isinstance(table, pd.DataFrame) and table.dtypes.iloc[0] == np.float64:
        # pandas has rounded them before we see them.
        ids = [float(i) if i else None for i in ids]
    y = [1.0, 2.0, 3.0, 1.0] * 10
    encoder = EmbeddingEncoder(**SMALL, max_iter=1).fit(table, y)
    assert encoder.categories_[0].tolist() == sorted({i for i in ids if i})


@pytest.mark.parametrize("name", MODELS)
def test_the_output_is_what_set_output_says(make_table, name):
    model, table = MODELS[name](), make_table(COLUMNS)
    if hasattr(model, "predict"):
        model.set_params(**NOTHING_ELSE)
    index = pd.RangeIndex(N)
    if isinstance(table, pd.DataFrame):
        index = table.index = pd.Index([f"row {i}" for i in range(N)])
    frames = [
        model.set_output(transform="pandas").fit_transform(table, target(name)),
        model.transform(table),
        model.set_output(transform="polars").transform(table),
    ]
    assert [type(frame) for frame in frames] == [pd.DataFrame, pd.DataFrame, pl.DataFrame]
    for frame in frames:
        assert list(frame.columns) == list(model.get_feature_names_out())
        assert len(frame) == N
    for frame in frames[:2]:
        assert frame.index.equals(index)


DUPLICATES = {
    "pandas": pd.DataFrame([["x", "y"]] * N, columns=["a", "a"]),
    "pyarrow": pa.table([pa.array(["x"] * N), pa.array(["y"] * N)], names=["a", "a"]),
}


@pytest.mark.parametrize("library", DUPLICATES)
@pytest.mark.parametrize("name", MODELS)
def test_duplicate_names_are_refused(name, library):
    model = MODELS[name]()
    if "numeric_features" in model.get_params():
        model.set_params(numeric_features=None)
    with pytest.raises(ValueError, match=r"(?s)unique.*'a'"):
        model.fit(DUPLICATES[library], target(name))
    model.fit(DUPLICATES["pandas"].set_axis(["a", "b"], axis=1), target(name))
    with pytest.raises(ValueError, match=r"(?s)unique.*'a'"):
        model.transform(DUPLICATES[library])


@pytest.mark.parametrize("name", MODELS)
def test_a_lazy_frame_is_refused(name):
    model, lazy = MODELS[name](), pl.LazyFrame(COLUMNS)
    with pytest.raises(TypeError, match=r"lazy frame.*X\.collect\(\)"):
        model.fit(lazy, target(name))
    model.fit(lazy.collect(), target(name))
    with pytest.raises(TypeError, match="lazy frame"):
        model.transform(lazy)


class Wrapped:
    """An array as other libraries wrap it, with nothing lazy inside, or with something."""

    def __init__(self, array, graph):
        self.array, self.graph, self.shape = array, graph, array.shape

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.array, dtype)

    def __dask_graph__(self):
        return self.graph


def test_only_what_waits_for_dask_is_refused():
    plain = np.array([["a"], ["b"]] * 9)
    y = np.arange(18.0)
    found = EmbeddingEncoder(**SMALL, max_iter=1).fit_transform(Wrapped(plain, None), y)
    expected = EmbeddingEncoder(**SMALL, max_iter=1).fit_transform(plain, y)
    assert_array_equal(found, expected)
    with pytest.raises(TypeError, match=r"Dask collection. Pass X.compute\(\)"):
        EmbeddingEncoder(max_iter=1).fit(Wrapped(plain, {}), y)


@pytest.mark.parametrize("name", ["encoder", "regressor"])
@pytest.mark.parametrize("make", [pd.Series, pl.Series, list, pa.array], ids=lambda m: m.__name__)
def test_targets_and_weights_come_in_any_container(make, name):
    weight = RNG.integers(1, 3, N).astype(float)
    table = pd.DataFrame(COLUMNS, dtype=object)
    plain = MODELS[name]().fit(table, Y, sample_weight=weight)
    other = MODELS[name]().fit(table, make(Y.tolist()), sample_weight=make(weight.tolist()))
    for one, same in zip(plain.embeddings_, other.embeddings_, strict=True):
        assert_array_equal(one, same)
