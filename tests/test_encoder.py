"""EmbeddingEncoder: what it learns, what it gives out, and how it behaves in scikit-learn."""

import pickle
from functools import cache

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.spatial.distance import pdist
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, ShuffleSplit
from sklearn.pipeline import Pipeline, make_pipeline
from threadpoolctl import threadpool_info, threadpool_limits

from skembed import EmbeddingEncoder
from skembed.datasets import load_employee_salaries
from skembed.nn._architecture import table_views

FAST = {"max_iter": 3, "hidden_layer_sizes": (8,), "embedding_dim": 2, "random_state": 0}


@pytest.fixture(scope="module")
def salaries():
    frame = load_employee_salaries()
    return frame.data[frame.categorical_feature_names], frame.target


def make_shops():
    """600 rows whose target is an effect per shop, an effect per day and noise; shop effects are
    known.
    """
    rng = np.random.default_rng(0)
    shop, day = rng.integers(0, 12, 600), rng.integers(0, 7, 600)
    effect = np.linspace(-3, 3, 12)
    y = effect[shop] + 0.5 * (day > 4) + 0.3 * rng.standard_normal(600)
    X = pd.DataFrame({"shop": [f"s{i:02}" for i in shop], "day": day})
    return X, y, effect


@pytest.fixture
def shops():
    return make_shops()


def test_the_first_coordinate_is_the_effect_of_the_category(shops):
    X, y, effect = shops
    encoder = EmbeddingEncoder(**FAST).fit(X, y)
    learned = encoder.embedding_frame("shop")["shop_effect"]
    assert list(learned.index) == [f"s{i:02}" for i in range(12)]
    np.testing.assert_allclose((learned - learned.mean()) * y.std(), effect, atol=0.15)


def test_the_unit_of_the_target_does_not_matter(shops):
    X, y, _ = shops
    expected = EmbeddingEncoder(**FAST).fit_transform(X, y)
    for scaled in (1e-12 * y, 1e12 * y, 1000 + y):
        other = EmbeddingEncoder(**FAST).fit_transform(X, scaled)
        np.testing.assert_allclose(other, expected, atol=2e-3)


def test_learned_vectors_alone_carry_the_effects(shops):
    X, y, _ = shops
    encoder = EmbeddingEncoder(target_effect=False, max_iter=40, random_state=0)
    model = make_pipeline(encoder, Ridge()).fit(X[:400], y[:400])
    assert model.score(X[400:], y[400:]) > 0.9


def test_vectors_hold_interactions_that_no_effect_can():
    """The target is an exclusive or: no category has an effect of its own."""
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 6, (2, 3000))
    y = ((a % 2) ^ (b % 2)) + 0.1 * rng.standard_normal(3000)
    X = np.column_stack([a, b])
    encoder = EmbeddingEncoder(max_iter=60, random_state=0).fit(X, y)
    for frame, parity in ((encoder.embedding_frame(j), np.arange(6) % 2) for j in (0, 1)):
        learned = frame.iloc[:, 1:].to_numpy()
        gap = np.linalg.norm(learned[parity == 0].mean(0) - learned[parity == 1].mean(0))
        spread = max(learned[parity == k].std(0).max() for k in (0, 1))
        assert gap > 5 * spread
        assert frame.iloc[:, 0].abs().max() < 0.05


@pytest.mark.parametrize("cv", [5, KFold(4, shuffle=True, random_state=0)])
def test_a_noise_column_of_unique_categories_leaks_nothing(cv):
    rng = np.random.default_rng(2)
    X = pd.DataFrame({"id": rng.permutation(8000), "two": rng.integers(0, 4000, 8000)})
    y = rng.standard_normal(8000)
    train, test = slice(0, 5000), slice(5000, None)
    model = make_pipeline(EmbeddingEncoder(cv=cv, random_state=0), Ridge())
    model.fit(X[train], y[train])
    assert model.score(X[train], y[train]) < 0.5
    encoder = model[0]
    out_of_fold = encoder.fit_transform(X[train], y[train])
    in_sample = encoder.fit(X[train], y[train]).transform(X[train])
    assert Ridge().fit(out_of_fold, y[train]).score(out_of_fold, y[train]) < 0.02
    assert Ridge().fit(in_sample, y[train]).score(in_sample, y[train]) > 0.3
    assert -0.01 < model.score(X[test], y[test]) < 0.01


def test_with_groups_a_target_that_depends_on_the_group_alone_leaks_nothing():
    """Each group has categories of its own, so nothing about a held-out group can be known."""
    rng = np.random.default_rng(3)
    group = np.repeat(np.arange(40), 60)
    X = pd.DataFrame({"category": group * 10 + rng.integers(0, 3, len(group))})
    y = rng.standard_normal(40)[group]
    encoder = EmbeddingEncoder(cv=GroupKFold(5), random_state=0)
    vectors = encoder.fit_transform(X, y, groups=group)
    for fold, (_, test) in enumerate(GroupKFold(5).split(X, y, group)):
        assert len(np.unique(vectors[test], axis=0)) == 1, fold


def test_out_of_fold_vectors_live_in_the_space_of_transform(salaries):
    """For categories of many rows one fold more or less hardly matters: both vectors must nearly
    agree.
    """
    X, y = salaries
    encoder = EmbeddingEncoder(cv=KFold(5, shuffle=True, random_state=0), random_state=0)
    out_of_fold = encoder.fit_transform(X, y)
    in_sample = encoder.transform(X)
    frequent = X.groupby("employee_position_title")["gender"].transform("size") > 300
    for name in ("employee_position_title_effect", "employee_position_title_0"):
        j = list(encoder.get_feature_names_out()).index(name)
        a, b = out_of_fold[frequent, j], in_sample[frequent, j]
        assert np.corrcoef(a, b)[0, 1] > 0.97, name


def test_rows_of_frequent_categories_keep_the_full_vector_with_an_integer_cv(shops):
    X, y, _ = shops
    encoder = EmbeddingEncoder(**FAST)
    np.testing.assert_array_equal(
        encoder.fit_transform(X[["day"]], y), encoder.transform(X[["day"]])
    )
    encoder.set_params(cv=KFold(5))
    assert (encoder.fit_transform(X[["day"]], y) != encoder.transform(X[["day"]])).any()


def test_cv_none_returns_the_same_as_transform(shops):
    X, y, _ = shops
    encoder = EmbeddingEncoder(cv=None, **FAST)
    np.testing.assert_array_equal(encoder.fit_transform(X, y), encoder.transform(X))


def test_an_iterable_of_splits_is_a_cv(shops):
    X, y, _ = shops
    splits = list(KFold(3).split(X))
    a = EmbeddingEncoder(cv=splits, **FAST).fit_transform(X, y)
    b = EmbeddingEncoder(cv=KFold(3), **FAST).fit_transform(X, y)
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("cv", "words"),
    [
        (ShuffleSplit(2, random_state=0), "exactly once"),
        ([(np.arange(600), np.arange(600))], "training part and in its test part"),
    ],
)
def test_splits_that_would_leak_or_leave_rows_out_are_refused(shops, cv, words):
    X, y, _ = shops
    with pytest.raises(ValueError, match=words):
        EmbeddingEncoder(cv=cv, **FAST).fit_transform(X, y)


def test_groups_need_a_splitter(shops):
    X, y, _ = shops
    with pytest.raises(ValueError, match="GroupKFold"):
        EmbeddingEncoder(**FAST).fit_transform(X, y, groups=np.zeros(600))


def test_the_same_seed_gives_the_same_bits(shops):
    """In other processes, too: test_numerical_safety.py."""
    X, y, _ = shops
    first = EmbeddingEncoder(**FAST).fit_transform(X, y)
    np.testing.assert_array_equal(first, EmbeddingEncoder(**FAST).fit_transform(X, y))


def test_another_seed_gives_other_vectors(shops):
    X, y, _ = shops
    a = EmbeddingEncoder(**FAST).fit(X, y)
    b = EmbeddingEncoder(**FAST | {"random_state": 1}).fit(X, y)
    assert (a.embeddings_[0][:, 1:] != b.embeddings_[0][:, 1:]).any()


def test_grid_search_scores_do_not_depend_on_n_jobs(salaries):
    X, y = salaries[0][:300], salaries[1][:300]
    encoder = EmbeddingEncoder(max_iter=1, cv=2, random_state=0)
    columns = make_column_transformer((encoder, list(X)))
    assert columns.fit_transform(X, y).shape[0] == len(X)
    model = Pipeline([("encoder", encoder), ("ridge", Ridge())])
    grid = {"encoder__embedding_dim": [2, 3], "encoder__hidden_layer_sizes": [(8,), (16,)]}
    # Workers give BLAS one thread, and Ridge differs in its last bits between one and two.
    with threadpool_limits(1):
        scores = [
            GridSearchCV(model, grid, cv=2, n_jobs=n_jobs, refit=False)
            .fit(X, y)
            .cv_results_["mean_test_score"]
            for n_jobs in (1, 2)
        ]
    np.testing.assert_array_equal(scores[0], scores[1])


def test_folds_in_parallel_give_the_same_bits(shops):
    X, y, _ = shops
    settings = FAST | {"cv": KFold(4)}
    np.testing.assert_array_equal(
        EmbeddingEncoder(n_jobs=2, **settings).fit_transform(X, y),
        EmbeddingEncoder(**settings).fit_transform(X, y),
    )


def test_the_pickle_is_hardly_larger_than_its_arrays(salaries):
    encoder = EmbeddingEncoder(embedding_dim=16, max_iter=1, random_state=0).fit(*salaries)
    arrays = sum(table.nbytes for table in encoder.embeddings_)
    arrays += sum(len(pickle.dumps(categories)) for categories in encoder.categories_)
    # What partial_fit goes on from: the layers above the tables, and how many rows there were.
    rest = encoder._stream
    arrays += sum(array.nbytes for array in [rest.dense, *rest.axes, *rest.counts])
    assert len(pickle.dumps(encoder)) <= 1.2 * arrays
    copy = pickle.loads(pickle.dumps(encoder))
    np.testing.assert_array_equal(copy.transform(salaries[0]), encoder.transform(salaries[0]))


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_set_output_makes_frames_with_names(shops, container):
    X, y, _ = shops
    encoder = EmbeddingEncoder(**FAST).set_output(transform=container)
    frame = encoder.fit_transform(X.set_index(X.index + 5), y)
    assert isinstance(frame, pd.DataFrame if container == "pandas" else pl.DataFrame)
    names = ["shop_effect", "shop_0", "shop_1", "day_effect", "day_0", "day_1"]
    assert list(frame.columns) == names == list(encoder.get_feature_names_out())
    assert list(encoder.transform(X).columns) == names
    if container == "pandas":
        assert frame.index[0] == 5


@cache
def shops_in_single_precision(pooling):
    """Shops with days as they are or, to be pooled, in lists; an encoder, and its vectors."""
    X, y, _ = make_shops()
    settings = FAST | {"cv": 2}
    if pooling:
        X = X.assign(day=[[day, 7] for day in X["day"]])
        settings |= {"sequence_features": ["day"], "pooling": pooling}
    encoder = EmbeddingEncoder(**settings)
    return X, y, encoder, encoder.fit_transform(X, y)


@pytest.mark.parametrize("dtype", [np.float16, "float32", np.dtype(float)])
@pytest.mark.parametrize("pooling", [None, "mean"])
def test_the_output_is_rounded_to_the_dtype(dtype, pooling):
    X, y, plain, expected = shops_in_single_precision(pooling)
    encoder = clone(plain).set_params(dtype=dtype)
    output = encoder.fit_transform(X, y)
    assert output.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(output, expected.astype(dtype))
    for table, other in zip(encoder.embeddings_, plain.embeddings_, strict=True):
        assert table.dtype == np.float32
        np.testing.assert_array_equal(table, other)
    # One row, fewer than there are categories, and all.
    for rows in (X[:1], X):
        output = encoder.transform(rows)
        assert output.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(output, plain.transform(rows).astype(dtype))
    if not pooling:
        np.testing.assert_array_equal(encoder.inverse_transform(output), X.to_numpy(dtype=object))


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_frames_have_the_dtype(shops, container):
    X, y, _ = shops
    encoder = EmbeddingEncoder(**FAST, dtype=np.float64).set_output(transform=container)
    assert {str(dtype).lower() for dtype in encoder.fit_transform(X, y).dtypes} == {"float64"}


def test_the_same_values_give_the_same_bits_whatever_their_dtype(shops):
    X, y, _ = shops
    X = X.assign(day=X["day"].astype(str))
    encoder = EmbeddingEncoder(**FAST, cv=2)
    expected = encoder.fit_transform(X, y)
    unused = pd.CategoricalDtype(["zzz", *sorted(X["shop"].unique())[::-1], "aaa"])
    for other in (
        X.astype(object),
        X.astype("category"),
        X.assign(shop=X["shop"].astype(unused)),
        pl.from_pandas(X),
        pl.from_pandas(X).with_columns(pl.col("shop").cast(pl.Categorical)),
        X.to_numpy(dtype=object),
        X.to_numpy(dtype=object).tolist(),
    ):
        np.testing.assert_array_equal(clone(encoder).fit_transform(other, y), expected)


def test_order_of_rows_and_other_rows_do_not_matter_to_transform(shops):
    X, y, _ = shops
    encoder = EmbeddingEncoder(**FAST).fit(X, y)
    whole = encoder.transform(X)
    order = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_array_equal(encoder.transform(X.iloc[order]), whole[order])
    np.testing.assert_array_equal(encoder.transform(X.iloc[[7]]), whole[[7]])


def test_unknown_values_get_a_learned_vector(shops):
    X, y, _ = shops
    rare = pd.DataFrame({"shop": [f"r{i}" for i in range(60)], "day": 0})
    X = pd.concat([X, rare], ignore_index=True)
    y = np.concatenate([y, np.full(60, 5.0)])
    encoder = EmbeddingEncoder(**FAST).fit(X, y)
    unknown = encoder.transform(pd.DataFrame({"shop": ["new"], "day": [0]}))[0, 0]
    # The rare shops all sell much: so will a new one, as far as one can know.
    assert 2 < unknown * y.std() + y.mean() < 5.5


@pytest.mark.parametrize("handle", ["mean", "zeros"])
def test_other_vectors_for_unknown_values(shops, handle):
    X, y, _ = shops
    encoder = EmbeddingEncoder(handle_unknown=handle, **FAST).fit(X, y)
    vector = encoder.transform(pd.DataFrame({"shop": ["new"], "day": [99]}))[0]
    expected = encoder.transform(X).mean(axis=0) if handle == "mean" else np.zeros(6)
    np.testing.assert_allclose(vector, expected, atol=1e-5)


def test_unknown_values_raise_on_demand(shops):
    X, y, _ = shops
    encoder = EmbeddingEncoder(handle_unknown="error", **FAST).fit(X, y)
    with pytest.raises(ValueError, match=r"unknown categories \['new'\] in column 'shop'"):
        encoder.transform(pd.DataFrame({"shop": ["new"], "day": [0]}))


@pytest.mark.parametrize(
    ("fitted", "new", "words"),
    [(int, str, "strings, and held numbers"), (str, int, "numbers, and held strings")],
)
def test_values_that_all_are_of_another_type_are_told(fitted, new, words):
    codes = np.arange(60) % 5
    encoder = EmbeddingEncoder(**FAST).fit(pd.DataFrame({"code": codes.astype(fitted)}), codes)
    with pytest.warns(UserWarning, match=f"Column 'code' holds {words} in the fit: no value"):
        found = encoder.transform(pd.DataFrame({"code": codes[:2].astype(new)}))
    np.testing.assert_array_equal(found, encoder.embeddings_[0][[0, 0]])
    # New values of the same type, of both, or none at all are nothing strange.
    same = (codes[:2] + 9).astype(fitted)
    for values in (same, [*same, *same.astype(new)], [None, None]):
        encoder.transform(pd.DataFrame({"code": values}, dtype=object))


DAYS = pd.date_range("2020", periods=5)


@pytest.mark.parametrize(
    ("fitted", "new", "words"),
    [
        (DAYS, DAYS.astype(str), "strings, and held dates without a time zone"),
        (DAYS, DAYS.tz_localize("UTC"), "dates with a time zone, and held dates without a"),
        (DAYS.tz_localize("UTC"), DAYS, "dates without a time zone, and held dates with a"),
        (DAYS.astype(str), DAYS.date, "dates without a time zone, and held strings"),
        (DAYS - DAYS[0], range(5), "numbers, and held time spans"),
        (list("abcde"), [b"a", b"b"], "bytes, and held strings"),
    ],
)
def test_dates_time_spans_and_bytes_are_told_from_other_values(fitted, new, words):
    codes = np.arange(60) % 5
    known = pd.DataFrame({"code": pd.Series(fitted)[codes]})
    encoder = EmbeddingEncoder(**FAST).fit(known, codes)
    with pytest.warns(UserWarning, match=f"Column 'code' holds {words}"):
        encoder.transform(pd.DataFrame({"code": pd.Series(new)}))


def test_unknown_values_of_mixed_columns_and_of_one_kind_are_nothing_strange():
    y = np.arange(60) % 4
    for known, new in (([1, 2, "a", "b"], "new"), (DAYS[:4], DAYS[4].date())):
        X = pd.DataFrame({"code": np.array(known, dtype=object)[y]})
        encoder = EmbeddingEncoder(**FAST).fit(X, y)
        found = encoder.transform(pd.DataFrame({"code": [new]}, dtype=object))
        np.testing.assert_array_equal(found, encoder.embeddings_[0][:1])


def test_weights_that_only_compare_rows_are_told(shops):
    X, y, _ = shops
    with pytest.warns(UserWarning, match=r"600 rows have the sum 1\..*multiply them by 600"):
        EmbeddingEncoder(**FAST).fit(X, y, sample_weight=np.full(600, 1 / 600))
    EmbeddingEncoder(**FAST).fit(X, y, sample_weight=np.where(np.arange(600) < 5, 0.2, 0))


def test_infrequent_categories_share_a_vector_and_unknown_ones_join_them(shops):
    X, y, _ = shops
    X = X.assign(shop=X["shop"].where(X.index >= 6, "rare" + X.index.astype(str)))
    encoder = EmbeddingEncoder(min_frequency=2, handle_unknown="infrequent_if_exist", **FAST).fit(
        X, y
    )
    probe = pd.DataFrame({"shop": ["rare0", "rare5", "new"], "day": 0})
    assert len(np.unique(encoder.transform(probe), axis=0)) == 1
    assert len(encoder.categories_[0]) == 12 + 6
    pooled = EmbeddingEncoder(max_categories=4, **FAST).fit(X, y)
    assert len(np.unique(pooled.embedding_frame("shop").to_numpy(), axis=0)) == 4


def test_missing_is_a_category_of_its_own(shops):
    X, y, _ = shops
    X = X.assign(shop=X["shop"].where(X.index % 3 > 0, None))
    y = np.where(X["shop"].isna(), 9.0, y)
    encoder = EmbeddingEncoder(**FAST).fit(X, y)
    vectors = encoder.transform(pd.DataFrame({"shop": [None, "new"], "day": [0, 0]}))
    assert vectors[0, 0] > 1 > vectors[1, 0]
    as_unknown = EmbeddingEncoder(handle_missing="unknown", **FAST).fit(X, y)
    a, b = as_unknown.transform(pd.DataFrame({"shop": [None, "new"], "day": [0, 0]}))
    np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="Column 'shop' has a missing value in row 0"):
        EmbeddingEncoder(handle_missing="error", **FAST).fit(X, y)


def test_missing_first_met_at_transform_gets_the_mean_vector(shops):
    X, y, _ = shops
    encoder = EmbeddingEncoder(**FAST).fit(X, y)
    missing, unknown = encoder.transform(pd.DataFrame({"shop": [None, "new"], "day": [0, 0]}))
    np.testing.assert_allclose(missing[:3], encoder.transform(X).mean(axis=0)[:3], atol=1e-5)
    assert (missing[:3] != unknown[:3]).any()


def test_a_column_of_missing_values_alone_gets_the_missing_vector(shops):
    X, y, _ = shops
    X = X.assign(nothing=None)
    vectors = EmbeddingEncoder(**FAST).fit_transform(X, y)
    assert np.isfinite(vectors).all()
    assert len(np.unique(vectors[:, 6:], axis=0)) == 1


def test_given_categories_are_all_kept_in_sorted_order(shops):
    X, y, _ = shops
    given = [*sorted(X["shop"].unique()), "never"][::-1]
    encoder = EmbeddingEncoder(categories={"shop": given}, **FAST).fit(X, y)
    assert list(encoder.categories_[0]) == sorted(given)
    assert len(encoder.embeddings_[0]) == 12 + 1 + 2
    with pytest.raises(ValueError, match=r"Found unknown categories \['s11'\] in column 'shop'"):
        EmbeddingEncoder(categories={"shop": given[2:]}, **FAST).fit(X, y)


def test_rows_of_weight_zero_teach_nothing(shops):
    X, y, _ = shops
    weight = (np.arange(600) % 4 > 0).astype(float)
    weighted = EmbeddingEncoder(**FAST).fit(X, y, sample_weight=weight)
    alone = EmbeddingEncoder(**FAST).fit(X[weight > 0], y[weight > 0])
    for a, b in zip(weighted.embeddings_, alone.embeddings_, strict=True):
        np.testing.assert_array_equal(a, b)
    out = EmbeddingEncoder(**FAST).fit_transform(X, y, sample_weight=weight)
    np.testing.assert_array_equal(out[weight == 0], weighted.transform(X[weight == 0]))


def test_weights_mean_repetition_in_expectation(shops):
    X, y, _ = shops
    weight = np.random.default_rng(0).integers(1, 4, len(X))
    repeated = X.iloc[np.repeat(np.arange(len(X)), weight)], np.repeat(y, weight)

    def frames(*data, **kwargs):
        settings = [FAST | {"random_state": seed, "max_iter": 20} for seed in range(4)]
        fits = [EmbeddingEncoder(**setting).fit(*data, **kwargs) for setting in settings]
        return [fit.embedding_frame("shop") for fit in fits]

    weighted, repetition = frames(X, y, sample_weight=weight), frames(*repeated)
    # Effects have no randomness: equal.
    effects = [fits[0]["shop_effect"] for fits in (weighted, repetition)]
    np.testing.assert_allclose(*effects, atol=1e-5)
    # The learned vectors differ no more between the two than between seeds. Distances do not
    # depend on the choice of axes.
    a = np.stack([pdist(frame.iloc[:, 1:]) for frame in weighted])
    b = np.stack([pdist(frame.iloc[:, 1:]) for frame in repetition])
    between_seeds = [np.corrcoef(way)[np.triu_indices(4, 1)] for way in (a, b)]
    between_ways = np.corrcoef(a, b)[:4, 4:]
    assert between_ways.mean() > np.mean(between_seeds) - 0.02


@pytest.mark.parametrize(
    ("target", "kind", "n_effects"),
    [
        (lambda y: y > 0, "binary", 1),
        (lambda y: np.where(y > 0, "yes", "no"), "binary", 1),
        (lambda y: np.digitize(y, [-1, 1]), "multiclass", 3),
        (lambda y: y, "continuous", 1),
        (lambda y: np.column_stack([y, -y]), "continuous-multioutput", 2),
        (lambda y: np.column_stack([y > 0, y > 1, y > 2]).astype(int), "multilabel-indicator", 3),
    ],
)
def test_every_kind_of_target(shops, target, kind, n_effects):
    X, y, _ = shops
    encoder = EmbeddingEncoder(**FAST)
    vectors = encoder.fit_transform(X, target(y))
    assert encoder.target_type_ == kind
    assert vectors.shape == (600, 2 * (n_effects + 2))
    assert np.isfinite(vectors).all()
    assert len(set(encoder.get_feature_names_out())) == vectors.shape[1]


def test_names_of_outputs_never_repeat():
    X = pd.DataFrame({"a": list("uvw") * 10, "a_effect": list("xyz") * 10})
    y = np.column_stack([np.arange(30.0), np.arange(30.0) ** 2])
    encoder = EmbeddingEncoder(**FAST, cv=None).set_output(transform="polars")
    frame = encoder.fit_transform(X, y)
    assert frame.columns == encoder.get_feature_names_out().tolist()
    # "a_effect_0" is the effect of "a" on the first output, and a coordinate of "a_effect".
    assert {"a_effect_0", "a_effect_0_1"} < set(frame.columns)
    found = encoder.inverse_transform(frame)
    np.testing.assert_array_equal(found, X.to_numpy())


def test_effects_of_classes_are_shares_in_standard_deviations(shops):
    X, y, _ = shops
    encoder = EmbeddingEncoder(**FAST).fit(X, np.where(y > 0, "yes", "no"))
    effect = encoder.embedding_frame("shop")["shop_effect"]
    share = np.mean(y > 0)
    assert effect.iloc[-1] * np.sqrt(share * (1 - share)) == pytest.approx(1 - share, abs=0.1)
    labels = EmbeddingEncoder(**FAST).fit(X, np.digitize(y, [-1, 1]).astype(str))
    names = labels.embedding_frame("shop").columns[:3]
    assert list(names) == ["shop_effect_0", "shop_effect_1", "shop_effect_2"]


def test_inverse_transform_finds_the_categories(shops):
    X, y, _ = shops
    encoder = EmbeddingEncoder(**FAST).fit(X, y)
    np.testing.assert_array_equal(
        encoder.inverse_transform(encoder.transform(X)), X.to_numpy(object)
    )
    with pytest.raises(ValueError, match="6 coordinates"):
        encoder.inverse_transform(np.zeros((2, 5)))


def test_of_categories_with_one_vector_the_most_frequent_is_found():
    column = np.repeat(["a", "b", "p", "q", "r"], [60, 50, 3, 4, 3]).astype(object)
    X, y = column[:, None], np.random.default_rng(0).normal(size=120)
    pooled = EmbeddingEncoder(min_frequency=10, handle_unknown="infrequent_if_exist", **FAST)
    found = pooled.fit(X, y).inverse_transform(pooled.transform(X))[:, 0]
    np.testing.assert_array_equal(found, np.where(np.isin(column, list("pr")), "q", column))
    listed = EmbeddingEncoder(categories=[[*"abpqr", "unseen"]], **FAST).fit(X, y)
    vectors = listed.transform([["unseen"], ["new"]])
    np.testing.assert_array_equal(vectors[0], vectors[1])
    assert listed.inverse_transform(vectors)[:, 0].tolist() == ["unseen", "unseen"]


def test_a_parameter_that_changes_after_the_fit_changes_no_name(shops, tmp_path):
    X, y, _ = shops
    encoder = EmbeddingEncoder(**FAST).fit(X, y)
    expected = encoder.embedding_frame("shop"), encoder.get_feature_names_out()
    encoder.set_params(target_effect=False)
    pd.testing.assert_frame_equal(encoder.embedding_frame("shop"), expected[0])
    np.testing.assert_array_equal(encoder.get_feature_names_out(), expected[1])
    encoder.save_embeddings(tmp_path / "file")
    loaded = EmbeddingEncoder.load_embeddings(tmp_path / "file")
    pd.testing.assert_frame_equal(loaded.embedding_frame("shop"), expected[0])
    with pytest.raises(ValueError, match="target_effect must be True, as in the first call"):
        encoder.partial_fit(X, y)


def test_the_row_that_is_named_is_that_of_the_input(shops):
    X, y, _ = shops
    X = X.assign(shop=X["shop"].where(X.index != 60, None))
    weight = np.repeat([0.0, 1.0], [50, 550])
    with pytest.raises(ValueError, match="Column 'shop' has a missing value in row 60"):
        EmbeddingEncoder(handle_missing="error", **FAST).fit(X, y, weight)


def test_lists_of_columns_that_share_a_table_must_agree():
    X = pd.DataFrame({"home": list("ab") * 60, "away": list("bc") * 60})
    encoder = EmbeddingEncoder(shared=[["home", "away"]], categories=[list("ab"), list("bc")])
    with pytest.raises(
        ValueError, match="'home' and 'away', which share a table, must be the same"
    ):
        encoder.fit(X, np.arange(120.0))
    encoder.set_params(categories=[list("cab"), list("abc")], **FAST).fit(X, np.arange(120) / 7)
    assert encoder.categories_[1].tolist() == ["a", "b", "c"]


def test_nearest_categories_are_sorted_and_leave_the_category_out(shops):
    X, y, _ = shops
    encoder = EmbeddingEncoder(**FAST).fit(X, y)
    near = encoder.nearest_categories("shop", "s05", n_neighbors=3)
    assert list(near.columns) == ["category", "distance", "count"]
    assert set(near["category"][:2]) == {"s04", "s06"}
    assert near["distance"].is_monotonic_increasing
    assert near["count"].tolist() == [int((X["shop"] == c).sum()) for c in near["category"]]
    with pytest.raises(ValueError, match="no category 'x'"):
        encoder.nearest_categories("shop", "x")


def test_numeric_features_help_and_are_not_output(shops):
    X, y, _ = shops
    X = X.assign(size=np.where(np.arange(600) % 50 == 0, np.nan, np.arange(600.0)))
    encoder = EmbeddingEncoder(numeric_features=["size"], **FAST)
    vectors = encoder.fit_transform(X, y)
    assert vectors.shape == (600, 6)
    assert len(encoder.embeddings_) == 2
    np.testing.assert_array_equal(
        encoder.fit_transform(X, y),
        EmbeddingEncoder(numeric_features=[2], **FAST).fit_transform(X, y),
    )


def test_a_multiplier_of_zero_freezes_a_table(shops):
    X, y, _ = shops
    multipliers = {"shop": 0.0}
    tables = [
        EmbeddingEncoder(
            target_effect=False, learning_rate_multipliers=multipliers, **FAST | {"max_iter": n}
        )
        .fit(X, y)
        .embeddings_
        for n in (1, 4)
    ]
    np.testing.assert_array_equal(tables[0][0][1:-1], tables[1][0][1:-1])
    assert (tables[0][1] != tables[1][1]).any()


def test_max_norm_limits_the_learned_vectors(shops):
    X, y, _ = shops
    encoder = EmbeddingEncoder(target_effect=False, max_norm=0.1, **FAST).fit(X, y)
    norms = np.linalg.norm(encoder.embeddings_[0], axis=1)
    assert norms.max() == pytest.approx(0.1, rel=1e-3)


def test_early_stopping_keeps_the_best_epoch(shops):
    X, y, _ = shops
    encoder = EmbeddingEncoder(**FAST | {"max_iter": 60}, early_stopping=True, n_iter_no_change=3)
    encoder.fit(X, y)
    assert len(encoder.validation_scores_) == len(encoder.loss_curve_) == encoder.n_iter_
    assert EmbeddingEncoder(**FAST).fit(X, y).validation_scores_ is None


def test_warm_start_goes_on_where_the_last_fit_ended(shops):
    X, y, _ = shops
    settings = FAST | {"max_iter": 20, "learning_rate": "constant", "learning_rate_init": 0.01}
    cold = EmbeddingEncoder(**settings).fit(X, y)
    warm = EmbeddingEncoder(warm_start=True, **settings).fit(X, y)
    grown = pd.concat([X, pd.DataFrame({"shop": ["zz"], "day": [0]})], ignore_index=True)
    warm.fit(grown, np.append(y, 0.0))
    assert warm.loss_curve_[0] < 0.7 * cold.loss_curve_[0]
    assert "zz" in warm.categories_[0]


def test_warm_start_goes_on_from_vectors_that_were_given_first(shops):
    X, y, _ = shops
    given = {"shop": {f"s{i:02}": np.full(2, 9.0 + i) for i in range(12)}}
    settings = {"initial_embeddings": given, "max_iter": 1, "learning_rate_init": 1e-30}
    encoder = EmbeddingEncoder(warm_start=True, random_state=0, max_iter=20, target_effect=False)
    encoder.set_params(initial_embeddings=given).fit(X, y)
    learned = table_views(*vars(encoder._networks[0]).values())[0]
    # Only where the last fit ended is its network at rest.
    encoder.set_params(**settings).fit(X, y)
    again = table_views(*vars(encoder._networks[0]).values())[0]
    np.testing.assert_allclose(again, learned, rtol=1e-5)
    # Frozen vectors are those given now.
    encoder.set_params(learning_rate_multipliers={"shop": 0}).fit(X, y)
    np.testing.assert_array_equal(encoder.embedding_frame("shop").loc["s03"], [12, 12])


def test_infrequent_categories_begin_at_the_mean_of_their_vectors(shops):
    X, y, _ = shops
    X = X.copy()
    X.loc[:8, "shop"] = ["b", "b", *"cccdddd"]
    given = {name: [float(k), 0.0] for k, name in enumerate("bcd")} | {"s00": [9.0, 9.0]}
    still = {"learning_rate_multipliers": {"shop": 0}, "target_effect": False, "min_frequency": 5}
    for order in (list(given), list(given)[::-1]):
        vectors = {"shop": {name: given[name] for name in order}}
        encoder = EmbeddingEncoder(**FAST | still, initial_embeddings=vectors).fit(X, y)
        row = encoder.transform(pd.DataFrame({"shop": ["c"], "day": [0]}))[0, :2]
        np.testing.assert_allclose(row, [(3 * 1 + 4 * 2) / 9, 0], rtol=1e-6)


def test_fit_changes_no_parameter_and_transform_changes_nothing(shops):
    X, y, _ = shops
    encoder = EmbeddingEncoder(**FAST)
    before = pickle.dumps(encoder.get_params())
    encoder.fit(X, y)
    assert pickle.dumps(encoder.get_params()) == before
    state = pickle.dumps(encoder)
    encoder.transform(X)
    encoder.transform(pd.DataFrame({"shop": ["new"], "day": [5]}))
    assert pickle.dumps(encoder) == state
    assert not hasattr(clone(encoder), "embeddings_")


def test_an_interrupted_fit_keeps_what_it_has_and_raises_again(shops, monkeypatch):
    X, y, _ = shops
    encoder = EmbeddingEncoder(verbose=True, **FAST)

    def interrupt(text):
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.print", interrupt)
    with pytest.raises(KeyboardInterrupt):
        encoder.fit(X, y)
    assert encoder.n_iter_ == 1
    assert np.isfinite(encoder.transform(X)).all()


def test_a_failed_fit_leaves_the_estimator_as_it_was(shops):
    X, y, _ = shops
    encoder = EmbeddingEncoder(**FAST)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        encoder.fit(X, y[:10])
    assert not hasattr(encoder, "n_features_in_")
    encoder.fit(X, y)
    expected = encoder.transform(X)
    with pytest.raises(ValueError, match="NaN"):
        encoder.fit(X[["shop"]], np.full(600, np.nan))
    np.testing.assert_array_equal(encoder.transform(X), expected)


def test_a_diverging_fit_says_what_to_lower(shops):
    X, y, _ = shops
    encoder = EmbeddingEncoder(
        solver="sgd", learning_rate_init=1e6, activation="identity", learning_rate="constant"
    )
    with pytest.raises(FloatingPointError, match="Lower learning_rate_init"):
        encoder.fit(X, y)


def test_verbose_prints_a_line_per_epoch_and_is_silent_by_default(shops, capsys):
    X, y, _ = shops
    EmbeddingEncoder(**FAST).fit(X, y)
    assert capsys.readouterr().out == ""
    EmbeddingEncoder(verbose=1, **FAST).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("[EmbeddingEncoder] epoch 1/3: loss ")


def test_the_number_of_blas_threads_is_what_it_was(shops):
    X, y, _ = shops
    before = [pool["num_threads"] for pool in threadpool_info()]
    EmbeddingEncoder(**FAST).fit(X, y)
    assert [pool["num_threads"] for pool in threadpool_info()] == before


@pytest.mark.parametrize(("solver", "rate"), [("adam", 0.03), ("sgd", 0.1)])
@pytest.mark.parametrize("activation", ["relu", "silu", "tanh", "logistic", "identity"])
def test_every_solver_and_activation_learns(shops, solver, rate, activation):
    X, y, _ = shops
    encoder = EmbeddingEncoder(
        solver=solver,
        activation=activation,
        **FAST | {"max_iter": 12, "learning_rate_init": rate, "batch_size": 32},
    ).fit(X, y)
    assert encoder.loss_curve_[-1] < 0.9 * encoder.loss_curve_[0]


SHOPS = pd.DataFrame({"shop": ["a", "b", "a", "c"], "size": [1.0, 2.0, np.nan, 4.0]})
Y = [1.5, 2.5, 3.5, 4.0]


@pytest.mark.parametrize(
    ("parameters", "X", "y", "error", "words"),
    [
        ({}, SHOPS[:0], [], ValueError, "0 sample"),
        ({}, SHOPS, None, ValueError, "requires y"),
        ({}, SHOPS, [1.0, np.nan, 2.0, 3.0], ValueError, "NaN"),
        ({}, SHOPS, [1.0, 2.0, 3.0], ValueError, "X has 4 rows, y has 3"),
        ({}, SHOPS, ["a"] * 4, ValueError, "one class only: 'a'"),
        ({"task": "classification"}, SHOPS, Y, ValueError, "classification needs labels"),
        ({"task": "regression"}, SHOPS, list("abcd"), ValueError, "must hold numbers"),
        ({}, SHOPS, ["a", None, "b", "a"], ValueError, "row 1"),
        ({"embedding_dim": 0}, SHOPS, Y, ValueError, "'embedding_dim' parameter of EmbeddingEnc"),
        ({"embedding_dim": {"x": 2}}, SHOPS, Y, ValueError, "column 'x', which X does not have"),
        ({"embedding_dim": {"shop": 0}}, SHOPS, Y, ValueError, "of column 'shop' must be an int"),
        ({"embedding_dim": lambda n: 1.5}, SHOPS, Y, ValueError, "Got 1.5"),
        ({"numeric_features": ["x"]}, SHOPS, Y, ValueError, "'numeric_features' .* column 'x'"),
        ({"numeric_features": ["shop"]}, SHOPS, Y, ValueError, "'shop' must hold numbers.*'a'"),
        ({"numeric_features": ["shop", "size"]}, SHOPS, Y, ValueError, "must be categorical"),
        (
            {"numeric_features": "auto"},
            SHOPS[["size"]],
            Y,
            ValueError,
            "To numeric_features='auto' all columns are numbers",
        ),
        ({"dropout": 1.5}, SHOPS, Y, ValueError, r"a float in \[0, 1\). Got 1.5 instead"),
        ({"activation": "swish"}, SHOPS, Y, ValueError, "'activation' .* one of {'relu'"),
        ({"hidden_layer_sizes": (8, 0)}, SHOPS, Y, ValueError, "'hidden_layer_sizes'"),
        ({"cv": 1}, SHOPS, Y, ValueError, "'cv'"),
        ({"max_iter": 2.5}, SHOPS, Y, ValueError, "'max_iter' .* Got 2.5"),
        ({"dtype": np.int8}, SHOPS, Y, ValueError, "'dtype' .* numpy.float64}. Got <class"),
        ({"dtype": None}, SHOPS, Y, ValueError, "'dtype' .* Got None"),
        ({"dtype": "float99"}, SHOPS, Y, ValueError, "'dtype' .* Got 'float99'"),
        ({"learning_rate_init": np.inf}, SHOPS, Y, ValueError, "'learning_rate_init'"),
        ({"learning_rate_multipliers": {"shop": -1}}, SHOPS, Y, ValueError, "'shop' must be"),
        ({"categories": [["a", "b", "c"]]}, SHOPS, Y, ValueError, "expected 2 lists, got 1"),
        ({"categories": {"shop": ["a", "a"]}}, SHOPS, Y, ValueError, "'shop' must be distinct"),
        ({}, SHOPS.assign(size=[1, 2, np.inf, 4]), Y, ValueError, "'size' holds infinity"),
        (
            {},
            SHOPS.assign(shop=[["a"], [], ["b"], []]),
            Y,
            TypeError,
            r"'shop' holds list .*\['a'\]",
        ),
        ({}, SHOPS.assign(shop=[{}] * 4), Y, TypeError, "'shop' holds dict"),
        ({}, pd.concat([SHOPS, SHOPS], axis=1), Y, ValueError, "Got 'shop' more than once: rename"),
        ({}, SHOPS["size"].to_numpy(), Y, ValueError, "2D array"),
    ],
)
def test_bad_input_is_named(parameters, X, y, error, words):
    encoder = EmbeddingEncoder(**{"max_iter": 1} | parameters)
    with pytest.raises(error, match=words):
        encoder.fit(X, y)
    assert not hasattr(encoder, "embeddings_")


def test_numbers_are_found_by_their_dtype_if_asked_for():
    named, found = (
        EmbeddingEncoder(numeric_features=numbers, max_iter=1, random_state=0).fit(SHOPS, Y)
        for numbers in (["size"], "auto")
    )
    assert found.get_feature_names_out().tolist() == ["shop_effect", "shop_0", "shop_1"]
    np.testing.assert_array_equal(found.transform(SHOPS), named.transform(SHOPS))


@pytest.mark.parametrize(
    ("weight", "words"),
    [
        (np.zeros(4), "all zero"),
        ([1, -1, 1, 1], "negative. Got -1.0 in row 1"),
        (np.ones(3), r"expected \(4,\)"),
        ([1, np.nan, 1, 1], "NaN"),
        (np.full(4, 1e308), r"sum in \[1e-30, 1e\+36\]. Got inf"),
        (np.full(4, 1e37), r"sum in \[1e-30, 1e\+36\]. Got 4e\+37"),
        (np.full(4, 1e-40), r"sum in \[1e-30, 1e\+36\]. Got 4e-40"),
    ],
)
def test_bad_weights_are_named(weight, words):
    with pytest.raises(ValueError, match=words):
        EmbeddingEncoder(max_iter=1).fit(SHOPS, Y, sample_weight=weight)


def test_columns_at_transform_must_be_those_of_fit():
    encoder = EmbeddingEncoder(max_iter=1).fit(SHOPS, Y)
    with pytest.raises(ValueError, match="missing"):
        encoder.transform(SHOPS[["shop"]])
    with pytest.raises(ValueError, match="unseen at fit time"):
        encoder.transform(SHOPS.rename(columns={"shop": "store"}))
    with pytest.raises(ValueError, match="same order"):
        encoder.transform(SHOPS[["size", "shop"]])
    with pytest.raises(Exception, match="not fitted yet"):
        EmbeddingEncoder().transform(SHOPS)


def test_columns_whose_names_are_no_strings_must_be_in_order():
    X = SHOPS.set_axis(range(SHOPS.shape[1]), axis=1)
    encoder = EmbeddingEncoder(max_iter=1).fit(X, Y)
    with pytest.raises(ValueError, match=r"in the same order: \[0, 1\]. Got \[1, 0\]"):
        encoder.transform(X[[1, 0]])
    with pytest.raises(ValueError, match=r"Got \[0, 5\]"):
        encoder.transform(X.rename(columns={1: 5}))
    assert encoder.transform(X).shape[0] == len(X)
    others = X.rename(columns={0: 7})
    assert encoder.set_params(cv=2).fit_transform(others, Y).shape[0] == len(X)
    counted = EmbeddingEncoder(max_iter=1).partial_fit_vocabulary(X)
    with pytest.raises(ValueError, match="in the same order"):
        counted.partial_fit_vocabulary(X[[1, 0]])
    with pytest.raises(ValueError, match="in the same order"):
        counted.partial_fit(X[[1, 0]], Y)


def test_constant_targets_and_columns_and_single_categories_work():
    X = pd.DataFrame({"one": ["a"] * 20, "many": range(20)})
    for y in (np.full(20, 3.0), np.arange(20.0)):
        vectors = EmbeddingEncoder(task="regression", **FAST).fit_transform(X, y)
        assert np.isfinite(vectors).all()


@pytest.fixture
def matches():
    """Teams of known strength at home and away; the outcome is the difference of the strengths."""
    rng = np.random.default_rng(0)
    home, away = rng.integers(0, 15, (2, 2000))
    strength = np.linspace(-1, 1, 15)
    y = strength[home] - strength[away] + 0.2 * rng.standard_normal(2000)
    teams = np.array([f"t{i:02}" for i in range(15)], dtype=object)
    return pd.DataFrame({"home": teams[home], "away": teams[away]}), y


def test_columns_that_share_a_table_have_one_vocabulary_and_the_same_learned_coordinates(matches):
    X, y = matches
    X.loc[0, "home"] = "only at home"
    encoder = EmbeddingEncoder(shared=[["home", "away"]], **FAST).fit(X, y)
    assert encoder.categories_[0] is encoder.categories_[1]
    assert "only at home" in encoder.categories_[1]
    home, away = encoder.embeddings_
    np.testing.assert_array_equal(home[:16, 1:], away[:16, 1:])
    # Effects belong to the column: what helps at home harms away.
    assert np.corrcoef(home[1:16, 0], away[1:16, 0])[0, 1] < -0.9


def test_shared_columns_are_encoded_like_the_same_values_in_one_column(matches):
    X, y = matches
    encoder = EmbeddingEncoder(target_effect=False, shared=[["home", "away"]], **FAST).fit(X, y)
    swapped = X.rename(columns={"home": "away", "away": "home"})[["home", "away"]]
    vectors, other_way = encoder.transform(X), encoder.transform(swapped)
    np.testing.assert_array_equal(vectors, np.roll(other_way, 2, axis=1))


def test_vectors_of_a_frame_go_on_without_their_effects(shops):
    X, y, _ = shops
    first = EmbeddingEncoder(**FAST).fit(X, y)
    given = {"shop": first.embedding_frame("shop")}
    still = {"shop": 0.0}
    second = EmbeddingEncoder(**FAST, initial_embeddings=given, learning_rate_multipliers=still)
    again = second.fit(X, y).embedding_frame("shop")
    pd.testing.assert_frame_equal(again, given["shop"])
    # Only what is called as the effects of the frame's own column.
    own = {"shop": given["shop"].add_prefix("side_effect_").iloc[:, 1:].rename_axis(index=None)}
    third = EmbeddingEncoder(**FAST, initial_embeddings=own).fit(X, y)
    assert third.embedding_dims_[0] == second.embedding_dims_[0]


def test_initial_embeddings_hold_rare_categories_and_stay_in_their_space(shops):
    X, y, _ = shops
    rare = pd.DataFrame({"shop": ["rare"], "day": [0]})
    X, y = pd.concat([X, rare], ignore_index=True), np.append(y, 0.0)
    rng = np.random.default_rng(1)
    given = {f"s{i:02}": rng.standard_normal(3) for i in range(11)} | {"rare": np.full(3, 9.0)}
    settings = FAST | {"target_effect": False}
    for vectors in (given, pd.DataFrame(given).T):
        encoder = EmbeddingEncoder(initial_embeddings={"shop": vectors}, **settings).fit(X, y)
        frame = encoder.embedding_frame("shop")
        assert frame.shape == (13, 3)
        # One row moves it a little from where it was put, far from all others.
        np.testing.assert_allclose(frame.loc["rare"], 9.0, atol=2.0)
        assert (frame.loc["s00"] != given["s00"].astype(np.float32)).any()
    frozen = EmbeddingEncoder(
        initial_embeddings={"shop": given}, learning_rate_multipliers={"shop": 0}, **settings
    ).fit(X, y)
    frame = frozen.embedding_frame("shop")
    for name, vector in given.items():
        np.testing.assert_array_equal(frame.loc[name], vector.astype(np.float32))
    middle = np.mean(list(given.values()), axis=0)
    np.testing.assert_allclose(frame.loc["s11"], middle, rtol=1e-5)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"shared": [["shop", "x"]]}, "'shared' .* column 'x', which X does not have"),
        ({"shared": [["shop", "day"], ["day"]]}, "'day' more than once"),
        ({"shared": "shop"}, "'shared' parameter of EmbeddingEncoder"),
        ({"initial_embeddings": {"shop": {"s00": [1.0], "s01": [1.0, 2.0]}}}, "of one length"),
        ({"initial_embeddings": {"shop": {"x": [1.0]}}}, "hold no category that occurs"),
        ({"initial_embeddings": {"shop": {"s00": [np.nan]}}}, "finite"),
        ({"initial_embeddings": {"shop": {"s00": "ab"}}}, "numbers"),
        ({"initial_embeddings": {"x": {"s00": [1.0]}}}, "column 'x'"),
    ],
)
def test_bad_groups_and_vectors_are_named(shops, parameters, words):
    X, y, _ = shops
    with pytest.raises(ValueError, match=words):
        EmbeddingEncoder(**FAST, **parameters).fit(X, y)


def test_a_row_that_outweighs_its_category_does_not_leak():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"c": np.repeat(np.arange(40), 60)})
    y, weight = rng.standard_normal(2400), np.ones(2400)
    weight[::60] = 1e4
    vectors = EmbeddingEncoder(**FAST).fit_transform(X, y, sample_weight=weight)
    assert abs(np.corrcoef(vectors[::60, 0], y[::60])[0, 1]) < 0.5


def test_given_vectors_are_kept_out_of_fold(shops):
    X, y, _ = shops
    X.loc[0, "shop"] = "alone"
    given = {"shop": {"alone": [5.0, 0.0], "s00": [1.0, 1.0], "s01": [2.0, 2.0]}}
    frozen = EmbeddingEncoder(
        initial_embeddings=given, learning_rate_multipliers={"shop": 0}, **FAST
    )
    np.testing.assert_array_equal(frozen.fit_transform(X, y)[0, 1:3], [5, 0])
    warm = EmbeddingEncoder(initial_embeddings=given, **FAST).fit_transform(X, y)
    np.testing.assert_allclose(warm[0, 1:3], [5, 0], atol=1e-5)


def test_a_missing_value_that_only_the_held_out_fold_has_gets_the_mean(shops):
    X, y, _ = shops
    X.loc[0, "shop"] = None
    encoder = EmbeddingEncoder(handle_unknown="zeros", **FAST)
    row = encoder.fit_transform(X, y)[0, :3]
    np.testing.assert_allclose(row, encoder.transform(X)[:, :3].mean(axis=0), atol=1e-5)


def test_warm_start_works_with_shared_tables(matches):
    X, y = matches
    encoder = EmbeddingEncoder(warm_start=True, shared=[["home", "away"]], **FAST).fit(X, y)
    encoder.fit(X, y)
    encoder.set_params(shared=None).fit(X, y)
    assert np.isfinite(encoder.transform(X)).all()


def test_settings_of_a_later_member_of_a_group_are_refused(matches):
    X, y = matches
    encoder = EmbeddingEncoder(shared=[["home", "away"]], embedding_dim={"away": 3}, max_iter=1)
    with pytest.raises(ValueError, match=r"'away', which shares the table of 'home'"):
        encoder.fit(X, y)


@pytest.mark.parametrize(
    ("cv", "params", "words"),
    [
        (601, {}, "asks for 601 folds"),
        ([([], np.arange(600))], {}, "no row with a weight above 0"),
        (None, {"groups": np.zeros(600)}, "need a splitter"),
    ],
)
def test_a_bad_cv_is_refused_before_anything_is_learned(shops, cv, params, words):
    X, y, _ = shops
    encoder = EmbeddingEncoder(cv=cv, **FAST)
    with pytest.raises(ValueError, match=words):
        encoder.fit_transform(X, y, **params)
    assert not hasattr(encoder, "embeddings_")


def test_fit_and_fit_transform_train_the_same_network(shops):
    X, y, _ = shops
    a = EmbeddingEncoder(**FAST).fit(X, y)
    b = EmbeddingEncoder(**FAST)
    b.fit_transform(X, y)
    for table, other in zip(a.embeddings_, b.embeddings_, strict=True):
        np.testing.assert_array_equal(table, other)


def test_directions_of_mere_rounding_are_zero(shops):
    X, y, _ = shops
    encoder = EmbeddingEncoder(activation="identity", **FAST | {"embedding_dim": 4}).fit(X, y)
    sizes = np.abs(encoder.embeddings_[0][:, 1:]).max(axis=0)
    assert ((sizes == 0) | (sizes > 1e-6 * sizes.max())).all()
    assert (sizes == 0).any()


def test_embedding_frame_by_position_has_the_names_of_the_output(shops):
    X, y, _ = shops
    frame = EmbeddingEncoder(**FAST).fit(X, y).embedding_frame(0)
    assert list(frame.columns) == ["shop_effect", "shop_0", "shop_1"]


def test_vectors_that_folds_have_not_seen_keep_to_the_largest_norm():
    X = pd.DataFrame({"a": [*map(str, range(20)), *["x"] * 40]})
    y = np.random.default_rng(0).normal(size=60)
    given = {"a": {name: [3.0, 4.0] for name in X["a"].unique()}}
    settings = {"embedding_dim": 2, "initial_embeddings": given, "target_effect": False}
    encoder = EmbeddingEncoder(**settings, max_norm=1.0, task="regression", random_state=0)
    assert np.linalg.norm(encoder.fit_transform(X, y), axis=1).max() <= 1 + 1e-6


def test_given_categories_hold_for_all_columns_that_share_a_table():
    X = pd.DataFrame({"home": list("abca"), "away": list("bcdb")})
    encoder = EmbeddingEncoder(
        shared=[["home", "away"]], categories={"home": list("abc")}, task="regression"
    )
    with pytest.raises(ValueError, match=r"unknown categories \['d'\] in column 'away'"):
        encoder.fit(X, np.arange(4.0))
    encoder.partial_fit(X.replace("d", "a"), np.arange(4.0))
    with pytest.raises(ValueError, match=r"unknown categories \['d'\] in column 'away'"):
        encoder.partial_fit(X, np.arange(4.0))


def test_half_a_character_in_a_category():
    X = [["a"], ["b"], ["\ud800"]] * 10
    encoder = EmbeddingEncoder(max_iter=1, random_state=0).fit(X, np.arange(30.0) % 3)
    near = encoder.nearest_categories(0, "a")
    assert sorted(near["category"]) == ["b", "\ud800"]
    assert near.columns.tolist() == ["category", "distance", "count"]
    assert near["count"].tolist() == [10, 10]


@pytest.mark.parametrize(
    ("value", "error", "reason"),
    [("a", ValueError, "'a'"), (np.nan, ValueError, "contains NaN"), (1j, TypeError, "complex")],
    ids=str,
)
def test_the_inverse_says_what_it_takes(value, error, reason):
    encoder = EmbeddingEncoder(max_iter=1, embedding_dim=1, random_state=0)
    encoder.fit([["a"], ["b"]] * 10, np.arange(20.0))
    message = f"X must hold vectors as transform returns them.* with 2 columns.*{reason}"
    with pytest.raises(error, match=message):
        encoder.inverse_transform([[value, value]])


def test_an_array_is_no_name_of_a_column():
    encoder = EmbeddingEncoder(max_iter=1, embedding_dim=1, random_state=0)
    encoder.fit([["a", "b"], ["b", "a"]] * 10, np.arange(20.0))
    with pytest.raises(ValueError, match=r"names the column array.*, which X does not have"):
        encoder.embedding_frame(np.array(["x0", "x1"]))
