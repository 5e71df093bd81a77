"""Combinations that training makes unseen: which, how often, and what it is good for."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from skembed import EmbeddingRegressor
from skembed._terms import Part, Term, cross_of
from skembed._unseen import _RATE, unseen_combinations

NAMES = {"a": 4, "b": 5, "c": 3}


def make_term(names, n_outputs=1, with_counts=True, seed=0):
    """Of columns drawn at random."""
    rng = np.random.default_rng(seed)
    parts = [Part(name, list(NAMES).index(name), None, NAMES[name]) for name in names]
    cross, _ = cross_of(parts, [rng.integers(1, part.n_codes, 50) for part in parts])
    effects = rng.normal(size=(cross.n_codes, n_outputs)) if n_outputs else None
    return Term(cross, effects, rng.normal(size=cross.n_codes) if with_counts else None)


@pytest.fixture
def terms():
    """Seven features: of a alone; of a and b, in two terms; of b and c; of all."""
    return [
        make_term("a", with_counts=False),
        make_term("ab"),
        make_term("cb", n_outputs=2, with_counts=False),
        make_term("abc", n_outputs=0),
        make_term("ba", n_outputs=0),
    ]


def test_larger_combinations_go_with_those_they_hold(terms):
    unseen = unseen_combinations(terms, 3, np.zeros(10, dtype=np.float32))
    # The first three features are of columns, the next of a.
    found = sorted(places.tolist() for places in unseen.places)
    assert found == [[4, 5, 8, 9], [6, 7, 8], [8]]
    # None adds to an additive model.
    assert [crosses.tolist() for crosses in unseen.crosses] == [[], [], []]


def test_crosses_of_the_additive_model_go_with_combinations_they_hold(terms):
    """They are numbered without columns alone and terms that only count."""
    adding = [replace(term, addends=term.effects) for term in terms]
    adding.append(replace(terms[3], addends=np.zeros((terms[3].cross.n_codes, 1))))
    unseen = unseen_combinations(adding, 3, np.zeros(11, dtype=np.float32))
    # Of "ab", "cb" and "abc".
    assert [crosses.tolist() for crosses in unseen.crosses] == [[0, 2], [1, 2], [2]]
    told = unseen.put_into(np.zeros((5000, 11), dtype=np.float32), np.random.default_rng(0))
    inputs = np.zeros((5000, 11), dtype=np.float32)
    ones = replace(unseen, values=np.ones(11, dtype=np.float32))
    ones.put_into(inputs, np.random.default_rng(0))
    # Features of "ab" alone, and of "cb" alone: where "ab" and "cb" are unseen.
    for (rows, _), place in zip(told[:2], (4, 6), strict=True):
        np.testing.assert_array_equal(rows, np.flatnonzero(inputs[:, place]))


def test_each_combination_is_unseen_in_some_rows(terms):
    values = np.arange(10, 20, dtype=np.float32)
    unseen = unseen_combinations(terms, 3, values)
    n = 200_000
    inputs = np.zeros((n, 12), dtype=np.float32)
    unseen.put_into(inputs, np.random.default_rng(0))
    changed = inputs != 0
    assert (
        inputs[:, :10][changed[:, :10]] == np.broadcast_to(values, (n, 10))[changed[:, :10]]
    ).all()
    rates = changed.mean(axis=0)
    assert (rates[[0, 1, 2, 3, 10, 11]] == 0).all()
    # That of all three columns also goes with each of the pairs.
    expected = [_RATE, _RATE, _RATE, _RATE, 1 - (1 - _RATE) ** 3, _RATE]
    np.testing.assert_allclose(rates[4:10], expected, rtol=0.05)
    np.testing.assert_array_equal(changed[:, 4], changed[:, 9])


def make_days(days, rng):
    """Sales of shops, with a season that does not come again and an effect of each day."""
    shop, day = (grid.ravel() for grid in np.meshgrid(np.arange(100), days))
    own = np.random.default_rng(9).normal(size=240)
    X = pd.DataFrame({"shop": shop, "month": day // 20 % 4, "day": day % 20, "year": day // 80})
    y = shop / 100 + np.sin(day // 20) + 0.3 * own[day] + 0.1 * rng.normal(size=len(X))
    return X.astype(str), y


def test_later_days_are_missed_by_less(monkeypatch):
    """The effect of a day is known to all rows of training, and of no day to come."""
    rng = np.random.default_rng(0)
    X, y = make_days(np.arange(220), rng)
    later, truth = make_days(np.arange(220, 240), rng)
    errors = {}
    for rate in (_RATE, 0.0):
        monkeypatch.setattr("skembed._unseen._RATE", rate)
        model = EmbeddingRegressor(n_estimators=1, hidden_layer_sizes=(32,), random_state=0)
        model.fit(X, y)
        assert any(set(cross) >= {"month", "day"} for cross in model.crosses_)
        errors[rate] = np.mean((model.predict(later) - truth) ** 2)
    assert errors[_RATE] < 0.95 * errors[0.0]
