"""Tables learned again, as in ``_relearn.py``, from rows that lie in several parts.

The equations of all codes are sums over the rows. So parts add up their sums, one place says what
to try next, and the parts are told; the rows stay where they are. Every exchange is one for all
tables: where the ordinary fit solves table by table, here all tables take conjugate gradient steps
together, so that the number of exchanges does not depend on the number of tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._architecture import Architecture, Parameters, table_views
from ._basis import (
    Basis,
    make_bases,
    mean_variations,
    penalties_of,
    sum_of_penalties,
    sum_variations,
)
from ._linearised import stride_of
from ._losses import Loss
from ._network import Network
from ._part_slopes import equations_of_unknown, gradient, image, linearise, sum_losses
from ._parts import CodeSums, Part, Parts, Tables, join_parameters, part_parameters
from ._record import Record
from ._relearn import (
    ENOUGH,
    N_STEPS,
    best_step,
    partial_steps,
    sum_of_losses,
)
from ._ridge import UNKNOWN, rarity_of, solve_one
from ._solve import solve_symmetric

Array = NDArray[np.floating]

# Of conjugate gradients for each Gauss-Newton step. As many sums over the rows as two sweeps over
# the tables take, and as near to the solution.
N_INNER_STEPS = 4


def relearn_parts(
    parts: Parts,
    architecture: Architecture,
    loss: Loss,
    parameters: Parameters,
    counts: Sequence[Array],
    pseudo_counts: Sequence[float],
    priors: Sequence[Array | None],
    frozen: Sequence[bool],
) -> tuple[list[Basis], list[Array]]:
    """The basis of each table, and the coordinates of its codes.

    Parameters
    ----------
    parts : Parts
        The rows.
    architecture, loss, parameters
        The trained network; the loss has the baseline of all rows.
    counts : list of ndarray of shape (n_codes,)
        Weight of the rows of each code.
    pseudo_counts, priors, frozen
        As in ``find_bases`` and ``relearn``.
    """
    dense, tables = part_parameters(architecture, parameters)
    *sums, goal, n_rows = parts.total(_variations, loss, dense, tables)
    variations = mean_variations(architecture, sums)
    bases, trained = make_bases(architecture, parameters, variations, counts, priors)
    views = table_views(architecture, parameters)
    problem = _Problem(
        parts, n_rows, architecture, loss, dense, views, counts, pseudo_counts, frozen
    )
    solved, constant, reached = problem.solve(bases)
    if constant - reached >= ENOUGH * (constant - goal):
        return bases, solved
    return trained, problem.solve(trained)[0]


class _Problem:
    """The penalised loss as a function of the coordinates of all tables."""

    def __init__(
        self,
        parts: Parts,
        n_rows: int,
        architecture: Architecture,
        loss: Loss,
        dense: Array,
        tables: Sequence[Array],
        counts: Sequence[Array],
        pseudo_counts: Sequence[float],
        frozen: Sequence[bool],
    ) -> None:
        self._parts = parts
        self._every = stride_of(n_rows)
        self._loss = loss
        self._dense = dense
        self._tables = tables
        self._counts = counts
        self._frozen = frozen
        constant = loss.baseline(np.empty(0), np.empty(0), architecture.n_outputs)
        curvature = loss.curvature(constant[None, :].astype(np.float64))
        self._penalties = penalties_of(pseudo_counts, curvature)
        self._rarity = Tables([rarity_of(own).astype(np.float32) for own in counts])

    def _place(self, bases: Sequence[Basis], coordinates: Sequence[Array]) -> Tables:
        placed = zip(self._tables, bases, coordinates, self._frozen, strict=True)
        return Tables(
            [
                table if rests else basis.vectors(own).astype(table.dtype)
                for table, basis, own, rests in placed
            ]
        )

    def _penalty(self, coordinates: Sequence[Array]) -> float:
        return sum_of_penalties(self._penalties, coordinates, self._counts)

    def _losses(self, bases: Sequence[Basis], candidates: Sequence[list[Array]]) -> Array:
        """Sum of the loss over the rows for each candidate."""
        tables = [self._place(bases, own) for own in candidates]
        return self._parts.total(sum_losses, self._loss, self._dense, *tables)

    def _objectives(
        self, bases: Sequence[Basis], candidates: Sequence[list[Array]], of_first: Array
    ) -> Iterator[tuple[list[Array], float]]:
        """Sum of the loss over the rows, and the penalty, of each candidate; the losses of the
        first two are known.
        """
        # Two at once, of which the first is nearly always the better: one after the other, each
        # would wait for all parts.
        for start in range(0, len(candidates), 2):
            pair = candidates[start : start + 2]
            losses = self._losses(bases, pair) if start else of_first
            for own, loss in zip(pair, losses, strict=True):
                yield own, loss + self._penalty(own)

    def solve(self, bases: Sequence[Basis]) -> tuple[list[Array], float, float]:
        """Coordinates after all steps, and the objective before and after them.

        Of many rows some are enough for the first step, as in the ordinary fit.
        """
        present: list[Array] = [basis.start for basis in bases]
        before, n_steps = None, N_STEPS
        if self._every > 1:
            present, before = self._begin(bases, present)
            n_steps -= 1
        known = self._linearise(self._parts, bases, present)
        after = known.losses[0] + self._penalty(present)
        before = after if before is None else before
        for left in reversed(range(n_steps)):
            tried = list(partial_steps(present, self._step(known, present)))
            # Slopes take much room: those of one place are enough.
            del known
            if left:
                # The full step is nearly always taken, and then the next one has begun already.
                known = self._linearise(self._parts, bases, *tried[:2])
                losses = known.losses
            else:
                losses = self._losses(bases, tried[:2])
            present, after = best_step(present, self._objectives(bases, tried, losses))
            if left and present is not tried[0]:
                del known
                known = self._linearise(self._parts, bases, present)
        return present, before, after

    def _begin(self, bases: Sequence[Basis], start: list[Array]) -> tuple[list[Array], float]:
        """Coordinates after a step that knows some rows of each part, and the objective before."""
        known = self._linearise(self._parts.map(some_rows, self._every), bases, start)
        # Codes of no such row have not been learned.
        seen = [
            sums.to_dense(len(own)).any(axis=1, keepdims=True)
            for sums, own in zip(known.diagonal, start, strict=True)
        ]
        learned = self._step(known, start)
        wanted = [np.where(*own) for own in zip(seen, learned, start, strict=True)]
        tried = list(partial_steps(start, wanted))
        before, *losses = self._losses(bases, [start, *tried[:2]])
        reached, _ = best_step(start, self._objectives(bases, tried, np.array(losses)))
        return reached, before + self._penalty(start)

    def _linearise(self, parts: Parts, bases: Sequence[Basis], *candidates: list[Array]) -> _Known:
        """What the parts know around the first of the candidates, and the loss at all of them."""
        tables, *others = [self._place(bases, own) for own in candidates]
        rows = parts.map(
            linearise,
            self._loss,
            self._dense,
            [basis.axes for basis in bases],
            tables,
            Tables([own.astype(np.float32) for own in candidates[0]]),
            *others,
        )
        return _Known(rows, *rows.total(gradient))

    def _step(self, known: _Known, present: Sequence[Array]) -> list[Array]:
        """Where a full step leads."""
        equations = _Equations(known.rows, present, self._penalties, self._frozen)
        step = equations.solve(known.right, known.diagonal)
        wanted: list[Array] = [own + moved for own, moved in zip(present, step, strict=True)]
        of_unknown = known.rows.total(equations_of_unknown, self._rarity, equations.sent(step))
        for t, (left, gap) in enumerate(of_unknown):
            if not self._frozen[t]:
                instead = solve_one(left, gap, self._penalties[t])
                wanted[t][UNKNOWN] = instead
                wanted[t][self._counts[t] == 0] = instead
        return wanted


class _Known(Record):
    """What is known around some coordinates.

    Attributes
    ----------
    rows : Parts of PartSlopes
    right, diagonal : list of CodeSums
        Of the equations.
    losses : ndarray
        There, and at other coordinates.
    """

    rows: Parts
    right: list[CodeSums]
    diagonal: list[CodeSums]
    losses: Array


class _Equations:
    """The equations of a step of all coordinates, which lie below each other."""

    def __init__(
        self,
        rows: Parts,
        present: Sequence[Array],
        penalties: Array,
        frozen: Sequence[bool],
    ) -> None:
        self._rows = rows
        self._present = present
        self._frozen = frozen
        self._ends = np.cumsum([own.size for own in present])[:-1]
        # The same for each coordinate of a table; those that rest cost nothing.
        self._penalty = self._flat(
            [np.full(own.shape, m) for own, m in zip(present, penalties, strict=True)]
        )

    def _flat(self, tables: Sequence[Array]) -> NDArray[np.float64]:
        """Without those that rest, which are 0."""
        pairs = zip(tables, self._frozen, strict=True)
        return np.concatenate([np.ravel(0 * own if rests else own) for own, rests in pairs])

    def _dense(self, sums: Sequence[CodeSums]) -> NDArray[np.float64]:
        pairs = zip(sums, self._present, strict=True)
        return self._flat([own.to_dense(len(there)) for own, there in pairs])

    def _tables(self, flat: Array) -> list[Array]:
        pairs = zip(np.split(flat, self._ends), self._present, strict=True)
        return [own.reshape(there.shape) for own, there in pairs]

    def sent(self, tables: Sequence[Array]) -> Tables:
        """As they travel."""
        pairs = zip(tables, self._frozen, strict=True)
        return Tables([None if rests else own.astype(np.float32) for own, rests in pairs])

    def _image(self, flat: NDArray[np.float64]) -> NDArray[np.float64]:
        if not flat.any():
            return flat
        sums = self._rows.total(image, self.sent(self._tables(flat)))
        return self._dense(sums) + self._penalty * flat

    def solve(self, right: Sequence[CodeSums], diagonal: Sequence[CodeSums]) -> list[Array]:
        """The step of each table."""
        gap = self._dense(right) - self._penalty * self._flat(self._present)
        # Rests, and codes without rows, whose equations are empty.
        scale = self._dense(diagonal) + self._penalty
        scale[scale == 0] = 1
        found = solve_symmetric(
            self._image, gap, lambda x: x / scale, np.zeros(len(gap)), N_INNER_STEPS
        )
        return self._tables(found)


def some_rows(part: Part, every: int) -> Part:
    """Rows at equal distances that stand for all. Parts may be small: each begins elsewhere, and
    all rows of all parts tell how far to step.
    """
    rows = np.arange(part.number % min(every, len(part.data)), len(part.data), every)
    data, weight = part.data.take(rows), part.weight[rows]
    return replace(part, codes=part.codes[rows], data=data, weight=weight)


def _variations(part: Part, loss: Loss, dense: Array, tables: list[Array]) -> list[Any]:
    """Their sums over the rows, that of the loss, and how many rows there are."""
    network = Network(part.architecture, loss)
    parameters = join_parameters(part.architecture, dense, tables)
    sums = sum_variations(network, parameters, part.data)
    return [*sums, sum_of_losses(network, parameters, part.data), len(part.data)]
