"""Where the categories of a column lie in a plane: what a picture shows, without a library that
draws.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.utils.validation import check_is_fitted

from ._frames import as_objects, find_missing
from ._vectors import LearnedVectors
from .nn._record import Record

# Name on the axes, and the transformer for so many categories.
_PROJECTIONS: dict[str, tuple[str, Callable[[int], Any]]] = {
    "pca": ("PC", lambda n: PCA(n_components=2, svd_solver="full")),
    "tsne": ("t-SNE", lambda n: TSNE(perplexity=min(30.0, (n - 1) / 3), random_state=0)),
}

# Colours that can be told apart.
MAX_GROUPS = 20
# Colours on both sides of zero reach what so many of the rows have: a few outliers would make all
# else pale.
_COLORED_SHARE = 0.98
# What is smaller than this part of the spread is rounding, not a place.
_ROUNDING = 1e-9
# Areas of the most frequent category, and of what can still be seen.
_LARGEST, _SMALLEST = 400.0, 6.0


class CategoryMap(Record):
    """The categories of a column in a plane, the most frequent first."""

    categories: NDArray[Any]
    positions: NDArray[np.float64]
    counts: NDArray[np.int64]
    axis_names: tuple[str, str]
    feature: Any
    # Floats, NaN where unknown, or strings, None where unknown.
    color: NDArray[Any] | None
    color_name: str | None
    y_scale: str


def check_estimator(estimator: Any) -> None:
    """Raise unless this is a fitted estimator of the package."""
    if not isinstance(estimator, LearnedVectors):
        raise TypeError(
            "estimator must be a fitted EmbeddingEncoder, EmbeddingClassifier or "
            f"EmbeddingRegressor. Got {type(estimator).__name__} instead; of a Pipeline or "
            "ColumnTransformer give the fitted step."
        )
    check_is_fitted(estimator)


def check_map(categories: Any, positions: Any, counts: Any, axis_names: Any) -> None:
    """Refuse what is not one point and one count per category."""
    n = len(categories)
    if np.shape(positions) != (n, 2) or np.shape(counts) != (n,) or len(axis_names) != 2:
        raise ValueError(
            f"For {n} categories, positions must have shape ({n}, 2), counts ({n},), and "
            f"axis_names hold two names. Got {np.shape(positions)}, {np.shape(counts)} and "
            f"{axis_names!r}."
        )
    if n < 2:
        raise ValueError(f"A map needs at least two categories. Got {n}.")
    if not np.isfinite(np.asarray(positions, dtype=np.float64)).all():
        raise ValueError("positions must be finite numbers.")


def read_given_color(color: Any, n: int) -> NDArray[Any] | None:
    """One value for each of ``n`` categories as :class:`CategoryMap` has them."""
    if color is None:
        return None
    given = np.asarray(color, dtype=object)
    if given.shape != (n,):
        raise ValueError(
            f"The 'color' parameter must hold one value per category, {n} in their order. "
            f"Got shape {given.shape}."
        )
    values = _read_values(given)
    if find_missing(values).all():
        raise ValueError("The 'color' parameter gives no category a value. Give None for none.")
    return values


def read_curves(loss_curve: Any, validation_scores: Any) -> dict[str, NDArray[np.float64]]:
    """The losses of each kind by what they are."""
    curves = {"training": _read_curve("loss_curve", loss_curve)}
    if validation_scores is not None:
        curves["held out"] = -_read_curve("validation_scores", validation_scores)
    return curves


def _read_curve(name: str, values: Any) -> NDArray[np.float64]:
    """One number per epoch."""
    try:
        curve = np.asarray(values)
    except ValueError:  # sequences that differ in length
        curve = np.empty((0, 0))
    if curve.ndim != 1 or not curve.size or curve.dtype.kind not in "iuf":
        raise ValueError(f"{name} must hold one number per epoch. Got {values!r} instead.")
    return curve.astype(np.float64)


def map_categories(estimator: Any, feature: Any, projection: Any, color: Any) -> CategoryMap:
    """Lay the categories of a column out in a plane.

    A table of one coordinate needs no projection: it is set against the rows of each category.
    """
    check_estimator(estimator)
    frame = estimator.embedding_frame(feature)
    name = frame.index.name
    counts = estimator._vocabularies[estimator._position(feature)].counts
    if len(frame) < 2:
        raise ValueError(f"Column {name!r} has one category. A map needs at least two.")
    vectors, y_scale = frame.to_numpy(dtype=np.float64), "linear"
    if vectors.shape[1] > 1:
        positions, axis_names = _project(vectors, projection)
    else:
        positions, axis_names = np.column_stack([vectors, counts]), (frame.columns[0], "rows")
        y_scale = "log" if counts.all() else "linear"
    values, color_name = _read_color(color, frame)
    order = np.argsort(-counts, kind="stable")
    return CategoryMap(
        as_objects(frame.index.to_numpy())[order],
        positions[order],
        counts[order],
        axis_names,
        name,
        None if values is None else values[order],
        color_name,
        y_scale,
    )


def _project(vectors: NDArray[np.float64], projection: Any) -> tuple[NDArray[Any], tuple[str, str]]:
    """Vectors in a plane, and the names of its axes."""
    if isinstance(projection, str) and projection in _PROJECTIONS:
        name, make = _PROJECTIONS[projection]
        transformer = make(len(vectors))
    elif hasattr(projection, "fit_transform") and not isinstance(projection, type):
        # Whatever has no parameters is copied as it is.
        name, transformer = type(projection).__name__, clone(projection, safe=False)
    else:
        raise ValueError(
            "The 'projection' parameter must be one of {'pca', 'tsne'} or a transformer with "
            f"fit_transform. Got {projection!r} instead."
        )
    with np.errstate(invalid="ignore"):  # the shares of no variance at all
        positions = np.asarray(transformer.fit_transform(vectors), dtype=np.float64)
    if positions.shape != (len(vectors), 2) or not np.isfinite(positions).all():
        raise ValueError(
            "The 'projection' parameter must give two finite coordinates per category, shape "
            f"{(len(vectors), 2)}. {projection!r} gave shape {positions.shape}."
        )
    positions[np.abs(positions) < _ROUNDING * np.ptp(positions, axis=0).max()] = 0
    shares = getattr(transformer, "explained_variance_ratio_", [np.nan, np.nan])
    return positions, (_axis_name(f"{name} 1", shares[0]), _axis_name(f"{name} 2", shares[1]))


def _axis_name(name: str, share: float) -> str:
    """Name of an axis with its share of the variance, if that is known."""
    if not np.isfinite(share):
        return name
    return f"{name} ({100 * share:.0f} %)" if share >= 0.005 else f"{name} (< 1 %)"


def _read_color(color: Any, frame: Any) -> tuple[NDArray[Any] | None, str | None]:
    """One value per category, and what the values are; None and None for one colour."""
    feature = frame.index.name
    if isinstance(color, str):
        return _read_coordinate(color, frame)
    if color is None:
        return None, None
    given = color
    if hasattr(color, "items"):
        known = dict(color.items())
        given = [known.get(category) for category in frame.index]
    given = np.asarray(given, dtype=object)
    if given.shape != (len(frame),):
        raise ValueError(
            f"The 'color' parameter must hold one value per category of {feature!r}, {len(frame)} "
            f"in the order of embedding_frame({feature!r}). Got shape {given.shape}. Values of "
            f"rows can be summarised, as in y.groupby(X[{feature!r}]).mean()."
        )
    values = _read_values(given)
    if find_missing(values).all():
        raise ValueError(
            "The 'color' parameter gives no category a value. The keys of a mapping must be "
            f"categories of {feature!r}, such as {frame.index[:3].tolist()!r}."
        )
    name = getattr(color, "name", None)
    return values, None if name is None else str(name)


def _read_coordinate(color: str, frame: Any) -> tuple[NDArray[Any] | None, str | None]:
    """A coordinate of the vectors by its name, such as ``"effect"``."""
    start = f"{frame.index.name}_"
    names = [column.removeprefix(start) for column in frame.columns]
    if color == "auto":
        if "effect" not in names:
            return None, None
        color = "effect"
    if color not in names:
        raise ValueError(
            f"The 'color' parameter must be None, a mapping or array of values, 'auto' or the "
            f"name of a coordinate, one of {names!r}. Got {color!r} instead."
        )
    unit = " (standard deviations of the target)" if color.startswith("effect") else ""
    return frame[start + color].to_numpy(dtype=np.float64), color + unit


def _read_values(values: NDArray[Any]) -> NDArray[Any]:
    """Numbers as floats with NaN where there is none, all else as strings and None."""
    missing = find_missing(values)
    if all(_is_number(value) for value in values[~missing]):
        try:
            numbers = np.where(missing, np.nan, values).astype(np.float64)
        except OverflowError:
            raise ValueError(
                "The 'color' parameter holds a number that is too large for a float, beyond "
                "1.8e308: give smaller ones, such as logarithms."
            ) from None
        return np.where(np.isfinite(numbers), numbers, np.nan)
    names = [None if gone else str(v) for v, gone in zip(values, missing, strict=True)]
    if (n_names := len({*names} - {None})) > MAX_GROUPS:
        raise ValueError(
            f"The 'color' parameter must hold numbers or at most {MAX_GROUPS} different names. "
            f"Got {n_names} names, such as {names[:3]!r}: group the rarer ones."
        )
    return np.array(names, dtype=object)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_)


def color_groups(color: NDArray[Any]) -> tuple[list[str], NDArray[np.float64]] | None:
    """Names in alphabetical order and the position of each category's, NaN where it has none; None
    if the values are numbers.
    """
    if color.dtype.kind not in "OU":
        return None
    names = sorted({*color} - {None})
    positions = {name: float(k) for k, name in enumerate(names)}
    return names, np.array([positions.get(name, np.nan) for name in color])


def color_reach(color: NDArray[np.float64], counts: ArrayLike) -> float | None:
    """How far from zero colours reach that stand for both signs; None if there is but one."""
    if not np.nanmin(color) < 0 < np.nanmax(color):
        return None
    distances = np.abs(color)
    order = np.argsort(distances)[: np.isfinite(color).sum()]
    rows = np.cumsum(np.asarray(counts)[order])
    return float(distances[order][np.searchsorted(rows, _COLORED_SHARE * rows[-1])])


def point_areas(counts: ArrayLike) -> NDArray[np.float64]:
    """Areas in proportion to the rows of each category, except that none vanishes."""
    rows = np.asarray(counts, dtype=np.float64)
    return np.maximum(_LARGEST * rows / max(rows.max(), 1), _SMALLEST)


def wrap_names(names: list[str], width: int, n_lines: int) -> list[str]:
    """Names in lines of at most so many letters; what has too many lines loses its middle.

    For names often differ at their ends alone. They stay whole if some would be alike else.
    """
    whole = [[name] if len(name) <= width else textwrap.wrap(name, width) for name in names]
    short = [
        lines if len(lines) <= n_lines else _cut(name, lines, width, n_lines)
        for name, lines in zip(names, whole, strict=True)
    ]
    wrapped = ["\n".join(lines) for lines in short]
    return wrapped if len({*wrapped}) == len(names) else ["\n".join(lines) for lines in whole]


def _cut(name: str, lines: list[str], width: int, n_lines: int) -> list[str]:
    """The first lines and the end, with a sign of what is left out."""
    if n_lines > 1:
        return [*lines[: n_lines - 1], "…" + name[1 - width :].lstrip()]
    half = width // 2
    return [name[:half].rstrip() + "…" + name[half + 1 - width :].lstrip()]
