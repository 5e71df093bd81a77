"""The embedding of bags: the vectors of each bag of indices, pooled to one vector."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from ._bag_indices import BagIndices, bag_indices, read_sizes, read_weights
from ._bags import Bags, reduce_bags
from ._indices import Indices, read_indices
from ._row_gradient import RowGradient
from ._shapes import read_shape
from ._table import Array, RandomState, Table, Weight, check_grad, pretrained

MODES = ("sum", "mean", "max")


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

    def _bags(
        self, indices: Any, offsets: Any, weights: Any, rows: int | None = None
    ) -> BagIndices:
        """Checked arguments, without the padding.

        `rows` is the length of a table that is not made yet.
        """
        codes, shape = self._codes(indices, rows)
        sizes = read_sizes(shape, offsets)
        if weights is not None and self.mode != "sum":
            raise ValueError(f"per_sample_weights need mode='sum'. Got mode={self.mode!r} instead.")
        factors = None if weights is None else read_weights(weights, shape, self.dtype)
        bags = bag_indices(codes, sizes, factors, shape)
        return bags if self.padding_idx is None else bags.without(self.padding_idx)

    def _pool(self, bags: BagIndices) -> Array:
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

    def _factors(self, bags: BagIndices) -> Array:
        """The factor of each vector in its bag's sum, shape (n,)."""
        if bags.weights is not None:
            return bags.weights
        if self.mode == "sum":
            return np.ones(len(bags.codes), self.dtype)
        return (1 / np.maximum(bags.sizes, 1))[bags.bag].astype(self.dtype)

    def _max(self, bags: BagIndices) -> tuple[Array, Indices, Indices]:
        """The largest coordinates; bags that are not empty; the first index that reaches each."""
        ends = np.concatenate([[0], np.cumsum(bags.sizes)])
        filled = np.flatnonzero(bags.sizes)
        vectors = self._gather(bags.codes)
        pooled = reduce_bags(np.maximum, vectors, ends)
        positions = np.arange(len(vectors))[:, None]
        largest = (vectors == pooled[bags.bag]) | np.isnan(vectors)
        places = np.where(largest, positions, len(vectors))
        return pooled, filled, reduce_bags(np.minimum, places, ends)[filled]

    def _table_gradient(self, bags: BagIndices, grad: Array) -> RowGradient:
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

    def _weights_gradient(self, bags: BagIndices, grad: Array) -> Any:
        """The gradient of the weights: the vector of each index times the gradient of its bag."""
        products = np.einsum("ij,ij->i", self._gather(bags.codes), grad[bags.bag])
        return bags.as_given(products)
