"""Arrays of any rank and sequences: numbers scaled, or symbols of one joint vocabulary as one-hot
vectors.

Everything is done on the flat steps; the layout (an array, padded sequences, ragged ones) comes
last.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._coded import Coded
from ._frames import Frame, is_frame, read
from ._input_read import Ragged, has_no_rows, has_no_steps, read_scores
from ._input_settings import InputSettings
from ._input_table import check_dtype, check_missing, check_range, is_encoded
from ._one_hot import ZEROS, OneHot, decode, learn_one_hot, to_dense
from ._scaling import Range, extremes, make_range
from ._vocabulary import stack_columns
from .nn._record import Record

Array = NDArray[Any]


class Layout(Record):
    """Shape of the samples.

    Attributes
    ----------
    shape : tuple of int or None
        Shape of a sample; its first number is None for sequences that stay ragged.
    is_sequence : bool
        Whether samples may differ in length.
    padding : {"post", "pre"} or None
        Where short sequences are padded and long ones cut; None keeps them ragged.
    max_length : int or None
        Where sequences are cut that stay ragged.
    """

    shape: tuple[int | None, ...]
    is_sequence: bool
    padding: str | None = None
    max_length: int | None = None

    @property
    def n_cells(self) -> int:
        """Number of cells of a sample (of a step, if there is no length)."""
        return math.prod(size for size in self.shape if size is not None)


class Block(Record):
    """What was learned of an array: the layout and what becomes of its numbers or symbols."""

    layout: Layout
    one_hot: OneHot | None
    range: Range | None
    refuse_missing: bool
    dtype: np.dtype[Any]

    def without_cells(self, X: Any) -> Array | Ragged | None:
        """Data of this layout, if ``X`` is a list without rows, or one of empty sequences where
        they are sequences: neither tells the shape of what it lacks.
        """
        if not self.layout.is_sequence:
            return np.empty((0, *self.layout.shape)) if has_no_rows(X) else None
        if not has_no_steps(X):
            return None
        return Ragged(np.empty((0, *self.layout.shape[1:])), np.zeros(len(X), dtype=np.intp))

    @property
    def is_sequence(self) -> bool:
        """Whether samples may differ in length."""
        return self.layout.is_sequence

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        """Shape of a transformed sample."""
        return self.layout.shape + ((self.one_hot.width,) if self.one_hot else ())

    @property
    def positions(self) -> dict[Any, int]:
        """Place by category; nothing for numbers."""
        return self.one_hot.positions if self.one_hot else {}

    @property
    def categories(self) -> Array | None:
        """The joint categories, None for numbers."""
        return self.one_hot.vocabulary.categories if self.one_hot else None


def choose_layout(data: Any, settings: InputSettings, *, nested: bool) -> Layout | None:
    """The layout of what :func:`skembed._input_read.read_data` returns; None for a table."""
    is_table = not isinstance(data, Ragged) and len(data.shape) == 2
    symbols = settings.joint and not isinstance(data, Ragged) and _holds_symbols(data, settings)
    padding, max_length = settings.padding, settings.max_length
    has_length = max_length is not None and not is_frame(data)
    if isinstance(data, Ragged) or has_length or (nested and symbols):
        lengths = data.lengths if isinstance(data, Ragged) else np.array(data.shape[1:2])
        inner = data.steps.shape[1:] if isinstance(data, Ragged) else data.shape[2:]
        length = None if padding is None else max_length or int(lengths.max())
        return Layout((length, *inner), True, padding, max_length)
    if is_table and not symbols:
        return None
    return Layout(tuple(data.shape[1:]), False)


def read_for_block(data: Any, layout: Layout) -> Array | Frame | Ragged:
    """Data checked against a layout, sequences as :class:`Ragged`."""
    if is_frame(data) and not layout.is_sequence:
        return read(data)
    if isinstance(data, np.ndarray) and layout.is_sequence:
        lengths = np.full(len(data), data.shape[1], dtype=np.intp)
        data = Ragged(data.reshape(-1, *data.shape[2:]), lengths)
    inner = layout.shape[1:]
    if layout.is_sequence and isinstance(data, Ragged) and data.steps.shape[1:] == inner:
        return data
    if not layout.is_sequence and isinstance(data, np.ndarray) and data.shape[1:] == layout.shape:
        return data
    raise ValueError(_mismatch(data, layout))


def _mismatch(data: Any, layout: Layout) -> str:
    if layout.is_sequence:
        step = "single values" if len(layout.shape) == 1 else f"arrays of shape {layout.shape[1:]}"
        expected = f"sequences of {step}"
    else:
        expected = f"samples of shape {layout.shape}"
    if isinstance(data, Ragged):
        got = f"sequences with steps of shape {data.steps.shape[1:]}"
        return f"X must hold {expected} as in fit. Got {got}."
    return f"X must hold {expected} as in fit. Got data of shape {data.shape}."


def _holds_symbols(data: Any, settings: InputSettings) -> bool:
    """Whether ``encode`` makes one-hot vectors of the cells."""
    frame = _flat(data) if isinstance(data, np.ndarray) else read(data)
    return any(is_encoded(frame, j, settings) for j in range(len(frame.names)))


def _flat(values: Array) -> Frame:
    return Frame((None,), (values.ravel(),), values.size)


def to_symbols(values: Array | Frame) -> Coded:
    """All cells over one set of distinct values; the codes have the shape of the data."""
    if not isinstance(values, Frame):
        coded = _flat(values).coded(0)
        return Coded(coded.values, coded.codes.reshape(values.shape))
    n_columns = len(values.names)
    below = stack_columns([values.coded(j) for j in range(n_columns)])
    return Coded(below.values, below.codes.reshape(n_columns, -1).T)


def learn_block(data: Array | Frame | Ragged, layout: Layout, settings: InputSettings) -> Block:
    """Learn the vocabulary or the range of the training data."""
    values = data.steps if isinstance(data, Ragged) else data
    refuse = settings.handle_missing == "error"
    if isinstance(values, Frame) or _holds_symbols(values, settings):
        one_hot = learn_one_hot(
            to_symbols(values),
            None,
            handle_unknown=settings.handle_unknown,
            handle_missing=settings.handle_missing,
        )
        return Block(layout, one_hot, None, refuse, settings.dtype)
    check_dtype(None, settings.dtype)
    numbers = _numbers_of(values)
    if refuse:
        check_missing(numbers, None)
    learned = None
    if settings.scale is not False:
        by_column = settings.scale == "feature" and len(layout.shape) > 1
        axes = tuple(range(numbers.ndim - 1 if by_column else numbers.ndim))
        learned = make_range(*extremes(numbers, axis=axes))
    return Block(layout, None, learned, refuse, settings.dtype)


def _numbers_of(values: Array) -> Array:
    if values.dtype.kind == "f":
        # Without an array of the same size, as np.isinf would make.
        if np.isinf(extremes(values, axis=None)).any():
            raise ValueError("X holds infinity. Numbers must be finite or missing.")
        return values
    if values.dtype.kind in "biu":
        return values
    return _flat(values).numeric(0).reshape(values.shape)


def apply_block(data: Array | Frame | Ragged, block: Block) -> Array | list[Array]:
    """One array, or a list of arrays for sequences that stay ragged."""
    steps = data.steps if isinstance(data, Ragged) else data
    if block.one_hot:
        places = arrange(data, block.one_hot.encode(to_symbols(steps)), block.layout, ZEROS)
        if isinstance(places, list):
            return [to_dense(part, block.one_hot, block.dtype) for part in places]
        return to_dense(places, block.one_hot, block.dtype)
    numbers = _numbers_of(steps)
    if block.refuse_missing:
        check_missing(numbers, None)
    numbers = block.range.scale(numbers) if block.range else numbers
    check_range(numbers, None, block.dtype)
    return arrange(data, numbers.astype(block.dtype), block.layout, 0)


def arrange(
    data: Array | Frame | Ragged, steps: Array, layout: Layout, fill: Any
) -> Array | list[Array]:
    """Steps as the layout says; ``fill`` is the padding."""
    if not isinstance(data, Ragged):
        return steps
    if layout.padding is None:
        parts = np.split(steps, data.starts[1:]) if len(data.lengths) else []
        return [part[: layout.max_length] for part in parts]
    rows, columns, kept = _positions(data, layout)
    out = np.full((len(data.lengths), *layout.shape[:1], *steps.shape[1:]), fill, steps.dtype)
    out[rows[kept], columns[kept]] = steps[kept]
    return out


def _positions(data: Ragged, layout: Layout) -> tuple[Array, Array, Array]:
    """Row and column of every step in the padded array, and whether it lies inside.

    Sequences that are too long lose steps on the side on which short ones are padded.
    """
    rows = np.repeat(np.arange(len(data.lengths)), data.lengths)
    columns = np.arange(len(data.steps)) - np.repeat(data.starts, data.lengths)
    if layout.padding == "pre":
        columns += np.repeat(layout.shape[0] - data.lengths, data.lengths)
    return rows, columns, (columns >= 0) & (columns < layout.shape[0])


def padding_mask(data: Array | Frame | Ragged, layout: Layout) -> Array | list[Array]:
    """True where the output is padding; False everywhere for anything but padded sequences."""
    if isinstance(data, Ragged):
        return arrange(data, np.zeros(len(data.steps), dtype=bool), layout, True)
    n_rows = data.n_rows if isinstance(data, Frame) else len(data)
    return np.zeros((n_rows, layout.shape[0]), dtype=bool)


def inverse_block(X: Any, block: Block) -> Array | list[Array]:
    """The symbols of highest score, or the numbers before scaling."""
    if block.layout.is_sequence and block.layout.padding is None:
        if not np.iterable(X):
            raise ValueError(f"X must be a list of arrays, one per sequence. Got {X!r}.")
        return [_inverse_array(read_scores(part), block, skip=2) for part in X]
    return _inverse_array(read_scores(X), block, skip=1)


def _inverse_array(X: Array, block: Block, skip: int) -> Array:
    # A ragged sequence is one sample, whose length is free.
    expected = block.output_shape[skip - 1 :]
    if X.shape[1:] != expected:
        raise ValueError(
            f"X must have shape (n, {str(expected)[1:]} as transform returns. Got {X.shape}."
        )
    if block.one_hot:
        return decode(X, block.one_hot)
    return block.range.unscale(X, "X") if block.range else X.copy()
