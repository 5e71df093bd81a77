"""What a predictor's network sees beside the vectors: effects, crosses, counts, scaled numbers.

``Features`` are a function of new rows, ``Draws`` those of the training rows;
:mod:`._feature_search` finds both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ._additive import AdditiveModel, HeldOutPredictions
from ._bins import PiecewiseLinear
from ._numeric import NumericScaler, smooth_clip
from ._sequences import pooled_vectors
from ._terms import Codes, Term
from ._unseen import Unseen, unseen_combinations
from .nn._bags import Bags
from .nn._growth import Moves, move_rows
from .nn._record import Record

Array = NDArray[np.float64]


class Features(Record):
    """Fitted features: a function of codes and numbers.

    Attributes
    ----------
    column_effects : list of ndarray of shape (n_codes, n_outputs)
        Of each categorical column; empty where they are not wanted.
    with_column_effects : bool
        Whether they are features.
    terms : list of Term
        Numeric columns in bins, crosses, counts.
    center, scale : ndarray of shape (n_term_features,)
    scaler : NumericScaler
    bins : PiecewiseLinear
    additive : AdditiveModel or None
        Its predictions are the first features; None where there are no effects but of columns.
    """

    column_effects: list[Array]
    with_column_effects: bool
    terms: list[Term]
    center: Array
    scale: Array
    scaler: NumericScaler
    bins: PiecewiseLinear
    additive: AdditiveModel | None = None

    def grown(self, moves: Sequence[Moves], n_codes: Sequence[int]) -> Features:
        """The same where columns have more codes; ``moves`` has the new place of each."""
        effects = [
            move_rows(own, *place, own[:1])
            for own, *place in zip(self.column_effects, moves, n_codes, strict=False)
        ]
        terms = [term.grown(moves, n_codes) for term in self.terms]
        additive = self.additive.grown(moves, n_codes) if self.additive else None
        return replace(self, column_effects=effects, terms=terms, additive=additive)

    @property
    def effects_seen(self) -> Sequence[Array]:
        """The effects of columns that are features."""
        return self.column_effects if self.with_column_effects else []

    @property
    def n_predictions(self) -> int:
        """Features that are predictions of the additive model."""
        return self.additive.n_outputs if self.additive else 0

    @property
    def has_effects(self) -> bool:
        """Whether effects of columns, bins or crosses are features."""
        return self.with_column_effects or any(term.effects is not None for term in self.terms)

    def assemble(self, columns: Sequence[Array], scaled: NDArray) -> NDArray[np.float32]:
        """Features of terms, standardised and clipped, and the scaled numbers beside them."""
        raw = np.stack(columns, axis=1) if columns else np.empty((len(scaled), 0))
        clipped = smooth_clip((raw - self.center) / self.scale)
        return np.concatenate([clipped, scaled], axis=1).astype(np.float32)

    def unseen(self) -> Unseen:
        """What the features are where combinations of columns are unseen."""
        first = [np.zeros(1)] * self.n_predictions
        first += [value for own in self.effects_seen for value in own[:1].T]
        unknown = np.zeros(1, dtype=np.int32)
        terms = [value for term in self.terms for value in term.features_of(unknown)]
        values = self.assemble([*first, *terms], np.empty((1, 0)))[0]
        return unseen_combinations(self.terms, len(first), values)

    def inputs(
        self, codes: Codes, numbers: Array, bags: Mapping[int, Bags]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Features and piecewise-linear coordinates of new rows."""
        numbers = self.scaler.fill(numbers)
        columns: list[Array] = []
        if self.additive:
            columns.extend(self.additive.predict(codes, numbers, bags).T)
        for j, effects in enumerate(self.effects_seen):
            # As training rows get them, whatever the pooling of vectors: by the shares of a bag.
            columns.extend(pooled_vectors(effects, codes[:, j], bags.get(j), "mean").T)
        for term in self.terms:
            columns.extend(term.features(codes, numbers))
        features = self.assemble(columns, self.scaler.transform(numbers))
        return features, self.bins.transform(numbers)


class Draws(Record):
    """Features of the training rows.

    Attributes
    ----------
    features : list of ndarray of shape (n, n_features), dtype float32
        One array per draw.
    pieces : ndarray of shape (n, width), dtype float32
        Piecewise-linear coordinates, which only the network sees.
    unseen : Unseen
        What the features are where a combination of columns is unseen.
    predictions : HeldOutPredictions or None
        Of the additive model, in the unit of the first features.
    """

    features: list[NDArray[np.float32]]
    pieces: NDArray[np.float32]
    unseen: Unseen
    predictions: HeldOutPredictions | None = None

    def network_inputs(
        self, draw: int, rows: NDArray[np.intp], rng: np.random.Generator | None = None
    ) -> NDArray[np.float32]:
        """The numeric block of the network for some rows in one draw; ``rng`` makes some of their
        combinations unseen.
        """
        features = self.features[draw % len(self.features)]
        n_features = features.shape[1]
        inputs = np.empty((len(rows), n_features + self.pieces.shape[1]), dtype=np.float32)
        features.take(rows, axis=0, out=inputs[:, :n_features], mode="clip")
        self.pieces.take(rows, axis=0, out=inputs[:, n_features:], mode="clip")
        if rng is not None:
            unseen = self.unseen.put_into(inputs, rng)
            if self.predictions:
                combinations = self.unseen.combinations
                values = self.predictions.where_unseen(rows, combinations, unseen)
                inputs[:, : values.shape[1]] = smooth_clip(values)
        return inputs
