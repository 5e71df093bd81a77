"""Estimators for tables beyond one memory or one machine, on Dask (extra ``dask``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import signature
from typing import Any, ClassVar
from weakref import WeakSet

import numpy as np
from sklearn.utils.validation import check_is_fitted

from . import _params as p
from ._adopt import adopt
from ._classifier import EmbeddingClassifier
from ._encoder import EmbeddingEncoder
from ._fit_parts import fit_encoder, fit_predictor
from ._futures import Futures
from ._regressor import EmbeddingRegressor

try:
    import dask
    import dask.array as da
    from dask.base import is_dask_collection
    from distributed import Client, LocalCluster, get_client
except ImportError as error:
    raise ImportError(
        'skembed.dask needs Dask, the extra "dask": pip install "dask[dataframe,distributed]".'
    ) from error

__all__ = ["DaskEmbeddingClassifier", "DaskEmbeddingEncoder", "DaskEmbeddingRegressor"]


def _triple(X: Any, y: Any, weight: Any) -> tuple[Any, Any, Any]:
    return X, y, weight


@contextmanager
def _running_client() -> Iterator[Client]:
    """The client that is there, or one of a local cluster for as long as it is needed."""
    try:
        client = get_client()
    except ValueError:
        with LocalCluster(dashboard_address=":0") as cluster, Client(cluster) as client:
            yield client
        return
    if not client.scheduler_info()["workers"]:
        raise RuntimeError(
            "The cluster of the running Client has no workers. Add some, such as by "
            "cluster.scale(2), and call fit again."
        )
    yield client


def _partitions(table: Any, name: str) -> list[Any]:
    """The partitions of a Dask collection as delayed tables, whole rows each."""
    if isinstance(table, da.Array):
        if table.ndim == 2:
            table = table.rechunk({1: -1})
        return list(table.to_delayed().ravel())
    if is_dask_collection(table) and hasattr(table, "to_delayed"):
        return table.to_delayed()
    raise TypeError(
        f"{name} must be a Dask DataFrame, Series or Array. Got {type(table).__name__}. Use "
        "dask.dataframe.from_pandas or dask.array.from_array, or the ordinary estimator."
    )


def _load(client: Client, X: Any, y: Any, sample_weight: Any) -> Futures:
    """All partitions, loaded and held by the workers."""
    columns = [_partitions(X, "X")]
    for table, name in ((y, "y"), (sample_weight, "sample_weight")):
        own = [None] * len(columns[0]) if table is None else _partitions(table, name)
        if len(own) != len(columns[0]):
            raise ValueError(
                f"{name} must be partitioned like X: X has {len(columns[0])} partitions, "
                f"{name} has {len(own)}. Take both from one collection, or repartition."
            )
        columns.append(own)
    triples = [dask.delayed(_triple, pure=False)(*parts) for parts in zip(*columns, strict=True)]
    futures = client.compute(triples)
    return Futures(client, futures, alive=WeakSet(futures))


class _DaskModel:
    """What the estimators share: a fit on a cluster, and lazy output."""

    #: Neighbouring partitions are joined until they have so many rows. Each of these blocks is
    #: trained on for an epoch between two averages. Results depend on it and on the partitions,
    #: and on nothing else of the cluster.
    block_rows: ClassVar[int] = 50_000

    _local_class: ClassVar[type]
    _fit_parts: ClassVar[Callable[..., Any]]

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """Learn on the cluster of the running ``Client``, or on a local one for the time being.

        Parameters
        ----------
        X : dask DataFrame or dask Array of shape (n_samples, n_features)
        y : dask Series, DataFrame or Array of shape (n_samples,) or (n_samples, n_outputs)
            The target, partitioned like ``X``.
        sample_weight : dask Series or Array of shape (n_samples,), optional
            Partitioned like ``X``.

        Returns
        -------
        self
            Fitted.

        Raises
        ------
        TypeError
            If ``X``, ``y`` or ``sample_weight`` is no Dask collection, or a column holds lists.
        ValueError
            If partitions do not match or hold no rows, if a parameter has no distributed version,
            and as in the ordinary ``fit``.
        RuntimeError
            If the cluster has no workers.
        """
        _reject_unsupported(self)
        _partitions(X, "X")
        local = self._as_local()
        with (
            _running_client() as client,
            # Tables are sent to the parts again in every round.
            dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TB"}),
        ):
            given = _load(client, X, y, sample_weight)
            try:
                fitted, interrupted = type(self)._fit_parts(local, given, self.block_rows)
            except BaseException:
                # A traceback would keep them alive.
                given.cancel()
                raise
        adopt(self, fitted)
        if interrupted:
            raise KeyboardInterrupt
        return self

    def fit_transform(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """Not available: out-of-fold vectors are learned by the ordinary encoder only.

        Raises
        ------
        NotImplementedError
            Always, unless ``task="none"``, which has no target to leak.
        """
        if self.task != "none":
            raise NotImplementedError(
                f"{type(self).__name__} has no out-of-fold vectors, and those of fit(X).transform("
                "X) have seen the target of their rows. Fit on other rows than those that are "
                "transformed for training, or take the ordinary estimator."
            )
        return self.fit(X, y, sample_weight).transform(X)

    def _as_local(self) -> Any:
        """The ordinary estimator with the same parameters."""
        return self._local_class(**self.get_params(deep=False))

    def to_local(self) -> Any:
        """The ordinary estimator with all that was learned.

        Returns
        -------
        estimator : EmbeddingEncoder, EmbeddingClassifier or EmbeddingRegressor
            Fitted; it shares the arrays.
        """
        check_is_fitted(self)
        local = self._as_local()
        vars(local).update(vars(self))
        return local

    def transform(self, X: Any) -> Any:
        """Look up the vectors of all categories, lazily for a Dask collection.

        Parameters
        ----------
        X : dask DataFrame or Array, dataframe or array-like of shape (n_samples, n_features)

        Returns
        -------
        X_out : dask DataFrame or Array, or what the ordinary ``transform`` returns
            Partitioned like ``X``.
        """
        check_is_fitted(self)
        return self._lazily("transform", X, self.dtype, list(self.get_feature_names_out()))

    def _lazily(self, method: str, X: Any, dtype: Any, columns: list[Any] | None) -> Any:
        """A method of the ordinary estimator, partition by partition for a Dask collection.

        ``columns`` are the names of the output's; None for an output of one dimension.
        """
        local = self.to_local()
        if not is_dask_collection(X):
            return getattr(local, method)(X)
        # One key in the graph for all partitions.
        held = dask.delayed(local, pure=False, traverse=False)
        empty = np.empty((0,) if columns is None else (0, len(columns)), dtype=dtype)
        if isinstance(X, da.Array):
            apply = dask.delayed(_apply, pure=False)
            blocks = X.rechunk({1: -1}).to_delayed().ravel()
            parts = [apply(block, held, method, empty) for block in blocks]
            shapes = [(n, *empty.shape[1:]) for n in X.chunks[0]]
            pairs = zip(parts, shapes, strict=True)
            arrays = [da.from_delayed(part, shape, meta=empty) for part, shape in pairs]
            return da.concatenate(arrays, allow_unknown_chunksizes=True)
        index = X._meta.index[:0]
        if columns is None:
            meta = type(X._meta.iloc[:, 0])(empty, index=index)
        else:
            meta = type(X._meta)(empty, index=index, columns=columns)
        return X.map_partitions(_apply_to_frame, held, method, meta, meta=meta)


def _apply(X: Any, estimator: Any, method: str, empty: Any) -> Any:
    """A method's output for one partition, which may be empty."""
    return getattr(estimator, method)(X) if len(X) else empty


def _apply_to_frame(X: Any, estimator: Any, method: str, meta: Any) -> Any:
    """The same as a frame or a series with the index of the partition."""
    if not len(X):
        return meta
    output = getattr(estimator, method)(X)
    if meta.ndim == 1:
        return type(meta)(output, index=X.index, dtype=meta.dtype)
    return type(meta)(np.asarray(output), index=X.index, columns=meta.columns)


def _reject_unsupported(estimator: Any) -> None:
    """Parameters that have no distributed version must be left alone."""
    rules = {
        "sequence_features": p.none | p.one_of("auto"),
        "early_stopping": p.exactly(False),
        "warm_start": p.exactly(False),
        "class_weight": p.none,
    }
    parameters = estimator.get_params(deep=False)
    for name, rule in rules.items():
        if name in parameters and not rule.holds(parameters[name]):
            raise ValueError(
                f"The {name!r} parameter of {type(estimator).__name__} must be {rule.words}: there "
                f"is no distributed version of it. Got {parameters[name]!r} instead."
            )
    # What is on by default stays off here; who asks for more of it has to hear that.
    for name, off in (("crosses", 0), ("n_estimators", 1)):
        default = signature(type(estimator)).parameters[name].default if name in parameters else off
        if parameters.get(name, off) not in (off, default):
            raise ValueError(
                f"The {name!r} parameter of {type(estimator).__name__} must be {off}, or its "
                f"default {default}, which is taken as {off}: there is no distributed version of "
                f"it. Got {parameters[name]!r} instead."
            )


class DaskEmbeddingEncoder(_DaskModel, EmbeddingEncoder):
    """:class:`~skembed.EmbeddingEncoder` for Dask collections.

    All parameters are those of the ordinary encoder. Vocabularies, counts and effects are summed
    over the partitions; the network is trained in rounds, each of which averages what the blocks of
    partitions have learned in an epoch; the vectors are then defined as in the ordinary fit, by
    equations whose terms are summed over the blocks.

    Attributes
    ----------
    block_rows : int
        Neighbouring partitions are joined until they have so many rows, 50000. Each of these blocks
        is trained on for an epoch between two averages. Results depend on the partitions, this
        number and ``random_state``, not on the workers.

    See Also
    --------
    EmbeddingEncoder : For tables that fit into memory.

    Notes
    -----
    Rows should be in random order over the partitions. Medians and quantiles of numeric columns
    come from 100000 rows. There is no version of ``sequence_features``, ``early_stopping``,
    ``warm_start`` and of out-of-fold vectors; ``cv``, ``verbose``, ``n_jobs``, callbacks, ``tol``
    and ``n_iter_no_change`` have no effect.

    References
    ----------
    Stich 2019, "Local SGD converges fast and communicates little", arXiv:1805.09767.

    Ding et al. 2022, "Federated submodel optimization for hot and cold data features", NeurIPS.

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> from distributed import Client
    >>> from skembed.dask import DaskEmbeddingEncoder
    >>> X = da.from_array(np.array([["Rome"], ["Paris"]] * 20), chunks=(10, 1))
    >>> y = da.from_array(np.array([1.5, 2.0] * 20), chunks=10)
    >>> with Client(processes=False, n_workers=1, dashboard_address=":0"):
    ...     encoder = DaskEmbeddingEncoder(embedding_dim=1, task="regression").fit(X, y)
    ...     vectors = encoder.transform(X)
    ...     shape = vectors.compute().shape
    >>> shape
    (40, 2)
    """

    _local_class: ClassVar = EmbeddingEncoder
    _fit_parts: ClassVar = staticmethod(fit_encoder)


class _DaskPredictor(_DaskModel):
    """What the two predictors share."""

    _fit_parts: ClassVar = staticmethod(fit_predictor)

    def predict(self, X: Any) -> Any:
        """Predict as the ordinary estimator does, lazily for a Dask collection.

        Parameters
        ----------
        X : dask DataFrame or Array, dataframe or array-like of shape (n_samples, n_features)

        Returns
        -------
        y : dask Series, DataFrame or Array, or what the ordinary ``predict`` returns
            Partitioned like ``X``.
        """
        check_is_fitted(self)
        several = self.target_type_ in ("continuous-multioutput", "multilabel-indicator")
        columns = list(range(self._n_outputs)) if several else None
        dtype = np.float64 if self.classes_ is None else self.classes_.dtype
        return self._lazily("predict", X, dtype, columns)


class DaskEmbeddingClassifier(_DaskPredictor, EmbeddingClassifier):
    """:class:`~skembed.EmbeddingClassifier` for Dask collections, as one network.

    All parameters are those of the ordinary classifier. The network sees vectors and numbers;
    effects (which ``transform`` puts in front of the vectors), crosses and counts as inputs, the
    linear part and several networks are for the ordinary estimator: ``counts`` and ``linear_part``
    have no effect here, and ``crosses`` and ``n_estimators`` must be 0 and 1, or their defaults,
    which are taken so; ``dropout="auto"`` is 0.15. How it is trained, and ``block_rows``, are
    explained at :class:`DaskEmbeddingEncoder`.

    See Also
    --------
    EmbeddingClassifier : For tables that fit into memory; it predicts better.
    """

    _local_class: ClassVar = EmbeddingClassifier

    def predict_proba(self, X: Any) -> Any:
        """Probabilities of the classes, lazily for a Dask collection.

        Parameters
        ----------
        X : dask DataFrame or Array, dataframe or array-like of shape (n_samples, n_features)

        Returns
        -------
        probabilities : dask DataFrame or Array of dtype float64, or an ndarray
            One column per class, in the order of ``classes_``.
        """
        check_is_fitted(self)
        return self._lazily("predict_proba", X, np.float64, list(self.classes_))

    def decision_function(self, X: Any) -> Any:
        """Raw predictions as the ordinary classifier makes them, lazily for a Dask collection.

        Parameters
        ----------
        X : dask DataFrame or Array, dataframe or array-like of shape (n_samples, n_features)

        Returns
        -------
        raw_prediction : dask Series, DataFrame or Array of dtype float64, or an ndarray
            One column for two classes, else one per class or label.
        """
        check_is_fitted(self)
        columns = None if self.target_type_ == "binary" else list(self.classes_)
        return self._lazily("decision_function", X, np.float64, columns)


class DaskEmbeddingRegressor(_DaskPredictor, EmbeddingRegressor):
    """:class:`~skembed.EmbeddingRegressor` for Dask collections, as one network.

    All parameters are those of the ordinary regressor. The network sees vectors and numbers;
    effects (which ``transform`` puts in front of the vectors), crosses and counts as inputs, the
    linear part and several networks are for the ordinary estimator: ``counts`` and ``linear_part``
    have no effect here, and ``crosses`` and ``n_estimators`` must be 0 and 1, or their defaults,
    which are taken so; ``dropout="auto"`` is 0.15. How it is trained, and ``block_rows``, are
    explained at :class:`DaskEmbeddingEncoder`.

    See Also
    --------
    EmbeddingRegressor : For tables that fit into memory; it predicts better.
    """

    _local_class: ClassVar = EmbeddingRegressor
