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

from ._network import Data, Network, Parameters, table_views
from ._rows import sum_by_row

Array = NDArray[np.floating]
Codes = NDArray[np.int32]

_N_STEPS = 3
_N_SWEEPS = 2
# Shares of a step that are tried: a full one may overshoot where the network bends.
_STEP_SHARES = (1.0, 0.5, 0.25, 0.1)
# A category of at least so many rows may start at its trained vector.
_FREQUENT = 50
# Starts at the mean must end with this share of what the trained network explains.
_ENOUGH = 0.9
# Directions in which the prediction varies less than this share of the strongest are not stretched
# further.
_LEAST_VARIATION = 0.1
# Without a penalty a category of fewer rows than coordinates has no solution.
_LEAST_PSEUDO_COUNT = 1e-6
# What is added to a diagonal at least, as a share of its sum, so that a matrix can be inverted.
_LEAST_CONDITION = 1e-12

UNKNOWN = 0


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
) -> list[Basis]:
    """A basis for each table, from the sensitivity of the trained network to its vectors.

    ``codes`` are those of ``data`` before they were placed in stacks, ``(n, n_columns)``;
    ``priors`` are given vectors of a table's codes, NaN for codes that have none.
    """
    raw, gradients = network.input_gradients(parameters, data)
    weight = _curvature(network, raw, data) * _row_weight(data)[:, None]
    slices = network.architecture.input_slices()
    bases, trained = [], []
    for table, vectors in enumerate(table_views(network.architecture, parameters)):
        columns = [j for j, t in enumerate(network.architecture.columns) if t == table]
        counts = sum(np.bincount(codes[:, j], _row_weight(data), len(vectors)) for j in columns)
        variation = sum(
            (g[:, slices[j]] * weight[:, k, None]).T @ g[:, slices[j]]
            for j in columns
            for k, g in enumerate(gradients)
        ) / (weight.sum() * len(columns) / len(gradients))
        axes = _axes(np.asarray(variation, dtype=np.float64))
        origin = np.empty(vectors.shape)
        origin[:] = np.average(vectors, axis=0, weights=counts)
        if (prior := priors[table]) is not None:
            origin = np.where(np.isnan(prior), origin, prior)
            # A given space keeps its angles: all its axes are scaled like the one most used.
            axes = np.linalg.norm(axes[0]) * np.eye(len(axes))
        start = (vectors - origin) @ np.linalg.inv(axes)
        start[counts < _FREQUENT] = 0
        bases.append(Basis(origin, axes, np.zeros(vectors.shape)))
        trained.append(replace(bases[-1], start=start))
    problem = _Problem(network, parameters, bases, data, codes, pseudo_counts)
    return bases if _explains_enough(problem, parameters) else trained


def _explains_enough(problem: _Problem, trained: Mapping[str, Array]) -> bool:
    """Whether learning from the mean comes near to what the trained network explains."""
    constant = problem.objective([basis.start for basis in problem.bases])
    reached = problem.objective(problem.solve())
    goal = problem.loss(trained)
    return constant - reached >= _ENOUGH * (constant - goal)


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
    """
    return _Problem(network, parameters, bases, data, codes, pseudo_counts, frozen).solve()


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
    ) -> None:
        self._network = network
        self.bases = bases
        self._data = data
        self._codes = codes
        self._frozen = [False] * len(bases) if frozen is None else frozen
        self._moving = dict(parameters)
        for stack in network.stacks:
            self._moving[stack.name] = parameters[stack.name].copy()
        self._views = table_views(network.architecture, self._moving)
        n_outputs = network.architecture.n_outputs
        constant = network.loss.baseline(data.y, _row_weight(data), n_outputs)
        # What one pseudo-count weighs: the mean curvature of a row at the best constant.
        curvature = network.loss.curvature(constant[None, :].astype(np.float64))
        self._penalties = np.maximum(pseudo_counts, _LEAST_PSEUDO_COUNT) * curvature.mean()
        # Codes without rows are filled in, and cost nothing.
        self._seen = [np.zeros(len(basis.start), dtype=bool) for basis in bases]
        for j, table in enumerate(network.architecture.columns):
            self._seen[table][codes[:, j]] = True

    def _place(self, coordinates: Sequence[Array]) -> None:
        for table, (view, basis) in enumerate(zip(self._views, self.bases, strict=True)):
            if not self._frozen[table]:
                view[...] = basis.origin + coordinates[table] @ basis.axes

    def loss(self, parameters: Mapping[str, Array]) -> float:
        """Sum of the loss over the rows."""
        raw = self._network.raw_prediction(parameters, self._data)
        return float(self._network.loss.rows(raw, self._data.y)[0] @ _row_weight(self._data))

    def objective(self, coordinates: Sequence[Array]) -> float:
        """Sum of the loss over the rows, and the penalty."""
        self._place(coordinates)
        squares = [np.sum(c[seen] ** 2) for c, seen in zip(coordinates, self._seen, strict=True)]
        return self.loss(self._moving) + 0.5 * float(self._penalties @ squares)

    def solve(self) -> list[Array]:
        """Coordinates after all steps."""
        present = [basis.start for basis in self.bases]
        for _ in range(_N_STEPS):
            self._place(present)
            step = _Linearised(
                self._network, self._moving, self.bases, self._data, self._codes, present
            )
            wanted = list(present)
            for _ in range(_N_SWEEPS):
                for table in range(len(self.bases)):
                    if not self._frozen[table]:
                        wanted[table] = step.solve(table, self._penalties[table])
            tried: list[list[Array]] = [
                [a + share * (b - a) for a, b in zip(present, wanted, strict=True)]
                for share in _STEP_SHARES
            ]
            present = min(tried, key=self.objective)
        return present


def _row_weight(data: Data) -> NDArray[np.float64]:
    return np.ones(len(data)) if data.weight is None else data.weight.astype(np.float64)


def _curvature(network: Network, raw: Array, data: Data) -> NDArray[np.float64]:
    """Curvature of the loss of each row and output, ``(n, n_outputs)``.

    It is kept above the curvature at the best constant prediction: where the network is sure, the
    true one is tiny and a Gauss-Newton step would overshoot.
    """
    constant = network.loss.baseline(data.y, _row_weight(data), raw.shape[1]).astype(np.float64)
    return np.maximum(
        network.loss.curvature(raw.astype(np.float64)), network.loss.curvature(constant[None, :])
    )


class _Linearised:
    """The loss around the present vectors as weighted least squares in the coordinates."""

    def __init__(
        self,
        network: Network,
        parameters: Mapping[str, Array],
        bases: Sequence[Basis],
        data: Data,
        codes: Codes,
        coordinates: Sequence[Array],
    ) -> None:
        architecture = network.architecture
        raw, gradients = network.input_gradients(parameters, data)
        curvature = _curvature(network, raw, data)
        self._row_weight = _row_weight(data)
        self._weight = curvature * self._row_weight[:, None]
        # What is still missing from each raw prediction, were the loss quadratic.
        self._residual = -network.loss.rows(raw, data.y)[1] / curvature
        self._coordinates = list(coordinates)
        self._columns: list[list[int]] = [[] for _ in bases]
        for j, table in enumerate(architecture.columns):
            self._columns[table].append(j)
        self._codes = codes
        slices = architecture.input_slices()
        # slopes[j][k]: gradient of output k by the coordinates of column j, (n, width).
        self._slopes = [
            [g[:, slices[j]].astype(np.float64) @ bases[t].axes.T for g in gradients]
            for j, t in enumerate(architecture.columns)
        ]
        self._normal = [self._normal_matrices(t) for t in range(len(bases))]

    def _sum(self, column: int, values: Array, n_codes: int) -> Array:
        return sum_by_row(self._codes[:, column], values, n_codes)

    def _normal_matrices(self, table: int) -> Array:
        """Sum of weighted outer products of the slopes per code, ``(n_codes, width, width)``."""
        n_codes, width = self._coordinates[table].shape
        upper = np.triu_indices(width)
        total = np.zeros((n_codes, len(upper[0])))
        for j in self._columns[table]:
            products = np.zeros((len(self._codes), len(upper[0])))
            for k, slope in enumerate(self._slopes[j]):
                products += self._weight[:, k, None] * slope[:, upper[0]] * slope[:, upper[1]]
            total += self._sum(j, products, n_codes)
        normal = np.empty((n_codes, width, width))
        normal[:, upper[0], upper[1]] = total
        normal[:, upper[1], upper[0]] = total
        return normal

    def _contribution(self, column: int, coordinates: Array) -> Array:
        """What a column's coordinates add to the raw predictions, ``(n, n_outputs)``."""
        rows = coordinates[self._codes[:, column]]
        parts = [np.einsum("nd,nd->n", slope, rows) for slope in self._slopes[column]]
        return np.stack(parts, axis=1)

    def solve(self, table: int, penalty: float) -> Array:
        """Best coordinates of one table while the others stay."""
        columns, present = self._columns[table], self._coordinates[table]
        n_codes, width = present.shape
        right, counts = np.zeros((n_codes, width)), np.zeros(n_codes)
        before = {j: self._contribution(j, present) for j in columns}
        # Columns that share a table move at once: each may close its part of the gap, or else
        # together they would overshoot.
        parts = len(columns)
        for j in columns:
            wanted = self._weight * (self._residual + parts * before[j])
            moments = np.zeros((len(wanted), width))
            for k, slope in enumerate(self._slopes[j]):
                moments += wanted[:, k, None] * slope
            right += self._sum(j, moments, n_codes)
            counts += np.bincount(self._codes[:, j], self._row_weight, n_codes)
        solved = _ridge(parts * self._normal[table], right, counts, penalty)
        self._coordinates[table] = solved
        for j in columns:
            self._residual += before[j] - self._contribution(j, solved)
        return solved


def _ridge(normal: Array, right: Array, counts: Array, penalty: float) -> Array:
    """Penalised solution per code; the unknown code learns from the rare ones, and stands in for
    the unseen.
    """
    # A category that was seen once is the best model of one that was never seen.
    rarity = np.where(counts > 0, 1 / (1 + counts), 0)
    rarity[UNKNOWN] = 1
    normal, right = normal.copy(), right.copy()
    normal[UNKNOWN] = np.tensordot(rarity, normal, axes=1)
    right[UNKNOWN] = rarity @ right
    size = np.trace(normal, axis1=1, axis2=2)
    strength = np.maximum(penalty, _LEAST_CONDITION * size)
    normal += strength[:, None, None] * np.eye(right.shape[1])
    solved = np.linalg.solve(normal, right[:, :, None])[:, :, 0]
    unseen = counts == 0
    unseen[UNKNOWN] = False
    solved[unseen] = solved[UNKNOWN]
    return solved
