"""Change the code in one place at a time and see whether the tests notice.

usage: python benchmarks/mutants.py [--n 300] [--seed 0] [--session FILE]

Needs cosmic-ray beside what the tests need. A place is drawn by the seed, then one of the changes
that cosmic-ray has for it, so that a place counts once however many changes it allows. Annotations
are left out, for nothing runs them; docstrings and other texts are never changed. Each mutant is
run against the tests that mutants.toml names for its module, in a copy of the checkout. FILE keeps
the results: a run that was stopped goes on there.
"""

import argparse
import ast
import multiprocessing
import os
import random
import shlex
import shutil
import sys
import time
import tomllib
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis
import pytest
from cosmic_ray.commands import init
from cosmic_ray.mutating import use_mutation
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import use_db
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkResult

ROOT = Path(__file__).resolve().parents[1]
WHAT = tomllib.loads((ROOT / "benchmarks" / "mutants.toml").read_text())
PARTS = ["skembed", "tests", "conftest.py", "pyproject.toml"]
PRELOAD = [
    "__main__",
    "doctest",
    "pandas",
    "pdb",
    "sklearn.linear_model",
    "sklearn.model_selection",
]


def annotations(path):
    """Where annotations begin and end."""
    for node in ast.walk(ast.parse(path.read_text())):
        for note in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if note is not None:
                yield (note.lineno, note.col_offset), (note.end_lineno, note.end_col_offset)


def draw(items, n, seed):
    """One mutant of each of ``n`` places."""
    places = defaultdict(list)
    notes = {module: list(annotations(ROOT / module)) for module in WHAT["tests"]}
    for item in items:
        (m,) = item.mutations
        if not any(a <= m.start_pos < b for a, b in notes[str(m.module_path)]):
            places[m.module_path, m.start_pos].append((m.operator_name, m.occurrence, item))
    rng = random.Random(seed)
    drawn = rng.sample(sorted(places), n)
    return [rng.choice(sorted(places[p], key=lambda change: change[:2]))[-1] for p in drawn]


def run_pytest(arguments, writes):
    """Exit with the code of pytest; failures are not made smaller, bytecode is kept on demand."""
    sys.dont_write_bytecode = not writes
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    settings = {"phases": phases, "database": None, "derandomize": True, "deadline": None}
    hypothesis.settings.register_profile("mutants", **settings)
    hypothesis.settings.load_profile("mutants")
    loaded = "ignore::pytest.PytestAssertRewriteWarning"
    sys.exit(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-W", loaded, *arguments]))


def test(tests, timeout=None):
    """What became of tests in the present folder, and the seconds they took."""
    start = time.perf_counter()
    context = multiprocessing.get_context("forkserver")
    process = context.Process(target=run_pytest, args=[shlex.split(tests), timeout is None])
    process.start()
    process.join(timeout)
    outcome = {None: "out of time", 0: "survived"}.get(process.exitcode, "killed")
    process.kill()
    process.join()
    return outcome, time.perf_counter() - start


def run(db):
    """Test the mutants that have no result yet, in the present folder."""
    limits = {}
    for item in sorted(db.pending_work_items, key=lambda item: str(item.mutations)):
        (m,) = item.mutations
        tests = WHAT["tests"][str(m.module_path)].format(**WHAT["groups"])
        if tests not in limits:
            outcome, seconds = test(tests)
            if outcome != "survived":
                raise SystemExit(f"They fail as it stands: pytest {tests}")
            limits[tests] = 30 + 10 * seconds
        operator = get_operator(m.operator_name)(**m.operator_args)
        with use_mutation(m.module_path, operator, m.occurrence) as codes:
            outcome, seconds = test(tests, limits[tests])
        old, new = (code.splitlines()[m.start_pos[0] - 1].strip() for code in codes)
        line = f"{m.module_path}:{m.start_pos[0]} | `{old}` | `{new}`"
        print(f"{outcome} in {seconds:.1f} s: {line}", flush=True)
        kind = TestOutcome.SURVIVED if outcome == "survived" else TestOutcome.KILLED
        db.set_result(item.job_id, WorkResult(WorkerOutcome.NORMAL, outcome, kind, line))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--session", type=Path)
    asked = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    multiprocessing.set_forkserver_preload(PRELOAD)
    with TemporaryDirectory() as folder:
        session = (asked.session or Path(folder, "session.sqlite")).resolve()
        for part in PARTS:
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
            copy(ROOT / part, Path(folder, part))
        os.chdir(folder)
        with use_db(session) as db:
            if not db.num_work_items:
                init([Path(module) for module in WHAT["tests"]], db, {})
                items = draw(db.work_items, asked.n, asked.seed)
                db.clear()
                db.add_work_items(items)
            run(db)
            results = [result for _, result in db.results]
    outcomes = [result.output for result in results]
    survivors = sorted(r.diff for r in results if not r.is_killed)
    print(*(f"| {line} |" for line in survivors), sep="\n")
    print(f"{len(outcomes) - len(survivors)} of {len(outcomes)} mutants killed")
    print(f"{outcomes.count('out of time')} of them ran out of time")


if __name__ == "__main__":
    main()
