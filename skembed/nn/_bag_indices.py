"""Bags of indices as users give them: a matrix, a list of sequences, or a vector with offsets."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._indices import Indices, read_indices
from ._shapes import as_array

Array = NDArray[np.floating]


class BagIndices(NamedTuple):
    """The indices of all bags one after the other, and what leads back to the form they came in."""

    codes: Indices  # (n,) row numbers
    bag: Indices  # (n,) the bag of each, ascending
    sizes: Indices  # (n_bags,)
    weights: Array | None  # (n,)
    kept: NDArray[np.bool_] | None  # which of the indices given these are; None: all
    shape: Any  # of the indices given

    def without(self, code: int) -> BagIndices:
        """The same bags without one of the row numbers."""
        kept = self.codes != code
        bag = self.bag[kept]
        weights = None if self.weights is None else self.weights[kept]
        sizes = np.bincount(bag, minlength=len(self.sizes))
        return BagIndices(self.codes[kept], bag, sizes, weights, kept, self.shape)

    def as_given(self, values: Array) -> Any:
        """Values of these indices in the form of those given, 0 for what was left out."""
        if self.kept is not None:
            whole = np.zeros(len(self.kept), values.dtype)
            whole[self.kept] = values
            values = whole
        if isinstance(self.shape, list):
            return np.split(values, np.cumsum([axes[0] for axes in self.shape])[:-1])
        return values.reshape(self.shape)


def bag_indices(codes: Indices, sizes: Indices, weights: Array | None, shape: Any) -> BagIndices:
    """All indices, in bags of these sizes."""
    return BagIndices(codes, np.repeat(np.arange(len(sizes)), sizes), sizes, weights, None, shape)


def read_sizes(shape: Any, offsets: Any) -> Indices:
    """Sizes of the bags in indices of a shape (a list of shapes for a ragged list)."""
    if offsets is not None or not (isinstance(shape, list) or len(shape) == 2):
        return _sizes_from_offsets(offsets, shape)
    if not isinstance(shape, list):
        return np.full(shape[0], shape[1], dtype=np.intp)
    if any(len(axes) != 1 for axes in shape):
        raise ValueError("A list of bags must hold sequences of integers, one per bag.")
    return np.array([axes[0] for axes in shape], dtype=np.intp)


def read_weights(weights: Any, shape: Any, dtype: np.dtype[Any]) -> Array:
    """A weight for each of the indices of a shape, as a flat array."""
    ragged = isinstance(shape, list)
    parts = list(weights) if ragged and np.iterable(weights) else [weights]
    arrays = [as_array("per_sample_weights", part) for part in parts]
    for array in arrays:
        if array.dtype.kind not in "biuf":
            raise TypeError(
                f"per_sample_weights must hold real numbers. Got dtype {array.dtype} instead."
            )
    shapes = [array.shape for array in arrays]
    if shapes != (shape if ragged else [shape]):
        raise ValueError(
            f"per_sample_weights must have the shape of the indices, {shape}. "
            f"Got {shapes if ragged else shapes[0]} instead."
        )
    with np.errstate(over="ignore"):  # What is too large becomes infinite, an error below.
        flat = np.concatenate([array.ravel().astype(dtype) for array in arrays])
    if not np.isfinite(flat).all():
        raise ValueError(f"per_sample_weights must be finite. Got {flat[~np.isfinite(flat)][0]}.")
    return flat


def _sizes_from_offsets(offsets: Any, shape: Any) -> Indices:
    """Sizes of the bags that start at `offsets` in a vector of indices."""
    if isinstance(shape, list) or len(shape) != 1:
        if offsets is None:
            raise ValueError(
                "indices must have a row for each bag, or be a vector with offsets. "
                f"Got shape {shape} instead."
            )
        raise ValueError(f"offsets are for a vector of indices. Got shape {shape} instead.")
    if offsets is None:
        raise ValueError("A vector of indices needs offsets, which say where each bag starts.")
    given = read_indices(offsets, what="offsets")
    if isinstance(given, list) or given.ndim != 1:
        raise ValueError("offsets must be a vector.")
    n, starts = shape[0], given.astype(np.intp)
    if not len(starts):
        if n:
            raise ValueError(f"offsets are empty, but there are {n} indices.")
        return starts
    if starts[0] != 0:
        raise ValueError(f"offsets must start with 0. Got {starts[0]} instead.")
    sizes: Indices = np.diff(starts, append=n).astype(np.intp)
    if (sizes < 0).any():
        place = int(np.argmax(sizes < 0))
        follower = f"offset {starts[place + 1]}" if place + 1 < len(starts) else f"the end, {n}"
        raise ValueError(
            f"offsets must not decrease, and be in [0, {n}]. "
            f"Got {starts[place]} at position {place}, followed by {follower}."
        )
    return sizes
