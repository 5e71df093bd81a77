"""The user guide to the layer shows every public name."""

import re
from pathlib import Path

import skembed.nn

GUIDE = (Path(__file__).parents[2] / "docs" / "guide" / "layer.md").read_text(encoding="utf-8")


def test_every_public_name_is_shown():
    names = set(skembed.nn.__all__)
    assert {name for name in names if re.search(rf"\b{name}\b", GUIDE)} == names
