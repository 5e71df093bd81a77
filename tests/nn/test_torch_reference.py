"""Forward and backward agree with PyTorch, on values stored by ``make_torch_reference.py``."""

import json
from pathlib import Path

import numpy as np
import pytest

from skembed import nn

REFERENCE = dict(np.load(Path(__file__).parent / "data" / "torch_reference.npz"))
CASES = json.loads(str(REFERENCE["cases"]))
TABLE = REFERENCE["table"]


def name(case):
    options = {**case["options"], **{k: case[k] for k in ("offsets", "weights") if k in case}}
    shown = [f"{key}={value}" for key, value in options.items() if value]
    return "-".join([case["layer"], case["dtype"], *shown])


def run(case):
    """Return output, dense gradient and, if there are any, gradient of the weights."""
    options = dict(case["options"])
    # The reference holds zeros in the padding row, as the constructor makes them.
    layer = getattr(nn, case["layer"])(
        *TABLE.shape, weight=TABLE, dtype=np.dtype(case["dtype"]), **options
    )
    indices, arguments = REFERENCE["indices"], {}
    grad = REFERENCE["grad_vectors"]
    if case["layer"] == "EmbeddingBag":
        grad, weights = REFERENCE["grad_rows"], REFERENCE["per_sample_weights"]
        if case["offsets"]:
            grad, indices, weights = REFERENCE["grad_bags"], indices.ravel(), weights.ravel()
            arguments["offsets"] = REFERENCE["offsets"]
        if case["weights"]:
            arguments["per_sample_weights"] = weights
    output = layer(indices, **arguments)
    gradient, *rest = [layer.backward(indices, grad, **arguments)]
    if case.get("weights"):
        gradient, *rest = gradient
    assert output.dtype == gradient.values.dtype == case["dtype"]
    assert np.all(np.diff(gradient.rows) > 0)
    np.testing.assert_array_equal(
        layer.weight, np.where(padding_row(case), 0, TABLE.astype(output.dtype))
    )
    return [output, gradient.to_dense(len(TABLE)), *rest]


def padding_row(case):
    return np.arange(len(TABLE))[:, None] == case["options"]["padding_idx"]


@pytest.fixture(scope="module")
def expected():
    """Return the stored results of each case, which stand one after the other in a vector."""
    stored, at = [], 0
    for case in CASES:
        parts = []
        for part in run(case):
            parts.append(REFERENCE["results"][at : at + part.size].reshape(part.shape))
            at += part.size
        stored.append(parts)
    assert at == len(REFERENCE["results"])
    return stored


@pytest.mark.parametrize("number", range(len(CASES)), ids=[name(case) for case in CASES])
def test_agrees_with_torch(number, expected):
    rtol, atol = (1e-5, 1e-6) if CASES[number]["dtype"] == "float32" else (1e-11, 1e-11)
    for ours, theirs in zip(run(CASES[number]), expected[number], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol)


def test_the_grid_is_complete():
    """Every option meets every layer it goes with, and the versions are known."""
    assert len(CASES) == 256
    assert {case["options"].get("mode") for case in CASES} == {None, "sum", "mean", "max"}
    assert {case["options"]["norm_type"] for case in CASES} == {1.0, 2.0, np.inf}
    assert json.loads(str(REFERENCE["versions"])).keys() == {"torch", "numpy", "python"}


def test_training_with_bounded_rows_agrees_with_torch():
    layer = nn.Embedding(*TABLE.shape, weight=TABLE, max_norm=1.0, dtype=np.float64)
    optimizer = nn.SGD()
    for row in np.tile(REFERENCE["indices"], (2, 1))[:5]:
        layer.apply_max_norm(row)
        gradient = layer.backward(row, 3 * layer(row) ** 2)
        optimizer.update({"weight": layer.weight}, {"weight": gradient}, {}, 0.3)
    np.testing.assert_allclose(layer.weight, REFERENCE["trained"], rtol=1e-11)
