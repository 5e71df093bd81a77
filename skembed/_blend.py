"""Several networks and a linear model, averaged: how they are fitted, and what they predict.

Each network leaves out another part of the rows. On these rows it is seen how much of the
prediction the networks and how much the linear model should give.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import field, replace
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import NDArray
from sklearn.utils.parallel import Parallel, delayed

from ._crossfit import deal_folds
from ._features import Draws
from ._learning import FittedNetwork, Start, grow_network, of_tables, to_data, train_network
from ._progress import Unwatched, Watch
from ._recipe import Recipe
from ._sample import Sample
from ._table_rules import rates_alone
from ._threads import single_blas_thread
from .nn._architecture import place_codes
from .nn._bags import Bags
from .nn._growth import Moves, grow_memory
from .nn._linear import Linear, fit_linear
from .nn._losses import Loss, make_loss
from .nn._network import Data, Network
from .nn._record import Record
from .nn._step import Memory
from .nn._training import History, predict, train

Array = NDArray[np.floating]

_N_PARTS = 16
# Rows fewer than this are all used for training: too few to tell what is better.
_FEWEST_ROWS = 16
_SHARES = np.linspace(0, 1, 11)
_LINEAR_PENALTY = 10.0
_LEAST_STEPS = 500


class Blend(Record):
    """``share`` times the mean of the networks, the rest from the linear model.

    Attributes
    ----------
    loss : Loss
    members : list of FittedNetwork
    linear : Linear or None
    share : float
    n_rows, weight : int, float
        Rows that the networks have learned from, and the sum of their weights.
    memories : list of Memory
        What training in parts remembers of each network; empty before it begins.
    """

    loss: Loss
    members: list[FittedNetwork]
    linear: Linear | None
    share: float
    n_rows: int = 0
    weight: float = 0.0
    memories: list[Memory] = field(default_factory=list)

    def raw_prediction(
        self,
        codes: NDArray[np.int32],
        bags: Mapping[int, Bags],
        features: Array,
        pieces: Array,
    ) -> NDArray[np.float64]:
        """Raw predictions ``(n, n_outputs)``; ``pieces`` are for the networks alone."""
        parts = []
        if self.share > 0:
            # In float64, so that a row's prediction does not depend on the rows beside it: how a
            # matrix product rounds follows from its shape.
            inputs = np.concatenate([features, pieces], axis=1, dtype=np.float64)
            # The members have one architecture.
            architecture = self.members[0].architecture
            placed = place_codes(architecture, codes, bags)
            data = Data(placed, inputs, np.empty((len(codes), 0)))
            network = Network(architecture, self.loss)
            raw = [predict(network, member.parameters, data) for member in self.members]
            parts.append(self.share * np.mean(raw, axis=0))
        if self.linear is not None and self.share < 1:
            parts.append((1 - self.share) * self.linear.raw_prediction(features))
        return np.sum(parts, axis=0)


class _Fitted(Record):
    """A member with what it and a linear model say about the rows it has not seen."""

    member: FittedNetwork
    history: History
    rows: NDArray[np.intp]
    network: Array
    linear: Array
    is_last: bool


def fit_blend(
    sample: Sample,
    draws: Draws,
    n_codes: tuple[int, ...],
    recipe: Recipe,
    n_estimators: int,
    linear_part: bool,
    rng: np.random.Generator,
    n_jobs: int | None,
    starts: Sequence[Start | None],
    watches: Callable[[int], Callable[[int], Watch]] | None,
) -> tuple[Blend, list[History]]:
    """Fit all parts; a fit that is interrupted in this process returns what it has so far.

    Parameters
    ----------
    sample : Sample
    draws : Draws
        Features of its rows.
    n_codes : tuple of int
        Codes of each categorical column.
    recipe : Recipe
    n_estimators : int
        Networks.
    linear_part : bool
        Whether there is a linear model beside them.
    rng : numpy.random.Generator
    n_jobs : int or None
        Networks trained at the same time.
    starts : sequence of (callable or None)
        What overwrites the first parameters of each network.
    watches : (callable (epochs of each) -> callable (number) -> Watch) or None
        What looks on while a network is trained; it may say that this shall be the last. None lets
        networks be trained in other processes, where nobody can look on.
    """
    loss = make_loss(sample.target.loss, quantile=recipe.quantile)
    splits = _splits(sample, n_estimators, rng)
    recipe = with_enough_steps(recipe, min(len(rows) for rows, _ in splits))
    watch_of = watches(recipe.settings.max_iter) if watches else None
    given = sample, draws, n_codes, recipe, loss, linear_part
    last: list[int] = []

    def fit_here(k: int, *own: Any) -> _Fitted | None:
        if last:
            return None
        fitted = _fit_member(watch_of(k) if watch_of else Unwatched(), *given, *own)
        if fitted.is_last:
            last.append(k)
        return fitted

    each = list(zip(rng.spawn(n_estimators), splits, starts, strict=True))
    if watches or n_estimators == 1 or effective_n_jobs(n_jobs) == 1:
        jobs = Parallel(n_jobs=n_jobs, require="sharedmem")(
            delayed(fit_here)(k, *own) for k, own in enumerate(each)
        )
    else:
        # A step of a small network is many short calls, for which threads wait for each other.
        jobs = Parallel(n_jobs=n_jobs, prefer="processes")(
            delayed(_fit_member)(Unwatched(), *given, *own) for own in each
        )
    fitted = _up_to_last(jobs)
    linear, share = None, 1.0
    if linear_part:
        linear = _fit_linear(sample, draws.features[0], loss)
        share = _best_share(sample, fitted, loss)
    members = [one.member for one in fitted]
    blend = Blend(loss, members, linear, share, len(sample), float(sample.weight.sum()))
    return blend, [one.history for one in fitted]


def _up_to_last(jobs: Sequence[_Fitted | None]) -> list[_Fitted]:
    """Those up to the first one that is to be the last.

    Others may have been trained beside it: they do not count, so that the result is the same
    however many are trained at a time.
    """
    fitted: list[_Fitted] = []
    for one in jobs:
        if one is None:
            break
        fitted.append(one)
        if one.is_last:
            break
    return fitted


def grow_blend(blend: Blend, moves: Sequence[Moves], n_codes: Sequence[int]) -> Blend:
    """A copy whose columns have more codes; ``moves`` has the new place of every code of a
    column.
    """
    members = [grow_network(member, moves, n_codes) for member in blend.members]
    old, new = blend.members[0].architecture, members[0].architecture
    by_table = of_tables(old, moves)
    memories = [grow_memory(memory, old, new, by_table) for memory in blend.memories]
    return replace(blend, members=members, memories=memories)


def continue_blend(
    blend: Blend,
    sample: Sample,
    recipe: Recipe,
    unknown_rests: bool,
    rng: np.random.Generator,
) -> tuple[Blend, list[History]]:
    """The blend with all networks trained for one more epoch; the one given stays as it is.

    Once one is interrupted, those after it are left as they were. ``sample.numeric`` are the
    numeric inputs of the networks. ``unknown_rests`` keeps the vectors of unknown values.
    """
    settings = replace(recipe.settings, max_iter=1, schedule="constant")
    n_rows, total = blend.n_rows + len(sample), blend.weight + float(sample.weight.sum())
    # Steps see weights of mean 1 over all rows so far.
    weight = (sample.weight * (n_rows / total)).astype(np.float32)
    architecture = blend.members[0].architecture
    network = Network(architecture, blend.loss, recipe.alpha)
    data = to_data(sample, architecture, weight)
    rules = rates_alone(architecture, recipe, unknown_rests)
    memories: list[Memory] = deepcopy(blend.memories) or [{} for _ in blend.members]
    members: list[FittedNetwork] = []
    histories: list[History] = []
    rngs = rng.spawn(len(blend.members))
    for member, memory, own_rng in zip(blend.members, memories, rngs, strict=True):
        # Also of a network that is left: its rows are settled in place by the caller.
        parameters = {name: value.copy() for name, value in member.parameters.items()}
        if not any(history.interrupted for history in histories):
            parameters, history = train(
                network, parameters, data, settings, own_rng, rules=rules, memory=memory
            )
            histories.append(history)
        members.append(FittedNetwork(architecture, parameters))
    more = {"members": members, "memories": memories, "n_rows": n_rows, "weight": total}
    return replace(blend, **more), histories


def _splits(
    sample: Sample, n_estimators: int, rng: np.random.Generator
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Training and held-out rows of each member."""
    if len(sample) < _FEWEST_ROWS:
        return [(np.arange(len(sample)), np.arange(0))] * n_estimators
    splits: list[tuple[NDArray[np.intp], NDArray[np.intp]]] = []
    while len(splits) < n_estimators:
        splits += deal_folds(sample, _N_PARTS, rng)
    return splits[:n_estimators]


def with_enough_steps(recipe: Recipe, n_rows: int) -> Recipe:
    """More epochs for a small sample, which would otherwise not be learned."""
    settings = recipe.settings
    steps = -(-n_rows // settings.batch_size)
    n_epochs = max(settings.max_iter, -(-_LEAST_STEPS // steps))
    patience = settings.n_iter_no_change * n_epochs // settings.max_iter
    settings = replace(settings, max_iter=n_epochs, n_iter_no_change=patience)
    return replace(recipe, settings=settings)


@single_blas_thread()  # the limit of the fit does not hold in other processes
def _fit_member(
    watch: Watch | Unwatched,
    sample: Sample,
    draws: Draws,
    n_codes: tuple[int, ...],
    recipe: Recipe,
    loss: Loss,
    linear_part: bool,
    rng: np.random.Generator,
    split: tuple[NDArray[np.intp], NDArray[np.intp]],
    start: Start | None,
) -> _Fitted:
    rows, held_out = split
    part, rest = (replace(sample.take(own), numeric=draws.network_inputs(0, own)) for own in split)
    member, history = train_network(
        part,
        n_codes,
        recipe,
        rng,
        start=start,
        inputs_of=lambda epoch, own, rng: draws.network_inputs(epoch, rows[own], rng),
        before_epoch=watch.begin_epoch,
        on_epoch=watch.end_epoch,
    )
    raw = np.empty((0, sample.target.n_outputs))
    if len(rest):
        network = Network(member.architecture, loss)
        raw = predict(network, member.parameters, to_data(rest, member.architecture, None))
    linear = np.empty_like(raw)
    if linear_part and len(rest):
        features = draws.features[0]
        linear = _fit_linear(part, features[rows], loss).raw_prediction(features[held_out])
    is_last = history.interrupted or watch.end(member)
    return _Fitted(member, history, held_out, raw, linear, is_last)


def _fit_linear(sample: Sample, features: Array, loss: Loss) -> Linear:
    target = sample.target
    return fit_linear(
        features, target.values, sample.weight, loss, target.n_outputs, _LINEAR_PENALTY
    )


def _best_share(sample: Sample, fitted: Sequence[_Fitted], loss: Loss) -> float:
    """The share of the networks that has the least loss on the rows they have not seen."""
    rows = np.concatenate([one.rows for one in fitted]) if fitted else np.empty(0, dtype=np.intp)
    if not len(rows):
        return 0.5 if fitted else 0.0
    network = np.concatenate([one.network for one in fitted]).astype(np.float64)
    linear = np.concatenate([one.linear for one in fitted])
    y, weight = sample.target.values[rows], sample.weight[rows]
    losses = [weight @ loss.rows(share * network + (1 - share) * linear, y)[0] for share in _SHARES]
    return float(_SHARES[int(np.argmin(losses))])
