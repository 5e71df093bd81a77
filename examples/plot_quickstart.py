"""
Quickstart: salaries from job titles
====================================

How well do a linear model and boosted trees predict a salary when the categories come one-hot
encoded, as target means or as learned vectors? All see the same three folds.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

from skembed import EmbeddingEncoder
from skembed.datasets import load_employee_salaries
from skembed.plotting import EmbeddingDisplay

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
    scores = [cross_val_score(model, X, y, cv=folds) for model in pipelines]
    print(f"{name:<18}" + "".join(f"{s.mean():>8.3f} ± {s.std():.3f}" for s in scores))

# %%
# The vectors of the job titles in the plane of their largest spread. Most frequent titles first, a
# title is written where it covers no other.
encoder = EmbeddingEncoder(random_state=0).fit(X[categorical], y)
mean = y.groupby(X["employee_position_title"]).mean()
figure, axes = plt.subplots(figsize=(10, 7), layout="constrained")
display = EmbeddingDisplay.from_estimator(
    encoder, "employee_position_title", color=mean, scatter_kw={"norm": "log"}, ax=axes
)
display.colorbar_.set_label("mean salary (US dollars)")

if __name__ == "__main__":
    figure.savefig("quickstart.png")
