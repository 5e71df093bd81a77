"""EmbeddingClassifier: the network that learns the vectors, kept as the model."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from . import _params as p
from ._class_weight import weigh_classes
from ._frames import n_rows_of
from ._label_score import LabelScore
from ._predictors import EmbeddingPredictor
from ._sample import read_weight


class EmbeddingClassifier(LabelScore, EmbeddingPredictor):
    """Predict classes from tables with categorical columns.

    Each category gets a vector, learned by a small neural network together with the prediction. The
    network also sees what it would be slow to find: shrunken effects on the target of categories,
    bins of numeric columns and crossed columns that a search finds, and how often categories occur.
    It takes raw frames: numbers are scaled, missing values and new categories are handled.

    Training rows see effects that were estimated without them. Small samples are trained for more
    than ``max_iter`` epochs, so that there are at least 500 steps.

    Parameters
    ----------
    embedding_dim : "auto", int, dict or callable, default="auto"
        Coordinates of the vectors per column: a number for all, a dict column -> number (``"auto"``
        for the rest), or a function of the number of categories. ``"auto"`` takes 8, at most one
        less than there are categories, and at least 1.
    target_effect : bool, default=True
        Give the network the effects of the categories on the target, those of numeric columns
        in bins, and an additive model of all these and of crosses.
    crosses : int, default=24
        How many crosses, combinations of two to four columns, the search may take; 0 for none.
    counts : bool, default=True
        Give the network the logarithm of how often categories, crosses and combinations occur.
    n_bins : int, default=32
        Bins of the piecewise-linear coordinates of each numeric column; 0 for none.
    linear_part : bool, default=True
        Average the networks with a linear model of the same features, in the shares that are best
        on rows held out.
    n_estimators : int, default=3
        Networks that are averaged. Each leaves out another sixteenth of the rows.
    numeric_features : "auto", list of str or int, or None, default="auto"
        Columns, by name or position, that are numbers. ``"auto"`` takes those of a numeric or
        boolean dtype, or of objects that all are numbers. Others, dates too, are categories.
    sequence_features : "auto", list of str or int, or None, default="auto"
        Columns of lists, tuples, sets or 1-D arrays of categories, whose vectors are pooled. Empty
        cells get zeros, missing ones the missing vector. ``"auto"`` goes by dtype, in objects by
        the first one not missing: lists, sets and arrays are taken, tuples and frozensets are not.
    pooling : {"mean", "sum", "max"}, default="mean"
        How they are pooled. Mean and sum count an element as often as it occurs. For ``"max"`` the
        vectors are learned as for the mean, and the largest value of each coordinate is taken.
    categories : "auto", list of lists or dict column -> list, default="auto"
        The categories of each column. ``"auto"`` takes what was seen. Given values are all known,
        seen or not; rare ones may be infrequent.
    min_frequency : int, float or None, default=None
        Categories seen in fewer rows (a float: a smaller share of them) are infrequent: they share
        one vector.
    max_categories : int or None, default=None
        Keep at most so many vectors per column, that of the infrequent categories included.
    handle_unknown : {"embed", "infrequent_if_exist", "mean", "zeros", "error"}, default="embed"
        What a value that was not seen is to the network: what was learned from the rare categories,
        the infrequent categories (the rare ones if there are none), the mean over all rows,
        zeros, or a ValueError.
    handle_missing : {"embed", "unknown", "error"}, default="embed"
        Missing values are a category of their own, are unknown, or raise a ValueError. With
        ``"embed"`` a column that had none in ``fit`` gives them the mean of its rows. Missing
        numbers are always the median, and flagged where ``fit`` met some.
    shared : list of lists of columns or None, default=None
        Groups of columns that hold the same kind of thing (home and away team) and share one
        vocabulary and the learned coordinates. Effects remain one per column. Settings of single
        columns are given for the first of a group.
    initial_embeddings : dict column -> DataFrame or mapping category -> vector, default=None
        Vectors to start from. Categories without one start in their middle.
    learning_rate_multipliers : dict column -> float or None, default=None
        Factor of the learning rate of a column's table; 0 leaves its vectors at their first values.
    max_norm : float or None, default=None
        Largest Euclidean norm of the vector of a category. Frozen tables keep theirs.
    class_weight : dict class -> weight, list of one per label, "balanced" or None, default=None
        Factors of the sample weights. ``"balanced"`` gives all classes the same total weight, in
        `partial_fit` those of a batch.
    hidden_layer_sizes : int or sequence of int, default=(128, 128)
        Units of the hidden layers; ``()`` for none.
    activation : {"silu", "relu", "tanh", "logistic", "identity"}, default="silu"
        Activation of the hidden layers.
    dropout : float or "auto", default="auto"
        Share of hidden units left out in a step. ``"auto"``: 0.15, less where noise is little.
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
        rows keeps about ``n / (n + shrinkage)``. ``"auto"`` estimates it for each column.
    learning_rate_init : float, default=2e-3
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
        Networks trained at the same time, in processes of joblib (in threads where ``verbose`` or a
        callback looks on); -1 for all processors. The result does not depend on it.

    Attributes
    ----------
    categories_, embeddings_, embedding_dims_
        As in :class:`EmbeddingEncoder`; the learned coordinates are those of the first network.
    crosses_ : list of tuple of column names
        Crossed columns that were found, in the order in which they were.
    effects_ : dict column name or tuple of names -> DataFrame
        Effects of categories, bins and crosses on the target, in its standard deviations; bins that
        tell nothing have none. Frames of one column begin with the unknown value and end with the
        missing one.
    network_share_ : float
        Share of the networks in the prediction; the rest is the linear model's.
    classes_ : ndarray
        Labels in order.
    target_type_ : str
        ``"binary"``, ``"multiclass"`` or ``"multilabel-indicator"``.
    loss_curve_, validation_scores_, n_iter_, n_features_in_, feature_names_in_
        As in :class:`EmbeddingEncoder`; losses are means over the networks.

    See Also
    --------
    EmbeddingEncoder : The vectors alone, for other models.

    Notes
    -----
    *Effects* are best linear unbiased predictions of random intercepts, jointly over the columns
    [1]_; each epoch takes them from another of four draws of ten folds. *Crosses* are found
    greedily by the correlation of their out-of-fold effect with what is not yet explained. An
    *additive model* of columns, bins and crosses is a feature. *Numeric columns* also enter in
    piecewise-linear coordinates [2]_. The *network* gets these and vectors, shrunken where rare.

    References
    ----------
    .. [1] Henderson, C. R. (1975). Best linear unbiased estimation and prediction under a
       selection model. Biometrics 31. :doi:`10.2307/2529430`
    .. [2] Gorishniy, Y., Rubachev, I. and Babenko, A. (2022). On embeddings for numerical features
       in tabular deep learning. :arxiv:`2203.05556`

    Examples
    --------
    >>> from skembed import EmbeddingClassifier
    >>> from skembed.datasets import load_employee_salaries
    >>> X, y = load_employee_salaries(return_X_y=True)
    >>> X, well_paid = X[::8], y[::8] > 80_000
    >>> model = EmbeddingClassifier(n_estimators=1, random_state=0).fit(X[200:], well_paid[200:])
    >>> model.predict_proba(X[:200]).shape
    (200, 2)
    >>> round(model.score(X[:200], well_paid[:200]), 1)
    0.9
    """

    task: ClassVar = "classification"
    _rules: ClassVar = {
        **p.CATEGORY_RULES,
        **p.VECTOR_RULES,
        **p.NETWORK_RULES,
        **p.SEQUENCE_RULES,
        **p.PREDICTOR_RULES,
        "class_weight": p.none
        | p.one_of("balanced")
        | p.class_weights
        | p.sequence_of("a list of such dicts", p.class_weights.holds),
    }

    def __init__(
        self,
        *,
        embedding_dim: Any = "auto",
        target_effect: bool = True,
        crosses: int = 24,
        counts: bool = True,
        n_bins: int = 32,
        linear_part: bool = True,
        n_estimators: int = 3,
        numeric_features: Any = "auto",
        sequence_features: Any = "auto",
        pooling: str = "mean",
        categories: Any = "auto",
        min_frequency: int | float | None = None,
        max_categories: int | None = None,
        handle_unknown: str = "embed",
        handle_missing: str = "embed",
        shared: Any = None,
        initial_embeddings: Any = None,
        learning_rate_multipliers: dict | None = None,
        max_norm: float | None = None,
        class_weight: Any = None,
        hidden_layer_sizes: Any = (128, 128),
        activation: str = "silu",
        dropout: float | str = "auto",
        solver: str = "adam",
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        alpha: float = 1e-4,
        shrinkage: Any = "auto",
        learning_rate_init: float = 2e-3,
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
    ) -> None:
        self.embedding_dim = embedding_dim
        self.target_effect = target_effect
        self.crosses = crosses
        self.counts = counts
        self.n_bins = n_bins
        self.linear_part = linear_part
        self.n_estimators = n_estimators
        self.numeric_features = numeric_features
        self.sequence_features = sequence_features
        self.pooling = pooling
        self.categories = categories
        self.min_frequency = min_frequency
        self.max_categories = max_categories
        self.handle_unknown = handle_unknown
        self.handle_missing = handle_missing
        self.shared = shared
        self.initial_embeddings = initial_embeddings
        self.learning_rate_multipliers = learning_rate_multipliers
        self.max_norm = max_norm
        self.class_weight = class_weight
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

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> EmbeddingClassifier:
        """Learn the model.

        Parameters
        ----------
        X : dataframe or array-like of shape (n_samples, n_features)
            Columns of categories (any hashable values) and numbers, with missing values.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels, or 0/1 indicators of several labels.
        sample_weight : array-like of shape (n_samples,), optional
            Weight 2 counts as two rows, weight 0 as none.

        Returns
        -------
        self : EmbeddingClassifier

        Raises
        ------
        ValueError, TypeError
            If a parameter, a column, the target or a weight is not what it must be.
        FloatingPointError
            If training diverged.
        """
        self._fit(X, y, sample_weight)
        return self

    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None
    ) -> EmbeddingClassifier:
        """Train the networks for one more epoch on new rows.

        The first call is a :meth:`fit`, and should be given a fair sample. Later ones keep its
        effects, crosses, linear part and ``network_share_`` (if that is 0, predictions stay), and
        learn at the rate ``learning_rate_init``. New categories join where the unknown value is.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`fit`.
        classes : array-like of shape (n_classes,), optional
            All labels, where the ``y`` of the first call lacks some.

        Returns
        -------
        self : EmbeddingClassifier

        Raises
        ------
        ValueError
            With ``early_stopping``, for new labels, and as in :meth:`fit`.
        """
        self._partial_fit(X, y, sample_weight, classes)
        return self

    def _weighted(self, X: Any, y: Any, sample_weight: Any, classes: Any) -> tuple[Any, Any]:
        if self.class_weight is None or y is None:
            return sample_weight, classes
        weight = read_weight(sample_weight, n_rows_of(X))
        return weigh_classes(y, self.task, weight, self.class_weight, classes)

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Raw predictions: log-odds, or for several classes what the softmax takes.

        Parameters
        ----------
        X : dataframe or array-like of shape (n_samples, n_features)

        Returns
        -------
        raw_prediction : ndarray of shape (n_samples,) for two classes, else (n_samples, n_outputs)
        """
        raw = self._raw_prediction(X)
        return raw[:, 0] if self.target_type_ == "binary" else raw

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities of the classes.

        Parameters
        ----------
        X : dataframe or array-like of shape (n_samples, n_features)

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``; of each label for several labels.
        """
        raw = self._raw_prediction(X)
        probabilities = self._blend.loss.link(raw)
        if self.target_type_ == "binary":
            return np.hstack([1 - probabilities, probabilities])
        return probabilities

    def predict(self, X: Any) -> NDArray[Any]:
        """Most probable classes.

        Parameters
        ----------
        X : dataframe or array-like of shape (n_samples, n_features)

        Returns
        -------
        labels : ndarray of shape (n_samples,), or (n_samples, n_labels) of 0 and 1
        """
        raw = self._raw_prediction(X)
        if self.target_type_ == "multilabel-indicator":
            return (raw > 0).astype(int)
        best = (raw[:, 0] > 0).astype(int) if raw.shape[1] == 1 else raw.argmax(axis=1)
        return self.classes_[best]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = False
        return tags
