"""Names of columns that scikit-learn does not look at: those of which some are no strings."""

from __future__ import annotations

from collections.abc import Hashable, Sequence


def check_column_names(in_fit: Sequence[Hashable], now: Sequence[Hashable]) -> None:
    """Raise ValueError where a frame has other names than the one of the fit had."""
    if not all(isinstance(name, str) for name in in_fit) and tuple(now) != tuple(in_fit):
        raise ValueError(
            f"The columns of X must be named as in fit, in the same order: {list(in_fit)!r}. "
            f"Got {list(now)!r}."
        )
