"""The additive model of a predictor: effects of columns, bins and crosses, learned together.

The effects that are features on their own are learned one after the other: a cross has one on what
those before it leave. Here every effect is what the others leave, whichever comes first, as in
:mod:`._effects`; and their sum, the best linear unbiased prediction, is one feature per output.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ._effects import joint_effects
from ._held_out_effects import held_out_effects
from ._sample import Sample
from ._sequences import pooled_vectors
from ._terms import Codes, Cross
from .nn._bags import Bags
from .nn._growth import Moves, move_rows
from .nn._record import Record

Array = NDArray[np.float64]
Combinations = Sequence[frozenset[object]]

# Of effects whose shrinkage is known; more change no score.
_N_SWEEPS = 8


class AdditiveModel(Record):
    """Effects whose sum is a prediction, in standard deviations of the target.

    Attributes
    ----------
    column_effects : list of ndarray of shape (n_codes, n_outputs)
        Of each categorical column.
    crosses : list of Cross
        Combinations of columns, and numeric columns in bins.
    effects : list of ndarray of shape (n_codes, n_outputs)
        Of each cross.
    """

    column_effects: list[Array]
    crosses: list[Cross]
    effects: list[Array]

    @property
    def n_outputs(self) -> int:
        """Predictions of a row."""
        return self.effects[0].shape[1]

    def grown(self, moves: Sequence[Moves], n_codes: Sequence[int]) -> AdditiveModel:
        """The same where columns have more codes; ``moves`` has the new place of each."""
        columns = [
            move_rows(own, *place, own[:1])
            for own, *place in zip(self.column_effects, moves, n_codes, strict=True)
        ]
        grown = [cross.grown(moves, n_codes) for cross in self.crosses]
        effects = [
            move_rows(own, places, cross.n_codes, own[:1])
            for own, (cross, places) in zip(self.effects, grown, strict=True)
        ]
        return AdditiveModel(columns, [cross for cross, _ in grown], effects)

    def predict(self, codes: Codes, numbers: Array, bags: Mapping[int, Bags]) -> Array:
        """Predictions ``(n, n_outputs)`` of rows."""
        of_columns = (
            pooled_vectors(own, codes[:, j], bags.get(j), "mean")
            for j, own in enumerate(self.column_effects)
        )
        of_crosses = (
            own[cross.codes(codes, numbers)]
            for cross, own in zip(self.crosses, self.effects, strict=True)
        )
        return sum([*of_columns, *of_crosses])


class HeldOutPredictions(Record):
    """What an additive model says of its training rows, each without its fold.

    Attributes
    ----------
    values : ndarray of shape (n, n_outputs), dtype float32
    shares : ndarray of shape (n, n_crosses, n_outputs), dtype float32
        What each cross of several columns adds, beyond what an unseen one does.
    crossed : list of frozenset
        The columns of these crosses.
    """

    values: NDArray[np.float32]
    shares: NDArray[np.float32]
    crossed: list[frozenset[object]]

    def scaled(self, center: Array, scale: Array) -> HeldOutPredictions:
        """The same in another unit, both of shape ``(n_outputs,)``."""
        own = np.float32(center), np.float32(scale)
        return HeldOutPredictions(
            (self.values - own[0]) / own[1], self.shares / own[1], self.crossed
        )

    def where_unseen(
        self, rows: NDArray[np.intp], combinations: Combinations, unseen: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Predictions of some rows, ``(n_rows, n_outputs)``, in which combinations of columns are
        ``unseen``, of shape ``(n_rows, n_combinations)``, and every cross that holds one.
        """
        holds = np.array([[one <= own for own in self.crossed] for one in combinations], dtype=bool)
        gone = unseen @ holds.reshape(len(combinations), len(self.crossed))
        values = self.values.take(rows, axis=0, mode="clip")
        chosen = np.flatnonzero(gone.any(axis=1))
        own = self.shares.take(rows[chosen], axis=0, mode="clip")
        values[chosen] -= np.einsum("nkd,nk->nd", own, gone[chosen])
        return values


def fit_additive(
    sample: Sample,
    numbers: Array,
    n_codes: tuple[int, ...],
    crosses: list[Cross],
    y: Array,
    shrinkage: float | None,
    fold: Codes,
) -> tuple[AdditiveModel, HeldOutPredictions]:
    """The model of ``y``, ``(n, n_outputs)``, and its predictions of the rows it is learned from.

    Parameters
    ----------
    sample : Sample
    numbers : ndarray of shape (n, n_numeric)
    n_codes : tuple of int
        Codes of each categorical column.
    crosses : list of Cross
    y : ndarray of shape (n, n_outputs)
    shrinkage : float or None
        Rows of the mean that shrink the effects of columns; None estimates them. Those of crosses
        are always estimated.
    fold : ndarray of shape (n,)
        The rows that are held out together.
    """
    codes = np.column_stack([sample.codes, *(own.codes(sample.codes, numbers) for own in crosses)])
    all_codes = (*n_codes, *(cross.n_codes for cross in crosses))
    known = codes, all_codes, y, sample.weight
    m = joint_effects(*known, bags=sample.bags).pseudo_counts
    if shrinkage is not None:
        m[: len(n_codes)] = shrinkage
    # Once more: effects that the columns were visited more often for are not what training rows
    # get.
    fitted = joint_effects(*known, m, sample.bags, _N_SWEEPS)
    held_out = held_out_effects(*known, m, fold, sample.bags, _N_SWEEPS)
    columns, effects = fitted.values[: len(n_codes)], fitted.values[len(n_codes) :]
    several = [k for k, cross in enumerate(crosses) if len(cross.parts) > 1]
    shares = np.empty((len(sample), len(several), y.shape[1]), dtype=np.float32)
    for place, k in enumerate(several):
        shares[:, place] = held_out[len(n_codes) + k] - effects[k][0]
    predictions = HeldOutPredictions(
        sum(held_out).astype(np.float32), shares, [crosses[k].columns for k in several]
    )
    return AdditiveModel(columns, crosses, effects), predictions
