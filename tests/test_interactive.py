"""Maps as web pages: points, what is told on hover, files that need no connection."""

import importlib
import re
import sys

import numpy as np
import pandas as pd
import pytest
from plotly import graph_objects as go
from sklearn.exceptions import NotFittedError

from skembed import EmbeddingEncoder
from skembed._map import map_categories
from skembed.interactive import embedding_map

CITIES = ["<i>Rome</i>", "Paris & Co", "Oslo", "Bonn", "Graz", "Lyon"]


@pytest.fixture(scope="module")
def encoder():
    rng = np.random.default_rng(0)
    k = rng.choice(6, size=300, p=[0.4, 0.2, 0.15, 0.1, 0.1, 0.05])
    X = pd.DataFrame({"city": np.array(CITIES)[k]})
    return EmbeddingEncoder(max_iter=3, random_state=0).fit(X, np.sin(k))


def test_points_are_those_of_the_picture(encoder):
    figure = embedding_map(encoder, "city")
    assert isinstance(figure, go.Figure)
    (trace,) = figure.data
    mapped = map_categories(encoder, "city", "pca", "auto")
    np.testing.assert_array_equal(np.column_stack([trace.x, trace.y]), mapped.positions)
    np.testing.assert_array_equal(trace.marker.color, mapped.color)
    assert trace.marker.cmin == -trace.marker.cmax < 0
    areas = np.square(trace.marker.size)
    np.testing.assert_allclose(areas / areas[0], mapped.counts / mapped.counts[0])
    assert figure.layout.xaxis.title.text == mapped.axis_names[0]
    assert figure.layout.yaxis.title.text == mapped.axis_names[1]
    assert figure.layout.title.text == "city"
    assert not trace.showlegend


def test_hover_tells_the_category(encoder):
    (trace,) = embedding_map(encoder, "city").data
    mapped = map_categories(encoder, "city", "pca", "auto")
    assert trace.hoverinfo == "text"
    effect = f"{mapped.color[0]:.4g}"
    assert trace.hovertext[0] == (
        f"<b>&lt;i&gt;Rome&lt;/i&gt;</b><br>{mapped.counts[0]} rows"
        f"<br>effect (standard deviations of the target): {effect}"
    )
    assert trace.hovertext[1].startswith("<b>Paris &amp; Co</b>")


def test_one_color(encoder):
    (trace,) = embedding_map(encoder, "city", color=None).data
    assert trace.marker.color is None
    assert trace.hovertext[0].endswith("rows")


def test_numbers_of_one_sign_and_unknown_ones(encoder):
    color = pd.Series({"Oslo": 4000.5, "Graz": 1.0, "Lyon": 2.0}, name="<people>")
    known, unknown = embedding_map(encoder, "city", color=color).data
    assert known.marker.color.tolist() == [4000.5, 1.0, 2.0]
    assert known.marker.cmin is None
    assert known.marker.colorbar.title.text == "&lt;people&gt;"
    assert known.hovertext[0].endswith("rows<br>&lt;people&gt;: 4,000")
    assert unknown.marker.symbol == "circle-open" and len(unknown.x) == 3


def test_the_legend_stands_below_a_color_bar(encoder):
    color = pd.Series({"Oslo": -3.0, "Graz": 1.0}, name="mean salary of the group")
    figure = embedding_map(encoder, "city", color=color)
    known, unknown = figure.data
    assert (known.showlegend, unknown.showlegend) == (False, True)
    legend = figure.layout.legend
    assert (legend.orientation, legend.yref, legend.yanchor) == ("h", "container", "bottom")
    assert legend.y < 0.05 and legend.title.text is None
    assert known.marker.colorbar.title.text == "mean salary of the group"


def test_one_name_has_a_legend(encoder):
    color = pd.Series(dict.fromkeys(CITIES, "town"), name="kind")
    figure = embedding_map(encoder, "city", color=color)
    (trace,) = figure.data
    assert trace.showlegend and trace.name == "town"
    assert figure.layout.legend.title.text == "kind"
    assert figure.layout.legend.orientation is None


def test_long_names_are_wrapped(encoder):
    name = "a very very long name of a group that does not fit beside the map {}"
    color = {city: name.format(k % 2) for k, city in enumerate(CITIES)}
    figure = embedding_map(encoder, "city", color=color)
    for k, trace in enumerate(figure.data):
        assert trace.name.replace("<br>", " ") == name.format(k)
        assert max(map(len, trace.name.split("<br>"))) <= 30
    assert figure.data[0].hovertext[0].endswith(f"group: {name.format(0)}")


def test_names_are_no_formulas():
    X = pd.DataFrame({"price_$_per_$": ["$a$", "$b$"] * 20})
    encoder = EmbeddingEncoder(max_iter=1, random_state=0).fit(X, np.arange(40.0))
    figure = embedding_map(encoder, "price_$_per_$", color=["$x$", "$y$"])
    assert "$" not in figure.to_json()
    assert figure.layout.title.text == "price_&#36;_per_&#36;"


@pytest.mark.parametrize("n", [10, 20])
def test_each_name_has_a_color_of_its_own(n):
    X = [[k] for k in range(20)] * 2
    encoder = EmbeddingEncoder(max_iter=1, random_state=0).fit(X, np.arange(40.0))
    figure = embedding_map(encoder, "x0", color=[f"name {k % n:02}" for k in range(20)])
    colors = figure.layout.colorway or figure.layout.template.layout.colorway
    assert len({*colors[:n]}) == n


def test_a_trace_for_each_name(encoder):
    color = {"Oslo": "north", "Graz": "south", "Lyon": "south"}
    figure = embedding_map(encoder, "city", projection="tsne", color=color)
    assert [(trace.name, len(trace.x)) for trace in figure.data] == [
        ("north", 1),
        ("south", 2),
        ("no value", 3),
    ]
    assert figure.data[0].hovertext[0].startswith("<b>Oslo</b>")
    assert figure.data[0].hovertext[0].endswith("group: north")
    assert figure.layout.xaxis.title.text == "t-SNE 1"


def test_one_coordinate_against_rows(encoder):
    flat = EmbeddingEncoder(embedding_dim=1, target_effect=False, max_iter=1, random_state=0)
    flat.fit(pd.DataFrame({"city": CITIES * 5}), np.arange(30.0))
    figure = embedding_map(flat, "city")
    assert figure.layout.yaxis.type == "log"
    assert figure.data[0].y.tolist() == [5] * 6


def test_many_points_are_drawn_by_the_graphics_card():
    X = [[k] for k in range(2001)]
    encoder = EmbeddingEncoder(max_iter=1, random_state=0).fit(X, np.arange(2001.0))
    (trace,) = embedding_map(encoder, "x0").data
    assert isinstance(trace, go.Scattergl)


def test_the_file_needs_no_connection(encoder, tmp_path):
    file = tmp_path / "map.html"
    embedding_map(encoder, "city").write_html(file)
    page = file.read_text(encoding="utf-8")
    assert len(page) > 1_000_000 and "Oslo" in page
    assert not re.findall(r"<(?:script|link)[^>]*(?:src|href)=", page)


def test_what_cannot_be_drawn(encoder):
    with pytest.raises(NotFittedError):
        embedding_map(EmbeddingEncoder(), "city")
    with pytest.raises(TypeError, match="estimator must be a fitted EmbeddingEncoder"):
        embedding_map(None, "city")
    with pytest.raises(ValueError, match="names the column 'town', which X does not have"):
        embedding_map(encoder, "town")
    with pytest.raises(ValueError, match="'projection' parameter must be one of"):
        embedding_map(encoder, "city", projection="umap")
    with pytest.raises(ValueError, match="'color' parameter must hold one value per category"):
        embedding_map(encoder, "city", color=[1, 2])


def test_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly", None)
    monkeypatch.delitem(sys.modules, "skembed.interactive")
    with pytest.raises(ImportError, match="pip install plotly"):
        importlib.import_module("skembed.interactive")
