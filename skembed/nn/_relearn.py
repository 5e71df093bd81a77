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

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._architecture import Architecture, Parameters, count_codes, lazy_places, table_views
from ._bags import NO_BAGS, Bags
from ._linearised import (
    Linearised,
    curvature_of,
    gradients_by_part,
    least_curvature,
    row_weight,
)
from ._network import Data, Network
from ._parallel import in_halves, slices
from ._record import Record

Array = NDArray[np.floating]
Codes = NDArray[np.integer]

# Rows whose loss is added up at a time: what is made of them stays in the cache.
_PART = 2**10

# So many rows tell as well as all how far to step, how the predictions vary, and where the first
# step leads: of more, rows at equal distances stand for the others.
_ENOUGH_ROWS = 2**20

N_STEPS = 3
N_SWEEPS = 2
# Shares of a step that are tried: a full one may overshoot where the network bends.
_STEP_SHARES = (1.0, 0.5, 0.25, 0.1)
# A category of at least so many rows may start at its trained vector.
_FREQUENT = 50
# Starts at the mean must end with this share of what the trained network explains.
ENOUGH = 0.9
# Directions in which the prediction varies less than this share of the strongest are not stretched
# further.
_LEAST_VARIATION = 0.1
# Without a penalty a category of fewer rows than coordinates has no solution.
LEAST_PSEUDO_COUNT = 1e-6


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


def find_bases(
    network: Network,
    parameters: Parameters,
    data: Data,
    codes: Codes,
    pseudo_counts: Sequence[float],
    priors: Sequence[Array | None],
    bags: Mapping[int, Bags] = NO_BAGS,
    frozen: Sequence[bool] | None = None,
) -> list[Basis]:
    """A basis for each table, from the sensitivity of the trained network to its vectors.

    ``codes`` are those of ``data`` before they were placed in stacks, ``(n, n_columns)``, with the
    ``bags`` of some columns; ``priors`` are given vectors of a table's codes, NaN for codes that
    have none; ``frozen`` tables keep their trained vectors.
    """
    architecture = network.architecture
    variations = find_variations(network, parameters, data)
    counts = count_codes(architecture, codes, bags, row_weight(data))
    bases, trained = make_bases(architecture, parameters, variations, counts, priors)
    problem = _Problem(network, parameters, bases, data, codes, counts, pseudo_counts, frozen, bags)
    found, reached = problem.solve()
    constant = problem.objective([basis.start for basis in bases])
    if constant - reached < ENOUGH * (constant - sum_of_losses(network, parameters, data)):
        return trained
    return [replace(basis, found=own) for basis, own in zip(bases, found, strict=True)]


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
    counts = count_codes(network.architecture, codes, bags, row_weight(data))
    problem = _Problem(network, parameters, bases, data, codes, counts, pseudo_counts, frozen, bags)
    return problem.solve()[0]


class _Rows(NamedTuple):
    """What the loss is added up over: rows, their codes, and the weight of those that hold each
    table's codes.
    """

    data: Data
    codes: Codes
    counts: Sequence[Array]


class _Problem:
    """The penalised loss as a function of the coordinates of all tables."""

    def __init__(
        self,
        network: Network,
        parameters: Parameters,
        bases: Sequence[Basis],
        data: Data,
        codes: Codes,
        counts: Sequence[Array],
        pseudo_counts: Sequence[float],
        frozen: Sequence[bool] | None,
        bags: Mapping[int, Bags],
    ) -> None:
        self._network = network
        self.bases = bases
        self._all = _Rows(data, codes, counts)
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

    def _enough(self) -> _Rows:
        """All rows, or so many that they stand for all."""
        data, codes, _ = self._all
        if (every := stride_of(len(data))) == 1:
            return self._all
        rows, architecture = first_rows(len(data), every), self._network.architecture
        own, weight = codes[rows], None if data.weight is None else data.weight[rows]
        # Placed when they are taken: as placed codes they would be held twice.
        places = lazy_places(architecture, own, self._bags)
        some = Data(places, data.numeric[rows], data.y[rows], weight)
        return _Rows(some, own, count_codes(architecture, own, self._bags, row_weight(some)))

    def _place(self, coordinates: Sequence[Array]) -> None:
        for table, (view, basis) in enumerate(zip(self._views, self.bases, strict=True)):
            if not self._frozen[table]:
                vectors = coordinates[table] @ basis.axes
                np.add(basis.origin, vectors, out=view, casting="same_kind")

    def objective(self, coordinates: Sequence[Array], over: _Rows | None = None) -> float:
        """Sum of the loss over the rows, all unless others are given, and the penalty."""
        over = over or self._all
        self._place(coordinates)
        # Codes without rows are filled in, and cost nothing.
        pairs = zip(coordinates, over.counts, strict=True)
        squares = [np.einsum("nd,nd,n->", c, c, own > 0) for c, own in pairs]
        loss = sum_of_losses(self._network, self._moving, over.data)
        return loss + 0.5 * float(self._penalties @ squares)

    def solve(self) -> tuple[list[Array], float]:
        """Coordinates after all steps, and their objective."""
        start = [basis.start for basis in self.bases]
        over = self._enough()
        present, objective = self._search(start, self._step(start, over), over)
        if over is not self._all:
            # Codes of no such row have not been learned.
            seen = [own[:, None] > 0 for own in over.counts]
            present = [np.where(*own) for own in zip(seen, present, start, strict=True)]
        del over
        for _ in range(N_STEPS - 1):
            wanted = self._step(present, self._all)
            present, objective = self._search(present, wanted, self._all)
        return present, objective

    def _step(self, present: Sequence[Array], over: _Rows) -> list[Array]:
        """Where a full step leads."""
        self._place(present)
        linearised = Linearised(
            self._network,
            self._moving,
            [basis.axes for basis in self.bases],
            over.data,
            over.codes,
            self._bags,
            present,
            over.counts,
        )
        wanted = list(present)
        # The table of a column that is alone has found its best in one sweep.
        for _ in range(N_SWEEPS if len(self._network.architecture.columns) > 1 else 1):
            for table in range(len(self.bases)):
                if not self._frozen[table]:
                    wanted[table] = linearised.solve(table, self._penalties[table])
        return wanted

    def _search(
        self, present: Sequence[Array], wanted: Sequence[Array], over: _Rows
    ) -> tuple[list[Array], float]:
        tried = ((own, self.objective(own, over)) for own in partial_steps(present, wanted))
        return best_step(present, tried)


def sum_of_losses(network: Network, parameters: Mapping[str, Array], data: Data) -> float:
    """Sum of the loss over the rows."""
    weight, every = row_weight(data), stride_of(len(data))

    def add_up(among: slice) -> tuple[float, int]:
        total, n_rows = 0.0, 0
        for rows in slices(among, _PART, every):
            part = data.take(rows)
            raw = network.raw_prediction(parameters, part)
            total += float(network.loss.rows(raw, part.y)[0] @ weight[rows])
            n_rows += len(part)
        return total, n_rows

    total, n_rows = map(sum, zip(*in_halves(add_up, len(data)), strict=True))
    return total * (len(data) / n_rows) if every > 1 else total


def stride_of(n_rows: int) -> int:
    """Which of so many rows are enough: all, every other and so on."""
    return max(1, -(-n_rows // _ENOUGH_ROWS))


def first_rows(n_rows: int, every: int) -> NDArray[np.intp]:
    """Rows at equal distances for the first step, half as many, since they are copied; and none of
    those that tell how far to step: what is learned from a row suits that row too well.
    """
    rows = np.arange(0, n_rows, 2 * every)
    return rows[rows // _PART % every != 0]


def partial_steps(present: Sequence[Array], wanted: Sequence[Array]) -> Iterator[list[Array]]:
    """Coordinates after shares of a step, the largest first."""
    for share in _STEP_SHARES:
        yield [a + share * (b - a) for a, b in zip(present, wanted, strict=True)]


def best_step(
    present: Sequence[Array], tried: Iterable[tuple[list[Array], float]]
) -> tuple[list[Array], float]:
    """The first of the coordinates tried, with their objective, that the next ones do not improve
    on, and that objective.
    """
    best, least = list(present), np.inf
    for coordinates, objective in tried:
        if not objective < least:
            break
        best, least = coordinates, objective
    return best, least
