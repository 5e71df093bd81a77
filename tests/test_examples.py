"""Every example runs on its own, is short, and prints what the README claims it prints."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import sklearn

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("plot_*.py"))
QUICKSTART = ROOT / "examples" / "plot_quickstart.py"
MAX_LINES = 80

pytestmark = pytest.mark.skipif(
    tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 9),
    reason="the examples give TargetEncoder a splitter, which scikit-learn takes from 1.9 on",
)
every_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def matplotlib_folder(tmp_path_factory):
    """A folder with a list of fonts of this environment: the user's may be of one that is gone.

    It is made here, as the first import of a program would say on stderr that it makes one.
    """
    folder = tmp_path_factory.mktemp("matplotlib")
    subprocess.run(
        [sys.executable, "-c", "import matplotlib.font_manager"],
        env={**os.environ, "MPLCONFIGDIR": str(folder)},
        check=True,
        capture_output=True,
        timeout=300,
    )
    return folder


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory, matplotlib_folder):
    """The quickstart, run as the README says, as a script in an empty folder; and the folder."""
    folder = tmp_path_factory.mktemp("quickstart")
    environment = {
        **os.environ,
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": str(matplotlib_folder),
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "error",
        # The other processors are those of other tests, which threads would wait for.
        "OMP_NUM_THREADS": "1",
    }
    process = subprocess.run(
        [sys.executable, str(QUICKSTART)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    return process, folder


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to work in, and figures that nobody waits for and that are forgotten.

    An interpreter for each example would spend most of its time on the same imports.
    """
    plt = pytest.importorskip("matplotlib.pyplot")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    plt.close("all")
    with plt.rc_context({"backend": "Agg"}):
        yield tmp_path
    plt.close("all")


def test_there_is_a_quickstart():
    assert QUICKSTART in EXAMPLES


def test_most_examples_show_real_data():
    texts = [example.read_text(encoding="utf-8") for example in EXAMPLES]
    assert sum("from skembed.datasets import" in text for text in texts) >= 8


@every_example
def test_example_is_short(example):
    assert len(example.read_text(encoding="utf-8").splitlines()) < MAX_LINES


@pytest.mark.parametrize(
    "example", [path for path in EXAMPLES if path != QUICKSTART], ids=lambda path: path.stem
)
def test_example_runs(example, here, capfd):
    """From top to bottom in a module of its own; warnings are errors here as everywhere."""
    runpy.run_path(str(example), run_name="__main__")
    printed, complaints = capfd.readouterr()
    assert printed.strip()
    assert not complaints
    drawn = here / f"{example.stem.removeprefix('plot_')}.png"
    assert drawn.stat().st_size > 10_000


def test_quickstart_runs(quickstart):
    process, folder = quickstart
    assert process.returncode == 0, process.stderr
    assert process.stdout.strip()
    assert not process.stderr
    assert (folder / "quickstart.png").stat().st_size > 10_000


def test_readme_shows_what_the_quickstart_prints(quickstart):
    """Word by word; scores may differ by 0.01 between versions of scikit-learn."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.search(r"<!-- quickstart -->\n```text\n(.*?)```", readme, re.DOTALL).group(1)
    assert "EmbeddingEncoder" in shown
    process, _ = quickstart
    number = r"\d+\.\d+"
    assert re.sub(number, "#", shown).split() == re.sub(number, "#", process.stdout).split()
    printed = [float(x) for x in re.findall(number, process.stdout)]
    assert [float(x) for x in re.findall(number, shown)] == pytest.approx(printed, abs=0.01)
