"""
What a training row may know
============================

A vector learned from a row knows the row's salary. A model that is trained on such vectors trusts
them too much. ``fit_transform`` gives the training rows vectors that were learned without them.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import train_test_split

from skembed import EmbeddingEncoder
from skembed.datasets import load_employee_salaries

salaries = load_employee_salaries()
X, y = salaries.data[["division", "employee_position_title"]], salaries.target
X_train, X_new, y_train, y_new = train_test_split(X, y, random_state=0)

# %%
# One fitted encoder, two ways to encode the rows that it was fitted on. New rows are always encoded
# by ``transform``.
encoder = EmbeddingEncoder(random_state=0).set_output(transform="pandas")
vectors = {
    "fit_transform: out of fold": encoder.fit_transform(X_train, y_train),
    "fit, then transform: leaking": encoder.transform(X_train),
}
new = encoder.transform(X_new)

# %%
# On leaking vectors the score of the training rows promises what new rows do not keep. Out of fold
# Ridge promises what it keeps (boosting still overfits, as it always does), and both predict new
# rows better.
models = {"Ridge": Ridge(), "boosting": HistGradientBoostingRegressor(random_state=0)}
scores = {}
for way, train in vectors.items():
    for name, model in models.items():
        model.fit(train, y_train)
        scores[way, name] = model.score(train, y_train), model.score(new, y_new)
        print(
            f"{way:<30}{name:<9} R2 {scores[way, name][0]:.3f} on training rows, "
            f"{scores[way, name][1]:.3f} on new rows"
        )

# %%
# Where it comes from: the rarer a title, the more its effect says about the salary of the row. Out
# of fold the titles seen once all have the unknown vector, for without the row there is nothing to
# learn from: the level line in the picture.
counts = X_train["employee_position_title"].map(X_train["employee_position_title"].value_counts())
rare = (counts <= 3).to_numpy()
figure, (left, right) = plt.subplots(1, 2, figsize=(12, 5.5), layout="constrained")
for way, train in vectors.items():
    effect = train["employee_position_title_effect"][rare]
    correlation = np.corrcoef(effect, y_train[rare])[0, 1]
    left.scatter(y_train[rare] / 1000, effect, s=14, alpha=0.6, label=way)
    print(f"{way:<30}correlation with the row's own salary {correlation:.2f}")
left.set(title="Titles of at most three employees", xlabel="salary (1,000 US dollars)")
left.set(ylabel="effect in the vector of the row")
left.legend()

places = np.arange(len(models))
for k, way in enumerate(vectors):
    for place, name in enumerate(models):
        bars = right.bar([place + 0.4 * k, place + 0.4 * k + 0.18], scores[way, name], 0.17)
        for bar, alpha in zip(bars, (0.4, 1.0), strict=True):
            bar.set(color=f"C{k}", alpha=alpha)
        right.bar_label(bars, fmt="{:.2f}")
right.set_xticks(places + 0.29, models)
right.set(ylim=(0.7, 1.0), ylabel="R2", title="Training rows (pale) and new rows")

if __name__ == "__main__":
    figure.savefig("leakage.png")
