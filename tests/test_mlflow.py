"""Models go through MLflow, which stores them with skops, and predict the same."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from skembed import SKOPS_TRUSTED, EmbeddingClassifier, EmbeddingEncoder, EmbeddingRegressor

pytestmark = pytest.mark.mlflow

FAST = {"max_iter": 1, "random_state": 0}
MODELS = {
    "pipeline": make_pipeline(EmbeddingEncoder(**FAST), Ridge()),
    "classifier": EmbeddingClassifier(**FAST, n_estimators=1),
    "regressor": EmbeddingRegressor(**FAST, n_estimators=1),
}


@pytest.fixture
def mlflow():
    # Not above: without MLflow the file is read too, and all of its tests are left out.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it uses itself
        import mlflow.pyfunc
        import mlflow.sklearn

        yield mlflow


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_saved_and_loaded(name, mlflow, tmp_path):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.choice(list("abcdef"), (200, 2)), columns=["p", "q"])
    y = X["p"] < X["q"]
    model = MODELS[name].fit(X, y if name == "classifier" else y + rng.normal(size=len(y)))
    X.loc[0] = ["new", None]
    mlflow.sklearn.save_model(
        model,
        tmp_path / "model",
        serialization_format="skops",
        skops_trusted_types=SKOPS_TRUSTED,
        pip_requirements=["skembed"],
    )
    expected = model.predict(X)
    # As a model of scikit-learn, and as MLflow serves it.
    for load in (mlflow.sklearn.load_model, mlflow.pyfunc.load_model):
        np.testing.assert_array_equal(load(str(tmp_path / "model")).predict(X), expected)
