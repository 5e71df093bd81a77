"""The coordinates in which the tables of a network are learned again.

They are those in which the prediction varies equally along each axis on average over the rows,
ordered from the direction that mattered most in training. Swapping a category for one at
distance 1 changes the raw prediction by about 1 (root mean square), and ``m`` pseudo-counts shrink
a vector seen in ``n`` rows by ``n / (n + m)`` where its coordinates do not interact, as they would
an intercept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ._architecture import Architecture, Parameters, table_views
from ._linearised import curvature_of, gradients_by_part, least_curvature, row_weight, stride_of
from ._network import Data, Network
from ._record import Record

Array = NDArray[np.floating]

# A category of at least so many rows may start at its trained vector.
_FREQUENT = 50
# Directions in which the prediction varies less than this share of the strongest are not stretched
# further.
_LEAST_VARIATION = 0.1
# Without a penalty a category of fewer rows than coordinates has no solution.
_LEAST_PSEUDO_COUNT = 1e-6


class Basis(Record):
    """Coordinates of one table, ``vectors = origin + coordinates @ axes``.

    Attributes
    ----------
    origin : ndarray of shape (n_codes, width)
        Where every code is pulled to: the table's mean vector, or one that was given for the code.
    axes : ndarray of shape (width, width)
    start : ndarray of shape (n_codes, width)
        The coordinates that learning starts from.
    found : ndarray of shape (n_codes, width) or None
        The coordinates that learning from the same rows ends at, where that is known already.
    """

    origin: Array
    axes: Array
    start: Array
    found: Array | None = None

    def vectors(self, coordinates: Array, out: Array | None = None) -> Array:
        """The vectors that have these coordinates; they may go to ``out``, in its dtype."""
        return np.add(self.origin, coordinates @ self.axes, out=out, casting="same_kind")


def find_variations(network: Network, parameters: Parameters, data: Data) -> list[Array]:
    """How the raw predictions vary with the vectors of each table, ``(width, width)``: the mean
    product of two slopes over rows and columns.
    """
    return mean_variations(network.architecture, sum_variations(network, parameters, data))


def sum_variations(network: Network, parameters: Parameters, data: Data) -> list[Array]:
    """The same as sums over the rows, with the weight of all rows at the end, ``(1, 1)``."""
    architecture = network.architecture
    slices = architecture.input_slices()
    weight_of_rows, total = row_weight(data), np.zeros((1, 1))
    by_column = [np.zeros((part.stop - part.start,) * 2) for part in slices]
    least, every = least_curvature(network, data), stride_of(len(data))
    among = slice(0, len(data))
    for rows, raw, gradients in gradients_by_part(network, parameters, data, among, every=every):
        weight = curvature_of(network, raw, least) * weight_of_rows[rows, None]
        total += weight.sum() / len(gradients)
        for k, gradient in enumerate(gradients):
            # In double precision once, and not for each column.
            g = gradient.astype(np.float64)
            weighted = g * weight[:, k, None]
            for part, variation in zip(slices, by_column, strict=True):
                variation += weighted[:, part].T @ g[:, part]
    by_table = [
        np.sum([v for v, t in zip(by_column, architecture.columns, strict=True) if t == table], 0)
        for table in range(len(architecture.n_codes))
    ]
    return [every * own for own in (*by_table, total)]


def mean_variations(architecture: Architecture, sums: Sequence[Array]) -> list[Array]:
    """How the raw predictions vary with the vectors of each table, from :func:`sum_variations`."""
    *by_table, total = sums
    return [own / (total * architecture.columns.count(table)) for table, own in enumerate(by_table)]


def make_bases(
    architecture: Architecture,
    parameters: Parameters,
    variations: Sequence[Array],
    counts: Sequence[Array],
    priors: Sequence[Array | None],
) -> tuple[list[Basis], list[Basis]]:
    """A basis for each table that starts at its mean, and one that starts at trained vectors.

    ``counts`` are the weights of the rows of each table's codes.
    """
    bases, trained = [], []
    for table, vectors in enumerate(table_views(architecture, parameters)):
        axes, weight = _axes(variations[table]), counts[table]
        origin = np.empty(vectors.shape)
        origin[:] = np.average(vectors, axis=0, weights=weight if weight.any() else None)
        if (prior := priors[table]) is not None:
            origin = np.where(np.isnan(prior), origin, prior)
            # A given space keeps its angles: all its axes are scaled like the one most used.
            axes = np.linalg.norm(axes[0]) * np.eye(len(axes))
        start = (vectors - origin) @ np.linalg.inv(axes)
        start[weight < _FREQUENT] = 0
        bases.append(Basis(origin, axes, np.zeros(vectors.shape)))
        trained.append(replace(bases[-1], start=start))
    return bases, trained


def _axes(variation: Array) -> Array:
    """Rows along which a step of 1 changes the raw prediction by 1, the most used first."""
    if not variation.size:
        return variation
    values, directions = np.linalg.eigh(variation)
    values, directions = values[::-1], directions[:, ::-1]
    # The sign of an eigenvector is arbitrary: fix it, so that it does not depend on the machine.
    largest = np.abs(directions).argmax(axis=0)
    directions = directions * np.sign(directions[largest, np.arange(len(values))])
    scale = np.sqrt(np.maximum(values, _LEAST_VARIATION**2 * max(values[0], 1e-12)))
    return (directions / scale).T


def penalties_of(pseudo_counts: Sequence[float], curvature: Array) -> Array:
    """What holds the coordinates of each table back: every pseudo-count is one more row at 0, with
    the mean ``curvature`` that the loss has at the best constant prediction.
    """
    return np.maximum(pseudo_counts, _LEAST_PSEUDO_COUNT) * curvature.mean()


def sum_of_penalties(
    penalties: Array, coordinates: Sequence[Array], counts: Sequence[Array]
) -> float:
    """What the coordinates of all tables cost, beside the losses of the rows."""
    # Codes without rows are filled in, and cost nothing.
    pairs = zip(coordinates, counts, strict=True)
    squares = [np.einsum("nd,nd,n->", c, c, own > 0) for c, own in pairs]
    return 0.5 * float(penalties @ squares)
