"""The layers of a network beside the tables: its input, a change of shape, a dense layer.

A layer that passes gradients on has a method ``run(inputs)``, which returns the output and the
function that leads back; what that function needs is not kept on the layer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ._initializers import initialize
from ._layers import ACTIVATIONS, dense, dense_backward
from ._names import show_call
from ._row_gradient import RowGradient
from ._shapes import Shape, read_array, read_grad, read_numbers, read_shape
from ._table import (
    RandomState,
    Weight,
    check_dtype,
    check_grad,
    check_integer,
    check_name,
    make_rng,
)

Array = NDArray[np.floating]
Gradient = Array | RowGradient
# Layer, name of its parameter, gradient.
Found = list[tuple[Any, str, Gradient]]
# From the gradient of the output to that of the input (None: there is none) and of the parameters.
Back = Callable[[Any], tuple[Any, Found]]


class Input:
    """The first layer of a network: it may hold the data, and passes data on unchanged.

    Parameters
    ----------
    data : array-like or list, default=None
        Data that the network takes when it is called without any.
    name : str, default=None
        Name in a network, as in :class:`Embedding`; None makes it ``"input-{}"``.

    Examples
    --------
    >>> from skembed.nn import Embedding, Input, Sequential
    >>> data = Input([[0, 2], [1, 2], [1, 0]])
    >>> data.info()
    {'layer': 'Input', 'm': 3, 'n': 2, 'shape': (3, 2)}
    >>> Sequential(data, Embedding(3, 4, random_state=0))().shape
    (3, 2, 4)
    """

    def __init__(self, data: Any = None, *, name: str | None = None) -> None:
        self.data = data
        self.name = check_name("Input", name)

    def __repr__(self) -> str:
        """The call that makes such a layer, without the data."""
        return show_call(self, name=(self.name, None))

    def __call__(self, data: Any = None) -> Any:
        """Return the data given, or else the data that the layer holds.

        Parameters
        ----------
        data : array-like or list, default=None
            A batch of data.

        Returns
        -------
        array-like or list
            The same object.

        Raises
        ------
        ValueError
            If there is neither.
        """
        if data is None and self.data is None:
            raise ValueError("This Input holds no data: give it some, or call the network on data.")
        return self.data if data is None else data

    def backward(self, data: Any, grad_output: Any) -> None:
        """Return None: there is nothing below the first layer.

        Parameters
        ----------
        data, grad_output : object
            Ignored, there for the interface.
        """

    def info(self) -> dict[str, Any]:
        """Return the shapes of the data held: ``m`` samples of ``n`` features, and ``shape``.

        The number of features is that of all values of a sample. Without data all are None, and of
        a ragged list only ``m`` is known.

        Returns
        -------
        dict
            ``layer``, ``m``, ``n`` and ``shape``.
        """
        try:
            shape = None if self.data is None else np.shape(self.data)
        except ValueError:
            return {"layer": "Input", "m": len(self.data), "n": None, "shape": None}
        m, n = (shape[0], int(np.prod(shape[1:]))) if shape else (None, None)
        return {"layer": "Input", "m": m, "n": n, "shape": shape}

    def output_shape(self, input_shape: Any) -> Any:
        """Return the same shape.

        Parameters
        ----------
        input_shape : int or tuple of int
            Shape of the data.

        Returns
        -------
        int or tuple of int
            `input_shape`.
        """
        return input_shape


class Flatten:
    """Joins all axes behind the first: ``(n, 2, 4)`` becomes ``(n, 8)``.

    Parameters
    ----------
    name : str, default=None
        Name in a network, as in :class:`Embedding`; None makes it ``"flatten-{}"``.

    Examples
    --------
    >>> import numpy as np
    >>> from skembed.nn import Flatten
    >>> Flatten()(np.zeros((5, 2, 4))).shape
    (5, 8)
    """

    def __init__(self, *, name: str | None = None) -> None:
        self.name = check_name("Flatten", name)

    def __repr__(self) -> str:
        """The call that makes such a layer."""
        return show_call(self, name=(self.name, None))

    def __call__(self, inputs: Any) -> NDArray[Any]:
        """Return `inputs` as a matrix with the same first axis.

        Parameters
        ----------
        inputs : array-like of at least one axis
            One row per sample.

        Returns
        -------
        ndarray of shape (n, product of the other axes)
            The same values.

        Raises
        ------
        ValueError, TypeError
            If `inputs` are no such array, or are masked.
        """
        return self.run(inputs)[0]

    def run(self, inputs: Any) -> tuple[NDArray[Any], Back]:
        """Return the output, and the function that leads back.

        Parameters
        ----------
        inputs : as in the call
            One row per sample.

        Returns
        -------
        output : ndarray
            As from the call.
        back : callable
            From the gradient of the output to that of the inputs and a list of ``(layer,
            parameter, gradient)``.

        Raises
        ------
        ValueError, TypeError
            As in the call.
        """
        array = read_array("Flatten", inputs)
        output = array.reshape(len(array), math.prod(array.shape[1:]))

        def back(grad: Any) -> tuple[Any, Found]:
            return read_grad(grad, output.shape).reshape(array.shape), []

        return output, back

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the output: the first axis and the product of the others.

        Parameters
        ----------
        input_shape : tuple of int
            Shape of the inputs; None stands for an axis of unknown length.

        Returns
        -------
        tuple of int
            ``(n, product of the others)``, None where a length is unknown.

        Raises
        ------
        ValueError
            If `input_shape` is no shape of at least one axis.
        """
        first, *others = read_shape(input_shape, n_axes=1)
        lengths = [axis for axis in others if axis is not None]
        return (first, math.prod(lengths) if len(lengths) == len(others) else None)


class Dense:
    """A dense layer with an activation: ``activation(inputs @ weight + bias)``.

    Parameters
    ----------
    n_inputs, n_units : int
        Length of the inputs and of the outputs, at least 1.
    activation : {"identity", "relu", "silu", "tanh", "logistic"}, default="identity"
        The function of the sum.
    weight : array-like, float, str or callable, default=None
        First weights, as in :class:`Embedding`; None means "he_normal" for "relu" and "silu", else
        "glorot_uniform". The bias starts at zero.
    name : str, default=None
        Name in a network, as in :class:`Embedding`; None makes it ``"dense-{}"``.
    dtype : {numpy.float32, numpy.float64}, default=numpy.float32
        Type of the parameters.
    random_state : int, Generator, RandomState or None, default=None
        Source of the first weights.

    Attributes
    ----------
    weight : ndarray of shape (n_inputs, n_units)
        The weights.
    bias : ndarray of shape (n_units,)
        The biases.

    Raises
    ------
    ValueError, TypeError
        If a parameter is outside its range; the message names the value and the range.

    Examples
    --------
    >>> from skembed.nn import Dense
    >>> Dense(2, 1, weight=[[1], [10]], activation="relu")([[1, 2], [1, -2]])
    array([[21.],
           [ 0.]], dtype=float32)
    """

    def __init__(
        self,
        n_inputs: int,
        n_units: int,
        *,
        activation: str = "identity",
        weight: Weight = None,
        name: str | None = None,
        dtype: DTypeLike = np.float32,
        random_state: RandomState = None,
    ) -> None:
        shape = (
            check_integer("Dense", "n_inputs", n_inputs, 1),
            check_integer("Dense", "n_units", n_units, 1),
        )
        if activation not in ACTIVATIONS:
            raise ValueError(
                f"The 'activation' parameter of Dense must be one of {tuple(ACTIVATIONS)}. "
                f"Got {activation!r} instead."
            )
        self.activation = activation
        self.name = check_name("Dense", name)
        self.dtype = check_dtype("Dense", dtype)
        if weight is None:
            weight = "he_normal" if activation in ("relu", "silu") else "glorot_uniform"
        self.weight = initialize(weight, shape, make_rng(random_state), self.dtype)
        self.bias = np.zeros(shape[1], self.dtype)

    def __repr__(self) -> str:
        """The call that makes such a layer, without the weights."""
        return show_call(
            self,
            *self.weight.shape,
            activation=(self.activation, "identity"),
            name=(self.name, None),
            dtype=(self.dtype.name, "float32"),
        )

    def __call__(self, inputs: Any) -> Array:
        """Return the output.

        Parameters
        ----------
        inputs : array-like of shape (n, n_inputs)
            Real numbers.

        Returns
        -------
        ndarray of shape (n, n_units)
            In the dtype of the layer.

        Raises
        ------
        ValueError, TypeError
            If `inputs` do not have that shape, are masked or are no real numbers.
        """
        return self.run(inputs)[0]

    def run(self, inputs: Any) -> tuple[Array, Back]:
        """Return the output, and the function that leads back.

        Parameters
        ----------
        inputs : array-like of shape (n, n_inputs)
            Real numbers.

        Returns
        -------
        output : ndarray of shape (n, n_units)
            As from the call.
        back : callable
            From the gradient of the output to that of the inputs and a list of ``(layer,
            parameter, gradient)``.

        Raises
        ------
        ValueError, TypeError
            As in the call.
        """
        values = read_numbers("Dense", inputs, self.dtype)
        if values.ndim != 2 or values.shape[1] != len(self.weight):
            raise ValueError(
                f"The inputs of Dense must have shape (n, {len(self.weight)}). "
                f"Got {values.shape} instead."
            )
        output = dense(values, self.weight, self.bias)
        slope = ACTIVATIONS[self.activation](output, np.empty_like(output))

        def back(grad_output: Any) -> tuple[Array, Found]:
            grad = check_grad(grad_output, output.shape, self.dtype)
            if slope is not None:
                grad = grad * slope
            grad_weight, grad_bias = np.empty_like(self.weight), np.empty_like(self.bias)
            below = dense_backward(grad, values, self.weight, grad_weight, grad_bias)
            return below, [(self, "weight", grad_weight), (self, "bias", grad_bias)]

        return output, back

    def parameters(self) -> dict[str, Array]:
        """Return the trainable arrays by name: "weight" and "bias".

        Returns
        -------
        dict of str to ndarray
            The arrays themselves, not copies.
        """
        return {"weight": self.weight, "bias": self.bias}

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the output: that of the input with `n_units` at the end.

        Parameters
        ----------
        input_shape : tuple of int
            Shape of the inputs; None stands for an axis of unknown length.

        Returns
        -------
        tuple of int
            `input_shape` with `n_units` in place of its last axis.

        Raises
        ------
        ValueError
            If `input_shape` is no shape of at least one axis.
        """
        return (*read_shape(input_shape, n_axes=1)[:-1], len(self.bias))
