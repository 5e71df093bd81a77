"""Codes of categories: the same for the same values, and each row of a table in its place."""

import datetime as dt
import pickle
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skembed._coded import Coded
from skembed._frames import as_objects, encode_values, read
from skembed._vocabulary import (
    UNKNOWN,
    ColumnVocabulary,
    add_counts,
    learn_vocabulary,
    moved_codes,
    pool_infrequent,
    sort_order,
    stack_columns,
)


def objects(values):
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def learn(values, **rules):
    return learn_vocabulary(encode_values(objects(values)), **rules)


def encode(vocabulary, values):
    return vocabulary.encode(encode_values(objects(values))).tolist()


# Places


def test_places_are_unknown_then_categories_in_order_then_missing():
    vocabulary = learn(["b", None, "a", "b", "c"])
    assert vocabulary.categories.tolist() == ["a", "b", "c"]
    assert vocabulary.counts.tolist() == [1, 2, 1]
    assert vocabulary.n_codes == 5
    assert vocabulary.infrequent_code is None
    assert encode(vocabulary, ["a", "b", "c", None, "new"]) == [1, 2, 3, 4, UNKNOWN]
    assert vocabulary.missing_code == 4


def test_infrequent_categories_share_the_place_before_missing():
    vocabulary = learn(["b", None, "a", "b", "c"], min_frequency=2)
    assert vocabulary.categories.tolist() == ["a", "b", "c"]
    assert vocabulary.infrequent.tolist() == [True, False, True]
    assert vocabulary.infrequent_code == 2
    assert encode(vocabulary, ["a", "b", "c", None, "new"]) == [2, 1, 2, 3, UNKNOWN]
    assert vocabulary.n_codes == 4


def test_nothing_but_missing_values_still_has_a_vocabulary():
    vocabulary = learn([None, None])
    assert vocabulary.n_codes == 2
    assert encode(vocabulary, [None, "a"]) == [1, UNKNOWN]
    assert vocabulary.values_of_codes().tolist() == [None, None]


def test_no_rows_at_all():
    vocabulary = learn([])
    assert encode(vocabulary, []) == []
    assert encode(vocabulary, ["a"]) == [UNKNOWN]


names = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=3)
some_values = st.one_of(
    st.lists(st.one_of(st.none(), names), max_size=15),
    st.lists(st.one_of(st.none(), st.integers(-(2**60), 2**60)), max_size=15),
    st.lists(st.one_of(st.none(), st.integers(-2, 2), st.booleans(), names), max_size=15),
    st.lists(st.one_of(st.none(), st.integers(2**53 - 2, 2**53 + 2)), max_size=15),
)


@settings(deadline=None, max_examples=100, derandomize=True)
@given(some_values, some_values)
def test_codes_equal_those_of_a_slow_dictionary(fitted, others):
    vocabulary = learn(fitted)
    counts = Counter(value for value in fitted if value is not None)
    place = {value: code for code, value in enumerate(vocabulary.categories, start=1)}
    assert place.keys() == counts.keys()
    assert vocabulary.counts.tolist() == [counts[value] for value in vocabulary.categories]
    expected = [len(place) + 1 if v is None else place.get(v, UNKNOWN) for v in others]
    assert encode(vocabulary, others) == expected
    unseen = {value for value in others if value is not None and value not in place}
    assert set(vocabulary.unknown_values(encode_values(objects(others)))) == unseen
    for value in others:
        found = -1 if value is None else place.get(value, 0) - 1
        assert vocabulary.position(value) == found


@settings(deadline=None, max_examples=60, derandomize=True)
@given(some_values, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(values, random):
    vocabulary = learn(values)
    shuffled = values.copy()
    random.shuffle(shuffled)
    again = learn(shuffled)
    # Of values that are equal, such as 1 and True, either may stand for both.
    assert vocabulary.categories.tolist() == again.categories.tolist()
    assert encode(vocabulary, values) == encode(again, values)


# The same values, whatever holds them


@pytest.mark.parametrize(
    "values",
    [["b", "c", "a", "b"], [3, 1, 2, 3], [True, False, True, True], [0.5, -1.0, 0.5, 2.0]],
    ids=["strings", "integers", "booleans", "floats"],
)
def test_every_container_gives_the_same_codes(make_table, values):
    expected = encode(learn(values), values)
    coded = read(make_table({"a": values})).coded(0)
    vocabulary = learn_vocabulary(coded)
    assert vocabulary.encode(coded).tolist() == expected
    assert vocabulary.categories.tolist() == sorted(set(values))
    # Also if another container was there at fit.
    assert learn(values).encode(coded).tolist() == expected
    assert encode(vocabulary, values) == expected


def test_missing_values_are_the_same_in_every_container(make_table):
    values = ["b", None, "a", None]
    coded = read(make_table({"a": values})).coded(0)
    assert learn_vocabulary(coded).encode(coded).tolist() == [2, 3, 1, 3]


def test_integers_with_and_without_missing_values_are_the_same():
    """pandas reads integers beside a missing value as floats."""
    values = [3, 1, 2, 3]
    vocabulary = learn_vocabulary(encode_values(pd.Series(values)))
    with_missing = encode_values(pd.Series([*values, None]))
    assert with_missing.values.dtype.kind == "f"
    assert vocabulary.encode(with_missing).tolist() == [3, 1, 2, 3, 4]
    assert learn_vocabulary(with_missing).encode(with_missing).tolist() == [3, 1, 2, 3, 4]


def test_unused_entries_and_order_of_a_dictionary_do_not_matter():
    for order in (["a", "b", "c", "d"], ["d", "c", "b", "a"]):
        column = encode_values(pd.Series(pd.Categorical(["c", "a", None], order)))
        vocabulary = learn_vocabulary(column)
        assert vocabulary.categories.tolist() == ["a", "c"]
        assert vocabulary.encode(column).tolist() == [2, 1, 3]
        assert vocabulary.unknown_values(column).tolist() == []


# Sorting


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["b", "a", "B", "é", ""], ["", "B", "a", "b", "é"]),
        ([2, 10, 1.5, -1], [-1, 1.5, 2, 10]),
        (["b", 2, "a", 1.5, True], [True, 1.5, 2, "a", "b"]),
        ([np.True_, "a", 0, 2], [0, True, 2, "a"]),
        ([b"b", "a", b"a"], [b"a", b"b", "a"]),
        ([(2,), (1, 2), (1,)], [(1,), (1, 2), (2,)]),
        ([("a", 1), (1, "a"), "x"], ["x", ("a", 1), (1, "a")]),
        ([2j, "a", 1j, 0], [0, 1j, 2j, "a"]),
        ([np.complex128(1j), "a", 0.5], [0.5, np.complex128(1j), "a"]),
        ([dt.date(2020, 1, 2), dt.date(2020, 1, 1)], [dt.date(2020, 1, 1), dt.date(2020, 1, 2)]),
        ([dt.date(2020, 1, 2), "a", 1], [1, dt.date(2020, 1, 2), "a"]),
        ([10**30, 1, -(10**30)], [-(10**30), 1, 10**30]),
        ([], []),
    ],
    ids=repr,
)
def test_values_are_sorted_also_if_their_types_do_not_compare(values, expected):
    for given_as in (values, values[::-1]):
        array = objects(given_as)
        assert array[sort_order(array)].tolist() == expected


def test_numbers_of_any_dtype_are_sorted():
    for array in (
        np.array([3, -1, 2]),
        np.array([0.5, -2]),
        np.array(["2020-02", "2020-01"], "M8[D]"),
    ):
        np.testing.assert_array_equal(array[sort_order(array)], np.sort(array))


SETS = [frozenset(letters) for letters in ("a", "bc", "ab", "b", "abc", "", "c")]


def test_sets_are_sorted_although_they_compare_by_inclusion():
    """Sorting by ``<`` alone would leave them in the order they came in."""
    orders = []
    for seed in range(5):
        array = objects([SETS[i] for i in np.random.default_rng(seed).permutation(len(SETS))])
        orders.append(array[sort_order(array)].tolist())
    assert orders.count(orders[0]) == 5
    assert set(orders[0]) == set(SETS)


def test_equal_sets_are_sorted_alike_whatever_order_their_elements_are_in():
    """Which for strings changes from process to process, and for 0 and 8 with their arrival."""
    first, second = frozenset([0, 8]), frozenset([8, 0])
    assert first == second
    assert list(first) != list(second)
    for both in (first, second):
        assert sort_order(objects([frozenset([5]), both])).tolist() == [1, 0]


# Infrequent categories


def slow_infrequent(counts, n_rows, min_frequency, max_categories):
    """The rule in words: too rare, or beyond the most frequent, of which the pool takes a place."""
    if isinstance(min_frequency, float):
        min_frequency = min_frequency * n_rows
    infrequent = [min_frequency is not None and count < min_frequency for count in counts]
    kept = [i for i in range(len(counts)) if not infrequent[i]]
    if max_categories is not None and len(kept) + any(infrequent) > max_categories:
        kept.sort(key=lambda i: (-counts[i], i))
        for i in kept[max_categories - 1 :]:
            infrequent[i] = True
    return infrequent


@settings(deadline=None, max_examples=100, derandomize=True)
@given(
    st.lists(st.sampled_from("abcdef"), min_size=1, max_size=25),
    st.one_of(st.none(), st.integers(1, 6), st.sampled_from([0.1, 0.25, 0.5])),
    st.one_of(st.none(), st.integers(1, 7)),
)
def test_infrequent_categories_follow_the_rule(values, min_frequency, max_categories):
    vocabulary = learn(values, min_frequency=min_frequency, max_categories=max_categories)
    counts = vocabulary.counts.tolist()
    expected = slow_infrequent(counts, len(values), min_frequency, max_categories)
    assert vocabulary.infrequent.tolist() == expected
    n_vectors = expected.count(False) + any(expected)
    assert vocabulary.n_codes == n_vectors + 2
    if max_categories is not None:
        assert n_vectors <= max_categories
    codes = [vocabulary.encode(encode_values(objects([v])))[0] for v in vocabulary.categories]
    pooled = [code for code, rare in zip(codes, expected, strict=True) if rare]
    assert set(pooled) <= {vocabulary.infrequent_code}
    own = [code for code, rare in zip(codes, expected, strict=True) if not rare]
    assert own == list(range(1, len(own) + 1))


@pytest.mark.parametrize("share", [0.25, np.float32(0.25), np.float64(0.25)])
def test_a_share_of_the_rows_counts_missing_rows_too(share):
    values = ["a"] * 3 + ["b"] * 2 + [None] * 5
    assert learn(values, min_frequency=share).infrequent.tolist() == [False, True]


@pytest.mark.parametrize("least", [3, np.int64(3)])
def test_a_number_is_a_count(least):
    values = ["a"] * 3 + ["b"] * 2
    assert learn(values, min_frequency=least).infrequent.tolist() == [False, True]


# Given categories


def test_given_categories_are_all_kept_and_counted():
    given_values = objects(["z", "a", "m"])
    column = encode_values(objects(["a", "a", None, "x"]))
    vocabulary = learn_vocabulary(column, categories=given_values)
    assert vocabulary.categories.tolist() == ["a", "m", "z"]
    assert vocabulary.counts.tolist() == [2, 0, 0]
    assert vocabulary.encode(column).tolist() == [1, 1, 4, UNKNOWN]
    assert vocabulary.unknown_values(column).tolist() == ["x"]


def test_given_categories_that_were_not_seen_are_infrequent():
    column = encode_values(objects(["a", "a", "b"]))
    vocabulary = learn_vocabulary(column, categories=objects(["a", "b", "c"]), min_frequency=2)
    assert vocabulary.infrequent.tolist() == [False, True, True]


# Columns that share a vocabulary


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ([["b", None, "a"], ["c", "b"]], ["a", "b", "c"]),
        ([np.array([3, 1]), np.array([2.5, 3.0])], [1, 2.5, 3]),
        ([np.array([2**53 + 1]), np.array([float(2**53)])], [2**53, 2**53 + 1]),
        ([np.array([True, False]), np.array([2, 1])], [False, True, 2]),
        ([pd.Series(pd.Categorical(["b"], ["b", "x"])), np.array(["a"])], ["a", "b"]),
        ([["a"], [None, None]], ["a"]),
        ([["a", "b"]], ["a", "b"]),
    ],
)
def test_columns_below_each_other_are_one(columns, expected):
    coded = [encode_values(objects(c) if isinstance(c, list) else c) for c in columns]
    together = stack_columns(coded)
    vocabulary = learn_vocabulary(together)
    assert vocabulary.categories.tolist() == expected
    cells = [None if k < 0 else as_objects(c.values)[k] for c in coded for k in c.codes]
    assert vocabulary.encode(together).tolist() == encode(vocabulary, cells)
    assert vocabulary.counts.sum() == sum(cell is not None for cell in cells)


def test_one_column_alone_is_left_as_it_is():
    column = encode_values(objects(["b", None, "a"]))
    assert stack_columns([column]) is column


def test_missing_cells_of_columns_below_each_other_stay_missing():
    coded = [encode_values(objects(values)) for values in (["a", None], [None, "b"])]
    assert stack_columns(coded).codes.tolist() == [0, -1, -1, 1]


def test_dates_and_other_values_below_each_other_stay_what_they_are():
    """NumPy would make nanoseconds since 1970 of the dates."""
    coded = [encode_values(np.array(["2020-01-01"], "M8[ns]")), encode_values(objects(["x"]))]
    vocabulary = learn_vocabulary(stack_columns(coded))
    assert vocabulary.encode(coded[0]).tolist() == [1]
    assert vocabulary.encode(coded[1]).tolist() == [2]
    assert vocabulary.values_of_codes().tolist() == [None, pd.Timestamp("2020-01-01"), "x", None]


# More rows


def test_more_rows_are_counted_and_new_categories_take_their_place():
    vocabulary = learn(["b", "d", "d", None], min_frequency=2)
    column = encode_values(objects(["c", "b", None, "a", "c", "x"])).take(np.arange(5))
    grown = add_counts(vocabulary, column, may_grow=True)
    assert grown.categories.tolist() == ["a", "b", "c", "d"]
    assert grown.counts.tolist() == [1, 2, 2, 2]
    assert grown.infrequent.tolist() == [False, True, False, False]
    kept = add_counts(vocabulary, column, may_grow=False)
    assert kept.categories.tolist() == ["b", "d"]
    assert kept.counts.tolist() == [2, 2]
    assert kept.infrequent.tolist() == [True, False]
    assert vocabulary.counts.tolist() == [1, 2]


def test_codes_move_to_those_of_the_same_categories():
    before, now = learn(["b", "d"]), learn(["a", "b", "c", "d"])
    assert moved_codes(before, now).tolist() == [UNKNOWN, 2, 4, 5]


def test_infrequent_categories_are_pooled_afterwards_as_at_once():
    values = ["a"] * 5 + ["b"] + ["c"] * 3 + ["d"] * 2 + [None] * 9
    for rules in ({"min_frequency": 3}, {"min_frequency": 0.2}, {"max_categories": 2}):
        arguments = len(values), rules.get("min_frequency"), rules.get("max_categories")
        pooled = pool_infrequent(learn(values), *arguments)
        assert pooled.infrequent.tolist() == learn(values, **rules).infrequent.tolist()
        assert pooled.counts.tolist() == [5, 1, 3, 2]


@pytest.mark.parametrize(
    ("first", "more", "dtype", "expected"),
    [
        ([3, 1], [2.0, 3.0], np.int64, [1, 2, 3]),
        ([3, 1], [2.5], object, [1, 2.5, 3]),
        ([0.5], [2], np.float64, [0.5, 2.0]),
        ([0.5], [2**53 + 1], object, [0.5, 2**53 + 1]),
        ([0.5], ["a"], object, [0.5, "a"]),
        ([True], [2], object, [True, 2]),
        (["b"], ["a"], object, ["a", "b"]),
        ([], [2, 1], np.int64, [1, 2]),
    ],
)
def test_new_categories_are_of_the_type_that_holds_all(first, more, dtype, expected):
    start = encode_values(np.array(first) if first else objects([None]))
    grown = add_counts(learn_vocabulary(start), encode_values(np.array(more)), may_grow=True)
    assert grown.categories.tolist() == expected
    assert grown.categories.dtype == dtype
    assert [type(value) for value in as_objects(grown.categories)] == list(map(type, expected))


def test_moments_beyond_the_finer_unit_are_found_and_unknown():
    far, near = (
        np.array(days, dtype=f"M8[{unit}]")
        for unit, days in (
            ("us", ["2020-01-01", "9999-12-31"]),
            ("ns", ["2020-01-01", "2021-12-31"]),
        )
    )
    for known, wanted in ((far, near), (near, far)):
        vocabulary = learn_vocabulary(encode_values(known))
        assert vocabulary.find(encode_values(wanted).values).tolist() == [0, -1]
    long, short = np.array([10**15], dtype="m8[s]"), np.array([1, 10**9], dtype="m8[ns]")
    assert learn_vocabulary(encode_values(long)).find(short).tolist() == [-1, -1]


def test_columns_that_share_a_table_may_have_moments_of_two_units():
    columns = [
        encode_values(np.array([day], dtype=f"M8[{unit}]"))
        for day, unit in (("9999-12-31", "us"), ("2020-01-01", "ns"))
    ]
    assert list(stack_columns(columns).values) == [
        pd.Timestamp("9999-12-31"),
        pd.Timestamp("2020-01-01"),
    ]


# The way back


def test_values_of_codes_invert_the_codes():
    vocabulary = learn(["b", None, "a", "b"])
    assert vocabulary.values_of_codes().tolist() == [None, "a", "b", None]


def test_the_most_frequent_stands_for_the_infrequent():
    vocabulary = learn(["a"] * 5 + ["b"] + ["c"] * 3 + ["d"] * 2, min_frequency=4)
    assert vocabulary.values_of_codes().tolist() == [None, "a", "c", None]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_values_of_codes_are_dates_in_every_unit(unit):
    """NumPy would make nanoseconds since 1970 of some of them."""
    dates = np.array(["2020-02-01", "2020-01-01"], dtype=f"M8[{unit}]")
    values = learn_vocabulary(encode_values(dates)).values_of_codes()
    assert values.tolist() == [None, pd.Timestamp("2020-01-01"), pd.Timestamp("2020-02-01"), None]


@pytest.mark.parametrize("values", [[2, 1], [0.5, 0.25], [True, False], ["b", "a"], [(1,), (2,)]])
def test_values_of_codes_are_plain_objects(values):
    column = np.array(values) if not isinstance(values[0], tuple) else objects(values)
    result = learn_vocabulary(encode_values(column)).values_of_codes()[1:-1]
    assert result.tolist() == sorted(values)
    assert {type(value) for value in result} == {type(values[0])}


def test_positions_of_what_cannot_be_a_category():
    vocabulary = learn([1, 2])
    for value in ("1", None, float("nan"), 1.5, (1, 2), 10**40):
        assert vocabulary.position(value) == -1
    assert vocabulary.position(True) == vocabulary.position(1.0) == vocabulary.position(1) == 0


# Pickling


@pytest.mark.parametrize(
    "values",
    [
        ["b", "a", "c"],
        [3, 1, 2],
        [b"x", 1, "x"],
        [(1, 2), pd.Timestamp("2020-01-01", tz="Europe/Berlin")],
        [len, range(3)],
    ],
    ids=repr,
)
def test_a_pickle_holds_no_hash_map_and_finds_the_same(values):
    vocabulary = learn(values * 2, min_frequency=2)
    again = pickle.loads(pickle.dumps(vocabulary))
    assert isinstance(again, ColumnVocabulary)
    assert encode(again, [*values, None, "new"]) == encode(vocabulary, [*values, None, "new"])
    assert set(vocabulary.__getstate__()) == {"categories", "counts", "infrequent"}


@pytest.mark.parametrize("n_values", [1, 126, 127, 128, 32766, 32767])
def test_narrow_codes_have_room_for_one_more_than_the_last(n_values):
    codes = np.array([-1, 0, n_values - 1])
    narrow = Coded(np.arange(n_values), codes).narrowed().codes
    np.testing.assert_array_equal(narrow, codes)
    np.testing.assert_array_equal(narrow + 1, codes + 1)
    assert narrow.dtype.itemsize == 1 + (n_values > 127) + 2 * (n_values > 32767)


@pytest.mark.parametrize(
    ("values", "is_array"),
    [
        (np.array([3, 1]), True),
        (np.array([0.5, 1]), True),
        (np.array(["2020-01-01"], "M8[s]"), True),
        (objects(["b", "a"]), True),
        (objects([10**30, "a", 1]), True),
        (objects([len, "a"]), True),
        (objects([b"x", "a"]), False),
        (objects([(1, 2), "a"]), False),
    ],
    ids=repr,
)
def test_the_state_holds_an_array_of_what_skops_keeps_and_json_of_the_rest(values, is_array):
    vocabulary = learn_vocabulary(encode_values(values))
    kept = vocabulary.__getstate__()["categories"]
    assert isinstance(kept, np.ndarray) == is_array
    assert is_array or isinstance(kept, list)
