"""The loss of a part's rows around the present vectors, as weighted least squares in their
coordinates: what its sums over the rows are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag
from scipy.sparse import csr_array

from ._linearised import curvature_of, gradients_by_part, least_curvature, row_weight
from ._losses import Loss
from ._network import Network
from ._parallel import slices
from ._parts import CodeSums, Part, join_parameters
from ._record import Record
from ._relearn import sum_of_losses

Array = NDArray[Any]

# Rows whose sums are added up in the type of the network, before they join those of others.
_ROWS = 2**16
# Rows that are worked on at a time.
_FEW_ROWS = 2**12


class PartSlopes(Record):
    """The slopes of the raw predictions, and what is missing from these.

    Attributes
    ----------
    part : Part
    coordinates : list of ndarray of shape (n_codes, width)
        The present ones of the part's codes.
    slopes : ndarray of shape (n_outputs, n, sum of the widths of all columns)
        By the coordinates of each row's codes, column after column.
    places : ndarray of the same last two dimensions
        Where these coordinates lie, if those of all tables stand below each other.
    weight, residual : ndarray of shape (n_outputs, n)
        Curvature times the weight of the rows; what each raw prediction misses, were the loss
        quadratic.
    losses : ndarray
        Sums over the rows: at the present vectors, then at others.
    """

    part: Part
    coordinates: list[Array]
    slopes: Array
    places: Array
    weight: Array
    residual: Array
    losses: Array

    def __sizeof__(self) -> int:
        # What a scheduler weighs before it moves this to another machine.
        return self.slopes.nbytes + self.places.nbytes + 2 * self.weight.nbytes

    def chunks(self, values: Array | None = None) -> Iterator[tuple[int, slice, Any]]:
        """Output, rows, and the slopes (or values in their place) as a matrix over all places."""
        values = self.slopes if values is None else values
        n_places = sum(own.size for own in self.coordinates)
        n, width = self.places.shape
        for rows in slices(slice(0, n), _ROWS):
            n_own = rows.stop - rows.start
            ends = np.arange(0, n_own * width + 1, width, dtype=self.places.dtype)
            shape = (n_own, n_places)
            for output, own in enumerate(values):
                held = (own[rows].ravel(), self.places[rows].ravel(), ends)
                yield output, rows, csr_array(held, shape=shape)

    def flat(self, tables: Sequence[Array | None]) -> Array:
        """One below the other; tables that were not sent are 0."""
        pairs = zip(tables, self.coordinates, strict=True)
        own = [np.zeros(there.size) if t is None else t.ravel() for t, there in pairs]
        return np.concatenate(own).astype(self.slopes.dtype)

    def sums(self, flat: Array) -> list[CodeSums]:
        """Of each table, from sums by place, in the type that travels."""
        flat = flat.astype(self.slopes.dtype)
        ends = np.cumsum([own.size for own in self.coordinates])[:-1]
        pairs = zip(np.split(flat, ends), self.coordinates, strict=True)
        return self.part.tables([own.reshape(there.shape) for own, there in pairs])

    def missing(self, step: Array) -> Array:
        """What each raw prediction misses after a step, ``(n_outputs, n)``."""
        missing = self.residual.copy()
        for output, rows, slopes in self.chunks():
            missing[output, rows] -= slopes @ step
        return missing


def linearise(
    part: Part,
    loss: Loss,
    dense: Array,
    axes: Sequence[Array],
    tables: list[Array],
    coordinates: list[Array],
    *others: list[Array],
) -> PartSlopes:
    """The slopes at some vectors, which have these coordinates, and the loss there and at other
    vectors.
    """
    architecture, data = part.architecture, part.data
    network = Network(architecture, loss)
    parameters = join_parameters(architecture, dense, tables)
    by_axes = block_diag(*(axes[t].T for t in architecture.columns)).astype(dense.dtype)
    # Columns lie in the network's input in another order.
    order = np.concatenate([np.r_[own] for own in architecture.input_slices()])
    by_axes[order] = by_axes.copy()
    shape = (architecture.n_outputs, len(data))
    slopes = np.empty((*shape, by_axes.shape[1]), dense.dtype)
    weight, residual = np.empty(shape, dense.dtype), np.empty(shape, dense.dtype)
    of_row, total = row_weight(data), 0.0
    least, everything = least_curvature(network, data), slice(0, len(data))
    for rows, raw, gradients in gradients_by_part(network, parameters, data, everything):
        for output, gradient in enumerate(gradients):
            np.matmul(gradient[:, : len(by_axes)], by_axes, out=slopes[output, rows])
        curvature = curvature_of(network, raw, least)
        values, slope = loss.rows(raw, data.y[rows])
        total += float(values @ of_row[rows])
        weight[:, rows] = (curvature * of_row[rows, None]).T
        residual[:, rows] = -(slope / curvature).T
    losses = np.append(total, sum_losses(part, loss, dense, *others))
    places = _places(part, coordinates)
    return PartSlopes(part, coordinates, slopes, places, weight, residual, losses)


def sum_losses(part: Part, loss: Loss, dense: Array, *candidates: list[Array]) -> Array:
    """Sums of the loss over the rows, one for each of some tables."""
    network = Network(part.architecture, loss)
    tried = [join_parameters(part.architecture, dense, tables) for tables in candidates]
    return np.array([sum_of_losses(network, parameters, part.data) for parameters in tried])


def _places(part: Part, coordinates: Sequence[Array]) -> Array:
    widths = [coordinates[table].shape[1] for table in part.architecture.columns]
    starts = np.cumsum([0, *(own.size for own in coordinates)])
    dtype = np.int32 if starts[-1] < np.iinfo(np.int32).max else np.int64
    places = np.empty((len(part.codes), sum(widths)), dtype)
    columns = zip(part.codes.T, part.architecture.columns, widths, strict=True)
    start = 0
    for own, table, width in columns:
        within = starts[table] + np.arange(width)
        first = own[:, None].astype(dtype) * width
        np.add(first, within.astype(dtype), out=places[:, start : start + width])
        start += width
    return places


def gradient(known: PartSlopes) -> tuple[list[CodeSums], list[CodeSums], Array]:
    """The right sides of the equations, the diagonals of their left sides, and the losses."""
    right = diagonal = np.zeros(sum(own.size for own in known.coordinates))
    for output, rows, slopes in known.chunks():
        right = right + slopes.T @ (known.weight[output, rows] * known.residual[output, rows])
    for output, rows, squares in known.chunks(known.slopes**2):
        diagonal = diagonal + squares.T @ known.weight[output, rows]
    return known.sums(right), known.sums(diagonal), known.losses


def image(known: PartSlopes, step: list[Array | None]) -> list[CodeSums]:
    """The left sides of the equations for a step."""
    there = known.flat(step)
    total = np.zeros(len(there))
    for output, rows, slopes in known.chunks():
        total += slopes.T @ (known.weight[output, rows] * (slopes @ there))
    return known.sums(total)


def equations_of_unknown(
    known: PartSlopes, rarity: list[Array], step: list[Array | None]
) -> list[tuple[Array, Array]]:
    """Of each table: the left and right side for one vector in place of all, where a category
    counts by its rarity and the other columns are where a step leads.
    """
    part, columns = known.part, known.part.architecture.columns
    missing = known.missing(known.flat(step))
    there = known.flat(known.coordinates) + known.flat(step)
    widths = [known.coordinates[table].shape[1] for table in columns]
    starts = np.cumsum([0, *widths[:-1]])
    # Of all columns at once; only the blocks of each with itself are wanted.
    lefts, gaps = np.zeros((sum(widths),) * 2), np.zeros(sum(widths))
    for rows in slices(slice(0, len(part.codes)), _FEW_ROWS):
        of_code = [
            rarity[table][own] for own, table in zip(part.codes[rows].T, columns, strict=True)
        ]
        moved = there[known.places[rows]]
        for output, slopes in enumerate(known.slopes[:, rows]):
            weight = np.stack(of_code, axis=1) * known.weight[output, rows, None]
            # What the other columns leave over.
            gap = missing[output, rows, None] + np.add.reduceat(slopes * moved, starts, axis=1)
            lefts += (slopes * np.repeat(weight, widths, axis=1)).T @ slopes
            gaps += np.einsum("nd,nd->d", slopes, np.repeat(weight * gap, widths, axis=1))
    sides = [(np.zeros((own.shape[1],) * 2), np.zeros(own.shape[1])) for own in known.coordinates]
    for start, width, table in zip(starts, widths, columns, strict=True):
        place = slice(start, start + width)
        sides[table][0][...] += lefts[place, place]
        sides[table][1][...] += gaps[place]
    return sides
