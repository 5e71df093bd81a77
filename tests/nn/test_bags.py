"""Bags against lists and dense matrices, and the network that pools them against plain products."""

from dataclasses import replace

import numpy as np
import pytest

from skembed.nn import EmbeddingBag
from skembed.nn import _relearn as module
from skembed.nn._architecture import Architecture, place_codes, table_views
from skembed.nn._bags import Bags, add_up, bags_of_one, count, gather, join_bags, reduce_bags
from skembed.nn._losses import make_loss
from skembed.nn._network import Data, Network
from skembed.nn._relearn import find_bases, relearn
from skembed.nn._ridge import UNKNOWN
from skembed.nn._solve import solve_symmetric
from skembed.nn._training import TrainingSettings, train

N_ROWS = 60


def some_bags(n=N_ROWS, n_codes=6, seed=0, least=0, most=4):
    """Bags of distinct codes from 1 on, some empty, with shares that differ."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(least, most + 1, n)
    codes = [np.sort(rng.choice(np.arange(1, n_codes), size, replace=False)) for size in sizes]
    ends = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    return Bags(np.concatenate(codes).astype(np.int32), rng.uniform(0.2, 1, ends[-1]), ends)


def dense(bags, n_codes):
    """The shares as a matrix, entry by entry."""
    matrix = np.zeros((len(bags.ends) - 1, n_codes))
    for bag in range(len(matrix)):
        for i in range(bags.ends[bag], bags.ends[bag + 1]):
            matrix[bag, bags.indices[i]] += bags.shares[i]
    return matrix


# The bags themselves


@pytest.mark.parametrize("rows", [slice(2, 9), slice(None), np.array([5, 0, 0, 11]), np.array([])])
@pytest.mark.parametrize("per_row", [1, 3])
def test_rows_are_taken_with_all_their_bags(rows, per_row):
    rows = rows if isinstance(rows, slice) else rows.astype(int)
    bags = replace(some_bags(), per_row=per_row)
    taken = bags[rows]
    expected = dense(bags, 6).reshape(-1, per_row, 6)[rows]
    assert len(bags) == N_ROWS // per_row
    assert len(taken) == len(expected)
    np.testing.assert_array_equal(dense(taken, 6), expected.reshape(-1, 6))


def test_pooling_and_its_transpose_are_products_with_the_shares():
    bags, rng = some_bags(), np.random.default_rng(1)
    table, values = rng.normal(size=(6, 3)), rng.normal(size=(N_ROWS, 3))
    np.testing.assert_allclose(bags.pool(table), dense(bags, 6) @ table)
    np.testing.assert_allclose(bags.sum_by_row(values, 6), dense(bags, 6).T @ values)
    assert bags.pool(table.astype(np.float32)).dtype == np.float32


def test_reducing_looks_at_the_elements_of_each_bag_alone():
    bags, values = some_bags(), np.random.default_rng(1).normal(size=(6, 2)) - 5
    largest = bags.reduce(np.maximum, values)
    for bag, found in enumerate(largest):
        held = bags.indices[bags.ends[bag] : bags.ends[bag + 1]]
        np.testing.assert_array_equal(found, values[held].max(axis=0) if len(held) else [0, 0])
    assert (reduce_bags(np.add, np.ones(0), np.zeros(4, dtype=int)) == 0).all()


def test_merged_bags_hold_each_index_once_and_in_order():
    bags = Bags(np.array([3, -1, 3, 0, 0], np.int32), np.ones(5), np.array([0, 3, 3, 5], np.int32))
    merged = bags.merged(4)
    assert merged.indices.tolist() == [-1, 3, 0]
    assert merged.shares.tolist() == [1, 2, 2]
    assert merged.ends.tolist() == [0, 2, 2, 3]
    assert bags.indices.tolist() == [3, -1, 3, 0, 0]


def test_joined_bags_stand_side_by_side():
    parts = [some_bags(8, seed=seed) for seed in (1, 2)]
    joined = join_bags(parts, [0, 6])
    expected = np.zeros((8, 2, 12))
    expected[:, 0, :6], expected[:, 1, 6:] = dense(parts[0], 6), dense(parts[1], 6)
    np.testing.assert_array_equal(dense(joined, 12), expected.reshape(16, 12))
    assert joined.per_row == 2


@pytest.mark.parametrize("weighted", [False, True])
def test_codes_with_bags_are_gathered_added_up_and_counted(weighted):
    bags, rng = some_bags(), np.random.default_rng(3)
    codes = rng.integers(0, N_ROWS, 40)
    weight = rng.uniform(1, 2, 40) if weighted else None
    table, values = rng.normal(size=(6, 2)), rng.normal(size=(40, 2))
    shares = dense(bags, 6)[codes]
    np.testing.assert_allclose(gather(table, codes, bags), shares @ table)
    np.testing.assert_allclose(add_up(values, codes, bags, 6), shares.T @ values)
    expected = (shares > 0).T @ (weight if weighted else np.ones(40))
    np.testing.assert_allclose(count(codes, bags, 6, weight), expected)


def test_bags_of_one_are_the_codes_themselves():
    codes, rng = (
        np.random.default_rng(0).integers(0, 6, 30).astype(np.int32),
        np.random.default_rng(1),
    )
    table, values = rng.normal(size=(6, 2)), rng.normal(size=(30, 2))
    one = bags_of_one(codes)
    np.testing.assert_array_equal(one.pool(table), table[codes])
    every = np.arange(30)
    np.testing.assert_array_equal(add_up(values, every, one, 6), add_up(values, codes, None, 6))
    np.testing.assert_array_equal(count(every, one, 6), count(codes, None, 6))


@pytest.mark.parametrize("mode", ["sum", "mean"])
def test_the_layer_pools_as_the_bags_do(mode):
    bags = some_bags()
    sizes = np.maximum(np.diff(bags.ends), 1)[bags.of_bag()]
    bags = replace(bags, shares=np.ones(len(sizes)) if mode == "sum" else 1 / sizes)
    layer = EmbeddingBag(6, 3, mode=mode, dtype=np.float64, random_state=0)
    found = layer(bags.indices, offsets=bags.ends[:-1])
    np.testing.assert_array_equal(found, bags.pool(layer.weight))


# Equations


@pytest.mark.parametrize("by_column", [False, True])
def test_symmetric_equations_are_solved(by_column):
    rng = np.random.default_rng(0)
    root, right = rng.normal(size=(12, 9)), rng.normal(size=(9, 3))
    matrix = root.T @ root + np.eye(9)
    scale = np.diag(matrix)[:, None]
    found = solve_symmetric(
        lambda x: matrix @ x, right, lambda x: x / scale, 0 * right, 40, by_column=by_column
    )
    np.testing.assert_allclose(found, np.linalg.solve(matrix, right), rtol=1e-7)
    again = solve_symmetric(lambda x: matrix @ x, right, lambda x: x / scale, found, 1)
    np.testing.assert_allclose(again, found, rtol=1e-7)


def test_systems_of_their_own_are_solved_in_as_many_steps_as_each_needs():
    """A step for each of two distinct eigenvalues, which are others in the other column."""
    values = np.array([[1.0, 20.0], [3.0, 70.0], [1.0, 20.0]])
    right = np.array([[1.0, 2.0], [4.0, -1.0], [2.0, 3.0]])
    arguments = lambda x: values * x, right, lambda x: x, np.zeros((3, 2)), 2
    found = solve_symmetric(*arguments, by_column=True)
    np.testing.assert_allclose(found, right / values, rtol=1e-12)
    assert np.abs(solve_symmetric(*arguments) - right / values).max() > 1e-3


def test_one_system_may_tie_the_columns_together():
    rng = np.random.default_rng(0)
    root, right = rng.normal(size=(12, 6)), rng.normal(size=(3, 2))
    matrix = root.T @ root + np.eye(6)

    def product(x):
        return (matrix @ x.ravel()).reshape(x.shape)

    found = solve_symmetric(product, right, lambda x: x, 0 * right, 20)
    expected = np.linalg.solve(matrix, right.ravel()).reshape(right.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-7)


def test_a_solution_is_not_worked_on():
    calls = []

    def product(x):
        calls.append(x)
        return 2 * x

    found = solve_symmetric(product, np.full((2, 1), 6.0), lambda x: x / 2, np.full((2, 1), 3.0), 9)
    assert found.tolist() == [[3], [3]]
    assert len(calls) == 1


def test_nothing_is_divided_by_zero_where_there_is_nothing_to_solve():
    zero = np.zeros((4, 2))
    found = solve_symmetric(lambda x: 0 * x, zero, lambda x: x, zero, 5, by_column=True)
    np.testing.assert_array_equal(found, zero)


# The network

# Columns 0 and 2 share a pooled table, 2 being a plain one; 4 is pooled and has the same width.
MIXED = Architecture((6, 4, 3, 6), (2, 2, 3, 2), (0, 1, 0, 2, 3), 1, (5,), 2, "tanh", 0.0, (0, 3))
ALONE = Architecture((6,), (3,), (0,), 0, (), 1, "identity", 0.0, (0,))
architectures = pytest.mark.parametrize("architecture", [MIXED, ALONE], ids=["mixed", "alone"])


class Case:
    """A network of random float64 parameters, rows, and the shares of each column, densely."""

    def __init__(self, architecture, seed=0, weighted=False):
        rng = np.random.default_rng(seed)
        self.architecture = architecture
        self.network = Network(architecture, make_loss("squared_error"))
        start = self.network.initial_parameters(rng, np.zeros(architecture.n_outputs), np.float64)
        self.parameters = {k: v + rng.normal(scale=0.5, size=v.shape) for k, v in start.items()}
        sizes = [architecture.n_codes[t] for t in architecture.columns]
        self.codes = rng.integers(1, sizes, (N_ROWS, len(sizes))).astype(np.int32)
        self.bags = {j: some_bags(seed=j) for j in {0, 4} & set(range(len(sizes)))}
        for j in self.bags:
            self.codes[:, j] = rng.permutation(N_ROWS)
        self.shares = [
            (dense(self.bags[j], size) if j in self.bags else np.eye(size))[self.codes[:, j]]
            for j, size in enumerate(sizes)
        ]
        self.data = Data(
            place_codes(architecture, self.codes, self.bags),
            rng.normal(size=(N_ROWS, architecture.n_numeric)),
            rng.normal(size=(N_ROWS, architecture.n_outputs)),
            rng.uniform(0.2, 2, N_ROWS) if weighted else None,
        )

    def inputs(self, rows=slice(None)):
        tables = table_views(self.architecture, self.parameters)
        slices = self.architecture.input_slices()
        inputs = np.empty((N_ROWS, sum(s.stop - s.start for s in slices)))
        for j, table in enumerate(self.architecture.columns):
            inputs[:, slices[j]] = self.shares[j] @ tables[table]
        return np.hstack([inputs, self.data.numeric])[rows]


@architectures
def test_the_network_pools_as_products_with_the_shares_do(architecture):
    case = Case(architecture)
    assert {s.name: s.pooled for s in case.network.stacks}[f"bags_{architecture.embedding_dims[0]}"]
    for rows in (slice(None), slice(5, 20), np.array([7, 3, 3, 50])):
        found = case.network.inputs(case.parameters, case.data.take(rows))
        np.testing.assert_allclose(found, case.inputs(rows))


@architectures
@pytest.mark.parametrize("weighted", [False, True])
def test_the_network_of_bags_passes_the_gradient_check(architecture, weighted, assert_gradient):
    case = Case(architecture, weighted=weighted)
    batch = case.network.make_batch(case.data.take(np.random.default_rng(0).permutation(30)))
    _, gradients = case.network.value_and_gradient(case.parameters, batch)
    whole = {
        name: g if name == "dense" else g.to_dense(len(case.parameters[name]))
        for name, g in gradients.items()
    }
    assert_gradient(
        lambda point: case.network.value_and_gradient(point, batch)[0], case.parameters, whole
    )


def test_bags_of_one_train_to_the_bits_of_plain_codes():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 5, (300, 2)).astype(np.int32)
    y = rng.normal(size=(300, 1)).astype(np.float32)
    plain = Architecture((5, 5), (3, 3), (0, 1), 0, (4,), 1)
    settings = TrainingSettings("adam", 1e-2, "cosine", 32, 3)
    learned = []
    for architecture in (plain, replace(plain, pooled=(0, 1))):
        network = Network(architecture, make_loss("squared_error"))
        parameters = network.initial_parameters(np.random.default_rng(1), np.zeros(1))
        data = Data(place_codes(architecture, codes), np.zeros((300, 0), np.float32), y)
        learned.append(train(network, parameters, data, settings, np.random.default_rng(2))[0])
    np.testing.assert_array_equal(learned[0]["table_3"], learned[1]["bags_3"])
    np.testing.assert_array_equal(learned[0]["dense"], learned[1]["dense"])


# Learning once more


def relearned(case, pseudo_count=5.0):
    n_tables = len(case.architecture.n_codes)
    bases = find_bases(
        case.network,
        case.parameters,
        case.data,
        case.codes,
        [pseudo_count] * n_tables,
        [None] * n_tables,
        case.bags,
    )
    bases = [replace(basis, start=np.zeros_like(basis.start)) for basis in bases]
    found = relearn(
        case.network,
        case.parameters,
        bases,
        case.data,
        case.codes,
        [pseudo_count] * n_tables,
        [False] * n_tables,
        case.bags,
    )
    return bases, found


def ridge(case, bases, pseudo_count=5.0):
    """Coordinates of all codes of a linear network, by one dense solve over all tables."""
    architecture, n_outputs = case.architecture, case.architecture.n_outputs
    weight, bias = case.network.dense.flat(case.parameters["dense"]).layers[0]
    slices = architecture.input_slices()
    offset = bias + case.data.numeric @ weight[len(weight) - architecture.n_numeric :]
    designs = [np.zeros((N_ROWS, n_outputs, *basis.start.shape)) for basis in bases]
    for j, table in enumerate(architecture.columns):
        own = weight[slices[j]]
        offset = offset + case.shares[j] @ bases[table].origin @ own
        designs[table] += np.einsum("nc,dk->nkcd", case.shares[j], bases[table].axes @ own)
    design = np.concatenate([d.reshape(N_ROWS * n_outputs, -1) for d in designs], axis=1)
    row_weight = np.ones(N_ROWS) if case.data.weight is None else case.data.weight
    strength = np.repeat(row_weight, n_outputs) / n_outputs
    left = design.T @ (strength[:, None] * design)
    left += np.eye(len(left)) * pseudo_count / n_outputs
    right = design.T @ (strength * (case.data.y - offset).ravel())
    parts = np.split(
        np.linalg.solve(left, right), np.cumsum([basis.start.size for basis in bases])[:-1]
    )
    return [p.reshape(basis.start.shape) for p, basis in zip(parts, bases, strict=True)]


def held(case, table):
    """Codes that occur in the columns of a table."""
    columns = [j for j, t in enumerate(case.architecture.columns) if t == table]
    return np.flatnonzero(sum(case.shares[j].sum(axis=0) for j in columns))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("pseudo_count", [0.1, 5.0, 100.0])
def test_a_column_of_bags_of_a_linear_network_is_ridge_regression(pseudo_count, weighted):
    case = Case(ALONE, weighted=weighted)
    bases, found = relearned(case, pseudo_count)
    expected, rows = ridge(case, bases, pseudo_count)[0], held(case, 0)
    np.testing.assert_allclose(found[0][rows], expected[rows], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("weighted", [False, True])
def test_bags_and_plain_codes_converge_to_the_joint_ridge_regression(weighted, monkeypatch):
    linear = replace(MIXED, hidden_layer_sizes=(), activation="identity")
    case = Case(linear, weighted=weighted)
    monkeypatch.setattr(module, "N_STEPS", 3)
    monkeypatch.setattr(module, "N_SWEEPS", 20)
    bases, found = relearned(case)
    for table, expected in enumerate(ridge(case, bases)):
        rows = held(case, table)
        np.testing.assert_allclose(found[table][rows], expected[rows], rtol=1e-4, atol=1e-5)


def test_the_unknown_code_learns_from_the_rare_elements_and_stands_in_for_the_unseen():
    case = Case(ALONE)
    without = case.bags[0].indices != 2
    ends = np.concatenate([[0], np.cumsum(without)])[case.bags[0].ends].astype(np.int32)
    bags = Bags(case.bags[0].indices[without], case.bags[0].shares[without], ends)
    case.bags = {0: bags}
    case.shares = [dense(bags, 6)[case.codes[:, 0]]]
    case.data = replace(case.data, codes=place_codes(ALONE, case.codes, case.bags))
    bases, found = relearned(case)
    shares, (weight, bias) = (
        case.shares[0],
        case.network.dense.flat(case.parameters["dense"]).layers[0],
    )
    slope = (bases[0].axes @ weight)[:, 0]
    left = (
        case.data.y[:, 0]
        - bias[0]
        - (shares @ (bases[0].origin + found[0] @ bases[0].axes) @ weight)[:, 0]
    )
    normal, right = np.zeros((3, 3)), np.zeros(3)
    for code in (1, 3, 4, 5):
        own = shares[:, code]
        rarity = 1 / (1 + np.count_nonzero(own))
        normal += rarity * (own**2).sum() * np.outer(slope, slope)
        right += rarity * (own @ (left + own * (slope @ found[0][code]))) * slope
    expected = np.linalg.solve(normal + 5.0 * np.eye(3), right)
    np.testing.assert_allclose(found[0][UNKNOWN], expected, rtol=1e-5, atol=1e-8)
    np.testing.assert_array_equal(found[0][2], found[0][UNKNOWN])
