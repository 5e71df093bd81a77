"""The score of a classifier whose labels may be of any type."""

from __future__ import annotations

from typing import Any

from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.multiclass import type_of_target

from ._frames import to_array


class LabelScore(ClassifierMixin):
    """Gives :class:`~sklearn.base.ClassifierMixin` a score of labels that its metrics do not know.

    These are objects that are no strings, such as the booleans of a column that once held None.
    """

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Accuracy: the share of the rows whose label is predicted.

        Parameters
        ----------
        X : dataframe or array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Labels as in fit; of several labels a row must have all right.
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        score : float
        """
        labels = to_array(y)
        if labels.dtype != object or type_of_target(labels) != "unknown":
            return float(super().score(X, y, sample_weight))
        place = {label: k for k, label in enumerate(self.classes_.tolist())}
        truth = [place.get(label, -1) for label in labels.ravel().tolist()]
        found = [place[label] for label in self.predict(X).tolist()]
        return float(accuracy_score(truth, found, sample_weight=sample_weight))
