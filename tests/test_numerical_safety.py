"""Targets, weights and columns at the ends of what floats can hold: finite results, or an error
that says what to do. And the same bits wherever they are promised.
"""

import hashlib
import json
import os
import runpy
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skembed import EmbeddingClassifier, EmbeddingEncoder, EmbeddingRegressor, InputEmbedding

TESTS = Path(__file__).parent
N = 240
RNG = np.random.default_rng(0)
X = pd.DataFrame({"town": RNG.choice(list("abcdef"), N), "size": RNG.normal(size=N)})
Y = (
    X["town"].map(dict(zip("abcdef", np.linspace(-1, 1, 6), strict=True))).to_numpy()
    + 0.1 * X["size"]
)
Y = Y.to_numpy()

ENCODER = {"max_iter": 5, "learning_rate_init": 0.01, "random_state": 0}
# No loss falls by `tol`, so that a fit ends after 61 steps.
SHORT = {"max_iter": 500, "tol": 1e6, "n_iter_no_change": 60}
PREDICTOR = SHORT | {"n_estimators": 1, "hidden_layer_sizes": (16,), "random_state": 0}


pytestmark = pytest.mark.usefixtures("half_of_each_in_module")


def encoder(**parameters):
    return EmbeddingEncoder(numeric_features=["size"], **ENCODER | parameters)


def regressor(**parameters):
    return EmbeddingRegressor(**PREDICTOR | parameters)


def classifier(**parameters):
    return EmbeddingClassifier(**PREDICTOR | parameters)


UNITS = [1e-300, 1e-12, 1e12, 1e38, 1e300]


@pytest.fixture(scope="module")
def plain():
    """What the tests of units compare with: predictions, those without bins, and vectors."""
    return (
        regressor().fit(X, Y).predict(X),
        regressor(n_bins=0, linear_part=False).fit(X, Y).predict(X),
        encoder().fit_transform(X, Y),
    )


@pytest.mark.parametrize("unit", UNITS)
def test_predictions_follow_the_unit_of_the_target(unit, plain):
    """The network sees standardised numbers of float32, and the user those of the target."""
    scaled = regressor().fit(X, Y * unit).predict(X)
    np.testing.assert_allclose(scaled / unit, plain[0], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("unit", UNITS)
def test_vectors_do_not_know_the_unit_of_the_target(unit, plain):
    found = encoder().fit_transform(X, Y * unit)
    np.testing.assert_allclose(found, plain[2], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("shift", [1e6, -1e9, 1e11])
def test_a_target_far_from_zero_is_told_from_its_mean(shift):
    predictions = regressor().fit(X, Y + shift).predict(X)
    assert np.corrcoef(predictions - shift, Y)[0, 1] > 0.9


@pytest.mark.parametrize("unit", [1e-30, 1e-12, 1e12, 1e30])
def test_numbers_may_have_any_unit_and_weights_any_size(unit, plain):
    other = X.assign(size=X["size"] * unit)
    scaled = regressor(n_bins=0, linear_part=False).fit(other, Y).predict(other)
    np.testing.assert_allclose(scaled, plain[1], rtol=1e-5, atol=1e-6)
    # Weights are rows: tiny ones are hardly any evidence, huge ones are no doubt.
    weight = np.full(N, unit)
    for model in (regressor(), encoder()):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            model.fit(X, Y, sample_weight=weight)
        assert ["A weight is a number of rows" in str(one.message) for one in told] == (
            [True] if unit < 1 else []
        )
        assert np.isfinite(model.transform(X)).all()


@pytest.mark.parametrize("value", [0.0, 7.0, -1e12, 1e-12, 1e300])
def test_a_constant_target_is_predicted_exactly(value):
    np.testing.assert_allclose(regressor().fit(X, np.full(N, value)).predict(X), value, rtol=1e-12)
    vectors = encoder(task="regression").fit_transform(X, np.full(N, value))
    assert np.isfinite(vectors).all()


@pytest.mark.parametrize(
    "table",
    [
        X[:1],
        X.assign(town="a"),
        X.assign(size=3.0),
        X.assign(size=np.nan),
        X.assign(town=None),
        X.assign(town="a", size=0.0),
        X.assign(town=np.arange(N)),
        X.assign(size=np.where(np.arange(N) == 0, 1e300, 0)),
    ],
    ids=[
        "one row",
        "one category",
        "constant numbers",
        "no numbers",
        "no categories",
        "nothing",
        "a category per row",
        "one huge number",
    ],
)
def test_tables_with_little_in_them(table):
    y = Y[: len(table)]
    cv = None if len(table) == 1 else 5
    settings = {"task": "regression", "cv": cv}
    assert np.isfinite(encoder(**settings).fit_transform(table, y)).all()
    model = regressor().fit(table, y)
    predictions = model.predict(table)
    # They stay among what was seen.
    assert (predictions >= y.min()).all() and (predictions <= y.max()).all()
    assert np.isfinite(model.transform(table)).all()
    filled = table.assign(town=table["town"].astype(str), size=table["size"].fillna(0))
    assert np.isfinite(InputEmbedding(scale="feature").fit_transform(filled)).all()


def test_perfect_separation_gives_probabilities_and_not_infinities():
    labels = np.where(X["town"].isin(["a", "b"]), "in", "out")
    model = classifier(tol=0.0, learning_rate_init=0.05, alpha=0.0).fit(X, labels)
    probabilities = model.predict_proba(X)
    assert np.isfinite(model.decision_function(X)).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (model.predict(X) == labels).all()
    assert np.isfinite(encoder().fit(X, labels).transform(X)).all()


def test_twenty_thousand_categories_in_as_many_rows():
    n = 20_000
    table = pd.DataFrame({"id": np.arange(n)})
    vectors = EmbeddingEncoder(max_iter=1, random_state=0).fit_transform(table, np.sin(table["id"]))
    assert vectors.shape[0] == n
    assert np.isfinite(vectors).all()


@pytest.mark.slow
def test_a_million_categories_in_a_million_rows():
    n = 1_000_000
    table = pd.DataFrame({"id": np.arange(n)})
    vectors = EmbeddingEncoder(max_iter=1, random_state=0).fit_transform(table, np.sin(table["id"]))
    assert np.isfinite(vectors).all()


@pytest.mark.parametrize("rate", [1.0, 1e3, 1e6, 1e10, 1e30, 1e100, 1e300])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_rates_that_explode_end_in_finite_numbers_or_in_the_error(rate, solver):
    for make, target in ((encoder, Y), (regressor, Y), (classifier, Y > 0)):
        model = make(learning_rate_init=rate, solver=solver, learning_rate="constant")
        try:
            model.fit(X, target)
        except FloatingPointError as error:
            assert "Lower learning_rate_init" in str(error)
            assert not hasattr(model, "embeddings_")
        else:
            assert np.isfinite(model.transform(X)).all()
            if make is not encoder:
                assert np.isfinite(model.predict(X).astype(float)).all()


@pytest.mark.parametrize(
    "loss", ["squared_error", "absolute_error", "huber", "poisson", "quantile"]
)
def test_every_loss_bears_outliers_beyond_float32(loss):
    y = np.abs(Y)
    y[0] = 1e200
    model = regressor(loss=loss).fit(X, y)
    assert np.isfinite(model.predict(X)).all()
    assert np.isfinite(model.loss_curve_).all()


# The same bits


PROGRAM = """
import hashlib, sys
import numpy as np, pandas as pd
from skembed import EmbeddingClassifier, EmbeddingEncoder, _blend
_blend._SHARES = np.array([0.5])  # a prediction is always that of the networks, too

def find(n_jobs):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"town": rng.choice(list("abcdef"), 1024), "size": rng.normal(size=1024)})
    y = (X["town"].isin(["a", "b"]) ^ (X["size"] > 0)).astype(int)
    wide = {"hidden_layer_sizes": (640,), "batch_size": 1024, "max_iter": 1, "cv": 2}
    settings = {"random_state": 0, "n_jobs": n_jobs}
    encoder = EmbeddingEncoder(numeric_features=["size"], **wide, **settings)
    found = encoder.fit_transform(X, y).tobytes() + encoder.transform(X).tobytes()
    X, y = X[:100], y[:100]
    # Done after 26 epochs: no loss falls by `tol`.
    short = {"max_iter": 500, "tol": 1e6, "n_iter_no_change": 25}
    model = EmbeddingClassifier(n_estimators=2, hidden_layer_sizes=8, **short, **settings)
    model.fit(X, y)
    found += model.predict_proba(X).tobytes() + b"".join(t.tobytes() for t in model.embeddings_)
    return hashlib.sha256(found).hexdigest()

if __name__ == "__main__":
    print(find(None))
"""
# As an interpreter takes longer to start than this: what make_vector_hashes.py prints, too.
WITH_HASHES = f"""{PROGRAM}
    import runpy
    runpy.run_path(sys.argv[1], run_name="__main__")
"""


def run(*program, **environment):
    """What a program prints, in a process of its own."""
    command = [sys.executable, "-W", "error", *program]
    free = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    path = os.pathsep.join(p for p in sys.path if p)
    done = subprocess.run(
        command,
        env=free | {"PYTHONPATH": path} | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout.strip()


HASHES = str(TESTS / "make_vector_hashes.py")


@pytest.fixture(scope="module")
def elsewhere():
    """What a process with one thread finds: bits of the program, and those of a shipped table."""
    return run("-c", WITH_HASHES, HASHES, OMP_NUM_THREADS="1", PYTHONHASHSEED="0").splitlines()


def test_every_process_finds_the_same_bits_whatever_the_threads_and_the_hash_seed(elsewhere):
    """In this process, alone and in parallel, and in two others."""
    here = {"__name__": "program"}
    exec(PROGRAM, here)
    first = here["find"](None)
    assert len(first) == len(hashlib.sha256().hexdigest())
    assert here["find"](2) == first
    assert elsewhere[0] == first
    two = {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    assert run("-c", PROGRAM, PYTHONHASHSEED="1", **two) == first


def test_vectors_of_a_shipped_table_are_those_on_record(elsewhere):
    """On a platform without a record two processes still find the same."""
    platform, vectors = json.loads(elsewhere[1])
    # This process has as many threads as it may, and a hash seed of its own.
    assert runpy.run_path(HASHES)["hash_vectors"]() == vectors
    record = json.loads((TESTS / "data" / "vector_hashes.json").read_text())
    # If this change of the vectors is meant: python tests/make_vector_hashes.py --write
    assert record.get(platform, vectors) == vectors
