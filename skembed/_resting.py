"""What a fit leaves behind for `partial_fit` to go on from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ._effect_sums import EffectSums, no_sums
from ._learning import Trained
from ._recipe import Recipe
from ._sample import Sample
from ._streaming import REMEMBERED_ROWS, Stream
from .nn._architecture import Architecture, table_views
from .nn._record import Record

Array = NDArray[np.floating]


class Resting(Record):
    """The network of a fit without its tables, which follow from the vectors.

    Attributes
    ----------
    architecture : Architecture
    dense : ndarray
        Its layers, for tables whose vectors are 0 at the mean of a column.
    axes : list of ndarray of shape (width, width)
        Where the axes of each table's vectors point in the table.
    as_given : list of bool
        Tables that are their vectors themselves.
    unit : float
        Length of a step of 1 along these axes as a vector.
    n_rows, weight : int, float
        Rows of the fit.
    counts : list of ndarray of shape (n_codes,)
        Weight of the rows of each code, by column.
    mean, deviation : ndarray of shape (n_outputs,)
        Of the target.
    pseudo_counts : ndarray of shape (n_columns, n_outputs)
        Rows of the mean that the effects were shrunken by.
    """

    architecture: Architecture
    dense: Array
    axes: list[Array]
    as_given: list[bool]
    unit: float
    n_rows: int
    weight: float
    counts: list[Array]
    mean: Array
    deviation: Array
    pseudo_counts: Array

    def resumed(self, tables: Sequence[Array], recipe: Recipe) -> Stream:
        """A stream that has learned the ``tables``, one per column, from as many rows."""
        n_effects = len(self.mean) if recipe.target_effect else 0
        stacks = self.architecture.stacks()
        parameters = {
            stack.name: np.zeros((stack.n_rows, stack.width), dtype=np.float32) for stack in stacks
        }
        parameters["dense"] = self.dense
        for t, view in enumerate(table_views(self.architecture, parameters)):
            vectors = self._vectors(t, tables, recipe)[:, n_effects:]
            view[...] = vectors if self.as_given[t] else vectors / self.unit @ self.axes[t]
        inverse = [np.linalg.inv(axes) for axes in self.axes]
        return Stream(
            self.architecture,
            parameters,
            {},
            self.axes,
            [own @ own.T for own in inverse],
            min(self.n_rows, REMEMBERED_ROWS),
            self._sums([table[:, :n_effects] for table in tables], recipe),
            pseudo_counts=self.pseudo_counts,
        )

    def _vectors(self, table: int, tables: Sequence[Array], recipe: Recipe) -> Array:
        """The effects and vectors of a table's codes; columns that share it differ in their missing
        row: that of one that has missing values was learned.
        """
        columns = recipe.columns_of(table)
        vectors = tables[columns[0]].copy()
        missing = next((j for j in columns if self.counts[j][-1] > 0), columns[0])
        vectors[-1] = tables[missing][-1]
        return vectors

    def _sums(self, effects: Sequence[Array], recipe: Recipe) -> EffectSums:
        """Sums that have these effects.

        Which categories stood together in the rows of the fit is not known any more: the sums of
        each column are what the others have left.
        """
        n_codes = [len(own) for own in self.counts]
        sums = no_sums(n_codes, len(self.mean), recipe.target_effect)
        sums = replace(
            sums,
            n_rows=self.n_rows,
            weight=self.weight,
            target=self.weight * self.mean,
            squares=self.weight * (self.mean**2 + self.deviation**2),
            counts=self.counts,
        )
        if not recipe.target_effect:
            return sums
        moments = []
        for own, n, m in zip(effects, self.counts, self.pseudo_counts, strict=True):
            total = np.where(n[:, None] > 0, (n[:, None] + m) * own, 0)
            moments.append(n[:, None] * self.mean + total * self.deviation)
        return replace(sums, moments=moments)


def rest(sample: Sample, code_counts: Sequence[Array], trained: Trained, recipe: Recipe) -> Resting:
    """What to keep of a fit to a sample, of which each code has so many rows."""
    network, architecture = trained.network, trained.network.architecture
    as_given = [
        prior is not None or rests
        for prior, rests in zip(recipe.priors, recipe.frozen_tables, strict=True)
    ]
    dense = trained.parameters["dense"].copy()
    slices = architecture.input_slices()
    weight, bias = network.dense.flat(dense).layers[0]
    for j, t in enumerate(architecture.columns):
        if not as_given[t]:
            bias += (trained.bases[t].origin[0] @ weight[slices[j]]).astype(bias.dtype)
    y = sample.target.columns()
    mean = np.average(y, axis=0, weights=sample.weight)
    deviation = np.sqrt(np.average((y - mean) ** 2, axis=0, weights=sample.weight))
    return Resting(
        architecture,
        dense,
        [basis.axes for basis in trained.bases],
        as_given,
        trained.unit,
        len(sample),
        float(sample.weight.sum()),
        list(code_counts),
        mean,
        np.where(deviation > 0, deviation, 1),
        trained.pseudo_counts,
    )
