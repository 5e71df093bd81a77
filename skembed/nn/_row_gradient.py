"""The gradient of a table that few rows have a part in."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._rows import Indices, sum_sorted

Array = NDArray[np.floating]


class RowGradient(NamedTuple):
    """Gradient of a table that is zero outside a few rows.

    The methods return new gradients and change nothing; their rows are sorted where those of the
    operands are.

    Attributes
    ----------
    rows : ndarray of shape (n_rows,), dtype intp
        The rows touched, each once.
    values : ndarray of shape (n_rows, embedding_dim)
        The gradient of these rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skembed.nn import RowGradient
    >>> gradient = RowGradient(np.array([0, 3]), np.array([[1.0, 2.0], [2.0, 4.0]]))
    >>> gradient.norm()
    5.0
    >>> gradient.add(gradient).clip(5.0).to_dense(4)
    array([[1., 2.],
           [0., 0.],
           [0., 0.],
           [2., 4.]])
    """

    rows: Indices
    values: Array

    def check(self, num_embeddings: int | None = None) -> RowGradient:
        """Return the gradient itself if it is sound, or raise.

        Parameters
        ----------
        num_embeddings : int, default=None
            Number of rows of the table; None leaves the upper end of the rows open.

        Returns
        -------
        RowGradient
            This gradient.

        Raises
        ------
        TypeError
            If the rows are not integers or the values not floats.
        ValueError
            If the shapes disagree or a row is named twice.
        IndexError
            If a row is outside the table.
        """
        rows, values = self
        for name, array in (("rows", rows), ("values", values)):
            if not isinstance(array, np.ndarray):
                raise TypeError(f"{name} must be an array. Got {type(array).__name__} instead.")
        if not isinstance(num_embeddings, int | np.integer | None):
            raise TypeError(f"num_embeddings must be an int. Got {num_embeddings!r} instead.")
        if rows.dtype.kind not in "iu":
            raise TypeError(f"rows must be integers. Got dtype {rows.dtype} instead.")
        if values.dtype.kind != "f":
            raise TypeError(f"values must be floats. Got dtype {values.dtype} instead.")
        if rows.ndim != 1 or values.ndim != 2 or len(rows) != len(values):
            raise ValueError(
                f"rows must have shape (n_rows,) and values (n_rows, embedding_dim). "
                f"Got {rows.shape} and {values.shape} instead."
            )
        limit = np.iinfo(np.intp).max if num_embeddings is None else num_embeddings
        wrong = rows[(rows < 0) | (rows >= limit)]
        if wrong.size:
            raise IndexError(f"rows must be in [0, {limit}). Got {wrong[0]} instead.")
        if (rows[1:] > rows[:-1]).all():
            return self
        ordered = np.sort(rows)
        twice = ordered[1:][ordered[1:] == ordered[:-1]]
        if twice.size:
            raise ValueError(f"rows must be distinct. Got row {twice[0]} more than once.")
        return self

    def to_dense(self, num_embeddings: int) -> Array:
        """Return the gradient of the whole table.

        Parameters
        ----------
        num_embeddings : int
            Number of rows of the table.

        Returns
        -------
        ndarray of shape (num_embeddings, embedding_dim)
            Zero in the rows that the gradient does not name.

        Raises
        ------
        IndexError
            If a row is outside the table.
        """
        self.check(num_embeddings)
        dense = np.zeros((num_embeddings, self.values.shape[1]), dtype=self.values.dtype)
        dense[self.rows] = self.values
        return dense

    def add(self, other: RowGradient) -> RowGradient:
        """Return the sum with another gradient of the same table.

        Parameters
        ----------
        other : RowGradient
            A gradient of the same width.

        Returns
        -------
        RowGradient
            Sorted rows, those of either gradient.

        Raises
        ------
        ValueError
            If the widths differ.
        """
        if not isinstance(other, RowGradient):
            raise TypeError(f"other must be a RowGradient. Got {type(other).__name__} instead.")
        if self.values.shape[1:] != other.values.shape[1:]:
            raise ValueError(
                f"Both gradients must have the same embedding_dim. "
                f"Got {self.values.shape[1]} and {other.values.shape[1]}."
            )
        rows = np.concatenate([self.rows, other.rows]).astype(np.intp, copy=False)
        return RowGradient(*sum_sorted(rows, np.concatenate([self.values, other.values])))

    def scale(self, factor: float) -> RowGradient:
        """Return the gradient times a finite number.

        Parameters
        ----------
        factor : float
            The number.

        Returns
        -------
        RowGradient
            The same rows in the same dtype.

        Raises
        ------
        ValueError
            If `factor` is not finite.
        """
        if not math.isfinite(factor):
            raise ValueError(f"factor must be a finite number. Got {factor!r} instead.")
        return RowGradient(self.rows, self.values * self.values.dtype.type(factor))

    def norm(self, norm_type: float = 2.0) -> float:
        """Return the norm of the gradient, which is that of the whole table's gradient.

        Parameters
        ----------
        norm_type : float, default=2.0
            The p of the p-norm, at least 1; ``numpy.inf`` gives the largest absolute value.

        Returns
        -------
        float
            The norm of all values taken as one vector; 0 without rows, and not finite if a value
            is not.

        Raises
        ------
        ValueError
            If `norm_type` is below 1.
        """
        check_norm_type(norm_type)
        if norm_type in (1, 2):
            with np.errstate(over="ignore"):
                norm = float(np.linalg.norm(self.values.astype(np.float64).ravel(), norm_type))
            if 1e-100 < norm < 1e100:  # No square that matters has left the range of floats.
                return norm
        return math.prod(self._norm_in_parts(norm_type))

    def clip(self, max_norm: float, norm_type: float = 2.0) -> RowGradient:
        """Return the gradient, shortened to `max_norm` if it is longer.

        Parameters
        ----------
        max_norm : float
            The largest norm allowed, above 0.
        norm_type : float, default=2.0
            The p of the p-norm, at least 1; ``numpy.inf`` bounds every value.

        Returns
        -------
        RowGradient
            A gradient of the same direction.

        Raises
        ------
        ValueError
            If `max_norm` is not above 0, `norm_type` is below 1, or a value of the gradient is
            infinite or NaN, so that it has no direction.
        """
        if not (is_real(max_norm) and max_norm > 0):
            raise ValueError(f"max_norm must be above 0. Got {max_norm!r} instead.")
        norm = self.norm(norm_type)
        if not math.isfinite(norm):
            self._check_finite()
        if norm <= max_norm:
            return self
        factor = max_norm / norm
        if factor >= np.finfo(self.values.dtype).tiny:
            return self.scale(factor)
        largest, norm = self._norm_in_parts(norm_type)
        number = self.values.dtype.type
        return RowGradient(self.rows, self.values / number(largest) * number(max_norm / norm))

    def _check_finite(self) -> None:
        finite = np.isfinite(self.values)
        if not finite.all():
            place = int(np.flatnonzero(~finite.all(axis=1))[0])
            raise ValueError(
                "The values of a gradient must be finite to be clipped. "
                f"Got {self.values[~finite][0]} in row {self.rows[place]}."
            )

    def _norm_in_parts(self, norm_type: float) -> tuple[float, float]:
        """The largest absolute value, and the norm of the values divided by it.

        The powers of the values themselves leave the range of floats long before their norm does.
        """
        sizes = np.abs(self.values.astype(np.float64)).ravel()
        largest = float(sizes.max(initial=0))
        if largest == 0 or not math.isfinite(largest):
            return largest, 1.0
        return largest, float(np.linalg.norm(sizes / largest, norm_type))


def is_real(value: Any) -> bool:
    """Whether a value is a number and no boolean, string or array."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def check_norm_type(norm_type: float) -> None:
    """Raise unless `norm_type` is the p of a norm."""
    if not (is_real(norm_type) and norm_type >= 1):
        raise ValueError(f"norm_type must be at least 1 (numpy.inf included). Got {norm_type!r}.")
