"""The embedding of bags against a plain loop over the bags, and against numerical gradients."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skembed.nn import Embedding, EmbeddingBag, Vocabulary

N_ROWS, DIM = 5, 3
TABLE = np.random.default_rng(0).normal(size=(N_ROWS, DIM))
POOLS = {"sum": np.sum, "mean": np.mean, "max": np.max}

bags_of_any_size = st.lists(st.lists(st.integers(0, N_ROWS - 1), max_size=5), max_size=6)
modes = st.sampled_from(sorted(POOLS))
paddings = st.sampled_from([None, 1])


def make(**options):
    return EmbeddingBag(N_ROWS, DIM, weight=TABLE, dtype=np.float64, **options)


def pool(table, bags, mode, padding_idx=None, weights=None):
    """Pool one bag after the other."""
    pooled = np.zeros((len(bags), DIM))
    for number, bag in enumerate(bags):
        kept = [place for place, index in enumerate(bag) if index != padding_idx]
        if kept:
            vectors = table[np.array(bag)[kept]]
            if weights is not None:
                vectors = vectors * np.array(weights[number])[kept, None]
            pooled[number] = POOLS[mode](vectors, axis=0)
    return pooled


def with_offsets(bags):
    sizes = [len(bag) for bag in bags]
    return np.array([i for bag in bags for i in bag], dtype=int), np.cumsum([0, *sizes])[:-1]


def differences(loss, array, step=1e-6):
    """Central difference of `loss` by every number of `array`."""
    slopes = np.zeros_like(array)
    for cell in np.ndindex(array.shape):
        start = array[cell]
        array[cell] = start + step
        above = loss()
        array[cell] = start - step
        slopes[cell] = (above - loss()) / (2 * step)
        array[cell] = start
    return slopes


@settings(deadline=None, max_examples=100)
@given(bags_of_any_size.filter(len), modes, paddings)
def test_pools_like_a_loop(bags, mode, padding_idx):
    layer = make(mode=mode, padding_idx=padding_idx)
    indices, offsets = with_offsets(bags)
    pooled = layer(indices, offsets)
    np.testing.assert_allclose(pooled, pool(layer.weight, bags, mode, padding_idx), atol=1e-12)
    grad = np.random.default_rng(0).normal(size=pooled.shape)
    gradient = layer.backward(indices, grad, offsets)
    assert np.all(np.diff(gradient.rows) > 0)
    assert set(gradient.rows) <= set(indices) - {padding_idx}
    if len({len(bag) for bag in bags}) > 1:
        np.testing.assert_array_equal(layer(bags), pooled)
        np.testing.assert_array_equal(layer.backward(bags, grad).values, gradient.values)


@settings(deadline=None, max_examples=30)
@given(bags_of_any_size.filter(len), modes, paddings)
def test_gradient_is_exact(bags, mode, padding_idx):
    layer = make(mode=mode, padding_idx=padding_idx)
    indices, offsets = with_offsets(bags)
    grad = np.random.default_rng(1).normal(size=(len(bags), DIM))
    numeric = differences(lambda: (grad * layer(indices, offsets)).sum(), layer.weight)
    gradient = layer.backward(indices, grad, offsets).to_dense(N_ROWS)
    np.testing.assert_allclose(gradient, numeric, atol=1e-8)


@settings(deadline=None, max_examples=30)
@given(bags_of_any_size.filter(len), paddings)
def test_weights_and_their_gradient(bags, padding_idx):
    layer, rng = make(mode="sum", padding_idx=padding_idx), np.random.default_rng(2)
    indices, offsets = with_offsets(bags)
    weights, grad = rng.normal(size=len(indices)), rng.normal(size=(len(bags), DIM))
    parts = np.split(weights, offsets[1:])
    expected = pool(layer.weight, bags, "sum", padding_idx, parts)
    np.testing.assert_allclose(layer(indices, offsets, weights), expected, atol=1e-12)
    gradient, weights_gradient = layer.backward(indices, grad, offsets, weights)

    def loss():
        return (grad * layer(indices, offsets, weights)).sum()

    by_table = differences(loss, layer.weight)
    np.testing.assert_allclose(gradient.to_dense(N_ROWS), by_table, atol=1e-8)
    np.testing.assert_allclose(weights_gradient, differences(loss, weights), atol=1e-8)


def test_weights_of_a_ragged_list():
    layer = make(mode="sum")
    bags, weights = [[1, 2], [3]], [[0.5, 2.0], [3.0]]
    np.testing.assert_allclose(layer(bags, per_sample_weights=weights)[1], 3 * TABLE[3])
    _, gradients = layer.backward(bags, np.ones((2, DIM)), per_sample_weights=weights)
    assert [g.shape for g in gradients] == [(2,), (1,)]
    np.testing.assert_allclose(gradients[1], TABLE[3].sum())


@pytest.mark.parametrize("mode", POOLS)
def test_a_matrix_holds_a_bag_in_each_row(mode):
    bags = np.array([[0, 1], [3, 3], [4, 2]], dtype=np.int8)
    np.testing.assert_allclose(make(mode=mode)(bags), pool(TABLE, bags, mode))
    np.testing.assert_allclose(make(mode=mode)(np.asfortranarray(bags)), pool(TABLE, bags, mode))


@pytest.mark.parametrize("mode", POOLS)
def test_pools_what_the_embedding_looks_up(mode):
    """The same vectors as Embedding with max_norm, and the same gradient for bags of one."""
    bags = np.array([[0, 1, 1], [3, 2, 4]])
    options = {"weight": TABLE, "max_norm": 1.0, "norm_type": 1.0, "dtype": np.float64}
    single, bag = Embedding(N_ROWS, DIM, **options), make(mode=mode, max_norm=1.0, norm_type=1.0)
    np.testing.assert_allclose(bag(bags), POOLS[mode](single(bags), axis=1), rtol=1e-12)
    grad = np.random.default_rng(0).normal(size=(6, DIM))
    alone = bag.backward(bags.reshape(6, 1), grad)
    np.testing.assert_allclose(alone.values, single.backward(bags.ravel(), grad).values)


@pytest.mark.parametrize("mode", POOLS)
@pytest.mark.parametrize("bags", [[[], [1]], [[1, 1], [2]], np.zeros((2, 0), int), [[1], [1]]])
def test_empty_bags_and_padding_are_zeros(mode, bags):
    layer = make(mode=mode, padding_idx=1)
    pooled = layer(bags)
    assert pooled.shape == (2, DIM)
    assert not pooled[0].any()
    assert 1 not in layer.backward(bags, np.ones((2, DIM))).rows


def test_padding_is_left_out_of_the_mean_whatever_its_row_holds():
    layer = EmbeddingBag.from_pretrained(TABLE, mode="mean", padding_idx=0)
    assert layer.weight[0].any()
    np.testing.assert_allclose(layer([[0, 2, 4]])[0], TABLE[[2, 4]].mean(axis=0))


def test_no_bags():
    empty = np.zeros(0, int)
    assert make()(empty, offsets=empty).shape == (0, DIM)
    assert make().backward(empty, np.zeros((0, DIM)), offsets=empty).rows.size == 0
    assert make(mode="max")(np.zeros((0, 4), int)).shape == (0, DIM)


def test_of_equal_maxima_the_first_gets_the_gradient():
    layer = EmbeddingBag(3, 1, weight=[[1], [1], [0]], mode="max")
    gradient = layer.backward([[2, 1, 0]], [[5.0]])
    assert (gradient.rows.tolist(), gradient.values.tolist()) == ([1], [[5.0]])


def test_scale_grad_by_freq_divides_by_the_count_of_each_row():
    gradient = make(mode="sum", scale_grad_by_freq=True).backward([[1, 1, 3]], np.ones((1, DIM)))
    np.testing.assert_allclose(gradient.values, 1.0)


def test_frozen():
    layer = EmbeddingBag.from_pretrained(TABLE, mode="sum")
    weights = np.array([[1.0, 2.0]])
    gradient, by_weights = layer.backward([[0, 1]], np.ones((1, DIM)), None, weights)
    assert gradient.rows.size == 0
    np.testing.assert_allclose(by_weights, [TABLE[:2].sum(axis=1)])
    assert not EmbeddingBag.from_pretrained(TABLE, freeze=False, max_norm=1.0).frozen


def test_defaults():
    layer = EmbeddingBag(4, DIM)
    assert (layer.mode, layer.learning_rate_multiplier, layer.dtype) == ("mean", 1, np.float32)
    assert (layer.max_norm, layer.norm_type, layer.padding_idx) == (None, 2, None)
    assert not layer.scale_grad_by_freq
    given = EmbeddingBag.from_pretrained(TABLE)
    assert (given.mode, given.padding_idx, given.frozen) == ("mean", None, True)


def test_num_embeddings_is_inferred():
    layer = EmbeddingBag(None, DIM)
    assert layer([[1, 2], [7]]).shape == (2, DIM)
    assert layer.num_embeddings == 8
    assert EmbeddingBag(Vocabulary("abc"), DIM).num_embeddings == 3


def test_report():
    layer = make(mode="max")
    assert repr(layer) == "EmbeddingBag(5, 3, mode='max', dtype='float64')"
    assert layer.info()["layer"] == "EmbeddingBag"
    assert layer.output_shape((None, 7)) == (None, DIM)
    assert layer.parameters()["weight"] is layer.weight


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (dict(indices=[0, 1]), ValueError, "needs offsets"),
        (dict(indices=1), ValueError, r"indices must have a row for each bag.*Got shape \(\)"),
        (dict(indices=[[[0]]]), ValueError, r"a vector with offsets. Got shape \(1, 1, 1\)"),
        (dict(indices=[[0, 1]], offsets=[0]), ValueError, r"vector of indices. Got shape \(1, 2\)"),
        (dict(indices=[[0], [1, 2]], offsets=[0]), ValueError, "vector of indices"),
        (dict(indices=[[[0]], [[1], [2]]]), ValueError, "sequences of integers"),
        (dict(indices=[0, 1, 2], offsets=[0, 2, 1]), ValueError, "2 at position 1, .* offset 1"),
        (dict(indices=[0, 1, 2], offsets=[0, 0, 2, 1]), ValueError, "2 at position 2, .* offset 1"),
        (dict(indices=[0, 1], offsets=[0, 3]), ValueError, r"in \[0, 2\]. Got 3 at position 1"),
        (dict(indices=[0, 1], offsets=[1]), ValueError, "start with 0. Got 1"),
        (dict(indices=[0, 1], offsets=[-1, 1]), ValueError, "start with 0. Got -1"),
        (dict(indices=[0, 1], offsets=np.zeros(0, int)), ValueError, "empty, but there are 2"),
        (dict(indices=[0, 1], offsets=[0.0, 1.0]), TypeError, r"0\.0, dtype float64"),
        (dict(indices=[0, 1], offsets=[0.0]), TypeError, "offsets must be integers"),
        (
            dict(indices=[0, 1], offsets=np.ma.array([0], mask=[1])),
            TypeError,
            "offsets must be integers. Got a masked array",
        ),
        (dict(indices=[0, 1], offsets=[[0]]), ValueError, "must be a vector"),
        (dict(indices=[[0, 5]]), IndexError, r"Index 5 at position \(0, 1\) .* \[0, 5\)"),
        (dict(indices=[0, -1], offsets=[0]), IndexError, "Index -1 at position 1"),
        (dict(indices=[[0, 1.5]]), TypeError, r"1\.5"),
        (dict(indices=[[True]]), TypeError, "bool"),
        (dict(indices=[[0, 1]], per_sample_weights=[[1, 1]]), ValueError, "mode='sum'"),
    ],
)
@pytest.mark.parametrize("mode", ["mean", "max"])
def test_bad_input(arguments, error, message, mode):
    with pytest.raises(error, match=message):
        make(mode=mode)(**arguments)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, 2.0], r"shape of the indices, \(1, 2\). Got \(2,\)"),
        ([[1.0, np.nan]], "finite. Got nan"),
        ([[1.0, np.inf]], "finite. Got inf"),
    ],
)
def test_bad_weights(weights, message):
    with pytest.raises(ValueError, match=message):
        make(mode="sum")([[0, 1]], per_sample_weights=weights)


def test_bad_parameters():
    with pytest.raises(ValueError, match=r"'mode' .* Got 'min'"):
        make(mode="min")
    with pytest.raises(ValueError, match="no meaning for mode='max'"):
        make(mode="max", scale_grad_by_freq=True)
    with pytest.raises(ValueError, match="'padding_idx' parameter of EmbeddingBag"):
        make(padding_idx=5)
    with pytest.raises(ValueError, match=r"shape \(1, 3\). Got \(2, 3\)"):
        make().backward([[0, 1]], np.zeros((2, 3)))


def test_what_is_not_a_number_is_no_reason_to_fail():
    weight = np.ones((3, 2))
    weight[1, 0] = np.nan
    layer = EmbeddingBag(3, 2, weight=1.0, mode="max", dtype=np.float64)
    layer.weight[...] = weight
    assert np.isnan(layer([[0, 1]])[0, 0])
    assert layer.backward([[0, 1]], np.ones((1, 2))).rows.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        ([["2", "3"]], TypeError, "per_sample_weights must hold real numbers. Got dtype <U1"),
        ([["a", "b"]], TypeError, "per_sample_weights must hold real numbers. Got dtype <U1"),
        ([[1j, 0]], TypeError, "per_sample_weights must hold real numbers. Got dtype complex"),
        ([[1], [2, 3]], ValueError, "per_sample_weights must be an array. Got sequences"),
        (np.ma.array([[1.0, 2.0]], mask=[[0, 1]]), TypeError, "per_sample_weights .* masked"),
        (1.0, ValueError, r"per_sample_weights must have the shape .* Got \(\)"),
    ],
)
def test_weights_that_are_no_numbers(weights, error, message):
    with pytest.raises(error, match=message):
        make(mode="sum")([[0, 1]], per_sample_weights=weights)


def test_bad_weights_of_a_ragged_list():
    layer, bags = make(mode="sum"), [[0, 1], [2]]
    with pytest.raises(TypeError, match="per_sample_weights must not be masked"):
        layer(bags, per_sample_weights=[np.ma.array([1.0, 2.0], mask=[0, 1]), [1.0]])
    with pytest.raises(ValueError, match="per_sample_weights must have the shape"):
        layer(bags, per_sample_weights=1.0)
    float32 = EmbeddingBag(5, 3, mode="sum")
    with pytest.raises(ValueError, match=r"per_sample_weights must be finite.*Got inf"):
        float32(bags, per_sample_weights=[np.array([1e300, 1.0]), [1.0]])


@pytest.mark.parametrize(
    "arguments",
    [
        dict(indices=[0, 5], offsets=[1]),
        dict(indices=[0, 5]),
        dict(indices=[[0, 5]], per_sample_weights=[[1.0]]),
        dict(indices=[[[0, 5]], [[1], [2]]]),
    ],
)
def test_a_call_that_fails_fixes_no_number_of_rows(arguments):
    layer = EmbeddingBag(None, 2, mode="sum", padding_idx=1, random_state=0)
    with pytest.raises((ValueError, TypeError)):
        layer(**arguments)
    assert layer.num_embeddings is None
    assert layer([[0, 8]]).shape == (1, 2)
    assert layer.num_embeddings == 9
