"""Learned dense vectors for categorical columns, inside any scikit-learn pipeline, with NumPy
alone.
"""

from ._encoder import EmbeddingEncoder

__all__ = ["EmbeddingEncoder"]

__version__ = "0.1.0"
