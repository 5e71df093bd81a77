"""What holds for all tests before the first import of NumPy, and modules that are left out."""

import os
from importlib.util import find_spec

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
