"""Files are written whole or not at all, whatever fails, and hold what they were given."""

import errno
import os
import signal
import stat
import subprocess
import sys

import numpy as np
import pytest

from skembed import _file_format
from skembed._file_format import read_file, replacing, write_file

ARRAYS = [
    np.arange(6, dtype=np.float32).reshape(2, 3),
    np.array([[1, 2], [3, 4]], dtype=">i8").T,
    np.array([True, False]),
    np.array([2**64 - 1], dtype=np.uint64),
    np.array(["2020-01-01", "NaT"], dtype="datetime64[D]"),
    np.array([5], dtype="timedelta64[25ms]"),
    np.array(["Ω", "", "\ud800"]),
    np.array([b"\xff", b""]),
    np.array([1 + 2j, np.nan]),
    np.empty((0, 4), dtype=np.int32),
]


def test_arrays_and_content_come_back(tmp_path):
    content = {"a": [1, 2.5, None, True, "\ud800"], "b": -0.0}
    write_file(tmp_path / "file", content, ARRAYS)
    again, arrays = read_file(tmp_path / "file")
    assert repr(again) == repr(content)
    for array, original in zip(arrays, ARRAYS, strict=True):
        assert array.dtype == original.dtype.newbyteorder("=")
        assert array.flags.writeable
        np.testing.assert_array_equal(array, original)


@pytest.mark.parametrize("dtype", [object, "S0", "U0", "V4", np.longdouble, "i4,f8"])
def test_dtypes_that_are_not_plain(dtype):
    assert not _file_format.is_plain(np.dtype(dtype))


def test_infinity_in_the_content_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_file(tmp_path / "file", [np.inf], [])
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("array", "damage", "words"),
    [
        (np.array([True]), b"\x02", "booleans"),
        (np.array(["a"]), b"\x00\x00\x11\x00", "characters"),
    ],
)
def test_bytes_that_are_no_values(array, damage, words, tmp_path):
    write_file(tmp_path / "file", None, [np.frombuffer(damage, dtype=np.uint8)])
    data = (tmp_path / "file").read_bytes()
    changed = data.replace(
        f'["|u1",[{len(damage)}]]'.encode(), f'["{array.dtype.str}",[1]]'.encode()
    )
    length = len(changed) - len(data) + int.from_bytes(data[44:52], "little")
    body = length.to_bytes(8, "little") + changed[52:]
    checksum = _file_format.hashlib.sha256(body).digest()
    (tmp_path / "file").write_bytes(_file_format.START.pack(b"\x89skembed", 1, checksum) + body)
    with pytest.raises(ValueError, match=words):
        read_file(tmp_path / "file")


# Faults


@pytest.fixture
def old_file(tmp_path):
    write_file(tmp_path / "file", "old", ARRAYS)
    return tmp_path / "file"


def assert_untouched(old_file):
    assert os.listdir(old_file.parent) == ["file"]
    assert read_file(old_file)[0] == "old"


@pytest.mark.parametrize("function", ["fsync", "replace"])
@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt(), MemoryError()]
)
def test_a_fault_leaves_the_old_file_and_nothing_else(function, error, old_file, monkeypatch):
    def fail(*args):
        raise error

    monkeypatch.setattr(os, function, fail)
    with pytest.raises(type(error)):
        write_file(old_file, "new", ARRAYS)
    monkeypatch.undo()
    assert_untouched(old_file)


def test_a_fault_while_writing_leaves_the_old_file(old_file):
    with pytest.raises(ZeroDivisionError), replacing(old_file) as file:
        file.write(b"new")
        raise ZeroDivisionError
    assert_untouched(old_file)


def run(code, file):
    """How another process ends that writes ``file``; it needs no more of the package than that."""
    start = "import os, resource, runpy, signal, sys; import numpy as np\n"
    start += "write_file = runpy.run_path(sys.argv[1])['write_file']; file = sys.argv[2]\n"
    return subprocess.run(
        [sys.executable, "-c", start + code, _file_format.__file__, str(file)],
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_full_disk_leaves_the_old_file(old_file):
    done = run(
        """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
write_file(file, "new", [np.zeros(1000)])
""",
        old_file,
    )
    assert "OSError: [Errno 27] File too large" in done.stderr
    assert_untouched(old_file)


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_process_killed_while_saving_leaves_the_old_file(function, old_file):
    done = run(
        f"""
os.{function} = lambda *args: os.kill(os.getpid(), signal.SIGKILL)
write_file(file, "new", [np.zeros(1000)])
""",
        old_file,
    )
    assert done.returncode == -signal.SIGKILL
    assert read_file(old_file)[0] == "old"


def test_a_new_file_has_the_rights_of_any_other(tmp_path):
    (tmp_path / "other").touch()
    write_file(tmp_path / "file", "new", [])
    rights = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("file", "other")]
    assert rights[0] == rights[1]


def test_a_replaced_file_keeps_its_rights(old_file):
    old_file.chmod(0o600)
    write_file(old_file, "new", [])
    assert stat.S_IMODE(old_file.stat().st_mode) == 0o600
    assert read_file(old_file)[0] == "new"


def test_a_link_stays_a_link(old_file):
    link = old_file.parent / "link"
    link.symlink_to(old_file)
    write_file(link, "new", [])
    assert link.is_symlink()
    assert read_file(old_file)[0] == "new"


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"folder '.*nowhere' does not exist"):
        write_file(tmp_path / "nowhere" / "file", "new", [])


def test_a_folder_is_not_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        write_file(tmp_path / "folder", "new", [])
    assert os.listdir(tmp_path) == ["folder"]


def test_a_path_in_bytes(tmp_path):
    write_file(os.fsencode(tmp_path / "file"), "new", [])
    assert read_file(tmp_path / "file")[0] == "new"
