"""Encoders in files: what comes back is equal bit for bit, and damaged or invented files are
refused.
"""

import copy
import datetime as dt
import decimal
import enum
import gzip
import hashlib
import io
import itertools
import json
import pickle
import random
import re
import time
import tracemalloc

import numpy as np
import pandas as pd
import pytest

from skembed import EmbeddingEncoder
from skembed._file_format import LENGTH, START

RNG = np.random.default_rng(0)
N_ROWS = 60


def pick(*values):
    """Rows drawn from some values, each of which occurs."""
    cells = np.fromiter(values, dtype=object, count=len(values))
    return pd.Series(cells[np.arange(N_ROWS) % len(cells)], dtype=object)


NUMBER = RNG.random(N_ROWS)
DAYS = pd.to_datetime(pick("2020-01-01", "2021-06-01"))
COLUMNS = {
    "str": pick("Rome", "", "\0", "\ud800", "Ω", None),
    "int": pick(2**60, 2**60 + 1, -3).astype("int64"),
    "uint64": pick(2**63, 2**63 + 1).astype("uint64"),
    "Int64": pick(2**62 + 1, 2**62, None).astype("Int64"),
    "huge int": pick(10**30, 10**4250, 7),
    "float": pick(0.1, -0.0, np.nan, 5e-324).astype(float),
    "float32": pick(0.1, 0.2).astype("float32"),
    "bool": pick(True, False).astype(bool),
    "datetime": DAYS,
    "datetime in days": DAYS.astype("datetime64[s]"),
    "datetime with zone": DAYS.dt.tz_localize("Europe/Berlin"),
    "datetime with offset": DAYS.dt.tz_localize(dt.timezone(dt.timedelta(hours=-3))),
    "timedelta": pd.to_timedelta(pick(1, 2), unit="h"),
    "date": pick(dt.date(2020, 1, 1), dt.date(2020, 1, 2)),
    "mixed": pick(1, "1", 2.5, b"\xff", decimal.Decimal("3.10"), None, (1, ("a", None))),
    "interval": pd.cut(NUMBER, 3),
    "period": pick(pd.Period("2020-01", "M"), pd.Period("2020-02", "M")),
    "categorical": pd.Categorical(pick("x", "y", "z")),
    "frozenset": pick(frozenset("ab"), frozenset("c")),
    "missing only": pick(None),
}
TARGETS = {
    "regression": NUMBER,
    "several numbers": np.column_stack([NUMBER, NUMBER**2]),
    "bool": NUMBER > 0.5,
    "strings": np.array(["high", "low", "middle"])[RNG.integers(0, 3, N_ROWS)],
    "objects": pick("high", "low", "middle"),
    "labels": np.column_stack([NUMBER > 0.5, NUMBER < 0.3]).astype(int),
}


def encoder_of(X, y=NUMBER, **parameters):
    settings = {"max_iter": 1, "embedding_dim": 2, "random_state": 0}
    return EmbeddingEncoder(**(settings | parameters)).fit(X, y)


def saved(encoder, path):
    encoder.save_embeddings(path)
    return EmbeddingEncoder.load_embeddings(path)


def assert_same(loaded, encoder, X):
    """All that a fitted encoder can tell is the same, to the bit and the type."""
    vectors = encoder.transform(X)
    assert loaded.transform(X).tobytes() == vectors.tobytes()
    assert loaded.get_feature_names_out().tolist() == encoder.get_feature_names_out().tolist()
    assert vars(loaded).keys() == vars(encoder).keys()
    for name in ("n_features_in_", "target_type_", "loss_curve_", "validation_scores_", "n_iter_"):
        assert getattr(loaded, name) == getattr(encoder, name)
    np.testing.assert_array_equal(loaded.classes_, encoder.classes_)
    names = getattr(encoder, "feature_names_in_", None)
    np.testing.assert_array_equal(getattr(loaded, "feature_names_in_", None), names)
    for own, other in zip(loaded.categories_, encoder.categories_, strict=True):
        assert own.dtype == other.dtype
        assert [*map(type, own)] == [*map(type, other)]
        assert [*map(repr, own)] == [*map(repr, other)]
    for j in encoder._columns.categorical:
        pd.testing.assert_frame_equal(loaded.embedding_frame(j), encoder.embedding_frame(j))


@pytest.mark.parametrize("kind", COLUMNS)
def test_categories_of_all_types_come_back(kind, tmp_path):
    X = pd.DataFrame({"column": COLUMNS[kind], "other": COLUMNS["categorical"]})
    encoder = encoder_of(X)
    loaded = saved(encoder, tmp_path / "file")
    assert_same(loaded, encoder, X)
    vectors = encoder.transform(X)
    there, back = encoder.inverse_transform(vectors), loaded.inverse_transform(vectors)
    assert [*map(repr, there.ravel())] == [*map(repr, back.ravel())]
    new = pd.DataFrame({"column": pick("Paris", 4.25, None), "other": "y"})
    assert loaded.transform(new).tobytes() == encoder.transform(new).tobytes()


@pytest.mark.parametrize("kind", TARGETS)
def test_targets_of_all_types_come_back(kind, tmp_path):
    X = pd.DataFrame({"str": COLUMNS["str"], "int": COLUMNS["int"]})
    encoder = encoder_of(X, TARGETS[kind], early_stopping=True)
    assert_same(saved(encoder, tmp_path / "file"), encoder, X)


@pytest.mark.parametrize(
    ("names", "parameters"),
    [
        (["a", "b"], {"shared": [["a", "b"]]}),
        (["a", "b"], {"task": "none"}),
        (["a", "b"], {"target_effect": False, "embedding_dim": {"a": 1, "b": 3}}),
        (["a", "b"], {"min_frequency": 25, "handle_unknown": "infrequent_if_exist"}),
        (["a", "b"], {"handle_missing": "unknown", "handle_unknown": "zeros"}),
        (["a", "b"], {"numeric_features": ["b"], "max_norm": np.inf}),
        ([("a", 1), 3], {"learning_rate_multipliers": {("a", 1): 0.5, 3: 1}}),
        ([0, 1], {"hidden_layer_sizes": [4, 3], "cv": None}),
        (["a", "b"], {"dtype": np.float16}),
        (["a", "b"], {"dtype": np.float64}),
    ],
)
def test_settings_and_names_come_back(names, parameters, tmp_path):
    X = pd.DataFrame({0: pick(1, 2, 3), 1: pick(3, 1, 4, 4)}).set_axis(
        pd.Index(names, tupleize_cols=False), axis=1
    )
    encoder = encoder_of(X, **parameters)
    loaded = saved(encoder, tmp_path / "file")
    assert_same(loaded, encoder, X)
    assert loaded.get_params() == encoder.get_params()


def test_an_encoder_of_sequences_comes_back(tmp_path):
    X = pd.DataFrame(
        {"skills": pick(["law"], ["law", "cooking"], [], None), "city": pick("A", "B")}
    )
    encoder = encoder_of(X, sequence_features=["skills"], pooling="max")
    assert_same(saved(encoder, tmp_path / "file"), encoder, X)


def test_an_encoder_of_an_array_comes_back(tmp_path):
    X = COLUMNS["mixed"].to_numpy()[:, None]
    encoder = encoder_of(X)
    loaded = saved(encoder, tmp_path / "file")
    assert_same(loaded, encoder, X)
    assert not hasattr(loaded, "feature_names_in_")


def test_what_is_loaded_is_a_whole_encoder(tmp_path):
    X = pd.DataFrame({"city": COLUMNS["categorical"]})
    encoder = encoder_of(X)
    loaded = saved(encoder, tmp_path / "file")
    near = [e.nearest_categories("city", "y", n_neighbors=2) for e in (loaded, encoder)]
    pd.testing.assert_frame_equal(*near)
    frames = [e.set_output(transform="pandas").transform(X) for e in (loaded, encoder)]
    pd.testing.assert_frame_equal(*frames)
    again = pickle.loads(pickle.dumps(loaded))
    assert again.transform(X).equals(frames[0])
    assert again.fit(X, NUMBER).transform(X).equals(frames[0])


def test_the_same_encoder_gives_the_same_file(tmp_path):
    X = pd.DataFrame({"column": COLUMNS["frozenset"], "other": COLUMNS["mixed"]})
    encoder = encoder_of(X)
    saved(encoder, tmp_path / "a").save_embeddings(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_shared_columns_have_one_vocabulary_again(tmp_path):
    X = pd.DataFrame({"a": pick("x", "y"), "b": pick("y", "z"), "c": pick("x", "y")})
    loaded = saved(encoder_of(X, shared=[["a", "c"]]), tmp_path / "file")
    assert loaded._vocabularies[0] is loaded._vocabularies[2]
    assert loaded._vocabularies[0] is not loaded._vocabularies[1]


def test_parameters_that_are_no_plain_values_get_their_defaults(tmp_path):
    X = pd.DataFrame({"a": pick("x", "y")})
    given = {"a": pd.DataFrame([[1.0], [2.0]], index=["x", "y"])}
    encoder = encoder_of(X, initial_embeddings=given, cv=iter([]), max_iter=2)
    loaded = saved(encoder, tmp_path / "file")
    assert loaded.initial_embeddings is None
    assert loaded.cv == 5
    assert loaded.max_iter == 2
    assert loaded.transform(X).tobytes() == encoder.transform(X).tobytes()


class Color(enum.IntEnum):
    RED = 1
    BLUE = 2


class Somewhere(dt.tzinfo):
    def utcoffset(self, moment):
        return dt.timedelta(hours=1)

    def dst(self, moment):
        return None


@pytest.mark.parametrize(
    "value", [Color.RED, range(3), complex, dt.datetime(2020, 1, 1, tzinfo=Somewhere())]
)
def test_a_category_that_a_file_cannot_hold_is_refused(value, tmp_path):
    encoder = encoder_of(pd.DataFrame({"color": pick(value, "blue")}))
    with pytest.raises(TypeError, match=r"Column 'color' holds .* Make them strings"):
        encoder.save_embeddings(tmp_path / "file")
    assert not any(tmp_path.iterdir())


def test_a_name_that_a_file_cannot_hold_is_refused(tmp_path):
    encoder = encoder_of(pd.DataFrame({range(3): pick("a", "b")}))
    with pytest.raises(TypeError, match=r"list of column names holds range .* Make them strings"):
        encoder.save_embeddings(tmp_path / "file")


def test_an_encoder_that_is_not_fitted_is_not_saved(tmp_path):
    with pytest.raises(ValueError, match="not fitted"):
        EmbeddingEncoder().save_embeddings(tmp_path / "file")
    with pytest.raises(ValueError, match="'dropout' parameter"):
        encoder_of(pd.DataFrame({"a": pick("x")})).set_params(dropout=5).save_embeddings("file")


# Files from strangers


@pytest.fixture(scope="module")
def table():
    return pd.DataFrame(
        {
            "city": pick("Rome", "Oslo", None),
            "day": DAYS,
            "label": pick(1, "1", b"1", (1, 2), DAYS[0].tz_localize("Europe/Berlin")),
            "tags": pick(["a"], ["a", "b"], []),
            "size": NUMBER,
        }
    )


@pytest.fixture(scope="module")
def original(table):
    return encoder_of(
        table,
        TARGETS["strings"],
        numeric_features=["size"],
        sequence_features=["tags"],
        min_frequency=15,
    )


@pytest.fixture(scope="module")
def data(original, tmp_path_factory):
    file = tmp_path_factory.mktemp("storage") / "file"
    original.save_embeddings(file)
    return file.read_bytes()


def taken_apart(data):
    """Header and payload."""
    (length,) = LENGTH.unpack_from(data, START.size)
    begin = START.size + LENGTH.size
    return json.loads(data[begin : begin + length]), data[begin + length :]


def signed(body):
    """A file with a body and its right checksum."""
    return START.pack(b"\x89skembed", 1, hashlib.sha256(body).digest()) + body


def put_together(header, payload):
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    return signed(LENGTH.pack(len(text)) + text + payload)


def load(data, path):
    path.write_bytes(data)
    return EmbeddingEncoder.load_embeddings(path)


def test_a_file_put_together_anew_is_read(data, original, table, tmp_path):
    assert_same(load(put_together(*taken_apart(data)), tmp_path / "file"), original, table)


def with_header(change):
    def make(data):
        header, payload = taken_apart(data)
        return put_together(*(change(header, payload) or (header, payload)))

    return make


def assign(*path):
    """A change of the content: the last argument takes the place that the others lead to."""
    *keys, last, value = path

    def change(header, payload):
        part = header["content"]
        for key in keys:
            part = part[key]
        part[last] = value

    return with_header(change)


def zip_bomb():
    """10 MB of zeros in an archive of some 10 KB, as numpy.savez_compressed writes it."""
    file = io.BytesIO()
    np.savez_compressed(file, np.zeros(10_000_000, np.uint8))
    return file.getvalue()


BAD_FILES = {
    "empty": (lambda data: b"", "does not begin"),
    "text": (lambda data: b"Rome 1.0 2.0\n", "does not begin"),
    "a zip bomb": (lambda data: zip_bomb(), "does not begin"),
    "a gzipped file": (gzip.compress, "does not begin"),
    "a pickle": (lambda data: pickle.dumps({"a": 1}), "does not begin"),
    "magic only": (lambda data: data[:8], "incomplete"),
    "magic and version": (lambda data: data[:30], "incomplete"),
    "no header": (lambda data: data[: START.size], "incomplete"),
    "cut off": (lambda data: data[:-1], "checksum"),
    "too long": (lambda data: data + b"\0", "checksum"),
    "a bit flipped": (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "checksum"),
    "another version": (lambda data: data[:8] + b"\2" + data[9:], "version 2"),
    "a long header": (lambda data: signed(LENGTH.pack(2**63) + b"{}"), "a header of"),
    "no JSON": (with_header(lambda h, p: ("{", p)), "Expecting"),
    "deep JSON": (with_header(lambda h, p: ("[" * 100_000, p)), "contradicts"),
    "a huge integer": (with_header(lambda h, p: ("9" * 5000, p)), "digits"),
    "NaN": (with_header(lambda h, p: ('{"arrays": NaN}', p)), "NaN"),
    "no ASCII": (with_header(lambda h, p: ('"é"', p)), "ascii"),
    "a list": (with_header(lambda h, p: ([], p)), "contradicts"),
    "no content": (with_header(lambda h, p: ({"arrays": []}, b"")), "contradicts"),
    "too many bytes": (with_header(lambda h, p: (h, p + b"\0")), "it declares arrays of"),
    "10 GB in 1 KB": (
        with_header(lambda h, p: (h | {"arrays": [["<f4", [2_500_000, 1000]]]}, p)),
        "it declares arrays of 10000000000 bytes",
    ),
    "more than memory": (
        with_header(lambda h, p: (h | {"arrays": [["<f4", [2**31 - 1, 2**31 - 1]]]}, p)),
        "it declares arrays of",
    ),
    "a long string": (
        with_header(lambda h, p: (h | {"arrays": [["<U9999999", [1]]]}, p)),
        "it declares arrays of",
    ),
    "a dimension beyond": (
        with_header(lambda h, p: (h | {"arrays": [["<f4", [0, 2**80]]]}, p)),
        "shape",
    ),
    "a negative shape": (with_header(lambda h, p: (h | {"arrays": [["<f4", [-1]]]}, p)), "shape"),
    "a shape of rank 3": (
        with_header(lambda h, p: (h | {"arrays": [["<f4", [1, 1, 1]]]}, p)),
        "shape",
    ),
    "objects": (with_header(lambda h, p: (h | {"arrays": [["|O", [1]]]}, p)), "is no dtype"),
    "a structure": (with_header(lambda h, p: (h | {"arrays": [["f4,O", [1]]]}, p)), "no dtype"),
    "a dtype that is no name": (
        with_header(lambda h, p: (h | {"arrays": [[3, [1]]]}, p)),
        "3 is no",
    ),
    "a class to make": (
        assign("parameters", "cv", {"os.system": "true"}),
        "contradicts itself",
    ),
    "an unknown parameter": (assign("parameters", "evil", 1), "contradicts itself"),
    "a parameter out of range": (assign("parameters", "dropout", 3), "'dropout' parameter"),
    "a rule of another type": (assign("parameters", "handle_unknown", ["error"]), "handle_unknown"),
    "a category twice": (
        assign("vocabularies", 0, "categories", ["Rome", "Rome"]),
        "a category twice",
    ),
    "one as True": (
        assign("vocabularies", 2, "categories", [1, True, 2, 3, 4]),
        "a category twice",
    ),
    "a missing category": (
        assign("vocabularies", 0, "categories", ["Rome", None]),
        "missing value",
    ),
    "a category that has no hash": (
        assign("vocabularies", 0, "categories", ["Rome", ["Oslo"]]),
        "contradicts itself",
    ),
    "too many categories": (
        assign("vocabularies", 0, "categories", ["Rome", "Oslo", "Bonn"]),
        "counts that do not fit",
    ),
    "floats for flags": (assign("vocabularies", 0, "infrequent", [0, 0]), "flags"),
    "a zone that is a path": (
        assign("vocabularies", 0, "categories", ["a", {"datetime": ["2020-01-01", 0, "../x"]}]),
        "ZoneInfo",
    ),
    "an array that is not there": (assign("tables", 0, {"array": 99}), "contradicts itself"),
    "tables in another order": (
        with_header(lambda h, p: h["content"]["tables"].reverse()),
        "a table of shape",
    ),
    "a table too few": (
        with_header(lambda h, p: h["content"].update(tables=h["content"]["tables"][1:])),
        "number of tables",
    ),
    "integers as a table": (assign("tables", 0, {"array": 1}), "a table of dtype"),
    "columns twice": (assign("columns", "names", ["a", "a", "b", "c", "d"]), "repeat"),
    "no columns": (assign("columns", "names", []), "repeat, or none"),
    "a column of no kind": (assign("columns", "numeric", []), "of no kind"),
    "a column of two kinds": (assign("columns", "numeric", [0, 4]), "of two"),
    "a number of sequences": (assign("columns", "sequences", [4]), "of no kind"),
    "a column beyond": (assign("columns", "numeric", [5]), "5 where a smaller"),
    "a column that is no number": (assign("columns", "numeric", [True]), "True where"),
    "another type of target": (assign("target", "type", "evil"), "a target of type"),
    "more outputs": (assign("target", "n_outputs", 4), "classes"),
    "a class too many": (assign("target", "classes", ["a", "b", "c", "d"]), "classes"),
    "classes of a number": (assign("target", "type", "continuous-multioutput"), "classes"),
    "outputs of a binary target": (assign("target", "type", "binary"), "3 outputs"),
    "outputs that are no number": (assign("target", "n_outputs", 3.0), "3.0 outputs"),
    "classes too few": (assign("target", "classes", ["a"]), "classes"),
    "losses of strings": (assign("loss_curve", ["a"]), "losses"),
    "no losses": (assign("loss_curve", 3), "losses"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_bad_files_are_refused(kind, data, tmp_path):
    make, words = BAD_FILES[kind]
    with pytest.raises(ValueError, match=r"file' holds no embeddings to load: .*(?:" + words + ")"):
        load(make(data), tmp_path / "file")


def test_bad_files_are_refused_before_memory_is_taken(data, tmp_path):
    make, words = BAD_FILES["10 GB in 1 KB"]
    (tmp_path / "file").write_bytes(make(data))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=words):
            EmbeddingEncoder.load_embeddings(tmp_path / "file")
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_a_path_that_is_none(tmp_path):
    with pytest.raises(FileNotFoundError):
        EmbeddingEncoder.load_embeddings(tmp_path / "nothing")
    # 0 and False would be the standard input, which may never end.
    for none in (None, 0, False):
        with pytest.raises(TypeError, match="PathLike"):
            EmbeddingEncoder.load_embeddings(none)


# Files changed at random

VALUES = [
    None,
    True,
    0,
    -1,
    2,
    2**31,
    2**70,
    0.5,
    -1e308,
    "",
    "a",
    "error",
    "\ud800",
    [],
    {},
    ["a"],
]
TAGS = ["float", "int", "complex", "bytes", "tuple", "frozenset", "dict", "Decimal", "UUID", "date"]
TAGS += ["time", "datetime", "timedelta", "Timestamp", "Timedelta", "Interval", "Period", "numpy"]
TAGS += ["array", "object"]


def edited(rng, data):
    """Some bytes changed, left out, or put in."""
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 8])):
        start = rng.randrange(len(data) + 1)
        stop = start + rng.choice([0, 1, 1, 1, 4, 100])
        new = rng.randbytes(rng.choice([0, 1, 1, 1, 4]))
        data[start:stop] = rng.choice([new, bytes(stop - start), data[: stop - start]])
    return bytes(data)


def places(part):
    """Every place in a header where a value stands."""
    keys = range(len(part)) if isinstance(part, list) else part
    for key in keys if isinstance(part, list | dict) else ():
        yield part, key
        yield from places(part[key])


def with_other_values(rng, data):
    """A signed file in whose header some values are others."""
    header, payload = taken_apart(data)
    for _ in range(rng.choice([1, 1, 2])):
        found = list(places(header))
        part, key = rng.choice(found)
        other, other_key = rng.choice(found)
        value = rng.choice([rng.choice(VALUES), part[key], copy.deepcopy(other[other_key])])
        if rng.random() < 0.4:
            value = {rng.choice(TAGS): rng.choice([value, [value], str(value), [value] * 3])}
        if rng.random() < 0.1:
            del part[key]
        else:
            part[key] = value
    return put_together(header, payload)


def check_changed_files(seed, data, original, table, path):
    """A changed file is refused, or it is an encoder that works."""
    rng = random.Random(seed)
    body = data[START.size :]
    changed = edited(rng, data)
    if changed == data:
        assert_same(load(changed, path), original, table)
    else:
        with pytest.raises(ValueError, match="holds no embeddings"):
            load(changed, path)
    for changed in (signed(edited(rng, body)), with_other_values(rng, data)):
        try:
            encoder = load(changed, path)
        except ValueError:
            continue
        try:
            use(encoder, table)
        except UnicodeEncodeError:
            pass  # pandas cannot name a column by half a character
        except (ValueError, TypeError, UserWarning) as error:
            # What is forbidden now, columns of another name, or lists that were no lists before.
            assert re.search(r"Column|column|feature names|Feature names", str(error)), error


def use(encoder, table):
    assert encoder.transform(table).dtype == np.dtype(encoder.dtype)
    encoder.get_feature_names_out()
    for j in encoder._columns.categorical:
        encoder.embedding_frame(j)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of pandas, for names of frequencies
def test_changed_files_are_refused_or_work(data, original, table, tmp_path):
    for seed in range(150):
        check_changed_files(seed, data, original, table, tmp_path / "file")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_changed_files_are_refused_or_work_for_ten_minutes(data, original, table, tmp_path):
    end, first = time.monotonic() + 600, 1_000_000
    for seed in itertools.count(first):
        check_changed_files(seed, data, original, table, tmp_path / "file")
        if time.monotonic() > end:
            break
    print(f"{3 * (seed - first + 1):,} changed files")
