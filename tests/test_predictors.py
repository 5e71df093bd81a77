"""What EmbeddingClassifier and EmbeddingRegressor have in common: columns, vectors, state."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone

from skembed import EmbeddingClassifier, EmbeddingRegressor
from skembed._frames import encode_values

# Stops after a few epochs, since no improvement is enough.
QUICK = {
    "n_estimators": 1,
    "hidden_layer_sizes": (16,),
    "max_iter": 500,
    "tol": 1e6,
    "n_iter_no_change": 1,
    "random_state": 0,
}
LETTERS = list("abcdefghij")


def make_rows(n=400, seed=0):
    """Categories, numbers and missing values, and a target of effects, a cross and a number."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "city": rng.choice(LETTERS, n),
            "kind": rng.choice(["x", "y", "z"], n),
            "size": rng.normal(size=n).round(2),
            "rooms": rng.integers(1, 6, n).astype(float),
        }
    )
    y = X["city"].map(LETTERS.index) / 3 + X["size"] + np.where(X["kind"] == "x", X["rooms"], 0)
    X.loc[rng.random(n) < 0.1, "rooms"] = np.nan
    X["kind"] = X["kind"].where(rng.random(n) > 0.1, None)
    return X, (y + 0.3 * rng.normal(size=n)).to_numpy()


@pytest.fixture(scope="module")
def rows():
    return make_rows()


@pytest.fixture(scope="module")
def fitted(rows):
    return EmbeddingRegressor(**QUICK).fit(*rows)


@pytest.fixture(params=[EmbeddingRegressor, EmbeddingClassifier])
def model_and_target(request, rows):
    """An unfitted predictor and a target for it."""
    y = rows[1]
    return request.param(**QUICK), y if request.param is EmbeddingRegressor else y > y.mean()


def raw(model, X):
    return model.predict(X) if isinstance(model, EmbeddingRegressor) else model.predict_proba(X)


# Columns


def test_effects_crosses_and_numbers_are_learned(rows):
    X, y = rows
    model = EmbeddingRegressor(**QUICK | {"max_iter": 15, "tol": 1e-4}).fit(X[:300], y[:300])
    assert model.score(X[300:], y[300:]) > 0.75


@pytest.mark.parametrize(
    "columns", [["size", "rooms"], ["city", "kind"], ["city"], ["size"], ["rooms", "kind"]]
)
def test_any_kind_of_columns_will_do(rows, model_and_target, columns):
    X, (model, y) = rows[0][columns], model_and_target
    model.fit(X, y)
    assert np.isfinite(raw(model, X)).all()
    n_categorical = len({"city", "kind"} & set(columns))
    assert len(model.embeddings_) == n_categorical
    assert model.transform(X).shape == (400, sum(t.shape[1] for t in model.embeddings_))
    assert len(model.get_feature_names_out()) == model.transform(X).shape[1]


def test_numeric_features_says_which_columns_are_numbers(rows):
    X, y = rows
    by_name = EmbeddingRegressor(**QUICK, numeric_features=["size"]).fit(X, y)
    assert [len(c) for c in by_name.categories_] == [10, 3, 5]
    by_position = EmbeddingRegressor(**QUICK, numeric_features=[2]).fit(X, y)
    np.testing.assert_array_equal(by_position.predict(X), by_name.predict(X))
    none = EmbeddingRegressor(**QUICK, numeric_features=None).fit(X, y)
    assert len(none.categories_) == 4
    assert len(EmbeddingRegressor(**QUICK).fit(X, y).categories_) == 2


def test_the_container_does_not_matter(rows, model_and_target):
    X, (model, y) = rows[0], model_and_target
    expected = raw(model.fit(X, y), X)
    for other in (pl.from_pandas(X), X.astype({"city": "category", "kind": "category"})):
        np.testing.assert_array_equal(raw(clone(model).fit(other, y), other), expected)
    model = clone(model).fit(X, y)
    np.testing.assert_array_equal(raw(model, pl.from_pandas(X)), expected)
    array = X.to_numpy(dtype=object)
    model = clone(model).set_params(numeric_features=[2, 3]).fit(array, y)
    np.testing.assert_array_equal(raw(model, array), expected)
    np.testing.assert_array_equal(raw(model, array.tolist()), expected)


def test_missing_and_unknown_values_are_predicted_for(fitted):
    new = pd.DataFrame(
        {
            "city": ["a", "new", None, "b", "b"],
            "kind": [None, "x", "other", "y", "y"],
            "size": [np.nan, 0.0, 1.0, 1e308, -1e308],
            "rooms": [1.0, np.nan, 99.0, 1e-320, -5.0],
        }
    )
    assert np.isfinite(fitted.predict(new)).all()
    assert np.isfinite(fitted.transform(new)).all()
    lists = new.astype({"city": object, "kind": object})
    np.testing.assert_array_equal(fitted.predict(lists), fitted.predict(new))


def test_a_new_category_is_predicted_like_an_average_one(fitted, rows):
    X, _ = rows
    new = fitted.predict(X.assign(city="new"))
    each = [fitted.predict(X.assign(city=city)).mean() for city in LETTERS]
    assert min(each) < new.mean() < max(each)


@pytest.mark.parametrize("handle", ["embed", "mean", "zeros", "infrequent_if_exist"])
def test_unknown_values_are_handled_as_asked(rows, handle):
    X, y = rows
    # Crosses and counts take an unknown value for what it is.
    alone = {"crosses": 0, "counts": False, "min_frequency": 40}
    model = EmbeddingRegressor(**QUICK | alone, handle_unknown=handle).fit(X, y)
    new = model.transform(X[:1].assign(city="new"))[0, : model.embeddings_[0].shape[1]]
    if handle == "zeros":
        assert not new.any()
    if handle == "mean":
        columns = slice(0, len(new))
        np.testing.assert_allclose(new, model.transform(X)[:, columns].mean(axis=0), atol=1e-5)
    if handle == "infrequent_if_exist":
        rare = X["city"].value_counts().idxmin()
        np.testing.assert_array_equal(
            model.predict(X[:9].assign(city="new")), model.predict(X[:9].assign(city=rare))
        )
    assert np.isfinite(model.predict(X.assign(city="new"))).all()


@pytest.mark.usefixtures("rough")
def test_a_sequence_column_is_pooled(rows):
    X, y = rows
    X = X.assign(tags=[[city, "a"] for city in X["city"]]).drop(columns="city")
    model = EmbeddingRegressor(**QUICK, sequence_features=["tags"]).fit(X, y)
    swapped = X.assign(tags=[tags[::-1] for tags in X["tags"]])
    np.testing.assert_allclose(model.predict(swapped), model.predict(X), atol=1e-12)


@pytest.mark.parametrize("pooling", ["mean", "sum", "max"])
def test_effects_of_bags_are_alike_in_training_and_for_new_rows(pooling):
    rng = np.random.default_rng(0)
    worth = dict(zip(LETTERS, rng.normal(size=len(LETTERS)), strict=True))
    bags = [list(rng.choice(LETTERS, rng.integers(1, 4), replace=False)) for _ in range(600)]
    X = pd.DataFrame({"tags": bags})
    y = np.array([np.mean([worth[tag] for tag in bag]) for bag in bags])
    small = {"n_estimators": 1, "hidden_layer_sizes": (16,), "random_state": 0}
    model = EmbeddingRegressor(**small, sequence_features=["tags"], pooling=pooling)
    assert model.fit(X[:400], y[:400]).score(X[400:], y[400:]) > 0.8


def test_rows_are_predicted_some_at_a_time(fitted, rows, monkeypatch):
    X, _ = rows
    whole = fitted.predict(X)
    monkeypatch.setattr("skembed._predictors._AT_ONCE", 7)
    np.testing.assert_allclose(fitted.predict(X), whole, rtol=1e-6)


# Vectors


def test_vectors_can_be_looked_up(fitted, rows):
    X, _ = rows
    frame = fitted.embedding_frame("city")
    assert list(frame.index) == LETTERS
    assert list(frame.columns) == ["city_effect", *(f"city_{k}" for k in range(8))]
    np.testing.assert_array_equal(fitted.transform(X)[:, :9], frame.loc[X["city"]].to_numpy())
    assert fitted.embedding_dims_ == [8, 2]
    nearest = fitted.nearest_categories("city", "a", 3)
    assert len(nearest) == 3
    assert "a" not in set(nearest["category"])
    back = fitted.inverse_transform(fitted.transform(X[:50]))
    assert back[:, 0].tolist() == X["city"][:50].tolist()


def test_the_first_coordinate_is_the_effect_that_predictions_use(fitted):
    effects = fitted.effects_["city"].set_index("city")["effect"]
    frame = fitted.embedding_frame("city")
    np.testing.assert_allclose(frame["city_effect"], effects.loc[LETTERS], rtol=1e-6)
    assert np.corrcoef(effects.loc[LETTERS], np.arange(10))[0, 1] > 0.95


@pytest.mark.parametrize("target_effect", [True, False])
def test_effects_of_crosses_are_aligned_with_what_predictions_use(rows, target_effect):
    X, y = rows
    X = X.assign(kind=X["kind"].fillna("none"))
    model = EmbeddingRegressor(**QUICK, target_effect=target_effect).fit(X, y)
    assert model.crosses_
    frames = model.effects_
    assert [name for name in frames if isinstance(name, tuple)] == model.crosses_
    assert ("city" in frames) == target_effect
    codes = np.column_stack([v.encode(c) for v, c in coded(model, X)])
    numbers = X[["size", "rooms"]].to_numpy()
    for term in model._features.terms:
        if term.effects is None or len(term.cross.parts) == 1:
            continue
        frame = frames[term.cross.name]
        seen = {tuple(row[:-1]): row[-1] for row in frame.itertuples(index=False)}
        (feature, *_) = term.features_of(term.cross.codes(codes, numbers))
        for i in range(0, 400, 23):
            key = tuple(value_of(part, X, i) for part in term.cross.parts)
            assert seen[key] == pytest.approx(feature[i], rel=1e-12)


def coded(model, X):
    """The vocabularies of the categorical columns, and the columns as they take them."""
    for name, vocabulary in zip(model._columns.categorical_names, model._vocabularies, strict=True):
        yield vocabulary, encode_values(X[name])


def value_of(part, X, i):
    """What the frame of an effect calls the value of a row."""
    value = X[part.name].iloc[i]
    if part.edges is None:
        return value
    if np.isnan(value):
        return None
    ends = [-np.inf, *part.edges, np.inf]
    k = int(np.searchsorted(part.edges, value, side="right"))
    return f"[{ends[k]:g}, {ends[k + 1]:g})"


def test_shared_columns_have_one_table():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.choice(LETTERS, (400, 2)), columns=["home", "away"])
    strength = dict(zip(LETTERS, rng.normal(size=10), strict=True))
    y = (X["home"].map(strength) - X["away"].map(strength)).to_numpy()
    model = EmbeddingRegressor(**QUICK, shared=[["home", "away"]]).fit(X, y)
    np.testing.assert_array_equal(model.embeddings_[0][:, 1:], model.embeddings_[1][:, 1:])
    assert (model.embeddings_[0][:, 0] != model.embeddings_[1][:, 0]).any()
    assert model.categories_[0].tolist() == model.categories_[1].tolist() == LETTERS


@pytest.mark.parametrize("order", [["home", "away"], ["away", "home"]])
def test_missing_values_of_one_shared_column_are_learned_for_all(order):
    """Not overwritten by the mean because another column misses none."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.choice(LETTERS, (400, 2)), columns=["home", "away"]).astype(object)
    X.loc[::4, "home"] = None
    y = X["home"].isna() * 3.0 + rng.normal(size=400)
    settings = {"shared": [["home", "away"]], "max_iter": 30, "tol": 0.0, "n_iter_no_change": 99}
    model = EmbeddingRegressor(**QUICK | settings).fit(X[order], y)
    vectors = model.transform(X[order])
    start = order.index("home") * model.embeddings_[0].shape[1] + 1
    learned = vectors[:, start : start + model.embedding_dims_[0]]
    gap = learned[0] - learned.mean(axis=0)
    assert np.linalg.norm(gap) > 0.05


@pytest.mark.parametrize("frozen", [True, False])
def test_given_vectors_are_where_training_starts(rows, frozen):
    X, y = rows
    given = pd.DataFrame(np.random.default_rng(1).normal(size=(10, 3)), index=LETTERS)
    multipliers = {"city": 0.0} if frozen else None
    model = EmbeddingRegressor(
        **QUICK, initial_embeddings={"city": given}, learning_rate_multipliers=multipliers
    ).fit(X, y)
    learned = model.embedding_frame("city").iloc[:, 1:].to_numpy()
    assert learned.shape == (10, 3)
    change = np.abs(learned - given.to_numpy()).max()
    assert change < 1e-6 if frozen else 1e-4 < change < 0.5


def test_max_norm_limits_what_is_learned(rows):
    X, y = rows
    model = EmbeddingRegressor(**QUICK, max_norm=0.05).fit(X, y)
    for table in model.embeddings_:
        assert np.linalg.norm(table[:, 1:], axis=1).max() <= 0.05 + 1e-6
    free = EmbeddingRegressor(**QUICK).fit(X, y)
    assert np.linalg.norm(free.embeddings_[0][:, 1:], axis=1).max() > 0.05


def test_given_categories_are_all_kept(rows):
    X, y = rows
    model = EmbeddingRegressor(**QUICK, categories={"city": [*LETTERS, "k"]}).fit(X, y)
    assert model.categories_[0].tolist() == [*LETTERS, "k"]
    assert np.isfinite(model.predict(X.assign(city="k"))).all()


@pytest.mark.parametrize(
    ("off", "gone"),
    [
        ({"target_effect": False}, lambda m: "city" not in m.effects_ and "size" not in m.effects_),
        ({"crosses": 0}, lambda m: not m.crosses_),
        ({"linear_part": False}, lambda m: m.network_share_ == 1),
        ({"counts": False}, lambda m: all(t.log_counts is None for t in m._features.terms)),
        ({"n_bins": 0}, lambda m: not m._features.bins.transform(np.zeros((1, 2))).size),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_each_switch_removes_its_part(rows, off, gone):
    X, y = rows
    X = X.assign(id=np.arange(400) // 5).astype({"id": str})
    model = EmbeddingRegressor(**QUICK, **off).fit(X, y)
    assert gone(model)
    assert np.isfinite(model.predict(X)).all()
    assert not gone(EmbeddingRegressor(**QUICK).fit(X, y))


# State


def test_the_same_seed_gives_the_same_bits_and_another_does_not(rows, model_and_target):
    X, (model, y) = rows[0], model_and_target
    first = raw(model.fit(X, y), X)
    np.testing.assert_array_equal(raw(clone(model).fit(X, y), X), first)
    assert (raw(clone(model).set_params(random_state=1).fit(X, y), X) != first).any()
    model.set_params(random_state=np.random.RandomState(0)).fit(X, y)
    np.testing.assert_array_equal(raw(model, X), first)


def test_a_row_is_predicted_alike_alone_and_in_a_batch(rows, model_and_target):
    X, (model, y) = rows[0], model_and_target
    together = raw(model.fit(X, y), X)
    for i in range(0, 400, 57):
        np.testing.assert_allclose(raw(model, X[i : i + 1])[0], together[i], rtol=0, atol=1e-12)
    order = np.random.default_rng(0).permutation(400)
    np.testing.assert_allclose(raw(model, X.iloc[order]), together[order], rtol=0, atol=1e-12)


def test_a_pickle_is_small_and_predicts_the_same(rows, model_and_target):
    X, (model, y) = rows[0], model_and_target
    expected = raw(model.fit(X, y), X)
    stored = pickle.dumps(model)
    again = pickle.loads(stored)
    np.testing.assert_array_equal(raw(again, X), expected)
    np.testing.assert_array_equal(again.transform(X), model.transform(X))
    for name, frame in model.effects_.items():
        pd.testing.assert_frame_equal(again.effects_[name], frame)
    # No data of the 400 rows, no optimiser: fitting the tenfold makes it hardly larger.
    dense = sum(v.nbytes for m in model._blend.members for v in m.parameters.values())
    terms = sum(t.cross.n_codes * 24 for t in model._features.terms)
    assert len(stored) < 40_000 + 1.2 * (dense + terms)


def test_fit_keeps_no_row_of_the_data(rows):
    X, y = rows
    X = X[["city", "kind"]]
    few, many = (
        len(pickle.dumps(EmbeddingRegressor(**QUICK, crosses=0, counts=False).fit(*sample)))
        for sample in ((X, y), (pd.concat([X] * 5), np.tile(y, 5)))
    )
    assert many < 1.1 * few


def test_parameters_stay_as_given(rows, model_and_target):
    X, (model, y) = rows[0], model_and_target
    before = {name: value for name, value in model.get_params().items()}
    model.fit(X, y)
    raw(model, X)
    assert model.get_params() == before
    assert all(model.get_params()[name] is value for name, value in before.items())
    copy = clone(model)
    assert copy.get_params() == before
    assert not hasattr(copy, "embeddings_")
    copy.set_params(crosses=3, hidden_layer_sizes=(4, 4))
    assert (copy.crosses, copy.hidden_layer_sizes) == (3, (4, 4))
    assert model.crosses == 24


def test_prediction_changes_nothing(fitted, rows):
    before = pickle.dumps(fitted)
    fitted.predict(rows[0].assign(city="new"))
    fitted.transform(rows[0])
    assert fitted.effects_
    assert pickle.dumps(fitted) == before


def test_the_input_is_left_as_it_is(rows, model_and_target):
    X, (model, y) = rows[0].copy(), model_and_target
    weight = np.ones(400)
    model.fit(X, y, weight)
    raw(model, X)
    pd.testing.assert_frame_equal(X, rows[0])
    assert (weight == 1).all()


@pytest.mark.usefixtures("few_steps")
def test_warm_start_goes_on_from_the_last_networks(rows):
    X, y = rows
    parts = {"target_effect": False, "crosses": 0, "counts": False}
    settings = QUICK | parts | {"max_iter": 100, "tol": 0.0, "n_iter_no_change": 100}
    model = EmbeddingRegressor(**settings, warm_start=True).fit(X, y)
    first = model.loss_curve_[0]
    model.set_params(random_state=1).fit(X, y)
    again = model.loss_curve_[0]
    cold = EmbeddingRegressor(**settings | {"random_state": 1}).fit(X, y).loss_curve_[0]
    assert again < 0.9 * min(first, cold)


def test_warm_start_takes_new_categories_and_targets(rows):
    X, y = rows
    model = EmbeddingRegressor(**QUICK, warm_start=True).fit(X[:200], y[:200])
    model.fit(X.assign(city=X["city"] + "!", new="a"), np.column_stack([y, -y]))
    assert model.predict(X.assign(city=X["city"] + "!", new="a")).shape == (400, 2)
    model.set_params(n_estimators=2).fit(X, y)
    assert len(model._blend.members) == 2
    assert np.isfinite(model.predict(X)).all()


def test_rows_of_weight_zero_are_absent(rows, model_and_target):
    X, (model, y) = rows[0], model_and_target
    weight = np.r_[np.zeros(50), np.ones(350)]
    other = X.copy()
    other.loc[:49, "city"] = "elsewhere"
    with_zeros = clone(model).fit(other, y, weight)
    without = clone(model).fit(X[50:], y[50:])
    np.testing.assert_array_equal(raw(with_zeros, X), raw(without, X))
    assert "elsewhere" not in with_zeros.categories_[0]


def test_weights_shift_predictions_towards_heavy_rows(rows):
    X, _ = rows
    y = np.r_[np.zeros(200), np.ones(200)]
    weight = np.r_[np.ones(200), np.full(200, 9.0)]
    plain, heavy = (EmbeddingRegressor(**QUICK).fit(X, y, w).predict(X) for w in (None, weight))
    assert plain.mean() == pytest.approx(0.5, abs=0.1)
    assert heavy.mean() == pytest.approx(0.9, abs=0.1)


@pytest.mark.filterwarnings("ignore:The weights of 400 rows:UserWarning")
@pytest.mark.parametrize("scale", [1e-3, 1e6])
def test_scalar_weights_and_weights_of_any_unit_are_taken(rows, scale):
    X, y = rows
    found = EmbeddingRegressor(**QUICK).fit(X, y, np.full(400, scale)).predict(X)
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(EmbeddingRegressor(**QUICK).fit(X, y, scale).predict(X), found)


# Pairs of 12 values meet by a table of all pairs, those of 120 by sorting the ones that occur.
@pytest.mark.parametrize("n_values", [12, 120])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_lists_may_stand_anywhere_among_the_columns_whose_pairs_are_counted(place, n_values):
    """The target is whether a row has others of its pair, which counts alone can tell."""
    rng = np.random.default_rng(0)
    pairs = pd.DataFrame(rng.integers(0, n_values, (500, 2)).astype(str)).drop_duplicates()
    pairs.columns = ["a", "b"]
    sizes = np.where(rng.random(len(pairs)) < 0.2, 4, 1)
    order = rng.permutation(sizes.sum())
    X = pairs.loc[pairs.index.repeat(sizes)].iloc[order].reset_index(drop=True)
    X.insert(place, "lists", [list(rng.choice(list("pqr"), 2)) for _ in order])
    y = np.repeat(sizes > 1, sizes)[order]
    train, test = slice(0, len(X) * 2 // 3), slice(len(X) * 2 // 3, None)
    model = EmbeddingClassifier(**QUICK, crosses=0, sequence_features=["lists"])
    score = model.fit(X[train], y[train]).score(X[test], y[test])
    assert score > 0.95 > 0.6 > max(y[test].mean(), 1 - y[test].mean())
