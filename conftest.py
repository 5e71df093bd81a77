"""What holds for all tests before the first import of NumPy, how they are collected, and modules
that are left out.
"""

import gc
import os
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

# Threads of scikit-learn (boosted trees, t-SNE) wait for each other without pause, and take many
# times as long beside another process: they are to sleep. No bit changes, and examples inherit it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# The doctests of a module cannot be read where its library is absent.
OPTIONAL = {
    "plotting": "matplotlib",
    "interactive": "plotly",
    "onnx": "onnx",
    "torch": "torch",
    "dask": "dask",
}

collect_ignore = [
    f"skembed/{module}.py" for module, library in OPTIONAL.items() if find_spec(library) is None
]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Thousands of tests live until the end: a fifth of the time to collect them would go into
    looking for garbage among them, and more later.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()
