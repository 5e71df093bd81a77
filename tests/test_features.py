"""Features that the predictors' networks see: what is held out, what each switch removes."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from skembed import EmbeddingRegressor
from skembed._effects import N_SWEEPS_KNOWN, joint_effects
from skembed._feature_search import FeatureSettings, make_features
from skembed._predictors import EmbeddingPredictor
from skembed._sample import numeric_matrix, read_input
from skembed._terms import cross_of
from skembed._training_input import encode_input, read_training_input

SWITCHES = {"effects": True, "crosses": 24, "counts": True, "n_bins": 8}


def read(X, y, weight=None, **parameters):
    """An estimator and its input, as a fit reads them."""
    estimator = EmbeddingRegressor(random_state=0, **parameters)
    return estimator, read_training_input(estimator, X, y, weight)


def features_of(X, y, weight=None, shrinkage=None, **switches):
    """A function of new rows, and the features of the training rows."""
    estimator, sample = read(X, y, weight)
    columns = sample.columns
    settings = FeatureSettings(**SWITCHES | switches, n_codes=sample.n_codes, shrinkage=shrinkage)
    features, draws = make_features(
        sample.sample,
        sample.numbers,
        sample.scaler,
        EmbeddingPredictor._plain_columns(sample),
        [columns.names[j] for j in columns.numeric],
        settings,
        sample.rng,
    )

    def transform(new):
        frame = read_input(sample.probe, new, reset=False)
        codes, bags = encode_input(estimator, frame, columns, sample.vocabularies)
        numbers = numeric_matrix(frame, columns)
        return np.concatenate(features.inputs(codes, numbers, bags), axis=1)

    return features, draws, transform


def inputs(draws, draw):
    """All rows of a draw."""
    return draws.network_inputs(draw, np.arange(len(draws.pieces)))


@pytest.fixture(scope="module")
def table():
    """Two columns with effects and an interaction, a numeric one, and one of pure noise."""
    rng = np.random.default_rng(0)
    n = 800
    X = pd.DataFrame(
        {
            "shop": rng.integers(0, 40, n).astype(str),
            "day": rng.integers(0, 7, n).astype(str),
            "size": rng.normal(size=n),
            "id": rng.integers(0, 500, n).astype(str),
        }
    )
    shop, day = X["shop"].astype(int), X["day"].astype(int)
    y = shop / 20 + np.where((shop % 2) == (day % 2), 1.0, -1.0) + np.sin(3 * X["size"])
    return X, (y + 0.3 * rng.normal(size=n)).to_numpy()


def test_counts_of_training_rows_leave_the_row_itself_out():
    rng = np.random.default_rng(1)
    X = pd.DataFrame({"a": rng.integers(0, 60, 400).astype(str)})
    y = rng.normal(size=400)
    _, draws, transform = features_of(X, y, effects=False, crosses=0, n_bins=0)
    count = X.groupby("a")["a"].transform("size").to_numpy()
    raw = np.column_stack([np.log(count), np.log1p(count)])
    # Counts that hardly differ are not blown up.
    assert raw[:, 0].std() < 0.5
    z = (raw - raw[:, 0].mean()) / 0.5
    z = z / np.sqrt(1 + (z / 3) ** 2)
    for draw in draws.features:
        np.testing.assert_allclose(draw[:, 0], z[:, 0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(transform(X)[:, 0], z[:, 1], rtol=1e-5, atol=1e-6)
    new = transform(pd.DataFrame({"a": ["new"]}))[0, 0]
    assert new < transform(X)[:, 0].min()


def test_combinations_that_hold_a_number_of_the_row_are_left_early_and_change_nothing(monkeypatch):
    """Once all rows differ, more columns count nothing."""
    rng = np.random.default_rng(4)
    X = pd.DataFrame({name: rng.integers(0, 8, 400).astype(str) for name in "abcd"})
    X["a_row"] = np.arange(400).astype(str)
    y = X.groupby(["a", "b"])["c"].transform("size").to_numpy() + 0.1 * rng.normal(size=400)
    early, *_ = features_of(X, y, effects=False, crosses=0)

    def whole(maker, positions):
        codes = maker._sample.codes
        return cross_of([maker._parts[k] for k in positions], [codes[:, k] for k in positions])

    monkeypatch.setattr("skembed._feature_search._Maker._combine", whole)
    late, *_ = features_of(X, y, effects=False, crosses=0)
    assert ("a", "b") in [term.cross.name for term in early.terms]
    assert [term.cross.name for term in early.terms] == [term.cross.name for term in late.terms]
    for one, other in zip(early.terms, late.terms, strict=True):
        np.testing.assert_array_equal(one.log_counts, other.log_counts)


def test_many_columns_are_combined_in_pairs_and_all_together_alone(monkeypatch):
    """All but one of each would take time with the square of the columns."""
    rng = np.random.default_rng(4)
    X = pd.DataFrame({name: rng.integers(0, 2, 400).astype(str) for name in "abcde"})
    y = X.groupby(list("abcde"))["a"].transform("size").to_numpy() + 0.0

    def lengths():
        features, *_ = features_of(X, y, effects=False, crosses=0)
        return {len(term.cross.parts) for term in features.terms}

    assert 4 in lengths()
    monkeypatch.setattr("skembed._feature_search._MOST_LEFT_OUT", 4)
    assert 4 not in lengths() and 5 in lengths()
    monkeypatch.setattr("skembed._feature_search._MOST_KEYS", 1)
    assert lengths() == {5}


def test_what_is_left_of_noise_is_not_blown_up():
    """A column that tells nothing has tiny effects, which know what their rows were left out of."""
    rng = np.random.default_rng(7)
    X = pd.DataFrame({"a": rng.integers(0, 5, 2000).astype(str)})
    y = rng.normal(size=2000)
    _, draws, _ = features_of(X, y, crosses=0, counts=False, n_bins=0)
    assert all(0 < draw[:, 0].std() < 0.5 for draw in draws.features)


def test_counts_are_those_of_rows_whatever_the_weights():
    """A row's own weight, left out, would tell its class where that has set the weight."""
    rng = np.random.default_rng(2)
    X = pd.DataFrame({"a": rng.integers(0, 40, 300).astype(str)})
    y = rng.normal(size=300)
    switches = {"effects": False, "crosses": 0}
    weighted, draws, _ = features_of(X, y, np.where(y > 0, 9.0, 1.0), **switches)
    plain, expected, _ = features_of(X, y, **switches)
    np.testing.assert_array_equal(weighted.terms[0].log_counts, plain.terms[0].log_counts)
    np.testing.assert_array_equal(draws.features[0], expected.features[0])


def test_a_number_that_is_missing_for_the_first_time_is_the_median(table):
    X, y = table
    *_, transform = features_of(X, y)
    missing = transform(X[:1].assign(size=np.nan))
    np.testing.assert_array_equal(missing, transform(X[:1].assign(size=X["size"].median())))
    *_, knows = features_of(X.assign(size=X["size"].where(X.index % 9 > 0)), y)
    assert (knows(X[:1].assign(size=np.nan)) != knows(X[:1].assign(size=0.0))).any()


@pytest.mark.parametrize("crosses", [0, 24])
def test_held_out_features_of_noise_do_not_leak(crosses):
    """A ridge regression learns nothing from them, though the effects of all rows tell all."""
    rng = np.random.default_rng(3)
    n = 1500
    X = pd.DataFrame({name: rng.integers(0, 900, n).astype(str) for name in "abc"})
    X["number"] = rng.normal(size=n)
    y = rng.normal(size=n)
    _, draws, transform = features_of(X[:1000], y[:1000], crosses=crosses, shrinkage=1.0)
    model = Ridge().fit(draws.features[0], y[:1000])
    assert model.score(draws.features[0], y[:1000]) < 0.05
    new = transform(X[1000:])[:, : draws.features[0].shape[1]]
    assert -0.05 < model.score(new, y[1000:]) < 0.05
    inside = transform(X[:1000])
    assert Ridge().fit(inside, y[:1000]).score(inside, y[:1000]) > 0.4


def test_held_out_features_carry_over_to_new_rows(table):
    """What a ridge regression learns from them holds as well for new rows."""
    X, y = table
    _, draws, transform = features_of(X[:600], y[:600])
    model = Ridge().fit(inputs(draws, 0), y[:600])
    inside = model.score(inputs(draws, 0), y[:600])
    outside = model.score(transform(X[600:]), y[600:])
    assert outside > 0.75
    assert abs(inside - outside) < 0.1


def test_a_rows_own_target_hardly_moves_its_held_out_effects():
    """Only by what all rows share: mean and deviation of the target and estimated shrinkage."""
    rng = np.random.default_rng(4)
    X = pd.DataFrame({"a": rng.integers(0, 20, 400).astype(str), "b": rng.integers(0, 9, 400)})
    X["b"] = X["b"].astype(str)
    y = rng.normal(size=400) + X["a"].astype(int) / 5
    changed = y.to_numpy().copy()
    changed[7] += 3.0
    switches = {"crosses": 0, "counts": False, "n_bins": 0}
    before = features_of(X, y, **switches)[1].features
    after = features_of(X, changed, **switches)[1].features
    others = (X["a"] == X["a"][7]).to_numpy() & (np.arange(400) != 7)
    for old, new in zip(before, after, strict=True):
        own = np.abs(new - old)[7, 0]
        assert own < 0.05
        assert np.abs(new - old)[others, 0].max() > 2 * own


def test_effects_of_new_rows_are_those_of_all_rows(table):
    X, y = table
    features, *_ = features_of(X, y)
    _, sample = read(X, y)
    z = (y - y.mean()) / y.std()
    known = sample.sample.codes, sample.n_codes, z[:, None], np.ones(len(y))
    m = joint_effects(*known).pseudo_counts
    expected = joint_effects(*known, m, n_sweeps=N_SWEEPS_KNOWN).values
    for values, others in zip(features.column_effects, expected, strict=True):
        np.testing.assert_allclose(values, others, rtol=1e-4, atol=1e-6)


def test_few_sweeps_are_near_the_end_also_where_columns_are_nested():
    rng = np.random.default_rng(0)
    town = rng.integers(0, 40, 4000)
    codes = np.column_stack([town, town // 5, rng.integers(0, 9, 4000)])
    y = (rng.normal(size=40)[town] + rng.normal(size=8)[town // 5] + rng.normal(size=4000))[:, None]
    known = codes, (40, 8, 9), y / y.std(), np.ones(4000)
    m = joint_effects(*known).pseudo_counts

    def sums(n_sweeps):
        tables = joint_effects(*known, m, n_sweeps=n_sweeps).values
        return sum(table[own] for table, own in zip(tables, codes.T, strict=True))

    end = sums(5000)
    assert np.abs(sums(N_SWEEPS_KNOWN) - end).max() < 0.005 < np.abs(sums(1) - end).max()


def test_given_shrinkage_is_that_of_the_effects(table):
    X, y = table
    weak, strong = (features_of(X, y, shrinkage=m)[0].column_effects for m in (0.1, 1000.0))
    _, sample = read(X, y)
    z = ((y - y.mean()) / y.std())[:, None]
    for m, found in ((0.1, weak), (1000.0, strong)):
        known = sample.sample.codes, sample.n_codes, z, np.ones(len(y)), np.full((3, 1), m)
        expected = joint_effects(*known, n_sweeps=N_SWEEPS_KNOWN)
        for values, others in zip(found, expected.values, strict=True):
            np.testing.assert_allclose(values, others, rtol=1e-4, atol=1e-6)
    assert np.abs(weak[0]).max() > 5 * np.abs(strong[0]).max()


def test_draws_differ_and_come_round_again(table):
    _, draws, _ = features_of(*table)
    n = len(draws.features)
    assert n > 1
    for one, other in zip(draws.features[:-1], draws.features[1:], strict=True):
        assert (one != other).any()
    np.testing.assert_array_equal(inputs(draws, 0), inputs(draws, n))


@pytest.mark.parametrize(
    ("switches", "what"),
    [
        ({"effects": False}, lambda f: (len(f.column_effects), any_bins(f)) == (0, False)),
        ({"crosses": 0}, lambda f: not any(t.effects is not None and is_cross(t) for t in f.terms)),
        ({"counts": False}, lambda f: all(t.log_counts is None for t in f.terms)),
        ({"n_bins": 0}, lambda f: f.bins.transform(np.zeros((3, 1))).shape == (3, 0)),
    ],
    ids=["effects", "crosses", "counts", "n_bins"],
)
def test_each_switch_removes_its_part_alone(table, switches, what):
    with_all, draws, _ = features_of(*table)
    without, fewer, _ = features_of(*table, **switches)
    assert what(without)
    assert inputs(fewer, 0).shape[1] < inputs(draws, 0).shape[1]
    assert not what(with_all)


def is_cross(term):
    return len(term.cross.parts) > 1


def any_bins(features):
    return any(not is_cross(t) and t.cross.parts[0].edges is not None for t in features.terms)


def test_without_all_of_them_the_scaled_numbers_are_left(table):
    X, y = table
    _, draws, transform = features_of(X, y, effects=False, crosses=0, counts=False, n_bins=0)
    _, sample = read(X, y)
    np.testing.assert_array_equal(inputs(draws, 0), sample.sample.numeric)
    np.testing.assert_array_equal(transform(X), sample.sample.numeric)


def test_the_planted_cross_and_the_bent_number_are_found(table):
    features, *_ = features_of(*table)
    names = [term.cross.name for term in features.terms if term.effects is not None]
    assert "size" in names
    crosses = [set(name) for name in names if isinstance(name, tuple)]
    assert {"shop", "day"} <= crosses[0]


def test_rows_with_unknown_missing_and_extreme_values_have_finite_features(table):
    X, y = table
    X = X.copy()
    X.loc[::9, "size"] = np.nan
    X.loc[::11, "shop"] = None
    _, draws, transform = features_of(X, y)
    new = pd.DataFrame(
        {
            "shop": ["1", "new", None, "2", "3"],
            "day": ["0", "1", "other", None, "2"],
            "size": [np.nan, 1e308, -1e308, 0.0, 1e-320],
            "id": ["unseen"] * 5,
        }
    )
    found = transform(new)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    # The bent tails end at 3.
    assert np.abs(found).max() <= 3
    assert all(np.isfinite(draw).all() for draw in draws.features)
    assert found.shape[1] == inputs(draws, 0).shape[1]


def test_features_of_a_row_do_not_depend_on_the_rows_beside_it(table):
    X, y = table
    *_, transform = features_of(X, y)
    together = transform(X[:50])
    for i in (0, 17, 49):
        np.testing.assert_array_equal(transform(X[i : i + 1])[0], together[i])


@pytest.mark.parametrize("n", [1, 2, 3, 10])
def test_few_rows_have_finite_features(table, n):
    X, y = table
    _, draws, transform = features_of(X[:n], y[:n])
    assert np.isfinite(inputs(draws, 0)).all()
    assert np.isfinite(transform(X[:40])).all()


def test_a_constant_target_has_effects_of_zero(table):
    X, y = table
    features, draws, _ = features_of(X, np.full(len(y), 3.0))
    assert all(not effects.any() for effects in features.column_effects)
    assert np.isfinite(inputs(draws, 0)).all()
