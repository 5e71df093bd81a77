"""The loss around the present vectors as weighted least squares in their coordinates, and its
solution table by table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ._bags import Bags, add_up, count, gather
from ._network import Data, Network
from ._solve import solve_symmetric

Array = NDArray[np.floating]
Codes = NDArray[np.int32]

# Bags tie their categories together: those of a table are then solved for by so many steps.
_N_SOLVER_STEPS = 10
# What is added to a diagonal at least, as a share of its sum, so that a matrix can be inverted.
_LEAST_CONDITION = 1e-12

UNKNOWN = 0


def row_weight(data: Data) -> NDArray[np.float64]:
    return np.ones(len(data)) if data.weight is None else data.weight.astype(np.float64)


def curvature_of(network: Network, raw: Array, data: Data) -> NDArray[np.float64]:
    """Curvature of the loss of each row and output, ``(n, n_outputs)``.

    It is kept above the curvature at the best constant prediction: where the network is sure, the
    true one is tiny and a Gauss-Newton step would overshoot.
    """
    constant = network.loss.baseline(data.y, row_weight(data), raw.shape[1]).astype(np.float64)
    return np.maximum(
        network.loss.curvature(raw.astype(np.float64)), network.loss.curvature(constant[None, :])
    )


class Linearised:
    """The linearised loss.

    Parameters
    ----------
    network, parameters
        The network at the present vectors.
    axes : list of ndarray of shape (width, width)
        Of each table's coordinates.
    data : Data
        The rows.
    codes, bags
        Their codes before they were placed in stacks, and the bags of some columns.
    coordinates : list of ndarray of shape (n_codes, width)
        The present ones of each table.
    """

    def __init__(
        self,
        network: Network,
        parameters: Mapping[str, Array],
        axes: Sequence[Array],
        data: Data,
        codes: Codes,
        bags: Mapping[int, Bags],
        coordinates: Sequence[Array],
    ) -> None:
        architecture = network.architecture
        raw, gradients = network.input_gradients(parameters, data)
        curvature = curvature_of(network, raw, data)
        self._row_weight = row_weight(data)
        self._weight = curvature * self._row_weight[:, None]
        # What is still missing from each raw prediction, were the loss quadratic.
        self._residual = -network.loss.rows(raw, data.y)[1] / curvature
        self._coordinates = list(coordinates)
        self._columns: list[list[int]] = [[] for _ in axes]
        for j, table in enumerate(architecture.columns):
            self._columns[table].append(j)
        self._codes = codes
        self._bags = bags
        slices = architecture.input_slices()
        # slopes[j][k]: gradient of output k by the coordinates of column j, (n, width).
        self._slopes = [
            [g[:, slices[j]].astype(np.float64) @ axes[t].T for g in gradients]
            for j, t in enumerate(architecture.columns)
        ]
        self._normal = [self._normal_matrices(t) for t in range(len(axes))]

    def _moments(self, column: int, wanted: Array, n_codes: int) -> Array:
        """Sum of the slopes per code, times what is wanted of the outputs of each row."""
        moments = np.zeros((len(wanted), self._slopes[column][0].shape[1]))
        for k, slope in enumerate(self._slopes[column]):
            moments += wanted[:, k, None] * slope
        return add_up(moments, self._codes[:, column], self._bags.get(column), n_codes)

    def _counts(self, table: int) -> Array:
        """Weight of the rows that hold each code."""
        counts = np.zeros(len(self._coordinates[table]))
        for j in self._columns[table]:
            counts += count(self._codes[:, j], self._bags.get(j), len(counts), self._row_weight)
        return counts

    def _normal_matrices(self, table: int) -> Array:
        """Sum of weighted outer products of the slopes per code, ``(n_codes, width, width)``."""
        n_codes, width = self._coordinates[table].shape
        upper = np.triu_indices(width)
        total = np.zeros((n_codes, len(upper[0])))
        for j in self._columns[table]:
            products = np.zeros((len(self._codes), len(upper[0])))
            for k, slope in enumerate(self._slopes[j]):
                products += self._weight[:, k, None] * slope[:, upper[0]] * slope[:, upper[1]]
            bags = self._bags.get(j)
            squares = None if bags is None else replace(bags, shares=bags.shares**2)
            total += add_up(products, self._codes[:, j], squares, n_codes)
        normal = np.empty((n_codes, width, width))
        normal[:, upper[0], upper[1]] = total
        normal[:, upper[1], upper[0]] = total
        return normal

    def _contribution(self, column: int, coordinates: Array) -> Array:
        """What a column's coordinates add to the raw predictions, ``(n, n_outputs)``."""
        rows = gather(coordinates, self._codes[:, column], self._bags.get(column))
        parts = [np.einsum("nd,nd->n", slope, rows) for slope in self._slopes[column]]
        return np.stack(parts, axis=1)

    def solve(self, table: int, penalty: float) -> Array:
        """Best coordinates of one table while the others stay."""
        columns, present = self._columns[table], self._coordinates[table]
        if any(j in self._bags for j in columns):
            return self._solve_bags(table, penalty)
        solved = ridge(
            len(columns) * self._normal[table],
            self.sum_moments(table),
            self._counts(table),
            penalty,
        )
        self._coordinates[table] = solved
        for j in columns:
            self._residual -= self._contribution(j, solved - present)
        return solved

    def sum_moments(self, table: int) -> Array:
        """Right-hand side of the equations of each code of a table without bags, ``(n_codes,
        width)``.
        """
        columns, present = self._columns[table], self._coordinates[table]
        right = np.zeros(present.shape)
        # Columns that share a table move at once: each may close its part of the gap, or else
        # together they would overshoot.
        parts = len(columns)
        for j in columns:
            before = self._contribution(j, present)
            wanted = self._weight * (self._residual + parts * before)
            right += self._moments(j, wanted, len(right))
        return right

    def sum_products(self) -> list[Array]:
        """Left-hand side of these equations for each table, ``(n_codes, width, width)``."""
        return [
            len(columns) * normal
            for columns, normal in zip(self._columns, self._normal, strict=True)
        ]

    def moved(self, coordinates: Sequence[Array | None]) -> Linearised:
        """The same linear model with some tables elsewhere; those of None stay."""
        other = copy(self)
        other._coordinates = list(self._coordinates)
        other._residual = self._residual.copy()
        for table, there in enumerate(coordinates):
            if there is not None:
                other._coordinates[table] = there
                for j in self._columns[table]:
                    other._residual -= self._contribution(j, there - self._coordinates[table])
        return other

    def __sizeof__(self) -> int:
        # What a scheduler weighs before it moves this to another machine.
        slopes = sum(slope.nbytes for column in self._slopes for slope in column)
        return slopes + sum(normal.nbytes for normal in self._normal) + self._weight.nbytes

    def _solve_bags(self, table: int, penalty: float) -> Array:
        """The same where the categories of a bag share one prediction and have to be found
        together.
        """
        columns, present = self._columns[table], self._coordinates[table]
        normal, counts = self._normal[table], self._counts(table)
        blocks = np.linalg.inv(_penalised(normal, penalty))

        def contribution(coordinates: Array) -> Array:
            parts = [self._contribution(j, coordinates) for j in columns]
            return np.sum(parts, axis=0, dtype=np.float64)

        def moments(residual: Array) -> Array:
            wanted = self._weight * residual
            parts = [self._moments(j, wanted, len(present)) for j in columns]
            return np.sum(parts, axis=0, dtype=np.float64)

        step = solve_symmetric(
            lambda x: moments(contribution(x)) + penalty * x,
            moments(self._residual) - penalty * present,
            lambda x: np.einsum("ncd,nd->nc", blocks, x),
            np.zeros(present.shape),
            _N_SOLVER_STEPS,
        )
        # What is left for each category once all others have had their part.
        solved = present + step
        left = moments(self._residual - contribution(step))
        left += np.einsum("ncd,nd->nc", normal, solved)
        solved[UNKNOWN] = ridge(normal, left, counts, penalty)[UNKNOWN]
        solved[counts == 0] = solved[UNKNOWN]
        self._coordinates[table] = solved
        self._residual += contribution(present - solved)
        return solved


def _penalised(normal: Array, penalty: float) -> Array:
    """The normal matrices with the penalty on their diagonals."""
    strength = np.maximum(penalty, _LEAST_CONDITION * np.trace(normal, axis1=1, axis2=2))
    return normal + strength[:, None, None] * np.eye(normal.shape[1])


def ridge(normal: Array, right: Array, counts: Array, penalty: float) -> Array:
    """Penalised solution per code; the unknown code learns from the rare ones, and stands in for
    the unseen.
    """
    # A category that was seen once is the best model of one that was never seen.
    rarity = np.where(counts > 0, 1 / (1 + counts), 0)
    rarity[UNKNOWN] = 1
    normal, right = normal.copy(), right.copy()
    normal[UNKNOWN] = np.tensordot(rarity, normal, axes=1)
    right[UNKNOWN] = rarity @ right
    solved = np.linalg.solve(_penalised(normal, penalty), right[:, :, None])[:, :, 0]
    unseen = counts == 0
    unseen[UNKNOWN] = False
    solved[unseen] = solved[UNKNOWN]
    return solved
