"""Vectors of categories without a target, from what they occur with.

codes, bins of numeric columns -> counts of pairs (they add up over chunks of rows)
-> positive pointwise mutual information of each table's categories with those of other columns
-> principal coordinates of its rows, one table each

Factorising this matrix finds what skip-gram models with negative sampling look for (Levy and
Goldberg 2014, Neural word embedding as implicit matrix factorization, NeurIPS).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

from ._vocabulary import UNKNOWN
from .nn._bags import NO_BAGS, Bags, bags_of_one

Array = NDArray[np.float64]

_N_BINS = 10
# Directions that the randomised SVD finds beyond those that are kept, and its power iterations.
_SPARE_DIRECTIONS = 8
_POWER_ITERATIONS = 2
# Directions with a smaller share of the largest deviation are rounding of float32.
_LEAST_DEVIATION = 1e-5
# Of two entries closer than this to the largest, the first decides the sign.
_NEARLY_LARGEST = 0.999


def check_contexts(sizes: Sequence[int], bags: Mapping[int, Bags]) -> None:
    """Raise where nothing can occur together: a single column and no bags."""
    if len(sizes) < 2 and not bags:
        raise ValueError(
            "task='none' learns from which categories occur together and needs at least 2 columns, "
            "those of numeric_features included, or one of sequence_features. X has 1 feature(s)."
        )


def bin_edges(numeric: Array, weight: Array) -> list[Array]:
    """Upper bounds of the quantile bins of each column but the last bin, ascending and distinct."""
    edges = []
    for column in numeric.T:
        present = ~np.isnan(column)
        order = np.argsort(column[present], kind="stable")
        values, reached = column[present][order], np.cumsum(weight[present][order])
        if not len(values):
            edges.append(values)
            continue
        wanted = reached[-1] * np.arange(1, _N_BINS) / _N_BINS
        positions = np.minimum(np.searchsorted(reached, wanted), len(values) - 1)
        edges.append(np.unique(values[positions]))
    return edges


def context_bins(numeric: Array, edges: Sequence[Array]) -> NDArray[np.int32]:
    """Bin of every number, ``(n, n_numeric)``; the last one is that of missing numbers."""
    bins = np.empty(numeric.shape, dtype=np.int32)
    for j, own in enumerate(edges):
        bins[:, j] = np.searchsorted(own, numeric[:, j])
        bins[np.isnan(numeric[:, j]), j] = len(own) + 1
    return bins


def context_sizes(n_codes: Sequence[int], edges: Sequence[Array]) -> list[int]:
    """How many codes each column has, numeric ones in bins."""
    return [*n_codes, *(len(own) + 2 for own in edges)]


def reject_first_vectors(initial_embeddings: Any) -> None:
    """Refuse vectors to start from: those learned without a target start from nothing."""
    if initial_embeddings is not None:
        raise ValueError(
            "The 'initial_embeddings' parameter must be None with task='none', which does not "
            f"start from vectors. Got {initial_embeddings!r} instead."
        )


def cooccurrence_counts(
    codes: NDArray[np.int32],
    n_codes: Sequence[int],
    weight: Array,
    bags: Mapping[int, Bags] = NO_BAGS,
) -> sparse.csr_array:
    """Total weight of the rows that hold two codes, for every pair from different columns or from
    one bag.

    The codes of all columns stand below each other, ``(sum(n_codes), sum(n_codes))``, symmetric.
    Counts of parts of the rows add up to those of all rows. The elements of a bag share the weight
    of its row.
    """
    n_columns = codes.shape[1]
    one_hot = [
        _shares(bags[j][codes[:, j]] if j in bags else bags_of_one(codes[:, j]), n_codes[j])
        for j in range(n_columns)
    ]
    blocks = [[sparse.csr_array((n, m)) for m in n_codes] for n in n_codes]
    for i in range(n_columns):
        if i in bags:
            blocks[i][i] = _pairs_within(one_hot[i], weight)
        weighted = (one_hot[i] * weight[:, None]).tocsr().T.tocsr()
        for j in range(i):
            blocks[i][j] = weighted @ one_hot[j]
            blocks[i][j].eliminate_zeros()
            blocks[i][j].sort_indices()
            blocks[j][i] = blocks[i][j].T.tocsr()
    return sparse.csr_array(sparse.bmat(blocks, format="csr"))


def _shares(bags: Bags, n_codes: int) -> sparse.csr_array:
    """The codes of every row, ``(n, n_codes)``, with shares that add up to 1."""
    matrix = bags.matrix(n_codes)
    matrix.data = matrix.data / matrix.sum(axis=1)[bags.of_bag()]
    return matrix


def _pairs_within(shares: sparse.csr_array, weight: Array) -> sparse.csr_array:
    """Weight of the pairs of different codes in one bag; those of a bag have that of its row."""
    alone = shares.multiply(shares).sum(axis=1)
    several = np.where(alone < 1, weight / np.where(alone < 1, 1 - alone, 1), 0)
    pairs = (shares.T @ (shares * several[:, None])).tocsr()
    pairs = pairs - sparse.csr_array(sparse.diags(pairs.diagonal()))
    pairs.eliminate_zeros()
    pairs.sort_indices()
    return pairs


def factorise_counts(
    counts: sparse.csr_array,
    n_codes: Sequence[int],
    dims: Sequence[int],
    rng: np.random.Generator,
    tables: Sequence[int] | None = None,
) -> list[NDArray[np.float32]]:
    """One table for each of ``dims``: categories lie close that occur with the same others.

    Parameters
    ----------
    counts : sparse array of shape (sum(n_codes), sum(n_codes))
        Of pairs, symmetric.
    n_codes : sequence of int
        Codes of each column: 0 is the unknown value, the last one the missing value.
    dims : sequence of int
        Most coordinates of each column; columns beyond are context only.
    rng : numpy.random.Generator
    tables : sequence of int, optional
        Columns with the same number share one vocabulary and one table.

    Returns
    -------
    learned : list of ndarray of shape (n_codes, at most dim), dtype float32
        One per column. The mean over the rows is 0. The squared distance of two categories
        approximates the mean squared difference of their PMI (in nats) with what stands in other
        columns. There are fewer coordinates than asked for where the categories span fewer.
    """
    starts = np.cumsum([0, *n_codes])
    tables = list(range(len(dims)) if tables is None else tables)
    learned: dict[int, NDArray[np.float32]] = {}
    for j, table in enumerate(tables):
        if table not in learned:
            sharing = [k for k, other in enumerate(tables) if other == table]
            pairs = sum(
                (counts[starts[k] : starts[k + 1]] for k in sharing[1:]),
                start=counts[starts[j] : starts[j + 1]],
            )
            # Every row stands in as many pairs as there are other columns.
            seen = pairs.sum(axis=1) / max(len(n_codes) - 1, 1)
            seed = int(rng.integers(2**31 - 1))
            learned[table] = _learn_table(pairs, seen, dims[j], seed)
    return [learned[table] for table in tables]


def _learn_table(pairs: sparse.csr_array, seen: Array, dim: int, seed: int) -> NDArray[np.float32]:
    """Principal coordinates of the codes of one table, ``(n_codes, at most dim)``.

    ``pairs``, ``(n_codes, n_contexts)``, counts them with the codes of other columns; ``seen``,
    ``(n_codes,)``, counts their rows.
    """
    if not seen.any():
        # Cells that are empty or hold one category each, and nothing beside them.
        return np.zeros((len(seen), 1), dtype=np.float32)
    vectors = _principal_coordinates(_weighted_pmi(pairs), seen / seen.sum(), dim, seed)
    return _fill_unseen(vectors, seen).astype(np.float32)


def _weighted_pmi(pairs: sparse.csr_array) -> sparse.csr_array:
    """Positive PMI of codes and contexts, times the root of the context's share.

    Rarely seen pairs have the largest PMI by chance. It is discounted by ``n / (n + 1)`` (Pantel
    and Lin 2002, Discovering word senses from text, KDD).
    """
    rows, contexts = pairs.sum(axis=1), pairs.sum(axis=0)
    total = rows.sum()
    own_log = np.log(np.where(rows > 0, rows, 1))
    context_log = np.log(np.where(contexts > 0, contexts, 1)) - np.log(total)
    values = np.log(pairs.data)
    values -= np.repeat(own_log, np.diff(pairs.indptr))
    values -= context_log[pairs.indices]
    np.maximum(values, 0, out=values)
    values *= pairs.data / (pairs.data + 1)
    values *= np.sqrt(contexts / total)[pairs.indices]
    shape = pairs.shape
    pmi = sparse.csr_array((values.astype(np.float32), pairs.indices, pairs.indptr), shape=shape)
    return pmi


def _principal_coordinates(rows: sparse.csr_array, share: Array, dim: int, seed: int) -> Array:
    """Leading principal coordinates of weighted rows, ``(n_rows, at most dim)``, with mean 0."""
    root = np.sqrt(share)
    scaled = rows.copy()
    scaled.data *= np.repeat(root.astype(np.float32), np.diff(rows.indptr))
    # One more for the mean of the rows, which the rotation below takes out.
    n_directions = min(dim + 1 + _SPARE_DIRECTIONS, *rows.shape)
    _, _, directions = randomized_svd(
        scaled, n_directions, n_iter=_POWER_ITERATIONS, random_state=seed
    )
    points = (rows @ directions.T).astype(np.float64)
    points -= share @ points
    _, deviations, rotation = np.linalg.svd(root[:, None] * points, full_matrices=False)
    most = min(dim, max(1, np.count_nonzero(share) - 1))
    real = deviations[:most] > _LEAST_DEVIATION * deviations[0]
    points = points @ rotation[: max(1, int(real.sum()))].T
    return points * _signs(root[:, None] * points)


def _signs(points: Array) -> Array:
    """Signs that make the largest entry of each column positive."""
    size = np.abs(points)
    largest = np.argmax(size >= _NEARLY_LARGEST * size.max(axis=0), axis=0)
    return np.where(points[largest, np.arange(points.shape[1])] < 0, -1.0, 1.0)


def _fill_unseen(vectors: Array, seen: Array) -> Array:
    """Give the unknown value and codes without rows the mean vector of the rare categories.

    A category of ``n`` rows has the weight ``1 / (1 + n)``: the rarer, the better a model of one
    that was never seen.
    """
    rarity = np.where(seen > 0, 1 / (1 + seen), 0)
    # Neither the unknown value itself nor the missing one is a rare category.
    rarity[[UNKNOWN, -1]] = 0
    pooled = rarity @ vectors / (rarity.sum() or 1)
    vectors = np.where(seen[:, None] > 0, vectors, pooled)
    vectors[UNKNOWN] = pooled
    return vectors
