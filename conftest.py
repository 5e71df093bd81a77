"""Leave out the modules of optional libraries that are absent: their doctests cannot be read."""

from importlib.util import find_spec

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
