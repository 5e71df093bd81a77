"""Work on single rows of a table: look them up, sum gradients by row, and the gradient made of rows.

Everything that reads or changes an embedding table goes through these functions, in the layer as in training.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse


class RowGradient(NamedTuple):
    """Gradient of a table that is zero outside a few rows.

    Attributes
    ----------
    rows : ndarray of shape (n_rows,), dtype intp
        The rows touched, each once.
    values : ndarray of shape (n_rows, embedding_dim)
        The gradient of these rows.
    """

    rows: NDArray[np.intp]
    values: NDArray[np.floating]

    def to_dense(self, num_embeddings: int) -> NDArray[np.floating]:
        """Return the gradient of the whole table, shape ``(num_embeddings, embedding_dim)``."""
        dense = np.zeros((num_embeddings, *self.values.shape[1:]), dtype=self.values.dtype)
        dense[self.rows] = self.values
        return dense


def lookup(
    table: NDArray[np.floating],
    indices: NDArray[np.integer],
    out: NDArray[np.floating] | None = None,
) -> NDArray[np.floating]:
    """Rows of ``table`` at ``indices`` of any rank, which the caller has checked to be in range."""
    # mode="clip" is several times faster than the default, which copies `out` to survive an error.
    return np.take(table, indices, axis=0, out=out, mode="clip")


def distinct_rows(
    indices: NDArray[np.integer], scratch: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Distinct values of 1-D ``indices`` (in no order) and the place of each index among them.

    No sorting: each index writes its own position into ``scratch`` (one cell per row of the table, content
    irrelevant), and the positions that survive being overwritten name the distinct rows.
    """
    positions = np.arange(len(indices))
    scratch[indices] = positions
    last = scratch[indices]
    rows = indices[last == positions]
    scratch[rows] = np.arange(len(rows))
    return rows.astype(np.intp, copy=False), scratch[indices]


def sum_by_row(
    places: NDArray[np.intp], values: NDArray[np.floating], n_rows: int
) -> NDArray[np.floating]:
    """Sum ``values[i]`` into row ``places[i]`` of an array of shape ``(n_rows, dim)``."""
    n = len(places)
    # A product with a 0/1 matrix in column form is the fastest scatter-add that NumPy and SciPy offer.
    ones = np.ones(n, dtype=values.dtype)
    scatter = sparse.csc_matrix((ones, places, np.arange(n + 1)), shape=(n_rows, n))
    return scatter @ values
