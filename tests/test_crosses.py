"""The search for crosses on samples whose interactions are known, and its ridge regression."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from skembed._bins import quantile_edges
from skembed._crosses import _Search, find_crosses, fit_ridge, residual, z_score
from skembed._terms import Part

N = 1500
SIZES = (6, 5, 8, 12)


def search(codes, y, *, parts=None, n_crosses=8, follow_residual=True, weight=None, features=None):
    """Names of the crosses that are found, round by round."""
    n = len(y)
    parts = parts or [Part(f"c{j}", j, None, int(own.max()) + 1) for j, own in enumerate(codes)]
    y = y.reshape(n, -1)
    rounds = find_crosses(
        parts,
        codes,
        np.empty((n, 0)) if features is None else features,
        (y - y.mean(axis=0)) / y.std(axis=0),
        np.ones(n) if weight is None else weight,
        np.random.default_rng(7).permutation(n) % 10,
        n_crosses,
        follow_residual,
    )
    return [[tuple(parts[k].name for k in found) for found in one] for one in rounds]


def columns(seed=0, n=N):
    rng = np.random.default_rng(seed)
    return [rng.integers(1, size, n) for size in SIZES], rng


def parity(*codes):
    """The sign of an exclusive or: no column has an effect of its own."""
    return np.prod([2.0 * (code % 2) - 1 for code in codes], axis=0)


@pytest.mark.parametrize("follow_residual", [True, False])
@pytest.mark.parametrize("pair", [(0, 1), (1, 3), (2, 3)])
def test_a_planted_pair_is_found_first(pair, follow_residual):
    codes, rng = columns()
    y = parity(*(codes[j] for j in pair)) + rng.normal(size=N)
    found = search(codes, y, follow_residual=follow_residual)
    assert set(found[0][0]) == {f"c{j}" for j in pair}


def test_a_planted_triple_is_found_by_way_of_its_pairs():
    """All pairs are tried at first; a triple follows from those that were taken."""
    rng = np.random.default_rng(1)
    codes = [rng.integers(0, 3, 3000) for _ in range(4)]
    y = rng.normal(size=(3, 3, 3))[codes[0], codes[2], codes[3]] + 0.3 * rng.normal(size=3000)
    found = [set(names) for one in search(codes, y) for names in one]
    assert {"c0", "c2", "c3"} in found
    assert found.index({"c0", "c2", "c3"}) == min(
        k for k, names in enumerate(found) if len(names) == 3
    )


@pytest.mark.parametrize("follow_residual", [True, False])
def test_hardly_anything_is_kept_of_pure_noise(follow_residual):
    """Of 24 crosses that may be looked for: at most a round, and mostly nothing."""
    kept = []
    for seed in range(20):
        codes, rng = columns(seed)
        found = search(codes, rng.normal(size=N), n_crosses=24, follow_residual=follow_residual)
        kept.append(sum(map(len, found)))
    assert np.mean(kept) < 1.5
    assert np.median(kept) <= 1


def test_what_the_features_explain_already_is_not_looked_for():
    codes, rng = columns()
    known = parity(codes[0], codes[1])
    other = parity(codes[1], codes[3])
    y = 3 * known + other + 0.5 * rng.normal(size=N)
    assert set(search(codes, y)[0][0]) == {"c0", "c1"}
    assert set(search(codes, y, features=known[:, None])[0][0]) == {"c1", "c3"}


@pytest.mark.parametrize("n_crosses", [1, 3, 4, 5, 24])
def test_there_are_never_more_than_asked_for(n_crosses):
    codes, rng = columns()
    y = sum(rng.normal(size=(12, 12))[codes[a], codes[b]] for a in range(4) for b in range(a))
    found = [frozenset(names) for one in search(codes, y, n_crosses=n_crosses) for names in one]
    assert 0 < len(found) <= n_crosses
    assert len(set(found)) == len(found)


def test_a_cross_never_holds_two_resolutions_of_one_column():
    rng = np.random.default_rng(3)
    numbers = rng.uniform(size=(N, 2))
    codes = rng.integers(0, 4, (N, 1)).astype(np.int32)
    y = np.sin(20 * numbers[:, 0]) * (codes[:, 0] - 1.5) + np.sin(9 * numbers.prod(axis=1))
    parts = [Part("shop", 0, None, 4)] + [
        Part.binned(f"n{j}", j, quantile_edges(numbers[:, j], n_bins))
        for j in range(2)
        for n_bins in (10, 32)
    ]
    own = [part.codes(codes, numbers) for part in parts]
    found = [names for one in search(own, y, parts=parts, n_crosses=24) for names in one]
    assert found
    assert all(len(set(names)) == len(names) for names in found)
    assert len({frozenset(names) for names in found}) == len(found)


def test_crosses_have_at_most_four_parts():
    rng = np.random.default_rng(4)
    codes = [rng.integers(0, 2, 2000) for _ in range(5)]
    y = rng.normal(size=(2,) * 5)[tuple(codes)]
    found = [names for one in search(codes, y, n_crosses=40) for names in one]
    assert max(map(len, found)) in (3, 4)


def test_the_same_sample_gives_the_same_crosses_and_is_left_as_it_is():
    codes, rng = columns()
    y = parity(codes[0], codes[1]) + parity(codes[2], codes[3]) + rng.normal(size=N)
    before = [own.copy() for own in codes], y.copy()
    assert search(codes, y) == search(codes, y)
    np.testing.assert_array_equal(codes, before[0])
    np.testing.assert_array_equal(y, before[1])


@pytest.mark.parametrize("seed", range(4))
def test_candidates_that_are_left_out_would_not_have_been_taken(seed, monkeypatch):
    """As long as there is something to be found, the lazy search finds what one finds that scores
    all candidates in each round.
    """
    rng = np.random.default_rng(seed)
    codes = [rng.integers(0, 7, 3000) for _ in range(9)]
    pairs = [(a, b) for a in range(9) for b in range(a)]
    planted = rng.permutation(len(pairs))[:10]
    y = rng.normal(size=3000)
    for size, k in enumerate(planted):
        a, b = pairs[k]
        y += size / 10 * rng.normal(size=(7, 7))[codes[a], codes[b]]
    scored, best, explains = [], _Search.best, _Search._explains

    def counted(self, found, missing):
        scored.append(found)
        return explains(self, found, missing)

    def best_of_all(self, missing, chosen):
        self._explained.clear()
        return best(self, missing, chosen)

    monkeypatch.setattr(_Search, "_explains", counted)
    found = search(codes, y, n_crosses=24)
    n_lazily = len(scored)
    monkeypatch.setattr(_Search, "best", best_of_all)
    assert search(codes, y, n_crosses=24)[:2] == found[:2]
    assert len(found) > 2
    assert n_lazily < 0.8 * (len(scored) - n_lazily)


def test_rows_of_hardly_any_weight_do_not_count():
    codes, rng = columns()
    y = parity(codes[0], codes[1]) + 0.5 * rng.normal(size=N)
    y[N // 2 :] = 5 * parity(codes[2], codes[3])[N // 2 :]
    weight = np.r_[np.ones(N // 2), np.full(N - N // 2, 1e-6)]
    assert set(search(codes, y, weight=weight)[0][0]) == {"c0", "c1"}
    assert set(search(codes, y)[0][0]) == {"c2", "c3"}


def test_all_outputs_are_looked_at():
    codes, rng = columns()
    y = rng.normal(size=(N, 3))
    y[:, 1] += 2 * parity(codes[1], codes[2])
    assert set(search(codes, y)[0][0]) == {"c1", "c2"}


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_few_rows_are_searched_without_complaint(n):
    codes, rng = columns(n=n)
    parts = [Part(f"c{j}", j, None, size) for j, size in enumerate(SIZES)]
    y = rng.normal(size=(n, 1))
    found = find_crosses(
        parts, codes, np.empty((n, 0)), y - y.mean(), np.ones(n), np.arange(n), 8, True
    )
    assert sum(map(len, found)) <= 8


def test_one_column_alone_has_no_cross():
    codes, rng = columns()
    assert search(codes[:1], rng.normal(size=N)) == []


@pytest.mark.parametrize("weighted", [False, True])
def test_the_ridge_is_that_of_scikit_learn_on_standardised_features(weighted):
    rng = np.random.default_rng(5)
    X, y = rng.normal(size=(200, 4)) * [1, 10, 0.1, 3] + 5, rng.normal(size=(200, 2)) + 1
    X[:, 3] = 2.0
    weight = rng.uniform(0.2, 3, 200) if weighted else np.ones(200)
    center = np.average(X, axis=0, weights=weight)
    scale = np.sqrt(np.average((X - center) ** 2, axis=0, weights=weight))
    Z = (X - center) / np.where(scale > 0, scale, 1)
    expected = Ridge(alpha=10.0).fit(Z, y, weight).predict(Z)
    np.testing.assert_allclose(fit_ridge(X, y, weight).predict(X), expected, rtol=1e-8)
    np.testing.assert_allclose(residual(X, y, weight), y - expected, rtol=1e-7, atol=1e-9)


def test_the_score_is_the_correlation_in_standard_errors():
    rng = np.random.default_rng(6)
    effect, y = rng.normal(size=(400, 1)) + 3, rng.normal(size=(400, 1))
    y -= y.mean()
    expected = 20 * np.corrcoef(effect[:, 0], y[:, 0])[0, 1]
    assert z_score(effect, y, np.ones(400)) == pytest.approx(expected, rel=1e-10)
    assert z_score(-effect, y, np.ones(400)) == pytest.approx(-expected, rel=1e-10)
    assert z_score(np.full((400, 1), 3.0), y, np.ones(400)) == 0


def test_the_score_of_noise_is_standard_normal():
    rng = np.random.default_rng(7)
    scores = []
    for _ in range(400):
        effect, y = rng.normal(size=(2, 100, 1))
        scores.append(z_score(effect, y - y.mean(), np.ones(100)))
    assert np.mean(scores) == pytest.approx(0, abs=0.15)
    assert np.std(scores) == pytest.approx(1, abs=0.15)
