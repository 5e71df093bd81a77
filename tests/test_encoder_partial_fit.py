"""partial_fit of the encoder: batch by batch to what all rows at once would give."""

import pickle
from copy import deepcopy

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge

from skembed import EmbeddingClassifier, EmbeddingEncoder
from skembed import _effect_sums as effect_sums
from skembed import _streaming as streaming
from skembed.datasets import load_employee_salaries
from skembed.nn._architecture import table_views

LETTERS = list("abcdefgh")


def make_rows(n, seed):
    """A target of two columns of effects and a number."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "city": rng.choice(LETTERS, n, p=np.arange(1, 9) / 36),
            "kind": rng.choice(list("xy"), n),
            "size": rng.random(n),
        }
    )
    y = X["city"].map(LETTERS.index) + 3 * (X["kind"] == "x") * X["size"]
    return X, (y + 0.3 * rng.normal(size=n)).to_numpy()


@pytest.fixture(scope="module")
def rows():
    return make_rows(300, seed=0)


def make(**settings):
    defaults = {"numeric_features": ["size"], "hidden_layer_sizes": (16,), "random_state": 0}
    return EmbeddingEncoder(**defaults | settings)


def stream(encoder, X, y, n_batches=5, passes=1, sample_weight=None, **more):
    """The encoder after some passes over the rows in batches."""
    for _ in range(passes):
        for batch in np.array_split(np.arange(len(X)), n_batches):
            weight = None if sample_weight is None else sample_weight[batch]
            target = None if y is None else y[batch]
            encoder.partial_fit(X.iloc[batch], target, sample_weight=weight, **more)
    return encoder


def count(encoder, X, n_batches=5):
    for batch in np.array_split(np.arange(len(X)), n_batches):
        encoder.partial_fit_vocabulary(X.iloc[batch])
    return encoder


def effects_of(encoder):
    n = encoder._n_outputs
    return [table[:, :n] for table in encoder.embeddings_]


def assert_same_effects(encoder, other, tolerance=1e-5):
    for own, expected in zip(effects_of(encoder), effects_of(other), strict=True):
        np.testing.assert_allclose(own, expected, rtol=tolerance, atol=tolerance)


def assert_same_tables(encoder, other):
    for own, expected in zip(encoder.embeddings_, other.embeddings_, strict=True):
        np.testing.assert_array_equal(own, expected)


def copy_of(model):
    return pickle.loads(pickle.dumps(model))


def targets(y):
    """One target of each kind."""
    return {
        "continuous": y,
        "continuous-multioutput": np.stack([y, y**2, -y], axis=1),
        "binary": y > 3,
        "multiclass": np.array(["low", "middle", "high"])[np.digitize(y, [2, 5])],
        "multilabel-indicator": np.stack([y > 2, y > 5], axis=1).astype(int),
    }


# Effects


@pytest.mark.parametrize(
    "kind",
    ["continuous", "continuous-multioutput", "binary", "multiclass", "multilabel-indicator"],
)
def test_effects_are_those_of_a_fit(rows, kind):
    X, y = rows
    target = targets(y)[kind]
    weight = np.random.default_rng(1).integers(0, 3, len(y)).astype(float)
    fitted = make().fit(X, target, weight)
    classes = fitted.classes_ if kind in ("binary", "multiclass") else None
    encoder = stream(make(), X, target, 7, sample_weight=weight, classes=classes)
    assert encoder.target_type_ == kind
    assert_same_effects(encoder, fitted)
    names = fitted.get_feature_names_out()
    assert encoder.get_feature_names_out().tolist() == names.tolist()


@pytest.mark.parametrize("shrinkage", [0.0, 20.0])
def test_given_shrinkage_is_that_of_a_fit(rows, shrinkage):
    assert_same_effects(
        stream(make(shrinkage=shrinkage), *rows), make(shrinkage=shrinkage).fit(*rows)
    )


def test_effects_of_shared_and_missing_categories_are_those_of_a_fit(rows):
    X, y = rows
    rng = np.random.default_rng(2)
    X = X.assign(other=rng.choice(LETTERS, len(X)))
    X.loc[rng.random(len(X)) < 0.2, "city"] = None
    settings = {"shared": [["city", "other"]], "handle_missing": "embed"}
    encoder, fitted = stream(make(**settings), X, y), make(**settings).fit(X, y)
    assert_same_effects(encoder, fitted)
    np.testing.assert_array_equal(encoder.categories_[0], encoder.categories_[2])
    # But for the last row: a column that misses nothing has a mean of its own there.
    np.testing.assert_array_equal(encoder.embeddings_[0][:-1, 1:], encoder.embeddings_[2][:-1, 1:])


def test_shared_columns_keep_the_missing_vector_that_a_fit_has_learned(rows):
    X, y = rows
    rng = np.random.default_rng(2)
    X = X.assign(other=rng.choice(LETTERS, len(X)))
    misses = rng.random(len(X)) < 0.2
    X.loc[misses, "other"] = None
    encoder = make(shared=[["city", "other"]], handle_missing="embed").fit(X, y + 9 * misses)

    def shape(table):
        # The unit of coordinates follows from the rows so far.
        return table[:, 1:] / np.abs(table[1:-1, 1:]).mean()

    before = shape(encoder.embeddings_[2])
    assert np.abs(before - shape(encoder.embeddings_[0]))[-1].max() > 0.1
    encoder.set_params(learning_rate_init=1e-12).partial_fit(X[:1], y[:1], [1e-9])
    np.testing.assert_allclose(shape(encoder.embeddings_[2])[-1], before[-1], atol=2e-2)


def test_a_batch_may_lack_most_of_many_classes(rows):
    X, _ = rows
    labels = [f"label {k}" for k in range(40)]
    y = np.array(labels)[np.arange(30) % 40]
    encoder = make().partial_fit(X[:30], y, classes=labels)
    assert encoder.classes_.tolist() == sorted(labels)


@pytest.mark.parametrize("begun", [False, True])
def test_a_call_that_fails_at_its_end_leaves_the_encoder_as_it_was(rows, monkeypatch, begun):
    X, y = rows
    encoder = make()
    if begun:
        encoder.partial_fit(X[:100], y[:100])
    other = deepcopy(encoder)

    def fail(*given):
        raise MemoryError

    with monkeypatch.context() as patch, pytest.raises(MemoryError):
        patch.setattr("skembed._base.fill_reserved_rows", fail)
        encoder.partial_fit(X.assign(city="new"), y)
    assert vars(encoder).keys() == vars(other).keys()
    vectors = [one.partial_fit(X[100:], y[100:]).transform(X) for one in (encoder, other)]
    np.testing.assert_array_equal(*vectors)
    assert "new" not in encoder.categories_[0]


def test_columns_of_too_many_pairs_are_taken_as_independent(rows, monkeypatch):
    """Then the effects of each are those it has alone."""
    X, y = rows
    X = X.drop(columns="size")
    monkeypatch.setattr(effect_sums, "_MOST_PAIRS", 5)
    settings = {"numeric_features": None, "shrinkage": 3.0}
    encoder = stream(make(**settings), X, y)
    assert encoder._stream.sums.pairs == {}
    for j, name in enumerate(X):
        alone = make(**settings).fit(X[[name]], y)
        np.testing.assert_allclose(effects_of(encoder)[j], effects_of(alone)[0], atol=1e-5)


def test_rows_that_were_counted_count_once(rows):
    once = make().fit(*rows)
    counted = stream(count(make(), rows[0]), *rows, passes=2)
    assert_same_effects(counted, once)
    repeated = stream(make(shrinkage=20.0), *rows, passes=2)
    X, y = pd.concat([rows[0]] * 2), np.tile(rows[1], 2)
    assert_same_effects(repeated, make(shrinkage=20.0).fit(X, y))


# Vocabularies


@pytest.mark.parametrize("n_batches", [1, 3, 50])
def test_the_first_pass_gives_the_vocabulary_of_all_rows(rows, n_batches):
    X, y = rows
    X = X.assign(code=np.random.default_rng(0).integers(0, 40, len(X)))
    limits = {"min_frequency": 8, "max_categories": 6}
    encoder = stream(count(make(**limits), X, n_batches), X, y, 4)
    fitted = make(**limits).fit(X, y)
    assert len(fitted.embeddings_[0]) == 6 + 2  # unknown and missing beside the limit
    for own, expected in zip(encoder._vocabularies, fitted._vocabularies, strict=True):
        np.testing.assert_array_equal(own.categories, expected.categories)
        np.testing.assert_array_equal(own.counts, expected.counts)
        np.testing.assert_array_equal(own.infrequent, expected.infrequent)
    assert_same_effects(encoder, fitted)


def test_counted_categories_are_all_there_are(rows):
    X, y = rows
    encoder = count(make(), X)
    assert encoder.categories_[0].tolist() == LETTERS
    encoder.partial_fit(X, y).partial_fit(X.assign(city="new"), y)
    assert encoder.categories_[0].tolist() == LETTERS
    with pytest.raises(ValueError, match="must be called before anything is learned"):
        encoder.partial_fit_vocabulary(X)
    with pytest.raises(ValueError, match=r"unknown categories \['new'\] in column 'city'"):
        count(make(handle_unknown="error"), X).partial_fit(X.assign(city="new"), y)


@pytest.mark.usefixtures("few_steps")
def test_the_first_pass_of_a_predictor_serves_its_first_call(rows):
    X, y = rows
    model = EmbeddingClassifier(n_estimators=1, hidden_layer_sizes=(8,), random_state=0)
    for own in (X[:150], X[150:].assign(city=X["city"][150:].str.upper())):
        model.partial_fit_vocabulary(own)
    model.partial_fit(X[:150], y[:150] > 3)
    assert set(model.categories_[0]) > set("ABCD")
    assert len(model.embeddings_[0]) == len(model.categories_[0]) + 2


def test_declared_categories_are_kept_and_no_other_may_come(rows):
    X, y = rows
    encoder = stream(make(categories={"city": [*LETTERS, "zoo"]}), X, y)
    assert encoder.categories_[0].tolist() == [*LETTERS, "zoo"]
    with pytest.raises(ValueError, match=r"unknown categories \['new'\] in column 'city'"):
        encoder.partial_fit(X.assign(city="new"), y)
    # Nothing tells this one from the unknown value.
    np.testing.assert_array_equal(encoder.embeddings_[0][-2], encoder.embeddings_[0][0])
    # To add it to the parameter now is of no use, so that the error must not ask for it.
    encoder.set_params(categories={"city": [*LETTERS, "zoo", "new"]})
    with pytest.raises(ValueError, match="keeps those of the first call"):
        encoder.partial_fit(X.assign(city="new"), y)


def test_growing_categories_take_their_place_and_the_others_stay(rows):
    """A category that comes later is learned as if it had been there from the start."""
    X, y = rows
    order = np.argsort(X["city"].to_numpy(), kind="stable")[::-1]
    X, y = X.iloc[order].reset_index(drop=True), y[order]
    grown, declared = make(), make(categories={"city": LETTERS, "kind": ["x", "y"]})
    # A column of few categories would be narrow: this width is that of both.
    for encoder in (grown, declared):
        stream(encoder.set_params(embedding_dim=2), X, y, 5, passes=2)
    assert grown.categories_[0].tolist() == LETTERS
    assert_same_effects(grown, declared, 1e-6)
    for own, expected in zip(grown.embeddings_, declared.embeddings_, strict=True):
        assert own.shape == expected.shape
    counts = grown.nearest_categories("city", "a", 7).set_index("category")["count"]
    assert counts.to_dict() == (2 * X["city"].value_counts().drop("a")).to_dict()


def test_new_categories_start_at_the_unknown_vector(rows):
    X, y = rows
    encoder = stream(make(), X, y, passes=3)
    before = encoder._stream
    moves = [np.array([0, 2, *range(3, 11)]), np.arange(4)]
    after = before.grown(moves, [11, 4], [None, None])
    old, new = (table_views(s.architecture, s.parameters)[0] for s in (before, after))
    np.testing.assert_array_equal(new[moves[0]], old)
    np.testing.assert_array_equal(new[1], old[0])
    assert np.abs(old[0]).max() > 0
    (state,), (kept,) = after.memory.values(), before.memory.values()
    for grown, own in zip(state["table_4"], kept["table_4"], strict=True):
        np.testing.assert_array_equal(grown[moves[0]], own)
        np.testing.assert_array_equal(grown[1], 0)
    assert state["step"] == kept["step"] > 0


@pytest.mark.parametrize(
    ("first", "later", "kind", "expected"),
    [
        ([3, 1], [2.0, np.nan], "i", [1, 2, 3]),
        ([3, 1], [2.5], "O", [1, 2.5, 3]),
        ([None, None], ["b", "a"], "O", ["a", "b"]),
        (["b"], [1], "O", [1, "b"]),
        ([True], [False], "b", [False, True]),
        (np.int8([1, 2]), np.uint8([200, 1]), "i", [1, 2, 200]),
        (np.uint16([1, 2]), np.int8([-5, 1]), "i", [-5, 1, 2]),
        (np.int8([-56, 1]), np.uint8([200, 1]), "i", [-56, 1, 200]),
        (np.int64([-1, 1]), np.uint64([2**64 - 1, 1]), "O", [-1, 1, 2**64 - 1]),
    ],
)
def test_categories_keep_their_type_where_it_holds_the_new(first, later, kind, expected):
    encoder = EmbeddingEncoder(random_state=0, hidden_layer_sizes=(4,))
    for values in (first, later):
        X = pd.DataFrame({"code": values})
        encoder.partial_fit(X, np.arange(len(X)) + 0.5)
    assert encoder.categories_[0].dtype.kind == kind
    assert encoder.categories_[0].tolist() == expected


@pytest.mark.parametrize("units", [("us", "ns"), ("ns", "us")])
def test_moments_of_two_units_stay_what_they_are(units):
    days = {"us": ["2020-01-01", "9999-12-31"], "ns": ["2020-01-01", "2021-12-31"]}
    encoder = EmbeddingEncoder(random_state=0, hidden_layer_sizes=(4,))
    for unit in units:
        X = pd.DataFrame({"day": np.array(days[unit], dtype=f"M8[{unit}]")})
        encoder.partial_fit(X, [0.5, 1.5])
    expected = [pd.Timestamp(day) for day in ("2020-01-01", "2021-12-31", "9999-12-31")]
    assert list(encoder.categories_[0]) == expected
    assert encoder._vocabularies[0].counts.tolist() == [2, 1, 1]


def test_with_a_least_frequency_the_first_batch_tells_the_categories(rows):
    X, y = rows
    encoder = make(min_frequency=5).partial_fit(X, y)
    encoder.partial_fit(X.assign(city="new"), y)
    assert encoder.categories_[0].tolist() == LETTERS


# Learning


def test_vectors_are_nearly_as_good_as_those_of_a_fit():
    salaries = load_employee_salaries()
    X, y = salaries.data[salaries.categorical_feature_names], salaries.target.to_numpy()
    order = np.random.default_rng(0).permutation(len(X))
    train, test = order[6000:], order[:6000]

    def score(encoder):
        model = Ridge().fit(encoder.transform(X.iloc[train]), y[train])
        return model.score(encoder.transform(X.iloc[test]), y[test])

    encoder = count(EmbeddingEncoder(random_state=0), X.iloc[train], 5)
    stream(encoder, X.iloc[train], y[train], 5, passes=2)
    fitted = EmbeddingEncoder(random_state=0).fit(X.iloc[train], y[train])
    assert score(encoder) > score(fitted) - 0.01


def test_the_network_learns_from_batch_to_batch(rows):
    X, y = rows
    encoder = make(learning_rate_init=0.01)
    stream(encoder, X, y, 5, passes=8)
    assert encoder.n_iter_ == len(encoder.loss_curve_) == 40
    assert np.mean(encoder.loss_curve_[-5:]) < np.mean(encoder.loss_curve_[:5]) / 4


def test_vectors_are_in_standard_deviations_of_the_target(rows):
    """Where the target is additive, distances along an only coordinate are those of the effects."""
    X, _ = rows
    y = X["city"].map(LETTERS.index).to_numpy(float) * 1000
    settings = {"embedding_dim": 1, "hidden_layer_sizes": (), "dropout": 0.0, "solver": "sgd"}
    encoder = EmbeddingEncoder(**settings, learning_rate_init=0.2, random_state=0)
    stream(encoder, X[["city", "kind"]], y, 5, passes=20)
    effect, learned = encoder.embedding_frame("city").to_numpy().T
    slope = abs(np.polyfit(effect, learned, 1)[0])
    # The tables decay a little towards 0.
    assert 0.5 < slope < 1.1


def test_the_same_seed_gives_the_same_bits(rows):
    assert_same_tables(stream(make(), *rows), stream(make(), *rows))


def test_what_training_remembers_is_kept_for_the_next_batch(rows, monkeypatch):
    """Two batches in two calls are one call of two steps."""
    X, y = rows
    plain = {"dropout": 0.0, "shuffle": False, "batch_size": 100, "handle_unknown": "zeros"}
    take = lambda data, rows, rng: data.take(rows)  # noqa: E731
    monkeypatch.setattr(streaming, "unknown_replacement", lambda *args: take)
    monkeypatch.setattr(streaming, "table_rules", lambda *args: {})
    y = (y - y[:100].mean()) / y[:100].std()
    one, two = (
        make(**plain).partial_fit(X[:100], y[:100]),
        make(**plain).partial_fit(X[:100], y[:100]),
    )
    one.partial_fit(X[100:], y[100:])
    two.partial_fit(X[100:200], y[100:200]).partial_fit(X[200:], y[200:])
    for name, value in one._stream.parameters.items():
        np.testing.assert_allclose(two._stream.parameters[name], value, rtol=1e-4, atol=1e-6)
    (memory,) = two._stream.memory.values()
    assert memory["step"] == 3
    assert not hasattr(make().fit(X, y)._stream, "memory")


def test_another_solver_starts_with_no_memory(rows):
    encoder = make().partial_fit(*rows).set_params(solver="sgd").partial_fit(*rows)
    assert [key.partition("(")[0] for key in encoder._stream.memory] == ["SGD"]


def test_frozen_and_given_vectors_stay_in_their_space(rows):
    X, y = rows
    given = {letter: [float(i), 1.0] for i, letter in enumerate(LETTERS)}
    settings = {"initial_embeddings": {"city": given}, "target_effect": False}
    frozen = stream(make(learning_rate_multipliers={"city": 0}, **settings), X, y)
    np.testing.assert_array_equal(frozen.embedding_frame("city"), list(given.values()))
    moved = stream(make(**settings), X, y)
    distance = np.abs(moved.embedding_frame("city").to_numpy() - list(given.values()))
    assert 0 < distance.max() < 0.1


def test_given_vectors_wait_for_their_categories(rows):
    X, y = rows
    order = np.argsort(X["city"].to_numpy(), kind="stable")
    given = {letter: [float(i), 1.0] for i, letter in enumerate(LETTERS)}
    encoder = make(
        initial_embeddings={"city": given},
        learning_rate_multipliers={"city": 0},
        target_effect=False,
    )
    stream(encoder, X.iloc[order], y[order], 10)
    np.testing.assert_array_equal(encoder.embedding_frame("city"), list(given.values()))


def test_norms_stay_limited(rows):
    encoder = stream(make(max_norm=0.05, learning_rate_init=0.05), *rows, passes=3)
    norms = np.linalg.norm(encoder.embeddings_[0][:, 1:], axis=1)
    assert 0.049 < norms.max() <= 0.05 + 1e-7


@pytest.mark.parametrize("handle_unknown", ["embed", "zeros", "mean"])
def test_unknown_values_get_the_vector_that_was_asked_for(rows, handle_unknown):
    X, y = rows
    encoder = stream(make(handle_unknown=handle_unknown), X, y, passes=3)
    unknown = encoder.transform(X[:1].assign(city="new"))[0, :5]
    expected = {
        "embed": encoder.embeddings_[0][0],
        "zeros": np.zeros(5),
        "mean": encoder.transform(X)[:, :5].mean(axis=0),
    }[handle_unknown]
    np.testing.assert_allclose(unknown, expected, atol=1e-6)
    assert (np.abs(unknown).max() > 1e-3) == (handle_unknown == "embed")


def test_missing_values_are_heeded(rows):
    X, y = rows
    with pytest.raises(ValueError, match="Column 'city' has a missing value in row 3"):
        make(handle_missing="error").partial_fit(X.assign(city=["a"] * 3 + [None] * 297), y)
    encoder = stream(make(handle_missing="unknown"), X, y)
    np.testing.assert_array_equal(encoder.embeddings_[0][-1], encoder.embeddings_[0][0])


def test_numbers_are_scaled_as_in_the_first_batch(rows):
    X, y = rows
    encoder = make().partial_fit(X[:100], y[:100])
    scaler = encoder._units.scaler
    center = scaler.center_.copy()
    encoder.partial_fit(X[100:].assign(size=1e6), y[100:])
    np.testing.assert_array_equal(encoder._units.scaler.center_, center)
    assert np.median(X["size"][:100]) == pytest.approx(center[0])


def test_classes_may_be_named_before_they_are_seen(rows):
    X, y = rows
    labels = targets(y)["multiclass"]
    encoder = make()
    for own in ("low", "middle", "high"):
        encoder.partial_fit(
            X[labels == own], labels[labels == own], classes=["low", "middle", "high"]
        )
    assert encoder.classes_.tolist() == ["high", "low", "middle"]
    assert_same_effects(encoder, make().fit(X, labels))
    assert np.isfinite(encoder.transform(X)).all()
    with pytest.raises(ValueError, match="classes must be those of the first call"):
        encoder.partial_fit(X, labels, classes=["low", "high"])


def test_a_small_batch_does_not_change_the_task(rows):
    X, y = rows
    encoder = make().partial_fit(X, y)
    encoder.partial_fit(X[:2], np.array([1.0, 2.0])).partial_fit(X[:1], [3])
    assert encoder.target_type_ == "continuous"


# Without a target


def test_without_a_target_the_counts_of_all_batches_are_those_of_a_fit(rows):
    X, _ = rows
    X = X.drop(columns="size")
    X["other"] = X["city"].where(np.arange(len(X)) % 3 > 0, "z")
    settings = {"task": "none", "numeric_features": None, "embedding_dim": 3}
    fitted = make(**settings).fit(X)
    for encoder in (stream(make(**settings), X, None), stream(count(make(**settings), X), X, None)):
        assert encoder.n_iter_ == 0
        for own, expected in zip(encoder.embeddings_, fitted.embeddings_, strict=True):
            np.testing.assert_allclose(own, expected, atol=1e-4)


def test_without_a_target_sequences_add_up_too():
    rng = np.random.default_rng(0)
    cells = [sorted(set(rng.choice(LETTERS, 3))) for _ in range(100)]
    X = pd.DataFrame({"tags": cells, "kind": rng.choice(list("xy"), 100)})
    settings = {"task": "none", "numeric_features": None, "sequence_features": ["tags"]}
    encoder, fitted = stream(make(**settings), X, None), make(**settings).fit(X)
    np.testing.assert_allclose(encoder.transform(X), fitted.transform(X), atol=1e-4)
    with pytest.raises(ValueError, match=r"columns of sequences, \['tags'\], from a target"):
        make(numeric_features=None, sequence_features=["tags"]).partial_fit(X, rng.random(100))
    np.testing.assert_allclose(
        fitted.partial_fit(X[:20]).transform(X), encoder.partial_fit(X[:20]).transform(X), atol=1e-4
    )


def test_without_a_target_there_must_be_two_columns():
    with pytest.raises(ValueError, match="at least 2 columns"):
        EmbeddingEncoder(task="none").partial_fit(pd.DataFrame({"a": ["x", "y"]}))


# After a fit, and before one


@pytest.mark.parametrize("kind", ["continuous", "multiclass"])
def test_a_fit_is_gone_on_from(rows, kind):
    """Steps of no length and a row of little weight leave the vectors where they were."""
    X, y = rows
    target = targets(y)[kind]
    fitted = make().fit(X, target)
    resting = fitted._stream
    encoder = copy_of(fitted).set_params(learning_rate_init=1e-12)
    encoder.partial_fit(X[:3], target[:3], sample_weight=[1e-9, 0, 0])
    for own, expected in zip(encoder.embeddings_, fitted.embeddings_, strict=True):
        # One row measures the unit anew.
        np.testing.assert_allclose(own, expected, rtol=0.05, atol=2e-3)
    assert encoder.n_iter_ == fitted.n_iter_ + 1
    assert fitted._stream is resting


def test_after_a_fit_new_rows_are_learned(rows):
    X, y = rows
    encoder = make().fit(X, y)
    before = encoder.embedding_frame("city")["city_effect"]
    more = X.assign(city=np.where(X["city"] == "h", "new", X["city"]))
    stream(encoder, more, np.where(more["city"] == "g", y + 20, y), 5, passes=2)
    after = encoder.embedding_frame("city")["city_effect"]
    assert after.idxmax() == "g" and before.idxmax() == "h"
    assert "new" in after.index
    assert abs(after["new"] - after["h"]) < 0.5
    assert encoder.loss_curve_[-1] != encoder.loss_curve_[0]


def test_vectors_alone_cannot_be_gone_on_from(rows):
    encoder = make().fit(*rows)
    del encoder._stream
    with pytest.raises(ValueError, match="only the vectors were kept"):
        encoder.partial_fit(*rows)


def test_a_fit_starts_anew(rows):
    X, y = rows
    encoder = stream(make(), X.assign(city="old"), y).fit(X, y)
    assert_same_tables(encoder, make().fit(X, y))
    encoder = count(make(), X.assign(city="old")).fit(X, y)
    assert encoder.categories_[0].tolist() == LETTERS
    assert not hasattr(encoder, "_first_pass")


# Use


def test_everything_works_after_every_call(rows):
    X, y = rows
    encoder = make()
    for n in (40, 80, 300):
        encoder.partial_fit(X[n // 2 : n], y[n // 2 : n])
        vectors = encoder.transform(X)
        assert vectors.dtype == np.float32 and vectors.shape == (
            300,
            len(encoder.get_feature_names_out()),
        )
        categories = encoder.categories_[0]
        assert encoder.embedding_frame("city").index.tolist() == categories.tolist()
        assert len(encoder.nearest_categories("city", "h")) == min(5, len(categories) - 1)
        own = X[X["city"].isin(categories)]
        found = encoder.inverse_transform(encoder.transform(own))
        np.testing.assert_array_equal(found[:, 1], own["kind"])
        copy = copy_of(encoder)
        np.testing.assert_array_equal(copy.transform(X), vectors)
        assert not hasattr(clone(encoder), "embeddings_")
        assert_same_tables(copy.partial_fit(X, y), copy_of(encoder).partial_fit(X, y))


def test_a_failing_call_changes_nothing(rows):
    X, y = rows
    encoder = make().partial_fit(X, y)
    state, vectors = encoder._stream, encoder.transform(X)
    cases = [
        (X, np.stack([y, y], axis=1), "as in the first call, continuous with 1 outputs"),
        (X, y[:-1], "X has 300 rows, y has 299"),
        (X.drop(columns="kind"), y, "feature names"),
        (X.assign(size="big"), y, "Column 'size' must hold numbers"),
        (X, None, "requires y"),
    ]
    for bad, target, words in cases:
        with pytest.raises(ValueError, match=words):
            encoder.partial_fit(bad, target)
    with pytest.raises(ValueError, match="early_stopping=True: set it to False, or call fit"):
        encoder.set_params(early_stopping=True).partial_fit(X, y)
    encoder.set_params(early_stopping=False)
    with pytest.raises(ValueError, match=r"share a table must be those .* shared=\[\['city'"):
        encoder.set_params(shared=[["city", "kind"]]).partial_fit(X, y)
    encoder.set_params(shared=None)
    with pytest.raises(FloatingPointError, match="Lower learning_rate_init"):
        encoder.set_params(learning_rate_init=1e38).partial_fit(X, y)
    assert encoder._stream is state and encoder.n_iter_ == 1
    np.testing.assert_array_equal(encoder.transform(X), vectors)
    good = make().partial_fit(X, y).partial_fit(X, y)
    assert_same_tables(encoder.set_params(learning_rate_init=1e-3).partial_fit(X, y), good)


def test_an_interrupted_call_leaves_what_was_learned(rows, monkeypatch):
    X, y = rows
    encoder = make(batch_size=50).partial_fit(X[:100], y[:100])

    def stop(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("skembed.nn._training._run_epoch", stop)
        with pytest.raises(KeyboardInterrupt):
            encoder.partial_fit(X[100:], y[100:])
    assert np.isfinite(encoder.transform(X)).all()
    encoder.partial_fit(X, y)
    assert encoder.categories_[0].tolist() == LETTERS


def test_record_batches_of_arrow(rows):
    X, y = rows
    table = pa.table({**{name: X[name].to_numpy() for name in X}, "target": y})
    encoder = make()
    for batch in table.to_batches(max_chunksize=64):
        rows_of_batch = pa.Table.from_batches([batch])
        encoder.partial_fit(rows_of_batch.drop(["target"]), rows_of_batch["target"])
    assert_same_effects(encoder, make().fit(X, y))


def test_memory_does_not_grow_with_the_rows(rows):
    X, y = rows
    encoder = stream(make(), X, y)
    size = len(pickle.dumps(encoder))
    stream(encoder, X, y, passes=4)
    # A number per call: the loss.
    assert len(pickle.dumps(encoder)) <= size + 12 * 20


def test_classes_say_that_there_are_labels():
    X, y = pd.DataFrame({"a": list("pqpq")}), [1.0, 2.0, 3.0, 1.0]
    encoder = EmbeddingEncoder(random_state=0).partial_fit(X, y, classes=[1.0, 2.0, 3.0])
    assert encoder.target_type_ == "multiclass"
    with pytest.raises(ValueError, match="classes are for labels, but y holds numbers"):
        EmbeddingEncoder(task="regression").partial_fit(X, y, classes=[1.0, 2.0, 3.0])
