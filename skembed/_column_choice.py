"""Which columns of the input are numbers, which categories, and which sequences of categories."""

from __future__ import annotations

from typing import Any

from ._frames import Frame
from ._sample import Columns, find_column
from ._sequences import is_sequence


def choose_columns(
    frame: Frame,
    numeric_features: Any,
    sequence_features: Any = None,
    needs_categories: bool = True,
) -> Columns:
    """Positions of the numeric columns and of those of sequences, named by name or position; all
    others are categories. ``"auto"`` takes the columns that hold numbers, or sequences, and that
    the other parameter does not name.
    """
    positions = range(len(frame.names))
    numeric, sequences = (
        [] if _is_auto(wanted) else _find_columns(frame, wanted, parameter)
        for wanted, parameter in (
            (numeric_features, "numeric_features"),
            (sequence_features, "sequence_features"),
        )
    )
    if both := sorted(set(numeric) & set(sequences)):
        raise ValueError(
            f"Column {frame.names[both[0]]!r} is named in numeric_features and in "
            "sequence_features. It can be one of them only."
        )
    if _is_auto(sequence_features):
        sequences = [j for j in positions if j not in numeric and is_sequence(frame, j)]
    if _is_auto(numeric_features):
        numeric = [j for j in positions if j not in sequences and frame.is_numeric(j)]
    categorical = tuple(j for j in positions if j not in numeric)
    if needs_categories and not categorical:
        what = (
            "To numeric_features='auto' all columns are numbers: name those that are, or make "
            "strings of the others."
            if _is_auto(numeric_features)
            else "All columns are in numeric_features."
        )
        raise ValueError(f"At least one column must be categorical. {what}")
    return Columns(frame.names, categorical, tuple(numeric), tuple(sequences))


def _is_auto(wanted: Any) -> bool:
    return isinstance(wanted, str) and wanted == "auto"


def _find_columns(frame: Frame, wanted: Any, parameter: str) -> list[int]:
    """Positions of the columns that a parameter names."""
    wanted = [] if wanted is None else _as_list(wanted)
    return sorted({find_column(frame.names, name, parameter) for name in wanted})


def _as_list(value: Any) -> list[Any]:
    return [value] if isinstance(value, str) or not hasattr(value, "__iter__") else list(value)
