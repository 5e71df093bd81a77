"""
Predictors: late flights from New York
======================================

Which flights of half a year arrive more than 15 minutes late? A network with its crossed columns
beside boosted trees: on days of which other flights are known, and on days of which none is.
"""

import matplotlib.pyplot as plt
from sklearn.base import clone
from sklearn.calibration import CalibrationDisplay
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit

from skembed import EmbeddingClassifier
from skembed.datasets import load_flights
from skembed.plotting import EmbeddingDisplay

flights = load_flights()
half = flights.data["month"].astype(int) <= 6
data = flights.data[half]
time = ["month", "day", "weekday", "sched_dep_time", "sched_arr_time"]
weather = ["temp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib"]
X, late = data[[*time, "carrier", "origin", "dest", *weather]], flights.target[half] > 15
strings = X.select_dtypes(exclude="number").columns
X = X.astype(dict.fromkeys(strings, "category"))  # the trees need this dtype, the network does not

# %%
# A third of the flights is for the test: first any flights, then all flights of some days.
models = {
    "boosted trees": HistGradientBoostingClassifier(random_state=0),
    "EmbeddingClassifier": EmbeddingClassifier(n_estimators=1, random_state=0),
    "without crosses": EmbeddingClassifier(n_estimators=1, crosses=0, random_state=0),
}
splits = {
    "same days": ShuffleSplit(1, test_size=1 / 3, random_state=0).split(X),
    "other days": GroupShuffleSplit(1, test_size=1 / 3, random_state=0).split(
        X, groups=data["date"]
    ),
}
fitted, probabilities = {}, {}
for name, split in splits.items():
    train, test = next(split)
    truth = late.iloc[test]
    print(f"{name:<20} AUC    log loss  mean (late: {truth.mean():.1%})")
    for kind, model in models.items():
        fitted[name, kind] = clone(model).fit(X.iloc[train], late.iloc[train])
        p = fitted[name, kind].predict_proba(X.iloc[test])[:, 1]
        auc, loss = roc_auc_score(truth, p), log_loss(truth, p)
        print(f"{kind:<20} {auc:.3f}  {loss:.3f}     {p.mean():.1%}")
        probabilities[name, kind] = truth, p

# %%
# Crosses of month and day, found without being told, are the date. They help with flights of the
# same days and harm on other days: the search cannot know for which rows the model is meant.
for name in splits:
    crosses = fitted[name, "EmbeddingClassifier"].crosses_[:4]
    print(f"crosses, {name}:", ", ".join(" x ".join(cross) for cross in crosses))

# %%
# The vectors of the destinations in the plane of their largest spread, frequent ones written, and
# the probabilities: of the flights for which a model says 30 %, are 30 % late?
figure, (axes, right) = plt.subplots(
    1, 2, figsize=(13, 6), layout="constrained", width_ratios=(2, 1)
)
EmbeddingDisplay.from_estimator(fitted["same days", "EmbeddingClassifier"], "dest", ax=axes)
for kind in ("boosted trees", "EmbeddingClassifier"):
    truth, p = probabilities["same days", kind]
    CalibrationDisplay.from_predictions(
        truth, p, n_bins=10, strategy="quantile", name=kind, ax=right
    )

if __name__ == "__main__":
    figure.savefig("predictors.png")
