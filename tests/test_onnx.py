"""Exported models against the estimators, under onnxruntime."""

import importlib.util
import sys
from datetime import date

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
import skl2onnx
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler
from sklearn.svm import SVR, LinearSVC

import skembed.onnx
from skembed import EmbeddingClassifier, EmbeddingEncoder, EmbeddingRegressor
from skembed._graph import Graph
from skembed._graph_columns import InputColumn, write_codes
from skembed._vocabulary import ColumnVocabulary
from skembed.onnx import to_onnx

pytestmark = [pytest.mark.onnx, pytest.mark.usefixtures("half_of_each")]

N_ROWS = 120
DTYPES = {
    "tensor(string)": object,
    "tensor(int64)": np.int64,
    "tensor(bool)": bool,
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
}
# Within 1e-5, of the spread of the predictions where they are no probabilities.
TOLERANCE = 1e-5


def make_frame(n=N_ROWS, seed=0, new=False):
    """Columns of all types; ``new`` brings values that were not seen."""
    rng = np.random.default_rng(seed)
    more = ["Paris"] * new
    frame = {
        "home town": rng.choice(["Oslo", "Rome", "Bonn\n", "Źywiec", None, *more], n).astype(
            object
        ),
        "code": rng.choice([3, -7, 2**40, 12, *([99] * new)], n),
        "flag": rng.random(n) < 0.4,
        "size": rng.choice([0.1, 1.5, np.nan, -0.0, *([2.5, 7.0] * new)], n),
        "whole": rng.choice([1.0, 2.0, np.nan, 40.0, *([2.5, 1e30] * new)], n),
        "kind": pd.Categorical(rng.choice(["a", "b", "c", *(["d"] * new)], n)),
    }
    return pd.DataFrame(frame)


def add_numbers(frame, seed=0):
    """Numbers beside categories, as float32 can hold them; some lie on the edges of bins."""
    rng = np.random.default_rng(seed)
    price = np.where(rng.random(len(frame)) < 0.1, np.nan, rng.normal(size=len(frame)))
    return frame.assign(
        price=price.astype(np.float32).astype(float), year=rng.integers(1990, 2020, len(frame))
    )


def make_target(frame):
    rng = np.random.default_rng(1)
    signal = (frame["home town"] == "Oslo") * 2.0 + frame["flag"] * (frame["kind"] == "a") * 3
    return (signal + 0.3 * rng.normal(size=len(frame))).to_numpy()


X_TRAIN, X_NEW = make_frame(), make_frame(seed=5, new=True)
Y = make_target(X_TRAIN)
WITH_NUMBERS, NEW_NUMBERS = add_numbers(X_TRAIN), add_numbers(X_NEW, seed=3)
NUMBERS = ["price", "year"]


def encoder(**settings):
    return EmbeddingEncoder(max_iter=1, hidden_layer_sizes=(4,), random_state=0, **settings)


# No loss falls by `tol`, so that a fit ends after 3 epochs.
SHORT = {"max_iter": 500, "tol": 1e6, "n_iter_no_change": 2}


def predictor(cls, **settings):
    quick = {"n_estimators": 1, "hidden_layer_sizes": (4,), "crosses": 3, **SHORT}
    return cls(**{"numeric_features": NUMBERS, "random_state": 0, **quick, **settings})


def run(model, X, missing=""):
    """What the model gives for a frame, by the names of its outputs."""
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    # More threads would wait for each other, and not asleep.
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    feed = {}
    for value in session.get_inputs():
        assert value.shape[1:] == [1]
        column = X[value.name]
        if value.type == "tensor(string)":
            column = column.astype(object).where(column.notna(), missing)
        feed[value.name] = column.to_numpy(DTYPES[value.type])[:, None]
    names = [value.name for value in session.get_outputs()]
    return dict(zip(names, session.run(names, feed), strict=True))


def input_types(model):
    """The data type of each input."""
    return {value.name: value.type.tensor_type.elem_type for value in model.graph.input}


# Vectors


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"min_frequency": 20, "handle_unknown": "infrequent_if_exist"},
        {"max_categories": 3, "handle_unknown": "mean", "target_effect": False},
        {"handle_missing": "unknown", "handle_unknown": "zeros", "embedding_dim": {"kind": 3}},
        {"shared": [["size", "whole"]], "numeric_features": ["code"]},
        {"task": "none"},
    ],
    ids=str,
)
def test_vectors_of_known_unknown_and_missing_values(settings):
    fitted = encoder(**settings).fit(X_TRAIN, Y)
    model = to_onnx(fitted)
    outputs = run(model, X_NEW)
    assert list(outputs) == ["variable"]
    assert outputs["variable"].dtype == np.float32
    # Nothing is computed: the vectors are the same bits.
    np.testing.assert_array_equal(outputs["variable"], fitted.transform(X_NEW))
    assert X_NEW["home town"].isna().any() and (X_NEW["home town"] == "Paris").any()


@pytest.mark.parametrize("y", [Y > 1, np.round(Y).astype(str), np.c_[Y, -Y], np.c_[Y > 1, Y > 2]])
def test_vectors_for_every_target(y):
    fitted = encoder().fit(X_TRAIN, y.astype(int) if y.dtype == bool else y)
    outputs = run(to_onnx(fitted), X_NEW)
    np.testing.assert_array_equal(outputs["variable"], fitted.transform(X_NEW))


@pytest.mark.parametrize("dtype", [np.float16, "float64"])
def test_vectors_of_another_dtype(dtype):
    fitted = encoder(dtype=dtype).fit(X_TRAIN, Y)
    vectors = run(to_onnx(fitted), X_NEW)["variable"]
    assert vectors.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(vectors, fitted.transform(X_NEW))
    # Models of others take float32.
    pipeline = make_pipeline(fitted, Ridge()).fit(X_TRAIN, Y)
    prediction = run(to_onnx(pipeline), X_NEW)["variable"][:, 0]
    expected = pipeline[-1].predict(vectors.astype(np.float32))
    np.testing.assert_allclose(prediction, expected, atol=TOLERANCE * np.ptp(Y))


def test_inputs_are_the_features():
    types = onnx.TensorProto
    model = to_onnx(encoder().fit(X_TRAIN, Y))
    assert input_types(model) == {
        "home town": types.STRING,
        "code": types.INT64,
        "flag": types.BOOL,
        "size": types.FLOAT,
        "whole": types.FLOAT,
        "kind": types.STRING,
    }
    double = input_types(to_onnx(encoder().fit(X_TRAIN, Y), double=True))
    assert double["size"] == double["whole"] == types.DOUBLE
    shapes = [value.type.tensor_type.shape.dim for value in model.graph.input]
    assert all(len(shape) == 2 and shape[1].dim_value == 1 for shape in shapes)


def test_features_without_names():
    X = X_TRAIN[["home town", "code"]].to_numpy(dtype=object)
    fitted = encoder().fit(X, Y)
    model = to_onnx(fitted)
    assert list(input_types(model)) == ["x0", "x1"]
    outputs = run(model, pd.DataFrame(X, columns=["x0", "x1"]))
    np.testing.assert_array_equal(outputs["variable"], fitted.transform(X))


def test_a_feature_may_have_the_name_of_an_output():
    X = X_TRAIN[["home town"]].assign(variable=X_TRAIN["kind"], Gather_3="b")
    fitted = encoder().fit(X, Y)
    outputs = run(to_onnx(fitted), X)
    np.testing.assert_array_equal(outputs["variable_"], fitted.transform(X))


@pytest.mark.parametrize("name", ["label", "probabilities"])
def test_a_feature_of_a_pipeline_may_have_the_name_of_an_output(name):
    X, y = X_TRAIN[["kind"]].rename(columns={"kind": name}), Y > 1
    fitted = make_pipeline(encoder(), StandardScaler(), LogisticRegression()).fit(X, y)
    outputs = run(to_onnx(fitted), X)
    found = {key.strip("_"): value for key, value in outputs.items()}
    assert f"{name}_" in outputs
    np.testing.assert_array_equal(found["label"], fitted.predict(X))
    np.testing.assert_allclose(found["probabilities"], fitted.predict_proba(X), atol=TOLERANCE)


def test_tokens_for_missing_values():
    X = X_TRAIN[["home town", "code"]]
    fitted = encoder().fit(X, Y)
    X_new = X.astype({"code": object})
    X_new.loc[:5, "code"] = None
    expected = fitted.transform(X_new)
    model = to_onnx(fitted, missing={"home town": "?", "code": -1})
    X_new = X.assign(code=np.where(X_new["code"].isna(), -1, X["code"]))
    outputs = run(model, X_new, missing="?")
    np.testing.assert_array_equal(outputs["variable"], expected)
    # Without a token its value is unknown.
    unknown = run(to_onnx(fitted, missing=None), X_new)["variable"]
    width = 1 + fitted.embedding_dims_[0]
    rows = X["home town"].isna()
    np.testing.assert_array_equal(unknown[rows, :width], fitted.embeddings_[0][[0] * rows.sum()])
    assert (unknown[rows, :width] != expected[rows, :width]).any()


@pytest.mark.parametrize("dtype", [object, "boolean"])
def test_token_in_a_column_of_booleans(dtype):
    X = pd.DataFrame({"flag": pd.Series([True, False, None] * 40, dtype=dtype)})
    fitted = encoder().fit(X, Y)
    model = to_onnx(fitted, missing={"flag": -1})
    outputs = run(model, pd.DataFrame({"flag": [1, 0, -1, 7] * 3}))
    expected = fitted.transform(X[:3])
    unknown = fitted.embeddings_[0][:1]
    np.testing.assert_array_equal(outputs["variable"], np.vstack([expected, unknown] * 3))


def test_integers_that_came_as_floats():
    ids = np.array([16_777_216.0, 16_777_217.0, np.nan, 5.0])
    X = pd.DataFrame({"id": np.tile(ids, 30)})
    fitted = encoder().fit(X, Y)
    with pytest.raises(ValueError, match=r"'id' are too close to each other.*double=True"):
        to_onnx(fitted)
    new = pd.DataFrame({"id": [*ids, 16_777_218.0, 4.5, 1e300]})
    outputs = run(to_onnx(fitted, double=True), new)
    np.testing.assert_array_equal(outputs["variable"], fitted.transform(new))


def test_whole_numbers_beyond_64_bits():
    X = pd.DataFrame({"x": [1.0, 2.0**70, np.nan] * 40})
    fitted = encoder().fit(X, Y)
    new = pd.DataFrame({"x": [1.0, 2.0**70, np.nan, 2.0**71, -(2.0**63), 3.0]})
    for double in (False, True):
        outputs = run(to_onnx(fitted, double=double), new)
        np.testing.assert_array_equal(outputs["variable"], fitted.transform(new))
    huge = pd.DataFrame({"x": [1.0, 1e300, np.nan] * 40})
    fitted = encoder().fit(huge, Y)
    outputs = run(to_onnx(fitted, double=True), huge[:3])
    np.testing.assert_array_equal(outputs["variable"], fitted.transform(huge[:3]))


def test_infinity_as_a_token():
    X = pd.DataFrame({"x": [1.0, 2.0, np.nan] * 40})
    fitted = encoder().fit(X, Y)
    model = to_onnx(fitted, missing={"x": np.inf})
    outputs = run(model, pd.DataFrame({"x": [1.0, 2.0, np.nan, np.inf, 3.0]}))
    expected = fitted.transform(pd.DataFrame({"x": [1.0, 2.0, np.nan, np.nan, 3.0]}))
    np.testing.assert_array_equal(outputs["variable"], expected)


def test_an_input_of_integers_holds_no_others():
    categories = np.array([1.0, 2.5, 2.0**70])
    counts = np.ones(3, dtype=np.int64)
    vocabulary = ColumnVocabulary(categories, counts, np.zeros(3, dtype=bool))
    graph, column = Graph(), InputColumn("x", "x", np.dtype(np.int64))
    write_codes(graph, column, vocabulary, "embed", {"x": np.inf})
    (found,) = [node for node in graph.nodes if node.operator == "LabelEncoder"]
    assert found.attributes["keys_int64s"] == [1]
    assert found.attributes["values_int64s"] == [1]


def test_columns_that_are_always_missing():
    X = X_TRAIN[["kind"]].assign(words=pd.Series([None] * N_ROWS, dtype=object), size=np.nan)
    fitted = encoder().fit(X, Y)
    new = X.assign(words=["word", None] * (N_ROWS // 2), size=[1.5, np.nan] * (N_ROWS // 2))
    outputs = run(to_onnx(fitted, missing="?"), new, missing="?")
    np.testing.assert_array_equal(outputs["variable"], fitted.transform(new))
    words = X[["kind", "words"]]
    no_token = run(to_onnx(encoder().fit(words, Y), missing=None), words.assign(words="?"))
    assert len(no_token["variable"]) == N_ROWS


# Predictions

REGRESSIONS = {
    "all": {},
    "no parts": {
        "target_effect": False,
        "crosses": 0,
        "counts": False,
        "n_bins": 0,
        "linear_part": False,
        "numeric_features": None,
    },
    "linear alone": {"target_effect": False, "crosses": 0, "hidden_layer_sizes": ()},
    "network alone": {"linear_part": False, "activation": "tanh", "n_estimators": 2},
    "relu": {"linear_part": False, "activation": "relu", "handle_unknown": "mean"},
    "logistic": {"linear_part": False, "activation": "logistic", "min_frequency": 25},
    "poisson": {"loss": "poisson", "handle_missing": "unknown"},
    "quantile": {"loss": "quantile", "shared": [["size", "whole"]]},
}


@pytest.mark.parametrize("settings", REGRESSIONS.values(), ids=REGRESSIONS)
def test_regression(settings):
    y = np.round(np.maximum(3 * Y, 0)) if settings.get("loss") == "poisson" else Y
    fitted = predictor(EmbeddingRegressor, **settings).fit(WITH_NUMBERS, y)
    expected = fitted.predict(NEW_NUMBERS)
    spread = np.ptp(y)
    outputs = run(to_onnx(fitted), NEW_NUMBERS)
    assert outputs["variable"].dtype == np.float32
    np.testing.assert_allclose(outputs["variable"][:, 0], expected, atol=TOLERANCE * spread)
    outputs = run(to_onnx(fitted, double=True), NEW_NUMBERS)
    np.testing.assert_allclose(outputs["variable"][:, 0], expected, atol=1e-12 * spread)


def test_counts_and_bins_of_many_categories():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "id": rng.integers(0, 60, 400).astype(str),
            "group": rng.integers(0, 40, 400).astype(str),
            "x": rng.normal(size=400),
            "pile": rng.choice([0.0, 0.1, 0.2, 5.5], 400),
        }
    )
    y = np.sin(3 * X["x"]) + X["pile"] * (X["group"].astype(int) % 2) + rng.normal(size=400)
    fitted = predictor(EmbeddingRegressor, numeric_features="auto", crosses=8).fit(X, y)
    terms = fitted._features.terms
    assert any(term.log_counts is not None for term in terms)
    assert any(part.edges is not None for term in terms for part in term.cross.parts)
    assert any(len(term.cross.parts) > 1 for term in terms)
    assert fitted._features.n_sums == 1
    new = X.sample(frac=1, random_state=0).assign(id=X["id"].where(X["x"] > -1, "new"))
    expected = fitted.predict(new)
    outputs = run(to_onnx(fitted, double=True), new)
    np.testing.assert_allclose(outputs["variable"][:, 0], expected, atol=1e-12)
    # Numbers that float32 rounds stay in their bins.
    outputs = run(to_onnx(fitted), new)
    np.testing.assert_allclose(outputs["variable"][:, 0], expected, atol=TOLERANCE * np.ptp(y))


def test_numbers_that_are_missing_for_the_first_time():
    present = WITH_NUMBERS.fillna({name: 1.5 for name in ("size", "whole")})
    y = np.sin(3 * present["size"]) + Y
    settings = {"numeric_features": ["size"], "n_bins": 8}
    fitted = predictor(EmbeddingRegressor, **settings).fit(present, y)
    assert not fitted._features.scaler.flagged_.any() and NEW_NUMBERS["size"].isna().any()
    expected = fitted.predict(NEW_NUMBERS)
    outputs = run(to_onnx(fitted, double=True), NEW_NUMBERS)
    np.testing.assert_allclose(outputs["variable"][:, 0], expected, atol=1e-12)


def test_regression_of_several_outputs():
    y = np.c_[Y, 100 - 50 * Y]
    fitted = predictor(EmbeddingRegressor).fit(WITH_NUMBERS, y)
    assert fitted._features.n_sums == 2
    outputs = run(to_onnx(fitted), NEW_NUMBERS)
    spread = np.ptp(y, axis=0)
    scaled = [v / spread for v in (outputs["variable"], fitted.predict(NEW_NUMBERS))]
    np.testing.assert_allclose(*scaled, atol=TOLERANCE)


@pytest.mark.parametrize("cls", [EmbeddingClassifier, EmbeddingRegressor])
def test_doubles_without_numbers(cls):
    y = Y if cls is EmbeddingRegressor else Y > 1
    fitted = predictor(cls, numeric_features=None).fit(X_TRAIN[TWO], y)
    outputs = run(to_onnx(fitted, double=True), X_NEW)
    found = list(outputs.values())[-1]
    assert found.dtype == np.float64
    probabilities = cls is EmbeddingClassifier
    expected = fitted.predict_proba(X_NEW[TWO]) if probabilities else fitted.predict(X_NEW[TWO])
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-12)


def test_numbers_alone():
    fitted = predictor(EmbeddingRegressor, numeric_features="auto")
    fitted.fit(WITH_NUMBERS[NUMBERS], Y + 9 * (WITH_NUMBERS["price"] > 0.5))
    assert fitted._features.n_sums == 1 and not fitted._features.column_addends
    outputs = run(to_onnx(fitted, double=True), NEW_NUMBERS)
    np.testing.assert_allclose(outputs["variable"][:, 0], fitted.predict(NEW_NUMBERS[NUMBERS]))


LABELS = {
    "binary strings": np.where(Y > 1, "yes", "no"),
    "binary booleans": Y > 1,
    "multiclass integers": np.digitize(Y, [0, 2, 4]) * 10,
    "multiclass strings": np.array(["low", "mid", "high"])[np.digitize(Y, [1, 3])],
    "multilabel": np.c_[Y > 0, Y > 2, Y < 1].astype(int),
}


@pytest.mark.parametrize("y", LABELS.values(), ids=LABELS)
def test_classification(y):
    fitted = predictor(EmbeddingClassifier).fit(WITH_NUMBERS, y)
    outputs = run(to_onnx(fitted), NEW_NUMBERS)
    assert list(outputs) == ["label", "probabilities"]
    np.testing.assert_array_equal(outputs["label"], fitted.predict(NEW_NUMBERS))
    assert outputs["probabilities"].dtype == np.float32
    np.testing.assert_allclose(
        outputs["probabilities"], fitted.predict_proba(NEW_NUMBERS), atol=TOLERANCE
    )


# Pipelines


def test_encoder_in_front_of_a_model():
    fitted = make_pipeline(encoder(), LinearRegression()).fit(X_TRAIN, Y)
    for double in [False, True]:
        outputs = run(to_onnx(fitted, double=double), X_NEW)
        np.testing.assert_allclose(
            outputs["variable"][:, 0], fitted.predict(X_NEW), atol=TOLERANCE * np.ptp(Y)
        )


def test_pipeline_of_ours_alone_needs_no_other_library(monkeypatch):
    monkeypatch.setattr(skembed.onnx, "skl2onnx", None)
    fitted = make_pipeline("passthrough", Pipeline([("encode", encoder())])).fit(X_TRAIN, Y)
    outputs = run(to_onnx(fitted), X_NEW)
    np.testing.assert_array_equal(outputs["variable"], fitted.transform(X_NEW))


def mixed_pipeline(last):
    columns = ColumnTransformer(
        [
            # skl2onnx merges columns: here strings, integers and booleans.
            ("words", encoder(), ["kind", "home town", "code", "flag"]),
            ("sizes", encoder(cv=None), ["size", "whole"]),
            ("numbers", StandardScaler(), ["year"]),
            ("one hot", OneHotEncoder(handle_unknown="ignore"), ["kind"]),
            ("union", FeatureUnion([("a", encoder()), ("b", encoder(task="none"))]), TWO),
        ]
    )
    return make_pipeline(columns, make_pipeline(StandardScaler(), last))


TWO = ["kind", "home town"]


@pytest.mark.parametrize(
    ("last", "y"),
    [(LogisticRegression(), np.where(Y > 1, "yes", "no")), (LinearRegression(), Y)],
    ids=["classifier", "regressor"],
)
def test_pipeline_with_others(last, y):
    # The text of a missing value may not be a category.
    fitted = mixed_pipeline(last).fit(WITH_NUMBERS, y)
    model = to_onnx(fitted, missing="?")
    # The column that is dropped has no type that could be told, and no input.
    assert set(input_types(model)) == {*X_TRAIN.columns, "year"}
    outputs = run(model, NEW_NUMBERS, missing="?")
    if "label" not in outputs:
        np.testing.assert_allclose(
            outputs["variable"][:, 0], fitted.predict(NEW_NUMBERS), atol=TOLERANCE * np.ptp(y)
        )
        return
    np.testing.assert_array_equal(outputs["label"], fitted.predict(NEW_NUMBERS))
    np.testing.assert_allclose(
        outputs["probabilities"], fitted.predict_proba(NEW_NUMBERS), atol=TOLERANCE
    )


@pytest.mark.parametrize(
    "last",
    [LogisticRegression(), GaussianNB(), KNeighborsRegressor(), RandomForestRegressor(5)],
    ids=lambda last: type(last).__name__,
)
@pytest.mark.parametrize("first", ["vectors", "numbers"])
def test_doubles_in_a_pipeline(last, first):
    fitted = blocks_in_front_of(last, first)
    outputs = run(to_onnx(fitted, double=True), X_DOUBLE)
    found = list(outputs.values())[-1]
    assert found.dtype == np.float64
    is_classifier = hasattr(fitted, "predict_proba")
    expected = fitted.predict_proba(X_DOUBLE) if is_classifier else fitted.predict(X_DOUBLE)
    # Trees of ONNX have no doubles.
    rtol = 1e-6 if isinstance(last, RandomForestRegressor) else 1e-12
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=rtol)


X_DOUBLE = X_TRAIN[["kind"]].assign(number=np.random.default_rng(7).normal(size=N_ROWS))


def blocks_in_front_of(last, first="vectors"):
    blocks = [("vectors", encoder(), ["kind"]), ("numbers", StandardScaler(), ["number"])]
    if first == "numbers":
        blocks.reverse()
    y = Y > 1 if hasattr(last, "decision_function") or isinstance(last, GaussianNB) else Y
    return make_pipeline(ColumnTransformer(blocks), last).fit(X_DOUBLE, y.astype(int))


@pytest.mark.parametrize(
    ("last", "message"),
    [
        (SVR(), r"no SVMRegressor of doubles.*double=False"),
        (PolynomialFeatures(), r"mixes float and double.*double=False"),
    ],
    ids=["no operator", "types"],
)
def test_steps_without_doubles(last, message):
    with pytest.raises(ValueError, match=message):
        to_onnx(blocks_in_front_of(last), double=True)


@pytest.mark.parametrize("last", [LinearRegression(), LinearSVC(), SVR()], ids=str)
def test_doubles_behind_vectors_alone(last):
    y = Y if not isinstance(last, LinearSVC) else np.digitize(Y, [0.5, 2])
    fitted = make_pipeline(encoder(), last).fit(X_TRAIN[TWO], y)
    outputs = run(to_onnx(fitted, double=True), X_NEW)
    assert list(outputs.values())[-1].dtype == np.float64
    found = outputs["label" if "label" in outputs else "variable"].ravel()
    np.testing.assert_allclose(found, fitted.predict(X_NEW[TWO]), atol=TOLERANCE * np.ptp(Y))


def test_a_classifier_that_has_no_zipmap():
    y = np.digitize(Y, [0.5, 2])
    fitted = make_pipeline(encoder(), LinearSVC()).fit(X_TRAIN[TWO], y)
    outputs = run(to_onnx(fitted), X_NEW)
    np.testing.assert_array_equal(outputs["label"], fitted.predict(X_NEW[TWO]))
    expected = fitted.decision_function(X_NEW[TWO])
    np.testing.assert_allclose(outputs["probabilities"], expected, atol=TOLERANCE)


@pytest.mark.parametrize(("zipmap", "dtype"), [(True, np.float32), (False, np.float64)])
def test_classifier_given_to_skl2onnx(zipmap, dtype):
    X, new = (frame[NUMBERS].fillna(0).to_numpy(dtype) for frame in (WITH_NUMBERS, NEW_NUMBERS))
    fitted = predictor(EmbeddingClassifier, numeric_features=[0])
    fitted.fit(X, LABELS["multiclass strings"])
    options = {EmbeddingClassifier: {"zipmap": zipmap}}
    model = skl2onnx.to_onnx(fitted, X[:1], options=options)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    labels, probabilities = session.run(None, {"X": new})
    if zipmap:
        probabilities = pd.DataFrame(probabilities)[list(fitted.classes_)]
    np.testing.assert_array_equal(labels, fitted.predict(new))
    np.testing.assert_allclose(probabilities, fitted.predict_proba(new), atol=TOLERANCE)


def test_predictors_given_to_skl2onnx_as_they_are():
    types = skl2onnx.common.data_types
    columns = [*TWO, *NUMBERS]
    inputs = [
        ("year", types.Int64TensorType([None, 1])),
        ("price", types.DoubleTensorType([None, 1])),
        *((name, types.StringTensorType([None, 1])) for name in TWO),
    ]
    for cls, y in [(EmbeddingRegressor, np.c_[Y, -Y]), (EmbeddingClassifier, LABELS["multilabel"])]:
        fitted = predictor(cls).fit(WITH_NUMBERS[columns], y)
        zipmap = {cls: {"zipmap": False}} if cls is EmbeddingClassifier else None
        model = skl2onnx.convert_sklearn(fitted, initial_types=inputs, options=zipmap)
        # It writes names as identifiers.
        outputs = list(run(model, NEW_NUMBERS.rename(columns={TWO[1]: "home_town"})).values())
        predict = getattr(fitted, "predict_proba", fitted.predict)
        np.testing.assert_allclose(outputs[-1], predict(NEW_NUMBERS[columns]), atol=1e-9)


# What cannot be said


@pytest.mark.parametrize("parameter", ["handle_unknown", "handle_missing"])
def test_a_model_cannot_raise(parameter):
    X = X_TRAIN[["code", "kind"]]
    fitted = encoder(**{parameter: "error"}).fit(X, Y)
    with pytest.raises(ValueError, match=rf"ONNX cannot raise.*{parameter}='error'.*set_params"):
        to_onnx(fitted)
    outputs = run(to_onnx(fitted.set_params(**{parameter: "embed"})), X_NEW)
    np.testing.assert_array_equal(outputs["variable"], fitted.transform(X_NEW[["code", "kind"]]))


@pytest.mark.parametrize(
    "values",
    [
        pd.to_datetime(["2020-01-01", "2021-01-01"] * 60),
        pd.Series(["a", 1] * 60, dtype=object),
        pd.Series([2**63, 1] * 60, dtype=np.uint64),
        pd.Series([b"a", b"b"] * 60, dtype=object),
    ],
    ids=["dates", "mixed", "large", "bytes"],
)
def test_categories_without_keys(values):
    fitted = encoder().fit(pd.DataFrame({"when": values}), Y)
    with pytest.raises(ValueError, match=r"categories of column 'when'.*Make strings"):
        to_onnx(fitted)


def test_categories_that_float32_cannot_tell():
    X = pd.DataFrame({"size": [0.1, 0.1 + 1e-12] * 60})
    with pytest.raises(ValueError, match="'size' are too close"):
        to_onnx(encoder().fit(X, Y), double=True)


def test_sequences():
    X = X_TRAIN[["kind"]].assign(tags=[["a", "b"], ["c"]] * 60)
    for model in (
        encoder(sequence_features=["tags"]),
        encoder(sequence_features="auto"),
        predictor(EmbeddingRegressor, numeric_features="auto"),
    ):
        fitted = model.fit(X, Y)
        with pytest.raises(ValueError, match=r"\['tags'\] are sequence_features"):
            to_onnx(fitted)


def test_tokens_that_mean_something_else():
    X = pd.DataFrame({"kind": ["", "b"] * 60, "code": [1, 2] * 60})
    fitted = encoder().fit(X, Y)
    with pytest.raises(ValueError, match=r"missing='' .*column 'kind' has such a category"):
        to_onnx(fitted)
    with pytest.raises(ValueError, match=r"missing='x' cannot.*'code'.*must be an integer"):
        to_onnx(fitted, missing={"code": "x"})
    with pytest.raises(ValueError, match=r"missing=nan cannot.*'code'.*must be an integer"):
        to_onnx(fitted, missing={"code": np.nan})
    with pytest.raises(ValueError, match=r"missing=\d+ cannot.*'code'.*an integer of 64 bits"):
        to_onnx(fitted, missing={"code": 2**70})
    with pytest.raises(ValueError, match=r"missing has tokens for \['town'\].*'kind', 'code'"):
        to_onnx(fitted, missing={"town": "x"})


def test_numbers_have_no_token():
    fitted = predictor(EmbeddingRegressor, numeric_features=["price"])
    fitted.fit(WITH_NUMBERS[["kind", "price"]], Y)
    with pytest.raises(ValueError, match=r"\['price'\].*no categorical.*\['kind'\].*NaN"):
        to_onnx(fitted, missing={"kind": "", "price": -1.0})


def test_a_column_needs_a_name():
    fitted = encoder().fit(X_TRAIN[["kind"]].rename(columns={"kind": ""}), Y)
    with pytest.raises(ValueError, match="Column 0 of 1 has the empty name"):
        to_onnx(fitted)


def test_classes_without_a_type():
    fitted = predictor(EmbeddingClassifier, numeric_features=None)
    fitted.fit(X_TRAIN[["kind"]], np.array([date(2020, 1, 1), date(2021, 1, 1)] * 60))
    with pytest.raises(ValueError, match="neither strings nor numbers"):
        to_onnx(fitted)


def test_classes_that_have_no_room():
    fitted = predictor(EmbeddingClassifier, numeric_features=None)
    fitted.fit(X_TRAIN[["kind"]], np.where(Y > 1, np.uint64(2**63 + 5), np.uint64(7)))
    with pytest.raises(ValueError, match="nor numbers of 64 bits with a sign"):
        to_onnx(fitted)


def test_what_is_no_estimator_of_ours():
    with pytest.raises(TypeError, match=r"an estimator of skembed.*Got LogisticRegression"):
        to_onnx(LogisticRegression().fit(X_TRAIN[["code"]], Y > 1))


def test_not_fitted():
    with pytest.raises(ValueError, match="not fitted yet"):
        to_onnx(EmbeddingEncoder())


def test_predictor_in_the_middle():
    fitted = make_pipeline(predictor(EmbeddingRegressor), LinearRegression()).fit(WITH_NUMBERS, Y)
    with pytest.raises(ValueError, match="EmbeddingRegressor is not the last step"):
        to_onnx(fitted)


def test_merged_columns_of_types_that_do_not_mix():
    columns = ColumnTransformer([("encode", encoder(), ["kind", "size"])])
    fitted = make_pipeline(columns, LinearRegression()).fit(X_TRAIN, Y)
    with pytest.raises(ValueError, match=r"'size' has categories .*holds strings.*one type"):
        to_onnx(fitted)


def test_others_without_names():
    columns = ColumnTransformer([("encode", encoder(), [0])])
    fitted = make_pipeline(columns, LinearRegression()).fit(X_TRAIN[["code"]].to_numpy(), Y)
    with pytest.raises(ValueError, match="without names of features"):
        to_onnx(fitted)


def test_others_without_their_library(monkeypatch):
    fitted = make_pipeline(encoder(), LinearRegression()).fit(X_TRAIN, Y)
    monkeypatch.setattr(skembed.onnx, "skl2onnx", None)
    with pytest.raises(ImportError, match="pip install skl2onnx"):
        to_onnx(fitted)


def test_without_onnx(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    spec = importlib.util.spec_from_file_location("skembed.again", skembed.onnx.__file__)
    with pytest.raises(ImportError, match=r"pip install onnx\."):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
