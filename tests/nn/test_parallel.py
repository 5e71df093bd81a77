"""Two functions at the same time: both results, and no thread left behind."""

import threading

import pytest

from skembed.nn import _parallel
from skembed.nn._parallel import Pair, in_halves, n_processors, slices


@pytest.fixture(params=[1, 2])
def pair(request, monkeypatch):
    monkeypatch.setattr(_parallel, "n_processors", lambda: request.param)
    pair = Pair()
    yield pair
    pair.close()


def test_both_results_come_back_in_order(pair):
    assert pair(lambda: "first", lambda: "second") == ("first", "second")


def test_with_two_processors_both_run_at_the_same_time(monkeypatch):
    monkeypatch.setattr(_parallel, "n_processors", lambda: 2)
    pair, meeting = Pair(), threading.Barrier(2, timeout=30)
    assert sorted(pair(meeting.wait, meeting.wait)) == [0, 1]
    pair.close()


@pytest.mark.parametrize("failing", [0, 1])
def test_an_error_of_either_is_raised_after_both_have_ended(pair, failing):
    ended = []

    def work(number):
        if number == failing:
            raise KeyboardInterrupt
        ended.append(number)

    with pytest.raises(KeyboardInterrupt):
        pair(lambda: work(0), lambda: work(1))
    assert ended == [1 - failing] or (failing == 0 and ended == [])


def test_no_thread_is_left(monkeypatch):
    monkeypatch.setattr(_parallel, "n_processors", lambda: 2)
    before = threading.active_count()
    pair = Pair()
    pair(int, int)
    assert threading.active_count() == before + 1
    pair.close()
    assert threading.active_count() == before


@pytest.mark.parametrize(
    ("variable", "expected"), [("1", 1), ("1,4", 1), ("999", None), ("", None), ("0", None)]
)
def test_processors_are_those_of_the_process_and_limited_by_the_user(
    variable, expected, monkeypatch
):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    available = n_processors()
    assert available >= 1
    monkeypatch.setenv("OMP_NUM_THREADS", variable)
    assert n_processors() == (expected or available)


@pytest.mark.parametrize("n_processors", [1, 2])
def test_halves_are_all_rows_and_do_not_depend_on_the_machine(n_processors, monkeypatch):
    monkeypatch.setattr(_parallel, "n_processors", lambda: n_processors)
    monkeypatch.setattr(_parallel, "_FEW_ROWS", 5)
    assert in_halves(lambda rows: rows, 7) == [slice(0, 3), slice(3, 7)]
    assert in_halves(lambda rows: rows, 4) == [slice(0, 4)]
    assert in_halves(lambda rows: rows, 0) == [slice(0, 0)]


def test_slices_follow_each_other():
    assert list(slices(slice(3, 8), 2)) == [slice(3, 5), slice(5, 7), slice(7, 8)]
    assert not list(slices(slice(3, 3), 2))
