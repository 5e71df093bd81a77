"""EmbeddingEncoder: learn one table per categorical column, look codes up in it."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping

from . import _params as p
from ._adopt import adopt
from ._callbacks import begin_fit, with_callbacks
from ._crossfit import check_rows_left_out, choose_splits, cross_fit
from ._partial_fit import StreamedModel
from ._storage import StoredEmbeddings
from ._threads import single_blas_thread


class EmbeddingEncoder(StoredEmbeddings, StreamedModel):
    """Encode categorical columns as dense vectors learned from the target.

    Each category of each column gets a short vector. The first coordinate is the category's
    *effect*: by how much it shifts the target, estimated jointly over the columns and shrunken
    towards the mean of the column when the category is rare. The others are *learned* by a small
    neural network that predicts the target from the vectors of all columns; they hold what the
    category does in combination with others.

    ``fit_transform`` gives the training rows *out-of-fold* vectors, learned without the row itself.
    ``fit(...).transform(...)`` on the same rows would leak the target to the model that comes
    after. A :class:`~sklearn.pipeline.Pipeline` calls the right one by itself.

    Parameters
    ----------
    embedding_dim : "auto", int, dict or callable, default="auto"
        Learned coordinates per column: a number for all, a dict column -> number (``"auto"`` for
        the rest), or a function of the number of categories. ``"auto"`` takes 4 (16 without a
        target), at most one less than there are categories, and at least 1. Without a target a
        column gets at most as many as its categories span.
    target_effect : bool, default=True
        Put the effect on the target (one per output or class) in front of the learned coordinates.
    categories : "auto", list of lists or dict column -> list, default="auto"
        The categories of each column. ``"auto"`` takes what was seen. Given values are all known,
        seen or not; rare ones may be infrequent.
    min_frequency : int, float or None, default=None
        Categories seen in fewer rows (a float: a smaller share of them) are infrequent: they share
        one vector.
    max_categories : int or None, default=None
        Keep at most so many vectors per column, that of the infrequent categories included.
    handle_unknown : {"embed", "infrequent_if_exist", "mean", "zeros", "error"}, default="embed"
        Vector of a value that was not seen: one learned from the rare categories, that of the
        infrequent categories (the learned one if there are none), the mean over the rows, zeros, or
        a ValueError.
    handle_missing : {"embed", "unknown", "error"}, default="embed"
        Missing values are a category of their own, are unknown, or raise a ValueError. With
        ``"embed"`` a column that had none in ``fit`` gives them the mean vector of its rows.
    shared : list of lists of columns or None, default=None
        Groups of columns that hold the same kind of thing (home and away team) and share one
        vocabulary and the learned coordinates. Effects remain one per column. Settings of single
        columns are given for the first of a group.
    initial_embeddings : dict column -> DataFrame or mapping category -> vector, default=None
        Vectors to start from and to be pulled to, in place of the mean; the learned coordinates
        then stay in their space and have their width. Categories without one start in their middle;
        columns of effects in a frame are left out.
    learning_rate_multipliers : dict column -> float or None, default=None
        Factor of the learning rate of a column's table; 0 leaves its vectors at their first values.
    max_norm : float or None, default=None
        Largest Euclidean norm of the learned coordinates of a category, in their unit. Frozen
        tables keep theirs.
    numeric_features : "auto", list of str or int, or None, default=None
        Columns, by name or position, that the network may use as numbers; ``"auto"`` takes those of
        a numeric or boolean dtype, as in the predictors. They are not part of the output.
    sequence_features : "auto", list of str or int, or None, default=None
        Columns of lists, tuples, sets or 1-D arrays of categories, whose vectors are pooled. Empty
        cells get zeros, missing ones the missing vector. ``"auto"`` goes by dtype, in objects by
        the first one not missing: lists, sets and arrays are taken, tuples and frozensets are not.
    pooling : {"mean", "sum", "max"}, default="mean"
        How they are pooled. Mean and sum count an element as often as it occurs. For ``"max"`` the
        vectors are learned as for the mean, and the largest value of each coordinate is taken.
    task : {"auto", "regression", "classification", "none"}, default="auto"
        ``"auto"``: floats are numbers, unless they are exactly two different whole ones; integers,
        strings and booleans are classes. More than 20 different integers raise an error that asks
        for a choice. ``"none"`` ignores the target and learns from which categories occur together,
        in at least two columns; the parameters of effects, network and folds then have no meaning.
    cv : int, splitter, iterable or None, default=5
        Folds of ``fit_transform``; None for none. The test parts must hold every row once. With an
        int, rows of frequent categories keep the vector of all rows: of those with at least 50 rows
        the largest, at most as many over all columns as 2 % of the rows.
    hidden_layer_sizes : int or sequence of int, default=(64,)
        Units of the hidden layers; ``()`` for none.
    activation : {"silu", "relu", "tanh", "logistic", "identity"}, default="silu"
        Activation of the hidden layers.
    dropout : float, default=0.1
        Share of the hidden units left out in a training step.
    solver : {"adam", "sgd"}, default="adam"
        How gradients become updates.
    momentum : float, default=0.9
        Momentum of ``"sgd"``.
    nesterovs_momentum : bool, default=True
        Whether it is Nesterov's.
    alpha : float, default=1e-4
        L2 penalty of the dense weights, divided by the batch size.
    shrinkage : "auto" or float, default="auto"
        How many rows at the column's mean are added to a category's own: an effect seen in ``n``
        rows keeps about ``n / (n + shrinkage)``. Learned coordinates are pulled to their mean
        likewise. ``"auto"`` estimates it for each column.
    learning_rate_init : float, default=1e-3
        First learning rate.
    learning_rate : {"cosine", "linear", "constant"}, default="cosine"
        How it falls during training.
    batch_size : int, default=256
        Rows per training step.
    max_iter : int, default=15
        Epochs.
    shuffle : bool, default=True
        Draw a new order of the rows in each epoch.
    tol : float, default=1e-4
        Least improvement of the loss that counts.
    early_stopping : bool, default=False
        Hold out ``validation_fraction`` of the rows and keep the network of the epoch that was best
        on them.
    validation_fraction : float, default=0.1
        Share of the rows held out.
    n_iter_no_change : int, default=10
        Stop after so many epochs in which the loss (held-out with ``early_stopping``) did not
        improve by ``tol``.
    warm_start : bool, default=False
        Let the next ``fit`` start from the network of the last; categories that are still there
        keep their vectors as a start.
    random_state : int, RandomState or None, default=None
        Source of all randomness. The same int gives the same bits.
    verbose : bool or int, default=False
        Print a line per epoch: the losses and the time left.
    n_jobs : int or None, default=None
        Folds of ``fit_transform`` learned at the same time; -1 for all processors. The result does
        not depend on it.
    dtype : {numpy.float16, numpy.float32, numpy.float64}, default=numpy.float32
        Type of the output. ``embeddings_`` are float32 whatever it is; float16 rounds their values
        to three digits on the way out, and makes those above 65504 infinite.

    Attributes
    ----------
    categories_ : list of ndarray
        Sorted categories of each categorical column, without missing values.
    embeddings_ : list of ndarray of shape (n_codes, width), dtype float32
        The tables that ``transform`` gathers from, effects first. Row 0 is the unknown value, then
        come the categories (in order, without the infrequent ones), the infrequent ones' row if
        there are any, and last the missing value.
    embedding_dims_ : list of int
        Learned coordinates of each column.
    classes_ : ndarray or None
        Labels of a classification target.
    target_type_ : str
        ``"continuous"``, ``"continuous-multioutput"``, ``"binary"``, ``"multiclass"``,
        ``"multilabel-indicator"`` or ``"none"``.
    loss_curve_ : list of float
        Mean training loss of each epoch.
    validation_scores_ : list of float or None
        Minus the held-out loss of each epoch.
    n_iter_ : int
        Epochs that were run.
    n_features_in_ : int
        Columns seen in ``fit``.
    feature_names_in_ : ndarray of str
        Their names, if all are strings.

    See Also
    --------
    EmbeddingClassifier, EmbeddingRegressor : Predict from the raw table.
    InputEmbedding : Scaling and one-hot encoding.
    sklearn.preprocessing.TargetEncoder : One number per category.

    Notes
    -----
    *Unit.* All coordinates are in standard deviations of the target; for a classification target in
    those of the 0/1 indicator of the label. So they need no scaling before a linear model or
    neighbours. The distance of two categories tells by how much predictions differ when one
    replaces the other.

    *Without a target* the coordinates are principal coordinates of positive pointwise mutual
    information (PMI) with the categories of other columns and the deciles of numeric ones [3]_: the
    squared distance of two categories approximates the mean squared difference of their PMI, in
    nats. Pairs seen ``n`` times count ``n / (n + 1)`` of theirs.

    *Effects* are best linear unbiased predictions of additive random intercepts [1]_, with multiple
    memberships in columns of ``sequence_features`` [4]_. *Learned coordinates* come from a network
    with one embedding per column [2]_, whose tables are learned once more with the layers above
    frozen; the same step without the rows of a fold gives vectors in the same space.

    References
    ----------
    .. [1] Henderson, C. R. (1975). Best linear unbiased estimation and prediction under a
       selection model. Biometrics 31. :doi:`10.2307/2529430`
    .. [2] Guo, C. and Berkhahn, F. (2016). Entity embeddings of categorical variables.
       :arxiv:`1604.06737`
    .. [3] Levy, O. and Goldberg, Y. (2014). Neural word embedding as implicit matrix factorization.
       NeurIPS 27.
    .. [4] Browne, W. J., Goldstein, H. and Rasbash, J. (2001). Multiple membership multiple
       classification (MMMC) models. Statistical Modelling 1. :doi:`10.1177/1471082X0100100202`

    Examples
    --------
    >>> from skembed import EmbeddingEncoder
    >>> from skembed.datasets import load_employee_salaries
    >>> X, y = load_employee_salaries(return_X_y=True)
    >>> encoder = EmbeddingEncoder(embedding_dim=2, random_state=0)
    >>> encoder.fit_transform(X[["gender", "department_name"]], y).shape
    (9228, 6)
    >>> encoder.get_feature_names_out().tolist()[:3]
    ['gender_effect', 'gender_0', 'gender_1']
    """

    _rules: ClassVar = {
        **p.CATEGORY_RULES,
        **p.VECTOR_RULES,
        **p.SEQUENCE_RULES,
        "task": p.one_of("auto", "regression", "classification", "none"),
        "cv": p.none | p.integer(2) | p.splits,
        **p.NETWORK_RULES,
        "dtype": p.float_dtype,
    }

    def __init__(
        self,
        *,
        embedding_dim: Any = "auto",
        target_effect: bool = True,
        categories: Any = "auto",
        min_frequency: int | float | None = None,
        max_categories: int | None = None,
        handle_unknown: str = "embed",
        handle_missing: str = "embed",
        shared: Any = None,
        initial_embeddings: Any = None,
        learning_rate_multipliers: dict | None = None,
        max_norm: float | None = None,
        numeric_features: Any = None,
        sequence_features: Any = None,
        pooling: str = "mean",
        task: str = "auto",
        cv: Any = 5,
        hidden_layer_sizes: Any = (64,),
        activation: str = "silu",
        dropout: float = 0.1,
        solver: str = "adam",
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        alpha: float = 1e-4,
        shrinkage: Any = "auto",
        learning_rate_init: float = 1e-3,
        learning_rate: str = "cosine",
        batch_size: int = 256,
        max_iter: int = 15,
        shuffle: bool = True,
        tol: float = 1e-4,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        warm_start: bool = False,
        random_state: Any = None,
        verbose: bool | int = False,
        n_jobs: int | None = None,
        dtype: Any = np.float32,
    ) -> None:
        self.embedding_dim = embedding_dim
        self.target_effect = target_effect
        self.categories = categories
        self.min_frequency = min_frequency
        self.max_categories = max_categories
        self.handle_unknown = handle_unknown
        self.handle_missing = handle_missing
        self.shared = shared
        self.initial_embeddings = initial_embeddings
        self.learning_rate_multipliers = learning_rate_multipliers
        self.max_norm = max_norm
        self.numeric_features = numeric_features
        self.sequence_features = sequence_features
        self.pooling = pooling
        self.task = task
        self.cv = cv
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout
        self.solver = solver
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.alpha = alpha
        self.shrinkage = shrinkage
        self.learning_rate_init = learning_rate_init
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.tol = tol
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        self.n_jobs = n_jobs
        self.dtype = dtype

    @with_callbacks
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> EmbeddingEncoder:
        """Learn the vectors.

        Transforming the same rows afterwards leaks the target: each vector has seen its row. Use
        :meth:`fit_transform` for training rows.

        Parameters
        ----------
        X : dataframe or array-like of shape (n_samples, n_features)
            Categorical columns (any hashable values), and those of ``numeric_features`` and
            ``sequence_features``.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Target: numbers, class labels, or 0/1 indicators of several labels. Ignored with
            ``task="none"``.
        sample_weight : array-like of shape (n_samples,), optional
            Weight 2 counts as two rows, weight 0 as none.

        Returns
        -------
        self : EmbeddingEncoder

        Raises
        ------
        ValueError, TypeError
            If a parameter, a column, the target or a weight is not what it must be.
        FloatingPointError
            If training diverged.
        """
        with single_blas_thread():
            read = self._read(X, y, sample_weight)
            task = begin_fit(self, X, y, sample_weight, n_parts=self._n_epochs())
            fitted, _ = self._learn(read, task)
            task.end(lambda: vars(fitted))
            adopt(self, fitted)
        return self

    @with_callbacks
    def fit_transform(
        self, X: Any, y: Any = None, sample_weight: Any = None, **params: Any
    ) -> NDArray[np.floating]:
        """Learn the vectors and return out-of-fold vectors of the training rows.

        Not the same as ``fit(X, y).transform(X)``: here the vector of a row was learned without it
        (unless ``cv=None`` or ``task="none"``).

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`fit`.
        **params : dict
            Given to the ``split`` method of ``cv``, such as ``groups``.

        Returns
        -------
        X_out : ndarray of shape (n_samples, n_features_out), of the parameter ``dtype``
        """
        with single_blas_thread():
            read = self._read(X, y, sample_weight)
            # A generator of its own: `fit` and `fit_transform` train the same network.
            splits = choose_splits(self, X, y, read.sample, read.rng.spawn(1)[0], params)
            check_rows_left_out(self, X, read)
            n_parts = 1 + bool(splits)
            task = begin_fit(self, X, y, sample_weight, name="fit-transform", n_parts=n_parts)
            learning = task.begin("fit", n_parts=self._n_epochs())
            fitted, trained = self._learn(read, learning)
            learning.end(lambda: vars(fitted))
            try:
                # Rows of weight 0 taught nothing: what `transform` gives them does not leak.
                output = fitted._gather(X)
                if trained is not None and splits:
                    vectors = cross_fit(self, read, trained, fitted.embeddings_, splits, task)
                    output[read.sample.rows] = np.concatenate(vectors, axis=1)
            except KeyboardInterrupt:
                adopt(self, fitted)
                raise
            task.end(lambda: vars(fitted))
            adopt(self, fitted)
        return output

    def get_metadata_routing(self) -> MetadataRouter:
        """Routing of ``sample_weight`` to this encoder and of ``groups`` to ``cv``.

        Returns
        -------
        routing : sklearn.utils.metadata_routing.MetadataRouter
        """
        router = MetadataRouter(owner=self).add_self_request(self)
        if not hasattr(self.cv, "split"):
            return router
        mapping = MethodMapping().add(caller="fit_transform", callee="split")
        return router.add(splitter=self.cv, method_mapping=mapping)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.task != "none"
        return tags
