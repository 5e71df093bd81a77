"""The additive model of predictors: what it predicts, of training rows and new ones."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skembed import EmbeddingClassifier, EmbeddingRegressor
from skembed._additive import fit_additive
from skembed._effects import N_SWEEPS_KNOWN, joint_effects
from skembed._feature_search import _MOST_NOISE, FeatureSettings, make_features
from skembed._noise import share_of_noise
from skembed._numeric import smooth_clip
from skembed._sample import Sample, read_input
from skembed._targets import read_target
from skembed._terms import Part, cross_of
from skembed._training_input import encode_input, read_training_input
from skembed.nn._bags import Bags

N_ROWS = 300
N_COLUMNS = 3
N_CODES = (6, 9, 4)
FOLD = np.arange(N_ROWS) % 5


def make_case(n_outputs=1, bags=None, seed=0):
    """Three columns, the crosses of some, and bins of a number; code 0 of columns never occurs."""
    rng = np.random.default_rng(seed)
    codes = np.column_stack([rng.integers(1, n, N_ROWS) for n in N_CODES]).astype(np.int32)
    numbers = rng.normal(size=(N_ROWS, 1))
    parts = [Part(name, j, None, N_CODES[j]) for j, name in enumerate("abc")]
    parts.append(Part.binned("x", 0, np.array([-1.0, 0.0, 1.0])))
    of_parts = [part.codes(codes, numbers) for part in parts]
    chosen = [[3], [0, 1], [1, 0, 2], [2, 3]]
    crosses = [cross_of([parts[k] for k in own], [of_parts[k] for k in own]) for own in chosen]
    y = rng.normal(size=(N_ROWS, n_outputs)) + codes[:, :1] % 2 * (codes[:, 1:2] - 4)
    weight = rng.uniform(0.5, 2, N_ROWS)
    y -= np.average(y, axis=0, weights=weight)
    target = read_target(y[:, 0], "regression", weight)
    return Sample(np.arange(N_ROWS), codes, numbers, target, weight, bags or {}), *crosses, y


def fit(case, shrinkage=None):
    sample, *crosses, y = case
    return fit_additive(sample, N_CODES, crosses, y, shrinkage, FOLD)


def joint_codes(case):
    """Codes of columns and crosses, and how many there are."""
    sample, *pairs, _ = case
    crosses, codes = zip(*pairs, strict=True)
    return np.column_stack([sample.codes, *codes]), (*N_CODES, *(own.n_codes for own in crosses))


def effects_of(case, rows):
    """Joint effects that some rows alone give, shrunken as those of all rows."""
    (sample, *_, y), (codes, n_codes) = case, joint_codes(case)
    m = joint_effects(codes, n_codes, y, sample.weight, bags=sample.bags).pseudo_counts
    known = codes[rows], n_codes, y[rows], sample.weight[rows]
    return joint_effects(*known, m, sample.bags, N_SWEEPS_KNOWN).values


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("with_bags", [False, True])
def test_rows_get_the_joint_effects_of_others(n_outputs, with_bags):
    """Training rows those of all rows but their fold, new rows those of all rows."""
    bags = {}
    if with_bags:
        # Every code of the first column is a bag of itself and the next one.
        pairs = np.column_stack([np.arange(6), np.roll(np.arange(6), 1)]).ravel()
        bags = {0: Bags(pairs, np.full(12, 0.5), np.arange(0, 13, 2))}
    case = make_case(n_outputs, bags)
    tables, held_out = fit(case)
    everything = effects_of(case, np.arange(N_ROWS))
    for table, expected in zip(tables, everything, strict=True):
        assert_array_equal(table, expected)
    codes, _ = joint_codes(case)
    for k in range(5):
        own = FOLD == k
        expected = sum(
            bags[j].pool(table)[codes[own, j]] if j in bags else table[codes[own, j]]
            for j, table in enumerate(effects_of(case, ~own))
        )
        assert_allclose(held_out.sums[own], expected, rtol=1e-5, atol=1e-5)


def test_shrinkage_that_is_given_is_that_of_columns():
    (free, _), (held, _) = fit(make_case()), fit(make_case(), 1e9)
    assert max(np.abs(table).max() for table in held[:N_COLUMNS]) < 1e-5
    assert max(np.abs(table).max() for table in free[:N_COLUMNS]) > 0.1
    assert max(np.abs(table).max() for table in held[N_COLUMNS:]) > 0.1


def test_sums_of_training_rows_do_not_know_their_noise():
    """Effects of all rows explain what is noise, those without the fold do not."""
    sample, *pairs, _ = make_case()
    y = np.random.default_rng(8).normal(size=(N_ROWS, 1))
    case = sample, *pairs, y
    _, held_out = fit(case)
    (codes, _), tables = joint_codes(case), effects_of(case, np.arange(N_ROWS))
    inside = sum(table[codes[:, j]] for j, table in enumerate(tables))
    assert np.corrcoef(inside[:, 0], y[:, 0])[0, 1] > 0.3
    assert np.corrcoef(held_out.sums[:, 0], y[:, 0])[0, 1] < 0.05


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_sums_are_without_the_crosses_that_are_unseen(n_outputs):
    """An unseen one stands in their place; of "ab", "bac" and "cx", after the bins of "x"."""
    case = make_case(n_outputs)
    tables, held_out = fit(case)
    rows = np.array([7, 3, 250, 3, 11])
    unseen = [([1, 4], [0, 1]), ([2, 3], [1]), ([4], [2]), ([0], []), ([], [0])]
    changed, sums = held_out.where_unseen(
        rows, [(np.array(at, dtype=int), np.array(which, dtype=int)) for at, which in unseen]
    )
    gone = {1: [0, 1], 2: [1], 3: [1], 4: [0, 1, 2]}
    assert changed.tolist() == list(gone)
    codes, _ = joint_codes(case)
    for own, (place, crosses) in zip(sums, gone.items(), strict=True):
        row = rows[place]
        effects = effects_of(case, FOLD != FOLD[row])
        expected = held_out.sums[row].astype(np.float64)
        for k in np.array(crosses) + N_COLUMNS + 1:
            expected += tables[k][0] - effects[k][codes[row, k]]
        assert_allclose(own, expected, rtol=1e-5, atol=1e-5)


def make_sales(n, seed=0):
    """Shops with a level for each day of the week, for each month, and a season of their own."""
    effects = np.random.default_rng(99)
    of_day, of_month = effects.normal(size=(60, 7)), effects.normal(size=(60, 12))
    of_date = effects.normal(size=(7, 12))
    rng = np.random.default_rng(seed)
    shop, day, month = (rng.integers(0, k, n) for k in (60, 7, 12))
    y = of_day[shop, day] + of_month[shop, month] + of_date[day, month]
    X = pd.DataFrame({"shop": shop, "day": day, "month": month}).astype(str)
    return X, y + 0.3 * rng.normal(size=n)


def features_of(X, y):
    """What a fit makes of a table: features of new rows and of training rows."""
    estimator = EmbeddingRegressor(random_state=0)
    read = read_training_input(estimator, X, y, None)
    settings = FeatureSettings(True, 24, True, 8, read.n_codes, None)
    names = [read.columns.names[j] for j in read.columns.numeric]
    parts = estimator._plain_columns(read)
    known = read.sample, read.numbers, read.scaler, parts, names
    return make_features(*known, settings, read.rng)


def test_the_network_sees_sums_without_the_combinations_that_are_unseen():
    features, draws = features_of(*make_sales(1500))
    assert features.n_sums == 1
    rows = np.random.default_rng(0).permutation(1500)[:700]
    seen = draws.network_inputs(2, rows)
    # The same one in every draw.
    assert_array_equal(seen[:, 0], draws.features[0][rows, 0])
    inputs = draws.network_inputs(2, rows, np.random.default_rng(5))
    blank = np.zeros(inputs.shape, dtype=np.float32)
    unseen = draws.unseen.put_into(blank, np.random.default_rng(5))
    changed, sums = draws.sums.where_unseen(rows, unseen)
    assert 0 < len(changed) < 700
    assert_array_equal(inputs[changed, 0], smooth_clip(sums[:, 0]))
    rest = np.setdiff1d(np.arange(700), changed)
    assert_array_equal(inputs[rest, 0], seen[rest, 0])
    # In the unit of the feature: with no combination gone it is the feature.
    assert_allclose(smooth_clip(draws.sums.sums[rows]), seen[:, :1], rtol=1e-5, atol=1e-6)
    one = rows[changed[:1]]
    everything = np.arange(draws.sums.addends.shape[1])
    _, without = draws.sums.where_unseen(one, [(np.zeros(1, dtype=int), everything)])
    alone = draws.sums.sums[one] - draws.sums.addends[one].sum(axis=1)
    assert_allclose(without, alone, rtol=1e-5, atol=1e-6)


def test_effects_learned_together_predict_better(monkeypatch):
    """Crosses that overlap: each alone takes some of what belongs to another."""
    X, y = make_sales(4000)
    new, truth = make_sales(2000, seed=1)
    errors = {}
    for most in (_MOST_NOISE, -1.0):
        monkeypatch.setattr("skembed._feature_search._MOST_NOISE", most)
        model = EmbeddingRegressor(n_estimators=1, random_state=0).fit(X, y)
        assert {frozenset(cross) for cross in model.crosses_} >= {
            frozenset(("shop", "day")),
            frozenset(("shop", "month")),
        }
        assert model._features.n_sums == (most > 0)
        errors[most] = np.mean((model.predict(new) - truth) ** 2)
    assert errors[_MOST_NOISE] < 0.8 * errors[-1.0]


def test_there_is_none_where_most_is_noise(monkeypatch):
    X, y = make_sales(3000)
    y += 3 * np.random.default_rng(3).normal(size=len(y))
    features, draws = features_of(X, y)
    assert any(len(term.cross.parts) > 1 for term in features.terms)
    assert features.n_sums == 0 and features.column_addends == [] and draws.sums is None
    monkeypatch.setattr("skembed._feature_search._MOST_NOISE", 1.0)
    assert features_of(X, y)[0].n_sums == 1


def test_there_is_none_of_too_few_rows_to_tell():
    """A number tells all; beside it are as many columns as half of the rows."""
    X, y = make_sales(14)
    noise = np.random.default_rng(2).normal(size=(14, 6))
    X = X.assign(size=y, **{f"x{k}": column for k, column in enumerate(noise.T)})
    features, _ = features_of(X, y)
    assert features.terms and features.n_sums == 0


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("off", [{"crosses": 0}, {"target_effect": False}])
def test_there_is_none_without_crosses_or_effects(off):
    X, y = make_sales(1000)
    model = EmbeddingRegressor(n_estimators=1, max_iter=1, random_state=0, **off).fit(X, y)
    assert model._features.n_sums == 0


def test_the_sums_help_where_more_than_half_is_noise(monkeypatch):
    """Networks do not read training rows off what their own fold lacks."""
    X, y = make_sales(1500)
    y += np.random.default_rng(3).normal(size=len(y))
    new, truth = make_sales(3000, seed=1)
    _, draws = features_of(X, y)
    target = read_target(y, "regression", np.ones(len(y)))
    codes = np.empty((len(y), 0), dtype=np.int32)
    sample = Sample(np.arange(len(y)), codes, draws.pieces, target, np.ones(len(y)), {})
    assert 0.5 < share_of_noise(sample, draws.features[0][:, 1:]) < _MOST_NOISE
    errors = {}
    for most in (_MOST_NOISE, -1.0):
        monkeypatch.setattr("skembed._feature_search._MOST_NOISE", most)
        model = EmbeddingRegressor(n_estimators=1, random_state=0).fit(X, y)
        assert model._features.n_sums == (most > 0)
        errors[most] = np.mean((model.predict(new) - truth) ** 2)
    assert errors[_MOST_NOISE] < errors[-1.0]


def sums_of(model, X):
    """What the additive model of a predictor adds up to, standardised."""
    frame = read_input(model, X, reset=False)
    codes, bags = encode_input(model, frame, model._columns, model._vocabularies)
    return model._features.inputs(codes, np.empty((len(X), 0)), bags)[0][
        :, : model._features.n_sums
    ]


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("n_classes", [2, 3])
def test_new_categories_leave_sums_of_others(n_classes):
    X, y = make_sales(1500)
    labels = np.digitize(y, np.quantile(y, np.arange(1, n_classes) / n_classes))
    model = EmbeddingClassifier(n_estimators=1, max_iter=1, random_state=0).fit(X, labels)
    n_codes = len(model._features.column_addends[0])
    expected, unknown = sums_of(model, X[:50]), sums_of(model, X[:20].assign(shop="?"))
    assert expected.shape[1] == (n_classes if n_classes > 2 else 1)
    new = X[:20].assign(shop=[f"new {k}" for k in range(20)])
    model.partial_fit(new, labels[:20])
    assert len(model._features.column_addends[0]) == n_codes + 20
    assert_array_equal(sums_of(model, X[:50]), expected)
    assert_array_equal(sums_of(model, new), unknown)


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("handle", ["mean", "zeros"])
def test_unknown_values_add_what_is_asked_for(handle):
    X, y = make_sales(1500)
    short = {"n_estimators": 1, "max_iter": 1, "random_state": 0}
    model = EmbeddingRegressor(**short, handle_unknown=handle, handle_missing="unknown").fit(X, y)
    assert model._features.n_sums == 1
    codes, _ = encode_input(
        model, read_input(model, X, reset=False), model._columns, model._vocabularies
    )
    for table, own in zip(model._features.column_addends, codes.T, strict=True):
        mean = table[own].mean() if handle == "mean" else 0
        assert_allclose(table[0], mean, atol=1e-9)
        assert_array_equal(table[-1], table[0])
        assert np.abs(table[1:-1]).max() > 0.05


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("pooling", ["sum", "max"])
def test_cells_of_several_categories_add_by_their_shares(pooling):
    rng = np.random.default_rng(6)
    X, y = make_sales(1500)
    X["tags"] = [
        list(rng.choice(list("pqrst"), k, replace=False)) for k in rng.integers(1, 4, 1500)
    ]
    y += np.array([np.mean([ord(tag) - ord("r") for tag in tags]) for tags in X["tags"]])
    settings = {"sequence_features": ["tags"], "pooling": pooling, "max_iter": 1}
    model = EmbeddingRegressor(**settings, n_estimators=1, random_state=0).fit(X, y)
    features = model._features
    assert features.n_sums == 1
    codes, bags = encode_input(
        model, read_input(model, X, reset=False), model._columns, model._vocabularies
    )
    (j,) = bags
    expected = bags[j].matrix(len(features.column_addends[j]))[codes[:, j]]
    expected = expected @ features.column_addends[j]
    for k, table in enumerate(features.column_addends):
        expected = expected + (0 if k == j else table[codes[:, k]])
    for term in features.terms:
        if term.addends is not None:
            expected = expected + term.addends[term.cross.codes(codes, np.empty((1500, 0)))]
    found, _ = features.inputs(codes, np.empty((1500, 0)), bags)
    z = smooth_clip((expected[:, 0] - features.center[0]) / features.scale[0])
    assert_allclose(found[:, 0], z, rtol=1e-5, atol=1e-6)
