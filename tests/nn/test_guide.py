"""The blocks of the user guide to the layer run, and print what they say."""

import contextlib
import io
import re
from pathlib import Path

import skembed.nn

GUIDE = (Path(__file__).parents[2] / "docs" / "guide" / "layer.md").read_text(encoding="utf-8")
BLOCKS = list(re.finditer(r"^```python\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL))


def test_blocks_run_in_order_and_print_what_stands_beside_them():
    namespace = {"__name__": "guide"}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for block in BLOCKS:
            line = GUIDE[: block.start(1)].count("\n")
            # Empty lines in front give errors the line number of the guide.
            exec(compile("\n" * line + block.group(1), "layer.md", "exec"), namespace)
    promised = re.findall(r"^ *print\(.*\)  # (.*)$", GUIDE, re.MULTILINE)
    assert printed.getvalue().splitlines() == promised
    assert len(promised) == GUIDE.count("print(")


def test_every_public_name_is_shown():
    names = set(skembed.nn.__all__)
    assert {name for name in names if re.search(rf"\b{name}\b", GUIDE)} == names
