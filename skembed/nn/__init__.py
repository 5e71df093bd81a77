"""The network: embedding tables, layers, losses, optimisers and training, in NumPy and SciPy."""

from typing import TYPE_CHECKING

from ._lazy import lazy_names

if TYPE_CHECKING:
    from ._composed import QuotientRemainderEmbedding
    from ._embedding import Embedding
    from ._embedding_bag import EmbeddingBag
    from ._hashing import HashEmbedding
    from ._indices import offset_columns
    from ._joined import Concatenate, Sequential
    from ._optimizers import SGD, Adagrad, Adam
    from ._row_gradient import RowGradient
    from ._simple import Dense, Flatten, Input
    from ._symbols import Vocabulary
    from ._word_vectors import read_word_vectors
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "_composed": ["QuotientRemainderEmbedding"],
            "_embedding": ["Embedding"],
            "_embedding_bag": ["EmbeddingBag"],
            "_hashing": ["HashEmbedding"],
            "_indices": ["offset_columns"],
            "_joined": ["Concatenate", "Sequential"],
            "_optimizers": ["SGD", "Adagrad", "Adam"],
            "_row_gradient": ["RowGradient"],
            "_simple": ["Dense", "Flatten", "Input"],
            "_symbols": ["Vocabulary"],
            "_word_vectors": ["read_word_vectors"],
        },
    )

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "Concatenate",
    "Dense",
    "Embedding",
    "EmbeddingBag",
    "Flatten",
    "HashEmbedding",
    "Input",
    "QuotientRemainderEmbedding",
    "RowGradient",
    "Sequential",
    "Vocabulary",
    "offset_columns",
    "read_word_vectors",
]
