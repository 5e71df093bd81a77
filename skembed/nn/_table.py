"""What the layers with one table share: options and their rules, weights and the report."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sized
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ._indices import Indices, check_range, flatten_ragged, read_indices, rows_needed
from ._initializers import initialize
from ._row_gradient import RowGradient, check_norm_type, is_real
from ._rows import clip_norms, lookup, sum_sorted
from ._shapes import as_array, read_grad

Array = NDArray[np.floating]
Weight = ArrayLike | Callable[..., Any] | None
RandomState = int | np.random.Generator | np.random.RandomState | None


class Table:
    """A table of vectors, its options and its report; base of `Embedding` and `EmbeddingBag`."""

    def __init__(
        self,
        num_embeddings: int | Sized | None,
        embedding_dim: int,
        *,
        weight: Weight,
        padding_idx: int | None,
        max_norm: float | None,
        norm_type: float,
        scale_grad_by_freq: bool,
        learning_rate_multiplier: float,
        name: str | None,
        dtype: DTypeLike,
        random_state: RandomState,
    ) -> None:
        owner = type(self).__name__
        self.embedding_dim = check_integer(owner, "embedding_dim", embedding_dim, 1)
        self.padding_idx = padding_idx
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.learning_rate_multiplier = learning_rate_multiplier
        self.name = check_name(owner, name)
        self.dtype = check_dtype(owner, dtype)
        self.random_state = random_state
        self._start: Any = "he_normal" if weight is None else weight
        self._weight: Array | None = None
        self._check_options()
        if (
            num_embeddings is None
            and weight is not None
            and not callable(weight)
            and (given := as_array("weight", weight)).ndim == 2
        ):
            num_embeddings = len(given)
        if num_embeddings is not None:
            self.build(num_embeddings)

    def _check_options(self) -> None:
        """Raise for an option outside its range."""
        owner, factor, limit = type(self).__name__, self.learning_rate_multiplier, self.max_norm
        if self.padding_idx is not None:
            self.padding_idx = check_integer(owner, "padding_idx", self.padding_idx, 0)
        if limit is not None and not (is_real(limit) and limit > 0):
            raise ValueError(
                f"The 'max_norm' parameter of {owner} must be above 0 or None. Got {limit!r}."
            )
        check_norm_type(self.norm_type)
        if not isinstance(self.scale_grad_by_freq, bool | np.bool_):
            raise TypeError(
                f"The 'scale_grad_by_freq' parameter of {owner} must be a bool. "
                f"Got {self.scale_grad_by_freq!r} instead."
            )
        if not (is_real(factor) and factor >= 0 and math.isfinite(factor)):
            raise ValueError(
                f"The 'learning_rate_multiplier' parameter of {owner} must be a finite number "
                f"of at least 0. Got {factor!r} instead."
            )

    @property
    def num_embeddings(self) -> int | None:
        """Number of rows; None until it is known."""
        return None if self._weight is None else len(self._weight)

    @property
    def weight(self) -> Array:
        """The table, of shape ``(num_embeddings, embedding_dim)``; it may be changed in place.

        Assigning copies the values into it, and checks their shape and that they are finite; the
        row of `padding_idx` is given what it is assigned.
        """
        if self._weight is None:
            raise RuntimeError(
                f"This {type(self).__name__} has no weights yet, as num_embeddings is not known: "
                f"call the layer on data, or call build(num_embeddings)."
            )
        return self._weight

    @weight.setter
    def weight(self, values: ArrayLike) -> None:
        self.weight[...] = initialize(values, self.weight.shape, make_rng(0), self.dtype)

    @property
    def frozen(self) -> bool:
        """Whether the table is never trained: its `learning_rate_multiplier` is 0."""
        return self.learning_rate_multiplier == 0

    def build(self, num_embeddings: int | Sized) -> None:
        """Fix the number of rows and make the first weights.

        Parameters
        ----------
        num_embeddings : int or sized object
            Number of rows, or something whose length it is, such as a fitted vocabulary.

        Raises
        ------
        ValueError
            If the number is below 1, `padding_idx` is not below it, or the layer has weights
            already.
        """
        owner = type(self).__name__
        if self._weight is not None:
            raise ValueError(f"This {owner} has {len(self._weight)} rows already.")
        # An array of no axes has the method of a length, but none.
        counts = isinstance(num_embeddings, Sized) and getattr(num_embeddings, "ndim", 1) > 0
        counts = counts and not isinstance(num_embeddings, str | bytes)
        rows = len(num_embeddings) if counts else num_embeddings  # type: ignore[arg-type]
        rows = check_integer(owner, "num_embeddings", rows, 1)
        if self.padding_idx is not None:
            check_integer(owner, "padding_idx", self.padding_idx, 0, rows)
        shape = (rows, self.embedding_dim)
        weight = initialize(self._start, shape, make_rng(self.random_state), self.dtype)
        if self.padding_idx is not None:
            weight[self.padding_idx] = 0
        self._weight = weight
        if not (isinstance(self._start, str) or is_real(self._start)):
            self._start = None  # The values given live on in the table alone.

    def _rows_for(self, codes: Any) -> int:
        """Rows of a table that is large enough for these first `codes` and the padding row."""
        return max(rows_needed(codes), 0 if self.padding_idx is None else self.padding_idx + 1)

    def parameters(self) -> dict[str, Array]:
        """Return the trainable arrays by name, ``{"weight": table}``; not copies."""
        return {"weight": self.weight}

    def multipliers(self) -> dict[str, Array]:
        """Return the factors of the learning rate, one per row, as the optimisers take them."""
        if self.learning_rate_multiplier == 1:
            return {}
        factor = self.dtype.type(self.learning_rate_multiplier)
        return {"weight": np.broadcast_to(factor, (len(self.weight),))}

    def apply_max_norm(self, indices: ArrayLike) -> None:
        """Shorten the rows at `indices` that are longer than `max_norm`, in the table itself.

        The lookup gives shortened vectors and leaves the table alone. A training loop that calls
        this before each step bounds the table as well.

        Parameters
        ----------
        indices : array-like of int, or ragged list
            Rows of the table.

        Raises
        ------
        IndexError, TypeError
            If `max_norm` is set and an index is outside the table or not an integer.
        RuntimeError
            If `max_norm` is set and the layer has no weights yet.
        """
        if self.max_norm is not None:
            rows = np.unique(self._codes(indices)[0])
            self.weight[rows] = clip_norms(self.weight[rows], self.max_norm, self.norm_type)

    def info(self) -> dict[str, Any]:
        """Return a small report of the layer.

        Returns
        -------
        dict
            ``layer``, ``name``, ``num_embeddings``, ``embedding_dim``, ``dtype``, ``parameters``
            (their number), ``bytes``, ``padding_idx``, ``max_norm``, ``learning_rate_multiplier``,
            ``frozen`` and ``initialised``. What is not known yet is None.
        """
        table = self._weight
        return {
            "layer": type(self).__name__,
            "name": self.name,
            "num_embeddings": self.num_embeddings,
            "embedding_dim": self.embedding_dim,
            "dtype": self.dtype.name,
            "parameters": None if table is None else table.size,
            "bytes": None if table is None else table.nbytes,
            "padding_idx": self.padding_idx,
            "max_norm": self.max_norm,
            "learning_rate_multiplier": self.learning_rate_multiplier,
            "frozen": self.frozen,
            "initialised": table is not None,
        }

    def __repr__(self) -> str:
        """The call that makes such a layer, without weights that are an array or a callable."""
        shown = [repr(self.num_embeddings), repr(self.embedding_dim)]
        for name, parameter in inspect.signature(type(self)).parameters.items():
            if parameter.kind is not parameter.KEYWORD_ONLY:
                continue
            value: Any = getattr(self, name) if name != "weight" else self._start
            if name == "weight":
                default = "he_normal" if isinstance(value, str) or is_real(value) else value
            elif name == "dtype":
                value, default = value.name, "float32"
            else:
                default = parameter.default
            if value != default:
                shown.append(f"{name}={value!r}")
        return f"{type(self).__name__}({', '.join(shown)})"

    def _codes(self, indices: Any, size: int | None = None) -> tuple[Indices, Any]:
        """Checked row numbers in one flat array, and their shape (a list for a ragged list).

        `size` is given where the table is not made yet.
        """
        size = len(self.weight) if size is None else size
        codes = read_indices(indices, size)
        if isinstance(codes, list):
            arrays, shapes = flatten_ragged(codes, size)
            return check_range(np.concatenate(arrays), size), shapes
        return check_range(codes, size).reshape(-1), codes.shape

    def _gather(self, codes: Indices) -> Array:
        """The vectors of checked `codes`, shortened to `max_norm`."""
        vectors = lookup(self.weight, codes)
        if self.max_norm is None:
            return vectors
        return clip_norms(vectors, self.max_norm, self.norm_type)

    def _row_gradient(self, codes: Indices, values: Array) -> RowGradient:
        """Sum ``values[i]``, the gradient of the vector of ``codes[i]``, by row."""
        if self.scale_grad_by_freq and len(codes):
            _, places, counts = np.unique(codes, return_inverse=True, return_counts=True)
            values = values / counts[places, None].astype(values.dtype)
        rows, sums = sum_sorted(codes, values, len(self.weight))
        if self.padding_idx is not None:
            place = np.searchsorted(rows, self.padding_idx)
            if place < len(rows) and rows[place] == self.padding_idx:
                rows, sums = np.delete(rows, place), np.delete(sums, place, axis=0)
        return RowGradient(rows, sums)

    def _no_gradient(self) -> RowGradient:
        """The gradient of a frozen table."""
        return RowGradient(np.zeros(0, np.intp), np.zeros((0, self.embedding_dim), self.dtype))


def show_options(table: Table, name: str | None) -> str:
    """Options of a layer made of tables as the end of its call, those with other values alone."""
    options = {
        "learning_rate_multiplier": (table.learning_rate_multiplier, 1),
        "name": (name, None),
        "dtype": (table.dtype.name, "float32"),
    }
    return "".join(f", {key}={own!r}" for key, (own, usual) in options.items() if own != usual)


def pretrained(
    layer_class: type[Any], weight: ArrayLike, freeze: bool, padding_idx: int | None, **options: Any
) -> Any:
    """A layer with the vectors given, frozen or not; the padding row keeps its values."""
    if not isinstance(freeze, bool | np.bool_):
        raise TypeError(f"freeze must be a bool. Got {freeze!r} instead.")
    values = as_array("weight", weight)
    dtype = values.dtype if hasattr(weight, "__array__") else np.dtype(np.float32)
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(
            f"weight must be a matrix (num_embeddings, embedding_dim) that is not empty. "
            f"Got shape {values.shape} instead."
        )
    layer = layer_class(
        *values.shape,
        weight=values,
        padding_idx=padding_idx,
        learning_rate_multiplier=0.0 if freeze else 1.0,
        dtype=dtype if dtype in (np.float32, np.float64) else np.float32,
        **options,
    )
    if padding_idx is not None:
        layer.weight[padding_idx] = values[padding_idx]
    return layer


def check_grad(grad_output: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """`grad_output` as an array of `dtype` if it has the shape of the output."""
    return read_grad(grad_output, shape).astype(dtype, copy=False)


def make_rng(random_state: RandomState) -> np.random.Generator:
    """A generator from an int, a generator of either kind, or None for a new one each time."""
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31))
    try:
        return np.random.default_rng(random_state)
    except (TypeError, ValueError) as error:
        raise type(error)(
            "The 'random_state' parameter must be an int of at least 0, a Generator, a RandomState "
            f"or None. Got {random_state!r} instead."
        ) from error


def check_name(owner: str, name: Any) -> str | None:
    """`name` if it is one, or None."""
    if name is not None and not isinstance(name, str):
        raise TypeError(f"The 'name' parameter of {owner} must be a str or None. Got {name!r}.")
    return name


def check_dtype(owner: str, dtype: DTypeLike) -> np.dtype[Any]:
    """`dtype` as a NumPy dtype if it is float32 or float64."""
    try:
        found = None if dtype is None else np.dtype(dtype)
    except (TypeError, ValueError):
        found = None
    if found is None or found not in (np.float32, np.float64):
        raise ValueError(
            f"The 'dtype' parameter of {owner} must be float32 or float64. Got {dtype!r} instead."
        )
    return found


def check_integer(owner: str, name: str, value: Any, low: int, high: int | None = None) -> int:
    """`value` as an int if it is an integer in ``[low, high)``."""
    allowed = f"an int of at least {low}" if high is None else f"an int in [{low}, {high})"
    message = f"The {name!r} parameter of {owner} must be {allowed}. Got {value!r} instead."
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(message)
    if value < low or (high is not None and value >= high):
        raise ValueError(message)
    return int(value)
