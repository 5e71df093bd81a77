"""The training loop: epochs, batches, schedule, early stopping.

It knows the model by what it needs of it, the value and gradient of a batch, and knows no
estimator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ._network import Data, Network, Parameters
from ._optimizers import SCHEDULES, SGD, Adam, RowDecay, State

Array = NDArray[np.floating]
Rows = NDArray[np.integer] | slice
# The state of the optimiser that trains, under it.
Memory = dict[SGD | Adam, State]

# Rows predicted at once when a held-out part is scored.
_CHUNK = 8192


@dataclass(frozen=True)
class TrainingSettings:
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

    def make_optimizer(self) -> SGD | Adam:
        """What turns a gradient into an update."""
        return Adam() if self.solver == "adam" else SGD(self.momentum, self.nesterov)


@dataclass(frozen=True)
class TableRules:
    """What holds for the rows of one stack of tables.

    Parameters
    ----------
    decay : ndarray of shape (n_rows,) or None
        Decay per unit of learning rate.
    multiplier : ndarray of shape (n_rows,) or None
        Factor of the learning rate; 0 freezes a row.
    """

    decay: Array | None = None
    multiplier: Array | None = None


@dataclass
class History:
    """What happened, epoch by epoch."""

    loss_curve: list[float] = field(default_factory=list)
    validation_losses: list[float] = field(default_factory=list)
    best_epoch: int = 0
    interrupted: bool = False


class _Tables:
    """Keeps the rows of the tables in order: decay caught up, rates multiplied."""

    def __init__(self, parameters: Parameters, rules: dict[str, TableRules]) -> None:
        self._parameters = parameters
        self._decays = {n: RowDecay(r.decay) for n, r in rules.items() if r.decay is not None}
        self.multipliers = {
            n: r.multiplier.astype(np.float32) for n, r in rules.items() if r.multiplier is not None
        }

    def prepare(self, name: str, rows: NDArray[np.intp] | slice, total_rate: float) -> None:
        """Bring the rows up to date before they are looked up."""
        if name in self._decays:
            self._decays[name].settle(self._parameters[name], rows, total_rate)

    def settle(self, total_rate: float) -> None:
        """Bring all rows up to date."""
        for name in self._decays:
            self.prepare(name, slice(None), total_rate)


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
    on_epoch: Callable[[int, float, float | None], None] | None = None,
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
        Called after each epoch.
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
    tables = _Tables(parameters, rules or {})
    history = History()
    best = _Best(validation is not None, settings)
    schedule = _Rates(settings, len(data))
    optimizer = settings.make_optimizer()
    state = _recall(memory, optimizer, parameters)
    try:
        for epoch in range(settings.max_iter):
            rows = rng.permutation(len(data)) if settings.shuffle else slice(None)
            drawn = draw(rows, rng) if draw else data.take(rows)
            # A loss that overflows is reported below, in words.
            with np.errstate(over="ignore", invalid="ignore"):
                loss = _run_epoch(
                    network, parameters, drawn, settings, rng, tables, optimizer, state, schedule
                )
                _check_finite(loss, epoch, settings)
                tables.settle(schedule.total)
                held_out = None if validation is None else evaluate(network, parameters, validation)
                if held_out is not None:
                    _check_finite(held_out, epoch, settings)
            history.loss_curve.append(loss)
            if held_out is not None:
                history.validation_losses.append(held_out)
            # Before the call, which may be interrupted.
            enough = best.update(parameters, loss if held_out is None else held_out, epoch)
            if on_epoch:
                on_epoch(epoch, loss, held_out)
            if enough:
                break
    except KeyboardInterrupt:
        history.interrupted = True
        tables.settle(schedule.total)
    history.best_epoch = best.epoch
    parameters = best.restore(parameters)
    # The loss of a batch is that before its step: what the last step did shows in none.
    with np.errstate(over="ignore", invalid="ignore"):
        loss = evaluate(network, parameters, data.take(slice(settings.batch_size)))
    if not all(np.isfinite(value).all() for value in parameters.values()):
        loss = np.nan
    _check_finite(loss, max(len(history.loss_curve), 1) - 1, settings)
    return parameters, history


def _recall(memory: Memory | None, optimizer: SGD | Adam, parameters: Parameters) -> State:
    """The state to start from; that of another optimiser is of no use and forgotten."""
    if memory is None:
        return optimizer.init(parameters)
    if optimizer not in memory:
        memory.clear()
        memory[optimizer] = optimizer.init(parameters)
    return memory[optimizer]


class _Rates:
    """Learning rate of each step, and the sum of all so far."""

    def __init__(self, settings: TrainingSettings, n_rows: int) -> None:
        self._schedule = SCHEDULES[settings.schedule]
        self._rate = settings.learning_rate_init
        self._n_steps = settings.max_iter * -(-n_rows // settings.batch_size)
        self._step = 0
        self.total = 0.0

    def next(self) -> float:
        rate = self._rate * self._schedule(self._step / self._n_steps)
        self._step += 1
        self.total += rate
        return rate


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
    network: Network,
    parameters: Parameters,
    data: Data,
    settings: TrainingSettings,
    rng: np.random.Generator,
    tables: _Tables,
    optimizer: SGD | Adam,
    state: dict,
    schedule: _Rates,
) -> float:
    """One pass over the rows; the mean loss over them."""
    total = 0.0
    for part in _batches(data, settings.batch_size):
        batch = network.make_batch(part)
        for stack, rows in zip(network.stacks, batch.rows, strict=True):
            tables.prepare(stack.name, rows, schedule.total)
        value, gradients = network.value_and_gradient(parameters, batch, rng)
        optimizer.update(parameters, gradients, state, schedule.next(), tables.multipliers)
        total += value * len(part)
    return total / len(data)


def _check_finite(loss: float, epoch: int, settings: TrainingSettings) -> None:
    if not np.isfinite(loss):
        raise FloatingPointError(
            f"The loss became {loss} in epoch {epoch + 1}. Lower learning_rate_init "
            f"(now {settings.learning_rate_init:g}), or raise batch_size (now "
            f"{settings.batch_size})."
        )


def evaluate(network: Network, parameters: Parameters, data: Data) -> float:
    """Mean loss over all rows, without dropout."""
    total = 0.0
    for part in _batches(data, _CHUNK):
        raw = network.raw_prediction(parameters, part)
        total += network.loss(raw, part.y, part.weight)[0] * len(part)
    return total / len(data)


def predict(network: Network, parameters: Parameters, data: Data) -> Array:
    """Raw predictions of all rows, ``(n, n_outputs)``."""
    chunks = [network.raw_prediction(parameters, part) for part in _batches(data, _CHUNK)]
    return np.concatenate(chunks)
