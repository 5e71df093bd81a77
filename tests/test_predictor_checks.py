"""scikit-learn's own checks of the predictors, with every expected failure named and strict."""

import numpy as np
import pandas as pd
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skembed import EmbeddingClassifier, EmbeddingRegressor

# As in test_encoder_checks.py; the folds of effects and networks are drawn by row, too.
MINIBATCH = {
    "check_sample_weight_equivalence_on_dense_data": (
        "minibatch training meets weight equals repetition only in expectation"
    )
}


pytestmark = pytest.mark.usefixtures("half_of_each")

# No loss falls by `tol`, so that a fit ends after 4 epochs: most checks ask for no good fit.
SHORT = {"n_estimators": 1, "hidden_layer_sizes": (16,), "max_iter": 500, "tol": 1e6}
SHORT |= {"n_iter_no_change": 3}


@parametrize_with_checks(
    [EmbeddingClassifier(**SHORT), EmbeddingRegressor(**SHORT)],
    expected_failed_checks=lambda estimator: MINIBATCH,
)
def test_estimator_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(
    [EmbeddingClassifier(), EmbeddingRegressor()],
    expected_failed_checks=lambda estimator: MINIBATCH,
)
def test_estimator_checks_of_the_defaults(estimator, check):
    check(estimator)


SWITCHES = {
    "target_effect": False,
    "crosses": 0,
    "counts": False,
    "n_bins": 0,
    "linear_part": False,
}


@pytest.mark.parametrize("off", [*SWITCHES, "all"])
def test_each_part_can_be_switched_off(off):
    rng = np.random.default_rng(0)
    city = rng.integers(0, 5, 200)
    X = pd.DataFrame({"city": city.astype(str), "size": rng.normal(size=200)})
    y = city + X["size"].to_numpy()
    parameters = SWITCHES if off == "all" else {off: SWITCHES[off]}
    model = EmbeddingRegressor(**SHORT | {"n_iter_no_change": 150, "random_state": 0})
    assert model.set_params(**parameters).fit(X, y).score(X, y) > 0.7
