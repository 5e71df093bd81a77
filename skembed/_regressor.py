"""EmbeddingRegressor: the network that learns the vectors, kept as the model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin

from . import _params as p
from ._predictors import EmbeddingPredictor
from ._sample import Sample
from ._targets import Target, for_loss, unit_for
from ._training_input import TrainingInput


class EmbeddingRegressor(RegressorMixin, EmbeddingPredictor):
    """Predict numbers from tables with categorical columns.

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
    loss : {"squared_error", "absolute_error", "huber", "poisson", "quantile"}, \
            default="squared_error"
        What is minimised. ``"poisson"`` is for counts and other numbers from 0, whose logarithm is
        modelled; ``"huber"`` is quadratic up to 1.35 standard deviations, as the quartiles of the
        target tell them (Huber 1964, doi:10.1214/aoms/1177703732). For it,
        ``"absolute_error"`` and ``"quantile"`` effects are those of a target that is clipped at
        ten of these deviations from the median, in standard deviations of what is clipped.
    quantile : float, default=0.5
        The quantile that ``loss="quantile"`` predicts.
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
        Effects of categories and bins on the target, in its standard deviations, and of crosses on
        what the features before them leave; bins that tell nothing have none. Frames of one column
        begin with the unknown value and end with the missing one.
    network_share_ : float
        Share of the networks in the prediction; the rest is the linear model's.
    target_type_ : str
        ``"continuous"`` or ``"continuous-multioutput"``.
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
    >>> from skembed import EmbeddingRegressor
    >>> from skembed.datasets import load_employee_salaries
    >>> X, y = load_employee_salaries(return_X_y=True)
    >>> X, y = X[::8], y[::8]
    >>> model = EmbeddingRegressor(n_estimators=1, random_state=0).fit(X[200:], y[200:])
    >>> model.score(X[:200], y[:200]) > 0.8
    True
    """

    task: ClassVar = "regression"
    _rules: ClassVar = {
        **p.CATEGORY_RULES,
        **p.VECTOR_RULES,
        **p.NETWORK_RULES,
        **p.SEQUENCE_RULES,
        **p.PREDICTOR_RULES,
        "loss": p.one_of("squared_error", "absolute_error", "huber", "poisson", "quantile"),
        "quantile": p.real("(0, 1)"),
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
        loss: str = "squared_error",
        quantile: float = 0.5,
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
        self.loss = loss
        self.quantile = quantile
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

    def _with_loss(self, sample: Sample) -> Target:
        target = sample.target
        return for_loss(target, self.loss, unit_for(self.loss, target, sample.weight))

    def _as_before(self, target: Target) -> Target:
        # What a loss asks of the targets, it asks of those of all calls. It is that of the first:
        # the parameter may have changed since, and the networks keep theirs.
        target = replace(target, limits=self._widened(target.limits))
        return for_loss(target, self._target_loss, (self._target_center, self._target_scale))

    def _store(self, read: TrainingInput) -> None:
        super()._store(read)
        target = read.sample.target
        self._target_center, self._target_scale = target.center, target.scale
        self._target_loss = target.loss
        self._target_range = target.limits

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> EmbeddingRegressor:
        """Learn the model.

        Parameters
        ----------
        X : dataframe or array-like of shape (n_samples, n_features)
            Columns of categories (any hashable values) and numbers, with missing values.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Numbers.
        sample_weight : array-like of shape (n_samples,), optional
            Weight 2 counts as two rows, weight 0 as none.

        Returns
        -------
        self : EmbeddingRegressor

        Raises
        ------
        ValueError, TypeError
            If a parameter, a column, the target or a weight is not what it must be.
        FloatingPointError
            If training diverged.
        """
        self._fit(X, y, sample_weight)
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> EmbeddingRegressor:
        """Train the networks for one more epoch on new rows.

        The first call is a :meth:`fit`, and should be given a fair sample. Later ones keep its
        effects, crosses, linear part and ``network_share_`` (if that is 0, predictions stay), and
        learn at the rate ``learning_rate_init``. New categories join where the unknown value is.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`fit`.

        Returns
        -------
        self : EmbeddingRegressor

        Raises
        ------
        ValueError
            With ``early_stopping``, and as in :meth:`fit`.
        """
        self._partial_fit(X, y, sample_weight)
        return self

    def _store_more(self, target: Target) -> None:
        self._target_range = self._widened(target.limits)

    def _widened(self, limits: NDArray[np.float64]) -> NDArray[np.float64]:
        """The range of the targets seen so far, with that of more of them."""
        (low, high), (least, largest) = self._target_range, limits
        return np.stack([np.minimum(low, least), np.maximum(high, largest)])

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Predict the target, within the range seen in ``fit`` and ``partial_fit``.

        Parameters
        ----------
        X : dataframe or array-like of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        raw = self._raw_prediction(X)
        prediction = self._blend.loss.link(raw)
        prediction = prediction * self._target_scale + self._target_center
        prediction = np.clip(prediction, *self._target_range)
        return prediction if self.target_type_ == "continuous-multioutput" else prediction[:, 0]
