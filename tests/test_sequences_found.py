"""Columns whose cells hold several categories, found by ``sequence_features="auto"``."""

import pickle
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_predict

from skembed import EmbeddingClassifier, EmbeddingEncoder, EmbeddingRegressor
from skembed._column_choice import choose_columns
from skembed._frames import read

pytestmark = pytest.mark.usefixtures("rough")

# No loss falls by `tol`, so that a fit ends after few epochs.
QUICK = {
    "hidden_layer_sizes": (8,),
    "max_iter": 500,
    "tol": 1e6,
    "n_iter_no_change": 1,
    "random_state": 0,
}
PREDICTOR = {**QUICK, "n_estimators": 1, "crosses": 0}
N = 120


@pytest.fixture
def films():
    """Two or no genres, the first cell missing; a plain column and a number; a target."""
    rng = np.random.default_rng(0)
    genres = [rng.choice(list("abcdef"), 2, replace=False).tolist() for _ in range(N)]
    genres[0], genres[1], genres[2] = None, [], ["a", None]
    X = pd.DataFrame(
        {"genres": genres, "country": rng.choice(list("xyz"), N), "year": rng.normal(size=N)}
    )
    return X, rng.normal(size=N) + [2.0 * ("a" in cell) if cell else 0.0 for cell in genres]


def as_object_array(X):
    array = np.empty(X.shape, dtype=object)
    for j, name in enumerate(X):
        array[:, j] = X[name]
    return array


def changed(X, change):
    """The genres as other objects, missing ones kept."""
    cells = [None if cell is None else change(cell) for cell in X["genres"]]
    return X.assign(genres=pd.Series(cells, dtype=object))


def as_arrow_dtype(X, list_type):
    dtype = pd.ArrowDtype(list_type(pa.string()))
    return X.assign(genres=pd.array(X["genres"].tolist(), dtype=dtype))


def as_polars(X, cells=None):
    # From a list: polars would take the missing value of pandas for NaN.
    cells = pl.Series(X["genres"].tolist()) if cells is None else cells
    return pl.DataFrame(
        {"genres": cells, **{name: X[name].tolist() for name in ("country", "year")}}
    )


CONTAINERS = {
    "lists": lambda X: X,
    "sets": lambda X: changed(X, set),
    "arrays": lambda X: changed(X, lambda cell: np.array(cell, dtype=object)),
    "series": lambda X: changed(X, lambda cell: pd.Series(cell, dtype=object)),
    "Arrow lists in pandas": lambda X: as_arrow_dtype(X, pa.list_),
    "large Arrow lists in pandas": lambda X: as_arrow_dtype(X, pa.large_list),
    "polars lists": as_polars,
    "polars objects": lambda X: as_polars(X, pl.Series(X["genres"].tolist(), dtype=pl.Object)),
    "Arrow lists": lambda X: as_polars(X).to_arrow(),
    "array": as_object_array,
    "rows": lambda X: as_object_array(X).tolist(),
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_predictors_take_columns_of_lists_as_if_they_were_named(films, container):
    X, y = CONTAINERS[container](films[0]), films[1]
    found = EmbeddingRegressor(**PREDICTOR).fit(X, y)
    named = EmbeddingRegressor(**PREDICTOR, sequence_features=[0]).fit(X, y)
    assert found.categories_[0].tolist() == list("abcdef")
    assert_array_equal(found.predict(X), named.predict(X))


@pytest.mark.parametrize("container", CONTAINERS)
def test_the_encoder_takes_them_when_asked(films, container):
    X, y = CONTAINERS[container](films[0]), films[1]
    settings = {**QUICK, "numeric_features": [2], "cv": 2}
    found = EmbeddingEncoder(**settings, sequence_features="auto")
    named = EmbeddingEncoder(**settings, sequence_features=[0])
    assert_array_equal(found.fit_transform(X, y), named.fit_transform(X, y))
    with pytest.raises(TypeError, match="'auto' finds"):
        EmbeddingEncoder(**settings).fit(X, y)


def test_classifiers_take_them_too(films):
    X, y = films[0], films[1] > 1
    found = EmbeddingClassifier(**PREDICTOR).fit(X, y)
    named = EmbeddingClassifier(**PREDICTOR, sequence_features=["genres"]).fit(X, y)
    assert_array_equal(found.predict_proba(X), named.predict_proba(X))


# Which columns


class Row(list):
    """A list that may be a category."""

    def __hash__(self):
        return len(self)


def objects(*cells):
    column = np.empty(len(cells), dtype=object)
    column[:] = cells
    return pd.DataFrame({"a": pd.Series(column)})


@pytest.mark.parametrize(
    "X",
    [
        objects([], ["x"]),
        objects(None, np.nan, pd.NA, pd.NaT, ["x"]),
        objects(Decimal("sNaN"), ["x", "y"]),
        objects(*[None] * 5000, ["x"]),
        objects({"x"}, ("x", "y")),
        objects(set(), None),
        objects(np.array(["x"]), None),
        objects(pd.array(["x"]), None),
        objects(pd.Index(["x"]), None),
        pl.DataFrame({"a": [[], ["x"]]}),
        pl.DataFrame({"a": [None, None]}, schema={"a": pl.List(pl.String)}),
        pl.DataFrame({"a": [["x", "y"]]}, schema={"a": pl.Array(pl.String, 2)}),
        pa.table({"a": pa.array([["x", "y"]], pa.list_(pa.string(), 2))}),
        pa.table({"a": pa.array([None, ["x"]], pa.large_list(pa.string()))}),
    ],
)
def test_columns_that_are_taken(X):
    assert choose_columns(read(X), "auto", "auto").sequences == (0,)
    assert choose_columns(read(X), "auto").sequences == ()


@pytest.mark.parametrize(
    "X",
    [
        objects(None, np.nan),
        objects(("x", "y"), ("x",)),
        objects(None, frozenset("x")),
        objects(("x", "y"), ["x"]),
        objects("x", ["x"]),
        objects({"x": 1}),
        objects(Row("x")),
        objects(b"x"),
        objects(1, 2.5),
        pd.DataFrame({"a": pd.Categorical([("x",), None])}),
        pd.DataFrame({"a": pd.array(["x", None], dtype=pd.ArrowDtype(pa.string()))}),
        pd.DataFrame({"a": pd.period_range("2020", periods=2, freq="D")}),
        pl.DataFrame({"a": [None, None]}),
        pl.DataFrame({"a": [{"x": 1}]}),
        pl.DataFrame({"a": pl.Series([("x",), None], dtype=pl.Object)}),
        pa.table({"a": pa.nulls(2)}),
        np.array([["x"], ["y"]]),
        np.array([[1.5]]),
    ],
)
def test_columns_that_are_not_taken(X):
    assert choose_columns(read(X), "auto", "auto", False).sequences == ()


def test_tuples_frozensets_and_missing_cells_stay_categories(films):
    X, y = films
    X = changed(X, tuple).assign(
        kind=[frozenset(name) for name in X["country"]], none=pd.Series([None] * N, dtype=object)
    )
    found = EmbeddingRegressor(**PREDICTOR).fit(X, y)
    before = EmbeddingRegressor(**PREDICTOR, sequence_features=None).fit(X, y)
    assert () in found.categories_[0].tolist()
    assert frozenset("x") in found.categories_[2].tolist()
    assert found.categories_[3].tolist() == []
    assert_array_equal(found.predict(X), before.predict(X))


def test_what_is_named_as_numbers_is_not_taken(films):
    frame = read(films[0])
    assert choose_columns(frame, ["genres"], "auto").numeric == (0,)
    assert choose_columns(frame, ["genres"], "auto").sequences == ()
    assert choose_columns(frame, "auto", "auto").numeric == (2,)
    with pytest.raises(ValueError, match="'genres' must hold numbers"):
        EmbeddingRegressor(numeric_features=["genres"]).fit(*films)


def test_a_column_of_this_name_is_named_in_a_list(films):
    X = films[0]
    X = changed(X, tuple).rename(columns={"genres": "auto"}).assign(other=X["genres"])
    frame = read(X)
    assert choose_columns(frame, "auto", ["auto"]).sequences == (0,)
    assert choose_columns(frame, "auto", "auto").sequences == (3,)


# Chosen once


@pytest.mark.parametrize("first_pass", [False, True])
def test_predictors_keep_the_choice_of_the_first_batch(films, first_pass):
    X, y = films
    later = changed(X, tuple)
    found = EmbeddingRegressor(**PREDICTOR)
    named = EmbeddingRegressor(**PREDICTOR, sequence_features=["genres"])
    for model in (found, named):
        if first_pass:
            model.partial_fit_vocabulary(X).partial_fit_vocabulary(later)
        model.partial_fit(later if first_pass else X, y).partial_fit(later, y)
    assert_array_equal(found.predict(X), named.predict(X))
    assert_array_equal(found.predict(later), found.predict(X))


def test_a_column_that_began_as_a_category_stays_one(films):
    X, y = films
    model = EmbeddingRegressor(**PREDICTOR).fit(X.assign(genres=None), y)
    with pytest.raises(TypeError, match=r"'genres' holds list objects .* named there"):
        model.predict(X)
    model = EmbeddingRegressor(**PREDICTOR).partial_fit_vocabulary(X.assign(genres=None))
    with pytest.raises(TypeError, match="'genres' holds list objects"):
        model.partial_fit(X, y)


def test_a_fit_chooses_anew(films):
    X, y = films
    model = EmbeddingRegressor(**PREDICTOR, warm_start=True)
    model.fit(changed(X, tuple), y).fit(X, y)
    assert model.categories_[0].tolist() == list("abcdef")
    named = EmbeddingRegressor(**PREDICTOR, warm_start=True, sequence_features=["genres"])
    first = model.set_params(warm_start=False).fit(X, y).set_params(warm_start=True).fit(X, y)
    assert_array_equal(first.predict(X), named.fit(X, y).fit(X, y).predict(X))


# Beside the rest of scikit-learn and of the package


def test_the_parameter_is_cloned_searched_and_pickled(films):
    X, y = films
    model = EmbeddingRegressor(**PREDICTOR)
    assert model.get_params()["sequence_features"] == "auto"
    assert EmbeddingEncoder().get_params()["sequence_features"] is None
    named = clone(model).set_params(sequence_features=["genres"])
    found = [cross_val_predict(one, X, y, cv=2) for one in (clone(model), named)]
    assert_array_equal(*found)
    search = GridSearchCV(model, {"sequence_features": ["auto"]}, cv=2, refit=False).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    again = pickle.loads(pickle.dumps(model.fit(X, y)))
    assert_array_equal(again.predict(X), model.predict(X))


def test_a_file_of_embeddings_keeps_the_choice(films, tmp_path):
    X, y = films[0][["genres", "country"]], films[1]
    encoder = EmbeddingEncoder(**QUICK, sequence_features="auto").fit(X, y)
    encoder.save_embeddings(tmp_path / "vectors.skembed")
    again = EmbeddingEncoder.load_embeddings(tmp_path / "vectors.skembed")
    assert again.sequence_features == "auto"
    assert_array_equal(again.transform(X), encoder.transform(X))


def test_without_a_target_batches_may_hold_lists(films):
    X = films[0][["genres", "country"]]
    found, named = (
        EmbeddingEncoder(task="none", sequence_features=wanted, random_state=0)
        .partial_fit(X)
        .transform(X)
        for wanted in ("auto", ["genres"])
    )
    assert_array_equal(found, named)


# What is refused


def test_partial_fit_with_a_target_names_the_columns(films):
    X, y = films[0][["genres", "country"]], films[1]
    encoder = EmbeddingEncoder(**QUICK, sequence_features="auto")
    words = r"columns of sequences, \['genres'\], from a target. Call fit, drop these columns, or"
    with pytest.raises(ValueError, match=words):
        encoder.partial_fit(X, y)
    with pytest.raises(ValueError, match=words):
        encoder.fit(X, y).partial_fit(X, y)


def test_pooled_vectors_are_not_inverted(films):
    X, y = films[0][["genres", "country"]], films[1]
    encoder = EmbeddingEncoder(**QUICK, sequence_features="auto").fit(X, y)
    with pytest.raises(ValueError, match=r"\['genres'\] hold. Leave these columns out of the fit"):
        encoder.inverse_transform(encoder.transform(X))


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("a", "is one of sequence_features, but holds the str 'a' in row 3"),
        ([["a"]], r"holds in row 3 the list \['a'\] as an element"),
    ],
)
def test_cells_that_do_not_fit_the_first_are_refused(films, cell, words):
    X, y = films
    X["genres"] = [*X["genres"][:3], cell, *X["genres"][4:]]
    with pytest.raises(TypeError, match=f"Column 'genres' {words}"):
        EmbeddingRegressor(**PREDICTOR).fit(X, y)


@pytest.mark.parametrize("cell", [("a",), "a", {"a": 1}])
def test_lists_behind_another_first_cell_are_refused(films, cell):
    X, y = films
    X["genres"] = [cell, *X["genres"][1:]]
    with pytest.raises(TypeError, match=r"Column 'genres' holds .* that are named there"):
        EmbeddingRegressor(**PREDICTOR).fit(X, y)


def test_no_columns_are_taken_for_none(films):
    with pytest.raises(TypeError, match="Column 'genres' holds list objects"):
        EmbeddingRegressor(**PREDICTOR, sequence_features=None).fit(*films)
