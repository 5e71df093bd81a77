"""Vectors without a target, batch by batch: counts of what occurs together add up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ._cooccurrence import (
    bin_edges,
    check_contexts,
    context_bins,
    context_sizes,
    cooccurrence_counts,
    factorise_counts,
)
from ._learning import FittedNetwork
from ._recipe import Recipe
from ._sample import Sample
from ._tables import limit_norm
from .nn._growth import Moves
from .nn._record import Record
from .nn._training import History


class CountStream(Record):
    """Counts of the rows so far.

    Attributes
    ----------
    counts : sparse array of shape (sum(sizes), sum(sizes))
        Weight of the rows that hold two codes, the first of them as the row; 0 below the diagonal.
    sizes : list of int
        Codes of each column, those of numeric columns in bins last.
    edges : list of ndarray
        The bins of the numeric columns, those of the first batch.
    """

    counts: sparse.csr_array
    sizes: list[int]
    edges: list[NDArray[np.float64]]

    def grown(
        self, moves: Sequence[Moves], n_codes: Sequence[int], priors: Sequence[Any]
    ) -> CountStream:
        """The same where columns have more codes; ``moves`` has the new place of each."""
        sizes = [*n_codes, *self.sizes[len(n_codes) :]]
        starts = np.cumsum([0, *sizes])
        every = [*moves, *(np.arange(n) for n in self.sizes[len(n_codes) :])]
        places = np.concatenate([own + start for own, start in zip(every, starts, strict=False)])
        held = self.counts.tocoo()
        rows, columns = places[held.row], places[held.col]
        shape = (starts[-1], starts[-1])
        pairs = np.minimum(rows, columns), np.maximum(rows, columns)
        counts = sparse.coo_array((held.data, pairs), shape=shape).tocsr()
        return replace(self, counts=counts, sizes=sizes)

    def learned(
        self,
        sample: Sample,
        numbers: NDArray[np.float64],
        recipe: Recipe,
        rng: np.random.Generator,
    ) -> tuple[CountStream, list[NDArray[np.float32]], History]:
        """The counts with one more batch, the table of each column, and how it went."""
        codes = np.hstack([sample.codes, context_bins(numbers, self.edges)])
        more = cooccurrence_counts(codes, self.sizes, sample.weight, sample.bags)
        counts = sparse.csr_array(self.counts + sparse.triu(more))
        tables = factorise_counts(
            _both_ways(counts), self.sizes, recipe.embedding_dims, rng, recipe.tables
        )
        tables = [limit_norm(table, recipe.max_norm).astype(np.float32) for table in tables]
        return replace(self, counts=counts), tables, History()

    def networks(self) -> list[FittedNetwork]:
        """There are none."""
        return []

    def code_counts(self) -> list[NDArray[np.float64]]:
        """Weight of the rows of each code, by column."""
        # Every row stands in as many pairs as there are other columns.
        seen = _both_ways(self.counts).sum(axis=1) / max(len(self.sizes) - 1, 1)
        return np.split(seen, np.cumsum(self.sizes)[:-1])


def _both_ways(counts: sparse.csr_array) -> sparse.csr_array:
    """The symmetric counts."""
    return sparse.csr_array(counts + sparse.triu(counts, 1).T)


def start_counts(
    sample: Sample, numbers: NDArray[np.float64], n_codes: Sequence[int]
) -> CountStream:
    """Counts before the first batch, which ``sample`` is."""
    edges = bin_edges(numbers, sample.weight)
    sizes = context_sizes(n_codes, edges)
    check_contexts(sizes, sample.bags)
    return CountStream(sparse.csr_array((sum(sizes), sum(sizes))), sizes, edges)
