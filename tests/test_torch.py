"""Fitted vectors as layers of PyTorch: lookups equal ``transform``."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.pipeline import make_pipeline

from skembed import EmbeddingClassifier, EmbeddingEncoder

pytestmark = pytest.mark.torch

X = pd.DataFrame(
    {
        "city": ["Rome", "Oslo", "Rome", None] * 10,
        "size": np.arange(40.0),
        "day": pd.to_datetime(["2020-01-01", "2020-01-02"] * 20),
        "id": np.arange(40) % 5 + 2**60,
    }
)
NEW = pd.DataFrame(
    {
        "city": ["Rome", "Paris", None],
        "size": 0.0,
        "day": [pd.Timestamp("2020-01-02"), pd.NaT, pd.Timestamp("1999-01-01")],
        "id": [2**60 + 1, 2**60, 7],
    }
)
PARAMETERS = {"numeric_features": ["size"], "max_iter": 1, "random_state": 0}


@pytest.fixture
def to_torch():
    # Not above: without PyTorch the file is read too, and all of its tests are left out.
    from skembed.torch import to_torch

    return to_torch


def looked_up(columns, table):
    parts = [c.embedding(c.encode(table[name])).detach().numpy() for name, c in columns.items()]
    return np.concatenate(parts, axis=1)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"handle_missing": "unknown"},
        {"max_categories": 2, "handle_unknown": "infrequent_if_exist"},
        {"target_effect": False},
    ],
)
def test_lookups_equal_transform(parameters, to_torch):
    encoder = EmbeddingEncoder(**PARAMETERS, **parameters).fit(X, X["size"])
    columns = to_torch(encoder)
    assert list(columns) == ["city", "day", "id"]
    for table in (X, NEW):
        assert looked_up(columns, table).tobytes() == encoder.transform(table).tobytes()


def test_the_vocabulary_tells_the_rows(to_torch):
    encoder = EmbeddingEncoder(**PARAMETERS, min_frequency=15).fit(X, X["size"])
    column = to_torch(encoder)["city"]
    new = pd.DataFrame({"city": ["Rome", "Oslo", "Paris", None]})
    rows = [column.vocabulary["Rome"], column.vocabulary["Oslo"], column.unknown, column.missing]
    assert column.encode(new["city"]).tolist() == rows
    assert column.encode(iter(new["city"])).tolist() == rows
    assert column.embedding.num_embeddings == 4
    days = to_torch(encoder)["day"].vocabulary
    assert list(days) == [pd.Timestamp("2020-01-01"), pd.Timestamp("2020-01-02")]


def test_predictors_have_layers_too(to_torch):
    model = EmbeddingClassifier(max_iter=1, n_estimators=1, random_state=0).fit(X, X["size"] > 20)
    assert looked_up(to_torch(model), NEW).tobytes() == model.transform(NEW).tobytes()


def test_forbidden_values_raise(to_torch):
    encoder = EmbeddingEncoder(**PARAMETERS, handle_unknown="error").fit(X, X["size"])
    with pytest.raises(ValueError, match="unknown categories"):
        to_torch(encoder)["city"].encode(["Paris"])


@pytest.mark.parametrize("freeze", [True, False])
def test_layers_are_copies_that_may_learn(freeze, to_torch):
    encoder = EmbeddingEncoder(**PARAMETERS).fit(X, X["size"])
    before = [table.copy() for table in encoder.embeddings_]
    weight = to_torch(encoder, freeze=freeze)["city"].embedding.weight
    assert weight.requires_grad is not freeze
    weight.data += 1
    np.testing.assert_array_equal(encoder.embeddings_[0], before[0])


def test_an_encoder_that_is_not_fitted_is_refused(to_torch):
    with pytest.raises(ValueError, match="not fitted"):
        to_torch(EmbeddingEncoder())


def test_a_pipeline_is_refused_by_name(to_torch):
    with pytest.raises(TypeError, match=r"Got Pipeline instead; .* give the fitted step"):
        to_torch(make_pipeline(EmbeddingEncoder(**PARAMETERS).fit(X, X["size"])))


def test_columns_of_other_libraries_and_no_string(to_torch):
    encode = to_torch(EmbeddingEncoder(**PARAMETERS).fit(X, X["size"]))["city"].encode
    expected = encode(["Rome", "Paris", None]).tolist()
    for column in (pl.Series(["Rome", "Paris", None]), pa.chunked_array([["Rome", "Paris", None]])):
        assert encode(column).tolist() == expected
    for bad in ("Rome", b"Rome", X[["city"]], {"Rome": 1}, 5):
        with pytest.raises(TypeError, match=r"Got .*: wrap a single value in a list"):
            encode(bad)
    with pytest.raises(ValueError, match=r"one dimension. Got the shape \(1, 1\)"):
        encode(np.array([["Rome"]], dtype=object))


def test_cells_that_are_masked_are_missing(to_torch):
    cells = np.ma.MaskedArray([1, 2, 1, 2] * 15, mask=[0, 0, 1, 1] * 15)
    encoder = EmbeddingEncoder(max_iter=1, random_state=0).fit(cells[:, None], np.arange(60.0))
    column = to_torch(encoder)["x0"]
    assert column.encode(cells)[:4].tolist() == [1, 2, column.missing, column.missing]


def test_moments_keep_their_nanoseconds(to_torch):
    moments = pl.Series("at", np.tile(np.array([1000, 1001, 5000], dtype="M8[ns]"), 20))
    encoder = EmbeddingEncoder(max_iter=1, random_state=0).fit(
        pl.DataFrame([moments]), np.arange(60.0)
    )
    assert to_torch(encoder)["at"].encode(moments)[:3].tolist() == [1, 2, 3]


def test_tensors_are_values(to_torch):
    import torch

    X = np.array([[3], [5]] * 20)
    column = to_torch(EmbeddingEncoder(max_iter=1).fit(X, np.arange(40.0)))["x0"]
    assert column.encode(torch.tensor([5, 3, 4])).tolist() == [2, 1, column.unknown]
    assert column.encode(torch.tensor([5.0], requires_grad=True)).tolist() == [2]
