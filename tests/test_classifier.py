"""EmbeddingClassifier: labels of every kind, probabilities, class weights, use in scikit-learn."""

import datetime as dt

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import spearmanr
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier, StackingClassifier
from sklearn.inspection import PartialDependenceDisplay, permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils.class_weight import compute_sample_weight

from skembed import EmbeddingClassifier

# Stops after a few epochs, since no improvement is enough.
QUICK = {
    "n_estimators": 1,
    "hidden_layer_sizes": (16,),
    "max_iter": 500,
    "tol": 1e6,
    "n_iter_no_change": 1,
    "random_state": 0,
}
LETTERS = list("abcdefghij")


def make_rows(n=450, seed=0):
    """Log-odds that rise with the letter of the city and with the size."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "city": rng.choice(LETTERS, n),
            "kind": rng.choice(["x", "y", "z"], n),
            "size": rng.normal(size=n),
        }
    )
    raw = X["city"].map(LETTERS.index) / 2 - 2.25 + 2 * X["size"]
    return X, raw.to_numpy() + rng.logistic(size=n)


@pytest.fixture(scope="module")
def rows():
    return make_rows()


@pytest.fixture(scope="module")
def binary(rows):
    X, raw = rows
    return EmbeddingClassifier(**QUICK).fit(X[:300], (raw > 0)[:300])


LABELS = {
    "bool": lambda raw: raw > 0,
    "int": lambda raw: np.where(raw > 0, 7, -3),
    "float": lambda raw: (raw > 0).astype(float),
    "str": lambda raw: np.where(raw > 0, "yes", "no"),
    "object": lambda raw: np.where(raw > 0, "yes", "no").astype(object),
    "three str": lambda raw: np.array(["low", "mid", "top"])[np.digitize(raw, [-2, 2])],
    "four int": lambda raw: np.digitize(raw, [-2, 0, 2]) * 10,
    "series": lambda raw: pd.Series(np.digitize(raw, [-2, 2])).astype("category"),
    "polars": lambda raw: pl.Series(np.where(raw > 0, "yes", "no").tolist()),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_every_kind(rows, kind):
    X, raw = rows
    y = LABELS[kind](raw)
    model = EmbeddingClassifier(**QUICK).fit(X, y)
    labels = np.asarray(y)
    np.testing.assert_array_equal(model.classes_, np.unique(labels))
    n_classes = len(model.classes_)
    assert model.target_type_ == ("binary" if n_classes == 2 else "multiclass")
    probabilities = model.predict_proba(X)
    assert probabilities.shape == (450, n_classes)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    predicted = model.predict(X)
    assert predicted.dtype == model.classes_.dtype
    np.testing.assert_array_equal(predicted, model.classes_[probabilities.argmax(axis=1)])
    assert np.mean(predicted == labels) == model.score(X, labels) > 0.5
    for k, label in enumerate(model.classes_):
        own = labels == label
        assert probabilities[own, k].mean() > probabilities[~own, k].mean()


def test_the_decision_function_of_two_classes_is_the_log_odds(binary, rows):
    X, _ = rows
    raw, probabilities = binary.decision_function(X), binary.predict_proba(X)
    assert raw.shape == (450,)
    np.testing.assert_allclose(raw, np.log(probabilities[:, 1] / probabilities[:, 0]), rtol=1e-6)
    np.testing.assert_array_equal(binary.predict(X), raw > 0)


def test_the_decision_function_of_several_classes_has_a_column_for_each(rows):
    X, raw = rows
    y = LABELS["three str"](raw)
    model = EmbeddingClassifier(**QUICK).fit(X, y)
    found = model.decision_function(X)
    assert found.shape == (450, 3)
    shares = np.exp(found) / np.exp(found).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(X), shares, rtol=1e-9)
    np.testing.assert_array_equal(model.predict(X), model.classes_[found.argmax(axis=1)])


def test_several_labels_are_predicted_side_by_side(rows):
    X, raw = rows
    y = np.column_stack([raw > 0, X["kind"] == "x", raw < -2]).astype(int)
    model = EmbeddingClassifier(**QUICK).fit(X, y)
    assert model.target_type_ == "multilabel-indicator"
    raw, probabilities, predicted = (
        getattr(model, name)(X) for name in ("decision_function", "predict_proba", "predict")
    )
    assert raw.shape == probabilities.shape == predicted.shape == (450, 3)
    np.testing.assert_allclose(probabilities, 1 / (1 + np.exp(-raw)), rtol=1e-9)
    np.testing.assert_array_equal(predicted, (probabilities > 0.5).astype(int))
    assert set(np.unique(predicted)) == {0, 1}
    assert (np.mean(predicted == y, axis=0) > 0.7).all()
    assert list(model.effects_["city"].columns) == ["city", "effect_0", "effect_1", "effect_2"]


def test_effects_are_named_after_the_classes(rows):
    X, raw = rows
    model = EmbeddingClassifier(**QUICK).fit(X, LABELS["three str"](raw))
    columns = ["city", "effect_low", "effect_mid", "effect_top"]
    assert list(model.effects_["city"].columns) == columns
    assert list(model.embedding_frame("city").columns[:3]) == [
        f"city_{name}" for name in columns[1:]
    ]


def test_a_full_fit_is_calibrated_and_better_than_a_linear_model_of_the_categories(rows):
    X, raw = rows
    y = raw > 0
    model = EmbeddingClassifier(hidden_layer_sizes=(16,), n_estimators=1, random_state=0)
    found = log_loss(y[300:], model.fit(X[:300], y[:300]).predict_proba(X[300:]))
    plain = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["city", "kind"]), remainder="passthrough"),
        LogisticRegression(),
    ).fit(X[:300], y[:300])
    # The sample is made for the linear model.
    assert found < 1.15 * log_loss(y[300:], plain.predict_proba(X[300:]))


# Class weights


@pytest.mark.parametrize("kind", ["str", "three str", "bool", "polars"])
def test_balanced_weights_equal_sample_weights(rows, kind):
    X, raw = rows
    y = LABELS[kind](raw - 2)
    labels = np.asarray(y)
    counts = {label: (labels == label).sum() for label in np.unique(labels)}
    weight = np.array([450 / len(counts) / counts[label] for label in labels])
    balanced = EmbeddingClassifier(**QUICK, class_weight="balanced").fit(X, y)
    weighted = EmbeddingClassifier(**QUICK).fit(X, y, weight)
    np.testing.assert_allclose(balanced.predict_proba(X), weighted.predict_proba(X), rtol=1e-6)
    plain = EmbeddingClassifier(**QUICK).fit(X, y).predict_proba(X)
    assert np.abs(balanced.predict_proba(X) - plain).max() > 0.05


def test_weights_of_classes_multiply_those_of_rows(rows):
    X, raw = rows
    y = LABELS["str"](raw)
    weight = np.random.default_rng(0).uniform(0.5, 2, 450)
    model = EmbeddingClassifier(**QUICK, class_weight={"no": 3, "yes": 0.5})
    found = model.fit(X, y, weight).predict_proba(X)
    product = weight * np.where(y == "no", 3, 0.5)
    expected = EmbeddingClassifier(**QUICK).fit(X, y, product).predict_proba(X)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    for other in (weight.tolist(), pd.Series(weight), pl.Series(weight)):
        np.testing.assert_array_equal(clone(model).fit(X, y, other).predict_proba(X), found)
    assert 0.5 <= weight.min()  # left as it was


def test_balance_is_that_of_the_rows_that_count(rows):
    X, raw = rows
    y = LABELS["object"](raw).copy()
    weight = np.r_[np.zeros(100), np.ones(350)]
    y[:100] = None
    model = EmbeddingClassifier(**QUICK, class_weight="balanced")
    found = model.fit(X, y, weight).predict_proba(X)
    expected = clone(model).fit(X[100:], y[100:]).predict_proba(X)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("kind", ["str", "three str", "multilabel"])
def test_balanced_classes_have_the_same_total_of_the_weights_given(rows, kind):
    X, raw = rows
    several = kind == "multilabel"
    y = np.column_stack([raw > 0, raw < -2]).astype(int) if several else LABELS[kind](raw - 2)
    weight = np.random.default_rng(0).integers(1, 4, 450).astype(float)
    found = EmbeddingClassifier(**QUICK, class_weight="balanced").fit(X, y, weight)
    # As scikit-learn balances classes whose rows stand as often as they weigh.
    each = np.repeat(np.arange(450), weight.astype(int))
    factors = np.empty(450)
    factors[each] = compute_sample_weight("balanced", y[each])
    expected = EmbeddingClassifier(**QUICK).fit(X, y, weight * factors)
    np.testing.assert_allclose(found.predict_proba(X), expected.predict_proba(X), rtol=1e-6)


def test_a_class_of_weight_zero_is_a_class(rows):
    X, raw = rows
    y = LABELS["three str"](raw)
    least, *others = np.unique(y)
    model = EmbeddingClassifier(**QUICK, class_weight={least: 0}).fit(X, y)
    assert model.classes_.tolist() == [least, *others]
    assert model.predict_proba(X)[:, 0].max() < 0.01
    model.partial_fit(X, y)
    assert model.classes_.tolist() == [least, *others]


def test_several_labels_have_a_dict_of_weights_each(rows):
    X, raw = rows
    y = np.column_stack([raw > 0, raw < -2]).astype(int)
    weights = [{0: 1, 1: 5}, {0: 1, 1: 2}]
    model = EmbeddingClassifier(**QUICK, class_weight=weights).fit(X, y)
    weight = np.where(y[:, 0] == 1, 5, 1) * np.where(y[:, 1] == 1, 2, 1)
    expected = EmbeddingClassifier(**QUICK).fit(X, y, weight.astype(float))
    np.testing.assert_allclose(model.predict_proba(X), expected.predict_proba(X), rtol=1e-9)
    # What is left out weighs 1, and any sequence will do.
    for same in ([{1: 5}, {1: 2}], tuple(weights), np.array(weights)):
        other = clone(model).set_params(class_weight=same).fit(X, y)
        np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))


def test_batches_may_lack_a_label_that_has_a_weight(rows):
    X, raw = rows
    y = np.column_stack([raw > 0, raw < -2]).astype(int)
    model = EmbeddingClassifier(**QUICK, class_weight=[{1: 5.0}, {1: 2.0}]).partial_fit(X, y)
    lacks = y[:, 1] == 0
    model.partial_fit(X[lacks], y[lacks])
    assert model.predict_proba(X).shape == (450, 2)


@pytest.mark.parametrize(
    ("class_weight", "words"),
    [
        ({0: 1, 1: 2}, r"list of 2 dicts, one per label of y, such as .*Got one dict\."),
        ([{0: 1, 1: 2}], r"list of 2 dicts, one per label of y, such as .*Got a list of 1\."),
        ([{5: 1}, {1: 2}], r"'class_weight' parameter names the labels \[5\].*are \[0, 1\]"),
    ],
)
def test_bad_weights_of_several_labels_are_named(rows, class_weight, words):
    X, raw = rows
    y = np.column_stack([raw > 0, raw < -2]).astype(int)
    with pytest.raises(ValueError, match=words):
        EmbeddingClassifier(**QUICK, class_weight=class_weight).fit(X, y)


def test_weights_of_classes_do_not_tell_the_class():
    """In matched sets of one case and nine controls, the weights of the others would tell all."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"set": np.repeat(np.arange(150), 10).astype(str), "x": rng.normal(size=1500)})
    risk = X["x"] + 0.7 * rng.normal(size=1500)
    y = (risk == risk.groupby(X["set"]).transform("max")).to_numpy()
    model = EmbeddingClassifier(**QUICK, crosses=0, class_weight="balanced").fit(X, y)
    new = X.assign(x=rng.normal(size=1500))
    assert spearmanr(model.decision_function(new), new["x"])[0] > 0.8


def test_batches_may_lack_a_class_that_has_a_weight(rows):
    X, raw = rows
    y = LABELS["three str"](raw)
    rare, *others = np.unique(y)
    model = EmbeddingClassifier(**QUICK, class_weight={rare: 5.0})
    model.partial_fit(X[y != rare], y[y != rare], classes=[rare, *others])
    model.partial_fit(X[y != rare], y[y != rare])
    assert model.classes_.tolist() == [rare, *others]


def test_named_classes_of_several_labels_are_their_numbers(rows):
    X, raw = rows
    y = np.column_stack([raw > 0, raw < -2, raw > 2]).astype(int)
    model = EmbeddingClassifier(**QUICK)
    with pytest.raises(ValueError, match=r"numbers of the columns, \[0, 1, 2\].*Got \[0, 1\]"):
        model.partial_fit(X, y, classes=[0, 1])
    for _ in range(2):
        model.partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match=r"those of the first call, \[0, 1, 2\]. Got \[0, 1\]"):
        model.partial_fit(X, y, classes=[0, 1])


# Inside scikit-learn


def test_the_last_step_of_a_pipeline(rows):
    X, raw = rows
    y = raw > 0
    encode = make_column_transformer(
        ("passthrough", ["city", "size"]), verbose_feature_names_out=False
    ).set_output(transform="pandas")
    model = make_pipeline(encode, EmbeddingClassifier(**QUICK)).fit(X, y)
    expected = EmbeddingClassifier(**QUICK).fit(X[["city", "size"]], y)
    np.testing.assert_array_equal(model.predict(X), expected.predict(X[["city", "size"]]))
    assert model[-1].feature_names_in_.tolist() == ["city", "size"]


def test_the_vectors_as_features_of_another_model(rows):
    X, raw = rows
    y = raw > 0
    model = make_pipeline(EmbeddingClassifier(**QUICK), LogisticRegression()).fit(X, y)
    assert model.score(X, y) > 0.6


@pytest.mark.parametrize(
    ("container", "frame"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame)]
)
def test_set_output_makes_frames_with_names(rows, container, frame):
    X, raw = rows
    model = EmbeddingClassifier(**QUICK).set_output(transform=container)
    for found in (model.fit_transform(X, raw > 0), model.transform(X)):
        assert isinstance(found, frame)
        assert list(found.columns) == list(model.get_feature_names_out())
    assert isinstance(model.predict_proba(X), np.ndarray)


def test_grid_search_and_cross_validation(rows):
    X, raw = rows
    y = LABELS["str"](raw)
    model = EmbeddingClassifier(**QUICK)
    search = GridSearchCV(model, {"crosses": [0, 2]}, cv=2, scoring="neg_log_loss").fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    np.testing.assert_array_equal(search.predict(X), search.best_estimator_.predict(X))
    scores = cross_val_score(model, X, y, cv=3)
    assert (scores > 0.6).all()
    probabilities = cross_val_predict(model, X, y, cv=3, method="predict_proba")
    assert log_loss(y, probabilities) < np.log(2)


def test_stacking(rows):
    X, raw = rows
    y = LABELS["three str"](raw)
    forest = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["city"]), remainder="drop"),
        RandomForestClassifier(5, random_state=0),
    )
    model = StackingClassifier(
        [("embedding", EmbeddingClassifier(**QUICK)), ("forest", forest)], cv=2
    ).fit(X, y)
    assert model.predict_proba(X).shape == (450, 3)
    assert model.score(X, y) > 0.6


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibration(rows, method):
    X, raw = rows
    y = raw > 0
    model = CalibratedClassifierCV(EmbeddingClassifier(**QUICK), method=method, cv=2).fit(X, y)
    assert log_loss(y, model.predict_proba(X)) < np.log(2)


def test_permutation_importance(binary, rows):
    X, raw = rows
    found = permutation_importance(binary, X[300:], (raw > 0)[300:], n_repeats=2, random_state=0)
    importances = dict(zip(X.columns, found.importances_mean, strict=True))
    assert importances["size"] > importances["kind"]
    assert importances["city"] > importances["kind"]


def test_partial_dependence_is_drawn(binary, rows):
    X, _ = rows
    display = PartialDependenceDisplay.from_estimator(
        binary, X[:60], ["size", "city"], categorical_features=["city"], grid_resolution=12
    )
    number, category = display.pd_results
    assert number["average"][0][-1] > number["average"][0][0] + 0.3
    assert len(category["average"][0]) == X["city"][:60].nunique()
    plt.close(display.figure_)


# Bad input


@pytest.mark.parametrize(
    ("class_weight", "words"),
    [
        ("even", "The 'class_weight' parameter of EmbeddingClassifier must be None or one of"),
        (3, "'class_weight' parameter.*Got 3 instead"),
        ([{"no": 1}], "'class_weight' parameter is a list, one dict per label, but y is binary"),
        (({"no": 1},), "'class_weight' parameter is a list, one dict per label, but y is binary"),
        ({"no": -1, "yes": 1}, r"'class_weight' parameter.*float in \[0, inf\)"),
        ({"no": np.nan, "yes": 1}, "'class_weight' parameter"),
        ({"no": "x", "yes": 1}, "'class_weight' parameter"),
        ({"no": 1, "maybe": 2}, r"names the labels \['maybe'\].*classes are \['no', 'yes'\]"),
    ],
)
def test_bad_class_weights_are_named(rows, class_weight, words):
    X, raw = rows
    model = EmbeddingClassifier(**QUICK, class_weight=class_weight)
    with pytest.raises(ValueError, match=words):
        model.fit(X, LABELS["str"](raw))
    assert not hasattr(model, "classes_")


def test_two_classes_must_weigh_something(rows):
    X, raw = rows
    for kind, weights in (("str", {"no": 0}), ("three str", {"low": 0, "mid": 0})):
        with pytest.raises(ValueError, match=r"'class_weight' parameter must leave two classes"):
            EmbeddingClassifier(**QUICK, class_weight=weights).fit(X, LABELS[kind](raw))


@pytest.mark.parametrize("class_weight", [None, "balanced"])
@pytest.mark.parametrize(
    ("y", "weight", "words"),
    [
        (["a", "b"] * 224, None, "inconsistent.*X has 450 rows, y has 448"),
        (None, None, "requires y to be passed, but the target y is None"),
        (["a"] * 450, None, "at least two classes. Got one class only: 'a'"),
        (["a", None, "b"] * 150, None, r"contains NaN or None \(first in row 1\)"),
        ([0.0, np.nan, 1.0] * 150, None, "contains NaN"),
        ([0.5, 0.1, 1.0] * 150, None, "Unknown label type: continuous"),
        (["a", "b"] * 225, [1.0] * 449, r"sample_weight.shape == \(449,\)"),
        (["a", "b"] * 225, [0.0] * 450, "must not be all zero"),
        (["a", "b"] * 225, [-1.0] * 450, "must not be negative"),
        (["a", "b"] * 225, [[1.0]] * 450, "1D array"),
        (["a", "b"] * 225, [1.0, 0.0] * 225, "Got one class only: 'a'"),
    ],
)
def test_bad_targets_and_weights_are_named(rows, y, weight, words, class_weight):
    model = EmbeddingClassifier(**QUICK, class_weight=class_weight)
    with pytest.raises(ValueError, match=words):
        model.fit(rows[0], y, weight)
    assert not hasattr(model, "classes_")
    assert not hasattr(model, "n_features_in_")


@pytest.mark.parametrize(
    ("labels", "other"),
    [
        ([True, False], 2),
        ([1, 2], 3),
        ([dt.date(2020, 1, 1), dt.date(2020, 1, 2)], dt.date(2020, 1, 3)),
        ([2**70, 2**71], 2**72),
        (["a", "b"], "c"),
    ],
)
@pytest.mark.usefixtures("few_steps")
def test_labels_that_metrics_do_not_know_are_scored(labels, other):
    X = pd.DataFrame({"city": list("xyzx") * 20})
    chosen = (X["city"] == "x").astype(int).to_numpy()
    y = np.array(labels, dtype=object)[chosen]
    model = EmbeddingClassifier(n_estimators=1, max_iter=20, random_state=0)
    plain = cross_val_score(model, X, chosen, cv=2)
    np.testing.assert_array_equal(cross_val_score(model, X, y, cv=2), plain)
    weight = np.where(chosen, 3.0, 1.0)
    fitted = clone(model).fit(X, y)
    swapped = np.array(labels, dtype=object)[1 - chosen]
    assert fitted.score(X, y) == 1 and fitted.score(X, swapped) == 0
    right = np.arange(80) % 4 > 0
    share = fitted.score(X, np.where(right, y, swapped), weight)
    assert share == pytest.approx(weight[right].sum() / weight.sum())
    assert fitted.score(X, np.array([other] * 80, dtype=object)) == 0
