"""Lookup and backward plus row update of `skembed.nn.Embedding`, beside PyTorch's layer in one run.

usage: python benchmarks/embedding_layer.py [--rows 1000,1000000] [--batches 32,4096] [--seconds 1]

Needs torch beside skembed. Each figure is the median time of a call over fresh random indices; the
sides take turns. A step is the gradient of the table from a given gradient of the output, and
plain gradient descent. "dense" is nn.Embedding, "sparse" is nn.Embedding(sparse=True); "1 thread"
is nn.Embedding after torch.set_num_threads(1), all else has torch's own number of threads. Ratios
are the time of PyTorch over that of skembed: above 1 skembed is faster. On a shared machine
--patience lets each line wait until other processes rest. The result is printed, and written as
Markdown to benchmarks/results/embedding_layer.md.
"""

import argparse
import os
import platform
import time
from pathlib import Path
from statistics import median

import numpy as np
import scipy
import torch

from skembed.nn import SGD, Embedding

RESULTS = Path(__file__).parent / "results" / "embedding_layer.md"
DIM = 32
RATE = 0.01
N_BATCHES = 8
TURN = 4
STAT = Path("/proc/stat")
QUIET = 0.05
THREADS = torch.get_num_threads()


def measure(calls, seconds, least=3):
    """Median seconds of each callable; they return the seconds of what counts, and take turns.

    Turns of several calls let each side find its caches and threads as its own calls leave them;
    the first call of a turn does not count.
    """
    times = {name: [] for name in calls}
    end = time.perf_counter() + seconds
    turns = 0
    while turns < least or time.perf_counter() < end:
        for name, call in calls.items():
            times[name] += [call(number) for number in range(turns, turns + TURN)][1:]
        turns += 1
    return {name: median(values) for name, values in times.items()}


def timed(function, *arguments):
    """Seconds of one call."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def ours(table, indices, grads):
    """Lookup and step of skembed as callables of the number of the batch."""
    layer, optimizer = Embedding.from_pretrained(table, freeze=False), SGD()

    def lookup(number):
        return timed(layer, indices[number % N_BATCHES])

    def train(batch, grad):
        gradients = {"weight": layer.backward(batch, grad)}
        optimizer.update(layer.parameters(), gradients, {}, RATE)

    def step(number):
        return timed(train, indices[number % N_BATCHES], grads[number % N_BATCHES])

    return lookup, step


def theirs(table, indices, grads, sparse):
    """Lookup and step of PyTorch, on the same table, indices and gradients."""
    layer = torch.nn.Embedding(*table.shape, sparse=sparse, _weight=torch.from_numpy(table.copy()))
    optimizer = torch.optim.SGD(layer.parameters(), lr=RATE)
    indices, grads = map(torch.from_numpy, indices), map(torch.from_numpy, grads)
    indices, grads = list(indices), list(grads)

    def lookup(number):
        with torch.no_grad():
            return timed(layer, indices[number % N_BATCHES])

    def lookup_alone(number):
        torch.set_num_threads(1)
        seconds = lookup(number)
        torch.set_num_threads(THREADS)
        return seconds

    def train(output, grad):
        output.backward(grad)
        optimizer.step()

    def step(number):
        optimizer.zero_grad()
        output = layer(indices[number % N_BATCHES])
        return timed(train, output, grads[number % N_BATCHES])

    return lookup, lookup_alone, step


def compare(n_rows, batch, seconds):
    """Median seconds of all sides for one table and one size of the batch."""
    rng = np.random.default_rng(0)
    table = rng.standard_normal((n_rows, DIM), dtype=np.float32)
    indices = [rng.integers(0, n_rows, batch) for _ in range(N_BATCHES)]
    grads = [rng.standard_normal((batch, DIM), dtype=np.float32) for _ in range(N_BATCHES)]
    lookup, step = ours(table, indices, grads)
    their_lookup, lookup_alone, dense_step = theirs(table, indices, grads, sparse=False)
    *_, sparse_step = theirs(table, indices, grads, sparse=True)
    sides = {"skembed": lookup, "torch": their_lookup, "alone": lookup_alone}
    lookups = measure(sides, seconds)
    steps = measure({"skembed": step, "sparse": sparse_step}, seconds)
    # Apart from the others: its pass over the whole table empties the caches.
    steps |= measure({"dense": dense_step}, seconds / 2)
    return lookups, steps


def processor_seconds():
    """Seconds that all processors were busy so far, and seconds of this process among them."""
    own = time.process_time()
    if not STAT.exists():
        return own, own
    user, nice, system, _, _, interrupt, soft, steal, *_ = map(int, STAT.read_text().split()[1:11])
    return (user + nice + system + interrupt + soft + steal) / os.sysconf("SC_CLK_TCK"), own


def others_while(function, *arguments):
    """Result of a call, and what other processes took of a processor meanwhile."""
    (busy, own), start = processor_seconds(), time.perf_counter()
    result = function(*arguments)
    (busy_after, own_after), end = processor_seconds(), time.perf_counter()
    return result, max(0.0, (busy_after - busy) - (own_after - own)) / (end - start)


def compare_in_peace(n_rows, batch, seconds, patience):
    """Figures of a line, and what others took; taken again while they rest, within `patience`."""
    end = time.perf_counter() + patience
    quietest = None
    while quietest is None or (quietest[1] > QUIET and time.perf_counter() < end):
        while others_while(time.sleep, 1.0)[1] > QUIET and time.perf_counter() < end:
            pass
        line = others_while(compare, n_rows, batch, seconds)
        quietest = line if quietest is None or line[1] < quietest[1] else quietest
    return quietest


def row(n_rows, batch, others, lookups, steps):
    """One line of the table: microseconds and ratios."""
    looked = [lookups["skembed"], lookups["torch"], lookups["alone"]]
    stepped = [steps["skembed"], steps["dense"], steps["sparse"]]
    cells = [f"{n_rows:,}", f"{batch:,}"]
    for figures, form in ((looked, ",.1f"), (stepped, ",.0f")):
        cells += [f"{1e6 * seconds:{form}}" for seconds in figures]
        cells += [f"**{seconds / figures[0]:.2f}**" for seconds in figures[1:]]
    cells.append(f"{others:.0%}")
    return f"| {' | '.join(cells)} |"


def main():
    """Run, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", default="1000,10000,100000,1000000")
    parser.add_argument("--batches", default="32,256,1024,4096,16384,65536")
    parser.add_argument("--seconds", type=float, default=1.0, help="for each pair of figures")
    parser.add_argument(
        "--patience", type=float, default=0.0, help="seconds to wait, for each line"
    )
    arguments = parser.parse_args()
    versions = {"NumPy": np.__version__, "SciPy": scipy.__version__, "torch": torch.__version__}
    lines = [
        "# The embedding layer beside PyTorch",
        "",
        f"`python benchmarks/embedding_layer.py --rows {arguments.rows} "
        f"--batches {arguments.batches} --seconds {arguments.seconds} "
        f"--patience {arguments.patience}`",
        "",
        f"Python {platform.python_version()}, "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + f"; {os.cpu_count()} CPUs, {THREADS} threads in torch, 1 in skembed.",
        f"Tables x {DIM}, float32, int64 indices drawn evenly. Medians in microseconds; ratios are",
        "torch / skembed, above 1 skembed is faster. A step is backward plus gradient descent.",
        "The last column is what other processes took of a processor at the same time: threads of",
        "torch wait for each other, and suffer from them most.",
        "",
        "| rows | batch | lookup skembed | torch | torch, 1 thread | ratio | ratio, 1 thread "
        "| step skembed | torch dense | torch sparse | ratio, dense | ratio, sparse | others |",
        "|---:" * 13 + "|",
    ]
    print("\n".join(lines))
    for n_rows in map(int, arguments.rows.split(",")):
        for batch in map(int, arguments.batches.split(",")):
            figures, others = compare_in_peace(n_rows, batch, arguments.seconds, arguments.patience)
            line = row(n_rows, batch, others, *figures)
            print(line, flush=True)
            lines.append(line)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
