"""A fitted estimator scores a Spark DataFrame by a ``pandas_udf``, as the guide shows."""

import datetime
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skembed import EmbeddingClassifier, EmbeddingEncoder

# Spark itself warns of its own ways.
pytestmark = [pytest.mark.spark, pytest.mark.filterwarnings("default")]

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def spark():
    # Not above: without Spark the file is read too, and all of its tests are left out.
    from pyspark.sql import SparkSession

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
        session = (
            SparkSession.builder.master("local[2]")
            .config("spark.ui.enabled", "false")
            .config("spark.sql.shuffle.partitions", "2")
            .getOrCreate()
        )
        yield session
        session.stop()


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    n = 300
    X = pd.DataFrame(
        {
            "city": rng.choice(["Rome", "Oslo", "Bonn", None], n),
            "shop": rng.integers(0, 20, n),
            "day": rng.choice([datetime.date(2020, 1, d) for d in (1, 2, 3)], n),
        }
    ).astype({"city": object, "day": object})
    return X, X["shop"] % 5 + rng.normal(size=n)


def scored(spark, rows, function, kind):
    """What a function of a frame gives for rows that lie in three partitions, in their order."""
    from pyspark.sql.functions import pandas_udf, struct

    def score(batch: pd.DataFrame) -> pd.Series:
        return pd.Series(list(function(batch)), index=batch.index)

    table = spark.createDataFrame(rows.assign(order=range(len(rows)))).repartition(3)
    found = table.select("order", pandas_udf(score, kind)(struct(*rows.columns)).alias("score"))
    return found.toPandas().sort_values("order")["score"].tolist()


def test_vectors_are_those_of_the_encoder(spark, rows):
    X, y = rows
    encoder = EmbeddingEncoder(max_iter=2, random_state=0).fit(X, y)
    held = spark.sparkContext.broadcast(encoder)
    new = pd.concat([X, X.head(1).assign(city="Lima", shop=99)], ignore_index=True)
    found = scored(spark, new, lambda batch: held.value.transform(batch), "array<float>")
    np.testing.assert_array_equal(np.array(found, dtype=np.float32), encoder.transform(new))


def test_integers_with_nulls_are_the_same_categories(spark, rows):
    X, y = rows
    encoder = EmbeddingEncoder(max_iter=2, random_state=0).fit(X[["shop"]], y)
    held = spark.sparkContext.broadcast(encoder)
    new = X[["shop"]].head(40).astype(object)
    new.loc[3, "shop"] = None
    found = scored(spark, new, lambda batch: held.value.transform(batch), "array<float>")
    np.testing.assert_array_equal(np.array(found, dtype=np.float32), encoder.transform(new))


def test_probabilities_are_those_of_the_classifier(spark, rows):
    X, y = rows
    model = EmbeddingClassifier(max_iter=2, n_estimators=1, random_state=0).fit(X, y > 2)
    held = spark.sparkContext.broadcast(model)
    found = scored(spark, X, lambda batch: held.value.predict_proba(batch)[:, 1], "double")
    np.testing.assert_allclose(found, model.predict_proba(X)[:, 1], rtol=1e-12)
