"""The encoder's fit of all rows at once: vectors are its result, the network a means to them."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._adopt import adopt
from ._base import EmbeddingModel
from ._callbacks import Task
from ._cooccurrence import reject_first_vectors
from ._learning import FittedNetwork, Trained, find_space, learn_tables, train_for_vectors
from ._numeric import NumericScaler
from ._params import check_parameters
from ._progress import Watch
from ._resting import Resting, rest
from ._streaming_counts import CountStream, start_counts
from ._training_input import TrainingInput, read_training_input
from .nn._record import Record
from .nn._training import History


class Units(Record):
    """What scaled the numeric columns and the target of the first rows."""

    scaler: NumericScaler
    center: NDArray[np.float64]
    scale: NDArray[np.float64]


class VectorModel(EmbeddingModel):
    """Learns vectors, of all rows at once."""

    def _read(self, X: Any, y: Any, sample_weight: Any) -> TrainingInput:
        """What the fit works with."""
        check_parameters(self, self._rules)
        return read_training_input(self, X, y, sample_weight)

    def _n_epochs(self) -> int:
        """How many epochs a network is trained at most."""
        return 0 if self.task == "none" else self.max_iter

    def _learn(self, read: TrainingInput, task: Task) -> tuple[VectorModel, Trained | None]:
        """A fitted copy, and what it does not keep; the epochs are parts of ``task``."""
        trained = None if self.task == "none" else self._train(read, task)
        fitted = self._fitted(read, trained)
        if trained and trained.history.interrupted:
            adopt(self, fitted)
            raise KeyboardInterrupt
        return fitted, trained

    def _train(self, read: TrainingInput, task: Task) -> Trained:
        """The network that predicts the target."""

        def attributes(network: FittedNetwork, history: History) -> dict[str, Any]:
            so_far = find_space(read.sample, read.n_codes, read.recipe, network, history)
            return vars(self._fitted(read, so_far))

        watch = Watch(task, attributes, self._lines(1, self.max_iter))
        return train_for_vectors(
            read.sample,
            read.n_codes,
            read.recipe,
            read.rng,
            start=next(self._starting_points(read), None),
            before_epoch=watch.begin_epoch,
            on_epoch=watch.end_epoch,
        )

    def _fitted(self, read: TrainingInput, trained: Trained | None) -> VectorModel:
        """A copy that has learned the vectors."""
        sample = read.sample
        if trained is None:
            counts = self._start_counts(read)
            stream, tables, _ = counts.learned(sample, read.numbers, read.recipe, read.rng)
            return self._with_tables(tables, read, stream, [], [])
        tables = learn_tables(sample, trained, read.recipe, same_rows=True)
        # How bags overlap is not told by what a fit leaves behind.
        resting = None if sample.bags else rest(sample, read.code_counts, trained, read.recipe)
        networks = [trained.state()] if self.warm_start else []
        return self._with_tables(tables, read, resting, networks, [trained.history])

    def _with_tables(
        self,
        tables: list[NDArray[np.float32]],
        read: TrainingInput,
        stream: CountStream | Resting | None,
        networks: list[FittedNetwork],
        histories: list[History],
    ) -> VectorModel:
        """A copy that has these tables; `partial_fit` goes on from the ``stream``."""
        fitted = copy(self)
        fitted._store(read)
        fitted._keep_for_later(read, stream)
        filled = self._fill(tables, read.vocabularies, read.code_counts)
        fitted._store_learned(filled, networks, histories)
        return fitted

    def _start_counts(self, read: TrainingInput) -> CountStream:
        """What tells which categories occur together in a row, without a target."""
        reject_first_vectors(self.initial_embeddings)
        return start_counts(read.sample, read.numbers, read.n_codes)

    def _keep_for_later(self, read: TrainingInput, stream: CountStream | Resting | None) -> None:
        """Keep what `partial_fit` goes on from."""
        target = read.sample.target
        self._stream = stream
        self._units = Units(read.scaler, target.center, target.scale)
