"""A table of fixed size for any number of categories: rows found by hash functions."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ._embedding import Embedding
from ._row_gradient import RowGradient
from ._table import (
    Array,
    RandomState,
    check_grad,
    check_integer,
    check_name,
    make_rng,
    show_options,
)

Ids = NDArray[np.uint64]


class HashEmbedding:
    """Vectors for any number of categories from a table of fixed size: a hash embedding [1]_.

    Several hash functions each pick a row of one table for a category, and the vector of the
    category is the weighted sum of these rows. Two categories rarely share all their rows. The
    weights are learned too, in a second table that one more hash function points into. All without
    a vocabulary: every integer and every string has a vector.

    Parameters
    ----------
    num_embeddings : int
        Number of rows of the table, at least 1.
    embedding_dim : int
        Length of the vectors, at least 1.
    num_hashes : int, default=2
        Number of hash functions, at least 1.
    num_importances : int, default=None
        Rows of the table of weights. None means ten times `num_embeddings`; 0 gives no weights:
        plain sums of rows [2]_.
    learning_rate_multiplier : float, default=1.0
        Factor of the learning rate of the vectors; 0 freezes them (the weights are still trained).
    name : str, default=None
        Name in a network, as in :class:`Embedding`; None makes it ``"hash-embedding-{}"``.
    dtype : {numpy.float32, numpy.float64}, default=numpy.float32
        Type of the tables, and of all that comes out of them.
    random_state : int, Generator, RandomState or None, default=None
        Source of the first values and of the hash functions: with another one a category has other
        rows.

    Attributes
    ----------
    table : Embedding
        The table of vectors; normal values of variance ``1 / num_hashes`` at first.
    importances : Embedding or None
        The table of weights, of shape ``(num_importances, num_hashes)``; ones at first.

    Raises
    ------
    ValueError, TypeError
        If a parameter is outside its range; the message names the value and the range.

    References
    ----------
    .. [1] D. Svenstrup, J. Hansen, O. Winther, "Hash Embeddings for Efficient Word
       Representations", NeurIPS 2017, :arxiv:`1709.03933`.
    .. [2] J. Serrà, A. Karatzoglou, "Getting Deep Recommenders Fit: Bloom Embeddings for Sparse
       Binary Input/Output Networks", RecSys 2017, :arxiv:`1706.03993`.

    Examples
    --------
    >>> from skembed.nn import HashEmbedding
    >>> layer = HashEmbedding(100, 4, random_state=0)
    >>> layer(["a category", "another one", "never seen before"]).shape
    (3, 4)
    >>> layer([10**18, -7]).shape
    (2, 4)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        *,
        num_hashes: int = 2,
        num_importances: int | None = None,
        learning_rate_multiplier: float = 1.0,
        name: str | None = None,
        dtype: DTypeLike = np.float32,
        random_state: RandomState = None,
    ) -> None:
        rows = check_integer("HashEmbedding", "num_embeddings", num_embeddings, 1)
        self.num_hashes = check_integer("HashEmbedding", "num_hashes", num_hashes, 1)
        if num_importances is None:
            num_importances = 10 * rows
        size = check_integer("HashEmbedding", "num_importances", num_importances, 0)
        self.name = check_name("HashEmbedding", name)
        rng = make_rng(random_state)
        # One number for each hash function: added to an id before its bits are mixed.
        self._seeds = rng.integers(2**64, size=self.num_hashes + 1, dtype=np.uint64)
        scale = 1 / math.sqrt(self.num_hashes)
        self.table = Embedding(
            rows,
            embedding_dim,
            weight=lambda shape, rng: scale * rng.standard_normal(shape),
            learning_rate_multiplier=learning_rate_multiplier,
            dtype=dtype,
            random_state=rng,
        )
        self.importances = (
            Embedding(size, self.num_hashes, weight=1.0, dtype=dtype) if size else None
        )

    def __call__(self, ids: Any) -> Array:
        """Return the vectors of categories.

        Parameters
        ----------
        ids : int, str, or array-like of int or str, of any rank
            Categories: any integers or strings.

        Returns
        -------
        ndarray of shape ``(*ids.shape, embedding_dim)``
            Their vectors.

        Raises
        ------
        TypeError
            If `ids` are neither integers nor strings.
        """
        rows, places = self._hash(ids)
        vectors = self.table(rows)
        if self.importances is None:
            return np.asarray(vectors.sum(axis=-2))
        return np.asarray(np.einsum("...kd,...k->...d", vectors, self.importances(places)))

    def backward(self, ids: Any, grad_output: ArrayLike) -> dict[str, RowGradient]:
        """Return the gradients of both tables from that of the output.

        Parameters
        ----------
        ids : as in the call
            The categories of the forward call.
        grad_output : array-like of shape ``(*ids.shape, embedding_dim)``
            Gradient of the loss with respect to the output.

        Returns
        -------
        dict of RowGradient
            Under the names of :meth:`parameters`; rows are sorted and distinct.

        Raises
        ------
        ValueError
            If `grad_output` does not have the shape of the output.
        TypeError
            As in the call.
        """
        rows, places = self._hash(ids)
        shape = (*places.shape, self.table.embedding_dim)
        grad = check_grad(grad_output, shape, self.table.dtype)[..., None, :]
        if self.importances is None:
            spread = np.broadcast_to(grad, (*rows.shape, self.table.embedding_dim))
            return {"weight": self.table.backward(rows, spread)}
        factors = self.importances(places)[..., None]
        return {
            "weight": self.table.backward(rows, factors * grad),
            "importances": self.importances.backward(
                places, (self.table(rows) * grad).sum(axis=-1)
            ),
        }

    def parameters(self) -> dict[str, Array]:
        """Return the trainable arrays by name: "weight" and, if there are any, "importances".

        Returns
        -------
        dict of str to ndarray
            The arrays themselves, not copies.
        """
        if self.importances is None:
            return {"weight": self.table.weight}
        return {"weight": self.table.weight, "importances": self.importances.weight}

    def multipliers(self) -> dict[str, Array]:
        """Return the factors of the learning rate, one per row, as the optimisers take them.

        Returns
        -------
        dict of str to ndarray
            Under the names of :meth:`parameters`; empty where the factor is 1.
        """
        return self.table.multipliers()

    def output_shape(self, input_shape: int | tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output for categories of a given shape.

        Parameters
        ----------
        input_shape : int or tuple of int
            Shape of the categories; None stands for an axis of unknown length.

        Returns
        -------
        tuple of int
            `input_shape` and `embedding_dim`.

        Raises
        ------
        ValueError
            If `input_shape` is no shape.
        """
        return self.table.output_shape(input_shape)

    def __repr__(self) -> str:
        """The call that makes such a layer."""
        rows, dim = self.table.weight.shape
        size = 0 if self.importances is None else len(self.importances.weight)
        return (
            f"HashEmbedding({rows}, {dim}, num_hashes={self.num_hashes}, num_importances={size}"
            f"{show_options(self.table, self.name)})"
        )

    def _hash(self, ids: Any) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Rows of the table, shape ``(*ids.shape, num_hashes)``, and of the table of weights."""
        hashed = _mix(_read_ids(ids)[..., None] + self._seeds)
        rows = hashed[..., :-1] % np.uint64(len(self.table.weight))
        size = 1 if self.importances is None else len(self.importances.weight)
        places = hashed[..., -1] % np.uint64(size)
        return rows.astype(np.intp), np.asarray(places).astype(np.intp)


def _read_ids(ids: Any) -> Ids:
    """Categories as unsigned 64-bit integers: integers modulo 2**64, strings by a digest."""
    if isinstance(ids, np.ma.MaskedArray):
        raise TypeError("Categories must not be missing. Got a masked array: fill or compress it.")
    try:
        array = np.asarray(ids)
    except ValueError as error:
        raise ValueError("Categories must be an array or a list of lists of one length.") from error
    if array.dtype.kind in "iu" and not isinstance(ids, list | tuple):
        return array.astype(np.int64 if array.dtype.kind == "i" else np.uint64).view(np.uint64)
    # As they were given: integers of very different sizes would have become floats.
    values = array if isinstance(ids, np.ndarray) else np.asarray(ids, dtype=object)
    # Of moments in nanoseconds NumPy makes plain integers, of coarser ones dates.
    is_date = array.dtype.kind in "mM"
    numbers = [] if is_date else [_number_of(value) for value in values.ravel().tolist()]
    if is_date:
        raise TypeError(f"Categories must be integers or strings. Got dtype {array.dtype} instead.")
    if None in numbers:
        # The value: beside strings NumPy makes strings of numbers, and tells a dtype of strings.
        value = values.ravel().tolist()[numbers.index(None)]
        raise TypeError(f"Categories must be integers or strings. Got {value!r} instead.")
    return np.array(numbers, dtype=np.uint64).reshape(values.shape)


def _number_of(value: Any) -> int | None:
    """64 bits of an integer or a string, the same in every process, unlike those of ``hash``."""
    if isinstance(value, int | np.integer) and not isinstance(value, bool | np.timedelta64):
        return int(value) % 2**64
    if not isinstance(value, str):
        return None
    text = value.encode(errors="surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def _mix(numbers: Ids) -> Ids:
    """Spread every bit of 64-bit integers over all bits.

    The last steps of splitmix64 (Steele, Lea, Flood, OOPSLA 2014, doi:10.1145/2660193.2660195).
    """
    mixed = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
