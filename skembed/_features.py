"""What a predictor's network sees beside the vectors: effects and their sums, counts, numbers.

``Features`` are a function of new rows, ``Draws`` those of the training rows;
:mod:`._feature_search` finds both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ._additive import HeldOutSums
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
    center, scale : ndarray
        Of all features but the scaled numbers.
    scaler : NumericScaler
    bins : PiecewiseLinear
    column_addends : list of ndarray of shape (n_codes, n_outputs)
        What each categorical column adds to the prediction of the additive model, beside the
        addends of terms; empty where there is no such model. It gives the first features.
    """

    column_effects: list[Array]
    with_column_effects: bool
    terms: list[Term]
    center: Array
    scale: Array
    scaler: NumericScaler
    bins: PiecewiseLinear
    column_addends: list[Array]

    def grown(self, moves: Sequence[Moves], n_codes: Sequence[int]) -> Features:
        """The same where columns have more codes; ``moves`` has the new place of each."""
        effects, addends = (
            [
                move_rows(own, *place, own[:1])
                for own, *place in zip(tables, moves, n_codes, strict=False)
            ]
            for tables in (self.column_effects, self.column_addends)
        )
        terms = [term.grown(moves, n_codes) for term in self.terms]
        return replace(self, column_effects=effects, terms=terms, column_addends=addends)

    @property
    def effects_seen(self) -> Sequence[Array]:
        """The effects of columns that are features."""
        return self.column_effects if self.with_column_effects else []

    @property
    def n_sums(self) -> int:
        """Features that are predictions of the additive model."""
        return next((own.addends.shape[1] for own in self.terms if own.addends is not None), 0)

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
        first = [np.zeros(1)] * self.n_sums
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

        def of_columns(tables: Sequence[Array]) -> list[Array]:
            # As training rows get them, whatever the pooling of vectors: by the shares of a bag.
            return [
                pooled_vectors(own, codes[:, j], bags.get(j), "mean")
                for j, own in enumerate(tables)
            ]

        addends, columns = of_columns(self.column_addends), []
        for effects in of_columns(self.effects_seen):
            columns.extend(effects.T)
        for term in self.terms:
            own = term.cross.codes(codes, numbers)
            columns.extend(term.features_of(own))
            if term.addends is not None:
                addends.append(term.addends[own])
        if addends:
            columns[:0] = sum(addends).T
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
    sums : HeldOutSums or None
        Of the additive model, in the unit of the first features before they are clipped.
    """

    features: list[NDArray[np.float32]]
    pieces: NDArray[np.float32]
    unseen: Unseen
    sums: HeldOutSums | None

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
            if self.sums:
                changed, values = self.sums.where_unseen(rows, unseen)
                inputs[changed, : values.shape[1]] = smooth_clip(values)
        return inputs
