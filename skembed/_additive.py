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

from ._effects import N_SWEEPS_KNOWN, joint_effects
from ._held_out_effects import held_out_effects
from ._sample import Sample
from ._terms import Codes, Cross
from .nn._record import Record

Array = NDArray[np.float64]


class HeldOutSums(Record):
    """What the model adds up to for its training rows, each without its fold.

    Attributes
    ----------
    sums : ndarray of shape (n, n_outputs), dtype float32
    addends : ndarray of shape (n, n_crosses, n_outputs), dtype float32
        What each cross of several columns adds, beyond what one adds that was never seen.
    """

    sums: NDArray[np.float32]
    addends: NDArray[np.float32]

    def standardised(self, center: Array, scale: Array) -> HeldOutSums:
        """The same less ``center``, in units of ``scale``, both of shape ``(n_outputs,)``."""
        center, scale = center.astype(np.float32), scale.astype(np.float32)
        return HeldOutSums((self.sums - center) / scale, self.addends / scale)

    def where_unseen(
        self, rows: NDArray[np.intp], unseen: Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]]
    ) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Places among the ``rows`` whose sums change, and these sums, if at some places some
        crosses are unseen: pairs of both.
        """
        gone = np.zeros((len(rows), self.addends.shape[1]), dtype=bool)
        for places, crosses in unseen:
            gone[np.ix_(places, crosses)] = True
        changed = np.flatnonzero(gone.any(axis=1))
        own = rows[changed]
        lost = np.einsum("nkd,nk->nd", self.addends[own], gone[changed])
        return changed, self.sums[own] - lost


def fit_additive(
    sample: Sample,
    n_codes: tuple[int, ...],
    crosses: Sequence[tuple[Cross, Codes]],
    y: Array,
    shrinkage: float | None,
    fold: Codes,
) -> tuple[list[Array], HeldOutSums]:
    """What each column and cross adds to the prediction of ``y``, ``(n, n_outputs)``, as tables of
    shape ``(n_codes, n_outputs)``; and the sums for the rows that this is learned from.

    Parameters
    ----------
    sample : Sample
    n_codes : tuple of int
        Codes of each categorical column.
    crosses : sequence of (Cross, ndarray of shape (n,))
        Combinations of columns, and numeric columns in bins, with the codes of the rows.
    y : ndarray of shape (n, n_outputs)
    shrinkage : float or None
        Rows of the mean that shrink the effects of columns; None estimates them. Those of crosses
        are always estimated.
    fold : ndarray of shape (n,)
        The rows that are held out together.
    """
    n_columns = len(n_codes)
    codes = np.column_stack([sample.codes, *(own for _, own in crosses)])
    known = codes, (*n_codes, *(cross.n_codes for cross, _ in crosses)), y, sample.weight
    m = joint_effects(*known, bags=sample.bags).pseudo_counts
    if shrinkage is not None:
        m[:n_columns] = shrinkage
    # In as many sweeps for new rows as for training rows: they get the same.
    tables = joint_effects(*known, m, sample.bags, N_SWEEPS_KNOWN).values
    held_out = held_out_effects(*known, m, fold, sample.bags)
    several = [k for k, (cross, _) in enumerate(crosses, n_columns) if len(cross.parts) > 1]
    addends = np.empty((len(sample), len(several), y.shape[1]), dtype=np.float32)
    for place, k in enumerate(several):
        addends[:, place] = held_out[k] - tables[k][0]
    return tables, HeldOutSums(sum(held_out).astype(np.float32), addends)
