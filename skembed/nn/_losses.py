"""Losses: plain functions of the raw prediction and the target, with their gradient.

Each loss function takes ``(raw_prediction, y)`` of shape ``(batch, n_outputs)`` and returns the
loss of every row, shape ``(batch,)``, averaged over the outputs, and its gradient with respect to
``raw_prediction``. For the multinomial loss ``y`` holds class numbers, shape ``(batch,)``. The link
turns a raw prediction into a prediction: identity, logistic, softmax or exponential.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, log1p, logsumexp, softmax

from ._record import Record

Array = NDArray[Any]

# exp() of more than this leaves float32.
_LARGEST_EXPONENT = 80.0
# Share of a class that was not seen: the logarithm of 0 is not finite.
_LEAST_SHARE = 1e-6


class Loss(Record):
    """A loss with its link and the constant raw prediction that is best without any feature.

    ``curvature`` is the second derivative of the loss of a row with respect to each of its raw
    predictions (an upper bound where the loss has kinks), which Gauss-Newton steps need.
    """

    rows: Callable[[Array, Array], tuple[Array, Array]]
    link: Callable[[Array], Array]
    constant: Callable[[Array, Array], Array]
    curvature: Callable[[Array], Array]

    def baseline(self, y: Array, weight: Array, n_outputs: int = 0) -> Array:
        """Best constant raw prediction, ``(n_outputs,)``.

        ``n_outputs`` tells of classes that these rows may lack, as those of a fold do.
        """
        constant = self.constant(y, weight)
        n_lacking = max(n_outputs - len(constant), 0)
        return np.append(constant, np.full(n_lacking, np.log(_LEAST_SHARE)))

    def with_baseline(self, constant: Array) -> Loss:
        """The same loss for rows that are a part of others, whose baseline is known."""
        return replace(self, constant=partial(_given, constant))

    def __call__(
        self, raw_prediction: Array, y: Array, sample_weight: Array | None = None
    ) -> tuple[float, Array]:
        """Mean of the weighted losses of a batch, and its gradient (batch, n_outputs).

        Weights are used as given and the sum is divided by the number of rows, so that weights of
        mean 1 over all rows keep the scale of the loss.
        """
        losses, gradient = self.rows(raw_prediction, y)
        if sample_weight is not None:
            losses = losses * sample_weight
            gradient = gradient * sample_weight[:, None]
        gradient /= len(raw_prediction)
        return float(np.add.reduce(losses, dtype=np.float64)) / len(losses), gradient


def _outputs_mean(losses: Array, gradient: Array) -> tuple[Array, Array]:
    if losses.shape[1] == 1:
        return losses[:, 0], gradient
    return losses.mean(axis=1), gradient / losses.dtype.type(losses.shape[1])


def _squared_error(raw: Array, y: Array) -> tuple[Array, Array]:
    """Half the squared residual."""
    residual = raw - y
    return _outputs_mean(0.5 * residual * residual, residual)


def _absolute_error(raw: Array, y: Array) -> tuple[Array, Array]:
    residual = raw - y
    return _outputs_mean(np.abs(residual), np.sign(residual))


def _huber(raw: Array, y: Array, delta: float) -> tuple[Array, Array]:
    """Quadratic up to ``delta``, linear beyond."""
    residual = raw - y
    gradient = np.clip(residual, -delta, delta)
    return _outputs_mean(gradient * (residual - 0.5 * gradient), gradient)


def _quantile(raw: Array, y: Array, q: float) -> tuple[Array, Array]:
    residual = raw - y
    slope = (residual > 0).astype(raw.dtype) - raw.dtype.type(q)
    return _outputs_mean(slope * residual, slope * (residual != 0))


def _poisson(raw: Array, y: Array) -> tuple[Array, Array]:
    """Negative log-likelihood of a count with mean exp(raw), without the part that depends on y
    alone.
    """
    mean = np.exp(np.minimum(raw, _LARGEST_EXPONENT))
    return _outputs_mean(mean - y * raw, mean - y)


def _binary_cross_entropy(raw: Array, y: Array) -> tuple[Array, Array]:
    # log(1 + exp(raw)) - y raw, in a form that cannot overflow.
    losses = np.maximum(raw, 0) - y * raw + log1p(np.exp(-np.abs(raw)))
    return _outputs_mean(losses, expit(raw) - y)


def _multinomial_cross_entropy(raw: Array, y: Array) -> tuple[Array, Array]:
    rows = np.arange(len(y))
    losses = logsumexp(raw, axis=1) - raw[rows, y]
    gradient = softmax(raw, axis=1)
    gradient[rows, y] -= 1
    return losses, gradient


def _identity(raw: Array) -> Array:
    return raw


def _exponential(raw: Array) -> Array:
    return np.exp(np.minimum(raw, _LARGEST_EXPONENT))


def _given(constant: Array, y: Array, weight: Array) -> Array:
    return constant


def _weighted_mean(y: Array, weight: Array) -> Array:
    return np.average(y, axis=0, weights=weight)


def weighted_quantiles(y: Array, weight: Array, shares: Sequence[float]) -> list[Array]:
    """Quantiles of each column of ``y``, each ``(n_outputs,)``, where rows have weights."""
    order = np.argsort(y, axis=0)
    share = np.cumsum(weight[order], axis=0) / weight.sum()
    ordered = np.take_along_axis(y, order, axis=0)
    at = [(share < q).sum(axis=0).clip(max=len(y) - 1) for q in shares]
    return [ordered[positions, np.arange(y.shape[1])] for positions in at]


def _weighted_quantile(y: Array, weight: Array, q: float) -> Array:
    return weighted_quantiles(y, weight, (q,))[0]


def _huber_center(y: Array, weight: Array, delta: float) -> Array:
    """The constant at which the gradient, which grows with the constant, changes its sign."""

    def slope(constant: float, column: Array) -> float:
        return float(weight @ np.clip(constant - column, -delta, delta))

    return np.array([brentq(slope, c.min(), c.max(), args=(c,)) for c in y.T.astype(np.float64)])


def _log_mean(y: Array, weight: Array) -> Array:
    return np.log(np.maximum(_weighted_mean(y, weight), 1e-12))


def _logit_mean(y: Array, weight: Array) -> Array:
    share = np.clip(_weighted_mean(y, weight), _LEAST_SHARE, 1 - _LEAST_SHARE)
    return np.log(share / (1 - share))


def _log_shares(y: Array, weight: Array) -> Array:
    shares = np.bincount(y, weights=weight) / weight.sum()
    return np.log(np.maximum(shares, _LEAST_SHARE))


def _one(raw: Array) -> Array:
    return np.ones_like(raw) / raw.shape[1]


def _mean_of_count(raw: Array) -> Array:
    return _exponential(raw) / raw.shape[1]


def _variance_of_label(raw: Array) -> Array:
    share = expit(raw)
    return share * (1 - share) / raw.shape[1]


def _variance_of_class(raw: Array) -> Array:
    share = softmax(raw, axis=1)
    return share * (1 - share)


def make_loss(name: str, *, quantile: float = 0.5, delta: float = 1.35) -> Loss:
    """Loss by name.

    Parameters
    ----------
    name : str
        ``"squared_error"``, ``"absolute_error"``, ``"huber"``, ``"poisson"``, ``"quantile"``,
        ``"binary_cross_entropy"`` or ``"multinomial_cross_entropy"``.
    quantile : float, default=0.5
        The quantile that ``"quantile"`` predicts.
    delta : float, default=1.35
        Residual beyond which ``"huber"`` is linear.
    """
    median = partial(_weighted_quantile, q=0.5)
    at_quantile = partial(_weighted_quantile, q=quantile)
    losses = {
        "squared_error": Loss(_squared_error, _identity, _weighted_mean, _one),
        "absolute_error": Loss(_absolute_error, _identity, median, _one),
        "huber": Loss(
            partial(_huber, delta=delta), _identity, partial(_huber_center, delta=delta), _one
        ),
        "quantile": Loss(partial(_quantile, q=quantile), _identity, at_quantile, _one),
        "poisson": Loss(_poisson, _exponential, _log_mean, _mean_of_count),
        "binary_cross_entropy": Loss(_binary_cross_entropy, expit, _logit_mean, _variance_of_label),
        "multinomial_cross_entropy": Loss(
            _multinomial_cross_entropy, partial(softmax, axis=1), _log_shares, _variance_of_class
        ),
    }
    return losses[name]
