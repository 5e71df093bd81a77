"""Scaling of numeric columns: the middle is kept, the tails are bent, nothing overflows."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skembed._numeric import NumericScaler


def scale(fitted, transformed=None):
    """One column through the scaler."""
    scaler = NumericScaler().fit(np.asarray(fitted, dtype=float)[:, None])
    transformed = fitted if transformed is None else transformed
    return scaler.transform(np.asarray(transformed, dtype=float)[:, None])


def slow(fitted, values):
    """The formula, one number at a time; quantiles with linear interpolation."""
    present = sorted(value for value in fitted if not math.isnan(value))

    def quantile(q):
        place = q * (len(present) - 1)
        low = math.floor(place)
        high = min(low + 1, len(present) - 1)
        return present[low] + (place - low) * (present[high] - present[low])

    if not present:
        center, spread = 0.0, 1.0
    else:
        center = quantile(0.5)
        spread = quantile(0.75) - quantile(0.25) or (present[-1] - present[0]) / 2 or 1.0
    z = [0.0 if math.isnan(value) else (value - center) / spread for value in values]
    return [value / math.sqrt(1 + (value / 3) ** 2) for value in z]


numbers = st.one_of(
    st.just(float("nan")),
    st.integers(-5, 5).map(float),
    st.floats(-1e6, 1e6).map(lambda v: round(v, 2)),
)


@settings(deadline=None, max_examples=150, derandomize=True)
@given(st.lists(numbers, min_size=1, max_size=12), st.lists(numbers, min_size=1, max_size=6))
def test_values_equal_the_formula(fitted, others):
    result = scale(fitted, others)
    np.testing.assert_allclose(result[:, 0], slow(fitted, others), rtol=1e-5, atol=1e-6)
    flagged = any(map(math.isnan, fitted))
    assert result.shape == (len(others), 1 + flagged)
    if flagged:
        np.testing.assert_array_equal(result[:, 1], np.isnan(others))
    assert result.dtype == np.float32


EXTREME = [0.0, 5e-324, 1e-300, 1.0, 1e300, 1.7e308]


@settings(deadline=None, max_examples=150, derandomize=True)
@given(
    st.lists(st.sampled_from(EXTREME + [-value for value in EXTREME]), min_size=1, max_size=6),
    st.lists(st.sampled_from(EXTREME + [-value for value in EXTREME]), min_size=1, max_size=6),
)
def test_extreme_values_stay_within_bounds_and_in_order(fitted, others):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = scale(fitted, others)[:, 0]
    assert np.isfinite(result).all()
    assert (np.abs(result) <= 3).all()
    assert (np.diff(result[np.argsort(others, kind="stable")]) >= 0).all()


def test_the_unit_does_not_matter():
    x = np.random.default_rng(0).normal(size=50) ** 3
    expected = scale(x)
    np.testing.assert_allclose(scale(1000 * x - 7), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(scale(-x), -expected, rtol=1e-5, atol=1e-6)


def test_missing_first_met_later_is_the_middle_and_adds_no_column():
    np.testing.assert_array_equal(scale([1, 2, 3], [np.nan, 2]), [[0], [0]])


def test_a_column_of_missing_values_alone_is_zero_with_a_flag():
    np.testing.assert_array_equal(scale([np.nan] * 3), [[0, 1]] * 3)


def test_flags_follow_the_columns_in_order():
    X = np.array([[1.0, np.nan, 3.0, np.nan], [2.0, 5.0, 4.0, 1.0], [3.0, 6.0, 5.0, 2.0]])
    result = NumericScaler().fit(X).transform(X)
    assert result.shape == (3, 6)
    np.testing.assert_array_equal(result[:, 4:], [[1, 1], [0, 0], [0, 0]])
    np.testing.assert_array_equal(result[0, [1, 3]], 0)
    for j in range(4):
        np.testing.assert_array_equal(result[:, j], scale(X[:, j])[:, 0])


@pytest.mark.parametrize("n_columns", [0, 2])
def test_no_columns_and_no_rows(n_columns):
    scaler = NumericScaler().fit(np.ones((3, n_columns)))
    assert scaler.transform(np.ones((3, n_columns))).shape == (3, n_columns)
    assert scaler.transform(np.ones((0, n_columns))).shape == (0, n_columns)


def test_the_input_is_not_changed():
    X = np.array([[1.0], [np.nan], [3.0]])
    before = X.copy()
    NumericScaler().fit(X).transform(X)
    np.testing.assert_array_equal(X, before)
