"""
Quickstart: salaries from job titles
====================================

How well do a linear model and boosted trees predict a salary when the categories come one-hot
encoded, as target means or as learned vectors? All see the same three folds.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

from skembed import EmbeddingEncoder
from skembed.datasets import load_employee_salaries

salaries = load_employee_salaries()
X, y = salaries.data.drop(columns="date_first_hired"), salaries.target
categorical = salaries.categorical_feature_names

# %%
# Each encoder gets the categories, with the year of hiring beside it and a model behind it.
encoders = {
    "OneHotEncoder": OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=5,
        max_categories=200,
        sparse_output=False,
    ),
    "TargetEncoder": TargetEncoder(cv=KFold(n_splits=5, shuffle=True, random_state=0)),
    "EmbeddingEncoder": EmbeddingEncoder(random_state=0),
}
models = {
    "Ridge": RidgeCV(alphas=np.logspace(-3, 3, 13)),
    "boosting": HistGradientBoostingRegressor(random_state=0),
}
folds = KFold(n_splits=3, shuffle=True, random_state=0)

print(f"{'R2 (mean ± sd)':<18}" + "".join(f"{model:>16}" for model in models))
for name, encoder in encoders.items():
    table = make_column_transformer(
        (encoder, categorical), (StandardScaler(), ["year_first_hired"])
    )
    pipelines = [make_pipeline(table, model) for model in models.values()]
    scores = [cross_val_score(model, X, y, cv=folds, n_jobs=2) for model in pipelines]
    print(f"{name:<18}" + "".join(f"{s.mean():>8.3f} ± {s.std():.3f}" for s in scores))

# %%
# The vectors of the hundred most frequent job titles in the plane of their largest spread. A title
# is written where it covers no more frequent one.
titles = salaries.frame.groupby("employee_position_title")["current_annual_salary"]
titles = titles.agg(["size", "mean"]).sort_values("size", ascending=False)[:100]
encoder = EmbeddingEncoder(random_state=0).fit(X[categorical], y)
vectors = encoder.embedding_frame("employee_position_title").loc[titles.index]
plane = PCA(n_components=2).fit_transform(vectors)

figure, axes = plt.subplots(figsize=(9, 7), layout="constrained")
points = axes.scatter(*plane.T, s=titles["size"], c=titles["mean"], norm="log", alpha=0.7)
figure.colorbar(points, label="mean salary (US dollars)")
axes.set(title="Job titles", xlabel="first component", ylabel="second component")
axes.margins(x=0.15)
figure.draw_without_rendering()  # settles the layout: only then does a label know its place
written = []
for title, point in zip(titles.index, plane, strict=True):
    label = axes.annotate(title, point, fontsize=8, ha="center", in_layout=False)
    box = label.get_window_extent().padded(1)
    if box.count_overlaps(written):
        label.remove()
    else:
        written.append(box)

if __name__ == "__main__":
    figure.savefig("quickstart.png")
