"""Rows and targets: the part of InputEmbedding that splits, makes batches and encodes y."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import Bunch, check_random_state
from sklearn.utils.validation import check_is_fitted

from . import _params
from ._frames import n_rows_of, take_rows
from ._input_read import check_length, to_tidy_array
from ._input_settings import BATCH_RULES, SPLIT_RULES, native_dtype
from ._input_target import TargetClasses, decode_target, encode_target
from ._labels import class_balance
from ._splitting import split_rows

Array = NDArray[Any]
CELLS_AT_ONCE = 2**20


def _with_rows(X: Any) -> Any:
    """X in a form that gives rows, which sparse matrices of some formats do not."""
    gives_rows = not sparse.issparse(X) or X.format in ("csr", "csc", "lil")
    return X if gives_rows else X.tocsr()


class RowsMixin:
    """``split``, ``batches`` and ``transform_target`` for a transformer."""

    # Not an attribute of its own: the plan holds these arrays, and is saved with them.
    @property
    def categories_(self) -> Any:
        """Categories of each column, or of all."""
        check_is_fitted(self)
        return self._plan.categories

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Bunch:
        """Split into training, validation and test parts by ``relative_size``; no fit is needed.

        Parameters
        ----------
        X : dataframe, array-like or list of length n_samples
        y : array-like of length n_samples, default=None
            Labels, needed with ``stratify=True``.
        groups : array-like of shape (n_samples,), default=None
            Rows of one group stay together; the sizes are then approximate.

        Returns
        -------
        parts : Bunch
            ``train``, ``validation`` and ``test``, each a Bunch of ``X`` and ``y`` (rows of the
            data as they came; None without y), ``indices`` (positions of the rows) and
            ``class_balance`` (class -> number of rows; None if y has no classes).

        Raises
        ------
        ValueError
            If a parameter is wrong, the training part is empty, lengths differ, a class has fewer
            rows than there are parts, or there are fewer groups than parts.
        """
        _params.check_parameters(self, SPLIT_RULES)
        X = _with_rows(X)
        rows = split_rows(
            n_rows_of(X),
            self.relative_size,
            y=y,
            groups=groups,
            stratify=self.stratify,
            shuffle=self.shuffle,
            random_state=self.random_state,
        )
        # Asked of all rows: the few of a part may look as if they were classes.
        has_classes = y is not None and class_balance(y) is not None
        parts = {}
        for name, indices in zip(("train", "validation", "test"), rows, strict=True):
            labels = None if y is None else take_rows(y, indices)
            parts[name] = Bunch(
                X=take_rows(X, indices),
                y=labels,
                indices=indices,
                class_balance=class_balance(labels) if has_classes else None,
            )
        return Bunch(**parts)

    def batches(self, X: Any, y: Any = None) -> Iterator[tuple[Any, Any]]:
        """Yield transformed rows in batches, in a new order at each call.

        All rows come, the last batch may be short. The orders follow from ``random_state`` and
        the number of calls since ``fit``. Rows are taken and transformed batch by batch, so that
        memory-mapped arrays are never read whole.

        Parameters
        ----------
        X : dataframe, array-like or list of length n_samples
        y : array-like of length n_samples, default=None

        Yields
        ------
        X_batch : ndarray, csr_matrix or list of ndarray
            ``transform`` of at most ``batch_size`` rows.
        y_batch : ndarray or None
            ``transform_target`` of their targets; None without y.

        Raises
        ------
        ValueError
            If X and y differ in length.
        """
        check_is_fitted(self)
        _params.check_parameters(self, BATCH_RULES)
        X = _with_rows(X)
        n_rows = n_rows_of(X)
        check_length(y, "y", n_rows)
        order = np.arange(n_rows)
        if self.shuffle:
            order = np.random.default_rng([self._batch_seed, self._n_epochs]).permutation(n_rows)
        self._n_epochs += 1
        return self._iterate(X, y, order)

    def _iterate(self, X: Any, y: Any, order: Array) -> Iterator[tuple[Any, Any]]:
        size = self.batch_size or max(len(order), 1)
        # Several small batches are transformed at once: a call costs more than its rows.
        chunk = size * max(1, self._rows_at_once() // size)
        for start in range(0, len(order), chunk):
            rows = order[start : start + chunk]
            X_chunk = self.transform(take_rows(X, rows))
            y_chunk = None if y is None else self.transform_target(take_rows(y, rows))
            for i in range(0, len(rows), size):
                yield X_chunk[i : i + size], None if y is None else y_chunk[i : i + size]

    def _rows_at_once(self) -> int:
        sample = self.output_shape_[1:]
        return 1 if None in sample else CELLS_AT_ONCE // max(math.prod(sample), 1)

    def transform_target(self, y: Any) -> Array:
        """Return ``y`` as an array, as one-hot vectors with ``encode_target=True``.

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            Labels, or one-hot vectors if ``fit`` saw such.

        Returns
        -------
        y_new : ndarray of shape (n_samples, n_classes)
            Unchanged without ``encode_target``.

        Raises
        ------
        ValueError
            If a label was not seen in fit or is missing.
        """
        check_is_fitted(self)
        if self._target is None:
            return to_tidy_array(y)
        return encode_target(y, self._target, self._target_dtype)

    def inverse_transform_target(self, y: Any) -> Array:
        """Return the labels of one-hot vectors or of scores.

        Parameters
        ----------
        y : array-like of shape (n_samples, n_classes)
            One-hot vectors, probabilities or any scores: the highest counts.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Members of ``classes_``; one-hot vectors if ``fit`` saw such. Without
            ``encode_target``, ``y`` unchanged.

        Raises
        ------
        ValueError
            With ``encode_target``, if scores are no numbers, are missing, or have not one column
            per class.
        """
        check_is_fitted(self)
        return to_tidy_array(y) if self._target is None else decode_target(y, self._target)

    def _keep_target(self, target: TargetClasses | None) -> None:
        """Store what ``fit`` learned for the methods above, and start the orders of the batches."""
        self._target = target
        # That of `transform`, which keeps the one of the fit.
        self._target_dtype = native_dtype(self.dtype)
        if target is not None:
            self.classes_ = target.classes
        elif hasattr(self, "classes_"):
            del self.classes_
        self._batch_seed = int(check_random_state(self.random_state).randint(2**31))
        self._n_epochs = 0
