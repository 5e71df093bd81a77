"""Python values as JSON, and back with the types they had; no types but those named here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from functools import partial
from math import isfinite
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from ._file_format import is_plain, plain_dtype
from ._frames import PANDAS_SCALARS

Timestamp, Timedelta, Interval, Period = PANDAS_SCALARS

# Python refuses to read integers of more than 4300 digits.
_MOST_BITS = 14_000


def to_json(value: Any) -> Any:
    """What JSON can say, from which :func:`from_json` makes an equal value of the same type.

    Raises
    ------
    TypeError
        For a value of a type that has no form here.
    """
    kind = type(value)
    if kind in (str, bool, type(None)):
        return value
    if (kind is int and value.bit_length() <= _MOST_BITS) or (kind is float and isfinite(value)):
        return value
    if kind is list:
        return [to_json(item) for item in value]
    name = "numpy" if isinstance(value, np.generic) and is_plain(value.dtype) else kind.__name__
    if name != "numpy" and _TYPES.get(name) is not kind:
        raise TypeError(f"{kind.__name__} objects such as {value!r}")
    encode, decode = _FORMS[name]
    content = encode(value)
    if not _is_same(decode(content), value):
        raise TypeError(f"{kind.__name__} objects such as {value!r}")
    return {name: content}


def from_json(data: Any) -> Any:
    """The value that :func:`to_json` was given."""
    if isinstance(data, dict):
        ((name, content),) = data.items()
        return _FORMS[name][1](content)
    return [from_json(item) for item in data] if isinstance(data, list) else data


def objects_from_json(data: list[Any]) -> NDArray[Any]:
    """An array of objects from the JSON of a list of them, be they tuples."""
    return np.fromiter(map(from_json, data), dtype=object, count=len(data))


def _is_same(copy: Any, value: Any) -> bool:
    same = copy == value or (copy != copy and value != value)
    return type(copy) is type(value) and bool(same)


def _zone_to_json(zone: tzinfo | None) -> Any:
    """A name, or seconds east of Greenwich."""
    if zone is None:
        return None
    if isinstance(zone, timezone):
        return zone.utcoffset(None).total_seconds()
    name = getattr(zone, "key", None) or getattr(zone, "zone", None)
    if name is None:
        raise TypeError(f"times in the zone {zone!r}")
    return name


def _zone_from_json(zone: Any) -> tzinfo | None:
    if zone is None:
        return None
    return ZoneInfo(zone) if isinstance(zone, str) else timezone(timedelta(seconds=zone))


def _moment_to_json(moment: datetime | time) -> Any:
    return [moment.replace(tzinfo=None).isoformat(), moment.fold, _zone_to_json(moment.tzinfo)]


def _moment_from_json(kind: type[datetime] | type[time], content: Any) -> datetime | time:
    text, fold, zone = content
    return kind.fromisoformat(text).replace(fold=fold, tzinfo=_zone_from_json(zone))


def _timestamp_from_json(content: Any) -> Any:
    moment, zone = content
    stamp = Timestamp(from_json(moment))
    zone = _zone_from_json(zone)
    return stamp if zone is None else stamp.tz_localize("UTC").tz_convert(zone)


def _numpy_from_json(content: Any) -> Any:
    dtype, data = content
    dtype = plain_dtype(dtype)
    (value,) = np.frombuffer(bytes.fromhex(data), dtype=dtype).astype(dtype.newbyteorder("="))
    return value


def _items(value: Any) -> list[Any]:
    return [to_json(item) for item in value]


_FORMS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "float": (repr, float),  # infinity and NaN, which JSON has not
    "int": (hex, lambda text: int(text, 16)),
    "complex": (repr, complex),
    "bytes": (bytes.hex, bytes.fromhex),
    "tuple": (_items, lambda items: tuple(map(from_json, items))),
    # In an order that is the same in every process.
    "frozenset": (
        lambda v: sorted(_items(v), key=repr),
        lambda items: frozenset(map(from_json, items)),
    ),
    "dict": (
        lambda v: _items(map(list, v.items())),
        lambda items: {key: value for key, value in map(from_json, items)},
    ),
    "Decimal": (str, Decimal),
    "UUID": (str, UUID),
    "date": (date.isoformat, date.fromisoformat),
    "time": (_moment_to_json, partial(_moment_from_json, time)),
    "datetime": (_moment_to_json, partial(_moment_from_json, datetime)),
    "timedelta": (
        lambda v: [v.days, v.seconds, v.microseconds],
        lambda parts: timedelta(*parts),
    ),
    "Timestamp": (
        lambda v: [to_json(v.to_datetime64()), _zone_to_json(v.tzinfo)],
        _timestamp_from_json,
    ),
    "Timedelta": (
        lambda v: to_json(v.to_timedelta64()),
        lambda data: Timedelta(from_json(data)),
    ),
    "Interval": (
        lambda v: [to_json(v.left), to_json(v.right), v.closed],
        lambda ends: Interval(from_json(ends[0]), from_json(ends[1]), ends[2]),
    ),
    "Period": (
        lambda v: [v.ordinal, v.freqstr],
        lambda content: Period(ordinal=content[0], freq=content[1]),
    ),
    "numpy": (
        lambda v: [
            v.dtype.newbyteorder("<").str,
            v.astype(v.dtype.newbyteorder("<")).tobytes().hex(),
        ],
        _numpy_from_json,
    ),
}
_TYPES: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        *(float, int, complex, bytes, tuple, frozenset, dict, Decimal, UUID),
        *(date, time, datetime, timedelta, Timestamp, Timedelta, Interval, Period),
    )
}
