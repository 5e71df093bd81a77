"""A file of plain arrays beside a JSON header, written whole or not at all, and read with distrust.

magic (8 bytes) | format version (uint32) | sha256 of all that follows (32 bytes)
length of the header (uint64) | header, JSON in ASCII | the arrays, one after another

Integers and arrays are little-endian. The header is ``{"arrays": [[dtype, shape], ...], "content":
...}``. Nothing is compressed: arrays must fill the rest of the file to the byte, which is known
before any memory is taken for them.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import secrets
import shutil
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

MAGIC = b"\x89skembed"
VERSION = 1
START = struct.Struct("<8sI32s")
LENGTH = struct.Struct("<Q")

_TIME_UNITS = "Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as"
# Compiled when the first file is read or written.
_DTYPES = (
    r"\|b1|\|[iu]1|<[iu][248]|<f[248]|<c(8|16)|<[mM]8\[[1-9]?\d{0,5}(" + _TIME_UNITS + r")\]"
    r"|<U[1-9]\d{0,6}|\|S[1-9]\d{0,6}"
)
_LARGEST_CHARACTER = 0x10FFFF


def plain_dtype(name: str) -> np.dtype[Any]:
    """The dtype of that name, if its bytes are plain data of a known size."""
    if not isinstance(name, str) or not re.fullmatch(_DTYPES, name, re.ASCII):
        raise ValueError(f"{name!r} is no dtype of plain data")
    return np.dtype(name)


def is_plain(dtype: np.dtype[Any]) -> bool:
    """Whether a file can hold the bytes of such an array as they are."""
    return re.fullmatch(_DTYPES, dtype.newbyteorder("<").str, re.ASCII) is not None


# Writing


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file that takes the place of ``path`` once all of it is on the disk.

    If anything fails before, ``path`` stays what it was, and nothing is left beside it.
    """
    path = os.path.realpath(os.fsdecode(path))
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"The folder {folder!r} does not exist. Make it first.")
    temporary = os.path.join(folder, f".skembed-{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if os.path.exists(path):
            shutil.copymode(path, temporary)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def write_file(path: str | os.PathLike[str], content: Any, arrays: Sequence[NDArray[Any]]) -> None:
    """Write what JSON can say, and arrays of plain dtypes beside it."""
    arrays = [np.ascontiguousarray(a, dtype=a.dtype.newbyteorder("<")) for a in arrays]
    entries = [[array.dtype.str, array.shape] for array in arrays]
    header = json.dumps(
        {"arrays": entries, "content": content}, allow_nan=False, separators=(",", ":")
    ).encode("ascii")
    parts = [LENGTH.pack(len(header)), header]
    parts += [array.reshape(-1).view(np.uint8).data for array in arrays]
    checksum = hashlib.sha256()
    for part in parts:
        checksum.update(part)
    with replacing(path) as file:
        file.write(START.pack(MAGIC, VERSION, checksum.digest()))
        file.writelines(parts)


# Reading


def read_file(path: str | os.PathLike[str]) -> tuple[Any, list[NDArray[Any]]]:
    """The content and the arrays of a file.

    Raises
    ------
    ValueError
        If the file is not one that :func:`write_file` has written.
    """
    # An integer would be the descriptor of a file that is open already.
    with open(os.fspath(path), "rb") as file:
        return _read(file, os.fstat(file.fileno()).st_size)


def _read(file: BinaryIO, size: int) -> tuple[Any, list[NDArray[Any]]]:
    start = file.read(START.size)
    if start[: len(MAGIC)] != MAGIC:
        raise ValueError("it does not begin as a file of save_embeddings does")
    if size < START.size + LENGTH.size:
        raise ValueError("it is incomplete")
    _, version, checksum = START.unpack(start)
    if version != VERSION:
        raise ValueError(
            f"its format has version {version}, and this skembed reads version {VERSION}"
        )
    if hashlib.file_digest(file, "sha256").digest() != checksum:
        raise ValueError("its checksum is wrong, so it is damaged or incomplete")
    file.seek(START.size)
    (length,) = LENGTH.unpack(file.read(LENGTH.size))
    left = size - file.tell()
    if length > left:
        raise ValueError(f"it declares a header of {length} bytes and has {left}")
    header = json.loads(file.read(length).decode("ascii"), parse_constant=_refuse)
    entries = [(plain_dtype(dtype), _checked_shape(shape)) for dtype, shape in header["arrays"]]
    declared = sum(dtype.itemsize * math.prod(shape) for dtype, shape in entries)
    if declared != left - length:
        raise ValueError(f"it declares arrays of {declared} bytes and has {left - length}")
    return header["content"], [_read_array(file, dtype, shape) for dtype, shape in entries]


def _refuse(constant: str) -> None:
    raise ValueError(f"its header holds {constant}")


def _checked_shape(shape: Any) -> tuple[int, ...]:
    if not isinstance(shape, list) or not 1 <= len(shape) <= 2:
        raise ValueError(f"{shape!r} is no shape of a vector or a matrix")
    if not all(type(n) is int and 0 <= n < 2**31 for n in shape):
        raise ValueError(f"{shape!r} is no shape of an array that fits a file")
    return tuple(shape)


def _read_array(file: BinaryIO, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    data = np.empty(dtype.itemsize * math.prod(shape), dtype=np.uint8)
    if file.readinto(data.data) != len(data):
        raise ValueError("it is incomplete")
    if dtype.kind == "b" and data.max(initial=0) > 1:
        raise ValueError("it holds booleans other than 0 and 1")
    if dtype.kind == "U" and data.view("<u4").max(initial=0) > _LARGEST_CHARACTER:
        raise ValueError("it holds characters that do not exist")
    return data.view(dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)
