"""Optimisers: ``init`` makes the state, ``update`` changes the parameters in place.

Parameters and gradients are flat dicts of arrays under the same names.  The gradient of a table is
a :class:`RowGradient`: only the rows it names, and their part of the state, are read or written.
For plain SGD and Adagrad the result equals that of the dense optimiser.  Momentum and Adam differ
from it: a row that is not in a batch rests, while the dense optimiser would go on moving it by
what is left of its momentum.  The bias correction of Adam counts all steps, for every row.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._adam_step import move_adam
from ._optimizer_checks import check_setting, check_step
from ._record import Record
from ._row_gradient import RowGradient
from ._rows import add_to_rows

Array = NDArray[np.floating]
Gradient = Array | RowGradient
State = dict[str, Any]

# Factors of the learning rate for the rows of a table, shape (n_rows,), by the name of the table;
# 0 freezes a row.
Multipliers = Mapping[str, Array]
_NO_MULTIPLIERS: Multipliers = MappingProxyType({})


def _split(gradient: Gradient) -> tuple[Any, Array]:
    """Where the gradient acts (rows, or everywhere) and its values."""
    if isinstance(gradient, RowGradient):
        return gradient.rows, gradient.values
    return slice(None), gradient


def _factors(multipliers: Multipliers, name: str, where: Any, values: Array) -> Array | None:
    """Factors of the learning rate that ``values`` can be multiplied by, None for those of 1."""
    if name not in multipliers:
        return None
    factors = np.asarray(multipliers[name])[where].astype(values.dtype)
    return factors.reshape(-1, *[1] * (values.ndim - 1))


class SGD(Record):
    """Stochastic gradient descent with momentum [1]_, optionally Nesterov's [2]_.

    Parameters
    ----------
    momentum : float, default=0.0
        Share of the last update that is kept.
    nesterov : bool, default=False
        Look one update ahead.

    Notes
    -----
    Without momentum a :class:`RowGradient` gives the result of the dense gradient, number for
    number. With momentum a row that is not in a batch rests and keeps its velocity for the next
    time, while with dense gradients it goes on moving.

    References
    ----------
    .. [1] Polyak 1964, Some methods of speeding up the convergence of iteration methods,
       :doi:`10.1016/0041-5553(64)90137-5`.
    .. [2] Sutskever, Martens, Dahl and Hinton 2013, On the importance of initialization and
       momentum in deep learning, section 2, https://proceedings.mlr.press/v28/sutskever13.html.

    Examples
    --------
    >>> import numpy as np
    >>> from skembed.nn import SGD, RowGradient
    >>> parameters = {"table": np.zeros((3, 2))}
    >>> gradients = {"table": RowGradient(np.array([1]), np.array([[1.0, -2.0]]))}
    >>> optimizer = SGD()
    >>> state = optimizer.init(parameters)
    >>> optimizer.update(parameters, gradients, state, learning_rate=0.5)
    >>> parameters["table"]
    array([[ 0. ,  0. ],
           [-0.5,  1. ],
           [ 0. ,  0. ]])
    """

    momentum: float
    nesterov: bool

    def __init__(self, momentum: float = 0.0, nesterov: bool = False) -> None:
        super().__init__(momentum, nesterov)
        check_setting(self, "momentum", 0, 1)

    def init(self, parameters: Mapping[str, Array]) -> State:
        """State for ``parameters``.

        Parameters
        ----------
        parameters : dict name -> ndarray

        Returns
        -------
        state : dict
            One velocity per parameter, with its name; empty without momentum.
        """
        if self.momentum == 0:
            return {}
        return {name: np.zeros_like(value) for name, value in parameters.items()}

    def update(
        self,
        parameters: Mapping[str, Array],
        gradients: Mapping[str, Gradient],
        state: State,
        learning_rate: float,
        multipliers: Multipliers = _NO_MULTIPLIERS,
    ) -> None:
        """Move ``parameters`` one step against ``gradients``, in place.

        Parameters
        ----------
        parameters : dict name -> ndarray of float32 or float64
            Changed in place.
        gradients : dict name -> ndarray of the shape of its parameter, or RowGradient
            Parameters without a gradient stay.
        state : dict
            What :meth:`init` returned for these parameters; changed in place.
        learning_rate : float
            At least 0.
        multipliers : dict name -> ndarray of shape (n_rows,), default none
            Factors of the learning rate for each row; 0 freezes it.

        Raises
        ------
        ValueError, TypeError, IndexError
            If shapes, dtypes, names, rows, the state or the rate do not fit; nothing is moved then.
        """
        n_arrays = 1 if self.momentum else 0
        check_step(parameters, gradients, state, learning_rate, multipliers, n_arrays)
        for name, gradient in gradients.items():
            where, values = _split(gradient)
            if isinstance(gradient, RowGradient) and not self.momentum and name not in multipliers:
                add_to_rows(parameters[name], gradient.rows, values, -learning_rate)
                continue
            step = values * -values.dtype.type(learning_rate)
            if (factors := _factors(multipliers, name, where, values)) is not None:
                step *= factors
            if self.momentum:
                kept = values.dtype.type(self.momentum)
                velocity = state[name][where] * kept + step
                state[name][where] = velocity
                step = velocity * kept + step if self.nesterov else velocity
            parameters[name][where] += step


class Adam(Record):
    """Adam [1]_.

    Parameters
    ----------
    beta_1, beta_2 : float, default=0.9, 0.95
        Decay of the running means of the gradient and of its square. 0.95 was measured against
        0.999 on tables [2]_.
    epsilon : float, default=1e-8
        Added to the root of the second mean.

    Notes
    -----
    With a :class:`RowGradient` a row that is not in a batch rests, and both of its means stay;
    with dense gradients it goes on moving while its means decay. The two agree as long as every
    row is in every batch. The bias correction counts all steps, for every row.

    References
    ----------
    .. [1] Kingma and Ba 2015, Adam: a method for stochastic optimization, :arxiv:`1412.6980`.
    .. [2] Holzmüller, Grinsztajn and Steinwart 2024, Better by default: strong pre-tuned MLPs and
       boosted trees on tabular data, :arxiv:`2407.04491`.

    Examples
    --------
    >>> import numpy as np
    >>> from skembed.nn import Adam, RowGradient
    >>> parameters = {"table": np.zeros((3, 2))}
    >>> gradients = {"table": RowGradient(np.array([1]), np.array([[1.0, -2.0]]))}
    >>> optimizer = Adam()
    >>> state = optimizer.init(parameters)
    >>> optimizer.update(parameters, gradients, state, learning_rate=0.5)
    >>> parameters["table"].round(6)
    array([[ 0. ,  0. ],
           [-0.5,  0.5],
           [ 0. ,  0. ]])
    """

    beta_1: float
    beta_2: float
    epsilon: float

    def __init__(self, beta_1: float = 0.9, beta_2: float = 0.95, epsilon: float = 1e-8) -> None:
        super().__init__(beta_1, beta_2, epsilon)
        check_setting(self, "beta_1", 0, 1)
        check_setting(self, "beta_2", 0, 1)
        check_setting(self, "epsilon", 0)

    def init(self, parameters: Mapping[str, Array]) -> State:
        """State for ``parameters``.

        Parameters
        ----------
        parameters : dict name -> ndarray

        Returns
        -------
        state : dict
            Two running sums per parameter, with its name, and ``"step"``, the number of steps.

        Raises
        ------
        ValueError
            If a parameter has the name ``"step"``.
        """
        if "step" in parameters:
            raise ValueError(
                "No parameter of Adam may have the name 'step', under which its state counts the "
                f"steps. Got the parameters {list(parameters)!r}: rename it."
            )
        state: State = {"step": 0}
        for name, value in parameters.items():
            state[name] = (np.zeros_like(value), np.zeros_like(value))
        return state

    def update(
        self,
        parameters: Mapping[str, Array],
        gradients: Mapping[str, Gradient],
        state: State,
        learning_rate: float,
        multipliers: Multipliers = _NO_MULTIPLIERS,
    ) -> None:
        """Move ``parameters`` one step against ``gradients``, in place.

        Parameters
        ----------
        parameters, gradients, state, learning_rate, multipliers
            As in :meth:`SGD.update`.

        Raises
        ------
        ValueError, TypeError, IndexError
            As in :meth:`SGD.update`.
        """
        check_step(parameters, gradients, state, learning_rate, multipliers, 2, ("step",))
        state["step"] += 1
        for name, gradient in gradients.items():
            value, (mean, square) = parameters[name], state[name]
            rows, values = _split(gradient)
            factors = _factors(multipliers, name, rows, values)
            if not isinstance(gradient, RowGradient):
                move_adam(self, value, values, mean, square, learning_rate, state["step"], factors)
                continue
            v, m, s = value[rows], mean[rows], square[rows]
            move_adam(self, v, values, m, s, learning_rate, state["step"], factors)
            value[rows], mean[rows], square[rows] = v, m, s


class Adagrad(Record):
    """Adagrad [1]_.

    The state of a row changes with its gradient alone, so that row by row the result is that of the
    dense optimiser.

    Parameters
    ----------
    initial : float, default=0.0
        What the sums of the squared gradients start with.
    epsilon : float, default=1e-10
        Added to the root of the sum.

    References
    ----------
    .. [1] Duchi, Hazan and Singer 2011, Adaptive subgradient methods for online learning and
       stochastic optimization, JMLR 12, https://jmlr.org/papers/v12/duchi11a.html.

    Examples
    --------
    >>> import numpy as np
    >>> from skembed.nn import Adagrad, RowGradient
    >>> parameters = {"table": np.zeros((3, 2))}
    >>> gradients = {"table": RowGradient(np.array([1]), np.array([[1.0, -2.0]]))}
    >>> optimizer = Adagrad()
    >>> state = optimizer.init(parameters)
    >>> for _ in range(2):
    ...     optimizer.update(parameters, gradients, state, learning_rate=0.5)
    >>> parameters["table"].round(3)
    array([[ 0.   ,  0.   ],
           [-0.854,  0.854],
           [ 0.   ,  0.   ]])
    """

    initial: float
    epsilon: float

    def __init__(self, initial: float = 0.0, epsilon: float = 1e-10) -> None:
        super().__init__(initial, epsilon)
        check_setting(self, "initial", 0)
        check_setting(self, "epsilon", 0)

    def init(self, parameters: Mapping[str, Array]) -> State:
        """State for ``parameters``.

        Parameters
        ----------
        parameters : dict name -> ndarray

        Returns
        -------
        state : dict
            The sums of the squares of each number, by the name of its parameter.
        """
        return {name: np.full_like(value, self.initial) for name, value in parameters.items()}

    def update(
        self,
        parameters: Mapping[str, Array],
        gradients: Mapping[str, Gradient],
        state: State,
        learning_rate: float,
        multipliers: Multipliers = _NO_MULTIPLIERS,
    ) -> None:
        """Move ``parameters`` one step against ``gradients``, in place.

        Parameters
        ----------
        parameters, gradients, state, learning_rate, multipliers
            As in :meth:`SGD.update`.

        Raises
        ------
        ValueError, TypeError, IndexError
            As in :meth:`SGD.update`.
        """
        check_step(parameters, gradients, state, learning_rate, multipliers, 1)
        for name, gradient in gradients.items():
            where, values = _split(gradient)
            number = values.dtype.type
            squares = state[name][where] + values * values
            state[name][where] = squares
            step = values * number(learning_rate) / (np.sqrt(squares) + number(self.epsilon))
            if (factors := _factors(multipliers, name, where, values)) is not None:
                step *= factors
            parameters[name][where] -= step
