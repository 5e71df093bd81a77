"""The embedding layer: indices in, rows of a table out, and the gradient of these rows."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from ._indices import check_range, flatten_ragged, read_indices
from ._row_gradient import RowGradient
from ._shapes import read_shape
from ._table import RandomState, Table, Weight, check_grad, pretrained


class Embedding(Table):
    """A table of vectors that is looked up by row number.

    Looking rows up is the product of one-hot vectors and the table, without the zeros: the output
    and the gradients are those of a dense layer that takes the one-hot vectors and has no bias.

    Parameters
    ----------
    num_embeddings : int, sized object or None
        Number of rows; or something whose length it is, such as a fitted :class:`Vocabulary`. None
        takes it from `weight` if that is a matrix, else from the first call: the largest index + 1.
    embedding_dim : int
        Length of the vectors, at least 1.
    weight : array-like, float, str or callable, default=None
        First values: a matrix (copied in `dtype`), one value for all cells, the name of an
        initializer ("zeros", "normal", "uniform", "glorot_uniform", "glorot_normal", "he_uniform",
        "he_normal"), or a function ``(shape, rng)``. None means "he_normal": standard deviation
        ``sqrt(2 / num_embeddings)`` [1]_.
    padding_idx : int, default=None
        A row that is set to zeros and left out of every gradient.
    max_norm : float, default=None
        Vectors with a larger norm come out as ``vector * max_norm / (norm + 1e-7)``; the table
        itself is left alone (see :meth:`apply_max_norm`).
    norm_type : float, default=2.0
        The p of the norm that `max_norm` limits, at least 1; ``numpy.inf`` is allowed.
    scale_grad_by_freq : bool, default=False
        Divide the gradient of a row by how often the row occurs in the indices.
    learning_rate_multiplier : float, default=1.0
        Factor of the learning rate, which the optimisers take from :meth:`multipliers`. 0 freezes
        the table: its gradients have no rows.
    name : str, default=None
        Name in a network. A pattern such as ``"embedding{}"`` or ``"embedding-{:03d}"`` is numbered
        there from 1; None makes the pattern from the class: ``"embedding-{}"``.
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
    .. [1] K. He, X. Zhang, S. Ren, J. Sun, "Delving Deep into Rectifiers", ICCV 2015,
       :arxiv:`1502.01852`.

    Examples
    --------
    >>> import numpy as np
    >>> from skembed.nn import Embedding
    >>> layer = Embedding(4, 2, weight=[[0, 0], [1, 10], [2, 20], [3, 30]])
    >>> layer([[1, 1], [3, 0]])
    array([[[ 1., 10.],
            [ 1., 10.]],
           [[ 3., 30.],
            [ 0.,  0.]]], dtype=float32)
    >>> layer.backward([1, 3, 1], np.ones((3, 2)))
    RowGradient(rows=array([1, 3]), values=array([[2., 2.],
           [1., 1.]], dtype=float32))
    """

    def __init__(
        self,
        num_embeddings: int | Sized | None,
        embedding_dim: int,
        *,
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

    def __call__(self, indices: Any) -> Any:
        """Return the vectors of `indices`.

        Parameters
        ----------
        indices : int, array-like of int of any rank, or list of array-likes that differ in shape
            Row numbers in ``[0, num_embeddings)``, in any integer dtype.

        Returns
        -------
        ndarray of shape ``(*indices.shape, embedding_dim)``, or list of ndarray
            A new array in the dtype of the table. A list of sequences of different lengths gives a
            list of arrays of shape ``(length, embedding_dim)``.

        Raises
        ------
        IndexError
            If an index is negative or not below `num_embeddings`.
        TypeError
            If an index is not an integer: a float, a boolean, a string.
        """
        codes = read_indices(indices, self.num_embeddings)
        if self._weight is None:
            self.build(self._rows_for(codes))
        if isinstance(codes, list):
            flat, shapes = flatten_ragged(codes, self.num_embeddings)
            ends = np.cumsum([len(own) for own in flat])
            parts = np.split(self(np.concatenate(flat)), ends[:-1])
            pairs = zip(parts, shapes, strict=True)
            return [part.reshape(*shape, self.embedding_dim) for part, shape in pairs]
        return self._gather(check_range(codes, len(self.weight)))

    def backward(self, indices: Any, grad_output: Any) -> RowGradient:
        """Return the gradient of the table from that of the output.

        With `max_norm` the gradient is that of the shortened vectors, as if they were the rows.

        Parameters
        ----------
        indices : as in the call
            The indices of the forward call.
        grad_output : array-like of shape ``(*indices.shape, embedding_dim)``, or list of such
            Gradient of the loss with respect to the output.

        Returns
        -------
        RowGradient
            Sorted distinct rows; without the padding row, and empty for a frozen table.

        Raises
        ------
        ValueError
            If `grad_output` does not have the shape of the output.
        IndexError, TypeError
            As in the call.
        """
        dim = self.embedding_dim
        codes, shape = self._codes(indices)
        if isinstance(shape, list):
            given = list(grad_output) if np.iterable(grad_output) else None
            if given is None or len(given) != len(shape):
                raise ValueError(
                    f"grad_output must be a list of {len(shape)} arrays, one per sequence. "
                    f"Got {repr(grad_output) if given is None else len(given)}."
                )
            pairs = zip(given, shape, strict=True)
            parts = [check_grad(g, (*axes, dim), self.dtype).reshape(-1, dim) for g, axes in pairs]
            grad = np.concatenate(parts)
        else:
            grad = check_grad(grad_output, (*shape, dim), self.dtype).reshape(-1, dim)
        return self._no_gradient() if self.frozen else self._row_gradient(codes, grad)

    def output_shape(self, input_shape: int | tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output for indices of a given shape.

        Parameters
        ----------
        input_shape : int or tuple of int
            Shape of the indices; None stands for an axis of unknown length.

        Returns
        -------
        tuple of int
            `input_shape` and `embedding_dim`.

        Examples
        --------
        >>> from skembed.nn import Embedding
        >>> Embedding(10, 3).output_shape((None, 5))
        (None, 5, 3)
        """
        return (*read_shape(input_shape), self.embedding_dim)

    @classmethod
    def from_pretrained(
        cls,
        weight: ArrayLike,
        freeze: bool = True,
        *,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        name: str | None = None,
    ) -> Embedding:
        """Return a layer with the vectors given, as they are: a padding row keeps its values.

        Parameters
        ----------
        weight : array-like of shape (num_embeddings, embedding_dim)
            The vectors; they are copied. float32 and float64 are kept, other types become float32.
        freeze : bool, default=True
            Whether the table is never trained (``learning_rate_multiplier=0``).
        padding_idx, max_norm, norm_type, scale_grad_by_freq, name
            As in the class.

        Returns
        -------
        Embedding
            The layer.

        Raises
        ------
        ValueError
            If `weight` is not a matrix of finite numbers.

        Examples
        --------
        >>> from skembed.nn import Embedding
        >>> Embedding.from_pretrained([[1.0, 2.0], [3.0, 4.0]])(1)
        array([3., 4.], dtype=float32)
        """
        layer: Embedding = pretrained(
            cls,
            weight,
            freeze,
            padding_idx=padding_idx,
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            name=name,
        )
        return layer
