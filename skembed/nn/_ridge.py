"""Small symmetric equations, one system for each code, solved for all codes at once."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ._parallel import in_halves, slices

Array = NDArray[np.floating]

# What is added to a diagonal at least, as a share of its sum, so that a matrix can be inverted.
_LEAST_CONDITION = 1e-12
# Numbers of the matrices that are worked on at a time.
_AT_ONCE = 2**16
# Matrices that are multiplied at a time.
_TIMES_AT_ONCE = 2**12

UNKNOWN = 0


def square(upper: Array) -> Array:
    """Symmetric matrices ``(width, width, n)`` from their upper triangles, row by row."""
    width = (math.isqrt(8 * len(upper) + 1) - 1) // 2
    first, second = np.triu_indices(width)
    square = np.empty((width, width, upper.shape[1]))
    square[first, second] = upper
    square[second, first] = upper
    return square


def times(upper: Array, vectors: Array) -> Array:
    """Symmetric matrices, of which the upper triangles are given, times vectors ``(width, n)``."""
    product = np.zeros(vectors.shape)
    pairs = list(zip(*np.triu_indices(len(vectors)), strict=True))
    # Some at a time, which stay in the cache.
    for part in slices(slice(0, vectors.shape[1]), _TIMES_AT_ONCE):
        of_part, there = product[:, part], vectors[:, part]
        for own, (a, b) in zip(upper[:, part], pairs, strict=True):
            of_part[a] += own * there[b]
            if a != b:
                of_part[b] += own * there[a]
    return product


def add_penalty(matrices: Array, penalty: float) -> None:
    """Add the penalty to the diagonals of matrices ``(width, width, n)``."""
    diagonals = np.einsum("ccn->cn", matrices)
    diagonals += np.maximum(penalty, _LEAST_CONDITION * diagonals.sum(axis=0))


def solve_one(matrix: Array, right: Array, penalty: float) -> Array:
    """The penalised solution of one system."""
    matrices = matrix[:, :, None].copy()
    add_penalty(matrices, penalty)
    return np.linalg.solve(matrices[:, :, 0], right)


def _eliminate(matrices: Array, right: Array) -> None:
    """Solve ``matrices[..., i] @ x = right[:, i]`` for all ``i`` at once, in place.

    Gauss's elimination, stable without pivots for symmetric positive matrices: Golub and Van Loan
    2013, "Matrix Computations", section 4.2.  LAPACK, called for each, takes many times longer.
    """
    for k, row in enumerate(matrices):
        factors = row[k + 1 :] / row[k]
        matrices[k + 1 :, k + 1 :] -= factors[:, None] * row[k + 1 :]
        right[k + 1 :] -= factors * right[k]
    for k in reversed(range(len(right))):
        right[k] -= (matrices[k, k + 1 :] * right[k + 1 :]).sum(axis=0)
        right[k] /= matrices[k, k]


def rarity_of(counts: Array) -> Array:
    """What the rows of each code count for the unknown code, by the weight of these rows."""
    # A category that was seen once is the best model of one that was never seen.
    rarity = np.where(counts > 0, 1 / (1 + counts), 0)
    rarity[UNKNOWN] = 1
    return rarity


def ridge(normal: Array, right: Array, counts: Array, penalty: float, factor: float = 1.0) -> Array:
    """Penalised solution per code from the upper triangles of the normal matrices, times a factor;
    the unknown code learns from the rare ones, and stands in for the unseen.
    """
    rarity = rarity_of(counts)
    of_unknown, solved = rarity @ normal, right.T.copy()
    solved[:, UNKNOWN] = rarity @ right
    # Whole matrices of a few codes at a time: those of all would be many times the table.
    n_codes = max(_AT_ONCE // max(len(solved), 1) ** 2, 1)

    def solve(among: slice) -> None:
        for codes in slices(among, n_codes):
            upper = factor * normal[codes].T
            if codes.start == UNKNOWN:
                upper[:, UNKNOWN] = factor * of_unknown
            matrices = square(upper)
            add_penalty(matrices, penalty)
            _eliminate(matrices, solved[:, codes])

    in_halves(solve, len(right))
    unseen = counts == 0
    unseen[UNKNOWN] = False
    solved[:, unseen] = solved[:, [UNKNOWN]]
    return solved.T
