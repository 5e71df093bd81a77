"""Layers joined to a network, one after the other or side by side, and names for the parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._names import number_names, show_call
from ._row_gradient import RowGradient
from ._shapes import as_array, read_grad
from ._simple import Array, Back, Found, Gradient, Input


class Concatenate:
    """Branches side by side, each with its own input; their outputs are joined at the last axis.

    Parameters
    ----------
    *branches : layers
        At least one; a branch of several layers is a :class:`Sequential`.

    Examples
    --------
    >>> import numpy as np
    >>> from skembed.nn import Concatenate, Embedding, Input
    >>> both = Concatenate(Embedding(10, 3, random_state=0), Input())
    >>> both((np.array([1, 7]), np.zeros((2, 5), np.float32))).shape
    (2, 8)
    """

    def __init__(self, *branches: Any) -> None:
        if not branches:
            raise ValueError("Concatenate needs at least one branch. Got none.")
        _check_layers("Concatenate", branches)
        self.layers = branches

    def __repr__(self) -> str:
        """The call that makes such branches."""
        return show_call(self, *self.layers)

    def __call__(self, inputs: Any = None) -> NDArray[Any]:
        """Return the joined outputs.

        Parameters
        ----------
        inputs : sequence, default=None
            One input per branch. None takes what the :class:`Input` layers hold.

        Returns
        -------
        ndarray
            The outputs of the branches, joined at the last axis.

        Raises
        ------
        ValueError, TypeError
            If there is not one input per branch, outputs differ in another axis than the last, or
            a branch refuses its input.
        """
        output: NDArray[Any] = self.run(inputs)[0]
        return output

    def run(self, inputs: Any) -> tuple[NDArray[Any], Back]:
        """Return the output, and the function that leads back.

        Parameters
        ----------
        inputs : as in the call
            One input per branch, or None.

        Returns
        -------
        output : ndarray
            As from the call.
        back : callable
            From the gradient of the output to None (nothing stands below the branches) and a list
            of ``(layer, parameter, gradient)``.

        Raises
        ------
        ValueError, TypeError
            As in the call.
        """
        parts = [None] * len(self.layers) if inputs is None else self._per_branch("inputs", inputs)
        outputs, backs = zip(*map(run_layer, self.layers, parts), strict=True)
        arrays = [as_array("The output of a branch of Concatenate", own) for own in outputs]
        shapes = [array.shape for array in arrays]
        if () in shapes or len({shape[:-1] for shape in shapes}) > 1:
            raise ValueError(
                "The outputs of the branches of Concatenate must have the same shape up to the "
                f"last axis. Got the shapes {shapes}."
            )
        ends = np.cumsum([shape[-1] for shape in shapes])
        joined = np.concatenate(arrays, axis=-1)

        def back(grad: Any) -> tuple[None, Found]:
            pieces = np.split(read_grad(grad, joined.shape), ends[:-1], axis=-1)
            return None, [f for b, piece in zip(backs, pieces, strict=True) for f in b(piece)[1]]

        return joined, back

    def output_shape(self, input_shapes: Any) -> tuple[int | None, ...]:
        """Return the shape of the output for one input shape per branch.

        Parameters
        ----------
        input_shapes : sequence of tuple of int
            Shapes of the inputs; None stands for an axis of unknown length.

        Returns
        -------
        tuple of int
            The shape of the first output, with the sum of all last axes at its end.

        Raises
        ------
        ValueError
            If there is not one shape per branch, or a branch refuses its shape.
        """
        pairs = zip(self.layers, self._per_branch("shapes", input_shapes), strict=True)
        shapes = [layer.output_shape(shape) for layer, shape in pairs]
        widths = [shape[-1] for shape in shapes]
        return (*shapes[0][:-1], None if None in widths else sum(widths))

    def _per_branch(self, what: str, given: Any) -> list[Any]:
        """The inputs or shapes given, one for each branch."""
        parts = list(given) if np.iterable(given) else [given]
        if len(parts) != len(self.layers):
            raise ValueError(
                f"This network takes {len(self.layers)} {what}, one per branch. Got {len(parts)}."
            )
        return parts


class Sequential:
    """Layers joined one after the other.

    The network holds no values of a forward pass: :meth:`forward` returns the output together with
    the function that leads back to the gradients.

    Parameters
    ----------
    *layers : layers or callables
        The first may be callables that prepare the data, such as a :class:`Vocabulary`. A layer
        that stands in the network twice is one layer: its gradients are added.

    Attributes
    ----------
    layers : tuple
        The layers.
    named_layers : dict of str to layer
        All layers with a name, also those of branches. Patterns are numbered from 1 in this order.

    Raises
    ------
    TypeError
        If something is neither a layer nor a callable.
    ValueError
        If two layers have the same name, a pattern takes no number, or what passes no gradient back
        (an embedding, branches, a plain callable) stands behind a layer with parameters.

    Examples
    --------
    >>> from skembed.nn import Dense, Embedding, Flatten, Sequential
    >>> network = Sequential(Embedding(10, 3), Flatten(), Dense(6, 1))
    >>> {name: array.shape for name, array in network.parameters().items()}
    {'embedding-1.weight': (10, 3), 'dense-1.weight': (6, 1), 'dense-1.bias': (1,)}
    >>> network.output_shape((None, 2))
    (None, 1)
    >>> output, backward = network.forward([[1, 2], [3, 4]])
    >>> backward(output)["embedding-1.weight"].rows
    array([1, 2, 3, 4])
    """

    def __init__(self, *layers: Any) -> None:
        if not layers:
            raise ValueError("Sequential needs at least one layer. Got none.")
        _check_layers("Sequential", layers)
        trained = False
        for layer in layers:
            if trained and _is_first(layer):
                raise ValueError(
                    f"{layer!r} passes no gradient back, so it must not stand behind a layer with "
                    f"parameters."
                )
            trained = trained or any(hasattr(leaf, "parameters") for leaf in _leaves(layer))
        self.layers = layers
        self.named_layers = number_names(_leaves(self))

    def __repr__(self) -> str:
        """The call that makes such a network."""
        return show_call(self, *self.layers)

    def __call__(self, inputs: Any = None) -> Any:
        """Return the output.

        Parameters
        ----------
        inputs : as the first layer takes them, default=None
            None takes what the :class:`Input` layers hold.

        Returns
        -------
        ndarray
            What the last layer returns.

        Raises
        ------
        ValueError, TypeError, IndexError
            If a layer refuses its input, or there is none.
        """
        return self.run(inputs)[0]

    def forward(self, inputs: Any = None) -> tuple[Any, Callable[[Any], dict[str, Gradient]]]:
        """Return the output and the function that leads back.

        Parameters
        ----------
        inputs : as the first layer takes them, default=None
            None takes what the :class:`Input` layers hold.

        Returns
        -------
        output : ndarray
            What the last layer returns.
        backward : callable
            From the gradient of the output to those of all parameters, under their names.

        Raises
        ------
        ValueError, TypeError, IndexError
            As in the call.
        """
        output, back = self.run(inputs)
        names = {id(layer): name for name, layer in self.named_layers.items()}

        def backward(grad_output: Any) -> dict[str, Gradient]:
            gradients: dict[str, Gradient] = {}
            for layer, parameter, gradient in back(grad_output)[1]:
                name = f"{names[id(layer)]}.{parameter}"
                gradients[name] = _add(gradients[name], gradient) if name in gradients else gradient
            return gradients

        return output, backward

    def run(self, inputs: Any) -> tuple[Any, Back]:
        """Return the output, and the function that leads back through all layers.

        Parameters
        ----------
        inputs : as in the call
            None takes what the :class:`Input` layers hold.

        Returns
        -------
        output : ndarray
            As from the call.
        back : callable
            From the gradient of the output to that of the inputs (None if there is none) and a list
            of ``(layer, parameter, gradient)``.

        Raises
        ------
        ValueError, TypeError, IndexError
            As in the call.
        """
        backs: list[Back] = []
        for layer in self.layers:
            inputs, back = run_layer(layer, inputs)
            backs.append(back)

        def back_through(grad: Any) -> tuple[Any, Found]:
            found: Found = []
            for back in reversed(backs):
                grad, more = back(grad)
                found += more
                if grad is None:
                    break  # What stands in front of such a layer has no parameters.
            return grad, found

        return inputs, back_through

    def parameters(self) -> dict[str, Array]:
        """Return the trainable arrays as ``"layer.parameter"``.

        Returns
        -------
        dict of str to ndarray
            The arrays themselves, not copies.

        Raises
        ------
        RuntimeError
            If a table has no weights yet.
        """
        return self._collect("parameters")

    def multipliers(self) -> dict[str, Array]:
        """Return the factors of the learning rate, one per row, for the tables that have one.

        Returns
        -------
        dict of str to ndarray
            Under the names of :meth:`parameters`.
        """
        return self._collect("multipliers")

    def output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output for inputs of a given shape.

        Parameters
        ----------
        input_shape : as the first layer takes it
            Shape of the inputs; None stands for an axis of unknown length.

        Returns
        -------
        tuple of int
            What the last layer tells.

        Raises
        ------
        ValueError
            If a layer does not tell the shape of its output, or refuses that of its input.
        """
        for layer in self.layers:
            if not hasattr(layer, "output_shape"):
                raise ValueError(
                    f"The layer {type(layer).__name__} does not tell the shape of its output. Ask "
                    "the layers after it."
                )
            input_shape = layer.output_shape(input_shape)
        return input_shape

    def _collect(self, method: str) -> dict[str, Array]:
        """What a method of every layer returns, under the full names."""
        return {
            f"{name}.{key}": value
            for name, layer in self.named_layers.items()
            if hasattr(layer, method)
            for key, value in getattr(layer, method)().items()
        }


def run_layer(layer: Any, inputs: Any) -> tuple[Any, Back]:
    """Output of a layer, an embedding or a callable, and the function that leads back."""
    if hasattr(layer, "run"):
        output, back = layer.run(inputs)
        return output, back
    if inputs is None and not isinstance(layer, Input):
        raise ValueError(
            f"There is nothing to give to {layer!r}: call the network on data, or begin it with an "
            "Input that holds some."
        )
    output = layer(inputs)

    def back_to_rows(grad: Any) -> tuple[None, Found]:
        gradient = layer.backward(inputs, grad) if hasattr(layer, "backward") else None
        if gradient is None:
            return None, []
        if isinstance(gradient, RowGradient):
            gradient = {"weight": gradient}
        return None, [(layer, name, part) for name, part in gradient.items()]

    return output, back_to_rows


def _check_layers(owner: str, layers: tuple[Any, ...]) -> None:
    for layer in layers:
        if isinstance(layer, type) or not callable(layer):
            raise TypeError(f"{owner} takes layers and callables. Got {layer!r} instead.")


def _leaves(layer: Any) -> Iterator[Any]:
    """The layers in a network of networks, in order."""
    if isinstance(layer, Sequential | Concatenate):
        for inner in layer.layers:
            yield from _leaves(inner)
    else:
        yield layer


def _is_first(layer: Any) -> bool:
    """Whether a layer passes no gradient back to what stands in front of it."""
    if isinstance(layer, Sequential):
        return any(map(_is_first, layer.layers))
    return isinstance(layer, Concatenate) or not hasattr(layer, "run")


def _add(left: Any, right: Any) -> Gradient:
    """Sum of two gradients of one parameter."""
    total: Gradient = left.add(right) if isinstance(left, RowGradient) else left + right
    return total
