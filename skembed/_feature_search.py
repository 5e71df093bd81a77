"""Find the features of a predictor: which columns to bin, cross and count, and their effects.

A training row must not see its own target in the effects of its categories. So its features are
*held out*: in each draw the rows are dealt into folds, and the effects of a fold's rows come from
the others. There are several draws, for the network to see another one in each epoch; one is enough
for the sums of the additive model. New rows get the effects of all rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ._additive import HeldOutSums, fit_additive
from ._bins import PiecewiseLinear, quantile_edges
from ._crosses import find_crosses, residual, z_score
from ._effects import N_SWEEPS_KNOWN, joint_effects
from ._features import Draws, Features
from ._held_out_effects import held_out_effects
from ._marginal import MarginalEffects
from ._noise import share_of_noise
from ._numeric import NumericScaler
from ._sample import Sample
from ._targets import standardised
from ._terms import Codes, Cross, Part, Term, cross_of
from .nn._record import Record

Array = NDArray[np.float64]

_N_DRAWS = 4
_N_FOLDS = 10
# Bins whose effects are tried for a numeric column, and bins that may be crossed.
_EFFECT_BINS = (8, 32, 128)
_CROSS_BINS = (10, 32)
# What does not correlate with the rest by so many standard errors is left out.
_LEAST_Z_SCORE = 2.0
# Counts tell little about columns of fewer categories.
_FEWEST_COUNTED = 30
_MOST_COUNTED = 150
# Columns beyond which combinations of all but one are not tried: they take time with the square.
_MOST_LEFT_OUT = 20
# Keys that the counted combinations may hold, 8 bytes each, beside the last one.
_MOST_KEYS = 2**25
# Features that spread less are not blown up to the size of the others. Effects are in standard
# deviations of the target: those of noise are tiny, and what is left of them tells the target of
# the rows that were held out. Counts are logarithms.
_LEAST_SPREAD_OF_EFFECTS = 0.02
_LEAST_SPREAD_OF_COUNTS = 0.5
# The share of noise in the target up to which there is an additive model: of more its sums hold too
# much, and score worse than what they are made of. Of several outputs that of least noise decides;
# where there are too few rows to tell, all is taken for noise.
_MOST_NOISE = 0.7
# Rows that crosses are searched in.
_SEARCH_ROWS = 100_000


class FeatureSettings(Record):
    """Which features to make.

    Attributes
    ----------
    effects : bool
        Effects of the categories, and of numeric columns in bins.
    crosses : int
        Crossed columns at most.
    counts : bool
        Logarithms of how often categories and combinations occur.
    n_bins : int
        Bins of the piecewise-linear coordinates of each numeric column; 0 for none.
    n_codes : tuple of int
        Codes of every categorical column.
    shrinkage : float or None
        Rows of the mean that shrink the effects of columns; None estimates them.
    """

    effects: bool
    crosses: int
    counts: bool
    n_bins: int
    n_codes: tuple[int, ...]
    shrinkage: float | None


def make_features(
    sample: Sample,
    numbers: Array,
    scaler: NumericScaler,
    parts: list[Part],
    numeric_names: Sequence[object],
    settings: FeatureSettings,
    rng: np.random.Generator,
) -> tuple[Features, Draws]:
    """Learn the features, and those of the training rows.

    Parameters
    ----------
    sample : Sample
    numbers : ndarray of shape (n, n_numeric)
        The numeric columns of the sample's rows before scaling, NaN where missing.
    scaler : NumericScaler
        Fitted on them.
    parts : list of Part
        The categorical columns, without those of bags.
    numeric_names : sequence
        Names of the numeric columns.
    settings : FeatureSettings
    rng : numpy.random.Generator
    """
    maker = _Maker(sample, numbers, parts, numeric_names, rng)
    if settings.effects:
        maker.add_column_effects(settings.n_codes, settings.shrinkage)
        maker.add_bin_effects()
    if settings.crosses:
        maker.add_crosses(settings.crosses)
    if settings.effects:
        maker.add_additive_model(settings.n_codes, settings.shrinkage)
    if settings.counts:
        maker.add_counts()
        maker.add_combination_counts()
    bins = PiecewiseLinear(settings.n_bins).fit(numbers)
    first = np.stack(maker.held_out[0], axis=1) if maker.held_out[0] else np.empty((len(sample), 0))
    center, scale = first.mean(axis=0), np.maximum(first.std(axis=0), maker.least_spreads)
    features = Features(
        maker.column_effects,
        settings.effects,
        maker.terms,
        center,
        scale,
        scaler,
        bins,
        maker.column_addends,
    )
    drawn = [features.assemble(columns, sample.numeric) for columns in maker.held_out]
    sums, n_sums = maker.sums, features.n_sums
    if sums:
        sums = sums.standardised(center[:n_sums], scale[:n_sums])
    return features, Draws(drawn, bins.transform(numbers), features.unseen(), sums)


class _Maker:
    """Collects terms, and beside each the held-out features of the training rows."""

    def __init__(
        self,
        sample: Sample,
        numbers: Array,
        parts: list[Part],
        numeric_names: Sequence[object],
        rng: np.random.Generator,
    ) -> None:
        self.column_effects: list[Array] = []
        self.terms: list[Term] = []
        self.column_addends: list[Array] = []
        self.sums: HeldOutSums | None = None
        self.held_out: list[list[Array]] = [[] for _ in range(_N_DRAWS)]
        self.least_spreads: list[float] = []
        # Bins and crosses that have effects, and their codes.
        self._crosses: list[tuple[Cross, Codes]] = []
        self._sample = sample
        self._numbers = numbers
        self._parts = parts
        self._numeric_names = numeric_names
        self._y = standardised(sample.target, sample.weight)
        self._search_rows = np.sort(rng.permutation(len(sample))[:_SEARCH_ROWS])
        n_folds = min(_N_FOLDS, len(sample))
        self._folds = [rng.permutation(len(sample)) % n_folds for _ in range(_N_DRAWS)]
        # A residual says more than the target, but not where it tells the labels of few rows.
        self._follow_residual = sample.target.kind.startswith("continuous")

    def _add(self, term: Term, held_out: Sequence[Sequence[Array]], least_spread: float) -> None:
        """Add a term with its features of the training rows, one sequence per draw."""
        self.terms.append(term)
        for features, more in zip(self.held_out, held_out, strict=True):
            features.extend(more)
        self.least_spreads += [least_spread] * len(held_out[0])

    def _known(self) -> Array:
        """All features so far, ``(n, n_features)``."""
        return np.column_stack([*self.held_out[0], self._sample.numeric]).astype(np.float64)

    def add_column_effects(self, n_codes: tuple[int, ...], shrinkage: float | None) -> None:
        """Joint effects of the categorical columns."""
        sample = self._sample
        known = sample.codes, n_codes, self._y, sample.weight
        if shrinkage is None:
            m = joint_effects(*known, bags=sample.bags).pseudo_counts
        else:
            m = np.full((len(n_codes), self._y.shape[1]), shrinkage)
        # In as many sweeps for new rows as for training rows: they get the same.
        self.column_effects = joint_effects(*known, m, sample.bags, N_SWEEPS_KNOWN).values
        for features, fold in zip(self.held_out, self._folds, strict=True):
            for column in held_out_effects(*known, m, fold, sample.bags):
                features.extend(column.T)
        self.least_spreads += [_LEAST_SPREAD_OF_EFFECTS] * len(self.held_out[0])

    def _add_effect(self, cross: Cross, codes: Codes, y: Array) -> None:
        """The effect of a cross on its own."""
        effects = MarginalEffects(codes, cross.n_codes, y, self._sample.weight)
        drawn = [list(effects.held_out(fold).T) for fold in self._folds]
        self._crosses.append((cross, codes))
        self._add(Term(cross, effects=effects.by_code), drawn, _LEAST_SPREAD_OF_EFFECTS)

    def add_bin_effects(self) -> None:
        """The effect of each numeric column in the number of bins that tells most."""
        weight = self._sample.weight
        for j, name in enumerate(self._numeric_names):
            best, least = None, _LEAST_Z_SCORE
            for n_bins in _EFFECT_BINS:
                edges = quantile_edges(self._numbers[:, j], n_bins, n_bins // 2)
                part = Part.binned(name, j, edges)
                codes = part.codes(self._sample.codes, self._numbers)
                effects = MarginalEffects(codes, part.n_codes, self._y, weight)
                score = z_score(effects.held_out(self._folds[0]), self._y, weight)
                if score > least:
                    best, least = (part, codes), score
            if best:
                self._add_effect(Cross((best[0],)), best[1], self._y)

    def _pool(self) -> list[Part]:
        """Columns that may be crossed."""
        binned = []
        for j, name in enumerate(self._numeric_names):
            edges = [quantile_edges(self._numbers[:, j], n_bins) for n_bins in _CROSS_BINS]
            finer = edges if len(edges[1]) > len(edges[0]) else edges[:1]
            binned += [Part.binned(name, j, cuts) for cuts in finer]
        return [*self._parts, *binned]

    def add_crosses(self, n_crosses: int) -> None:
        """Effects of the crosses that a search finds."""
        parts, rows = self._pool(), self._search_rows
        codes = [part.codes(self._sample.codes, self._numbers) for part in parts]
        rounds = find_crosses(
            parts,
            [column[rows] for column in codes],
            self._known()[rows],
            self._y[rows],
            self._sample.weight[rows],
            self._folds[0][rows],
            n_crosses,
            self._follow_residual,
        )
        for found in rounds:
            y = self._y
            if self._follow_residual:
                y = residual(self._known(), y, self._sample.weight)
            for positions in found:
                cross, own = cross_of([parts[k] for k in positions], [codes[k] for k in positions])
                self._add_effect(cross, own, y)

    def add_additive_model(self, n_codes: tuple[int, ...], shrinkage: float | None) -> None:
        """What columns, bins and crosses add to a prediction, which is the first feature."""
        if not self._crosses:
            return
        if share_of_noise(self._sample, self._known(), untold=1.0) > _MOST_NOISE:
            return
        # Not the folds that crosses were chosen with: they flatter them.
        fold = self._folds[1]
        known = self._sample, n_codes, self._crosses, self._y
        addends, self.sums = fit_additive(*known, shrinkage, fold)
        self.column_addends = addends[: len(n_codes)]
        pairs = zip(self.terms, addends[len(n_codes) :], strict=True)
        self.terms = [replace(term, addends=own) for term, own in pairs]
        sums = list(self.sums.sums.T.astype(np.float64))
        for features in self.held_out:
            features[:0] = sums
        self.least_spreads[:0] = [_LEAST_SPREAD_OF_EFFECTS] * len(sums)

    def _add_count(self, cross: Cross, codes: Codes, missing: Array | None = None) -> bool:
        """Logarithm of the number of *other* rows of the same combination.

        Only if it correlates with what is ``missing``, where that is given; returns whether it
        does. Rows are counted and not weights: a weight of the row's class, taken away, would tell
        the class.
        """
        counts = np.bincount(codes, minlength=cross.n_codes)
        others = np.log1p(counts[codes] - 1)
        if missing is not None:
            weight = self._sample.weight
            scores = [z_score(others[:, None], y[:, None], weight) for y in missing.T]
            if np.abs(scores).max(initial=0) <= _LEAST_Z_SCORE:
                return False
        term, drawn = Term(cross, log_counts=np.log1p(counts)), [[others]] * len(self.held_out)
        self._add(term, drawn, _LEAST_SPREAD_OF_COUNTS)
        return True

    def add_counts(self) -> None:
        """Counts of the columns, and of the crosses among the terms."""
        columns = [(Cross((part,)), self._sample.codes[:, part.column]) for part in self._parts]
        crosses = [own for own in self._crosses if len(own[0].parts) > 1]
        for cross, codes in [*columns, *crosses]:
            if cross.n_codes >= _FEWEST_COUNTED:
                self._add_count(cross, codes)

    def add_combination_counts(self) -> None:
        """Counts of pairs of columns, all columns, and all but one, where they tell something."""
        missing = residual(self._known(), self._y, self._sample.weight)
        n_keys = 0
        for positions in self._combinations():
            found = self._combine(positions)
            if found and self._add_count(*found, missing):
                n_keys += sum(map(len, found[0].keys))
                if n_keys > _MOST_KEYS:
                    break

    def _combine(self, positions: tuple[int, ...]) -> tuple[Cross, Codes] | None:
        """The cross of some columns and its codes; None where no two rows are alike before the last
        column, so that there is nothing to count.
        """
        first, *others = (self._parts[k] for k in positions)
        cross, own = Cross((first,)), self._sample.codes[:, first.column]
        for part in others:
            if cross.keys and cross.n_codes > len(own):
                return None
            cross, own = cross.extend(own, part, self._sample.codes[:, part.column])
        return cross, own

    def _combinations(self) -> Iterator[tuple[int, ...]]:
        everything = tuple(range(len(self._parts)))
        sets = [everything]
        if 0 < len(everything) <= _MOST_LEFT_OUT:
            sets += combinations(everything, len(everything) - 1)
        distinct = {found for found in sets if len(found) > 1}
        distinct.update(combinations(everything, 2))
        # The largest first; what comes after so many is left out.
        yield from sorted(distinct, key=lambda found: (-len(found), found))[:_MOST_COUNTED]
