"""Vectors learned batch by batch, at a memory that follows from the tables and one batch.

Effects come from sums over all rows so far. The network takes its steps on each batch, with what
its training remembers from the batch before. Its tables start at 0, so that the vector of a
category is what its rows have made of it and new ones start where the unknown value is.

As vectors they are scaled to the unit of those that a fit learns: a step of 1 changes the
prediction by one standard deviation of the target on average. One number per table does this, so
that the axes of the space stay where they are from batch to batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ._effect_sums import EffectSums, effects_from_sums, no_sums
from ._initial import place_priors
from ._learning import (
    FittedNetwork,
    grow_network,
    make_architecture,
    of_tables,
    to_data,
)
from ._recipe import Recipe
from ._sample import Sample
from ._table_rules import table_rules, unknown_replacement
from ._tables import limit_norm
from ._vocabulary import UNKNOWN
from .nn._architecture import Architecture, Parameters, table_views
from .nn._basis import find_variations
from .nn._growth import Moves, grow_memory
from .nn._losses import make_loss
from .nn._network import Network
from .nn._record import Record
from .nn._step import Memory
from .nn._training import History, train

Array = NDArray[np.floating]

# Rows of a batch in which the unit of the vectors is measured, and the rows that its mean over the
# batches is as if of at most: the network goes on changing.
_MEASURED_ROWS = 1024
REMEMBERED_ROWS = 50_000


class Stream(Record):
    """What has been learned from the rows so far.

    Attributes
    ----------
    architecture, parameters : Architecture, dict of arrays
        The network.
    memory : dict
        What its training remembers.
    axes : list of ndarray of shape (width, width)
        Where the axes of each table's vectors point in the table.
    variations : list of ndarray of shape (width, width)
        How the predictions vary with the rows of each table.
    measured_rows : int
        Rows in which this was measured.
    sums : EffectSums
        Sums over the rows, for the effects.
    most_rows : float
        Rows that there are, where a first pass has counted them: what is seen beyond has been seen
        before.
    pseudo_counts : ndarray of shape (n_columns, n_outputs) or None
        Rows of the mean that shrink the effects, where a fit has estimated them.
    """

    architecture: Architecture
    parameters: Parameters
    memory: Memory
    axes: list[Array]
    variations: list[Array]
    measured_rows: int
    sums: EffectSums
    most_rows: float = np.inf
    pseudo_counts: Array | None = None

    def grown(
        self, moves: Sequence[Moves], n_codes: Sequence[int], priors: Sequence[Array | None]
    ) -> Stream:
        """The same where columns have more codes; ``moves`` has the new place of each.

        The vectors of new categories are those of the unknown value, or ``priors``.
        """
        old = self.architecture
        by_table = of_tables(old, moves)
        network = grow_network(FittedNetwork(old, self.parameters), moves, n_codes)
        new, parameters = network.architecture, network.parameters
        for table, prior, kept in zip(table_views(new, parameters), priors, by_table, strict=True):
            if prior is not None:
                given = ~np.isnan(prior[:, 0])
                given[kept] = False
                table[given] = prior[given]
        return replace(
            self,
            architecture=new,
            parameters=parameters,
            memory=grow_memory(self.memory, old, new, by_table),
            sums=self.sums.grown(moves, n_codes),
        )

    def learned(
        self, sample: Sample, numbers: Array, recipe: Recipe, rng: np.random.Generator
    ) -> tuple[Stream, list[NDArray[np.float32]], History]:
        """The stream after one more batch, the table of each column, and how it went; this stream
        stays as it is.
        """
        sums = self.sums.add(sample.codes, sample.target.columns(), sample.weight)
        after = replace(
            self,
            parameters={name: value.copy() for name, value in self.parameters.items()},
            memory=deepcopy(self.memory),
            sums=sums,
        )
        self._start_unseen(after.parameters, recipe)
        network = Network(self.architecture, make_loss(sample.target.loss), recipe.alpha)
        # Steps see weights of mean 1 over all rows so far.
        weight = (sample.weight * (sums.n_rows / sums.weight)).astype(np.float32)
        data = to_data(sample, self.architecture, weight)
        counts = after._counts_of_tables()
        replace_some = unknown_replacement(self.architecture, counts)
        parameters, history = train(
            network,
            after.parameters,
            data,
            replace(recipe.settings, max_iter=1, schedule="constant"),
            rng,
            rules=table_rules(self.architecture, counts, recipe),
            draw=partial(replace_some, data),
            memory=after.memory,
        )
        step = -(-len(data) // _MEASURED_ROWS)
        variations = find_variations(network, parameters, data.take(slice(0, None, step)))
        share = len(data) / (len(data) + self.measured_rows)
        mixed = [
            own + share * (new - own) for own, new in zip(self.variations, variations, strict=True)
        ]
        measured_rows = min(self.measured_rows + len(data), REMEMBERED_ROWS)
        after = replace(after, variations=mixed, measured_rows=measured_rows)
        after._start_unseen(parameters, recipe)
        return after, after._tables(recipe, sample.target.classes is None), history

    def _start_unseen(self, parameters: Parameters, recipe: Recipe) -> None:
        """Give codes without a row so far the vector of the unknown value, in place."""
        views, counts = table_views(self.architecture, parameters), self._counts_of_tables()
        rules = zip(recipe.priors, recipe.frozen_tables, strict=True)
        for table, own, (prior, rests) in zip(views, counts, rules, strict=True):
            if prior is None and not rests:
                table[own == 0] = table[UNKNOWN]

    def networks(self) -> list[FittedNetwork]:
        """What a fit can start from."""
        return [FittedNetwork(self.architecture, self.parameters)]

    def code_counts(self) -> list[Array]:
        """Weight of the rows of each code, by column."""
        return self.sums.counts

    def _counted(self) -> EffectSums:
        """The sums, in which every row counts once."""
        if self.sums.n_rows <= self.most_rows:
            return self.sums
        return self.sums.scaled(self.most_rows / self.sums.n_rows)

    def _counts_of_tables(self) -> list[Array]:
        """Weight of the rows that hold each table's codes."""
        share = min(1.0, self.most_rows / max(self.sums.n_rows, 1))
        counts = [np.zeros(n) for n in self.architecture.n_codes]
        for table, own in zip(self.architecture.columns, self.sums.counts, strict=True):
            counts[table] += share * own
        return counts

    def _tables(self, recipe: Recipe, is_regression: bool) -> list[NDArray[np.float32]]:
        """One table per column: effects, then learned coordinates."""
        unit = float(np.sqrt(np.mean(self.sums.deviation**2)))
        coordinates = self._coordinates(recipe, 1 / unit if is_regression else unit)
        tables = [coordinates[t] for t in self.architecture.columns]
        if recipe.target_effect:
            pairs = zip(self._effects(recipe), tables, strict=True)
            tables = [np.hstack(pair) for pair in pairs]
        return [table.astype(np.float32) for table in tables]

    def _effects(self, recipe: Recipe) -> list[NDArray[np.float64]]:
        """Joint effects of each column, found as those of a fit."""
        sums = self._counted()
        m = recipe.given_pseudo_counts(len(sums.target))
        if m is None:
            m = self.pseudo_counts
        if m is None:
            m = effects_from_sums(sums).pseudo_counts
        return effects_from_sums(sums, m).values

    def _coordinates(self, recipe: Recipe, unit: float) -> list[Array]:
        """Learned vectors of each network table. Given spaces and frozen vectors stay as given."""
        learned = []
        views = table_views(self.architecture, self.parameters)
        for t, (table, rests) in enumerate(zip(views, recipe.frozen_tables, strict=True)):
            if rests:
                learned.append(table)
                continue
            if recipe.priors[t] is None:
                axes, variation = self.axes[t], self.variations[t]
                size = np.sqrt(np.trace(axes @ variation @ axes.T) / len(axes))
                table = table @ np.linalg.inv(axes) * (size * unit)
            learned.append(limit_norm(table, recipe.max_norm))
        return learned


def start_stream(
    sample: Sample,
    n_codes: tuple[int, ...],
    recipe: Recipe,
    rng: np.random.Generator,
    most_rows: float,
) -> Stream:
    """A stream before its first batch, which ``sample`` is."""
    architecture = make_architecture(sample, n_codes, recipe)
    loss = make_loss(sample.target.loss)
    n_outputs = sample.target.n_outputs
    baseline = loss.baseline(sample.target.values, sample.weight, n_outputs)
    # What these rows lack may come.
    bound = np.log1p(len(sample))
    parameters = Network(architecture, loss).initial_parameters(
        rng, np.clip(baseline, -bound, bound)
    )
    views = table_views(architecture, parameters)
    for table, rests in zip(views, recipe.frozen_tables, strict=True):
        # What does not move would otherwise be the same for all.
        if not rests:
            table[...] = 0
    place_priors(architecture, parameters, recipe.priors)
    return Stream(
        architecture,
        parameters,
        {},
        [np.eye(width) for width in architecture.embedding_dims],
        [np.zeros((width, width)) for width in architecture.embedding_dims],
        0,
        no_sums(n_codes, n_outputs, recipe.target_effect),
        most_rows,
    )
