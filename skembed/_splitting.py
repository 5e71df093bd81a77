"""Splits by relative sizes: disjoint parts that cover all rows, shuffled, stratified or grouped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import check_random_state

from . import _params
from ._frames import as_objects, n_rows_of
from ._input_read import check_length
from ._labels import Labels, read_labels

Indices = NDArray[np.intp]


def _are_sizes(value: Any) -> bool:
    is_sequence = isinstance(value, tuple | list | np.ndarray) and len(value) in (2, 3)
    if not is_sequence or not all(_params.real("[0, inf)").holds(size) for size in value):
        return False
    return value[0] > 0


relative_sizes = _params.satisfying(
    "two or three finite numbers of at least 0, the first (the training part) above 0", _are_sizes
)


class RelativeSplit(BaseCrossValidator):
    """Split once into parts of relative sizes, wherever scikit-learn takes a ``cv``.

    The first part is for training and the second for testing. With three numbers the third part
    is left untouched: it is neither trained nor tested on. :meth:`skembed.InputEmbedding.split`
    makes the same parts from the same settings.

    Parameters
    ----------
    relative_size : sequence of two or three numbers, default=(2, 1)
        Relative sizes of the parts: ``(2, 1)`` trains on two thirds. Rows are shared out by the
        largest remainder, so that each size is off by less than one row.
    shuffle : bool, default=True
        Whether to assign rows at random. Otherwise the parts are consecutive.
    stratify : bool, default=False
        Whether each class of ``y`` is shared out in the same proportions, off by less than one
        row per class and part. Each class then needs as many rows as there are parts.
    random_state : int, RandomState instance or None, default=None
        Seed of the shuffle.

    Notes
    -----
    With ``groups``, all rows of a group go to one part. Groups are taken in random order
    (in order of appearance without ``shuffle``), each to the part that still lacks most rows
    (with ``stratify``, most rows of the group's classes), so that sizes and shares are
    approximate.

    Examples
    --------
    >>> import numpy as np
    >>> from skembed import RelativeSplit
    >>> X = np.arange(6).reshape(-1, 1)
    >>> train, test = next(RelativeSplit((2, 1), shuffle=False).split(X))
    >>> train, test
    (array([0, 1, 2, 3]), array([4, 5]))
    """

    # Groups given to a search or a cross-validation are passed on to `split`.
    __metadata_request__split: ClassVar[dict[str, bool]] = {"groups": True}

    def __init__(
        self,
        relative_size: Sequence[float] = (2, 1),
        *,
        shuffle: bool = True,
        stratify: bool = False,
        random_state: Any = None,
    ) -> None:
        self.relative_size = relative_size
        self.shuffle = shuffle
        self.stratify = stratify
        self.random_state = random_state

    def __repr__(self) -> str:
        return (
            f"RelativeSplit({self.relative_size!r}, shuffle={self.shuffle!r}, "
            f"stratify={self.stratify!r}, random_state={self.random_state!r})"
        )

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of splits, which is 1.

        Parameters
        ----------
        X, y, groups : object
            Ignored, there for the interface.

        Returns
        -------
        n_splits : int
        """
        return 1

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Indices, Indices]]:
        """Yield the rows to train and to test on.

        Parameters
        ----------
        X : dataframe, array-like or sequence of length n_samples
            Only its length counts.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Labels, needed with ``stratify=True``.
        groups : array-like of shape (n_samples,), default=None
            Rows of one group stay together.

        Yields
        ------
        train, test : ndarray of shape (n_train,) and (n_test,), dtype intp

        Raises
        ------
        ValueError
            If a parameter is wrong, the training part is empty, a class has fewer rows than there
            are parts, or there are fewer groups than parts.
        """
        train, test, _ = self.parts(X, y, groups)
        yield train, test

    def parts(self, X: Any, y: Any = None, groups: Any = None) -> tuple[Indices, Indices, Indices]:
        """Return the rows of all three parts.

        Parameters
        ----------
        X, y, groups : object
            As in :meth:`split`.

        Returns
        -------
        train, test, untouched : ndarray, dtype intp
            The last one is empty for two relative sizes.

        Raises
        ------
        ValueError
            As in :meth:`split`.
        """
        _params.check_parameters(
            self,
            {
                "relative_size": relative_sizes,
                "shuffle": _params.boolean,
                "stratify": _params.boolean,
                "random_state": _params.random_state,
            },
        )
        return split_rows(
            n_rows_of(X),
            self.relative_size,
            y=y,
            groups=groups,
            stratify=self.stratify,
            shuffle=self.shuffle,
            random_state=self.random_state,
        )


def split_rows(
    n_rows: int,
    relative_size: Sequence[float],
    *,
    y: Any = None,
    groups: Any = None,
    stratify: bool = False,
    shuffle: bool = True,
    random_state: Any = None,
) -> tuple[Indices, Indices, Indices]:
    """Rows of the three parts; the order within a part is that of the shuffle."""
    weights = _integer_weights([*relative_size, 0][:3])
    order = np.arange(n_rows, dtype=np.intp)
    if shuffle:
        order = check_random_state(random_state).permutation(n_rows).astype(np.intp, copy=False)
    check_length(y, "y", n_rows)
    check_length(groups, "groups", n_rows)
    strata = Labels(np.zeros(1), np.zeros(n_rows, dtype=np.intp))
    if stratify:
        if y is None:
            raise ValueError("stratify=True shares out the classes of y. Got y=None.")
        strata = read_labels(y, "y")
        _check_strata(strata, int(np.count_nonzero(weights)))
    if groups is None:
        part = _deal_strata(strata.codes[order], share_out(strata.counts, weights))
    else:
        group_codes = read_labels(groups, "groups").codes
        part = _deal_groups(group_codes[order], strata.codes[order], weights)
    train, validation, test = (order[part == p] for p in range(3))
    if len(train) == 0:
        raise ValueError(
            f"relative_size={tuple(relative_size)!r} leaves the training part of {n_rows} row(s) "
            "empty. Give more rows or a larger first number."
        )
    return train, validation, test


def _check_strata(strata: Labels, n_parts: int) -> None:
    counts = strata.counts
    if counts.min(initial=n_parts) < n_parts:
        rare = int(counts.argmin())
        name = as_objects(strata.classes)[rare]
        raise ValueError(
            f"Class {name!r} of y has {counts[rare]} row(s), "
            f"fewer than the {n_parts} parts. Merge it with another class, or set stratify=False."
        )


def _integer_weights(relative_size: Sequence[float]) -> list[int]:
    """The relative sizes as integers in exactly the same proportions."""
    fractions = [Fraction(float(size)) for size in relative_size]
    scale = np.lcm.reduce(np.array([f.denominator for f in fractions], dtype=object))
    return [int(fraction * scale) for fraction in fractions]


def share_out(counts: NDArray[np.integer], weights: Sequence[int]) -> NDArray[np.intp]:
    """Rows of each stratum for each part, shape ``(n_strata, n_parts)``.

    Strata and whole alike are off by less than one row: every entry is its exact share rounded
    down or up, and the sums over the strata are the shares of all rows by the largest remainder.
    """
    floors, extra, may = _largest_remainders(counts, weights)
    total_floors, total_extra, _ = _largest_remainders(counts.sum(keepdims=True), weights)
    surplus = (floors + extra).sum(axis=0) - (total_floors + total_extra)[0]
    for p in range(len(weights)):
        while surplus[p] > 0:
            _pass_on(p, extra, may, surplus)
    return floors + extra


def _largest_remainders(
    counts: NDArray[np.integer], weights: Sequence[int]
) -> tuple[NDArray[np.intp], NDArray[np.bool_], NDArray[np.bool_]]:
    """Per stratum and part: the share rounded down, whether to round up, whether one may."""
    # Python integers: exact however large the weights are.
    shares = np.multiply.outer(counts.astype(object), np.array(weights, dtype=object))
    floors = (shares // sum(weights)).astype(np.intp)
    remainders = shares % sum(weights)
    left = counts - floors.sum(axis=1)
    rank = np.argsort(np.argsort(-remainders, axis=1, kind="stable"), axis=1, kind="stable")
    return floors, rank < left[:, None], remainders > 0


def _pass_on(
    p: int, extra: NDArray[np.bool_], may: NDArray[np.bool_], surplus: NDArray[np.intp]
) -> None:
    """Take rounded-up rows from part ``p`` and round up in a part that lacks rows instead.

    The exact shares are a feasible flow, so a path with free capacity exists; among three parts
    it has at most one part in between.
    """
    lacking = np.flatnonzero(surplus < 0)
    for q in lacking:
        movable = np.flatnonzero(extra[:, p] & ~extra[:, q] & may[:, q])
        movable = movable[: min(surplus[p], -surplus[q])]
        if len(movable):
            _move(movable, p, q, extra, surplus)
            return
    for q in lacking:
        for via in set(range(extra.shape[1])) - {p, q}:
            first = np.flatnonzero(extra[:, p] & ~extra[:, via] & may[:, via])[:1]
            second = np.flatnonzero(extra[:, via] & ~extra[:, q] & may[:, q])[:1]
            if len(first) and len(second):
                _move(first, p, via, extra, surplus)
                _move(second, via, q, extra, surplus)
                return


def _move(
    strata: Indices, p: int, q: int, extra: NDArray[np.bool_], surplus: NDArray[np.intp]
) -> None:
    extra[strata, p] = False
    extra[strata, q] = True
    surplus[p] -= len(strata)
    surplus[q] += len(strata)


def _deal_strata(strata: NDArray[np.integer], sizes: NDArray[np.intp]) -> Indices:
    """Part of each row: the first rows of a stratum go to the first part, and so on."""
    parts = np.tile(np.arange(sizes.shape[1]), len(sizes))
    part = np.empty(len(strata), dtype=np.intp)
    part[np.argsort(strata, kind="stable")] = np.repeat(parts, sizes.ravel())
    return part


def _deal_groups(
    groups: NDArray[np.integer], strata: NDArray[np.integer], weights: Sequence[int]
) -> Indices:
    """Part of each row when groups stay together: each goes where its rows are lacking most."""
    counts = np.bincount(strata)
    lacking = np.multiply.outer(np.array(weights, dtype=float) / sum(weights), counts)
    open_parts = [p for p, weight in enumerate(weights) if weight > 0]
    empty = set(open_parts)
    _, first = np.unique(groups, return_index=True)
    rows_of = np.split(np.argsort(groups, kind="stable"), np.cumsum(np.bincount(groups))[:-1])
    if len(first) < len(empty):
        raise ValueError(
            f"groups holds {len(first)} group(s), fewer than the {len(empty)} parts to fill."
        )
    part = np.empty(len(groups), dtype=np.intp)
    for done, group in enumerate(np.argsort(first)):
        rows = rows_of[group]
        classes, n = np.unique(strata[rows], return_counts=True)
        # The last groups are kept for parts that have none.
        choices = sorted(empty) if len(first) - done <= len(empty) else open_parts
        best = max(choices, key=lambda p: lacking[p, classes] @ n)
        part[rows] = best
        lacking[best, classes] -= n
        empty.discard(best)
    return part
