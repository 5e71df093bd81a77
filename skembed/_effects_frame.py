"""Effects as dataframes for a person to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._frames import make_frame
from ._terms import Part, Term
from ._vocabulary import ColumnVocabulary


def effect_frames(
    terms: Sequence[Term], vocabularies: Mapping[Any, ColumnVocabulary], outputs: Sequence[str]
) -> dict[Any, Any]:
    """A frame per term that has effects: what each part is, then one column per output."""
    frames = {}
    for term in terms:
        if term.effects is None:
            continue
        codes = _codes_of_parts(term)
        known = {
            part.name: _values(part, vocabularies)[column]
            for part, column in zip(term.cross.parts, codes, strict=True)
        }
        seen = slice(0 if len(term.cross.parts) == 1 else 1, None)
        columns = {str(name): values for name, values in known.items()}
        for output, effects in zip(outputs, term.effects[seen].T, strict=True):
            # A column may have the name of an output.
            columns[f"{output}_" if output in columns else output] = effects
        frames[term.cross.name] = make_frame(columns)
    return frames


def _codes_of_parts(term: Term) -> list[NDArray[Any]]:
    """Codes of each part, for every code of a cross that was seen."""
    first = term.cross.parts[0]
    if not term.cross.keys:
        return [np.arange(first.n_codes)]
    columns: list[NDArray[Any]] = []
    place = np.arange(len(term.cross.keys[-1]))
    for part, keys in zip(reversed(term.cross.parts[1:]), reversed(term.cross.keys), strict=True):
        before, code = np.divmod(keys[place], part.n_codes)
        columns.append(code)
        place = before - 1
    return [before, *reversed(columns)]


def _values(part: Part, vocabularies: Mapping[Any, ColumnVocabulary]) -> NDArray[Any]:
    """What each code of a part stands for; None for unknown and missing values."""
    if part.edges is None:
        return vocabularies[part.name].values_of_codes()
    ends = [-np.inf, *part.edges.tolist(), np.inf]
    names = [f"[{low:g}, {high:g})" for low, high in pairwise(ends)]
    return np.array([None, *names, None], dtype=object)
