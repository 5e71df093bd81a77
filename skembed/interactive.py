"""Maps of categories as web pages (extra ``interactive``: plotly)."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

try:
    from plotly import graph_objects as go
    from plotly.colors import qualitative
except ImportError as error:
    raise ImportError(
        'skembed.interactive needs plotly, the extra "interactive": pip install plotly.'
    ) from error

from ._map import (
    CategoryMap,
    color_groups,
    color_reach,
    map_categories,
    point_areas,
    wrap_names,
)

__all__ = ["embedding_map"]

# From so many points on they are drawn by the graphics card.
_MANY_POINTS = 2000
# Rings: a grey point would be one in the middle of the scale.
_NO_VALUE = {"symbol": "circle-open", "color": "grey", "line": {"width": 1.5}}
# Letters in a line of the legend, for a wider one would leave the map a strip, and lines of it that
# are seen without scrolling.
_LEGEND_WIDTH, _LEGEND_LINES = 30, 16
# So many colours the template has; then it would begin anew.
_TEMPLATE_COLORS = 10
_PIXELS_PER_POINT = 4 / 3


def embedding_map(
    estimator: Any, feature: Any, *, projection: Any = "pca", color: Any = "auto"
) -> go.Figure:
    """Map of the categories of a column, with their names on hover.

    The map of :class:`skembed.plotting.EmbeddingDisplay` for a web page or a notebook: each
    category is a point whose area grows with the number of rows it was seen in. ``write_html`` of
    the figure gives one file that needs no connection.

    Parameters
    ----------
    estimator : EmbeddingEncoder, EmbeddingClassifier or EmbeddingRegressor
        A fitted one.
    feature : str or int
        Name or position of a categorical column.
    projection : {"pca", "tsne"} or transformer, default="pca"
        How vectors come into the plane: ``"pca"`` by the directions in which they differ most, with
        the share of the variance on the axes, ``"tsne"`` by neighbourhoods (with a fixed seed), or
        any transformer whose ``fit_transform`` gives two coordinates. Vectors of one coordinate are
        not projected but set against the number of rows.
    color : "auto", None, str, mapping or array-like, default="auto"
        ``"auto"`` takes the effect on the target if there is exactly one, None one colour. A name
        such as ``"effect"``, ``"effect_<class>"`` or ``"0"`` takes a coordinate of
        :meth:`~skembed.EmbeddingEncoder.embedding_frame`. A mapping or Series takes categories to
        numbers or up to 20 different names; what it does not hold is hollow. An array-like holds
        one such value per category, in the order of ``embedding_frame``.

    Returns
    -------
    figure : plotly.graph_objects.Figure
        One trace, or one for each name that ``color`` gives.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is another estimator.
    ValueError
        If there is no such column or it has fewer than two categories, or for a projection or
        colour that does not fit it.

    See Also
    --------
    skembed.plotting.EmbeddingDisplay : The same map as a picture, with names on it.

    Examples
    --------
    >>> from skembed import EmbeddingEncoder
    >>> from skembed.datasets import load_flights
    >>> from skembed.interactive import embedding_map
    >>> X, y = load_flights(return_X_y=True)
    >>> encoder = EmbeddingEncoder(task="regression", max_iter=2, random_state=0)
    >>> encoder = encoder.fit(X[["origin", "dest"]], y.clip(upper=120))
    >>> figure = embedding_map(encoder, "dest")
    >>> figure.data[0].hovertext[0]  # doctest: +ELLIPSIS
    '<b>ATL</b><br>1,561 rows<br>effect (standard deviations of the target): 0.1...'
    >>> figure.write_html("airports.html")  # doctest: +SKIP
    """
    mapped = map_categories(estimator, feature, projection, color)
    figure = go.Figure(_traces(mapped))
    figure.update_layout(
        title=_plain(str(mapped.feature)),
        template="plotly_white",
        margin={"l": 60, "r": 20, "t": 60, "b": 60},
        legend=_legend(mapped),
    )
    if len(figure.data) > _TEMPLATE_COLORS:
        figure.update_layout(colorway=qualitative.Dark24)
    figure.update_xaxes(title=_plain(mapped.axis_names[0]))
    figure.update_yaxes(title=_plain(mapped.axis_names[1]), type=mapped.y_scale)
    return figure


def _plain(text: str) -> str:
    """Text that is read neither as tags nor, where a page has MathJax, as formulas."""
    return escape(text).replace("$", "&#36;").replace("\n", "<br>")


def _legend(mapped: CategoryMap) -> dict[str, Any]:
    """Beside the map, or below it where the scale of numbers stands, which has the title then."""
    legend: dict[str, Any] = {"itemsizing": "constant"}
    if mapped.color is None or color_groups(mapped.color):
        return legend | {"title": {"text": _plain(mapped.color_name or "")}}
    return legend | {"orientation": "h", "yref": "container", "y": 0.01, "yanchor": "bottom"}


def _traces(mapped: CategoryMap) -> list[Any]:
    """Points in one trace, or in one for each name of their colours; hollow ones are the last."""
    if mapped.color is None:
        return [_trace(mapped, np.arange(len(mapped.categories)), {}, showlegend=False)]
    if groups := color_groups(mapped.color):
        names, color = groups
        n_lines = min(max(_LEGEND_LINES // len(names), 1), 3)
        labels = [_plain(name) for name in wrap_names(names, _LEGEND_WIDTH, n_lines)]
        # Of one trace alone plotly would show no legend.
        traces = [
            _trace(mapped, np.flatnonzero(color == k), {}, name=label, showlegend=True)
            for k, label in enumerate(labels)
        ]
    else:
        color = mapped.color
        known = np.flatnonzero(~np.isnan(color))
        marker = {"color": color[known], **_color_scale(mapped)}
        traces = [_trace(mapped, known, marker, showlegend=False)]
    if len(rest := np.flatnonzero(np.isnan(color))):
        traces.append(_trace(mapped, rest, _NO_VALUE, name="no value", showlegend=True))
    return traces


def _trace(mapped: CategoryMap, rows: NDArray[np.intp], marker: Any, **options: Any) -> Any:
    """Some of the categories as points."""
    kind = go.Scattergl if len(mapped.categories) > _MANY_POINTS else go.Scatter
    return kind(
        x=mapped.positions[rows, 0],
        y=mapped.positions[rows, 1],
        mode="markers",
        marker={
            "size": np.sqrt(point_areas(mapped.counts))[rows] * _PIXELS_PER_POINT,
            "opacity": 0.8,
            "line": {"width": 0.5, "color": "dimgrey"},
            **marker,
        },
        hovertext=[_hover(mapped, i) for i in rows],
        hoverinfo="text",
        **options,
    )


def _color_scale(mapped: CategoryMap) -> dict[str, Any]:
    """Both signs get two colours that meet at zero."""
    bar = {"title": {"text": _plain(mapped.color_name or ""), "side": "right"}}
    if reach := color_reach(mapped.color, mapped.counts):
        return {"colorscale": "RdBu_r", "cmin": -reach, "cmax": reach, "colorbar": bar}
    return {"colorscale": "Viridis", "colorbar": bar}


def _hover(mapped: CategoryMap, i: int) -> str:
    """What is told about a category; names may hold what would be read as tags."""
    lines = [f"<b>{_plain(str(mapped.categories[i]))}</b>", f"{mapped.counts[i]:,} rows"]
    value = None if mapped.color is None else mapped.color[i]
    if isinstance(value, str):
        lines.append(f"{_plain(mapped.color_name or 'group')}: {_plain(value)}")
    elif value is not None and np.isfinite(value):
        lines.append(f"{_plain(mapped.color_name or 'value')}: {value:,.4g}")
    return "<br>".join(lines)
