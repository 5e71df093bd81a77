"""The loss around the present vectors as weighted least squares in their coordinates, and its
solution table by table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ._bags import Bags, BagSums
from ._memory import Buffers
from ._network import Data, Network
from ._parallel import in_halves, slices
from ._ridge import UNKNOWN, add_penalty, ridge, square, times
from ._solve import solve_symmetric

Array = NDArray[np.floating]
Codes = NDArray[np.integer]

# Bags tie their categories together: those of a table are then solved for by so many steps.
_N_SOLVER_STEPS = 10

# Rows that go through the network at a time, and those that are added up: what is made of them
# stays in the cache.
_NETWORK_PART = 2**10
_PART = 2**13
# Bytes of slopes, or as many times those of the codes, that are kept at least. Where those of all
# tables take more they are kept in half precision, and those of a few tables at a time are made
# again whenever they are needed.
_ROOM = 2**27
_ROOM_OF_CODES = 1.5

# So many rows tell as well as all how far to step, how the predictions vary, and where the first
# step leads: of more, rows at equal distances stand for the others.
_ENOUGH_ROWS = 2**20


def row_weight(data: Data) -> NDArray[np.float64]:
    if data.weight is None:
        return np.broadcast_to(1.0, len(data))
    return data.weight.astype(np.float64, copy=False)


def least_curvature(network: Network, data: Data) -> NDArray[np.float64]:
    """What the curvature of a row's loss is kept above, ``(1, n_outputs)``: the curvature at the
    best constant prediction.

    Where the network is sure, the true one is tiny and a Gauss-Newton step would overshoot.
    """
    n_outputs = network.architecture.n_outputs
    constant = network.loss.baseline(data.y, row_weight(data), n_outputs).astype(np.float64)
    return network.loss.curvature(constant[None, :])


def gradients_by_part(
    network: Network,
    parameters: Mapping[str, Array],
    data: Data,
    among: slice,
    to: Array | None = None,
    every: int = 1,
) -> Iterator[tuple[slice, Array, list[Array]]]:
    """Part by part of some rows, which bounds the memory: the rows, their raw predictions, and the
    gradient of each output by the vectors, multiplied by ``to`` if it is given. The next part takes
    the place of these arrays. ``every`` other part, and so on, may be enough.
    """
    buffers = Buffers()
    for rows in slices(among, _NETWORK_PART, every):
        yield rows, *network.input_gradients(parameters, data.take(rows), buffers, to)


def stride_of(n_rows: int) -> int:
    """Which of so many rows are enough: all, every other and so on."""
    return max(1, -(-n_rows // _ENOUGH_ROWS))


def curvature_of(network: Network, raw: Array, least: NDArray[np.float64]) -> NDArray[np.float64]:
    """Curvature of the loss of rows, ``(n, n_outputs)``."""
    return np.maximum(network.loss.curvature(raw.astype(np.float64)), least)


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
    counts : list of ndarray of shape (n_codes,)
        Weight of the rows that hold each code.
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
        counts: Sequence[Array],
    ) -> None:
        self._at = network, parameters, axes, data
        self._codes = codes
        self._bags = bags
        # For the many moments of a solution the sums over a column's bags have their matrices once.
        self._sums_of_bags = {
            j: BagSums(codes[:, j], own, len(coordinates[network.architecture.columns[j]]))
            for j, own in bags.items()
        }
        self._coordinates = list(coordinates)
        self._counts = counts
        self._columns: list[list[int]] = [[] for _ in axes]
        for j, table in enumerate(network.architecture.columns):
            self._columns[table].append(j)
        least = least_curvature(network, data)
        dtype, n_outputs = parameters["dense"].dtype, network.architecture.n_outputs
        numbers = [len(own) * len(of) for own, of in zip(axes, self._columns, strict=True)]
        room = max(_ROOM, _ROOM_OF_CODES * codes.nbytes) / max(len(data) * n_outputs, 1)
        if sum(numbers) * dtype.itemsize <= room:
            self._groups, kept = [list(range(len(axes)))], dtype
        else:
            self._groups, kept = _groups(numbers, room / 2), np.dtype(np.float16)
        most = max(sum(numbers[t] for t in group) for group in self._groups)
        self._kept = np.empty((most, n_outputs, len(data)), kept)
        # What is still missing from each raw prediction, were the loss quadratic.
        self._residual = np.empty((n_outputs, len(data)), dtype)
        self._weight = np.empty_like(self._residual)
        self._normal: dict[int, Array] = {}
        self._load(self._groups[0], least)

    def _load(self, group: Sequence[int], least: NDArray[np.float64] | None = None) -> None:
        """Make the slopes of a group of tables; with the ``least`` curvature what else is known of
        the rows, too.
        """
        network, parameters, axes, data = self._at
        inputs, weight = network.architecture.input_slices(), row_weight(data)
        columns = [(j, axes[table]) for table in group for j in self._columns[table]]
        starts = np.cumsum([0, *(len(own) for _, own in columns)]).tolist()
        # Where those of a column lie, ``(width, n_outputs, n)``: of each output by the coordinates.
        self._places = {
            j: slice(*ends) for (j, _), ends in zip(columns, pairwise(starts), strict=True)
        }
        to_axes = np.zeros((starts[-1], network.dense.n_wanted), parameters["dense"].dtype)
        for j, own in columns:
            to_axes[self._places[j], inputs[j]] = own

        def fill(among: slice) -> None:
            by_part = gradients_by_part(network, parameters, data, among, to_axes)
            for rows, raw, gradients in by_part:
                for k, gradient in enumerate(gradients):
                    self._kept[: len(to_axes), k, rows] = gradient.T
                if least is not None:
                    curvature = curvature_of(network, raw, least)
                    self._weight[:, rows] = (curvature * weight[rows, None]).T
                    gradient = network.loss.rows(raw, data.y[rows])[1]
                    self._residual[:, rows] = (-gradient / curvature).T

        in_halves(fill, len(data))

    def _slopes_of(self, table: int) -> list[tuple[int, Array]]:
        """The columns of a table and their slopes."""
        if not all(j in self._places for j in self._columns[table]):
            self._load(next(group for group in self._groups if table in group))
        return [(j, self._kept[self._places[j]]) for j in self._columns[table]]

    def _normal_of(self, table: int) -> Array:
        """Upper triangles of the sums of weighted outer products of the slopes per code,
        ``(width * (width + 1) / 2, n_codes)``.
        """
        if table not in self._normal:
            n_codes, width = self._coordinates[table].shape
            pairs = list(zip(*np.triu_indices(width), strict=True))
            self._normal[table] = np.zeros((len(pairs), n_codes))
            for j, slopes in self._slopes_of(table):
                squared = None
                if (bags := self._bags.get(j)) is not None:
                    squares = replace(bags, shares=bags.shares**2)
                    squared = BagSums(self._codes[:, j], squares, n_codes)

                def products(rows: slice, slopes: Array = slopes) -> Iterator[Array]:
                    own = slopes[..., rows].astype(np.float64)
                    weighted = own * self._weight[:, rows]
                    for a, b in pairs:
                        yield np.einsum("kn,kn->n", weighted[a], own[b])

                self._add_up(self._normal[table], j, squared, products)
        return self._normal[table]

    def _moments(self, table: int, residual: Array) -> Array:
        """Sum of the slopes per code, times the weighted residuals of the outputs,
        ``(width, n_codes)``.
        """
        total = np.zeros(self._coordinates[table].shape[::-1])
        for j, slopes in self._slopes_of(table):

            def moments(rows: slice, slopes: Array = slopes) -> Iterator[Array]:
                wanted = np.multiply(self._weight[:, rows], residual[:, rows], dtype=np.float64)
                for slope in slopes[..., rows].astype(np.float64):
                    yield np.einsum("kn,kn->n", wanted, slope)

            self._add_up(total, j, self._sums_of_bags.get(j), moments)
        return total

    def _add_up(
        self,
        total: Array,
        column: int,
        sums_of_bags: BagSums | None,
        values: Callable[[slice], Iterable[Array]],
    ) -> None:
        """Add to ``total``, ``(n_sums, n_codes)``, the ``values`` of rows, one array per sum, by
        their codes in a column.
        """
        codes = self._codes[:, column]
        if sums_of_bags is not None:
            # Bags hold the codes of many rows together, and are added up over all of them.
            for own, of_rows in zip(total, values(slice(0, len(codes))), strict=True):
                own += sums_of_bags(of_rows)
            return

        def add(among: slice) -> Array:
            sums = np.zeros_like(total) if among.start else total
            for rows in slices(among, _PART):
                own_codes = codes[rows].astype(np.intp)
                for own, of_rows in zip(sums, values(rows), strict=True):
                    np.add.at(own, own_codes, of_rows)
            return sums

        for of_second_half in in_halves(add, len(codes))[1:]:
            total += of_second_half

    def _contribution(self, column: int, of_codes: Array, rows: slice = slice(None)) -> Array:
        """What coordinates of the codes of a column, ``(n_codes, width)``, add to the raw
        predictions of rows, ``(n_outputs, n)``.
        """
        own = of_codes.take(self._codes[rows, column], axis=0)
        slopes = self._kept[self._places[column], :, rows].astype(own.dtype, copy=False)
        return np.einsum("dkn,nd->kn", slopes, own)

    def _move(self, table: int, there: Array) -> None:
        """Put a table elsewhere."""
        # Rows of an array that lies by columns could be taken of a copy alone.
        way = (there - self._coordinates[table]).astype(self._residual.dtype, order="C")
        self._coordinates[table] = there
        for j, _ in self._slopes_of(table):
            # Of whole bags, each once.
            of_codes = self._bags[j].pool(way) if j in self._bags else way

            def shift(among: slice, j: int = j, of_codes: Array = of_codes) -> None:
                for rows in slices(among, _PART):
                    self._residual[:, rows] -= self._contribution(j, of_codes, rows)

            in_halves(shift, len(self._codes))

    def solve(self, table: int, penalty: float) -> Array:
        """Best coordinates of one table while the others stay."""
        if any(j in self._bags for j in self._columns[table]):
            return self._solve_bags(table, penalty)
        normal, right = self._normal_of(table).T, self._right_side(table)
        n_columns = len(self._columns[table])
        solved = ridge(normal, right, self._counts[table], penalty, n_columns)
        self._move(table, solved)
        return solved

    def _right_side(self, table: int) -> Array:
        """Right-hand side of the equations of each code of a table without bags, ``(n_codes,
        width)``.
        """
        # Columns that share a table move at once: each may close its part of the gap, or else
        # together they would overshoot.
        present = self._coordinates[table].T
        own = times(self._normal_of(table), present) * len(self._columns[table])
        return (self._moments(table, self._residual) + own).T

    def _solve_bags(self, table: int, penalty: float) -> Array:
        """The same where the categories of a bag share one prediction and have to be found
        together.
        """
        present, counts = self._coordinates[table], self._counts[table]
        normal = square(self._normal_of(table))
        penalised = normal.copy()
        add_penalty(penalised, penalty)
        blocks = np.linalg.inv(penalised.T)
        columns = [j for j, _ in self._slopes_of(table)]

        def contribution(coordinates: Array) -> Array:
            bags = [self._bags.get(j) for j in columns]
            pooled = [coordinates if own is None else own.pool(coordinates) for own in bags]
            pairs = zip(columns, pooled, strict=True)
            return np.sum([self._contribution(*pair) for pair in pairs], axis=0)

        step = solve_symmetric(
            lambda x: self._moments(table, contribution(x)).T + penalty * x,
            self._moments(table, self._residual).T - penalty * present,
            lambda x: np.einsum("ncd,nd->nc", blocks, x),
            np.zeros(present.shape),
            _N_SOLVER_STEPS,
        )
        # What is left for each category once all others have had their part.
        solved = present + step
        left = self._moments(table, self._residual - contribution(step)).T
        left += np.einsum("cdn,nd->nc", normal, solved)
        solved[UNKNOWN] = ridge(self._normal_of(table).T, left, counts, penalty)[UNKNOWN]
        solved[counts == 0] = solved[UNKNOWN]
        self._move(table, solved)
        return solved


def _groups(numbers: Sequence[int], room: float) -> list[list[int]]:
    """Neighbouring tables together for as long as their ``numbers`` fit into the ``room``."""
    groups: list[list[int]] = [[]]
    for table, own in enumerate(numbers):
        if groups[-1] and sum(numbers[t] for t in groups[-1]) + own > room:
            groups.append([])
        groups[-1].append(table)
    return groups
