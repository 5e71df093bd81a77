"""EmbeddingRegressor: every loss and kind of target, the range of predictions, bad input."""

from copy import deepcopy
from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.ensemble import StackingRegressor
from sklearn.inspection import PartialDependenceDisplay, permutation_importance
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_pinball_loss, mean_poisson_deviance
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skembed import EmbeddingRegressor

SMALL = {"n_estimators": 1, "hidden_layer_sizes": (16,), "random_state": 0}
# Stops after a few epochs, since no improvement is enough.
QUICK = {**SMALL, "max_iter": 500, "tol": 1e6, "n_iter_no_change": 1}
LOSSES = ["squared_error", "absolute_error", "huber", "poisson", "quantile"]
LETTERS = list("abcdefghij")


def make_rows(n=450, seed=0):
    """A column, a number, and a mean that both move."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"city": rng.choice(LETTERS, n), "size": rng.normal(size=n)})
    return X, X["city"].map(LETTERS.index).to_numpy() / 3 + X["size"].to_numpy(), rng


ROWS, MEAN, NOISE = make_rows()
ROWS = ROWS, MEAN + 0.3 * NOISE.normal(size=450)


@pytest.fixture
def rows():
    return ROWS


@cache
def of_positive_numbers(loss):
    """What is predicted for the rows, learned from them without negative targets."""
    X, y = ROWS
    return EmbeddingRegressor(**QUICK, loss=loss).fit(X, np.maximum(y, 0)).predict(X)


@cache
def strict():
    """A fitted model, which refuses unknown values; who changes it takes a copy."""
    return EmbeddingRegressor(**QUICK, handle_unknown="error").fit(*ROWS)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_learns_and_stays_in_the_range_seen(rows, loss):
    X, y = rows
    y = np.maximum(y, 0)
    model = EmbeddingRegressor(**QUICK, loss=loss).fit(X[:300], y[:300])
    assert model.score(X[300:], y[300:]) > 0.5
    far = pd.concat([X.assign(size=s) for s in (-1e308, -50, 50, 1e308)])
    found = model.predict(far)
    assert found.shape == (1800,)
    assert found.dtype == np.float64
    assert y[:300].min() <= found.min()
    assert found.max() <= y[:300].max()


@pytest.mark.parametrize("scale", [1e-200, 1e-6, 1e9, 1e200])
@pytest.mark.parametrize("loss", ["squared_error", "quantile"])
def test_the_unit_of_the_target_does_not_matter(rows, loss, scale):
    X, y = rows
    y = np.maximum(y, 0)
    found = EmbeddingRegressor(**QUICK, loss=loss).fit(X, scale * y).predict(X)
    np.testing.assert_allclose(found / scale, of_positive_numbers(loss), atol=1e-3)
    assert (found >= 0).all()
    assert (found <= (scale * y).max()).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_outputs_side_by_side(rows, loss):
    X, y = rows
    both = np.column_stack([y - y.min(), 10 * (y.max() - y)])
    model = EmbeddingRegressor(**QUICK, loss=loss).fit(X, both)
    found = model.predict(X)
    assert found.shape == (450, 2)
    assert model.target_type_ == "continuous-multioutput"
    assert np.corrcoef(found.T)[0, 1] < -0.8
    for k in range(2):
        assert both[:, k].min() <= found[:, k].min()
        assert found[:, k].max() <= both[:, k].max()
    assert model.score(X, both) > 0.5
    assert list(model.effects_["city"].columns) == ["city", "effect_0", "effect_1"]
    for container in (pd.DataFrame(both), pl.DataFrame(both)):
        other = EmbeddingRegressor(**QUICK, loss=loss).fit(X, container)
        np.testing.assert_array_equal(other.predict(X), found)


@pytest.mark.parametrize("container", [pd.Series, pl.Series, list, lambda y: y.astype(object)])
def test_targets_in_any_container(rows, container):
    X, y = rows
    expected = EmbeddingRegressor(**QUICK).fit(X, y).predict(X)
    found = EmbeddingRegressor(**QUICK).fit(X, container(y)).predict(X)
    np.testing.assert_array_equal(found, expected)


def skewed_rows(n=1500):
    """Noise of an exponential distribution around the mean of each city."""
    X, mean, rng = make_rows(n, seed=1)
    return X, mean + rng.exponential(2, size=n)


@pytest.mark.parametrize("q", [0.1, 0.5, 0.9])
def test_a_quantile_lies_above_its_share_of_new_rows(q):
    X, y = skewed_rows()
    model = EmbeddingRegressor(**SMALL, loss="quantile", quantile=q).fit(X[:1000], y[:1000])
    found = model.predict(X[1000:])
    assert np.mean(y[1000:] <= found) == pytest.approx(q, abs=0.06)
    constant = np.full(500, np.quantile(y[:1000], q))
    assert mean_pinball_loss(y[1000:], found, alpha=q) < 0.95 * mean_pinball_loss(
        y[1000:], constant, alpha=q
    )


def test_the_absolute_error_predicts_the_median():
    X, y = skewed_rows()
    found = {
        name: EmbeddingRegressor(**SMALL, **parameters).fit(X[:1000], y[:1000]).predict(X[1000:])
        for name, parameters in {
            "absolute": {"loss": "absolute_error"},
            "median": {"loss": "quantile", "quantile": 0.5},
            "squared": {},
        }.items()
    }
    new = y[1000:]
    assert np.mean(new <= found["absolute"]) == pytest.approx(0.5, abs=0.06)
    # The gradient differs by a factor, which Adam does not see.
    assert np.corrcoef(found["absolute"], found["median"])[0, 1] > 0.98
    # The mean of an exponential distribution lies above its median.
    assert np.mean(new <= found["squared"]) > 0.56
    errors = {name: np.abs(new - values).mean() for name, values in found.items()}
    assert errors["absolute"] < errors["squared"]


def test_the_poisson_loss_suits_counts():
    X, mean, rng = make_rows(1500, seed=2)
    rates = np.exp(0.9 * mean - 1.5)
    y = rng.poisson(rates).astype(float)
    least = mean_poisson_deviance(y[1000:], rates[1000:])
    excess = {}
    for loss in ("poisson", "squared_error"):
        model = EmbeddingRegressor(**SMALL, loss=loss).fit(X[:1000], y[:1000])
        found = model.predict(X[1000:])
        if loss == "poisson":
            assert (found > 0).all()
            assert found.mean() == pytest.approx(y[:1000].mean(), rel=0.15)
        excess[loss] = mean_poisson_deviance(y[1000:], np.maximum(found, 1e-3)) - least
    assert excess["poisson"] < 0.5 * excess["squared_error"]


@pytest.mark.parametrize("scale", [1e-200, 1e-9, 1e9, 1e200])
def test_the_unit_of_counts_does_not_matter(rows, scale):
    X, y = rows
    y = np.maximum(y, 0)
    found = EmbeddingRegressor(**QUICK, loss="poisson").fit(X, scale * y).predict(X)
    np.testing.assert_allclose(found / scale, of_positive_numbers("poisson"), rtol=2e-3)


def test_a_number_that_was_never_missing_is_the_median(rows):
    X, y = rows
    y = (X["size"] - X["size"].median()) ** 2
    model = EmbeddingRegressor(**SMALL).fit(X, y)
    missing = model.predict(X.assign(size=np.nan))
    np.testing.assert_array_equal(missing, model.predict(X.assign(size=X["size"].median())))
    assert missing.mean() < y.mean() / 2


def test_huber_hardly_heeds_outliers():
    X, mean, rng = make_rows(1200, seed=3)
    y = mean + 0.3 * rng.normal(size=1200)
    y[:800:40] += 25
    errors = {}
    for loss in ("huber", "squared_error"):
        parts = {"target_effect": False, "crosses": 0}
        model = EmbeddingRegressor(**SMALL, **parts, loss=loss).fit(X[:800], y[:800])
        errors[loss] = np.abs(model.predict(X[800:]) - y[800:]).mean()
    assert errors["huber"] < 0.8 * errors["squared_error"]


@pytest.mark.parametrize("loss", ["absolute_error", "huber", "quantile"])
def test_one_value_far_out_changes_hardly_anything_for_robust_losses(rows, loss):
    """Its deviation would be that of the target, in which all others are alike."""
    X, y = rows
    far = y.copy()
    far[0] = 1e6
    expected = EmbeddingRegressor(**QUICK, loss=loss).fit(X, y).predict(X[1:])
    found = EmbeddingRegressor(**QUICK, loss=loss).fit(X, far).predict(X[1:])
    assert np.std(expected) > 0.5 * np.std(y)
    assert np.abs(found - expected).mean() < 0.1 * np.std(y)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_constant_target_is_predicted_exactly(rows, loss):
    X, _ = rows
    model = EmbeddingRegressor(**QUICK, loss=loss).fit(X, np.full(450, 3.3))
    np.testing.assert_allclose(model.predict(X), 3.3, rtol=1e-6)


# Inside scikit-learn


def test_pipelines_searches_and_stacks(rows):
    X, y = rows
    model = EmbeddingRegressor(**QUICK)
    steps = make_pipeline(FunctionTransformer(lambda X: X.assign(twice=2 * X["size"])), model)
    assert steps.fit(X, y).score(X, y) > 0.7
    search = GridSearchCV(model, {"loss": ["squared_error", "huber"]}, cv=2).fit(X, y)
    assert search.best_score_ > 0.5
    assert (cross_val_score(model, X, y, cv=3) > 0.5).all()
    ridge = make_pipeline(FunctionTransformer(lambda X: X[["size"]]), Ridge())
    stack = StackingRegressor([("embedding", model), ("ridge", ridge)], cv=2).fit(X, y)
    assert stack.score(X, y) > 0.7


def test_inspection(rows):
    X, y = rows
    X = X.assign(noise=np.random.default_rng(0).normal(size=450))
    model = EmbeddingRegressor(**QUICK).fit(X, y)
    found = permutation_importance(model, X, y, n_repeats=2, random_state=0).importances_mean
    assert found[2] < min(found[:2])
    display = PartialDependenceDisplay.from_estimator(model, X[:50], ["size"], grid_resolution=4)
    assert (np.diff(display.pd_results[0]["average"][0]) > 0).all()
    plt.close(display.figure_)


# Bad input


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("crosses", -1, "an int of at least 0"),
        ("crosses", 2.0, "an int of at least 0"),
        ("crosses", None, "an int of at least 0"),
        ("counts", 1, "a bool"),
        ("n_bins", -1, "an int in "),
        ("linear_part", "yes", "a bool"),
        ("n_estimators", 0, "an int of at least 1"),
        ("target_effect", None, "a bool"),
        ("loss", "gamma", "one of {'squared_error', 'absolute_error', 'huber', 'poisson', "),
        ("quantile", 1, r"a float in \(0, 1\)"),
        ("quantile", 0.0, r"a float in \(0, 1\)"),
        ("shrinkage", -1, r"one of {'auto'} or a float in \[0, inf\)"),
        ("hidden_layer_sizes", (0,), "a sequence of ints of at least 1"),
        ("dropout", 1.0, r"one of {'auto'} or a float in \[0, 1\)"),
        ("batch_size", 0, "an int of at least 1"),
        ("n_jobs", 0, "None or an int of at least 1"),
        ("random_state", -1, "None or an int in "),
        ("max_norm", 0, r"None or a float in \(0, inf\]"),
        ("handle_unknown", "ignore", "one of {'embed', 'infrequent_if_exist', "),
    ],
)
def test_bad_parameters_are_named(rows, name, value, words):
    model = EmbeddingRegressor(**SMALL | {name: value})
    expected = rf"^The '{name}' parameter of EmbeddingRegressor must be {words}.*Got .* instead\.$"
    with pytest.raises(ValueError, match=expected):
        model.fit(*rows)
    assert not hasattr(model, "n_features_in_")


def changed(**columns):
    return lambda X, y: (X.assign(**columns), y)


@pytest.mark.parametrize(
    ("change", "parameters", "words"),
    [
        (lambda X, y: (X, None), {}, "requires y to be passed, but the target y is None"),
        (lambda X, y: (X, y[:-1]), {}, "inconsistent.*X has 450 rows, y has 449"),
        (lambda X, y: (X, np.where(X["size"] > 2, np.nan, y)), {}, "y contains NaN"),
        (lambda X, y: (X, np.where(X["size"] > 2, np.inf, y)), {}, "y contains infinity"),
        (lambda X, y: (X, X["city"]), {}, "y must hold numbers.*such as"),
        (lambda X, y: (X, y - 5), {"loss": "poisson"}, "at least 0.*loss='poisson'.*least value"),
        (lambda X, y: (X, 0 * y), {"loss": "poisson"}, "not 0 in all rows, with loss='poisson'"),
        (changed(size=np.inf), {}, "Column 'size' holds infinity"),
        (changed(city=None), {"handle_missing": "error"}, "Column 'city' has a missing value"),
        (lambda X, y: (X[:0], y[:0]), {}, r"0 sample\(s\)"),
        (lambda X, y: (X["size"].to_numpy(), y), {}, "Expected 2D array"),
        (lambda X, y: (X, y), {"numeric_features": ["sizes"]}, "'numeric_features'.*'sizes'"),
        (lambda X, y: (X, y), {"shared": [["city", "size"]]}, "'shared'.*'size', which is numeric"),
        (lambda X, y: (X, y), {"embedding_dim": {"size": 2}}, "'embedding_dim'.*'size'"),
        (lambda X, y: (X, y), {"initial_embeddings": {"town": {}}}, "'initial_embeddings'.*'town'"),
        (lambda X, y: (X, y), {"categories": {"city": ["a"]}}, r"unknown categories.*'city'"),
        (
            lambda X, y: (X[:1], y[:1]),
            {"early_stopping": True},
            "early_stopping=True holds out 1 of 1 rows",
        ),
    ],
)
def test_bad_input_is_named_and_leaves_nothing_half_done(rows, change, parameters, words):
    X, y = rows
    model = EmbeddingRegressor(**QUICK | parameters)
    with pytest.raises(ValueError, match=words):
        model.fit(*change(X, y))
    assert not [name for name in vars(model) if name.endswith("_") or name.startswith("_")]
    model = deepcopy(strict())
    before = dict(vars(model))
    model.set_params(**parameters)
    with pytest.raises(ValueError, match=words):
        model.fit(*change(X, y))
    after = {name: value for name, value in vars(model).items() if name not in parameters}
    assert after == {name: value for name, value in before.items() if name not in parameters}


@pytest.mark.parametrize(
    ("weight", "words"),
    [
        (np.zeros(450), "sample_weight must not be all zero"),
        (-np.ones(450), "sample_weight must not be negative. Got -1.0 in row 0"),
        (np.ones(449), r"sample_weight.shape == \(449,\), expected \(450,\)"),
        (np.full(450, np.nan), "sample_weight contains NaN"),
        (np.ones((450, 1)), "1D array or scalar"),
    ],
)
def test_bad_weights_are_named(rows, weight, words):
    with pytest.raises(ValueError, match=words):
        EmbeddingRegressor(**QUICK).fit(*rows, weight)


@pytest.mark.parametrize("method", ["predict", "transform", "get_feature_names_out"])
def test_an_unfitted_estimator_says_so(rows, method):
    argument = [] if method == "get_feature_names_out" else [rows[0]]
    with pytest.raises(ValueError, match="This EmbeddingRegressor instance is not fitted yet"):
        getattr(EmbeddingRegressor(), method)(*argument)
    with pytest.raises(ValueError, match="not fitted yet"):
        _ = EmbeddingRegressor().effects_


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda X: X[["size", "city"]], "feature names should match"),
        (lambda X: X.rename(columns={"size": "area"}), "area"),
        (lambda X: X[["city"]], "size"),
        (lambda X: X.assign(more=1), "more"),
        (lambda X: X.assign(size=-np.inf), "Column 'size' holds infinity"),
        (lambda X: X.assign(size="large"), "'size'"),
        (lambda X: X.assign(city="new"), r"unknown categories \['new'\] in column 'city'"),
        (lambda X: X[:0], r"0 sample\(s\)"),
    ],
)
def test_bad_input_of_predict_is_named(rows, change, words):
    X, _ = rows
    model = strict()
    before = model.predict(X)
    with pytest.raises(ValueError, match=words):
        model.predict(change(X))
    np.testing.assert_array_equal(model.predict(X), before)
