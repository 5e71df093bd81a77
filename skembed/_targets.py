"""The target: from what the user gives to an array, a loss and a way back."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.multiclass import type_of_target

from ._frames import find_missing, has_categories, is_array
from ._target_values import no_target, reject_not_finite, target_rows, unsortable, used_rows
from .nn._losses import weighted_quantiles
from .nn._record import Record

Unit = tuple[NDArray[np.float64], NDArray[np.float64]]

# More classes than this in an integer target are more likely numbers than names.
_MOST_INTEGER_CLASSES = 20
# Losses that hardly heed a few values far out.
ROBUST_LOSSES = ("absolute_error", "huber", "quantile")
# Between the quartiles of the normal distribution, in standard deviations.
_QUARTILES_OF_NORMAL = 1.349
# In such deviations: means heed nothing beyond, where the loss would not.
_FAR_OUT = 10.0


class Target(Record):
    """A target ready for a loss.

    Attributes
    ----------
    values : ndarray
        Float32 of shape ``(n, n_outputs)``: standardised numbers, or 0 and 1; class numbers
        ``(n,)`` if there are more than two classes.
    kind : str
        ``"continuous"``, ``"continuous-multioutput"``, ``"binary"``, ``"multiclass"``,
        ``"multilabel-indicator"`` or ``"none"``.
    loss : str
        Name of the loss that fits the kind.
    n_outputs : int
        Raw predictions per row.
    classes : ndarray or None
        The labels in order.
    center, scale : ndarray of shape (n_outputs,)
        ``values * scale + center`` is the target in its own unit.
    limits : ndarray of shape (2, n_outputs)
        Least and largest target of all rows, in its own unit.
    """

    values: NDArray[Any]
    kind: str
    loss: str
    n_outputs: int
    classes: NDArray[Any] | None
    center: NDArray[np.float64]
    scale: NDArray[np.float64]
    limits: NDArray[np.float64]

    def take(self, rows: NDArray[np.integer]) -> Target:
        """The same target for some rows."""
        return replace(self, values=self.values[rows])

    def columns(self) -> NDArray[np.float64]:
        """One column per output: numbers, or the 0/1 indicators of labels (one per class)."""
        if self.values.ndim == 1:
            return (self.values[:, None] == np.arange(self.n_outputs)).astype(np.float64)
        return self.values.astype(np.float64)

    def numbers(self) -> NDArray[np.integer]:
        """The position of each row's class in ``classes``."""
        return self.values if self.values.ndim == 1 else self.values[:, 0].astype(np.int64)


def read_target(
    y: Any, task: str, weight: NDArray[np.float64], classes: NDArray[Any] | None = None
) -> Target:
    """Read ``y`` under ``task`` in {"auto", "regression", "classification", "none"}.

    Rows of weight 0 are left out. ``weight`` has shape ``(n_rows,)``. Under "none" y is ignored.
    ``classes`` are all labels, where ``y`` may lack some.
    """
    if task == "none":
        return _no_target(int(np.count_nonzero(weight)))
    if y is None:
        raise no_target(task)
    rows = used_rows(weight)
    array, weight = target_rows(y, weight), weight[rows]
    named = has_categories(y) or classes is not None
    is_inferred = task == "auto" and not named
    if task == "auto":
        task = "classification" if named else _infer_task(array)
    if task == "regression":
        if classes is not None:
            raise ValueError(
                f"classes are for labels, but y holds numbers with task='regression'. Got "
                f"classes={classes!r}: leave them out, or set task='classification'."
            )
        return _regression(array, weight, rows)
    target = _classification(array, classes)
    if is_inferred and array.dtype == object and len(target.classes) > len(array) / 2 > 10:
        raise ValueError(
            f"y holds {len(target.classes)} distinct labels in {len(array)} rows, such as "
            f"{array[0]!r}. Convert it to numbers for a regression, or set task='classification'."
        )
    return target


def _no_target(n_rows: int) -> Target:
    return Target(
        values=np.empty((n_rows, 0), dtype=np.float32),
        kind="none",
        loss="none",
        n_outputs=0,
        classes=None,
        center=np.empty(0),
        scale=np.empty(0),
        limits=np.empty((2, 0)),
    )


def _kind_of(array: NDArray[Any]) -> str:
    """What scikit-learn calls a target."""
    types = set(map(type, array.ravel())) if array.dtype == object else set()
    try:
        if any(issubclass(t, Set) for t in types):
            raise TypeError("sets cannot be sorted")
        # scikit-learn refuses them from 1.7 on.
        if any(issubclass(t, bytes) for t in types):
            raise TypeError("bytes are no text")
        # It casts floats to integers, which huge ones cannot be.
        with np.errstate(invalid="ignore"):
            return str(type_of_target(array, input_name="y"))
    except TypeError as error:
        names = sorted(t.__name__ for t in types)
        raise TypeError(
            f"y must hold labels of one type that can be sorted. Got {names}: {error}."
        ) from error


def _infer_task(array: NDArray[Any]) -> str:
    if array.dtype.kind == "f":
        n_distinct = len(np.unique(array)) if (array == np.floor(array)).all() else np.inf
        return "regression" if array.ndim == 2 or n_distinct != 2 else "classification"
    kind = _kind_of(array)
    if kind == "multiclass" and array.dtype.kind in "iu":
        n_classes = len(np.unique(array))
        if n_classes > _MOST_INTEGER_CLASSES:
            raise ValueError(
                f"y holds {n_classes} distinct integers, which may be classes or numbers. Set "
                "task='classification' or task='regression'."
            )
    return "regression" if kind.startswith("continuous") else "classification"


def _regression(
    array: NDArray[Any], weight: NDArray[np.float64], rows: NDArray[np.intp] | slice
) -> Target:
    """The target of some rows of the input."""
    try:
        with np.errstate(over="ignore"):  # Infinity is refused below.
            numbers = array.astype(np.float64, order="C", copy=False)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            f"y must hold numbers in a regression. Got dtype {array.dtype} such as "
            f"{array.ravel()[0]!r}."
        ) from error
    reject_not_finite(numbers, rows)
    columns = numbers.reshape(len(numbers), -1)
    with np.errstate(over="ignore", invalid="ignore"):
        center = np.average(columns, axis=0, weights=weight)
        residual = columns - center
        # Scaled before squaring, so that neither huge nor tiny targets leave the range of floats.
        largest = np.abs(residual).max(axis=0)
        largest[largest == 0] = 1
        scale = largest * np.sqrt(np.average((residual / largest) ** 2, axis=0, weights=weight))
    if not np.isfinite(scale).all():
        raise ValueError(
            f"y, or sample_weight, is too large for its mean to be a float. The largest absolute "
            f"value of y is {np.abs(columns).max():g}. Rescale."
        )
    # What is left of a constant column is rounding, not signal.
    constant = scale <= 1e-12 * np.abs(center)
    residual[:, constant] = 0
    scale[constant | (scale == 0)] = 1
    return Target(
        values=(residual / scale).astype(np.float32),
        kind="continuous" if array.ndim == 1 else "continuous-multioutput",
        loss="squared_error",
        n_outputs=columns.shape[1],
        classes=None,
        center=center,
        scale=scale,
        limits=np.stack([columns.min(axis=0), columns.max(axis=0)]),
    )


def _classification(array: NDArray[Any], all_classes: NDArray[Any] | None) -> Target:
    kind = _kind_of(array)
    if kind.startswith("continuous"):
        raise ValueError(
            "Unknown label type: continuous. y holds fractions, but a classification needs labels. "
            "Take EmbeddingRegressor, or EmbeddingEncoder with task='regression'."
        )
    # scikit-learn calls any two integers an indicator.
    if kind == "multilabel-indicator" and np.isin(array, (0, 1)).all():
        n_outputs = array.shape[1]
        _check_label_numbers(all_classes, n_outputs)
        return Target(
            values=array.astype(np.float32),
            kind=kind,
            loss="binary_cross_entropy",
            n_outputs=n_outputs,
            classes=np.arange(n_outputs),
            center=np.zeros(n_outputs),
            scale=np.ones(n_outputs),
            limits=_unit_interval(n_outputs),
        )
    if array.ndim == 2:
        raise ValueError(
            f"y of shape {array.shape} must hold 0 and 1 only (multilabel) in a classification. "
            "Other numbers are for a regression."
        )
    try:
        classes, numbers = np.unique(array, return_inverse=True)
    except TypeError as error:
        raise unsortable(array) from error
    if all_classes is not None:
        classes, numbers = _among(classes[numbers], read_classes(all_classes))
    if len(classes) < 2:
        raise _one_class(classes.tolist()[0])
    binary = len(classes) == 2
    n_outputs = 1 if binary else len(classes)
    return Target(
        values=numbers.astype(np.float32)[:, None] if binary else numbers.astype(np.int32),
        kind="binary" if binary else "multiclass",
        loss="binary_cross_entropy" if binary else "multinomial_cross_entropy",
        n_outputs=n_outputs,
        classes=classes,
        center=np.zeros(n_outputs),
        scale=np.ones(n_outputs),
        limits=_unit_interval(n_outputs),
    )


def _one_class(only: Any) -> ValueError:
    """The error of a target that has this class alone."""
    is_number = isinstance(only, Real) and not isinstance(only, bool)
    hint = (
        "A number to predict is for EmbeddingRegressor, or EmbeddingEncoder with "
        "task='regression'. "
    ) * is_number
    return ValueError(
        f"y must have at least two classes. Got one class only: {only!r}. {hint}A batch of "
        "partial_fit may lack classes that are named in 'classes'."
    )


def _check_label_numbers(classes: Any, n_labels: int) -> None:
    if classes is not None and not np.array_equal(read_classes(classes), np.arange(n_labels)):
        raise ValueError(
            f"classes must be left out, or be the numbers of the columns, {list(range(n_labels))}, "
            f"where y holds 0 and 1 for several labels. Got {classes!r}."
        )


def read_classes(classes: Any) -> NDArray[Any]:
    """The classes that a user names, sorted."""
    array = np.asarray(classes, dtype=None if is_array(classes) else object)
    types = set(map(type, array.ravel()))
    strings = [issubclass(t, str) for t in types]
    if array.ndim != 1 or find_missing(array).any() or any(strings) != all(strings):
        raise ValueError(
            f"classes must be a list of labels of one type, none of them missing. Got {classes!r}."
        )
    return np.unique(array if is_array(classes) else np.asarray(classes))


def _among(labels: NDArray[Any], classes: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """All classes, and the number of each label among them."""
    known = np.isin(labels, classes)
    if not known.all():
        raise ValueError(
            f"y holds the label {labels[~known][0]!r}, which is not among the classes "
            f"{classes.tolist()!r}. Name all of them in the first call."
        )
    return classes, np.searchsorted(classes, labels)


def _unit_interval(n_outputs: int) -> NDArray[np.float64]:
    return np.repeat([[0.0], [1.0]], n_outputs, axis=1)


def taken_by_means(target: Target) -> NDArray[np.float64]:
    """The outputs ``(n, n_outputs)``; for a robust loss what is far out is clipped."""
    y = target.columns()
    if target.loss in ROBUST_LOSSES:
        # In the unit of these losses, the spread of the middle half.
        np.clip(y, -_FAR_OUT, _FAR_OUT, out=y)
    return y


def standardised(target: Target, weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """What means take of the outputs, ``(n, n_outputs)``, with mean 0 and standard deviation 1."""
    y = taken_by_means(target)
    y -= np.average(y, axis=0, weights=weight)
    deviation = np.sqrt(np.average(y**2, axis=0, weights=weight))
    y /= np.where(deviation > 0, deviation, 1)
    return y


def unit_for(loss: str, target: Target, weight: NDArray[np.float64]) -> Unit:
    """Center and scale, each ``(n_outputs,)``, in which a loss takes a regression target."""
    if loss == "poisson":
        # The logarithm of the mean is modelled: 0 stays 0.
        return np.zeros_like(target.center), target.center
    if loss in ROBUST_LOSSES:
        # The few values that it is to bear would widen the deviation.
        low, middle, high = weighted_quantiles(target.columns(), weight, (0.25, 0.5, 0.75))
        spread = np.where(high > low, (high - low) / _QUARTILES_OF_NORMAL, 1)
        return target.center + middle * target.scale, spread * target.scale
    return target.center, target.scale


def for_loss(target: Target, loss: str, unit: Unit) -> Target:
    """A regression target as a loss takes it, in a unit that was found for it."""
    least, largest = target.limits
    if loss == "poisson" and ((least < 0).any() or (largest == 0).any()):
        raise ValueError(
            "y must be at least 0, and not 0 in all rows, with loss='poisson'. The least value is "
            f"{least.min():g}."
        )
    target = replace(in_unit_of(target, *unit), loss=loss)
    # 0 is not exact in standard deviations from the mean.
    return replace(target, values=np.maximum(target.values, 0)) if loss == "poisson" else target


def in_unit_of(target: Target, center: NDArray[np.float64], scale: NDArray[np.float64]) -> Target:
    """A regression target in another unit. In its own it keeps every bit."""
    values = target.values * (target.scale / scale) + (target.center - center) / scale
    return replace(target, values=values.astype(np.float32), center=center, scale=scale)
