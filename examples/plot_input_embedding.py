"""
A table on its way into a network
=================================

Split, scale, encode, batch: what each step of InputEmbedding does to a table of employees. From the
department, the gender, the year of hiring and the salary it is to be predicted who works part-time.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.neural_network import MLPClassifier

from skembed import InputEmbedding
from skembed.datasets import load_employee_salaries

salaries = load_employee_salaries()
X = salaries.data[["department_name", "gender", "year_first_hired"]].assign(salary=salaries.target)
y = salaries.data["assignment_category"]

# %%
# The split needs no fit, and the fit sees the training part alone: no range and no category of the
# other parts leaks into it.
embedding = InputEmbedding(
    scale="feature", relative_size=(2, 1, 1), stratify=True, batch_size=256, random_state=0
)
parts = embedding.split(X, y)
embedding.fit(parts.train.X, parts.train.y)
for name, part in parts.items():
    print(f"{name:<10} {len(part.X)} rows, {part.class_balance}")
print(f"{embedding.shape_} cells become {embedding.output_shape_}")

# %%
# Batches come in a new order in every epoch, and all rows come.
network = MLPClassifier((32,), random_state=0)
for epoch in range(5):
    for X_batch, y_batch in embedding.batches(parts.train.X, parts.train.y):
        network.partial_fit(X_batch, y_batch, classes=np.unique(y))
    cells = embedding.transform(parts.validation.X)
    score = roc_auc_score(parts.validation.y, network.predict_proba(cells)[:, 1])
    print(f"epoch {epoch + 1}: AUC {score:.3f} on the validation part")

# %%
# A picture of each step.
figure, axes = plt.subplots(2, 2, figsize=(11, 8), layout="constrained")
split, scale, encode, order = axes.flat
for label, color in zip(np.unique(y), ("tab:blue", "tab:orange"), strict=True):
    shares = [part.class_balance[label] / len(part.X) for part in parts.values()]
    bottom = 0 if label == min(y) else [1 - share for share in shares]
    split.bar(list(parts), shares, bottom=bottom, color=color, label=label)
split.set(title="Split: the same shares in each part", ylabel="share of the rows")
split.legend()

years = parts.train.X["year_first_hired"]
low, span = years.min(), np.ptp(years)
scale.hist(years, bins=30)
scale.secondary_xaxis("top", functions=(lambda v: (v - low) / span, lambda v: v * span + low))
scale.set(title="Scale: from years (below) into [0, 1] (above)", ylabel="rows")

cells = embedding.transform(parts.train.X[:40])
encode.imshow(cells, cmap="Greys", aspect="auto", interpolation="none")
encode.set(title="Encode: one-hot departments and genders, two numbers", ylabel="row")
encode.set_xlabel("column of the output")

numbers = InputEmbedding(batch_size=100, random_state=0).fit(np.arange(400)[:, None])
for epoch in range(2):
    for b, (rows, _) in enumerate(numbers.batches(np.arange(400)[:, None])):
        places = 100 * b + np.arange(len(rows)) + 450 * epoch
        order.scatter(places, rows, s=4, color=f"C{b}")
order.set(title="Batches: colours, in two epochs", xlabel="order", ylabel="row")

if __name__ == "__main__":
    figure.savefig("input_embedding.png")
