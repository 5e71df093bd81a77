"""Learn the tables again while the upper network rests, from any part of the rows, in one common
space.

Training shapes the whole network, but the vectors it leaves behind depend on the path that
stochastic steps took, and cannot be compared with those of another run. Here they get a definition
instead. With the layers above frozen, every category starts at its table's mean vector and takes
three Gauss-Newton steps towards the penalised optimum of the loss over its rows. A second call with
fewer rows starts at the same place and moves through the same network, so its vectors live in the
same space: this is what out-of-fold vectors need. The start is not the trained vector, because that
tells what the rows were which a fold leaves out.

A pure interaction is flat at the mean and would never be found from there. Where the steps explain
clearly less than the trained network does, frequent categories, which hardly depend on any one row,
start at their trained vectors instead.

The coordinates are those in which the prediction varies equally along each axis on average over the
rows, ordered from the direction that mattered most in training. Swapping a category for one at
distance 1 changes the raw prediction by about 1 (root mean square), and ``m`` pseudo-counts shrink
a vector seen in ``n`` rows by ``n / (n + m)`` where its coordinates do not interact, as they would
an intercept.

References: Fletcher 1987, "Practical Methods of Optimization", chapter 6 (Gauss-Newton); Green
1984, doi:10.1111/j.2517-6161.1984.tb01288.x (iteratively reweighted least squares).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ._bags import NO_BAGS, Bags, count
from ._linearised import Linearised, curvature_of, row_weight
from ._network import Architecture, Data, Network, Parameters, table_views

Array = NDArray[np.floating]
Codes = NDArray[np.int32]

N_STEPS = 3
N_SWEEPS = 2
# Shares of a step that are tried: a full one may overshoot where the network bends.
STEP_SHARES = (1.0, 0.5, 0.25, 0.1)
# A category of at least so many rows may start at its trained vector.
_FREQUENT = 50
# Starts at the mean must end with this share of what the trained network explains.
ENOUGH = 0.9
# Directions in which the prediction varies less than this share of the strongest are not stretched
# further.
_LEAST_VARIATION = 0.1
# Without a penalty a category of fewer rows than coordinates has no solution.
LEAST_PSEUDO_COUNT = 1e-6


@dataclass(frozen=True)
class Basis:
    """Coordinates of one table, ``vectors = origin + coordinates @ axes``.

    Attributes
    ----------
    origin : ndarray of shape (n_codes, width)
        Where every code is pulled to: the table's mean vector, or one that was given for the code.
    axes : ndarray of shape (width, width)
    start : ndarray of shape (n_codes, width)
        The coordinates that learning starts from.
    """

    origin: Array
    axes: Array
    start: Array


def find_bases(
    network: Network,
    parameters: Parameters,
    data: Data,
    codes: Codes,
    pseudo_counts: Sequence[float],
    priors: Sequence[Array | None],
    bags: Mapping[int, Bags] = NO_BAGS,
) -> list[Basis]:
    """A basis for each table, from the sensitivity of the trained network to its vectors.

    ``codes`` are those of ``data`` before they were placed in stacks, ``(n, n_columns)``, with the
    ``bags`` of some columns; ``priors`` are given vectors of a table's codes, NaN for codes that
    have none.
    """
    counts = [np.zeros(n) for n in network.architecture.n_codes]
    for j, table in enumerate(network.architecture.columns):
        counts[table] += count(codes[:, j], bags.get(j), len(counts[table]), row_weight(data))
    variation = sum_variation(network, parameters, data)
    bases, trained = make_bases(network.architecture, parameters, variation, counts, priors)
    problem = _Problem(network, parameters, bases, data, codes, pseudo_counts, bags=bags)
    return bases if _explains_enough(problem, parameters) else trained


def sum_variation(
    network: Network, parameters: Parameters, data: Data
) -> list[NDArray[np.float64]]:
    """How the prediction varies with the vectors of each table, ``(width, width)``, summed over the
    rows, and the weight of all rows at the end, ``(1, 1)``.
    """
    raw, gradients = network.input_gradients(parameters, data)
    weight = curvature_of(network, raw, data) * row_weight(data)[:, None]
    architecture = network.architecture
    sums = [np.zeros((width, width)) for width in architecture.embedding_dims]
    for part, table in zip(architecture.input_slices(), architecture.columns, strict=True):
        for k, g in enumerate(gradients):
            sums[table] += (g[:, part] * weight[:, k, None]).T @ g[:, part]
    return [*sums, weight.sum().reshape(1, 1)]


def make_bases(
    architecture: Architecture,
    parameters: Parameters,
    variation: Sequence[Array],
    counts: Sequence[Array],
    priors: Sequence[Array | None],
) -> tuple[list[Basis], list[Basis]]:
    """A basis for each table that starts at its mean, and one that starts at trained vectors.

    ``variation`` is what :func:`sum_variation` adds up, ``counts`` the weight of each code's rows.
    """
    bases, trained = [], []
    for table, vectors in enumerate(table_views(architecture, parameters)):
        n_terms = architecture.columns.count(table) / architecture.n_outputs
        axes = _axes(variation[table] / (variation[-1] * n_terms))
        origin = np.empty(vectors.shape)
        weights = counts[table] if counts[table].any() else None
        origin[:] = np.average(vectors, axis=0, weights=weights)
        if (prior := priors[table]) is not None:
            origin = np.where(np.isnan(prior), origin, prior)
            # A given space keeps its angles: all its axes are scaled like the one most used.
            axes = np.linalg.norm(axes[0]) * np.eye(len(axes))
        start = (vectors - origin) @ np.linalg.inv(axes)
        start[counts[table] < _FREQUENT] = 0
        bases.append(Basis(origin, axes, np.zeros(vectors.shape)))
        trained.append(replace(bases[-1], start=start))
    return bases, trained


def _explains_enough(problem: _Problem, trained: Mapping[str, Array]) -> bool:
    """Whether learning from the mean comes near to what the trained network explains."""
    constant = problem.objective([basis.start for basis in problem.bases])
    reached = problem.objective(problem.solve())
    goal = problem.loss(trained)
    return constant - reached >= ENOUGH * (constant - goal)


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


def relearn(
    network: Network,
    parameters: Parameters,
    bases: Sequence[Basis],
    data: Data,
    codes: Codes,
    pseudo_counts: Sequence[float],
    frozen: Sequence[bool],
    bags: Mapping[int, Bags] = NO_BAGS,
) -> list[Array]:
    """Coordinates of all tables, ``(n_codes, width)`` each, learned from the rows of ``data``.

    The unknown code learns from rows of rare categories, each with the weight ``1 / (1 + count)``;
    a code without rows gets the unknown coordinates.

    Parameters
    ----------
    network, parameters
        The trained network; nothing of it is changed.
    bases : list of Basis
        One per table.
    data : Data
        Rows to learn from.
    codes : ndarray of shape (n, n_columns)
        Their codes before they were placed in stacks.
    pseudo_counts : sequence of float
        Rows at the mean vector that every category of a table is given beside its own.
    frozen : sequence of bool
        Tables that keep their trained vectors.
    bags : dict of Bags
        By column: its codes are bags of codes.
    """
    return _Problem(network, parameters, bases, data, codes, pseudo_counts, frozen, bags).solve()


class _Problem:
    """The penalised loss as a function of the coordinates of all tables."""

    def __init__(
        self,
        network: Network,
        parameters: Parameters,
        bases: Sequence[Basis],
        data: Data,
        codes: Codes,
        pseudo_counts: Sequence[float],
        frozen: Sequence[bool] | None = None,
        bags: Mapping[int, Bags] = NO_BAGS,
    ) -> None:
        self._network = network
        self.bases = bases
        self._data = data
        self._codes = codes
        self._bags = bags
        self._frozen = [False] * len(bases) if frozen is None else frozen
        self._moving = dict(parameters)
        for stack in network.stacks:
            self._moving[stack.name] = parameters[stack.name].copy()
        self._views = table_views(network.architecture, self._moving)
        n_outputs = network.architecture.n_outputs
        constant = network.loss.baseline(data.y, row_weight(data), n_outputs)
        # What one pseudo-count weighs: the mean curvature of a row at the best constant.
        curvature = network.loss.curvature(constant[None, :].astype(np.float64))
        self._penalties = np.maximum(pseudo_counts, LEAST_PSEUDO_COUNT) * curvature.mean()
        # Codes without rows are filled in, and cost nothing.
        self._seen = [np.zeros(len(basis.start), dtype=bool) for basis in bases]
        for j, table in enumerate(network.architecture.columns):
            self._seen[table] |= count(codes[:, j], bags.get(j), len(self._seen[table])) > 0

    def _place(self, coordinates: Sequence[Array]) -> None:
        for table, (view, basis) in enumerate(zip(self._views, self.bases, strict=True)):
            if not self._frozen[table]:
                view[...] = basis.origin + coordinates[table] @ basis.axes

    def loss(self, parameters: Mapping[str, Array]) -> float:
        """Sum of the loss over the rows."""
        raw = self._network.raw_prediction(parameters, self._data)
        return float(self._network.loss.rows(raw, self._data.y)[0] @ row_weight(self._data))

    def objective(self, coordinates: Sequence[Array]) -> float:
        """Sum of the loss over the rows, and the penalty."""
        self._place(coordinates)
        squares = [np.sum(c[seen] ** 2) for c, seen in zip(coordinates, self._seen, strict=True)]
        return self.loss(self._moving) + 0.5 * float(self._penalties @ squares)

    def solve(self) -> list[Array]:
        """Coordinates after all steps."""
        present = [basis.start for basis in self.bases]
        axes = [basis.axes for basis in self.bases]
        for _ in range(N_STEPS):
            self._place(present)
            step = Linearised(
                self._network, self._moving, axes, self._data, self._codes, self._bags, present
            )
            wanted = list(present)
            for _ in range(N_SWEEPS):
                for table in range(len(self.bases)):
                    if not self._frozen[table]:
                        wanted[table] = step.solve(table, self._penalties[table])
            tried: list[list[Array]] = [
                [a + share * (b - a) for a, b in zip(present, wanted, strict=True)]
                for share in STEP_SHARES
            ]
            present = min(tried, key=self.objective)
        return present
