"""The hash of the vectors that the default encoder learns on a shipped table, and where it holds.

``python tests/make_vector_hashes.py`` prints both; with ``--write`` they are recorded in
``tests/data/vector_hashes.json``, as is due when a change of the vectors is meant. What the record
holds of other platforms goes then, unless the hash is the one on record. A variable
``OPENBLAS_CORETYPE=Haswell`` asks OpenBLAS for the kernels of another processor.
"""

import hashlib
import json
import platform
import sys
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info

from skembed import EmbeddingEncoder
from skembed.datasets import load_employee_salaries

RECORD = Path(__file__).parent / "data" / "vector_hashes.json"


def name_platform() -> str:
    """What bits depend on: the system, the processor, NumPy and the kernel of BLAS."""
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    kernels = sorted({f"{pool['internal_api']} {pool.get('architecture')}" for pool in pools})
    numpy_version = ".".join(np.__version__.split(".")[:2])
    return ", ".join([f"{sys.platform} {platform.machine()}", f"NumPy {numpy_version}", *kernels])


def hash_vectors() -> str:
    X, y = load_employee_salaries(return_X_y=True)
    encoder = EmbeddingEncoder(random_state=0).fit(X[["division", "employee_position_title"]], y)
    return hashlib.sha256(b"".join(table.tobytes() for table in encoder.embeddings_)).hexdigest()


def write(platform_name: str, found: str) -> None:
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    if record.get(platform_name, found) != found:
        record = {}  # They are the vectors of before, too.
    record[platform_name] = found
    RECORD.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    own = name_platform(), hash_vectors()
    print(json.dumps(own))
    if "--write" in sys.argv:
        write(*own)
