"""Parts of pictures, drawn by the methods of the axes that are given: none needs a module of
matplotlib.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._map import MAX_GROUPS, color_groups, wrap_names

# A name is no formula, dollars or not.
PLAIN = {"parse_math": False}
# Categories without a value: a grey point would be one in the middle of the scale.
_RING = {"edgecolor": "dimgrey", "facecolor": "none", "linewidth": 1.2}
# Letters in a line beside the colour bar: a longer one would leave the map a strip.
_NAME_WIDTH = 24
# Points that a line is high.
_LINE_HEIGHT = 12.0


def figure_of(ax: Any) -> Any:
    """The figure that axes belong to."""
    if not hasattr(ax, "figure"):
        raise TypeError(f"ax must be axes of matplotlib. Got {type(ax).__name__} instead.")
    return ax.figure


def name_axes(ax: Any, names: tuple[str, str], title: Any) -> None:
    """Say what the coordinates are, and of what the map is."""
    ax.set_xlabel(names[0], **PLAIN)
    ax.set_ylabel(names[1], **PLAIN)
    ax.set_title("" if title is None else str(title), **PLAIN)


def group_colors(n: int, cmap: Any, given: dict[str, Any]) -> list[Any]:
    """A colour of the map ``cmap`` for each of ``n`` names; ``given`` is what a user wants."""
    if wrong := [name for name in ("norm", "vmin", "vmax") if given.get(name) is not None]:
        raise ValueError(
            f"The 'scatter_kw' parameter gives {wrong!r}, but the colours stand for names, which "
            "have no scale."
        )
    if cmap.N < n:
        raise ValueError(
            f"The 'scatter_kw' parameter gives a 'cmap' of {cmap.N} colours for {n} names."
        )
    # Short lists are made to be taken in turn; on scales neighbours look alike.
    step = 1.0 if cmap.N <= MAX_GROUPS else (cmap.N - 1) / max(n - 1, 1)
    return list(cmap((step * np.arange(n)).round().astype(int)))


def draw_colorbar(scatter: Any, values: NDArray[Any] | None, name: str | None) -> Any:
    """The scale of the colours if there are any, and rings for what has no place on it."""
    if values is None:
        return None
    color, (low, high), ax = scatter.get_array(), scatter.get_clim(), scatter.axes
    # A scale may have no place for some numbers, as a logarithmic one has none for 0.
    scaled = scatter.norm(np.ma.masked_invalid(color))
    bare = np.ma.getmaskarray(np.ma.masked_invalid(scaled))
    placed = np.asarray(color)[~bare]
    beyond = int((placed < low).any()) + 2 * int((placed > high).any())
    extend = ("neither", "min", "max", "both")[beyond]
    bar = ax.figure.colorbar(scatter, ax=ax, extend=extend)
    bar.set_label(name or "", **PLAIN)
    if groups := color_groups(values):
        names = groups[0]
        n_lines = ax.bbox.height * 72 / ax.figure.dpi / _LINE_HEIGHT
        labels = wrap_names(names, _NAME_WIDTH, int(np.clip(n_lines / len(names), 1, 3)))
        bar.set_ticks(range(len(names)), labels=labels, **PLAIN)
        bar.ax.tick_params(length=0)
        bar.ax.invert_yaxis()
    if bare.any():
        _draw_rings(scatter, bare, bar)
    return bar


def _draw_rings(scatter: Any, bare: NDArray[np.bool_], bar: Any) -> None:
    """Rings for categories without a colour, and below the colour bar what they mean."""
    places = np.asarray(scatter.get_offsets())[bare]
    sizes = np.resize(scatter.get_sizes(), len(bare))[bare]
    scatter.axes.scatter(*places.T, sizes, zorder=scatter.get_zorder(), **_RING)
    bar.ax.scatter([], [], 36, label="no value", **_RING)
    bar.ax.legend(
        loc="upper left",
        bbox_to_anchor=(0, -0.07 if bar.extend in ("min", "both") else -0.02),
        frameon=False,
        borderpad=0,
        borderaxespad=0,
        handlelength=1,
        handletextpad=0.5,
    )


def draw_curves(ax: Any, curves: dict[str, NDArray[np.float64]], given: dict[str, Any]) -> Any:
    """A line for each curve, from epoch 1 on; ``given`` is what a user wants."""
    lines = []
    for name, losses in curves.items():
        # There is no line through one point.
        style = {"label": name, "marker": "o" if len(losses) == 1 else None, **given}
        lines += ax.plot(np.arange(1, len(losses) + 1), losses, **style)
    ax.set(xlabel="epoch", ylabel="loss")
    ax.legend()
    return lines
