"""RelativeSplit: disjoint parts of the right sizes, whatever the labels, groups and containers."""

import itertools
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, check_cv, cross_val_score

from skembed import InputEmbedding, RelativeSplit
from skembed._splitting import share_out

deterministic = settings(derandomize=True, deadline=None, max_examples=80)
sizes = st.tuples(
    st.integers(1, 9), st.integers(0, 9), st.one_of(st.integers(0, 9), st.floats(0, 9))
)


def largest_remainder(n_rows, relative_size):
    """Shares of ``n_rows`` by the definition, one row at a time."""
    total = sum(map(Fraction, relative_size))
    exact = [n_rows * Fraction(size) / total for size in relative_size]
    shares = [int(share) for share in exact]
    remainders = [e - s for e, s in zip(exact, shares, strict=True)]
    while sum(shares) < n_rows:
        best = max(range(len(shares)), key=lambda p: (remainders[p], -p))
        shares[best] += 1
        remainders[best] = Fraction(-1)
    return shares


def parts_or_none(split, *arrays, **named):
    """The parts, or None where the training part would be empty."""
    try:
        return split.parts(*arrays, **named)
    except ValueError as error:
        assert "training part" in str(error)
        return None


@deterministic
@given(st.integers(1, 200), sizes, st.booleans(), st.integers(0, 5))
def test_parts_are_disjoint_cover_all_and_have_the_right_sizes(
    n_rows, relative_size, shuffle, seed
):
    split = RelativeSplit(relative_size, shuffle=shuffle, random_state=seed)
    parts = parts_or_none(split, np.zeros(n_rows))
    expected = largest_remainder(n_rows, relative_size)
    if parts is None:
        assert expected[0] == 0
        return
    assert [len(part) for part in parts] == expected
    assert sorted(np.concatenate(parts)) == list(range(n_rows))
    for size, part in zip(relative_size, parts, strict=True):
        assert size > 0 or len(part) == 0
        assert abs(len(part) - n_rows * size / sum(relative_size)) < 1 + 1e-9


@deterministic
@given(st.lists(st.integers(3, 40), min_size=1, max_size=8), sizes, st.integers(0, 5))
def test_stratified_shares_are_off_by_less_than_one(counts, relative_size, seed):
    y = np.repeat([f"class {i}" for i in range(len(counts))], counts)
    y = np.random.default_rng(seed).permutation(y)
    split = RelativeSplit(relative_size, stratify=True, random_state=seed)
    parts = parts_or_none(split, y, y)
    if parts is None:
        return
    assert sorted(np.concatenate(parts)) == list(range(len(y)))
    assert [len(part) for part in parts] == largest_remainder(len(y), relative_size)
    for i, count in enumerate(counts):
        for size, part in zip(relative_size, parts, strict=True):
            exact = count * Fraction(size) / sum(map(Fraction, relative_size))
            assert abs(np.sum(y[part] == f"class {i}") - exact) < 1


def test_shares_of_all_small_strata():
    """Three strata in three parts: cells and sums are rounded, never by a row or more."""
    for counts in itertools.product(range(3, 10), repeat=3):
        for weights in ((2, 1, 0), (1, 1, 1), (7, 2, 1), (3, 5, 4)):
            shares = share_out(np.array(counts), weights)
            exact = np.multiply.outer(counts, weights) / sum(weights)
            assert (np.abs(shares - exact) < 1).all()
            assert shares.sum(axis=0).tolist() == largest_remainder(sum(counts), weights)
            assert shares.sum(axis=1).tolist() == list(counts)


@deterministic
@given(st.lists(st.integers(0, 12), min_size=13, max_size=80), st.integers(0, 5), st.booleans())
def test_groups_stay_together(groups, seed, stratify):
    groups = np.array([f"group {g}" for g in groups])
    y = np.arange(len(groups)) % 3
    split = RelativeSplit((2, 1, 1), stratify=stratify, random_state=seed)
    if len(set(groups)) < 3:
        with pytest.raises(ValueError, match="fewer than the 3 parts"):
            split.parts(groups, y, groups)
        return
    parts = split.parts(groups, y, groups)
    assert sorted(np.concatenate(parts)) == list(range(len(groups)))
    assert all(len(part) for part in parts)
    seen = [set(groups[part]) for part in parts]
    assert sum(map(len, seen)) == len(set(groups))


def test_sizes_of_many_groups_are_close():
    groups = np.repeat(np.arange(300), 3)
    train, test = next(RelativeSplit((2, 1), random_state=0).split(groups, groups=groups))
    assert abs(len(train) - 600) <= 3
    assert len(train) + len(test) == 900


def test_grouped_and_stratified_shares_are_close():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(200), 5)
    y = np.repeat(rng.random(200) < 0.2, 5)
    split = RelativeSplit((3, 1), stratify=True, random_state=0)
    train, test = next(split.split(y, y, groups))
    assert not set(groups[train]) & set(groups[test])
    assert abs(y[test].mean() - y.mean()) < 0.02
    assert abs(len(test) - 250) <= 10


def test_order_without_shuffle():
    train, test = next(RelativeSplit((3, 1), shuffle=False).split(np.zeros(8)))
    assert (train.tolist(), test.tolist()) == ([0, 1, 2, 3, 4, 5], [6, 7])
    y = list("aabbaabb")
    split = RelativeSplit((1, 1), shuffle=False, stratify=True)
    train, test = next(split.split(y, y))
    assert (train.tolist(), test.tolist()) == ([0, 1, 2, 3], [4, 5, 6, 7])
    train, test = next(RelativeSplit((1, 1), shuffle=False).split(y, groups=list("aabbccdd")))
    assert (train.tolist(), test.tolist()) == ([0, 1, 4, 5], [2, 3, 6, 7])


@pytest.mark.parametrize("stratify", [False, True])
def test_same_seed_same_parts_whatever_the_index_and_container(stratify):
    rng = np.random.default_rng(0)
    y = rng.choice(["a", "b"], 50)
    X = pd.DataFrame({"x": rng.random(50)})
    shuffled = X.set_axis(rng.permutation(50) * 7, axis=0)
    split = RelativeSplit((2, 1, 1), stratify=stratify, random_state=3)
    expected = split.parts(X, y)
    for rows in (shuffled, X.to_numpy(), pl.DataFrame({"x": X["x"]}), X.values.tolist()):
        for labels in (y, list(y), pd.Series(y, index=shuffled.index), pl.Series(y)):
            for part, other in zip(expected, split.parts(rows, labels), strict=True):
                assert part.tolist() == other.tolist()
    another = RelativeSplit((2, 1, 1), stratify=stratify, random_state=4).parts(X, y)
    assert another[0].tolist() != expected[0].tolist()


def test_strata_of_any_labels():
    for y in (
        [0.5, 1.5] * 6,
        [True, False] * 6,
        ["a", 1] * 6,
        np.eye(2)[[0, 1] * 6],
        np.array([[0, 0], [0, 1]] * 6),
        pd.Categorical(["u", "v"] * 6),
    ):
        split = RelativeSplit((2, 1), stratify=True, random_state=0)
        _, test = next(split.split(np.zeros(12), y))
        assert sorted(test % 2) == [0, 0, 1, 1]


def test_is_the_split_of_input_embedding():
    X, y = np.arange(30).reshape(-1, 1), np.arange(30) % 3
    for settings_ in ({"stratify": True}, {"shuffle": False}, {}):
        same = dict(settings_, relative_size=(3, 2, 1), random_state=5)
        parts = InputEmbedding(**same).split(X, y)
        train, test, untouched = RelativeSplit(**same).parts(X, y)
        assert parts.train.indices.tolist() == train.tolist()
        assert parts.validation.indices.tolist() == test.tolist()
        assert parts.test.indices.tolist() == untouched.tolist()
        assert next(RelativeSplit(**same).split(X, y))[1].tolist() == test.tolist()


def test_works_as_cv():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)), np.arange(60) % 2
    cv = RelativeSplit((2, 1), stratify=True, random_state=0)
    assert cv.get_n_splits() == cv.get_n_splits(X, y) == 1
    assert check_cv(cv) is cv
    assert cross_val_score(LogisticRegression(), X, y, cv=cv).shape == (1,)
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=cv).fit(X, y)
    assert search.n_splits_ == 1
    assert repr(cv) == "RelativeSplit((2, 1), shuffle=True, stratify=True, random_state=0)"


class Recorder(LogisticRegression):
    """Remembers which rows it was fitted on."""

    rows: list

    def fit(self, X, y):
        Recorder.rows.append(set(X[:, 0].astype(int)))
        return super().fit(X, y)


def test_neither_test_rows_nor_untouched_rows_leak_into_fit():
    X, y = np.column_stack([np.arange(40), np.ones(40)]).astype(float), np.arange(40) % 2
    cv = RelativeSplit((2, 1, 1), stratify=True, random_state=0)
    train, _, _ = cv.parts(X, y)
    Recorder.rows = []
    GridSearchCV(Recorder(), {"C": [0.1, 1]}, cv=cv, refit=False).fit(X, y)
    assert Recorder.rows == [set(train)] * 2


def test_groups_are_routed():
    X, y, groups = (
        np.random.default_rng(0).normal(size=(40, 2)),
        np.arange(40) % 2,
        np.arange(40) // 4,
    )
    cv = RelativeSplit((1, 1), random_state=0)
    expected = cross_val_score(LogisticRegression(), X, y, cv=[*cv.split(X, y, groups)])
    with sklearn.config_context(enable_metadata_routing=True):
        scores = cross_val_score(LogisticRegression(), X, y, cv=cv, params={"groups": groups})
    assert scores.tolist() == expected.tolist()


@pytest.mark.parametrize(
    "relative_size",
    [(2,), (1, 2, 3, 4), (-1, 2), (0, 0), (0, 1), (2, -1), (np.nan, 1), (2, "1"), 2, "21"],
)
def test_wrong_sizes(relative_size):
    with pytest.raises(
        ValueError, match=r"'relative_size' parameter of RelativeSplit must be two or"
    ):
        next(RelativeSplit(relative_size).split(np.zeros(5)))


def test_other_errors():
    rows, y = np.zeros(5), list("aaaab")
    with pytest.raises(ValueError, match="leaves the training part of 1 row"):
        RelativeSplit((1, 9)).parts([0])
    with pytest.raises(ValueError, match=r"Class 'b' of y has 1 row\(s\), fewer than the 2 parts"):
        RelativeSplit((1, 1), stratify=True).parts(rows, y)
    with pytest.raises(ValueError, match="Got y=None"):
        RelativeSplit((1, 1), stratify=True).parts(rows)
    with pytest.raises(ValueError, match="y has 4 rows, but X has 5"):
        RelativeSplit((1, 1), stratify=True).parts(rows, y[:4])
    with pytest.raises(ValueError, match="groups has 6 rows, but X has 5"):
        RelativeSplit((1, 1)).parts(rows, groups=range(6))
    with pytest.raises(ValueError, match="groups holds missing values"):
        RelativeSplit((1, 1)).parts(rows, groups=[1, 1, None, 2, 2])
    with pytest.raises(ValueError, match=r"y holds missing values \(the first is in row 1\)"):
        RelativeSplit((1, 1), stratify=True).parts(rows, ["a", np.nan, "a", "b", "b"])
    with pytest.raises(ValueError, match="'stratify' parameter"):
        RelativeSplit((1, 1), stratify="y").parts(rows, y)
