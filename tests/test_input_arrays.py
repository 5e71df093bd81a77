"""InputEmbedding beyond tables: symbols, vectors, images, sequences of unequal length."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from skembed import InputEmbedding

deterministic = settings(derandomize=True, deadline=None, max_examples=60)
symbols = st.sampled_from("ACGT")


# The arrays of EpyNN's published functions, computed here one cell at a time: all elements sorted,
# a 1 at the index of each; (X - min) / (max - min) over the whole array; consecutive parts of
# rounded relative sizes.


def loop_one_hot(X):
    elements = sorted(set(np.array(X).ravel().tolist()))
    encoded = []
    for sequence in X:
        rows = []
        for element in sequence:
            row = [0.0] * len(elements)
            row[elements.index(element)] = 1.0
            rows.append(row)
        encoded.append(rows)
    return np.array(encoded)


def loop_scale(X):
    flat = [float(v) for v in np.array(X).ravel()]
    low, high = min(flat), max(flat)
    return np.array([(v - low) / (high - low) for v in flat]).reshape(np.shape(X))


def loop_split(X, relative_size):
    lengths = [round(size / sum(relative_size) * len(X)) for size in relative_size]
    first, second = lengths[0], lengths[0] + lengths[1]
    return X[:first], X[first:second], X[second:]


@deterministic
@given(st.integers(1, 3), st.integers(1, 4), st.data(), st.sampled_from([(2, 1, 0), (1, 1, 1)]))
def test_equals_epynn_for_equal_settings(n_thirds, length, data, relative_size):
    n_rows = 3 * n_thirds
    rows = st.lists(symbols, min_size=length, max_size=length)
    X = data.draw(st.lists(rows, min_size=n_rows, max_size=n_rows))
    y = data.draw(st.lists(st.integers(0, 2), min_size=n_rows, max_size=n_rows))
    y[:3] = [0, 1, 2]
    embedding = InputEmbedding(
        scale="global", encode=True, vocabulary="joint", encode_target=True, shuffle=False,
        relative_size=relative_size, dtype=np.float64,
    )  # fmt: skip
    embedding.fit(X, y)
    np.testing.assert_array_equal(embedding.transform(X), loop_one_hot(X))
    np.testing.assert_array_equal(embedding.transform(np.array(X)), loop_one_hot(X))
    np.testing.assert_array_equal(embedding.transform_target(y), np.eye(3)[y])
    parts = embedding.split(X, y)
    expected = zip(loop_split(X, relative_size), loop_split(y, relative_size), strict=True)
    for part, (rows, labels) in zip(parts.values(), expected, strict=True):
        assert part.X == rows and part.y == labels
        assert part.class_balance == {label: labels.count(label) for label in sorted(set(labels))}
    numbers = np.array([[ord(symbol) for symbol in row] for row in X], dtype=float)
    numbers[0, 0] = 200
    scaled = InputEmbedding(scale="global", dtype=np.float64).fit_transform(numbers)
    np.testing.assert_array_equal(scaled, loop_scale(numbers))
    encoded = clone(embedding).fit_transform(numbers, y)
    np.testing.assert_array_equal(encoded, loop_one_hot(numbers))
    np.testing.assert_array_equal(encoded, loop_one_hot(loop_scale(numbers)))


def test_joint_vocabulary_and_back():
    X = np.array([list("ACCA"), list("GATA"), list("TTTT")])
    for data in (
        X,
        X.tolist(),
        X.astype(object),
        pd.DataFrame(X),
        pl.DataFrame(X.tolist(), orient="row"),
    ):
        embedding = InputEmbedding(vocabulary="joint").fit(data)
        assert embedding.vocabulary_ == {"A": 0, "C": 1, "G": 2, "T": 3}
        assert embedding.categories_.tolist() == ["A", "C", "G", "T"]
        out = embedding.transform(data)
        np.testing.assert_array_equal(out, loop_one_hot(X.tolist()))
        assert out.dtype == np.float32
        assert embedding.inverse_transform(out * 0.5 - 3).tolist() == X.tolist()
        assert embedding.shape_ == (3, 4)
        assert embedding.output_shape_ == out.shape == (3, 4, 4)
        assert embedding.n_samples_ == 3
        assert embedding.n_features_in_ == 4


def test_joint_vocabulary_of_a_frame_with_mixed_columns():
    X = pd.DataFrame({"a": ["u", None, "v"], "b": [1, 2, 1], "c": pd.Categorical(["v", "w", "u"])})
    for data in (X, pl.from_pandas(X)):
        embedding = InputEmbedding(vocabulary="joint").fit(data)
        assert embedding.vocabulary_ == {1: 0, 2: 1, "u": 2, "v": 3, "w": 4, None: 5}
        places = embedding.transform(data).argmax(axis=2)
        assert places.tolist() == [[2, 0, 3], [5, 1, 4], [3, 0, 2]]


@pytest.mark.parametrize("shape", [(5, 4, 3), (4, 6, 5, 3), (3, 2, 2, 2, 2)])
def test_scaling_of_any_rank(shape):
    X = np.random.default_rng(0).normal(size=shape) * 5
    overall = InputEmbedding(scale="global", dtype=np.float64).fit(X)
    np.testing.assert_array_equal(overall.transform(X), loop_scale(X))
    np.testing.assert_allclose(overall.inverse_transform(overall.transform(X)), X, rtol=1e-9)
    by_feature = InputEmbedding(scale="feature", dtype=np.float64).fit(X.tolist())
    out = by_feature.transform(X)
    for c in range(shape[-1]):
        np.testing.assert_array_equal(out[..., c], loop_scale(X[..., c]))
    assert by_feature.shape_ == by_feature.output_shape_ == shape
    assert by_feature.n_features_in_ == np.prod(shape[1:])
    assert by_feature.vocabulary_ == {} and by_feature.categories_ is None


def test_images():
    images = np.random.default_rng(0).integers(0, 256, (6, 5, 4, 3)).astype(np.uint8)
    images[0, 0, 0, 0], images[0, 0, 0, 1] = 0, 255
    embedding = InputEmbedding(scale="global", batch_size=4, shuffle=False).fit(images)
    np.testing.assert_allclose(embedding.transform(images), images / 255, rtol=1e-6)
    assert [len(batch) for batch, _ in embedding.batches(images)] == [4, 2]
    constant = InputEmbedding(scale="feature").fit_transform(np.full((2, 3, 3, 1), 9))
    assert (constant == 0).all()
    binary = InputEmbedding(encode=True, dtype=bool).fit_transform(images > 99)
    assert binary.shape == (6, 5, 4, 3, 2) and binary.dtype == bool


def test_symbols_of_rank_three():
    words = [[["a", "b"], ["c", "a"]], [["b", "b"], ["a", "c"]]]
    embedding = InputEmbedding().fit(words)
    out = embedding.transform(words)
    assert out.shape == embedding.output_shape_ == (2, 2, 2, 3)
    assert embedding.inverse_transform(out).tolist() == words
    np.testing.assert_array_equal(out.argmax(-1), [[[0, 1], [2, 0]], [[1, 1], [0, 2]]])


def test_missing_and_unknown_symbols():
    X = [["a", None], ["b", "a"]]
    embedding = InputEmbedding(vocabulary="joint").fit(X)
    np.testing.assert_array_equal(embedding.transform([["z", None]]), [[[0, 0, 0], [0, 0, 1]]])
    refusing = InputEmbedding(vocabulary="joint", handle_unknown="error").fit(X)
    with pytest.raises(ValueError, match=r"^X holds values that were not seen in fit: 'z'"):
        refusing.transform([["z", "a"]])
    mean = InputEmbedding(vocabulary="joint", handle_unknown="mean").fit(X)
    np.testing.assert_array_equal(mean.transform([["z", "b"]]), [[[0.5, 0.25, 0.25], [0, 1, 0]]])
    with pytest.raises(ValueError, match=r"X holds missing values"):
        InputEmbedding(vocabulary="joint", handle_missing="error").fit(X)
    numbers = np.array([[[1.0, np.nan]], [[3.0, 4.0]]])
    out = InputEmbedding(scale="feature").fit_transform(numbers)
    np.testing.assert_array_equal(out, [[[0, np.nan]], [[1, 0]]])
    with pytest.raises(ValueError, match="X holds missing values"):
        InputEmbedding(handle_missing="error").fit(numbers)


# Sequences of unequal length


def loop_pad(X, vocabulary, length, padding):
    """One-hot sequences, padded or cut step by step; and what is padding."""
    encoded, mask = [], []
    for sequence in X:
        steps = [[float(symbol == cell) for cell in vocabulary] for symbol in sequence]
        blank = [[0.0] * len(vocabulary)] * max(length - len(steps), 0)
        hidden, shown = [True] * len(blank), [False] * min(len(steps), length)
        if padding == "post":
            encoded.append(steps[:length] + blank)
            mask.append(shown + hidden)
        else:
            encoded.append(blank + steps[max(len(steps) - length, 0) :])
            mask.append(hidden + shown)
    return np.array(encoded), np.array(mask)


@deterministic
@given(
    st.lists(st.lists(symbols, max_size=6), min_size=1, max_size=8),
    st.lists(st.lists(symbols, max_size=9), min_size=1, max_size=5),
    st.sampled_from(["post", "pre"]),
    st.one_of(st.none(), st.integers(1, 7)),
)
def test_padding_against_plain_loop(X, later, padding, max_length):
    if not any(X):
        X = [*X, ["A"]]
    embedding = InputEmbedding(vocabulary="joint", padding=padding, max_length=max_length).fit(X)
    length = max_length or max(map(len, X))
    vocabulary = sorted({symbol for row in X for symbol in row})
    assert embedding.output_shape_ == (len(X), length, len(vocabulary))
    assert embedding.shape_ == (len(X), length)
    for data in (X, later if any(later) else X):
        expected, mask = loop_pad(data, vocabulary, length, padding)
        np.testing.assert_array_equal(embedding.transform(data), expected)
        np.testing.assert_array_equal(embedding.mask(data), mask)


def test_ragged_sequences_stay_ragged():
    X = [list("ACG"), [], list("T")]
    embedding = InputEmbedding(padding=None).fit(X)
    out = embedding.transform(X)
    assert [part.shape for part in out] == [(3, 4), (0, 4), (1, 4)]
    np.testing.assert_array_equal(out[0], np.eye(4)[[0, 1, 2]])
    assert [part.tolist() for part in embedding.inverse_transform(out)] == X
    assert embedding.shape_ == (3, None)
    assert embedding.output_shape_ == (3, None, 4)
    assert [part.tolist() for part in embedding.mask(X)] == [[False] * 3, [], [False]]
    cut = InputEmbedding(padding=None, max_length=2).fit(X)
    assert [len(part) for part in cut.transform(X)] == [2, 0, 1]
    batches = list(embedding.set_params(batch_size=2, shuffle=False).batches(X))
    assert [[len(part) for part in batch] for batch, _ in batches] == [[3, 0], [1]]


def test_containers_of_sequences():
    X = [list("ACG"), list("T"), list("GA")]
    cells = np.empty(3, dtype=object)
    cells[:] = X
    arrays = [np.array(row) for row in X]
    expected = InputEmbedding().fit_transform(X)
    for data in (cells, arrays, tuple(map(tuple, X)), pd.Series(X, index=[5, 6, 7]), pl.Series(X)):
        embedding = InputEmbedding(random_state=0, relative_size=(2, 1)).fit(data)
        np.testing.assert_array_equal(embedding.transform(data), expected)
        parts = embedding.split(data, [0, 1, 0])
        assert embedding.transform(parts.train.X).shape == (2, 3, 4)
        np.testing.assert_array_equal(
            embedding.transform(parts.train.X), expected[parts.train.indices]
        )


def test_sequences_may_change_in_length():
    embedding = InputEmbedding(vocabulary="joint").fit([list("AC"), list("GT")])
    assert embedding.transform([["A"], list("ACG")]).shape == (2, 2, 4)
    fixed = InputEmbedding(vocabulary="joint").fit(np.array([list("AC"), list("GT")]))
    with pytest.raises(ValueError, match="3 features, but InputEmbedding is expecting 2"):
        fixed.transform(np.array([list("ACG")]))
    longer = InputEmbedding(max_length=4).fit(np.array([list("AC"), list("GT")]))
    assert longer.transform(np.array([list("ACGTA")])).shape == (1, 4, 4)


def test_sequences_of_vectors():
    X = [[[0.0, 10.0], [1.0, 20.0]], [[2.0, 30.0]]]
    padded = InputEmbedding(scale="feature").fit(X)
    expected = [[[0, 0], [0.5, 0.5]], [[1, 1], [0, 0]]]
    assert padded.transform(X).tolist() == expected
    assert padded.shape_ == padded.output_shape_ == (2, 2, 2)
    assert padded.mask(X).tolist() == [[False, False], [False, True]]
    overall = InputEmbedding(scale="global", padding="pre").fit(X)
    np.testing.assert_allclose(
        overall.transform(X), [[[0, 1 / 3], [1 / 30, 2 / 3]], [[0, 0], [2 / 30, 1]]], rtol=1e-6
    )
    ragged = InputEmbedding(scale="feature", padding=None).fit(X)
    back = ragged.inverse_transform(ragged.transform(X))
    assert [part.tolist() for part in back] == X
    assert ragged.n_features_in_ == 2
    numbers = InputEmbedding(scale="feature").fit([[1, 2, 3], [5]])
    assert numbers.transform([[3], [1, 2, 3, 4]]).tolist() == [[0.5, 0, 0], [0, 0.25, 0.5]]
    assert numbers.get_feature_names_out().tolist() == ["x0", "x1", "x2"]


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([["a", ["b"]], ["c", "d"]], "depth"),
        ([[1, 2], 3], "depth"),
        ([["a"], ["b", ["c"]]], "unequal depth"),
        ([[[1, 2], [3]], [[4, 5]]], "unequal"),
        ([[[1, 2]], [[3, 4], [5]]], "unequal"),
        ([[[1, 2]], [[3, 4, 5]]], "depth|shape"),
        ([[[1], [2, 3]], [[4], [5, 6]]], "depth"),
        ([[], []], "0 feature|empty"),
        ([np.zeros((2, 3)), np.zeros((1, 4))], "shape"),
        ([1, 2, 3], "Expected 2D array, got 1D array"),
        (["ACG", "T"], r"Expected 2D array, got 1D array of strings.*list\(x\) for x in X"),
        (5, "Expected 2D array, got scalar array"),
        (np.array(5), "Expected 2D array, got scalar array"),
    ],
)
def test_lists_of_unequal_depth(X, message):
    for vocabulary in ("per_column", "joint"):
        with pytest.raises(ValueError, match=message):
            InputEmbedding(vocabulary=vocabulary).fit(X)


def test_other_errors():
    symbols = [["a", "b"], ["b", "a"]]
    with pytest.raises(ValueError, match="encode=False"):
        InputEmbedding(encode=False).fit([["a"], ["b", "a"]])
    with pytest.raises(ValueError, match="encode=False"):
        InputEmbedding(encode=False, vocabulary="joint").fit([[1, "b"], [2, "a"]])
    with pytest.raises(ValueError, match="sparse_output=True needs two-dimensional output"):
        InputEmbedding(sparse_output=True, vocabulary="joint").fit(symbols)
    joint = InputEmbedding(vocabulary="joint").fit(symbols)
    with pytest.raises(ValueError, match=r"shape \(2, 2, 2\)\. Flatten it first"):
        joint.get_feature_names_out()
    with pytest.raises(ValueError, match="fits no dataframe"):
        joint.set_output(transform="pandas").transform(symbols)
    with pytest.raises(ValueError, match=r"must have shape \(n, 2, 2\)"):
        joint.inverse_transform(np.zeros((3, 2)))
    with pytest.raises(ValueError, match="holds infinity"):
        InputEmbedding(scale="global").fit(np.full((2, 2, 2), np.inf))
    with pytest.raises(ValueError, match="holds infinity"):
        InputEmbedding().fit(np.full((2, 2, 2), -np.inf))
    with pytest.raises(ValueError, match="more than a float64 can hold"):
        InputEmbedding(scale="global").fit([[-1e308], [1e308]])
    images = InputEmbedding(scale="global").fit(np.arange(8).reshape(2, 2, 2))
    with pytest.raises(ValueError, match=r"samples of shape \(2, 2\) as in fit. Got data of shape"):
        images.transform(np.zeros((2, 2, 3)))
    with pytest.raises(ValueError, match="samples of shape"):
        images.transform([[1], [2, 3]])
    with pytest.raises(ValueError, match="X holds numbers, which dtype=uint8"):
        InputEmbedding(dtype=np.uint8).fit(np.zeros((2, 2, 2)))
    ragged = InputEmbedding().fit([["a"], ["b", "c"]])
    with pytest.raises(ValueError, match="sequences of single values as in fit"):
        ragged.transform([[["a"]], [["b"], ["c"]]])


@pytest.mark.parametrize("padding", ["post", None])
def test_no_rows(padding):
    embedding = InputEmbedding(padding=padding).fit([list("ACG"), list("T")])
    out = embedding.transform([])
    assert out == [] if padding is None else out.shape == (0, 3, 4)
    assert len(embedding.mask([])) == 0
    images = InputEmbedding(scale="global").fit(np.arange(8.0).reshape(2, 2, 2))
    for rows in ([], np.empty((0, 2, 2))):
        assert images.transform(rows).shape == (0, 2, 2)


def test_pickle_of_sequences():
    X = [list("ACG"), list("T")]
    embedding = InputEmbedding(padding="pre").fit(X)
    copy = pickle.loads(pickle.dumps(embedding))
    np.testing.assert_array_equal(copy.transform(X), embedding.transform(X))
    assert copy.vocabulary_ == embedding.vocabulary_


def test_nothing_of_an_array_is_padding():
    X = np.arange(24.0).reshape(2, 3, 4)
    mask = InputEmbedding().fit(X).mask(X)
    assert mask.shape == (2, 3)
    assert mask.dtype == bool and not mask.any()


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinity_in_an_array_is_refused(value):
    X = np.arange(24.0).reshape(2, 3, 4)
    embedding = InputEmbedding().fit(X)
    X[1, 2, 3] = value
    for call in (embedding.transform, InputEmbedding().fit):
        with pytest.raises(ValueError, match="X holds infinity"):
            call(X)


def test_sequences_that_all_are_empty_are_refused():
    X = np.empty(2, dtype=object)
    X[:] = [[], []]
    with pytest.raises(ValueError, match="only empty sequences"):
        InputEmbedding().fit(X)


@pytest.mark.parametrize("padding", [None, "post"])
def test_an_empty_sequence_alone_is_what_it_is_among_others(padding):
    X = [list("no"), [], list("yes")]
    embedding = InputEmbedding(padding=padding, batch_size=1, shuffle=False).fit(X)
    among, alone = embedding.transform(X)[1], embedding.transform([[]])[0]
    np.testing.assert_array_equal(alone, among)
    assert len(list(embedding.batches(X))) == 3
    np.testing.assert_array_equal(embedding.mask([[]])[0], embedding.mask(X)[1])
    with pytest.raises(ValueError, match="0 feature"):
        InputEmbedding().fit([[1.0, 2.0]]).transform([[]])


@pytest.mark.parametrize(("value", "dtype"), [(1e39, np.float32), (65535, np.float16)])
def test_numbers_of_an_array_beyond_the_dtype_are_refused(value, dtype):
    with pytest.raises(ValueError, match=r"X holds .*cannot hold\. Use a wider dtype"):
        InputEmbedding(dtype=dtype).fit_transform(np.full((2, 2, 2), value))


def test_numbers_before_scaling_are_a_copy():
    X = np.arange(8.0, dtype=np.float32).reshape(2, 2, 2)
    embedding = InputEmbedding().fit(X)
    assert not np.shares_memory(embedding.inverse_transform(X), X)


def test_codes_of_a_joint_vocabulary_need_more_room_than_those_of_a_column():
    table = pd.DataFrame({c: pd.Categorical([f"{c}{i:03}" for i in range(100)]) for c in "ab"})
    embedding = InputEmbedding(vocabulary="joint").fit(table)
    found = embedding.inverse_transform(embedding.transform(table))
    np.testing.assert_array_equal(found, table.to_numpy(dtype=object))
