"""Change the code in one place at a time and see whether the tests notice.

usage: python benchmarks/mutants.py [--n 300] [--seed 0] [--session FILE]

Needs cosmic-ray beside what the tests need. A place is drawn by the seed, then one of the changes
that cosmic-ray has for it, so that a place counts once however many changes it allows. Annotations
are left out, for nothing runs them; docstrings and other texts are never changed. Each mutant is
run against the tests that mutants.toml names for its module, in a copy of the checkout. FILE keeps
the results: a run that was stopped goes on there. The survivors are printed as a table.
"""

import argparse
import ast
import multiprocessing
import os
import random
import shlex
import shutil
import sys
import tomllib
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import hypothesis
import pytest
from cosmic_ray.commands import init
from cosmic_ray.mutating import use_mutation
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import use_db
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkResult

ROOT = Path(__file__).resolve().parents[1]
WHAT = tomllib.loads((ROOT / "benchmarks" / "mutants.toml").read_text())
# What the processes of the tests start with.
PRELOAD = ["__main__", "doctest", "pandas", "sklearn.linear_model", "sklearn.model_selection"]


def annotations(path):
    """Where annotations begin and end."""
    for node in ast.walk(ast.parse(path.read_text())):
        for note in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if note is not None:
                yield (note.lineno, note.col_offset), (note.end_lineno, note.end_col_offset)


def draw(items, n, seed):
    """One mutant of each of ``n`` places."""
    places, rng = defaultdict(list), random.Random(seed)
    notes = {module: list(annotations(ROOT / module)) for module in WHAT["tests"]}
    for item in items:
        (m,) = item.mutations
        if not any(a <= m.start_pos < b for a, b in notes[str(m.module_path)]):
            places[m.module_path, m.start_pos].append((m.operator_name, m.occurrence, item))
    drawn = rng.sample(sorted(places), n)
    return [rng.choice(sorted(places[p], key=lambda change: change[:2]))[-1] for p in drawn]


def run_pytest(arguments, keeps_bytecode):
    """Exit with the code of pytest; examples that fail are not made smaller, nor kept."""
    sys.dont_write_bytecode = not keeps_bytecode
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    phases = hypothesis.Phase.explicit, hypothesis.Phase.generate
    settings = {"phases": phases, "database": None, "derandomize": True, "deadline": None}
    hypothesis.settings.register_profile("mutants", **settings)
    hypothesis.settings.load_profile("mutants")
    loaded = "ignore::pytest.PytestAssertRewriteWarning"
    sys.exit(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-W", loaded, *arguments]))


def outcome_of(tests, timeout=None):
    """What becomes of tests in the present folder."""
    context = multiprocessing.get_context("forkserver")
    process = context.Process(target=run_pytest, args=[shlex.split(tests), timeout is None])
    process.start()
    process.join(timeout)
    outcome = {None: "out of time", 0: "survived"}.get(process.exitcode, "killed")
    process.kill()
    process.join()
    return outcome


def run(db):
    """Test the mutants that have no result yet, in the present folder."""
    limits = {}
    for item in sorted(db.pending_work_items, key=lambda item: str(item.mutations)):
        (m,) = item.mutations
        tests = WHAT["tests"][str(m.module_path)].format(**WHAT["groups"])
        if tests not in limits:
            start = perf_counter()
            if outcome_of(tests) != "survived":
                raise SystemExit(f"They fail as it stands: pytest {tests}")
            limits[tests] = 30 + 10 * (perf_counter() - start)
        operator = get_operator(m.operator_name)(**m.operator_args)
        with use_mutation(m.module_path, operator, m.occurrence) as codes:
            outcome = outcome_of(tests, limits[tests])
        old, new = (code.splitlines()[m.start_pos[0] - 1].strip() for code in codes)
        line = f"{m.module_path}:{m.start_pos[0]} | `{old}` | `{new}`"
        print(f"{outcome}: {line}", flush=True)
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
        for name in ("skembed", "tests", "conftest.py", "pyproject.toml"):
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, Path(folder, name))
        os.chdir(folder)
        with use_db(session) as db:
            if not db.num_work_items:
                init([Path(module) for module in WHAT["tests"]], db, {})
                items = draw(db.work_items, asked.n, asked.seed)
                db.clear()
                db.add_work_items(items)
            run(db)
            results = [result for _, result in db.results]
    survivors = sorted(result.diff for result in results if not result.is_killed)
    print(*(f"| {line} |" for line in survivors), sep="\n")
    n_late = sum(result.output == "out of time" for result in results)
    n_killed = len(results) - len(survivors)
    print(f"{n_killed} of {len(results)} mutants killed, {n_late} of them by the time they took")


if __name__ == "__main__":
    main()
