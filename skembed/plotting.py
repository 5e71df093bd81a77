"""Pictures of learned vectors and of their training (extra ``plot``: matplotlib)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

try:
    import matplotlib.pyplot as plt
    from matplotlib import cbook, patheffects
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.colors import BoundaryNorm, CenteredNorm, ListedColormap
    from matplotlib.text import Text
    from matplotlib.ticker import LogFormatter, MaxNLocator
except ImportError as error:
    raise ImportError(
        'skembed.plotting needs matplotlib, the extra "plot": pip install matplotlib.'
    ) from error

from . import _drawing, _map
from ._placement import most_frequent, place_labels

__all__ = ["EmbeddingDisplay", "LossCurveDisplay"]


class EmbeddingDisplay:
    """Map of the categories of a column.

    Each category is a point; the area grows with the number of rows it was seen in. The most
    frequent categories are written beside their points, wherever a label covers no other. Places
    are found anew whenever the figure is drawn: zooming in or a larger figure shows more labels.

    Most often made by :meth:`from_estimator`.

    Parameters
    ----------
    categories : array-like of shape (n_categories,)
        What the points stand for.
    positions : array-like of shape (n_categories, 2)
        Where they lie.
    counts : array-like of shape (n_categories,)
        Rows of each category.
    axis_names : tuple of two str, default=("", "")
        What the two coordinates are.
    feature : str, optional
        Name of the column, for the title.
    color : array-like of shape (n_categories,), optional
        Numbers for a colour bar, or up to 20 different names for one colour each; None or NaN where
        unknown, which is drawn hollow.
    color_name : str, optional
        What ``color`` is.
    y_scale : {"linear", "log"}, default="linear"
        Scale of the second axis.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes with the map.
    figure_ : matplotlib.figure.Figure
        Figure that holds the axes.
    scatter_ : matplotlib.collections.PathCollection
        The points, in the order of ``categories``.
    text_ : list of matplotlib.text.Text
        Labels, most frequent category first. Those without room are made invisible when the figure
        is drawn.
    colorbar_ : matplotlib.colorbar.Colorbar or None
        What the colours mean.

    See Also
    --------
    skembed.interactive.embedding_map : The same map as a web page, with names on hover.

    Examples
    --------
    >>> from skembed import EmbeddingEncoder
    >>> from skembed.datasets import load_flights
    >>> from skembed.plotting import EmbeddingDisplay
    >>> X, y = load_flights(return_X_y=True)
    >>> encoder = EmbeddingEncoder(task="regression", max_iter=2, random_state=0)
    >>> encoder = encoder.fit(X[["origin", "dest"]], y.clip(upper=120))
    >>> display = EmbeddingDisplay.from_estimator(encoder, "dest", annotate=30)
    >>> display.categories[:3]
    array(['ATL', 'LAX', 'ORD'], dtype=object)
    >>> display.figure_.savefig("airports.png")  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        categories: ArrayLike,
        positions: ArrayLike,
        counts: ArrayLike,
        axis_names: tuple[str, str] = ("", ""),
        feature: Any = None,
        color: ArrayLike | None = None,
        color_name: str | None = None,
        y_scale: str = "linear",
    ) -> None:
        self.categories = categories
        self.positions = positions
        self.counts = counts
        self.axis_names = axis_names
        self.feature = feature
        self.color = color
        self.color_name = color_name
        self.y_scale = y_scale

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        feature: Any,
        *,
        projection: Any = "pca",
        color: Any = "auto",
        annotate: bool | int | Sequence[Any] = True,
        scatter_kw: dict[str, Any] | None = None,
        text_kw: dict[str, Any] | None = None,
        ax: Axes | None = None,
    ) -> EmbeddingDisplay:
        """Draw the vectors of a column that an estimator has learned.

        Parameters
        ----------
        estimator : EmbeddingEncoder, EmbeddingClassifier or EmbeddingRegressor
            A fitted one.
        feature : str or int
            Name or position of a categorical column.
        projection : {"pca", "tsne"} or transformer, default="pca"
            How vectors come into the plane: ``"pca"`` by the directions in which they differ most,
            with the share of the variance on the axes, ``"tsne"`` by neighbourhoods (with a fixed
            seed), or any transformer whose ``fit_transform`` gives two coordinates. Vectors of one
            coordinate are not projected but set against the number of rows.
        color : "auto", None, str, mapping or array-like, default="auto"
            ``"auto"`` takes the effect on the target if there is exactly one, None one colour. A
            name such as ``"effect"``, ``"effect_<class>"`` or ``"0"`` takes a coordinate of
            :meth:`~skembed.EmbeddingEncoder.embedding_frame`. A mapping or Series takes categories
            to numbers or up to 20 different names; what it does not hold is hollow. An array-like
            holds one such value per category, in the order of ``embedding_frame``.
        annotate : bool, int or list, default=True
            Which categories are written where there is room: all (the 1000 most frequent), none,
            so many of the most frequent, or these.
        scatter_kw : dict, optional
            Passed on to :meth:`matplotlib.axes.Axes.scatter`, such as ``cmap``, ``norm``, ``s``.
        text_kw : dict, optional
            Passed on to :meth:`matplotlib.axes.Axes.annotate`, such as ``fontsize``.
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        display : EmbeddingDisplay
            Categories, positions, counts and colours with the most frequent category first.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        TypeError
            If it is another estimator.
        ValueError
            If there is no such column or it has fewer than two categories, or for a projection,
            colour or annotation that does not fit it.
        """
        mapped = _map.map_categories(estimator, feature, projection, color)
        display = cls(**vars(mapped))
        return display.plot(ax, annotate=annotate, scatter_kw=scatter_kw, text_kw=text_kw)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        annotate: bool | int | Sequence[Any] = True,
        scatter_kw: dict[str, Any] | None = None,
        text_kw: dict[str, Any] | None = None,
    ) -> EmbeddingDisplay:
        """Draw the map.

        Parameters
        ----------
        ax, annotate, scatter_kw, text_kw
            As in :meth:`from_estimator`.

        Returns
        -------
        display : EmbeddingDisplay
            This object.
        """
        _map.check_map(self.categories, self.positions, self.counts, self.axis_names)
        color = _map.read_given_color(self.color, len(self.categories))
        rows = most_frequent(annotate, self.categories, self.counts)
        words = cbook.normalize_kwargs(text_kw, Text)
        given = cbook.normalize_kwargs(scatter_kw, PathCollection)
        if {"c", "color"} & given.keys():
            color = None
        if color is not None:
            given = self._color_style(color, given)
        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        self.ax_, self.figure_ = ax, _drawing.figure_of(ax)
        style: dict[str, Any] = {"s": _map.point_areas(self.counts), "alpha": 0.8}
        style |= {"linewidth": 0.5, "edgecolor": ax.get_facecolor()}
        positions, names = np.asarray(self.positions), [str(name) for name in self.categories]
        self.scatter_ = ax.scatter(*positions.T, **style | given)
        self.colorbar_ = _drawing.draw_colorbar(self.scatter_, color, self.color_name)
        ax.margins(0.08)
        _drawing.name_axes(ax, self.axis_names, self.feature)
        ax.set_yscale(self.y_scale)
        if np.array_equal(positions[:, 1], self.counts):
            _show_whole_numbers(ax.yaxis)
        self.text_ = [self._write(names[i], tuple(positions[i]), words) for i in rows]
        ax.add_artist(_Placing(self.scatter_, self.text_, rows))
        return self

    def _color_style(self, color: NDArray[Any], given: dict[str, Any]) -> dict[str, Any]:
        """What ``scatter`` needs for the colours, with what a user has given."""
        if groups := _map.color_groups(color):
            names, color = groups
            cmap = plt.get_cmap(given.get("cmap") or ("tab10" if len(names) <= 10 else "tab20"))
            # A list: to matplotlib 3.8 a tuple of two is a colour with its opacity.
            style = {"cmap": ListedColormap(_drawing.group_colors(len(names), cmap, given))}
            style["norm"] = BoundaryNorm(np.arange(len(names) + 1) - 0.5, len(names))
            style = given | style
        else:
            # Scales have pale colours: they need an edge.
            style = {"cmap": "viridis", "edgecolor": "dimgrey", "linewidth": 0.3}
            if reach := _map.color_reach(color, self.counts):
                style["cmap"] = "coolwarm"
                if not {"vmin", "vmax"} & given.keys():
                    style["norm"] = CenteredNorm(halfrange=reach)
            style |= given
        # Without a value there is but the ring.
        style["cmap"] = plt.get_cmap(style["cmap"]).with_extremes(bad="none")
        return {"c": color, "plotnonfinite": True, **style}

    def _write(self, name: str, position: tuple[float, ...], text_kw: dict[str, Any]) -> Text:
        """The label of a category, still without its place."""
        halo = patheffects.withStroke(linewidth=2, foreground=self.ax_.get_facecolor(), alpha=0.7)
        style = {"fontsize": "small", "path_effects": [halo], **_drawing.PLAIN, **text_kw}
        style |= dict.fromkeys(["horizontalalignment", "verticalalignment"], "center")
        style |= {"xytext": (0, 0), "textcoords": "offset points"}
        text = self.ax_.annotate(name, position, **style)
        text.set_in_layout(False)
        return text


def _show_whole_numbers(axis: Any) -> None:
    """Have the numbers beside an axis whole, unless a user has chosen where they are."""
    if isinstance(axis.get_major_formatter(), LogFormatter):
        base = axis.get_transform().base
        axis.set_major_formatter(_WholeNumbers(base))
        axis.set_minor_formatter(_WholeNumbers(base))
    elif isinstance(locator := axis.get_major_locator(), MaxNLocator):
        locator.set_params(integer=True, min_n_ticks=1)


class _WholeNumbers(LogFormatter):
    """Whole numbers on a logarithmic axis, written as such; ticks between them have none."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        whole = np.isclose(x, round(x), rtol=1e-9, atol=0)
        return f"{x:,.0f}" if whole and super().__call__(x, pos) else ""


class _Placing(Artist):
    """Places labels when they are drawn, for only then is known how large things are."""

    def __init__(self, scatter: PathCollection, texts: list[Text], rows: NDArray[np.intp]) -> None:
        super().__init__()
        self.set_in_layout(False)
        self._scatter = scatter
        self._texts = texts
        self._rows = rows
        # Just before the labels.
        self.set_zorder(min((text.get_zorder() for text in texts), default=1) - 0.5)

    def draw(self, renderer: Any) -> None:
        """Move the labels, and hide those without room."""
        pixels = renderer.points_to_pixels(1.0)
        transform = self._scatter.get_offset_transform()
        points = transform.transform(np.asarray(self._scatter.get_offsets()))
        radii = np.resize(np.sqrt(self._scatter.get_sizes()) / 2, len(points)) * pixels
        for text in self._texts:
            text.set_visible(True)  # what is hidden has no size
        sizes = [Text.get_window_extent(text, renderer).size for text in self._texts]
        # A little air between any two.
        sizes = np.reshape(sizes, (-1, 2)) + 2 * pixels
        area = self.axes.bbox.get_points()
        offsets = place_labels(self._rows, points, radii, sizes, area)
        for text, offset in zip(self._texts, offsets / pixels, strict=True):
            text.set_visible(bool(np.isfinite(offset).all()))
            if text.get_visible():
                text.set_position(tuple(offset))


class LossCurveDisplay:
    """Loss of each epoch of a training, most often made by :meth:`from_estimator`.

    Parameters
    ----------
    loss_curve : array-like of shape (n_epochs,)
        Mean training loss of each epoch.
    validation_scores : array-like of shape (n_epochs,), optional
        Minus the held-out loss of each epoch.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes with the curves.
    figure_ : matplotlib.figure.Figure
        Figure that holds the axes.
    lines_ : list of matplotlib.lines.Line2D
        The curve of the training loss, and that of the held-out loss if there is one.

    Examples
    --------
    >>> from skembed import EmbeddingEncoder
    >>> from skembed.datasets import load_employee_salaries
    >>> from skembed.plotting import LossCurveDisplay
    >>> X, y = load_employee_salaries(return_X_y=True)
    >>> encoder = EmbeddingEncoder(early_stopping=True, max_iter=3, random_state=0)
    >>> encoder = encoder.fit(X[["division", "employee_position_title"]], y)
    >>> display = LossCurveDisplay.from_estimator(encoder)
    >>> [line.get_label() for line in display.lines_]
    ['training', 'held out']
    """

    def __init__(
        self, *, loss_curve: ArrayLike, validation_scores: ArrayLike | None = None
    ) -> None:
        self.loss_curve = loss_curve
        self.validation_scores = validation_scores

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, ax: Axes | None = None, **kwargs: Any
    ) -> LossCurveDisplay:
        """Draw the losses of an estimator's training.

        Parameters
        ----------
        estimator : EmbeddingEncoder, EmbeddingClassifier or EmbeddingRegressor
            A fitted one. Where it has trained several networks, losses are their means.
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure by default.
        **kwargs
            Passed on to :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : LossCurveDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        TypeError
            If it is another estimator.
        ValueError
            If it has trained no network (``task="none"``).
        """
        _map.check_estimator(estimator)
        if not len(estimator.loss_curve_):
            raise ValueError(
                f"This {type(estimator).__name__} has no losses to draw: its vectors were learned "
                "without a network, as with task='none'."
            )
        display = cls(
            loss_curve=estimator.loss_curve_, validation_scores=estimator.validation_scores_
        )
        return display.plot(ax, **kwargs)

    def plot(self, ax: Axes | None = None, **kwargs: Any) -> LossCurveDisplay:
        """Draw the curves.

        Parameters
        ----------
        ax, **kwargs
            As in :meth:`from_estimator`.

        Returns
        -------
        display : LossCurveDisplay
            This object.
        """
        curves = _map.read_curves(self.loss_curve, self.validation_scores)
        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        self.ax_, self.figure_ = ax, _drawing.figure_of(ax)
        self.lines_ = _drawing.draw_curves(ax, curves, kwargs)
        _show_whole_numbers(ax.xaxis)
        return self
