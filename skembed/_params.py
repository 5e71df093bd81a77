"""Constructor rules and their messages: what each parameter must be, checked first thing in
``fit``.
"""

from __future__ import annotations

import numbers
import operator
from collections.abc import Callable, Collection, Mapping, Set
from typing import Any

import numpy as np

from .nn._record import Record

# Collections without an order, or of characters.
_NO_SEQUENCES = (str, bytes, bytearray, Mapping, Set)


class Rule(Record):
    """What a parameter must be, in words and as a test."""

    words: str
    holds: Callable[[Any], bool]

    def __or__(self, other: Rule) -> Rule:
        return Rule(f"{self.words} or {other.words}", lambda v: self.holds(v) or other.holds(v))


def check_parameters(estimator: Any, rules: Mapping[str, Rule]) -> None:
    """Raise a ValueError that names the first parameter that breaks its rule."""
    for name, rule in rules.items():
        value = getattr(estimator, name)
        if not rule.holds(value):
            raise ValueError(
                f"The {name!r} parameter of {type(estimator).__name__} must be {rule.words}. "
                f"Got {value!r} instead."
            )


def _is_integer(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool | np.bool_)


def _is_float_dtype(value: Any) -> bool:
    try:
        return np.dtype(value) in (np.float16, np.float32, np.float64) and value is not None
    except TypeError:
        return False


def integer(low: int, high: float = np.inf) -> Rule:
    """An int in ``[low, high]``."""
    words = f"an int in [{low}, {high}]" if np.isfinite(high) else f"an int of at least {low}"
    return Rule(words, lambda v: _is_integer(v) and low <= v <= high)


def real(interval: str) -> Rule:
    """A number in an interval written as in mathematics, such as ``"[0, 1)"``; never NaN."""
    low, high = (float(end) for end in interval[1:-1].split(","))
    above = operator.le if interval[0] == "[" else operator.lt
    below = operator.le if interval[-1] == "]" else operator.lt

    def holds(value: Any) -> bool:
        if not isinstance(value, numbers.Real) or isinstance(value, bool | np.bool_):
            return False
        try:
            number = float(value)
        except OverflowError:
            return False
        return above(low, number) and below(number, high)

    return Rule(f"a float in {interval}", holds)


def one_of(*options: str) -> Rule:
    """One of some strings."""
    words = "one of {" + ", ".join(repr(option) for option in options) + "}"
    return Rule(words, lambda v: isinstance(v, str) and v in options)


def exactly(value: Any) -> Rule:
    """One constant: None, True or False."""
    return Rule(repr(value), lambda v: v is value)


def instance(words: str, *types: type) -> Rule:
    """An instance of one of some types."""
    return Rule(words, lambda v: isinstance(v, types))


def satisfying(words: str, holds: Callable[[Any], bool]) -> Rule:
    """Whatever ``holds`` says."""
    return Rule(words, holds)


def sequence_of(words: str, holds: Callable[[Any], bool]) -> Rule:
    """A list, tuple or array whose every element satisfies ``holds``."""

    def all_hold(value: Any) -> bool:
        is_sequence = isinstance(value, Collection) and not isinstance(value, _NO_SEQUENCES)
        return is_sequence and getattr(value, "ndim", 1) > 0 and all(map(holds, value))

    return Rule(words, all_hold)


boolean = Rule("a bool", lambda v: isinstance(v, bool | np.bool_))
none = exactly(None)
layer_sizes = sequence_of(
    "a sequence of ints of at least 1", lambda v: _is_integer(v) and v >= 1
) | integer(1)
# A class has the attributes of its instances, and a string has a method `split`.
splits = Rule(
    "a splitter or an iterable of splits",
    lambda v: (
        (hasattr(v, "split") or hasattr(v, "__iter__"))
        and not isinstance(v, type | str | bytes | Mapping)
    ),
)
class_weights = Rule(
    "a dict label -> float in [0, inf)",
    lambda v: isinstance(v, dict) and all(map(real("[0, inf)").holds, v.values())),
)
float_dtype = Rule("one of {numpy.float16, numpy.float32, numpy.float64}", _is_float_dtype)
random_state = none | Rule(
    "an int in [0, 2**32 - 1], or a numpy.random.RandomState",
    lambda v: (_is_integer(v) and 0 <= v < 2**32) or isinstance(v, np.random.RandomState),
)


# Rules of the parameters that the estimators share

CATEGORY_RULES = {
    "categories": one_of("auto")
    | instance("a dict column -> list of values", dict)
    | sequence_of(
        "a list of lists, one per categorical column",
        lambda v: isinstance(v, Collection) and not isinstance(v, str | bytes),
    ),
    "min_frequency": none | integer(1) | real("(0, 1)"),
    "max_categories": none | integer(1),
    "handle_unknown": one_of("embed", "infrequent_if_exist", "mean", "zeros", "error"),
    "handle_missing": one_of("embed", "unknown", "error"),
}
SEQUENCE_RULES = {"pooling": one_of("mean", "sum", "max")}
VECTOR_RULES = {
    "embedding_dim": one_of("auto")
    | integer(1)
    | instance("a dict column -> int", dict)
    | satisfying("a callable n_categories -> int", callable),
    "target_effect": boolean,
    "shared": none
    | sequence_of("a list of groups of columns", lambda v: isinstance(v, list | tuple)),
    "initial_embeddings": none | instance("a dict column -> vectors", Mapping),
    "learning_rate_multipliers": none | instance("a dict column -> float", dict),
    "max_norm": none | real("(0, inf]"),
}
NETWORK_RULES = {
    "hidden_layer_sizes": layer_sizes,
    "activation": one_of("relu", "silu", "tanh", "logistic", "identity"),
    "dropout": real("[0, 1)"),
    "solver": one_of("adam", "sgd"),
    "momentum": real("[0, 1)"),
    "nesterovs_momentum": boolean,
    "alpha": real("[0, inf)"),
    "shrinkage": one_of("auto") | real("[0, inf)"),
    "learning_rate_init": real("(0, inf)"),
    "learning_rate": one_of("constant", "linear", "cosine"),
    "batch_size": integer(1),
    "max_iter": integer(1),
    "shuffle": boolean,
    "tol": real("[0, inf)"),
    "early_stopping": boolean,
    "validation_fraction": real("(0, 1)"),
    "n_iter_no_change": integer(1),
    "warm_start": boolean,
    "random_state": random_state,
    "verbose": boolean | integer(0),
    "n_jobs": none | integer(1) | integer(-64, -1),
}
PREDICTOR_RULES = {
    "dropout": one_of("auto") | NETWORK_RULES["dropout"],
    "crosses": integer(0),
    "counts": boolean,
    "n_bins": integer(0, 10_000),
    "linear_part": boolean,
    "n_estimators": integer(1),
}
