"""The predictors in the hands of someone who has not read the guide: odd tables, and messages."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skembed import EmbeddingClassifier, EmbeddingEncoder, EmbeddingRegressor

# What a network says has a share, though it takes an epoch for a step.
pytestmark = pytest.mark.usefixtures("few_steps", "half_of_each")

N = 120
RNG = np.random.default_rng(0)
NUMBERS = pd.DataFrame(RNG.normal(size=(N, 2)), columns=["a", "b"])
NAMES = pd.DataFrame(RNG.choice(list("xyz"), (N, 2)), columns=["p", "q"])
Y = NUMBERS["a"] + (NAMES["p"] == "x")
NULLABLE = pd.DataFrame(
    {
        "integer": pd.array([1, 2, None] * 40, dtype="Int64"),
        "string": pd.array(["u", None, "v"] * 40, dtype="string"),
        "boolean": pd.array([True, None, False] * 40, dtype="boolean"),
    }
)


def regressor(**parameters):
    return EmbeddingRegressor(n_estimators=1, hidden_layer_sizes=(8,), random_state=0, **parameters)


def classifier(**parameters):
    return EmbeddingClassifier(
        n_estimators=1, hidden_layer_sizes=(8,), random_state=0, **parameters
    )


@pytest.mark.parametrize(
    "table",
    [
        pytest.param(NUMBERS, id="numbers"),
        pytest.param(NUMBERS[["a"]], id="one number"),
        pytest.param(NAMES, id="categories"),
        pytest.param(NAMES[["p"]], id="one category"),
        pytest.param(NAMES.assign(p="x"), id="one value"),
        pytest.param(NAMES.assign(p=None), id="all missing"),
        pytest.param(NUMBERS.assign(a=np.nan), id="no numbers"),
        pytest.param(NUMBERS.assign(a=1, b=2), id="constants"),
        pytest.param(NUMBERS > 0, id="booleans"),
        pytest.param(NULLABLE, id="nullable"),
        pytest.param(pl.from_pandas(NULLABLE), id="polars"),
        pytest.param(pd.DataFrame({"day": pd.date_range("2020-01-01", periods=N)}), id="dates"),
        pytest.param(NUMBERS.set_axis([0, 1], axis=1), id="positions"),
    ],
)
def test_every_table_is_learned_and_described(table):
    model = regressor().fit(table, Y)
    assert np.isfinite(model.predict(table)).all()
    assert all(np.isfinite(frame["effect"]).all() for frame in model.effects_.values())


@pytest.mark.parametrize("n_rows", [1, 2, 5, 30])
def test_few_rows_are_enough_to_fit(n_rows):
    model = regressor().fit(NAMES[:n_rows], Y[:n_rows])
    assert np.isfinite(model.predict(NAMES)).all()


def test_a_constant_target_is_predicted():
    np.testing.assert_allclose(regressor().fit(NAMES, np.full(N, 7.0)).predict(NAMES), 7)


def test_frames_of_effects_begin_with_unknown_and_end_with_missing():
    frame = regressor().fit(NAMES.assign(p=["x", "y", None] * 40), Y).effects_["p"]
    assert frame["p"].isna().tolist() == [True, False, False, True]
    assert frame["p"][1:3].tolist() == ["x", "y"]


@pytest.mark.parametrize(
    ("model", "table", "y", "error", "words"),
    [
        (regressor(), NAMES[[]], Y, ValueError, r"0 feature\(s\).*EmbeddingRegressor"),
        (EmbeddingEncoder(), NAMES[[]], Y, ValueError, r"0 feature\(s\).*EmbeddingEncoder"),
        (regressor(), pl.DataFrame(), [], ValueError, r"0 sample\(s\)"),
        (classifier(), NAMES, np.ones(N, int), ValueError, "one class only: 1"),
        (classifier(), NAMES, Y, ValueError, "needs labels. Take EmbeddingRegressor"),
        (classifier(), NAMES, [[-1, 1]] * N, ValueError, "Other numbers are for a regression"),
        (EmbeddingEncoder(), NAMES, [[-1, 1]] * N, ValueError, "must hold 0 and 1 only"),
        (regressor(), NAMES, ["low"] * N, ValueError, "must hold numbers in a regression"),
        (
            regressor(),
            pd.DataFrame({"cell": [("u",), ["v"]] * 60}),
            Y,
            TypeError,
            "'cell' holds list objects.*have the parameter sequence_features",
        ),
        (
            regressor(numeric_features=["day"]),
            pd.DataFrame({"day": pd.date_range("2020-01-01", periods=N)}),
            Y,
            ValueError,
            "'day' must hold numbers.*days since a start",
        ),
    ],
)
def test_messages_name_what_the_estimator_has(model, table, y, error, words):
    with pytest.raises(error, match=words) as raised:
        model.fit(table, y)
    # The predictors have no parameter of this name.
    assert "Use task=" not in str(raised.value)
