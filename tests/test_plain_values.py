"""Python values as JSON: each comes back with its type, and what has no form is refused."""

import datetime as dt
import decimal
import enum
import json
import uuid
import zoneinfo

import numpy as np
import pandas as pd
import pytest

from skembed._plain_values import from_json, objects_from_json, to_json

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
VALUES = [
    *("a", "", "\0", "\ud800", True, None, 0, -(2**63), 2**14_001, -(2**20_000)),
    *(1.5, -0.0, 5e-324, float("inf"), float("-inf"), float("nan"), 1 - 2j, complex("nan+infj")),
    *(b"", b"\xff", (), (1, ("a", 2.5)), frozenset(["a", 1, None]), [1, [b"x"]], {}),
    {1: [2], ("a",): {"b": None}},
    *(decimal.Decimal("1.50"), decimal.Decimal("-Infinity"), uuid.UUID(int=7)),
    *(dt.date(1, 1, 1), dt.time(1, 2, 3, 4), dt.time(1, tzinfo=dt.UTC)),
    dt.time(3, tzinfo=BERLIN, fold=1),
    *(dt.timedelta(-1, 3, 5), dt.datetime(2020, 1, 1, 5, microsecond=7)),
    dt.datetime(2020, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=-3, seconds=1))),
    dt.datetime(2020, 10, 25, 2, 30, tzinfo=BERLIN, fold=1),
    *(pd.Timestamp("2020-01-01"), pd.Timestamp.max, pd.Timestamp("2020-01-01", tz="UTC")),
    pd.Timestamp("2020-10-25 00:30", tz="UTC").tz_convert("Europe/Berlin"),
    pd.Timestamp("2020-01-01 00:00:00.000000001", tz="+01:00"),
    pd.Timestamp("9999-12-31").as_unit("s"),
    *(pd.Timedelta("1h"), pd.Timedelta("1ns"), pd.Period("2020-01"), pd.Period("2020Q3")),
    *(pd.Interval(0, 1), pd.Interval(pd.Timestamp(0), pd.Timestamp(1), closed="both")),
    *(np.int8(3), np.uint64(2**64 - 1), np.float16(0.1), np.float32(0.1), np.float64("nan")),
    *(np.bool_(True), np.complex64(1j), np.str_("abc"), np.bytes_(b"abc")),
    *(np.datetime64("2020-01-01"), np.timedelta64(3, "h")),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_come_back(value):
    text = json.dumps(to_json(value), allow_nan=False)
    again = from_json(json.loads(text))
    assert type(again) is type(value)
    if isinstance(value, int):
        assert again == value
    else:
        assert repr(again) == repr(value)


class Text(str):
    pass


class Color(enum.IntEnum):
    RED = 1


class Zone(dt.tzinfo):
    def utcoffset(self, moment):
        return dt.timedelta(0)

    def dst(self, moment):
        return None


@pytest.mark.parametrize(
    "value",
    [
        *(object(), Text("a"), Color.RED, range(3), len, int, np.arange(2), pd.NA, pd.NaT),
        *([np.arange(2)], (object(),), frozenset([Color.RED]), {"a": pd.Series([1])}),
        *(np.longdouble(1), np.str_(""), np.void(b"1"), dt.datetime(2020, 1, 1, tzinfo=Zone())),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_form_is_refused(value):
    with pytest.raises(TypeError, match=r"such as|in the zone"):
        to_json(value)


def test_sets_have_one_form():
    names = [str(i) for i in range(50)]
    assert to_json(frozenset(names)) == to_json(frozenset(names[::-1]))


def test_objects_that_are_sequences_stay_whole():
    values = [(1, 2), (3, 4), "ab"]
    array = objects_from_json(to_json(values))
    assert array.shape == (3,)
    assert array.tolist() == values


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"date": "2020-01-01", "time": "01:00"},
        {"object": []},
        {"os.system": "true"},
        {"numpy": ["|O", "00"]},
        {"numpy": ["<f8", "00"]},
        {"numpy": ["<f8", "00" * 16]},
        {"datetime": ["2020-01-01", 0, "../../etc/passwd"]},
        {"datetime": ["2020-01-01", 0, 1e300]},
        {"Timestamp": ["2020-01-01"]},
        {"Period": [1, "no such"]},
        {"int": "zz"},
    ],
    ids=repr,
)
def test_forms_that_do_not_exist_are_refused(data):
    with pytest.raises((ValueError, LookupError, TypeError, ArithmeticError)):
        from_json(data)
