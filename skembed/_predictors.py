"""What EmbeddingClassifier and EmbeddingRegressor share: the fit, and raw predictions."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from ._adopt import adopt
from ._base import EmbeddingModel
from ._blend import Blend, continue_blend, fit_blend, grow_blend
from ._callbacks import Task, begin_fit, has_callbacks, with_callbacks
from ._effects_frame import effect_frames
from ._feature_search import FeatureSettings, make_features
from ._features import Draws, Features
from ._first_pass import FirstPass
from ._learning import FittedNetwork
from ._noise import held_back, share_of_noise
from ._params import check_parameters
from ._progress import Watch, mean_curve
from ._recipe import Recipe
from ._sample import Sample, make_rng, numeric_matrix, read_input, read_weight
from ._tables import limit_norm
from ._targets import Target
from ._terms import Cross, Part, Term
from ._threads import single_blas_thread
from ._training_input import TrainingInput, encode_input, read_training_input
from ._vocabularies import moved_rows
from ._vocabulary import UNKNOWN, ColumnVocabulary
from .nn._architecture import column_views, table_views
from .nn._losses import make_loss
from .nn._parallel import slices
from .nn._training import History

Array = NDArray[np.floating]

# Rows predicted at a time.
_AT_ONCE = 2**14


class EmbeddingPredictor(EmbeddingModel):
    """Keeps the networks, and the features and the linear model beside them."""

    _auto_dim: ClassVar = 8
    _needs_categories: ClassVar = False

    @with_callbacks
    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        classes: Any = None,
        first_pass: FirstPass | None = None,
    ) -> None:
        check_parameters(self, self._rules)
        with single_blas_thread():
            weight, classes = self._weighted(X, y, sample_weight, classes)
            read = read_training_input(self, X, y, weight, classes=classes, first_pass=first_pass)
            task = begin_fit(self, X, y, sample_weight, n_parts=self.n_estimators, in_order=False)
            target = self._with_loss(read.sample)
            read = replace(read, sample=replace(read.sample, target=target))
            features, draws = self._make_features(read)
            noise = share_of_noise(read.sample, draws.features[0])
            read = replace(
                read, recipe=held_back(read.recipe, noise, self.dropout, features.has_effects)
            )
            starts = list(self._starting_points(read))[: self.n_estimators]
            blend, histories = fit_blend(
                read.sample,
                draws,
                read.n_codes,
                read.recipe,
                self.n_estimators,
                self.linear_part,
                read.rng,
                self.n_jobs,
                starts + [None] * (self.n_estimators - len(starts)),
                partial(self._watches, read, features, task) if self._is_watched() else None,
            )
            fitted = self._fitted(read, features, blend, histories)
            interrupted = any(history.interrupted for history in histories)
            if not interrupted:
                task.end(lambda: vars(fitted))
        adopt(self, fitted)
        if interrupted:
            raise KeyboardInterrupt

    def _make_features(self, read: TrainingInput) -> tuple[Features, Draws]:
        """The features that the parameters ask for; unknown and missing values have their effects
        as the parameters say, too.
        """
        features, draws = make_features(
            read.sample,
            read.numbers,
            read.scaler,
            self._plain_columns(read),
            read.columns.numeric_names,
            FeatureSettings(
                self.target_effect,
                self.crosses,
                self.counts,
                self.n_bins,
                read.n_codes,
                read.recipe.shrinkage,
            ),
            read.rng,
        )
        effects, addends = (
            self._fill(tables, read.vocabularies, read.code_counts)
            for tables in (features.column_effects, features.column_addends)
        )
        return replace(features, column_effects=effects, column_addends=addends), draws

    def _is_watched(self) -> bool:
        """Whether anyone wants to know of each epoch."""
        return bool(self.verbose) or has_callbacks(self)

    def _watches(
        self, read: TrainingInput, features: Features, task: Task, n_epochs: int
    ) -> Callable[[int], Watch]:
        """What looks on while a network is trained."""
        loss = make_loss(read.sample.target.loss, quantile=read.recipe.quantile)
        lines = self._lines(self.n_estimators, n_epochs)

        def attributes(network: FittedNetwork, history: History) -> dict[str, Any]:
            # The network alone: the share of the linear part is not yet known.
            return vars(self._fitted(read, features, Blend(loss, [network], None, 1.0), [history]))

        def watch(number: int) -> Watch:
            part = task.begin("network", n_parts=n_epochs, number=number)
            return Watch(part, attributes, lines, number)

        return watch

    def _weighted(self, X: Any, y: Any, sample_weight: Any, classes: Any) -> tuple[Any, Any]:
        """The weights of the rows for training, times those of their classes; and the classes."""
        return sample_weight, classes

    @staticmethod
    def _plain_columns(read: TrainingInput) -> list[Part]:
        """The categorical columns whose cells hold one category each."""
        names = read.columns.categorical_names
        return [
            Part(names[j], j, None, n_codes)
            for j, n_codes in enumerate(read.n_codes)
            if j not in read.sample.bags
        ]

    def _with_loss(self, sample: Sample) -> Target:
        """The target of a sample made ready for the loss that was chosen."""
        return sample.target

    def _as_before(self, target: Target) -> Target:
        """The target in the unit of the first fit."""
        return target

    def _store_more(self, target: Target) -> None:
        """Keep what predictions need of the target of more rows."""

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, classes: Any = None) -> None:
        self._check_partial_fit(classes)
        if not self.__sklearn_is_fitted__():
            self._fit(X, y, sample_weight, classes, getattr(self, "_first_pass", None))
            return
        with single_blas_thread():
            frame = read_input(self, X, reset=False)
            weight, _ = self._weighted(X, y, sample_weight, self.classes_)
            weight = read_weight(weight, frame.n_rows)
            rows = np.flatnonzero(weight)
            vocabularies, codes, bags, numbers = self._encode_more(frame, rows)
            features, blend = self._grown(vocabularies)
            inputs = np.concatenate(features.inputs(codes, numbers, bags), axis=1)
            target = self._as_before(self._read_more_target(y, weight))
            sample = Sample(rows, codes, inputs, target, weight[rows], bags)
            recipe = self._recipe_for(vocabularies)
            rng = make_rng(self.random_state, self.n_iter_)
            rests = self.handle_unknown != "embed"
            blend, histories = continue_blend(blend, sample, recipe, rests, rng)
        for member in blend.members:
            self._settle_tables(member, recipe, vocabularies)
        fitted = copy(self)
        fitted._store_more(sample.target)
        fitted._vocabularies = vocabularies
        fitted._features = features
        fitted._blend = blend
        fitted._networks = blend.members
        fitted.embeddings_ = self._tables_of(blend.members[0], features)
        # A list of its own: copies of the estimator share the one before.
        fitted.loss_curve_ = self.loss_curve_ + mean_curve([one.loss_curve for one in histories])
        fitted.n_iter_ = len(fitted.loss_curve_)
        # No epoch of a batch has a held-out loss.
        fitted.validation_scores_ = None
        adopt(self, fitted)
        if any(history.interrupted for history in histories):
            raise KeyboardInterrupt

    def _grown(self, vocabularies: list[ColumnVocabulary]) -> tuple[Features, Blend]:
        """What has been learned, where columns have more categories."""
        moves, n_codes = moved_rows(self._vocabularies, vocabularies)
        return self._features.grown(moves, n_codes), grow_blend(self._blend, moves, n_codes)

    def _fitted(
        self, read: TrainingInput, features: Features, blend: Blend, histories: list[History]
    ) -> EmbeddingPredictor:
        """A copy that has all that predictions need."""
        fitted = copy(self)
        fitted._store(read)
        for member in blend.members:
            self._finish_tables(member, read)
        tables = self._tables_of(blend.members[0], features)
        fitted._features = features
        fitted._blend = blend
        fitted.crosses_ = [
            term.cross.name
            for term in features.terms
            if len(term.cross.parts) > 1 and term.effects is not None
        ]
        fitted.network_share_ = blend.share
        fitted._store_learned(tables, blend.members, histories)
        return fitted

    def _tables_of(self, member: FittedNetwork, features: Features) -> list[NDArray[np.float32]]:
        """The table of each column: effects, then the vectors in a network."""
        tables = column_views(member.architecture, member.parameters)
        if self.target_effect:
            pairs = zip(features.column_effects, tables, strict=True)
            tables = [np.hstack(pair) for pair in pairs]
        return [table.astype(np.float32) for table in tables]

    def _finish_tables(self, member: FittedNetwork, read: TrainingInput) -> None:
        """Limit the norms in the tables of a network, and fill their reserved rows."""
        recipe = read.recipe
        self._settle_tables(member, recipe, read.vocabularies)
        tables = table_views(member.architecture, member.parameters)
        vocabularies = [read.vocabularies[j] for j in recipe.first_columns]
        code_counts = [
            np.sum([read.code_counts[j] for j in recipe.columns_of(t)], axis=0)
            for t in range(len(tables))
        ]
        filled = self._fill(tables, vocabularies, code_counts)
        for table, own in zip(tables, filled, strict=True):
            table[...] = own

    def _settle_tables(
        self, member: FittedNetwork, recipe: Recipe, vocabularies: list[ColumnVocabulary]
    ) -> None:
        """Limit the norms in the tables of a network; unknown values follow the infrequent ones
        where they are to.
        """
        views = table_views(member.architecture, member.parameters)
        for table, j in zip(views, recipe.first_columns, strict=True):
            if recipe.multipliers[j]:
                table[...] = limit_norm(table, self.max_norm)
            pool = vocabularies[j].infrequent_code
            if self.handle_unknown == "infrequent_if_exist" and pool is not None:
                table[UNKNOWN] = table[pool]

    @property
    def effects_(self) -> dict[Any, Any]:
        """Effects of each column, of numeric columns in bins, and of each cross, as dataframes."""
        check_is_fitted(self)
        names, effects = self._columns.categorical_names, self._features.column_effects
        columns = [
            Term(Cross((Part(names[j], j, None, len(table)),)), table)
            for j, table in enumerate(effects)
        ]
        return effect_frames(
            [*columns, *self._features.terms],
            dict(zip(names, self._vocabularies, strict=True)),
            self._effect_names(),
        )

    def _raw_prediction(self, X: Any) -> NDArray[np.float64]:
        """Raw predictions ``(n, n_outputs)``."""
        check_is_fitted(self)
        self._check_reading()
        frame = read_input(self, X, reset=False)
        codes, bags = encode_input(self, frame, self._columns, self._vocabularies)
        numbers = numeric_matrix(frame, self._columns)
        # Some rows at a time: their features take many times the room of the rows themselves.
        return np.concatenate(
            [
                self._blend.raw_prediction(
                    codes[rows], bags, *self._features.inputs(codes[rows], numbers[rows], bags)
                )
                for rows in slices(slice(0, len(codes)), _AT_ONCE)
            ]
        )
