"""The additive model of predictors: what it predicts, of training rows and new ones."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skembed import EmbeddingClassifier, EmbeddingRegressor
from skembed._additive import fit_additive
from skembed._effects import joint_effects
from skembed._sample import Sample, read_input
from skembed._targets import read_target
from skembed._terms import Cross, Part, cross_of
from skembed._training_input import encode_input
from skembed.nn._bags import Bags

N_ROWS = 300
N_CODES = (6, 9, 4)
FOLD = np.arange(N_ROWS) % 5


def make_case(n_outputs=1, bags=None, seed=0):
    """Three columns, the crosses of some, and bins of a number; code 0 of columns never occurs."""
    rng = np.random.default_rng(seed)
    codes = np.column_stack([rng.integers(1, n, N_ROWS) for n in N_CODES]).astype(np.int32)
    numbers = rng.normal(size=(N_ROWS, 1))
    parts = [Part(name, j, None, N_CODES[j]) for j, name in enumerate("abc")]
    bins = Part.binned("x", 0, np.array([-1.0, 0.0, 1.0]))
    all_codes = [*codes.T, bins.codes(codes, numbers)]
    crosses = [Cross((bins,))]
    for places in ([0, 1], [1, 0, 2], [2, 3]):
        chosen = [[*parts, bins][k] for k in places]
        crosses.append(cross_of(chosen, [all_codes[k] for k in places])[0])
    y = rng.normal(size=(N_ROWS, n_outputs)) + codes[:, :1] % 2 * (codes[:, 1:2] - 4)
    weight = rng.uniform(0.5, 2, N_ROWS)
    y -= np.average(y, axis=0, weights=weight)
    target = read_target(y[:, 0], "regression", weight)
    sample = Sample(np.arange(N_ROWS), codes, numbers, target, weight, bags or {})
    return sample, numbers, crosses, y


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("with_bags", [False, True])
def test_training_rows_are_predicted_as_if_their_fold_were_new(n_outputs, with_bags):
    bags = {}
    if with_bags:
        # Every code of the first column is a bag of itself and the next one.
        codes = np.column_stack([np.arange(6), np.roll(np.arange(6), 1)]).ravel()
        bags = {0: Bags(codes, np.full(12, 0.5), np.arange(0, 13, 2))}
    sample, numbers, crosses, y = make_case(n_outputs, bags)
    model, predictions = fit_additive(sample, numbers, N_CODES, crosses, y, None, FOLD)
    codes = np.column_stack(
        [sample.codes, *(cross.codes(sample.codes, numbers) for cross in crosses)]
    )
    n_codes = (*N_CODES, *(cross.n_codes for cross in crosses))
    m = joint_effects(codes, n_codes, y, sample.weight, bags=bags).pseudo_counts
    assert model.n_outputs == n_outputs
    for k in range(5):
        rest, own = FOLD != k, FOLD == k
        effects = joint_effects(codes[rest], n_codes, y[rest], sample.weight[rest], m, bags, 8)
        expected = sum(
            bags[j].pool(table)[codes[own, j]] if j in bags else table[codes[own, j]]
            for j, table in enumerate(effects.values)
        )
        assert_allclose(predictions.values[own], expected, rtol=1e-5, atol=1e-5)


def test_new_rows_get_the_effects_of_all_rows():
    sample, numbers, crosses, y = make_case()
    model, _ = fit_additive(sample, numbers, N_CODES, crosses, y, None, FOLD)
    row = sample.codes[:1]
    effects = [table[code] for table, code in zip(model.column_effects, row[0], strict=True)]
    for cross, table in zip(crosses, model.effects, strict=True):
        effects.append(table[cross.codes(row, numbers[:1])[0]])
    assert_allclose(model.predict(row, numbers[:1], {})[0], np.sum(effects, axis=0), rtol=1e-12)
    # They explain the rows that they were learned from.
    left = y - model.predict(sample.codes, numbers, {})
    assert left.var() < 0.5 * y.var()


def test_shrinkage_that_is_given_is_that_of_columns():
    sample, numbers, crosses, y = make_case()
    free, _ = fit_additive(sample, numbers, N_CODES, crosses, y, None, FOLD)
    held, _ = fit_additive(sample, numbers, N_CODES, crosses, y, 1e9, FOLD)
    assert max(np.abs(table).max() for table in held.column_effects) < 1e-5
    assert max(np.abs(table).max() for table in free.column_effects) > 0.1
    assert max(np.abs(table).max() for table in held.effects) > 0.1


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_where_a_combination_is_unseen_every_cross_that_holds_it_is(n_outputs):
    sample, numbers, crosses, y = make_case(n_outputs)
    _, predictions = fit_additive(sample, numbers, N_CODES, crosses, y, None, FOLD)
    combinations = [frozenset("ab"), frozenset("abc"), frozenset("bc"), frozenset("cx")]
    rows = np.array([7, 3, 250, 3, 11])
    unseen = np.zeros((5, 4), dtype=bool)
    # The first row has seen everything; "bc" is a part of "bac" alone.
    unseen[[1, 2, 3, 4, 4], [0, 1, 2, 0, 3]] = True
    found = predictions.where_unseen(rows, combinations, unseen)
    # Of the crosses "x", "ab", "bac" and "cx".
    gone = np.array([[0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 1, 0], [0, 0, 1, 0], [0, 1, 1, 1]])
    shares = predictions.shares
    assert predictions.crossed == [frozenset("ab"), frozenset("abc"), frozenset("cx")]
    for row, own, lost in zip(rows, found, gone[:, 1:], strict=True):
        expected = predictions.values[row] - lost @ shares[row]
        assert_allclose(own, expected, rtol=1e-5, atol=1e-6)
    assert_array_equal(found[0], predictions.values[7])


def test_no_combinations_leave_predictions_as_they_are():
    sample, numbers, crosses, y = make_case()
    _, predictions = fit_additive(sample, numbers, N_CODES, crosses[:1], y, None, FOLD)
    rows = np.arange(9)
    assert predictions.shares.shape == (N_ROWS, 0, 1)
    none = predictions.where_unseen(rows, [], np.zeros((9, 0), dtype=bool))
    some = predictions.where_unseen(rows, [frozenset("ab")], np.ones((9, 1), dtype=bool))
    assert_array_equal(none, predictions.values[:9])
    assert_array_equal(some, predictions.values[:9])


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


def test_effects_learned_together_predict_better(monkeypatch):
    """Crosses that overlap: each alone takes some of what belongs to another."""
    X, y = make_sales(4000)
    new, truth = make_sales(2000, seed=1)
    errors = {}
    for most in (0.7, -1.0):
        monkeypatch.setattr("skembed._feature_search._MOST_NOISE", most)
        model = EmbeddingRegressor(n_estimators=1, random_state=0).fit(X, y)
        assert {frozenset(cross) for cross in model.crosses_} >= {
            frozenset(("shop", "day")),
            frozenset(("shop", "month")),
        }
        assert (model._features.additive is None) == (most < 0)
        errors[most] = np.mean((model.predict(new) - truth) ** 2)
    assert errors[0.7] < 0.8 * errors[-1.0]


def test_there_is_none_where_most_is_noise_or_nothing_is_crossed():
    X, y = make_sales(1000)
    noise = np.random.default_rng(3).normal(size=1000)
    short = {"n_estimators": 1, "max_iter": 1, "random_state": 0}
    assert EmbeddingRegressor(**short).fit(X, y)._features.additive
    assert EmbeddingRegressor(**short).fit(X, y + 9 * noise)._features.additive is None
    assert EmbeddingRegressor(**short, crosses=0).fit(X, y)._features.additive is None
    assert EmbeddingRegressor(**short, target_effect=False).fit(X, y)._features.additive is None


def predict(model, X):
    """Predictions of the additive model of a predictor."""
    frame = read_input(model, X, reset=False)
    codes, bags = encode_input(model, frame, model._columns, model._vocabularies)
    return model._features.additive.predict(codes, np.empty((len(X), 0)), bags)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_new_categories_leave_predictions_of_others(n_classes):
    X, y = make_sales(1500)
    labels = np.digitize(y, np.quantile(y, np.arange(1, n_classes) / n_classes))
    model = EmbeddingClassifier(n_estimators=1, max_iter=1, random_state=0).fit(X, labels)
    n_codes = len(model._features.additive.column_effects[0])
    expected, unknown = predict(model, X[:50]), predict(model, X[:20].assign(shop="?"))
    new = X[:20].assign(shop=[f"new {k}" for k in range(20)])
    model.partial_fit(new, labels[:20])
    assert len(model._features.additive.column_effects[0]) == n_codes + 20
    assert_array_equal(predict(model, X[:50]), expected)
    assert_array_equal(predict(model, new), unknown)
