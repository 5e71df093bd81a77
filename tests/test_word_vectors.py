"""Vectors of a column as a text file of word2vec."""

import numpy as np
import pandas as pd
import pytest

from skembed import EmbeddingClassifier, EmbeddingEncoder
from skembed.nn import read_word_vectors


def fitted(categories, **parameters):
    """An encoder of a column in which the first category is the rarest."""
    rows = np.repeat(np.arange(len(categories)), np.arange(2, len(categories) + 2))
    X = pd.DataFrame({"word": pd.Series(categories, dtype=object).iloc[rows]})
    y = np.random.default_rng(0).normal(size=len(X))
    return EmbeddingEncoder(max_iter=1, random_state=0, **parameters).fit(X, y)


@pytest.mark.parametrize("dim", [1, 3])
def test_words_come_back_the_most_frequent_first(dim, tmp_path):
    categories = ["Oslo", "1", "1e5", "Ω-Straße", "\0", "a,b", "nan"]
    encoder = fitted(categories, embedding_dim=dim)
    encoder.save_word_vectors(tmp_path / "words.txt", "word")
    vocabulary, vectors = read_word_vectors(tmp_path / "words.txt")
    assert list(vocabulary.symbols) == categories[::-1]
    expected = encoder.embedding_frame("word").loc[categories[::-1]].to_numpy()
    assert vectors.tobytes() == expected.tobytes()


@pytest.mark.gensim
@pytest.mark.parametrize("dim", [1, 3])
def test_gensim_reads_the_same_words_and_vectors(dim, tmp_path):
    # Not above: without gensim the file is read too.
    from gensim.models import KeyedVectors

    categories = ["Oslo", "1", "1e5", "Ω-Straße", "a,b", "nan", "New York"]
    encoder = fitted(categories, embedding_dim=dim)
    encoder.save_word_vectors(tmp_path / "words.txt", "word", replace_space="_")
    read = KeyedVectors.load_word2vec_format(tmp_path / "words.txt", binary=False)
    assert read.index_to_key == ["New_York", *categories[-2::-1]]
    expected = encoder.embedding_frame("word").loc[categories[::-1]].to_numpy()
    assert read.vectors.dtype == np.float32
    assert read.vectors.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("categories", "words"),
    [
        ([7, 94110], ["7", "94110"]),
        ([0.5, -0.0], ["0.5", "-0.0"]),
        ([True, False], ["True", "False"]),
        (["New York", "a\tb\nc\u00a0d"], ["New_York", "a_b_c_d"]),
        (
            pd.to_datetime(["2020-01-01 00:00", "2020-01-02 03:00"]),
            ["2020-01-01_00:00:00", "2020-01-02_03:00:00"],
        ),
    ],
)
def test_words_of_categories(categories, words, tmp_path):
    fitted(categories).save_word_vectors(tmp_path / "words.txt", 0, replace_space="_")
    vocabulary, _ = read_word_vectors(tmp_path / "words.txt")
    assert list(vocabulary.symbols) == words[::-1]


def test_words_for_unknown_and_missing_values(tmp_path):
    encoder = fitted(["Oslo", None])
    encoder.save_word_vectors(tmp_path / "words.txt", "word", unknown="<unk>", missing="<none>")
    vocabulary, vectors = read_word_vectors(tmp_path / "words.txt")
    assert vocabulary.symbols == ("<unk>", "<none>", "Oslo")
    new = pd.DataFrame({"word": ["never seen", None, "Oslo"]})
    assert vectors.tobytes() == encoder.transform(new).tobytes()


def test_infrequent_categories_share_their_vector(tmp_path):
    encoder = fitted(["a", "b", "c"], max_categories=2)
    encoder.save_word_vectors(tmp_path / "words.txt", "word")
    vocabulary, vectors = read_word_vectors(tmp_path / "words.txt")
    assert vocabulary.symbols == ("c", "b", "a")
    assert (vectors[1] == vectors[2]).all()


@pytest.mark.usefixtures("few_steps")
def test_predictors_write_words_too(tmp_path):
    X = pd.DataFrame({"word": ["a", "b"] * 30, "size": np.arange(60)})
    model = EmbeddingClassifier(max_iter=1, n_estimators=1, random_state=0).fit(X, X["word"])
    model.save_word_vectors(tmp_path / "words.txt", "word")
    _, vectors = read_word_vectors(tmp_path / "words.txt")
    assert vectors.tobytes() == model.embedding_frame("word").to_numpy().tobytes()


@pytest.mark.parametrize(
    ("categories", "parameters", "words"),
    [
        (["New York", "b"], {}, "category 'New York', but .* no spaces"),
        (["a\u2028b", "b"], {}, "no spaces"),
        (["", "b"], {"replace_space": "_"}, "category '', but a word"),
        (["a b", "a_b"], {"replace_space": "_"}, "'a_b' and 'a b' .* both be the word 'a_b'"),
        ([1, "1"], {}, "'1' and 1 .* both be the word '1'"),
        (["a", "b"], {"unknown": "a"}, "'a' and 'a' .* both be the word"),
        (["a", "b"], {"missing": "not known"}, "'not known', but a word"),
        (["\ud800", "b"], {}, "cannot be written in UTF-8"),
        (["a", "b"], {"replace_space": " "}, "'replace_space' parameter .* Got ' '"),
        (["a", "b"], {"replace_space": 1}, "'replace_space' parameter .* Got 1"),
    ],
)
def test_what_is_no_word_is_refused(categories, parameters, words, tmp_path):
    encoder = fitted(categories)
    with pytest.raises(ValueError, match=words):
        encoder.save_word_vectors(tmp_path / "words.txt", "word", **parameters)
    assert not any(tmp_path.iterdir())


def test_a_column_without_vectors_is_refused(tmp_path):
    with pytest.raises(ValueError, match="'feature' parameter names the column 'town'"):
        fitted(["a", "b"]).save_word_vectors(tmp_path / "words.txt", "town")


@pytest.mark.parametrize("as_path", [str, lambda path: str(path).encode()], ids=["str", "bytes"])
def test_a_name_that_ends_in_gz_is_packed(as_path, tmp_path):
    encoder = fitted(["Oslo", "Rome"])
    path = as_path(tmp_path / "words.txt.gz")
    encoder.save_word_vectors(path, "word")
    vocabulary, vectors = read_word_vectors(path)
    assert vocabulary.symbols == ("Rome", "Oslo")
    expected = encoder.embedding_frame("word").loc[["Rome", "Oslo"]].to_numpy()
    assert vectors.tobytes() == expected.tobytes()
    packed = (tmp_path / "words.txt.gz").read_bytes()
    assert packed[:4] == b"\x1f\x8b\x08\0" and packed[4:8] == bytes(4)  # neither name nor time
    encoder.save_word_vectors(tmp_path / "again.gz", "word")
    assert (tmp_path / "again.gz").read_bytes() == packed
