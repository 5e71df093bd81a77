"""Many threads, many fits, and what goes wrong in the middle of one."""

import gc
import itertools
import pickle
import resource
import signal
import sys
import sysconfig
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from threadpoolctl import threadpool_info

from skembed import EmbeddingClassifier, EmbeddingEncoder, EmbeddingRegressor, InputEmbedding
from skembed.nn._network import Network

pytestmark = pytest.mark.usefixtures("half_of_each")

N = 300
RNG = np.random.default_rng(0)
X = pd.DataFrame(
    {
        "town": RNG.choice([*"abcdef", None], N),
        "day": RNG.integers(0, 7, N),
        "size": RNG.normal(size=N),
    }
)
Y = X["day"].to_numpy() + X["size"].to_numpy()
FAST = {"max_iter": 2, "random_state": 0}
# Wide as usual, for BLAS is to have work, but done after 6 epochs: no loss falls by `tol`.
SHORT = {"max_iter": 250, "n_iter_no_change": 5, "tol": 1e6}
NETWORKS = {"n_estimators": 2, "random_state": 0} | SHORT

MODELS = {
    "encoder": (EmbeddingEncoder(numeric_features=["size"], **FAST), ("transform",)),
    "regressor": (EmbeddingRegressor(**NETWORKS), ("predict", "transform")),
    "classifier": (EmbeddingClassifier(**NETWORKS), ("predict_proba", "predict")),
    "InputEmbedding": (InputEmbedding(scale="feature"), ("transform",)),
}


def fit(name):
    model, methods = MODELS[name]
    return clone(model).fit(X, target(name)), methods


def target(name):
    return Y > Y.mean() if name == "classifier" else Y


def use_together(name, seconds, n_threads=8):
    """All threads ask at the same time, until the time is over; each answer is compared."""
    model, methods = fit(name)
    expected = {method: getattr(model, method)(X) for method in methods}
    before = pickle.dumps(model)
    start, end = threading.Barrier(n_threads), time.monotonic() + seconds

    def work(number):
        rng, n_answers = np.random.default_rng(number), 0
        start.wait(timeout=30)
        while n_answers < 5 or time.monotonic() < end:
            method = methods[n_answers % len(methods)]
            rows = rng.permutation(N)[: rng.integers(1, N)]
            answer = getattr(model, method)(X.iloc[rows])
            np.testing.assert_allclose(answer, expected[method][rows], rtol=1e-5, atol=1e-6)
            n_answers += 1
        return n_answers

    with ThreadPoolExecutor(n_threads) as pool:
        counts = list(pool.map(work, range(n_threads)))
    assert pickle.dumps(model) == before
    return sum(counts)


def test_python_without_the_global_lock_stays_without_it():
    """It takes the lock when a module of C is imported that does not say it can do without."""
    locked = getattr(sys, "_is_gil_enabled", lambda: True)
    assert locked() != bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


@pytest.mark.parametrize("name", MODELS)
def test_threads_share_a_fitted_estimator(name):
    assert use_together(name, seconds=0.2) >= 40


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_threads_share_a_fitted_estimator_for_half_a_minute(name):
    print(f"{name}: {use_together(name, seconds=30)} answers")


def blas_threads():
    return sorted((pool["filepath"], pool["num_threads"]) for pool in threadpool_info())


def test_fits_at_the_same_time_give_what_each_gives_alone():
    names = ["encoder", "regressor", "encoder", "classifier"]
    method = {name: methods[0] for name, (_, methods) in MODELS.items()}
    alone = {name: fit(name)[0] for name in set(names)}
    before, start = blas_threads(), threading.Barrier(len(names))

    def work(name):
        start.wait(timeout=30)
        return fit(name)[0]

    with ThreadPoolExecutor(len(names)) as pool:
        together = list(pool.map(work, names))
    assert blas_threads() == before
    # Asked when all fits are over: old BLAS libraries give other last bits on another number of
    # threads, which is that of a fit while one runs.
    for name, model in zip(names, together, strict=True):
        answers = (getattr(m, method[name])(X) for m in (model, alone[name]))
        np.testing.assert_array_equal(*answers)


# Faults


class Fault(Exception):
    """What only a test raises."""


class BrokenSplitter:
    """Gives one split, then breaks."""

    def split(self, X, y=None, groups=None):
        yield np.arange(1, N), np.arange(1)
        raise Fault

    def get_n_splits(self, X=None, y=None, groups=None):
        return 2


def count_calls(monkeypatch, wanted, error, calls=None):
    """Let step ``wanted`` of all training raise ``error``."""
    calls, real = calls or itertools.count(1), Network.propagate

    def propagate(self, *args, **kwargs):
        if next(calls) == wanted:
            raise error
        return real(self, *args, **kwargs)

    monkeypatch.setattr(Network, "propagate", propagate)


STEPS = [("encoder", 1), ("encoder", 9), ("regressor", 2), ("classifier", 30)]


@pytest.mark.parametrize(("name", "step"), STEPS)
def test_a_fault_in_a_step_leaves_the_estimator_as_it_was(monkeypatch, name, step):
    model, _ = fit(name)
    before, threads = pickle.dumps(model), blas_threads()
    y = target(name)
    fresh = clone(model).set_params(max_iter=20)
    with monkeypatch.context() as patch:
        count_calls(patch, step, MemoryError)
        with pytest.raises(MemoryError):
            fresh.fit(X, y)
    with pytest.raises(NotFittedError):
        fresh.transform(X)
    with monkeypatch.context() as patch:
        count_calls(patch, 1, MemoryError)
        with pytest.raises(MemoryError):
            model.fit(X, y)
    assert pickle.dumps(model) == before
    assert blas_threads() == threads


@pytest.mark.parametrize(("name", "step"), STEPS)
def test_an_interrupt_leaves_an_estimator_that_answers(monkeypatch, name, step):
    model, methods = MODELS[name]
    model = clone(model).set_params(max_iter=20)
    threads = blas_threads()
    with monkeypatch.context() as patch:
        count_calls(patch, step, KeyboardInterrupt)
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, target(name))
    assert blas_threads() == threads
    for method in methods:
        assert np.isfinite(getattr(model, method)(X).astype(float)).all()
    assert pickle.loads(pickle.dumps(model)).transform(X).shape[0] == N


FITTED = ("encoder", "regressor", "classifier")


@pytest.mark.slow
@pytest.mark.parametrize("name", FITTED)
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_faults_at_random_steps(monkeypatch, name, error):
    model, methods = MODELS[name]
    steps = itertools.count()
    with monkeypatch.context() as patch:
        count_calls(patch, -1, error, steps)
        expected = getattr(clone(model).fit(X, target(name)), methods[0])(X)
    rng, n_steps, threads = np.random.default_rng(0), next(steps), blas_threads()
    for step in rng.integers(1, n_steps, 15):
        broken = clone(model)
        with monkeypatch.context() as patch:
            count_calls(patch, step, error)
            with pytest.raises(error):
                broken.fit(X, target(name))
        if error is MemoryError:
            with pytest.raises(NotFittedError):
                broken.transform(X)
        else:
            assert np.isfinite(getattr(broken, methods[0])(X).astype(float)).all()
        assert blas_threads() == threads
        again = broken.fit(X, target(name))
        np.testing.assert_array_equal(getattr(again, methods[0])(X), expected)


@pytest.fixture
def alarm():
    """Let the alarm clock raise what Control-C raises."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.slow
@pytest.mark.usefixtures("alarm")
@pytest.mark.parametrize("name", FITTED)
def test_interrupts_at_random_moments(name):
    """The signal of a keyboard, which comes between any two instructions."""
    model, methods = MODELS[name]
    model = clone(model).set_params(max_iter=20)
    start = time.perf_counter()
    expected = getattr(clone(model).fit(X, target(name)), methods[0])(X)
    duration, rng, threads = time.perf_counter() - start, np.random.default_rng(0), blas_threads()
    n_interrupted = 0
    while n_interrupted < 60:
        broken = clone(model)
        signal.setitimer(signal.ITIMER_REAL, rng.uniform(0.001, duration))
        try:
            broken.fit(X, target(name))
            signal.setitimer(signal.ITIMER_REAL, 0)
            duration *= 0.9  # the first fit took longer than others do
        except KeyboardInterrupt:
            n_interrupted += 1
        assert blas_threads() == threads
        if hasattr(broken, "embeddings_"):
            assert np.isfinite(getattr(broken, methods[0])(X).astype(float)).all()
    np.testing.assert_array_equal(getattr(broken.fit(X, target(name)), methods[0])(X), expected)


def test_a_splitter_that_breaks_is_heard_before_anything_is_learned():
    model, threads = EmbeddingEncoder(cv=BrokenSplitter(), **FAST), blas_threads()
    with pytest.raises(Fault):
        model.fit_transform(X[["town"]], Y)
    with pytest.raises(NotFittedError):
        model.transform(X[["town"]])
    assert blas_threads() == threads


def test_a_column_without_memory_leaves_the_estimator_as_it_was(monkeypatch):
    model, _ = fit("encoder")
    before = pickle.dumps(model)

    def no_memory(*args, **kwargs):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr("skembed._vector_model.learn_tables", no_memory)
        with pytest.raises(MemoryError):
            model.fit(X, Y)
    assert pickle.dumps(model) == before


# The long haul


def grown(work, n, warm_up):
    """Bytes that are held after ``n`` calls and were not before."""
    for _ in range(warm_up):
        work()
    gc.collect()
    tracemalloc.start()
    try:
        work()
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(n):
            work()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", MODELS)
def test_answers_keep_no_memory(name):
    model, methods = fit(name)
    answer = getattr(model, methods[0])
    # A new frame each time: pandas keeps a list of all columns that were taken from one.
    row = {"town": ["a"], "day": [1], "size": [0.5]}
    assert grown(lambda: answer(pd.DataFrame(row)), n=100, warm_up=5) < 100_000


def resident():
    """Bytes of memory of this process."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.mark.slow
def test_a_hundred_thousand_rows_and_a_thousand_fits_keep_less_than_five_megabytes():
    model, _ = fit("encoder")
    small, y = X[["town", "day"]][:60], Y[:60]
    row = {"town": ["a"], "day": [1], "size": [0.5]}
    haul = [
        ("100,000 rows one by one", lambda: model.transform(pd.DataFrame(row)), 100_000),
        ("1,000 fits", lambda: EmbeddingEncoder(max_iter=1, random_state=0).fit(small, y), 1_000),
    ]
    for name, work, n in haul:
        for _ in range(n // 10):
            work()
        before = resident()
        for _ in range(n):
            work()
        growth = resident() - before
        print(f"{name}: {growth / 1e6:.2f} MB")
        assert growth < 5_000_000
