"""Records against what ``dataclasses.dataclass(frozen=True)`` makes of the same class."""

import pickle
from copy import copy
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace

import pytest

from skembed.nn._record import Record


class Point(Record):
    """A place."""

    x: int
    y: int = 2
    names: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.x + self.y


@dataclass(frozen=True)
class Reference:
    x: int
    y: int = 2
    names: list[str] = field(default_factory=list)


ARGUMENTS = [
    ((1,), {}),
    ((1, 3), {}),
    ((1, 3, ["a"]), {}),
    ((1,), {"names": ["a"], "y": 4}),
    ((), {"y": 4, "x": 0}),
]


@pytest.mark.parametrize(("values", "named"), ARGUMENTS)
def test_a_record_is_made_as_a_dataclass_is(values, named):
    ours, theirs = Point(*values, **named), Reference(*values, **named)
    assert [getattr(ours, f.name) for f in fields(ours)] == [
        getattr(theirs, f.name) for f in fields(theirs)
    ]
    assert repr(ours) == repr(theirs).replace("Reference", "Point")
    assert ours.total == theirs.x + theirs.y


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ((), {}),
        ((), {"y": 1}),
        ((1, 2, [], 4), {}),
        ((1,), {"x": 2}),
        ((1,), {"x": 2, "y": 3}),
        ((1,), {"z": 2}),
        ((1, 2, []), {"z": 2}),
    ],
)
def test_wrong_arguments_are_refused_as_a_dataclass_does(values, named):
    with pytest.raises(TypeError):
        Reference(*values, **named)
    with pytest.raises(TypeError, match=r"Point takes each of x, y, names once\. Got \d by pos"):
        Point(*values, **named)


def test_a_record_is_frozen():
    point = Point(1)
    with pytest.raises(FrozenInstanceError, match="'x'"):
        point.x = 5
    with pytest.raises(FrozenInstanceError, match="'x'"):
        del point.x
    assert point.x == 1


def test_a_default_is_made_anew():
    one, other = Point(1), Point(1)
    one.names.append("a")
    assert other.names == []


def test_equal_values_make_equal_records():
    assert Point(1, 2) == Point(1)
    assert Point(1, 2) != Point(1, 3)
    assert Point(1, 2, []) != Reference(1, 2, [])
    assert len({Point(1, 2, ()), Point(1, 2, ()), Point(1, 3, ())}) == 2
    with pytest.raises(TypeError, match="unhashable"):
        hash(Point(1, 2, []))


def test_a_record_is_copied_pickled_and_replaced():
    point = Point(1, names=["a"])
    assert copy(point) == point == pickle.loads(pickle.dumps(point))
    assert replace(point, x=3) == Point(3, 2, ["a"])
    with pytest.raises(TypeError, match="z"):
        replace(point, z=3)
