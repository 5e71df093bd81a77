"""One-hot vectors of categories: cells -> places -> dense or sparse arrays, and back.

The place of a cell is the position of the 1 in its vector: the categories in sorted order, then
the missing and the unknown value where they have a place of their own. Negative places stand for
vectors that are not one-hot.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ._coded import Coded
from ._column_names import describe_column
from ._frames import as_objects
from ._vocabulary import UNKNOWN, ColumnVocabulary, learn_vocabulary
from .nn._record import Record

Array = NDArray[Any]
Places = NDArray[np.int32]
ZEROS, MEAN, REFUSED = -1, -2, -3


class OneHot(Record):
    """The one-hot vectors of one vocabulary.

    Attributes
    ----------
    name : hashable
        The column; None for the joint vocabulary of all cells.
    vocabulary : ColumnVocabulary
    places : ndarray of shape (n_codes,), dtype int32
        Place per code.
    width : int
        Length of the vectors.
    mean : ndarray of shape (width,), dtype float64, or None
        Mean of the vectors seen at fit, if ``MEAN`` is a place.
    """

    name: Hashable
    vocabulary: ColumnVocabulary
    places: Places
    width: int
    mean: NDArray[np.float64] | None

    @property
    def has_missing_place(self) -> bool:
        """Whether missing values have a place of their own."""
        place = self.places[self.vocabulary.missing_code]
        return bool(place >= 0 and place != self.places[UNKNOWN])

    @property
    def cells(self) -> Array:
        """What each place stands for: the categories, then None for missing and unknown values."""
        extra = np.full(self.width - len(self.vocabulary.categories), None)
        if not len(extra):
            return self.vocabulary.categories
        return np.concatenate([as_objects(self.vocabulary.categories), extra])

    @property
    def positions(self) -> dict[Any, int]:
        """Place by category, and by None for missing values that have a place."""
        places = {category: i for i, category in enumerate(as_objects(self.vocabulary.categories))}
        if self.has_missing_place:
            places[None] = len(places)
        return places

    @property
    def labels(self) -> list[str]:
        """A name for each place."""
        labels = [str(category) for category in self.vocabulary.categories]
        if self.has_missing_place:
            labels.append("missing")
        if self.places[UNKNOWN] >= 0:
            labels.append("unknown")
        return labels

    def encode(self, column: Coded) -> Places:
        """Place of each cell, in the shape of the codes."""
        places = self.places[self.vocabulary.encode(column)]
        if self.places.min() == REFUSED and (places == REFUSED).any():
            self._refuse(column)
        return places

    def _refuse(self, column: Coded) -> None:
        unknown = self.vocabulary.unknown_values(Coded(column.values, column.codes.ravel()))
        if len(unknown) and self.places[UNKNOWN] == REFUSED:
            shown = ", ".join(repr(value) for value in as_objects(unknown[:5]))
            more = ", ..." if len(unknown) > 5 else ""
            raise ValueError(
                f"{describe_column(self.name)} holds values that were not seen in fit: "
                f"{shown}{more}. Set handle_unknown='zeros' or 'embed' to accept them."
            )
        raise ValueError(
            f"{describe_column(self.name)} holds missing values and had none in fit, or they are "
            "refused. Fill them, or set handle_missing='embed' and handle_unknown='zeros' to "
            "accept them."
        )


def learn_one_hot(
    column: Coded, name: Hashable, *, handle_unknown: str, handle_missing: str
) -> OneHot:
    """The one-hot vectors of a column; its codes may have any shape.

    Every distinct cell once is enough, unless ``handle_unknown`` is "mean".
    """
    column = Coded(column.values, column.codes.ravel())
    vocabulary = learn_vocabulary(column)
    n_missing = int(np.count_nonzero(column.codes < 0))
    places = np.arange(-1, vocabulary.n_codes - 1, dtype=np.int32)
    own_missing = n_missing > 0 and handle_missing == "embed"
    width = len(vocabulary.categories) + own_missing
    places[UNKNOWN] = {"zeros": ZEROS, "mean": MEAN, "error": REFUSED, "embed": width}[
        handle_unknown
    ]
    if not own_missing:
        places[vocabulary.missing_code] = REFUSED if handle_missing == "error" else places[UNKNOWN]
    if n_missing and places[vocabulary.missing_code] == REFUSED:
        raise ValueError(
            f"{describe_column(name)} holds missing values (None, NaN), which handle_missing="
            f"{handle_missing!r} with handle_unknown={handle_unknown!r} refuses. Fill them, or set "
            "handle_missing='embed'."
        )
    mean = None
    if handle_unknown == "mean":
        counts = np.append(vocabulary.counts, [n_missing] * own_missing)
        mean = counts / max(len(column.codes), 1)
    return OneHot(name, vocabulary, places, width + (handle_unknown == "embed"), mean)


def fill_dense(out: Array, places: Places, one_hot: OneHot, offset: int = 0) -> None:
    """Write one-hot vectors into columns ``offset`` and following of ``out``, which holds zeros.

    Parameters
    ----------
    out : C-contiguous ndarray of shape (n_rows, n_columns)
    places : ndarray of shape (n_rows,)
    """
    cells = np.arange(offset, out.size, out.shape[1]) + places
    out.ravel()[cells if places.min(initial=0) >= 0 else cells[places >= 0]] = 1
    if one_hot.mean is not None:
        out[places == MEAN, offset : offset + one_hot.width] = one_hot.mean


def to_dense(places: Places, one_hot: OneHot, dtype: Any) -> Array:
    """One-hot vectors of places of any shape, along one more axis."""
    out = np.zeros((places.size, one_hot.width), dtype=dtype)
    if one_hot.width:
        fill_dense(out, places.ravel(), one_hot)
    return out.reshape(*places.shape, one_hot.width)


def mean_rows(places: Places, one_hot: OneHot, dtype: Any) -> sparse.csr_array:
    """The rows of ``MEAN`` places alone, shape ``(n_rows, width)``."""
    is_mean = (places == MEAN).astype(dtype)[:, None]
    return sparse.csr_array(is_mean) @ sparse.csr_array(one_hot.mean.astype(dtype)[None, :])


def decode(scores: Array, one_hot: OneHot) -> Array:
    """The value of highest score; None (NaN for floats) where all are 0.

    Parameters
    ----------
    scores : ndarray of shape (..., width)
    """
    return cells_at(find_highest(scores, one_hot), one_hot)


def find_highest(scores: Array, one_hot: OneHot) -> Places:
    """The cell of highest score; one more than there are where all are 0."""
    try:
        scores = scores if scores.dtype.kind in "biuf" else scores.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"One-hot cells must hold numbers: {error}.") from error
    if np.isnan(scores).any():
        raise ValueError("One-hot cells must not be missing. X holds NaN in some.")
    places = scores.argmax(axis=-1) if one_hot.width else np.zeros(scores.shape[:-1], dtype=int)
    return np.where(scores.any(axis=-1), places, one_hot.width)


def cells_at(places: Places, one_hot: OneHot) -> Array:
    """The values of places as :func:`find_highest` returns them."""
    categories, cells = one_hot.vocabulary.categories, one_hot.cells
    if not (places >= len(categories)).any():
        return categories[places]
    if categories.dtype.kind == "f":
        return np.append(cells.astype(np.float64), np.nan)[places]
    return np.append(as_objects(cells), None)[places]
