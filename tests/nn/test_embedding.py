"""The embedding layer against one-hot vectors times the table, and against numerical gradients."""

import copy
import pickle
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from skembed.nn import SGD, Embedding, Vocabulary

TABLE = np.random.default_rng(0).normal(size=(6, 3))
N_ROWS = len(TABLE)
INTEGERS = [np.dtype(kind + size) for kind in "iu" for size in "1248"]

indices_of_any_rank = hnp.arrays(
    dtype=st.sampled_from(INTEGERS),
    shape=hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
    elements=st.integers(0, N_ROWS - 1),
)


def make(**options):
    return Embedding(*TABLE.shape, weight=TABLE, dtype=np.float64, **options)


def one_hot(indices):
    return np.eye(N_ROWS)[np.asarray(indices, dtype=np.intp)]


def cut(array, seed):
    """Return the same values in an array that is not contiguous."""
    wide = np.repeat(array[..., None], 2, axis=-1)[..., seed % 2]
    return np.array(wide, order="F") if seed % 3 else wide


@settings(deadline=None, max_examples=100)
@given(indices_of_any_rank, st.integers(0, 5))
def test_lookup_is_one_hot_times_table(indices, seed):
    indices = cut(indices, seed)
    layer = make()
    vectors = layer(indices)
    np.testing.assert_array_equal(vectors, one_hot(indices) @ TABLE)
    assert vectors.shape == layer.output_shape(indices.shape) == (*indices.shape, 3)
    assert not np.shares_memory(vectors, layer.weight)


@settings(deadline=None, max_examples=100)
@given(indices_of_any_rank, st.integers(0, 5))
def test_gradient_is_that_of_the_dense_layer(indices, seed):
    grad = np.random.default_rng(seed).normal(size=(*indices.shape, 3))
    gradient = make().backward(cut(indices, seed), cut(grad, seed))
    dense = one_hot(indices).reshape(-1, N_ROWS).T @ grad.reshape(-1, 3)
    np.testing.assert_allclose(gradient.to_dense(N_ROWS), dense, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(gradient.rows, np.unique(indices))


@pytest.mark.parametrize("n", [1, 5, 40, 3000])
@pytest.mark.parametrize("n_rows", [1, 7, 5000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradient_of_all_sizes(n, n_rows, dtype):
    """The sums are made in other ways for small tables, distinct indices and all others."""
    rng = np.random.default_rng(n)
    indices, grad = rng.integers(0, n_rows, n), rng.normal(size=(n, 5)).astype(dtype)
    gradient = Embedding(n_rows, 5, dtype=dtype).backward(indices, grad)
    expected = np.zeros((n_rows, 5))
    np.add.at(expected, indices, grad)
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(
        gradient.to_dense(n_rows), expected, rtol=tolerance, atol=10 * tolerance
    )
    np.testing.assert_array_equal(gradient.rows, np.unique(indices))
    assert gradient.values.dtype == dtype


@pytest.mark.parametrize("scale_grad_by_freq", [False, True])
@pytest.mark.parametrize("padding_idx", [None, 2])
def test_gradient_is_exact(scale_grad_by_freq, padding_idx):
    """Central differences along a random direction of the whole table."""
    rng = np.random.default_rng(1)
    indices, target = rng.integers(0, 6, (4, 5)), rng.normal(size=(4, 5, 3))
    layer = make(scale_grad_by_freq=scale_grad_by_freq, padding_idx=padding_idx)
    counts = np.bincount(indices.ravel(), minlength=6)[indices] if scale_grad_by_freq else 1
    weight = (indices != padding_idx) / counts

    def loss():
        return (weight * ((layer(indices) - target) ** 2).sum(axis=-1)).sum()

    grad_output = 2 * (layer(indices) - target)
    direction, step, start = rng.normal(size=TABLE.shape), 1e-6, layer.weight.copy()
    layer.weight[:] = start + step * direction
    above = loss()
    layer.weight[:] = start - step * direction
    numeric = (above - loss()) / (2 * step)
    gradient = layer.backward(indices, grad_output).to_dense(6)
    assert (gradient * direction).sum() == pytest.approx(numeric, rel=1e-7)


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_every_integer_dtype(dtype):
    layer = Embedding(300, 2, random_state=0)
    np.testing.assert_array_equal(layer(np.array([3, 100], dtype)), layer.weight[[3, 100]])
    assert layer(np.array([3], dtype)).dtype == np.float32
    if dtype.kind == "i":
        with pytest.raises(IndexError, match=r"Index -1 at position 1 .* \[0, 300\)"):
            layer(np.array([3, -1], dtype))


@pytest.mark.parametrize(
    "indices", [3, np.int16(3), np.array(3), [3], (3,), [[3]], np.zeros((2, 0), int), [], [[], []]]
)
def test_rank_k_gives_rank_k_plus_1(indices):
    assert make()(indices).shape == (*np.shape(indices), 3)
    assert make().backward(indices, np.zeros((*np.shape(indices), 3))).values.shape[1] == 3


def test_containers():
    layer = make()
    series = pd.Series([1, 2], dtype="Int64")
    for indices in (series, pd.Series([1, 2]), np.array([1, 2], dtype=object), range(1, 3)):
        np.testing.assert_array_equal(layer(indices), TABLE[1:3])


def test_a_table_of_one_row_and_of_one_coordinate():
    assert Embedding(1, 1, weight=2.5)([0, 0]).tolist() == [[2.5], [2.5]]


RAGGED = [[1, 2, 3], [], [4], [1, 1]]


def test_ragged_list():
    layer = make()
    vectors = layer(RAGGED)
    assert [v.shape for v in vectors] == [(3, 3), (0, 3), (1, 3), (2, 3)]
    for row, indices in zip(vectors, RAGGED, strict=True):
        np.testing.assert_array_equal(row, layer(indices))


def test_ragged_gradient_is_that_of_all_indices():
    layer = make(scale_grad_by_freq=True)
    grads = [np.random.default_rng(0).normal(size=(len(row), 3)) for row in RAGGED]
    together = layer.backward(np.concatenate(RAGGED).astype(int), np.concatenate(grads))
    ragged = layer.backward(RAGGED, grads)
    np.testing.assert_array_equal(ragged.rows, together.rows)
    np.testing.assert_array_equal(ragged.values, together.values)


def test_ragged_first_axis():
    """Arrays whose first axis varies, each of rank 2; and the same in an object array."""
    layer, items = make(), [np.zeros((2, 4), np.int8), np.zeros((3, 4), np.uint64)]
    assert [v.shape for v in layer(items)] == [(2, 4, 3), (3, 4, 3)]
    array = np.empty(2, dtype=object)
    array[:] = items
    assert [v.shape for v in layer(array)] == [(2, 4, 3), (3, 4, 3)]
    grads = [np.ones((*item.shape, 3)) for item in items]
    np.testing.assert_array_equal(layer.backward(items, grads).values, [[20.0] * 3])


def test_equal_lengths_give_one_array():
    assert make()([[1, 2], [3, 4]]).shape == (2, 2, 3)


@pytest.mark.parametrize(
    ("indices", "error", "message"),
    [
        (-1, IndexError, r"Index -1 is out of range: indices must be in \[0, 6\)"),
        (6, IndexError, r"Index 6 .* \[0, 6\)"),
        ([0, 1, 6, 7], IndexError, "Index 6 at position 2"),
        ([[0, 1], [-3, 9]], IndexError, r"Index -3 at position \(1, 0\)"),
        (np.array([2**64 - 1], np.uint64), IndexError, "Index 18446744073709551615 at position 0"),
        (2**63, IndexError, "Index 9223372036854775808"),
        ([2**80], IndexError, r"Index 1208925819614629174706176 .* \[0, 6\)"),
        (1.0, TypeError, r"integers in \[0, 6\). Got 1\.0, dtype float64"),
        ([1, 2.5], TypeError, r"2\.5, dtype float64"),
        ([1, np.nan], TypeError, "nan, dtype float64"),
        (np.zeros(0), TypeError, "dtype float64"),
        (True, TypeError, "True, dtype bool"),
        ([True, False], TypeError, "True, dtype bool"),
        (np.array([0, True], dtype=object), TypeError, "True, dtype object"),
        (np.array([0, np.False_], dtype=object), TypeError, r"Got (np\.)?False_?, dtype object"),
        (np.array([np.uint64(3), -1], dtype=object), IndexError, "Index -1 at position 1"),
        ([np.ma.array([1, 2], mask=[0, 1])] * 2, TypeError, "Got a masked array"),
        ("a", TypeError, "'a', dtype <U1"),
        (["a", "b"], TypeError, "'a', dtype <U1"),
        ([1, None], TypeError, "None, dtype object"),
        (None, TypeError, "None, dtype object"),
        ([1, 2j], TypeError, "complex"),
        ([[1, 2], [6]], IndexError, "Index 6 at position"),
        ([[1, 2], [0.5]], TypeError, r"\[0, 6\). Got 0\.5"),
        ([[[1, 2], [3]], [[1]]], TypeError, "first level only"),
    ],
)
def test_bad_indices(indices, error, message):
    layer = make()
    with pytest.raises(error, match=message):
        layer.backward(indices, None)
    if "first level" not in message:
        with pytest.raises(error, match=message):
            layer(indices)


def test_bad_gradients():
    with pytest.raises(ValueError, match=r"shape \(2, 3\). Got \(2, 4\)"):
        make().backward([1, 2], np.zeros((2, 4)))
    with pytest.raises(ValueError, match=r"shape \(1, 3\)"):
        make().backward([[1], [1, 2]], [np.zeros((2, 3)), np.zeros((1, 3))])
    with pytest.raises(ValueError, match=r"grad_output must be an array.*that differ in length"):
        make().backward([0, 1], [[1, 2], [3]])
    with pytest.raises(TypeError, match="grad_output must not be masked"):
        make().backward([0], np.ma.array([[1, 2, 3]], mask=[[0, 1, 0]]))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (dict(num_embeddings=0), ValueError, "'num_embeddings' .* at least 1. Got 0"),
        (dict(num_embeddings=[]), ValueError, "'num_embeddings' .* at least 1. Got 0"),
        (dict(num_embeddings=2.0), TypeError, r"'num_embeddings' .* Got 2\.0"),
        (dict(num_embeddings=True), TypeError, "'num_embeddings' .* Got True"),
        (dict(embedding_dim=0), ValueError, "'embedding_dim' .* Got 0"),
        (dict(padding_idx=4), ValueError, r"'padding_idx' .* \[0, 4\). Got 4"),
        (dict(padding_idx=-1), ValueError, "'padding_idx' .* Got -1"),
        (dict(padding_idx=1.0), TypeError, r"'padding_idx' .* Got 1\.0"),
        (dict(max_norm=0), ValueError, "'max_norm' .* above 0 or None. Got 0"),
        (dict(max_norm=True), ValueError, "'max_norm' .* above 0 or None. Got True"),
        (dict(name=3), TypeError, "'name' parameter of Embedding must be a str or None. Got 3"),
        (dict(random_state="a"), TypeError, "'random_state' .* an int of at least 0.* Got 'a'"),
        (dict(random_state=-1), ValueError, "'random_state' .* an int of at least 0.* Got -1"),
        (dict(max_norm=np.nan), ValueError, "'max_norm' .* Got nan"),
        (dict(norm_type=0.5), ValueError, r"norm_type .* Got 0\.5"),
        (dict(learning_rate_multiplier=-1), ValueError, "'learning_rate_multiplier' .* Got -1"),
        (dict(learning_rate_multiplier=np.inf), ValueError, "Got inf"),
        (dict(dtype=np.float16), ValueError, "'dtype' .* float32 or float64"),
        (dict(dtype=int), ValueError, "'dtype' .* float32 or float64"),
        (dict(dtype="foo"), ValueError, "'dtype' .* float32 or float64. Got 'foo'"),
        (dict(weight=[[1, 2], [3]]), ValueError, "weight must be an array. Got sequences"),
        (
            dict(num_embeddings=None, weight=[[1, 2], [3]]),
            ValueError,
            "weight must be an array. Got sequences that differ in length",
        ),
        (
            dict(weight=np.ma.array(np.ones((4, 2)), mask=np.eye(4, 2))),
            TypeError,
            "weight must not be masked",
        ),
        (dict(weight=np.zeros((3, 4))), ValueError, r"shape \(4, 2\). Got \(3, 4\)"),
        (dict(weight=[[np.nan, 0]] * 4), ValueError, r"finite.* Got nan at \(0, 0\)"),
        (dict(weight="glorot"), ValueError, "'glorot' is not the name .* he_normal"),
    ],
)
def test_bad_parameters(arguments, error, message):
    with pytest.raises(error, match=message):
        Embedding(**{"num_embeddings": 4, "embedding_dim": 2, **arguments})


def test_padding_row_is_zero_and_never_trained():
    layer = make(padding_idx=2)
    assert not layer.weight[2].any()
    assert not layer([2, 2]).any()
    gradient = layer.backward([2, 0, 2], np.ones((3, 3)))
    np.testing.assert_array_equal(gradient.rows, [0])
    assert layer.backward([2], np.ones((1, 3))).rows.size == 0


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.0, np.inf])
def test_max_norm(norm_type):
    layer = make(max_norm=1.5, norm_type=norm_type)
    before = layer.weight.copy()
    norms = np.linalg.norm(layer(np.arange(6)), norm_type, axis=1)
    own = np.linalg.norm(TABLE, norm_type, axis=1)
    assert (own > 1.5).any()
    assert (own < 1.5).any()
    np.testing.assert_allclose(norms, np.minimum(own, 1.5), rtol=1e-6)
    np.testing.assert_array_equal(layer(np.flatnonzero(own < 1.5)), TABLE[own < 1.5])
    np.testing.assert_array_equal(layer.weight, before)
    layer.apply_max_norm([[0, 1], [1, 0]])
    np.testing.assert_array_equal(layer.weight[2:], before[2:])
    np.testing.assert_array_equal(layer.weight[:2], make(max_norm=1.5, norm_type=norm_type)([0, 1]))
    make().apply_max_norm([0])


@pytest.mark.parametrize("freeze", [True, False])
def test_the_array_of_the_caller_is_never_changed(freeze):
    weight = TABLE.copy()
    layer = Embedding.from_pretrained(weight, freeze, padding_idx=0, max_norm=0.1)
    layer([0, 1])
    layer.apply_max_norm([0, 1])
    layer.weight[:] = 5
    np.testing.assert_array_equal(weight, TABLE)


def test_from_pretrained():
    layer = Embedding.from_pretrained(TABLE.astype(np.float32), padding_idx=1)
    assert (layer.num_embeddings, layer.embedding_dim, layer.dtype) == (6, 3, np.float32)
    np.testing.assert_array_equal(layer.weight, TABLE.astype(np.float32))  # the padding row too
    assert layer.frozen
    assert not Embedding.from_pretrained(TABLE, freeze=False).frozen
    assert Embedding.from_pretrained(TABLE).dtype == np.float64
    assert Embedding.from_pretrained([[1, 2]]).dtype == np.float32
    for wrong in ([1.0, 2.0], np.zeros((0, 3)), np.zeros((2, 0)), np.zeros((2, 1, 3))):
        with pytest.raises(ValueError, match=re.escape(str(np.shape(wrong)))):
            Embedding.from_pretrained(wrong)


def test_defaults():
    for layer in (Embedding(6, 3), Embedding.from_pretrained(TABLE, freeze=False)):
        assert (layer.padding_idx, layer.max_norm, layer.norm_type) == (None, None, 2)
        assert (layer.learning_rate_multiplier, layer.name) == (1, None)
        assert not layer.scale_grad_by_freq
    assert Embedding(6, 3).dtype == np.float32


def test_a_frozen_table_does_not_move():
    layer = make(learning_rate_multiplier=0)
    gradient = layer.backward([1, 2], np.ones((2, 3)))
    assert gradient.rows.size == 0
    dense = {"weight": make().backward([1, 2], np.ones((2, 3)))}
    for gradients in ({"weight": gradient}, dense):
        SGD().update(layer.parameters(), gradients, {}, 0.1, layer.multipliers())
        np.testing.assert_array_equal(layer.weight, TABLE)


def test_learning_rate_multiplier():
    layer, plain = make(learning_rate_multiplier=0.25), make()
    for each in (layer, plain):
        gradient = {"weight": each.backward([1, 1, 4], np.ones((3, 3)))}
        SGD().update(each.parameters(), gradient, {}, 0.1, each.multipliers())
    np.testing.assert_allclose(layer.weight - TABLE, (plain.weight - TABLE) / 4, rtol=1e-12)
    assert plain.multipliers() == {}


def test_weights_of_every_kind():
    rng = np.random.default_rng(0)
    assert Embedding(2, 2, weight=0.5).weight.tolist() == [[0.5, 0.5], [0.5, 0.5]]
    own = Embedding(3, 2, weight=lambda shape, rng: np.full(shape, 7), random_state=rng)
    assert own.weight.tolist() == [[7.0, 7.0]] * 3
    uniform = Embedding(3, 2, weight="uniform", random_state=1)
    assert np.abs(uniform.weight).max() <= 1
    he_normal = Embedding(5000, 8, random_state=0)
    assert he_normal.weight.std() == pytest.approx(np.sqrt(2 / 5000), rel=0.02)
    same = Embedding(5000, 8, weight="he_normal", random_state=0)
    np.testing.assert_array_equal(he_normal.weight, same.weight)


@pytest.mark.parametrize("make_state", [lambda: 3, lambda: np.random.RandomState(3)])
def test_random_state_repeats(make_state):
    first, second = (Embedding(4, 2, random_state=make_state()).weight for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_num_embeddings_is_inferred():
    assert Embedding(None, 3, weight=TABLE).num_embeddings == 6
    assert Embedding(Vocabulary("abc", unknown="?"), 3).num_embeddings == 4
    layer = Embedding(None, 3, random_state=0)
    assert layer.num_embeddings is None
    for missing in (lambda: layer.weight, layer.parameters, lambda: layer.backward([1], [[0] * 3])):
        with pytest.raises(RuntimeError, match="num_embeddings is not known"):
            missing()
    with pytest.raises(IndexError, match="Got -2"):
        layer([3, -2])
    with pytest.raises(ValueError, match="cannot be inferred from empty"):
        layer(np.zeros(0, int))
    with pytest.raises(TypeError, match=r"0\.5"):
        layer([0.5])
    assert layer([4, 1]).shape == (2, 3)
    np.testing.assert_array_equal(layer.weight, Embedding(5, 3, random_state=0).weight)
    with pytest.raises(IndexError, match=r"\[0, 5\)"):
        layer(5)
    with pytest.raises(ValueError, match="has 5 rows already"):
        layer.build(6)
    assert Embedding(None, 3, padding_idx=7)(2).shape == (3,)
    ragged = Embedding(None, 3, padding_idx=1)
    assert [v.shape for v in ragged([[1, 4], [0]])] == [(2, 3), (1, 3)]
    assert ragged.num_embeddings == 5


def test_weight_can_be_taken_out_and_set():
    layer = Embedding(6, 3, padding_idx=0)
    layer.weight = TABLE
    assert layer.weight.dtype == np.float32
    with pytest.raises(ValueError, match=r"shape \(6, 3\)"):
        layer.weight = TABLE[:2]
    assert layer.parameters()["weight"] is layer.weight


def test_training_goes_on_from_a_weight_that_is_set():
    """The arrays that an optimiser has taken stay those of the layer."""
    layer, optimizer = Embedding(4, 2, weight=0.0), SGD()
    parameters = layer.parameters()
    layer.weight = np.ones((4, 2))
    gradient = {"weight": layer.backward([1], np.ones((1, 2)))}
    optimizer.update(parameters, gradient, optimizer.init(parameters), 0.5)
    assert layer.weight[:2].tolist() == [[1, 1], [0.5, 0.5]]


def test_lists_of_any_integers_and_no_booleans():
    layer = make()
    for indices in ([np.array([1, 2], np.uint64), np.array([3, 4])], [np.uint64(3), 1], [[1, 2]]):
        expected = TABLE[np.array([[int(i) for i in np.ravel(row)] for row in indices])]
        np.testing.assert_array_equal(layer(indices).ravel(), expected.ravel())
    for indices in ([True, 2], [[1, np.True_]], (1, False)):
        with pytest.raises(TypeError, match="integers"):
            layer(indices)
    with pytest.raises(IndexError, match="18446744073709551615"):
        layer([np.uint64(2**64 - 1), -1])


def test_lists_are_ragged_in_their_first_level_only():
    nested = [[[1], [2, 3]], [4]]
    for call in (make(), lambda indices: make().backward(indices, []), Embedding(None, 3)):
        with pytest.raises(TypeError, match="ragged in its first level only"):
            call(nested)
    with pytest.raises(ValueError, match=r"list of 2 arrays, one per sequence. Got 1"):
        make().backward([[1], [2, 3]], [np.ones((1, 3))])


def test_info_and_repr():
    layer = Embedding(10, 4, padding_idx=1, learning_rate_multiplier=0.0, name="words")
    info = layer.info()
    assert (info["parameters"], info["bytes"], info["frozen"]) == (40, 160, True)
    assert (info["initialised"], info["name"], info["dtype"]) == (True, "words", "float32")
    text = "Embedding(10, 4, padding_idx=1, learning_rate_multiplier=0.0, name='words')"
    assert repr(layer) == text
    assert eval(repr(layer)).info() == info
    waiting = Embedding(None, 4, dtype=np.float64, weight="normal")
    assert repr(waiting) == "Embedding(None, 4, weight='normal', dtype='float64')"
    assert not waiting.info()["initialised"]
    assert waiting.info()["bytes"] is None
    assert repr(make()) == "Embedding(6, 3, dtype='float64')"
    filled = Embedding(3, 2, weight=0.5)
    assert repr(filled) == "Embedding(3, 2, weight=0.5)"
    assert (eval(repr(filled)).weight == 0.5).all()


def test_output_shape():
    layer = Embedding(10, 4)
    assert layer.output_shape(5) == (5, 4)
    assert layer.output_shape(()) == (4,)
    assert layer.output_shape((None, 2)) == (None, 2, 4)


def test_copies_are_the_same_and_apart():
    layer = make(padding_idx=0)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        np.testing.assert_array_equal(twin.weight, layer.weight)
        twin.weight[1] = 0
        assert layer.weight[1].any()


@pytest.mark.parametrize("norm_type", [1.5, 3, 100])
def test_high_powers_do_not_leave_the_range_of_floats(norm_type):
    layer = Embedding(2, 2, weight=np.array([[3, 1], [0, 0]], np.float32), norm_type=norm_type)
    layer.max_norm = 1.0
    expected = np.array([3, 1]) / np.linalg.norm([3.0, 1.0], norm_type)
    np.testing.assert_allclose(layer(0), expected, rtol=1e-5)
    assert layer(1).tolist() == [0, 0]


@pytest.mark.parametrize("option", ["max_norm", "norm_type", "learning_rate_multiplier"])
def test_options_that_are_no_numbers_are_named(option):
    with pytest.raises(ValueError, match=rf"{option}.*Got '1'"):
        Embedding(3, 2, **{option: "1"})


def test_the_dtype_of_a_frame_is_that_of_its_numbers():
    assert Embedding.from_pretrained(pd.DataFrame([[1 / 3]])).weight.item() == 1 / 3
    assert Embedding.from_pretrained([[1 / 3]]).weight.dtype == np.float32


def test_integers_kept_as_objects_stay_the_integers_that_they_are():
    layer = make()
    given = np.array([np.uint64(3), np.int8(1)], dtype=object)
    np.testing.assert_array_equal(layer(given), layer([3, 1]))
    with pytest.raises(ValueError, match=r"weight must be an array.*that differ in length"):
        Embedding.from_pretrained([[1, 2], [3]])
    with pytest.raises(TypeError, match="weight must not be masked"):
        Embedding.from_pretrained(np.ma.array([[1.0, 2.0]], mask=[[0, 1]]))


@pytest.mark.parametrize("grad", [None, 5, []], ids=repr)
def test_gradients_of_a_ragged_list_are_a_list(grad):
    with pytest.raises(
        ValueError, match=r"grad_output must be a list of 2 arrays.* Got (None|5|0)"
    ):
        make().backward([[1], [2, 3]], grad)


def test_gradients_of_a_ragged_list_may_be_made_one_by_one():
    made = make().backward([[1], [2, 3]], (np.ones((n, 3)) for n in (1, 2)))
    assert made.rows.tolist() == [1, 2, 3]


def test_an_array_of_no_axes_is_no_number_of_rows():
    with pytest.raises(TypeError, match=r"'num_embeddings' parameter .* Got array\(5\) instead"):
        Embedding(np.array(5), 2)
