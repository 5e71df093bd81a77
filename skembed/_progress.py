"""What is told of training while it runs: to callbacks, and in lines of text."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from ._callbacks import Attributes, Task
from ._learning import FittedNetwork
from .nn._training import History


class ProgressLines:
    """Prints a line per epoch: where training is, the losses, the time that is left.

    Parameters
    ----------
    name : str
        What is being fitted.
    n_networks : int
        How many networks are trained, one after the other or together.
    n_epochs : int
        Epochs of each.
    """

    def __init__(self, name: str, n_networks: int, n_epochs: int) -> None:
        self._name = name
        self._n_epochs = n_epochs
        # A slot for each network: they may be trained in threads.
        self._done = [0] * n_networks
        self._left = [n_epochs] * n_networks
        self._start = perf_counter()

    def add(self, number: int, epoch: int, loss: float, held_out: float | None) -> None:
        """Print the line of an epoch of a network."""
        self._done[number], self._left[number] = epoch + 1, self._n_epochs - epoch - 1
        seconds = (perf_counter() - self._start) / sum(self._done) * sum(self._left)
        n_networks = len(self._done)
        network = f"network {number + 1}/{n_networks}, " if n_networks > 1 else ""
        other = "" if held_out is None else f", held-out loss {held_out:.5f}"
        print(
            f"[{self._name}] {network}epoch {epoch + 1}/{self._n_epochs}: "
            f"loss {loss:.5f}{other}, {_duration(seconds)} left"
        )

    def finish(self, number: int) -> None:
        """No more epochs of a network will come."""
        self._left[number] = 0


def _duration(seconds: float) -> str:
    """In words, to two digits or so."""
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds / 60:.1f} min"


class Watch:
    """Looks on while one network is trained.

    Parameters
    ----------
    task : Task
        Whose parts are the epochs.
    attributes : callable ``(network, history) -> dict``
        The attributes of an estimator that has this network.
    lines : ProgressLines or None
        Where a line per epoch is printed.
    number : int
        Of the network.
    """

    def __init__(
        self,
        task: Task,
        attributes: Callable[[FittedNetwork, History], dict[str, Any]],
        lines: ProgressLines | None = None,
        number: int = 0,
    ) -> None:
        self.task = task
        self.attributes = attributes
        self.lines = lines
        self.number = number
        self.history = History()

    def begin_epoch(self) -> None:
        """An epoch begins."""
        self._epoch = self.task.begin("epoch")

    def end_epoch(
        self, network: FittedNetwork, epoch: int, loss: float, held_out: float | None
    ) -> bool:
        """An epoch is over; True if it shall be the last."""
        self.history.loss_curve.append(loss)
        if held_out is not None:
            self.history.validation_losses.append(held_out)
        if self.lines:
            self.lines.add(self.number, epoch, loss, held_out)
        return self._epoch.end(self._as_fitted(network))

    def end(self, network: FittedNetwork) -> bool:
        """The training of the network is over; True if it shall be the last network."""
        if self.lines:
            self.lines.finish(self.number)
        return self.task.end(self._as_fitted(network))

    def _as_fitted(self, network: FittedNetwork) -> Attributes:
        # A copy, because training goes on; made only if a callback asks for the estimator.
        return lambda: self.attributes(network.copy(), self.history)


class Unwatched:
    """In place of a :class:`Watch` where nobody looks on."""

    def begin_epoch(self) -> None:
        """An epoch begins."""

    def end_epoch(
        self, network: FittedNetwork, epoch: int, loss: float, held_out: float | None
    ) -> bool:
        """An epoch is over, and is not to be the last."""
        return False

    def end(self, network: FittedNetwork) -> bool:
        """The training of the network is over, and it is not to be the last."""
        return False


def mean_curve(curves: list[list[float]]) -> list[float]:
    """Mean of several curves per epoch, each over those that got so far."""
    length = max(map(len, curves), default=0)
    reached = [[curve[k] for curve in curves if k < len(curve)] for k in range(length)]
    return [float(np.mean(values)) for values in reached]
