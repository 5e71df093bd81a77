"""Out-of-fold vectors that live in one space: which rows are held out when, and what each part
learns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.utils.metadata_routing import process_routing
from sklearn.utils.parallel import Parallel, delayed

from ._callbacks import Task
from ._frames import n_rows_of
from ._learning import Trained, learn_tables
from ._sample import Sample, read_input
from ._sequences import pooled_vectors
from ._tables import limit_norm, mean_over_rows
from ._training_input import TrainingInput, encode_input
from ._vocabulary import UNKNOWN, ColumnVocabulary
from .nn._bags import count

Array = NDArray[np.float64]
Split = tuple[NDArray[np.intp], NDArray[np.intp]]

# Rows of a category this frequent keep the vector learned from all rows, ...
_FREQUENT = 50
# ... as long as there are so few of these categories for a row. Every vector follows the noise of
# its rows a little; together they tell each row's own.
_FREQUENT_PER_ROW = 0.02


def choose_splits(
    estimator: Any,
    X: Any,
    y: Any,
    sample: Sample,
    rng: np.random.Generator,
    params: dict[str, Any],
) -> list[Split]:
    """The splits of an estimator's ``cv``; none if nothing is to be held out."""
    cv, task = estimator.cv, estimator.task
    given = sorted(name for name, value in params.items() if value is not None)
    if given and task == "none":
        raise ValueError(
            f"Got {given}, which are for the splitter of 'cv'; with task='none' there is no target "
            "to hold out. Leave them out."
        )
    if given and not hasattr(cv, "split"):
        raise ValueError(
            f"Got {given}, which need a splitter that uses them, but cv={cv!r}. Leave them out, or "
            "pass a splitter, as GroupKFold() for groups."
        )
    if cv is None or task == "none":
        return []
    if isinstance(cv, int | np.integer):
        return deal_folds(sample, int(cv), rng)
    if get_config()["enable_metadata_routing"]:
        params = process_routing(estimator, "fit_transform", **params).splitter.split
    return read_splits(cv, X, y, sample, params)


def deal_folds(sample: Sample, n_folds: int, rng: np.random.Generator) -> list[Split]:
    """Random folds of equal size; classes are dealt out evenly."""
    n = len(sample)
    if n < n_folds:
        rows, advice = "rows have", f"Set cv to {n} at most, or to"
        if n == 1:
            rows, advice = "row has", "Set cv to"
        raise ValueError(
            f"The 'cv' parameter asks for {n_folds} folds, but only {n} {rows} a weight above 0. "
            f"{advice} None, which holds nothing out."
        )
    shuffled = rng.permutation(n)
    if sample.target.kind in ("binary", "multiclass"):
        shuffled = shuffled[np.argsort(sample.target.numbers()[shuffled], kind="stable")]
    fold = np.empty(n, dtype=np.intp)
    fold[shuffled] = np.arange(n) % n_folds
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(n_folds)]


def read_splits(cv: Any, X: Any, y: Any, sample: Sample, params: dict[str, Any]) -> list[Split]:
    """Splits of a splitter or an iterable, whose test parts must hold every row exactly once.

    They come in rows of the input and are returned in rows of the sample, which lacks rows of
    weight 0.
    """
    n_rows = n_rows_of(X)
    position = np.full(n_rows, -1, dtype=np.intp)
    position[sample.rows] = np.arange(len(sample))
    tested = np.zeros(n_rows, dtype=np.intp)
    splits = []
    for split in _split(cv, X, y, params) if hasattr(cv, "split") else cv:
        train, test = _read_split(split, n_rows)
        if len(np.intersect1d(train, test)):
            raise ValueError("A split of 'cv' has rows in its training part and in its test part.")
        np.add.at(tested, test, 1)
        inside = position[train]
        if not (inside >= 0).any():
            raise ValueError(
                "A split of 'cv' has no row with a weight above 0 in its training part."
            )
        splits.append((inside[inside >= 0], position[test][position[test] >= 0]))
    if not splits:
        raise ValueError(
            "The 'cv' parameter gave no split, but its test parts must hold every row exactly "
            "once. A generator can be gone through once: pass a list."
        )
    if (tested != 1).any():
        row = int(np.flatnonzero(tested != 1)[0])
        raise ValueError(
            "The test parts of 'cv' must hold every row exactly once, so that each training row "
            f"gets one out-of-fold vector. Row {row} is in {tested[row]} of them. KFold and "
            "GroupKFold hold every row once, TimeSeriesSplit and ShuffleSplit do not."
        )
    return splits


def _split(cv: Any, X: Any, y: Any, params: dict[str, Any]) -> list[Any]:
    """What a splitter gives."""
    try:
        return list(cv.split(X, y, **params))
    except (ValueError, TypeError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        lacks_groups = "groups" in str(error) and all(value is None for value in params.values())
        hint = " Pass them to fit_transform, in a pipeline as <step>__groups." * lacks_groups
        raise kind(f"The 'cv' parameter, {cv!r}, cannot split the rows: {error}{hint}") from error


def _read_split(split: Any, n_rows: int) -> Split:
    """Positions of the rows of both parts, which may come as positions or as masks."""
    try:
        parts = [np.asarray(part) for part in split]
        # An empty list is an array of floats to NumPy.
        parts = [np.arange(n_rows)[part if part.size else part.astype(np.intp)] for part in parts]
        if [part.ndim for part in parts] == [1, 1]:
            return parts[0], parts[1]
    except (TypeError, ValueError, IndexError):
        pass  # named below
    raise ValueError(
        "Each split of 'cv' must be a pair of 1-D arrays (training rows, test rows) of positions "
        f"in [0, {n_rows}). Got {split!r}."
    )


def check_rows_left_out(estimator: Any, X: Any, read: TrainingInput) -> None:
    """Refuse what rows of weight 0 hold, before anything is learned: they are given vectors too."""
    some_are_left_out = not isinstance(read.sample.rows, slice)
    if some_are_left_out and "error" in (estimator.handle_unknown, estimator.handle_missing):
        frame = read_input(read.probe, X, reset=False)
        encode_input(estimator, frame, read.columns, read.vocabularies)


def cross_fit(
    estimator: Any,
    read: TrainingInput,
    trained: Trained,
    tables: list[Array],
    splits: list[Split],
    task: Task,
) -> list[Array]:
    """Vectors of the rows of a fit, one array per column, each learned without the row.

    ``tables`` were learned from all rows. This is a part of ``task``.
    """
    sample, recipe = read.sample, read.recipe
    folds = task.begin("cross-fitting", n_parts=len(splits), in_order=False)

    def learn(number: int, part: Sample) -> list[Array]:
        fold = folds.begin("fold", number=number)
        learned = learn_tables(part, trained, recipe)
        for table, whole, vocabulary in zip(learned, tables, read.vocabularies, strict=True):
            _follow_unknown_rule(table, whole, vocabulary, estimator.handle_unknown)
        # Not to be stopped: without its fold a row has no vector.
        fold.end()
        return learned

    vectors = out_of_fold(
        sample,
        splits,
        learn,
        tables,
        _vectors_of_unseen(tables, read, estimator.handle_missing),
        _frequent_from(sample, tables) if isinstance(estimator.cv, int | np.integer) else np.inf,
        estimator.n_jobs,
        estimator.pooling,
    )
    folds.end()
    return vectors


def _frequent_from(sample: Sample, tables: list[Array]) -> float:
    """Rows from which on a category is frequent.

    Labels that are rare are told by less: of their rows as many are taken as would have the same
    variance, if all labels were equally frequent.
    """
    weight, target = sample.weight, sample.target
    n_rows = weight.sum() ** 2 / (weight @ weight)
    if not target.kind.startswith("continuous"):
        is_multiclass = target.kind == "multiclass"
        sums = np.bincount(target.values, weight) if is_multiclass else weight @ target.values
        shares = sums / weight.sum()
        of_even = 1 - 1 / len(shares) if is_multiclass else len(shares) / 4
        n_rows *= (shares * (1 - shares)).sum() / of_even
    rows = [_rows_of_codes(sample, j, len(table)) for j, table in enumerate(tables)]
    sizes = np.sort(np.concatenate(rows))[::-1]
    n_frequent = int(_FREQUENT_PER_ROW * n_rows)
    if n_frequent >= len(sizes):
        return _FREQUENT
    # Above the largest category that is one too many.
    return max(_FREQUENT, np.nextafter(sizes[n_frequent], np.inf))


def _follow_unknown_rule(
    table: Array, whole: Array, vocabulary: ColumnVocabulary, handle_unknown: str
) -> None:
    """Give the unknown row of a fold's table what it has in ``whole``, the one of all rows.

    The vector of the infrequent categories has seen their rows: a fold has its own.
    """
    if handle_unknown in ("mean", "zeros"):
        table[UNKNOWN] = whole[UNKNOWN]
    elif handle_unknown == "infrequent_if_exist" and vocabulary.infrequent_code is not None:
        table[UNKNOWN] = table[vocabulary.infrequent_code]


def out_of_fold(
    sample: Sample,
    splits: list[Split],
    learn: Callable[[int, Sample], list[Array]],
    tables: list[Array],
    unseen: list[Array],
    frequent_from: float,
    n_jobs: int | None,
    pooling: str,
) -> list[Array]:
    """Vectors of the rows of the sample, one array per column, each learned without the row.

    Parameters
    ----------
    sample : Sample
    splits : list of (training rows, test rows)
    learn : callable
        From the number of a split and its training rows to tables in the space of ``tables``.
    tables : list of ndarray of shape (n_codes, width)
        Learned from all rows.
    unseen : list of ndarray of shape (n_codes, width)
        What a code gets that a fold has not seen.
    frequent_from : float
        Rows whose category has so many rows keep the vector of ``tables``. Such a vector hardly
        depends on any of its rows, while its out-of-fold vectors would tell the folds apart, which
        trees exploit.
    n_jobs : int or None
        Folds learned at the same time.
    pooling : str
        How the vectors of a bag become one.
    """
    codes, bags = sample.codes, sample.bags
    vectors = [
        pooled_vectors(table, codes[:, j], bags.get(j), pooling) for j, table in enumerate(tables)
    ]
    rows = [_rows_behind(sample, j, len(table)) for j, table in enumerate(tables)]
    # Threads: NumPy leaves the interpreter free most of the time, and nothing is copied. Required,
    # for what looks on is in this process.
    parts = Parallel(n_jobs=n_jobs, require="sharedmem")(
        delayed(learn)(k, sample.take(train)) for k, (train, _) in enumerate(splits)
    )
    for (train, test), part in zip(splits, parts, strict=True):
        for j, table in enumerate(part):
            missed = count(codes[train, j], bags.get(j), len(table)) == 0
            table = np.where(missed[:, None], unseen[j], table)
            rare = test[rows[j][test] < frequent_from]
            vectors[j][rare] = pooled_vectors(table, codes[rare, j], bags.get(j), pooling)
    return vectors


def _vectors_of_unseen(
    tables: list[Array], read: TrainingInput, handle_missing: str
) -> list[Array]:
    """Per column, what each code gets in a fold that has no row of it, ``(n_codes, width)``.

    The unknown vector of all rows (for missing values the mean) and not that of the fold: as
    `transform` gives it, and the same for all folds, which could be told apart by theirs. Frozen
    and given vectors are learned from no row, and stay.
    """
    recipe, result = read.recipe, []
    for j, (table, vocabulary) in enumerate(zip(tables, read.vocabularies, strict=True)):
        unseen = np.repeat(table[UNKNOWN : UNKNOWN + 1], len(table), axis=0)
        if handle_missing != "unknown":
            unseen[vocabulary.missing_code] = mean_over_rows(table, read.code_counts[j])
        first_learned = table.shape[1] - recipe.embedding_dims[j]
        learned = unseen[:, first_learned:]
        prior = recipe.priors[recipe.tables[j]]
        if recipe.multipliers[j] == 0:
            learned[:] = table[:, first_learned:]
        elif prior is not None:
            learned[:] = np.where(np.isnan(prior), learned, limit_norm(prior, recipe.max_norm))
        result.append(unseen)
    return result


def _rows_of_codes(sample: Sample, column: int, n_codes: int) -> NDArray[np.float64]:
    """Rows of each code, ``(n_codes,)``, as many as count: a row that outweighs all others makes
    one.

    The effective sample size of Kish 1965, "Survey Sampling".
    """
    codes, bags = sample.codes[:, column], sample.bags.get(column)
    total = count(codes, bags, n_codes, sample.weight)
    squares = count(codes, bags, n_codes, sample.weight**2)
    return total**2 / np.maximum(squares, np.finfo(float).tiny)


def _rows_behind(sample: Sample, column: int, n_codes: int) -> NDArray[np.float64]:
    """Rows behind the vector of each row, ``(n,)``.

    In a pooled vector every element has its part of what the row itself taught: the inverse numbers
    add up.
    """
    codes, bags = sample.codes[:, column], sample.bags.get(column)
    rows = _rows_of_codes(sample, column, n_codes)
    if bags is None:
        return rows[codes]
    parts = bags.reduce(np.add, 1 / np.maximum(rows, np.finfo(float).tiny))
    return (1 / np.maximum(parts, np.finfo(float).tiny))[codes]
