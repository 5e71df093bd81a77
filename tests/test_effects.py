"""Joint effects against the mixed-model equations, solved densely, and on simulated variances."""

import numpy as np
import pytest

from skembed._effects import N_SWEEPS_KNOWN, joint_effects
from skembed._held_out_effects import held_out_effects
from skembed.nn._bags import Bags, bags_of_one

N_CODES = (5, 4, 3)


def sample(n=200, n_outputs=1, seed=0, n_codes=N_CODES, weighted=False):
    """Codes from 1 on (0, the unknown code, is not seen), targets and weights."""
    rng = np.random.default_rng(seed)
    codes = np.stack([rng.integers(1, size, n) for size in n_codes], axis=1)
    tables = [rng.normal(size=(size, n_outputs)) for size in n_codes]
    y = sum(table[codes[:, j]] for j, table in enumerate(tables))
    y = y + rng.normal(size=(n, n_outputs))
    weight = rng.uniform(0.2, 3, n) if weighted else np.ones(n)
    return codes, y, weight


def one_hot(codes, n_codes):
    return np.hstack([np.eye(size)[codes[:, j]] for j, size in enumerate(n_codes)])


def solved(codes, y, weight, pseudo_counts, n_codes=N_CODES):
    """Henderson's equations around the mean: one ridge regression with a penalty per column.

    Lagrange multipliers keep the mean effect of each column, over the rows, at 0.
    """
    design = one_hot(codes, n_codes)
    residual = y - np.average(y, axis=0, weights=weight)
    ends = np.cumsum(n_codes)
    left = design.T @ (weight[:, None] * design)
    right = design.T @ (weight[:, None] * residual)
    left += np.diag(np.repeat(np.array(pseudo_counts, dtype=float), n_codes))
    means = np.zeros((len(n_codes), ends[-1]))
    for j, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
        means[j, start:end] = weight @ design[:, start:end]
    corner = np.zeros((len(n_codes), len(n_codes)))
    equations = np.block([[left, means.T], [means, corner]])
    right = np.vstack([right, np.zeros((len(n_codes), y.shape[1]))])
    return np.split(np.linalg.solve(equations, right)[: ends[-1]], ends[:-1])


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("pseudo_counts", [(10, 10, 10), (0.5, 30, 5), (1e-2, 1e-2, 1e4)])
def test_effects_solve_the_mixed_model_equations(pseudo_counts, n_outputs, weighted):
    codes, y, weight = sample(n_outputs=n_outputs, weighted=weighted)
    m = np.tile(np.array(pseudo_counts, dtype=float)[:, None], n_outputs)
    effects = joint_effects(codes, N_CODES, y, weight, m)
    expected = solved(codes, y, weight, pseudo_counts)
    for values, others in zip(effects.values, expected, strict=True):
        np.testing.assert_allclose(values[1:], others[1:], rtol=1e-9, atol=1e-11)
    np.testing.assert_array_equal(effects.pseudo_counts, m)


def test_columns_that_tell_the_same_share_the_effect():
    """The slowest case for solving column by column: the same column three times."""
    codes, y, weight = sample(n_codes=(5,))
    m = np.full((3, 1), 10.0)
    effects = joint_effects(np.repeat(codes, 3, axis=1), (5, 5, 5), y, weight, m)
    expected = solved(np.repeat(codes, 3, axis=1), y, weight, (10, 10, 10), (5, 5, 5))
    total = sum(values[1:] for values in effects.values)
    np.testing.assert_allclose(total, sum(others[1:] for others in expected), rtol=1e-2)


def test_one_column_without_shrinkage_reproduces_category_means():
    codes, y, weight = sample(n_codes=(5,), weighted=True)
    effects = joint_effects(codes, (5,), y, weight, np.zeros((1, 1)))
    mean = np.average(y[:, 0], weights=weight)
    for code in range(1, 5):
        rows = codes[:, 0] == code
        own = np.average(y[rows, 0], weights=weight[rows])
        assert effects.values[0][code, 0] == pytest.approx(own - mean, rel=1e-10)


def centred(values, counts, m):
    """Plain shrunken means, and the constant by which they miss a mean of 0 over the rows."""
    total = sum(n / (n + m) * values[code] * n for code, n in counts.items())
    constant = total / sum(n / (n + m) * n for n in counts.values())
    return {code: values[code] - constant for code in counts}


@pytest.mark.parametrize("m", [0.5, 10.0])
def test_one_column_is_shrunken_as_by_rows_of_the_mean(m):
    codes, y, weight = sample(n_codes=(5,))
    effects = joint_effects(codes, (5,), y, weight, np.full((1, 1), m)).values[0][:, 0]
    residual = y[:, 0] - y.mean()
    counts = {code: int((codes == code).sum()) for code in range(1, 5)}
    means = {code: residual[codes[:, 0] == code].mean() for code in counts}
    for code, mean in centred(means, counts, m).items():
        expected = mean * counts[code] / (counts[code] + m)
        assert effects[code] == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("pseudo_counts", [None, np.full((3, 1), 3.0)])
def test_the_mean_effect_over_the_rows_is_zero(pseudo_counts):
    codes, y, weight = sample(weighted=True)
    effects = joint_effects(codes, N_CODES, y, weight, pseudo_counts)
    for j, values in enumerate(effects.values):
        assert np.average(values[codes[:, j], 0], weights=weight) == pytest.approx(0, abs=1e-12)


def test_a_code_that_was_never_seen_gets_the_pooled_effect_of_the_rare():
    """Each seen category with the weight 1 / (1 + count)."""
    codes = np.array([1] * 8 + [2] + [3] * 2)[:, None]
    y = np.array([1.0] * 8 + [5.0] + [-2.0] * 2)[:, None]
    m = 4.0
    effects = joint_effects(codes, (6,), y, np.ones(11), np.full((1, 1), m)).values[0]
    residual = y - y.mean()
    counts = {1: 8, 2: 1, 3: 2}
    means = centred({code: residual[codes == code].mean() for code in counts}, counts, m)
    total = sum(n * means[code] / (1 + n) for code, n in counts.items())
    size = sum(n / (1 + n) for n in counts.values())
    np.testing.assert_allclose(effects[[0, 4, 5], 0], total / (size + m), rtol=1e-10)


@pytest.mark.parametrize("pseudo_counts", [None, np.full((3, 2), 5.0)])
def test_weights_equal_repetition(pseudo_counts):
    codes, y, _ = sample(n_outputs=2)
    times = np.random.default_rng(1).integers(1, 4, len(y))
    weighted = joint_effects(codes, N_CODES, y, times.astype(float), pseudo_counts)
    rows = np.repeat(np.arange(len(y)), times)
    repeated = joint_effects(codes[rows], N_CODES, y[rows], np.ones(len(rows)), pseudo_counts)
    np.testing.assert_allclose(weighted.pseudo_counts, repeated.pseudo_counts, rtol=1e-8)
    for values, others in zip(weighted.values, repeated.values, strict=True):
        np.testing.assert_allclose(values, others, rtol=1e-8, atol=1e-10)


def simulated(ratio, n_categories=60, n=6000, seed=0):
    """Two columns of random effects with noise of ``ratio`` times their variance; numpy alone."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(1, n_categories + 1, (n, len(ratio)))
    y = rng.normal(size=(n, 1))
    for j, r in enumerate(ratio):
        y[:, 0] += rng.normal(scale=r**-0.5, size=n_categories + 1)[codes[:, j]]
    return codes, (n_categories + 1,) * len(ratio), y


@pytest.mark.parametrize("ratio", [(1.0, 10.0), (10.0, 100.0), (0.1, 3.0)])
def test_estimated_pseudo_counts_recover_the_ratio_of_variances(ratio):
    codes, n_codes, y = simulated(ratio)
    found = joint_effects(codes, n_codes, y, np.ones(len(y))).pseudo_counts[:, 0]
    # The variance of 60 effects is known to about a fifth.
    np.testing.assert_allclose(np.log(found), np.log(ratio), atol=np.log(2))


def test_effects_of_noise_are_shrunken_away():
    codes, n_codes, _ = simulated((1.0, 1.0))
    y = np.random.default_rng(2).normal(size=(len(codes), 1))
    effects = joint_effects(codes, n_codes, y, np.ones(len(y)))
    assert (effects.pseudo_counts > 100).all()
    assert all(np.abs(values).max() < 0.2 for values in effects.values)


def test_effects_without_noise_are_hardly_shrunken():
    codes, n_codes, _ = simulated((1.0,), n_categories=20, n=2000)
    y = np.sin(codes.astype(float))
    effects = joint_effects(codes, n_codes, y, np.ones(len(y)))
    expected = np.sin(np.arange(1, 21)) - y.mean()
    np.testing.assert_allclose(effects.values[0][1:, 0], expected, atol=1e-2)


def test_outputs_are_estimated_apart():
    codes, y, weight = sample(n_outputs=3, weighted=True)
    y = y * [1, 5, 0.1] + [0, 100, -3]
    together = joint_effects(codes, N_CODES, y, weight)
    for k in range(3):
        alone = joint_effects(codes, N_CODES, y[:, [k]], weight)
        np.testing.assert_allclose(together.pseudo_counts[:, [k]], alone.pseudo_counts, rtol=1e-8)
        for values, others in zip(together.values, alone.values, strict=True):
            np.testing.assert_allclose(values[:, [k]], others, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("factor", [-3.0, 1e-6, 1e6])
def test_effects_move_with_the_unit_of_the_target(factor):
    codes, y, weight = sample()
    effects = joint_effects(codes, N_CODES, y, weight)
    scaled = joint_effects(codes, N_CODES, factor * y + 7 * factor, weight)
    np.testing.assert_allclose(scaled.pseudo_counts, effects.pseudo_counts, rtol=1e-6)
    for values, others in zip(effects.values, scaled.values, strict=True):
        np.testing.assert_allclose(others, factor * values, rtol=1e-6, atol=1e-9 * abs(factor))


def test_the_order_of_rows_and_inputs_do_not_change():
    codes, y, weight = sample(weighted=True)
    before = codes.copy(), y.copy(), weight.copy()
    effects = joint_effects(codes, N_CODES, y, weight)
    for array, copy in zip((codes, y, weight), before, strict=True):
        np.testing.assert_array_equal(array, copy)
    order = np.random.default_rng(3).permutation(len(y))
    again = joint_effects(codes[order], N_CODES, y[order], weight[order])
    for values, others in zip(effects.values, again.values, strict=True):
        np.testing.assert_allclose(values, others, rtol=1e-8, atol=1e-10)


def test_estimated_pseudo_counts_stay_in_bounds():
    """Means that are known to a billionth and do not differ; effects without any noise."""
    codes = np.array([1, 1, 2, 2])[:, None]
    for y, weight, bound in (([1, -1, 1, -1], 1e9, 1e6), ([1, 1, -1, -1], 1.0, 1e-3)):
        y = np.array(y, dtype=float)[:, None]
        assert joint_effects(codes, (3,), y, np.full(4, weight)).pseudo_counts == bound


def test_a_column_of_empty_bags_changes_nothing_for_the_others():
    codes, y, weight = sample(weighted=True)
    alone = joint_effects(codes, N_CODES, y, weight)
    nothing = Bags(np.zeros(0, np.int32), np.zeros(0), np.zeros(len(y) + 1, np.int32))
    cells = np.column_stack([np.arange(len(y)), codes])
    found = joint_effects(cells, (4, *N_CODES), y, weight, bags={0: nothing})
    np.testing.assert_array_equal(found.values[0], np.zeros((4, 1)))
    np.testing.assert_allclose(found.pseudo_counts[1:], alone.pseudo_counts, rtol=1e-10)
    for values, others in zip(found.values[1:], alone.values, strict=True):
        np.testing.assert_allclose(values, others, rtol=1e-10)


@pytest.mark.parametrize("m", [None, 0.0, 10.0])
@pytest.mark.parametrize(
    ("codes", "y"),
    [
        ([[1], [1], [1]], [1.0, 1.0, 1.0]),
        ([[1], [2], [3]], [1.0, 2.0, 3.0]),
        ([[1]], [5.0]),
        ([[0], [0], [1]], [0.0, 1.0, 2.0]),
    ],
    ids=["constant", "all different", "one row", "unknown rows"],
)
def test_degenerate_samples_have_finite_effects(codes, y, m):
    codes, y = np.array(codes), np.array(y)[:, None]
    given = None if m is None else np.full((1, 1), m)
    effects = joint_effects(codes, (5,), y, np.ones(len(y)), given)
    assert np.isfinite(effects.values[0]).all()
    assert np.isfinite(effects.pseudo_counts).all()
    assert np.abs(effects.values[0]).max() <= np.ptp(y)


def test_rows_of_hardly_any_weight_teach_nothing():
    codes, y, _ = sample()
    few = np.r_[np.ones(150), np.full(50, 1e-200)]
    m = np.full((3, 1), 5.0)
    effects = joint_effects(codes, N_CODES, y, few, m)
    others = joint_effects(codes[:150], N_CODES, y[:150], np.ones(150), m)
    for values, expected in zip(effects.values, others.values, strict=True):
        np.testing.assert_allclose(values, expected, rtol=1e-8, atol=1e-10)


# Columns of bags


def some_bags(n, n_codes, seed=0, least=1, most=4, total=False):
    """Bags of codes from 1 on, with shares that add up to 1, or with 1 for each code."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(least, most + 1, n)
    codes = [rng.choice(np.arange(1, n_codes), size, replace=False) for size in sizes]
    shares = np.ones(sizes.sum()) if total else 1 / np.repeat(sizes, sizes)
    ends = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    return Bags(np.concatenate(codes).astype(np.int32), shares, ends)


def solved_with_bags(designs, y, weight, m):
    """Henderson's equations with an effect that all elements of a column have in common."""
    blocks, means = [], []
    for design in designs:
        size = design.sum(axis=1)
        blocks.append(np.column_stack([design, size - np.average(size, weights=weight)]))
        means.append(np.append(weight @ design, 0))
    design, n = np.hstack(blocks), len(blocks)
    residual = y - np.average(y, axis=0, weights=weight)
    ends = np.cumsum([block.shape[1] for block in blocks])
    penalty = np.full(design.shape[1], m)
    penalty[ends - 1] = min(m, 10.0)  # what all elements have in common is not shrunken by more
    left = design.T @ (weight[:, None] * design) + np.diag(penalty)
    border = np.zeros((n, design.shape[1]))
    for j, (mean, end) in enumerate(zip(means, ends, strict=True)):
        border[j, end - len(mean) : end] = mean
    equations = np.block([[left, border.T], [border, np.zeros((n, n))]])
    right = np.vstack([design.T @ (weight[:, None] * residual), np.zeros((n, y.shape[1]))])
    parts = np.split(np.linalg.solve(equations, right)[: ends[-1]], ends[:-1])
    return [part[:-1] + part[-1] for part in parts]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("m", [0.5, 10.0, 60.0])
@pytest.mark.parametrize(
    "kind", [{"least": 3, "most": 3}, {}, {"least": 0}, {"least": 0, "total": True}]
)
def test_effects_of_bags_solve_the_mixed_model_equations(kind, m, n_outputs, weighted):
    codes, y, weight = sample(n_outputs=n_outputs, weighted=weighted, n_codes=(8, 4, 6))
    n = len(codes)
    bags = {0: some_bags(n, 8, **kind), 2: some_bags(n, 6, seed=1, **kind)}
    codes[:, 0] = codes[:, 2] = np.arange(n)
    designs = [bags[0].matrix(8).toarray(), np.eye(4)[codes[:, 1]], bags[2].matrix(6).toarray()]
    y = y + designs[0] @ np.arange(8)[:, None]
    effects = joint_effects(codes, (8, 4, 6), y, weight, np.full((3, n_outputs), m), bags)
    expected = solved_with_bags(designs, y, weight, m)
    for values, others in zip(effects.values, expected, strict=True):
        np.testing.assert_allclose(values[1:], others[1:], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("pseudo_counts", [None, np.full((3, 2), 3.0)])
def test_bags_of_one_have_the_effects_of_plain_codes(pseudo_counts):
    codes, y, weight = sample(n_outputs=2, weighted=True)
    codes[:20, 2] = 1  # so that another code is never seen
    plain = joint_effects(codes, (*N_CODES[:2], 5), y, weight, pseudo_counts)
    bags = {j: bags_of_one(codes[:, j].astype(np.int32)) for j in (0, 2)}
    cells = codes.copy()
    cells[:, 0] = cells[:, 2] = np.arange(len(codes))
    found = joint_effects(cells, (*N_CODES[:2], 5), y, weight, pseudo_counts, bags)
    np.testing.assert_allclose(found.pseudo_counts, plain.pseudo_counts, rtol=1e-6)
    for values, others in zip(found.values, plain.values, strict=True):
        np.testing.assert_allclose(values, others, rtol=1e-6, atol=1e-9)


def test_the_shrinkage_of_bags_follows_from_how_much_their_categories_differ():
    rng, n = np.random.default_rng(0), 4000
    bags = some_bags(n, 61, most=3)
    signal = bags.pool(rng.normal(size=(61, 1)))
    codes = np.arange(n)[:, None]
    for scale in (0.5, 2.0):
        y = signal + rng.normal(scale=scale, size=(n, 1))
        m = joint_effects(codes, (61,), y, np.ones(n), bags={0: bags}).pseudo_counts
        assert scale**2 / 1.6 < m[0, 0] < scale**2 * 1.6
    noise = joint_effects(codes, (61,), rng.normal(size=(n, 1)), np.ones(n), bags={0: bags})
    assert np.abs(noise.values[0]).max() < 0.1


def test_weights_equal_repetition_with_bags():
    codes, y, _ = sample()
    codes[:, 0] = np.arange(len(y))
    bags = {0: some_bags(len(y), 5, least=0, total=True)}
    times = np.random.default_rng(1).integers(1, 4, len(y))
    weighted = joint_effects(codes, N_CODES, y, times.astype(float), bags=bags)
    rows = np.repeat(np.arange(len(y)), times)
    repeated = joint_effects(codes[rows], N_CODES, y[rows], np.ones(len(rows)), bags=bags)
    for values, others in zip(weighted.values, repeated.values, strict=True):
        # The unknown code learns from rows, of which there are more.
        np.testing.assert_allclose(values[1:], others[1:], rtol=1e-5, atol=1e-7)


# Held-out effects


def folds(n, n_folds, seed=4):
    return np.random.default_rng(seed).permutation(n) % n_folds


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("n_folds", [2, 10])
def test_held_out_effects_are_those_of_a_fit_without_the_fold(n_folds, n_outputs, weighted):
    codes, y, weight = sample(n_outputs=n_outputs, weighted=weighted)
    m = np.random.default_rng(5).uniform(1, 30, (3, n_outputs))
    fold = folds(len(y), n_folds)
    found = held_out_effects(codes, N_CODES, y, weight, m, fold)
    for k in range(n_folds):
        out = fold == k
        known = codes[~out], N_CODES, y[~out], weight[~out], m
        alone = joint_effects(*known, n_sweeps=N_SWEEPS_KNOWN)
        for j, values in enumerate(alone.values):
            expected = values[codes[out, j]]
            np.testing.assert_allclose(found[j][out], expected, rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("n_at_once", [1, 3])
def test_folds_that_are_solved_some_at_a_time_give_the_same(n_at_once, monkeypatch):
    codes, y, weight = sample(n_outputs=2, weighted=True)
    known = codes, N_CODES, y, weight, np.full((3, 2), 4.0), folds(len(y), 10)
    together = held_out_effects(*known)
    monkeypatch.setattr("skembed._held_out_effects._MOST_CELLS", n_at_once * sum(N_CODES))
    for expected, found in zip(together, held_out_effects(*known), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


def test_categories_that_only_the_fold_has_get_the_pooled_effect_of_the_rare():
    codes, y, weight = sample(n_codes=(30, 4), n=60)
    fold = folds(60, 3)
    fold[codes[:, 0] == 7] = 2
    m = np.full((2, 1), 5.0)
    found = held_out_effects(codes, (30, 4), y, weight, m, fold)
    known = codes[fold != 2], (30, 4), y[fold != 2], weight[fold != 2], m
    alone = joint_effects(*known, n_sweeps=N_SWEEPS_KNOWN)
    np.testing.assert_allclose(found[0][codes[:, 0] == 7], alone.values[0][7][0], rtol=1e-8)


@pytest.mark.parametrize("weighted", [False, True])
def test_held_out_effects_of_a_row_do_not_see_its_target(weighted):
    """Bit for bit, given the shrinkage, which is estimated from all rows."""
    codes, y, weight = sample(weighted=weighted)
    m, fold = np.full((3, 1), 4.0), folds(len(y), 5)
    before = held_out_effects(codes, N_CODES, y, weight, m, fold)
    for i in (0, 99, 199):
        changed = y.copy()
        changed[i] = 1e6
        after = held_out_effects(codes, N_CODES, changed, weight, m, fold)
        for old, new in zip(before, after, strict=True):
            np.testing.assert_array_equal(new[fold == fold[i]], old[fold == fold[i]])
            assert (new[fold != fold[i]] != old[fold != fold[i]]).all()


def test_a_target_of_noise_does_not_leak_through_near_unique_categories():
    """The effects of a fit on all rows explain most of the noise, held-out effects none."""
    rng = np.random.default_rng(6)
    codes, y = rng.integers(1, 400, (800, 1)), rng.normal(size=(800, 1))
    m = np.full((1, 1), 1.0)
    inside = joint_effects(codes, (400,), y, np.ones(800), m).values[0][codes[:, 0], 0]
    outside = held_out_effects(codes, (400,), y, np.ones(800), m, folds(800, 10))[0][:, 0]
    assert np.corrcoef(inside, y[:, 0])[0, 1] > 0.5
    assert np.corrcoef(outside, y[:, 0])[0, 1] < 0.08


@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_rows_have_finite_held_out_effects(n):
    codes, y = np.arange(1, n + 1)[:, None], np.arange(float(n))[:, None]
    found = held_out_effects(codes, (9,), y, np.ones(n), np.zeros((1, 1)), np.arange(n))
    assert np.isfinite(found[0]).all()
    assert found[0].shape == (n, 1)


@pytest.mark.parametrize("n_folds", [2, 5])
def test_held_out_effects_of_bags_are_those_of_a_fit_without_the_fold(n_folds):
    codes, y, weight = sample(n_outputs=2, weighted=True)
    codes[:, 0] = np.arange(len(y))
    bags = {0: some_bags(len(y), 5, least=0)}
    m, fold = np.full((3, 2), 6.0), folds(len(y), n_folds)
    found = held_out_effects(codes, N_CODES, y, weight, m, fold, bags)
    for k in range(n_folds):
        out = fold == k
        known = codes[~out], N_CODES, y[~out], weight[~out], m, bags
        alone = joint_effects(*known, N_SWEEPS_KNOWN)
        pooled = bags[0].matrix(5).toarray()[out] @ alone.values[0]
        np.testing.assert_allclose(found[0][out], pooled, rtol=1e-8, atol=1e-11)
        for j in (1, 2):
            expected = alone.values[j][codes[out, j]]
            np.testing.assert_allclose(found[j][out], expected, rtol=1e-8, atol=1e-11)


def test_a_single_fold_leaves_nothing_to_learn_from():
    codes, y = np.zeros((1, 1), dtype=np.int32), np.ones((1, 1))
    bags = {0: some_bags(1, 5)}
    found = held_out_effects(codes, (5,), y, np.ones(1), np.ones((1, 1)), np.zeros(1, int), bags)
    np.testing.assert_array_equal(found, np.zeros((1, 1, 1)))
