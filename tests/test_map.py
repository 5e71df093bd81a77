"""What the maps of categories show, before anything is drawn."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skembed import EmbeddingClassifier, EmbeddingEncoder, EmbeddingRegressor
from skembed._map import color_groups, color_reach, map_categories, point_areas, wrap_names

CITIES = [f"city {k}" for k in range(12)]


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    k = np.minimum(rng.geometric(0.2, size=400) - 1, 11)
    X = pd.DataFrame(
        {
            "city": np.array(CITIES)[k],
            "sign": rng.choice(["-", "+"], 400),
            "size": rng.normal(size=400),
        }
    )
    return X, np.sin(k) + rng.normal(size=400) * 0.1


@pytest.fixture(scope="module")
def encoder(data):
    X, y = data
    return EmbeddingEncoder(max_iter=5, random_state=0).fit(X[["city", "sign"]], y)


def mapped(estimator, feature="city", projection="pca", color="auto"):
    return map_categories(estimator, feature, projection, color)


def test_the_most_frequent_come_first(encoder, data):
    result = mapped(encoder)
    counts = data[0]["city"].value_counts()
    assert dict(zip(result.categories, result.counts, strict=True)) == counts.to_dict()
    assert (np.diff(result.counts) <= 0).all()
    assert result.feature == "city"
    assert mapped(encoder, 0).feature == "city"


def test_pca_is_that_of_the_vectors(encoder):
    result = mapped(encoder)
    vectors = encoder.embedding_frame("city").loc[result.categories].to_numpy(np.float64)
    centred = vectors - vectors.mean(axis=0)
    variances, directions = np.linalg.eigh(np.cov(centred.T))
    expected = centred @ directions[:, [-1, -2]]
    np.testing.assert_allclose(np.abs(result.positions), np.abs(expected), atol=1e-6)
    shares = 100 * variances[::-1] / variances.sum()
    assert result.axis_names[0] == f"PC 1 ({shares[0]:.0f} %)"
    second = f"{shares[1]:.0f}" if shares[1] >= 0.5 else "< 1"
    assert result.axis_names[1] == f"PC 2 ({second} %)"


def test_tsne_is_the_same_each_time(encoder):
    first, second = mapped(encoder, projection="tsne"), mapped(encoder, projection="tsne")
    np.testing.assert_array_equal(first.positions, second.positions)
    assert first.axis_names == ("t-SNE 1", "t-SNE 2")


@pytest.mark.parametrize("projection", ["pca", "tsne"])
@pytest.mark.parametrize("n", [2, 3, 4])
def test_few_categories(projection, n):
    X = [[k] for k in range(n)] * 20
    y = [float(k) for k in range(n)] * 20
    encoder = EmbeddingEncoder(embedding_dim=3, max_iter=2, random_state=0).fit(X, y)
    assert np.isfinite(mapped(encoder, "x0", projection).positions).all()


def test_rounding_is_no_place(data):
    X, y = data
    result = mapped(EmbeddingEncoder(max_iter=2, random_state=0).fit(X[["sign"]], y), "sign")
    assert result.positions[:, 0].all()
    assert not result.positions[:, 1].any()


class Plain:
    """A transformer without parameters that keeps what it was given."""

    def fit_transform(self, X):
        self.seen = X
        return X[:, :2].tolist()


@pytest.mark.parametrize(
    ("projection", "names"),
    [
        (TruncatedSVD(random_state=0), ("TruncatedSVD 1", "TruncatedSVD 2")),
        (make_pipeline(StandardScaler(), PCA(2)), ("Pipeline 1", "Pipeline 2")),
        (Plain(), ("Plain 1", "Plain 2")),
    ],
)
def test_any_transformer_projects_and_stays_as_it_is(encoder, projection, names):
    state = str(vars(projection))
    result = mapped(encoder, projection=projection)
    assert result.positions.shape == (12, 2) and result.positions.dtype == np.float64
    assert tuple(name.partition(" (")[0] for name in result.axis_names) == names
    assert str(vars(projection)) == state


class Bad(TransformerMixin, BaseEstimator):
    def fit_transform(self, X, y=None):
        return np.full((len(X), 2), np.nan)


@pytest.mark.parametrize("projection", ["umap", PCA, None, StandardScaler.fit])
def test_other_projections_are_refused(encoder, projection):
    with pytest.raises(ValueError, match=r"'projection' parameter must be one of \{'pca', 'tsne'"):
        mapped(encoder, projection=projection)


@pytest.mark.parametrize("projection", [PCA(3), PCA(1), Bad()])
def test_projections_must_give_two_coordinates(encoder, projection):
    with pytest.raises(ValueError, match=r"two finite coordinates per category, shape \(12, 2\)"):
        mapped(encoder, projection=projection)


def test_one_coordinate_is_set_against_rows(data):
    X, y = data
    encoder = EmbeddingEncoder(embedding_dim=1, target_effect=False, max_iter=2, random_state=0)
    encoder.fit(X[["city"]], y)
    result = mapped(encoder)
    assert result.axis_names == ("city_0", "rows") and result.y_scale == "log"
    vectors = encoder.embedding_frame("city")["city_0"].loc[result.categories]
    np.testing.assert_allclose(result.positions, np.column_stack([vectors, result.counts]))
    encoder.set_params(categories=[[*CITIES, "nowhere"]]).fit(X[["city"]], y)
    result = mapped(encoder)
    assert result.counts[-1] == 0 and result.categories[-1] == "nowhere"
    assert result.y_scale == "linear"  # a logarithm has no zero


def test_vectors_without_any_variance(data):
    X, _ = data
    encoder = EmbeddingEncoder(max_iter=1, random_state=0, handle_unknown="mean")
    encoder.fit(X[["city"]], data[1])
    encoder.embeddings_ = [np.zeros_like(table) for table in encoder.embeddings_]
    result = mapped(encoder)
    assert not result.positions.any()
    assert result.axis_names == ("PC 1", "PC 2")


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("kind", [EmbeddingClassifier, EmbeddingRegressor])
def test_predictors(kind, data):
    X, y = data
    target = y > 0 if kind is EmbeddingClassifier else y
    model = kind(n_estimators=1, crosses=0, max_iter=2, random_state=0).fit(X, target)
    result = mapped(model)
    assert result.positions.shape == (12, 2)
    effects = model.embedding_frame("city")["city_effect"].loc[result.categories]
    np.testing.assert_allclose(result.color, effects)
    with pytest.raises(ValueError, match="'size' is numeric and has no vectors"):
        mapped(model, "size")


def test_estimators_that_cannot_be_mapped(data):
    with pytest.raises(NotFittedError):
        mapped(EmbeddingEncoder())
    X, y = data
    pipeline = make_pipeline(EmbeddingEncoder(max_iter=1)).fit(X[["city"]], y)
    with pytest.raises(TypeError, match="Got Pipeline instead; of a Pipeline or"):
        mapped(pipeline)
    assert len(mapped(pipeline[0]).counts) == 12


def test_columns_that_cannot_be_mapped(encoder):
    with pytest.raises(ValueError, match="names the column 'town', which X does not have"):
        mapped(encoder, "town")
    alone = EmbeddingEncoder(max_iter=1).fit([["a"]] * 40, np.arange(40.0))
    with pytest.raises(ValueError, match=r"Column 'x0' has one category. A map needs at least two"):
        mapped(alone, "x0")


# Colours


def test_no_color(encoder):
    result = mapped(encoder, color=None)
    assert result.color is None and result.color_name is None


@pytest.mark.parametrize("color", ["auto", "effect", "0"])
def test_coordinates_as_colors(encoder, color):
    result = mapped(encoder, color=color)
    name = "effect" if color == "auto" else color
    column = encoder.embedding_frame("city")[f"city_{name}"]
    np.testing.assert_allclose(result.color, column.loc[result.categories])
    assert result.color_name.split()[0] == name


def test_several_effects_are_chosen_by_name(data):
    X, y = data
    classes = np.select([y < -0.5, y < 0.5], ["low", "middle"], "high")
    encoder = EmbeddingEncoder(max_iter=2, random_state=0).fit(X[["city"]], classes)
    assert mapped(encoder).color is None
    effects = encoder.embedding_frame("city")["city_effect_low"]
    result = mapped(encoder, color="effect_low")
    np.testing.assert_allclose(result.color, effects.loc[result.categories])
    with pytest.raises(ValueError, match=r"name of a coordinate, one of \['effect_high', "):
        mapped(encoder, color="effect")


def test_a_mapping_or_a_series_goes_by_category(encoder, data):
    means = pd.Series(data[1]).groupby(data[0]["city"]).mean().rename("mean of y").iloc[::-1]
    for color in (means, means.to_dict()):
        result = mapped(encoder, color=color)
        np.testing.assert_array_equal(result.color, means.loc[result.categories])
    assert mapped(encoder, color=means).color_name == "mean of y"
    assert result.color_name is None


def test_an_array_goes_by_position(encoder):
    by_name = dict(zip(CITIES, range(12), strict=True))
    index = encoder.embedding_frame("city").index
    in_order = [by_name[city] for city in index]
    for color in (in_order, np.array(in_order), pd.array(in_order, dtype="Int64")):
        result = mapped(encoder, color=color)
        assert result.color.tolist() == [by_name[city] for city in result.categories]
        assert result.color.dtype == np.float64


def test_categories_without_a_value(encoder):
    result = mapped(encoder, color={"city 0": 3, "city 1": np.inf, "city 2": None})
    values = dict(zip(result.categories, result.color, strict=True))
    assert values["city 0"] == 3
    assert np.isnan([values[city] for city in CITIES[1:]]).all()


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_names_as_colors(encoder, missing):
    color = pd.Series(["north", missing, "south"], index=CITIES[:3], dtype=object)
    result = mapped(encoder, color=color)
    assert set(result.color) == {"north", "south", None}
    names, positions = color_groups(result.color)
    assert names == ["north", "south"]
    by_city = dict(zip(result.categories, positions, strict=True))
    assert (by_city["city 0"], by_city["city 2"]) == (0, 1)
    assert np.isnan(positions).sum() == 10
    assert color_groups(mapped(encoder).color) is None


def test_booleans_are_names(encoder):
    assert set(mapped(encoder, color=[True, False] * 6).color) == {"True", "False"}


@pytest.mark.parametrize("color", [np.zeros(400), [1.0], np.zeros((12, 3)), 3.0])
def test_colors_of_another_length_are_refused(encoder, color):
    with pytest.raises(ValueError, match=r"'color' parameter must hold one value per category of"):
        mapped(encoder, color=color)


@pytest.mark.parametrize("color", [{}, {"town": 1.0}, pd.Series([1.0] * 12), [None] * 12])
def test_colors_for_no_category_are_refused(encoder, color):
    with pytest.raises(ValueError, match=r"gives no category a value.*such as \['city 0', "):
        mapped(encoder, color=color)


def test_numbers_that_no_float_holds_are_refused(encoder):
    with pytest.raises(ValueError, match=r"'color' parameter holds a number that is too large"):
        mapped(encoder, color=[10**400] + [1] * 11)


def test_too_many_names_are_refused():
    encoder = EmbeddingEncoder(max_iter=1).fit([[k] for k in range(30)] * 3, np.arange(90.0))
    with pytest.raises(ValueError, match=r"at most 20 different names. Got 30 names, such as"):
        mapped(encoder, "x0", color=[str(k) for k in range(30)])


def test_reach_of_colors():
    assert color_reach(np.array([1.0, 2.0]), [1, 1]) is None
    assert color_reach(np.array([-1.0, -2.0]), [1, 1]) is None
    # One row in a hundred may lie beyond, and unknown ones do not count.
    color = np.array([-1.0, 2.0, 50.0, np.nan])
    assert color_reach(color, [59, 40, 1, 900]) == 2
    assert color_reach(color, [49, 40, 11, 900]) == 50


def test_areas_go_by_rows():
    areas = point_areas([100, 50, 25, 1, 0])
    np.testing.assert_allclose(areas[:3] / areas[0], [1, 0.5, 0.25])
    assert areas[3] == areas[4] > 0
    assert (point_areas([0, 0]) > 0).all()


def test_long_names_are_wrapped_and_lose_their_middle():
    names = ["a b", "a very long name of a group 1", "a very long name of a group 2", ""]
    assert wrap_names(names, 40, 1) == names
    assert wrap_names(names, 12, 3)[1].split("\n") == ["a very long", "name of a", "group 1"]
    assert wrap_names(names, 12, 2)[1].split("\n") == ["a very long", "…f a group 1"]
    assert wrap_names(names, 12, 1) == ["a b", "a very…oup 1", "a very…oup 2", ""]
    word = "x" * 30 + "1"
    assert wrap_names([word], 12, 1) == ["xxxxxx…xxxx1"]
    assert wrap_names([word], 12, 3) == ["x" * 12 + "\n" + "x" * 12 + "\n" + "x" * 6 + "1"]


def test_names_that_would_be_alike_stay_whole():
    names = ["the beginning 1 and the end", "the beginning 2 and the end"]
    assert [name.split("\n") for name in wrap_names(names, 12, 1)] == [
        ["the", "beginning 1", "and the end"],
        ["the", "beginning 2", "and the end"],
    ]
