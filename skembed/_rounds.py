"""Training in rounds: every part trains from the common parameters, and they average.

A row of a table is averaged over the parts that hold its category, weighted by its rows there; the
dense parameters are averaged over all. A part gets the rows of its own categories and returns them.
A round is a pure function of the last average, the part and the number of the round.

References: Stich 2019, Local SGD converges fast and communicates little, arXiv:1805.09767; Ding et
al. 2022, Federated submodel optimization for hot and cold data features, NeurIPS, arXiv:2109.07704
(averages over those that have the row).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ._recipe import Recipe
from ._table_rules import table_rules, unknown_replacement
from ._threads import single_blas_thread
from ._vocabulary import UNKNOWN
from .nn._architecture import Architecture, Parameters, count_codes, table_views
from .nn._bags import NO_BAGS
from .nn._losses import Loss
from .nn._network import Network
from .nn._parts import Part, Parts, Tables, join_parameters, part_parameters
from .nn._record import Record
from .nn._training import History, train

Array = NDArray[np.floating]


class Rounds(Record):
    """What is the same in all rounds.

    Attributes
    ----------
    recipe : Recipe
        Of its priors, only which tables have one is asked.
    loss : Loss
        With the baseline of all rows.
    mean_weight : float or None
        Of all rows; None if all weigh the same.
    seed : int
    n_epochs : int, default=1
        Of each part in a round.
    """

    recipe: Recipe
    loss: Loss
    mean_weight: float | None
    seed: int
    n_epochs: int = 1


def train_in_rounds(
    parts: Parts,
    architecture: Architecture,
    rounds: Rounds,
    counts: Sequence[Array],
    parameters: Parameters,
) -> tuple[Parameters, History]:
    """The parameters after all rounds, ``max_iter`` of them, from the ones given.

    An interruption ends the training; the last average is returned.
    """
    history = History()
    n_rounds = rounds.recipe.settings.max_iter
    try:
        for number in range(n_rounds):
            given = part_parameters(architecture, parameters)
            sums = parts.total(train_part, rounds, number, Tables(list(counts)), *given)
            parameters, loss = _average(architecture, parameters, *sums)
            history.loss_curve.append(loss)
    except KeyboardInterrupt:
        history.interrupted = True
    return parameters, history


def train_part(
    part: Part,
    rounds: Rounds,
    number: int,
    counts: list[Array],
    dense: Array,
    tables: list[Array],
) -> tuple[list, Array, NDArray[np.float64]]:
    """One round of a part, as sums of what is averaged.

    Returns
    -------
    tables : list of CodeSums of shape (n_codes, width + 1)
        Vectors times the rows of their code, then the rows.
    dense : ndarray
        Dense parameters times the weight of all rows.
    totals : ndarray of shape (3,)
        That weight, the loss times the rows, the rows.
    """
    architecture, recipe = part.architecture, rounds.recipe
    network = Network(architecture, rounds.loss, recipe.alpha)
    parameters = join_parameters(architecture, dense, tables)
    rng = np.random.default_rng([rounds.seed, number, part.number])
    data, settings = part.data, recipe.settings
    if rounds.mean_weight is not None:
        data = replace(data, weight=(part.weight / rounds.mean_weight).astype(np.float32))
    else:
        data = replace(data, weight=None)
    replace_some = unknown_replacement(architecture, counts)
    with single_blas_thread():
        parameters, history = train(
            network,
            parameters,
            data,
            settings.of_round(number, rounds.n_epochs),
            rng,
            rules=table_rules(architecture, counts, recipe),
            draw=partial(replace_some, data),
        )
    if history.interrupted:
        raise KeyboardInterrupt
    weight = float(part.weight.sum())
    weighed = [
        np.hstack([own[:, None] * table, own[:, None]]).astype(table.dtype)
        for own, table in zip(
            code_weights(part), table_views(architecture, parameters), strict=True
        )
    ]
    totals = np.array([weight, history.loss_curve[-1] * len(data), len(data)])
    return part.tables(weighed), weight * parameters["dense"].astype(np.float64), totals


def code_weights(part: Part) -> list[NDArray[np.float64]]:
    """Weight of a part's rows of each code. The unknown code, which others are replaced by at
    random, is learned from all rows.
    """
    counts = count_codes(part.architecture, part.codes, NO_BAGS, part.weight)
    for own in counts:
        own[UNKNOWN] = part.weight.sum()
    return counts


def _average(
    architecture: Architecture,
    before: Parameters,
    tables: list,
    dense: Array,
    totals: NDArray[np.float64],
) -> tuple[Parameters, float]:
    """New parameters, and the mean loss over the rows."""
    weight, loss, n_rows = totals
    averaged = []
    for sums, table in zip(tables, table_views(architecture, before), strict=True):
        # Categories of no part keep their vectors.
        new = table.copy()
        new[sums.codes] = sums.values[:, :-1] / sums.values[:, -1:]
        averaged.append(new)
    dense = (dense / weight).astype(before["dense"].dtype)
    return join_parameters(architecture, dense, averaged), float(loss / n_rows)
