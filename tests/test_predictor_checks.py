"""scikit-learn's own checks of the predictors, with every expected failure named and strict."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from skembed import EmbeddingClassifier, EmbeddingRegressor

# As in test_encoder_checks.py; the folds of effects and networks are drawn by row, too.
MINIBATCH = {
    "check_sample_weight_equivalence_on_dense_data": (
        "minibatch training meets weight equals repetition only in expectation"
    )
}


@parametrize_with_checks(
    [
        EmbeddingClassifier(n_estimators=1, hidden_layer_sizes=(16,)),
        EmbeddingRegressor(n_estimators=1, hidden_layer_sizes=(16,)),
    ],
    expected_failed_checks=lambda estimator: MINIBATCH,
)
def test_estimator_checks(estimator, check):
    check(estimator)
