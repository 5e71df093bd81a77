"""Optimisers go through what is larger than the cache of a core in blocks."""

import numpy as np
import pytest

from skembed.nn import Adam
from skembed.nn._adam_step import _BLOCK, move_adam


@pytest.mark.parametrize("n", [_BLOCK, _BLOCK + 1, 3 * _BLOCK - 7])
@pytest.mark.parametrize("with_factor", [False, True])
def test_blocks_make_no_difference(n, with_factor):
    """A matrix is moved as a whole, a vector in blocks."""
    rng = np.random.default_rng(0)
    values, gradient, mean = rng.normal(size=(3, n)).astype(np.float32)
    square, factor = rng.random((2, n)).astype(np.float32)
    factors = (factor, factor[:, None]) if with_factor else (None, None)
    whole = [array[:, None].copy() for array in (values, mean, square)]
    move_adam(Adam(), whole[0], gradient[:, None], whole[1], whole[2], 0.1, 3, factors[1])
    before = values.copy()
    move_adam(Adam(), values, gradient, mean, square, 0.1, 3, factors[0])
    assert (values != before).mean() > 0.99  # some steps are lost in rounding
    for blocks, at_once in zip((values, mean, square), whole, strict=True):
        np.testing.assert_array_equal(blocks, at_once[:, 0])
