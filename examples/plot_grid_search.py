"""
A search for the best vectors
=============================

The parameters of the encoder are searched like any others. Here: how many coordinates are learned,
and how strongly rare categories are pulled to the mean of their column, for a linear model.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skembed import EmbeddingEncoder, RelativeSplit
from skembed.datasets import load_employee_salaries

salaries = load_employee_salaries()
X, y = salaries.data[["division", "employee_position_title"]], salaries.target

# %%
# The search sees 3,000 rows, two parts of three to learn from and one for the score. Its splits and
# the folds inside the encoder do not mix: each fit deals its own.
dims, shrinkages = [1, 8], [0.0, 1.0, 10.0, "auto"]
encoder = EmbeddingEncoder(random_state=0)
search = GridSearchCV(
    Pipeline([("encoder", encoder), ("ridge", Ridge())]),
    {
        "encoder__embedding_dim": dims,
        "encoder__shrinkage": shrinkages,
    },
    cv=RelativeSplit((2, 1), random_state=0),
)
search.fit(X[:3000], y[:3000])
best = {name.removeprefix("encoder__"): value for name, value in search.best_params_.items()}
print(f"best: {best}, R2 {search.best_score_:.3f}")
print(f"on the other {len(X) - 3000} rows: R2 {search.score(X[3000:], y[3000:]):.3f}")

# %%
# Shrinkage is what matters: without it a title of one employee is taken at its word. The default
# estimates it, for each column alone. The number of coordinates hardly matters.
grid = np.reshape(search.cv_results_["mean_test_score"], (len(dims), len(shrinkages)))

figure, axes = plt.subplots(figsize=(8, 3.5), layout="constrained")
image = axes.imshow(grid, aspect="auto")
axes.set_xticks(range(len(shrinkages)), map(str, shrinkages))
axes.set_yticks(range(len(dims)), dims)
axes.set(title="R2 of Ridge behind the encoder", xlabel="shrinkage", ylabel="embedding_dim")
for (row, column), value in np.ndenumerate(grid):
    color = "black" if value > (grid.min() + grid.max()) / 2 else "white"
    axes.text(column, row, f"{value:.3f}", ha="center", va="center", color=color)
figure.colorbar(image)

if __name__ == "__main__":
    figure.savefig("grid_search.png")
