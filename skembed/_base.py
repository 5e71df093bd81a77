"""What all estimators share: what is kept of a fit, further rows of its columns, `transform`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ._callbacks import CallbackSupportMixin
from ._coded import Column
from ._doc_link import DocumentedMixin
from ._first_pass import count_categories
from ._frames import Frame
from ._learning import FittedNetwork, Start
from ._params import Rule, check_parameters
from ._progress import ProgressLines, mean_curve
from ._recipe import Recipe, make_recipe, share_tables
from ._sample import numeric_matrix, read_input
from ._sequences import pooled_vectors
from ._tables import fill_reserved_rows, take_vectors
from ._targets import Target, read_classes, read_target
from ._training_input import TrainingInput, encode_coded, encode_input
from ._vectors import LearnedVectors
from ._vocabularies import extend_vocabularies
from ._vocabulary import ColumnVocabulary
from ._warm_start import start_from
from .nn._bags import Bags
from .nn._training import History

# Parameters that rows are read by, also those of a fitted estimator.
_OF_READING = ("handle_unknown", "handle_missing", "pooling", "dtype")


class EmbeddingModel(
    CallbackSupportMixin, TransformerMixin, LearnedVectors, DocumentedMixin, BaseEstimator
):
    """Learns tables of vectors; subclasses say what else they keep and do."""

    _rules: ClassVar[Mapping[str, Rule]]
    # Whether one column at least must be categorical.
    _needs_categories: ClassVar = True
    # Learned coordinates of a column of many categories, where that is left to us.
    _auto_dim: ClassVar = 4
    # Of the vectors that are given out; a parameter of the encoder.
    dtype: ClassVar = np.float32

    def _lines(self, n_networks: int, n_epochs: int) -> ProgressLines | None:
        """What prints a line per epoch, if that is wanted."""
        return ProgressLines(type(self).__name__, n_networks, n_epochs) if self.verbose else None

    def _starting_points(self, read: TrainingInput) -> Iterator[Start]:
        """What overwrites the first parameters of each network with those of the last fit."""
        if not self.warm_start or not self.__sklearn_is_fitted__():
            return
        before = dict(zip(self._columns.categorical_names, self._vocabularies, strict=True))
        now = dict(zip(read.columns.categorical_names, read.vocabularies, strict=True))
        for network in self._networks:
            yield start_from(network.architecture, network.parameters, before, now)

    def _store(self, read: TrainingInput) -> None:
        """Keep what was read."""
        target = read.sample.target
        self._store_names(read.probe)
        self._columns = read.columns
        self._vocabularies = read.vocabularies
        self._counted_before = read.counted_before
        self.classes_ = target.classes
        self.target_type_ = target.kind
        self._n_outputs = target.n_outputs
        # A first pass is for one fit.
        vars(self).pop("_first_pass", None)

    def _extended(self, coded: Sequence[Column]) -> list[ColumnVocabulary]:
        """The vocabularies with more rows counted, and what is new in them where it may join."""
        if self._counted_before:
            return self._vocabularies
        return extend_vocabularies(
            self._vocabularies,
            coded,
            self._columns,
            self.categories,
            share_tables(self.shared, self._columns),
            may_grow=self.min_frequency is None and self.max_categories is None,
        )

    def _recipe_for(self, vocabularies: list[ColumnVocabulary]) -> Recipe:
        """How to learn more rows of the columns of the fit, which have these vocabularies now."""
        tables = share_tables(self.shared, self._columns)
        return make_recipe(self, self._columns, vocabularies, tables)

    def _encode_more(
        self, frame: Frame, rows: NDArray[np.intp]
    ) -> tuple[list[ColumnVocabulary], NDArray[Any], dict[int, Bags], NDArray[np.float64]]:
        """Some rows for a fit that exists: the vocabularies with them, codes, bags, and numbers."""
        columns = self._columns
        coded = [column.take(rows) for column in columns.read(frame)]
        vocabularies = self._extended(coded)
        codes, bags = encode_coded(self, coded, rows, columns, vocabularies)
        return vocabularies, codes, bags, numeric_matrix(frame, columns)[rows]

    def _store_names(self, probe: Any) -> None:
        """Keep the names and the number of the columns."""
        self.n_features_in_ = probe.n_features_in_
        if hasattr(probe, "feature_names_in_"):
            self.feature_names_in_ = probe.feature_names_in_
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def _store_learned(
        self,
        tables: list[NDArray[np.float32]],
        networks: list[FittedNetwork],
        histories: list[History],
    ) -> None:
        """Keep what was learned: the tables, the networks that are needed again, how it went."""
        self.embeddings_ = tables
        n_effects = self._n_outputs if self.target_effect else 0
        self.embedding_dims_ = [table.shape[1] - n_effects for table in tables]
        self._networks = networks
        self.loss_curve_ = mean_curve([history.loss_curve for history in histories])
        held_out = mean_curve([history.validation_losses for history in histories])
        self.validation_scores_ = [-loss for loss in held_out] if self.early_stopping else None
        self.n_iter_ = len(self.loss_curve_)

    def _check_partial_fit(self, classes: Any) -> None:
        """Refuse what no batch can be learned with, and other labels than the first call had."""
        check_parameters(self, self._rules)
        if self.early_stopping:
            raise ValueError(
                "partial_fit holds out no rows. Got early_stopping=True: set it to False, or "
                "call fit."
            )
        if not self.__sklearn_is_fitted__():
            return
        if self._n_outputs and self.target_effect != self._has_effects():
            raise ValueError(
                f"target_effect must be {self._has_effects()}, as in the first call. Got "
                f"{self.target_effect!r}."
            )
        # Columns that share a table have one vocabulary.
        tables, held = share_tables(self.shared, self._columns), list(map(id, self._vocabularies))
        if list(map(tables.index, tables)) != list(map(held.index, held)):
            raise ValueError(
                f"The columns that share a table must be those of the first call. Got "
                f"shared={self.shared!r}: set it as it was, or begin anew with a clone."
            )
        if classes is None:
            return
        if self.classes_ is None or not np.array_equal(read_classes(classes), self.classes_):
            known = None if self.classes_ is None else self.classes_.tolist()
            raise ValueError(
                f"classes must be those of the first call, {known!r}. Got {classes!r}."
            )

    def _read_more_target(self, y: Any, weight: NDArray[np.float64]) -> Target:
        """The target of more rows for a fit that exists, in the unit of its own."""
        task = "classification"
        if self.target_type_ == "none" or self.target_type_.startswith("continuous"):
            # What a few rows look like does not tell their task.
            task = "none" if self.target_type_ == "none" else "regression"
        target = read_target(y, task, weight, self.classes_)
        if target.kind != self.target_type_ or target.n_outputs != self._n_outputs:
            raise ValueError(
                f"y must be as in the first call, {self.target_type_} with {self._n_outputs} "
                f"outputs. Got {target.kind} with {target.n_outputs}."
            )
        return target

    def _fill(
        self,
        tables: Sequence[NDArray[np.floating]],
        vocabularies: Sequence[ColumnVocabulary],
        code_counts: Sequence[NDArray[np.float64]],
    ) -> list[NDArray[np.floating]]:
        """Tables whose rows for unknown and missing values follow the parameters; each with its
        vocabulary, and the weight of the rows of each code.
        """
        # There are no tables of effects that are not wanted, and counts of numbers in bins have
        # none either.
        return [
            fill_reserved_rows(table, vocabulary, counts, self.handle_unknown, self.handle_missing)
            for table, vocabulary, counts in zip(tables, vocabularies, code_counts, strict=False)
        ]

    def partial_fit_vocabulary(self, X: Any) -> Self:
        """Count the categories of one more batch, before anything is learned.

        Called with all batches, it tells the first :meth:`partial_fit` the categories and how often
        they occur, so that ``min_frequency`` and ``max_categories`` can be applied, and how many
        rows there are, those of weight 0 included. How the rows are cut into batches makes no
        difference. The categories are then known: other values are unknown ones.

        Parameters
        ----------
        X : dataframe or array-like of shape (n_samples, n_features)
            All columns, as :meth:`partial_fit` gets them. The first batch tells which are numeric
            where that is not given.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If the estimator is fitted already, or a column is not what it must be.

        Examples
        --------
        >>> from skembed import EmbeddingEncoder
        >>> encoder = EmbeddingEncoder().partial_fit_vocabulary([["a"], ["b"]])
        >>> encoder.partial_fit_vocabulary([["c"], ["a"]]).categories_
        [array(['a', 'b', 'c'], dtype=object)]
        """
        check_parameters(self, self._rules)
        if self.__sklearn_is_fitted__():
            raise ValueError(
                "partial_fit_vocabulary must be called before anything is learned, but this "
                f"{type(self).__name__} is fitted. Take a new one: sklearn.base.clone makes it."
            )
        before = getattr(self, "_first_pass", None)
        probe = copy(self)
        frame = read_input(probe, X, reset=before is None)
        first_pass = count_categories(self, frame, before)
        self._store_names(probe)
        self._first_pass = first_pass
        self._vocabularies = first_pass.vocabularies
        return self

    def transform(self, X: Any) -> NDArray[np.floating]:
        """Look up the vectors of all categories.

        Parameters
        ----------
        X : dataframe or array-like of shape (n_samples, n_features)
            The columns seen in :meth:`fit`.

        Returns
        -------
        X_out : ndarray of shape (n_samples, n_features_out), dtype float32 or the given ``dtype``
            Vectors of the categorical columns side by side.

        Raises
        ------
        ValueError
            If columns are missing, renamed or in another order, or for a value that
            ``handle_unknown="error"`` or ``handle_missing="error"`` forbids.
        """
        check_is_fitted(self)
        return self._gather(X)

    def _check_reading(self) -> None:
        """Check the parameters that count at once: they may have been set since the fit."""
        rules = {name: self._rules[name] for name in _OF_READING if name in self._rules}
        check_parameters(self, rules)

    def _gather(self, X: Any) -> NDArray[np.floating]:
        """`transform` without its wrapper, which may make a frame of the result."""
        self._check_reading()
        frame = read_input(self, X, reset=False)
        codes, bags = encode_input(self, frame, self._columns, self._vocabularies)
        output = np.empty((frame.n_rows, self._starts()[-1]), dtype=self.dtype)
        for j, (table, columns) in enumerate(zip(self.embeddings_, self._slices(), strict=True)):
            if j in bags:
                output[:, columns] = pooled_vectors(table, codes[:, j], bags[j], self.pooling)
            else:
                take_vectors(table, codes[:, j], output[:, columns])
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
        tags.transformer_tags.preserves_dtype = []
        return tags
