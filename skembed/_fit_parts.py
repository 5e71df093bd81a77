"""The fit of an estimator to rows that lie in several parts.

parts -> effects from sums -> rounds of training -> tables from sums -> an ordinary estimator

Nothing here knows where the parts are.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._blend import Blend, with_enough_steps
from ._cooccurrence import (
    check_contexts,
    context_sizes,
    cooccurrence_counts,
    factorise_counts,
    reject_first_vectors,
)
from ._effect_sums import EffectSums, effects_from_sums, no_sums
from ._effects import Effects
from ._features import Features
from ._initial import place_priors
from ._learning import (
    FittedNetwork,
    finish_tables,
    unit_of,
    vector_pseudo_counts,
)
from ._read_parts import Reading, read_parts
from ._rounds import Rounds, train_in_rounds
from ._tables import limit_norm
from ._targets import Target, taken_by_means
from ._threads import single_blas_thread
from .nn._architecture import Parameters, table_views
from .nn._network import Network
from .nn._parts import Part, Parts
from .nn._relearn_parts import relearn_parts
from .nn._training import History

Array = NDArray[Any]


def fit_encoder(estimator: Any, given: Parts, block_rows: int) -> tuple[Any, bool]:
    """A fitted copy of an EmbeddingEncoder, from parts of ``(X, y, sample_weight)``; and whether
    its training was interrupted.
    """
    with single_blas_thread():
        read = read_parts(estimator, given, block_rows)
        if estimator.task == "none":
            tables, history = _learn_together(estimator, read), History()
        else:
            recipe = read.input.recipe
            with_effects = recipe.target_effect or recipe.shrinkage is None
            parameters, history, effects = _train(read, with_effects=with_effects)
            tables = _learn_tables(read, parameters, effects)
        histories = [history] if history.loss_curve else []
        fitted = estimator._with_tables(tables, read.input, None, [], histories)
    return fitted, history.interrupted


def fit_predictor(estimator: Any, given: Parts, block_rows: int) -> tuple[Any, bool]:
    """The same of a predictor, which has one network and no crosses."""
    with single_blas_thread():
        # That of a classifier follows from its classes.
        loss = getattr(estimator, "loss", None)
        read = read_parts(estimator, given, block_rows, loss, estimator.n_bins)
        vocabularies, code_counts = read.input.vocabularies, read.input.code_counts
        # Small parts are gone through several times in a round.
        n_rows = read.survey.n_rows // len(read.parts)
        n_epochs = with_enough_steps(read.input.recipe, n_rows).settings.max_iter
        n_epochs = -(-n_epochs // estimator.max_iter)
        parameters, history, effects = _train(
            read, with_effects=estimator.target_effect, n_epochs=n_epochs
        )
        of_columns = [] if effects is None else effects.values
        nothing = np.empty(0)
        features = Features(
            estimator._fill(of_columns, vocabularies, code_counts),
            False,
            [],
            nothing,
            nothing,
            read.inputs.scaler,
            read.inputs.bins,
            [],
        )
        member = FittedNetwork(read.architecture, parameters)
        n_rows, weight = read.survey.n_rows, read.survey.weights[0]
        blend = Blend(read.loss, [member], None, 1.0, n_rows, weight)
        fitted = estimator._fitted(read.input, features, blend, [history])
    return fitted, history.interrupted


def _train(
    read: Reading, *, with_effects: bool, n_epochs: int = 1
) -> tuple[Parameters, History, Effects | None]:
    """The parameters of the network after all rounds, and the effects if they are wanted."""
    recipe, architecture, rng = read.input.recipe, read.architecture, read.input.rng
    network = Network(architecture, read.loss, recipe.alpha)
    baseline = read.loss.baseline(np.empty(0), np.empty(0))
    parameters = network.initial_parameters(rng, baseline)
    place_priors(architecture, parameters, recipe.priors)
    total, least, largest = read.survey.weights
    # The vectors themselves lie in the network: of priors, rounds need to know which there are.
    priors = tuple(None if prior is None else prior[:1] for prior in recipe.priors)
    rounds = Rounds(
        replace(recipe, priors=priors),
        read.loss,
        None if least == largest else total / read.survey.n_rows,
        int(rng.integers(2**32)),
        n_epochs,
    )
    # No round waits for the effects, which are solved here while the parts are trained.
    with ThreadPoolExecutor(1, "skembed") as beside:
        effects = beside.submit(find_effects, read) if with_effects else None
        trained = train_in_rounds(read.parts, architecture, rounds, read.weights, parameters)
    return *trained, None if effects is None else effects.result()


def _learn_tables(read: Reading, parameters: Parameters, effects: Effects | None) -> list[Array]:
    """A table per column: effects, then learned coordinates, as in an ordinary fit."""
    recipe, architecture = read.input.recipe, read.architecture
    pseudo_counts = recipe.given_pseudo_counts(architecture.n_outputs)
    if pseudo_counts is None:
        pseudo_counts = effects.pseudo_counts
    bases, coordinates = relearn_parts(
        read.parts,
        architecture,
        read.loss,
        parameters,
        read.weights,
        vector_pseudo_counts(pseudo_counts, recipe),
        recipe.priors,
        recipe.frozen_tables,
    )
    given = table_views(architecture, parameters)
    unit = unit_of(read.input.sample, Network(architecture, read.loss))
    learned = finish_tables(coordinates, bases, given, recipe, unit)
    tables = [learned[t] for t in recipe.tables]
    if recipe.target_effect:
        tables = [np.hstack(pair) for pair in zip(effects.values, tables, strict=True)]
    return [table.astype(np.float32) for table in tables]


def find_effects(read: Reading) -> Effects:
    """Joint effects of the columns, in standard deviations of the target."""
    sums = read.parts.total(_sum_effects, read.input.n_codes, read.input.sample.target)
    pseudo_counts = read.input.recipe.given_pseudo_counts(len(sums.target))
    if pseudo_counts is None:
        # Solved anew with the shrinkage found, as are those of every part of the rows.
        pseudo_counts = effects_from_sums(sums).pseudo_counts
    return effects_from_sums(sums, pseudo_counts)


def _sum_effects(part: Part, n_codes: tuple[int, ...], target: Target) -> EffectSums:
    y = taken_by_means(replace(target, values=part.data.y))
    nothing = no_sums(n_codes, y.shape[1], with_pairs=True, bounded=False)
    return nothing.add(part.given_codes(), y, part.weight)


def _learn_together(estimator: Any, read: Reading) -> list[Array]:
    """Tables from what occurs together in a row, without a target."""
    reject_first_vectors(estimator.initial_embeddings)
    recipe, sizes = read.input.recipe, context_sizes(read.input.n_codes, read.inputs.edges)
    check_contexts(sizes, {})
    counts = read.parts.total(_sum_together, sizes)
    tables = factorise_counts(counts, sizes, recipe.embedding_dims, read.input.rng, recipe.tables)
    return [limit_norm(table, estimator.max_norm).astype(np.float32) for table in tables]


def _sum_together(part: Part, sizes: list[int]) -> Any:
    codes = np.hstack([part.given_codes(), part.data.numeric.astype(np.int32)])
    return cooccurrence_counts(codes, sizes, part.weight)
