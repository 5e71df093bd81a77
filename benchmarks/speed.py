"""How fast vectors are learned and looked up, beside PyTorch and scikit-learn's encoders.

usage: python benchmarks/speed.py [--parts training,roofline,...] [--repeats 5] [--compile]

Parts: ``training`` (time of a step beside PyTorch eager, dense and sparse gradients of the tables,
with --compile also compiled), ``roofline`` (a step beside the sum of its matrix products and its
memory traffic, both measured in the same run), ``epoch`` (a step of the encoder's defaults on the
shipped salaries, beside Keras), ``transform`` (beside TargetEncoder, OrdinalEncoder and
OneHotEncoder), ``rows``, ``categories`` and ``columns`` (time and peak memory as the work grows),
``memory`` (peak memory of a fit of ten million rows). PyTorch and Keras are optional; without them
their columns are named as missing.

Sides take turns; figures are medians of the repeats, ratios are those of medians: above 1 skembed
is faster. The results are printed and written to benchmarks/results/speed.md, a part at a time, and
drawn as benchmarks/results/speed.png. OMP_NUM_THREADS limits all sides alike.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import scipy
import sklearn
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder
from threadpoolctl import threadpool_limits

from skembed import EmbeddingEncoder
from skembed.datasets import load_employee_salaries

try:
    import torch
except ImportError:
    torch = None
try:
    import keras
except ImportError:
    keras = None

RESULTS = Path(__file__).parent / "results"
SEED = 0
RULE_MAX = 50


def rule(n_categories):
    """Width of a vector by the rule of thumb of fast.ai's first courses."""
    return min(RULE_MAX, (n_categories + 1) // 2)


# Cardinalities, widths, numeric columns, hidden layers.
WORKLOADS = {
    "small": ([10, 50, 200, 1000], lambda n: 8, 4, (64, 32)),
    "rule": ([7, 12, 31, 12, 1115, 3], rule, 4, (64, 32)),
    "high": ([10, 50, 200, 1000, 10_000, 100_000], rule, 4, (64, 32)),
    "paper": (
        [7, 12, 31, 12, 1115, 3],
        {7: 6, 12: 6, 31: 10, 1115: 10, 3: 2}.__getitem__,
        0,
        (1000, 500),
    ),
}
BATCHES = (32, 256, 2048)
GOALS = {"small": (5, 4, 2), "rule": (5, 4, 2), "high": (5, 5, 2.5), "paper": (None, 1.7, 1.7)}


def make_data(cardinalities, n_numeric, n_rows):
    """Codes of skewed columns, numbers, and a target that depends on the codes."""
    rng = np.random.default_rng(SEED)
    codes = np.stack(
        [
            np.minimum(rng.zipf(1.3, n_rows) - 1, c - 1) if c > 20 else rng.integers(0, c, n_rows)
            for c in cardinalities
        ]
    )
    effects = [np.random.default_rng(j).standard_normal(c) for j, c in enumerate(cardinalities)]
    y = sum(effect[own] for effect, own in zip(effects, codes, strict=True))
    return codes, rng.standard_normal((n_rows, n_numeric)).astype(np.float32), y.astype(np.float32)


class EpochTimes:
    """A callback that notes how long each epoch takes."""

    def __init__(self):
        self.seconds = []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        self.start = time.perf_counter()

    def on_fit_task_end(self, estimator, context, **data):
        if context.task_name == "epoch":
            self.seconds.append(time.perf_counter() - self.start)


def our_step(workload, data, batch, n_epochs):
    """Median seconds of a step of EmbeddingEncoder.fit, the first epoch left out."""
    cardinalities, width, n_numeric, hidden = WORKLOADS[workload]
    codes, numbers, y = data
    # All categories are declared, so that the tables have their full size.
    names = [np.array([f"v{k:07d}" for k in range(c)], dtype=object) for c in cardinalities]
    columns = {f"c{j}": pd.Categorical.from_codes(own, names[j]) for j, own in enumerate(codes)} | {
        f"x{k}": numbers[:, k] for k in range(n_numeric)
    }
    encoder = EmbeddingEncoder(
        categories={f"c{j}": own for j, own in enumerate(names)},
        embedding_dim={f"c{j}": width(c) for j, c in enumerate(cardinalities)},
        numeric_features=[f"x{k}" for k in range(n_numeric)] or None,
        task="regression",
        target_effect=False,
        cv=None,
        hidden_layer_sizes=hidden,
        activation="relu",
        dropout=0.0,
        batch_size=batch,
        max_iter=n_epochs + 1,
        tol=0.0,
        n_iter_no_change=10**6,
        random_state=SEED,
    )
    times = EpochTimes()
    encoder.set_callbacks(times)
    encoder.fit(pd.DataFrame(columns), y)
    return median(times.seconds[1:]) / -(-len(y) // batch)


class TorchNetwork:
    """The same network in PyTorch, trained on the same batches."""

    def __init__(self, workload, data, batch, sparse=False, compiled=False):
        torch.manual_seed(SEED)
        cardinalities, width, n_numeric, hidden = WORKLOADS[workload]
        widths = [width(c) for c in cardinalities]
        pairs = zip(cardinalities, widths, strict=True)
        self.tables = torch.nn.ModuleList(torch.nn.Embedding(*p, sparse=sparse) for p in pairs)
        sizes = [sum(widths) + n_numeric, *hidden]
        layers = []
        for n_inputs, n_units in pairwise(sizes):
            layers += [torch.nn.Linear(n_inputs, n_units), torch.nn.ReLU()]
        self.head = torch.nn.Sequential(*layers, torch.nn.Linear(sizes[-1], 1))
        if sparse:
            self.optimizers = [
                torch.optim.SparseAdam(list(self.tables.parameters())),
                torch.optim.Adam(self.head.parameters()),
            ]
        else:
            both = [*self.tables.parameters(), *self.head.parameters()]
            self.optimizers = [torch.optim.Adam(both)]
        self.run = torch.compile(self.forward) if compiled else self.forward
        codes, numbers, y = data
        self.codes = torch.from_numpy(codes.astype(np.int64))
        self.numbers, self.y = torch.from_numpy(numbers), torch.from_numpy(y)
        self.batch = batch

    def forward(self, codes, numbers):
        vectors = [table(own) for table, own in zip(self.tables, codes, strict=True)]
        return self.head(torch.cat([*vectors, numbers], 1)).squeeze(1)

    def step(self, n_steps):
        """Seconds of a step, over so many."""
        start = time.perf_counter()
        for k in range(n_steps):
            a = k * self.batch % max(len(self.y) - self.batch, 1)
            rows = slice(a, a + self.batch)
            for optimizer in self.optimizers:
                optimizer.zero_grad()
            residual = self.run(self.codes[:, rows], self.numbers[rows]) - self.y[rows]
            (residual**2).mean().backward()
            for optimizer in self.optimizers:
                optimizer.step()
        return (time.perf_counter() - start) / n_steps


def torch_sides(workload, data, batch, compiled):
    """PyTorch's ways, warmed up."""
    if torch is None:
        return {}
    sides = {
        "dense": TorchNetwork(workload, data, batch),
        "sparse": TorchNetwork(workload, data, batch, sparse=True),
    }
    if compiled:
        sides["compiled"] = TorchNetwork(workload, data, batch, compiled=True)
    for side in sides.values():
        side.step(3)
    return sides


def measure_training(arguments):
    """A table row for each workload and batch size."""
    rows = []
    for workload, (cardinalities, _, n_numeric, hidden) in WORKLOADS.items():
        for batch, goal in zip(BATCHES, GOALS[workload], strict=True):
            n_steps = 8 if hidden[0] > 500 else max(16, min(100, 40_000 // batch))
            data = make_data(cardinalities, n_numeric, n_steps * batch)
            sides = torch_sides(workload, data, batch, arguments.compile)
            times = {name: [] for name in ("ours", *sides)}
            for _ in range(arguments.repeats):
                times["ours"].append(our_step(workload, data, batch, 3))
                for name, side in sides.items():
                    # Dense Adam passes over all rows of all tables: a few steps tell.
                    few = workload == "high" and name != "sparse"
                    times[name].append(side.step(8 if few else n_steps))
            found = {name: 1e6 * median(values) for name, values in times.items()}
            best = min((value for name, value in found.items() if name != "ours"), default=np.nan)
            row = [workload, batch, f"{found['ours']:,.0f}"]
            for name in ("dense", "sparse", "compiled"):
                row.append(f"{found[name]:,.0f}" if name in found else "missing")
            ratio = best / found["ours"]
            missed = ": missed" if goal and ratio < goal else ""
            row += [f"**{ratio:.2f}**", f"{goal or ''}{missed}"]
            rows.append(row)
            print(*row, flush=True)
    header = ["network", "batch", "skembed", "torch dense", "sparse", "compiled", "ratio", "goal"]
    return (
        "Microseconds of a training step. The ratio is the best of PyTorch over skembed.\n\n"
        + as_table(header, rows)
    )


def best_of(n_times, function, *arguments):
    """Least seconds of a call."""
    seconds = []
    for _ in range(n_times):
        start = time.perf_counter()
        function(*arguments)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def product_seconds(batch, shapes):
    """Sum of the matrix products of a step, each measured alone on one thread of BLAS."""
    rng, total, flops = np.random.default_rng(SEED), 0.0, 0
    for n_inputs, n_units in shapes:
        x, g, w = (
            rng.standard_normal(shape).astype(np.float32)
            for shape in ((batch, n_inputs), (batch, n_units), (n_inputs, n_units))
        )
        for left, right in ((x, w), (x.T, g), (g, w.T)):
            with threadpool_limits(1, user_api="blas"):
                total += best_of(10, np.dot, left, right)
            flops += 2 * batch * n_inputs * n_units
    return total, flops


def bandwidth():
    """Bytes per second of a copy that is too large for the inner caches."""
    source = np.ones(2**24, np.float32)
    target = np.empty_like(source)
    return 2 * source.nbytes / best_of(10, np.copyto, target, source)


def measure_roofline(arguments):
    """Steps beside their floor."""
    rows, speed = [], bandwidth()
    for workload, batch in [("small", 2048), ("rule", 2048), ("paper", 256), ("paper", 2048)]:
        cardinalities, width, n_numeric, hidden = WORKLOADS[workload]
        n_inputs = sum(map(width, cardinalities)) + n_numeric
        sizes = [n_inputs, *hidden, 1]
        shapes = list(pairwise(sizes))
        n_steps = 8 if hidden[0] > 500 else 20
        data = make_data(cardinalities, n_numeric, n_steps * batch)
        floors, steps = [], []
        for _ in range(arguments.repeats):
            products, flops = product_seconds(batch, shapes)
            # Each activation and its gradient is written once and read twice; values, gradients
            # and two running sums of Adam are read, three of them written.
            numbers = 6 * batch * sum(sizes) + 7 * sum((a + 1) * b for a, b in shapes)
            floors.append((products, 4 * numbers / speed, flops / products))
            steps.append(our_step(workload, data, batch, 3))
        products, traffic, rate = (1e6 * median(part) for part in zip(*floors, strict=True))
        calls = 0.7 * N_CALLS
        step, floor = 1e6 * median(steps), products + traffic + calls
        shown = [f"{value:,.0f}" for value in (step, products, traffic, calls)]
        rows.append([workload, batch, *shown, f"**{step / floor:.2f}**", f"{rate / 1e15:.0f}"])
        print(*rows[-1], flush=True)
    header = ["network", "batch", "step", "products", "traffic", "calls", "step / floor", "GFLOP/s"]
    return (
        "Microseconds of a step, and of the least it needs: its matrix products (each alone, one\n"
        f"thread), its memory traffic at {speed / 1e9:.0f} GB/s (a copy, measured in this run), "
        f"and {N_CALLS} calls of NumPy\nat 0.7 microseconds. A large batch goes in two halves at "
        "the same time, which the floor does not:\nit can be undercut.\n\n" + as_table(header, rows)
    )


# Calls of NumPy in a step of a network of two hidden layers, counted in the source.
N_CALLS = 75


def keras_step(X, y, batch, n_epochs):
    """Median seconds of a step of the network of embedding-encoder's defaults in Keras, the first
    epoch left out.

    The network is built here: that package does not run with this scikit-learn.
    """
    keras.utils.set_random_seed(SEED)
    codes = [pd.factorize(X[name])[0] + 1 for name in X]
    inputs = [keras.Input(()) for _ in codes]
    vectors = []
    for own, column in zip(codes, inputs, strict=True):
        n_rows = int(own.max()) + 1
        vectors.append(keras.layers.Embedding(n_rows, min(50, -(-n_rows // 2)))(column))
    units = keras.layers.Concatenate()(vectors)
    for n_units in (24, 12):
        units = keras.layers.Dense(n_units, activation="relu")(units)
        units = keras.layers.Dropout(0.2)(units)
    model = keras.Model(inputs, keras.layers.Dense(1)(units))
    model.compile(optimizer="adam", loss="mse", metrics=["mse"])
    seconds = []
    times = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: seconds.append(-time.perf_counter()),
        on_epoch_end=lambda epoch, logs: seconds.append(seconds.pop() + time.perf_counter()),
    )
    columns = [own.astype(np.float32) for own in codes]
    model.fit(columns, y, batch_size=batch, epochs=n_epochs + 1, verbose=0, callbacks=[times])
    return median(seconds[1:]) / -(-len(X) // batch)


def measure_epoch(arguments):
    """A step of the encoder's defaults on the salaries."""
    X, y = load_employee_salaries(return_X_y=True)
    X, y = X.select_dtypes(exclude="number"), np.asarray(y, np.float32)
    rows, per_row = [], {}
    for batch in (32, 256):
        ours, others = [], []
        for _ in range(arguments.repeats):
            times = EpochTimes()
            encoder = EmbeddingEncoder(max_iter=4, batch_size=batch, cv=None, random_state=SEED)
            encoder.set_callbacks(times)
            encoder.fit(X, y)
            ours.append(median(times.seconds[1:]) / -(-len(X) // batch))
            if keras is not None:
                others.append(keras_step(X, y, batch, 3))
        cells = [batch, f"{1e6 * median(ours):,.0f}"]
        if keras is None:
            cells += ["missing", "", 10]
        else:
            ratio = median(others) / median(ours)
            per_row[batch] = median(ours) / batch, median(others) / batch
            goal = "10" if ratio >= 10 else "10: missed"
            cells += [f"{1e6 * median(others):,.0f}", f"**{ratio:.1f}**", goal]
        rows.append(cells)
        print(*cells, flush=True)
    words = "network of embedding-encoder's defaults in Keras."
    if keras is not None:
        ratio = per_row[32][1] / per_row[256][0]
        words = (
            f"network of embedding-encoder's defaults in Keras {keras.__version__}. An epoch of "
            f"each with its own\nbatch, 256 and 32 rows: {ratio:.0f} times as fast."
        )
    return (
        "Microseconds of a training step of the defaults on the salaries, beside one of the\n"
        f"{words}\n\n" + as_table(["batch", "skembed", "Keras", "ratio", "goal"], rows)
    )


def timed(repeats, function, *arguments, **options):
    """Median seconds of a call after a first one."""
    function(*arguments, **options)
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        function(*arguments, **options)
        seconds.append(time.perf_counter() - start)
    return median(seconds)


def measure_transform(arguments):
    """Looking up a million cells, and one."""
    rows = []
    for n_categories in (1000, 100_000):
        rng = np.random.default_rng(SEED)
        names = np.array([f"category {k:07d}" for k in range(n_categories)], dtype=object)
        codes = rng.integers(0, n_categories, 10**6)
        codes[:n_categories] = np.arange(n_categories)
        y = rng.standard_normal(n_categories)[codes] + rng.standard_normal(len(codes))
        head = slice(0, max(n_categories, 20_000))
        frames = {
            "object": pd.DataFrame({"c": pd.Series(names[codes], dtype=object)}),
            "string": pd.DataFrame({"c": pd.Series(names[codes], dtype="str")}),
            "categorical": pd.DataFrame({"c": pd.Categorical.from_codes(codes, names)}),
        }
        encoder = EmbeddingEncoder(embedding_dim=31, max_iter=1, cv=None, random_state=SEED)
        encoder.fit(frames["object"][head], y[head])
        table = encoder.embeddings_[0]
        for kind, frame in frames.items():
            ours = timed(arguments.repeats, encoder.transform, frame)
            cells = [n_categories, kind, f"{1e3 * ours:.1f}"]
            if kind == "categorical":
                bare = timed(arguments.repeats, table.take, codes, axis=0, mode="clip")
                cells += ["", "", "", f"{1e3 * bare:.1f}", f"**{bare / ours:.2f}** of take"]
            else:
                peers = [TargetEncoder(), OrdinalEncoder(), OneHotEncoder()]
                peers = [peer.fit(frame[head], y[head]) for peer in peers]
                found = [timed(3, peer.transform, frame) for peer in peers]
                cells += [f"{1e3 * seconds:.1f}" for seconds in found]
                cells += ["", f"**{found[0] / ours:.2f}**"]
            rows.append(cells)
            print(*cells, flush=True)
        one = frames["object"][5:6]
        plain = EmbeddingEncoder(embedding_dim=31, max_iter=1, cv=None, random_state=SEED)
        plain.fit(frames["object"][head].to_numpy(), y[head])
        ordinal = OrdinalEncoder().fit(frames["object"][head])
        for kind, model, row in (("pandas", encoder, one), ("NumPy", plain, one.to_numpy())):
            ours = timed(200, model.transform, row)
            other = timed(10, ordinal.transform, one)
            cells = [
                n_categories,
                f"one row, {kind}",
                f"{1e3 * ours:.2f}",
                "",
                f"{1e3 * other:.1f}",
            ]
            rows.append([*cells, "", "", f"**{other / ours:.0f}** to ordinal"])
            print(*rows[-1], flush=True)
    header = "categories,column,skembed,TargetEncoder,OrdinalEncoder,OneHotEncoder,take,ratio"
    return (
        "Milliseconds of `transform`: a million rows and one, vectors of 32 numbers.\n\n"
        + as_table(header.split(","), rows)
    )


POINT = """
import json, resource, sys, time
import numpy as np, pandas as pd
from skembed import EmbeddingEncoder
n_rows, n_categories, n_columns, options = json.loads(sys.argv[1])
rng = np.random.default_rng(0)
# Without a copy, whose memory a fit would find free.
codes = rng.integers(0, n_categories, (n_columns, n_rows), dtype=np.int32)
X = pd.DataFrame(codes.T, columns=[f"c{j}" for j in range(n_columns)], copy=False)
y = rng.standard_normal(n_rows)
few = EmbeddingEncoder(max_iter=1, cv=None, random_state=0, **options)
few.fit(X[:1000], y[:1000])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
few.fit(X, y)
seconds = time.perf_counter() - start
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
tables = sum(table.nbytes for table in few.embeddings_)
print(json.dumps([seconds, 1024 * (after - before), tables]))
"""


def run_point(n_rows, n_categories, n_columns, **options):
    """Seconds, bytes above those of the frame, and bytes of the tables of a fit of one epoch, in a
    process of its own.
    """
    argument = json.dumps([n_rows, n_categories, n_columns, options])
    command = [sys.executable, "-c", POINT, argument]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(printed.splitlines()[-1])


def measure_growth(points):
    """Time and memory per row at some points ``(n_rows, n_categories, n_columns)``."""
    rows = []
    for n_rows, n_categories, n_columns in points:
        seconds, memory, _ = run_point(n_rows, n_categories, n_columns)
        cells = [f"{n:,}" for n in (n_rows, n_categories, n_columns)]
        shown = [f"{seconds:.2f}", f"{1e6 * seconds / n_rows:.2f}", f"{memory / n_rows:.0f}"]
        rows.append(cells + shown)
        print(*rows[-1], flush=True)
    header = ["rows", "categories", "columns", "seconds", "microseconds per row", "bytes per row"]
    return (
        "`EmbeddingEncoder(max_iter=1, cv=None).fit`, integer columns; peak memory above that of "
        "the frame.\n\n" + as_table(header, rows)
    )


def measure_rows(arguments):
    return measure_growth([(n, 1000, 6) for n in (10**4, 10**5, 10**6, 10**7)])


def measure_categories(arguments):
    return measure_growth([(10**6, n, 2) for n in (10**2, 10**3, 10**4, 10**5, 10**6)])


def measure_columns(arguments):
    return measure_growth([(10**5, 1000, n) for n in (1, 3, 10, 30, 100)])


def measure_memory(arguments):
    """Peak of a fit of ten million rows beside what it needs."""
    n_rows, n_columns = 10**7, 6
    seconds, memory, tables = run_point(n_rows, 1000, n_columns, target_effect=False)
    # Codes of 2 bytes twice, target and permutation; tables with two rows of Adam.
    needed = n_rows * (2 * 2 * n_columns + 4 + 8) + 3 * tables
    cells = [f"{seconds:.0f}", f"{memory / 1e6:,.0f}", f"{needed / 1e6:,.0f}"]
    print(*cells, flush=True)
    header = ["seconds", "MB above the frame", "MB needed", "ratio"]
    return (
        "`EmbeddingEncoder(max_iter=1, cv=None, target_effect=False).fit`, ten million rows, six\n"
        "columns of 1,000 categories. Needed: codes twice in the smallest integer, target,\n"
        "permutation, tables with the rows of Adam.\n\n"
        + as_table(header, [[*cells, f"**{memory / needed:.2f}**"]])
    )


PARTS = {
    "training": measure_training,
    "roofline": measure_roofline,
    "epoch": measure_epoch,
    "transform": measure_transform,
    "rows": measure_rows,
    "categories": measure_categories,
    "columns": measure_columns,
    "memory": measure_memory,
}


def as_table(header, rows):
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def settings(arguments):
    versions = f"Python {platform.python_version()}, NumPy {np.__version__}, SciPy "
    versions += f"{scipy.__version__}, scikit-learn {sklearn.__version__}, pandas {pd.__version__}"
    versions += f", torch {torch.__version__ if torch else 'missing'}"
    threads = os.environ.get("OMP_NUM_THREADS", "not set")
    return (
        f"{versions}; {os.cpu_count()} processors, OMP_NUM_THREADS {threads}, "
        f"medians of {arguments.repeats}, seed {SEED}"
    )


def write(name, text, arguments):
    """Replace one part of the page of results."""
    page = RESULTS / "speed.md"
    written = page.read_text(encoding="utf-8") if page.exists() else "# Speed\n"
    parts = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", written, re.MULTILINE | re.DOTALL))
    command = f"`python benchmarks/speed.py --parts {name} --repeats {arguments.repeats}"
    command += " --compile`" if arguments.compile else "`"
    parts[name] = f"\n{command}\n\n{settings(arguments)}\n\n{text}\n"
    body = "".join(f"## {part}\n{parts[part].rstrip()}\n\n" for part in PARTS if part in parts)
    page.write_text(f"# Speed\n\n{body}".rstrip() + "\n", encoding="utf-8")


def draw():
    """The ratios of the training part as bars."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    text = (RESULTS / "speed.md").read_text(encoding="utf-8").split("## roofline")[0]
    found = re.findall(r"^\| (\w+) \| (\d+) \|.*\*\*([\d.]+)\*\* \| [^|]* \|$", text, re.MULTILINE)
    figure, axes = plt.subplots(figsize=(7, 3.5), layout="constrained")
    for k, batch in enumerate(BATCHES):
        ratios = [float(ratio) for _, b, ratio in found if int(b) == batch]
        places = np.arange(len(ratios)) + 0.27 * (k - 1)
        bars = axes.bar(places, ratios, 0.25, label=f"batches of {batch}", color=f"C{k}")
        axes.bar_label(bars, fmt="%.1f", fontsize=8)
    axes.set_xticks(range(len(WORKLOADS)), WORKLOADS)
    axes.axhline(1, color="0.3", linewidth=1)
    axes.set(ylabel="times faster than\nthe best of PyTorch", title="Training step on a CPU")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(RESULTS / "speed.png", dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--compile", action="store_true")
    arguments = parser.parse_args()
    for name in arguments.parts.split(","):
        print(f"== {name}", flush=True)
        write(name, PARTS[name](arguments), arguments)
    if "training" in arguments.parts:
        draw()


if __name__ == "__main__":
    main()
