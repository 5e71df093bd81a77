"""Tables learned again, as in ``_relearn.py``, from rows that lie in several parts.

The equations of a code are sums over its rows. So parts add up their sums, the equations are solved
in one place, and the parts are told the solution; the rows stay where they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ._linearised import Linearised
from ._losses import Loss
from ._network import Architecture, Network, Parameters, table_views
from ._parts import CodeSums, Part, Parts, Tables, join_parameters, part_parameters
from ._relearn import (
    ENOUGH,
    LEAST_PSEUDO_COUNT,
    N_STEPS,
    N_SWEEPS,
    Basis,
    best_step,
    make_bases,
    mean_variations,
    partial_steps,
    sum_of_losses,
    sum_variations,
)
from ._ridge import ridge

Array = NDArray[np.floating]


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
    variations = mean_variations(architecture, parts.total(_variations, loss, dense, tables))
    bases, trained = make_bases(architecture, parameters, variations, counts, priors)
    views = table_views(architecture, parameters)
    problem = _Problem(parts, architecture, loss, dense, views, counts, pseudo_counts)
    solved = problem.solve(bases, frozen)
    constant, reached = problem.objectives(bases, frozen, [_starts(bases), solved])
    goal = parts.total(_loss, loss, dense, tables)
    if constant - reached >= ENOUGH * (constant - goal):
        return bases, solved
    return trained, problem.solve(trained, frozen)


def _starts(bases: Sequence[Basis]) -> list[Array]:
    return [basis.start for basis in bases]


class _Problem:
    """The penalised loss as a function of the coordinates of all tables."""

    def __init__(
        self,
        parts: Parts,
        architecture: Architecture,
        loss: Loss,
        dense: Array,
        tables: Sequence[Array],
        counts: Sequence[Array],
        pseudo_counts: Sequence[float],
    ) -> None:
        self._parts = parts
        self._loss = loss
        self._dense = dense
        self._tables = tables
        self._counts = counts
        constant = loss.baseline(np.empty(0), np.empty(0), architecture.n_outputs)
        curvature = loss.curvature(constant[None, :].astype(np.float64))
        self._penalties = np.maximum(pseudo_counts, LEAST_PSEUDO_COUNT) * curvature.mean()

    def _place(
        self, bases: Sequence[Basis], frozen: Sequence[bool], coordinates: Sequence[Array]
    ) -> Tables:
        placed = [
            basis.origin + c @ basis.axes for basis, c in zip(bases, coordinates, strict=True)
        ]
        return Tables(
            [
                (table if rests else moved).astype(table.dtype)
                for table, moved, rests in zip(self._tables, placed, frozen, strict=True)
            ]
        )

    def objectives(
        self,
        bases: Sequence[Basis],
        frozen: Sequence[bool],
        candidates: Sequence[Sequence[Array]],
    ) -> NDArray[np.float64]:
        """Sum of the loss over the rows, and the penalty, of each candidate."""
        tables = [self._place(bases, frozen, coordinates) for coordinates in candidates]
        losses = self._parts.total(_losses, self._loss, self._dense, *tables)
        squares = [
            [np.sum(c[seen > 0] ** 2) for c, seen in zip(one, self._counts, strict=True)]
            for one in candidates
        ]
        return losses + 0.5 * np.asarray(squares) @ self._penalties

    def solve(self, bases: Sequence[Basis], frozen: Sequence[bool]) -> list[Array]:
        """Coordinates after all steps."""
        present: Sequence[Array] = _starts(bases)
        for _ in range(N_STEPS):
            wanted = self._step(bases, frozen, present)
            # All shares at once: one after the other, each would wait for all parts.
            tried = list(partial_steps(present, wanted))
            objectives = self.objectives(bases, frozen, tried)
            present = best_step(present, zip(tried, objectives, strict=True))
        return list(present)

    def _step(
        self, bases: Sequence[Basis], frozen: Sequence[bool], present: Sequence[Array]
    ) -> list[Array]:
        """Where a full step leads."""
        axes = [basis.axes for basis in bases]
        tables = self._place(bases, frozen, present)
        steps = self._parts.map(
            _linearise, self._loss, self._dense, axes, tables, Tables(list(present))
        )
        products = steps.total(_products)
        wanted: list[Array] = list(present)
        # A table that is alone has found its best in one sweep.
        for _ in range(N_SWEEPS if len(wanted) > 1 else 1):
            for table, counts in enumerate(self._counts):
                if frozen[table]:
                    continue
                moments = steps.total(_moments, table)
                wanted[table] = ridge(
                    products[table].to_dense(len(counts)),
                    moments.to_dense(len(counts)),
                    counts,
                    self._penalties[table],
                )
                steps = steps.map(_move, Tables.of_one(wanted, table))
        return wanted


def _variations(part: Part, loss: Loss, dense: Array, tables: list[Array]) -> list[Array]:
    network = Network(part.architecture, loss)
    return sum_variations(network, join_parameters(part.architecture, dense, tables), part.data)


def _loss(part: Part, loss: Loss, dense: Array, tables: list[Array]) -> float:
    """Sum of the loss over the rows."""
    parameters = join_parameters(part.architecture, dense, tables)
    return sum_of_losses(Network(part.architecture, loss), parameters, part.data)


def _losses(part: Part, loss: Loss, dense: Array, *candidates: list[Array]) -> Array:
    return np.array([_loss(part, loss, dense, tables) for tables in candidates])


def _linearise(
    part: Part,
    loss: Loss,
    dense: Array,
    axes: Sequence[Array],
    tables: list[Array],
    coordinates: list[Array],
) -> tuple[Part, Linearised]:
    """The loss of a part's rows around present vectors."""
    network = Network(part.architecture, loss)
    parameters = join_parameters(part.architecture, dense, tables)
    step = Linearised(network, parameters, axes, part.data, part.codes, {}, coordinates, [])
    return part, step


def _products(linearised: tuple[Part, Linearised]) -> list[CodeSums]:
    part, step = linearised
    return part.tables(step.sum_products())


def _moments(linearised: tuple[Part, Linearised], table: int) -> CodeSums:
    part, step = linearised
    return CodeSums(part.present[table], step.sum_moments(table))


def _move(
    linearised: tuple[Part, Linearised], coordinates: list[Array | None]
) -> tuple[Part, Linearised]:
    """The linear model with some tables elsewhere."""
    part, step = linearised
    return part, step.moved(coordinates)
