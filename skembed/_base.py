"""The shared fit of all estimators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ._coded import Column
from ._cooccurrence import cooccurrence_tables
from ._frames import Frame
from ._learning import Recipe, Trained, learn_tables, limit_norm, train_network
from ._params import Rule, check_parameters
from ._recipe import make_recipe, progress_printer, share_tables
from ._sample import (
    Columns,
    Sample,
    choose_columns,
    encode_columns,
    learn_vocabularies,
    make_rng,
    make_sample,
    numeric_matrix,
    read_input,
)
from ._sequences import pooled_vectors
from ._tables import fill_reserved_rows
from ._vectors import LearnedVectors
from ._vocabulary import ColumnVocabulary
from ._warm_start import start_from
from .nn._bags import Bags
from .nn._training import History


class EmbeddingModel(LearnedVectors, BaseEstimator):
    """Learns tables of vectors; subclasses say what else they keep and do."""

    _rules: ClassVar[Mapping[str, Rule]]

    def _learn(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        before_training: Callable[[Sample, np.random.Generator], None] | None = None,
    ) -> tuple[Sample, Trained | None, Recipe]:
        """Everything up to the fitted attributes; returns what the fit does not keep.

        ``before_training`` may look at the sample, and refuse it, before anything is learned.
        """
        check_parameters(self, self._rules)
        # Names and number of columns are stored only when the fit has succeeded.
        probe = copy(self)
        frame = read_input(probe, X, reset=True)
        columns = choose_columns(frame, self.numeric_features, self.sequence_features)
        rng = make_rng(self.random_state)
        tables = share_tables(self.shared, columns)
        vocabularies: list[ColumnVocabulary] = []

        def codes_of(coded: list[Column]) -> tuple[NDArray[np.int32], dict[int, Bags]]:
            vocabularies.extend(
                learn_vocabularies(
                    coded,
                    columns,
                    self.categories,
                    self.min_frequency,
                    self.max_categories,
                    tables,
                )
            )
            return self._encode(coded, vocabularies, columns)

        sample, _ = make_sample(frame, columns, codes_of, y, self.task, sample_weight)
        recipe = make_recipe(self, columns, vocabularies, tables)
        if before_training:
            # A generator of its own: `fit` and `fit_transform` train the same network.
            before_training(sample, rng.spawn(1)[0])
        if self.task == "none":
            trained, history = None, History()
            learned = self._learn_together(sample, frame, columns, vocabularies, recipe, rng)
        else:
            trained = self._train(sample, columns, vocabularies, recipe, rng)
            history = trained.history
            learned = learn_tables(sample, trained, recipe)
        self._store(probe, columns, vocabularies, sample)
        self._store_learned(self._fill(learned, sample, vocabularies), trained, history)
        if history.interrupted:
            raise KeyboardInterrupt
        return sample, trained, recipe

    def _train(
        self,
        sample: Sample,
        columns: Columns,
        vocabularies: list[ColumnVocabulary],
        recipe: Recipe,
        rng: np.random.Generator,
    ) -> Trained:
        """The network that predicts the target."""
        return train_network(
            sample,
            tuple(vocabulary.n_codes for vocabulary in vocabularies),
            recipe,
            rng,
            start=self._start(columns, vocabularies),
            on_epoch=progress_printer(self),
        )

    def _learn_together(
        self,
        sample: Sample,
        frame: Frame,
        columns: Columns,
        vocabularies: list[ColumnVocabulary],
        recipe: Recipe,
        rng: np.random.Generator,
    ) -> list[NDArray[np.float32]]:
        """Tables from what occurs together in a row, without a target."""
        if self.initial_embeddings is not None:
            raise ValueError(
                "The 'initial_embeddings' parameter must be None with task='none', which does not "
                f"start from vectors. Got {self.initial_embeddings!r} instead."
            )
        tables = cooccurrence_tables(
            sample.codes,
            [vocabulary.n_codes for vocabulary in vocabularies],
            numeric_matrix(frame, columns)[sample.rows],
            sample.weight,
            recipe.embedding_dims,
            rng,
            recipe.tables,
            sample.bags,
        )
        return [limit_norm(table, self.max_norm).astype(np.float32) for table in tables]

    def _start(
        self, columns: Columns, vocabularies: list[ColumnVocabulary]
    ) -> Callable[..., None] | None:
        """What overwrites the first parameters of the network."""
        if not self.warm_start or getattr(self, "_parameters", None) is None:
            return None
        return start_from(
            self._architecture,
            self._parameters,
            dict(zip(self._columns.categorical_names, self._vocabularies, strict=True)),
            dict(zip(columns.categorical_names, vocabularies, strict=True)),
        )

    def _store(
        self,
        probe: EmbeddingModel,
        columns: Columns,
        vocabularies: list[ColumnVocabulary],
        sample: Sample,
    ) -> None:
        """Keep what was read."""
        self.n_features_in_ = probe.n_features_in_
        if hasattr(probe, "feature_names_in_"):
            self.feature_names_in_ = probe.feature_names_in_
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        self._columns = columns
        self._vocabularies = vocabularies
        self.categories_ = [vocabulary.categories for vocabulary in vocabularies]
        self.classes_ = sample.target.classes
        self.target_type_ = sample.target.kind
        self._n_outputs = sample.target.n_outputs

    def _store_learned(
        self, tables: list[NDArray[np.float32]], trained: Trained | None, history: History
    ) -> None:
        """Keep what was learned; ``trained`` is None if no network was."""
        self.embeddings_ = tables
        n_effects = self._n_outputs if self.target_effect else 0
        self.embedding_dims_ = [table.shape[1] - n_effects for table in tables]
        self.loss_curve_ = history.loss_curve
        losses = history.validation_losses
        self.validation_scores_ = [-loss for loss in losses] if self.early_stopping else None
        self.n_iter_ = len(self.loss_curve_)
        kept = trained if self.warm_start else None
        self._architecture = None if kept is None else kept.network.architecture
        self._parameters = None if kept is None else kept.parameters

    def _fill(
        self,
        tables: list[NDArray[np.float32]],
        sample: Sample,
        vocabularies: list[ColumnVocabulary],
    ) -> list[NDArray[np.float32]]:
        """Tables whose rows for unknown and missing values follow the parameters."""
        return [
            fill_reserved_rows(
                table,
                vocabulary,
                sample.codes[:, j],
                self.handle_unknown,
                self.handle_missing,
                sample.bags.get(j),
            )
            for j, (table, vocabulary) in enumerate(zip(tables, vocabularies, strict=True))
        ]

    def _encode(
        self, coded: list[Column], vocabularies: list[ColumnVocabulary], columns: Columns
    ) -> tuple[NDArray[np.int32], dict[int, Bags]]:
        return encode_columns(
            coded,
            vocabularies,
            columns.categorical_names,
            self.handle_unknown,
            self.handle_missing,
            self.pooling,
        )

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Look up the vectors of all categories.

        Parameters
        ----------
        X : dataframe or array-like of shape (n_samples, n_features)
            The columns seen in :meth:`fit`.

        Returns
        -------
        X_out : ndarray of shape (n_samples, n_features_out), dtype float32
            Vectors of the categorical columns side by side.

        Raises
        ------
        ValueError
            If columns are missing, renamed or in another order, or for a value that
            ``handle_unknown="error"`` or ``handle_missing="error"`` forbids.
        """
        check_is_fitted(self)
        return self._gather(X)

    def _gather(self, X: Any) -> NDArray[np.float32]:
        """`transform` without its wrapper, which may make a frame of the result."""
        frame = read_input(self, X, reset=False)
        coded = self._columns.read(frame)
        codes, bags = self._encode(coded, self._vocabularies, self._columns)
        output = np.empty((frame.n_rows, self._starts()[-1]), dtype=np.float32)
        for j, (table, columns) in enumerate(zip(self.embeddings_, self._slices(), strict=True)):
            if j in bags:
                output[:, columns] = pooled_vectors(table, codes[:, j], bags[j], self.pooling)
            else:
                np.take(table, codes[:, j], axis=0, out=output[:, columns], mode="clip")
        return output

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "embeddings_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        tags.input_tags.allow_nan = True
        return tags
