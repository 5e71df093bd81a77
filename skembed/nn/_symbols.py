"""Text in front of an embedding: characters or tokens to row numbers, and back."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._indices import read_indices
from ._shapes import is_masked
from ._table import check_integer

Codes = NDArray[np.intp]


class Vocabulary:
    r"""Symbols and their row numbers: the characters of a string, or the tokens of a text.

    Parameters
    ----------
    symbols : iterable of str
        The symbols in the order of their codes, each once.
    tokens : str, default="characters"
        What a text is cut into: "characters", "whitespace" (what stands between white space), or a
        regular expression whose matches are the tokens, such as ``r"\w+"``.
    unknown : str, default=None
        The symbol whose code stands for all symbols that are not in the vocabulary. It is put in
        front of `symbols` if it is not one of them. None makes them an error.
    padding : str, default=None
        The symbol that fills short sequences up. It is put in front of all if it is not one of
        them.
    lowercase : bool, default=False
        Whether a text is put in lower case first.

    Attributes
    ----------
    symbols : tuple of str
        All symbols; the code of a symbol is its place.
    unknown_idx, padding_idx : int or None
        The codes of `unknown` and `padding`.

    Raises
    ------
    ValueError
        If a symbol is given twice or there is none, or if `tokens` is no regular expression.
    TypeError
        If a symbol is not a string.

    Examples
    --------
    >>> from skembed.nn import Embedding, Vocabulary
    >>> vocabulary = Vocabulary.fit(["a cat", "a dog"], tokens="whitespace", unknown="?")
    >>> vocabulary.symbols
    ('?', 'a', 'cat', 'dog')
    >>> vocabulary.encode("a cow")
    array([1, 0])
    >>> layer = Embedding(vocabulary, 2, random_state=0)
    >>> [vectors.shape for vectors in layer(vocabulary.encode(["a dog", "dog"]))]
    [(2, 2), (1, 2)]
    """

    def __init__(
        self,
        symbols: Iterable[str],
        *,
        tokens: str = "characters",
        unknown: str | None = None,
        padding: str | None = None,
        lowercase: bool = False,
    ) -> None:
        given = list(_check_several(symbols, "symbols"))
        for special in (unknown, padding):
            if special is not None and special not in given:
                given.insert(0, special)
        self.symbols = tuple(str(_check_text(symbol, "A symbol")) for symbol in given)
        self._codes = {symbol: code for code, symbol in enumerate(self.symbols)}
        if len(self._codes) < len(self.symbols):
            symbol, count = Counter(self.symbols).most_common(1)[0]
            raise ValueError(f"Symbols must be distinct. Got {symbol!r} {count} times.")
        if not self.symbols:
            raise ValueError("A vocabulary needs at least one symbol. Got none.")
        self.tokens = tokens
        self.unknown = unknown
        self.padding = padding
        self.lowercase = lowercase
        self.unknown_idx = None if unknown is None else self._codes[unknown]
        self.padding_idx = None if padding is None else self._codes[padding]
        self._pattern = _compile(tokens)

    @classmethod
    def fit(
        cls,
        texts: Iterable[str],
        *,
        tokens: str = "characters",
        unknown: str | None = "<unknown>",
        padding: str | None = None,
        lowercase: bool = False,
        min_frequency: int = 1,
        max_symbols: int | None = None,
    ) -> Vocabulary:
        """Return the vocabulary of the symbols in some texts, in alphabetical order.

        Parameters
        ----------
        texts : iterable of str
            The texts.
        tokens, unknown, padding, lowercase
            As in the class, but for `unknown`: the default is "<unknown>".
        min_frequency : int, default=1
            Symbols that are seen less often are left out.
        max_symbols : int, default=None
            Keep only that many of the most frequent symbols, `unknown` and `padding` not counted.

        Returns
        -------
        Vocabulary
            The fitted vocabulary: `padding`, then `unknown`, then the symbols.

        Raises
        ------
        TypeError
            If `texts` is one string or a table, or a text is not a string.
        ValueError
            If no symbol is left.
        """
        if isinstance(texts, str):
            raise TypeError(
                f"texts must hold strings. Got the one string {texts!r}: put it in a list."
            )
        least = check_integer("Vocabulary.fit", "min_frequency", min_frequency, 1)
        pattern = _compile(tokens)
        counts: Counter[str] = Counter()
        for text in _check_several(texts, "texts"):
            counts.update(_split(text, pattern, lowercase))
        special = {unknown, padding}
        frequent = [(-n, s) for s, n in counts.items() if n >= least and s not in special]
        if max_symbols is not None:
            check_integer("Vocabulary.fit", "max_symbols", max_symbols, 1)
            frequent = sorted(frequent)[:max_symbols]
        symbols = sorted(symbol for _, symbol in frequent)
        return cls(symbols, tokens=tokens, unknown=unknown, padding=padding, lowercase=lowercase)

    def __len__(self) -> int:
        """Number of symbols: the rows that a table needs."""
        return len(self.symbols)

    def __contains__(self, symbol: object) -> bool:
        """Whether a symbol has a code of its own."""
        return symbol in self._codes

    def __call__(self, texts: str | Iterable[str]) -> Any:
        """Return :meth:`encode` of `texts`, so that a vocabulary can stand in front of a layer."""
        return self.encode(texts)

    def __repr__(self) -> str:
        """The number of symbols and how a text is cut."""
        return f"<Vocabulary of {len(self)} symbols, tokens={self.tokens!r}>"

    def encode(self, texts: str | Iterable[str]) -> Any:
        """Return the codes of a text, or of each of several texts.

        Parameters
        ----------
        texts : str or iterable of str
            One text or several.

        Returns
        -------
        ndarray of shape (length,), or list of ndarray
            The codes of one text; of several texts, a list as an embedding takes it.

        Raises
        ------
        ValueError
            If a symbol is not in the vocabulary and there is no `unknown`.
        TypeError
            If a text is not a string.
        """
        if isinstance(texts, str):
            return self.encode_symbols(_split(texts, self._pattern, self.lowercase))
        several = _check_several(texts, "texts")
        return [self.encode(_check_text(text, "A text")) for text in several]

    def encode_padded(
        self, texts: Iterable[str], length: int | None = None, *, side: str = "post"
    ) -> Codes:
        """Return the codes of several texts as a matrix.

        Parameters
        ----------
        texts : iterable of str
            The texts.
        length : int, default=None
            Number of columns: longer texts lose their end, or with ``side="pre"`` their beginning.
            None means the longest text.
        side : {"post", "pre"}, default="post"
            Whether short texts are filled up behind or in front.

        Returns
        -------
        ndarray of shape (n_texts, length)
            The codes, filled up with `padding_idx`.

        Raises
        ------
        ValueError
            If the vocabulary has no `padding` symbol, or `side` is neither of the two.
        TypeError
            If `texts` is one string.
        """
        if self.padding_idx is None:
            raise ValueError("This vocabulary has no padding symbol: make it with padding='<pad>'.")
        if side not in ("post", "pre"):
            raise ValueError(f"side must be 'post' or 'pre'. Got {side!r} instead.")
        if isinstance(texts, str):
            raise TypeError(f"texts must be a list of texts. Got the string {texts!r}: wrap it.")
        rows = self.encode(texts)
        if length is None:
            length = max((len(row) for row in rows), default=0)
        check_integer("encode_padded", "length", length, 0)
        padded = np.full((len(rows), length), self.padding_idx, dtype=np.intp)
        for target, row in zip(padded, rows, strict=True):
            if side == "post":
                target[: len(row)] = row[:length]
            elif len(row):
                kept = row[max(0, len(row) - length) :]
                target[length - len(kept) :] = kept
        return padded

    def encode_symbols(self, symbols: ArrayLike) -> Codes:
        """Return the codes of symbols that are cut already.

        Parameters
        ----------
        symbols : str, or array-like of str of any rank
            The symbols: a list of tokens, a table of strings.

        Returns
        -------
        ndarray of the same shape, dtype intp
            Their codes.

        Raises
        ------
        ValueError
            If a symbol is not in the vocabulary and there is no `unknown`.
        TypeError
            If a symbol is not a string.

        Examples
        --------
        >>> from skembed.nn import Vocabulary
        >>> Vocabulary(["cold", "hot", "high"]).encode_symbols([["hot", "high"], ["cold", "high"]])
        array([[1, 2],
               [0, 2]])
        """
        if is_masked(symbols):
            raise TypeError("Symbols must be strings. Got a masked array: fill it or compress it.")
        array = np.asarray(symbols, dtype=object)
        codes = np.empty(array.shape, dtype=np.intp)
        flat = codes.reshape(-1)
        for place, symbol in enumerate(array.ravel()):
            if isinstance(symbol, list | tuple | np.ndarray):
                raise TypeError(
                    "Symbols must be strings in lists of one length. "
                    f"Got {symbol!r} beside lists of another length: encode them one by one."
                )
            code = self._codes.get(_check_text(symbol, "A symbol"), self.unknown_idx)
            if code is None:
                raise ValueError(
                    f"The symbol {symbol!r} at position {place} is not in the vocabulary of "
                    f"{len(self)} symbols, which has no unknown symbol."
                )
            flat[place] = code
        return codes

    def decode(self, codes: ArrayLike) -> list[str]:
        """Return the symbols of a vector of codes, the padding left out.

        Parameters
        ----------
        codes : array-like of int, shape (length,)
            The codes.

        Returns
        -------
        list of str
            Their symbols.

        Raises
        ------
        IndexError
            If there is no such code.
        """
        array = read_indices(codes, len(self))
        if isinstance(array, list) or array.ndim != 1:
            raise ValueError(f"codes must be a vector: those of one text. Got {codes!r}.")
        numbers = array.tolist()
        wrong = [code for code in numbers if not 0 <= code < len(self)]
        if wrong:
            raise IndexError(f"A code must be in [0, {len(self)}). Got {wrong[0]} instead.")
        return [self.symbols[code] for code in numbers if code != self.padding_idx]


def _compile(tokens: str) -> re.Pattern[str] | None:
    """The pattern whose matches are the tokens; None for the characters."""
    if tokens == "characters":
        return None
    try:
        return re.compile(r"\S+" if tokens == "whitespace" else tokens)
    except (re.error, TypeError):
        raise ValueError(
            f"tokens must be 'characters', 'whitespace' or a regular expression. Got {tokens!r}."
        ) from None


def _split(text: str, pattern: re.Pattern[str] | None, lowercase: bool) -> Sequence[str]:
    """The symbols of a text."""
    text = _check_text(text, "A text")
    text = text.lower() if lowercase else text
    return list(text) if pattern is None else [match.group() for match in pattern.finditer(text)]


def _check_several(values: Any, name: str) -> Iterable[Any]:
    """`values` if there can be several of them; of a table only the names would be read."""
    if not isinstance(values, Iterable):
        raise TypeError(f"{name} must be a list of strings. Got {values!r} instead.")
    if isinstance(values, Mapping) or len(getattr(values, "shape", (0,))) != 1:
        raise TypeError(
            f"{name} must be a list of strings. Got {type(values).__name__} instead: give one "
            "column of it, or a list."
        )
    return values


def _check_text(text: Any, what: str) -> str:
    """`text` if it is a string."""
    if not isinstance(text, str):
        raise TypeError(f"{what} must be a string. Got {text!r} of type {type(text).__name__}.")
    return text
