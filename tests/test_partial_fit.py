"""partial_fit of the predictors: one more epoch on new rows, and rows for new categories."""

import pickle
from copy import copy

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.metrics import log_loss

from skembed import EmbeddingClassifier, EmbeddingRegressor
from skembed._effects_frame import effect_frames
from skembed._frames import encode_values
from skembed._terms import Cross, Part, Term, cross_of
from skembed._vocabulary import learn_vocabulary
from skembed.nn._architecture import table_views
from skembed.nn._step import PlainStep

SMALL = {"n_estimators": 2, "hidden_layer_sizes": (16,), "random_state": 0}
# No loss falls by `tol`, so that a fit ends after 51 epochs.
QUICK = SMALL | {"max_iter": 500, "tol": 1e6, "n_iter_no_change": 50}
LETTERS = list("abcdefgh")


def make_rows(n, seed):
    """A target of two columns of effects and a number."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {"city": rng.choice(LETTERS, n), "kind": rng.choice(list("xy"), n), "size": rng.random(n)}
    )
    y = X["city"].map(LETTERS.index) + 3 * (X["kind"] == "x") * X["size"]
    return X, (y + 0.3 * rng.normal(size=n)).to_numpy()


@pytest.fixture(scope="module")
def fitted():
    X, y = make_rows(300, seed=0)
    # With the linear part, which stays, these predictions would hardly move.
    return EmbeddingRegressor(**QUICK, linear_part=False).fit(X, y)


def copy_of(model):
    return pickle.loads(pickle.dumps(model))


def tables_of(model, member=0):
    network = model._blend.members[member]
    return [table.copy() for table in table_views(network.architecture, network.parameters)]


def test_the_first_call_is_a_fit(fitted):
    X, y = make_rows(300, seed=0)
    first = clone(fitted).partial_fit(X, y)
    np.testing.assert_array_equal(first.predict(X), fitted.predict(X))


def test_held_out_losses_of_the_fit_are_not_those_of_more_epochs():
    X, y = make_rows(300, seed=0)
    model = EmbeddingRegressor(**QUICK, early_stopping=True).fit(X, y)
    assert len(model.validation_scores_) == model.n_iter_
    assert model.set_params(early_stopping=False).partial_fit(X, y).validation_scores_ is None


def test_later_calls_learn_what_new_rows_say(fitted):
    """The rule changes: after some calls the predictions have followed it."""
    X, y = make_rows(400, seed=1)
    turned = -y
    model = copy_of(fitted).set_params(learning_rate_init=0.01)
    before = np.mean((model.predict(X) - turned) ** 2)
    shares = model.network_share_
    for _ in range(20):
        model.partial_fit(X, turned)
    assert np.mean((model.predict(X) - turned) ** 2) < before / 2
    assert model.n_iter_ == fitted.n_iter_ + 20 == len(model.loss_curve_)
    assert model.network_share_ == shares
    assert model.crosses_ == fitted.crosses_
    for own, old in zip(model.embeddings_, fitted.embeddings_, strict=True):
        np.testing.assert_array_equal(own[:, 0], old[:, 0])  # the effects
        assert np.abs(own[:, 1:] - old[:, 1:]).max() > 0


def test_predictions_may_reach_new_targets(fitted):
    X, y = make_rows(50, seed=2)
    model = copy_of(fitted).partial_fit(X, y + 100)
    np.testing.assert_array_equal(
        model._target_range, [fitted._target_range[0], (y + 100).max(keepdims=True)]
    )


def test_a_batch_of_zeros_is_none_of_all_counts():
    X, y = make_rows(200, 0)
    model = EmbeddingRegressor(**QUICK, loss="poisson").fit(X, np.abs(y))
    model.partial_fit(X[:3], np.zeros(3))
    assert np.isfinite(model.predict(X)).all()
    with pytest.raises(ValueError, match="y must be at least 0"):
        model.partial_fit(X[:3], [0, -1, 0])


def test_a_copy_keeps_its_losses(fitted):
    model = copy_of(fitted)
    other, n_epochs = copy(model), len(model.loss_curve_)
    X, y = make_rows(20, 1)
    model.partial_fit(X, y)
    assert len(other.loss_curve_) == n_epochs
    assert len(model.loss_curve_) == n_epochs + 1


def test_frozen_tables_stay():
    X, y = make_rows(300, seed=0)
    model = EmbeddingRegressor(**QUICK, learning_rate_multipliers={"city": 0}).fit(X, y)
    city, kind = tables_of(model)
    model.partial_fit(*make_rows(100, seed=1))
    np.testing.assert_array_equal(tables_of(model)[0], city)
    assert np.abs(tables_of(model)[1] - kind).max() > 0


@pytest.mark.parametrize("handle_unknown", ["zeros", "mean", "embed"])
def test_vectors_of_unknown_values_rest_unless_they_are_learned(handle_unknown):
    X, y = make_rows(300, seed=0)
    # With a least frequency no category joins.
    model = EmbeddingRegressor(**QUICK, min_frequency=2, handle_unknown=handle_unknown).fit(X, y)
    before = tables_of(model)[0]
    more, target = make_rows(100, seed=1)
    model.partial_fit(more.assign(city="new"), target)
    assert (tables_of(model)[0][0] == before[0]).all() == (handle_unknown != "embed")
    np.testing.assert_array_equal(tables_of(model)[0][1:], before[1:])  # no row, no step, no decay


def test_new_categories_join_at_the_unknown_vector_and_are_learned(fitted):
    X, y = make_rows(200, seed=1)
    X = X.assign(city=np.where(X["city"] == "a", "aa", X["city"]))
    model = copy_of(fitted).set_params(learning_rate_init=1e-12)
    before = model.predict(X)
    model.partial_fit(X, y)
    assert model.categories_[0].tolist() == ["a", "aa", *LETTERS[1:]]
    assert len(model.embeddings_[0]) == len(fitted.embeddings_[0]) + 1
    np.testing.assert_allclose(model.embeddings_[0][2], model.embeddings_[0][0], atol=1e-9)
    # Codes move, and so do those of all crosses; what they know does not.
    np.testing.assert_allclose(model.predict(X), before, rtol=1e-5)
    known = fitted._vocabularies[0].counts.sum()
    assert model._vocabularies[0].counts.sum() == known + 200
    assert len(model.effects_["city"]) == len(fitted.effects_["city"]) + 1
    loss = np.mean((model.predict(X) - y) ** 2)
    model.set_params(learning_rate_init=0.01)
    for _ in range(20):
        model.partial_fit(X, y)
    assert np.mean((model.predict(X) - y) ** 2) < loss / 2


def test_crosses_keep_what_they_know_wherever_codes_move():
    rng = np.random.default_rng(0)
    sizes = (5, 4, 3)
    codes = rng.integers(0, sizes, (60, 3))
    parts = [Part(name, j, None, sizes[j]) for j, name in enumerate("abc")]
    cross, _ = cross_of(parts, list(codes.T))
    moves = [np.array([0, 6, 2, 5, 7]), np.arange(4), np.array([0, 3, 1])]
    term = Term(cross, rng.normal(size=(cross.n_codes, 2)), rng.random(cross.n_codes))
    grown = term.grown(moves, [8, 4, 4])
    moved = np.column_stack([move[column] for move, column in zip(moves, codes.T, strict=True)])
    numbers = np.empty((60, 0))
    for one, other in zip(
        grown.features_of(grown.cross.codes(moved, numbers)),
        term.features_of(term.cross.codes(codes, numbers)),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)
    new = np.array([[1, 0, 0]])
    np.testing.assert_array_equal(
        grown.features_of(grown.cross.codes(new, numbers))[0], term.effects[0, :1]
    )


def test_unknown_values_go_on_following_the_infrequent():
    X, y = make_rows(300, seed=0)
    X.loc[:1, "city"] = ["rare", "rarer"]
    model = EmbeddingRegressor(**QUICK, min_frequency=5, handle_unknown="infrequent_if_exist").fit(
        X, y
    )
    model.partial_fit(X[:2], y[:2])
    table, pool = tables_of(model)[0], model._vocabularies[0].infrequent_code
    np.testing.assert_array_equal(table[0], table[pool])


def test_norms_stay_limited():
    X, y = make_rows(300, seed=0)
    model = EmbeddingRegressor(**QUICK, max_norm=0.05, learning_rate_init=0.05).fit(X, y)
    model.partial_fit(X, y)
    for table in tables_of(model):
        assert np.linalg.norm(table, axis=1).max() <= 0.05 + 1e-7


def test_weights_of_0_are_no_rows(fitted):
    X, y = make_rows(100, seed=1)
    weight = (np.arange(100) < 50).astype(float)
    kept = copy_of(fitted).partial_fit(X[:50], y[:50])
    weighted = copy_of(fitted).partial_fit(X, np.where(weight, y, 1e6), weight)
    np.testing.assert_allclose(weighted.predict(X[:50]), kept.predict(X[:50]), rtol=1e-6)


def test_the_size_of_weights_counts_from_call_to_call():
    """Rows of one class, then as many of the other with ten times their weight."""
    X, y = make_rows(300, seed=0)
    start = EmbeddingClassifier(**QUICK, linear_part=False).fit(X, y > 3)
    shares = []
    for weight in (0.1, 10.0):
        model = copy_of(start)
        for label in (False, True):
            own = np.full(300, weight if label else 1.0)
            model.partial_fit(X, np.full(300, label), own)
        shares.append(model.predict_proba(X)[:, 1].mean())
    assert shares[1] > shares[0] + 0.002


def test_momenta_go_on_and_follow_their_categories(fitted):
    """Two calls differ from calls of two copies, and tables that grow in between lose nothing."""
    X, y = make_rows(100, seed=2)
    new = X.assign(city=X["city"].where(X.index % 9 > 0, "aa"))
    model = copy_of(fitted).partial_fit(X, y)
    forgetful = copy_of(model)
    object.__setattr__(forgetful._blend, "memories", [])
    before = copy_of(model)._blend.memories
    for one in (model, forgetful):
        one.partial_fit(new, y)
    assert np.abs(model.predict(X) - forgetful.predict(X)).max() > 1e-3
    assert len(model._blend.memories) == len(before) == 2
    for member, memory, old in zip(
        model._blend.members, model._blend.memories, before, strict=True
    ):
        (state,), (earlier,) = memory.values(), old.values()
        assert state["step"] > earlier["step"]
        for name, table in member.parameters.items():
            assert all(part.shape == table.shape for part in state[name])


def test_rows_of_weight_0_are_not_read(fitted):
    X, y = make_rows(50, seed=1)
    weight = np.r_[0.0, np.ones(49)]
    categories = {"city": LETTERS, "kind": list("xy")}
    model = EmbeddingRegressor(
        **QUICK, handle_unknown="error", handle_missing="error", categories=categories
    ).fit(X, y)
    odd = X.assign(city=X["city"].where(X.index > 0, "new"), kind=X["kind"].where(X.index > 0))
    model.partial_fit(odd, y, weight)
    with pytest.raises(ValueError, match=r"unknown categories.*city"):
        model.partial_fit(odd, y)


def test_classes_may_be_named_before_they_are_seen():
    X, y = make_rows(400, seed=0)
    labels = np.array(["low", "middle", "high"])[np.digitize(y, [2, 5])]
    seen = labels != "high"
    model = EmbeddingClassifier(**QUICK, linear_part=False, learning_rate_init=0.01)
    model.partial_fit(X[seen], labels[seen], classes=["low", "middle", "high"])
    assert model.classes_.tolist() == ["high", "low", "middle"]
    before = log_loss(labels, model.predict_proba(X), labels=model.classes_)
    for _ in range(20):
        model.partial_fit(X, labels)
    assert log_loss(labels, model.predict_proba(X), labels=model.classes_) < before / 2


def test_one_class_of_a_batch_is_enough():
    X, y = make_rows(300, seed=0)
    model = EmbeddingClassifier(
        **QUICK, linear_part=False, class_weight={True: 2.0, False: 1.0}
    ).fit(X, y > 3)
    before = model.predict_proba(X)[:, 1].mean()
    model.partial_fit(X, np.ones(300, dtype=bool))
    assert model.predict_proba(X)[:, 1].mean() > before


def test_bad_input_is_named_and_changes_nothing(fitted):
    X, y = make_rows(50, seed=1)
    model = copy_of(fitted)
    expected = model.predict(X)
    cases = [
        (X, np.stack([y, y], axis=1), "as in the first call, continuous with 1 outputs"),
        (X, y[:-1], "X has 50 rows, y has 49"),
        (X.drop(columns="kind"), y, "feature names"),
    ]
    for rows, target, words in cases:
        with pytest.raises(ValueError, match=words):
            model.partial_fit(rows, target)
    with pytest.raises(ValueError, match=r"share a table must be those .* shared=\[\['city'"):
        model.set_params(shared=[["city", "kind"]]).partial_fit(X, y)
    model.set_params(shared=None)
    with pytest.raises(FloatingPointError, match="Lower learning_rate_init"):
        model.set_params(learning_rate_init=1e38).partial_fit(X, y + 1e3)
    np.testing.assert_array_equal(model.predict(X), expected)
    with pytest.raises(ValueError, match="early_stopping=True: set it to False, or call fit"):
        EmbeddingRegressor(early_stopping=True).partial_fit(X, y)
    with pytest.raises(ValueError, match="label 'new', which is not among the classes"):
        EmbeddingClassifier(**QUICK).fit(X, y > 3).partial_fit(X, ["new"] * 50)


def test_a_column_named_like_an_output_keeps_its_place():
    vocabulary = learn_vocabulary(encode_values(np.array(["p", "q"], dtype=object)))
    term = Term(Cross((Part("effect", 0, None, 4),)), np.arange(4.0)[:, None])
    frame = effect_frames([term], {"effect": vocabulary}, ["effect"])["effect"]
    assert frame.columns.tolist() == ["effect", "effect_"]
    assert frame["effect"].tolist()[1:3] == ["p", "q"]
    assert frame["effect_"].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("other", [{"loss": "poisson"}, {"quantile": 0.9}])
def test_a_loss_that_is_set_later_counts_from_the_next_fit(other):
    """It clipped the standardised targets at 0, and so moved the predictions of a mean upwards."""
    X, y = make_rows(300, seed=0)
    loss = "quantile" if "quantile" in other else "squared_error"
    model = EmbeddingRegressor(**QUICK, linear_part=False, loss=loss)
    first = model.partial_fit(X, y - y.min())
    same, changed = (
        copy_of(first).set_params(**late).partial_fit(X, y - y.min()) for late in ({}, other)
    )
    np.testing.assert_array_equal(changed.predict(X), same.predict(X))


def test_an_interrupt_leaves_the_networks_after_it_as_they_were(fitted, monkeypatch):
    model = pickle.loads(pickle.dumps(fitted))
    calls = []

    def interrupt(*arguments):
        calls.append(arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(PlainStep, "__call__", interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.partial_fit(*make_rows(100, seed=1))
    assert len(calls) == 1
    for before, after in zip(fitted._networks, model._networks, strict=True):
        np.testing.assert_array_equal(after.parameters["dense"], before.parameters["dense"])
