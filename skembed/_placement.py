"""Which points get a label, and places for the labels around them, so that none covers another."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.floating]

# Where a label may stand beside its point, the most readable side first.
_SIDES = np.array(
    [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1)], dtype=float
)
_DIAGONAL = np.sqrt(0.5)
# More labels than a picture holds; each costs a little time at every drawing.
_MANY_LABELS = 1000


def most_frequent(annotate: Any, categories: ArrayLike, counts: ArrayLike) -> NDArray[np.intp]:
    """Positions of the categories that are to be written, the most frequent first."""
    by_frequency = np.argsort(-np.asarray(counts), kind="stable")
    if isinstance(annotate, bool | np.bool_):
        return by_frequency[: _MANY_LABELS if annotate else 0]
    if isinstance(annotate, int | np.integer) and annotate >= 0:
        return by_frequency[:annotate]
    if isinstance(annotate, str) or not hasattr(annotate, "__iter__"):
        raise ValueError(
            "The 'annotate' parameter must be a bool, an int of at least 0 or a list of "
            f"categories. Got {annotate!r} instead."
        )
    wanted, known = list(annotate), list(categories)
    if unknown := [category for category in wanted if category not in known]:
        raise ValueError(
            f"The 'annotate' parameter names {unknown!r}, which are not among the {len(known)} "
            f"categories, such as {known[:3]!r}."
        )
    return by_frequency[[known[i] in wanted for i in by_frequency]]


def place_labels(
    anchors: NDArray[np.intp], points: Array, radii: Array, sizes: Array, area: Array
) -> Array:
    """Offsets of the labels' centres from their points, ``(n_labels, 2)``; NaN without room.

    Greedy, in the order given: of the places beside its point that lie within ``area`` and touch
    neither a label before it nor the point of one, a label takes the place that covers the least
    of other points. A label whose point lies outside or is covered by a label before it stays away.

    ``anchors`` are the rows of ``points`` ``(n_points, 2)`` that have labels of ``sizes``
    ``(n_labels, 2)``, ``radii`` ``(n_points,)`` how far the points reach, and ``area`` the lower
    left and upper right corner.
    """
    offsets = np.full((len(anchors), 2), np.nan)
    discs = _boxes(points, 2 * radii[:, None])
    shown = ((points >= area[0]) & (points <= area[1])).all(axis=1)
    labels, taken = np.empty((0, 2, 2)), np.empty((0, 2, 2))
    for k, (i, size) in enumerate(zip(anchors, sizes, strict=True)):
        if not shown[i] or _meet(discs[[i]], labels).any():
            continue
        moves = _moves(radii[i], size)
        boxes = _boxes(points[i] + moves, size)
        inside = (boxes[:, 0] >= area[0]).all(axis=1) & (boxes[:, 1] <= area[1]).all(axis=1)
        free = np.flatnonzero(inside & ~_meet(boxes, taken).any(axis=1))
        if len(free):
            best = free[np.argmin(_meet(boxes[free], discs) @ radii**2)]
            offsets[k] = moves[best]
            labels = np.concatenate([labels, boxes[[best]]])
            taken = np.concatenate([taken, boxes[[best]], discs[[i]]])
    return offsets


def _moves(radius: float, size: Array) -> Array:
    """From a point to the centres of a label on its sides."""
    reach = np.where(_SIDES.all(axis=1), _DIAGONAL, 1.0)[:, None] * radius
    return _SIDES * (reach + size / 2)


def _boxes(centres: Array, size: Array) -> Array:
    """Lower left and upper right corners, ``(n, 2, 2)``."""
    return np.stack([centres - size / 2, centres + size / 2], axis=1)


def _meet(a: Array, b: Array) -> NDArray[np.bool_]:
    """Which boxes of ``a`` share an inner point with which of ``b``, ``(len(a), len(b))``."""
    return ((a[:, None, 0] < b[None, :, 1]) & (b[None, :, 0] < a[:, None, 1])).all(axis=2)
