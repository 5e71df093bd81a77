"""
Vectors without a target
========================

Which airports are alike? Nobody labels the rows here: airports are close when they are served by
the same airlines, from the same airports, by the same types of aeroplane.
"""

import matplotlib.pyplot as plt
from sklearn.decomposition import PCA

from skembed import EmbeddingEncoder
from skembed.datasets import load_flights

flights = load_flights().data
X = flights[["dest", "carrier", "origin", "plane_model"]]

# %%
# ``task="none"`` counts what occurs together in a row, and factors the counts. There is no target,
# so there is nothing to leak and nothing to hold out.
encoder = EmbeddingEncoder(task="none", embedding_dim=8, random_state=0).fit(X)
for airport in ("SFO", "BOS", "MIA"):
    near = encoder.nearest_categories("dest", airport, n_neighbors=5, metric="cosine")
    print(f"{airport}: {', '.join(near['category'])}")
near = encoder.nearest_categories("plane_model", "737-824", n_neighbors=5)
print(f"737-824: {', '.join(near['category'])}")

# %%
# The destinations in the plane of their largest spread. The colours are their distance from New
# York, which the encoder has not seen.
counts = X["dest"].value_counts()
vectors = encoder.embedding_frame("dest").loc[counts.index]
miles = flights.groupby("dest")["distance"].mean().loc[counts.index]
plane = PCA(n_components=2).fit_transform(vectors)

figure, axes = plt.subplots(figsize=(10, 7), layout="constrained")
points = axes.scatter(*plane.T, s=counts / 2, c=miles, norm="log", cmap="viridis", alpha=0.7)
figure.colorbar(points, label="mean distance from New York (miles)")
axes.set(title="Destinations", xlabel="first component", ylabel="second component")
figure.draw_without_rendering()  # settles the layout: only then does a label know its place
written = []
for airport, point in zip(counts.index, plane, strict=True):
    label = axes.annotate(airport, point, fontsize=8, ha="center", va="center", in_layout=False)
    box = label.get_window_extent()
    if box.count_overlaps(written):
        label.remove()
    else:
        written.append(box)

if __name__ == "__main__":
    figure.savefig("without_target.png")
