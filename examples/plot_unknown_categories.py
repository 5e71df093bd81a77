"""
Job titles never seen before
============================

What does an employee earn whose job title the encoder has not met? An unknown title is no average
title: it is most like the titles that were seen once. From these its vector is learned.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from skembed import EmbeddingEncoder
from skembed.datasets import load_employee_salaries

salaries = load_employee_salaries()
X, y = salaries.data[["employee_position_title"]], salaries.target
X_train, X_new, y_train, y_new = train_test_split(X, y, train_size=3000, random_state=0)

counts = X_train["employee_position_title"].value_counts()
unknown = ~X_new["employee_position_title"].isin(counts.index).to_numpy()
print(f"{len(counts)} titles in 3,000 training rows; {unknown.sum()} of {len(X_new)} new rows")
print("have a title that is not among them")

# %%
# By default the unknown vector is learned from the rare categories. ``"mean"`` and ``"zeros"`` take
# the middle of the column, where the many titles of few rows count little.
predictions = {}
for rule in ("embed", "mean", "zeros"):
    encoder = EmbeddingEncoder(handle_unknown=rule, random_state=0)
    model = make_pipeline(encoder, Ridge()).fit(X_train, y_train)
    predictions[rule] = model.predict(X_new)
    error = np.sqrt(np.mean((predictions[rule] - y_new)[unknown] ** 2))
    print(
        f"handle_unknown={rule!r:<8} predicts {predictions[rule][unknown].mean():>6.0f} US dollars "
        f"for unknown titles, root mean squared error {error:.0f}"
    )
print(f"on average they earn         {y_new[unknown].mean():>6.0f}")

# %%
# The mean salary by how often a title was seen. Rare titles are paid better, and the titles never
# seen continue their line.
edges = [0, 1, 3, 10, 30, 100, np.inf]
names = ["never", "once", "2-3", "4-10", "11-30", "31-100", "more often"]
times_seen = pd.cut(X_train["employee_position_title"].map(counts), edges, labels=names[1:])
means = y_train.groupby(times_seen, observed=True).mean() / 1000

figure, axes = plt.subplots(figsize=(9, 5.5), layout="constrained")
line = [y_new[unknown].mean() / 1000, *means]
axes.plot(names, line, color="black", marker="o", label="what employees earn")
for rule, offset in {"embed": 0.0, "mean": -0.06, "zeros": 0.06}.items():
    height = predictions[rule][unknown].mean() / 1000
    label = f'prediction, handle_unknown="{rule}"'
    axes.scatter(offset, height, s=90, marker="D", zorder=3, label=label)
axes.set(title="Salaries by how often the training rows have the title")
axes.set(xlabel="times seen in training", ylabel="mean salary (1,000 US dollars)")
axes.legend()

if __name__ == "__main__":
    figure.savefig("unknown_categories.png")
