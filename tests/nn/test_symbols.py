"""Texts to codes and back, and word vectors from files."""

import gzip

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skembed.nn import Embedding, EmbeddingBag, Sequential, Vocabulary, read_word_vectors

TEXTS = ["the cat sat", "the dog", ""]


def test_characters():
    vocabulary = Vocabulary.fit(["abba", "cab"], unknown=None)
    assert vocabulary.symbols == ("a", "b", "c")
    np.testing.assert_array_equal(vocabulary.encode("cab"), [2, 0, 1])
    assert vocabulary.encode("").shape == (0,)
    assert vocabulary.encode("cab").dtype == np.intp


@given(st.text(max_size=20), st.text(max_size=20))
def test_characters_go_there_and_back(fitted, text):
    vocabulary = Vocabulary.fit([fitted], unknown="<unknown>")
    expected = [symbol if symbol in fitted else "<unknown>" for symbol in text]
    assert vocabulary.decode(vocabulary.encode(text)) == expected
    assert vocabulary.decode(vocabulary.encode(fitted)) == list(fitted)


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ("whitespace", ["It's", "10,5", "per", "cent!"]),
        (r"\w+", ["It", "s", "10", "5", "per", "cent"]),
        ("characters", list("It's 10,5\tper  cent!")),
    ],
)
def test_tokens(tokens, expected):
    text = "It's 10,5\tper  cent!"
    vocabulary = Vocabulary.fit([text], tokens=tokens)
    assert vocabulary.decode(vocabulary.encode(text)) == expected
    assert len(vocabulary) == len(set(expected)) + 1


def test_order_is_padding_unknown_then_the_alphabet():
    vocabulary = Vocabulary.fit(TEXTS, tokens="whitespace", padding="<pad>")
    assert vocabulary.symbols == ("<pad>", "<unknown>", "cat", "dog", "sat", "the")
    assert (vocabulary.padding_idx, vocabulary.unknown_idx) == (0, 1)
    assert Vocabulary.fit(TEXTS, tokens="whitespace", unknown="the").symbols[0] == "the"
    assert Vocabulary(["a", "?"], unknown="?").unknown_idx == 1
    assert "cat" in vocabulary
    assert "cow" not in vocabulary


def test_rare_symbols_are_unknown():
    texts = ["a a a b b c", "d d"]
    options = {"tokens": "whitespace", "unknown": "?"}
    assert Vocabulary.fit(texts, min_frequency=2, **options).symbols == ("?", "a", "b", "d")
    # Of those equally frequent the first in the alphabet stay.
    assert Vocabulary.fit(texts, max_symbols=2, **options).symbols == ("?", "a", "b")
    assert Vocabulary.fit([*texts, "? ? ? ?"], max_symbols=1, **options).symbols == ("?", "a")
    vocabulary = Vocabulary.fit(texts, max_symbols=1, **options)
    np.testing.assert_array_equal(vocabulary.encode("a c a"), [1, 0, 1])


def test_lowercase():
    vocabulary = Vocabulary.fit(["The the"], tokens="whitespace", unknown=None, lowercase=True)
    assert vocabulary.symbols == ("the",)
    np.testing.assert_array_equal(vocabulary("THE The"), [0, 0])
    assert Vocabulary("aA")("Aa").tolist() == [1, 0]


def test_an_empty_symbol_is_an_unknown_one():
    assert Vocabulary(["a"], unknown="?").encode_symbols(["", "a"]).tolist() == [0, 1]


def test_several_texts():
    vocabulary = Vocabulary.fit(TEXTS, tokens="whitespace", unknown=None, padding="<pad>")
    assert [codes.tolist() for codes in vocabulary(TEXTS)] == [[4, 1, 3], [4, 2], []]
    padded = vocabulary.encode_padded(TEXTS)
    assert padded.tolist() == [[4, 1, 3], [4, 2, 0], [0, 0, 0]]
    assert vocabulary.encode_padded(TEXTS, side="pre").tolist() == [[4, 1, 3], [0, 4, 2], [0] * 3]
    assert vocabulary.encode_padded(TEXTS, 1).tolist() == [[4], [4], [0]]
    assert vocabulary.encode_padded(TEXTS, 1, side="pre").tolist() == [[3], [2], [0]]
    assert vocabulary.encode_padded(TEXTS, 0).shape == (3, 0)
    assert vocabulary.encode_padded([]).shape == (0, 0)
    assert vocabulary.decode(padded[1]) == ["the", "dog"]


def test_a_string_goes_in_and_a_sequence_of_vectors_comes_out():
    vocabulary = Vocabulary.fit(["cat", "horse"])
    network = Sequential(vocabulary, Embedding(vocabulary, 4, random_state=0))
    assert network("chat").shape == (4, 4)
    assert [vectors.shape for vectors in network(["cat", "horse"])] == [(3, 4), (5, 4)]
    bags = Sequential(vocabulary, EmbeddingBag(vocabulary, 4, random_state=0))
    assert bags(["cat", "horse", ""]).shape == (3, 4)


def test_padding_of_the_vocabulary_is_padding_of_the_layer():
    vocabulary = Vocabulary.fit(TEXTS, tokens="whitespace", padding="<pad>")
    layer = Embedding(vocabulary, 3, padding_idx=vocabulary.padding_idx, random_state=0)
    vectors = layer(vocabulary.encode_padded(TEXTS))
    assert not vectors[1, 2:].any()
    assert vectors[0].any(axis=-1).all()


def test_a_table_of_strings():
    table = np.array([["cold", "high"], ["hot", "low"], ["cold", "low"]])
    vocabulary = Vocabulary(np.unique(table))
    codes = vocabulary.encode_symbols(table)
    np.testing.assert_array_equal(codes, np.unique(table, return_inverse=True)[1].reshape(3, 2))
    assert vocabulary.encode_symbols("low").shape == ()


FRAME = pd.DataFrame({"a": ["b", "a"]})


def test_a_column_of_a_frame_holds_texts():
    assert Vocabulary.fit(FRAME["a"], unknown=None).symbols == ("a", "b")
    codes = Vocabulary("ab", padding="_").encode_padded(FRAME["a"].to_numpy())
    assert codes.tolist() == [[2], [1]]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Vocabulary("aba"), ValueError, "'a' 2 times"),
        (lambda: Vocabulary([]), ValueError, "at least one symbol"),
        (lambda: Vocabulary(["a", 1]), TypeError, "1 of type int"),
        (lambda: Vocabulary("ab", tokens="("), ValueError, r"regular expression. Got '\('"),
        (lambda: Vocabulary("ab", tokens=3), ValueError, "Got 3"),
        (lambda: Vocabulary("ab").encode("abc"), ValueError, "'c' at position 2 .* 2 symbols"),
        (lambda: Vocabulary("ab").encode(["a", 3]), TypeError, "A text .* 3 of type int"),
        (lambda: Vocabulary("ab").encode_symbols(["a", None]), TypeError, "None of type NoneType"),
        (
            lambda: Vocabulary("ab", unknown="?").encode_symbols([1.5]),
            TypeError,
            "1.5 of type float",
        ),
        (lambda: Vocabulary("ab").decode([2]), IndexError, r"\[0, 2\). Got 2"),
        (lambda: Vocabulary("ab").decode([-1]), IndexError, "Got -1"),
        (lambda: Vocabulary("ab").encode_padded(["a"]), ValueError, "no padding symbol"),
        (
            lambda: Vocabulary("ab", padding="_").encode_padded(["a"], side="x"),
            ValueError,
            "Got 'x'",
        ),
        (lambda: Vocabulary("ab", padding="_").encode_padded(["a"], -1), ValueError, "Got -1"),
        (lambda: Vocabulary("ab", padding="_").encode_padded("ab"), TypeError, "list of texts"),
        (lambda: Vocabulary.fit("abc"), TypeError, "put it in a list"),
        (lambda: Vocabulary({"a": 1}), TypeError, "symbols must be a list .* Got dict"),
        (lambda: Vocabulary.fit({"a": ["b"]}), TypeError, "texts must be a list .* Got dict"),
        (lambda: Vocabulary.fit(FRAME), TypeError, "texts must be a list .* Got DataFrame"),
        (lambda: Vocabulary("ab").encode(FRAME), TypeError, "texts .* Got DataFrame"),
        (lambda: Vocabulary("ab").encode({"a": "b"}), TypeError, "texts .* Got dict"),
        (lambda: Vocabulary("ab").encode(np.array("ab")), TypeError, "texts .* Got ndarray"),
        (
            lambda: Vocabulary("ab", padding="_").encode_padded(FRAME),
            TypeError,
            "texts .* Got DataFrame",
        ),
        (
            lambda: Vocabulary("ab").encode_symbols(np.ma.array(["a", "b"], mask=[0, 1])),
            TypeError,
            "Symbols must be strings. Got a masked array",
        ),
        (lambda: Vocabulary.fit([b"abc"]), TypeError, "of type bytes"),
        (lambda: Vocabulary.fit([None]), TypeError, "None of type NoneType"),
        (lambda: Vocabulary.fit([""], unknown=None), ValueError, "at least one symbol"),
        (lambda: Vocabulary.fit(["a"], min_frequency=0), ValueError, "'min_frequency' .* Got 0"),
        (lambda: Vocabulary.fit(["a"], max_symbols=0), ValueError, "'max_symbols' .* Got 0"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_report():
    assert repr(Vocabulary("ab")) == "<Vocabulary of 2 symbols, tokens='characters'>"


GLOVE = "the 0.5 -1 2e-1\nto name 1 2 3\nnaïve 4 5 6\n"
WORDS = ("the", "to name", "naïve")
VECTORS = np.array([[0.5, -1, 0.2], [1, 2, 3], [4, 5, 6]], dtype=np.float32)


@pytest.fixture
def write(tmp_path):
    def write_text(text, name="vectors.txt"):
        path = tmp_path / name
        opened = gzip.open(path, "wb") if name.endswith(".gz") else path.open("wb")
        with opened as file:
            file.write(text.encode())
        return path

    return write_text


@pytest.mark.parametrize("head", ["", "3 3\n"])
@pytest.mark.parametrize("name", ["glove.txt", "word2vec.txt.gz"])
@pytest.mark.parametrize("end", ["\n", " \n", "\r\n"])
def test_word_vectors(write, head, name, end):
    vocabulary, vectors = read_word_vectors(write(head + GLOVE.replace("\n", end), name))
    assert vocabulary.symbols == WORDS
    np.testing.assert_array_equal(vectors, VECTORS)
    assert vectors.dtype == np.float32


def test_word_vectors_with_unknown_and_padding(write):
    vocabulary, vectors = read_word_vectors(write(GLOVE), unknown="<unk>", padding="", limit=2)
    assert vocabulary.symbols == ("", "<unk>", "the", "to name")
    np.testing.assert_allclose(
        vectors, [[0] * 3, VECTORS[:2].mean(axis=0), *VECTORS[:2]], rtol=1e-6
    )
    layer = Embedding.from_pretrained(vectors, padding_idx=vocabulary.padding_idx)
    np.testing.assert_array_equal(layer(vocabulary("the end")), vectors[[2, 1]])
    own, vectors = read_word_vectors(write(GLOVE), unknown="naïve", lowercase=True, dtype=float)
    assert own.symbols == WORDS
    assert own("THE").tolist() == [0]
    assert vectors.dtype == np.float64


def test_of_a_word_that_comes_twice_the_first_vector_counts(write):
    vocabulary, vectors = read_word_vectors(write("a 1 2\nb 3 4\na 5 6\n\n"))
    assert vocabulary.symbols == ("a", "b")
    assert vectors.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a 1 2\nb 3\n", "Line 2 of .* a word and 2 finite numbers. Got 'b 3'"),
        ("a 1 2\nb 3 4 5\n", "Line 2"),
        ("2 3\na 1 2\n", "Line 2 of .* 3 finite numbers"),
        ("a 1 2\nb 3 x\n", "Line 2 .* Got 'b 3 x'"),
        ("a 1 nan\n", "Line 1"),
        ("a 1 inf\n", "Line 1"),
        ("word\n", "Line 1"),
        ("", "holds no vectors"),
        ("2 3\n", "holds no vectors"),
    ],
)
def test_broken_files(write, text, message):
    with pytest.raises(ValueError, match=message):
        read_word_vectors(write(text))


def test_case_is_kept_unless_asked_for(write):
    assert Vocabulary.fit(["The the"], tokens="whitespace").symbols[-2:] == ("The", "the")
    vocabulary, _ = read_word_vectors(write("The 1\nthe 2\n"))
    assert vocabulary.symbols == ("The", "the")
    assert vocabulary("the The").tolist() == [1, 0]


def test_long_vectors_and_words_that_are_numbers(write):
    numbers = np.arange(600.0).reshape(2, 300)
    lines = [f"{word} {' '.join(map(str, own))}\n" for word, own in zip("a1", numbers, strict=True)]
    vocabulary, vectors = read_word_vectors(write("".join(lines)))
    assert vocabulary.symbols == ("a", "1")
    np.testing.assert_array_equal(vectors, numbers)
    vocabulary, vectors = read_word_vectors(write("a 1\n7 3\n"))
    assert vocabulary.symbols == ("a", "7")
    assert vectors.tolist() == [[1], [3]]


def test_bad_arguments(write):
    with pytest.raises(ValueError, match=r"'limit' .* Got 0"):
        read_word_vectors(write(GLOVE), limit=0)
    with pytest.raises(ValueError, match="'dtype' parameter of read_word_vectors"):
        read_word_vectors(write(GLOVE), dtype=np.float16)


def test_a_byte_order_mark_is_no_part_of_a_word(write):
    assert read_word_vectors(write("\ufeffa 1 2\n"))[0].symbols == ("a",)
    vocabulary, vectors = read_word_vectors(write("\ufeff2 1\na 1\nb 2\n"))
    assert vocabulary.symbols == ("a", "b")
    assert vectors.tolist() == [[1], [2]]


def test_parts_of_a_word_may_be_numbers_where_the_file_says_how_many_follow(write):
    vocabulary, vectors = read_word_vectors(write("2 2\nroute 66 1 2\na 3 4\n"))
    assert vocabulary.symbols == ("route 66", "a")
    assert vectors.tolist() == [[1, 2], [3, 4]]


def test_paths_may_be_bytes(write):
    path = write(GLOVE, "vectors.txt.gz")
    assert read_word_vectors(str(path).encode())[0].symbols == WORDS


@pytest.mark.parametrize("symbols", [[["a"], ["b", "a"]], ["a", ["b"]]], ids=repr)
def test_symbols_in_lists_that_differ_in_length(symbols):
    with pytest.raises(TypeError, match=r"lists of one length. Got \[.*encode them one by one"):
        Vocabulary("ab", unknown="?").encode_symbols(symbols)
