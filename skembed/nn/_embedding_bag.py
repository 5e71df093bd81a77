"""The embedding of bags: the vectors of each bag of indices, pooled to one vector."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ._bags import Bags, reduce_bags
from ._indices import Indices, read_indices
from ._row_gradient import RowGradient
from ._shapes import as_array, read_shape
from ._table import Array, RandomState, Table, Weight, check_grad, pretrained

MODES = ("sum", "mean", "max")


class _Bags(NamedTuple):
    """Indices of all bags without the padding, and what leads back to the input."""

    codes: Indices  # (n,) row numbers
    bag: Indices  # (n,) the bag of each, ascending
    sizes: Indices  # (n_bags,)
    weights: Array | None  # (n,)
    kept: NDArray[np.bool_] | None  # which of the indices given these are; None: all
    shape: Any  # of the indices given


class EmbeddingBag(Table):
    """A table whose looked-up vectors are pooled: one vector for each bag of indices.

    Parameters
    ----------
    num_embeddings : int, sized object or None
        Number of rows; or something whose length it is, such as a fitted :class:`Vocabulary`. None
        takes it from `weight` if that is a matrix, else from the first call: the largest index + 1.
    embedding_dim : int
        Length of the vectors, at least 1.
    mode : {"sum", "mean", "max"}, default="mean"
        How the vectors of a bag become one. "max" takes the largest value of each coordinate.
    weight : array-like, float, str or callable, default=None
        First values, as in :class:`Embedding`; None means "he_normal".
    padding_idx : int, default=None
        A row that is set to zeros and left out of every bag, its mean and every gradient.
    max_norm : float, default=None
        Vectors with a larger norm are shortened before they are pooled; the table is left alone.
    norm_type : float, default=2.0
        The p of the norm that `max_norm` limits, at least 1; ``numpy.inf`` is allowed.
    scale_grad_by_freq : bool, default=False
        Divide the gradient of a row by how often the row occurs in the indices; not for "max".
    learning_rate_multiplier : float, default=1.0
        Factor of the learning rate; 0 freezes the table: its gradients have no rows.
    name : str, default=None
        Name in a network, as in :class:`Embedding`; None makes it ``"embedding-bag-{}"``.
    dtype : {numpy.float32, numpy.float64}, default=numpy.float32
        Type of the table, and of all that comes out of it.
    random_state : int, Generator, RandomState or None, default=None
        Source of the random first values.

    Attributes
    ----------
    weight : ndarray of shape (num_embeddings, embedding_dim)
        The table.
    num_embeddings : int or None
        Number of rows; None until it is known.
    frozen : bool
        Whether `learning_rate_multiplier` is 0.

    Raises
    ------
    ValueError, TypeError
        If a parameter is outside its range; the message names the value and the range.

    References
    ----------
    .. [1] M. Iyyer, V. Manjunatha, J. Boyd-Graber, H. Daumé III, "Deep Unordered Composition
       Rivals Syntactic Methods for Text Classification", ACL 2015, doi:10.3115/v1/P15-1162.

    Examples
    --------
    >>> import numpy as np
    >>> from skembed.nn import EmbeddingBag
    >>> bag = EmbeddingBag(3, 2, weight=[[1, 10], [2, 20], [6, 60]], mode="mean")
    >>> bag([[0, 1], [2, 2]])
    array([[ 1.5, 15. ],
           [ 6. , 60. ]], dtype=float32)
    >>> bag([0, 1, 2], offsets=[0, 1, 1])
    array([[ 1., 10.],
           [ 0.,  0.],
           [ 4., 40.]], dtype=float32)
    >>> bag.backward([0, 1, 2], np.ones((3, 2)), offsets=[0, 1, 1]).to_dense(3)
    array([[1. , 1. ],
           [0.5, 0.5],
           [0.5, 0.5]], dtype=float32)
    """

    def __init__(
        self,
        num_embeddings: int | Sized | None,
        embedding_dim: int,
        *,
        mode: Literal["sum", "mean", "max"] = "mean",
        weight: Weight = None,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        learning_rate_multiplier: float = 1.0,
        name: str | None = None,
        dtype: DTypeLike = np.float32,
        random_state: RandomState = None,
    ) -> None:
        if mode not in MODES:
            raise ValueError(
                f"The 'mode' parameter of EmbeddingBag must be one of {MODES}. Got {mode!r}."
            )
        if scale_grad_by_freq and mode == "max":
            raise ValueError("scale_grad_by_freq=True has no meaning for mode='max'.")
        self.mode = mode
        super().__init__(
            num_embeddings,
            embedding_dim,
            weight=weight,
            padding_idx=padding_idx,
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            learning_rate_multiplier=learning_rate_multiplier,
            name=name,
            dtype=dtype,
            random_state=random_state,
        )

    def __call__(
        self,
        indices: Any,
        offsets: ArrayLike | None = None,
        per_sample_weights: Any = None,
    ) -> Array:
        """Return the pooled vector of each bag.

        Parameters
        ----------
        indices : array-like of int, or list of sequences of int
            Row numbers: a matrix with a bag in each row, a list of sequences of any lengths, or a
            vector of all bags one after the other, with `offsets`.
        offsets : array-like of int, default=None
            Where each bag starts in a vector of indices: from 0, not decreasing. A bag ends where
            the next one starts, the last one at the end.
        per_sample_weights : array-like of float, shaped like `indices`, default=None
            Factors of the vectors, for ``mode="sum"``.

        Returns
        -------
        ndarray of shape (n_bags, embedding_dim)
            In the dtype of the table; zeros for an empty bag.

        Raises
        ------
        IndexError, TypeError
            If an index is outside the table or not an integer.
        ValueError
            If `offsets` are missing, decrease, or leave the indices; if weights are given for
            another mode than "sum", or are not finite or shaped like the indices.
        """
        rows = self._rows_for(read_indices(indices)) if self._weight is None else None
        bags = self._bags(indices, offsets, per_sample_weights, rows)
        # Not before all arguments are known to be sound: the number of rows stays.
        if rows is not None:
            self.build(rows)
        return self._pool(bags)

    def backward(
        self,
        indices: Any,
        grad_output: ArrayLike,
        offsets: ArrayLike | None = None,
        per_sample_weights: Any = None,
    ) -> Any:
        """Return the gradient of the table, and of the weights if there are any.

        For "max" the gradient of a coordinate goes to the first index that reaches the maximum.
        With `max_norm` the gradient is that of the shortened vectors, as if they were the rows.

        Parameters
        ----------
        indices, offsets, per_sample_weights : as in the call
            The arguments of the forward call.
        grad_output : array-like of shape (n_bags, embedding_dim)
            Gradient of the loss with respect to the output.

        Returns
        -------
        RowGradient, or tuple of RowGradient and ndarray
            The gradient of the table: sorted distinct rows, without the padding row, empty if
            frozen. With `per_sample_weights` also their gradient, in their shape (a list of arrays
            for a list of sequences), zero for padding.

        Raises
        ------
        ValueError
            If `grad_output` does not have the shape of the output.
        """
        bags = self._bags(indices, offsets, per_sample_weights)
        grad = check_grad(grad_output, (len(bags.sizes), self.embedding_dim), self.dtype)
        table = self._no_gradient() if self.frozen else self._table_gradient(bags, grad)
        if bags.weights is None:
            return table
        return table, self._weights_gradient(bags, grad)

    def output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, int]:
        """Return the shape of the output for a matrix of indices.

        Parameters
        ----------
        input_shape : tuple of int
            ``(n_bags, bag_size)``; None stands for an axis of unknown length.

        Returns
        -------
        tuple of int
            ``(n_bags, embedding_dim)``.
        """
        return (read_shape(input_shape, n_axes=1)[0], self.embedding_dim)

    @classmethod
    def from_pretrained(
        cls,
        weight: ArrayLike,
        freeze: bool = True,
        *,
        mode: Literal["sum", "mean", "max"] = "mean",
        padding_idx: int | None = None,
        **options: Any,
    ) -> EmbeddingBag:
        """Return a layer with the vectors given, as they are: a padding row keeps its values.

        Parameters
        ----------
        weight : array-like of shape (num_embeddings, embedding_dim)
            The vectors; they are copied. float32 and float64 are kept, other types become float32.
        freeze : bool, default=True
            Whether the table is never trained (``learning_rate_multiplier=0``).
        mode, padding_idx
            As in the class.
        **options
            `max_norm`, `norm_type`, `scale_grad_by_freq` and `name`, as in the class.

        Returns
        -------
        EmbeddingBag
            The layer.

        Raises
        ------
        ValueError, TypeError
            If `weight` is not a matrix of finite numbers, or an option is outside its range.
        """
        layer: EmbeddingBag = pretrained(
            cls, weight, freeze, padding_idx=padding_idx, mode=mode, **options
        )
        return layer

    def _bags(self, indices: Any, offsets: Any, weights: Any, rows: int | None = None) -> _Bags:
        """Checked arguments, in one form for matrices, ragged lists and vectors with offsets.

        `rows` is the length of a table that is not made yet.
        """
        codes, shape = self._codes(indices, rows)
        if offsets is not None or not (isinstance(shape, list) or len(shape) == 2):
            sizes = _sizes_from_offsets(offsets, shape)
        elif isinstance(shape, list):
            if any(len(axes) != 1 for axes in shape):
                raise ValueError("A list of bags must hold sequences of integers, one per bag.")
            sizes = np.array([axes[0] for axes in shape], dtype=np.intp)
        else:
            sizes = np.full(shape[0], shape[1], dtype=np.intp)
        bag = np.repeat(np.arange(len(sizes)), sizes)
        factors = None if weights is None else self._check_weights(weights, shape)
        if self.padding_idx is None or not len(codes):
            return _Bags(codes, bag, sizes, factors, None, shape)
        kept = codes != self.padding_idx
        bag = bag[kept]
        factors = None if factors is None else factors[kept]
        return _Bags(codes[kept], bag, np.bincount(bag, minlength=len(sizes)), factors, kept, shape)

    def _check_weights(self, weights: Any, shape: Any) -> Array:
        """Weights as a flat array of the table's dtype."""
        if self.mode != "sum":
            raise ValueError(f"per_sample_weights need mode='sum'. Got mode={self.mode!r} instead.")
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
            flat = np.concatenate([array.ravel().astype(self.dtype) for array in arrays])
        if not np.isfinite(flat).all():
            raise ValueError(
                f"per_sample_weights must be finite. Got {flat[~np.isfinite(flat)][0]}."
            )
        return flat

    def _pool(self, bags: _Bags) -> Array:
        """The pooled vectors, shape (n_bags, embedding_dim)."""
        if self.mode == "max":
            return self._max(bags)[0]
        factors = self._factors(bags)
        ends = np.concatenate([[0], np.cumsum(bags.sizes)])
        if self.max_norm is None:
            columns, vectors = bags.codes, self.weight
        else:
            columns, vectors = np.arange(len(bags.codes)), self._gather(bags.codes)
        return Bags(columns, factors, ends).pool(vectors)

    def _factors(self, bags: _Bags) -> Array:
        """The factor of each vector in its bag's sum, shape (n,)."""
        if bags.weights is not None:
            return bags.weights
        if self.mode == "sum":
            return np.ones(len(bags.codes), self.dtype)
        return (1 / np.maximum(bags.sizes, 1))[bags.bag].astype(self.dtype)

    def _max(self, bags: _Bags) -> tuple[Array, Indices, Indices]:
        """The largest coordinates; bags that are not empty; the first index that reaches each."""
        ends = np.concatenate([[0], np.cumsum(bags.sizes)])
        filled = np.flatnonzero(bags.sizes)
        vectors = self._gather(bags.codes)
        pooled = reduce_bags(np.maximum, vectors, ends)
        positions = np.arange(len(vectors))[:, None]
        largest = (vectors == pooled[bags.bag]) | np.isnan(vectors)
        places = np.where(largest, positions, len(vectors))
        return pooled, filled, reduce_bags(np.minimum, places, ends)[filled]

    def _table_gradient(self, bags: _Bags, grad: Array) -> RowGradient:
        """The gradient of the table from that of the pooled vectors."""
        if self.mode != "max":
            values = grad[bags.bag] * self._factors(bags)[:, None]
            return self._row_gradient(bags.codes, values)
        _, filled, winners = self._max(bags)
        used, places = np.unique(winners, return_inverse=True)
        values = np.zeros((len(used), self.embedding_dim), self.dtype)
        # A coordinate of an index is the maximum of one bag, so that no two write to one cell.
        values[places.reshape(winners.shape), np.arange(self.embedding_dim)] = grad[filled]
        return self._row_gradient(bags.codes[used], values)

    def _weights_gradient(self, bags: _Bags, grad: Array) -> Any:
        """The gradient of the weights: the vector of each index times the gradient of its bag."""
        products = np.einsum("ij,ij->i", self._gather(bags.codes), grad[bags.bag])
        if bags.kept is not None:
            whole = np.zeros(len(bags.kept), self.dtype)
            whole[bags.kept] = products
            products = whole
        if isinstance(bags.shape, list):
            return np.split(products, np.cumsum([axes[0] for axes in bags.shape])[:-1])
        return products.reshape(bags.shape)


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
