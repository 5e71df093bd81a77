"""Row-wise sums and gradients against the dense ones."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skembed.nn import RowGradient
from skembed.nn._memory import empty_aligned
from skembed.nn._rows import (
    add_to_rows,
    clip_norms,
    distinct_rows,
    lookup,
    sum_by_row,
    sum_sorted,
)

N_ROWS, DIM = 9, 4

row_lists = st.lists(st.integers(0, N_ROWS - 1), unique=True).map(sorted)


def gradient_of(rows, seed=0, dtype=np.float64):
    values = np.random.default_rng(seed).normal(size=(len(rows), DIM)).astype(dtype)
    return RowGradient(np.array(rows, dtype=np.intp), values)


@settings(deadline=None, max_examples=60)
@given(row_lists, row_lists, st.floats(-10, 10), st.sampled_from([1.0, 1.5, 2.0, np.inf]))
def test_arithmetic_is_that_of_the_dense_gradient(rows, others, factor, norm_type):
    left, right = gradient_of(rows), gradient_of(others, seed=1)
    dense = left.to_dense(N_ROWS)
    total = left.add(right)
    np.testing.assert_allclose(total.to_dense(N_ROWS), dense + right.to_dense(N_ROWS))
    assert total.rows.tolist() == sorted({*rows, *others})
    np.testing.assert_allclose(left.scale(factor).to_dense(N_ROWS), factor * dense)
    norm = np.linalg.norm(dense.ravel(), norm_type)
    assert left.norm(norm_type) == pytest.approx(norm)
    clipped = left.clip(0.7, norm_type)
    assert clipped.norm(norm_type) == pytest.approx(min(norm, 0.7))
    if norm <= 0.7:
        assert clipped is left
    else:
        np.testing.assert_allclose(clipped.to_dense(N_ROWS), dense * (0.7 / norm))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_results_keep_the_dtype(dtype):
    gradient = gradient_of([1, 3], dtype=dtype)
    for result in (gradient.add(gradient), gradient.scale(0.5), gradient.clip(0.1)):
        assert result.values.dtype == dtype
    assert gradient.to_dense(5).dtype == dtype
    assert isinstance(gradient.norm(), float)


def test_operands_are_not_changed():
    gradient = gradient_of([1, 3])
    before = gradient.values.copy()
    for result in (gradient.add(gradient), gradient.scale(2), gradient.clip(1e-3)):
        result.values[:] = 0
    np.testing.assert_array_equal(gradient.values, before)


ROWS, VALUES = np.array([1, 3]), np.ones((2, DIM))


@pytest.mark.parametrize(
    ("rows", "values", "error", "message"),
    [
        (np.array([1, 9]), VALUES, IndexError, r"in \[0, 9\). Got 9"),
        (np.array([-1, 3]), VALUES, IndexError, "Got -1"),
        (np.array([3, 1, 3]), np.ones((3, DIM)), ValueError, "row 3 more than once"),
        (ROWS.astype(float), VALUES, TypeError, "rows must be integers. Got dtype float64"),
        (ROWS, VALUES.astype(int), TypeError, "values must be floats. Got dtype int64"),
        (ROWS, VALUES[:1], ValueError, r"Got \(2,\) and \(1, 4\)"),
        (ROWS, VALUES[:, 0], ValueError, r"Got \(2,\) and \(2,\)"),
        (ROWS, VALUES[:, :, None], ValueError, r"Got \(2,\) and \(2, 4, 1\)"),
        (ROWS[:, None], VALUES, ValueError, r"Got \(2, 1\)"),
    ],
)
def test_unsound_gradients(rows, values, error, message):
    for method in (RowGradient.check, RowGradient.to_dense):
        with pytest.raises(error, match=message):
            method(RowGradient(rows, values), N_ROWS)


def test_sound_gradients():
    gradient = RowGradient(np.array([7, 2]), VALUES)  # the order is free
    assert gradient.check() is gradient
    assert gradient.check(8) is gradient
    with pytest.raises(IndexError, match=r"\[0, 7\). Got 7"):
        gradient.check(7)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda g: g.scale(np.nan), "finite number. Got nan"),
        (lambda g: g.clip(0), "above 0. Got 0"),
        (lambda g: g.clip(np.nan), "above 0. Got nan"),
        (lambda g: g.clip(1.0, 0.5), r"at least 1 .* Got 0\.5"),
        (lambda g: g.norm(0.5), r"at least 1 .* Got 0\.5"),
        (lambda g: g.add(RowGradient(ROWS, np.ones((2, 3)))), "Got 4 and 3"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call(gradient_of([0]))


sizes = pytest.mark.parametrize(
    ("n", "n_rows"),
    [
        *[(0, 3), (1, 1), (30, 7), (30, 90), (30, 1000), (3000, 7), (3000, 9000), (3000, 10**6)],
        # Added up by a product although few repeat; rows in two halves.
        *[(9000, 10**6), (40_000, 10**6)],
    ],
)
# Integers in floats: their sums are exact in every order.
EXACT = {"low": -50, "high": 50}


@sizes
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_by_row(n, n_rows, dtype):
    """Small and large ones are made in different ways."""
    rng = np.random.default_rng(n)
    indices = rng.integers(0, n_rows, n)
    values = rng.integers(**EXACT, size=(n, 5)).astype(dtype)
    rows, places = np.unique(indices, return_inverse=True)
    expected = np.zeros((len(rows), 5))
    np.add.at(expected, places, values)
    by_place = sum_by_row(places.astype(np.int32), values, len(rows))
    for sums in (by_place, sum_sorted(indices, values)[1], sum_sorted(indices, values, n_rows)[1]):
        np.testing.assert_array_equal(sums, expected)
        assert sums.dtype == dtype
    for found in (sum_sorted(indices, values)[0], sum_sorted(indices, values, n_rows)[0]):
        np.testing.assert_array_equal(found, rows)
        assert found.dtype == np.intp
    scratch = np.full(n_rows, 77)
    distinct, at = distinct_rows(indices, scratch)
    np.testing.assert_array_equal(np.sort(distinct), rows)
    np.testing.assert_array_equal(distinct[at], indices)


@pytest.mark.parametrize("n_rows", [50, 60, 9000, 9001])
def test_sums_add_in_the_order_of_the_batch(n_rows):
    """So that the result is the same whatever the way."""
    rng = np.random.default_rng(0)
    indices, values = rng.integers(0, 50, 3000), rng.normal(size=(3000, 5)).astype(np.float32)
    rows, sums = sum_sorted(indices, values)
    expected = np.zeros((50, 5), np.float32)
    np.add.at(expected, indices, values)
    np.testing.assert_array_equal(sums, expected[rows])
    np.testing.assert_array_equal(sum_sorted(indices, values, n_rows)[1], expected[rows])
    few = sum_sorted(indices[:100], values[:100])[1]
    np.testing.assert_array_equal(few, sum_sorted(indices[:100], values[:100], n_rows)[1])


def test_sums_by_row_of_a_huge_table():
    """Rows that differ in any of their digits are told apart, and sorted."""
    rng = np.random.default_rng(0)
    parts = rng.integers(0, 3, (400, 4))
    indices = (parts << np.array([0, 15, 31, 61])).sum(axis=1)
    values = rng.integers(**EXACT, size=(400, 5)).astype(np.float64)
    rows, places = np.unique(indices, return_inverse=True)
    expected = np.zeros((len(rows), 5))
    np.add.at(expected, places, values)
    found, sums = sum_sorted(indices, values, 2**62 * 2)
    np.testing.assert_array_equal(found, rows)
    np.testing.assert_array_equal(sums, expected)


@sizes
def test_add_to_rows(n, n_rows):
    rng = np.random.default_rng(n)
    rows = rng.permutation(n_rows)[:n]
    table, values = rng.normal(size=(n_rows, 3)), rng.normal(size=(len(rows), 3))
    expected = table.copy()
    expected[rows] += values * -0.25
    add_to_rows(table, rows, values, -0.25)
    np.testing.assert_array_equal(table, expected)


@pytest.mark.parametrize("table", [np.zeros((5, 6))[:, ::2], np.zeros((3, 5)).T], ids=["cut", "T"])
def test_add_to_rows_of_a_table_that_is_not_contiguous(table):
    add_to_rows(table, np.array([4, 1]), np.ones((2, 3)), 2.0)
    np.testing.assert_array_equal(table[:, 0], [0, 2, 0, 0, 2])


@pytest.mark.parametrize("row", [-1, 5])
def test_add_to_rows_outside_the_table(row):
    table = np.zeros((5, 3))
    with pytest.raises(IndexError, match=rf"Index {row} at position 1 .* \[0, 5\)"):
        add_to_rows(table, np.array([1, row]), np.ones((2, 3)))
    assert not table.any()


def test_lookup():
    table, out = np.arange(12.0).reshape(6, 2), np.empty((3, 2))
    assert lookup(table, np.array([5, 0, 5]), out=out) is out
    np.testing.assert_array_equal(out, table[[5, 0, 5]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (0, 3), (5,), (2500, 3)])
def test_memory_is_aligned(shape, dtype):
    array = empty_aligned(shape, dtype)
    assert array.shape == shape
    assert array.dtype == dtype
    assert array.flags.c_contiguous
    assert array.flags.writeable
    assert array.ctypes.data % 64 == 0 or not array.size
    if array.size > 2048:
        array[:] = np.random.default_rng(0).normal(size=shape)
        indices = np.arange(shape[0]).reshape(-1, 5)
        vectors = lookup(array, indices)
        assert vectors.ctypes.data % 64 == 0
        np.testing.assert_array_equal(vectors, array[indices])


@pytest.mark.parametrize("norm_type", [1.0, 2.0, np.inf])
def test_clip_norms(norm_type):
    vectors = np.array([[3.0, -4.0], [0.1, 0.1], [0.0, 0.0]])
    clipped = clip_norms(vectors, 1.0, norm_type)
    norm = np.linalg.norm(vectors[0], norm_type)
    np.testing.assert_allclose(clipped[0], vectors[0] / (norm + 1e-7), rtol=1e-12)
    np.testing.assert_array_equal(clipped[1:], vectors[1:])


@pytest.mark.parametrize("size", [1e-4, 1e4])
def test_norms_of_high_powers_stay_in_the_range_of_floats(size):
    gradient = RowGradient(np.array([1, 4]), np.array([[size, 0.0], [0.0, -size]]))
    assert gradient.norm(100) == pytest.approx(size * 2**0.01)
    clipped = gradient.clip(size / 2, 100)
    assert clipped.norm(100) == pytest.approx(size / 2)
    np.testing.assert_allclose(clipped.values, gradient.values / 2 ** (1 + 0.01))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_are_clipped_wherever_their_norm_lies(dtype):
    largest, least = np.finfo(dtype).max, np.finfo(dtype).tiny
    for size in (largest, least):
        gradient = RowGradient(np.array([1, 4]), np.full((2, 2), size, dtype))
        clipped = gradient.clip(float(least) / 4)
        assert clipped.values.dtype == dtype
        np.testing.assert_allclose(clipped.values, least / 8, rtol=1e-3)
    assert gradient.clip(1.0) is gradient


def test_a_gradient_that_is_not_finite_has_no_direction():
    for bad in (np.nan, np.inf, -np.inf):
        gradient = RowGradient(np.array([7, 2]), np.array([[1.0, 2.0], [3.0, bad]]))
        assert not np.isfinite(gradient.norm())
        with pytest.raises(ValueError, match=r"gradient must be finite .* in row 2"):
            gradient.clip(1.0)
    assert RowGradient(np.zeros(0, int), np.zeros((0, 2))).clip(1.0).norm() == 0


@pytest.mark.parametrize("norm_type", [1, 1.5, 2, 3, np.inf])
def test_vectors_are_shortened_though_their_norm_is_beyond_the_range(norm_type):
    vectors = np.array([[1e20, 0.0], [3e38, 3e38], [0.1, 0.2], [0.0, 0.0]], np.float32)
    clipped = clip_norms(vectors, 1.0, norm_type)
    assert clipped.dtype == np.float32
    np.testing.assert_allclose(clipped[0], [1, 0], rtol=1e-6)
    np.testing.assert_allclose(clipped[1], 2 ** (-1 / norm_type), rtol=1e-6)
    np.testing.assert_array_equal(clipped[2:], vectors[2:])
    np.testing.assert_array_equal(clip_norms(vectors[0], 1.0, norm_type), clipped[0])
    np.testing.assert_array_equal(clip_norms(vectors[:, None], 1.0, norm_type)[:, 0], clipped)
