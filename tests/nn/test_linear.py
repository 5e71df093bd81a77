"""The linear model against scikit-learn's solvers and against a minimiser from several starts."""

import numpy as np
import pytest
from scipy.linalg import cholesky
from scipy.optimize import check_grad, minimize
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge

from skembed.nn import _linear
from skembed.nn._linear import Linear, fit_linear
from skembed.nn._losses import make_loss

N, N_FEATURES = 300, 5
LOSSES = [
    ("squared_error", 2),
    ("absolute_error", 1),
    ("huber", 2),
    ("quantile", 1),
    ("poisson", 2),
    ("binary_cross_entropy", 1),
    ("binary_cross_entropy", 3),
    ("multinomial_cross_entropy", 4),
]
every_loss = pytest.mark.parametrize(("name", "n_outputs"), LOSSES)
weights = pytest.mark.parametrize("weighted", [False, True])


def loss_of(name):
    return make_loss(name, quantile=0.3, delta=0.7)


def sample(name, n_outputs=1, weighted=False, seed=0):
    """Correlated features, targets of the loss, weights."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, N_FEATURES)) @ rng.normal(size=(N_FEATURES, N_FEATURES)) + 1
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    raw = X @ rng.normal(scale=0.5, size=(N_FEATURES, n_outputs)) + rng.normal(size=n_outputs)
    y = {
        "poisson": lambda: rng.poisson(np.exp(raw)).astype(np.float32),
        "binary_cross_entropy": lambda: (raw + rng.logistic(size=raw.shape) > 0).astype(np.float32),
        "multinomial_cross_entropy": lambda: (raw + rng.gumbel(size=raw.shape)).argmax(axis=1),
    }.get(name, lambda: raw + rng.standard_t(3, size=raw.shape))()
    return X, y, rng.uniform(0.2, 3, N) if weighted else np.ones(N)


def objective(X, y, weight, loss, n_outputs, alpha):
    """The penalised sum of losses of a flat vector of coefficients and intercepts."""

    def value(flat):
        coef = flat[: N_FEATURES * n_outputs].reshape(N_FEATURES, n_outputs)
        losses, _ = loss.rows(X @ coef + flat[N_FEATURES * n_outputs :], y)
        return weight @ losses + alpha / 2 * np.sum(coef**2)

    return value


def flat_of(model):
    return np.concatenate([model.coef.ravel(), model.intercept])


@weights
@pytest.mark.parametrize("alpha", [1e-3, 10.0, 1e4])
def test_the_squared_error_gives_a_ridge_regression(alpha, weighted):
    X, y, weight = sample("squared_error", 1, weighted)
    model = fit_linear(X, y, weight, loss_of("squared_error"), 1, alpha)
    other = Ridge(alpha=alpha, tol=1e-12).fit(X, y, weight)
    np.testing.assert_allclose(model.coef[:, 0], np.ravel(other.coef_), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(model.intercept, other.intercept_, rtol=1e-5, atol=1e-7)


@weights
@pytest.mark.parametrize("alpha", [0.1, 10.0])
def test_the_cross_entropy_gives_a_logistic_regression(alpha, weighted):
    X, y, weight = sample("binary_cross_entropy", 1, weighted)
    model = fit_linear(X, y, weight, loss_of("binary_cross_entropy"), 1, alpha)
    other = LogisticRegression(C=1 / alpha, tol=1e-10, max_iter=10_000).fit(X, y[:, 0], weight)
    np.testing.assert_allclose(model.coef[:, 0], other.coef_[0], atol=1e-4)
    np.testing.assert_allclose(model.intercept, other.intercept_, atol=1e-4)


@weights
@pytest.mark.parametrize("alpha", [0.1, 10.0])
def test_the_multinomial_cross_entropy_gives_a_softmax_regression(alpha, weighted):
    X, y, weight = sample("multinomial_cross_entropy", 4, weighted)
    model = fit_linear(X, y, weight, loss_of("multinomial_cross_entropy"), 4, alpha)
    other = LogisticRegression(C=1 / alpha, tol=1e-10, max_iter=10_000).fit(X, y, weight)
    np.testing.assert_allclose(model.coef, other.coef_.T, atol=2e-4)
    # One constant for all classes changes nothing.
    intercept = model.intercept - model.intercept.mean()
    np.testing.assert_allclose(intercept, other.intercept_ - other.intercept_.mean(), atol=2e-4)


@weights
@pytest.mark.parametrize("alpha", [0.1, 10.0])
def test_the_poisson_loss_gives_a_poisson_regression(alpha, weighted):
    X, y, weight = sample("poisson", 1, weighted)
    model = fit_linear(X, y, weight, loss_of("poisson"), 1, alpha)
    other = PoissonRegressor(alpha=alpha / weight.sum(), tol=1e-10, max_iter=10_000)
    other.fit(X, y[:, 0], weight)
    np.testing.assert_allclose(model.coef[:, 0], other.coef_, atol=1e-4)
    np.testing.assert_allclose(model.intercept, other.intercept_, atol=1e-4)


@weights
@every_loss
def test_no_start_leads_a_minimiser_lower(name, n_outputs, weighted):
    """Directions of Powell's method need no gradient, which kinks would mislead."""
    X, y, weight = sample(name, n_outputs, weighted)
    loss, alpha = loss_of(name), 1.0
    model = fit_linear(X, y, weight, loss, n_outputs, alpha)
    value = objective(X, y, weight, loss, n_outputs, alpha)
    found = value(flat_of(model))
    rng = np.random.default_rng(1)
    size = (N_FEATURES + 1) * n_outputs
    starts = [np.zeros(size), rng.normal(size=size), flat_of(model)]
    method = "Powell" if name in ("absolute_error", "quantile") else "BFGS"
    # Slopes so small are worth far less than what is compared below.
    options = {"gtol": 1e-3} if method == "BFGS" else {}
    best = min(minimize(value, start, method=method, options=options).fun for start in starts)
    assert found <= best + 0.01 * abs(best)


@pytest.mark.parametrize("q", [0.1, 0.5, 0.9])
def test_a_quantile_is_above_its_share_of_the_rows(q):
    X, y, weight = sample("quantile")
    loss = make_loss("quantile", quantile=q)
    model = fit_linear(X, y, weight, loss, 1, 1e-2)
    assert np.mean(y <= model.raw_prediction(X)) == pytest.approx(q, abs=0.03)


@every_loss
def test_the_slope_of_the_minimised_function_vanishes(name, n_outputs):
    """Where it has one: kinks are left out."""
    if name in ("absolute_error", "quantile"):
        name = "huber"
    X, y, weight = sample(name, n_outputs)
    loss = loss_of(name)
    model = fit_linear(X, y, weight, loss, n_outputs, 1.0)
    _, gradient = loss.rows(model.raw_prediction(X), y)
    slope = X.T @ (weight[:, None] * gradient) + model.coef
    at_zero = X.T @ loss.rows(np.broadcast_to(loss.baseline(y, weight), (N, n_outputs)), y)[1]
    assert np.abs(slope).max() < 1e-3 * np.abs(at_zero).max()
    assert np.abs((weight[:, None] * gradient).sum(axis=0)).max() < 1e-3 * N


@every_loss
def test_the_given_gradient_is_that_of_the_value(name, n_outputs, monkeypatch):
    """The function and gradient as the solver gets them, at points away from kinks."""
    caught = []

    def catch(function, start, **options):
        caught.append(function)
        return minimize(function, start, **options)

    monkeypatch.setattr("skembed.nn._linear.minimize", catch)
    X, y, weight = sample(name, n_outputs, weighted=True)
    fit_linear(X, y, weight, loss_of(name), n_outputs, 3.0)
    rng = np.random.default_rng(2)
    for _ in range(3):
        point = rng.normal(size=(N_FEATURES + 1) * n_outputs)
        size = np.linalg.norm(caught[0](point)[1])
        error = check_grad(
            lambda x: caught[0](x)[0], lambda x: caught[0](x)[1], point, epsilon=1e-7
        )
        assert error < 1e-4 * size


def test_weights_equal_repetition():
    X, y, _ = sample("poisson")
    times = np.random.default_rng(3).integers(1, 4, N)
    rows = np.repeat(np.arange(N), times)
    loss = loss_of("poisson")
    weighted = fit_linear(X, y, times.astype(float), loss, 1, 5.0)
    repeated = fit_linear(X[rows], y[rows], np.ones(len(rows)), loss, 1, 5.0)
    np.testing.assert_allclose(flat_of(weighted), flat_of(repeated), atol=1e-5)


@pytest.mark.parametrize("scale", [1e-12, 1e12, 1e20])
@every_loss
def test_weights_and_collinear_features_of_any_size_are_solved(name, n_outputs, scale):
    X, y, weight = sample(name, n_outputs)
    X = np.hstack([X, X[:, :2], np.zeros((N, 1)), np.ones((N, 1))])
    model = fit_linear(X, y, scale * weight, loss_of(name), n_outputs, 10.0)
    assert np.isfinite(model.raw_prediction(X)).all()


def test_without_features_the_best_constant_is_left(monkeypatch):
    def of_scipy_1_11(matrix, **settings):
        assert matrix.size, "0-th dimension must be fixed"
        return cholesky(matrix, **settings)

    monkeypatch.setattr(_linear, "cholesky", of_scipy_1_11)
    X, y, weight = sample("poisson", 2, weighted=True)
    model = fit_linear(X[:, :0], y, weight, loss_of("poisson"), 2, 1.0)
    expected = np.log(np.average(y, axis=0, weights=weight))
    assert model.coef.shape == (0, 2)
    np.testing.assert_allclose(model.raw_prediction(X[:3, :0]), [expected] * 3, rtol=1e-6)


def test_a_class_that_the_rows_lack_is_unlikely():
    X, y, weight = sample("multinomial_cross_entropy", 3)
    model = fit_linear(X, y, weight, loss_of("multinomial_cross_entropy"), 5, 1.0)
    assert model.raw_prediction(X).shape == (N, 5)
    assert model.raw_prediction(X)[:, 3:].max() < model.raw_prediction(X)[:, :3].min()


def test_predictions_are_float64_whatever_the_features():
    model = Linear(np.ones((2, 1), dtype=np.float32), np.zeros(1, dtype=np.float32))
    found = model.raw_prediction(np.array([[1, 2]], dtype=np.float32))
    assert found.dtype == np.float64
    assert found.tolist() == [[3]]
