"""Columns of every container as plain arrays: the same cells give the same values and codes."""

import datetime as dt
import decimal
import inspect
import uuid
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skembed import _frames as frames
from skembed._frames import Coded, encode_values, is_frame, read, take_rows, to_array
from skembed._lookup import Lookup

MISSING = [
    None,
    float("nan"),
    np.nan,
    pd.NA,
    pd.NaT,
    decimal.Decimal("NaN"),
    np.datetime64("NaT", "ns"),
]
EXOTIC_STRINGS = [
    "",
    " ",
    "nan",
    "None",
    "<NA>",
    "NaT",
    "a",
    "A",
    "é",
    "e\u0301",
    "日本",
    "\N{GRINNING FACE}",
    "\n",
    "1",
    "1.0",
    "True",
]
if int(pd.__version__.split(".")[0]) >= 3:
    # Before, pandas took a string to end at its first null character.
    EXOTIC_STRINGS += ["a\x00b", "a\x00"]
BIG = 2**53
NEW_YEAR = dt.date(2020, 1, 1)


def cells(coded):
    """The column that was encoded, with None where a cell is missing."""
    assert isinstance(coded, Coded)
    assert coded.codes.min(initial=0) >= -1
    return [None if code < 0 else coded.values[code] for code in coded.codes.tolist()]


def series(values, dtype=object):
    return pd.Series(values, dtype=dtype)


def objects(values):
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def column(table):
    """The only column of a table, encoded."""
    return read(table).coded(0)


# Every container


@pytest.mark.parametrize(
    "values",
    [
        EXOTIC_STRINGS,
        ["b", None, "a", "b", None],
        [3, 1, 2, 3],
        [True, False, True],
        [0.5, -2.0, 0.5],
        [BIG, BIG + 1, -BIG - 1],
    ],
    ids=["strings", "missing", "integers", "booleans", "floats", "large integers"],
)
def test_every_container_gives_the_same_cells(make_table, values):
    coded = column(make_table({"a": values}))
    assert cells(coded) == values
    present = {value for value in values if value is not None}
    assert len(set(coded.values[np.unique(coded.codes[coded.codes >= 0])])) == len(present)


def test_every_container_tells_names_and_rows(make_table):
    table = make_table({"a": ["x", "y"], "b": [1, 2]})
    frame = read(table)
    assert frame.n_rows == 2
    assert frame.names == (("x0", "x1") if isinstance(table, np.ndarray) else ("a", "b"))
    assert is_frame(table) != isinstance(table, np.ndarray)
    assert frames.n_rows_of(table) == 2


def test_every_container_tells_numbers_from_names(make_table):
    table = make_table({"a": ["x", "y"], "b": [1, 2], "c": [0.5, 1.5], "d": [True, False]})
    is_categorical = isinstance(table, pd.DataFrame) and isinstance(
        table.dtypes.iloc[1], pd.CategoricalDtype
    )
    is_dictionary = isinstance(table, pa.Table) and pa.types.is_dictionary(table.schema.types[1])
    frame = read(table)
    expected = [False] * 4 if is_categorical or is_dictionary else [False, True, True, True]
    assert [frame.is_numeric(j) for j in range(4)] == expected


def test_every_container_reads_numbers_as_floats(make_table):
    frame = read(make_table({"a": [3, 1, 2], "b": [0.5, None, -1.5]}))
    np.testing.assert_array_equal(frame.numeric(0), [3, 1, 2])
    np.testing.assert_array_equal(frame.numeric(1), [0.5, np.nan, -1.5])
    assert frame.numeric(1).dtype == np.float64


def test_every_container_takes_rows(make_table):
    table = make_table({"a": ["x", "y", None, "z"], "b": [1, 2, 3, 4]})
    part = take_rows(table, np.array([3, 0, 3]))
    assert type(part) is type(table)
    assert cells(read(part).coded(0)) == ["z", "x", "z"]
    assert cells(read(part).coded(1)) == [4, 1, 4]


def test_every_container_may_be_empty_or_hold_nothing(make_table):
    assert cells(column(take_rows(make_table({"a": ["x", "y"]}), np.arange(0)))) == []
    nothing = column(take_rows(make_table({"a": ["x", None, None]}), np.array([1, 2])))
    assert cells(nothing) == [None, None]


simple_strings = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=4)
some_cells = st.one_of(
    st.lists(st.one_of(st.none(), simple_strings), max_size=12),
    st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), max_size=12),
    st.lists(st.one_of(st.none(), st.booleans()), max_size=12),
    st.lists(st.one_of(st.none(), st.floats(allow_infinity=False, allow_nan=False)), max_size=12),
    st.lists(st.one_of(st.none(), st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1)))),
)


def nullable_dtype(values):
    """The dtype of pandas with a missing value of its own that fits the first value."""
    first = next((value for value in values if value is not None), None)
    return {str: "string", bool: "boolean", int: "Int64", float: "Float64"}.get(type(first), object)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(some_cells)
def test_the_same_cells_are_read_whatever_the_library(values):
    expected = cells(encode_values(objects(values)))
    assert expected == values
    others = [
        pl.DataFrame({"a": pl.Series(values, strict=True)}),
        pa.table({"a": pa.array(values)}),
        pa.table({"a": pa.array(values).dictionary_encode()}),
        pd.DataFrame({"a": pd.Categorical(objects(values))}),
        pd.DataFrame({"a": series(values, nullable_dtype(values))}),
    ]
    for table in others:
        result = cells(column(table))
        assert [
            None if v is None else pd.Timestamp(v) if isinstance(v, np.datetime64) else v
            for v in result
        ] == values


# Missing cells


@pytest.mark.parametrize("missing", MISSING)
def test_every_null_is_missing(missing):
    for values in (["a", missing, "b"], [1, missing, 2], [missing, missing]):
        expected = [None if v is missing else v for v in values]
        assert cells(encode_values(objects(values))) == expected
        assert cells(encode_values(series(values))) == expected


def test_a_nan_that_was_computed_is_missing():
    """pandas' nullable and Arrow dtypes hold it beside their own missing value."""
    nan_and_null = pa.array([float("nan"), 1.0, None])
    extension = pd.arrays.FloatingArray(
        np.array([np.nan, 1.0, 0.0]), np.array([False, False, True])
    )
    for values in (
        pd.Series(extension),
        pd.Series(pd.arrays.ArrowExtensionArray(nan_and_null)),
        pa.table({"a": nan_and_null}),
        pl.DataFrame({"a": [float("nan"), 1.0, None]}),
        pd.Categorical([np.nan, 1.0, None]),
    ):
        table = values if is_frame(values) else pd.DataFrame({"a": values})
        assert cells(column(table)) == [None, 1.0, None]
        if not isinstance(values, pd.Categorical):
            np.testing.assert_array_equal(read(table).numeric(0), [np.nan, 1, np.nan])


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"a": series([None, None])}),
        pd.DataFrame({"a": series([np.nan, np.nan], float)}),
        pd.DataFrame({"a": series([pd.NA, pd.NA], "Int64")}),
        pd.DataFrame({"a": series([pd.NA, pd.NA], "string")}),
        pd.DataFrame({"a": pd.Categorical([None, None], ["x"])}),
        pd.DataFrame({"a": pd.Series([pd.NaT, pd.NaT])}),
        pl.DataFrame({"a": [None, None]}),
        pl.DataFrame({"a": pl.Series([None, None], dtype=pl.String)}),
        pl.DataFrame({"a": pl.Series([None, None], dtype=pl.Enum(["x"]))}),
        pa.table({"a": pa.nulls(2)}),
        pa.table({"a": pa.array([None, None], pa.string()).dictionary_encode()}),
        np.array([[None], [np.nan]], dtype=object),
        np.full((2, 1), np.nan),
    ],
    ids=lambda table: type(table).__module__,
)
def test_a_column_of_missing_cells_alone_is_read(table):
    assert cells(column(table)) == [None, None]
    if not (isinstance(table, pd.DataFrame) and table["a"].dtype.kind == "M"):
        assert np.isnan(read(table).numeric(0)).all()


# What a cell may hold


def test_numbers_and_booleans_are_equal_where_python_says_so():
    values = [1, 1.0, True, np.int8(1), np.float32(1), 0, False, -0.0, 2**60, float(2**60)]
    codes = encode_values(objects(values)).codes
    assert codes.tolist() == [0] * 5 + [1] * 3 + [2] * 2


def test_minus_zero_is_zero():
    for values in (np.array([-0.0, 0.0]), objects([0.0, -0.0])):
        assert encode_values(values).codes.tolist() == [0, 0]
    for table in (pl.DataFrame({"a": [0.0, -0.0]}), pa.table({"a": [0.0, -0.0]})):
        assert column(table).codes.tolist() == [0, 0]


@pytest.mark.parametrize(
    "values",
    [
        ["1", 1, "a", None, 2.5],
        [("a", 1), ("b",), ("a", 1), None],
        [frozenset("ab"), frozenset("ba"), "ab"],
        [b"a", "a", None],
        [decimal.Decimal("0.1"), decimal.Decimal("0.2")],
        [dt.date(2020, 1, 1), dt.date(2020, 1, 2), None],
        [dt.time(1), dt.timedelta(2), dt.datetime(2020, 1, 1)],
        [10**30, -(10**30), 1],
        [1j, 2j, None],
    ],
)
def test_any_hashable_object_is_a_category(values):
    for given_as in (objects(values), series(values)):
        assert cells(encode_values(given_as)) == values


@pytest.mark.parametrize(
    "dtype", ["i1", "u1", ">i8", ">u2", "f2", "f4", ">f8", "g", "c16", "S3", "U3"]
)
def test_every_dtype_of_numpy_is_read(dtype):
    values = np.array([3, 1, 3, 2]).astype(dtype)
    coded = encode_values(values)
    assert coded.codes.tolist() == [0, 1, 0, 2]
    assert cells(coded) == values.tolist()
    lookup = Lookup(coded.values)
    np.testing.assert_array_equal(lookup(coded.values), [0, 1, 2])


@pytest.mark.parametrize("unit", ["D", "h", "s", "ms", "us", "ns"])
@pytest.mark.parametrize("kind", ["datetime64", "timedelta64"])
def test_every_unit_of_time_is_read(unit, kind):
    days = np.array([3, 1, 3, "NaT"], dtype=f"{kind}[D]").astype(f"{kind}[{unit}]")
    for values in (days, pd.Series(days)):
        coded = encode_values(values)
        assert coded.codes.tolist() == [0, 1, 0, -1]
        assert coded.values.dtype.kind == kind[0].replace("d", "M").replace("t", "m")
        np.testing.assert_array_equal(coded.values, days[:2])
    fine = encode_values(days.astype(f"{kind}[us]")).values
    np.testing.assert_array_equal(Lookup(coded.values)(fine), [0, 1])


def test_dates_of_all_libraries_meet():
    dates = [dt.datetime(2020, 2, 1), dt.datetime(2020, 1, 1), None]
    known = Lookup(encode_values(pd.Series(pd.to_datetime(dates))).values)
    for table in (pl.DataFrame({"a": dates}), pa.table({"a": dates}), objects(dates)[:, None]):
        np.testing.assert_array_equal(known(column(table).values), [0, 1])


def test_moments_with_a_time_zone_and_dates_meet_too():
    zoned = pd.Series(pd.to_datetime(["2020-01-01", "2021-07-01", None]).tz_localize("Asia/Tokyo"))
    dates = objects([dt.date(2020, 2, 1), dt.date(2020, 1, 1), None])
    for values in (zoned, pd.Series(dates)):
        coded = [
            encode_values(values),
            column(pl.from_arrow(pa.Table.from_pandas(values.to_frame("a")))),
            column(pa.Table.from_pandas(values.to_frame("a"))),
            # Not made of a categorical column: Arrow 20 still loses its time zone.
            column(pa.table({"a": pa.array(values, from_pandas=True).dictionary_encode()})),
        ]
        for known in coded:
            for wanted in coded:
                positions = Lookup(known.values)(wanted.values)[wanted.codes[:2]]
                np.testing.assert_array_equal(positions, known.codes[:2])


@pytest.mark.parametrize(
    "values",
    [
        pd.Series(pd.period_range("2020", periods=2, freq="M")),
        pd.Series(pd.arrays.IntervalArray.from_breaks([0, 1, 2])),
        pd.Series(pd.to_datetime(["2020-01-01", "2020-01-02"]).tz_localize("Europe/Oslo")),
        pd.Series(pd.arrays.SparseArray([0, 1])),
        pd.Series(["a", "b"], dtype=pd.ArrowDtype(pa.string())),
        pd.Series(pd.arrays.ArrowExtensionArray(pa.array(["a", "b"]).dictionary_encode())),
        pd.Series(pd.array(["a", "b"], dtype="string[python]")),
    ],
    ids=lambda values: str(values.dtype),
)
def test_extension_dtypes_of_pandas_are_read(values):
    assert cells(encode_values(values)) == values.tolist()
    with_missing = [*values.astype(object).tolist(), None]
    assert cells(encode_values(objects(with_missing)))[:2] == values.tolist()


# pandas 2.2 has no missing value of strings but NA.
NULLS_OF_STRINGS = (
    [pd.NA, np.nan] if "na_value" in inspect.signature(pd.StringDtype).parameters else [None]
)


@pytest.mark.parametrize("missing", NULLS_OF_STRINGS)
def test_strings_that_pandas_holds_as_objects_are_read_without_a_copy(missing, monkeypatch):
    """With many rows too, where each object is hashed once; PyArrow is not needed for these."""
    form = {} if missing is None else {"na_value": missing}
    shared = np.array(["a", "b", None], dtype=object)
    column = pd.Series(shared[np.arange(20_000) % 3], dtype=pd.StringDtype("python", **form))
    hashed, factorize = [], pd.factorize
    monkeypatch.setattr(pd, "factorize", lambda v: hashed.append(v) or factorize(v))
    expected = column.astype(object).where(column.notna(), None).tolist()
    assert cells(encode_values(column)) == expected
    assert {type(values) for values in hashed} == {np.ndarray}


@pytest.mark.parametrize(
    "array",
    [
        pa.array(["a", None, "b"]),
        pa.array(["a", None, "b"], pa.large_string()),
        pa.array(["a", None, "b"]).dictionary_encode(),
        pa.DictionaryArray.from_arrays(pa.array([0, None, 1], pa.uint8()), pa.array(["a", "b"])),
        pa.DictionaryArray.from_arrays(pa.array([0, 2, 1]), pa.array(["a", "b", None])),
        pa.chunked_array([["a"], [None, "b"]]),
        pa.chunked_array(
            [pa.array(["a", None]).dictionary_encode(), pa.array(["b"]).dictionary_encode()]
        ),
    ],
    ids=lambda array: str(array.type),
)
def test_every_form_of_an_arrow_column_is_read(array):
    assert cells(column(pa.table({"a": array}))) == ["a", None, "b"]


def test_large_integers_beside_nulls_stay_apart():
    values = [BIG, BIG + 1, None]
    with_null = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2]), pa.array(values))
    for table in (
        pl.DataFrame({"a": values}),
        pa.table({"a": values}),
        pa.table({"a": with_null}),
        pd.DataFrame({"a": series(values, "Int64")}),
        objects(values)[:, None],
    ):
        assert cells(column(table)) == values


@pytest.mark.parametrize("dtype", [pl.String, pl.Categorical, pl.Enum(["b", "unused", "a", ""])])
def test_strings_of_polars_are_renumbered(dtype):
    """Its categories are numbered for the whole process, whatever other columns hold."""
    pl.Series([f"other {i}" for i in range(50)], dtype=pl.Categorical)
    values = ["a", None, "", "b", "a"]
    coded = column(pl.DataFrame({"a": pl.Series(values, dtype=dtype)}))
    assert cells(coded) == values
    assert sorted(coded.values) == ["", "a", "b"]


def test_many_cells_that_share_few_objects_are_read_like_all_others():
    """Long columns of shared objects are hashed in another way."""
    rng = np.random.default_rng(0)
    shared = objects([*map(str, range(50)), None, float("nan"), 7, 7.0, True, 1, ("t", 1)])
    column = shared[rng.integers(0, len(shared), 20_000)]
    fresh = objects([f"{value}" if isinstance(value, str) else value for value in column])
    expected, distinct = pd.factorize(column)
    for values in (column, fresh, column[::-1][::-1], np.repeat(column, 2)[::2]):
        coded = encode_values(values)
        np.testing.assert_array_equal(coded.codes, expected)
        assert coded.values.tolist() == distinct.tolist()


@pytest.mark.parametrize("n_rows", [5, 20_000])
def test_the_distinct_values_are_those_of_all_rows(n_rows):
    """Rows may be left out, values may not, nor may missing values become any."""
    rng = np.random.default_rng(0)
    values = objects(["b", None, 1, float("nan"), ("t",), "a"])[rng.integers(0, 6, n_rows)]
    for array in (values, rng.integers(0, 9, n_rows), rng.choice(["x", "y"], n_rows)):
        frame = read(array[:, None])
        distinct = frame.distinct(0)
        assert set(distinct.values) == set(frame.coded(0).values)
        assert np.isin(np.arange(len(distinct.values)), distinct.codes).all()
    with pytest.raises(TypeError, match="Column 'x0' holds list objects"):
        read(objects([[1], [2]])[:, None]).distinct(0)


# What a cell may not hold


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (series([[1], [2]]), r"Column 'c' holds list objects such as \[1\]"),
        (series(["a", {"b": 1}]), r"Column 'c' holds dict objects such as {'b': 1}"),
        (series([{1}, {2}]), "Column 'c' holds set objects"),
        (series([([1],), ("a",)]), r"Column 'c' holds tuple objects such as \(\[1\],\)"),
        (series([np.arange(2), np.arange(3)]), "Column 'c' holds ndarray objects"),
        (pd.Series(pd.arrays.ArrowExtensionArray(pa.array([[1], [2]]))), "Column 'c' holds list"),
    ],
    ids=["list", "dict", "set", "tuple", "array", "arrow list"],
)
def test_a_cell_without_a_hash_is_named(values, words):
    with pytest.raises(TypeError, match=words + ".*one hashable value"):
        encode_values(values, "c")


@pytest.mark.parametrize("library", [pl.DataFrame, pa.table])
@pytest.mark.parametrize("values", [[[1], None], [{"x": 1}, None]], ids=["list", "struct"])
def test_columns_of_lists_and_structs_are_refused(library, values):
    with pytest.raises(TypeError, match=r"Column 'c' holds (List|Struct).*one hashable value"):
        read(library({"c": values})).coded(0)


INFINITE = [
    np.array([1.0, -np.inf]),
    np.array([1.0, np.inf], dtype=np.float32),
    objects([1.0, np.inf]),
    objects(["a", np.float32(np.inf), None]),
    pd.Series([1.0, np.inf], dtype="Float64"),
    pd.Series(pd.Categorical([1.0, np.inf])),
]


@pytest.mark.parametrize("values", INFINITE, ids=lambda values: str(values.dtype))
def test_infinite_categories_are_refused(values):
    with pytest.raises(ValueError, match=r"Column 'c' holds infinity.*finite or missing"):
        encode_values(values, "c")


def test_an_infinite_category_that_no_row_uses_does_no_harm():
    assert cells(encode_values(pd.Series(pd.Categorical([1.0, None], [np.inf, 1.0])))) == [1, None]


def test_duplicate_names_are_refused(make_table):
    duplicates = pd.DataFrame([[1, 2]], columns=["a", "a"])
    for table in (duplicates, pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])):
        with pytest.raises(ValueError, match=r"(?s)unique.*'a'"):
            read(table)


@pytest.mark.parametrize("names", [("b", "a"), (1, 0), (("x", 1), ("x", 2)), (0, "0")])
def test_names_are_kept_as_they_are(names):
    table = pd.DataFrame([[1, 2]], columns=pd.Index(list(names), dtype=object, tupleize_cols=False))
    assert read(table).names == names


# Finding values again


@pytest.mark.parametrize(
    ("known", "wanted", "expected"),
    [
        (np.array([BIG, BIG + 1]), np.array([float(BIG), 3.0]), [0, -1]),
        (np.array([BIG + 1]), np.array([float(BIG)]), [-1]),
        (np.array([float(BIG)]), np.array([BIG, BIG + 1]), [0, -1]),
        (np.array([1, 2]), np.array([2.0, 1.5, 1.0]), [1, -1, 0]),
        (np.array([BIG + 1, 5]), np.array([2**63 + 5, BIG + 1, 5], np.uint64), [-1, 0, 1]),
        (np.array([2**63 + 5, 1], np.uint64), np.array([-1, 1]), [-1, 1]),
        (np.array([1, 0]), np.array([True, False]), [0, 1]),
        (np.array([True, False]), np.array([1.0, 2.0, 0.0]), [0, -1, 1]),
        (np.array([1, 0]), objects([True, False]), [0, 1]),
        (objects([True, False]), np.array([0, 1, 2]), [1, 0, -1]),
        (objects(["1", "a"]), np.array([1, 2]), [-1, -1]),
        (np.array([1, 2]), objects(["1", "2"]), [-1, -1]),
        (objects([1, "a", BIG + 1]), np.array([BIG + 1, 1]), [2, 0]),
        (np.array([0.1, 0.5]), np.array([0.1, 0.5], np.float32), [-1, 1]),
        (objects([decimal.Decimal("1.5")]), np.array([1.5]), [0]),
        (objects([]), objects(["a"]), [-1]),
        (objects(["a"]), objects([]), []),
        (np.array(["2020-01-01"], "M8[ns]"), np.array([1577836800000000000]), [-1]),
        (np.array(["2020-01-01"], "M8[ns]"), objects(["2020-01-01", "1 Jan 2020"]), [-1, -1]),
        (np.array(["2020-01-01"], "M8[ns]"), objects(["2020-01-01"]), [-1]),
        (np.array(["2020-01-01"], "M8[us]"), objects([dt.datetime(2020, 1, 1), "x"]), [0, -1]),
        (np.array(["2020-01-01"], "M8[us]"), objects([NEW_YEAR]), [0]),
        (objects([NEW_YEAR]), np.array(["2020-01-01"], "M8[us]"), [0]),
        (objects([NEW_YEAR, "x"]), objects([pd.Timestamp("2020-01-01"), "x"]), [0, 1]),
        (
            objects([NEW_YEAR, pd.Timestamp("2020-01-01")]),
            objects([NEW_YEAR]),
            [0],
        ),
        (np.array([1], "m8[s]"), np.array([1]), [-1]),
    ],
)
def test_values_are_found_where_they_equal_as_in_python(known, wanted, expected):
    """However they come, and whatever else the column holds: nothing is rounded or parsed.

    But a date is the moment in which it begins, as polars and Arrow have it, unless a column holds
    both.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Lookup(known)(wanted).tolist() == expected


mixed = st.one_of(
    st.integers(-3, 3),
    st.integers(BIG - 2, BIG + 2),
    st.sampled_from([0.0, -0.0, 1.0, 2.5, float(BIG), float(BIG + 2)]),
    st.booleans(),
    st.sampled_from(["", "1", "True", "a"]),
)


@settings(deadline=None, max_examples=100, derandomize=True)
@given(st.lists(mixed, max_size=8), st.lists(mixed, max_size=8))
def test_lookup_equals_a_python_dict(known, wanted):
    """Also if the numbers come as arrays of the narrowest dtype that holds them all."""
    distinct = list(dict.fromkeys(known))
    places = {value: place for place, value in enumerate(distinct)}
    expected = [places.get(value, -1) for value in wanted]
    for narrow_known in (False, True):
        for narrow_wanted in (False, True):
            arrays = [
                narrowed(values) if narrow else objects(values)
                for values, narrow in ((distinct, narrow_known), (wanted, narrow_wanted))
            ]
            assert Lookup(arrays[0])(arrays[1]).tolist() == expected


def narrowed(values):
    """An array of one of NumPy's kinds where all values are of one Python type."""
    if values and len(set(map(type, values))) == 1 and not isinstance(values[0], str):
        return np.array(values)
    return objects(values)


# Numbers


@pytest.mark.parametrize(
    "values",
    [
        series([1.5, None]),
        series([1.5, np.nan], float),
        series([1.5, None], "Float64"),
        series([decimal.Decimal("1.5"), None]),
        pd.Series([1.5, None], dtype=pd.ArrowDtype(pa.float64())),
        pd.Series(pd.Categorical([1.5, None])),
        np.array([1.5, np.nan], dtype=np.float32),
        np.array([1.5, None], dtype=object),
    ],
    ids=lambda values: str(values.dtype),
)
def test_numbers_are_read_as_floats(values):
    np.testing.assert_array_equal(frames._to_float(values, "c"), [1.5, np.nan])


def test_booleans_are_read_as_zero_and_one():
    for table in (
        pd.DataFrame({"a": series([True, None, False], "boolean")}),
        pd.DataFrame({"a": series([True, None, False])}),
        pl.DataFrame({"a": [True, None, False]}),
        pa.table({"a": [True, None, False]}),
    ):
        np.testing.assert_array_equal(read(table).numeric(0), [1, np.nan, 0])
        assert read(table).is_numeric(0)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (series([1, "x", 2]), "value 'x'"),
        (series(["x"], "string"), "value 'x'"),
        (series([[1], [2]]), r"value \[1\]"),
        (series([1.0, 10**400]), "value 1000"),
        (series([1, 1j]), "value 1j"),
        (series([dt.date(2020, 1, 1)]), r"value datetime.date\(2020, 1, 1\)"),
        (pd.Series(pd.period_range("2020", periods=1)), "value Period"),
        (pd.Series(pd.Categorical(["a"])), "value 'a'"),
        (np.array(["2020-01-01"], "M8[D]"), "dtype datetime64.*days since a start"),
        (pd.Series(pd.to_datetime(["2020-01-01"]).tz_localize("UTC")), "dtype datetime64"),
        (pd.Series(pd.to_timedelta([1], "s")), "dtype timedelta64"),
        (np.array([1j, 2]), "dtype complex128"),
    ],
)
def test_what_is_no_number_is_named(values, words):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match="Column 'c' must hold (real )?numbers.*" + words):
            frames._to_float(values, "c")


@pytest.mark.parametrize("values", INFINITE[:3], ids=lambda values: str(values.dtype))
def test_infinite_numbers_are_refused(values):
    with pytest.raises(ValueError, match="Column 'c' holds infinity"):
        frames._to_float(values, "c")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, None, 2.5], True),
        ([True, None], True),
        ([decimal.Decimal(1)], True),
        ([1, "a"], False),
        (["a", 1], False),
        ([None, None], False),
        ([dt.date(2020, 1, 1)], False),
        ([], False),
    ],
)
def test_columns_of_objects_are_numeric_by_their_values(values, expected):
    for index in (None, np.linspace(5, 1, len(values))):
        table = pd.DataFrame({"a": pd.Series(values, dtype=object, index=index)})
        assert read(table).is_numeric(0) is expected


# What comes out again


def test_values_come_back_as_objects():
    stamps = frames.as_objects(np.array(["2020-01-01"], "M8[ns]"))
    assert stamps.tolist() == [pd.Timestamp("2020-01-01")]
    for values in (np.array([1, 2]), np.array([0.5]), np.array([True]), objects(["a", (1,)])):
        result = frames.as_objects(values)
        assert result.dtype == object
        assert result.tolist() == values.tolist()
        assert all(type(a) is type(b) for a, b in zip(result, values.tolist(), strict=True))


def test_a_frame_for_a_person_keeps_its_index():
    index = np.array([2, 1])
    result = frames.make_frame({"a": [0.5, 1.5]}, index=index, index_name="city")
    assert result.index.tolist() == [2, 1]
    assert result.index.name == "city"
    assert result["a"].tolist() == [0.5, 1.5]


def test_rows_of_lists_and_indexes_out_of_order():
    rows = np.array([2, 0])
    assert take_rows(["a", "b", "c"], rows) == ["c", "a"]
    table = pd.Series(["a", "b", "c"], index=[5, 5, 0])
    assert take_rows(table, rows).tolist() == ["c", "a"]
    np.testing.assert_array_equal(take_rows(np.arange(6).reshape(3, 2), rows), [[4, 5], [0, 1]])


RUNS = pc.run_end_encode(pa.array(["b", "a", None, "a"]))
TWICE = pa.DictionaryArray.from_arrays([0, 1, 2, 3], pa.array(["b", "a", None, "a"]))


@pytest.mark.parametrize("values", [RUNS, TWICE], ids=["runs", "a value twice"])
def test_arrow_in_other_ways_than_one_cell_after_the_other(values):
    """Runs, and a dictionary that holds a value twice and a null."""
    for table in (
        pa.table({"a": values}),
        pd.DataFrame({"a": pd.array(values, dtype=pd.ArrowDtype(values.type))}),
    ):
        coded = column(table)
        assert sorted(coded.values) == ["a", "b"]
        assert np.append(coded.values, [None])[coded.codes].tolist() == ["b", "a", None, "a"]


@pytest.mark.skipif(not hasattr(pa, "uuid"), reason="Arrow has no UUIDs yet")
def test_arrow_extension_types():
    ids = [uuid.UUID(int=k) for k in (2, 1, 2)]
    values = pa.array([i.bytes for i in ids], pa.uuid())
    for table in (
        pa.table({"a": values}),
        pd.DataFrame({"a": pd.array(values, dtype=pd.ArrowDtype(values.type))}),
    ):
        coded = column(table)
        assert coded.values[coded.codes].tolist() == ids


@pytest.mark.skipif(not hasattr(pl, "UInt128"), reason="polars has no such integers yet")
@pytest.mark.parametrize("dtype", ["Int128", "UInt128"])
def test_integers_of_128_bits(dtype):
    series = pl.Series([2**70, 1, None], dtype=getattr(pl, dtype))
    frame = read(pl.DataFrame({"a": series}))
    coded = frame.coded(0)
    assert coded.values[coded.codes[:2]].tolist() == [2**70, 1]
    assert coded.codes[2] == -1
    np.testing.assert_array_equal(frame.numeric(0), [2.0**70, 1, np.nan])
    assert to_array(series).tolist() == [2**70, 1, None]
