"""The loss around the present vectors as weighted least squares in their coordinates, and its
solution table by table.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ._bags import Bags, add_up, count, gather
from ._network import Data, Network
from ._rows import distinct_rows, sum_by_row
from ._solve import solve_symmetric

Array = NDArray[np.floating]
Codes = NDArray[np.int32]

# Bags tie their categories together: those of a table are then solved for by so many steps.
_N_SOLVER_STEPS = 10
# What is added to a diagonal at least, as a share of its sum, so that a matrix can be inverted.
_LEAST_CONDITION = 1e-12

# Rows that are worked on at a time, and how many numbers of each.
_PART = 2**14
_PART_WIDTH = 64

UNKNOWN = 0


def row_weight(data: Data) -> NDArray[np.float64]:
    return np.ones(len(data)) if data.weight is None else data.weight.astype(np.float64)


def least_curvature(network: Network, data: Data) -> NDArray[np.float64]:
    """What the curvature of a row's loss is kept above, ``(1, n_outputs)``: the curvature at the
    best constant prediction.

    Where the network is sure, the true one is tiny and a Gauss-Newton step would overshoot.
    """
    n_outputs = network.architecture.n_outputs
    constant = network.loss.baseline(data.y, row_weight(data), n_outputs).astype(np.float64)
    return network.loss.curvature(constant[None, :])


def gradients_by_part(
    network: Network, parameters: Mapping[str, Array], data: Data
) -> Iterator[tuple[slice, Array, NDArray[np.float64], list[Array]]]:
    """Part by part of the rows, which bounds the memory: the rows, their raw predictions and
    curvatures, and the gradient of each output by the vectors.
    """
    least = least_curvature(network, data)
    for start in range(0, len(data), _PART):
        rows = slice(start, min(start + _PART, len(data)))
        raw, gradients = network.input_gradients(parameters, data.take(rows))
        curvature = np.maximum(network.loss.curvature(raw.astype(np.float64)), least)
        yield rows, raw, curvature, gradients


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
        slices, n_outputs = architecture.input_slices(), architecture.n_outputs
        dtype = parameters["dense"].dtype
        raw = np.empty((len(data), n_outputs), dtype)
        curvature = np.empty(raw.shape)
        # slopes[j][k]: gradient of output k by the coordinates of column j, (n, width).
        self._slopes = [
            [np.empty((len(data), len(axes[t])), dtype) for _ in range(n_outputs)]
            for t in architecture.columns
        ]
        for rows, raw[rows], curvature[rows], gradients in gradients_by_part(
            network, parameters, data
        ):
            for j, t in enumerate(architecture.columns):
                for k, gradient in enumerate(gradients):
                    self._slopes[j][k][rows] = gradient[:, slices[j]] @ axes[t].T
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
        """Upper triangles of the sums of weighted outer products of the slopes per code,
        ``(n_codes, width * (width + 1) / 2)``.
        """
        n_codes, width = self._coordinates[table].shape
        first, second = np.triu_indices(width)
        total = np.zeros((n_codes, len(first)))
        scratch = np.empty(n_codes, dtype=np.intp)
        n_rows = max(_PART * _PART_WIDTH // max(len(first), 1), 1)
        for j in self._columns[table]:
            bags = self._bags.get(j)
            if bags is not None:
                # Bags hold the codes of many rows together, and are added up over all of them.
                squares = replace(bags, shares=bags.shares**2)
                products = self._products(j, slice(None), first, second)
                total += add_up(products, self._codes[:, j], squares, n_codes)
                continue
            for start in range(0, len(self._codes), n_rows):
                rows = slice(start, start + n_rows)
                seen, places = distinct_rows(self._codes[rows, j], scratch)
                products = self._products(j, rows, first, second)
                total[seen] += sum_by_row(places, products, len(seen))
        return total

    def _products(
        self, column: int, rows: slice, first: NDArray[np.intp], second: NDArray[np.intp]
    ) -> Array:
        """Weighted products of the slopes of some rows by pairs of coordinates, over outputs."""
        products = np.zeros((len(self._codes[rows]), len(first)))
        for k, slope in enumerate(self._slopes[column]):
            own = slope[rows]
            products += self._weight[rows, k, None] * own[:, first] * own[:, second]
        return products

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
        before = {j: self._contribution(j, present) for j in columns}
        right = self._right_side(table, before)
        solved = ridge(self._normal[table], right, self._counts(table), penalty, len(columns))
        self._coordinates[table] = solved
        for j in columns:
            self._residual += before[j] - self._contribution(j, solved)
        return solved

    def _right_side(self, table: int, before: Mapping[int, Array]) -> Array:
        """Of the equations of each code, from what the table's columns contribute at present."""
        right = np.zeros(self._coordinates[table].shape)
        # Columns that share a table move at once: each may close its part of the gap, or else
        # together they would overshoot.
        parts = len(before)
        for j, own in before.items():
            wanted = self._weight * (self._residual + parts * own)
            right += self._moments(j, wanted, len(right))
        return right

    def _solve_bags(self, table: int, penalty: float) -> Array:
        """The same where the categories of a bag share one prediction and have to be found
        together.
        """
        columns, present = self._columns[table], self._coordinates[table]
        normal, counts = _square(self._normal[table]), self._counts(table)
        blocks = np.linalg.inv(penalised(normal, penalty))

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
        solved[UNKNOWN] = ridge(self._normal[table], left, counts, penalty)[UNKNOWN]
        solved[counts == 0] = solved[UNKNOWN]
        self._coordinates[table] = solved
        self._residual += contribution(present - solved)
        return solved


def _square(upper: Array) -> Array:
    """Symmetric matrices ``(n, width, width)`` from their upper triangles, row by row."""
    width = (math.isqrt(8 * upper.shape[1] + 1) - 1) // 2
    first, second = np.triu_indices(width)
    square = np.empty((len(upper), width, width))
    square[:, first, second] = upper
    square[:, second, first] = upper
    return square


def penalised(normal: Array, penalty: float) -> Array:
    """The normal matrices with the penalty on their diagonals."""
    strength = np.maximum(penalty, _LEAST_CONDITION * np.trace(normal, axis1=-2, axis2=-1))
    return normal + strength[..., None, None] * np.eye(normal.shape[-1])


def ridge(normal: Array, right: Array, counts: Array, penalty: float, factor: float = 1.0) -> Array:
    """Penalised solution per code from the upper triangles of the normal matrices, times a factor;
    the unknown code learns from the rare ones, and stands in for the unseen.
    """
    # A category that was seen once is the best model of one that was never seen.
    rarity = np.where(counts > 0, 1 / (1 + counts), 0)
    rarity[UNKNOWN] = 1
    of_unknown, right = rarity @ normal, right.copy()
    right[UNKNOWN] = rarity @ right
    solved = np.empty_like(right)
    # Whole matrices of a few codes at a time: those of all would be many times the table.
    n_codes = max(_PART * _PART_WIDTH // max(right.shape[1], 1) ** 2, 1)
    for start in range(0, len(right), n_codes):
        part = slice(start, start + n_codes)
        upper = factor * normal[part]
        if start <= UNKNOWN < start + n_codes:
            upper[UNKNOWN - start] = factor * of_unknown
        matrices = penalised(_square(upper), penalty)
        solved[part] = np.linalg.solve(matrices, right[part, :, None])[:, :, 0]
    unseen = counts == 0
    unseen[UNKNOWN] = False
    solved[unseen] = solved[UNKNOWN]
    return solved
