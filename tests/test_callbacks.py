"""Callbacks of scikit-learn 1.9: which tasks they hear of, how they stop a fit, what they see."""

import pickle
from functools import cache

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.callback import ScoringMonitor
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline

from skembed import EmbeddingClassifier, EmbeddingEncoder, EmbeddingRegressor

RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.choice(list("abcdef"), (300, 2)), columns=["p", "q"])
Y = (X["p"] < X["q"]) + 0.1 * RNG.normal(size=300)
WEIGHT = RNG.integers(1, 4, 300)
N_EPOCHS = 4
# The predictors take 500 steps: all rows in one step make them as many epochs.
SMALL = {"hidden_layer_sizes": (8,), "max_iter": N_EPOCHS, "random_state": 0}
PREDICTOR = SMALL | {"max_iter": 500, "batch_size": 300, "tol": 1e6, "n_iter_no_change": 1}


class Recorder:
    """Notes what it is told; stops or raises where a function of the context says so."""

    def __init__(self, stop=lambda context: False, fail=lambda hook, context: False):
        self.stop, self.fail = stop, fail
        self.hooks, self.contexts, self.data, self.fitted = [], [], [], []

    def note(self, hook, context):
        self.hooks.append((hook, context.task_name, context.task_id))
        self.contexts.append(context)
        if self.fail(hook, context):
            raise RuntimeError("enough")

    def setup(self, estimator, context):
        self.note("setup", context)

    def teardown(self, estimator, context):
        self.note("teardown", context)

    def on_fit_task_begin(self, estimator, context):
        self.note("begin", context)

    def on_fit_task_end(self, estimator, context, *, X, y, metadata, fitted_estimator):
        self.data.append((X, y, metadata))
        self.fitted.append((context.task_name, context.task_id, fitted_estimator))
        self.note("end", context)
        return self.stop(context)


class Propagated(Recorder):
    max_propagation_depth = None


def after(name, number):
    """Stop after the task of this name and number."""
    return lambda context: (context.task_name, context.task_id) == (name, number)


def epochs(count=N_EPOCHS):
    return [(hook, "epoch", k) for k in range(count) for hook in ("begin", "end")]


def make(cls):
    if cls is EmbeddingEncoder:
        return EmbeddingEncoder(**SMALL)
    weights = {"class_weight": "balanced"} if cls is EmbeddingClassifier else {}
    return cls(**PREDICTOR, n_estimators=2, **weights)


@pytest.fixture(params=[EmbeddingEncoder, EmbeddingRegressor, EmbeddingClassifier])
def estimator(request):
    return make(request.param)


@pytest.fixture(params=[EmbeddingRegressor, EmbeddingClassifier])
def predictor(request):
    return make(request.param)


@cache
def fitted_bytes(cls):
    """A fitted estimator of the class, pickled: every test has its own."""
    estimator = make(cls)
    return pickle.dumps(estimator.fit(X, target(estimator)))


def target(estimator):
    return Y > Y.mean() if isinstance(estimator, EmbeddingClassifier) else Y


# Tasks


def test_a_fit_of_the_encoder_has_its_epochs_as_tasks():
    recorder = Recorder()
    EmbeddingEncoder(**SMALL).set_callbacks(recorder).fit(X, Y)
    assert recorder.hooks == [
        ("setup", "fit", 0),
        ("begin", "fit", 0),
        *epochs(),
        ("end", "fit", 0),
        ("teardown", "fit", 0),
    ]
    assert recorder.contexts[0].max_subtasks == N_EPOCHS


@pytest.mark.parametrize("cv", [3, KFold(3)])
def test_fit_transform_has_a_fit_and_folds_as_tasks(cv):
    recorder = Recorder()
    EmbeddingEncoder(**SMALL, cv=cv).set_callbacks(recorder).fit_transform(X, Y)
    assert recorder.hooks == [
        ("setup", "fit-transform", 0),
        ("begin", "fit-transform", 0),
        ("begin", "fit", 0),
        *epochs(),
        ("end", "fit", 0),
        ("begin", "cross-fitting", 1),
        *[(hook, "fold", k) for k in range(3) for hook in ("begin", "end")],
        ("end", "cross-fitting", 1),
        ("end", "fit-transform", 0),
        ("teardown", "fit-transform", 0),
    ]


@pytest.mark.parametrize("parameters", [{"cv": None}, {"task": "none"}])
def test_without_folds_there_is_no_task_for_them(parameters):
    recorder = Recorder()
    EmbeddingEncoder(**SMALL, **parameters).set_callbacks(recorder).fit_transform(X, Y)
    assert recorder.hooks[-3:] == [
        ("end", "fit", 0),
        ("end", "fit-transform", 0),
        ("teardown", "fit-transform", 0),
    ]
    assert (("begin", "epoch", 0) in recorder.hooks) == ("cv" in parameters)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_predictors_have_networks_as_tasks_and_epochs_inside(predictor, n_jobs):
    recorder = Recorder()
    predictor.set_params(n_jobs=n_jobs).set_callbacks(recorder).fit(X, target(predictor))
    assert recorder.hooks[:2] == [("setup", "fit", 0), ("begin", "fit", 0)]
    assert recorder.hooks[-2:] == [("end", "fit", 0), ("teardown", "fit", 0)]
    inner = list(zip(recorder.hooks, recorder.contexts, strict=True))[2:-2]
    for k in range(2):
        own = [
            hook
            for hook, context in inner
            if k == (context if context.task_name == "network" else context.parent).task_id
        ]
        assert own == [("begin", "network", k), *epochs(len(own) // 2 - 1), ("end", "network", k)]
    assert sum(hook == ("end", "network", 0) for hook, _ in inner) == 1
    n_epochs = [sum(hook == ("end", "epoch", k) for hook, _ in inner) for k in range(500)]
    assert np.count_nonzero(n_epochs) == predictor.n_iter_


def test_callbacks_are_given_the_data_of_the_fit(estimator):
    recorder, y = Recorder(), target(estimator)
    estimator.set_callbacks(recorder).fit(X, y, sample_weight=WEIGHT)
    for given, labels, metadata in recorder.data:
        assert given is X
        assert labels is y
        assert metadata.keys() == {"sample_weight"}
        assert metadata["sample_weight"] is WEIGHT


def test_callbacks_that_only_listen_change_no_bit(estimator):
    y = target(estimator)
    alone = clone(estimator).fit(X, y)
    heard = estimator.set_callbacks(Recorder()).fit(X, y)
    for one, other in zip(alone.embeddings_, heard.embeddings_, strict=True):
        np.testing.assert_array_equal(one, other)
    assert alone.loss_curve_ == heard.loss_curve_
    assert vars(alone).keys() == vars(heard).keys() - {"_skl_callbacks"}


# Stopping


def test_a_callback_stops_after_an_epoch(estimator):
    y = target(estimator)
    estimator.set_params(max_iter=500, tol=0.0)
    estimator.set_callbacks(Recorder(after("epoch", 1))).fit(X, y)
    assert estimator.n_iter_ == len(estimator.loss_curve_) == 2
    assert np.isfinite(estimator.transform(X)).all()
    if hasattr(estimator, "predict"):
        assert estimator.score(X, y) > 0
        assert len(estimator._networks) == 2


def test_a_stopped_fit_transform_has_out_of_fold_vectors():
    encoder = EmbeddingEncoder(**SMALL, cv=KFold(3)).set_callbacks(Recorder(after("epoch", 0)))
    vectors = encoder.fit_transform(X, Y)
    assert encoder.n_iter_ == 1
    assert (vectors != encoder.transform(X)).all(axis=1).any()
    alone = clone(encoder).fit(X, Y)
    np.testing.assert_array_equal(alone.embeddings_[0], encoder.embeddings_[0])


def test_with_held_out_rows_a_stopped_fit_keeps_the_best_epoch():
    encoder = EmbeddingEncoder(**SMALL | {"max_iter": 50}, early_stopping=True)
    encoder.set_callbacks(Recorder(after("epoch", 2))).fit(X, Y)
    assert len(encoder.validation_scores_) == 3


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_callback_stops_after_a_network(n_jobs):
    model = EmbeddingRegressor(**PREDICTOR, n_estimators=4, n_jobs=n_jobs)
    stopped = clone(model).set_callbacks(Recorder(after("network", 1))).fit(X, Y)
    assert len(stopped._networks) == 2
    # What other processes train is the same: test_blend.py.
    whole = model.set_params(n_jobs=None).fit(X, Y)
    for k in range(2):
        np.testing.assert_array_equal(
            stopped._networks[k].parameters["dense"], whole._networks[k].parameters["dense"]
        )


# The estimator as it is


def test_the_encoder_of_each_epoch_is_the_one_that_a_stop_would_leave():
    recorder = Recorder()
    EmbeddingEncoder(**SMALL).set_callbacks(recorder).fit(X, Y)
    for name, number, fitted in recorder.fitted[:-1]:
        stopped = EmbeddingEncoder(**SMALL).set_callbacks(Recorder(after(name, number))).fit(X, Y)
        np.testing.assert_array_equal(fitted.transform(X), stopped.transform(X))
        assert fitted.loss_curve_ == stopped.loss_curve_


def test_the_predictor_of_each_epoch_is_the_one_that_a_stop_would_leave(predictor):
    predictor.set_params(n_estimators=1, linear_part=False)
    y, recorder = target(predictor), Recorder()
    whole = clone(predictor).set_callbacks(recorder).fit(X, y)
    for name, number, fitted in recorder.fitted:
        stopped = clone(predictor).set_callbacks(Recorder(after(name, number))).fit(X, y)
        np.testing.assert_array_equal(fitted.predict(X), stopped.predict(X))
        np.testing.assert_array_equal(fitted.transform(X), stopped.transform(X))
    np.testing.assert_array_equal(recorder.fitted[-1][2].predict(X), whole.predict(X))
    assert len({fitted.embeddings_[0].tobytes() for _, _, fitted in recorder.fitted}) >= 2


def test_scoring_monitor(predictor):
    predictor.set_params(n_estimators=1, linear_part=False)
    name = "accuracy" if isinstance(predictor, EmbeddingClassifier) else "r2"
    monitor, y = ScoringMonitor(scoring=name), target(predictor)
    predictor.set_callbacks(monitor).fit(X, y, sample_weight=WEIGHT)
    logs = monitor.get_logs().data_as_pandas
    assert logs["task_name"].tolist() == ["fit", "network", *["epoch"] * predictor.n_iter_]
    score = predictor.score(X, y, sample_weight=WEIGHT)
    assert logs[name].iloc[[0, 1, -1]].tolist() == [score] * 3


def test_the_estimator_of_an_epoch_can_go_on(estimator):
    recorder, y = Recorder(), target(estimator)
    estimator.set_callbacks(recorder).fit(X, y)
    seen = next(fitted for name, _, fitted in recorder.fitted if name == "epoch")
    assert seen.partial_fit(X[:50], y[:50]).n_iter_ == 2


def test_names_of_a_fit_before_are_not_those_of_the_estimator_as_it_is(estimator):
    recorder, y = Recorder(), target(estimator)
    estimator.fit(X, y).set_callbacks(recorder).fit(X.to_numpy(), y)
    for _, _, fitted in recorder.fitted:
        assert fitted.transform(X.to_numpy()).shape == estimator.transform(X.to_numpy()).shape
        assert list(fitted.get_feature_names_out()) == list(estimator.get_feature_names_out())


# Failing


@pytest.mark.parametrize(
    ("hook", "number"), [("setup", 0), *[(hook, k) for hook in ("begin", "end") for k in range(4)]]
)
def test_a_callback_that_raises_leaves_the_estimator_as_it_was(estimator, hook, number):
    """The hook of this name raises when it is called for the so-and-so-manieth time."""
    times = iter(range(1000))
    recorder = Recorder(fail=lambda h, context: h == hook and next(times) == number)
    X_new, y = X.iloc[:200, :1], target(estimator)
    blank = clone(estimator).set_callbacks(recorder)
    before = dict(vars(blank))
    with pytest.raises(RuntimeError, match="enough"):
        blank.fit(X, y)
    assert vars(blank) == before
    assert recorder.hooks[-1][0] == "teardown"
    fitted = pickle.loads(fitted_bytes(type(estimator)))
    before = pickle.dumps(fitted)
    times = iter(range(1000))
    with pytest.raises(RuntimeError, match="enough"):
        fitted.set_callbacks(recorder).fit(X_new, y[:200])
    assert pickle.dumps(fitted.set_callbacks()) == before


@pytest.mark.parametrize("name", ["fit-transform", "fit", "epoch", "cross-fitting", "fold"])
@pytest.mark.parametrize("hook", ["begin", "end"])
def test_a_callback_that_raises_in_fit_transform_leaves_the_encoder_as_it_was(hook, name):
    recorder = Recorder(fail=lambda h, context: (h, context.task_name) == (hook, name))
    encoder = EmbeddingEncoder(**SMALL, cv=2).set_callbacks(recorder)
    before = dict(vars(encoder))
    with pytest.raises(RuntimeError, match="enough"):
        encoder.fit_transform(X, Y)
    assert vars(encoder) == before


def test_an_interruption_between_the_folds_keeps_the_fit():
    class Impatient(Recorder):
        def note(self, hook, context):
            if context.task_name == "fold":
                raise KeyboardInterrupt

    encoder = EmbeddingEncoder(**SMALL, cv=2).set_callbacks(Impatient())
    with pytest.raises(KeyboardInterrupt):
        encoder.fit_transform(X, Y)
    np.testing.assert_array_equal(
        encoder.transform(X), EmbeddingEncoder(**SMALL).fit(X, Y).transform(X)
    )


# Inside other estimators


def path(context):
    names = []
    while context is not None:
        names.insert(0, context.task_name)
        context = context.parent
    return names


def test_callbacks_come_from_a_search_through_a_pipeline():
    recorder = Propagated()
    model = make_pipeline(EmbeddingEncoder(**SMALL, cv=2), LogisticRegression())
    search = GridSearchCV(model, {"embeddingencoder__embedding_dim": [1, 2]}, cv=2)
    search.set_callbacks(recorder).fit(X, Y > Y.mean())
    own = [c for c in recorder.contexts if c.estimator_name == "EmbeddingEncoder"]
    # Two candidates in two folds, and the best once more.
    assert sum(c.task_name == "epoch" for c in own) == 2 * N_EPOCHS * 5
    assert sum(c.task_name == "fold" for c in own) == 2 * 2 * 5
    inner = next(c for c in own if c.task_name == "epoch")
    assert path(inner)[-3:] == ["fit-transform", "fit", "epoch"]
    assert len(path(inner)) > 4
    encoder = search.best_estimator_.named_steps["embeddingencoder"]
    assert not {name for name in vars(encoder) if "callback" in name}


def test_a_monitor_of_the_last_step_of_a_pipeline_in_a_search():
    monitor = ScoringMonitor(scoring="r2")
    regressor = EmbeddingRegressor(**PREDICTOR, n_estimators=1).set_callbacks(monitor)
    search = GridSearchCV(regressor, {"embedding_dim": [1, 2]}, cv=2).fit(X, Y)
    logs = monitor.get_logs().data_as_pandas
    assert (logs["task_name"] == "network").sum() == 5
    assert np.isfinite(logs["r2"]).all()
    assert search.best_score_ > 0


def test_a_first_partial_fit_is_a_fit_with_callbacks():
    recorder = Recorder()
    model = EmbeddingRegressor(**PREDICTOR, n_estimators=1).set_callbacks(recorder)
    model.partial_fit(X, Y)
    assert recorder.hooks[0] == ("setup", "fit", 0)
    assert recorder.hooks[-1] == ("teardown", "fit", 0)
    heard = len(recorder.hooks)
    model.partial_fit(X, Y)
    assert len(recorder.hooks) == heard
