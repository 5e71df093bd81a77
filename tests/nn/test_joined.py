"""Networks of layers: exact gradients, names, shapes, and what may stand where."""

import re

import numpy as np
import pytest

from skembed.nn import (
    SGD,
    Concatenate,
    Dense,
    Embedding,
    EmbeddingBag,
    Flatten,
    HashEmbedding,
    Input,
    QuotientRemainderEmbedding,
    Sequential,
    Vocabulary,
    offset_columns,
)
from skembed.nn._layers import ACTIVATIONS

RNG = np.random.default_rng(0)
CODES, NUMBERS = RNG.integers(0, 6, (5, 2)), RNG.normal(size=(5, 3))


def embedding(**options):
    return Embedding(6, 2, dtype=np.float64, random_state=0, **options)


def dense(n_inputs, n_units, **options):
    return Dense(n_inputs, n_units, dtype=np.float64, random_state=0, **options)


def mixed(activation="tanh"):
    return Sequential(
        Concatenate(Sequential(Input(CODES), embedding(), Flatten()), Input(NUMBERS)),
        dense(7, 4, activation=activation),
        dense(4, 1),
    )


def check_gradients(network, inputs):
    """Central differences along a random direction of all parameters at once."""
    rng = np.random.default_rng(3)
    output, backward = network.forward(inputs)
    grad = rng.normal(size=output.shape)
    gradients, parameters = backward(grad), network.parameters()
    assert gradients.keys() == parameters.keys()
    exact, directions = 0.0, {}
    for name, array in parameters.items():
        gradient = gradients[name]
        directions[name] = rng.normal(size=array.shape)
        dense_gradient = (
            gradient if isinstance(gradient, np.ndarray) else gradient.to_dense(len(array))
        )
        exact += (dense_gradient * directions[name]).sum()
    losses, step = [], 1e-6
    for sign in (1, -2):
        for name, array in parameters.items():
            array += sign * step * directions[name]
        losses.append((grad * network(inputs)).sum())
    assert exact == pytest.approx((losses[0] - losses[1]) / (2 * step), rel=1e-6)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_mixed_inputs(activation):
    network = mixed(activation)
    assert network((CODES, NUMBERS)).shape == (5, 1)
    np.testing.assert_array_equal(network(), network((CODES, NUMBERS)))
    check_gradients(network, (CODES, NUMBERS))


SHARED = embedding()


@pytest.mark.parametrize(
    ("network", "inputs"),
    [
        (Sequential(embedding()), CODES),
        (Sequential(Sequential(embedding(), Flatten()), dense(4, 3)), CODES),
        (Sequential(EmbeddingBag(6, 2, dtype=np.float64), dense(2, 3)), [[1, 2], [3]]),
        (Sequential(HashEmbedding(3, 2, dtype=np.float64), Flatten(), dense(4, 1)), CODES),
        (Sequential(QuotientRemainderEmbedding(6, 2, dtype=np.float64), Flatten()), CODES),
        (Sequential(Concatenate(SHARED, SHARED), dense(4, 2)), CODES.T),
        (Sequential(Vocabulary("abc"), EmbeddingBag(3, 2, dtype=np.float64)), ["ab", "c"]),
    ],
    ids=["table", "nested", "bag", "hash", "composed", "shared", "text"],
)
def test_gradients(network, inputs):
    check_gradients(network, inputs)


def test_a_shared_layer_is_one_layer():
    layer = embedding()
    network = Sequential(Concatenate(layer, layer))
    assert list(network.parameters()) == ["embedding-1.weight"]
    output, backward = network.forward(CODES.T)
    gradient = backward(np.ones_like(output))["embedding-1.weight"]
    np.testing.assert_array_equal(gradient.rows, np.unique(CODES))
    assert gradient.values.sum() == output.size
    first = dense(3, 3)
    check_gradients(Sequential(first, first), NUMBERS)


def test_string_table_to_joint_vocabulary_to_vectors():
    table = np.array([["cold", "high"], ["hot", "low"], ["cold", "low"], ["hot", "low"]])
    vocabulary = Vocabulary(np.unique(table))
    codes = vocabulary.encode_symbols(table)
    assert codes.tolist() == [[0, 1], [2, 3], [0, 3], [2, 3]]
    layer = Embedding(vocabulary, 1, random_state=0)
    assert layer(codes).shape == (4, 2, 1)
    network = Sequential(Input(codes), layer, Flatten())
    assert network().shape == (4, 2)
    np.testing.assert_array_equal(network(), layer.weight[codes, 0])
    assert network.output_shape((None, 2)) == (None, 2)


def test_names():
    network = Sequential(
        Concatenate(
            Embedding(2, 1, name="city"),
            Embedding(2, 1),
            Embedding(2, 1, name="embedding{}"),
            Embedding(2, 1, name="table-{:03d}"),
            Embedding(2, 1, name="embedding{}"),
            Sequential(EmbeddingBag(2, 1), Dense(1, 1)),
            HashEmbedding(2, 1),
            Embedding(2, 1),
        ),
        Dense(8, 1, name="table-{:03d}"),
    )
    assert list(network.named_layers) == [
        "city",
        "embedding-1",
        "embedding1",
        "table-001",
        "embedding2",
        "embedding-bag-1",
        "dense-1",
        "hash-embedding-1",
        "embedding-2",
        "table-002",
    ]
    assert "table-002.bias" in network.parameters()
    # The layers keep their patterns: in another network they have other numbers.
    assert Sequential(network.named_layers["embedding2"]).named_layers.keys() == {"embedding1"}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a", "a"], "Two layers .* 'a'"),
        (["e1", "e{}"], "Two layers .* 'e1'"),
        (["{"], "'{' takes no number"),
        (["{}-{}"], "'{}-{}' takes no number"),
        (["{name}"], "'{name}' takes no number"),
        (["{:q}"], "'{:q}' takes no number"),
    ],
)
def test_bad_names(names, message):
    with pytest.raises(ValueError, match=message):
        Sequential(Concatenate(*[Embedding(2, 1, name=name) for name in names]))


def test_input():
    layer = Input([[0, 2], [1, 2], [1, 0]])
    assert (layer.info()["m"], layer.info()["n"], layer.info()["shape"]) == (3, 2, (3, 2))
    assert layer() is layer.data
    assert layer(CODES) is CODES
    assert layer.backward(CODES, CODES) is None
    assert Input(np.zeros((4, 3, 2))).info()["n"] == 6
    assert Input([[1], [1, 2]]).info() == {"layer": "Input", "m": 2, "n": None, "shape": None}
    assert Input().info()["m"] is None
    assert layer.output_shape((None, 2)) == (None, 2)
    with pytest.raises(ValueError, match="holds no data"):
        Input()()


def test_shapes():
    assert mixed().output_shape([(None, 2), (None, 3)]) == (None, 1)
    assert Flatten().output_shape((None, 2, 3)) == (None, 6)
    assert Flatten()(np.zeros((0, 2, 3))).shape == (0, 6)
    assert Flatten()([[1, 2]]).shape == (1, 2)
    with pytest.raises(ValueError, match=r"shape \(n, 7\). Got \(5, 6\)"):
        mixed()((CODES, NUMBERS[:, :2]))
    with pytest.raises(ValueError, match=r"takes 2 inputs, one per branch. Got 5"):
        mixed()(CODES)


def test_multipliers_reach_the_optimizer():
    network = Sequential(embedding(learning_rate_multiplier=0.0), Flatten(), dense(4, 1))
    before = {name: array.copy() for name, array in network.parameters().items()}
    output, backward = network.forward(CODES)
    gradients = backward(output)
    SGD().update(network.parameters(), gradients, {}, 0.1, network.multipliers())
    after = network.parameters()
    np.testing.assert_array_equal(before["embedding-1.weight"], after["embedding-1.weight"])
    assert (before["dense-1.weight"] != after["dense-1.weight"]).all()


@pytest.mark.parametrize(
    "layers",
    [
        (embedding(), np.ravel),
        (dense(2, 2), embedding()),
        (dense(2, 2), Concatenate(Flatten())),
        (dense(2, 2), Sequential(np.negative, Flatten())),
    ],
)
def test_gradients_are_never_lost_silently(layers):
    with pytest.raises(ValueError, match="passes no gradient back"):
        Sequential(*layers)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Sequential, "at least one layer"),
        (Concatenate, "at least one branch"),
        (lambda: Dense(0, 1), "'n_inputs' .* Got 0"),
        (lambda: Dense(1, 0), "'n_units' .* Got 0"),
        (lambda: Dense(1, 1, activation="step"), "'activation' .* Got 'step'"),
        (lambda: Dense(2, 1, weight=[[1.0]]), r"shape \(2, 1\). Got \(1, 1\)"),
    ],
)
def test_bad_parameters(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_several_columns_in_one_table():
    codes, sizes = np.array([[0, 0, 4], [2, 1, 0]]), [3, 2, 5]
    shifted = offset_columns(codes, sizes)
    assert shifted.tolist() == [[0, 3, 9], [2, 4, 5]]
    tables = [np.full((size, 1), size) for size in sizes]
    layer = Embedding(sum(sizes), 1, weight=np.concatenate(tables))
    np.testing.assert_array_equal(layer(shifted)[..., 0], [sizes, sizes])
    assert offset_columns(np.zeros((0, 3), np.int8), sizes).shape == (0, 3)
    with pytest.raises(IndexError, match=r"Column 1: Index 2 at position 0 .* \[0, 2\)"):
        offset_columns([[0, 2, 0]], sizes)
    with pytest.raises(IndexError, match="Column 0: Index -1"):
        offset_columns([[-1, 0, 0]], sizes)
    for wrong in ([[0, 1]], [[0, 1, 2, 0]], [0, 1, 2], [[0], [0, 1]]):
        with pytest.raises(ValueError, match=r"shape \(n_samples, 3\)"):
            offset_columns(wrong, sizes)
    for wrong in (True, -1, 2.0):
        with pytest.raises(TypeError, match=rf"ints of at least 0, one per column. Got {wrong}"):
            offset_columns(codes, [3, wrong, 5])
    with pytest.raises(ValueError, match="a table that can exist"):
        offset_columns(codes, [3, 2**62, 2**62])


def test_shapes_that_are_not_known():
    flat = Sequential(Embedding(5, 4), Flatten())
    assert Concatenate(flat, Input()).output_shape([(None, None), (None, 5)]) == (None, None)
    with pytest.raises(ValueError, match="layer Vocabulary does not tell the shape"):
        Sequential(Vocabulary(["a"]), Embedding(3, 2)).output_shape((None,))


def test_the_way_back_ends_where_a_layer_passes_no_gradient_on():
    network = Sequential(Flatten(), EmbeddingBag(6, 3, dtype=np.float64), dense(3, 1))
    check_gradients(network, CODES.reshape(5, 2, 1))
    assert Sequential(Flatten(), embedding()).forward(CODES)[1](np.ones((5, 2, 2)))


@pytest.mark.parametrize(
    ("network", "inputs", "shape"),
    [
        (Flatten(), np.zeros((2, 3, 4)), (2, 12)),
        (Sequential(Concatenate(embedding(), Input())), ([1, 2], NUMBERS[:2]), (2, 5)),
    ],
)
def test_gradients_of_another_shape_are_refused(network, inputs, shape):
    backward = network.run(inputs)[1]
    backward(np.zeros(shape))
    for wrong in (np.zeros(shape[::-1]), np.zeros((*shape, 1)), np.zeros(())):
        with pytest.raises(
            ValueError, match=rf"grad_output must have shape {re.escape(str(shape))}"
        ):
            backward(wrong)
    with pytest.raises(TypeError, match=r"grad_output must hold real numbers\. Got dtype object"):
        backward(None)
    with pytest.raises(ValueError, match=r"grad_output must be an array.*that differ in length"):
        backward([[1], [1, 2]])


@pytest.mark.parametrize("layer", [Flatten(), dense(2, 1)])
def test_masked_inputs_and_gradients_are_refused(layer):
    masked = np.ma.array(np.ones((3, 2)), mask=np.eye(3, 2))
    name = type(layer).__name__
    for inputs in (masked, list(masked)):
        with pytest.raises(TypeError, match=f"inputs of {name} must not be masked"):
            layer(inputs)
    output, backward = layer.run(masked.data)
    with pytest.raises(TypeError, match="grad_output must not be masked"):
        backward(np.ma.array(output))


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ((np.zeros((2, 2)), np.zeros((3, 2))), r"the same shape .* Got the shapes \[\(2, 2\), \(3"),
        ((np.zeros((2, 2, 3)), np.zeros((2, 2))), "the same shape up to the last axis"),
        ((np.zeros(()), np.zeros((2, 2))), "the same shape up to the last axis"),
        (([[1], [2, 3]], np.zeros((2, 2))), "output of a branch of Concatenate must be an array"),
    ],
    ids=["rows", "axes", "no axis", "ragged"],
)
def test_branches_that_do_not_fit(inputs, message):
    with pytest.raises(ValueError, match=message):
        Concatenate(Input(), Input())(inputs)


def test_layers_show_the_calls_that_make_them():
    network = Sequential(
        Concatenate(Sequential(Embedding(6, 2), Flatten()), Input(NUMBERS, name="numbers")),
        dense(7, 4, activation="tanh"),
        Dense(4, 1, name="out"),
    )
    assert repr(network) == (
        "Sequential(Concatenate(Sequential(Embedding(6, 2), Flatten()), Input(name='numbers')), "
        "Dense(7, 4, activation='tanh', dtype='float64'), Dense(4, 1, name='out'))"
    )
    assert repr(eval(repr(network))) == repr(network)


def test_an_error_of_joining_shows_the_layer_in_words():
    with pytest.raises(ValueError, match=re.escape("Concatenate(Flatten()) passes no gradient")):
        Sequential(dense(2, 2), Concatenate(Flatten()))
