"""Crossed columns that explain what single columns leave: a greedy search by held-out effects.

In each round the candidates are pairs of columns, and the crosses found so far with one more
column. Each is scored by the correlation of its held-out shrunken effect with what the features so
far do not explain; the best few are taken, as in forward selection. How many rounds are kept is
decided on rows that the search does not see.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._marginal import MarginalEffects
from ._terms import Codes, Cross, Part
from .nn._linear import LEAST_RIDGE

Array = NDArray[np.float64]
Found = tuple[int, ...]

_PER_ROUND = 4
_MOST_PARTS = 4
_MOST_CROSSED = 100
_MOST_PAIRS = 300
# Candidates that explained less than such a share of what the worst one taken does are left out.
_HOPEFUL = 0.5
_VALIDATION = 0.2
_RIDGE = 10.0


class Ridge(NamedTuple):
    """A ridge regression on standardised features."""

    center: Array
    scale: Array
    coef: Array
    mean: Array

    def predict(self, features: Array) -> Array:
        """Predictions ``(n, n_outputs)``."""
        return (features - self.center) / self.scale @ self.coef + self.mean


def fit_ridge(features: Array, y: Array, weight: Array) -> Ridge:
    """Fit ``y`` of shape ``(n, n_outputs)``."""
    center = np.average(features, axis=0, weights=weight)
    centred = features - center
    deviation = np.sqrt(weight @ centred**2 / weight.sum())
    scale = np.where(deviation > 0, deviation, 1)
    centred /= scale
    mean = np.average(y, axis=0, weights=weight)
    weighted = centred * weight[:, None]
    normal = weighted.T @ centred
    # Huge weights would leave collinear features without a penalty beyond rounding.
    ridge = max(_RIDGE, LEAST_RIDGE * normal.diagonal().max(initial=0))
    normal += ridge * np.eye(features.shape[1])
    return Ridge(center, scale, np.linalg.solve(normal, weighted.T @ (y - mean)), mean)


def residual(features: Array, y: Array, weight: Array) -> Array:
    """What a ridge regression on the features leaves of ``y``, ``(n, n_outputs)``."""
    return y - fit_ridge(features, y, weight).predict(features)


def z_score(effect: Array, y: Array, weight: Array) -> float:
    """``sqrt(n)`` times the correlation of ``effect`` with ``y``, over all outputs together."""
    weighted = weight[:, None] * y
    effect = effect - weight @ effect / weight.sum()
    size = np.sqrt((weight @ (effect * effect)).sum() * np.vdot(weighted, y))
    return float(np.sqrt(len(y)) * np.vdot(effect, weighted) / size) if size > 0 else 0.0


def find_crosses(
    parts: Sequence[Part],
    codes: Sequence[Codes],
    features: Array,
    y: Array,
    weight: Array,
    fold: Codes,
    n_crosses: int,
    follow_residual: bool,
) -> list[list[Found]]:
    """Rounds of crosses, each as positions of its parts; at most ``n_crosses`` together.

    Parameters
    ----------
    parts : sequence of Part
        What may be crossed.
    codes : sequence of ndarray of shape (n,)
        Codes of each part.
    features : ndarray of shape (n, n_features)
        What is known already, learned without the row itself.
    y : ndarray of shape (n, n_outputs)
        Centred.
    weight, fold : ndarray of shape (n,)
        Folds are numbered from 0; the rows of the last ones are not searched.
    n_crosses : int
    follow_residual : bool
        Whether a cross has an effect on what the rounds before leave, or on ``y``.
    """
    seen = fold < max(1, round((1 - _VALIDATION) * (fold.max() + 1)))
    search = _Search(parts, [own[seen] for own in codes], y[seen], weight[seen], fold[seen])
    unseen = [own[~seen] for own in codes]
    known, rest = features[seen], features[~seen]
    rounds: list[list[Found]] = []
    losses = []
    while True:
        ridge = fit_ridge(known, search.y, search.weight)
        losses.append(weight[~seen] @ (y[~seen] - ridge.predict(rest)) ** 2)
        missing = search.y - ridge.predict(known)
        left = n_crosses - sum(map(len, rounds))
        chosen = [found for one in rounds for found in one]
        best = search.best(missing, chosen)[:left] if left else []
        if not best:
            break
        rounds.append(best)
        for found in best:
            target = missing if follow_residual else search.y
            known = np.hstack([known, search.held_out(found, target)])
            rest = np.hstack([rest, search.effects(found, target, [unseen[k] for k in found])])
    # The earliest of equally good ones.
    return rounds[: int(np.argmin(np.sum(losses, axis=1)))] if (~seen).any() else rounds


class _Search:
    """Candidates and their effects; codes of crosses are made once."""

    def __init__(
        self,
        parts: Sequence[Part],
        codes: Sequence[Codes],
        y: Array,
        weight: Array,
        fold: Codes,
    ) -> None:
        self.y = y
        self.weight = weight
        self._parts = parts
        self._fold = fold
        self._learned: dict[Found, tuple[Cross, Codes]] = {
            (k,): (Cross((part,)), codes[k]) for k, part in enumerate(parts)
        }
        alone = [z_score(self.held_out((k,), y), y, weight) for k in range(len(parts))]
        # Columns that matter alone are the likelier to matter together.
        ranked = sorted(range(len(parts)), key=lambda k: -alone[k])
        self._crossed = sorted(ranked[:_MOST_CROSSED])
        # What each candidate explained when it was last looked at.
        self._explained: dict[Found, float] = {}
        pairs = [pair for pair in combinations(self._crossed, 2) if self._apart(pair)]
        self._pairs = sorted(pairs, key=lambda p: -(alone[p[0]] + alone[p[1]]))[:_MOST_PAIRS]

    def _columns(self, found: Found) -> frozenset[object]:
        return frozenset(self._parts[k].name for k in found)

    def _apart(self, found: Found) -> bool:
        """Whether all parts come from different columns."""
        return len(self._columns(found)) == len(found)

    def _learn(self, found: Found) -> tuple[Cross, Codes]:
        if found not in self._learned:
            cross, so_far = self._learn(found[:-1])
            last = found[-1]
            more = self._learned[last,][1]
            self._learned[found] = cross.extend(so_far, self._parts[last], more)
        return self._learned[found]

    def _effects(self, found: Found, y: Array) -> MarginalEffects:
        cross, codes = self._learn(found)
        return MarginalEffects(codes, cross.n_codes, y, self.weight)

    def held_out(self, found: Found, y: Array) -> Array:
        """Held-out effect of a cross on ``y``, ``(n, n_outputs)``."""
        return self._effects(found, y).held_out(self._fold)

    def effects(self, found: Found, y: Array, codes_of_parts: Sequence[Codes]) -> Array:
        """Effect of a cross on rows that are not searched, from the codes of its parts."""
        cross, _ = self._learn(found)
        return self._effects(found, y).by_code[cross.codes_of(codes_of_parts)]

    def best(self, missing: Array, chosen: Sequence[Found]) -> list[Found]:
        """Candidates that explain most of what is missing, one of each set of columns.

        What a candidate explains seldom grows when others are chosen: those that explained far
        too little before are not looked at again (lazy greedy selection, after Minoux 1978,
        doi:10.1007/BFb0006528).
        """
        now: dict[Found, float] = {}
        candidates = list(self._candidates(chosen))
        # Python's sort is stable: equal scores stay in the order of the candidates.
        candidates.sort(key=lambda found: -self._explained.get(found, np.inf))
        best: list[Found] = []
        for found in candidates:
            before = self._explained.get(found, np.inf)
            if len(best) == _PER_ROUND and before < _HOPEFUL * now[best[-1]]:
                break
            now[found] = self._explained[found] = self._explains(found, missing)
            if now[found] > 0:
                best = self._distinct([*best, found], now)[:_PER_ROUND]
        # Codes of candidates that were not looked at in this round would take more and more room.
        kept = {*now, *chosen}
        self._learned = {f: own for f, own in self._learned.items() if len(f) == 1 or f in kept}
        return best

    def _explains(self, found: Found, missing: Array) -> float:
        """How far the held-out effect of a cross goes with what is missing, in units that are the
        same for all rounds.
        """
        score = z_score(self.held_out(found, missing), missing, self.weight)
        return score * float(np.sqrt((self.weight @ (missing * missing)).sum()))

    def _distinct(self, crosses: Sequence[Found], explained: Mapping[Found, float]) -> list[Found]:
        """The best of each set of columns, best first."""
        distinct: dict[frozenset[object], Found] = {}
        for found in sorted(crosses, key=lambda found: -explained[found]):
            distinct.setdefault(self._columns(found), found)
        return list(distinct.values())

    def _candidates(self, chosen: Sequence[Found]) -> Iterator[Found]:
        """Pairs, then chosen crosses with one more part; no columns that have been chosen."""
        taken = {self._columns(found) for found in chosen}
        tried: set[frozenset[int]] = set()
        longer = (
            (*found, k) for found in chosen if len(found) < _MOST_PARTS for k in self._crossed
        )
        for found in (*self._pairs, *longer):
            new = frozenset(found) not in tried and self._columns(found) not in taken
            if new and self._apart(found):
                tried.add(frozenset(found))
                yield found
