"""The README keeps its word: its blocks run, its commands are there, its links lead somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Return the text of each fenced block in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_python_blocks_run_in_order_and_print_what_stands_beside_them(run_page):
    assert len(blocks("python")) >= 3
    run_page(README, "README.md")


@pytest.mark.parametrize(
    "name", ["EmbeddingEncoder", "EmbeddingRegressor", "InputEmbedding", "RelativeSplit"]
)
def test_python_blocks_show(name):
    assert any(f"{name}(" in source for source in blocks("python"))


@pytest.mark.parametrize("word", ["pytest", "plot_quickstart.py"])
def test_set_up_is_one_line(word):
    commands = [source for source in blocks("bash") if word in source]
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
