"""Sample weights and groups on their way through pipelines, column transformers and searches."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.linear_model import Ridge
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.pipeline import Pipeline

from skembed import EmbeddingClassifier, EmbeddingEncoder, EmbeddingRegressor

N = 240
RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.choice(list("abcdef"), (N, 2)), columns=["p", "q"])
Y = (X["p"] < X["q"]) + 0.1 * RNG.normal(size=N)
WEIGHT = RNG.integers(1, 9, N).astype(float)
GROUPS = RNG.integers(0, 12, N)
SMALL = {"hidden_layer_sizes": (8,), "random_state": 0}
# Done after 2 epochs of one step: no loss falls by `tol`.
QUICK = SMALL | {"n_estimators": 1, "batch_size": N}
QUICK |= {"max_iter": 500, "tol": 1e6, "n_iter_no_change": 1}
BOTH = {"sample_weight": WEIGHT, "groups": GROUPS}


pytestmark = pytest.mark.usefixtures("half_of_each")


@pytest.fixture
def routing():
    with config_context(enable_metadata_routing=True):
        yield


@pytest.fixture(scope="module")
def expected():
    """Vectors that heed weights and groups."""
    return new_encoder().fit_transform(X, Y, **BOTH)


def new_encoder():
    return EmbeddingEncoder(**SMALL, max_iter=2, cv=GroupKFold(3))


def requesting_encoder():
    return new_encoder().set_fit_request(sample_weight=True)


def test_the_vectors_depend_on_weights_and_groups(expected):
    for params in ({"sample_weight": WEIGHT}, {"groups": GROUPS}):
        encoder = new_encoder().set_params(cv=GroupKFold(3) if "groups" in params else 3)
        vectors = encoder.fit_transform(X, Y, **params)
        assert (vectors != expected).any()
        encoder.set_params(task="regression")
        assert_array_equal(encoder.fit_transform(X, Y, **params), vectors)


def test_by_the_name_of_the_step_without_routing(expected):
    model = Pipeline([("encoder", new_encoder()), ("last", "passthrough")])
    given = {f"encoder__{name}": value for name, value in BOTH.items()}
    assert_array_equal(model.fit_transform(X, Y, **given), expected)


def test_routing_changes_nothing_for_the_encoder_alone(routing, expected):
    assert_array_equal(requesting_encoder().fit_transform(X, Y, **BOTH), expected)


@pytest.mark.parametrize("outer", ["pipeline", "columns", "both"])
def test_through_pipelines_and_column_transformers(routing, expected, outer):
    model = requesting_encoder()
    if outer != "pipeline":
        model = ColumnTransformer([("encoder", model, ["p", "q"])])
    if outer != "columns":
        model = Pipeline([("encoder", model), ("last", "passthrough")])
    assert_array_equal(model.fit_transform(X, Y, **BOTH), expected)


def fold_scores(model):
    """The weighted scores of the folds of a search, one by one."""
    for train, test in GroupKFold(2).split(X, Y, GROUPS):
        vectors = new_encoder()
        inner = vectors.fit_transform(
            X.iloc[train], Y.iloc[train], sample_weight=WEIGHT[train], groups=GROUPS[train]
        )
        model = clone(model).fit(inner, Y.iloc[train], sample_weight=WEIGHT[train])
        held_out = vectors.transform(X.iloc[test])
        yield model.score(held_out, Y.iloc[test], sample_weight=WEIGHT[test])


@pytest.mark.parametrize("search", [True, False])
def test_through_searches_and_validation_with_groups_for_both_splitters(routing, search):
    columns = ColumnTransformer([("encoder", requesting_encoder(), ["p", "q"])])
    ridge = Ridge().set_fit_request(sample_weight=True)
    model = Pipeline([("columns", columns), ("ridge", ridge)])
    scorer = get_scorer("r2").set_score_request(sample_weight=True)
    if search:
        grid = GridSearchCV(model, {"ridge__alpha": [1.0]}, cv=GroupKFold(2), scoring=scorer)
        grid.fit(X, Y, **BOTH)
        scores = [grid.cv_results_[f"split{k}_test_score"][0] for k in range(2)]
    else:
        result = cross_validate(model, X, Y, cv=GroupKFold(2), scoring=scorer, params=BOTH)
        scores = result["test_score"]
    assert_allclose(scores, list(fold_scores(Ridge())), rtol=1e-6)


@pytest.mark.parametrize("cls", [EmbeddingRegressor, EmbeddingClassifier])
def test_weights_reach_the_predictors_in_a_search(routing, cls):
    y = Y if cls is EmbeddingRegressor else Y > Y.mean()
    plain = cls(**QUICK)
    model = clone(plain).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    search = GridSearchCV(model, {"embedding_dim": [2]}, cv=GroupKFold(2)).fit(X, y, **BOTH)
    for k, (train, test) in enumerate(GroupKFold(2).split(X, y, GROUPS)):
        alone = clone(plain).set_params(embedding_dim=2)
        alone.fit(X.iloc[train], y.iloc[train], WEIGHT[train])
        score = alone.score(X.iloc[test], y.iloc[test], WEIGHT[test])
        assert search.cv_results_[f"split{k}_test_score"][0] == score


@pytest.mark.parametrize("make", [new_encoder, lambda: EmbeddingRegressor(**QUICK)])
def test_weights_that_nobody_asked_for_are_refused(routing, make):
    model = Pipeline([("first", make()), ("last", "passthrough")])
    with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
        model.fit(X, Y, sample_weight=WEIGHT)


def test_groups_without_a_splitter_that_takes_them_are_refused(routing):
    model = Pipeline([("encoder", EmbeddingEncoder(**SMALL)), ("last", "passthrough")])
    with pytest.raises(TypeError, match="groups"):
        model.fit_transform(X, Y, groups=GROUPS)
