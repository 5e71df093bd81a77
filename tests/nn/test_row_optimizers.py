"""Optimisers on rows against the same optimisers on dense gradients."""

import numpy as np
import pytest

from skembed.nn import SGD, Adagrad, Adam, Embedding

N_ROWS, DIM, RATE = 8, 3, 0.1
OPTIMIZERS = [SGD(), SGD(momentum=0.9), SGD(momentum=0.9, nesterov=True), Adam(), Adagrad()]
EQUAL = [SGD(), Adagrad()]
every_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)


def train(optimizer, batches, dense, dtype=np.float64, **options):
    """Train a table towards vectors of ones, with gradients of rows or of the whole table."""
    layer = Embedding(N_ROWS, DIM, weight="normal", random_state=0, dtype=dtype, **options)
    parameters = layer.parameters()
    state = optimizer.init(parameters)
    for batch in batches:
        gradient = layer.backward(batch, layer(batch) - 1)
        gradients = {"weight": gradient.to_dense(N_ROWS) if dense else gradient}
        optimizer.update(parameters, gradients, state, RATE, layer.multipliers())
    return layer.weight


def some_rows(n_batches=20):
    return np.random.default_rng(1).integers(0, N_ROWS, (n_batches, 4))


@pytest.mark.parametrize("optimizer", EQUAL, ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("multiplier", [1.0, 0.5])
def test_sgd_and_adagrad_equal_the_dense_optimizer(optimizer, dtype, multiplier):
    options = {"dtype": dtype, "learning_rate_multiplier": multiplier}
    by_rows = train(optimizer, some_rows(), dense=False, **options)
    np.testing.assert_array_equal(by_rows, train(optimizer, some_rows(), dense=True, **options))


@every_optimizer
def test_all_equal_the_dense_optimizer_if_every_row_is_in_every_batch(optimizer):
    batches = [np.random.default_rng(seed).permutation(N_ROWS) for seed in range(20)]
    by_rows = train(optimizer, batches, dense=False)
    np.testing.assert_allclose(by_rows, train(optimizer, batches, dense=True), rtol=1e-12)


@every_optimizer
def test_a_row_that_is_not_in_the_batch_rests(optimizer):
    """That is the difference: dense gradients let momentum and Adam move it on."""
    seen, other = np.array([0, 1]), np.array([2, 3])
    once, resting = (train(optimizer, [seen, *[other] * n], dense=False)[:2] for n in (0, 5))
    np.testing.assert_array_equal(once, resting)
    moving = train(optimizer, [seen, *[other] * 5], dense=True)[:2]
    assert (moving == resting).all() == (optimizer in EQUAL)
    # It moves on in the direction it had, which is towards the ones.
    assert (np.abs(moving - 1) <= np.abs(resting - 1)).all()


@every_optimizer
def test_rows_that_are_never_seen_stay(optimizer):
    start = train(optimizer, [], dense=False)
    for dense in (False, True):
        trained = train(optimizer, [[0, 1], [1, 2]], dense=dense)
        np.testing.assert_array_equal(trained[3:], start[3:])


@every_optimizer
def test_training_converges(optimizer):
    batches = np.random.default_rng(2).integers(0, N_ROWS, (800, 4))
    start, trained = (train(optimizer, b, dense=False) for b in ([], batches))
    assert np.abs(trained - 1).mean() < 0.1 * np.abs(start - 1).mean()


def test_adagrad_against_its_formula():
    table = np.array([[1.0, -2.0], [3.0, 4.0]])
    parameters, optimizer = {"weight": table.copy()}, Adagrad(initial=0.5, epsilon=1e-3)
    state = optimizer.init(parameters)
    gradients = np.random.default_rng(0).normal(size=(6, 2, 2))
    for gradient in gradients:
        optimizer.update(parameters, {"weight": gradient}, state, RATE)
    sums = 0.5 + np.cumsum(gradients**2, axis=0)
    expected = table - (RATE * gradients / (np.sqrt(sums) + 1e-3)).sum(axis=0)
    np.testing.assert_allclose(parameters["weight"], expected, rtol=1e-12)
