"""Quantile bins and piecewise-linear coordinates against NumPy's interpolation and plain counts."""

from itertools import pairwise

import numpy as np
import pytest

from skembed._bins import PiecewiseLinear, bin_codes, n_bin_codes, quantile_edges

RNG = np.random.default_rng(0)
SAMPLES = {
    "normal": RNG.normal(size=500),
    "skewed": RNG.exponential(size=500) ** 3,
    "few values": RNG.integers(0, 4, 500).astype(float),
    "mostly zero": np.where(RNG.random(500) < 0.8, 0.0, RNG.normal(size=500)),
    "missing": np.where(RNG.random(500) < 0.3, np.nan, RNG.normal(size=500)),
    "huge": RNG.choice([-1.0, 1.0], 500) * RNG.uniform(0.5, 1.79, 500) * 1e308,
    "tiny": RNG.normal(size=500) * 1e-310,
    "far outliers": np.r_[RNG.normal(size=498), -1e308, 1e308],
    "one row": np.array([3.0]),
    "constant": np.full(20, 0.1),
    "all missing": np.full(20, np.nan),
}
every_sample = pytest.mark.parametrize("values", SAMPLES.values(), ids=SAMPLES)


def coordinates(values, n_bins=4, at=None):
    X = np.asarray(values, dtype=float)[:, None]
    bins = PiecewiseLinear(n_bins).fit(X)
    return bins, bins.transform(X if at is None else np.asarray(at, dtype=float)[:, None])


@pytest.mark.parametrize("n_bins", [1, 2, 10, 32])
@pytest.mark.parametrize("n_value_bins", [0, 5])
@every_sample
def test_edges_are_finite_distinct_and_inside_the_data(values, n_bins, n_value_bins):
    edges = quantile_edges(values, n_bins, n_value_bins)
    assert np.isfinite(edges).all()
    assert (np.diff(edges) > 0).all()
    assert len(edges) <= n_bins - 1 + max(n_value_bins - 1, 0)
    present = values[~np.isnan(values)]
    assert all(present.min() <= edge <= present.max() for edge in edges)


def test_bins_of_distinct_values_hold_equally_many_rows():
    values = RNG.permutation(1200).astype(float)
    edges = quantile_edges(values, 12)
    counts = np.bincount(bin_codes(values, edges))
    np.testing.assert_array_equal(counts, [0, *[100] * 12])


def test_edges_of_distinct_values_cut_where_a_pile_leaves_no_quantile():
    values = np.r_[np.zeros(1000), np.arange(1.0, 11)]
    assert quantile_edges(values, 8).tolist() == [0]
    edges = quantile_edges(values, 8, 5)
    np.testing.assert_allclose(edges, [0, 2, 4, 6, 8])


@every_sample
def test_codes_count_the_edges_at_or_below_a_value(values):
    edges = quantile_edges(values, 10)
    codes = bin_codes(values, edges)
    missing = len(edges) + 2
    expected = [missing if np.isnan(v) else 1 + sum(edge <= v for edge in edges) for v in values]
    assert codes.tolist() == expected
    assert codes.dtype == np.int32
    assert n_bin_codes(edges) == missing + 1


def test_new_values_fall_into_the_outer_bins():
    edges = np.array([1.0, 2.0])
    values = np.array([-1.7e308, 0.999, 1, 1.5, 2, 1.7e308, np.nan])
    assert bin_codes(values, edges).tolist() == [1, 1, 2, 2, 3, 3, 4]


def test_a_column_without_any_value_has_one_bin_and_that_of_the_missing():
    edges = quantile_edges(np.full(3, np.nan), 8, 4)
    assert edges.tolist() == []
    assert bin_codes(np.array([np.nan, 5]), edges).tolist() == [2, 1]


@pytest.mark.parametrize("n_bins", [2, 5, 16])
@pytest.mark.parametrize("name", ["normal", "skewed", "few values", "mostly zero"])
def test_each_coordinate_is_numpys_interpolation_from_0_to_1(name, n_bins):
    values = SAMPLES[name]
    at = np.linspace(values.min() - 1, values.max() + 1, 301)
    bins, found = coordinates(values, n_bins, at)
    edges = bins.edges_[0]
    np.testing.assert_allclose(
        edges, np.unique(np.quantile(values, np.linspace(0, 1, n_bins + 1))), rtol=1e-15
    )
    expected = [np.interp(at, [low, high], [0, 1]) for low, high in pairwise(edges)]
    np.testing.assert_allclose(found, np.transpose(expected), atol=1e-7)


def test_a_linear_map_of_the_coordinates_is_any_piecewise_linear_function():
    values = SAMPLES["normal"]
    bins, _ = coordinates(values, 6)
    edges = bins.edges_[0]
    heights = RNG.normal(size=len(edges))
    at = np.linspace(-5, 5, 101)
    found = bins.transform(at[:, None]).astype(float) @ np.diff(heights) + heights[0]
    np.testing.assert_allclose(found, np.interp(at, edges, heights), atol=1e-6)


@every_sample
def test_coordinates_stay_between_0_and_1_and_grow_with_the_value(values):
    extremes = [-1.79e308, -1e308, -1.0, -5e-324, 0.0, 5e-324, 1e-300, 1.0, 1e308, 1.79e308]
    for n_bins in (1, 3, 16):
        bins, found = coordinates(values, n_bins, extremes)
        assert np.isfinite(found).all()
        assert ((found >= 0) & (found <= 1)).all()
        assert (np.diff(found, axis=0) >= 0).all()
        own = bins.transform(values[:, None])
        assert np.isfinite(own).all()
        assert not own[np.isnan(values)].any()


def test_beyond_the_range_all_coordinates_are_0_or_1():
    _, found = coordinates(SAMPLES["normal"], 5, [-1e308, -100, 100, 1e308])
    np.testing.assert_array_equal(found, np.repeat([[0], [1]], 2, axis=0).repeat(5, axis=1))


@pytest.mark.parametrize("name", ["constant", "all missing", "one row"])
def test_a_column_that_does_not_vary_has_no_coordinates(name):
    assert coordinates(SAMPLES[name], 8)[1].shape == (len(SAMPLES[name]), 0)


def test_one_bin_alone_is_left_to_the_scaled_column():
    assert coordinates(SAMPLES["normal"], 1)[1].shape == (500, 0)
    assert coordinates(RNG.integers(0, 2, 500), 8)[1].shape == (500, 0)


def test_columns_lie_side_by_side():
    X = np.column_stack([SAMPLES["normal"], SAMPLES["constant"][:1].repeat(500), SAMPLES["skewed"]])
    bins = PiecewiseLinear(4).fit(X)
    found = bins.transform(X)
    assert found.dtype == np.float32
    for j, columns in ((0, slice(0, 4)), (2, slice(4, 8))):
        np.testing.assert_array_equal(found[:, columns], coordinates(X[:, j], 4)[1])
    assert PiecewiseLinear(4).fit(X[:, :0]).transform(X[:, :0]).shape == (500, 0)


def test_no_bins_have_no_coordinates():
    assert coordinates(SAMPLES["normal"], 0)[1].shape == (500, 0)
    assert coordinates(SAMPLES["missing"], 0)[1].shape == (500, 0)
