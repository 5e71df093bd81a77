"""
Maps of categories: what job titles have in common
==================================================

What has an encoder learned about 443 job titles? Titles lie close where exchanging them hardly
changes the salary that is expected.
"""

import matplotlib.pyplot as plt

from skembed import EmbeddingEncoder
from skembed.datasets import load_employee_salaries
from skembed.plotting import EmbeddingDisplay, LossCurveDisplay

salaries = load_employee_salaries()
X, y = salaries.data[salaries.categorical_feature_names], salaries.target
title = "employee_position_title"
encoder = EmbeddingEncoder(early_stopping=True, random_state=0).fit(X, y)

# %%
# Did the training settle? The loss of the rows held out stops falling.
figure, axes = plt.subplots(figsize=(5, 3.5), layout="constrained")
LossCurveDisplay.from_estimator(encoder, ax=axes)

# %%
# The plane in which the titles differ most. A point is a title, as large as it is frequent, and its
# colour is its effect on the salary with all other columns taken out. Labels keep out of each
# other's way; the most frequent titles choose first.
map_figure, axes = plt.subplots(figsize=(11, 7), layout="constrained")
EmbeddingDisplay.from_estimator(encoder, title, ax=axes)

# %%
# t-SNE keeps neighbours together and spreads the crowd in the middle. Colours may be anything known
# about a category: here the department in which most people of a title work.
department = X.groupby(title)["department_name"].agg(lambda names: names.mode()[0])
large = X["department_name"].value_counts().index[:8]
neighbours, axes = plt.subplots(figsize=(13, 7), layout="constrained")
EmbeddingDisplay.from_estimator(
    encoder, title, projection="tsne", color=department[department.isin(large)], ax=axes
)
axes.set(xticks=[], yticks=[])  # t-SNE gives its coordinates no meaning

# %%
# A plane cannot show all distances. Neighbours in all coordinates:
for category in ["Librarian I", "Police Captain", "Bus Operator"]:
    near = encoder.nearest_categories(title, category, n_neighbors=4)
    print(f"{category}: {', '.join(near['category'])}")

if __name__ == "__main__":
    map_figure.savefig("embedding_map.png")
