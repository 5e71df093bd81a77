"""Pretrained word vectors from text files, with their vocabulary."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from typing import Any, TextIO

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ._symbols import Vocabulary
from ._table import check_dtype, check_integer

Array = NDArray[np.floating]

_LONGEST_LINE = 2**22  # characters: a vector of several hundred thousand coordinates


def read_word_vectors(
    path: str | os.PathLike[str],
    *,
    limit: int | None = None,
    unknown: str | None = None,
    padding: str | None = None,
    tokens: str = "whitespace",
    lowercase: bool = False,
    dtype: DTypeLike = np.float32,
    encoding: str = "utf-8",
) -> tuple[Vocabulary, Array]:
    r"""Read pretrained vectors and their vocabulary from a text file of word2vec or GloVe.

    Each line holds a word and its numbers, parted by single spaces; a first line with two integers
    (the numbers of words and of coordinates, as word2vec writes it) is understood. A word may hold
    spaces; where no first line gives the number of coordinates, none of its parts but the first may
    be a number.

    Parameters
    ----------
    path : str, bytes or path
        The file; one that ends in ".gz" is unpacked while it is read.
    limit : int, default=None
        Read only the first words; files are sorted by falling frequency as a rule.
    unknown : str, default=None
        Symbol of the words that are not in the file. If the file does not hold it, its vector is
        the mean of all.
    padding : str, default=None
        Symbol that fills sequences up. If the file does not hold it, its vector is zero.
    tokens, lowercase
        How the vocabulary cuts a text, as in :class:`Vocabulary`.
    dtype : {numpy.float32, numpy.float64}, default=numpy.float32
        Type of the vectors.
    encoding : str, default="utf-8"
        Encoding of the file.

    Returns
    -------
    vocabulary : Vocabulary
        The words in the order of the file, behind `padding` and `unknown` where these were added.
        Of a word that comes twice the first vector counts.
    vectors : ndarray of shape (len(vocabulary), embedding_dim)
        Their vectors, for :meth:`Embedding.from_pretrained`.

    Raises
    ------
    ValueError
        If a line has another number of values than the first one, or a value is not a finite
        number; the message names the line. If the file holds no vector, or its text is not in the
        encoding given, or it is a damaged ".gz" file.

    References
    ----------
    .. [1] T. Mikolov et al., "Distributed Representations of Words and Phrases and their
       Compositionality", NeurIPS 2013, :arxiv:`1310.4546`.
    .. [2] J. Pennington, R. Socher, C. Manning, "GloVe: Global Vectors for Word Representation",
       EMNLP 2014, doi:10.3115/v1/D14-1162.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from skembed.nn import read_word_vectors
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "vectors.txt")
    ...     _ = file.write_text("cat 1.0 0.0\ndog 0.0 1.0\n")
    ...     vocabulary, vectors = read_word_vectors(file, unknown="?")
    >>> vocabulary.symbols
    ('?', 'cat', 'dog')
    >>> vectors
    array([[0.5, 0.5],
           [1. , 0. ],
           [0. , 1. ]], dtype=float32)
    """
    check_dtype("read_word_vectors", dtype)
    if limit is not None:
        check_integer("read_word_vectors", "limit", limit, 1)
    name = os.fsdecode(path)
    open_text = gzip.open if name.endswith(".gz") else open
    words: dict[str, Array] = {}
    try:
        with open_text(path, "rt", encoding=encoding, newline="\n") as file:
            for word, values in _read_lines(file, name, np.dtype(dtype)):
                words.setdefault(word, values)
                if len(words) == limit:
                    break
    except UnicodeError as error:
        raise ValueError(
            f"{name} holds text that is not in {encoding!r}: {error}. Give the "
            "encoding of the file, such as encoding='latin-1'."
        ) from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{name} cannot be unpacked: {error}.") from error
    if not words:
        raise ValueError(f"{name} holds no vectors.")
    vocabulary = Vocabulary(
        list(words), tokens=tokens, unknown=unknown, padding=padding, lowercase=lowercase
    )
    mean = np.mean(list(words.values()), axis=0, dtype=np.float64)
    added = {padding: np.zeros_like(mean), unknown: mean}
    vectors = [words[s] if s in words else added[s] for s in vocabulary.symbols]
    return vocabulary, np.array(vectors, dtype=dtype)


def _read_lines(file: TextIO | Any, path: str, dtype: np.dtype[Any]) -> Iterator[tuple[str, Array]]:
    """Yield the word and the vector of each line."""
    dim, is_said = 0, False
    # Read piece by piece: a small archive may unpack to one line that no memory holds.
    for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE), ""), start=1):
        if len(line) == _LONGEST_LINE:
            raise ValueError(f"Line {number} of {path} is longer than {_LONGEST_LINE} characters.")
        if number == 1:
            line = line.removeprefix("\ufeff")  # the byte-order mark of some editors
        fields = line.rstrip().split(" ")
        if number == 1 and len(fields) == 2 and all(field.isdigit() for field in fields):
            dim, is_said = int(fields[1]), True
        elif line.strip():
            dim = dim or len(fields) - 1
            at = max(1, len(fields) - dim)
            values = _parse(fields[at:], dtype)
            # Beyond its own numbers a line may hold a word of several parts. A further number tells
            # of a damaged line, unless the file itself says how many there are.
            extra = not is_said and at > 1 and _parse(fields[at - 1 : at], dtype) is not None
            if values is None or len(values) != dim or extra:
                raise ValueError(
                    f"Line {number} of {path} must hold a word and {dim} finite numbers. "
                    f"Got {line[:60].rstrip()!r}."
                )
            yield " ".join(fields[:at]), values


def _parse(fields: list[str], dtype: np.dtype[Any]) -> Array | None:
    """The numbers in `fields`; None if one is no finite number, or there is none."""
    try:
        with np.errstate(over="ignore"):
            values = np.array(fields, dtype=dtype)
    except ValueError:
        return None
    return values if values.size and np.isfinite(values).all() else None
