"""Learned dense vectors for categorical columns, inside any scikit-learn pipeline."""

from typing import TYPE_CHECKING

from .nn._lazy import lazy_names

if TYPE_CHECKING:
    from ._classifier import EmbeddingClassifier
    from ._encoder import EmbeddingEncoder
    from ._input import InputEmbedding
    from ._regressor import EmbeddingRegressor
    from ._splitting import RelativeSplit
    from ._trusted import SKOPS_TRUSTED
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "_classifier": ["EmbeddingClassifier"],
            "_encoder": ["EmbeddingEncoder"],
            "_input": ["InputEmbedding"],
            "_regressor": ["EmbeddingRegressor"],
            "_splitting": ["RelativeSplit"],
            "_trusted": ["SKOPS_TRUSTED"],
        },
    )

__all__ = [
    "SKOPS_TRUSTED",
    "EmbeddingClassifier",
    "EmbeddingEncoder",
    "EmbeddingRegressor",
    "InputEmbedding",
    "RelativeSplit",
]

__version__ = "0.1.0"
