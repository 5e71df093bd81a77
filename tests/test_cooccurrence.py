"""Vectors without a target: their definition, what they recover, and the estimator around them."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.utils.estimator_checks import parametrize_with_checks

from skembed import EmbeddingEncoder
from skembed._cooccurrence import (
    bin_edges,
    check_contexts,
    context_bins,
    context_sizes,
    cooccurrence_counts,
    factorise_counts,
)


def learn(codes, n_codes, numeric=None, weight=None, dims=None, tables=None, seed=0):
    n = len(codes)
    numeric = np.empty((n, 0)) if numeric is None else numeric
    weight = np.ones(n) if weight is None else weight
    edges = bin_edges(numeric, weight)
    contexts, sizes = (
        np.hstack([codes, context_bins(numeric, edges)]),
        context_sizes(n_codes, edges),
    )
    check_contexts(sizes, {})
    counts = cooccurrence_counts(contexts, sizes, weight)
    dims = [100] * len(n_codes) if dims is None else dims
    return factorise_counts(counts, sizes, dims, np.random.default_rng(seed), tables)


@pytest.fixture
def small():
    """Three columns whose categories depend on each other; code 0 and the last one never occur."""
    rng = np.random.default_rng(0)
    a = rng.integers(0, 4, 300)
    b = (a + rng.integers(0, 2, 300)) % 5
    c = (a * b + rng.integers(0, 3, 300)) % 6
    return np.column_stack([a, b, c]).astype(np.int32) + 1, [6, 7, 8]


def plain_vectors(codes, n_codes, column, weight):
    """One weighted sum per pair of categories, then the mean taken out: the definition, slowly."""
    total = weight.sum()
    others = [j for j in range(len(n_codes)) if j != column]
    rows = []
    for own in range(n_codes[column]):
        row = []
        for j in others:
            for context in range(n_codes[j]):
                both = weight[(codes[:, column] == own) & (codes[:, j] == context)].sum()
                n_own = weight[codes[:, column] == own].sum()
                n_context = weight[codes[:, j] == context].sum()
                pmi = max(0.0, np.log(both * total / (n_own * n_context))) if both else 0.0
                row.append(pmi * both / (both + 1) * np.sqrt(n_context / total / len(others)))
        rows.append(row)
    share = np.bincount(codes[:, column], weight, minlength=n_codes[column]) / total
    return np.asarray(rows) - share @ np.asarray(rows), share


def test_inner_products_are_those_of_the_definition(small):
    codes, n_codes = small
    weight = np.random.default_rng(1).integers(1, 4, len(codes)).astype(float)
    for j, table in enumerate(learn(codes, n_codes, weight=weight)):
        plain, share = plain_vectors(codes, n_codes, j, weight)
        seen = share > 0
        assert_allclose(table[seen] @ table[seen].T, plain[seen] @ plain[seen].T, atol=1e-5)
        assert_allclose(share @ table, 0, atol=1e-6)


def test_coordinates_are_principal_and_the_leading_ones_are_kept(small):
    codes, n_codes = small
    whole = learn(codes, n_codes)
    for j, (table, part) in enumerate(zip(whole, learn(codes, n_codes, dims=[2] * 3), strict=True)):
        plain, share = plain_vectors(codes, n_codes, j, np.ones(len(codes)))
        deviations = np.linalg.svd(np.sqrt(share)[:, None] * plain, compute_uv=False)
        scatter = (table.T * share) @ table
        assert_allclose(np.diag(scatter), deviations[: table.shape[1]] ** 2, rtol=1e-3, atol=1e-6)
        assert_allclose(scatter - np.diag(np.diag(scatter)), 0, atol=1e-6)
        assert_allclose(part, table[:, :2], atol=1e-4)


def test_no_more_coordinates_than_categories_span(small):
    codes, n_codes = small
    assert [t.shape for t in learn(codes, n_codes)] == [(6, 3), (7, 4), (8, 5)]
    # Two pairs of categories that occur with the same ones: one direction.
    twins = np.repeat([[1, 1], [2, 1], [3, 2], [4, 2]], 9, axis=0).astype(np.int32)
    table = learn(twins, [6, 4])[0]
    assert table.shape == (6, 1)
    assert_allclose(table[[1, 3]], table[[2, 4]], atol=1e-6)


def test_counts_are_of_different_columns_and_add_up(small):
    codes, n_codes = small
    weight = np.random.default_rng(1).random(len(codes))
    counts = cooccurrence_counts(codes, n_codes, weight)
    one_hot = np.hstack([np.eye(n)[codes[:, j]] for j, n in enumerate(n_codes)])
    column = np.repeat(range(3), n_codes)
    expected = (one_hot.T * weight) @ one_hot * (column[:, None] != column)
    assert_allclose(counts.toarray(), expected, atol=1e-12)
    parts = [cooccurrence_counts(codes[r], n_codes, weight[r]) for r in np.split(range(300), [90])]
    assert_allclose((parts[0] + parts[1]).toarray(), expected, atol=1e-12)


def test_tables_of_added_counts_equal_those_of_all_rows(small):
    codes, n_codes = small
    parts = [cooccurrence_counts(c, n_codes, np.ones(len(c))) for c in (codes[:90], codes[90:])]
    added = factorise_counts(parts[0] + parts[1], n_codes, [3] * 3, np.random.default_rng(0))
    for one, other in zip(added, learn(codes, n_codes, dims=[3] * 3), strict=True):
        assert_array_equal(one, other)


def test_weights_equal_repetition(small):
    codes, n_codes = small
    rng = np.random.default_rng(2)
    numeric = rng.standard_normal((len(codes), 1))
    weight = rng.integers(0, 4, len(codes))
    repeated = learn(np.repeat(codes, weight, axis=0), n_codes, np.repeat(numeric, weight, axis=0))
    weighted = learn(codes, n_codes, numeric, weight.astype(float))
    for one, other in zip(repeated, weighted, strict=True):
        assert_array_equal(one, other)


def test_the_same_seed_gives_the_same_bits_and_any_seed_the_same_vectors(small):
    codes, n_codes = small
    first, again, other = (learn(codes, n_codes, dims=[2] * 3, seed=seed) for seed in (0, 0, 1))
    for one, two, three in zip(first, again, other, strict=True):
        assert_array_equal(one, two)
        assert_allclose(one, three, atol=1e-4)


def test_unknown_is_the_mean_of_the_rare(small):
    codes, n_codes = small
    codes = np.vstack([codes, [[4, 5, 6]]]).astype(np.int32)
    codes[codes[:, 0] == 3, 0] = 5  # missing
    table = learn(codes, n_codes)[0]
    counts = np.bincount(codes[:, 0], minlength=6)[:5]
    weights = np.where(counts > 0, 1 / (1 + counts), 0)
    assert_allclose(table[0], weights @ table[:5] / weights.sum(), atol=1e-6)
    assert_array_equal(table[3], table[0])


def test_bins_hold_equal_weight_and_missing_apart():
    rng = np.random.default_rng(0)
    numeric = np.column_stack([rng.exponential(size=1000), np.repeat([0.0, 7.0], [970, 30])])
    numeric[:50, 0] = np.nan
    edges = bin_edges(numeric, np.ones(1000))
    bins = context_bins(numeric, edges)
    assert_array_equal(np.bincount(bins[:, 0]), [95] * 10 + [50])
    assert_array_equal(edges[1], [0])
    assert_array_equal(np.bincount(bins[:, 1]), [970, 30])
    nothing = np.full((5, 1), np.nan)
    assert_array_equal(context_bins(nothing, bin_edges(nothing, np.ones(5))), 1)


def test_columns_that_share_a_table_pool_their_rows():
    rng = np.random.default_rng(0)
    home, away = rng.integers(1, 9, (2, 2000))
    league = np.where(home > 4, 1, 2)
    away = np.where((away > 4) == (home > 4), away, (away + 3) % 8 + 1)
    codes = np.column_stack([home, away, league]).astype(np.int32)
    first, second, _ = learn(codes, [10, 10, 4], tables=[0, 0, 1], dims=[2] * 3)
    assert_array_equal(first, second)
    assert_array_equal(np.sign(first[1:9, 0]), np.sign(first[1, 0]) * np.repeat([1, -1], 4))


def test_one_column_is_not_enough(small):
    codes, n_codes = small
    with pytest.raises(ValueError, match=r"task='none'.*at least 2 columns"):
        learn(codes[:, :1], n_codes[:1])


# The estimator


@pytest.fixture(scope="module")
def places():
    """60 cities in 6 countries, each with its currency and two languages; rare cities too."""
    rng = np.random.default_rng(0)
    city = np.minimum(rng.geometric(0.04, 6000) - 1, 59)
    country = city % 6
    return pd.DataFrame(
        {
            "city": [f"city {i:02}" for i in city],
            "currency": [f"money {i}" for i in np.where(rng.random(6000) < 0.9, country, 0)],
            "language": [f"tongue {i}" for i in country * 2 + rng.integers(0, 2, 6000)],
            "noise": rng.integers(0, 20, 6000),
        }
    )


def test_neighbours_share_what_they_occur_with(places):
    encoder = EmbeddingEncoder(task="none", embedding_dim=8, random_state=0).fit(places)
    hits = [
        int(neighbour[-2:]) % 6 == i % 6
        for i in range(60)
        for neighbour in encoder.nearest_categories("city", f"city {i:02}")["category"]
    ]
    assert np.mean(hits) > 0.95


def test_numbers_are_context(places):
    """Cities are high, low or in between; nothing else is known of them."""
    height = 100 * (places["city"].str[-2:].astype(int) % 3)
    height += np.random.default_rng(0).normal(0, 5, len(places))
    X = pd.DataFrame({"city": places["city"], "height": height})
    X.loc[::50, "height"] = np.nan
    encoder = EmbeddingEncoder(task="none", numeric_features=["height"], random_state=0).fit(X)
    assert encoder.get_feature_names_out()[0] == "city_0"
    hits = [
        int(neighbour[-2:]) % 3 == i % 3
        for i in range(60)
        for neighbour in encoder.nearest_categories("city", f"city {i:02}")["category"]
    ]
    assert np.mean(hits) > 0.95


def test_what_the_encoder_tells(places):
    encoder = EmbeddingEncoder(task="none", random_state=0)
    out = encoder.fit_transform(places)
    assert_array_equal(out, encoder.transform(places))
    # Six currencies differ in five directions.
    assert encoder.embedding_dims_ == [16, 5, 11, 16]
    assert out.shape == (6000, 48)
    assert out.dtype == np.float32
    names = encoder.get_feature_names_out().tolist()
    assert names[15:17] == ["city_15", "currency_0"]
    assert not any("effect" in name for name in names)
    assert encoder.loss_curve_ == []
    assert encoder.n_iter_ == 0
    assert encoder.classes_ is None
    assert encoder.target_type_ == "none"
    assert encoder.validation_scores_ is None
    assert_array_equal(encoder.inverse_transform(out)[:, 0], places["city"])


def test_the_target_is_ignored(places):
    expected = EmbeddingEncoder(task="none", random_state=0).fit_transform(places)
    for y in (np.arange(6000), ["not", "even", "its", "length"]):
        found = EmbeddingEncoder(task="none", random_state=0).fit_transform(places, y)
        assert_array_equal(found, expected)


def test_unknown_and_missing_values(places):
    X = places.astype(object)
    encoder = EmbeddingEncoder(task="none", random_state=0).fit(X)
    other = pd.DataFrame([["nowhere", None, "tongue 0", 3]], columns=X.columns)
    vectors = encoder.transform(other)[0]
    assert_array_equal(vectors[:16], encoder.embeddings_[0][0])
    assert_allclose(vectors[16:21], 0, atol=1e-5)  # the mean
    X.loc[X["currency"] == "money 3", "currency"] = None
    missing = EmbeddingEncoder(task="none", random_state=0).fit(X).embeddings_[1][-1]
    # A category like any other.
    assert_allclose(missing, encoder.embedding_frame("currency").loc["money 3"][:4], atol=1e-3)


def test_weight_zero_is_no_row(places):
    weight = np.ones(6000)
    weight[4000:] = 0
    weighted = EmbeddingEncoder(task="none", random_state=0)
    weighted.fit(places, sample_weight=weight)
    part = EmbeddingEncoder(task="none", random_state=0).fit(places[:4000])
    for one, other in zip(weighted.embeddings_, part.embeddings_, strict=True):
        assert_array_equal(one, other)


@pytest.mark.parametrize("task", ["auto", "regression", "classification"])
def test_other_tasks_need_a_target(places, task):
    with pytest.raises(ValueError, match=f"task='{task}'"):
        EmbeddingEncoder(task=task).fit(places)


def test_what_cannot_be(places):
    with pytest.raises(ValueError, match=r"task='none'.*at least 2 columns"):
        EmbeddingEncoder(task="none").fit(places[["city"]])
    given = {"city": {"city 00": [1.0, 2.0]}}
    with pytest.raises(ValueError, match=r"'initial_embeddings'.*task='none'"):
        EmbeddingEncoder(task="none", initial_embeddings=given).fit(places)


def test_a_constant_column_has_no_directions(places):
    encoder = EmbeddingEncoder(task="none", random_state=0).fit(places.assign(noise="one"))
    assert_array_equal(encoder.embeddings_[3], np.zeros((3, 1)))


@parametrize_with_checks(
    [EmbeddingEncoder(task="none", random_state=0)],
    expected_failed_checks=lambda _: {"check_transformer_n_iter": "nothing is iterated"},
)
def test_estimator_checks(estimator, check):
    check(estimator)
