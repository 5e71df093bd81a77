"""A linear model of any loss: the part of a predictor that needs no network."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import minimize

from ._losses import Loss

Array = NDArray[np.floating]

_MOST_STEPS = 200
LEAST_RIDGE = 1e-10


class Linear(NamedTuple):
    """``raw prediction = features @ coef + intercept``."""

    coef: Array
    intercept: Array

    def raw_prediction(self, features: Array) -> NDArray[np.float64]:
        """Raw predictions ``(n, n_outputs)``."""
        return np.asarray(features @ self.coef + self.intercept, dtype=np.float64)


def fit_linear(
    features: Array, y: NDArray, weight: Array, loss: Loss, n_outputs: int, alpha: float
) -> Linear:
    """The linear model with the least sum of losses plus ``alpha / 2`` times its squared weights.

    Parameters
    ----------
    features : ndarray of shape (n, n_features)
        About standardised.
    y : ndarray
        As the loss takes it.
    weight : ndarray of shape (n,)
    loss : Loss
    n_outputs : int
    alpha : float
        Above 0.
    """
    n_features = features.shape[1]
    # One feature of zeros in place of none, which SciPy 1.11 cannot solve for.
    X = np.zeros((len(features), max(n_features, 1)))
    X[:, :n_features] = features
    # Seen along the axes of the features' own covariance the problem is round, and L-BFGS needs a
    # few steps only; for the squared error, one.
    normal = (X * weight[:, None]).T @ X
    # Huge weights would leave collinear features without a penalty beyond rounding.
    ridge = max(alpha, LEAST_RIDGE * normal.diagonal().max(initial=0))
    factor = cholesky(normal + ridge * np.eye(X.shape[1]), lower=True)
    total = weight.sum()
    baseline = np.asarray(loss.baseline(y, weight, n_outputs), dtype=np.float64)
    split = X.shape[1] * n_outputs

    def read(flat: Array) -> tuple[Array, Array]:
        u = flat[:split].reshape(X.shape[1], n_outputs)
        return u, flat[split:] / np.sqrt(total) + baseline

    def objective(flat: Array) -> tuple[float, Array]:
        u, intercept = read(flat)
        coef = solve_triangular(factor, u, lower=True, trans="T")
        losses, gradient = loss.rows(X @ coef + intercept, y)
        gradient = gradient * weight[:, None]
        value = weight @ losses + 0.5 * alpha * np.sum(coef**2)
        slope = solve_triangular(factor, X.T @ gradient + alpha * coef, lower=True)
        flat_slope = np.concatenate([slope.ravel(), gradient.sum(axis=0) / np.sqrt(total)])
        return float(value), flat_slope

    result = minimize(
        objective,
        np.zeros(split + n_outputs),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": _MOST_STEPS, "ftol": 1e-9, "gtol": 1e-6 * np.sqrt(total)},
    )
    u, intercept = read(result.x)
    coef = solve_triangular(factor, u, lower=True, trans="T")
    return Linear(coef[:n_features], intercept)
