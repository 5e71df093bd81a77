"""The whole network: numerical gradients, and what it must be where the answer is known."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

from skembed.nn import RowGradient, _architecture
from skembed.nn._architecture import Architecture, lazy_places, place_codes, table_views
from skembed.nn._losses import make_loss
from skembed.nn._network import Data, Network

N_ROWS = 12

# Several widths, shared tables, no numeric block, no hidden layer, several outputs.
ARCHITECTURES = {
    "one column": Architecture((4,), (3,), (0,), 2, (5,), 1),
    "several widths": Architecture((3, 5, 4), (2, 3, 2), (0, 1, 2), 2, (6, 4), 1),
    "shared tables": Architecture((4, 3), (2, 2), (0, 1, 0), 1, (5,), 2),
    "one shared table": Architecture((5,), (3,), (0, 0), 0, (4,), 1),
    "no numeric block": Architecture((3, 4), (2, 1), (0, 1), 0, (4,), 3),
    "no hidden layer": Architecture((3, 4), (2, 3), (0, 1), 2, (), 2),
    "three hidden layers": Architecture((3,), (2,), (0,), 1, (4, 3, 5), 1),
    "a table of width 0": Architecture((3, 4), (0, 2), (0, 1), 1, (4,), 1),
}
LOSSES = [
    "squared_error",
    "absolute_error",
    "huber",
    "quantile",
    "poisson",
    "binary_cross_entropy",
    "multinomial_cross_entropy",
]
every_architecture = pytest.mark.parametrize(
    "architecture", ARCHITECTURES.values(), ids=ARCHITECTURES.keys()
)


def with_activation(architecture, activation, dropout=0.0):
    return replace(architecture, activation=activation, dropout=dropout)


def some_codes(architecture, n=N_ROWS, seed=0):
    rng = np.random.default_rng(seed)
    columns = [rng.integers(0, architecture.n_codes[t], n) for t in architecture.columns]
    return np.stack(columns, axis=1).astype(np.int32)


def some_target(loss, n_outputs, n, rng):
    if loss == "multinomial_cross_entropy":
        return rng.integers(0, n_outputs, n)
    if loss == "binary_cross_entropy":
        return rng.integers(0, 2, (n, n_outputs)).astype(np.float64)
    if loss == "poisson":
        return rng.poisson(2, (n, n_outputs)).astype(np.float64)
    return rng.normal(size=(n, n_outputs)) + 5 * rng.choice([-1, 1], (n, n_outputs))


def some_data(architecture, loss="squared_error", n=N_ROWS, weighted=False, seed=0):
    rng = np.random.default_rng(seed)
    return Data(
        place_codes(architecture, some_codes(architecture, n, seed)),
        rng.normal(size=(n, architecture.n_numeric)),
        some_target(loss, architecture.n_outputs, n, rng),
        rng.uniform(0.1, 3, n) if weighted else None,
    )


def make(architecture, loss="squared_error", alpha=0.0, seed=1):
    """A network with float64 parameters none of which is near zero, biases included."""
    network = Network(architecture, make_loss(loss), alpha)
    rng = np.random.default_rng(seed)
    parameters = network.initial_parameters(rng, np.zeros(architecture.n_outputs), np.float64)
    return network, {
        name: value + rng.normal(scale=0.5, size=value.shape) for name, value in parameters.items()
    }


def dense_gradients(parameters, gradients):
    return {
        name: g.to_dense(len(parameters[name])) if isinstance(g, RowGradient) else g
        for name, g in gradients.items()
    }


def check_gradient(assert_gradient, network, parameters, data, dropout_seed=None):
    def value_and_gradient(point):
        rng = None if dropout_seed is None else np.random.default_rng(dropout_seed)
        return network.value_and_gradient(point, network.make_batch(data), rng)

    gradients = dense_gradients(parameters, value_and_gradient(parameters)[1])
    assert_gradient(lambda point: value_and_gradient(point)[0], parameters, gradients)


@every_architecture
@pytest.mark.parametrize("activation", ["silu", "tanh"])
def test_every_architecture_passes_the_gradient_check(architecture, activation, assert_gradient):
    architecture = with_activation(architecture, activation)
    network, parameters = make(architecture)
    check_gradient(assert_gradient, network, parameters, some_data(architecture))


@pytest.mark.parametrize("activation", ["relu", "logistic", "identity"])
def test_every_activation_passes_the_gradient_check(activation, assert_gradient):
    architecture = with_activation(ARCHITECTURES["several widths"], activation)
    network, parameters = make(architecture)
    check_gradient(assert_gradient, network, parameters, some_data(architecture))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("weighted", [False, True])
def test_every_loss_passes_the_gradient_check(loss, weighted, assert_gradient):
    architecture = ARCHITECTURES["no numeric block"]
    network, parameters = make(architecture, loss)
    check_gradient(
        assert_gradient, network, parameters, some_data(architecture, loss, weighted=weighted)
    )


@every_architecture
def test_the_penalty_passes_the_gradient_check(architecture, assert_gradient):
    network, parameters = make(architecture, alpha=2.0)
    check_gradient(assert_gradient, network, parameters, some_data(architecture, weighted=True))


def test_dropout_passes_the_gradient_check(assert_gradient):
    """With the same draws forward and backward."""
    architecture = with_activation(ARCHITECTURES["three hidden layers"], "tanh", dropout=0.4)
    network, parameters = make(architecture)
    check_gradient(assert_gradient, network, parameters, some_data(architecture), dropout_seed=3)


def test_dropout_is_off_without_draws_and_draws_nothing_where_it_is_off():
    plain = with_activation(ARCHITECTURES["three hidden layers"], "tanh")
    dropped = replace(plain, dropout=0.4)
    data, rng = some_data(plain), np.random.default_rng(0)
    values = []
    for architecture, draws in ((plain, None), (plain, rng), (dropped, None)):
        network, parameters = make(architecture)
        batch = network.make_batch(data)
        values.append(network.value_and_gradient(parameters, batch, draws)[0])
    assert values[0] == values[1] == values[2]
    assert rng.random() == np.random.default_rng(0).random()


def test_the_penalty_is_that_of_the_weights_without_the_biases():
    architecture = ARCHITECTURES["several widths"]
    data = some_data(architecture)
    alpha = 3.0
    network, parameters = make(architecture, alpha=alpha)
    plain, _ = make(architecture)
    values = [n.value_and_gradient(parameters, n.make_batch(data))[0] for n in (network, plain)]
    squares = sum((weight**2).sum() for weight, _ in network.dense.flat(parameters["dense"]).layers)
    assert values[0] - values[1] == pytest.approx(0.5 * alpha * squares / N_ROWS, rel=1e-12)


def one_hot_inputs(architecture, parameters, codes, numeric):
    """The first dense layer's input, each lookup a product, in the documented places."""
    tables = table_views(architecture, parameters)
    slices = architecture.input_slices()
    width = sum(architecture.embedding_dims[t] for t in architecture.columns)
    inputs = np.full((len(codes), width), np.nan)
    for j, table in enumerate(architecture.columns):
        inputs[:, slices[j]] = np.eye(architecture.n_codes[table])[codes[:, j]] @ tables[table]
    return np.hstack([inputs, numeric])


@every_architecture
def test_lookup_equals_one_hot_times_table(architecture):
    network, parameters = make(architecture)
    data, codes = some_data(architecture), some_codes(architecture)
    expected = one_hot_inputs(architecture, parameters, codes, data.numeric)
    assert not np.isnan(expected).any()
    np.testing.assert_array_equal(network.inputs(parameters, data), expected)


@every_architecture
def test_the_raw_prediction_equals_plain_products(architecture):
    architecture = with_activation(architecture, "tanh", dropout=0.9)
    network, parameters = make(architecture)
    data, codes = some_data(architecture), some_codes(architecture)
    units = one_hot_inputs(architecture, parameters, codes, data.numeric)
    *hidden, (weight, bias) = network.dense.flat(parameters["dense"]).layers
    for hidden_weight, hidden_bias in hidden:
        units = np.tanh(units @ hidden_weight + hidden_bias)
    np.testing.assert_allclose(network.raw_prediction(parameters, data), units @ weight + bias)


@every_architecture
def test_dense_parameters_fill_one_array_exactly(architecture):
    network, parameters = make(architecture)
    layers = network.dense.flat(parameters["dense"]).layers
    assert [weight.shape for weight, _ in layers] == list(architecture.layer_shapes())
    assert sum(w.size + b.size for w, b in layers) == parameters["dense"].size
    for number, (weight, bias) in enumerate(layers):
        weight[...], bias[...] = number, -number
    values, counts = np.unique(parameters["dense"], return_counts=True)
    expected = {}
    for number, (weight, bias) in enumerate(layers):
        expected[number] = expected.get(number, 0) + weight.size
        expected[-number] = expected.get(-number, 0) + bias.size
    assert dict(zip(values.tolist(), counts.tolist(), strict=True)) == expected


@every_architecture
def test_codes_and_tables_find_each_other_in_the_stacks(architecture):
    _, parameters = make(architecture)
    codes = some_codes(architecture)
    placed = place_codes(architecture, codes)
    views = table_views(architecture, parameters)
    for stack, rows in zip(architecture.stacks(), placed, strict=True):
        for place, j in enumerate(stack.columns):
            expected = views[architecture.columns[j]][codes[:, j]]
            np.testing.assert_array_equal(parameters[stack.name][rows[:, place]], expected)
    covered = sum(views[t].size for t in range(len(architecture.n_codes)))
    assert covered == sum(parameters[stack.name].size for stack in architecture.stacks())
    for view, n, dim in zip(views, architecture.n_codes, architecture.embedding_dims, strict=True):
        assert view.shape == (n, dim)
        view[...] = 7
    for stack in architecture.stacks():
        np.testing.assert_array_equal(parameters[stack.name], 7)


@every_architecture
def test_gradients_name_each_touched_row_once_and_no_other(architecture):
    network, parameters = make(architecture)
    data = some_data(architecture, n=3)
    _, gradients = network.value_and_gradient(parameters, network.make_batch(data))
    for stack, codes in zip(architecture.stacks(), data.codes, strict=True):
        rows = gradients[stack.name].rows
        np.testing.assert_array_equal(np.sort(rows), np.unique(codes))
        gradients[stack.name].check(stack.n_rows)


@every_architecture
def test_input_gradients_are_the_slopes_of_each_output(architecture):
    """Every row gets codes of its own, so that its vectors can be moved alone."""
    n = 5
    n_tables = len(architecture.n_codes)
    n_codes = tuple(n * architecture.columns.count(t) for t in range(n_tables))
    architecture = replace(architecture, n_codes=n_codes)
    codes = np.empty((n, len(architecture.columns)), dtype=np.int32)
    for j, table in enumerate(architecture.columns):
        codes[:, j] = n * architecture.columns[:j].count(table) + np.arange(n)
    network, parameters = make(architecture)
    numeric = np.random.default_rng(2).normal(size=(n, architecture.n_numeric))
    data = Data(place_codes(architecture, codes), numeric, np.zeros((n, architecture.n_outputs)))
    raw, gradients = network.input_gradients(parameters, data)
    np.testing.assert_array_equal(raw, network.raw_prediction(parameters, data))
    assert len(gradients) == architecture.n_outputs

    step = 1e-5
    slices = architecture.input_slices()
    for j, table in enumerate(architecture.columns):
        for d in range(architecture.embedding_dims[table]):
            sides = []
            for sign in (1, -1):
                moved = {name: value.copy() for name, value in parameters.items()}
                table_views(architecture, moved)[table][codes[:, j], d] += sign * step
                sides.append(network.raw_prediction(moved, data))
            slope = (sides[0] - sides[1]) / (2 * step)
            for k, gradient in enumerate(gradients):
                np.testing.assert_allclose(
                    gradient[:, slices[j]][:, d], slope[:, k], rtol=1e-6, atol=1e-8
                )


@every_architecture
def test_initial_parameters_predict_the_baseline_and_repeat_with_the_seed(architecture):
    network = Network(architecture, make_loss("squared_error"))
    baseline = np.arange(1.0, 1 + architecture.n_outputs)
    first, again, other = (
        network.initial_parameters(np.random.default_rng(seed), baseline) for seed in (0, 0, 1)
    )
    assert all(value.dtype == np.float32 for value in first.values())
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
        assert (first[name] != other[name]).any()
    data = some_data(architecture)
    raw = network.raw_prediction(first, data)
    assert np.abs(raw - baseline).max() < 1


def test_the_output_layer_starts_at_a_tenth_of_the_others():
    network = Network(Architecture((3,), (2,), (0,), 198, (300,), 50), make_loss("squared_error"))
    parameters = network.initial_parameters(np.random.default_rng(0), np.zeros(50))
    (hidden, _), (output, bias) = network.dense.flat(parameters["dense"]).layers
    assert hidden.std() == pytest.approx(np.sqrt(2 / 200), rel=0.03)
    assert output.std() == pytest.approx(0.1 * np.sqrt(2 / 300), rel=0.03)
    assert not bias.any()


def minimised(network, parameters, data):
    """Parameters at a minimum of the loss, found by a general optimiser from SciPy."""
    names = sorted(parameters)
    ends = np.cumsum([parameters[name].size for name in names])[:-1]
    batch = network.make_batch(data)

    def unpacked(vector):
        parts = np.split(vector, ends)
        return {n: p.reshape(parameters[n].shape) for n, p in zip(names, parts, strict=True)}

    def value_and_gradient(vector):
        point = unpacked(vector)
        value, gradients = network.value_and_gradient(point, batch)
        dense = dense_gradients(point, gradients)
        return value, np.concatenate([dense[name].ravel() for name in names])

    vector = np.concatenate([parameters[name].ravel() for name in names])
    options = {"maxiter": 2000, "gtol": 1e-10, "ftol": 1e-15}
    return unpacked(
        minimize(value_and_gradient, vector, jac=True, method="L-BFGS-B", options=options).x
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_a_linear_network_converges_to_least_squares(weighted):
    """Tables as wide as there are outputs can hold any effects of the categories."""
    architecture = Architecture((4, 3), (2, 2), (0, 1), 2, (), 2, "identity")
    data = some_data(architecture, n=40, weighted=weighted)
    codes = some_codes(architecture, 40)
    network, parameters = make(architecture)
    found = minimised(network, parameters, data)
    design = np.hstack([np.eye(4)[codes[:, 0]], np.eye(3)[codes[:, 1]], data.numeric])
    root = np.sqrt(np.ones(40) if data.weight is None else data.weight)[:, None]
    solution = np.linalg.lstsq(root * design, root * data.y, rcond=None)[0]
    np.testing.assert_allclose(
        network.raw_prediction(found, data), design @ solution, rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("hidden", [(), (6,)])
def test_one_column_alone_reproduces_category_means(hidden):
    architecture = Architecture((5,), (2,), (0,), 0, hidden, 1, "tanh")
    data, codes = some_data(architecture, n=40), some_codes(architecture, 40)[:, 0]
    network, parameters = make(architecture)
    found = minimised(network, parameters, data)
    means = np.array([data.y[codes == code].mean() for code in range(5)])
    np.testing.assert_allclose(
        network.raw_prediction(found, data)[:, 0], means[codes], rtol=1e-3, atol=1e-3
    )


def test_taking_rows_takes_them_from_all_parts():
    architecture = ARCHITECTURES["several widths"]
    data, rows = some_data(architecture, weighted=True), np.array([3, 0, 3])
    part = data.take(rows)
    assert len(part) == 3
    for whole, taken in zip(data.codes, part.codes, strict=True):
        np.testing.assert_array_equal(taken, whole[rows])
    np.testing.assert_array_equal(part.numeric, data.numeric[rows])
    np.testing.assert_array_equal(part.y, data.y[rows])
    np.testing.assert_array_equal(part.weight, data.weight[rows])
    assert some_data(architecture).take(rows).weight is None


@pytest.mark.parametrize("n_codes", [(5, 6, 7), (300, 6, 70_000)])
@pytest.mark.parametrize(
    "rows", [slice(None), slice(2, 9, 3), np.array([7, 0, 7]), np.arange(0)], ids=str
)
def test_places_in_the_making_are_those_of_the_rows_that_are_taken(n_codes, rows, monkeypatch):
    monkeypatch.setattr(_architecture, "_AT_ONCE", 4)
    architecture = Architecture(n_codes, (2, 3, 2), (0, 1, 2, 0), 0, (), 1)
    sizes = [n_codes[table] for table in architecture.columns]
    codes = np.random.default_rng(0).integers(0, sizes, (11, 4)).astype(np.uint32)
    later = lazy_places(architecture, codes)
    starts = {"table_2": ([0, 2, 3], [0, n_codes[0], 0]), "table_3": ([1], [0])}
    for stack, own in zip(architecture.stacks(), later, strict=True):
        columns, offsets = starts[stack.name]
        taken = own[rows]
        np.testing.assert_array_equal(taken, (codes[:, columns] + np.array(offsets))[rows])
        assert taken.dtype == np.min_scalar_type(stack.n_rows - 1)
        taken += 1
        assert not np.shares_memory(taken, codes)
