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

References: Fletcher 1987, "Practical Methods of Optimization", chapter 6 (Gauss-Newton); Green
1984, doi:10.1111/j.2517-6161.1984.tb01288.x (iteratively reweighted least squares).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._architecture import Parameters, count_codes, lazy_places, table_views
from ._bags import NO_BAGS, Bags
from ._basis import Basis, find_variations, make_bases, penalties_of, sum_of_penalties
from ._linearised import Linearised, least_curvature, row_weight, stride_of
from ._network import Data, Network
from ._parallel import in_halves, slices

Array = NDArray[np.floating]
Codes = NDArray[np.integer]

# Rows whose loss is added up at a time: what is made of them stays in the cache.
_PART = 2**10

N_STEPS = 3
N_SWEEPS = 2
# Shares of a step that are tried: a full one may overshoot where the network bends.
_STEP_SHARES = (1.0, 0.5, 0.25, 0.1)
# Starts at the mean must end with this share of what the trained network explains.
ENOUGH = 0.9


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
        self._penalties = penalties_of(pseudo_counts, least_curvature(network, data))

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
                basis.vectors(coordinates[table], out=view)

    def objective(self, coordinates: Sequence[Array], over: _Rows | None = None) -> float:
        """Sum of the loss over the rows, all unless others are given, and the penalty."""
        over = over or self._all
        self._place(coordinates)
        loss = sum_of_losses(self._network, self._moving, over.data)
        return loss + sum_of_penalties(self._penalties, coordinates, over.counts)

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
