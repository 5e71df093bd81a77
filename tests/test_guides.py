"""The Python blocks of the documentation run, from top to bottom, and print what they say.

Blocks that show another library are written as ``{code-block} python`` and do not run.
"""

import doctest
import io
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[1] / "docs"
GENERATED = {"_build", "api", "gallery"}

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
IMPORT = re.compile(r"^(?:>>> )?(?:from|import) ([\w.]+)", re.MULTILINE)
OPTIONAL_MODULES = {
    "skembed.dask": "dask",
    "skembed.interactive": "plotly",
    "skembed.onnx": "onnx",
    "skembed.plotting": "matplotlib",
    "skembed.torch": "torch",
}


def can_run(page: str) -> bool:
    """Tell whether a page has blocks and all libraries that they import are installed."""
    blocks = "\n".join(BLOCK.findall(page))
    modules = [OPTIONAL_MODULES.get(module, module) for module in IMPORT.findall(blocks)]
    return bool(blocks) and all(find_spec(module.split(".")[0]) for module in modules)


PAGES = {
    path.relative_to(DOCS).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted(DOCS.rglob("*.md"))
    if path.relative_to(DOCS).parts[0] not in GENERATED
}


def test_pages_are_found():
    assert {"index.md", "coming_from.md", "guide/encoder.md", "guide/leakage.md"} <= set(PAGES)
    assert can_run(PAGES["guide/encoder.md"]) and can_run(PAGES["guide/input_embedding.md"])
    assert not can_run("```python\nimport no_such_library\n```\n")
    assert not can_run(PAGES["guide/index.md"])


RUNNABLE = [name for name, page in PAGES.items() if can_run(page)]
SESSIONS = [name for name in RUNNABLE if ">>> " in PAGES[name]]


def marked(name: str) -> Any:
    """A page as a parameter; one that starts a cluster runs with the tests that do so."""
    imported = IMPORT.findall(PAGES[name])
    if "pyspark.sql" in imported:
        return pytest.param(name, marks=[pytest.mark.spark, pytest.mark.filterwarnings("default")])
    return pytest.param(name, marks=pytest.mark.dask if "skembed.dask" in imported else ())


@pytest.mark.parametrize("name", [marked(name) for name in RUNNABLE if name not in SESSIONS])
def test_blocks_run_in_order_and_print_what_stands_beside_them(name, run_page):
    run_page(PAGES[name], name)


@pytest.mark.parametrize("name", SESSIONS)
def test_sessions_print_what_they_show(name):
    session = "\n".join(BLOCK.findall(PAGES[name]))
    test = doctest.DocTestParser().get_doctest(session, {}, name, name, 0)
    report = io.StringIO()
    results = doctest.DocTestRunner(verbose=False).run(test, out=report.write)
    assert results.attempted > 0
    assert results.failed == 0, report.getvalue()


def test_start_page_has_the_table_of_the_readme():
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    quickstart = re.search(r"<!-- quickstart -->(.*?)<!-- /quickstart -->", readme, re.DOTALL)
    score = re.compile(r"\d\.\d{3} ± \d\.\d{3}")
    rows = [line for line in PAGES["index.md"].splitlines() if score.search(line)]
    lines = [line for line in quickstart.group(1).splitlines() if score.search(line)]
    assert [score.findall(row) for row in rows] == [score.findall(line) for line in lines]
    assert [re.search(r"\w+Encoder", row)[0] for row in rows] == [line.split()[0] for line in lines]
