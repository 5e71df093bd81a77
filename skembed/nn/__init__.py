"""The network: embedding tables, layers, losses, optimisers and training, in NumPy and SciPy."""

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
