"""What a fit prints, and a fit where scikit-learn has no callbacks."""

import re
import sys
from importlib.util import module_from_spec, spec_from_file_location

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config

from skembed import EmbeddingClassifier, EmbeddingEncoder, EmbeddingRegressor, _callbacks, _progress
from skembed._progress import ProgressLines

pytestmark = pytest.mark.usefixtures("few_steps")

RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.choice(list("abcdef"), (300, 2)), columns=["p", "q"])
Y = (X["p"] < X["q"]) + 0.1 * RNG.normal(size=300)
SMALL = {"hidden_layer_sizes": (8,), "max_iter": 3, "random_state": 0}
LINE = re.compile(
    r"\[(\w+)\] (?:network (\d+)/(\d+), )?epoch (\d+)/(\d+): loss -?\d+\.\d{5}"
    r"(, held-out loss -?\d+\.\d{5})?, \d+\.\d (?:s|min) left"
)


def test_who_looks_on_keeps_the_networks_in_this_process(capsys):
    model = EmbeddingRegressor(**SMALL, n_estimators=2, n_jobs=2, verbose=1)
    with parallel_config("loky"):
        model.fit(X, Y)
    assert "network 2/2, epoch " in capsys.readouterr().out


@pytest.mark.parametrize("early_stopping", [False, True])
def test_the_encoder_prints_a_line_per_epoch(early_stopping, capsys):
    encoder = EmbeddingEncoder(**SMALL, verbose=1, early_stopping=early_stopping).fit(X, Y)
    lines = [LINE.fullmatch(line).groups() for line in capsys.readouterr().out.splitlines()]
    assert [line[:5] for line in lines] == [
        ("EmbeddingEncoder", None, None, str(1 + epoch), "3") for epoch in range(encoder.n_iter_)
    ]
    assert all((line[5] is not None) == early_stopping for line in lines)


@pytest.mark.parametrize(("n_estimators", "n_jobs"), [(1, None), (2, None), (2, 2)])
def test_the_predictors_print_a_line_per_epoch_of_each_network(n_estimators, n_jobs, capsys):
    model = EmbeddingRegressor(**SMALL, n_estimators=n_estimators, n_jobs=n_jobs, verbose=1)
    model.fit(X, Y)
    lines = [LINE.fullmatch(line).groups() for line in capsys.readouterr().out.splitlines()]
    expected = {
        (None, None) if n_estimators == 1 else (str(1 + k), "2") for k in range(n_estimators)
    }
    assert {line[1:3] for line in lines} == expected
    for network in expected:
        epochs = [int(line[3]) for line in lines if line[1:3] == network]
        assert epochs == list(range(1, 1 + len(epochs)))
    assert max(int(line[3]) for line in lines) == model.n_iter_


@pytest.mark.parametrize("estimator", [EmbeddingEncoder, EmbeddingRegressor, EmbeddingClassifier])
def test_nothing_is_printed_by_default(estimator, capsys):
    y = Y > Y.mean() if estimator is EmbeddingClassifier else Y
    estimator(**SMALL).fit(X, y)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_the_time_left_is_that_of_the_epochs_left(monkeypatch, capsys):
    clock = iter([0.0, 3.0, 6.0, 9.0, 900.0])
    monkeypatch.setattr(_progress, "perf_counter", lambda: next(clock))
    lines = ProgressLines("Model", n_networks=2, n_epochs=4)
    lines.add(0, 0, 0.5, None)
    lines.add(0, 1, 0.5, None)
    lines.finish(0)
    lines.add(1, 0, 0.5, 0.25)
    lines.add(1, 1, 0.5, 0.25)
    assert capsys.readouterr().out.splitlines() == [
        "[Model] network 1/2, epoch 1/4: loss 0.50000, 21.0 s left",
        "[Model] network 1/2, epoch 2/4: loss 0.50000, 18.0 s left",
        "[Model] network 2/2, epoch 1/4: loss 0.50000, held-out loss 0.25000, 9.0 s left",
        "[Model] network 2/2, epoch 2/4: loss 0.50000, held-out loss 0.25000, 7.5 min left",
    ]


def test_without_callbacks_in_scikit_learn_nobody_hears_of_the_tasks(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    spec = spec_from_file_location("skembed._callbacks_of_old", _callbacks.__file__)
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)

    class Estimator(module.CallbackSupportMixin):
        @module.with_callbacks
        def fit(self):
            task = module.begin_fit(self, X, Y, None, n_parts=1)
            part = task.begin("epoch")
            return part.end(), task.end()

    assert Estimator().fit() == (False, False)
    assert not hasattr(Estimator(), "set_callbacks")
