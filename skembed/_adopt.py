"""A fit that fails leaves the estimator as it was: what is learned is learned by a copy."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from functools import wraps
from typing import Any


def adopt(estimator: Any, fitted: Any) -> None:
    """Make an estimator what a copy of it has become."""
    for name in vars(estimator).keys() - vars(fitted).keys():
        delattr(estimator, name)
    vars(estimator).update(vars(fitted))


def all_or_nothing(learn: Callable[..., Any]) -> Callable[..., Any]:
    """Let a method change its estimator when it comes to its end, and not before."""

    @wraps(learn)
    def learn_in_a_copy(estimator: Any, *args: Any) -> Any:
        fitted = copy(estimator)
        result = learn(fitted, *args)
        adopt(estimator, fitted)
        return result

    return learn_in_a_copy
