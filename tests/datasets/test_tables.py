"""The shipped tables: shapes, dtypes, missing cells, statistics, independence."""

import re
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest

from skembed.datasets import load_employee_salaries, load_flights

LOADERS = pytest.mark.parametrize("load", [load_employee_salaries, load_flights])

MISSING = {
    load_employee_salaries: {"gender": 17},
    load_flights: {
        "plane_year": 4906,
        "plane_type": 4417,
        "manufacturer": 4417,
        "plane_model": 4417,
        "plane_engine": 4417,
        "temp": 141,
        "humid": 141,
        "wind_dir": 889,
        "wind_speed": 151,
        "precip": 140,
        "pressure": 3280,
        "visib": 140,
    },
}

INTEGERS = {
    load_employee_salaries: ["year_first_hired"],
    load_flights: ["day", "sched_dep_time", "sched_arr_time", "distance", "arr_delay"],
}

DATES = {load_employee_salaries: "date_first_hired", load_flights: "date"}


@LOADERS
def test_bunch_agrees_with_pair(load):
    bunch = load()
    X, y = load(return_X_y=True)
    pd.testing.assert_frame_equal(bunch.data, X)
    pd.testing.assert_series_equal(bunch.target, y)
    pd.testing.assert_frame_equal(bunch.frame, X.join(y))
    assert bunch.feature_names == X.columns.tolist()
    assert bunch.target_names == [y.name]
    assert isinstance(X.index, pd.RangeIndex)


@pytest.mark.parametrize(
    ("load", "shape"), [(load_employee_salaries, (9228, 8)), (load_flights, (30_000, 25))]
)
def test_shape(load, shape):
    assert load().frame.shape == shape


@LOADERS
def test_dtypes(load):
    bunch = load()
    dtypes = bunch.frame.dtypes
    # Whatever this version of pandas makes of strings: `str` from 3.0 on, `object` before.
    strings = pd.Series(["a", None], dtype=str).dtype
    for name in bunch.categorical_feature_names:
        assert dtypes[name] == strings
        assert bunch.frame[name].dropna().map(type).eq(str).all()
    assert dtypes[DATES[load]] == "datetime64[ms]"
    assert dtypes[INTEGERS[load]].eq("int32").all()
    rest = dtypes.drop([*bunch.categorical_feature_names, DATES[load], *INTEGERS[load]])
    assert rest.eq("float64").all()


@LOADERS
def test_missing_cells(load):
    missing = load().frame.isna().sum()
    assert missing[missing > 0].to_dict() == MISSING[load]


@LOADERS
def test_categories_are_as_described(load):
    """The docstring names every categorical column with its number of categories."""
    bunch = load()
    described = {
        name: int(count.replace(",", ""))
        for name, count in re.findall(r"``(\w+)`` \(([\d,]+)[;)]", load.__doc__)
    }
    assert described == bunch.data[bunch.categorical_feature_names].nunique().to_dict()


def test_statistics_of_employee_salaries():
    frame = load_employee_salaries().frame
    salary = frame["current_annual_salary"]
    assert salary.mean() == pytest.approx(73_390.178435)
    assert salary.std() == pytest.approx(29_119.118284)
    assert salary.quantile([0, 0.5, 1]).tolist() == [9196, 69_390, 303_091]
    assert frame["year_first_hired"].eq(frame["date_first_hired"].dt.year).all()
    assert frame.duplicated().sum() == 857


def test_statistics_of_flights():
    frame = load_flights().frame
    delay = frame["arr_delay"]
    assert delay.mean() == pytest.approx(6.912367, abs=1e-6)
    assert delay.std() == pytest.approx(44.514927, abs=1e-6)
    assert delay.quantile([0, 0.5, 1]).tolist() == [-73, -5, 1127]
    assert frame["date"].is_monotonic_increasing
    assert frame["month"].astype(int).eq(frame["date"].dt.month).all()
    assert frame["day"].eq(frame["date"].dt.day).all()
    assert frame["weekday"].eq(frame["date"].dt.day_name()).all()
    assert not frame.duplicated().any()


@LOADERS
def test_results_are_independent(load):
    """Writing into one part changes neither another part nor what the next call returns."""
    bunch = load()
    column, target = bunch.feature_names[0], bunch.target_names[0]
    bunch.data.loc[0, column] = "changed"
    bunch.target.loc[0] = -12_345
    assert bunch.frame.loc[0, column] != "changed"
    assert bunch.frame.loc[0, target] != -12_345
    bunch.frame.loc[1, target] = -12_345
    assert bunch.target.loc[1] != -12_345
    bunch.feature_names.clear()
    again = load()
    assert again.frame.loc[0, column] != "changed"
    assert not again.frame[target].eq(-12_345).any()
    assert again.feature_names


@LOADERS
def test_description(load):
    description = load().DESCR
    for word in ("Source", "Licence", "Rows"):
        assert word in description


def test_values_are_finite_or_missing():
    for load in (load_employee_salaries, load_flights):
        assert not np.isinf(load().frame.select_dtypes("number")).to_numpy().any()


def test_size_on_disk():
    tables = [f for f in files("skembed.datasets").iterdir() if f.name.endswith(".csv.gz")]
    assert sum(len(f.read_bytes()) for f in tables) < 1_500_000
    assert len(tables) == 2


@LOADERS
def test_return_X_y_is_keyword_only(load):
    with pytest.raises(TypeError):
        load(True)
