"""Marginal effects against plain-Python sums, and the estimate of their shrinkage against an
analysis of variance and simulated variances.
"""

from math import fsum

import numpy as np
import pytest

from skembed._marginal import MarginalEffects

N_CODES = 7


def sample(n=150, n_outputs=2, seed=0, weighted=True):
    """Codes from 1 to 5 (0 and 6 are not seen), centred targets, weights, folds."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(1, 6, n)
    weight = rng.uniform(0.2, 3, n) if weighted else np.ones(n)
    y = rng.normal(size=(6, n_outputs))[codes] + rng.normal(size=(n, n_outputs))
    return codes, y - np.average(y, axis=0, weights=weight), weight, rng.permutation(n) % 4


def random_effects(ratio, n_groups=300, n=6000, seed=1):
    """Targets of random effects under noise of ``ratio`` times their variance."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, n_groups, n)
    y = rng.normal(scale=ratio**-0.5, size=n_groups)[codes] + rng.normal(size=n)
    return codes, (y - y.mean())[:, None]


@pytest.mark.parametrize("weighted", [False, True])
def test_effects_are_sums_over_counts_with_rows_of_the_mean(weighted):
    codes, y, weight, _ = sample(weighted=weighted)
    effects = MarginalEffects(codes, N_CODES, y, weight)
    for k, m in enumerate(effects.pseudo_counts):
        for code in range(N_CODES):
            rows = [i for i, own in enumerate(codes) if own == code]
            total = fsum(weight[i] * y[i, k] for i in rows)
            expected = total / (fsum(weight[i] for i in rows) + m)
            assert effects.by_code[code, k] == pytest.approx(expected, rel=1e-10, abs=1e-14)


@pytest.mark.parametrize("weighted", [False, True])
def test_held_out_effects_are_those_of_the_rows_of_other_folds(weighted):
    codes, y, weight, fold = sample(weighted=weighted)
    effects = MarginalEffects(codes, N_CODES, y, weight)
    found = effects.held_out(fold)
    assert found.shape == y.shape
    for i in range(len(y)):
        others = [j for j in range(len(y)) if codes[j] == codes[i] and fold[j] != fold[i]]
        for k, m in enumerate(effects.pseudo_counts):
            total = fsum(weight[j] * y[j, k] for j in others)
            expected = total / (fsum(weight[j] for j in others) + m)
            assert found[i, k] == pytest.approx(expected, rel=1e-9, abs=1e-13)


@pytest.mark.parametrize("n_groups", [2, 5])
def test_shrinkage_is_that_of_the_analysis_of_variance(n_groups):
    """Method of moments: ``E(mean square between) = noise + n0 * variance``."""
    codes, y, _, _ = sample(n_outputs=1)
    codes, y = codes[codes <= n_groups], y[codes <= n_groups]
    groups = [y[codes == code, 0] for code in range(1, n_groups + 1)]
    n, sizes = len(y), [len(group) for group in groups]
    within = sum(np.var(group) * len(group) for group in groups) / (n - n_groups)
    between = sum(len(group) * (group.mean() - y.mean()) ** 2 for group in groups)
    between /= n_groups - 1
    n0 = (n - sum(size**2 for size in sizes) / n) / (n_groups - 1)
    expected = within / ((between - within) / n0)
    y = y - y.mean()
    found = MarginalEffects(codes, N_CODES, y, np.ones(n)).pseudo_counts
    assert found[0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("ratio", [0.3, 3.0, 20.0])
def test_estimated_shrinkage_recovers_the_ratio_of_variances(ratio):
    codes, y = random_effects(ratio)
    found = MarginalEffects(codes, 300, y, np.ones(len(y))).pseudo_counts[0]
    assert np.log(found / ratio) == pytest.approx(0, abs=np.log(1.5))


def test_the_shrinkage_minimises_the_error_of_the_effects():
    """Against the true effects, neither half nor double the rows at the mean is better."""
    rng = np.random.default_rng(3)
    truth = rng.normal(scale=0.5, size=400)
    codes = rng.integers(0, 400, 4000)
    y = (truth[codes] + rng.normal(size=4000))[:, None]
    effects = MarginalEffects(codes, 400, y, np.ones(4000))
    counts, sums = np.bincount(codes, minlength=400), np.bincount(codes, y[:, 0], 400)
    m = effects.pseudo_counts[0]
    errors = [np.mean((sums / (counts + other) - truth) ** 2) for other in (m / 2, m, 2 * m)]
    assert errors[1] == min(errors)
    assert np.mean((effects.by_code[:, 0] - truth) ** 2) == pytest.approx(errors[1], rel=1e-9)


def test_a_rows_own_target_is_not_in_its_held_out_effect():
    """Given the shrinkage. That is estimated from all rows and depends on each a little."""
    codes, y, weight, fold = sample(n_outputs=1)
    before = MarginalEffects(codes, N_CODES, y, weight)
    for i in (0, 17, 149):
        changed = y.copy()
        changed[i] += 5.0
        after = MarginalEffects(codes, N_CODES, changed, weight)
        others = (codes == codes[i]) & (fold != fold[i])
        count = weight[others].sum()
        sums = [
            effects.held_out(fold)[i, 0] * (count + effects.pseudo_counts[0])
            for effects in (before, after)
        ]
        assert sums[0] == pytest.approx(sums[1], rel=1e-10)
        seen_by_others = others.nonzero()[0][0]
        assert after.held_out(fold)[seen_by_others, 0] != pytest.approx(
            before.held_out(fold)[seen_by_others, 0], rel=1e-3
        )


def test_nothing_is_known_of_a_category_that_the_other_folds_lack():
    codes, y, weight, fold = sample()
    fold[codes == 2] = 1
    found = MarginalEffects(codes, N_CODES, y, weight).held_out(fold)
    np.testing.assert_array_equal(found[codes == 2], 0)
    assert (found[codes != 2] != 0).all()


def test_a_column_of_unique_categories_has_no_effects():
    """Neither in nor out of fold, by whichever sign the rounding has."""
    rng = np.random.default_rng(2)
    for n in (1, 2, 3, 10, 200, 1000):
        y = rng.normal(size=(n, 1))
        effects = MarginalEffects(np.arange(n), n, y - y.mean(), np.ones(n))
        assert np.abs(effects.by_code).max() < 1e-7
        np.testing.assert_array_equal(effects.held_out(np.arange(n) % 3), 0)


def test_effects_of_noise_are_shrunken_away():
    codes, y = random_effects(1e12)
    effects = MarginalEffects(codes, 300, y, np.ones(len(y)))
    assert effects.pseudo_counts[0] > 200
    assert np.abs(effects.by_code).max() < 0.1


def test_effects_without_noise_are_not_shrunken():
    codes = np.repeat(np.arange(20), 10)
    y = np.sin(codes.astype(float))[:, None]
    effects = MarginalEffects(codes, 20, y - y.mean(), np.ones(200))
    np.testing.assert_allclose(effects.by_code[codes], y - y.mean(), rtol=1e-3)


def test_weights_equal_repetition():
    codes, y, _, fold = sample(weighted=False)
    times = np.random.default_rng(4).integers(1, 4, len(y))
    y = y - np.average(y, axis=0, weights=times)
    rows = np.repeat(np.arange(len(y)), times)
    weighted = MarginalEffects(codes, N_CODES, y, times.astype(float))
    repeated = MarginalEffects(codes[rows], N_CODES, y[rows], np.ones(len(rows)))
    np.testing.assert_allclose(weighted.pseudo_counts, repeated.pseudo_counts, rtol=1e-9)
    np.testing.assert_allclose(weighted.by_code, repeated.by_code, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(
        weighted.held_out(fold)[rows], repeated.held_out(fold[rows]), rtol=1e-9, atol=1e-13
    )


@pytest.mark.parametrize("factor", [-2.0, 1e-6, 1e6])
def test_effects_move_with_the_unit_of_the_target(factor):
    codes, y, weight, _ = sample()
    effects = MarginalEffects(codes, N_CODES, y, weight)
    scaled = MarginalEffects(codes, N_CODES, factor * y, weight)
    np.testing.assert_allclose(scaled.pseudo_counts, effects.pseudo_counts, rtol=1e-9)
    np.testing.assert_allclose(scaled.by_code, factor * effects.by_code, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("weight", [1e-300, 1e-20, 1e-3, 1.0, 1e20])
@pytest.mark.parametrize(
    ("codes", "y"),
    [
        ([1, 1, 1, 1], [0.0, 0.0, 0.0, 0.0]),
        ([1, 1, 1, 1], [1.0, -1.0, 2.0, -2.0]),
        ([1, 2, 3, 4], [1.0, -1.0, 2.0, -2.0]),
        ([1, 1, 2, 2], [1.0, 1.0, -1.0, -1.0]),
        ([5], [0.0]),
    ],
    ids=["constant", "one category", "unique", "no noise", "one row"],
)
def test_degenerate_samples_have_finite_effects(codes, y, weight):
    codes, y = np.array(codes), np.array(y)[:, None]
    effects = MarginalEffects(codes, N_CODES, y, np.full(len(y), weight))
    for values in (effects.by_code, effects.held_out(np.arange(len(y)) % 2)):
        assert np.isfinite(values).all()
        assert np.abs(values).max() <= np.abs(y).max()
    assert np.isfinite(effects.pseudo_counts).all()
