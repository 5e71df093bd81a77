"""Small systems of all codes at once against LAPACK's, one after the other."""

import numpy as np
import pytest

from skembed.nn import _ridge as module
from skembed.nn._ridge import UNKNOWN, ridge, square, times


def some_systems(width, n_codes=9, seed=0):
    """Upper triangles, the same as whole matrices, right sides and counts."""
    slopes = np.random.default_rng(seed).normal(size=(n_codes, 2 * width + 1, width))
    matrices = np.einsum("nra,nrb->nab", slopes, slopes)
    first, second = np.triu_indices(width)
    right = np.random.default_rng(seed + 1).normal(size=(n_codes, width))
    return matrices[:, first, second], matrices, right, np.arange(n_codes, dtype=float)


@pytest.mark.parametrize("width", [1, 2, 5, 17])
@pytest.mark.parametrize("at_once", [1, 100, 2**16])
def test_every_code_gets_the_solution_of_its_own_system(width, at_once, monkeypatch):
    monkeypatch.setattr(module, "_AT_ONCE", at_once)
    upper, matrices, right, counts = some_systems(width)
    given = right.copy()
    found = ridge(upper, right, counts, 0.5, factor=2.0)
    np.testing.assert_array_equal(right, given)
    penalised = 2 * matrices + 0.5 * np.eye(width)
    expected = np.linalg.solve(penalised, right[..., None])[..., 0]
    np.testing.assert_allclose(found[1:], expected[1:], rtol=1e-9, atol=1e-12)
    # The unknown code has its own rows, and those of others as they are rare.
    rarity = np.append(1, 1 / (1 + counts[1:]))
    left = 2 * np.einsum("n,nab->ab", rarity, matrices) + 0.5 * np.eye(width)
    np.testing.assert_allclose(found[UNKNOWN], np.linalg.solve(left, rarity @ right), rtol=1e-9)


def test_matrices_without_rank_are_solved_all_the_same():
    upper, right = np.ones((2, 3)), np.ones((2, 2))
    found = ridge(upper, right, np.ones(2), 1e-30)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-3)


def test_tables_of_width_zero_have_no_equations():
    assert ridge(np.empty((3, 0)), np.empty((3, 0)), np.ones(3), 1.0).shape == (3, 0)


@pytest.mark.parametrize("width", [1, 4])
def test_upper_triangles_stand_for_symmetric_matrices(width):
    upper, matrices, vectors, _ = some_systems(width)
    np.testing.assert_array_equal(square(upper.T).T, matrices)
    expected = np.einsum("nab,nb->an", matrices, vectors)
    np.testing.assert_allclose(times(upper.T, vectors.T), expected, rtol=1e-12, atol=1e-12)
