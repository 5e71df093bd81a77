"""What every fitted estimator can tell about its vectors: names, frames, neighbours, categories."""

from __future__ import annotations

import os
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_array, check_is_fitted

from ._coded import has_hash
from ._column_names import input_names, make_distinct
from ._frames import as_objects, is_frame, read
from ._params import integer
from ._sample import find_column
from ._tables import nearest_codes, neighbour_frame, vector_frame
from ._vocabulary import UNKNOWN
from ._word_vectors import make_words, write_word_vectors


class LearnedVectors:
    """Methods that read the fitted attributes of an estimator."""

    # Not an attribute of its own: the vocabularies hold these arrays, and are saved with them.
    @property
    def categories_(self) -> list[NDArray[Any]]:
        """Sorted categories of each categorical column, without missing values."""
        # A first pass tells them before anything is learned.
        if not hasattr(self, "_vocabularies"):
            check_is_fitted(self)
        return [vocabulary.categories for vocabulary in self._vocabularies]

    def _starts(self) -> list[int]:
        """First output column of each table, and the end."""
        return np.cumsum([0] + [table.shape[1] for table in self.embeddings_]).tolist()

    def _slices(self) -> list[slice]:
        starts = self._starts()
        return [slice(start, stop) for start, stop in pairwise(starts)]

    def inverse_transform(self, X: Any) -> NDArray[Any]:
        """Nearest category of each vector.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_out)
            Vectors as :meth:`transform` gives them, exact or near.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_categorical), dtype object
            The category at the least Euclidean distance, the most frequent one where several share
            a vector; None where the nearest vector is that of missing or unknown values.

        Raises
        ------
        ValueError
            If X holds no finite numbers or has another number of columns, or the encoder pools
            vectors of ``sequence_features``: a pooled vector does not tell what went into it.
        """
        check_is_fitted(self)
        if sequences := self._columns.sequence_names:
            raise ValueError(
                "inverse_transform cannot tell which categories the pooled vectors of "
                f"{sequences!r} hold. Leave these columns out of the fit to invert the others."
            )
        names = list(read(X).names) if is_frame(X) else []
        expected = self.get_feature_names_out().tolist()
        if names != expected and any(isinstance(name, str) for name in names):
            raise ValueError(
                f"X must have the columns that transform returns, {expected!r}, in this order. "
                f"Got {names!r}."
            )
        X = self._read_vectors(X)
        output = np.empty((len(X), len(self.embeddings_)), dtype=object)
        for j, (table, columns) in enumerate(zip(self.embeddings_, self._slices(), strict=True)):
            vocabulary = self._vocabularies[j]
            codes = nearest_codes(X[:, columns], table, vocabulary.codes_by_count())
            output[:, j] = vocabulary.values_of_codes()[codes]
        return output

    def _read_vectors(self, X: Any) -> NDArray[np.float32]:
        n_coordinates = self._starts()[-1]
        try:
            with np.errstate(over="ignore"):
                vectors = check_array(X, dtype=np.float32, input_name="X")
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(
                "X must hold vectors as transform returns them: a table of finite numbers with "
                f"{n_coordinates} columns. {error}"
            ) from error
        if vectors.shape[1] != n_coordinates:
            raise ValueError(
                f"X has {vectors.shape[1]} columns, but the vectors of {type(self).__name__} have "
                f"{n_coordinates} coordinates."
            )
        return vectors

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Names of the output: ``city_effect, city_0, city_1, ...``.

        A number is added to names that would repeat, as of columns ``a`` and ``a_effect``.

        Parameters
        ----------
        input_features : array-like of str, optional
            Names of the input columns; must equal ``feature_names_in_`` where that exists.

        Returns
        -------
        names : ndarray of str objects

        Raises
        ------
        ValueError
            If the names are others, or not as many as there are columns.
        """
        check_is_fitted(self)
        inputs = input_names(self, input_features, self._columns.names)
        names = []
        for j, dim in zip(self._columns.categorical, self.embedding_dims_, strict=True):
            names += [f"{inputs[j]}_{suffix}" for suffix in self._coordinate_names(dim)]
        return np.asarray(make_distinct(names), dtype=object)

    def _coordinate_names(self, dim: int) -> list[str]:
        effects = self._effect_names() if self._has_effects() else []
        return effects + [str(k) for k in range(dim)]

    def _has_effects(self) -> bool:
        """Whether the tables have effects: the parameter may have changed since the fit."""
        if not self.embeddings_:
            return bool(self.target_effect)
        widths = [table.shape[1] for table in self.embeddings_]
        return widths != list(self.embedding_dims_)

    def _effect_names(self) -> list[str]:
        if self._n_outputs < 2:
            return ["effect"] * self._n_outputs
        labels = range(self._n_outputs) if self.classes_ is None else self.classes_
        return [f"effect_{label}" for label in labels]

    def _position(self, feature: Any) -> int:
        """Position of a column among the categorical ones."""
        j = find_column(self._columns.names, feature, "feature")
        if j not in self._columns.categorical:
            raise ValueError(
                f"Column {feature!r} is numeric and has no vectors. The categorical columns are "
                f"{self._columns.categorical_names!r}."
            )
        return self._columns.categorical.index(j)

    def embedding_frame(self, feature: Any) -> Any:
        """The vectors of one column as a dataframe.

        Parameters
        ----------
        feature : str or int
            Name or position of a categorical column.

        Returns
        -------
        frame : pandas.DataFrame
            One row per category, which is the index; one column per coordinate.

        Raises
        ------
        ValueError
            If there is no such column, or it is numeric.
        """
        check_is_fitted(self)
        j = self._position(feature)
        column = self._columns.categorical_names[j]
        names = [f"{column}_{name}" for name in self._coordinate_names(self.embedding_dims_[j])]
        return vector_frame(self.embeddings_[j], self._vocabularies[j], column, names)

    def nearest_categories(
        self, feature: Any, category: Any, n_neighbors: int = 5, metric: str = "euclidean"
    ) -> Any:
        """Categories whose vectors lie nearest to that of one category.

        Parameters
        ----------
        feature : str or int
            Name or position of a categorical column.
        category : object
            One of its categories.
        n_neighbors : int, default=5
            How many; fewer if the column has fewer.
        metric : str, default="euclidean"
            A metric of :func:`sklearn.metrics.pairwise_distances` that needs nothing but two
            vectors.

        Returns
        -------
        frame : pandas.DataFrame
            ``category``, ``distance`` and ``count`` (rows seen in fit), nearest first, without the
            category itself.

        Raises
        ------
        ValueError
            If there is no such column or category, the column is numeric, ``n_neighbors`` is no
            int of at least 1, or the metric needs more than two vectors.
        """
        check_is_fitted(self)
        if not integer(1).holds(n_neighbors):
            raise ValueError(
                f"n_neighbors must be {integer(1).words}. Got {n_neighbors!r} instead."
            )
        j = self._position(feature)
        vocabulary = self._vocabularies[j]
        position = vocabulary.position(category) if has_hash(category) else -1
        if position < 0:
            raise ValueError(
                f"Column {feature!r} has no category {category!r}. It has "
                f"{len(vocabulary.categories)}, such as {vocabulary.categories[:3].tolist()!r}."
            )
        return neighbour_frame(self.embeddings_[j], vocabulary, position, n_neighbors, metric)

    def save_word_vectors(
        self,
        path: str | os.PathLike[str],
        feature: Any,
        *,
        replace_space: str | None = None,
        unknown: str | None = None,
        missing: str | None = None,
    ) -> None:
        """Write the vectors of one column as a text file of word2vec, which gensim reads.

        The most frequent categories come first. Categories that are no strings become the text
        that ``str`` makes of them.

        Parameters
        ----------
        path : str or path
            The file; one that ends in ".gz" is packed. One that exists is replaced when the new one
            is complete.
        feature : str or int
            Name or position of a categorical column.
        replace_space : str, default=None
            What is written for each space in a category, such as ``"_"``: the format parts words
            and numbers by spaces. With None a category that holds one is refused.
        unknown, missing : str, default=None
            Words for the vectors of unknown and of missing values, which are left out without one.

        Raises
        ------
        ValueError
            If a category holds spaces, is empty or cannot be written in UTF-8, or two of them would
            be the same word.

        See Also
        --------
        skembed.nn.read_word_vectors : Read such files.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> from skembed import EmbeddingEncoder
        >>> from skembed.nn import read_word_vectors
        >>> X, y = [["Rome"], ["New York"], ["Rome"], ["Oslo"]] * 5, [1.5, 2.0, 1.0, 3.0] * 5
        >>> encoder = EmbeddingEncoder(random_state=0).fit(X, y)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = pathlib.Path(folder, "cities.txt")
        ...     encoder.save_word_vectors(file, 0, replace_space="_", unknown="<unk>")
        ...     vocabulary, vectors = read_word_vectors(file)
        >>> vocabulary.symbols
        ('<unk>', 'Rome', 'New_York', 'Oslo')
        """
        check_is_fitted(self)
        j = self._position(feature)
        vocabulary = self._vocabularies[j]
        order = np.argsort(-vocabulary.counts, kind="stable")
        reserved = {UNKNOWN: unknown, vocabulary.missing_code: missing}
        reserved = {code: word for code, word in reserved.items() if word is not None}
        values = [*reserved.values(), *as_objects(vocabulary.categories)[order]]
        codes = [*reserved, *vocabulary.category_codes[order]]
        words = make_words(values, feature, replace_space)
        write_word_vectors(path, words, self.embeddings_[j][codes])
