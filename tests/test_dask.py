"""Estimators on Dask: the same result on any cluster, lazy output, clear errors, lost workers."""

import gc
import os
import pickle
import signal
import threading
import time

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skembed import EmbeddingClassifier, EmbeddingEncoder, EmbeddingRegressor

pytestmark = pytest.mark.dask

PARAMETERS = {"numeric_features": ["size"], "max_iter": 2, "random_state": 0}


@pytest.fixture(scope="module")
def lib():
    # Not above: without Dask the file is read too, and all of its tests are left out.
    import dask.array
    import dask.dataframe
    import distributed

    import skembed.dask

    class Library:
        da = dask.array
        dd = dask.dataframe
        Client = distributed.Client
        LocalCluster = distributed.LocalCluster
        Encoder = skembed.dask.DaskEmbeddingEncoder
        Classifier = skembed.dask.DaskEmbeddingClassifier
        Regressor = skembed.dask.DaskEmbeddingRegressor

    return Library


@pytest.fixture(autouse=True)
def small_blocks(lib, monkeypatch):
    for model in (lib.Encoder, lib.Classifier, lib.Regressor):
        monkeypatch.setattr(model, "block_rows", 100)


@pytest.fixture(scope="module")
def client(lib):
    with lib.Client(
        processes=False, n_workers=2, threads_per_worker=1, dashboard_address=":0"
    ) as client:
        yield client


def make_rows(n=400):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "city": rng.choice(["Rome", "Oslo", "Bonn", None], n),
            "shop": rng.integers(0, 20, n),
            "size": rng.normal(size=n),
        }
    )
    return X, pd.Series(X["shop"] % 5 + rng.normal(size=n), name="price")


@pytest.fixture
def rows(lib):
    X, y = make_rows()
    return X, y, lib.dd.from_pandas(X, npartitions=4), lib.dd.from_pandas(y, npartitions=4)


def same_bits(one, other):
    pairs = zip(one.embeddings_, other.embeddings_, strict=True)
    return all(a.tobytes() == b.tobytes() for a, b in pairs)


def test_the_result_does_not_depend_on_the_workers(lib, client, rows):
    _, _, X, y = rows
    two = lib.Encoder(**PARAMETERS).fit(X, y)
    with lib.Client(
        processes=False, n_workers=1, threads_per_worker=3, dashboard_address=":0"
    ) as other:
        one = lib.Encoder(**PARAMETERS).fit(X, y)
        assert len(other.scheduler_info()["workers"]) == 1
    with client.as_current():
        again = lib.Encoder(**PARAMETERS).fit(X, y)
    assert same_bits(one, two) and same_bits(two, again)


def test_transform_is_lazy_and_right(lib, client, rows):
    pandas, _, X, y = rows
    model = lib.Encoder(**PARAMETERS).fit(X, y)
    output = model.transform(X)
    assert output.columns.tolist() == model.get_feature_names_out().tolist()
    assert set(output.dtypes) == {np.dtype(np.float32)}
    assert output.npartitions == 4
    computed = output.compute()
    assert computed.index.equals(pandas.index)
    np.testing.assert_array_equal(computed, model.to_local().transform(pandas))
    np.testing.assert_array_equal(model.transform(pandas), computed)


def test_transform_gives_the_dtype(lib, client, rows):
    pandas, _, X, y = rows
    model = lib.Encoder(**PARAMETERS, dtype=np.float16).fit(X, y)
    output = model.transform(X)
    assert set(output.dtypes) == {np.dtype(np.float16)}
    expected = lib.Encoder(**PARAMETERS).fit(X, y).to_local().transform(pandas)
    np.testing.assert_array_equal(output.compute(), expected.astype(np.float16))


def test_to_local_is_an_ordinary_estimator(lib, client, rows):
    pandas, _, X, y = rows
    local = lib.Encoder(**PARAMETERS).fit(X, y).to_local()
    assert type(local) is EmbeddingEncoder
    assert local.get_params() == lib.Encoder(**PARAMETERS).get_params()
    again = pickle.loads(pickle.dumps(local))
    np.testing.assert_array_equal(again.transform(pandas), local.transform(pandas))
    assert local.embedding_frame("city").index.tolist() == ["Bonn", "Oslo", "Rome"]


def test_arrays_of_unknown_length(lib, client, rows):
    pandas, _, X, y = rows
    model = lib.Encoder(random_state=0, max_iter=2).fit(X[["shop"]].values, y.values)
    output = model.transform(X[["shop"]].values)
    assert output.dtype == np.float32 and output.shape[1] == model.embeddings_[0].shape[1]
    expected = model.to_local().transform(pandas[["shop"]].to_numpy())
    np.testing.assert_array_equal(output.compute(), expected)


def test_a_regressor(lib, client, rows):
    pandas, numbers, X, y = rows
    model = lib.Regressor(random_state=0, hidden_layer_sizes=(16,), max_iter=3).fit(X, y)
    output = model.predict(X)
    assert output.dtype == np.float64 and output.ndim == 1
    np.testing.assert_array_equal(output.compute(), model.to_local().predict(pandas))
    assert type(model.to_local()) is EmbeddingRegressor
    assert model.score(pandas, numbers) == model.to_local().score(pandas, numbers)


def test_a_classifier(lib, client, rows):
    pandas, _, X, y = rows
    model = lib.Classifier(random_state=0, hidden_layer_sizes=(16,), max_iter=3)
    model.fit(X, (y > 2).map({True: "much", False: "little"}, meta=("y", object)))
    shares, found = model.predict_proba(X), model.predict(X)
    assert shares.columns.tolist() == ["little", "much"]
    assert set(shares.dtypes) == {np.dtype(np.float64)}
    local = model.to_local()
    assert type(local) is EmbeddingClassifier
    np.testing.assert_array_equal(shares.compute(), local.predict_proba(pandas))
    raw = model.decision_function(X)
    assert raw.ndim == 1 and raw.dtype == np.float64
    np.testing.assert_array_equal(raw.compute(), local.decision_function(pandas))
    with pytest.raises(TypeError, match=r"Pass X.compute\(\)"):
        local.predict(X)
    assert found.compute().tolist() == local.predict(pandas).tolist()


def test_several_targets_make_a_frame(lib, client, rows):
    pandas, _, X, y = rows
    both = lib.dd.concat([y, -y], axis=1)
    model = lib.Regressor(random_state=0, hidden_layer_sizes=(16,), max_iter=3).fit(X, both)
    output = model.predict(X)
    assert output.columns.tolist() == [0, 1]
    np.testing.assert_array_equal(output.compute(), model.to_local().predict(pandas))


def test_without_a_target(lib, client, rows):
    pandas, _, X, _ = rows
    model = lib.Encoder(task="none", **PARAMETERS)
    output = model.fit_transform(X).compute()
    expected = EmbeddingEncoder(task="none", **PARAMETERS).fit(pandas)
    np.testing.assert_allclose(output, expected.transform(pandas), atol=1e-4)


def test_out_of_fold_vectors_are_not_there(lib, client, rows):
    with pytest.raises(NotImplementedError, match="has no out-of-fold vectors"):
        lib.Encoder().fit_transform(rows[2], rows[3])


def test_empty_partitions_at_transform(lib, client, rows):
    _, _, X, y = rows
    model = lib.Encoder(**PARAMETERS).fit(X, y)
    output = model.transform(X[X["size"] > X["size"].max().compute() - 0.1]).compute()
    assert 0 < len(output) < 10


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda X, y: (X.compute(), y), TypeError, "X must be a Dask DataFrame"),
        (lambda X, y: (X, y.compute()), TypeError, "y must be a Dask DataFrame"),
        (lambda X, y: (X, None), ValueError, "Pass y"),
        (lambda X, y: (X, y.repartition(npartitions=2)), ValueError, "X has 4 partitions"),
        (lambda X, y: (X, y[y > 0]), ValueError, "must be partitioned like X, row for row"),
        (lambda X, y: (X[X["size"] > 99], y[y > 99]), ValueError, "X has no rows"),
    ],
)
def test_data_that_cannot_be_learned_from(change, error, words, lib, client, rows):
    with pytest.raises(error, match=words):
        lib.Encoder(**PARAMETERS).fit(*change(*rows[2:]))
    gc.collect()
    assert not client.futures


@pytest.mark.parametrize(
    "parameters",
    [{"early_stopping": True}, {"warm_start": True}, {"sequence_features": ["city"]}],
)
def test_parameters_without_a_distributed_version(parameters, lib, client, rows):
    with pytest.raises(ValueError, match=f"'{next(iter(parameters))}' parameter"):
        lib.Encoder(**parameters).fit(*rows[2:])


def test_auto_stands_for_no_sequences_and_lists_are_refused(lib, client, rows):
    X, y = rows[2:]
    fitted = lib.Encoder(**PARAMETERS, sequence_features="auto").fit(X, y)
    assert same_bits(fitted, lib.Encoder(**PARAMETERS).fit(X, y))
    assert lib.Regressor().get_params()["sequence_features"] == "auto"
    cells = np.empty((400, 1), dtype=object)
    cells[:, 0] = [["a"], ["a", "b"]] * 200
    lists, target = (
        lib.da.from_array(cells, chunks=(100, 1)),
        lib.da.from_array(rows[1].to_numpy(), 100),
    )
    for model in (lib.Encoder(), lib.Regressor()):
        with pytest.raises(TypeError, match=r"\['x0'\] hold lists.*no distributed version"):
            model.fit(lists, target)


@pytest.mark.parametrize("parameters", [{"crosses": 6}, {"n_estimators": 8}])
def test_more_of_what_is_off_is_refused(parameters, lib, client, rows):
    with pytest.raises(
        ValueError, match=f"'{next(iter(parameters))}' parameter .* must be [01], or"
    ):
        lib.Regressor(**parameters).fit(*rows[2:])


def test_a_cluster_without_workers(lib, rows):
    with lib.Client(processes=False, n_workers=0, dashboard_address=":0"):
        with pytest.raises(RuntimeError, match="has no workers"):
            lib.Encoder().fit(*rows[2:])


def test_nothing_is_left_on_the_cluster(lib, client, rows, monkeypatch):
    model = lib.Encoder(**PARAMETERS).fit(*rows[2:])
    del model
    gc.collect()
    assert not client.futures

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("skembed._read_parts.vocabularies_of", interrupted)
    with pytest.raises(KeyboardInterrupt):
        lib.Encoder(**PARAMETERS).fit(*rows[2:])
    assert not any(future.status != "cancelled" for future in client.futures.values())


def test_an_interruption_keeps_the_last_average(lib, client, rows, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("skembed._rounds._average", interrupted)
    model = lib.Encoder(**PARAMETERS)
    with pytest.raises(KeyboardInterrupt):
        model.fit(*rows[2:])
    assert model.n_iter_ == 0
    assert np.isfinite(model.transform(rows[0])).all()


def fit_while_a_worker_dies(lib, X, y, delay):
    """The model of a fit in which one of two workers is killed, and whether it was."""
    with (
        lib.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        lib.Client(cluster) as client,
    ):
        process = next(iter(client.run(os.getpid).values()))
        killed = []

        def kill():
            time.sleep(delay)
            os.kill(process, signal.SIGKILL)
            killed.append(process)

        killer = threading.Thread(target=kill)
        killer.start()
        model = lib.Encoder(**PARAMETERS | {"max_iter": 6}).fit(X, y)
        in_time = bool(killed)
        killer.join()
    return model, in_time


def test_a_lost_worker_changes_nothing(lib, client, rows):
    X, y = rows[2:]
    with client.as_current():
        expected = lib.Encoder(**PARAMETERS | {"max_iter": 6}).fit(X, y)
    model, in_time = fit_while_a_worker_dies(lib, X, y, delay=0.3)
    assert in_time
    assert same_bits(model, expected)


@pytest.mark.slow
def test_lost_workers_change_nothing(lib, client, rows):
    X, y = rows[2:]
    with client.as_current():
        expected = lib.Encoder(**PARAMETERS | {"max_iter": 6}).fit(X, y)
    for delay in np.random.default_rng(0).uniform(0, 1.0, 20):
        model, _ = fit_while_a_worker_dies(lib, X, y, delay)
        assert same_bits(model, expected)


def test_a_search_on_a_cluster(lib, client):
    import joblib

    X, y = make_rows(200)
    search = GridSearchCV(
        make_pipeline(EmbeddingEncoder(random_state=0, numeric_features=["size"]), Ridge()),
        {"embeddingencoder__embedding_dim": [1, 2]},
        cv=2,
    )
    with client.as_current(), joblib.parallel_config("dask"):
        search.fit(X, y)
    assert search.best_params_["embeddingencoder__embedding_dim"] in (1, 2)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.filterwarnings("default")
def test_blocks_of_an_array_one_after_the_other(lib, client):
    from dask_ml.wrappers import Incremental

    X, y = make_rows()
    X = X[["shop"]].to_numpy()
    blocks = lib.da.from_array(X, chunks=(100, 1)), lib.da.from_array(y.to_numpy(), chunks=100)
    # It asks for a score, which an encoder does not have.
    model = Incremental(EmbeddingEncoder(random_state=0), scoring="r2", shuffle_blocks=False)
    model.fit(*blocks)
    expected = EmbeddingEncoder(random_state=0)
    for start in range(0, len(X), 100):
        expected.partial_fit(X[start : start + 100], y[start : start + 100])
    assert same_bits(model.estimator_, expected)
    np.testing.assert_array_equal(model.transform(blocks[0]).compute(), expected.transform(X))
