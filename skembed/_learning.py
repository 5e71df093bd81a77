"""From a sample to vectors: train the network, then give the tables their definition.

sample -> effects of the categories            --+
-> network trained -> tables learned     -+-> one table per column, effects first
once more with the network at rest
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import count as count_up
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._effects import joint_effects
from ._initial import place_priors
from ._recipe import Recipe
from ._sample import Sample
from ._table_rules import table_rules, unknown_replacement
from ._tables import limit_norm, without_rounding
from ._targets import standardised
from .nn._architecture import Architecture, Parameters, count_codes, lazy_places, table_views
from .nn._basis import Basis
from .nn._growth import Moves, grow_parameters
from .nn._losses import make_loss
from .nn._network import Data, Network
from .nn._record import Record
from .nn._relearn import find_bases, relearn
from .nn._training import History, Rows, train

Array = NDArray[np.floating]
Start = Callable[[Architecture, Parameters], None]
InputsOf = Callable[[int, NDArray[np.intp], np.random.Generator], NDArray[np.float32]]
OnEpoch = Callable[["FittedNetwork", int, float, float | None], bool]

# Bounds of the estimated rows at the mean that each learned vector is given beside its own.
_VECTOR_PSEUDO_COUNT_RANGE = (5.0, 500.0)


class FittedNetwork(Record):
    """A trained network as plain values."""

    architecture: Architecture
    parameters: Parameters

    def copy(self) -> FittedNetwork:
        """With parameters of its own."""
        own = {name: value.copy() for name, value in self.parameters.items()}
        return FittedNetwork(self.architecture, own)


def of_tables(architecture: Architecture, of_columns: Sequence[Any]) -> list[Any]:
    """What the first column of each table has, for every table."""
    firsts = map(architecture.columns.index, range(len(architecture.n_codes)))
    return [of_columns[j] for j in firsts]


def grow_network(
    fitted: FittedNetwork, moves: Sequence[Moves], n_codes: Sequence[int]
) -> FittedNetwork:
    """A copy whose columns have more codes; a new one starts at the vector of the unknown value.

    ``moves`` has the new place of every code of a column.
    """
    old = fitted.architecture
    new = replace(old, n_codes=tuple(of_tables(old, n_codes)))
    parameters = grow_parameters(fitted.parameters, old, new, of_tables(old, moves))
    return FittedNetwork(new, parameters)


class Trained(Record):
    """A trained network, with what learning tables in its space needs.

    The shrinkage of the effects belongs to it: estimated from all rows, so that every part of them
    is shrunken alike and its vectors lie on one scale.
    """

    network: Network
    parameters: Parameters
    bases: list[Basis]
    pseudo_counts: NDArray[np.float64]
    unit: float
    history: History

    def state(self) -> FittedNetwork:
        """What a later fit can start from."""
        return FittedNetwork(self.network.architecture, self.parameters)


def make_architecture(sample: Sample, n_codes: tuple[int, ...], recipe: Recipe) -> Architecture:
    """Sizes of the network for a sample."""
    return Architecture(
        n_codes=tuple(n_codes[j] for j in recipe.first_columns),
        embedding_dims=tuple(recipe.embedding_dims[j] for j in recipe.first_columns),
        columns=recipe.tables,
        n_numeric=sample.numeric.shape[1],
        hidden_layer_sizes=recipe.hidden_layer_sizes,
        n_outputs=sample.target.n_outputs,
        activation=recipe.activation,
        dropout=recipe.dropout,
        pooled=tuple(sorted({recipe.tables[j] for j in sample.bags})),
    )


def train_network(
    sample: Sample,
    n_codes: tuple[int, ...],
    recipe: Recipe,
    rng: np.random.Generator,
    *,
    start: Start | None = None,
    inputs_of: InputsOf | None = None,
    before_epoch: Callable[[], None],
    on_epoch: OnEpoch,
) -> tuple[FittedNetwork, History]:
    """Train a network on a sample.

    ``start`` may overwrite its first parameters in place. ``inputs_of`` gives the numeric block of
    some rows in an epoch, in place of the sample's. ``on_epoch`` gets the network as it is, the
    epoch and the losses; True from it makes the epoch the last.
    """
    architecture = make_architecture(sample, n_codes, recipe)
    loss = make_loss(sample.target.loss, quantile=recipe.quantile)
    network = Network(architecture, loss, recipe.alpha)
    baseline = loss.baseline(sample.target.values, sample.weight, sample.target.n_outputs)
    parameters = network.initial_parameters(rng, baseline)
    place_priors(architecture, parameters, recipe.priors)
    if start:
        start(architecture, parameters)
        # Vectors that never move are those given, whatever a fit before had.
        place_priors(architecture, parameters, _of_frozen(recipe))
    # Steps see weights of mean 1, so that their size does not depend on the unit of the weights.
    equal = sample.weight.min() == sample.weight.max()
    mean_one = None if equal else (sample.weight / sample.weight.mean()).astype(np.float32)
    data = to_data(sample, architecture, mean_one)
    kept: Rows = slice(None)
    training, validation = data, None
    if recipe.validation_fraction is not None:
        kept, held_out = _hold_out(len(data), recipe.validation_fraction, rng)
        training, validation = data.take(kept), data.take(held_out)
    counts = count_codes(architecture, sample.codes, sample.bags, sample.weight)
    replace_some = unknown_replacement(architecture, counts)
    epochs = count_up()
    without_inputs = replace(training, numeric=training.numeric[:, :0])

    def draw(rows: Rows, rng: np.random.Generator) -> Data:
        before_epoch()
        if not inputs_of:
            return replace_some(training, rows, rng)
        drawn = replace_some(without_inputs, rows, rng)
        numeric = inputs_of(next(epochs), np.arange(len(data))[kept][rows], rng)
        return replace(drawn, numeric=numeric)

    parameters, history = train(
        network,
        parameters,
        training,
        recipe.settings,
        rng,
        rules=table_rules(architecture, counts, recipe),
        validation=validation,
        draw=draw,
        on_epoch=partial(on_epoch, FittedNetwork(architecture, parameters)),
    )
    return FittedNetwork(architecture, parameters), history


def train_for_vectors(
    sample: Sample,
    n_codes: tuple[int, ...],
    recipe: Recipe,
    rng: np.random.Generator,
    *,
    start: Start | None = None,
    before_epoch: Callable[[], None],
    on_epoch: OnEpoch,
) -> Trained:
    """Train a network on a sample, and find the space that its vectors live in."""
    trained, history = train_network(
        sample, n_codes, recipe, rng, start=start, before_epoch=before_epoch, on_epoch=on_epoch
    )
    return find_space(sample, n_codes, recipe, trained, history)


def find_space(
    sample: Sample,
    n_codes: tuple[int, ...],
    recipe: Recipe,
    trained: FittedNetwork,
    history: History,
) -> Trained:
    """A network that was trained on a sample, with the space that its vectors live in."""
    loss = make_loss(sample.target.loss, quantile=recipe.quantile)
    network, parameters = Network(trained.architecture, loss, recipe.alpha), trained.parameters
    pseudo_counts = _effect_pseudo_counts(sample, n_codes, recipe)
    return Trained(
        network=network,
        parameters=parameters,
        bases=find_bases(
            network,
            parameters,
            to_data(sample, network.architecture, sample.weight),
            sample.codes,
            vector_pseudo_counts(pseudo_counts, recipe),
            recipe.priors,
            sample.bags,
            recipe.frozen_tables,
        ),
        pseudo_counts=pseudo_counts,
        unit=unit_of(sample, network),
        history=history,
    )


def learn_tables(
    sample: Sample, trained: Trained, recipe: Recipe, *, same_rows: bool = False
) -> list[Array]:
    """A table per column from the rows of ``sample``: effects, then learned coordinates.

    All are in standard deviations of the target, or of the 0/1 indicator of its label.
    ``same_rows`` tells that the network was trained on the same sample.
    """
    architecture = trained.network.architecture
    coordinates = [basis.found for basis in trained.bases if basis.found is not None]
    # What finding the space has found for these very rows need not be learned once more.
    if not same_rows or len(coordinates) < len(trained.bases):
        coordinates = relearn(
            trained.network,
            trained.parameters,
            trained.bases,
            to_data(sample, architecture, sample.weight),
            sample.codes,
            vector_pseudo_counts(trained.pseudo_counts, recipe),
            recipe.frozen_tables,
            sample.bags,
        )
    given = table_views(architecture, trained.parameters)
    learned = finish_tables(coordinates, trained.bases, given, recipe, trained.unit)
    tables = [learned[t] for t in recipe.tables]
    if recipe.target_effect:
        n_codes = tuple(architecture.n_codes[t] for t in recipe.tables)
        y = standardised(sample.target, sample.weight)
        effects = joint_effects(
            sample.codes, n_codes, y, sample.weight, trained.pseudo_counts, sample.bags
        )
        tables = [np.hstack(pair) for pair in zip(effects.values, tables, strict=True)]
    return [table.astype(np.float32) for table in tables]


def _of_frozen(recipe: Recipe) -> list[Array | None]:
    """The first vectors of frozen tables alone."""
    pairs = zip(recipe.priors, recipe.frozen_tables, strict=True)
    return [prior if rests else None for prior, rests in pairs]


def finish_tables(
    coordinates: Sequence[Array],
    bases: Sequence[Basis],
    given: Sequence[Array],
    recipe: Recipe,
    unit: float,
) -> list[Array]:
    """Learned coordinates of each table in the unit of the target, or in the space of given
    vectors; frozen tables as ``given``, which are those of the network.
    """
    learned = []
    for t, (table, rests) in enumerate(zip(coordinates, recipe.frozen_tables, strict=True)):
        if rests:
            learned.append(given[t])
        elif recipe.priors[t] is not None:
            learned.append(limit_norm(bases[t].vectors(table), recipe.max_norm))
        else:
            learned.append(limit_norm(without_rounding(table) * unit, recipe.max_norm))
    return learned


def _effect_pseudo_counts(
    sample: Sample, n_codes: tuple[int, ...], recipe: Recipe
) -> NDArray[np.float64]:
    """Rows of the mean that the effects are shrunken by, ``(n_columns, n_outputs)``."""
    given = recipe.given_pseudo_counts(sample.target.n_outputs)
    if given is not None:
        return given
    y = standardised(sample.target, sample.weight)
    return joint_effects(sample.codes, n_codes, y, sample.weight, bags=sample.bags).pseudo_counts


def vector_pseudo_counts(effects: NDArray[np.float64], recipe: Recipe) -> list[float]:
    """Rows of the mean vector that the learned vectors of each table are shrunken by.

    A column whose effects need much shrinkage is a noisy one for its vectors too. A table that
    learns slower than others is held back by so many more rows.
    """
    counts = []
    for table, multiplier in enumerate(recipe.table_multipliers):
        sharing = np.asarray(recipe.tables) == table
        # Geometric mean over columns and outputs: pseudo-counts range over many decades.
        mean = float(np.exp(np.log(np.maximum(effects[sharing], 1e-6)).mean()))
        if recipe.shrinkage is None:
            mean = float(np.clip(mean, *_VECTOR_PSEUDO_COUNT_RANGE))
        counts.append(mean / (multiplier or 1.0))
    return counts


def unit_of(sample: Sample, network: Network) -> float:
    """Standard deviations of the target that one unit of the raw prediction is worth.

    For a loss of the exponential family its curvature is the variance of the label.
    """
    constant = np.atleast_2d(network.loss.baseline(sample.target.values, sample.weight))
    averaged_over = sample.target.n_outputs if sample.target.values.ndim == 2 else 1
    return float(np.sqrt(np.mean(network.loss.curvature(constant)) * averaged_over))


def to_data(sample: Sample, architecture: Architecture, weight: Array | None) -> Data:
    return Data(
        codes=lazy_places(architecture, sample.codes, sample.bags),
        numeric=sample.numeric,
        y=sample.target.values,
        weight=weight,
    )


def _hold_out(
    n_rows: int, fraction: float, rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows to learn from, and rows to score on."""
    order = rng.permutation(n_rows)
    n_held_out = max(1, round(fraction * n_rows))
    if n_held_out >= n_rows:
        raise ValueError(
            f"early_stopping=True holds out {n_held_out} of {n_rows} rows and leaves none to "
            "learn from. Lower validation_fraction, or set early_stopping=False."
        )
    return order[n_held_out:], order[:n_held_out]
