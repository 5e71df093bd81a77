"""Make ``data/torch_reference.npz``: what PyTorch returns for a grid of options of its layers.

usage: python tests/nn/make_torch_reference.py        (needs torch; the tests do not)

The file holds the JSON texts "cases", the options of each case, and "versions", the shared inputs,
and the results of all cases one after the other in the vector "results": for each case the output,
the gradient of the table and, with weights, the gradient of the weights.
"""

import json
import platform
from itertools import product
from pathlib import Path

import numpy as np
import torch

FILE = Path(__file__).parent / "data" / "torch_reference.npz"
NUM_EMBEDDINGS, DIM = 7, 3
PADDING = 2
OFFSETS = [0, 3, 3, 8, 12]  # the second and the last bag are empty
NORMS = [(None, 2.0), (1.0, 1.0), (1.0, 2.0), (1.0, float("inf"))]


def make_inputs():
    """Return the table, indices with repeats and padding, weights, and gradients of the outputs."""
    rng = np.random.default_rng(0)
    indices = rng.integers(0, NUM_EMBEDDINGS, (3, 4))
    indices[0, 0] = indices[2, 1] = PADDING
    return {
        "table": rng.normal(size=(NUM_EMBEDDINGS, DIM)),
        "indices": indices,
        "offsets": np.array(OFFSETS),
        "per_sample_weights": rng.normal(size=(3, 4)),
        "grad_vectors": rng.normal(size=(3, 4, DIM)),
        "grad_rows": rng.normal(size=(3, DIM)),
        "grad_bags": rng.normal(size=(len(OFFSETS), DIM)),
    }


def make_cases():
    """Return the options of all cases that PyTorch accepts."""
    common = product(["float32", "float64"], [None, PADDING], NORMS, [False, True])
    cases = []
    for dtype, padding_idx, (max_norm, norm_type), scale in common:
        options = {
            "padding_idx": padding_idx,
            "max_norm": max_norm,
            "norm_type": norm_type,
            "scale_grad_by_freq": scale,
        }
        cases.append({"layer": "Embedding", "dtype": dtype, "options": options})
        for mode, offsets, weights in product(["sum", "mean", "max"], [False, True], [False, True]):
            if (mode == "max" and scale) or (mode != "sum" and weights):
                continue
            cases.append(
                {
                    "layer": "EmbeddingBag",
                    "dtype": dtype,
                    "options": {**options, "mode": mode},
                    "offsets": offsets,
                    "weights": weights,
                }
            )
    return cases


def run(case, inputs):
    """Return output, gradient of the table and, if there are any, of the weights, as tensors."""
    dtype = getattr(torch, case["dtype"])
    layer = getattr(torch.nn, case["layer"])(NUM_EMBEDDINGS, DIM, dtype=dtype, **case["options"])
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(inputs["table"]))
        if case["options"]["padding_idx"] is not None:
            layer.weight[PADDING] = 0
    indices, grad = torch.from_numpy(inputs["indices"]), inputs["grad_vectors"]
    arguments, weights = {}, None
    if case["layer"] == "EmbeddingBag":
        grad = inputs["grad_rows"]
        if case["weights"]:
            weights = torch.from_numpy(inputs["per_sample_weights"]).to(dtype)
        if case["offsets"]:
            indices, grad = indices.flatten(), inputs["grad_bags"]
            weights = None if weights is None else weights.flatten()
            arguments["offsets"] = torch.from_numpy(inputs["offsets"])
        if weights is not None:
            arguments["per_sample_weights"] = weights.requires_grad_()
    if case["layer"] == "EmbeddingBag" and case["options"]["scale_grad_by_freq"]:
        output = pool(layer, indices, case["options"], **arguments)
    else:
        output = layer(indices, **arguments)
    output.backward(torch.from_numpy(grad).to(dtype))
    results = [output.detach(), layer.weight.grad]
    return results if weights is None else [*results, weights.grad]


def pool(bag, indices, options, offsets=None, per_sample_weights=None):
    """Pool what nn.Embedding returns: the backward of nn.EmbeddingBag divides by wrong counts.

    See https://github.com/pytorch/pytorch/issues/190063, which concerns the CPU in version 2.13.
    """
    options = {name: value for name, value in options.items() if name != "mode"}
    vectors = torch.nn.functional.embedding(indices.flatten(), bag.weight, **options)
    if offsets is None:
        sizes = [indices.shape[1]] * len(indices)
    else:
        sizes = np.diff(offsets.numpy(), append=len(indices))
    bag_of = torch.from_numpy(np.repeat(np.arange(len(sizes)), sizes))
    padding_idx = -1 if options["padding_idx"] is None else options["padding_idx"]
    factors = (indices.flatten() != padding_idx).to(vectors.dtype)
    zeros = torch.zeros(len(sizes), dtype=vectors.dtype)
    counts = zeros.index_add(0, bag_of, factors).clamp(min=1)
    if per_sample_weights is not None:
        factors = factors * per_sample_weights.flatten()
    if bag.mode == "mean":
        factors = factors / counts[bag_of]
    zeros = torch.zeros(len(sizes), DIM, dtype=vectors.dtype)
    return zeros.index_add(0, bag_of, vectors * factors[:, None])


def train(inputs, max_norm):
    """Return the table after five steps of gradient descent with bounded rows."""
    layer = torch.nn.Embedding(NUM_EMBEDDINGS, DIM, max_norm=max_norm, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(inputs["table"]))
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.3)
    for row in np.tile(inputs["indices"], (2, 1))[:5]:
        optimizer.zero_grad()
        layer(torch.from_numpy(row)).pow(3).sum().backward()
        optimizer.step()
    return layer.weight.detach().numpy()


def main():
    """Write the file."""
    inputs, cases = make_inputs(), make_cases()
    parts = [part.numpy().ravel() for case in cases for part in run(case, inputs)]
    results = np.concatenate(parts, dtype=np.float64)
    trained = train(inputs, max_norm=1.0)
    versions = {
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
    FILE.parent.mkdir(exist_ok=True)
    texts = {"cases": json.dumps(cases), "versions": json.dumps(versions)}
    np.savez_compressed(FILE, **texts, **inputs, results=results, trained=trained)
    print(f"{len(cases)} cases in {FILE.name}, made with {versions}")


if __name__ == "__main__":
    main()
