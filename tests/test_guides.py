"""The blocks of the user guides run, and print what they say.

The guides to the layer and to InputEmbedding have tests of their own.
"""

import contextlib
import io
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "docs" / "guide"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("dask.md", marks=pytest.mark.dask),
        "encoder.md",
        "export.md",
        "onnx.md",
        "pictures.md",
        "predictors.md",
    ],
)
def test_blocks_run_in_order_and_print_what_stands_beside_them(name):
    guide = (FOLDER / name).read_text(encoding="utf-8")
    blocks = list(re.finditer(r"^```python\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL))
    namespace = {"__name__": "guide"}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        for block in blocks:
            line = guide[: block.start(1)].count("\n")
            # Empty lines in front give errors the line number of the guide.
            exec(compile("\n" * line + block.group(1), name, "exec"), namespace)
    promised = re.findall(r"^ *print\(.*\)  # (.*)$", guide, re.MULTILINE)
    assert printed.getvalue().splitlines() == promised
    assert len(promised) == guide.count("print(") > 0
