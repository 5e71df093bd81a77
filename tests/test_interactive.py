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
    assert unknown.marker.color == "lightgrey" and len(unknown.x) == 3


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
