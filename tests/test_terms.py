"""Crossed codes against pandas' groups of tuples, and terms against a look-up by hand."""

import numpy as np
import pandas as pd
import pytest

from skembed._terms import Cross, Part, Term, cross_of

N_CODES = (5, 40, 3, 700)
NO_NUMBERS = np.empty((0, 0))


def categorical(n_codes=N_CODES):
    return [Part(f"c{j}", j, None, size) for j, size in enumerate(n_codes)]


def draw(n=600, n_codes=N_CODES, seed=0):
    rng = np.random.default_rng(seed)
    codes = [rng.integers(0, size, n) for size in n_codes]
    return np.stack(codes, axis=1).astype(np.int32)


def columns_of(codes):
    return list(codes.T)


@pytest.mark.parametrize("n_rows", [1, 20, 600, 5000])
@pytest.mark.parametrize("n_parts", [1, 2, 3, 4])
def test_codes_of_a_cross_are_groups_of_tuples(n_parts, n_rows):
    parts, codes = categorical()[:n_parts], draw(n_rows)[:, :n_parts]
    cross, own = cross_of(parts, columns_of(codes))
    if n_parts == 1:
        np.testing.assert_array_equal(own, codes[:, 0])
        assert cross.n_codes == N_CODES[0]
        return
    groups = pd.DataFrame(codes).groupby(list(range(n_parts)), sort=True).ngroup()
    np.testing.assert_array_equal(own, groups + 1)
    assert cross.n_codes == groups.max() + 2
    assert own.dtype == np.int32


@pytest.mark.parametrize("n_parts", [1, 2, 3, 4])
def test_the_same_rows_have_the_same_codes_later(n_parts):
    parts, codes = categorical()[:n_parts], draw()[:, :n_parts]
    cross, own = cross_of(parts, columns_of(codes))
    np.testing.assert_array_equal(cross.codes(codes, NO_NUMBERS), own)
    np.testing.assert_array_equal(cross.codes_of(columns_of(codes)), own)
    order = np.random.default_rng(1).permutation(len(codes))[:50]
    np.testing.assert_array_equal(cross.codes(codes[order], NO_NUMBERS), own[order])


@pytest.mark.parametrize("n_parts", [2, 3, 4])
def test_combinations_that_were_not_seen_have_the_code_0(n_parts):
    parts, codes = categorical()[:n_parts], draw()[:, :n_parts]
    cross, own = cross_of(parts, columns_of(codes))
    known = {tuple(row): code for row, code in zip(codes.tolist(), own.tolist(), strict=True)}
    new = draw(3000, seed=5)[:, :n_parts]
    expected = [known.get(tuple(row), 0) for row in new.tolist()]
    assert cross.codes(new, NO_NUMBERS).tolist() == expected
    assert {code > 0 for code in expected} == {True, False}


def test_an_unseen_beginning_is_unseen_whatever_follows():
    """The code 0 of an unseen pair is no code that a third part may meet."""
    codes = np.array([[0, 0, 0], [1, 1, 1], [1, 1, 0]], dtype=np.int32)
    cross, _ = cross_of(categorical((2, 2, 2)), columns_of(codes))
    new = np.array([[0, 1, 0], [1, 0, 0], [0, 1, 1], [0, 0, 1]], dtype=np.int32)
    assert cross.codes(new, NO_NUMBERS).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("n_codes", [1_000_000, 2**31 - 1])
def test_keys_of_many_large_columns_do_not_overflow(n_codes):
    """A key is the number of a seen combination, at most the rows, times the codes of one part."""
    n = 400
    rng = np.random.default_rng(2)
    codes = np.stack([n_codes - 1 - rng.integers(0, 40, n) for _ in range(4)], axis=1)
    codes = codes.astype(np.int32)
    cross, own = cross_of(categorical((n_codes,) * 4), columns_of(codes))
    groups = pd.DataFrame(codes).groupby(list(range(4)), sort=True).ngroup()
    np.testing.assert_array_equal(own, groups + 1)
    np.testing.assert_array_equal(cross.codes(codes, NO_NUMBERS), own)
    for keys in cross.keys:
        assert keys.dtype == np.int64
        assert keys.min() >= 0


@pytest.mark.parametrize("n_codes", [3, 1000])
def test_a_table_of_keys_and_sorting_them_give_the_same_codes(n_codes):
    """Few possible keys are found by a table, many by sorting: more rows change the way."""
    codes = draw(50, (n_codes, 3))
    cross, own = cross_of(categorical((n_codes, 3)), columns_of(codes))
    times = 1 + 3 * n_codes
    again, more = cross_of(categorical((n_codes, 3)), columns_of(np.tile(codes, (times, 1))))
    np.testing.assert_array_equal(more, np.tile(own, times))
    np.testing.assert_array_equal(again.keys[0], cross.keys[0])


def test_extending_a_cross_equals_learning_it_at_once():
    parts, columns = categorical(), columns_of(draw())
    pair, so_far = cross_of(parts[:2], columns[:2])
    extended, own = pair.extend(so_far, parts[2], columns[2])
    at_once, expected = cross_of(parts[:3], columns[:3])
    np.testing.assert_array_equal(own, expected)
    assert extended.parts == at_once.parts
    for keys, others in zip(extended.keys, at_once.keys, strict=True):
        np.testing.assert_array_equal(keys, others)


def test_numeric_parts_are_cut_at_their_edges():
    numbers = np.array([[-1.0, 5], [0, np.nan], [0.5, 7], [np.nan, 5]])
    part = Part.binned("size", 0, np.array([0.0, 1.0]))
    assert part.codes(np.empty((4, 0), dtype=np.int32), numbers).tolist() == [1, 2, 2, 4]
    assert part.n_codes == 5
    codes = np.array([[1], [1], [1], [2]], dtype=np.int32)
    shop = Part("shop", 0, None, 3)
    cross, own = cross_of([shop, part], [codes[:, 0], part.codes(codes, numbers)])
    assert own.tolist() == [1, 2, 2, 3]
    np.testing.assert_array_equal(cross.codes(codes, numbers), own)
    assert cross.name == ("shop", "size")
    assert Cross((part,)).name == "size"


def test_features_of_a_term_are_looked_up_by_code():
    codes = draw(100)[:, :2]
    cross, own = cross_of(categorical()[:2], columns_of(codes))
    rng = np.random.default_rng(3)
    effects, log_counts = rng.normal(size=(cross.n_codes, 2)), rng.random(cross.n_codes)
    for term, expected in (
        (Term(cross), []),
        (Term(cross, effects=effects), [effects[own, 0], effects[own, 1]]),
        (Term(cross, log_counts=log_counts), [log_counts[own]]),
        (Term(cross, effects, log_counts), [effects[own, 0], effects[own, 1], log_counts[own]]),
    ):
        found = term.features_of(term.cross.codes(codes, NO_NUMBERS))
        np.testing.assert_array_equal(found, expected)
        assert len(found) == len(expected)
