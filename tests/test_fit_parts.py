"""Fits to rows in parts, against ordinary fits to the same rows."""

import sys
from dataclasses import dataclass, replace
from functools import reduce
from itertools import count, pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

from skembed import SKOPS_TRUSTED, EmbeddingClassifier, EmbeddingEncoder, EmbeddingRegressor
from skembed._effect_sums import effects_from_sums, no_sums
from skembed._effects import joint_effects
from skembed._fit_parts import fit_encoder, fit_predictor
from skembed._learning import to_data
from skembed._read_parts import read_parts
from skembed._rounds import Rounds, train_in_rounds, train_part
from skembed._training_input import read_training_input
from skembed.nn import _relearn_parts, _training
from skembed.nn._architecture import table_views
from skembed.nn._network import Network
from skembed.nn._part_slopes import gradient, image, linearise
from skembed.nn._parts import CodeSums, Tables, add, cut, part_parameters
from skembed.nn._relearn import _Problem as Problem
from skembed.nn._relearn import find_bases, relearn
from skembed.nn._relearn_parts import _Problem as ProblemOfParts
from skembed.nn._relearn_parts import relearn_parts

ONE_BLOCK = 10**9
SMALL = {"n_estimators": 2, "hidden_layer_sizes": (16,), "random_state": 0}


@dataclass
class LocalParts:
    """Parts in this process."""

    parts: list[Any]
    present: list[Any] | None = None

    def __len__(self):
        return len(self.parts)

    def _arguments(self, k, arguments):
        return cut(arguments, self.present[k]) if self.present else arguments

    def each(self, function, *arguments):
        return [function(p, *self._arguments(k, arguments)) for k, p in enumerate(self.parts)]

    def map(self, function, *arguments):
        return LocalParts(self.each(function, *arguments), self.present)

    def join(self, groups, function, *arguments):
        return LocalParts(
            [
                function([self.parts[k] for k in group], number, *arguments)
                for number, group in enumerate(groups)
            ]
        )

    def with_present(self, function):
        return LocalParts(self.parts, self.each(function))

    def total(self, function, *arguments):
        return reduce(add, self.each(function, *arguments))


def make_rows(n=600, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "city": rng.choice(list("abcdefgh"), n, p=[0.3, 0.2, 0.2, 0.1, 0.1, 0.05, 0.04, 0.01]),
            "shop": rng.integers(0, 25, n),
            "size": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
        }
    )
    X.loc[rng.random(n) < 0.05, "city"] = None
    effect = X["shop"] % 5 + (X["city"] == "a") * 2.0
    return X, effect.to_numpy() + rng.normal(size=n)


def split(X, y, n_parts, weight=None):
    stops = np.linspace(0, len(X), n_parts + 1).astype(int)
    return LocalParts(
        [
            (X.iloc[a:b], None if y is None else y[a:b], None if weight is None else weight[a:b])
            for a, b in pairwise(stops)
        ]
    )


def encoder(**parameters):
    return EmbeddingEncoder(
        **{"numeric_features": ["size"], "random_state": 0, "max_iter": 3} | parameters
    )


def labels(y):
    return np.array(["low", "mid", "high"])[np.digitize(y, [1.0, 3.0])]


@pytest.mark.parametrize("weighted", [False, True])
def test_effects_of_sums_are_those_of_the_rows(weighted):
    rng = np.random.default_rng(0)
    codes = np.stack([rng.integers(0, n, 500) for n in (4, 30, 7)], axis=1).astype(np.int32)
    weight = rng.random(500) + 0.1 if weighted else np.ones(500)
    y = rng.normal(size=(500, 2)) + codes[:, :1]
    n_codes = (4, 31, 7)
    parts = [slice(0, 100), slice(100, 350), slice(350, 500)]
    nothing = no_sums(n_codes, 2, with_pairs=True)
    sums = [nothing.add(codes[p], y[p], weight[p]) for p in parts]
    found = effects_from_sums(sum(sums, start=nothing))
    y -= np.average(y, axis=0, weights=weight)
    y /= np.sqrt(np.average(y**2, axis=0, weights=weight))
    expected = joint_effects(codes, n_codes, y, weight)
    np.testing.assert_allclose(found.pseudo_counts, expected.pseudo_counts, rtol=1e-8)
    for own, other in zip(found.values, expected.values, strict=True):
        np.testing.assert_allclose(own, other, atol=1e-10)


def test_pairs_that_one_part_has_given_up_are_given_up(monkeypatch):
    monkeypatch.setattr("skembed._effect_sums._MOST_PAIRS", 150)
    codes = np.random.default_rng(0).integers(0, 2, (200, 3)).astype(np.int32)
    codes[100:, 2] = np.arange(100)
    y, weight = codes[:, :1] * 1.0, np.ones(200)
    nothing = no_sums((2, 2, 100), 1, with_pairs=True)
    few, many = (nothing.add(codes[p], y[p], weight[p]) for p in (slice(100), slice(100, 200)))
    assert set(few.pairs) == {(0, 1), (0, 2), (1, 2)}
    assert set(many.pairs) == {(0, 1), (0, 2)}
    for found in (few + many, many + few):
        assert set(found.pairs) == {(0, 1), (0, 2)}
        assert all(own.sum() == 200 for own in found.pairs.values())


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"min_frequency": 20},
        {"max_categories": 5},
        {"categories": {"city": list("abcdefghz")}},
        {"shared": [["city", "shop"]]},
        {"handle_unknown": "mean", "handle_missing": "unknown"},
    ],
)
def test_effects_vocabularies_and_names_are_those_of_an_ordinary_fit(parameters):
    X, y = make_rows()
    expected = encoder(**parameters).fit(X, y)
    found, _ = fit_encoder(encoder(**parameters), split(X, y, 4), 100)
    assert found.get_feature_names_out().tolist() == expected.get_feature_names_out().tolist()
    for own, other in zip(found.categories_, expected.categories_, strict=True):
        assert own.tolist() == other.tolist()
    for own, other in zip(found._vocabularies, expected._vocabularies, strict=True):
        assert own.counts.tolist() == other.counts.tolist()
        assert own.infrequent.tolist() == other.infrequent.tolist()
    effects = [k for k, n in enumerate(found.get_feature_names_out()) if n.endswith("_effect")]
    np.testing.assert_allclose(
        found.transform(X)[:, effects], expected.transform(X)[:, effects], atol=1e-5
    )


@pytest.mark.parametrize("kind", ["numbers", "classes", "two classes", "several"])
@pytest.mark.parametrize("weighted", [False, True])
def test_tables_learned_from_parts_are_those_of_all_rows(kind, weighted, monkeypatch):
    # Both ways of solving the equations are followed to their common end.
    monkeypatch.setattr("skembed.nn._relearn.N_SWEEPS", 60)
    monkeypatch.setattr("skembed.nn._relearn_parts.N_INNER_STEPS", 60)
    X, y = make_rows()
    y = {
        "numbers": y,
        "classes": labels(y),
        "two classes": y > 1,
        "several": np.stack([y, -y + X["shop"]], axis=1),
    }[kind]
    weight = np.random.default_rng(1).integers(0, 3, len(y)).astype(float) if weighted else None
    estimator = encoder()
    read = read_parts(estimator, split(X, y, 3, weight), 100)
    assert len(read.parts) == 3
    whole = read_training_input(estimator, X, y, weight)
    network = Network(read.architecture, read.loss)
    baseline = read.loss.baseline(np.empty(0), np.empty(0))
    parameters = network.initial_parameters(np.random.default_rng(2), baseline)
    data = to_data(whole.sample, read.architecture, whole.sample.weight)
    known = whole.sample.codes, [20.0, 30.0]
    priors, free = [None, None], [False, False]
    expected_bases = find_bases(network, parameters, data, *known, priors)
    expected = relearn(network, parameters, expected_bases, data, *known, free)
    bases, found = relearn_parts(
        read.parts,
        read.architecture,
        read.loss,
        parameters,
        read.weights,
        known[1],
        priors,
        free,
    )
    for basis, other in zip(bases, expected_bases, strict=True):
        np.testing.assert_allclose(basis.axes, other.axes, rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(basis.origin, other.origin, atol=1e-6)
    for table, other in zip(found, expected, strict=True):
        assert np.abs(other).max() > 0.05
        np.testing.assert_allclose(table, other, rtol=1e-3, atol=1e-3)


def begin_with_some(monkeypatch, n_rows):
    """Let so many rows be enough to begin with, those of a part to tell its loss."""
    monkeypatch.setattr("skembed.nn._relearn._PART", 20)
    monkeypatch.setattr("skembed.nn._linearised._ENOUGH_ROWS", n_rows)


@pytest.mark.parametrize("enough", [3000, 1000])
def test_a_step_of_all_tables_comes_as_far_as_sweeps_over_them(enough, monkeypatch):
    X, y = make_rows(3000)
    estimator = encoder()
    read = read_parts(estimator, split(X, y, 3), 1000)
    whole = read_training_input(estimator, X, y, None)
    network = Network(read.architecture, read.loss)
    parameters = network.initial_parameters(np.random.default_rng(2), np.zeros(1))
    data = to_data(whole.sample, read.architecture, whole.sample.weight)
    known = data, whole.sample.codes, [20.0, 30.0]
    swept = find_bases(network, parameters, *known, [None, None])
    counts, rests = read.weights, [False, False]
    problem = Problem(network, parameters, swept, *known[:2], counts, known[2], rests, {})
    given = parameters, counts, known[2], [None, None], rests
    with monkeypatch.context() as patched:
        begin_with_some(patched, enough)
        bases, found = relearn_parts(read.parts, read.architecture, read.loss, *given)
    before, after, of_sweeps = (
        problem.objective(own)
        for own in (
            [basis.start for basis in bases],
            found,
            relearn(network, parameters, swept, *known, [False, False]),
        )
    )
    assert before - after > 0.97 * (before - of_sweeps) > 0


def test_a_step_over_some_rows_of_parts_leads_as_far_as_one_over_all(monkeypatch):
    """Each part gives a third of its rows."""
    X, y = make_rows(30_000)
    read = read_parts(encoder(), split(X, y, 3), 10_000)
    whole = read_training_input(encoder(), X, y, None)
    network = Network(read.architecture, read.loss)
    parameters = network.initial_parameters(np.random.default_rng(2), np.zeros(1))
    data = to_data(whole.sample, read.architecture, whole.sample.weight)
    strengths, rests, counts = [1.0, 1.0], [False, False], read.weights
    bases = find_bases(network, parameters, data, whole.sample.codes, strengths, [None, None])
    given = counts, strengths, rests
    problem = Problem(network, parameters, bases, data, whole.sample.codes, *given, {})
    views = table_views(read.architecture, parameters)
    of_parts = read.parts, len(y), read.architecture, read.loss, parameters["dense"], views, *given
    n_known = []
    real = _relearn_parts.some_rows

    def some_rows(part, every):
        n_known.append((len(part.data), len(real(part, every).data)))
        return real(part, every)

    monkeypatch.setattr(_relearn_parts, "some_rows", some_rows)
    monkeypatch.setattr(_relearn_parts, "N_STEPS", 1)
    start, (end, *_) = [basis.start for basis in bases], ProblemOfParts(*of_parts).solve(bases)
    assert not n_known
    with monkeypatch.context() as patched:
        begin_with_some(patched, 10_000)
        begun, before = ProblemOfParts(*of_parts)._begin(bases, start)
    of_start, of_end, of_begun = map(problem.objective, (start, end, begun))
    assert before == pytest.approx(of_start, rel=1e-5)
    assert of_start - of_begun > 0.95 * (of_start - of_end) > 0
    assert len(n_known) == 3
    assert all(abs(n - m / 3) < 1 for m, n in n_known)


@pytest.mark.parametrize("every", [1, 3])
def test_the_objective_is_told_before_and_after_all_steps(every, monkeypatch):
    X, y = make_rows()
    read = read_parts(encoder(), split(X, y, 3), 100)
    sample = read_training_input(encoder(), X, y, None).sample
    network = Network(read.architecture, read.loss)
    parameters = network.initial_parameters(np.random.default_rng(2), np.zeros(1))
    data = to_data(sample, read.architecture, sample.weight)
    strengths, rests = [20.0, 30.0], [False, False]
    bases = find_bases(network, parameters, data, sample.codes, strengths, [None, None])
    given = read.weights, strengths, rests
    views = table_views(read.architecture, parameters)
    with monkeypatch.context() as patched:
        begin_with_some(patched, -(-len(y) // every))
        problem = ProblemOfParts(
            read.parts, len(y), read.architecture, read.loss, parameters["dense"], views, *given
        )
        found, before, after = problem.solve(bases)
    whole = Problem(network, parameters, bases, data, sample.codes, *given, {})
    start = [basis.start for basis in bases]
    np.testing.assert_allclose([before, after], [*map(whole.objective, (start, found))], rtol=1e-5)
    assert after < before


def test_the_diagonal_is_that_of_the_left_side():
    X, y = make_rows(50)
    read = read_parts(encoder(), split(X, y, 1), 100)
    network = Network(read.architecture, read.loss)
    parameters = network.initial_parameters(np.random.default_rng(2), np.zeros(1))
    dense, tables = part_parameters(read.architecture, parameters)
    axes = [np.eye(table.shape[1]) for table in table_views(read.architecture, parameters)]
    slopes = read.parts.map(linearise, read.loss, dense, axes, tables, tables)
    (known,) = slopes.parts
    _, diagonals, _ = gradient(known)
    for table, diagonal in enumerate(diagonals):
        assert diagonal.values.max() > 0
        for place in np.ndindex(diagonal.values.shape):
            step = [np.zeros_like(own) for own in known.coordinates]
            step[table][place] = 1
            expected = image(known, step)[table].values[place]
            assert diagonal.values[place] == pytest.approx(expected, rel=1e-5)


def test_frozen_tables_rest():
    X, y = make_rows()
    vectors = {"city": {"a": [1.0, 2.0], "b": [0.0, 1.0]}}
    model = encoder(initial_embeddings=vectors, learning_rate_multipliers={"city": 0})
    found, _ = fit_encoder(model, split(X, y, 3), 100)
    frame = found.embedding_frame("city")
    np.testing.assert_array_equal(frame.loc["a", ["city_0", "city_1"]], [1, 2])
    np.testing.assert_array_equal(frame.loc["b", ["city_0", "city_1"]], [0, 1])


def test_partitions_of_one_block_make_no_difference():
    X, y = make_rows()
    one, _ = fit_encoder(encoder(), split(X, y, 1), ONE_BLOCK)
    five, _ = fit_encoder(encoder(), split(X, y, 5), ONE_BLOCK)
    for own, other in zip(one.embeddings_, five.embeddings_, strict=True):
        np.testing.assert_allclose(own, other, atol=1e-5)


def test_one_block_learns_what_an_ordinary_fit_learns():
    X, y = make_rows(4000)
    new, truth = make_rows(4000, seed=1)
    scores = []
    for found in (
        encoder(max_iter=10).fit(X, y),
        fit_encoder(encoder(max_iter=10), split(X, y, 2), ONE_BLOCK)[0],
        fit_encoder(encoder(max_iter=10), split(X, y, 4), 1000)[0],
    ):
        linear = Ridge().fit(found.transform(X), y)
        scores.append(linear.score(found.transform(new), truth))
    assert scores[0] > 0.5
    assert min(scores[1:]) > scores[0] - 0.01


def test_rows_are_averaged_over_the_parts_that_have_them():
    X, y = make_rows()
    X["city"] = np.repeat(["left", "both", "both", "right"], 150)
    read = read_parts(encoder(numeric_features=["size"]), split(X, y, 2), 300)
    network = Network(read.architecture, read.loss)
    parameters = network.initial_parameters(np.random.default_rng(2), np.zeros(1))
    recipe = replace(read.input.recipe, settings=replace(read.input.recipe.settings, max_iter=1))
    rounds = Rounds(recipe, read.loss, None, seed=3)
    after, history = train_in_rounds(
        read.parts, read.architecture, rounds, read.weights, parameters
    )
    assert len(history.loss_curve) == 1
    given = [0, Tables(read.weights), *part_parameters(read.architecture, parameters)]
    halves = [train_part(part, rounds, *cut(given, part.present)) for part in read.parts.parts]
    vectors = [
        {int(c): v[:-1] / v[-1] for c, v in zip(h[0][0].codes, h[0][0].values, strict=True)}
        for h in halves
    ]
    both, left, right, missing = 1, 2, 3, 4
    averaged = table_views(read.architecture, after)[0]
    before = table_views(read.architecture, parameters)[0]
    assert vectors[0].keys() == {0, both, left} and vectors[1].keys() == {0, both, right}
    np.testing.assert_allclose(averaged[left], vectors[0][left], rtol=1e-6)
    np.testing.assert_allclose(averaged[right], vectors[1][right], rtol=1e-6)
    np.testing.assert_allclose(averaged[both], (vectors[0][both] + vectors[1][both]) / 2, rtol=1e-5)
    np.testing.assert_array_equal(averaged[missing], before[missing])
    np.testing.assert_allclose(after["dense"], (halves[0][1] + halves[1][1]) / 600, rtol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_cooccurrences_add_up(weighted):
    X, _ = make_rows()
    weight = np.random.default_rng(1).integers(0, 3, len(X)) * 1.0 if weighted else None
    # Without weights the bins of the numbers are the same, too.
    numeric = None if weighted else ["size"]
    X = X[["city", "shop"]] if weighted else X
    model = encoder(task="none", numeric_features=numeric)
    expected = encoder(task="none", numeric_features=numeric).fit(X, sample_weight=weight)
    found, _ = fit_encoder(model, split(X, None, 4, weight), 100)
    for own, other in zip(found.embeddings_, expected.embeddings_, strict=True):
        np.testing.assert_allclose(own, other, atol=1e-4)


def test_rows_of_weight_0_are_as_if_they_were_not_there():
    X, y = make_rows()
    weight = np.ones(600)
    weight[:300:2] = 0
    kept = weight > 0
    found, _ = fit_encoder(encoder(), split(X, y, 2, weight), ONE_BLOCK)
    expected, _ = fit_encoder(encoder(), split(X[kept], y[kept], 1), ONE_BLOCK)
    for own, other in zip(found.embeddings_, expected.embeddings_, strict=True):
        np.testing.assert_allclose(own, other, atol=1e-5)


def test_empty_partitions_change_nothing():
    X, y = make_rows()
    whole = split(X, y, 3)
    gaps = LocalParts(
        [(X[:0], y[:0], None), *whole.parts[:2], (X[:0], y[:0], None), whole.parts[2]]
    )
    expected, _ = fit_encoder(encoder(), whole, 150)
    found, _ = fit_encoder(encoder(), gaps, 150)
    for own, other in zip(found.embeddings_, expected.embeddings_, strict=True):
        np.testing.assert_array_equal(own, other)


def test_a_class_that_only_one_part_has():
    X, y = make_rows()
    classes = labels(np.sort(y))
    found, _ = fit_encoder(encoder(), split(X, classes, 3), 100)
    assert found.classes_.tolist() == ["high", "low", "mid"]
    assert found.target_type_ == "multiclass"


def test_many_values_of_the_target_are_told_by_their_moments(monkeypatch):
    X, y = make_rows()
    expected, _ = fit_encoder(encoder(), split(X, y, 3), 150)
    monkeypatch.setattr("skembed._survey._MOST_LABELS", 50)
    found, _ = fit_encoder(encoder(), split(X, y, 3), 150)
    for own, other in zip(found.embeddings_, expected.embeddings_, strict=True):
        np.testing.assert_allclose(own, other, atol=1e-4)
    # A part that has no row that counts.
    none_counts = LocalParts([(X, y, np.ones(600)), (X[:50], y[:50], np.zeros(50))])
    found, expected = (fit_encoder(encoder(), own, 150)[0] for own in (none_counts, split(X, y, 1)))
    np.testing.assert_allclose(found.embeddings_[0], expected.embeddings_[0], atol=1e-4)
    with pytest.raises(ValueError, match="more than 50 distinct labels"):
        fit_encoder(encoder(), split(X, np.arange(600).astype(str), 3), 150)


@pytest.mark.parametrize(
    "loss", ["squared_error", "absolute_error", "huber", "poisson", "quantile"]
)
def test_regressors_predict(loss):
    X, y = make_rows(1000)
    y = np.abs(y)
    model = EmbeddingRegressor(loss=loss, **SMALL | {"n_estimators": 1})
    found, _ = fit_predictor(model, split(X, y, 3), 500)
    assert r2_score(y, found.predict(X)) > 0.3
    assert found.transform(X).shape == (1000, len(found.get_feature_names_out()))


def test_effects_for_robust_losses_are_those_of_an_ordinary_fit():
    X, y = make_rows()
    y = np.append(1e6, y[1:])
    model = EmbeddingRegressor(**SMALL, max_iter=1, loss="absolute_error")
    found, _ = fit_predictor(model, split(X, y, 3), 500)
    expected = EmbeddingRegressor(**SMALL, loss="absolute_error", crosses=0).fit(X, y)
    for own, other in zip(found.embeddings_, expected.embeddings_, strict=True):
        np.testing.assert_allclose(own[:, 0], other[:, 0], atol=0.02)
        assert np.abs(other[:, 0]).max() > 0.1


def test_fitted_predictors_go_through_skops():
    X, y = make_rows()
    found, _ = fit_predictor(EmbeddingRegressor(**SMALL, max_iter=1), split(X, y, 3), 500)
    again = skops.io.loads(skops.io.dumps(found), trusted=SKOPS_TRUSTED)
    np.testing.assert_array_equal(again.predict(X), found.predict(X))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_classifiers_predict(n_classes):
    X, y = make_rows(1000)
    y = labels(y) if n_classes == 3 else np.where(y > 1, "yes", "no")
    found, _ = fit_predictor(EmbeddingClassifier(**SMALL), split(X, y, 3), 500)
    assert found.score(X, y) > 0.55
    np.testing.assert_allclose(found.predict_proba(X).sum(axis=1), 1)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (lambda X, y: [(X[:0], y[:0], None)] * 3, "X has no rows: its partitions, 3"),
        (lambda X, y: [(X, y[:-1], None)], "partition 0 of X has 600 rows, that of y has 599"),
        (lambda X, y: [(X, y, y[:3])], "that of sample_weight has 3"),
        (lambda X, y: [(X, y, np.zeros(600))], "must not be all zero"),
        (lambda X, y: [(X, None, None)], "Pass y"),
    ],
)
def test_rows_that_cannot_be_learned_from(given, words):
    with pytest.raises(ValueError, match=words):
        fit_encoder(encoder(), LocalParts(given(*make_rows())), 100)


def test_declared_categories_that_do_not_suffice():
    X, y = make_rows()
    with pytest.raises(ValueError, match=r"unknown categories \['h'\] in column 'city'"):
        fit_encoder(encoder(categories={"city": list("abcdefg")}), split(X, y, 3), 100)


@pytest.mark.parametrize(
    "parameters",
    [{"shrinkage": 5.0}, {"target_effect": False}, {"shrinkage": 5.0, "target_effect": False}],
)
def test_given_shrinkage_and_no_effects(parameters):
    X, y = make_rows()
    expected = encoder(**parameters).fit(X, y)
    found, _ = fit_encoder(encoder(**parameters), split(X, y, 3), 100)
    names = expected.get_feature_names_out().tolist()
    assert found.get_feature_names_out().tolist() == names
    effects = [k for k, name in enumerate(names) if name.endswith("_effect")]
    assert bool(effects) == parameters.get("target_effect", True)
    np.testing.assert_allclose(
        found.transform(X)[:, effects], expected.transform(X)[:, effects], atol=1e-5
    )
    linear = Ridge().fit(found.transform(X), y)
    assert linear.score(found.transform(X), y) > 0.3


def test_a_predictor_without_effects_predicts():
    X, y = make_rows()
    model = EmbeddingRegressor(**SMALL | {"n_estimators": 1}, target_effect=False)
    found, _ = fit_predictor(model, split(X, y, 2), 300)
    assert not any(name.endswith("_effect") for name in found.get_feature_names_out())
    assert r2_score(y, found.predict(X)) > 0.3


def test_weighted_rows_have_the_effects_of_an_ordinary_fit():
    X, y = make_rows()
    weight = np.random.default_rng(3).integers(1, 4, len(y)) * 0.5
    expected = encoder().fit(X, y, sample_weight=weight)
    found, _ = fit_encoder(encoder(), split(X, y, 3, weight), 100)
    np.testing.assert_allclose(
        found.transform(X)[:, 0], expected.transform(X)[:, 0], rtol=1e-4, atol=1e-5
    )
    assert np.isfinite(found.transform(X)).all()


def test_an_interrupt_keeps_the_rounds_before_it(monkeypatch):
    X, y = make_rows()
    calls, real = count(1), _training._run_epoch

    def stop_in_the_second_round(*args):
        if next(calls) == 5:
            raise KeyboardInterrupt
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(_training, "_run_epoch", stop_in_the_second_round)
        found, interrupted = fit_encoder(encoder(), split(X, y, 3), 100)
    assert interrupted
    assert len(found.loss_curve_) == found.n_iter_ == 1
    assert np.isfinite(found.transform(X)).all()


def test_categories_of_another_type_in_each_part():
    X, y = make_rows(400)
    left, right = X[:200].assign(city=np.arange(200) % 3), X[200:].assign(city="Rome")
    parts = LocalParts([(left, y[:200], None), (right, y[200:], None)])
    found, _ = fit_encoder(encoder(), parts, 200)
    expected = encoder().fit(pd.concat([left, right]), y)
    assert found.categories_[0].tolist() == expected.categories_[0].tolist() == [0, 1, 2, "Rome"]


def test_labels_that_say_that_they_are_labels():
    """So many integers alone might be numbers."""
    X, _ = make_rows()
    y = X["shop"]
    with pytest.raises(ValueError, match="25 distinct integers, which may be classes"):
        fit_encoder(encoder(), split(X, y.to_numpy(), 2), 300)
    found, _ = fit_encoder(encoder(), split(X, y.astype("category"), 2), 300)
    assert found.classes_.tolist() == [*range(25)]


def test_labels_of_two_types_are_refused():
    X, _ = make_rows()
    mixed = np.array(["a", 1] * 300, dtype=object)
    with pytest.raises(TypeError, match=r"labels of one type .* Got \['int', 'str'\]"):
        fit_encoder(encoder(), split(X, mixed, 2), 300)


@pytest.mark.parametrize("wanted", [None, "auto"])
def test_columns_of_lists_are_refused_whatever_the_parameter_says(wanted):
    X, y = make_rows()
    lists = X.assign(city=[None, *([name] for name in X["city"][1:])])
    words = r"\['city'\] hold lists.*no distributed version of sequence_features. Drop them, make"
    with pytest.raises(TypeError, match=words):
        fit_encoder(encoder(sequence_features=wanted), split(lists, y, 2), 300)
    with pytest.raises(TypeError, match=words):
        fit_predictor(
            EmbeddingRegressor(sequence_features=wanted, **SMALL), split(lists, y, 2), 300
        )


@pytest.mark.parametrize("wanted", [None, "auto"])
def test_tuples_are_categories_in_parts_too(wanted):
    X, y = make_rows()
    tuples = X.assign(city=[(name,) for name in X["city"].fillna("none")])
    fitted, _ = fit_encoder(encoder(sequence_features=wanted), split(tuples, y, 2), 300)
    assert ("a",) in fitted.categories_[0].tolist()


def test_vectors_to_start_from_need_a_target():
    X, _ = make_rows()
    model = encoder(task="none", initial_embeddings={"city": {"a": [1.0]}}, embedding_dim=1)
    with pytest.raises(ValueError, match="'initial_embeddings' parameter must be None"):
        fit_encoder(model, split(X, None, 2), 300)


def test_what_is_moved_between_machines_tells_its_size():
    """A scheduler weighs it; without a size of its own an object counts as some bytes."""
    X, y = make_rows()
    part = read_parts(encoder(), split(X, y, 2), 300).parts.parts[0]
    assert sys.getsizeof(part) >= part.codes.nbytes + part.data.y.nbytes + part.weight.nbytes


@pytest.mark.parametrize("n_categories", [253, 254, 255])
def test_codes_at_the_end_of_their_type(n_categories):
    """With a missing value 254 categories have codes up to 255, the last of one byte."""
    names = [f"{k:03d}" for k in range(n_categories)] * 2 + [None]
    X, y = pd.DataFrame({"a": names}), np.arange(float(len(names)))
    model = EmbeddingEncoder(task="regression", max_iter=1, random_state=0)
    found, _ = fit_encoder(model, split(X, y, 2), ONE_BLOCK)
    assert len(found.categories_[0]) == n_categories
    assert np.isfinite(found.transform(X)).all()


@pytest.mark.usefixtures("few_steps")
def test_a_predictor_learns_on_batch_by_batch_as_an_ordinary_one():
    X, y = make_rows()
    found, _ = fit_predictor(EmbeddingRegressor(**SMALL), split(X, y, 2), 300)
    before = found.embedding_frame("city")
    effects = found.effects_["city"]["effect"].to_numpy()
    np.testing.assert_allclose(effects[1:-1], before["city_effect"], rtol=1e-6)
    found.partial_fit(X[:50].assign(city="aa"), y[:50])
    after = found.embedding_frame("city")
    assert list(after.index) == ["a", "aa", *"bcdefgh"]
    np.testing.assert_allclose(after.loc[before.index, "city_effect"], before["city_effect"])
    assert np.abs(after.loc[before.index] - before).to_numpy().max() < 0.5
    assert np.isfinite(found.predict(X)).all()


@pytest.mark.parametrize("others", [[1, 4, 6], [0, 4, 9], []])
def test_sums_by_code_add_up(others):
    rng = np.random.default_rng(0)
    sums = [
        CodeSums(np.array(codes, dtype=np.uint8), rng.random((len(codes), 2), dtype=np.float32))
        for codes in ([1, 4, 6], others)
    ]
    total = sums[0] + sums[1]
    assert total.values.dtype == np.float64
    assert total.codes.tolist() == sorted({1, 4, 6, *others})
    np.testing.assert_array_equal(total.to_dense(10), sums[0].to_dense(10) + sums[1].to_dense(10))


@pytest.mark.usefixtures("few_steps")
def test_numbers_of_a_predictor_that_are_missing_for_the_first_time_are_the_median():
    X, y = make_rows(600)
    X["size"] = X["size"].fillna(0.0)
    y = y + 3 * X["size"].to_numpy() ** 2
    model = EmbeddingRegressor(**SMALL)
    found, _ = fit_predictor(model, split(X, y, 2), 300)
    missing, median = (found.predict(X.assign(size=s)) for s in (np.nan, X["size"].median()))
    np.testing.assert_array_equal(missing, median)
