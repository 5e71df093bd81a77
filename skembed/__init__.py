"""Learned dense vectors for categorical columns, inside any scikit-learn pipeline."""

from ._classifier import EmbeddingClassifier
from ._encoder import EmbeddingEncoder
from ._input import InputEmbedding
from ._regressor import EmbeddingRegressor
from ._splitting import RelativeSplit
from ._trusted import SKOPS_TRUSTED

__all__ = [
    "SKOPS_TRUSTED",
    "EmbeddingClassifier",
    "EmbeddingEncoder",
    "EmbeddingRegressor",
    "InputEmbedding",
    "RelativeSplit",
]

__version__ = "0.1.0"
