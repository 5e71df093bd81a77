"""The only reader of dataframes: whatever the container, a column becomes plain NumPy arrays.

A column read as categories is always dictionary-encoded (:class:`Coded`): the distinct values and,
per row, a position among them, -1 where the value is missing. Categorical dtypes arrive in this
form and are not hashed; every other column is hashed exactly once, here. What follows works on the
few distinct values.

Missing is every null of every library: ``None``, NaN, NaT, ``pandas.NA``, a polars or Arrow null.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence, Set
from decimal import Decimal
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ._coded import ONE_VALUE, Addresses, Coded, has_hash
from ._column_names import describe_column
from .nn._record import Record

Array = NDArray[Any]

_FLOATS = (float, np.floating)
_WIDEST = {"f": 8, "c": 16}  # bytes of the widest numbers that pandas can hash
PANDAS_SCALARS = (pd.Timestamp, pd.Timedelta, pd.Interval, pd.Period)


class Frame(Record):
    """Columns of a frame or a 2-D array, still in the form in which they came."""

    names: tuple[Hashable, ...]
    columns: tuple[Any, ...]
    n_rows: int

    def coded(self, j: int) -> Coded:
        """Column ``j`` as categories."""
        return encode_values(self.columns[j], self.names[j])

    def distinct(self, j: int) -> Coded:
        """Column ``j`` as categories where the rows do not matter: some may have been left out."""
        column = self.columns[j]
        if getattr(column, "dtype", None) == np.dtype(object):
            try:
                # A set is the fastest way there is to see each object once.
                cells = set(np.asarray(column))
                column = np.fromiter(cells, dtype=object, count=len(cells))
            except TypeError:
                pass  # What has no hash is named below.
        return encode_values(column, self.names[j])

    def cells(self, j: int) -> Array:
        """Column ``j`` as Python objects, nulls included."""
        column = self.columns[j]
        cells = column.to_list() if isinstance(column, nw.Series) else column
        return np.fromiter(cells, dtype=object, count=len(column))

    def numeric(self, j: int) -> NDArray[np.float64]:
        """Column ``j`` as float64, NaN where missing."""
        return _to_float(self.columns[j], self.names[j])

    def is_numeric(self, j: int) -> bool:
        """Whether column ``j`` holds numbers or booleans, by dtype (by value for objects)."""
        return _is_numeric(self.columns[j])

    def is_nested(self, j: int) -> bool | None:
        """Whether column ``j`` holds lists or arrays, by dtype; None for objects, not looked at."""
        column = self.columns[j]
        if isinstance(column.dtype, pd.ArrowDtype):
            column = nw.from_native(column, series_only=True)
        if isinstance(column.dtype, nw.Object) or column.dtype == np.dtype(object):
            return None
        return isinstance(column.dtype, nw.List | nw.Array)


def is_frame(X: Any) -> bool:
    """Whether ``X`` is a pandas, polars, PyArrow (or other eager narwhals) frame."""
    if isinstance(X, pd.DataFrame):
        _reject_duplicates(list(X.columns))
    if hasattr(X, "__dask_graph__") and X.__dask_graph__() is not None:
        raise TypeError("X is a Dask collection. Pass X.compute(), or take skembed.dask.")
    frame = nw.from_native(X, pass_through=True)
    if isinstance(frame, nw.LazyFrame):
        raise TypeError("X is a lazy frame: its rows must be here. Pass X.collect().")
    return isinstance(frame, nw.DataFrame)


def read(X: Any) -> Frame:
    """Read a dataframe or a 2-D array that scikit-learn has already validated.

    Columns of an array are named ``x0``, ``x1``, ... as scikit-learn does.
    """
    frame = nw.from_native(X, eager_only=True, pass_through=True)
    if not isinstance(frame, nw.DataFrame):
        names = tuple(f"x{j}" for j in range(X.shape[1]))
        return Frame(names, tuple(X[:, j] for j in range(X.shape[1])), X.shape[0])
    if isinstance(X, pd.DataFrame):
        return Frame(tuple(X.columns), tuple(X.iloc[:, j] for j in range(X.shape[1])), len(X))
    _reject_duplicates(frame.columns)
    return Frame(tuple(frame.columns), tuple(frame.iter_columns()), len(frame))


def _reject_duplicates(names: Sequence[Hashable]) -> None:
    if len(set(names)) < len(names):
        twice = next(name for k, name in enumerate(names) if name in names[:k])
        raise ValueError(
            f"Column names must be unique. Got {twice!r} more than once: rename or drop columns."
        )


def n_rows_of(X: Any, name: str = "X") -> int:
    """Number of rows of a frame, an array or a list."""
    has_length = hasattr(X, "__len__") and not hasattr(X, "shape")
    shape = (len(X),) if has_length else getattr(X, "shape", None) or np.asarray(X).shape
    if not shape or isinstance(X, str | Mapping | Set):
        raise ValueError(f"{name} must hold a value per row. Got {type(X).__name__} {X!r}.")
    return int(shape[0])


def make_frame(
    data: dict[str, Any], index: Any = None, index_name: Hashable = None
) -> pd.DataFrame:
    """A pandas frame for a person to look at."""
    if index is not None:
        index = pd.Index(index, dtype=index.dtype, name=index_name)
    try:
        return pd.DataFrame(data, index=index)
    except UnicodeEncodeError:  # Half a character, which the strings of pandas cannot hold.
        columns = {k: pd.Series(v, index, getattr(v, "dtype", None)) for k, v in data.items()}
        return pd.DataFrame(columns)


def take_rows(X: Any, rows: NDArray[np.integer]) -> Any:
    """Rows of a frame, an array or a list, in the container it came in."""
    frame = nw.from_native(X, eager_only=True, pass_through=True)
    if isinstance(X, pd.DataFrame | pd.Series):
        return X.iloc[rows]
    if isinstance(frame, nw.DataFrame):
        return frame[rows, :].to_native()
    return X[rows] if hasattr(X, "shape") else [X[i] for i in rows]


def has_categories(y: Any) -> bool:
    """Whether a target comes with a dtype that says it is categorical."""
    return isinstance(getattr(y, "dtype", None), pd.CategoricalDtype)


def is_array(value: Any) -> bool:
    """Whether a value is an array of NumPy or pandas."""
    return isinstance(value, np.ndarray | pd.api.extensions.ExtensionArray | pd.Series | pd.Index)


def find_missing(values: Array) -> NDArray[np.bool_]:
    """Where an array of objects holds a null of any kind."""
    try:
        return np.asarray(pd.isna(values))
    except ArithmeticError:  # A signalling NaN of decimal cannot even be compared.
        null = ((isinstance(v, Decimal) and v.is_snan()) or pd.isna(v) is True for v in values.flat)
        return np.fromiter(null, dtype=bool, count=values.size).reshape(values.shape)


def to_array(y: Any) -> Array:
    """A target as an array, nulls included."""
    series = as_series(y)
    return _to_numpy(series) if isinstance(series, nw.Series) else np.asarray(y)


def as_series(values: Any) -> Any:
    """Values as :func:`encode_values` takes them, if they are a Series of any library."""
    is_pandas = isinstance(values, pd.Series)
    return values if is_pandas else nw.from_native(values, series_only=True, pass_through=True)


def _to_numpy(column: nw.Series) -> Array:
    if isinstance(column.dtype, nw.Int128 | nw.UInt128):  # which NumPy has not
        return np.array(column.to_list(), dtype=object)
    if not isinstance(column.dtype, nw.Categorical):
        return column.to_numpy()
    # Arrow gives a null of a dictionary the last of its values.
    coded = encode_values(column, column.name)
    return np.append(as_objects(coded.values), np.array([None]))[coded.codes]


# Reading a column as categories


def encode_values(column: Any, name: Hashable = None) -> Coded:
    """Dictionary-encode a pandas Series, narwhals Series or 1-D array."""
    if isinstance(column, pd.Series) and isinstance(column.dtype, pd.CategoricalDtype):
        categories = column.cat.categories
        coded = Coded(_plain(categories), column.cat.codes.to_numpy())
    elif isinstance(column, nw.Series):
        coded = _encode_narwhals(column, name)
    else:
        coded = _factorize(column, name)
    has_nan = coded.values.dtype.kind == "f" and np.isnan(coded.values).any()
    if has_nan or hasattr(getattr(column.dtype, "pyarrow_dtype", None), "index_type"):
        # pandas' own dtypes keep a NaN that was computed apart from their missing value, and one of
        # Arrow's dictionaries may hold a value twice.
        coded = _drop_missing_values(coded.values, coded.codes, name)
    infinite = np.flatnonzero(_is_infinite(coded.values))
    if len(infinite) and np.isin(infinite, coded.codes).any():
        where = describe_column(name)
        raise ValueError(f"{where} holds infinity. Categories must be finite or missing.")
    return coded


def _is_infinite(values: Array) -> NDArray[np.bool_]:
    if values.dtype.kind == "f":
        return np.isinf(values)
    if values.dtype == object and any(issubclass(t, _FLOATS) for t in set(map(type, values))):
        return np.array([isinstance(v, _FLOATS) and bool(np.isinf(v)) for v in values])
    return np.zeros(len(values), dtype=bool)


def _factorize(values: Any, name: Hashable) -> Coded:
    values = hashable(values)
    try:
        codes, distinct = _hash(values)
    except (TypeError, NotImplementedError) as error:
        if isinstance(values.dtype, pd.ArrowDtype):  # Perhaps only pandas' hash has no way for it.
            return _factorize(pd.Series(values.__arrow_array__().to_pylist(), dtype=object), name)
        bad = next((v for v in values if not has_hash(v)), None)
        raise TypeError(
            f"{describe_column(name)} holds {type(bad).__name__} objects such as {bad!r}, which "
            f"cannot be categories. {ONE_VALUE}"
        ) from error
    return Coded(_plain(distinct), codes)


def hashable(values: Any) -> Any:
    """The same values in a form that pandas can hash."""
    held_as_objects = getattr(values.dtype, "storage", None) == "python"  # strings of pandas
    if not isinstance(values.dtype, np.dtype) and not held_as_objects:
        return getattr(values, "array", values)
    # pandas hashes a bare array twice as fast as its wrapper.
    array = np.asarray(values)
    kind, width = array.dtype.kind, array.dtype.itemsize
    if kind in "mM":
        # NumPy has units, such as days or none at all, that pandas has not.
        generic = np.datetime_data(array.dtype)[0] == "generic"
        return pd.Series(array.astype(f"{kind}8[ns]") if generic else array).array
    if kind == "f" and width == 2:
        return array.astype(np.float32)
    if kind not in "biufcO" or width > _WIDEST.get(kind, width):
        return array.astype(object)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _hash(values: Any) -> tuple[Array, Any]:
    """``pandas.factorize``, several times faster where many cells hold the very same object.

    Columns of objects that come from files and from categories do.  Then the addresses are hashed
    and each object only once.
    """
    if not isinstance(values, np.ndarray) or values.dtype != object or len(values) < 10_000:
        return pd.factorize(values)
    addresses = np.asarray(Addresses(values))
    sample = addresses[:: len(addresses) // 5_000]
    if len(np.unique(sample)) > 0.99 * len(sample):
        return pd.factorize(values)
    objects, _ = pd.factorize(addresses)
    # Numbers are given in the order of appearance: a new one is above all before it.
    first = np.flatnonzero(np.diff(np.maximum.accumulate(objects), prepend=-1))
    codes, categories = pd.factorize(values[first])
    return codes[objects], categories


def _encode_narwhals(column: nw.Series, name: Hashable) -> Coded:
    if isinstance(column.dtype, nw.List | nw.Struct | nw.Array):
        bad = column.drop_nulls().head(1).to_list()
        raise TypeError(
            f"Column {name!r} holds {column.dtype} values such as {bad}, which cannot be "
            f"categories. {ONE_VALUE}"
        )
    if column.implementation.is_polars() and isinstance(
        column.dtype, nw.Categorical | nw.Enum | nw.String
    ):
        return _encode_polars_strings(column.cast(nw.Categorical()).to_native())
    if column.implementation.is_pyarrow():
        return _encode_arrow(column.to_native().combine_chunks(), name)
    # Nulls apart, so that integers with nulls are not read as floats.
    present = ~column.is_null().to_numpy()
    zone = getattr(column.dtype, "time_zone", None)
    part = _factorize(_in_zone(_to_numpy(column.drop_nulls()), zone), name)
    codes = np.full(len(column), -1, dtype=np.intp)
    codes[present] = part.codes
    return Coded(part.values, codes)


def _encode_arrow(array: Any, name: Hashable) -> Coded:
    if hasattr(array, "dictionary") and array.dictionary.null_count:
        array = array.dictionary_decode()
    try:
        encoded = array if hasattr(array, "dictionary") else array.dictionary_encode()
    except NotImplementedError:  # Arrow has no such way for runs, UUIDs and booleans of 8 bits.
        return _factorize(pd.Series(array.to_pylist(), dtype=object), name)
    codes = encoded.indices.cast("int64").fill_null(-1).to_numpy(zero_copy_only=False)
    zone = getattr(encoded.dictionary.type, "tz", None)
    values = _in_zone(encoded.dictionary.to_numpy(zero_copy_only=False), zone)
    return _drop_missing_values(values, codes, name)


def _in_zone(values: Array, zone: str | None) -> Any:
    """The values with the time zone of a column, which NumPy drops: moments of UTC are left."""
    return values if zone is None else pd.DatetimeIndex(values).tz_localize("UTC").tz_convert(zone)


def _encode_polars_strings(native: Any) -> Coded:
    """polars numbers its categories for the whole process: renumber those of this column."""
    distinct = native.unique().drop_nulls()
    values = distinct.cast(str).to_numpy().astype(object)
    numbers = distinct.to_physical().to_numpy().astype(np.intp)
    position = np.full(numbers.max(initial=-1) + 2, -1, dtype=np.int32)
    position[numbers] = np.arange(len(numbers))
    # A null takes the last cell, which holds -1.
    cells = native.to_physical().cast(int).fill_null(len(position) - 1)
    return Coded(values, position[cells.to_numpy()])


def _drop_missing_values(values: Array, codes: Array, name: Hashable) -> Coded:
    """A dictionary that itself holds nulls or NaN, made clean."""
    inner = _factorize(values, name)
    return Coded(inner.values, np.append(inner.codes, -1)[codes])


def _plain(values: Any) -> Array:
    """Distinct values as an array: numbers, booleans and dates natively, the rest as objects."""
    array = np.asarray(values)
    return array if array.dtype.kind in "iufbmM" else np.asarray(values, dtype=object)


def as_objects(values: Array) -> Array:
    """The values as Python objects, and dates as those of pandas: NumPy makes them integers."""
    if values.dtype.kind not in "mM":
        return values.astype(object)
    flat = pd.Series(hashable(values.ravel())).astype(object)
    return np.array(flat).reshape(values.shape)


def read_masked(X: Any) -> Any:
    """The cells of a masked array as objects, None where it is masked; all else as it came."""
    if isinstance(X, np.ma.MaskedArray) and X.mask.any():
        mask, X = X.mask, as_objects(X.data)
        X[mask] = None
    return X


# Reading a column as numbers


def _is_numeric(column: Any) -> bool:
    if isinstance(column, nw.Series):
        return column.dtype.is_numeric() or column.dtype == nw.Boolean
    if column.dtype == object:
        if isinstance(next(iter(column), None), str):
            return False  # most columns of objects, without a look at every cell
        kinds = ("integer", "floating", "mixed-integer-float", "boolean", "decimal")
        try:
            return pd.api.types.infer_dtype(column, skipna=True) in kinds
        except ArithmeticError:
            return True  # Decimals, and a signalling NaN among them.
    return pd.api.types.is_numeric_dtype(column.dtype)


def _to_float(column: Any, name: Hashable) -> NDArray[np.float64]:
    where = describe_column(name)
    series = pd.Series(_to_numpy(column) if isinstance(column, nw.Series) else column)
    if series.dtype.kind in "mM":
        raise ValueError(
            f"{where} must hold numbers. Got dtype {series.dtype}; convert dates "
            "to numbers such as days since a start, or use the column as a category."
        )
    if series.dtype.kind == "c":
        raise ValueError(f"{where} must hold real numbers. Got dtype {series.dtype}.")
    try:
        with np.errstate(over="ignore"):  # Long doubles beyond the range are infinite.
            numbers = series.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise ValueError(
            f"{where} must hold numbers. Got the value {_first_not_number(series)!r}."
        ) from error
    if np.isinf(numbers).any():
        raise ValueError(f"{where} holds infinity. Numbers must be finite or missing.")
    return numbers


def _first_not_number(series: pd.Series) -> Any:
    for value in series:
        try:
            if pd.isna(value) is not True:
                float(value)
        except (TypeError, ValueError, ArithmeticError):
            return value
    return None
