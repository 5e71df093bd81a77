"""Vectors as a text file of word2vec: one word and its numbers per line, parted by spaces."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._file_format import replacing

_SPACE = re.compile(r"\s")


def write_word_vectors(
    path: str | os.PathLike[str],
    words: Sequence[str],
    vectors: NDArray[np.floating],
) -> None:
    """Write distinct words without whitespace, and the row of ``vectors`` of each; packed if the
    name ends in ".gz".
    """
    # From nine digits the same float32 is read.
    numbers = " %.9g" * vectors.shape[1] + "\n"
    lines = (
        word + numbers % tuple(vector) for word, vector in zip(words, vectors.tolist(), strict=True)
    )
    with replacing(path) as raw:
        if os.fsdecode(path).endswith(".gz"):
            # Without a name and a time the same vectors are the same bytes.
            with gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed:
                _write(packed, vectors.shape, lines)
        else:
            _write(raw, vectors.shape, lines)


def _write(file: Any, shape: tuple[int, ...], lines: Iterable[str]) -> None:
    file.write(f"{shape[0]} {shape[1]}\n".encode())
    file.writelines(line.encode() for line in lines)


def make_words(values: Sequence[Any], feature: Any, replace_space: str | None) -> list[str]:
    """A word for each value: its text, with ``replace_space`` for every space in it."""
    if replace_space is not None and (
        not isinstance(replace_space, str) or _SPACE.search(replace_space)
    ):
        raise ValueError(
            "The 'replace_space' parameter must be None or a string without spaces, such as '_'. "
            f"Got {replace_space!r} instead."
        )
    words: dict[str, Any] = {}
    for value in values:
        word = str(value)
        if replace_space is not None:
            word = replace_space.join(_SPACE.split(word))
        _check_word(word, value, feature)
        if word in words:
            raise ValueError(
                f"The categories {words[word]!r} and {value!r} of column {feature!r} would both be "
                f"the word {word!r}."
            )
        words[word] = value
    return list(words)


def _check_word(word: str, value: Any, feature: Any) -> None:
    if not word or _SPACE.search(word):
        raise ValueError(
            f"Column {feature!r} has the category {value!r}, but a word of such a file is not "
            "empty and holds no spaces. Set replace_space='_' to write '_' for each space."
        )
    try:
        word.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"Column {feature!r} has the category {value!r}, which cannot be written in UTF-8."
        ) from error
