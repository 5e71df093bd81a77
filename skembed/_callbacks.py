"""What a fit tells scikit-learn's callbacks: which of its tasks begin and end.

Callbacks came with scikit-learn 1.9. With an older one a fit has the same tasks, and nobody hears
of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from .nn._record import Record

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:

    class _Silence:
        """In place of a context with callbacks."""

        def subcontext(self, **task: Any) -> _Silence:
            return self

        def call_on_fit_task_begin(self, **data: Any) -> _Silence:
            return self

        def call_on_fit_task_end(self, **data: Any) -> bool:
            return False

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """In place of the mixin that takes callbacks."""

        def _init_callback_context(self, **task: Any) -> _Silence:
            return _Silence()

    def with_callbacks(method: Callable) -> Callable:
        """In place of the decorator that ends what callbacks have begun."""
        return method


__all__ = ["CallbackSupportMixin", "Task", "begin_fit", "has_callbacks", "with_callbacks"]

# Makes the attributes that the estimator would have, had the fit ended here.
Attributes = Callable[[], dict[str, Any]]


class Task(Record):
    """A part of a fit: the whole, a network, an epoch, a fold.

    Attributes
    ----------
    estimator : estimator
        What is being fitted.
    context : sklearn.callback.CallbackContext
        The place of the task among the others.
    data : mapping
        ``X``, ``y`` and ``metadata`` of the fit.
    """

    estimator: Any
    context: Any
    data: Mapping[str, Any]

    def begin(
        self, name: str, *, n_parts: int = 0, in_order: bool = True, number: int | None = None
    ) -> Task:
        """A part of this task, which begins now.

        Parameters
        ----------
        name : str
        n_parts : int
            Parts that the new task may have.
        in_order : bool
            Whether they come one after the other.
        number : int, optional
            Place of the new task in one whose parts are in no order.
        """
        context = self.context.subcontext(
            task_name=name, task_id=number, max_subtasks=n_parts, sequential_subtasks=in_order
        )
        return replace(self, context=self._announced(context))

    def end(self, attributes: Attributes | None = None) -> bool:
        """Tell that the task is over; True if a callback wants no more of its kind.

        ``attributes`` is called if a callback asks for the estimator as it is.
        """

        def all_attributes() -> dict[str, Any]:
            # Those of a fit before this one can be overwritten only, such as names of columns.
            return dict.fromkeys(vars(self.estimator)) | attributes()

        return self.context.call_on_fit_task_end(
            estimator=self.estimator,
            **self.data,
            reconstruction_attributes=attributes and all_attributes,
        )

    def _announced(self, context: Any) -> Any:
        return context.call_on_fit_task_begin(estimator=self.estimator, **self.data)


def has_callbacks(estimator: Any) -> bool:
    """Whether callbacks were set, by the user or by an estimator that fits this one."""
    # There is no other name for them: scikit-learn sets them and does not give them back.
    return bool(getattr(estimator, "_skl_callbacks", ()))


def begin_fit(
    estimator: Any,
    X: Any,
    y: Any,
    sample_weight: Any,
    *,
    name: str = "fit",
    n_parts: int = 0,
    in_order: bool = True,
) -> Task:
    """The whole fit of an estimator, which begins now.

    The method that calls this must be decorated with ``with_callbacks``.
    """
    # The one entry there is: scikit-learn documents this name for estimators of other packages.
    context = estimator._init_callback_context(
        task_name=name, max_subtasks=n_parts, sequential_subtasks=in_order
    )
    metadata = None if sample_weight is None else {"sample_weight": sample_weight}
    task = Task(estimator, context, {"X": X, "y": y, "metadata": metadata})
    task._announced(context)
    return task
