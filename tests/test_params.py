"""Rules of parameters: what they let through and what they say about the rest."""

import decimal
import inspect
import re
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from skembed import EmbeddingClassifier, EmbeddingEncoder, EmbeddingRegressor
from skembed import _params as p


class Estimator(SimpleNamespace):
    pass


def holds(rule, value):
    """Whether a value passes, through the function that estimators call."""
    try:
        p.check_parameters(Estimator(size=value), {"size": rule})
    except ValueError as error:
        assert str(error) == (
            f"The 'size' parameter of Estimator must be {rule.words}. Got {value!r} instead."
        )
        return False
    return True


NOT_NUMBERS = [True, False, np.True_, None, "1", b"1", [1], (1,), {1}, np.array([1]), 1j, object()]
NOT_FINITE = [float("nan"), np.nan, float("inf"), -np.inf]


@pytest.mark.parametrize("value", [1, 3, 5, np.int64(2), np.uint8(4)])
def test_integers_in_range_pass(value):
    assert holds(p.integer(1, 5), value)
    assert holds(p.integer(1), value)


@pytest.mark.parametrize(
    "value",
    [0, -1, 6, 10**400, 2.0, np.float64(2), Fraction(2), *NOT_NUMBERS, *NOT_FINITE],
)
def test_all_others_are_no_integers_in_range(value):
    assert not holds(p.integer(1, 5), value)


def test_integers_have_no_end_unless_they_are_given_one():
    assert holds(p.integer(1), 10**400)
    assert p.integer(1).words == "an int of at least 1"
    assert p.integer(0, 9).words == "an int in [0, 9]"


@pytest.mark.parametrize("value", [0, 0.0, 0.5, np.float32(0.5), np.int64(0), Fraction(1, 2)])
def test_real_numbers_in_range_pass(value):
    assert holds(p.real("[0, 1)"), value)


@pytest.mark.parametrize(
    "value",
    [1, 1.0, -1e-300, 2, 10**400, decimal.Decimal("0.5"), *NOT_NUMBERS, *NOT_FINITE],
)
def test_all_others_are_no_real_numbers_in_range(value):
    assert not holds(p.real("[0, 1)"), value)


@pytest.mark.parametrize(
    ("interval", "inside", "outside"),
    [
        ("[0, 1]", [0, 1], [-0.1, 1.1]),
        ("(0, 1)", [0.5, 1e-300], [0, 1]),
        ("(0, 1]", [1], [0]),
        ("[0, inf)", [0, 1e308], [np.inf, -1, 10**400]),
        ("(0, inf]", [np.inf, 1e-300], [0, np.nan]),
        ("[-1, 1]", [-1, 1], [-2]),
    ],
)
def test_the_ends_of_an_interval_are_as_written(interval, inside, outside):
    rule = p.real(interval)
    assert rule.words == f"a float in {interval}"
    assert all(holds(rule, value) for value in inside)
    assert not any(holds(rule, value) for value in outside)


def test_options_are_strings_and_told_in_full():
    rule = p.one_of("adam", "sgd")
    assert rule.words == "one of {'adam', 'sgd'}"
    assert holds(rule, "adam")
    for value in ("Adam", "", None, 1, ["adam"], b"adam", np.array(["adam"])):
        assert not holds(rule, value)


def test_constants_are_the_very_object():
    assert holds(p.none, None)
    assert not holds(p.none, False)
    assert holds(p.exactly(True), True)
    assert not holds(p.exactly(True), 1)


def test_booleans_are_no_numbers_and_numbers_no_booleans():
    for value in (True, False, np.True_):
        assert holds(p.boolean, value)
    for value in (0, 1, "True", None, 1.0):
        assert not holds(p.boolean, value)


@pytest.mark.parametrize(
    "value",
    [(), [], (64,), [3, np.int32(2)], np.array([2, 3]), pd.Series([4]), range(1, 3), 5],
)
def test_layer_sizes_are_sequences_of_integers_or_one_integer(value):
    assert holds(p.layer_sizes, value)


@pytest.mark.parametrize(
    "value",
    [
        0,
        [0],
        [-1],
        [1.0],
        (True,),
        "12",
        b"12",
        {2, 3},
        {2: 3},
        np.array(3),
        np.array([[2, 3]]),
        [[2]],
        iter([2]),
        None,
        2.0,
    ],
)
def test_what_else_looks_like_a_sequence_is_none(value):
    """Sets have no order, bytes are numbers, and an array without an axis has no elements."""
    assert not holds(p.layer_sizes, value)


@pytest.mark.parametrize("value", [None, 0, 7, np.int64(3), np.random.RandomState(0)])
def test_random_states_that_pass(value):
    assert holds(p.random_state, value)


@pytest.mark.parametrize(
    "value",
    [-1, 1.0, "0", True, np.random.default_rng(0), np.random],
)
def test_random_states_that_do_not(value):
    assert not holds(p.random_state, value)


@pytest.mark.parametrize(
    "value",
    ["auto", [["a"]], [["a"], (1, 2)], [np.array(["a"])], {"city": ["a"]}, []],
)
def test_categories_that_pass(value):
    assert holds(p.CATEGORY_RULES["categories"], value)


@pytest.mark.parametrize("value", ["all", ["a", "b"], None, 3, [1, 2], {"a"}, [b"ab"]])
def test_categories_that_do_not(value):
    """One list of names is a slip: it would be read as one list of letters per column."""
    assert not holds(p.CATEGORY_RULES["categories"], value)


def test_alternatives_hold_if_either_does_and_are_told_together():
    rule = p.none | p.integer(1) | p.real("(0, 1)")
    assert rule.words == "None or an int of at least 1 or a float in (0, 1)"
    for value in (None, 1, 0.5):
        assert holds(rule, value)
    for value in (0, 1.5, "1"):
        assert not holds(rule, value)


def test_instances_and_conditions():
    assert holds(p.instance("a dict", dict), {})
    assert not holds(p.instance("a dict", dict), [])
    assert holds(p.satisfying("a callable", callable), len)
    assert not holds(p.satisfying("a callable", callable), 3)


def test_the_first_parameter_that_breaks_its_rule_is_named():
    estimator = Estimator(first=1, second="x", third=-1)
    rules = {"first": p.integer(1), "second": p.integer(1), "third": p.integer(1)}
    message = "The 'second' parameter of Estimator must be an int of at least 1. Got 'x' instead."
    with pytest.raises(ValueError, match=re.escape(message)):
        p.check_parameters(estimator, rules)


@pytest.mark.parametrize("rules", [p.CATEGORY_RULES, p.VECTOR_RULES, p.NETWORK_RULES])
def test_no_shared_rule_breaks_on_odd_values(rules):
    """Whatever comes, the answer is yes or no."""
    odd = [*NOT_NUMBERS, *NOT_FINITE, 10**400, np.array(1), [None, ["a"]], [[1], 2], pd.NaT, {}]
    for rule in rules.values():
        for value in odd:
            assert rule.holds(value) in (True, False)


# What the estimators say about their parameters

ESTIMATORS = [EmbeddingEncoder, EmbeddingClassifier, EmbeddingRegressor]
# Parameters that are not the same thing where vectors and where predictions are asked for.
DIFFERENT = {
    "embedding_dim": "other widths",
    "target_effect": "part of the output, input of the network",
    "handle_unknown": "a vector, an input of the network",
    "handle_missing": "predictors fill missing numbers, too",
    "initial_embeddings": "the encoder's vectors stay in the space of those given",
    "max_norm": "the encoder's coordinates have a unit",
    "numeric_features": "chosen by dtype in predictors, named in the encoder",
    "sequence_features": "chosen by dtype in predictors, named in the encoder",
    "hidden_layer_sizes": "larger in predictors",
    "dropout": "larger in predictors, which see how much noise there is",
    "learning_rate_init": "larger in predictors",
    "shrinkage": "the encoder's vectors are shrunken, too",
    "n_jobs": "folds, networks",
}


def documented(cls):
    """Parameter -> (type with default, text), in the order of the docstring."""
    lines = inspect.cleandoc(cls.__doc__).replace("\\\n", "").split("\n")
    found = {}
    for line in lines[lines.index("Parameters") + 2 : lines.index("Attributes")]:
        if line and not line.startswith(" "):
            name, _, kind = line.partition(" : ")
            found[name] = (re.sub(r"\s+", " ", kind), [])
        elif line:
            found[name][1].append(line.strip())
    return {name: (kind, " ".join(text)) for name, (kind, text) in found.items()}


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_every_parameter_is_documented_with_its_default(cls):
    signature = inspect.signature(cls).parameters
    found = documented(cls)
    assert list(found) == list(signature)
    for name, (kind, text) in found.items():
        default = eval(kind.partition("default=")[2], {"numpy": np})
        assert default == signature[name].default, name
        assert text.endswith("."), name


def test_classifier_and_regressor_differ_in_what_they_predict_alone():
    classifier, regressor = documented(EmbeddingClassifier), documented(EmbeddingRegressor)
    assert set(classifier) ^ set(regressor) == {"class_weight", "loss", "quantile"}
    for name in classifier.keys() & regressor.keys():
        assert classifier[name] == regressor[name], name
    assert [name for name in classifier if name in regressor] == [
        name for name in regressor if name in classifier
    ]


def test_encoder_and_predictors_say_the_same_of_the_same():
    encoder, predictor = documented(EmbeddingEncoder), documented(EmbeddingRegressor)
    shared = encoder.keys() & predictor.keys()
    assert {name for name in shared if encoder[name] != predictor[name]} == set(DIFFERENT)
    assert len(shared) > 30


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_every_default_keeps_its_rule(cls):
    p.check_parameters(cls(), cls._rules)
    assert set(cls._rules) <= set(inspect.signature(cls).parameters)


@pytest.mark.parametrize(
    ("cls", "name", "value"),
    [
        (EmbeddingEncoder, "dtype", int),
        (EmbeddingEncoder, "handle_unknown", "eror"),
        (EmbeddingEncoder, "handle_missing", "eror"),
        (EmbeddingEncoder, "pooling", "min"),
        (EmbeddingRegressor, "handle_unknown", "eror"),
    ],
)
def test_what_counts_on_a_fitted_estimator_is_checked_there(cls, name, value):
    """Integers cut vectors off, and a misspelt rule let everything through."""
    X, y = pd.DataFrame({"city": list("abc") * 5}), np.arange(15.0)
    estimator = cls(max_iter=1, **{} if cls is EmbeddingEncoder else {"n_estimators": 1}).fit(X, y)
    estimator.set_params(**{name: value})
    for read in (estimator.transform, getattr(estimator, "predict", estimator.transform)):
        with pytest.raises(ValueError, match=f"The '{name}' parameter of {cls.__name__} must be"):
            read(X)
