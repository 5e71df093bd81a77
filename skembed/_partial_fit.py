"""`partial_fit` of the encoder."""

from __future__ import annotations

from copy import copy
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ._adopt import adopt
from ._resting import Resting
from ._sample import Columns, Sample, make_rng, read_input, read_weight
from ._streaming import Stream, start_stream
from ._streaming_counts import CountStream
from ._targets import in_unit_of
from ._threads import single_blas_thread
from ._training_input import read_training_input
from ._vector_model import VectorModel
from ._vocabularies import moved_rows
from ._vocabulary import ColumnVocabulary
from .nn._training import History


class StreamedModel(VectorModel):
    """Learns batch by batch."""

    def partial_fit(
        self, X: Any, y: Any = None, sample_weight: Any = None, classes: Any = None
    ) -> Self:
        """Learn from one more batch of rows.

        The memory it takes follows from the tables, one batch, and the pairs of categories that
        stood together, of which at most five million are kept. After a :meth:`fit` it goes on from
        what that has learned.

        The categories are those of ``categories``, or those that :meth:`partial_fit_vocabulary`
        has counted before the first call. Else new ones join as they come, unless
        ``min_frequency`` or ``max_categories`` is given, which are applied to the first batch. What
        scales the target of the network and the numeric columns is taken from the first batch.

        Effects are those of all rows so far, as :meth:`fit` would give them. The network takes one
        pass over the batch with the constant rate ``learning_rate_init``. Rows that come again
        count again, unless a first pass has told how many there are.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`fit`, for the rows of the batch.
        classes : array-like of shape (n_classes,), optional
            All labels, where the ``y`` of the first call lacks some.

        Returns
        -------
        self : EmbeddingEncoder

        Raises
        ------
        ValueError
            With ``early_stopping``; with a target for columns of ``sequence_features``; for new
            labels, or a target of another kind; and as in :meth:`fit`. The encoder is left as it
            was.
        FloatingPointError
            If training diverged.

        Examples
        --------
        >>> from skembed import EmbeddingEncoder
        >>> encoder = EmbeddingEncoder(random_state=0)
        >>> _ = encoder.partial_fit([["a"], ["b"], ["a"]], [1.5, 2.0, 3.0])
        >>> encoder.partial_fit([["c"], ["b"]], [0.5, 2.5]).categories_
        [array(['a', 'b', 'c'], dtype=object)]
        """
        self._check_partial_fit(classes)
        fitted = copy(self)
        with single_blas_thread():
            if self.__sklearn_is_fitted__():
                history = fitted._go_on(X, y, sample_weight)
            else:
                history = fitted._begin(X, y, sample_weight, classes)
        adopt(self, fitted)
        if history.interrupted:
            raise KeyboardInterrupt
        return self

    def _begin(self, X: Any, y: Any, sample_weight: Any, classes: Any) -> History:
        """The first batch."""
        first_pass = getattr(self, "_first_pass", None)
        read = read_training_input(
            self, X, y, sample_weight, classes=classes, first_pass=first_pass
        )
        self._refuse_sequences(read.columns)
        stream: Stream | CountStream
        if self.task == "none":
            stream = self._start_counts(read)
        else:
            n_rows = first_pass.n_rows if first_pass else np.inf
            stream = start_stream(read.sample, read.n_codes, read.recipe, read.rng, n_rows)
        learned = stream.learned(read.sample, read.numbers, read.recipe, read.rng)
        self._store(read)
        self._keep_for_later(read, None)
        self.loss_curve_ = []
        return self._store_batch(*learned, read.vocabularies)

    def _go_on(self, X: Any, y: Any, sample_weight: Any) -> History:
        """A later batch."""
        self._refuse_sequences(self._columns)
        stream = self._resume()
        sample, numbers, vocabularies = self._read_batch(X, y, sample_weight)
        recipe = self._recipe_for(vocabularies)
        moves, n_codes = moved_rows(self._vocabularies, vocabularies)
        grown = stream.grown(moves, n_codes, recipe.priors)
        turn = [] if self.target_type_ == "none" else [self.n_iter_]
        rng = make_rng(self.random_state, *turn)
        learned = grown.learned(sample, numbers, recipe, rng)
        self._vocabularies = vocabularies
        return self._store_batch(*learned, vocabularies)

    def _resume(self) -> Stream | CountStream:
        """What has been learned so far, ready to go on."""
        stream = getattr(self, "_stream", None)
        if isinstance(stream, Resting):
            return stream.resumed(self.embeddings_, self._recipe_for(self._vocabularies))
        if stream is None:
            raise ValueError(
                "partial_fit cannot go on from what was learned here: only the vectors were kept. "
                "Give all rows to partial_fit of a new encoder, which sklearn.base.clone makes."
            )
        return stream

    def _read_batch(
        self, X: Any, y: Any, sample_weight: Any
    ) -> tuple[Sample, NDArray[np.float64], list[ColumnVocabulary]]:
        """Rows for a fit that exists, their numbers before scaling, and the vocabularies with
        them.
        """
        frame = read_input(self, X, reset=False)
        weight = read_weight(sample_weight, frame.n_rows)
        target = self._read_more_target(y, weight)
        units = self._units
        if self.target_type_.startswith("continuous"):
            target = in_unit_of(target, units.center, units.scale)
        rows = np.flatnonzero(weight)
        vocabularies, codes, bags, numbers = self._encode_more(frame, rows)
        numeric = units.scaler.transform(numbers)
        return Sample(rows, codes, numeric, target, weight[rows], bags), numbers, vocabularies

    def _store_batch(
        self,
        stream: Stream | CountStream,
        tables: list[NDArray[np.float32]],
        history: History,
        vocabularies: list[ColumnVocabulary],
    ) -> History:
        """Keep what was learned."""
        self._stream = stream
        filled = self._fill(tables, vocabularies, stream.code_counts())
        curve = self.loss_curve_ + history.loss_curve
        networks = stream.networks() if self.warm_start else []
        self._store_learned(filled, networks, [history])
        self.loss_curve_ = curve
        self.n_iter_ = len(curve)
        return history

    def _refuse_sequences(self, columns: Columns) -> None:
        if columns.sequences and self.task != "none":
            raise ValueError(
                f"partial_fit does not learn columns of sequences, {columns.sequence_names!r}, "
                "from a target. Call fit, drop these columns, or set task='none'."
            )
