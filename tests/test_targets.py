"""Targets of every kind and container, and what each bad one is told."""

import decimal
import warnings
from dataclasses import fields
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import DataConversionWarning

from skembed._targets import ROBUST_LOSSES, Target, for_loss, read_target, standardised, unit_for


def read(y, task="auto", weight=None):
    weight = np.ones(len(y)) if weight is None else np.asarray(weight, dtype=float)
    return read_target(y, task, weight)


def objects(values):
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def labels_of(target):
    """The target as the labels that were given."""
    if target.values.ndim == 1:
        return target.classes[target.values].tolist()
    return target.classes[target.values[:, 0].astype(int)].tolist()


# What "auto" makes of a target


@pytest.mark.parametrize(
    ("y", "kind"),
    [
        (np.array([0.5, 1.5, 2.5]), "continuous"),
        (np.array([1.0, 2.0, 3.0]), "continuous"),
        (np.array([1.0, 2.0, 3.0], dtype=np.float16), "continuous"),
        (objects([0.5, 1.5, 2]), "continuous"),
        (objects([decimal.Decimal("0.5"), decimal.Decimal(1), decimal.Decimal(2)]), "continuous"),
        (objects([Fraction(1, 2), Fraction(1, 3), Fraction(2, 3)]), "continuous"),
        (pd.Series([0.5, 1.5, 2.5], dtype="Float64"), "continuous"),
        (pd.Series([0.5, 1.5, 2.5], dtype=object), "continuous"),
        (pl.Series([0.5, 1.5, 2.5]), "continuous"),
        (pa.chunked_array([[0.5, 1.5], [2.5]]), "continuous"),
        ([0.5, 1.5, 2.5], "continuous"),
        (np.array([[0.5, 1.0], [1.5, 3.0], [2.5, 0.0]]), "continuous-multioutput"),
        (pd.DataFrame({"a": [0.5, 1, 2], "b": [1.0, 2, 4]}), "continuous-multioutput"),
        (pl.DataFrame({"a": [0.5, 1, 2], "b": [1.0, 2, 4]}), "continuous-multioutput"),
        (np.array([0.0, 1.0, 0.0]), "binary"),
        (np.array([True, False, True]), "binary"),
        (objects([True, False, True]), "binary"),
        (pd.Series([True, False, True], dtype="boolean"), "binary"),
        (["a", "b", "a"], "binary"),
        (np.array([1, 2, 3]), "multiclass"),
        (objects([1, 2, 3]), "multiclass"),
        (pd.Series([1, 2, 3], dtype="Int64"), "multiclass"),
        (pl.Series(["a", "b", "c"]), "multiclass"),
        (pl.Series(["a", "b", "c"], dtype=pl.Categorical), "multiclass"),
        (pa.chunked_array([["a", "b"], ["c"]]), "multiclass"),
        (pa.chunked_array([pa.array(["a", "b", "c"]).dictionary_encode()]), "multiclass"),
        (pd.Series(pd.Categorical([1.0, 2.0, 3.0])), "multiclass"),
        (pd.Categorical([1.0, 2.0, 3.0]), "multiclass"),
        (np.array([[0, 1], [1, 0], [1, 1]]), "multilabel-indicator"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__module__,
)
def test_the_kind_is_told_from_type_and_values(y, kind):
    target = read(y)
    assert target.kind == kind
    assert (target.classes is None) == kind.startswith("continuous")
    assert target.values.dtype == (np.int32 if kind == "multiclass" else np.float32)


def test_categorical_integers_are_classes_however_many():
    y = np.arange(30)
    with pytest.raises(ValueError, match=r"30 distinct integers.*task='classification' or task="):
        read(np.tile(y, 3))
    assert len(read(pd.Series(np.tile(y, 3)).astype("category")).classes) == 30
    assert len(read(np.tile(y, 3), "classification").classes) == 30
    names = pd.Series([f"{k}" for k in y]).astype("category")
    assert len(read(names).classes) == 30
    assert read(np.tile(y, 3), "regression").kind == "continuous"
    assert len(read(np.tile(np.arange(20), 3)).classes) == 20


# Classes


@pytest.mark.parametrize(
    "y",
    [
        ["b", "a", "c", "a"],
        [3, 1, 2, 1],
        [-1, 5, -1, 5],
        [True, False, False, True],
        [0.0, 1.0, 1.0, 0.0],
        [2**62 + 1, 2**62, 2**62, 2**62 + 1],
        ["", "é", "日本", ""],
    ],
    ids=repr,
)
def test_classes_are_sorted_and_give_the_labels_back(y):
    for given_as in (y, np.array(y), objects(y), pd.Series(y), pl.Series(y)):
        target = read(given_as, "classification")
        assert target.classes.tolist() == sorted(set(y))
        assert labels_of(target) == y
        assert target.n_outputs == (1 if len(set(y)) == 2 else len(set(y)))
        expected = "binary" if len(set(y)) == 2 else "multinomial"
        assert target.loss == f"{expected}_cross_entropy"


def test_columns_are_indicators_of_the_classes():
    target = read(["b", "a", "c"])
    np.testing.assert_array_equal(target.columns(), [[0, 1, 0], [1, 0, 0], [0, 0, 1]])
    np.testing.assert_array_equal(read(["b", "a"]).columns(), [[1], [0]])
    labels = np.array([[0, 1], [1, 1]])
    np.testing.assert_array_equal(read(labels).columns(), labels)
    assert read(labels).loss == "binary_cross_entropy"
    assert read(labels).n_outputs == 2


# Numbers


@settings(deadline=None, max_examples=100, derandomize=True)
@given(
    st.lists(st.floats(-100, 100).map(lambda v: round(v, 3)), min_size=3, max_size=20),
    st.sampled_from([1e-300, 1e-30, 1.0, 1e30, 1e300]),
    st.randoms(use_true_random=False),
)
def test_numbers_are_standardised_whatever_their_size(values, size, random):
    weight = np.array([random.choice([0.5, 1.0, 2.0]) for _ in values])
    y = np.array(values) * size
    target = read(y, "regression", weight)
    np.testing.assert_allclose(
        target.values[:, 0] * target.scale + target.center, y, rtol=1e-5, atol=1e-5 * 100 * size
    )
    if np.ptp(values) > 1:
        z = target.values[:, 0].astype(float)
        assert np.average(z, weights=weight) == pytest.approx(0, abs=1e-5)
        assert np.average(z**2, weights=weight) == pytest.approx(1, rel=1e-5)


def test_outputs_are_standardised_apart():
    y = np.array([[1.0, 100.0, 5.0], [2.0, 300.0, 5.0], [3.0, 200.0, 5.0]])
    target = read(y)
    assert target.n_outputs == 3
    np.testing.assert_allclose(target.center, [2, 200, 5])
    np.testing.assert_allclose(target.scale, [np.sqrt(2 / 3), 100 * np.sqrt(2 / 3), 1])
    np.testing.assert_array_equal(target.values[:, 2], 0)


@pytest.mark.parametrize("value", [0.0, 0.1, -3.0, 1e17 / 3, 1e300, 1e-300])
def test_a_constant_target_is_zero_in_standard_units(value):
    """And not the rounding of its mean, however large that is."""
    target = read([value] * 7, "regression")
    np.testing.assert_array_equal(target.values, 0)
    np.testing.assert_allclose(target.values * target.scale + target.center, value)


def test_weights_mean_repetition():
    y, times = np.array([1.0, 4.0, 7.5]), np.array([1, 3, 2])
    weighted, repeated = read(y, weight=times), read(np.repeat(y, times))
    np.testing.assert_allclose(weighted.center, repeated.center)
    np.testing.assert_allclose(weighted.scale, repeated.scale)


def test_rows_of_weight_zero_are_left_out_and_may_hold_anything():
    target = read([np.nan, 1.0, 2.0, 3.5], weight=[0, 1, 1, 1])
    assert len(target.values) == 3
    target = read(objects([None, "a", "b"]), weight=[0, 1, 2])
    assert target.classes.tolist() == ["a", "b"]
    target = read(objects([None, 0.5, 1.5, 2.5]), weight=[0, 1, 1, 1])
    assert target.kind == "continuous"
    target = read(["z", "a", "b"], weight=[0, 1, 1])
    assert target.classes.tolist() == ["a", "b"]


def test_some_rows_of_a_target():
    target = read(["b", "a", "c", "a"])
    part = target.take(np.array([2, 0]))
    assert isinstance(part, Target)
    assert labels_of(part) == ["c", "b"]
    for field in fields(Target):
        if field.name != "values":
            np.testing.assert_array_equal(getattr(part, field.name), getattr(target, field.name))


def test_a_column_vector_is_read_with_a_warning():
    for y in (np.array([[1.5], [2.5], [4.0]]), pd.DataFrame({"y": [1.5, 2.5, 4.0]})):
        with pytest.warns(DataConversionWarning, match="column-vector"):
            assert read(y).kind == "continuous"


# Bad targets


MISSING = [
    (pd.Series([1, None, 2], dtype="Int64"), "row 1"),
    (pd.Series([True, None], dtype="boolean"), "row 1"),
    (pd.Series(["a", "b", None], dtype="string"), "row 2"),
    (pd.Series(["a", None, "b"], dtype="category"), "row 1"),
    (pd.Series(pd.Categorical([1.0, None, 2.0])), "row 1"),
    (pl.Series(["a", None]), "row 1"),
    (pl.Series([1, None]), "row 1"),
    (pa.chunked_array([["a", None]]), "row 1"),
    (pa.chunked_array([pa.array(["a", None, "b"]).dictionary_encode()]), "row 1"),
    ([1.5, np.nan, 2.5], "row 1"),
    (objects([1.5, None, 2.5]), "row 1"),
    (objects(["a", pd.NaT, "b"]), "row 1"),
    (objects(["a", decimal.Decimal("NaN")]), "row 1"),
    (np.array([["a", "b"], ["c", None]], dtype=object), "row 1"),
    (np.array([[1.0, 2.0], [3.0, np.nan]]), "row 1"),
]


@pytest.mark.parametrize(("y", "words"), MISSING)
@pytest.mark.parametrize("task", ["auto", "regression", "classification"])
def test_missing_targets_are_refused_whatever_the_task(y, words, task):
    with pytest.raises(ValueError, match=rf"Input y contains NaN.*{words}"):
        read(y, task)


def test_the_row_of_a_missing_target_is_that_of_the_input():
    with pytest.raises(ValueError, match="first in row 3"):
        read(objects(["a", None, "b", None]), weight=[1, 0, 1, 1])
    with pytest.raises(ValueError, match=r"infinity.*first in row 3"):
        read(np.array([1.5, np.nan, 2.5, np.inf]), weight=[1, 0, 1, 1])


def test_the_row_of_text_that_is_no_number_is_that_of_the_input():
    with pytest.raises(ValueError, match=r"NaN \(first in row 2\)"):
        read(objects(["1.5", "2", "nan"]), "regression", weight=[0, 1, 1])
    with pytest.raises(ValueError, match=r"infinity.* \(first in row 0\)"):
        read(np.array([np.inf, 1.5, np.nan]))


def test_a_fold_of_one_number_is_a_regression_still():
    assert read([0.0, 0.0, 0.0]).kind == "continuous"
    assert read([0.0, 1.0, 0.0]).kind == "binary"


@pytest.mark.parametrize(
    ("y", "task", "error", "words"),
    [
        (None, "auto", ValueError, r"the target y is None: task='auto' learns from a target"),
        (None, "regression", ValueError, "task='regression' learns from a target"),
        ([], "auto", ValueError, r"not be empty. Got list of shape \(0,\)"),
        (np.zeros((2, 0)), "auto", ValueError, r"of shape \(2, 0\)"),
        (np.zeros((2, 2, 2)), "auto", ValueError, r"1 or 2 dimensions.*of shape \(2, 2, 2\)"),
        (np.array(3.0), "auto", ValueError, r"1 or 2 dimensions.*of shape \(\)"),
        ({"a": 1}, "auto", ValueError, r"1 or 2 dimensions.*Got dict of shape \(\)"),
        ([1.5, np.inf, 2.5], "auto", ValueError, "infinity"),
        (objects([1.5, np.inf, 2.5]), "regression", ValueError, "infinity"),
        (objects([1.0, np.inf]), "auto", ValueError, "infinity"),
        ([0.5, 1.5, 0.25], "classification", ValueError, "continuous.*EmbeddingRegressor"),
        (["a", "b"], "regression", ValueError, "must hold numbers.*such as 'a'"),
        ([["a", "b"], ["b", "a"]], "regression", ValueError, "must hold numbers"),
        ([10**400, 1, 2], "regression", ValueError, "must hold numbers"),
        ([3.0, 3.0], "classification", ValueError, "at least two classes. .* only: .*3.0.*Emb"),
        ([f"{i}" for i in range(40)], "auto", ValueError, "40 distinct labels in 40 rows.*'0'"),
        (["a", "a"], "auto", ValueError, "Got one class only: 'a'"),
        (objects([1, "a", 2]), "auto", TypeError, r"labels of one type .* Got \['int', 'str'\]"),
        ([[0, 3], [1, 0]], "classification", ValueError, "must hold 0 and 1 only"),
        ([["a", "b"], ["b", "a"]], "auto", ValueError, "must hold 0 and 1 only"),
        (np.array([1j, 2]), "regression", ValueError, "numbers or labels. Got dtype complex128"),
        (np.array(["2020", "2021"], "M8[D]"), "auto", ValueError, "Got dtype datetime64"),
        (np.array(["2020", "NaT"], "M8[D]"), "regression", ValueError, "Got dtype datetime64"),
        (np.array([1, 2], "m8[s]"), "regression", ValueError, "Got dtype timedelta64"),
        ([1e308] * 10, "regression", ValueError, "too large.*1e\\+308.*Rescale"),
        ([1.7e308, -1.7e308, -1.7e308], "regression", ValueError, "too large.*Rescale"),
    ],
)
def test_bad_targets_are_told_what_is_wrong(y, task, error, words):
    n = len(y) if hasattr(y, "__len__") and np.ndim(y) else 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(error, match=words):
            read_target(y, task, np.ones(n))


@pytest.mark.parametrize("n_rows", [2, 4])
def test_a_target_of_another_length_is_refused(n_rows):
    with pytest.raises(ValueError, match=rf"inconsistent.*X has {n_rows} rows, y has 3"):
        read([1.5, 2.5, 3.5], weight=np.ones(n_rows))


def test_two_fractions_are_numbers():
    """A small training part may hold only two values of a continuous target."""
    assert read([0.5, 1.5, 0.5]).kind == "continuous"
    assert read([0.0, 1.0, 0.0]).kind == "binary"


# What is made of a target


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("y", "task"),
    [
        (np.random.default_rng(0).exponential(size=(60, 2)), "regression"),
        (np.random.default_rng(0).integers(0, 2, 60), "classification"),
        (np.random.default_rng(0).integers(0, 4, 60), "classification"),
        (np.random.default_rng(0).integers(0, 2, (60, 3)), "classification"),
    ],
    ids=["numbers", "binary", "multiclass", "multilabel"],
)
def test_standardised_outputs_have_mean_0_and_deviation_1(y, task, weighted):
    weight = np.random.default_rng(1).uniform(0.1, 2, 60) if weighted else np.ones(60)
    target = read(y, task, weight)
    z = standardised(target, weight)
    assert z.shape == (60, target.n_outputs)
    np.testing.assert_allclose(np.average(z, axis=0, weights=weight), 0, atol=1e-12)
    np.testing.assert_allclose(np.average(z**2, axis=0, weights=weight), 1, rtol=1e-12)
    for k in range(target.n_outputs):
        assert np.corrcoef(z[:, k], target.columns()[:, k])[0, 1] == pytest.approx(1)


def test_a_constant_output_is_standardised_to_zero():
    z = standardised(read([[1.0, 5.0], [2.0, 5.0]]), np.ones(2))
    np.testing.assert_allclose(z, [[-1, 0], [1, 0]], atol=1e-6)


def of_loss(target, loss, weight=None):
    """The target in the unit of all its rows."""
    weight = np.ones(len(target.values)) if weight is None else weight
    return for_loss(target, loss, unit_for(loss, target, weight))


def test_the_squared_error_takes_standardised_numbers():
    target = read(np.array([0.0, 1.0, 5.0]) + 1e9, "regression")
    other = of_loss(target, "squared_error")
    np.testing.assert_array_equal(other.values, target.values)
    np.testing.assert_array_equal(other.scale, target.scale)


@pytest.mark.parametrize("unit", [1.0, 1e-9, 1e300])
def test_the_poisson_loss_takes_numbers_in_units_of_their_mean(unit):
    y = np.array([[0.0, 7.5], [3.0, 0.0], [1.0, 1e4]])
    target = of_loss(read(y * unit), "poisson")
    np.testing.assert_allclose(target.values, y / y.mean(axis=0), rtol=1e-6, atol=1e-6)
    assert (target.values >= 0).all()
    assert target.values.dtype == np.float32
    np.testing.assert_array_equal(target.center, 0)
    np.testing.assert_allclose(target.scale, y.mean(axis=0) * unit)


@pytest.mark.parametrize("loss", ROBUST_LOSSES)
def test_robust_losses_take_a_unit_that_outliers_leave_alone(loss):
    y = np.append(np.random.default_rng(0).normal(5, 2, 4000), np.full(10, 1e5))
    target = of_loss(read(y), loss)
    assert target.loss == loss
    assert target.center == pytest.approx(5, abs=0.1)
    assert target.scale == pytest.approx(2, rel=0.05)
    np.testing.assert_allclose(target.values[:, 0] * target.scale + target.center, y, rtol=1e-3)
    weighed = of_loss(read(np.arange(100.0)), loss, np.repeat([1.0, 1e9], 50))
    assert weighed.center == pytest.approx(74, abs=1)
    piled = read(np.r_[np.zeros(9), 1.0])
    np.testing.assert_array_equal(of_loss(piled, loss).scale, piled.scale)


@pytest.mark.parametrize("loss", ["squared_error", *ROBUST_LOSSES])
def test_means_of_robust_losses_heed_nothing_far_out(loss):
    y = np.random.default_rng(0).normal(5, 2, 4000)
    group = np.arange(4000) % 2 == 0
    y[group] += 4
    y[0] = -1e6
    means = standardised(of_loss(read(y), loss), np.ones(4000))[:, 0]
    assert (means[group].mean() > means[~group].mean() + 1) == (loss != "squared_error")


@pytest.mark.parametrize(
    ("y", "words"),
    [
        ([1.0, 2.0, -0.5], "at least 0.*loss='poisson'. The least value is -0.5"),
        ([1e9, 2.0, -1e-3], "The least value is -0.001"),
        ([0.0, 0.0, 0.0], "not 0 in all rows"),
        ([[0.0, 1.0], [0.0, 2.0]], "not 0 in all rows"),
    ],
)
def test_the_poisson_loss_refuses_what_has_no_logarithm(y, words):
    with pytest.raises(ValueError, match=words):
        of_loss(read(y, "regression"), "poisson")


@settings(deadline=None, max_examples=50, derandomize=True)
@given(st.lists(st.floats(-1e200, 1e200), min_size=1, max_size=9))
def test_limits_are_the_least_and_the_largest_number_exactly(values):
    target = read(np.array(values), "regression")
    np.testing.assert_array_equal(target.limits, [[min(values)], [max(values)]])


def test_limits_are_those_of_the_rows_that_count():
    target = read([[9.0, 1.5], [2.0, 0.5], [3.0, -9.0]], weight=[0, 1, 1])
    np.testing.assert_array_equal(target.limits, [[2.0, -9.0], [3.0, 0.5]])


@pytest.mark.parametrize("y", [["b", "a", "b"], ["b", "c", "a"], [True, False, True]])
def test_labels_are_those_that_were_given(y):
    target = read(y, "classification")
    assert target.classes[target.numbers()].tolist() == y


def test_several_labels_are_given_back_side_by_side():
    y = np.array([[0, 1], [1, 1], [1, 0]])
    np.testing.assert_array_equal(read(y).values, y)
