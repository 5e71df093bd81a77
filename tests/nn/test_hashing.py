"""Hash embeddings and the quotient-remainder table: lookups, exact gradients, few collisions."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skembed.nn import Adagrad, HashEmbedding, QuotientRemainderEmbedding
from skembed.nn._hashing import _mix, _read_ids

OPERATIONS = ["multiply", "add", "concatenate"]
INT64 = st.integers(-(2**63), 2**63 - 1)


def make_hash(num_importances=11, **options):
    layer = HashEmbedding(
        7, 4, num_importances=num_importances, dtype=np.float64, random_state=0, **options
    )
    if layer.importances is not None:
        layer.importances.weight[:] = np.random.default_rng(1).normal(size=(num_importances, 2))
    return layer


def make_composed(operation="multiply", **options):
    return QuotientRemainderEmbedding(
        10, 4, operation=operation, dtype=np.float64, random_state=0, **options
    )


def differences(loss, array, step=1e-6):
    slopes = np.zeros_like(array)
    for cell in np.ndindex(array.shape):
        start = array[cell]
        array[cell] = start + step
        above = loss()
        array[cell] = start - step
        slopes[cell] = (above - loss()) / (2 * step)
        array[cell] = start
    return slopes


LAYERS = [make_hash(), make_hash(0), *map(make_composed, OPERATIONS)]


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_gradients_are_exact(layer):
    rng = np.random.default_rng(0)
    indices = np.array([[0, 9, 3], [9, 9, 1]])
    grad = rng.normal(size=(2, 3, 4))
    gradients = layer.backward(indices, grad)
    assert gradients.keys() == layer.parameters().keys()
    for name, table in layer.parameters().items():
        numeric = differences(lambda: (grad * layer(indices)).sum(), table)
        np.testing.assert_allclose(gradients[name].to_dense(len(table)), numeric, atol=1e-8)
        assert np.all(np.diff(gradients[name].rows) > 0)


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
@pytest.mark.parametrize("shape", [(), (5,), (2, 3), (0,), (2, 0, 3)])
def test_any_rank(layer, shape):
    indices = np.random.default_rng(0).integers(0, 10, shape).astype(np.int8)
    assert layer(indices).shape == layer.output_shape(shape) == (*shape, 4)
    assert layer(indices).dtype == np.float64
    layer.backward(indices, np.zeros((*shape, 4)))
    np.testing.assert_array_equal(layer(indices.astype(np.uint64)), layer(indices))


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_wrong_gradients(layer):
    with pytest.raises(ValueError, match=r"shape \(2, 4\). Got \(4,\)"):
        layer.backward([1, 2], np.zeros(4))


def test_hashed_vectors_are_weighted_sums_of_rows():
    layer = make_hash()
    same = set()
    for category in range(300):
        factors = np.linalg.lstsq(layer.table.weight.T, layer(category), rcond=None)[0]
        assert np.linalg.norm(layer.table.weight.T @ factors - layer(category)) < 1e-9
        same.add(tuple(layer(category).round(12)))
    # 7 rows in pairs of two and 11 pairs of weights: up to 539 vectors.
    assert len(same) > 200


@given(st.lists(INT64, unique=True, min_size=2, max_size=2))
@settings(max_examples=50)
def test_no_two_integers_are_tied(pair):
    """In a table that is large enough all have vectors of their own, also the extreme ones."""
    layer = HashEmbedding(2**16, 2, num_hashes=3, num_importances=0, random_state=0)
    left, right = layer(pair)
    assert (left != right).any()


def test_integers_of_any_size_and_strings_of_any_kind():
    given = [2**63, -1, 2**64 + 5, "\ud800", ""]
    found = _read_ids(given)
    assert found[:3].tolist() == [2**63, 2**64 - 1, 5]
    assert len(set(found.tolist())) == 5
    assert _read_ids([2**63, -1]).tolist() == [2**63, 2**64 - 1]
    assert make_hash()([]).shape == (0, 4)


def test_integers_are_mixed_as_by_splitmix64():
    """What the generator gives from the state 0: its state grows by one number at each step."""
    with np.errstate(over="ignore"):
        states = np.uint64(0x9E3779B97F4A7C15) * np.arange(1, 4, dtype=np.uint64)
    expected = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert _mix(states).tolist() == expected


def test_neighbours_spread_evenly():
    layer = HashEmbedding(50, 1, num_hashes=1, num_importances=0, random_state=0)
    layer.table.weight[:, 0] = np.arange(50)
    counts = np.bincount(layer(np.arange(50_000))[:, 0].astype(int), minlength=50)
    assert counts.min() > 850
    assert counts.max() < 1150


def test_hash_functions_are_apart():
    """The row of one function says nothing about that of another, nor about the weights."""
    layer = HashEmbedding(40, 2, num_hashes=2, num_importances=40, random_state=1)
    rows, places = layer._hash(np.arange(40_000))
    for left, right in combinations([*rows.T, places], 2):
        pairs = np.bincount(left * 40 + right, minlength=1600)
        assert pairs.max() < 60  # 25 are expected
        assert pairs.min() > 3


STRINGS = ["a", "b", "ä category", ""]


def test_strings():
    layer = make_hash()
    vectors = layer(STRINGS)
    assert len({tuple(v) for v in vectors}) == 4
    np.testing.assert_array_equal(layer("b"), vectors[1])
    np.testing.assert_array_equal(
        layer(np.array(STRINGS, dtype=object).reshape(2, 2))[1, 0], vectors[2]
    )


def test_strings_have_the_same_vectors_in_every_process():
    """Unlike their ``hash``, which every process salts anew."""
    assert _read_ids(["cat", ""]).tolist() == [3429664268601861939, 13020603013274838756]


@pytest.mark.parametrize("ids", [[1.5], [True], [True, 2], [None], ["a", None], [2.0, np.nan]])
def test_hash_takes_integers_and_strings_only(ids):
    with pytest.raises(TypeError, match="Categories must be integers or strings"):
        make_hash()(ids)


@pytest.mark.parametrize("ids", [[1, "a", 2.5], np.array([2.5, 3.0]), [["a"], [2.5]]])
def test_the_value_that_is_no_integer_and_no_string_is_named(ids):
    """Not the dtype that NumPy gives them all: beside strings it is one of strings."""
    with pytest.raises(TypeError, match=r"integers or strings\. Got 2\.5 instead"):
        make_hash()(ids)


@pytest.mark.parametrize("unit", ["ns", "D"])
@pytest.mark.parametrize("kind", ["M8", "m8"])
def test_hash_refuses_dates_and_spans_of_every_unit(kind, unit):
    moments = np.array([1], f"{kind}[{unit}]")
    for ids in (moments, list(moments), moments[0]):
        with pytest.raises(TypeError, match=rf"integers or strings\. Got dtype .*64\[{unit}\]"):
            make_hash()(ids)


def test_hash_refuses_what_is_no_category():
    with pytest.raises(TypeError, match="masked array"):
        make_hash()(np.ma.array([1, 2], mask=[0, 1]))
    with pytest.raises(ValueError, match="list of lists of one length"):
        make_hash()([[1, 2], [3]])


@pytest.mark.parametrize("indices", range(10))
def test_composed_vectors_are_of_one_row_each(indices):
    product, total, joined = (make_composed(operation) for operation in OPERATIONS)
    quotient, remainder = divmod(indices, 4)
    for layer, operation in ((product, np.multiply), (total, np.add)):
        left, right = layer.quotients.weight[quotient], layer.remainders.weight[remainder]
        np.testing.assert_array_equal(layer(indices), operation(left, right))
    left, right = joined.quotients.weight[quotient], joined.remainders.weight[remainder]
    np.testing.assert_array_equal(joined(indices), [*left, *right])


@pytest.mark.parametrize("n", [1, 2, 10, 97, 10_000])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_category_has_a_vector_of_its_own(n, operation):
    layer = QuotientRemainderEmbedding(n, 2, operation=operation, random_state=0)
    assert len(np.unique(layer(np.arange(n)), axis=0)) == n
    assert sum(len(table) for table in layer.parameters().values()) <= 2 * np.sqrt(n) + 2


@pytest.mark.parametrize("operation", OPERATIONS)
def test_composed_vectors_start_with_the_variance_of_a_table(operation):
    layer = QuotientRemainderEmbedding(250_000, 8, operation=operation, random_state=0)
    assert layer(np.arange(250_000)).var() == pytest.approx(2 / 250_000, rel=0.1)


@pytest.mark.parametrize(
    ("indices", "error", "message"),
    [
        (10, IndexError, r"Index 10 .* \[0, 10\)"),
        ([-1], IndexError, "Index -1"),
        ([0.5], TypeError, r"0\.5"),
        ([[1], [1, 2]], TypeError, "ragged"),
    ],
)
def test_composed_range(indices, error, message):
    with pytest.raises(error, match=message):
        make_composed()(indices)


@pytest.mark.parametrize("make_layer", [make_hash, make_composed])
def test_learns(make_layer):
    """Twenty categories learn targets of their own in tables of fewer rows than categories."""
    rng = np.random.default_rng(0)
    layer = make_layer()
    categories, targets = np.arange(10), rng.normal(size=(10, 4))
    optimizer, parameters = Adagrad(), layer.parameters()
    state = optimizer.init(parameters)
    losses = []
    for _ in range(300):
        residuals = layer(categories) - targets
        losses.append((residuals**2).mean())
        optimizer.update(parameters, layer.backward(categories, residuals), state, 0.3)
    assert losses[-1] < losses[0] / 2


@pytest.mark.parametrize("make_layer", [make_hash, make_composed])
def test_frozen(make_layer):
    layer = make_layer(learning_rate_multiplier=0)
    gradients = layer.backward([1, 2], np.ones((2, 4)))
    assert layer.multipliers()
    assert not any(gradients[name].rows.size for name in layer.multipliers())
    assert (
        make_layer(learning_rate_multiplier=0.5).multipliers().keys() == layer.multipliers().keys()
    )
    assert make_layer().multipliers() == {}


def test_one_row_is_enough():
    first, second = HashEmbedding(1, 2, num_hashes=1, num_importances=0)([5, 6])
    np.testing.assert_array_equal(first, second)
    assert QuotientRemainderEmbedding(1, 2)([0]).shape == (1, 2)
    assert QuotientRemainderEmbedding(3, 1)([0]).shape == (1, 1)


def test_repr():
    usual = "HashEmbedding(7, 4, num_hashes=2, num_importances=11"
    assert repr(HashEmbedding(7, 4, num_importances=11)) == f"{usual})"
    assert repr(make_hash()) == f"{usual}, dtype='float64')"
    layer = make_hash(learning_rate_multiplier=0.5, name="words")
    assert repr(layer) == f"{usual}, learning_rate_multiplier=0.5, name='words', dtype='float64')"
    assert repr(eval(repr(layer))) == repr(layer)
    usual = "QuotientRemainderEmbedding(10, 4, num_remainders=4, operation='multiply'"
    assert repr(QuotientRemainderEmbedding(10, 4)) == f"{usual})"
    layer = make_composed(learning_rate_multiplier=0, name="ids")
    assert repr(layer) == f"{usual}, learning_rate_multiplier=0, name='ids', dtype='float64')"
    assert repr(eval(repr(layer))) == repr(layer)


def test_random_state():
    for make_layer in (
        lambda seed: HashEmbedding(9, 3, random_state=seed),
        lambda seed: QuotientRemainderEmbedding(9, 3, random_state=seed),
    ):
        np.testing.assert_array_equal(make_layer(0)([1, 5]), make_layer(0)([1, 5]))
        assert (make_layer(0)([1, 5]) != make_layer(1)([1, 5])).any()


@pytest.mark.parametrize(
    ("make_layer", "message"),
    [
        (lambda: HashEmbedding(0, 2), "'num_embeddings' parameter of HashEmbedding .* Got 0"),
        (lambda: HashEmbedding(2, 2, num_hashes=0), "'num_hashes' .* Got 0"),
        (lambda: HashEmbedding(2, 2, num_importances=-1), "'num_importances' .* Got -1"),
        (lambda: HashEmbedding(2, 0), "'embedding_dim' .* Got 0"),
        (lambda: QuotientRemainderEmbedding(0, 2), "'num_embeddings' .* Got 0"),
        (lambda: QuotientRemainderEmbedding(5, 0), "'embedding_dim' .* Got 0"),
        (lambda: make_composed(num_remainders=11), r"'num_remainders' .* \[1, 11\). Got 11"),
        (lambda: make_composed("divide"), "'operation' .* Got 'divide'"),
        (lambda: QuotientRemainderEmbedding(5, 3, operation="concatenate"), "even .* Got 3"),
    ],
)
def test_bad_parameters(make_layer, message):
    with pytest.raises(ValueError, match=message):
        make_layer()
