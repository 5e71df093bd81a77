"""Learned dense vectors for categorical columns, inside any scikit-learn pipeline."""

from ._encoder import EmbeddingEncoder
from ._input import InputEmbedding
from ._splitting import RelativeSplit

__all__ = ["EmbeddingEncoder", "InputEmbedding", "RelativeSplit"]

__version__ = "0.1.0"
