"""Labels around points: none covers another, and each is where it can be read."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skembed._placement import most_frequent, place_labels

AREA = np.array([[0.0, 0.0], [400.0, 300.0]])


def place(points, sizes, radii=3.0, anchors=None):
    points, sizes = np.array(points, dtype=float), np.array(sizes, dtype=float)
    anchors = np.arange(len(points)) if anchors is None else np.array(anchors)
    radii = np.broadcast_to(np.asarray(radii, dtype=float), len(points))
    return place_labels(anchors, points, radii, sizes, AREA)


def overlap(a, b):
    """Area that two boxes (x, y, width, height around the centre) share."""
    sides = [
        min(a[k] + a[k + 2] / 2, b[k] + b[k + 2] / 2)
        - max(a[k] - a[k + 2] / 2, b[k] - b[k + 2] / 2)
        for k in (0, 1)
    ]
    return max(sides[0], 0) * max(sides[1], 0)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 60))
def test_labels_touch_no_label_and_no_labelled_point_and_stay_inside(seed, n):
    rng = np.random.default_rng(seed)
    points = rng.uniform(-20, [420, 320], size=(n, 2))
    sizes = rng.uniform(5, [80, 20], size=(n, 2))
    radii = rng.uniform(1, 15, size=n)
    offsets = place(points, sizes, radii)
    shown = np.flatnonzero(np.isfinite(offsets).all(axis=1))
    boxes = {i: (*points[i] + offsets[i], *sizes[i]) for i in shown}
    discs = {i: (*points[i], 2 * radii[i], 2 * radii[i]) for i in shown}
    for i in shown:
        assert (points[i] + offsets[i] - sizes[i] / 2 >= AREA[0] - 1e-9).all()
        assert (points[i] + offsets[i] + sizes[i] / 2 <= AREA[1] + 1e-9).all()
        assert (points[i] >= AREA[0]).all() and (points[i] <= AREA[1]).all()
        others = [j for j in shown if j != i]
        assert sum(overlap(boxes[i], boxes[j]) for j in others) < 1e-6
        assert sum(overlap(boxes[i], discs[j]) for j in others) < 1e-6


def test_a_lone_label_stands_on_the_right_of_its_point():
    np.testing.assert_allclose(place([(200, 150)], [(40, 10)]), [(23, 0)])


@pytest.mark.parametrize(
    ("point", "offset"), [((395, 150), (-23, 0)), ((200, 298), (0, -8)), ((200, 2), (0, 8))]
)
def test_a_label_at_the_edge_moves_inwards(point, offset):
    np.testing.assert_allclose(place([point], [(40, 10)]), [offset])


def test_a_label_avoids_points_where_it_can():
    points = [(200, 150), (220, 150), (180, 150), (185, 150)]
    offset = place(points, [(40, 10)], anchors=[0])[0]
    np.testing.assert_allclose(offset, (0, 8))  # above: both sides hold points


def test_the_first_labels_win():
    # So wide a label fits above and below only.
    offsets = place([(200, 150)] * 3, [(390, 20)] * 3)
    np.testing.assert_allclose(offsets, [(0, 13), (0, -13), (np.nan, np.nan)])


def test_a_point_under_a_label_has_none():
    crowd = [(175, 150)] * 2 + [(200, 156)] * 2 + [(200, 144)] * 2
    points = [(200, 150), (225, 150), *crowd]
    offsets = place(points, [(50, 10)] * 2, radii=1, anchors=[0, 1])
    np.testing.assert_allclose(offsets, [(26, 0), (np.nan, np.nan)])


@pytest.mark.parametrize(
    ("annotate", "expected"),
    [
        (True, ["b", "a", "d", "c"]),
        (np.True_, ["b", "a", "d", "c"]),
        (False, []),
        (0, []),
        (2, ["b", "a"]),
        (np.int64(9), ["b", "a", "d", "c"]),
        (["c", "b"], ["b", "c"]),
        ([], []),
        (np.array(["d"]), ["d"]),
    ],
)
def test_most_frequent(annotate, expected):
    categories = np.array(["a", "b", "c", "d"])
    rows = most_frequent(annotate, categories, [5, 9, 1, 5])
    assert categories[rows].tolist() == expected


@pytest.mark.parametrize("annotate", [-1, "all", 2.5, None])
def test_what_else_is_annotated_is_refused(annotate):
    with pytest.raises(ValueError, match=r"'annotate' parameter must be a bool, an int"):
        most_frequent(annotate, ["a"], [1])


def test_annotated_categories_must_exist():
    with pytest.raises(ValueError, match=r"names \['x'\], which are not among the 2 categories"):
        most_frequent(["a", "x"], ["a", "b"], [1, 1])
