"""What is drawn: points, labels that can be read, axes, colour bars, curves."""

import importlib
import pickle
import sys
from itertools import combinations

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.ticker import FixedLocator, LogFormatterSciNotation
from sklearn.exceptions import NotFittedError

from skembed import EmbeddingEncoder
from skembed.datasets import load_employee_salaries
from skembed.plotting import EmbeddingDisplay, LossCurveDisplay

TITLE = "employee_position_title"


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def salaries():
    return load_employee_salaries().frame.iloc[:2500]


@pytest.fixture(scope="module")
def encoder(salaries):
    encoder = EmbeddingEncoder(max_iter=5, early_stopping=True, random_state=0)
    return encoder.fit(salaries[["division", TITLE]], salaries["current_annual_salary"])


@pytest.fixture
def display(encoder):
    return EmbeddingDisplay.from_estimator(encoder, TITLE, annotate=80)


def simple(n=3, **options):
    return EmbeddingDisplay(
        categories=[f"category {k}" for k in range(n)],
        positions=[[k, -k] for k in range(n)],
        counts=range(1, n + 1),
        **options,
    )


def drawn_boxes(display):
    """Label -> box in pixels of what can be seen, as drawn last."""
    display.figure_.canvas.draw()
    return {t.get_text(): t.get_window_extent() for t in display.text_ if t.get_visible()}


def assert_legible(display):
    boxes = drawn_boxes(display)
    for (a, box), (b, other) in combinations(boxes.items(), 2):
        assert not box.overlaps(other), (a, b)
    area = display.ax_.bbox
    for box in boxes.values():
        assert area.x0 <= box.x0 and box.x1 <= area.x1
        assert area.y0 <= box.y0 and box.y1 <= area.y1
    return boxes


# The map


def test_a_point_for_each_category(display, salaries):
    counts = salaries[TITLE].value_counts()
    assert set(display.categories) == set(counts.index)
    np.testing.assert_array_equal(display.scatter_.get_offsets(), display.positions)
    assert display.figure_ is display.ax_.figure
    assert display.scatter_ in display.ax_.collections
    sizes = pd.Series(display.scatter_.get_sizes(), display.categories)
    frequent = counts.index[:5]
    np.testing.assert_allclose(
        sizes[frequent] / sizes[frequent[0]], counts[frequent] / counts.iloc[0]
    )
    assert sizes.min() > 0


def test_axes_say_what_they_are(display):
    assert display.ax_.get_xlabel().startswith("PC 1 (")
    assert display.ax_.get_ylabel().startswith("PC 2 (")
    assert display.ax_.get_xlabel().endswith(" %)")
    assert display.ax_.get_title() == TITLE


def test_labels_do_not_overlap_and_the_most_frequent_has_one(display):
    boxes = assert_legible(display)
    assert len(boxes) >= 15
    assert display.categories[0] in boxes
    assert set(boxes) <= set(display.categories)


def test_a_label_is_beside_its_point(display):
    boxes = drawn_boxes(display)
    points = display.ax_.transData.transform(display.positions)
    pixels = display.figure_.dpi / 72
    radii = np.sqrt(display.scatter_.get_sizes()) / 2 * pixels
    for i, category in enumerate(display.categories):
        if category in boxes:
            box = boxes[category]
            nearest = np.clip(points[i], [box.x0, box.y0], [box.x1, box.y1])
            assert np.hypot(*(points[i] - nearest)) <= radii[i] + 3 * pixels


def test_labels_find_new_places_when_the_figure_changes(display):
    before = assert_legible(display)
    display.figure_.set_size_inches(16, 12)
    larger = assert_legible(display)
    assert len(larger) > len(before)
    display.ax_.set(xlim=(-0.5, 0.5), ylim=(-0.2, 0.2))
    zoomed = assert_legible(display)
    assert set(zoomed) - set(larger)
    shown = display.positions[[category in zoomed for category in display.categories]]
    assert (np.abs(shown) <= (0.5, 0.2)).all()  # none stays for what is out of sight


@pytest.mark.parametrize("suffix", ["pdf", "png"])
def test_saved_in_any_format(display, tmp_path, suffix):
    file = tmp_path / f"map.{suffix}"
    display.figure_.savefig(file, bbox_inches="tight", dpi=60)
    assert file.stat().st_size > 5_000
    assert_legible(display)


@pytest.mark.parametrize(("annotate", "n"), [(False, 0), (7, 7), (["Bus Operator"], 1)])
def test_annotate(encoder, annotate, n):
    display = EmbeddingDisplay.from_estimator(encoder, TITLE, annotate=annotate)
    labels = [text.get_text() for text in display.text_]
    assert len(labels) == n
    assert labels == (annotate if isinstance(annotate, list) else list(display.categories[:n]))
    assert_legible(display)


def test_names_are_no_formulas():
    display = simple()
    display.categories = ["$x_1", "$a$", "100 %"]
    assert set(drawn_boxes(display.plot())) == {"$x_1", "$a$", "100 %"}
    assert not any(text.get_parse_math() for text in display.text_)


def texts(display):
    """Everything but the labels of the points that is written in a picture, as drawn."""
    display.figure_.canvas.draw()
    written = display.figure_.findobj(matplotlib.text.Text)
    return {text.get_text(): text for text in written if text.get_text()}


def test_columns_and_groups_are_no_formulas(tmp_path):
    display = simple(
        feature="price_$_per_$",
        axis_names=("$x$", "$^$"),
        color=["$100-$200", "$_$", "a"],
        color_name="paid in $_$",
    ).plot()
    written = texts(display)
    for name in ("price_$_per_$", "$x$", "$^$", "$100-$200", "$_$", "paid in $_$"):
        assert not written[name].get_parse_math(), name
    numbers = simple(color=[1.0, 2.0, 3.0], color_name="paid in $_$").plot()
    assert not texts(numbers)["paid in $_$"].get_parse_math()
    display.figure_.savefig(tmp_path / "map.pdf")


@pytest.mark.parametrize(
    "given", [{"size": 14, "c": "red"}, {"fontsize": 14, "color": "red", "ha": "left"}]
)
def test_labels_may_be_styled_by_any_name(given):
    display = simple().plot(text_kw=given)
    assert {text.get_fontsize() for text in display.text_} == {14}
    assert {text.get_color() for text in display.text_} == {"red"}
    assert {text.get_horizontalalignment() for text in display.text_} == {"center"}
    assert_legible(display)


def test_given_axes_and_styles(encoder):
    figure, axes = plt.subplots(1, 2)
    display = EmbeddingDisplay.from_estimator(
        encoder,
        TITLE,
        ax=axes[1],
        scatter_kw={"s": 9, "cmap": "viridis", "vmin": -1, "vmax": 1},
        text_kw={"fontsize": 4, "color": "red"},
    )
    assert display.ax_ is axes[1] and display.figure_ is figure
    assert plt.get_fignums() == [figure.number]
    assert display.scatter_.get_sizes().tolist() == [9]
    assert display.scatter_.get_cmap().name == "viridis"
    assert display.scatter_.get_clim() == (-1, 1)
    assert {text.get_color() for text in display.text_} == {"red"}
    assert {text.get_fontsize() for text in display.text_} == {4}
    assert_legible(display)


def test_drawing_leaves_nothing_to_draw(display):
    display.figure_.canvas.draw()
    assert not display.figure_.stale  # else a window would be drawn for ever
    copy = pickle.loads(pickle.dumps(display.figure_))
    copy.canvas.draw()
    labels = [text.get_text() for text in copy.axes[0].texts if text.get_visible()]
    assert labels == list(drawn_boxes(display))


def test_drawn_again_on_other_axes(display):
    first = display.ax_
    assert display.plot(annotate=3) is display
    assert display.ax_ is not first and len(display.text_) == 3


def test_plain_data_is_enough():
    display = simple().plot()
    assert set(assert_legible(display)) == {"category 0", "category 1", "category 2"}
    assert display.text_[0].get_text() == "category 2"  # the most frequent
    assert display.colorbar_ is None
    assert display.ax_.get_title() == display.ax_.get_xlabel() == ""


def test_one_coordinate_against_rows(salaries):
    encoder = EmbeddingEncoder(embedding_dim=1, target_effect=False, max_iter=2, random_state=0)
    encoder.fit(salaries[[TITLE]], salaries["current_annual_salary"])
    display = EmbeddingDisplay.from_estimator(encoder, TITLE)
    assert display.ax_.get_xlabel() == f"{TITLE}_0"
    assert display.ax_.get_ylabel() == "rows"
    assert display.ax_.get_yscale() == "log"
    np.testing.assert_array_equal(display.scatter_.get_offsets()[:, 1], display.counts)
    assert_legible(display)


def labels_of(axis):
    """The numbers beside an axis, as drawn."""
    axis.figure.canvas.draw()
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    (low, high) = sorted(axis.get_view_interval())
    shown = [tick.label1 for tick in ticks if low <= tick.get_loc() <= high]
    return {text.get_text() for text in shown} - {""}


@pytest.mark.parametrize(
    ("counts", "scale", "expected"),
    [
        ([193, 192, 191], "log", {"191", "192", "193"}),
        ([5, 5, 5], "log", {"1", "10"}),
        ([20_000, 1000, 3], "log", {"10", "100", "1,000", "10,000"}),
        ([2, 1, 0], "linear", {"0", "1", "2"}),
    ],
)
def test_rows_are_whole_numbers(counts, scale, expected):
    display = EmbeddingDisplay(
        categories=["a", "b", "c"],
        positions=np.column_stack([[0.1, 0.2, 0.3], counts]),
        counts=counts,
        y_scale=scale,
    )
    assert labels_of(display.plot().ax_.yaxis) == expected


def test_other_logarithms_stay_as_they_are():
    display = EmbeddingDisplay(
        categories=["a", "b"], positions=[[0, 0.5], [1, 2.5]], counts=[3, 2], y_scale="log"
    ).plot()
    assert isinstance(display.ax_.yaxis.get_major_formatter(), LogFormatterSciNotation)


# Colours


def test_effects_meet_at_zero(display, encoder):
    effects = encoder.embedding_frame(TITLE)[f"{TITLE}_effect"].loc[display.categories]
    np.testing.assert_allclose(display.scatter_.get_array(), effects)
    low, high = display.scatter_.get_clim()
    assert low == -high < 0
    # A few are beyond what nearly all rows have, and the bar says so.
    assert effects.max() > high and display.colorbar_.extend == "max"
    within = np.repeat(effects.abs() <= high, display.counts).mean()
    assert 0.98 <= within < 1
    assert display.colorbar_.ax.get_ylabel() == "effect (standard deviations of the target)"


@pytest.mark.parametrize("name", ["c", "color"])
def test_a_color_that_is_given_is_that_of_all_points(name):
    display = simple(color=[1.0, 2.0, 3.0]).plot(scatter_kw={name: "red"})
    assert display.colorbar_ is None
    red = matplotlib.colors.to_rgba("red", 0.8)
    np.testing.assert_allclose(display.scatter_.get_facecolors(), [red])


@pytest.mark.parametrize("given", [{"edgecolor": "red", "linewidth": 2}, {"ec": "red", "lw": 2}])
def test_what_scatter_takes_may_have_any_of_its_names(given):
    points = simple(color=[1.0, 2.0, 3.0]).plot(scatter_kw=given).scatter_
    np.testing.assert_allclose(points.get_edgecolors(), [matplotlib.colors.to_rgba("red", 0.8)])
    assert points.get_linewidths() == [2]


def test_one_color(encoder):
    display = EmbeddingDisplay.from_estimator(encoder, TITLE, color=None)
    assert display.colorbar_ is None
    assert len(np.unique(display.scatter_.get_facecolors(), axis=0)) == 1
    assert len(display.figure_.axes) == 1


def test_numbers_of_ones_own(encoder, salaries):
    mean = salaries.groupby(TITLE)["current_annual_salary"].mean()
    display = EmbeddingDisplay.from_estimator(
        encoder, TITLE, color=mean, scatter_kw={"norm": "log"}
    )
    np.testing.assert_allclose(display.scatter_.get_array(), mean.loc[display.categories])
    assert isinstance(display.scatter_.norm, matplotlib.colors.LogNorm)
    assert display.colorbar_.ax.get_ylabel() == "current_annual_salary"
    assert display.colorbar_.extend == "neither"


@pytest.mark.parametrize(
    ("color", "given"),
    [
        ([-1.0, 0.0, 1.0, np.nan, np.nan], {}),
        ([-1.0, 0.0, 1.0, None, np.inf], {"vmin": -0.5, "vmax": 0.5, "s": 25}),
        (["a", "b", "a", None, np.nan], {"edgecolor": "none"}),
        ([0.5, 1.0, 2.0, 0.0, -1.0], {"norm": "log"}),
    ],
)
def test_what_has_no_value_is_hollow_and_said(color, given):
    display = simple(5, color=color).plot(scatter_kw=given)
    written = texts(display)
    assert "no value" in written
    faces = display.scatter_.get_facecolors()
    assert (faces[:, 3] > 0).tolist() == [True, True, True, False, False]
    points, rings = display.ax_.collections
    assert points is display.scatter_
    np.testing.assert_array_equal(rings.get_offsets(), display.positions[3:])
    sizes = np.resize(points.get_sizes(), 5)
    np.testing.assert_array_equal(rings.get_sizes(), sizes[3:])
    assert not len(rings.get_facecolors()) and (rings.get_edgecolors()[:, 3] == 1).all()
    # Below the colour bar with its arrow, and within the picture.
    box, picture = written["no value"].get_window_extent(), display.figure_.bbox
    bar = display.colorbar_.ax.bbox
    arrow = 0.05 * bar.height if display.colorbar_.extend == "both" else 0
    assert box.y1 < bar.y0 - arrow
    assert picture.y0 <= box.y0 and box.x1 <= picture.x1


def test_all_values_are_known():
    display = simple(color=[1.0, 2.0, 3.0]).plot()
    assert "no value" not in texts(display)
    assert display.ax_.collections[:] == [display.scatter_]


def test_an_arrow_stands_for_values_that_have_a_color():
    display = simple(color=[0.0, 1.0, 2.0]).plot(scatter_kw={"norm": "log"})
    assert display.colorbar_.extend == "neither"


@pytest.mark.parametrize("n", [2, 11, 20])
def test_names_have_a_color_each(n):
    names = [f"name {k:02}" for k in range(n)]
    display = simple(n + 2, color=[*names[::-1], names[0], None], color_name="kind").plot()
    display.figure_.canvas.draw()
    labels = [tick.get_text() for tick in display.colorbar_.ax.get_yticklabels()]
    assert labels == names
    assert display.colorbar_.ax.get_ylabel() == "kind"
    colors = display.scatter_.get_facecolors()
    assert len(np.unique(colors, axis=0)) == n + 1  # grey has no name
    np.testing.assert_array_equal(colors[n - 1], colors[n])
    bar = display.colorbar_
    np.testing.assert_array_equal(bar.cmap(bar.norm(0))[:3], colors[n, :3])


@pytest.mark.parametrize(
    ("cmap", "n", "expected"),
    [("viridis", 3, [0, 128, 255]), ("viridis", 1, [0]), ("Set2", 3, [0, 1, 2])],
)
def test_names_take_the_colors_of_a_given_map(cmap, n, expected):
    names = [f"name {k}" for k in range(n)]
    display = simple(n + 1, color=[*names, names[0]]).plot(scatter_kw={"cmap": cmap})
    display.figure_.canvas.draw()
    colors = plt.get_cmap(cmap)(expected)[:, :3]
    np.testing.assert_allclose(display.scatter_.get_facecolors()[:n, :3], colors)


LONG = "a very very long name of a group that does not fit beside the bar {}"


@pytest.mark.parametrize("n", [1, 3, 12, 20])
def test_long_names_leave_room_for_the_map(n):
    display = simple(20, color=[LONG.format(k % n) for k in range(20)]).plot()
    display.figure_.canvas.draw()
    assert display.ax_.bbox.width > 0.5 * display.figure_.bbox.width
    labels = display.colorbar_.ax.get_yticklabels()
    assert len({label.get_text() for label in labels}) == n
    assert not any(
        a.get_window_extent().overlaps(b.get_window_extent()) for a, b in combinations(labels, 2)
    )


def test_plain_names_are_enough():
    display = simple(color=["a", "b", "a"]).plot()
    assert display.scatter_.get_array().tolist() == [0, 1, 0]


def test_plain_data_are_read_as_those_of_an_estimator():
    numbers = simple(color=np.array([None, 1.0, 2], dtype=object)).plot()
    np.testing.assert_array_equal(
        np.ma.filled(numbers.scatter_.get_array(), np.nan), [np.nan, 1, 2]
    )
    named = simple(color=pd.Series(["a", pd.NA, "b"], index=list("xyz"))).plot()
    assert [tick.get_text() for tick in named.colorbar_.ax.get_yticklabels()] == ["a", "b"]
    series = EmbeddingDisplay(
        categories=pd.Series(["a", "b"], index=["x", "y"]),
        positions=[[0, 1], [1, 0]],
        counts=[1, 2],
    )
    assert [text.get_text() for text in series.plot().text_] == ["b", "a"]


# Errors


@pytest.mark.parametrize(
    ("n", "color", "words"),
    [
        (0, None, "at least two categories. Got 0"),
        (1, None, "at least two categories. Got 1"),
        (3, [np.nan] * 3, "gives no category a value"),
        (3, [None] * 3, "gives no category a value"),
        (3, [1.0, 2.0], r"one value per category, 3 .* Got shape \(2,\)"),
        (3, {"category 0": 1.0}, "one value per category"),
        (3, [10**400, 1, 1], "too large for a float"),
        (21, [f"name {k}" for k in range(21)], "at most 20 different names. Got 21"),
    ],
)
def test_plain_data_that_cannot_be_drawn(n, color, words):
    with pytest.raises(ValueError, match=words):
        EmbeddingDisplay(
            categories=[f"category {k}" for k in range(n)],
            positions=np.zeros((n, 2)),
            counts=np.ones(n),
            color=color,
        ).plot()
    assert not plt.get_fignums()


def test_places_that_are_none():
    display = simple()
    display.positions = [[0, 1], [np.nan, 0], [1, 1]]
    with pytest.raises(ValueError, match="positions must be finite"):
        display.plot()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"vmin": 0, "vmax": 1}, r"gives \['vmin', 'vmax'\], but the colours stand for names"),
        ({"norm": "log"}, r"gives \['norm'\], but"),
        ({"cmap": matplotlib.colors.ListedColormap(["red", "blue"])}, "2 colours for 3 names"),
    ],
)
def test_scales_that_names_do_not_have(given, words):
    with pytest.raises(ValueError, match=words):
        simple(color=["a", "b", "c"]).plot(scatter_kw=given)
    assert not plt.get_fignums()


def test_what_cannot_be_drawn(encoder):
    with pytest.raises(NotFittedError):
        EmbeddingDisplay.from_estimator(EmbeddingEncoder(), TITLE)
    with pytest.raises(TypeError, match="estimator must be a fitted EmbeddingEncoder"):
        EmbeddingDisplay.from_estimator("encoder", TITLE)
    with pytest.raises(ValueError, match="names the column 'city', which X does not have"):
        EmbeddingDisplay.from_estimator(encoder, "city")
    with pytest.raises(ValueError, match="'projection' parameter must be one of"):
        EmbeddingDisplay.from_estimator(encoder, TITLE, projection="umap")
    with pytest.raises(ValueError, match="'color' parameter must hold one value per category"):
        EmbeddingDisplay.from_estimator(encoder, TITLE, color=[1, 2])
    with pytest.raises(ValueError, match="'annotate' parameter names"):
        EmbeddingDisplay.from_estimator(encoder, TITLE, annotate=["Astronaut"])
    assert not plt.get_fignums()


def test_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    monkeypatch.delitem(sys.modules, "skembed.plotting")
    with pytest.raises(ImportError, match="pip install matplotlib"):
        importlib.import_module("skembed.plotting")


# Loss curves


def test_loss_curves(encoder):
    display = LossCurveDisplay.from_estimator(encoder)
    training, held_out = display.lines_
    epochs = np.arange(1, encoder.n_iter_ + 1)
    np.testing.assert_array_equal(training.get_data(), [epochs, encoder.loss_curve_])
    np.testing.assert_array_equal(
        held_out.get_data(), [epochs, -np.array(encoder.validation_scores_)]
    )
    assert display.lines_ == list(display.ax_.lines)
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("epoch", "loss")
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert legend == ["training", "held out"]
    assert display.figure_ is display.ax_.figure
    display.figure_.canvas.draw()
    assert all(tick == int(tick) for tick in display.ax_.get_xticks())


def test_loss_curve_without_held_out_rows():
    _, ax = plt.subplots()
    display = LossCurveDisplay(loss_curve=[3, 2, 1]).plot(ax, color="red", label="mine")
    assert display.ax_ is ax
    (line,) = display.lines_
    assert (line.get_color(), line.get_label()) == ("red", "mine")
    assert line.get_ydata().tolist() == [3, 2, 1]


def test_one_epoch_can_be_seen():
    display = LossCurveDisplay(loss_curve=[1.0], validation_scores=[-2.0]).plot()
    assert {line.get_marker() for line in display.lines_} == {"o"}
    assert labels_of(display.ax_.xaxis) == {"1"}
    (line,) = LossCurveDisplay(loss_curve=[1.0]).plot(marker="x").lines_
    assert line.get_marker() == "x"
    (line,) = LossCurveDisplay(loss_curve=[2.0, 1.0]).plot().lines_
    assert line.get_marker() == "None"


@pytest.mark.parametrize(
    ("base", "n", "expected"),
    [(10, 1, {"1", "10"}), (10, 4, {"1", "2", "3", "4"}), (2, 20, {"1", "2", "4", "8", "16"})],
)
def test_epochs_are_whole_on_a_logarithmic_axis(base, n, expected):
    _, ax = plt.subplots()
    ax.set_xscale("log", base=base)
    LossCurveDisplay(loss_curve=np.arange(n, 0.0, -1)).plot(ax)
    assert labels_of(ax.xaxis) == expected


def test_axes_with_ticks_of_ones_own():
    _, ax = plt.subplots()
    ax.xaxis.set_major_locator(FixedLocator([1.5]))
    LossCurveDisplay(loss_curve=[2, 1]).plot(ax)
    assert labels_of(ax.xaxis) == {"1.5"}


def test_no_loss_curve():
    X = [["a", "x"], ["b", "y"]] * 20
    with pytest.raises(ValueError, match="has no losses to draw"):
        LossCurveDisplay.from_estimator(EmbeddingEncoder(task="none").fit(X))
    with pytest.raises(NotFittedError):
        LossCurveDisplay.from_estimator(EmbeddingEncoder())
    with pytest.raises(TypeError, match="Got list instead"):
        LossCurveDisplay.from_estimator([])
