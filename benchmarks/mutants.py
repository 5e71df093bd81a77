"""Change the code in one place at a time and see whether the tests notice.

usage: python benchmarks/mutants.py [--n 300] [--seed 0] [--session FILE] [--again TESTS ...]

Needs cosmic-ray beside what the tests need. A place is drawn by the seed, then one of the changes
that cosmic-ray has for it, so that a place counts once however many changes it allows. Annotations
are left out, for nothing runs them; docstrings and other texts are never changed. mutants.toml
names the files of tests for each module. They are run once as the code stands, and what each test
runs is noted; then each mutant is run, in a copy of the checkout, against those that run the
changed statement, the quickest first, until one fails. FILE keeps the results: a run that was
stopped goes on there, and --again runs those that survived once more, against tests that are new;
the code itself must be as it was. The survivors are printed as a table.
"""

import argparse
import ast
import multiprocessing
import os
import random
import resource
import shutil
import signal
import sys
import tomllib
from collections import defaultdict
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

import hypothesis
import pytest
from cosmic_ray.commands import init
from cosmic_ray.mutating import use_mutation
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import use_db
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkResult
from coverage import Coverage

ROOT = Path(__file__).resolve().parents[1]
WHAT = tomllib.loads((ROOT / "benchmarks" / "mutants.toml").read_text())
# What the processes of the tests start with.
PRELOAD = ["__main__", "doctest", "matplotlib.pyplot", "onnx", "pandas", "plotly.graph_objects"]
PRELOAD += ["sklearn.linear_model", "sklearn.model_selection"]
FORKS = multiprocessing.get_context("forkserver")


class Items(list):
    """What cosmic-ray fills with all mutants; its own database takes a minute for them."""

    add_work_items = list.extend


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


def statement(path, line):
    """The lines of the innermost statement at a line; of one that holds others, those before."""
    found = range(line, line + 1)
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.stmt | ast.excepthandler):
            continue
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
        body = getattr(node, "body", None)
        last = max(node.lineno, body[0].lineno - 1) if body else node.end_lineno
        if first <= line <= last:
            found = range(first, last + 1)  # the inner ones come later
    return found


class Notes:
    """A plugin of pytest that notes how long each test takes, and which lines it runs."""

    def __init__(self):
        self.seconds, self.test = {}, ""
        self.coverage = Coverage(data_file=None, include=[*WHAT["tests"]], config_file=False)
        self.coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        self.test, start = item.nodeid, process_time()
        self.coverage.switch_context(self.test)
        yield
        self.seconds[self.test] = process_time() - start

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef):
        """What a fixture does for several tests is run by all tests of their file."""
        if fixturedef.scope != "function":
            self.coverage.switch_context(self.test.split("::")[0])
        result = yield
        self.coverage.switch_context(self.test)
        return result

    def tests_by_line(self, module):
        """Line to names of tests and files, and "" where the import runs it."""
        return self.coverage.get_data().contexts_by_lineno(str(Path(module).resolve()))


class Chosen:
    """A plugin of pytest that runs certain tests in their order."""

    def __init__(self, tests):
        self.rank = {test: k for k, test in enumerate(tests)}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items):
        chosen = [item for item in items if item.nodeid in self.rank]
        items[:] = sorted(chosen, key=lambda item: self.rank[item.nodeid])


def run_pytest(files, plugin):
    """The code that pytest exits with; examples that fail are not made smaller, nor kept."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    phases = hypothesis.Phase.explicit, hypothesis.Phase.generate
    settings = {"phases": phases, "database": None, "derandomize": True, "deadline": None}
    hypothesis.settings.register_profile("mutants", **settings)
    hypothesis.settings.load_profile("mutants")
    loaded = "ignore::pytest.PytestAssertRewriteWarning"
    options = ["-x", "-q", "-p", "no:cacheprovider", "-W", loaded]
    return pytest.main([*options, *files], [plugin])


def watch(files, sender):
    """Send the seconds of each test of some files, and by module the tests of each line."""
    sys.dont_write_bytecode = False
    notes = Notes()
    code = run_pytest(files, notes)
    notes.coverage.stop()
    sender.send((code, notes.seconds, {m: notes.tests_by_line(m) for m in WHAT["tests"]}))


def judge(tests, seconds):
    """Run tests within so many seconds of processor time, and exit with the code of pytest."""
    sys.dont_write_bytecode = True
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    files = dict.fromkeys(test.split("::")[0] for test in tests)
    # At once: an ordinary end waits for processes of joblib that have nothing left to do.
    os._exit(run_pytest(files, Chosen(tests)))


def outcome_of(tests, seconds):
    """What becomes of tests in the present folder."""
    if not tests:
        return "survived"
    process = FORKS.Process(target=judge, args=[tests, seconds])
    process.start()
    process.join(50 * seconds)  # one that waits for ever takes no processor time
    late = None, -signal.SIGXCPU, -signal.SIGKILL
    outcome = "survived" if process.exitcode == 0 else "killed"
    outcome = "out of time" if process.exitcode in late else outcome
    process.kill()
    process.join()
    return outcome


def tests_of(module):
    """Files of tests, and the module itself for its examples."""
    return f"{module} {WHAT['tests'][module]} {{refusals}}".format(**WHAT["groups"]).split()


def watched(files):
    """What `watch` finds, in a process of its own."""
    receiver, sender = FORKS.Pipe(duplex=False)
    FORKS.Process(target=watch, args=[files, sender]).start()
    code, *found = receiver.recv()
    if code:
        raise SystemExit(f"They fail as it stands: pytest {' '.join(files)}")
    return found


def run(db, items, again):
    """Test mutants in the present folder."""
    modules = {str(item.mutations[0].module_path) for item in items}
    asked = {module: tuple(again or tests_of(module)) for module in modules}
    seconds, tests_by_line = watched(sorted({*chain(*asked.values())}))
    quickest_first = sorted(seconds, key=seconds.get)
    for item in items:
        (m,) = item.mutations
        module, line = str(m.module_path), m.start_pos[0]
        by_line = tests_by_line[module]
        runs = {test for k in statement(m.module_path, line) for test in by_line.get(k, ())}
        tests = [
            test
            for test in quickest_first
            if test.startswith(asked[module]) and runs & {"", test.split("::")[0], test}
        ]
        limit = 30 + 5 * int(sum(seconds[test] for test in tests))
        operator = get_operator(m.operator_name)(**m.operator_args)
        with use_mutation(m.module_path, operator, m.occurrence) as codes:
            outcome = outcome_of(tests, limit)
        old, new = (code.splitlines()[line - 1].strip() for code in codes)
        text = f"{module}:{line} | `{old}` | `{new}`"
        print(f"{outcome}, {len(tests)} tests: {text}", flush=True)
        kind = TestOutcome.SURVIVED if outcome == "survived" else TestOutcome.KILLED
        db.set_result(item.job_id, WorkResult(WorkerOutcome.NORMAL, outcome, kind, text))


def due(db, again):
    """The mutants that have no result yet, or have survived, in an order that stays."""
    survived = {job for job, result in db.results if not result.is_killed}
    items = [i for i in db.work_items if i.job_id in survived] if again else db.pending_work_items
    items = sorted(items, key=lambda item: str(item.mutations))
    random.Random(0).shuffle(items)  # so that the first few are like all
    return items


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--session", type=Path)
    parser.add_argument("--again", nargs="+", default=[])
    asked = parser.parse_args()
    unnamed = {str(path.relative_to(ROOT)) for path in ROOT.glob("skembed/nn/_[!_]*.py")}
    if unnamed := unnamed - set(WHAT["tests"]):
        raise SystemExit(f"mutants.toml names no tests of {sorted(unnamed)}.")
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
                init([Path(module) for module in WHAT["tests"]], items := Items(), {})
                db.add_work_items(draw(items, asked.n, asked.seed))
            if items := due(db, asked.again):
                run(db, items, asked.again)
            results = [result for _, result in db.results]
    survivors = sorted(result.diff for result in results if not result.is_killed)
    print(*(f"| {line} |" for line in survivors), sep="\n")
    n_late = sum(result.output == "out of time" for result in results)
    n_killed = len(results) - len(survivors)
    print(f"{n_killed} of {len(results)} mutants killed, {n_late} of them by the time they took")


if __name__ == "__main__":
    main()
