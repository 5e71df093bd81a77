"""The additive model of a predictor: effects of columns, bins and crosses, learned together.

The effects that are features on their own do not know all others: those of bins and crosses are on
the target itself, or, in a regression, crosses on what the features before them leave. Here each is
what all others leave, as in :mod:`._effects`. What they add up to, the prediction of a mixed model,
is one feature per output.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ._effects import joint_effects
from ._held_out_effects import held_out_effects
from ._sample import Sample
from ._terms import Codes, Cross
from .nn._record import Record

Array = NDArray[np.float64]
Combination = frozenset[object]

# Of effects whose shrinkage is known; more change no score.
_N_SWEEPS = 8


class HeldOutSums(Record):
    """What the model adds up to for its training rows, each without its fold.

    Attributes
    ----------
    sums : ndarray of shape (n, n_outputs), dtype float32
    addends : ndarray of shape (n, n_crosses, n_outputs), dtype float32
        What each cross of several columns adds, beyond what one adds that was never seen.
    crossed : list of frozenset
        The columns of these crosses.
    """

    sums: NDArray[np.float32]
    addends: NDArray[np.float32]
    crossed: list[Combination]

    def standardised(self, center: Array, scale: Array) -> HeldOutSums:
        """The same less ``center``, in units of ``scale``, both of shape ``(n_outputs,)``."""
        center, scale = center.astype(np.float32), scale.astype(np.float32)
        return HeldOutSums((self.sums - center) / scale, self.addends / scale, self.crossed)

    def where_unseen(
        self, rows: NDArray[np.intp], unseen: Sequence[tuple[Combination, NDArray[np.intp]]]
    ) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Places among the ``rows`` whose sums change, and these sums, if combinations of columns
        are unseen, each at some places; with one goes every cross that holds it.
        """
        gone = np.zeros((len(rows), len(self.crossed)), dtype=bool)
        for combination, places in unseen:
            holding = [k for k, own in enumerate(self.crossed) if combination <= own]
            gone[np.ix_(places, holding)] = True
        changed = np.flatnonzero(gone.any(axis=1))
        own = rows[changed]
        lost = np.einsum("nkd,nk->nd", self.addends[own], gone[changed])
        return changed, self.sums[own] - lost


class Addends(Record):
    """What each column and cross adds, ``(n_codes, n_outputs)``, in the target's deviations."""

    columns: list[Array]
    crosses: list[Array]


def fit_additive(
    sample: Sample,
    n_codes: tuple[int, ...],
    crosses: Sequence[Cross],
    codes_of_crosses: Sequence[Codes],
    y: Array,
    shrinkage: float | None,
    fold: Codes,
) -> tuple[Addends, HeldOutSums]:
    """The model of ``y``, ``(n, n_outputs)``, and its sums for the rows that it is learned from.

    Parameters
    ----------
    sample : Sample
    n_codes : tuple of int
        Codes of each categorical column.
    crosses : sequence of Cross
        Combinations of columns, and numeric columns in bins.
    codes_of_crosses : sequence of ndarray of shape (n,)
    y : ndarray of shape (n, n_outputs)
    shrinkage : float or None
        Rows of the mean that shrink the effects of columns; None estimates them. Those of crosses
        are always estimated.
    fold : ndarray of shape (n,)
        The rows that are held out together.
    """
    n_columns = len(n_codes)
    codes = np.column_stack([sample.codes, *codes_of_crosses])
    known = codes, (*n_codes, *(cross.n_codes for cross in crosses)), y, sample.weight
    m = joint_effects(*known, bags=sample.bags).pseudo_counts
    if shrinkage is not None:
        m[:n_columns] = shrinkage
    # In as many sweeps for new rows as for training rows: they get the same.
    values = joint_effects(*known, m, sample.bags, _N_SWEEPS).values
    held_out = held_out_effects(*known, m, fold, sample.bags, _N_SWEEPS)
    several = [k for k, cross in enumerate(crosses) if len(cross.parts) > 1]
    addends = np.empty((len(sample), len(several), y.shape[1]), dtype=np.float32)
    for place, k in enumerate(several):
        addends[:, place] = held_out[n_columns + k] - values[n_columns + k][0]
    sums = sum(held_out).astype(np.float32)
    held_out_sums = HeldOutSums(sums, addends, [crosses[k].columns for k in several])
    return Addends(values[:n_columns], values[n_columns:]), held_out_sums
