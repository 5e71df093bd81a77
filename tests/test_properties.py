"""What holds for every table: a row's output is a function of its own categories, whatever their
names, their container and the rows around them.
"""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skembed import EmbeddingClassifier, EmbeddingEncoder, EmbeddingRegressor, InputEmbedding

deterministic = settings(derandomize=True, deadline=None, max_examples=40)
few = settings(derandomize=True, deadline=None, max_examples=12)

MISSING = (None, np.nan, pd.NaT, pd.NA)
# Values that are easily taken for one another, or that break strings and machine integers.
EXOTIC = [
    "", " ", "a", "a\0", "\0", "ä", "a\u0308", "😀", "\ud800", "nan", "None", "0", "1", "True",
    2**53, 2**53 + 1, -(2**63), 2**63, 2**64 - 1, 2**70, 0, 1, 2.5, -1e308, 5e-324, b"a", (1, "a"),
    pd.Timestamp("2020-01-01"), pd.Timedelta(1),
]  # fmt: skip
LONG = "x" * 1_000_000

cells = st.sampled_from([*EXOTIC, *MISSING])
columns = st.lists(cells, min_size=1, max_size=30)
FAST = {"max_iter": 1, "random_state": 0}


def objects(*values):
    """Columns of Python objects as a frame."""
    series = {}
    for name, column in zip("ab", values, strict=False):
        array = np.empty(len(column), dtype=object)
        array[:] = column
        series[name] = pd.Series(array, dtype=object)
    return pd.DataFrame(series)


@pytest.fixture(scope="module")
def training():
    """A column of exotic values (each three times, and nulls), and a plain one."""
    values = [*EXOTIC, LONG, None] * 3
    plain = [f"p{i % 4}" for i in range(len(values))]
    return objects(values, plain)


@pytest.fixture(scope="module")
def models(training, half_of_each_in_module):
    y = np.sin(np.arange(len(training)))
    # Narrow, and done after 11 epochs: no loss falls by `tol`.
    quick = {"hidden_layer_sizes": (16,), "max_iter": 500, "tol": 1e6, "batch_size": 32}
    predictor = FAST | quick | {"n_estimators": 2}
    regressor = EmbeddingRegressor(**predictor).fit(training, y)
    classifier = EmbeddingClassifier(**predictor).fit(training, y > 0)
    return {
        "encoder": EmbeddingEncoder(**FAST).fit(training, y).transform,
        "regressor": regressor.predict,
        "classifier": classifier.predict_proba,
        "vectors of the classifier": classifier.transform,
        "InputEmbedding": InputEmbedding(encode=True).fit(training).transform,
    }


NAMES = (
    "encoder",
    "regressor",
    "classifier",
    "vectors of the classifier",
    "InputEmbedding",
)
# Products of matrices of other sizes differ in their last bits.
EXACT = ("encoder", "vectors of the classifier", "InputEmbedding")


def assert_same(name, result, expected):
    if name in EXACT:
        np.testing.assert_array_equal(result, expected)
    else:
        np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
@deterministic
@given(columns, st.randoms(use_true_random=False), st.integers(1, 5))
def test_a_row_is_answered_by_itself(models, name, values, random, size):
    """Order, index, doubled rows, chunks and single rows change nothing."""
    answer = models[name]
    table = objects(values, [f"p{len(str(v)) % 5}" for v in values])
    expected = answer(table)
    order = random.sample(range(len(values)), len(values))
    assert_same(name, answer(table.iloc[order]), expected[order])
    indexed = table.set_axis([f"row {i}" for i in order], axis="index")
    assert_same(name, answer(indexed), expected)
    assert_same(name, answer(pd.concat([table, table])), np.concatenate([expected, expected]))
    chunks = [answer(table[i : i + size]) for i in range(0, len(table), size)]
    assert_same(name, np.concatenate(chunks), expected)


@pytest.mark.parametrize("name", NAMES)
def test_rows_do_not_depend_on_thousands_of_others(models, training, name):
    many = pd.concat([training] * 130, ignore_index=True)
    expected = np.concatenate([models[name](training)] * 130)
    assert_same(name, models[name](many), expected)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("missing", MISSING, ids=["None", "NaN", "NaT", "NA"])
def test_every_null_is_the_same_null(models, name, missing):
    row = models[name](objects([missing], ["p0"]))
    assert_same(name, row, models[name](objects([None], ["p0"])))
    column = objects([missing] * 4, ["p0"] * 4)
    assert_same(name, models[name](column), np.concatenate([row] * 4))


def test_values_that_look_alike_are_categories_of_their_own(training):
    values = [v for v in [*EXOTIC, LONG] if v is not None]
    model = EmbeddingEncoder(**FAST).fit(training, np.arange(len(training), dtype=float))
    assert len(model.categories_[0]) == len(values)
    assert set(model.categories_[0]) == set(values)
    one_hot = InputEmbedding(encode=True).fit(training)
    assert one_hot.transform(training)[: len(values), : len(values)].sum() == len(values)


@pytest.mark.parametrize("flag", [True, False])
def test_booleans_and_numbers_that_are_equal_are_one_category(flag):
    """As in Python, where ``True == 1`` and ``-0.0 == 0``."""
    y = np.arange(12.0)
    model = EmbeddingEncoder(**FAST).fit(objects([0, 1, 2] * 4), y)
    expected = model.transform(objects([int(flag)]))
    for twin in (flag, np.bool_(flag), float(flag), np.float32(flag), -0.0 + int(flag)):
        np.testing.assert_array_equal(model.transform(objects([twin])), expected)
    np.testing.assert_array_equal(
        model.transform(pd.DataFrame({"a": [-0.0]})), model.transform(objects([0]))
    )


words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5)


@few
@given(
    st.lists(st.sampled_from("abcd"), min_size=12, max_size=25),
    st.lists(words, min_size=4, max_size=4, unique=True),
)
def test_new_names_in_the_same_order_change_only_names(values, names):
    y = np.cos(np.arange(len(values)))
    renaming = dict(zip("abcd", sorted(names), strict=True))
    table, renamed = objects(values), objects([renaming[v] for v in values])
    model, other = (EmbeddingEncoder(**FAST).fit(t, y) for t in (table, renamed))
    np.testing.assert_array_equal(model.transform(table), other.transform(renamed))
    assert other.categories_[0].tolist() == [renaming[v] for v in model.categories_[0]]
    one_hot, other_hot = (InputEmbedding().fit(t) for t in (table, renamed))
    np.testing.assert_array_equal(one_hot.transform(table), other_hot.transform(renamed))


@few
@given(st.lists(st.sampled_from(["a", "b", "é", "😀", "", None]), min_size=8, max_size=25))
def test_every_library_gives_the_same_bits_in_training_and_in_service(values):
    y = np.arange(len(values), dtype=float)
    names = [f"p{i % 3}" for i in range(len(values))]
    frame = objects(values, names)
    tables = [
        frame,
        pl.DataFrame({"a": pl.Series(values, dtype=pl.String), "b": names}),
        frame.astype("category"),
        frame.astype("string"),
    ]
    for make in (lambda: EmbeddingEncoder(**FAST), InputEmbedding):
        fitted = [make().fit(table, y) for table in tables]
        expected = fitted[0].transform(frame)
        for model in fitted:
            for table in tables:
                np.testing.assert_array_equal(model.transform(table), expected)
        array = frame.to_numpy()
        np.testing.assert_array_equal(make().fit(array, y).transform(array), expected)
        rows = [fitted[0].transform(frame[i : i + 1]) for i in range(len(frame))]
        np.testing.assert_array_equal(np.concatenate(rows), expected)


@few
@given(st.lists(st.sampled_from([*EXOTIC, None]), min_size=6, max_size=30))
def test_there_and_back_again(values):
    """The vectors of frequent categories name them; one-hot vectors name all."""
    table = objects(values)
    embedding = InputEmbedding(encode=True).fit(table)
    back = embedding.inverse_transform(embedding.transform(table))[:, 0]
    assert [None if pd.isna(v) is True else v for v in back] == values
    model = EmbeddingEncoder(**FAST | {"max_iter": 3}).fit(table, np.arange(float(len(values))))
    vectors = model.embedding_frame("a")
    distinct = ~vectors.duplicated(keep=False).to_numpy()
    found = model.inverse_transform(vectors.to_numpy()[distinct])[:, 0] if distinct.any() else []
    assert list(found) == list(vectors.index[distinct])


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("make", [EmbeddingEncoder, EmbeddingRegressor])
def test_a_column_of_nulls_is_one_vector_and_disturbs_nothing(make):
    table = objects([None] * 40, list("abcd") * 10)
    y = np.tile([0.0, 1.0, 2.0, 3.0], 10)
    small = {"n_estimators": 1, "hidden_layer_sizes": (16,)}
    settings = FAST | (small if make is EmbeddingRegressor else {})
    vectors = make(**settings).fit(table, y).transform(table)
    assert np.isfinite(vectors).all()
    n_null = (
        vectors.shape[1] - make(**settings).fit(table[["b"]], y).transform(table[["b"]]).shape[1]
    )
    assert (vectors[:, :n_null] == vectors[0, :n_null]).all()
