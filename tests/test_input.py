"""InputEmbedding on tables: columns, targets, splits, batches, and its life inside scikit-learn."""

import pickle
import threading
import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils.estimator_checks import estimator_checks_generator

from skembed import EmbeddingEncoder, InputEmbedding, RelativeSplit
from skembed._frames import encode_values
from skembed._input_read import read_scores

deterministic = settings(derandomize=True, deadline=None, max_examples=60)

CHECKED = [
    InputEmbedding(),
    InputEmbedding(scale="feature"),
    InputEmbedding(encode=True, sparse_output=True, handle_unknown="mean"),
    InputEmbedding(encode=True, vocabulary="joint", dtype=np.float64),
]

# All of scikit-learn's checks, none expected to fail. Only what is for estimators that compute on
# other libraries' arrays is left out: it skips itself unless those libraries are there.
CHECKS = [
    (estimator, check)
    for tested in CHECKED
    for estimator, check in estimator_checks_generator(tested)
    if check.func.__name__ != "check_array_api_input"
]


@pytest.mark.parametrize(
    ("estimator", "check"), CHECKS, ids=[f"{c.func.__name__}-{e}" for e, c in CHECKS]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def mixed_table():
    return pd.DataFrame(
        {
            "city": ["Rome", "Paris", None, "Rome", "Oslo", "Paris"],
            "age": [20, 30, 25, 40, 60, 35],
            "member": [True, False, True, True, False, False],
            "size": pd.Categorical(["S", "L", "M", "S", "S", "L"], ["S", "M", "L", "XL"]),
            "income": [1.0, np.nan, 3.0, 2.0, 5.0, 4.0],
        }
    )


def containers(frame):
    """The same table in every container; the first one is the reference."""
    objects = frame.astype(object).where(frame.notna(), None)
    return {
        "pandas": frame,
        "polars": pl.from_pandas(frame),
        "pyarrow": pa.Table.from_pandas(frame),
        "objects": objects.to_numpy(),
        "lists": objects.to_numpy().tolist(),
    }


def oracle(frame, scale):
    """Cell by cell: sorted categories of text columns, then missing; numbers by the range."""
    numeric = [name for name in frame if pd.api.types.is_numeric_dtype(frame[name].dtype)]
    numbers = {name: [float(v) for v in frame[name]] for name in numeric}
    if scale == "global":
        everything = [v for column in numbers.values() for v in column if v == v]
        bounds = {name: (min(everything), max(everything)) for name in numeric}
    else:
        bounds = {
            n: (min(v for v in c if v == v), max(v for v in c if v == v))
            for n, c in numbers.items()
        }
    rows = []
    for i in range(len(frame)):
        row = []
        for name in frame:
            value = frame[name].iloc[i]
            if name in numeric:
                low, high = bounds[name]
                row.append((float(value) - low) / (high - low) if scale else float(value))
            else:
                known = sorted({v for v in frame[name] if isinstance(v, str)})
                cells = [*known, None] if frame[name].isna().any() else known
                value = value if isinstance(value, str) else None
                row += [float(value == cell) for cell in cells]
        rows.append(row)
    return np.array(rows)


@pytest.mark.parametrize("container", containers(mixed_table()))
@pytest.mark.parametrize("scale", [False, "feature", "global"])
def test_mixed_table_against_plain_loop(container, scale):
    X = containers(mixed_table())[container]
    for sparse_output in (False, True):
        embedding = InputEmbedding(scale=scale, sparse_output=sparse_output, dtype=np.float64)
        out = embedding.fit_transform(X)
        again = embedding.transform(X)
        if sparse_output:
            assert sparse.issparse(out) and out.format == "csr" and out.has_canonical_format
            assert out.nnz == np.count_nonzero(out.toarray())
            out, again = out.toarray(), again.toarray()
        np.testing.assert_array_equal(out, oracle(mixed_table(), scale))
        np.testing.assert_array_equal(again, out)


@pytest.mark.parametrize("n_objects", [1, 30, 9_000, 20_000])
def test_cells_that_share_an_object_are_read_like_any_other(n_objects):
    """Long columns of objects are hashed by address where addresses repeat."""
    rng = np.random.default_rng(0)
    pool = [f"value {i}" for i in range(n_objects)] + [None, np.nan, pd.NA, 1, True, 1.0, 2]
    table = np.empty((20_000, 2), dtype=object)
    table[:, 1] = np.array(pool, dtype=object)[rng.integers(0, len(pool), 20_000)]
    coded = encode_values(table[:, 1])
    codes, values = pd.factorize(table[:, 1])
    np.testing.assert_array_equal(coded.codes, codes)
    assert [(type(v), v) for v in coded.values] == [(type(v), v) for v in values]


def test_fitted_attributes_of_a_table():
    X = mixed_table()
    embedding = InputEmbedding().fit(X)
    assert embedding.n_samples_ == 6
    assert embedding.n_features_in_ == 5
    assert embedding.feature_names_in_.tolist() == list(X)
    assert embedding.shape_ == (6, 5)
    assert embedding.output_shape_ == (6, 10)
    assert [c if c is None else list(c) for c in embedding.categories_] == [
        ["Oslo", "Paris", "Rome"],
        None,
        None,
        ["L", "M", "S"],
        None,
    ]
    assert embedding.vocabulary_ == {
        "city": {"Oslo": 0, "Paris": 1, "Rome": 2, None: 3},
        "size": {"L": 0, "M": 1, "S": 2},
    }
    assert embedding.transform(X).dtype == np.float32
    assert embedding.get_feature_names_out().tolist() == [
        "city_Oslo", "city_Paris", "city_Rome", "city_missing",
        "age", "member", "size_L", "size_M", "size_S", "income",
    ]  # fmt: skip


@pytest.mark.parametrize("container", containers(mixed_table()))
def test_inverse_gives_the_values_back(container):
    X = mixed_table()
    data = containers(X)[container]
    for sparse_output in (False, True):
        embedding = InputEmbedding(scale="feature", dtype=np.float64, sparse_output=sparse_output)
        back = embedding.inverse_transform(embedding.fit_transform(data))
        assert back.shape == X.shape
        assert back[:, 0].tolist() == ["Rome", "Paris", None, "Rome", "Oslo", "Paris"]
        assert back[:, 3].tolist() == list(X["size"])
        for j in (1, 2, 4):
            np.testing.assert_allclose(
                back[:, j].astype(float), X.iloc[:, j].astype(float), rtol=1e-14
            )


def test_inverse_from_scores_takes_the_highest():
    embedding = InputEmbedding(encode=True).fit([["b", 3], ["a", 1], ["c", 2]])
    scores = np.array([[0.1, 0.7, 0.2, -3.0, -2.0, -5.0], [9, 8, 7, 0, 0, 0.1]])
    assert embedding.inverse_transform(scores).tolist() == [["b", 2], ["a", 3]]


def test_inverse_keeps_the_type_where_it_can():
    whole = InputEmbedding(encode=True).fit(np.array([[1, 5], [2, 6]]))
    assert whole.inverse_transform(np.eye(4)[:2] + np.eye(4)[2:]).dtype.kind == "i"
    floats = InputEmbedding(encode=True).fit(np.array([[1.5], [np.nan]]))
    np.testing.assert_array_equal(
        floats.inverse_transform([[1, 0], [0, 1], [0, 0]]), [[1.5], [np.nan], [np.nan]]
    )
    numbers = InputEmbedding(scale="feature").fit(np.array([[1.0], [3.0]]))
    assert numbers.inverse_transform([[0.5]]).tolist() == [[2.0]]


@deterministic
@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "c", None]), st.integers(0, 3), st.booleans()),
        min_size=1,
        max_size=20,
    )
)
def test_one_hot_equals_scikit_learn(rows):
    X = pd.DataFrame(rows, columns=["letter", "number", "flag"]).astype(object)
    X["letter"] = X["letter"].where(X["letter"].notna(), None)
    expected = OneHotEncoder(sparse_output=False).fit_transform(X)
    np.testing.assert_array_equal(InputEmbedding(encode=True).fit_transform(X), expected)


@deterministic
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.floats(-1e9, 1e9), st.integers(-99, 99)),
        min_size=1,
        max_size=20,
    ),
    st.sampled_from(["feature", "global"]),
)
def test_there_and_back(rows, scale):
    X = pd.DataFrame(rows, columns=["letter", "number", "count"])
    embedding = InputEmbedding(scale=scale, dtype=np.float64)
    out = embedding.fit_transform(X)
    assert out.min() >= 0 and out.max() <= 1
    back = embedding.inverse_transform(out)
    assert back[:, 0].tolist() == list(X["letter"])
    spread = np.ptp(X[["number", "count"]].to_numpy()) + np.abs(X["number"]).max()
    np.testing.assert_allclose(
        back[:, 1:].astype(float), X[["number", "count"]], atol=1e-12 * spread + 1e-300, rtol=1e-9
    )


def test_constant_columns_scale_to_zero():
    X = np.array([[5.0, 1.0, np.nan], [5.0, 3.0, np.nan]])
    for scale, expected in (("feature", [0, 0]), ("global", [1, 1])):
        out = InputEmbedding(scale=scale).fit_transform(X)
        assert out[:, 0].tolist() == expected
        assert np.isnan(out[:, 2]).all()
    constant = InputEmbedding(scale="global").fit(np.full((3, 2), 7.0))
    out = constant.transform(np.full((3, 2), 7.0))
    assert (out == 0).all()
    assert (constant.inverse_transform(out) == 7).all()


def test_the_range_is_that_of_fit():
    embedding = InputEmbedding(scale="feature").fit([[0.0], [10.0]])
    assert embedding.transform([[20.0], [-5.0]]).ravel().tolist() == [2.0, -0.5]


def test_handle_unknown():
    X, new = [["a"], ["b"], ["a"], ["a"]], [["b"], ["z"]]
    out = {}
    for handle in ("zeros", "embed", "mean"):
        dense = InputEmbedding(handle_unknown=handle).fit(X)
        thin = InputEmbedding(handle_unknown=handle, sparse_output=True).fit(X)
        out[handle] = dense.transform(new).tolist()
        np.testing.assert_array_equal(thin.transform(new).toarray(), out[handle])
    assert out == {
        "zeros": [[0, 1], [0, 0]],
        "embed": [[0, 1, 0], [0, 0, 1]],
        "mean": [[0, 1], [0.75, 0.25]],
    }
    embedded = InputEmbedding(handle_unknown="embed").fit(X)
    assert embedded.get_feature_names_out().tolist() == ["x0_a", "x0_b", "x0_unknown"]
    assert embedded.inverse_transform(embedded.transform(new)).tolist() == [["b"], [None]]
    refusing = InputEmbedding(handle_unknown="error").fit(X)
    with pytest.raises(
        ValueError, match=r"Column 'x0' holds values that were not seen in fit: 'z'"
    ):
        refusing.transform(new)
    with pytest.raises(ValueError, match="Column 'x0' holds missing values"):
        refusing.transform([["a"], [None]])


def test_handle_missing():
    X = pd.DataFrame({"c": ["a", None, "b"], "n": [1.0, np.nan, 3.0]})
    later = pd.DataFrame({"c": ["a", None], "n": [np.nan, 2.0]})
    nan = np.nan
    own = InputEmbedding().fit(X)
    np.testing.assert_array_equal(own.transform(later), [[1, 0, 0, nan], [0, 0, 1, 2]])
    unknown = InputEmbedding(handle_missing="unknown").fit(X)
    np.testing.assert_array_equal(unknown.transform(later), [[1, 0, nan], [0, 0, 2]])
    both = InputEmbedding(handle_missing="unknown", handle_unknown="embed").fit(X)
    np.testing.assert_array_equal(both.transform(later), [[1, 0, 0, nan], [0, 0, 1, 2]])
    # Missing values that come later only have no cell of their own: they are unknown.
    first = InputEmbedding().fit(X.dropna())
    np.testing.assert_array_equal(first.transform(later), [[1, 0, nan], [0, 0, 2]])
    with pytest.raises(ValueError, match="'c' holds missing values"):
        InputEmbedding(handle_missing="error").fit(X)
    with pytest.raises(ValueError, match="'n' holds missing values"):
        InputEmbedding(handle_missing="error").fit(X[["n"]])
    for column in ("c", "n"):
        refusing = InputEmbedding(handle_missing="error").fit(X[[column]].dropna())
        with pytest.raises(ValueError, match=f"'{column}' holds missing values"):
            refusing.transform(later[[column]])


def test_a_column_of_missing_values_only():
    X = pd.DataFrame({"c": [None, None], "n": [np.nan, np.nan]})
    np.testing.assert_array_equal(
        InputEmbedding(scale="feature").fit_transform(X), [[1, np.nan], [1, np.nan]]
    )
    assert InputEmbedding(handle_missing="unknown").fit_transform(X[["c"]]).shape == (2, 0)


def test_encode_parameter():
    X = [[1, "a"], [2, "b"]]
    assert InputEmbedding().fit_transform(X).shape == (2, 3)
    assert InputEmbedding(encode=True).fit_transform(X).shape == (2, 4)
    with pytest.raises(
        ValueError, match="Column 'x1' does not hold numbers only, which encode=False"
    ):
        InputEmbedding(encode=False).fit(X)
    assert InputEmbedding(encode=False).fit_transform([[1, 2], [3, 4]]).tolist() == [[1, 2], [3, 4]]
    # A cell of text among numbers makes the column categorical, which encode=False refuses.
    with pytest.raises(ValueError, match="encode=False"):
        InputEmbedding(encode=False).fit([[1], ["a"]])
    assert InputEmbedding(encode=True, dtype=np.uint8).fit_transform(X).dtype == np.uint8
    with pytest.raises(ValueError, match="Column 'x0' holds numbers, which dtype=int8 cannot hold"):
        InputEmbedding(dtype=np.int8).fit(X)


def test_fractions_need_floats():
    with pytest.raises(ValueError, match="handle_unknown='mean' gives fractions"):
        InputEmbedding(handle_unknown="mean", dtype=np.int8).fit([["a"]])


def test_names_never_repeat():
    X = pd.DataFrame({"a": ["b_c", "missing", None], "a_b": ["c", "c", "c"], "a_b_c": [1, 2, 3]})
    embedding = InputEmbedding().set_output(transform="polars").fit(X)
    names = embedding.get_feature_names_out().tolist()
    assert len(set(names)) == len(names) == 5
    assert embedding.transform(X).columns == names
    assert names[0] == "a_b_c"
    with pytest.raises(ValueError, match="input_features is not equal to feature_names_in_"):
        embedding.get_feature_names_out(["u", "v", "w"])


@pytest.mark.parametrize("names", [3, "ab"])
@pytest.mark.parametrize("make", [InputEmbedding, EmbeddingEncoder])
def test_names_of_the_input_must_be_a_list(make, names):
    estimator = make().fit([["a", "b"], ["c", "d"]] * 5, [1.5, 2.0] * 5)
    with pytest.raises(ValueError, match=f"input_features must be a list of names. Got {names!r}"):
        estimator.get_feature_names_out(names)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_set_output(library):
    X = mixed_table().set_axis(range(10, 16), axis=0)
    embedding = InputEmbedding(scale="feature").set_output(transform=library)
    frame = embedding.fit_transform(X)
    assert list(frame.columns) == list(embedding.get_feature_names_out())
    plain = clone(embedding).set_output(transform="default").fit_transform(X)
    np.testing.assert_array_equal(np.asarray(frame), plain)
    back = embedding.inverse_transform(frame)
    assert back[:, 0].tolist()[3:] == ["Rome", "Oslo", "Paris"]
    if library == "pandas":
        assert list(frame.index) == list(X.index)


def test_transform_demands_the_columns_of_fit():
    X = mixed_table()
    embedding = InputEmbedding()
    with pytest.raises(NotFittedError):
        embedding.transform(X)
    with pytest.raises(NotFittedError):
        embedding.vocabulary_  # noqa: B018
    embedding.fit(X)
    for wrong in (X.drop(columns="age"), X.rename(columns={"age": "years"}), X[list(X)[::-1]]):
        with pytest.raises(ValueError, match="feature names should match"):
            embedding.transform(wrong)
    with pytest.raises(ValueError, match="must be a table as in fit"):
        embedding.transform(np.zeros((2, 5, 3)))
    with pytest.raises(ValueError, match="must be a table as in fit"):
        embedding.transform([["a"], ["b", "c"]])
    with pytest.raises(ValueError, match="must have the 10 columns that transform returns"):
        embedding.inverse_transform(np.zeros((2, 5)))
    with pytest.raises(ValueError, match="'income' holds infinity"):
        embedding.transform(X.assign(income=np.inf))


@pytest.mark.parametrize("X", [pd.DataFrame(), pd.DataFrame({"a": []}), [], [[]], np.empty((0, 3))])
def test_empty_data(X):
    with pytest.raises(ValueError, match=r"0 sample|0 feature"):
        InputEmbedding().fit(X)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("scale", True),
        ("scale", "column"),
        ("encode", "yes"),
        ("vocabulary", None),
        ("encode_target", 1),
        ("relative_size", (0, 1)),
        ("relative_size", (-1, 2, 3)),
        ("relative_size", (0, 0, 0)),
        ("batch_size", 0),
        ("batch_size", 2.5),
        ("stratify", "y"),
        ("shuffle", None),
        ("handle_unknown", "ignore"),
        ("handle_missing", "zeros"),
        ("sparse_output", "csr"),
        ("padding", "left"),
        ("max_length", 0),
        ("dtype", "text"),
        ("dtype", complex),
        ("dtype", None),
        ("random_state", -1),
    ],
)
def test_wrong_parameters(name, value):
    embedding = InputEmbedding(**{name: value})
    with pytest.raises(
        ValueError, match=rf"The '{name}' parameter of InputEmbedding must be .* Got"
    ):
        embedding.fit([["a"], ["b"]])
    if name in ("relative_size", "stratify", "shuffle", "random_state"):
        with pytest.raises(ValueError, match=f"'{name}' parameter of InputEmbedding"):
            embedding.split([["a"], ["b"]])


# Targets


@pytest.mark.parametrize(
    "labels",
    [
        ["b", "a", "b", "c"],
        [3, 1, 2, 1],
        [True, False, True, True],
        [0.5, 2.5, 1.0, 0.5],
        [1, "a", 2, "b"],
        np.array(["2020-01-01", "2021-01-01", "2020-01-01", "2022-01-01"], dtype="datetime64[D]"),
    ],
)
@pytest.mark.parametrize("container", [list, np.asarray, pd.Series, pl.Series, "column"])
def test_one_hot_targets_and_back(labels, container):
    if container == "column":
        y = np.array(labels, dtype=None if isinstance(labels, np.ndarray) else object)[:, None]
    elif container in (np.asarray, pl.Series) and list(labels) == [1, "a", 2, "b"]:
        y = labels
    else:
        y = container(labels)
    embedding = InputEmbedding(encode_target=True).fit(np.zeros((4, 1)), y)
    out = embedding.transform_target(y)
    expected = sorted(set(labels), key=lambda v: (isinstance(v, str), v))
    assert list(embedding.classes_) == expected
    loop = [[float(label == cell) for cell in expected] for label in labels]
    assert out.tolist() == loop
    assert out.dtype == np.float32
    back = embedding.inverse_transform_target(out * 0.3 + 0.1)
    assert list(back) == list(labels)


def test_targets_that_are_one_hot_pass_through():
    y = np.eye(3, dtype=int)[[2, 0, 1, 1]]
    for target in (y, y.tolist(), pd.DataFrame(y, columns=list("abc"))):
        embedding = InputEmbedding(encode_target=True).fit(np.zeros((4, 1)), target)
        out = embedding.transform_target(target)
        assert out.tolist() == y.tolist()
        assert embedding.classes_.tolist() == [0, 1, 2]
        assert embedding.inverse_transform_target(out + 0.1).tolist() == y.tolist()
        with pytest.raises(ValueError, match="one-hot over 3 classes"):
            embedding.transform_target([0, 1, 2, 2])


def test_targets_without_encoding_stay():
    embedding = InputEmbedding().fit(np.zeros((3, 1)), [1.5, 2.5, 3.5])
    assert embedding.transform_target([1.5, 2.5]).tolist() == [1.5, 2.5]
    assert embedding.inverse_transform_target(pd.Series([1.5])).tolist() == [1.5]
    assert not hasattr(embedding, "classes_")
    assert (
        InputEmbedding(encode_target=True)
        .fit([[1]], [0])
        .set_params(encode_target=False)
        .fit([[1]])
        .__dict__.keys()
        .isdisjoint({"classes_"})
    )


def test_wrong_targets():
    X = np.zeros((4, 1))
    embedding = InputEmbedding(encode_target=True)
    with pytest.raises(ValueError, match=r"learns the classes of y\. Got y=None"):
        embedding.fit(X)
    with pytest.raises(ValueError, match="y has 3 rows, but X has 4"):
        embedding.fit(X, list("abc"))
    with pytest.raises(ValueError, match="y holds missing values"):
        embedding.fit(X, ["a", None, "b", "a"])
    with pytest.raises(ValueError, match="one label per row"):
        embedding.fit(X, np.arange(8).reshape(4, 2))
    embedding.fit(X, list("abca"))
    with pytest.raises(ValueError, match=r"labels that were not seen in fit: \['z'\]"):
        embedding.transform_target(["a", "z"])
    with pytest.raises(ValueError, match=r"must have shape \(n_samples, 3\)"):
        embedding.inverse_transform_target([[0.2, 0.8]])


# Splits and batches


def test_split_gives_rows_as_they_came():
    X, y = mixed_table(), pd.Series(list("aabbab"), index=range(5, 11))
    embedding = InputEmbedding(relative_size=(3, 2, 1), random_state=0)
    parts = embedding.split(X, y)
    assert list(parts) == ["train", "validation", "test"]
    for size, part in zip((3, 2, 1), parts.values(), strict=True):
        assert len(part.indices) == size
        pd.testing.assert_frame_equal(part.X, X.iloc[part.indices])
        pd.testing.assert_series_equal(part.y, y.iloc[part.indices])
        assert part.class_balance == part.y.value_counts().to_dict()
    for data in (X.to_numpy(), X.values.tolist(), pl.from_pandas(X), pa.Table.from_pandas(X)):
        other = embedding.split(data, list(y))
        assert type(other.train.X) is type(data)
        assert other.train.indices.tolist() == parts.train.indices.tolist()
        assert other.train.y == list(parts.train.y)


def test_split_with_empty_parts_and_without_target():
    parts = InputEmbedding().split(mixed_table())
    assert [len(part.X) for part in parts.values()] == [4, 2, 0]
    assert parts.train.y is None and parts.train.class_balance is None
    parts = InputEmbedding(relative_size=(1, 1)).split([[0]] * 4, list("aabb"))
    assert [len(part.X) for part in parts.values()] == [2, 2, 0]
    assert parts.test.class_balance == {}


@pytest.mark.parametrize("container", containers(mixed_table()))
def test_an_empty_part_can_be_transformed(container):
    X = containers(mixed_table())[container]
    embedding = InputEmbedding(encode_target=True)
    parts = embedding.split(X, list("aabbab"))
    for sparse_output in (False, True):
        embedding.set_params(sparse_output=sparse_output).fit(X, list("aabbab"))
        assert embedding.transform(parts.test.X).shape == (0, 10)
        assert embedding.transform_target(parts.test.y).shape == (0, 2)
        assert embedding.inverse_transform(embedding.transform(parts.test.X)).shape == (0, 5)
        assert list(embedding.batches(parts.test.X, parts.test.y)) == []


def test_class_balance():
    split = InputEmbedding(relative_size=(1, 0), shuffle=False).split
    X = np.zeros((4, 1))
    assert split(X, np.eye(2)[[0, 1, 1, 1]]).train.class_balance == {0: 1, 1: 3}
    assert split(X, [0.1, 0.2, 0.3, 0.35]).train.class_balance is None
    assert split(X, [True, False, True, True]).train.class_balance == {False: 1, True: 3}
    assert split(X, [1, "a", None, 1]).train.class_balance == {1: 2, "a": 1}
    assert split(X, [[1.0], [2.0], [2.0], [1.0]]).train.class_balance == {1: 2, 2: 2}
    assert split(X, np.arange(8).reshape(4, 2)).train.class_balance is None
    for y in ([[1], [2, 3], [4], [5]], [1.0, 2.0, np.inf, 3.0], [(1, [2])] * 4):
        assert split(X, y).train.class_balance is None
    many = [f"label {i}" for i in range(100)]
    assert split(np.zeros((100, 1)), many).train.class_balance == dict.fromkeys(many, 1)


@pytest.mark.parametrize("y", [[[1], [2, 3], [4], [5]], [1.0, 2.5, 3.0, 4.0], [1, np.inf, 3, 4]])
def test_a_part_has_classes_only_if_all_rows_have(y):
    parts = InputEmbedding(relative_size=(1, 1), shuffle=False).split(np.zeros((4, 1)), y)
    assert parts.train.class_balance is None
    assert parts.validation.class_balance is None


def test_split_by_group():
    groups = np.repeat(list("abcdef"), 4)
    parts = InputEmbedding(relative_size=(2, 1, 1), random_state=0).split(
        np.zeros((24, 1)), groups=groups
    )
    seen = [set(groups[part.indices]) for part in parts.values()]
    assert (sum(map(len, seen)) == 6 and [len(s) for s in seen] == [3, 2, 1]) or seen


@pytest.mark.parametrize("container", ["pandas", "polars", "lists", "objects"])
def test_batches_cover_all_rows_in_a_new_order_each_epoch(container):
    frame = pd.DataFrame({"c": list("abcde") * 5, "n": np.arange(25.0)})
    X, y = containers(frame)[container], [f"y{i:02d}" for i in range(25)]
    embedding = InputEmbedding(batch_size=4, encode_target=True, random_state=7).fit(X, y)
    whole, target = embedding.transform(X), embedding.transform_target(y)
    orders = []
    for _ in range(3):
        batches = list(embedding.batches(X, y))
        assert [len(rows) for rows, _ in batches] == [4] * 6 + [1]
        order = np.concatenate([rows[:, -1] for rows, _ in batches]).astype(int)
        assert sorted(order) == list(range(25))
        np.testing.assert_array_equal(np.concatenate([rows for rows, _ in batches]), whole[order])
        np.testing.assert_array_equal(np.concatenate([part for _, part in batches]), target[order])
        orders.append(order.tolist())
    assert orders[0] != orders[1] != orders[2]
    again = clone(embedding).fit(X, y)
    assert [
        np.concatenate([r[:, -1] for r, _ in again.batches(X)]).tolist() for _ in range(3)
    ] == orders


def test_batches_in_order_and_in_one():
    X = np.arange(5.0).reshape(-1, 1)
    embedding = InputEmbedding(shuffle=False, batch_size=2).fit(X)
    assert [rows.ravel().tolist() for rows, _ in embedding.batches(X)] == [[0, 1], [2, 3], [4]]
    assert all(y is None for _, y in embedding.batches(X))
    embedding = InputEmbedding(shuffle=False).fit(X)
    ((rows, y),) = embedding.batches(X, [1, 2, 3, 4, 5])
    assert (len(rows), y.tolist()) == (5, [1, 2, 3, 4, 5])
    with pytest.raises(ValueError, match="y has 2 rows, but X has 5"):
        embedding.batches(X, [1, 2])
    with pytest.raises(ValueError, match="'batch_size' parameter of InputEmbedding"):
        embedding.set_params(batch_size=0).batches(X)


def test_batches_of_a_memory_mapped_array_read_it_piece_by_piece(tmp_path):
    images = np.random.default_rng(0).random((600, 64, 64)).astype(np.float32)
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    embedding = InputEmbedding(scale="global", batch_size=16, random_state=0).fit(mapped[:100])
    read = []

    class Watched(np.memmap):
        def __getitem__(self, key):
            read.append(len(key))
            return np.asarray(super().__getitem__(key))

    batches = [batch for batch, _ in embedding.batches(mapped.view(Watched))]
    assert max(read) == 256 and sum(read) == 600
    assert [len(batch) for batch in batches] == [16] * 37 + [8]
    first_pixels = np.sort(np.concatenate(batches)[:, 0, 0])
    np.testing.assert_array_equal(first_pixels, np.sort(embedding.transform(images)[:, 0, 0]))


@pytest.mark.parametrize("batch_size", [1, 7, 300])
def test_batches_do_not_depend_on_how_many_are_made_at_once(batch_size, monkeypatch):
    X, y = people()
    embedding = InputEmbedding(batch_size=batch_size, random_state=0).fit(X)
    expected = list(embedding.batches(X, y))
    monkeypatch.setattr("skembed._input_rows.CELLS_AT_ONCE", 1)
    for (rows, labels), (same_rows, same_labels) in zip(
        expected, clone(embedding).fit(X).batches(X, y), strict=True
    ):
        np.testing.assert_array_equal(rows, same_rows)
        np.testing.assert_array_equal(labels, same_labels)


# Inside scikit-learn


def people(n=200):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "job": rng.choice(["cook", "nurse", "clerk"], n),
            "town": rng.choice(list("uvwxyz"), n),
            "age": rng.integers(20, 60, n),
        }
    )
    y = np.where((X["job"] == "cook") ^ (X["age"] > 40), "yes", "no")
    return X, y


def test_pipeline_with_a_network():
    X, y = people()
    network = MLPClassifier((16,), solver="lbfgs", max_iter=200, random_state=0)
    model = make_pipeline(InputEmbedding(scale="feature"), network).fit(X[:150], y[:150])
    assert model.score(X[150:], y[150:]) > 0.9


def test_column_transformer():
    X, y = people()
    X.loc[::7, "age"] = np.nan
    prepare = ColumnTransformer(
        [("cells", InputEmbedding(), ["job", "town"]), ("numbers", SimpleImputer(), ["age"])],
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    frame = prepare.fit_transform(X)
    assert list(frame)[:3] == ["job_clerk", "job_cook", "job_nurse"] and list(frame)[-1] == "age"
    assert make_pipeline(prepare, LogisticRegression(max_iter=500)).fit(X, y).score(X, y) > 0.5


def test_grid_search_over_scale_and_encode():
    X, y = people()
    search = GridSearchCV(
        make_pipeline(InputEmbedding(), LogisticRegression(max_iter=500)),
        {
            "inputembedding__scale": [False, "global", "feature"],
            "inputembedding__encode": ["auto", True],
        },
        cv=RelativeSplit((2, 1), stratify=True, random_state=0),
    ).fit(X, y)
    assert len(search.cv_results_["params"]) == 6
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_score_ > 0.6


def test_pickle_and_threads():
    X = mixed_table()
    embedding = InputEmbedding(scale="feature", random_state=0).fit(X)
    expected = embedding.transform(X)
    state = pickle.dumps(embedding)
    np.testing.assert_array_equal(pickle.loads(state).transform(X), expected)
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(embedding.transform(X))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    for out in results:
        np.testing.assert_array_equal(out, expected)
    assert pickle.dumps(embedding) == state


@pytest.mark.parametrize("sparse_output", [False, True])
@pytest.mark.parametrize(("value", "dtype"), [(1e300, np.float32), (1e6, np.float16)])
def test_numbers_beyond_the_dtype_are_refused(value, dtype, sparse_output):
    prepare = InputEmbedding(dtype=dtype, sparse_output=sparse_output)
    with pytest.raises(ValueError, match=r"cannot hold\. Use a wider dtype"):
        prepare.fit_transform([[value, "a"], [3.0, "b"]])


def test_nothing_of_a_table_is_padding():
    table = pd.DataFrame({"town": list("aab"), "size": [1.0, np.nan, 2.0]})
    mask = InputEmbedding().fit(table).mask(table)
    assert mask.shape == (3, 2)
    assert mask.dtype == bool and not mask.any()


def test_an_output_that_is_not_chosen_stays_as_it_is():
    table = pd.DataFrame({"town": list("aab")})
    embedding = InputEmbedding().set_output(transform="pandas")
    assert embedding.set_output(transform=None) is embedding
    assert isinstance(embedding.fit_transform(table), pd.DataFrame)


def test_booleans_of_numpy_are_booleans():
    table = [[1.0, 5.0], [2.0, 7.0]]
    for plain in (True, False):
        settings = {"encode": plain, "scale": False, "sparse_output": False}
        ours = InputEmbedding(**{name: np.bool_(value) for name, value in settings.items()})
        expected = InputEmbedding(**settings).fit_transform(table)
        np.testing.assert_array_equal(ours.fit_transform(table), expected)
    with pytest.raises(ValueError, match="encode=False needs"):
        InputEmbedding(encode=np.False_).fit([["a"]])
    with pytest.raises(ValueError, match="'scale' parameter of InputEmbedding must be False or"):
        InputEmbedding(scale=np.True_).fit(table)


def test_matrices_of_half_floats_are_refused():
    with pytest.raises(ValueError, match=r"dtype=float16 .* sparse_output=True cannot hold\. Use"):
        InputEmbedding(dtype=np.float16, sparse_output=True).fit([["a"], ["b"]])


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_no_frame_is_made_of_an_output_of_rank_three(container):
    symbols = np.array([["a", "b"], ["b", "a"]])
    joint = InputEmbedding(vocabulary="joint")
    chosen = clone(joint).set_output(transform=container)
    for embedding in (chosen, clone(chosen), clone(clone(chosen))):
        with pytest.raises(ValueError, match=r"shape \(2, 2, 2\) fits no dataframe"):
            embedding.fit_transform(symbols)
    plain = clone(joint).set_output(transform="default")
    with config_context(transform_output=container):
        with pytest.raises(ValueError, match=r"shape \(2, 2, 2\) fits no dataframe"):
            clone(joint).fit_transform(symbols)
        for embedding in (plain, clone(plain)):
            assert embedding.fit_transform(symbols).shape == (2, 2, 2)
        table = InputEmbedding().fit_transform(symbols)
        assert list(table.columns) == ["x0_a", "x0_b", "x1_a", "x1_b"]


def test_masked_cells_of_targets_are_missing():
    X, labels = np.zeros((4, 1)), np.ma.array([1, 2, 1, 2], mask=[0, 0, 1, 0])
    embedding = InputEmbedding(encode_target=True)
    with pytest.raises(ValueError, match=r"y holds missing values \(the first is in row 2\)"):
        embedding.fit(X, labels)
    embedding.fit(X, np.ma.array([1, 2, 1, 2]))
    assert embedding.classes_.dtype.kind == "i"
    with pytest.raises(ValueError, match=r"y holds missing values \(the first is in row 2\)"):
        embedding.transform_target(labels)
    with pytest.raises(ValueError, match="Scores of y must not be missing"):
        embedding.inverse_transform_target(np.ma.array([[1, 0]], mask=[[0, 1]]))
    assert InputEmbedding().fit(X).transform_target(labels).tolist() == [1, 2, None, 2]
    split = InputEmbedding(stratify=True).split
    with pytest.raises(ValueError, match="y holds missing values"):
        split(X, labels)
    with pytest.raises(ValueError, match="groups holds missing values"):
        InputEmbedding().split(X, groups=labels)
    everything = InputEmbedding(relative_size=(1, 0), shuffle=False).split(X, labels)
    assert everything.train.class_balance == {1: 1, 2: 2}


@pytest.mark.parametrize("X", [[[1, "a"], [2, "b"]], [["a", "b"], ["b", "a"]]])
def test_masked_cells_of_an_output_are_missing(X):
    embedding = InputEmbedding(vocabulary="per_column" if X[0][0] == 1 else "joint").fit(X)
    output = np.ma.array(embedding.transform(X))
    assert embedding.inverse_transform(output).tolist() == X
    output[0, -1] = np.ma.masked
    with pytest.raises(ValueError, match="One-hot cells must not be missing"):
        embedding.inverse_transform(output)
    if X[0][0] == 1:
        output = np.ma.array(embedding.transform(X).astype(int), mask=[[1, 0, 0], [0, 0, 0]])
        assert np.isnan(embedding.inverse_transform(output)[0, 0])


def test_a_fit_whose_output_fails_changes_nothing():
    model = InputEmbedding().fit([[1.0, "a"], [2.0, "b"]])
    before = dict(vars(model))
    with pytest.raises(ValueError, match="cannot hold"):
        model.fit_transform([[1e300, "c", "d"], [3.0, "d", "e"]])
    assert vars(model) == before
    assert model.transform([[3.0, "b"]]).tolist() == [[3, 0, 1]]


def test_a_fit_that_fails_changes_nothing():
    X = pd.DataFrame({"a": ["x", "y"], "b": [1.0, 2.0]})
    model = InputEmbedding().fit(X)
    before, expected = dict(vars(model)), model.transform(X)
    with pytest.raises(ValueError, match="infinity"):
        model.fit(pd.DataFrame({"c": [1.0, np.inf]}))
    assert vars(model) == before
    np.testing.assert_array_equal(model.transform(X), expected)


DAYS = np.array(["2020-01-01", "2021-05-04", "2020-01-01"], dtype="datetime64[ns]")


@pytest.mark.parametrize("vocabulary", ["per_column", "joint"])
def test_dates_of_nanoseconds_stay_dates(vocabulary):
    table = pd.DataFrame({"day": DAYS, "other": DAYS[::-1]})
    embedding = InputEmbedding(vocabulary=vocabulary).fit(table)
    back = embedding.inverse_transform(embedding.transform(table))
    np.testing.assert_array_equal(back, table.to_numpy())
    as_array = InputEmbedding(vocabulary=vocabulary).fit(table.to_numpy())
    np.testing.assert_array_equal(as_array.transform(table.to_numpy()), embedding.transform(table))


def test_dates_beside_other_cells_stay_dates():
    table = pd.DataFrame({"day": [*DAYS[:2], None], "kind": list("abc")})
    embedding = InputEmbedding(handle_unknown="error").fit(table)
    back = embedding.inverse_transform(embedding.transform(table))
    assert back[:, 0].tolist() == [*pd.to_datetime(DAYS[:2]), None]
    assert list(embedding.vocabulary_["day"]) == [*pd.to_datetime(DAYS[:2]), None]
    with pytest.raises(ValueError, match=r"not seen in fit: Timestamp\('2030"):
        embedding.transform(table.assign(day=pd.Timestamp("2030-01-01")))
    masked = np.ma.array(DAYS[:, None], mask=[[0], [1], [0]])
    assert InputEmbedding().fit_transform(masked).tolist() == [[1, 0], [0, 1], [1, 0]]


@pytest.mark.parametrize("vocabulary", ["per_column", "joint"])
def test_dates_of_two_units(vocabulary):
    near = np.array(["2020-01-01", "1999-05-04", "2020-01-03"], dtype="datetime64[s]")
    far = np.array(["2020-01-01", "0001-01-02", "9999-01-03"], dtype="datetime64[s]")
    exact = near.astype("datetime64[ns]") + np.timedelta64(1, "ns")
    for coarse in (near, far):
        table = pd.DataFrame({"fine": exact, "coarse": coarse})
        # Nanoseconds hold a few centuries.
        held = np.column_stack([exact, near]) if coarse is near else table.to_numpy(dtype=object)
        embedding = InputEmbedding(vocabulary=vocabulary).fit(table)
        back = embedding.inverse_transform(embedding.transform(table))
        assert back.dtype == held.dtype
        np.testing.assert_array_equal(back, held)
    times = pd.DataFrame({"a": near, "b": near - near[0]})
    embedding = InputEmbedding(vocabulary=vocabulary).fit(times)
    back = embedding.inverse_transform(embedding.transform(times))
    assert back.tolist() == [list(row) for row in times.itertuples(index=False)]


def test_sparse_cells_are_turned_back_as_dense_ones_are():
    days = np.datetime64("2000-01-01", "ns") + np.arange(2500) * np.timedelta64(1, "D")
    # Ten million cells at a time are made dense, and only the last of these rows is unknown.
    later = np.concatenate([days, days, [np.datetime64("1990-01-01", "ns")]])
    table = pd.DataFrame({"day": later})
    embedding = InputEmbedding(sparse_output=True).fit(table[:2500])
    back = embedding.inverse_transform(embedding.transform(table))
    assert back[:-1, 0].tolist() == table["day"].tolist()[:-1]
    assert back[-1, 0] is None


IDS = [[10**18 + 1, 1.5], [10**18 + 2, 2.5]]


def test_large_integers_beside_fractions_stay_apart():
    one_hot = [[1, 0, 1, 0], [0, 1, 0, 1]]
    embedding = InputEmbedding(encode=True).fit(IDS)
    assert [own.tolist() for own in embedding.categories_] == [[10**18 + 1, 10**18 + 2], [1.5, 2.5]]
    assert embedding.transform(IDS).tolist() == one_hot
    assert embedding.inverse_transform(one_hot).tolist() == IDS
    assert not embedding.transform([[10**18, 3]]).any()
    of_arrays = InputEmbedding(encode=True).fit(np.array(IDS, dtype=object))
    assert of_arrays.transform(IDS).tolist() == one_hot
    joint = InputEmbedding(encode=True, vocabulary="joint").fit(IDS)
    assert joint.categories_.tolist() == [1.5, 2.5, 10**18 + 1, 10**18 + 2]
    targets = InputEmbedding(encode_target=True).fit(np.zeros((3, 1)), [10**18 + 1, 10**18, 0.5])
    assert targets.classes_.tolist() == [0.5, 10**18, 10**18 + 1]
    # Those that floats hold exactly are floats.
    assert InputEmbedding().fit([[0]]).transform_target([2**60, 0.5]).dtype == np.float64


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_large_integers_of_a_frame_are_found_in_lists():
    table = pd.DataFrame(IDS, columns=["id", "x"]).astype({"id": np.int64})
    one_hot = [[1, 0, 1, 0], [0, 1, 0, 1]]
    assert InputEmbedding(encode=True).fit(table).transform(IDS).tolist() == one_hot
    assert (
        InputEmbedding(encode=True).fit(IDS).transform(table.to_numpy(object)).tolist() == one_hot
    )


def test_large_integers_come_back_exactly():
    table = pd.DataFrame({"id": [10**18 + 1, 10**18 + 2], "x": [1.5, 2.5]})
    embedding = InputEmbedding(encode=True).fit(table)
    back = embedding.inverse_transform(embedding.transform(table))
    assert back.tolist() == [[10**18 + 1, 1.5], [10**18 + 2, 2.5]]


def test_one_hot_rows_of_labels_are_those_of_the_classes():
    embedding = InputEmbedding(encode_target=True).fit(np.zeros((3, 1)), [1, 2, 3])
    for rows in ([[0, 1, 0]], np.array([[0.0, 1.0, 0.0]])):
        assert embedding.transform_target(rows).tolist() == [[0, 1, 0]]
    assert embedding.inverse_transform_target([[0, 1, 0]]).tolist() == [2]
    for rows in ([[0, 1]], [[0, 1, 1]], [[1, 2, 3]]):
        with pytest.raises(ValueError, match="one-hot rows over its 3 classes"):
            embedding.transform_target(rows)


def test_frames_must_have_the_columns_of_fit_in_order_whatever_their_names():
    frame = pd.DataFrame({0: ["a", "b"], 1: ["x", "a"]})
    for vocabulary in ("per_column", "joint"):
        embedding = InputEmbedding(vocabulary=vocabulary).fit(frame)
        with pytest.raises(ValueError, match=r"in the same order: \[0, 1\]. Got \[1, 0\]"):
            embedding.transform(frame[[1, 0]])
        assert len(embedding.transform(frame)) == 2
        assert len(embedding.fit_transform(frame.rename(columns={0: 5}))) == 2


def test_masked_scores_are_missing_and_others_are_as_they_came():
    embedding = InputEmbedding(encode=False, scale="feature").fit([[4], [0]])
    whole = np.ma.array([[2**53 + 1]], mask=[[0]])
    assert read_scores(whole).tolist() == [[2**53 + 1]]
    assert np.isnan(read_scores(np.ma.array([[1, 2]], mask=[[0, 1]]))).tolist() == [[False, True]]
    with pytest.raises(ValueError, match="must hold numbers"):
        InputEmbedding().fit([["a"], ["b"]]).inverse_transform(np.ma.array([["a", "b"]]))
    back = embedding.inverse_transform(np.ma.array([[0.5], [0.5]], mask=[[0], [1]]))
    np.testing.assert_array_equal(back, [[2.0], [np.nan]])


def test_the_inverse_of_a_sparse_matrix_needs_little_room():
    """Its dense form would take 480 MB."""
    n, width = 30_000, 1_000
    names = np.arange(n) % width
    embedding = InputEmbedding(encode=True, sparse_output=True, dtype=np.float64)
    frame = pd.DataFrame({"name": names, "other": names * 2.0})
    output = embedding.fit_transform(frame)
    tracemalloc.start()
    back = embedding.inverse_transform(output)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(back, frame)
    # Ten million cells at a time, twice, and what of them is the highest.
    assert peak < 250e6


@pytest.mark.parametrize(
    ("fitted", "X"),
    [(np.zeros((2, 2, 2)), np.full((1, 2, 2), "a", object)), ([[1, 2], [3]], [["a"], [2]])],
    ids=["array", "sequences"],
)
def test_cells_without_a_column_are_called_x(fitted, X):
    with pytest.raises(ValueError, match=r"^X must hold numbers. Got the value 'a'\.$"):
        InputEmbedding().fit(fitted).transform(X)


def test_categories_without_a_column_are_called_x():
    with pytest.raises(ValueError, match=r"^X holds infinity"):
        InputEmbedding(encode=True).fit(np.full((1, 2, 2), np.inf))


@pytest.mark.parametrize("sparse_output", [True, False])
def test_the_output_has_the_byte_order_of_the_machine(sparse_output):
    other = np.dtype(np.float64).newbyteorder("S")
    embedding = InputEmbedding(
        dtype=other, sparse_output=sparse_output, handle_unknown="mean", encode_target=True
    ).fit([["a"], ["b"]], [0, 1])
    assert embedding.dtype is other
    new = embedding.transform([["a"], ["c"]])
    assert new.dtype.isnative
    assert np.asarray(new.toarray() if sparse_output else new).tolist() == [[1, 0], [0.5, 0.5]]
    assert embedding.transform_target([1]).dtype.isnative


@pytest.mark.parametrize("container", ["coo", "dia", "bsr", "dok", "csr", "csc", "lil"])
def test_sparse_matrices_of_every_format_are_split(container):
    X = sparse.csr_matrix(np.arange(1.0, 13.0).reshape(6, 2)).asformat(container)
    parts = InputEmbedding(shuffle=False).split(X)
    assert parts.train.X.toarray().tolist() == [[1, 2], [3, 4], [5, 6], [7, 8]]
    with pytest.raises(TypeError, match="Sparse data was passed, but dense data is required"):
        next(InputEmbedding().fit(X.toarray()).batches(X))


@pytest.mark.parametrize(
    ("embedding", "X", "scores", "message"),
    [
        (
            InputEmbedding(scale="feature"),
            [["a", 1.0]],
            [[1, "x"]],
            r"^Column 'x1' .* numbers.*'x'",
        ),
        (
            InputEmbedding(scale="global"),
            np.zeros((1, 2, 1)),
            [[["b"], ["c"]]],
            "^X .* numbers.*'b'",
        ),
        (InputEmbedding(), np.zeros((1, 2, 1)), [[[1], [1, 2]]], "lists that differ in length"),
        (InputEmbedding(padding=None), [[1, 2], [3]], 5, "X must be a list of arrays.* Got 5"),
    ],
    ids=["column", "array", "ragged", "no list"],
)
def test_an_inverse_of_what_are_no_numbers(embedding, X, scores, message):
    with pytest.raises(ValueError, match=message):
        embedding.fit(X).inverse_transform(scores)


def test_a_dtype_that_is_set_later_counts_from_the_next_fit():
    embedding = InputEmbedding(encode_target=True).fit([["a"], ["b"]], ["no", "yes"])
    embedding.set_params(dtype=np.float64)
    assert embedding.transform([["a"]]).dtype == np.float32
    assert embedding.transform_target(["no"]).dtype == np.float32
    embedding.fit([["a"], ["b"]], ["no", "yes"])
    assert embedding.transform([["a"]]).dtype == np.float64
    assert embedding.transform_target(["no"]).dtype == np.float64
