"""InputEmbedding: scale, one-hot encode, split and batch data of any shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from . import _params
from ._adopt import all_or_nothing
from ._column_names import check_column_names, input_names
from ._doc_link import DocumentedMixin
from ._frames import Frame, is_frame, read
from ._input_arrays import (
    Block,
    apply_block,
    choose_layout,
    inverse_block,
    learn_block,
    padding_mask,
    read_for_block,
)
from ._input_output import OutputMixin
from ._input_read import Ragged, check_length, is_nested, read_data
from ._input_rows import RowsMixin
from ._input_settings import RULES, read_settings
from ._input_table import (
    Table,
    apply_table,
    inverse_table,
    learn_table,
    output_names,
)
from ._input_target import learn_target


class InputEmbedding(RowsMixin, OutputMixin, TransformerMixin, DocumentedMixin, BaseEstimator):
    """Scale, one-hot encode, split and batch data of any shape.

    The preparation of data for a network as one transformer; it trains nothing. Tables of mixed
    columns become one two-dimensional array: numbers stay numbers (scaled into [0, 1] if asked),
    everything else becomes one-hot cells. Sequences of symbols, sequences of vectors, images and
    sequences of unequal length keep their shape, and symbols gain an axis with one cell per
    symbol of a joint vocabulary.

    Parameters
    ----------
    scale : {False, "global", "feature"}, default=False
        Min-max scaling of numbers into [0, 1]: over all numbers of the training data, or by
        column (by entry of the last axis above rank 2; sequences of single numbers have one
        column). What is constant becomes 0. Later values outside the range seen in fit fall
        outside [0, 1]. One-hot cells are never scaled.
    encode : {"auto", True, False}, default="auto"
        What becomes one-hot: whatever is not numeric, everything, or nothing, which raises an
        error for anything but numbers. Booleans are numbers; categorical columns and dates are
        not.
    vocabulary : {"per_column", "joint"}, default="per_column"
        One vocabulary per column of a table (two-dimensional output) or one for all cells (output
        of one rank more). Ranks above 2 and sequences of unequal length always have a joint one.
    encode_target : bool, default=False
        Whether :meth:`transform_target` makes one-hot vectors of the classes of ``y``.
    relative_size : sequence of two or three numbers, default=(2, 1, 0)
        Relative sizes of the training, validation and test parts of :meth:`split`; 0 gives an
        empty part.
    batch_size : int or None, default=None
        Rows per batch in :meth:`batches`. None makes one batch of all rows.
    stratify : bool, default=False
        Whether :meth:`split` shares out each class of ``y`` in the same proportions.
    shuffle : bool, default=True
        Whether :meth:`split` and :meth:`batches` shuffle.
    handle_unknown : {"zeros", "embed", "mean", "error"}, default="zeros"
        One-hot vector of a category not seen in fit: zeros, a cell of its own, the mean of the
        vectors seen in fit (the frequencies), or an error.
    handle_missing : {"embed", "unknown", "error"}, default="embed"
        Missing categories have a cell of their own if there were any in fit (otherwise they count
        as unknown), always count as unknown, or raise an error. Missing numbers stay NaN unless
        this is "error".
    sparse_output : bool, default=False
        Whether :meth:`transform` returns a ``scipy.sparse.csr_matrix``. Tables only, and no
        ``dtype=numpy.float16``, which SciPy's matrices have not.
    padding : {"post", "pre"} or None, default="post"
        Where sequences shorter than ``max_length`` are padded with zeros; longer ones are cut at
        the same end. None keeps them as they are: the output is then a list of arrays.
    max_length : int or None, default=None
        Length of padded sequences. None takes the longest of the training data.
    dtype : dtype, default=numpy.float32
        Type of the output, in the byte order of the machine. Numbers need a float dtype.
    random_state : int, RandomState instance or None, default=None
        Seed of the split and of the batches.

    Attributes
    ----------
    categories_ : list of ndarray or None, or ndarray
        Sorted categories of each column of a table (None for columns that stay numbers), or those
        of the joint vocabulary (None for numbers).
    vocabulary_ : dict
        Category -> position of its 1; for a table, column name -> such a dict. The key None
        stands for the missing value where it has a cell of its own.
    classes_ : ndarray of shape (n_classes,)
        The sorted classes of ``y``. Only with ``encode_target=True``.
    n_samples_ : int
        Number of training rows.
    shape_ : tuple
        Shape of the training data, after padding. None for the length of sequences that stay
        ragged.
    output_shape_ : tuple
        Shape of the transformed training data.
    n_features_in_ : int
        Number of columns; above rank 2 number of cells of a sample.
    feature_names_in_ : ndarray of str
        Names of the columns, if all are strings.

    See Also
    --------
    RelativeSplit : The same split as a ``cv`` for scikit-learn.
    EmbeddingEncoder : Learned dense vectors instead of one-hot cells.

    Notes
    -----
    Fit on the training part only, ``InputEmbedding().fit(parts.train.X)``: then nothing of the
    others leaks into ranges and vocabularies. In a pipeline under cross-validation this is so.

    A list is a table if its rows are of equal length and ``vocabulary="per_column"``. Symbols in
    lists with ``vocabulary="joint"``, lists of unequal length, and with ``max_length`` all lists
    and arrays are sequences, whose length may change from call to call. Frames never are.

    Examples
    --------
    >>> import pandas as pd
    >>> from skembed import InputEmbedding
    >>> X = pd.DataFrame({"city": ["Paris", "Rome", "Paris"], "age": [20, 30, 40]})
    >>> embedding = InputEmbedding(scale="feature").fit(X)
    >>> embedding.transform(X)
    array([[1. , 0. , 0. ],
           [0. , 1. , 0.5],
           [1. , 0. , 1. ]], dtype=float32)
    >>> embedding.get_feature_names_out()
    array(['city_Paris', 'city_Rome', 'age'], dtype=object)
    >>> sequences = InputEmbedding(padding="post").fit([list("ACG"), list("T")])
    >>> sequences.output_shape_
    (2, 3, 4)
    """

    def __init__(
        self,
        *,
        scale: Any = False,
        encode: Any = "auto",
        vocabulary: str = "per_column",
        encode_target: bool = False,
        relative_size: Sequence[float] = (2, 1, 0),
        batch_size: int | None = None,
        stratify: bool = False,
        shuffle: bool = True,
        handle_unknown: str = "zeros",
        handle_missing: str = "embed",
        sparse_output: bool = False,
        padding: str | None = "post",
        max_length: int | None = None,
        dtype: Any = np.float32,
        random_state: Any = None,
    ) -> None:
        self.scale = scale
        self.encode = encode
        self.vocabulary = vocabulary
        self.encode_target = encode_target
        self.relative_size = relative_size
        self.batch_size = batch_size
        self.stratify = stratify
        self.shuffle = shuffle
        self.handle_unknown = handle_unknown
        self.handle_missing = handle_missing
        self.sparse_output = sparse_output
        self.padding = padding
        self.max_length = max_length
        self.dtype = dtype
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> InputEmbedding:
        """Learn the ranges and the vocabularies.

        Parameters
        ----------
        X : dataframe, array-like of shape (n_samples, ...), or list of sequences
            Tables of mixed columns, arrays or nested lists of any rank from 2, or sequences of
            unequal length.
        y : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            Labels of any type, or one-hot vectors. Used with ``encode_target=True`` only.

        Returns
        -------
        self : InputEmbedding

        Raises
        ------
        ValueError
            If a parameter is wrong, the lists of X are of unequal depth, X does not hold numbers
            though ``encode=False``, or values are missing though ``handle_missing="error"``.
        """
        self._learn(X, y)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Fit and transform, reading the data once.

        Parameters
        ----------
        X, y : object
            As in :meth:`fit`.

        Returns
        -------
        X_new : as from :meth:`transform`
        """
        return self._learn_and_apply(X, y)

    def transform(self, X: Any) -> Any:
        """Scale numbers and one-hot encode the rest.

        Parameters
        ----------
        X : dataframe, array-like of shape (n_samples, ...), or list of sequences
            Data of the kind seen in :meth:`fit`.

        Returns
        -------
        X_new : ndarray, csr_matrix or list of ndarray
            Shape ``(n_samples, n_outputs)`` for a table, the shape of X for numbers, and one axis
            more for symbols; a list of such arrays, one per row, for sequences with
            ``padding=None``.

        Raises
        ------
        ValueError
            If X differs from the data of ``fit`` in its columns or shape, or holds values that
            are refused.
        """
        check_is_fitted(self)
        return self._apply(self._read(X))

    def inverse_transform(self, X: Any) -> Any:
        """Turn one-hot cells (or scores: the highest counts) and scaled numbers back into values.

        Parameters
        ----------
        X : array-like, sparse matrix or list of arrays
            Output of :meth:`transform`, or scores of that shape.

        Returns
        -------
        X_original : ndarray or list of ndarray
            Values in the shape of the input of :meth:`transform`; padded sequences stay padded.
            Where all cells are 0 (unknown values, padding), None, or NaN among float categories.
            Among scaled numbers padding is the number that 0 stands for, the smallest of fit:
            :meth:`mask` tells where it is.

        Raises
        ------
        ValueError
            If X does not have the shape that :meth:`transform` returns, one-hot cells are missing,
            or one-hot cells or scaled numbers are no numbers.
        """
        check_is_fitted(self)
        return (inverse_table if isinstance(self._plan, Table) else inverse_block)(X, self._plan)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Return the names of the output columns of a table.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns; those seen in fit if there were any.

        Returns
        -------
        names : ndarray of shape (n_outputs,), dtype object
            ``age`` for a number; ``city_Paris``, ``city_missing``, ``city_unknown`` for one-hot
            cells. A number is added to names that would repeat.

        Raises
        ------
        ValueError
            If the output is no table, or ``input_features`` are not those of fit.
        """
        check_is_fitted(self)
        if len(self.output_shape_) != 2 or None in self.output_shape_:
            raise ValueError(
                "Only two-dimensional output has feature names, but that of transform has shape "
                f"{self.output_shape_}. Flatten it first, as in transform(X).reshape(len(X), -1)."
            )
        unnamed = [f"x{j}" for j in range(self.n_features_in_)]
        names = input_names(self, input_features, unnamed)
        if isinstance(self._plan, Table):
            names = output_names(self._plan, names)
        return np.array(names, dtype=object)

    def mask(self, X: Any) -> Any:
        """Tell what is padding in the output of :meth:`transform`.

        Parameters
        ----------
        X : dataframe, array-like or list of sequences
            As in :meth:`transform`.

        Returns
        -------
        mask : ndarray of shape (n_samples, length), dtype bool, or list of ndarray
            True where the output is padding and False where it holds data, as in :mod:`numpy.ma`.
            Nothing is padding in tables, arrays and sequences that stay ragged.

        Raises
        ------
        ValueError
            If X differs from the data of ``fit`` in its columns or shape.
        """
        check_is_fitted(self)
        data = self._read(X)
        if isinstance(self._plan, Table):
            return np.zeros((data.n_rows, self.n_features_in_), dtype=bool)
        return padding_mask(data, self._plan.layout)

    @property
    def vocabulary_(self) -> dict[Any, Any]:
        """Position of each category's 1."""
        check_is_fitted(self)
        return self._plan.positions

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.handle_missing != "error"
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    @all_or_nothing
    def _learn(self, X: Any, y: Any) -> Any:
        """Learn everything; return the data in the form in which :meth:`_apply` takes them."""
        _params.check_parameters(self, RULES)
        settings = read_settings(self)
        data = read_data(X)
        n_samples = len(data.lengths) if isinstance(data, Ragged) else data.shape[0]
        check_length(y, "y", n_samples)
        target = learn_target(y) if self.encode_target else None
        layout = choose_layout(data, settings, nested=is_nested(X))
        if layout is None:
            validate_data(self, data, skip_check_array=True)
            data = read(data)
            self._plan = learn_table(data, settings)
            self.shape_ = (n_samples, self.n_features_in_)
        else:
            if self.sparse_output:
                raise ValueError(
                    "sparse_output=True needs two-dimensional output. Set it to False, or "
                    "vocabulary='per_column' for a table."
                )
            # A sample of any rank counts as one row of cells.
            flat = data if is_frame(data) else np.broadcast_to(0, (1, layout.n_cells))
            validate_data(self, flat, skip_check_array=True)
            data = read_for_block(data, layout)
            self._plan = learn_block(data, layout, settings)
            self.shape_ = (n_samples, *layout.shape)
        self._names = data.names if isinstance(data, Frame) else None
        self.n_samples_ = n_samples
        self.output_shape_ = (n_samples, *self._plan.output_shape)
        self._keep_target(target)
        return data

    @all_or_nothing
    def _learn_and_apply(self, X: Any, y: Any) -> Any:
        return self._apply(self._learn(X, y))

    def _read(self, X: Any) -> Any:
        """Data like those of fit, in the form in which :meth:`_apply` takes them."""
        data = self._plan.without_cells(X)
        data = read_data(X, min_rows=0) if data is None else data
        is_table = not isinstance(data, Ragged) and len(data.shape) == 2
        if is_table and len(self.shape_) == 2 and not self._plan.is_sequence:
            validate_data(self, data, reset=False, skip_check_array=True)
        if isinstance(self._plan, Block):
            read_now = read_for_block(data, self._plan.layout)
        elif is_table:
            read_now = read(data)
        else:
            raise ValueError("X must be a table as in fit: of rank 2, with rows of equal length.")
        if is_frame(data) and self._names is not None:
            check_column_names(self._names, read_now.names)
        return read_now

    def _apply(self, data: Any) -> Any:
        if isinstance(self._plan, Table):
            return apply_table(data, self._plan, sparse_output=self.sparse_output)
        self._check_container(self.output_shape_)
        return apply_block(data, self._plan)
