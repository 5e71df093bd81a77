"""A large table composed of two small ones."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ._embedding import Embedding
from ._indices import check_range, read_indices
from ._row_gradient import RowGradient
from ._shapes import read_shape
from ._table import (
    Array,
    RandomState,
    check_grad,
    check_integer,
    check_name,
    make_rng,
    show_options,
)


class QuotientRemainderEmbedding:
    """A table for many categories composed of two small ones [1]_.

    Category i takes row ``i // num_remainders`` of one table and row ``i % num_remainders`` of the
    other. No two categories take the same pair, so that each has a vector of its own, made of
    ``num_embeddings / num_remainders + num_remainders`` rows in all.

    Parameters
    ----------
    num_embeddings : int
        Number of categories, at least 1.
    embedding_dim : int
        Length of the vectors, at least 1; even for "concatenate".
    num_remainders : int, default=None
        Rows of the table of remainders. None means the root of `num_embeddings`, which needs the
        fewest rows.
    operation : {"multiply", "add", "concatenate"}, default="multiply"
        How two rows become a vector. "concatenate" takes rows of half the length.
    learning_rate_multiplier : float, default=1.0
        Factor of the learning rate; 0 freezes both tables.
    name : str, default=None
        Name in a network, as in :class:`Embedding`; None makes it
        ``"quotient-remainder-embedding-{}"``.
    dtype : {numpy.float32, numpy.float64}, default=numpy.float32
        Type of the tables, and of all that comes out of them.
    random_state : int, Generator, RandomState or None, default=None
        Source of the first values: normal, such that a vector's coordinates have variance
        ``2 / num_embeddings``.

    Attributes
    ----------
    quotients, remainders : Embedding
        The two tables.

    Raises
    ------
    ValueError, TypeError
        If a parameter is outside its range; the message names the value and the range.

    References
    ----------
    .. [1] H.-J. M. Shi, D. Mudigere, M. Naumov, J. Yang, "Compositional Embeddings Using
       Complementary Partitions for Memory-Efficient Recommendation Systems", KDD 2020,
       :arxiv:`1909.02107`.

    Examples
    --------
    >>> from skembed.nn import QuotientRemainderEmbedding
    >>> layer = QuotientRemainderEmbedding(1_000_000, 8, random_state=0)
    >>> {name: table.shape for name, table in layer.parameters().items()}
    {'quotients': (1000, 8), 'remainders': (1000, 8)}
    >>> layer([0, 999_999]).shape
    (2, 8)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        *,
        num_remainders: int | None = None,
        operation: Literal["multiply", "add", "concatenate"] = "multiply",
        learning_rate_multiplier: float = 1.0,
        name: str | None = None,
        dtype: DTypeLike = np.float32,
        random_state: RandomState = None,
    ) -> None:
        owner = type(self).__name__
        self.num_embeddings = check_integer(owner, "num_embeddings", num_embeddings, 1)
        self.embedding_dim = check_integer(owner, "embedding_dim", embedding_dim, 1)
        if num_remainders is None:
            num_remainders = math.isqrt(num_embeddings - 1) + 1
        self.num_remainders = check_integer(
            owner, "num_remainders", num_remainders, 1, self.num_embeddings + 1
        )
        # Standard deviation of both tables for which a vector's coordinates have variance 2 / n.
        scales = {"multiply": (2 / num_embeddings) ** 0.25, "add": num_embeddings**-0.5}
        scales["concatenate"] = math.sqrt(2 / num_embeddings)
        if operation not in scales:
            raise ValueError(
                f"The 'operation' parameter of {owner} must be one of {tuple(scales)}. "
                f"Got {operation!r} instead."
            )
        if operation == "concatenate" and embedding_dim % 2:
            raise ValueError(f"'concatenate' needs an even embedding_dim. Got {embedding_dim}.")
        self.operation = operation
        self.name = check_name("QuotientRemainderEmbedding", name)
        rng, scale = make_rng(random_state), scales[operation]
        width = embedding_dim // 2 if operation == "concatenate" else embedding_dim
        n_quotients = -(-self.num_embeddings // self.num_remainders)
        self.quotients, self.remainders = (
            Embedding(
                size,
                width,
                weight=lambda shape, rng: scale * rng.standard_normal(shape),
                learning_rate_multiplier=learning_rate_multiplier,
                dtype=dtype,
                random_state=rng,
            )
            for size in (n_quotients, self.num_remainders)
        )

    def __call__(self, indices: Any) -> Array:
        """Return the vectors of categories.

        Parameters
        ----------
        indices : int or array-like of int of any rank
            Numbers of categories in ``[0, num_embeddings)``.

        Returns
        -------
        ndarray of shape ``(*indices.shape, embedding_dim)``
            Their vectors.

        Raises
        ------
        IndexError, TypeError
            If an index is outside the range or not an integer.
        """
        quotient, remainder = self._parts(indices)
        left, right = self.quotients(quotient), self.remainders(remainder)
        if self.operation == "multiply":
            return np.asarray(left * right)
        if self.operation == "add":
            return np.asarray(left + right)
        return np.concatenate([left, right], axis=-1)

    def backward(self, indices: Any, grad_output: ArrayLike) -> dict[str, RowGradient]:
        """Return the gradients of both tables from that of the output.

        Parameters
        ----------
        indices : as in the call
            The indices of the forward call.
        grad_output : array-like of shape ``(*indices.shape, embedding_dim)``
            Gradient of the loss with respect to the output.

        Returns
        -------
        dict of RowGradient
            Under the names of :meth:`parameters`; rows are sorted and distinct.

        Raises
        ------
        ValueError
            If `grad_output` does not have the shape of the output.
        IndexError, TypeError
            As in the call.
        """
        quotient, remainder = self._parts(indices)
        shape = (*quotient.shape, self.embedding_dim)
        left = right = check_grad(grad_output, shape, self.quotients.dtype)
        if self.operation == "multiply":
            left, right = left * self.remainders(remainder), right * self.quotients(quotient)
        elif self.operation == "concatenate":
            left, right = np.split(left, 2, axis=-1)
        return {
            "quotients": self.quotients.backward(quotient, left),
            "remainders": self.remainders.backward(remainder, right),
        }

    def parameters(self) -> dict[str, Array]:
        """Return the trainable arrays by name: "quotients" and "remainders".

        Returns
        -------
        dict of str to ndarray
            The arrays themselves, not copies.
        """
        return {"quotients": self.quotients.weight, "remainders": self.remainders.weight}

    def multipliers(self) -> dict[str, Array]:
        """Return the factors of the learning rate, one per row, as the optimisers take them.

        Returns
        -------
        dict of str to ndarray
            Under the names of :meth:`parameters`; empty where the factor is 1.
        """
        tables = {"quotients": self.quotients, "remainders": self.remainders}
        return {k: t.multipliers()["weight"] for k, t in tables.items() if t.multipliers()}

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

        Raises
        ------
        ValueError
            If `input_shape` is no shape.
        """
        return (*read_shape(input_shape), self.embedding_dim)

    def __repr__(self) -> str:
        """The call that makes such a layer."""
        return (
            f"QuotientRemainderEmbedding({self.num_embeddings}, {self.embedding_dim}, "
            f"num_remainders={self.num_remainders}, operation={self.operation!r}"
            f"{show_options(self.quotients, self.name)})"
        )

    def _parts(self, indices: Any) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Row numbers in both tables."""
        codes = read_indices(indices, self.num_embeddings)
        if isinstance(codes, list):
            raise TypeError(
                "Indices must be an array. Got a ragged list: join its sequences first."
            )
        codes = check_range(codes, self.num_embeddings)
        quotient, remainder = np.divmod(codes, self.num_remainders)
        return quotient, remainder
