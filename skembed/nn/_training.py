"""The training loop: epochs, batches, schedule, early stopping.

It knows the model by what it needs of it, a step that learns from a batch, and knows no estimator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ._architecture import Parameters
from ._network import Data, Network
from ._optimizers import SGD, Adam
from ._record import Record
from ._schedules import SCHEDULES
from ._step import Memory, Step, make_step
from ._touched import TableRules

Array = NDArray[np.floating]
Rows = NDArray[np.integer] | slice

# Rows predicted at once when a held-out part is scored.
_CHUNK = 8192


class TrainingSettings(Record):
    """How to train.

    Parameters
    ----------
    solver : str
        ``"adam"`` or ``"sgd"``.
    learning_rate_init : float
        The rate that the schedule multiplies.
    schedule : str
        Name of the schedule.
    batch_size : int
        Rows of a step.
    max_iter : int
        Epochs.
    shuffle : bool
        Draw a new order of the rows in each epoch.
    tol, n_iter_no_change : float, int
        Stop when the loss has not improved by ``tol`` for so many epochs.
    momentum, nesterov : float, bool
        Of SGD.
    """

    solver: str
    learning_rate_init: float
    schedule: str
    batch_size: int
    max_iter: int
    shuffle: bool = True
    tol: float = 0.0
    n_iter_no_change: int = 10**9
    momentum: float = 0.9
    nesterov: bool = True

    def of_round(self, number: int, n_epochs: int) -> TrainingSettings:
        """Settings of one of ``max_iter`` rounds, which go on from another average each."""
        rate = self.learning_rate_init * SCHEDULES[self.schedule]((number + 0.5) / self.max_iter)
        return replace(self, learning_rate_init=rate, schedule="constant", max_iter=n_epochs)

    def make_optimizer(self) -> SGD | Adam:
        """What turns a gradient into an update."""
        return Adam() if self.solver == "adam" else SGD(self.momentum, self.nesterov)


class History:
    """What happened, epoch by epoch."""

    def __init__(self, loss_curve: Iterable[float] = ()) -> None:
        self.loss_curve = list(loss_curve)
        self.validation_losses: list[float] = []
        self.best_epoch = 0
        self.interrupted = False


def train(
    network: Network,
    parameters: Parameters,
    data: Data,
    settings: TrainingSettings,
    rng: np.random.Generator,
    *,
    rules: dict[str, TableRules] | None = None,
    validation: Data | None = None,
    draw: Callable[[Rows, np.random.Generator], Data] | None = None,
    on_epoch: Callable[[int, float, float | None], bool | None] | None = None,
    memory: Memory | None = None,
) -> tuple[Parameters, History]:
    """Train ``parameters``, which are changed in place, and return the best of them.

    With a held-out part these are the parameters of the epoch with the lowest held-out loss, else
    the last ones.

    Parameters
    ----------
    network : Network
        Gives the loss and the gradient of a batch.
    parameters : dict of arrays
        Where to start.
    data : Data
        Training rows.
    settings : TrainingSettings
        How to train.
    rng : numpy.random.Generator
        Order of the rows, dropout, and what ``draw`` wants of it.
    rules : dict of TableRules, optional
        By the name of the stack.
    validation : Data, optional
        Held-out rows.
    draw : callable ``(rows, rng) -> data``, optional
        Makes the rows of an epoch, in the order given; by default those of ``data``.
    on_epoch : callable ``(epoch, loss, validation_loss or None)``, optional
        Called after each epoch; True makes it the last.
    memory : dict, optional
        What the optimiser keeps from step to step, empty at first and changed in place: with that
        of the last call training goes on where it ended.

    Returns
    -------
    parameters, history

    Raises
    ------
    FloatingPointError
        If the loss is no longer finite.
    """
    history = History()
    best = _Best(validation is not None, settings)
    schedule = _Rates(settings, len(data))
    # No batch is larger than all rows.
    batch_size = min(settings.batch_size, len(data))
    step = make_step(
        network, parameters, settings.make_optimizer(), rules or {}, batch_size, memory
    )

    def rows_of_epoch() -> Data:
        # No name is left that would hold the order, or the rows in it, beyond their epoch.
        rows = rng.permutation(len(data)) if settings.shuffle else slice(None)
        return draw(rows, rng) if draw else data.take(rows)

    try:
        for epoch in range(settings.max_iter):
            # A loss that overflows is reported below, in words.
            with np.errstate(over="ignore", invalid="ignore"):
                loss = _run_epoch(step, rows_of_epoch(), settings.batch_size, schedule, rng)
                _check_finite(loss, epoch, settings)
                step.settle(schedule.total)
                held_out = None if validation is None else evaluate(network, parameters, validation)
                if held_out is not None:
                    _check_finite(held_out, epoch, settings)
            history.loss_curve.append(loss)
            if held_out is not None:
                history.validation_losses.append(held_out)
            # Before the call, which may be interrupted.
            enough = best.update(parameters, loss if held_out is None else held_out, epoch)
            if (on_epoch and on_epoch(epoch, loss, held_out)) or enough:
                break
    except KeyboardInterrupt:
        history.interrupted = True
        step.settle(schedule.total)
    finally:
        step.close()
    history.best_epoch = best.epoch
    parameters = best.restore(parameters)
    # The loss of a batch is that before its step: what the last step did shows in none.
    with np.errstate(over="ignore", invalid="ignore"):
        loss = evaluate(network, parameters, data.take(slice(settings.batch_size)))
    if not all(np.isfinite(value).all() for value in parameters.values()):
        loss = np.nan
    _check_finite(loss, max(len(history.loss_curve), 1) - 1, settings)
    return parameters, history


class _Rates:
    """Learning rate of each step, and the sum of all so far."""

    def __init__(self, settings: TrainingSettings, n_rows: int) -> None:
        self._schedule = SCHEDULES[settings.schedule]
        self._rate = settings.learning_rate_init
        self._n_steps = settings.max_iter * -(-n_rows // settings.batch_size)
        self._step = 0
        self.total = 0.0

    def now(self) -> float:
        """The rate of the step to come."""
        return self._rate * self._schedule(self._step / self._n_steps)

    def advance(self, rate: float) -> None:
        """Count a step that was taken."""
        self._step += 1
        self.total += rate


class _Best:
    """Remembers the best epoch and says when there has been no improvement for too long."""

    def __init__(self, keep_copy: bool, settings: TrainingSettings) -> None:
        self._keep_copy = keep_copy
        self._tol = settings.tol
        self._patience = settings.n_iter_no_change
        self._least = np.inf
        self._target = np.inf
        self._waited = 0
        self._copy: Parameters | None = None
        self.epoch = 0

    def update(self, parameters: Parameters, loss: float, epoch: int) -> bool:
        """Take note of an epoch; True means stop."""
        if loss < self._least or not self._keep_copy:
            self._least, self.epoch = loss, epoch
            if self._keep_copy:
                self._copy = {name: value.copy() for name, value in parameters.items()}
        self._waited = 0 if loss < self._target - self._tol else self._waited + 1
        self._target = min(self._target, loss)
        return self._waited > self._patience

    def restore(self, parameters: Parameters) -> Parameters:
        return parameters if self._copy is None else self._copy


def _batches(data: Data, batch_size: int) -> Iterator[Data]:
    """Slices of rows, the last one short."""
    for start in range(0, len(data), batch_size):
        yield data.take(slice(start, start + batch_size))


def _run_epoch(
    step: Step, data: Data, batch_size: int, schedule: _Rates, rng: np.random.Generator
) -> float:
    """One pass over the rows; the mean loss over them."""
    total = 0.0
    for part in _batches(data, batch_size):
        rate = schedule.now()
        total += step(part, rate, schedule.total, rng) * len(part)
        schedule.advance(rate)
    return total / len(data)


def _check_finite(loss: float, epoch: int, settings: TrainingSettings) -> None:
    if not np.isfinite(loss):
        raise FloatingPointError(
            f"The loss became {loss} in epoch {epoch + 1}. Lower learning_rate_init "
            f"(now {settings.learning_rate_init:g}), or raise batch_size (now "
            f"{settings.batch_size})."
        )


def evaluate(network: Network, parameters: Mapping[str, Array], data: Data) -> float:
    """Mean loss over all rows, without dropout."""
    total = 0.0
    for part in _batches(data, _CHUNK):
        raw = network.raw_prediction(parameters, part)
        total += network.loss(raw, part.y, part.weight)[0] * len(part)
    return total / len(data)


def predict(network: Network, parameters: Mapping[str, Array], data: Data) -> Array:
    """Raw predictions of all rows, ``(n, n_outputs)``."""
    chunks = [network.raw_prediction(parameters, part) for part in _batches(data, _CHUNK)]
    return np.concatenate(chunks)
