"""Row numbers as users give them: checked, made one integer array, ragged lists taken apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._shapes import is_masked

Indices = NDArray[np.intp]


def read_indices(
    indices: Any, num_embeddings: int | None = None, what: str = "Indices"
) -> NDArray[np.integer] | list[Any]:
    """`indices` as an integer array, or as a list of its items where these differ in shape.

    Raises TypeError for anything but integers; `num_embeddings` and `what` are for its message
    alone.
    """
    if is_masked(indices):
        raise TypeError(f"{what} must be integers. Got a masked array: fill it or compress it.")
    if isinstance(indices, np.ndarray) and indices.dtype.kind in "iu":
        return indices
    try:
        codes = np.asarray(indices)
    except ValueError:  # NumPy makes no array of items that differ in shape.
        return list(indices)
    if codes.dtype == object:
        # Sequences or Python integers kept as objects: look at them as a list.
        items = codes.tolist()
        try:
            codes = np.asarray(items)
        except ValueError:
            return items
        indices = items
    if isinstance(indices, list | tuple) and codes.dtype.kind in "iuf" and codes.size:
        codes = _as_given(indices, codes)
    if codes.dtype.kind in "iu":
        return codes
    if codes.size == 0 and not isinstance(indices, np.ndarray):
        return codes.astype(np.intp)
    allowed = "" if num_embeddings is None else f" in [0, {num_embeddings})"
    raise _not_integers(codes, allowed, what)


def _as_given(indices: Sequence[Any], codes: NDArray[Any]) -> NDArray[Any]:
    """The numbers of a list as they stand in it: NumPy has made `codes` of them, integers of what
    was True, and floats of signed and unsigned integers.
    """
    cells = np.asarray(indices, dtype=object)
    types = set(map(type, cells.ravel()))
    if any(issubclass(t, bool | np.bool_) for t in types):
        return cells
    if codes.dtype.kind == "f" and all(issubclass(t, int | np.integer) for t in types):
        exact = [int(cell) for cell in cells.ravel()]
        inside = -(2**63) <= min(exact) and max(exact) < 2**63
        return np.array(exact, dtype=np.int64 if inside else object).reshape(cells.shape)
    return codes


def check_range(codes: NDArray[np.integer], num_embeddings: int) -> Indices:
    """`codes` as intp if all are in ``[0, num_embeddings)``, else IndexError with the first."""
    wide = codes.astype(np.int64, copy=False)
    # Read without its sign a negative number is a huge one, so that one search finds both errors.
    unsigned = wide.view(np.uint64)
    if codes.size and unsigned.item(unsigned.argmax()) >= num_embeddings:
        raise _out_of_range(codes, num_embeddings)
    return wide.astype(np.intp, copy=False)


def flatten_ragged(
    items: Sequence[Any], num_embeddings: int | None = None
) -> tuple[list[NDArray[np.int64]], list[tuple[int, ...]]]:
    """The arrays in a list whose items differ in shape, each made flat, and their shapes."""
    arrays = [read_indices(item, num_embeddings) for item in items]
    for place, array in enumerate(arrays):
        if isinstance(array, list):
            raise TypeError(
                f"A list of sequences may be ragged in its first level only. "
                f"Got item {place}, whose own items differ in shape."
            )
    flat = [np.ravel(array).astype(np.int64, copy=False) for array in arrays]
    return flat, [np.shape(array) for array in arrays]


def rows_needed(codes: NDArray[np.integer] | list[Any]) -> int:
    """Rows of a table for all of `codes`, as `read_indices` returns them: the largest + 1."""
    flat = np.concatenate(flatten_ragged(codes)[0]) if isinstance(codes, list) else codes
    if not flat.size:
        raise ValueError("num_embeddings cannot be inferred from empty indices: give it.")
    least = int(np.min(flat))
    if least < 0:
        raise IndexError(f"Indices must not be negative. Got {least} instead.")
    return int(np.max(flat)) + 1


def offset_columns(codes: ArrayLike, sizes: Sequence[int]) -> Indices:
    """Number the categories of several columns on, so that one table holds them all.

    Parameters
    ----------
    codes : array-like of int, shape (n_samples, n_columns)
        Codes of each column, from 0.
    sizes : sequence of int, length n_columns
        Number of categories of each column. The table needs ``sum(sizes)`` rows.

    Returns
    -------
    ndarray of shape (n_samples, n_columns)
        `codes` plus the sizes of the columns to the left.

    Raises
    ------
    IndexError
        If a code is not below the size of its column.
    ValueError
        If the numbers of columns differ.

    Examples
    --------
    >>> from skembed.nn import offset_columns
    >>> offset_columns([[0, 0], [2, 1]], sizes=[3, 2])
    array([[0, 3],
           [2, 4]])
    """
    array = read_indices(codes)
    sizes = list(sizes)
    for size in sizes:
        if isinstance(size, bool | np.bool_) or not isinstance(size, int | np.integer) or size < 0:
            raise TypeError(f"sizes must be ints of at least 0, one per column. Got {size!r}.")
    if sum(map(int, sizes)) > np.iinfo(np.intp).max:
        raise ValueError(f"sizes must add up to a table that can exist. Got {sizes!r}.")
    if isinstance(array, list) or array.ndim != 2 or array.shape[1] != len(sizes):
        shape = "a ragged list" if isinstance(array, list) else f"shape {array.shape}"
        raise ValueError(f"codes must have shape (n_samples, {len(sizes)}). Got {shape} instead.")
    for column, size in enumerate(sizes):
        try:
            check_range(array[:, column], size)
        except IndexError as error:
            raise IndexError(f"Column {column}: {error}") from None
    starts = np.cumsum([0, *sizes[:-1]])
    return array.astype(np.intp) + starts.astype(np.intp)


def _not_integers(codes: NDArray[Any], allowed: str, what: str) -> Exception:
    """The error for an array that holds no integers; it names the value that shows it."""
    values = codes.ravel().tolist()
    if codes.dtype == object:
        integers = [v for v in values if isinstance(v, int) and not isinstance(v, bool)]
        if values and len(integers) == len(values):
            largest = max(values, key=abs)
            return IndexError(
                f"Index {largest} is out of range: indices must be{allowed or ' small'}."
            )
        values = [v for v in values if not isinstance(v, int) or isinstance(v, bool)]
    elif codes.dtype.kind == "f":
        values = [v for v in values if v != v] or [v for v in values if v % 1] or values
    got = f"{values[0]!r}, " if values else ""
    return TypeError(f"{what} must be integers{allowed}. Got {got}dtype {codes.dtype}.")


def _out_of_range(codes: NDArray[np.integer], num_embeddings: int) -> IndexError:
    """The error for the first index outside the table."""
    wrong = np.argwhere((codes < 0) | (codes >= num_embeddings))[0]
    place = tuple(wrong.tolist())
    at = f" at position {place[0] if len(place) == 1 else place}" if place else ""
    return IndexError(
        f"Index {codes[place]}{at} is out of range: indices must be in [0, {num_embeddings})."
    )
