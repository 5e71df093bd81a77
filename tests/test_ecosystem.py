"""In the hands of libraries around scikit-learn: skrub and imbalanced-learn."""

import numpy as np
import polars as pl
import pytest
from imblearn.ensemble import BalancedBaggingClassifier
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import make_pipeline as make_sampling_pipeline
from imblearn.under_sampling import RandomUnderSampler
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import HalvingGridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from skrub import TableVectorizer
from threadpoolctl import threadpool_limits

from skembed import EmbeddingClassifier, EmbeddingEncoder, EmbeddingRegressor, InputEmbedding
from skembed.datasets import load_employee_salaries

FAST = {
    "max_iter": 2,
    "hidden_layer_sizes": (8,),
    "embedding_dim": 2,
    "cv": 2,
    "random_state": 0,
}
QUICK = {
    "n_estimators": 1,
    "hidden_layer_sizes": (8,),
    "batch_size": 500,
    "max_iter": 500,
    "tol": 1e6,
    "n_iter_no_change": 1,
    "random_state": 0,
}


@pytest.fixture(scope="module")
def salaries():
    """Names of few and of many categories, a date and a number."""
    frame = load_employee_salaries()
    return frame.data[:500], frame.target[:500]


@pytest.fixture(scope="module")
def categories(salaries):
    names = load_employee_salaries().categorical_feature_names
    return salaries[0][names], salaries[1]


@pytest.fixture(scope="module")
def rare(categories):
    """One row in ten is of the rare class."""
    X, y = categories
    return X, (y > y.quantile(0.9)).to_numpy()


# skrub


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("cardinality", ["high_cardinality", "low_cardinality"])
def test_in_a_table_vectorizer(categories, cardinality, library):
    X, y = categories
    cells = X.astype(object).where(X.notna(), None)
    rows = X if library == "pandas" else pl.DataFrame(cells.to_dict("list"))
    encoder = EmbeddingEncoder(**FAST)
    steps = {"high_cardinality": "drop", "low_cardinality": "drop", cardinality: encoder}
    vectorizer = TableVectorizer(cardinality_threshold=20, **steps)
    output = vectorizer.fit_transform(rows, y)
    names = vectorizer.kind_to_columns_[cardinality]
    assert names
    for name in names:
        own = [f"{name}_effect", f"{name}_0", f"{name}_1"]
        alone = clone(encoder).fit_transform(X[[name]], y)
        assert_array_equal(output[own[: alone.shape[1]]].to_numpy(), alone)
    assert list(vectorizer.transform(rows[:5]).columns) == list(output.columns)


def test_a_table_vectorizer_meets_missing_and_new_values(salaries):
    X, y = salaries
    X = X.assign(division=X["division"].where(np.arange(len(X)) % 7 > 0, None))
    vectorizer = TableVectorizer(high_cardinality=EmbeddingEncoder(**FAST)).fit(X, y)
    new = X[:3].assign(division=["Nowhere", None, X["division"][1]])
    vectors = vectorizer.transform(new)[["division_effect", "division_0", "division_1"]]
    assert np.isfinite(vectors.to_numpy()).all()
    assert len(vectors.drop_duplicates()) == 3


def test_input_embedding_in_a_table_vectorizer(salaries):
    X, y = salaries
    vectorizer = TableVectorizer(high_cardinality=InputEmbedding(), low_cardinality="drop")
    vectorizer.fit(X, y)
    one_hot = vectorizer.transform(X).filter(regex="^division_")
    assert_array_equal(one_hot.sum(axis=1), np.ones(len(X)))


@pytest.mark.parametrize("model", [EmbeddingRegressor(**QUICK), Ridge()])
def test_a_table_vectorizer_before_a_model_in_cross_validation(salaries, model):
    X = salaries[0].drop(columns="date_first_hired")
    vectorizer = TableVectorizer(
        low_cardinality=EmbeddingEncoder(**FAST), high_cardinality=EmbeddingEncoder(**FAST)
    )
    result = cross_validate(make_pipeline(vectorizer, model), X, salaries[1], cv=2)
    assert (result["test_score"] > 0.5).all()


# imbalanced-learn


@pytest.mark.parametrize(
    "steps",
    [
        (RandomOverSampler(random_state=0), EmbeddingEncoder(**FAST), LogisticRegression()),
        (EmbeddingEncoder(**FAST), SMOTE(random_state=0), LogisticRegression()),
        (RandomUnderSampler(random_state=0), EmbeddingClassifier(**QUICK)),
    ],
    ids=["rows before", "vectors after", "classifier"],
)
def test_in_a_pipeline_that_samples(rare, steps):
    X, y = rare
    model = make_sampling_pipeline(*steps).fit(X, y)
    assert model.score(X, y) > 0.9
    # Balanced, it finds most of the rare ones.
    assert model.predict(X)[y].mean() > 0.8


def test_vectors_that_were_sampled_are_those_of_the_pipeline(rare):
    X, y = rare
    model = make_sampling_pipeline(
        EmbeddingEncoder(**FAST), SMOTE(random_state=0), LogisticRegression()
    )
    vectors = EmbeddingEncoder(**FAST).fit_transform(X, y)
    by_hand = LogisticRegression().fit(*SMOTE(random_state=0).fit_resample(vectors, y))
    assert_array_equal(model.fit(X, y)[-1].coef_, by_hand.coef_)


def test_in_a_balanced_ensemble(rare):
    X, y = rare
    inner = make_pipeline(EmbeddingEncoder(**FAST), LogisticRegression())
    model = BalancedBaggingClassifier(inner, n_estimators=2, random_state=0).fit(X, y)
    assert model.predict(X)[y].mean() > 0.8


# What scikit-learn calls experimental, or does in processes of its own


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (
            make_pipeline(EmbeddingEncoder(**FAST), Ridge()),
            "embeddingencoder__embedding_dim",
        ),
        (EmbeddingRegressor(**QUICK), "embedding_dim"),
    ],
    ids=["encoder", "regressor"],
)
def test_halving_search(categories, model, name):
    search = HalvingGridSearchCV(model, {name: [1, 2, 3]}, cv=2, min_resources=150, random_state=0)
    search.fit(*categories)
    assert search.n_iterations_ == 2
    assert search.best_params_[name] in (1, 2, 3)
    assert search.score(*categories) > 0.5


def test_halving_search_with_epochs_as_the_resource(categories):
    model = make_pipeline(EmbeddingEncoder(**FAST), Ridge())
    grid = {"embeddingencoder__embedding_dim": [1, 2, 3]}
    epochs = "embeddingencoder__max_iter"
    search = HalvingGridSearchCV(
        model, grid, cv=2, resource=epochs, min_resources=1, max_resources=3, random_state=0
    )
    assert search.fit(*categories).best_params_[epochs] == 3


@pytest.mark.parametrize(
    "model",
    [make_pipeline(EmbeddingEncoder(**FAST), Ridge()), EmbeddingRegressor(**QUICK)],
    ids=["encoder", "regressor"],
)
def test_cross_validation_in_processes_gives_the_same_bits(categories, model):
    # Workers give BLAS one thread, and Ridge differs in its last bits between one and two.
    with threadpool_limits(1):
        here, there = (
            cross_validate(model, *categories, cv=2, n_jobs=n_jobs, return_estimator=True)
            for n_jobs in (1, 2)
        )
    assert_array_equal(here["test_score"], there["test_score"])
    X = categories[0]
    for one, other in zip(here["estimator"], there["estimator"], strict=True):
        assert_array_equal(one.predict(X), other.predict(X))
