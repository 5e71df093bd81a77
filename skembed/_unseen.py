"""Combinations of categories that training makes unseen now and then, as new rows bring some.

A network that has known the effect of every combination relies on it, and errs where there is none:
on a day that lies after all others, for one. Single categories have such a chance in
:func:`~._table_rules.unknown_replacement`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ._terms import Term
from .nn._record import Record

# Share of the rows in which a combination of columns is made unseen, and with it all that hold it.
# It takes three tenths off the error on days after those of the fit (benchmarks/rossmann.py, the
# lines `defaults` and `seen`); more than 0.05 costs scores where rows are drawn at random.
_RATE = 0.03


class Unseen(Record):
    """What an unseen combination of columns changes.

    Attributes
    ----------
    places : list of ndarray
        For each combination, which features are those of it and of larger ones that hold it.
    values : ndarray of shape (n_features,), dtype float32
        What these features are where the combination was not seen.
    crosses : list of ndarray
        For each combination, which crosses of the additive model hold it.
    """

    places: list[NDArray[np.intp]]
    values: NDArray[np.float32]
    crosses: list[NDArray[np.intp]]

    def put_into(
        self, inputs: NDArray[np.float32], rng: np.random.Generator
    ) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Make each combination unseen in some of the rows, in place; and tell in which, with the
        crosses that go with it.
        """
        unseen = []
        for places, crosses in zip(self.places, self.crosses, strict=True):
            rows = np.flatnonzero(rng.random(len(inputs), dtype=np.float32) < _RATE)
            inputs[np.ix_(rows, places)] = self.values[places]
            unseen.append((rows, crosses))
        return unseen


def unseen_combinations(terms: Sequence[Term], first: int, values: NDArray[np.float32]) -> Unseen:
    """Of the columns that are crossed in ``terms``, whose features begin at the place ``first``;
    ``values`` are all features of a row that holds nothing known.
    """
    columns = [term.cross.columns for term in terms for _ in range(term.n_features)]
    combinations = [own for own in dict.fromkeys(columns) if len(own) > 1]
    crossed = [term.cross.columns for term in terms if term.addends is not None]
    crossed = [own for own in crossed if len(own) > 1]

    def holding(own: frozenset[object], others: list[frozenset[object]]) -> NDArray[np.intp]:
        return np.flatnonzero([own <= other for other in others])

    places = [first + holding(own, columns) for own in combinations]
    return Unseen(places, values, [holding(own, crossed) for own in combinations])
