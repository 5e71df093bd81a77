"""What a fit takes of memory beside the frame that it is given."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest

from skembed import EmbeddingEncoder, _effects, _table_rules
from skembed.nn import _architecture, _linearised, _relearn


def peak_of_fit(n_rows):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 400, (4, n_rows), dtype=np.int32)
    X, y = pd.DataFrame(codes.T, columns=list("abcd")), rng.standard_normal(n_rows)
    encoder = EmbeddingEncoder(max_iter=1, cv=None, target_effect=False, random_state=0)
    tracemalloc.start()
    try:
        encoder.fit(X, y)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.fixture
def small_parts(monkeypatch):
    """Rows worked on at a time, which take as much memory however many there are, are few."""
    for module, name in (
        (_effects, "_PART"),
        (_table_rules, "_AT_ONCE"),
        (_linearised, "_NETWORK_PART"),
        (_linearised, "_PART"),
        (_architecture, "_AT_ONCE"),
        (_relearn, "_PART"),
    ):
        monkeypatch.setattr(module, name, 2**10)
    # Slopes are kept as of so many rows that those of all tables have no room.
    monkeypatch.setattr(_linearised, "_ROOM", 0)
    peak_of_fit(1000)


@pytest.mark.usefixtures("small_parts")
def test_a_row_takes_little_more_than_its_codes_twice():
    # Both are enough rows for two threads, where there are two.
    fewer, more = 20_000, 40_000
    grown = peak_of_fit(more) - peak_of_fit(fewer)
    # Four codes of two bytes twice, target and permutation.
    assert grown / (more - fewer) < 1.2 * (2 * 4 * 2 + 4 + 8)
