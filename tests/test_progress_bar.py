"""scikit-learn's ProgressBar, which draws with rich."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.callback import ProgressBar
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skembed import EmbeddingClassifier, EmbeddingEncoder, EmbeddingRegressor

RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.choice(list("abcdef"), (200, 2)), columns=["p", "q"])
Y = X["p"] < X["q"]
SMALL = {"hidden_layer_sizes": (8,), "max_iter": 2, "random_state": 0}
PREDICTOR = SMALL | {"n_estimators": 2, "n_jobs": 2, "max_iter": 30, "tol": 1e6}


@pytest.fixture
def bars(capsys, monkeypatch):
    """Titles and percentages of the bars that were drawn last."""
    monkeypatch.setenv("COLUMNS", "160")

    def read():
        lines = capsys.readouterr().out.splitlines()
        found = [re.fullmatch(r" *(\w.*?) +[━ ]+ +(\d+)% .*", line.rstrip()) for line in lines]
        return [match.groups() for match in found if match]

    return read


@pytest.mark.parametrize("early", [False, True])
def test_the_encoder_has_bars_for_epochs_and_folds(bars, early):
    encoder = EmbeddingEncoder(**SMALL | {"max_iter": 30}, tol=1e6 if early else 0.0)
    encoder.set_callbacks(ProgressBar()).fit_transform(X, Y)
    assert (encoder.n_iter_ < 30) == early
    assert bars() == [
        ("EmbeddingEncoder - fit-transform", "100"),
        ("EmbeddingEncoder - fit #0", "100"),
        ("EmbeddingEncoder - cross-fitting #1", "100"),
    ]


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("cls", [EmbeddingRegressor, EmbeddingClassifier])
def test_predictors_have_a_bar_for_each_network(bars, cls):
    y = Y if cls is EmbeddingClassifier else Y.astype(float)
    cls(**PREDICTOR, n_iter_no_change=1).set_callbacks(ProgressBar()).fit(X, y)
    name = cls.__name__
    drawn = bars()
    assert drawn[0] == (f"{name} - fit", "100")
    assert sorted(drawn[1:]) == [(f"{name} - network #{k}", "100") for k in range(2)]


def test_bars_come_from_a_search_through_a_pipeline(bars):
    model = make_pipeline(EmbeddingEncoder(**SMALL, cv=2), LogisticRegression())
    search = GridSearchCV(model, {"embeddingencoder__embedding_dim": [1, 2]}, cv=2)
    search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X, Y)
    titles = [title for title, done in bars() if done == "100"]
    # Two candidates in two folds, and the best once more.
    assert titles.count("EmbeddingEncoder - cross-fitting #1") == 5
    assert sum("EmbeddingEncoder - fit-transform" in title for title in titles) == 5
