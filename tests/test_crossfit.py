"""Out-of-fold vectors row by row against a loop over the folds, and which splits are taken."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold, cross_val_score

from skembed import EmbeddingEncoder, _crossfit
from skembed._crossfit import deal_folds, out_of_fold, read_splits
from skembed._sample import Sample
from skembed._targets import Target
from skembed.nn._bags import Bags

TINY = {"hidden_layer_sizes": (4,), "max_iter": 1, "random_state": 0}


def sample(codes, weight=None, bags=None, classes=None, rows=None):
    n = len(codes)
    values = np.zeros((n, 1), np.float32) if classes is None else classes
    kind = "continuous" if classes is None else "multiclass"
    unit = np.zeros((2, 1))
    target = Target(values, kind, "squared_error", 1, None, unit[0], unit[1], unit)
    weight = np.ones(n) if weight is None else np.array(weight, dtype=float)
    rows = np.arange(n) if rows is None else np.array(rows)
    codes = np.array(codes, dtype=np.int32).reshape(n, -1)
    return Sample(rows, codes, np.zeros((n, 0), np.float32), target, weight, bags or {})


def alternate(n):
    """Even rows held out, then odd ones."""
    return [(np.arange(k, n, 2), np.arange(1 - k, n, 2)) for k in (1, 0)]


def held_out(own, n_codes, frequent_from=np.inf, pooling="mean"):
    """Vectors of one column; code ``c`` has 10 in the table of all rows, ``k + 1`` in that of split
    ``k``, and -1 where the split lacks it.
    """
    tables, unseen = [np.full((n_codes, 1), 10.0)], [np.full((n_codes, 1), -1.0)]
    arguments = (tables, unseen, frequent_from, None, pooling)

    def learn(k, part):
        return [np.full((n_codes, 1), k + 1.0)]

    return out_of_fold(own, alternate(len(own)), learn, *arguments)[0][:, 0]


def test_rows_get_the_vector_of_their_split_or_that_of_codes_it_lacks():
    # Code 1 is in both halves, 2 in the even rows alone, 3 in the odd ones.
    found = held_out(sample([1, 1, 2, 3, 2, 1]), 5)
    assert found.tolist() == [1, 2, -1, -1, -1, 2]


@pytest.mark.parametrize(("n", "kept"), [(49, False), (50, True), (51, True)])
def test_from_so_many_rows_on_a_category_keeps_the_vector_of_all_rows(n, kept):
    found = held_out(sample([1] * n + [2] * 30), 3, frequent_from=50)
    assert (found[:n] == 10).all() == (found[:n] == 10).any() == kept
    assert (found[n:] != 10).all()


def test_with_an_integer_cv_these_are_fifty_rows():
    X = np.repeat([["fifty"], ["less"]], [50, 49], axis=0)
    y = np.random.default_rng(0).normal(size=99)
    encoder = EmbeddingEncoder(**TINY, cv=2)
    out_of_fold, vectors = encoder.fit_transform(X, y), encoder.transform(X)
    np.testing.assert_array_equal(out_of_fold[:50], vectors[:50])
    assert (out_of_fold[50:] != vectors[50:]).any(axis=1).all()


def leaked(n_columns, n_categories, y, cv=5):
    """R2 that a linear model of training vectors has on a target of noise, by cross-validation."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, n_categories, (len(y), n_columns))
    encoder = EmbeddingEncoder(task="regression", max_iter=1, random_state=0, cv=cv)
    return cross_val_score(Ridge(), encoder.fit_transform(X, y), y, cv=5).mean()


def test_many_frequent_categories_do_not_tell_the_target_of_their_rows_together():
    """Each of 20 x 40 categories has about 75 rows."""
    y = np.random.default_rng(1).normal(size=3000)
    assert leaked(20, 40, y) < 0.02
    assert leaked(20, 40, y, cv=None) > 0.15


def test_fewer_categories_are_frequent_where_a_label_is_rare():
    X = np.repeat(np.arange(40), 211 + 2 * np.arange(40))[:, None]
    ranks = np.random.default_rng(0).permutation(10_000)
    encoder = EmbeddingEncoder(**TINY, cv=2)
    kept = []
    for n_positive in (100, 5000):
        vectors = encoder.fit_transform(X, ranks < n_positive)
        same = (vectors == encoder.transform(X)).all(axis=1)
        kept.append(len(np.unique(X[same])))
    # 2 % of 10,000 rows, and of 396 that are worth as much.
    assert kept == [7, 40]


@pytest.mark.parametrize(
    ("y", "weight", "n_frequent"),
    [
        (None, np.ones(1000), 20),
        (None, np.repeat([100.0, 1e-9], [500, 500]), 10),
        (np.repeat([0, 1, 2, 3], 250), np.ones(1000), 20),
        (np.repeat([0, 1, 2], [980, 10, 10]), np.ones(1000), 1),
    ],
)
def test_so_many_categories_are_frequent_as_rows_tell(y, weight, n_frequent):
    sizes = 50 + np.arange(30)
    own = sample(np.arange(1000) % 30, weight=weight, classes=y)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_crossfit, "_rows_of_codes", lambda *args: sizes.astype(float))
        least = _crossfit._frequent_from(own, [np.zeros((30, 1))])
    assert (sizes >= least).sum() == n_frequent


@pytest.mark.parametrize(("heavy", "kept"), [(1.0, True), (100.0, False)])
def test_rows_are_counted_as_their_weights_let_them(heavy, kept):
    """With one weight of 100 and nine of 1 there are ``109**2 / (100**2 + 9)``, about 1.2."""
    found = held_out(sample([1] * 10, weight=[heavy] + [1] * 9), 2, frequent_from=2)
    assert (found == 10).all() == kept


@pytest.mark.parametrize(("limit", "kept"), [(2.9, True), (3.1, False)])
def test_a_bag_has_fewer_rows_behind_it_than_each_of_its_elements(limit, kept):
    """Of 4 rows and of 12: ``1 / (1/4 + 1/12)`` are 3."""
    cells = [[1, 2]] * 4 + [[2]] * 8
    sizes = np.array([len(cell) for cell in cells])
    ends = np.append(0, np.cumsum(sizes)).astype(np.int32)
    bags = Bags(np.concatenate(cells).astype(np.int32), 1 / np.repeat(sizes, sizes), ends)
    found = held_out(sample(np.arange(12), bags={0: bags}), 3, limit)
    assert (found[:4] == 10).all() == (found[:4] == 10).any() == kept
    assert (found[4:] == 10).all()


def test_an_integer_deals_out_folds_of_equal_size_and_classes_evenly():
    classes = np.repeat([0, 1, 2], [10, 20, 30])
    own = sample(np.zeros(60), classes=classes)
    splits = deal_folds(own, 5, np.random.default_rng(0))
    assert np.sort(np.concatenate([test for _, test in splits])).tolist() == list(range(60))
    for train, test in splits:
        assert np.bincount(classes[test]).tolist() == [2, 4, 6]
        assert sorted([*train, *test]) == list(range(60))
    assert (np.diff(splits[0][1]) != 1).any()  # not one block after the other
    numbers = deal_folds(sample(np.zeros(11)), 3, np.random.default_rng(0))
    assert sorted(len(test) for _, test in numbers) == [3, 4, 4]


def test_there_are_as_many_folds_as_rows_at_most():
    own = sample(np.zeros(4))
    assert len(deal_folds(own, 4, np.random.default_rng(0))) == 4
    with pytest.raises(ValueError, match=r"but only 1 row has a weight above 0\. Set cv to None"):
        deal_folds(sample(np.zeros(1)), 5, np.random.default_rng(0))
    with pytest.raises(ValueError, match="asks for 5 folds, but only 4 rows"):
        deal_folds(own, 5, np.random.default_rng(0))


def test_splits_may_be_positions_or_masks_and_are_given_in_rows_of_the_sample():
    """Row 1 of the input has no weight."""
    own, X = sample(np.zeros(3), rows=[0, 2, 3]), np.zeros((4, 1))
    mask = np.array([True, True, False, False])
    for cv in ([(mask, ~mask), (~mask, mask)], [([0, 1], [2, 3]), ([-2, -1], [0, 1])]):
        found = [[part.tolist() for part in split] for split in read_splits(cv, X, None, own, {})]
        assert found == [[[0], [1, 2]], [[1, 2], [0]]]


@pytest.mark.parametrize(
    ("splits", "words"),
    [
        ([5], r"must be a pair of 1-D arrays .* in \[0, 4\). Got 5\."),
        ([([0, 1],)], "must be a pair of 1-D arrays"),
        ([([0, 1], [2], [3])], "must be a pair of 1-D arrays"),
        ([([[0, 1]], [[2, 3]])], "must be a pair of 1-D arrays"),
        ([([0, 1], ["2", "x"])], "must be a pair of 1-D arrays"),
        ([([0, 1], [2, 4])], "must be a pair of 1-D arrays"),
        ([([0, 1], [1, 2])], "rows in its training part and in its test part"),
        ([([1], [0, 2, 3])], "no row with a weight above 0 in its training part"),
        ([([], [0, 1, 2, 3])], "no row with a weight above 0 in its training part"),
        ([([0, 2], [1, 3])], "Row 0 is in 0 of them"),
        ([([2, 3], [0, 1]), ([0, 1], [2, 3, 3])], "Row 3 is in 2 of them"),
    ],
)
def test_splits_that_leak_or_are_none_are_refused(splits, words):
    own, X = sample(np.zeros(3), rows=[0, 2, 3]), np.zeros((4, 1))
    with pytest.raises(ValueError, match=words):
        read_splits(splits, X, None, own, {})


def test_a_split_may_test_rows_without_weight_alone():
    own, X = sample(np.zeros(3), rows=[0, 2, 3]), np.zeros((4, 1))
    splits = read_splits([([0], [1, 2, 3]), ([2, 3], [0])], X, None, own, {})
    assert [test.tolist() for _, test in splits] == [[1, 2], [0]]


def test_a_splitter_gets_what_was_routed_to_it_under_another_name():
    rng = np.random.default_rng(0)
    X, y, teams = rng.choice(list("ab"), (60, 1)), rng.normal(size=60), rng.integers(0, 9, 60)
    plain = EmbeddingEncoder(**TINY, cv=GroupKFold(3)).fit_transform(X, y, groups=teams)
    with config_context(enable_metadata_routing=True):
        cv = GroupKFold(3).set_split_request(groups="teams")
        renamed = EmbeddingEncoder(**TINY, cv=cv).fit_transform(X, y, teams=teams)
    np.testing.assert_array_equal(renamed, plain)


@pytest.mark.parametrize("rule", ["mean", "zeros", "infrequent_if_exist"])
def test_missing_rows_that_are_to_be_unknown_follow_the_rule_in_training_too(rule):
    rng = np.random.default_rng(0)
    cells = rng.choice(list("abcdef"), 120).astype(object)
    cells[::5] = None
    cells[1:8] = "p q r s t u v".split()
    encoder = EmbeddingEncoder(
        handle_unknown=rule, handle_missing="unknown", min_frequency=2, cv=3, **TINY
    )
    X, y = cells[:, None], rng.normal(size=120)
    missing = np.array([cell is None for cell in cells])
    training, new = encoder.fit_transform(X, y)[missing], encoder.transform([[None]])[0]
    if rule == "infrequent_if_exist":
        # That of the other folds: the pool's own rows are not told their targets.
        assert 2 <= len(np.unique(training, axis=0)) <= 3
        np.testing.assert_allclose(training.mean(axis=0), new, atol=0.5)
    else:
        np.testing.assert_array_equal(training, np.tile(new, (len(training), 1)))


def test_rows_of_weight_0_are_refused_before_anything_is_learned(monkeypatch):
    X, y, weight = [["a"], ["b"], ["a"], ["new"]], [1.5, 2.5, 0.5, 3.5], [1, 1, 1, 0]
    encoder = EmbeddingEncoder(handle_unknown="error", cv=2, **TINY)
    assert encoder.fit(X, y, weight).categories_[0].tolist() == ["a", "b"]
    monkeypatch.setattr(EmbeddingEncoder, "_learn", None)
    with pytest.raises(ValueError, match=r"unknown categories \['new'\]"):
        encoder.fit_transform(X, y, sample_weight=weight)


def test_a_generator_of_splits_that_is_used_up_is_named():
    with pytest.raises(ValueError, match="'cv' parameter gave no split"):
        EmbeddingEncoder(cv=iter([]), **TINY).fit_transform([["a"], ["b"]], [1.5, 2.5])
