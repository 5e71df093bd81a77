"""The README keeps its word: its blocks run, its commands are there, its links lead somewhere."""

import contextlib
import io
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[tuple[int, str]]:
    """Return the line number and the text of each fenced block in a language."""
    pattern = re.compile(rf"^```{language}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return [(README[: m.start(1)].count("\n"), m.group(1)) for m in pattern.finditer(README)]


def test_python_blocks_run_in_order():
    namespace = {"__name__": "readme"}
    assert len(blocks("python")) >= 3
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        for line, source in blocks("python"):
            # Empty lines in front give errors the line number of the README.
            exec(compile("\n" * line + source, "README.md", "exec"), namespace)
    assert printed.getvalue()


@pytest.mark.parametrize(
    "name", ["EmbeddingEncoder", "EmbeddingRegressor", "InputEmbedding", "RelativeSplit"]
)
def test_python_blocks_show(name):
    assert any(f"{name}(" in source for _, source in blocks("python"))


@pytest.mark.parametrize("word", ["pytest", "plot_quickstart.py"])
def test_set_up_is_one_line(word):
    commands = [source for _, source in blocks("bash") if word in source]
    assert len(commands) == 1
    assert commands[0].count("\n") == 1
    # On a machine where nothing is set up yet, so the line makes its own environment.
    assert commands[0].startswith("python3 -m venv .venv && .venv/bin/pip install ")


def test_there_are_two_commands():
    assert len(blocks("bash")) == 2


def test_links_lead_somewhere():
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert {"LICENSE", "CHANGELOG.md", "CONTRIBUTING.md"} <= set(links)
    assert [link for link in links if not (ROOT / link).exists()] == []
