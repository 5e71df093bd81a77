"""Columns whose cells hold several categories: what is read, learned, pooled and refused."""

import pickle
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold
from sklearn.pipeline import make_pipeline

from skembed import EmbeddingEncoder
from skembed._column_choice import choose_columns
from skembed._cooccurrence import cooccurrence_counts
from skembed._frames import read
from skembed._sequences import read_bags, weigh_bags
from skembed.nn._bags import Bags

FAST = {"max_iter": 3, "random_state": 0}
GENRES = np.array(list("abcdefgh"))
POOLINGS = ("mean", "sum", "max")


def make_lists(n, n_categories, seed=0, least=1, most=5):
    rng = np.random.default_rng(seed)
    names = np.array([f"c{i:03}" for i in range(n_categories)])
    return [
        names[rng.choice(n_categories, size, replace=False)].tolist()
        for size in rng.integers(least, most + 1, n)
    ]


@pytest.fixture
def films():
    """Lists with repeats, empty, missing and a missing element; a plain column; a target."""
    rng = np.random.default_rng(0)
    genres = [list(map(str, rng.choice(GENRES, rng.integers(0, 4)))) for _ in range(300)]
    genres[3], genres[4], genres[5] = None, ["a", None], ["a", "a", "b"]
    X = pd.DataFrame({"genres": genres, "country": rng.choice(list("xyz"), 300)})
    y = rng.normal(size=300) + [("a" in cell) if cell else 0 for cell in genres]
    return X, y


# Two folds go the way of five.
encoder_of = partial(EmbeddingEncoder, sequence_features=["genres"], cv=2, **FAST)


# What is learned


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("cv", [5, KFold(3)])
def test_cells_of_one_category_get_the_vectors_of_a_plain_column(pooling, cv):
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 12, 700), rng.integers(0, 4, 700)
    y = rng.normal(size=12)[a] + rng.normal(size=4)[b] + rng.normal(size=700)
    plain = pd.DataFrame({"a": a, "b": b})
    lists = plain.assign(a=[[value] for value in a])
    settings = {"cv": cv, "embedding_dim": {"a": 3, "b": 2}, **FAST}
    expected = EmbeddingEncoder(**settings)
    found = EmbeddingEncoder(sequence_features=["a"], pooling=pooling, **settings)
    assert_allclose(found.fit_transform(lists, y), expected.fit_transform(plain, y), atol=1e-6)
    for table, other in zip(found.embeddings_, expected.embeddings_, strict=True):
        assert_allclose(table, other, atol=1e-6)
    assert_array_equal(found.categories_[0], expected.categories_[0])


def scores(X, y, n_train, **parameters):
    """R2 of a ridge regression on the vectors, on new rows and on the training rows."""
    train, test = slice(0, n_train), slice(n_train, None)
    encoder = EmbeddingEncoder(sequence_features=["items"], random_state=0, **parameters)
    vectors = encoder.fit_transform(X[train], y[train])
    model = Ridge().fit(vectors, y[train])
    return model.score(encoder.transform(X[test]), y[test]), model.score(vectors, y[train])


def mean_of_means(lists, y, n_train):
    """The mean target of each category, averaged over the cell: what is usually done."""
    flat = pd.DataFrame({"row": np.repeat(np.arange(len(lists)), [len(c) for c in lists])})
    flat["item"] = np.concatenate(lists)
    flat["y"] = y[flat["row"]]
    means = flat[flat["row"] < n_train].groupby("item")["y"].mean()
    return flat["item"].map(means).groupby(flat["row"]).mean().to_numpy()[:, None]


@pytest.mark.parametrize(("target", "pooling"), [("mean", "mean"), ("sum", "sum"), ("max", "max")])
def test_a_target_of_pooled_values_is_recovered(target, pooling):
    rng = np.random.default_rng(0)
    lists = make_lists(3000, 60)
    names = sorted({name for cell in lists for name in cell})
    value = dict(zip(names, 2 + rng.normal(size=60), strict=True))
    signal = np.array([getattr(np, target)([value[name] for name in cell]) for cell in lists])
    y = signal / signal.std() + 0.3 * rng.normal(size=3000)
    ceiling = 1 - 0.3**2 / y[2000:].var()
    usual = mean_of_means(lists, y, 2000)
    others = RidgeCV().fit(usual[:2000], y[:2000]).score(usual[2000:], y[2000:])
    found, _ = scores(pd.DataFrame({"items": lists}), y, 2000, pooling=pooling)
    assert found > others + (0.02 if target == "mean" else 0.1)
    assert found > ceiling - (0.1 if target == "max" else 0.02)


def test_vectors_hold_what_a_category_does_beside_another_column():
    rng = np.random.default_rng(0)
    lists, other = make_lists(3000, 20), rng.integers(0, 2, 3000)
    value = dict(zip(sorted({n for c in lists for n in c}), rng.normal(size=20), strict=True))
    mean = np.array([np.mean([value[name] for name in cell]) for cell in lists])
    y = np.where(other, mean, -mean) + 0.1 * rng.normal(size=3000)
    X = pd.DataFrame({"items": lists, "other": other})
    encoder = EmbeddingEncoder(sequence_features=["items"], max_iter=30, random_state=0)
    vectors = encoder.fit(X, y).embedding_frame("items").iloc[:, 1:]
    hidden = [value[name] for name in vectors.index]
    assert Ridge().fit(vectors, hidden).score(vectors, hidden) > 0.9


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize(("n_categories", "most"), [(1000, 5), (50, 4), (80, 20)])
def test_lists_of_noise_leak_nothing(pooling, n_categories, most):
    X = pd.DataFrame({"items": make_lists(3000, n_categories, least=most // 2, most=most)})
    y = np.random.default_rng(5).normal(size=3000)
    new, own = scores(X, y, 2000, pooling=pooling, max_iter=5)
    assert -0.02 < new < 0.01
    assert own < 0.015


def test_groups_are_held_out_together():
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(30), 40)
    lists = [[f"g{g}", f"g{g}-{k}"] for g, k in zip(group, rng.integers(0, 3, 1200), strict=True)]
    X, y = pd.DataFrame({"items": lists}), rng.normal(size=30)[group]
    encoder = EmbeddingEncoder(sequence_features=["items"], cv=GroupKFold(5), **FAST)
    vectors = encoder.fit_transform(X, y, groups=group)
    for _, test in GroupKFold(5).split(X, y, group):
        assert_allclose(vectors[test], vectors[test[:1]].repeat(len(test), axis=0), atol=1e-6)


def test_rows_keep_the_full_vectors_if_all_their_elements_are_frequent():
    lists = [["often", "also"]] * 400 + [["often", "rare"]] * 20 + [["also"]] * 100
    X = pd.DataFrame({"items": lists})
    y = np.random.default_rng(0).normal(size=len(X))
    encoder = EmbeddingEncoder(sequence_features=["items"], **FAST)
    same = (encoder.fit_transform(X, y) == encoder.transform(X)).all(axis=1)
    assert same.tolist() == [True] * 400 + [False] * 20 + [True] * 100


# Pooling


@pytest.mark.usefixtures("rough")
def test_transform_pools_the_vectors_of_the_elements(films):
    X, y = films
    cells = [["a", "b"], ["b", "b", "a"], ["c"], [], None, ["never"], ["a", None]]
    new = pd.DataFrame({"genres": cells, "country": "x"})
    for pooling in POOLINGS:
        encoder = encoder_of(pooling=pooling).fit(X, y)
        table = encoder.embeddings_[0]
        vector = dict(zip(encoder.categories_[0], table[1:-1], strict=True))
        a, b = vector["a"], vector["b"]
        expected = {
            "mean": [(a + b) / 2, (a + 2 * b) / 3, (a + table[-1]) / 2],
            "sum": [a + b, a + 2 * b, a + table[-1]],
            "max": [np.maximum(a, b), np.maximum(a, b), np.maximum(a, table[-1])],
        }[pooling]
        found = encoder.transform(new)[:, : table.shape[1]]
        assert_allclose(found[[0, 1, 6]], expected, rtol=1e-5, atol=1e-7)
        assert_array_equal(found[2], vector["c"])
        assert_array_equal(found[3], np.zeros(table.shape[1]))
        assert_array_equal(found[4], table[-1])
        assert_array_equal(found[5], table[0])


@pytest.mark.usefixtures("rough")
def test_the_order_of_the_elements_does_not_matter(films):
    X, y = films
    turned = X.assign(genres=[cell[::-1] if cell else cell for cell in X["genres"]])
    assert_array_equal(encoder_of().fit_transform(X, y), encoder_of().fit_transform(turned, y))
    sets = X.assign(genres=[set(cell) if cell else cell for cell in X["genres"]])
    lists = X.assign(genres=[sorted(set(cell), key=str) if cell else cell for cell in X["genres"]])
    frozen = X.assign(genres=[frozenset(cell) if cell else cell for cell in X["genres"]])
    expected = encoder_of().fit_transform(lists, y)
    assert_array_equal(encoder_of().fit_transform(sets, y), expected)
    assert_array_equal(encoder_of().fit_transform(frozen, y), expected)


def test_counts_and_frequencies_are_those_of_cells():
    X = pd.DataFrame({"items": [["a", "a", "a"], ["a", "b"], ["b", "c"], ["b"], [], None]})
    y = np.arange(6.0)
    encoder = EmbeddingEncoder(sequence_features=["items"], min_frequency=2, **FAST).fit(X, y)
    neighbours = encoder.nearest_categories("items", "c")
    assert dict(neighbours[["category", "count"]].to_numpy()) == {"a": 2, "b": 3}
    assert encoder._vocabularies[0].infrequent.tolist() == [False, False, True]
    encoder = clone(encoder).set_params(min_frequency=0.4).fit(X, y)  # 2.4 of 6 cells
    assert encoder._vocabularies[0].infrequent.tolist() == [True, False, True]
    encoder = clone(encoder).set_params(min_frequency=None, max_categories=2).fit(X, y)
    assert encoder._vocabularies[0].infrequent.tolist() == [True, False, True]


def test_effects_count_from_an_empty_cell(films):
    """All genres raise the target alike: that is an effect of having one."""
    X, _ = films
    filled = np.array([bool(cell) for cell in X["genres"]])
    y = 3.0 * filled + np.random.default_rng(0).normal(size=300)
    encoder = encoder_of().fit(X, y)
    effects = encoder.embedding_frame("genres")["genres_effect"] * y.std()
    assert_allclose(effects, 2.6, atol=0.4)  # shrunken by at most 10 rows of the mean


# Containers


def containers(X):
    genres = X["genres"]
    array = np.empty(X.shape, dtype=object)
    for i, row in enumerate(zip(genres, X["country"], strict=True)):
        array[i, 0], array[i, 1] = row
    arrow = pd.array(genres.tolist(), dtype=pd.ArrowDtype(pa.list_(pa.string())))
    lists = {"genres": genres.tolist(), "country": X["country"].tolist()}
    return {
        "pandas": X,
        "tuples": X.assign(genres=[cell and tuple(cell) for cell in genres]),
        "arrays": X.assign(
            genres=[np.nan if c is None else np.array(c, dtype=object) for c in genres]
        ),
        "series": X.assign(genres=[c if c is None else pd.Series(c, dtype=object) for c in genres]),
        "pandas with arrow": X.assign(genres=arrow),
        "polars": pl.DataFrame(lists),
        "arrow": pa.table(lists),
        "array": array,
        "list": array.tolist(),
    }


@pytest.mark.usefixtures("rough")
def test_the_same_values_give_the_same_bits_in_every_container(films):
    X, y = films
    results = {}
    for name, container in containers(X).items():
        encoder = EmbeddingEncoder(sequence_features=[0], cv=2, **FAST)
        results[name] = encoder.fit_transform(container, y), encoder.transform(container)
    for name, found in results.items():
        for one, other in zip(found, results["pandas"], strict=True):
            assert_array_equal(one, other, err_msg=name)


@pytest.mark.usefixtures("rough")
def test_numbers_and_dates_are_categories_too():
    numbers = [[1, 2], [2, 3], [3], [1]] * 10
    y = np.arange(40.0)
    expected = EmbeddingEncoder(sequence_features=["i"], **FAST).fit(
        pd.DataFrame({"i": numbers}), y
    )
    assert expected.categories_[0].tolist() == [1, 2, 3]
    for cells in (
        pl.DataFrame({"i": numbers}),
        pd.DataFrame({"i": [np.array(cell, dtype=np.int8) for cell in numbers]}),
        pd.DataFrame({"i": [[float(value) for value in cell] for cell in numbers]}),
    ):
        found = EmbeddingEncoder(sequence_features=["i"], **FAST).fit(cells, y)
        assert_array_equal(found.embeddings_[0], expected.embeddings_[0])
    days = [np.array(["2020-01-01", "2020-01-02"], "M8[D]"), [pd.Timestamp("2020-01-02")]] * 9
    encoder = EmbeddingEncoder(sequence_features=[0], **FAST).fit(
        pd.DataFrame({"day": days}), np.arange(18.0)
    )
    assert encoder.categories_[0].tolist() == list(pd.date_range("2020-01-01", periods=2))


@pytest.mark.usefixtures("rough")
def test_rows_of_equally_long_lists_are_no_third_axis():
    rows = [[["a", "b"]], [["b", "c"]]] * 10
    vectors = EmbeddingEncoder(sequence_features=[0], **FAST).fit_transform(rows, np.arange(20.0))
    assert vectors.shape == (20, 3)


# Beside the other parameters


@pytest.mark.parametrize(
    "parameters",
    [
        {"pooling": "sum"},
        {"pooling": "max"},
        {"target_effect": False},
        {"shrinkage": 0},
        {"handle_missing": "unknown"},
        {"handle_unknown": "mean"},
        {"handle_unknown": "infrequent_if_exist", "min_frequency": 60},
        {"early_stopping": True},
        {"warm_start": True},
        {"embedding_dim": {"genres": 2}},
        {"shared": [["genres", "first"]]},
        {"shared": [["first", "genres"]], "pooling": "sum"},
        {"task": "none"},
        {"task": "none", "shared": [["first", "genres"]]},
    ],
    ids=str,
)
def test_vectors_are_finite_whatever_the_other_parameters(films, parameters, request):
    X, y = films
    X = X.assign(first=[cell[0] if cell else None for cell in X["genres"]])
    encoder = encoder_of(**parameters)
    for once_more in (False, True):
        if once_more:
            request.getfixturevalue("rough")
        vectors = encoder.fit_transform(X, y)
        assert np.isfinite(vectors).all()
        assert vectors.shape == (300, len(encoder.get_feature_names_out()))
    assert len(encoder.embedding_frame("genres")) == len(GENRES)
    assert len(encoder.nearest_categories("genres", "a", 3)) == 3


@pytest.mark.usefixtures("rough")
def test_given_categories_and_vectors_are_those_of_the_elements(films):
    X, y = films
    encoder = encoder_of(categories={"genres": [*GENRES, "z"]}).fit(X, y)
    assert encoder.categories_[0].tolist() == [*GENRES, "z"]
    with pytest.raises(
        ValueError, match=r"unknown categories \[.*\] in column 'genres' during fit"
    ):
        encoder_of(categories={"genres": ["a"]}).fit(X, y)
    given = {"genres": {"a": [1.0, 2.0], "b": [0.0, 1.0]}}
    encoder = encoder_of(initial_embeddings=given, learning_rate_multipliers={"genres": 0.0})
    vectors = encoder.fit(X, y).transform(pd.DataFrame({"genres": [["a", "b"]], "country": ["x"]}))
    assert_allclose(vectors[0, 1:3], [0.5, 1.5])
    encoder = encoder_of(max_norm=0.1).fit(X, y)
    assert np.linalg.norm(encoder.embedding_frame("genres").iloc[:, 1:], axis=1).max() < 0.1001


@pytest.mark.usefixtures("rough")
def test_a_shared_table_is_one_for_lists_and_plain_columns(films):
    X, y = films
    X = X.assign(first=[cell[0] if cell else None for cell in X["genres"]])
    encoder = encoder_of(shared=[["first", "genres"]]).fit(X, y)
    lists, plain = (encoder.embedding_frame(name) for name in ("genres", "first"))
    assert_array_equal(lists.iloc[:, 1:], plain.iloc[:, 1:])
    assert (lists.iloc[:, 0].to_numpy() != plain.iloc[:, 0].to_numpy()).any()


@pytest.mark.usefixtures("rough")
def test_rows_of_weight_zero_teach_nothing(films):
    X, y = films
    weight = np.ones(300)
    weight[200:] = 0
    extra = X.copy()
    extra["genres"] = [*X["genres"][:200], *[["new", "a"]] * 100]
    encoder = encoder_of()
    vectors = encoder.fit_transform(extra, y, sample_weight=weight)
    assert encoder.categories_[0].tolist() == GENRES.tolist()
    assert_array_equal(vectors[:200], clone(encoder).fit_transform(X[:200], y[:200]))
    assert_array_equal(vectors[200:], encoder.transform(extra[200:]))


@pytest.mark.usefixtures("rough")
def test_the_kinds_of_targets(films):
    X, y = films
    for target, width in [(np.where(y > 0, "p", "n"), 1), (np.digitize(y, [-1, 1]), 3)]:
        encoder = encoder_of(embedding_dim=2).fit(X, target)
        assert encoder.embedding_frame("genres").shape == (len(GENRES), width + 2)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("cell", [[], None, ["a"]], ids=str)
def test_columns_that_tell_nothing_are_encoded_too(pooling, cell):
    X = pd.DataFrame({"genres": [cell] * 60, "other": ["x", "y", "z"] * 20})
    for task in ("auto", "none"):
        vectors = encoder_of(pooling=pooling, task=task).fit_transform(X, np.arange(60.0))
        assert np.isfinite(vectors).all()
    alone = encoder_of(task="none").fit_transform(X[["genres"]])
    assert (alone == 0).all()


# Without a target


def test_elements_occur_together_with_other_columns_and_with_each_other():
    bags = Bags(
        np.array([1, 2, 3, 1], np.int32), np.array([1, 1, 1, 2.0]), np.array([0, 3, 4], np.int32)
    )
    codes = np.array([[0, 1], [1, 2], [0, 2]], dtype=np.int32)
    weight = np.array([1.0, 10.0, 100.0])
    counts = cooccurrence_counts(codes, [5, 4], weight, {0: bags}).toarray()
    third = 1 / 3
    expected = np.zeros((9, 9))
    expected[1:4, 6] = third  # the first row
    expected[1, 7] = 10 + 100 * third
    expected[2:4, 7] = 100 * third
    expected += expected.T
    expected[1:4, 1:4] = 101 / 6 * (1 - np.eye(3))
    assert_allclose(counts, expected)


def test_items_of_the_same_baskets_lie_close():
    rng = np.random.default_rng(0)
    baskets = [rng.choice(10, 4, replace=False) + 10 * rng.integers(0, 3) for _ in range(600)]
    encoder = EmbeddingEncoder(sequence_features=["items"], task="none", random_state=0)
    encoder.fit(pd.DataFrame({"items": baskets}))
    for item in (0, 15, 29):
        near = encoder.nearest_categories("items", item, n_neighbors=9)["category"]
        assert set(near.astype(int) // 10) == {item // 10}


# As a step of scikit-learn


@pytest.mark.usefixtures("rough")
def test_the_encoder_works_as_a_step(films):
    X, y = films
    encode = make_column_transformer((encoder_of(), ["genres", "country"]))
    search = GridSearchCV(
        make_pipeline(encode, Ridge()),
        {"columntransformer__embeddingencoder__pooling": ["mean", "sum"]},
        cv=2,
    ).fit(X, y)
    assert np.isfinite(search.predict(X)).all()
    encoder = encoder_of().set_output(transform="pandas")
    frame = encoder.fit_transform(X, y)
    assert list(frame) == list(encoder.get_feature_names_out())
    again = pickle.loads(pickle.dumps(encoder))
    assert_array_equal(again.transform(X), encoder.transform(X))
    assert_array_equal(clone(encoder).fit_transform(X, y), frame)


# What is refused


@pytest.mark.usefixtures("rough")
@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("drama", r"holds the str 'drama' in row 2.*Wrap a single category in a list: \['drama'\]"),
        (7, r"holds the int 7 in row 2.*Wrap a single category in a list: \[7\]"),
        (b"x", r"holds the bytes b'x' in row 2.*Wrap"),
        ({"a": 1}, r"holds the dict .* in row 2.*Make it a list"),
        (np.array([["a"]]), r"holds the ndarray .* in row 2.*1-D array"),
        (np.array("a"), r"holds the ndarray .* in row 2"),
        ([["a"], "b"], r"holds in row 2 the list \['a'\] as an element of .*must be hashable"),
        (("a", {"b"}), r"holds in row 2 the set {'b'} as an element of"),
    ],
    ids=str,
)
def test_cells_that_are_no_collections_of_categories_are_refused(films, cell, words):
    X, y = films
    cells = [*X["genres"][:2], cell, *X["genres"][3:]]
    bad = pd.DataFrame({"genres": pd.Series(cells, dtype=object), "country": X["country"]})
    with pytest.raises(TypeError, match="Column 'genres' .*" + words):
        encoder_of().fit(bad, y)
    with pytest.raises(TypeError, match="Column 'genres' .*" + words):
        encoder_of().fit(X, y).transform(bad)


@pytest.mark.parametrize("container", [pd.DataFrame, pl.DataFrame, pa.table])
def test_a_column_of_plain_values_is_refused_in_every_container(container):
    X = container({"genres": ["a", "b"]})
    with pytest.raises(TypeError, match=r"Column 'genres' .* holds the str 'a' in row 0"):
        encoder_of().fit(X, [0.0, 1.5])


def test_lists_in_a_plain_column_are_refused_and_point_to_sequence_features(films):
    X, y = films
    for container in (X, pl.DataFrame({"genres": X["genres"].tolist()})):
        with pytest.raises(TypeError, match=r"Column 'genres' holds .*sequence_features"):
            EmbeddingEncoder().fit(container, y)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"sequence_features": ["tags"]}, "'sequence_features' parameter names the column 'tags'"),
        ({"numeric_features": ["genres"]}, "'genres' is named in numeric_features and in sequence"),
        ({"pooling": "median"}, "'pooling' parameter .* must be one of .*'median'"),
        ({"pooling": None}, "'pooling' parameter .* must be one of"),
        ({"handle_missing": "error"}, "Column 'genres' has a missing value in row 3"),
    ],
    ids=str,
)
def test_bad_parameters_are_named(films, parameters, words):
    X, y = films
    with pytest.raises(ValueError, match=words):
        EmbeddingEncoder(**{"sequence_features": ["genres"], **parameters}).fit(X, y)


@pytest.mark.usefixtures("rough")
def test_values_that_are_forbidden_in_transform_are_named(films):
    X, y = films
    X, y = X.drop(index=[3, 4]), np.delete(y, [3, 4])
    encoder = encoder_of(handle_unknown="error", handle_missing="error").fit(X, y)
    new = pd.DataFrame({"genres": [["a"], ["b", "western"]], "country": "x"})
    with pytest.raises(ValueError, match=r"unknown categories \['western'\] in column 'genres'"):
        encoder.transform(new)
    with pytest.raises(ValueError, match="Column 'genres' has a missing value in row 1"):
        encoder.transform(new.assign(genres=[["a"], ["b", None]]))


@pytest.mark.usefixtures("rough")
def test_pooled_vectors_are_not_inverted(films):
    X, y = films
    encoder = encoder_of().fit(X, y)
    with pytest.raises(ValueError, match=r"inverse_transform .*\['genres'\]"):
        encoder.inverse_transform(encoder.transform(X))


def test_reading_finds_distinct_elements_and_how_often_they_occur():
    frame = read(pd.DataFrame({"x": [1, 2, 3], "tags": [["b", "a", "b"], [], None]}))
    assert choose_columns(frame, ["x"], [-1]).sequences == (1,)
    column = read_bags(frame, 1)
    assert len(column) == 3
    assert column.values[column.bags.indices[:2]].tolist() == ["b", "a"]
    assert column.bags.shares.tolist() == [2, 1, 1]
    assert column.bags.ends.tolist() == [0, 2, 2, 3]
    assert column.missing_rows().tolist() == [2]
    codes = column.bags.with_indices(np.array([1, 1, 2], np.int32))
    assert weigh_bags(codes, 3, "mean").shares.tolist() == [1, 1]
    assert weigh_bags(codes, 3, "sum").shares.tolist() == [3, 1]
