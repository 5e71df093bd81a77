"""Learned dense vectors for categorical columns, inside any scikit-learn pipeline, with NumPy alone."""

__version__ = "0.1.0"
