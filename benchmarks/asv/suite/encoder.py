"""Time and memory of the encoder, commit by commit, on the networks of benchmarks/speed.py.

usage: cd benchmarks/asv && asv continuous main HEAD

That installs both commits and names what became slower. ``asv run --quick -E existing:same`` runs
everything once in the environment of asv, to see that it works.
"""

import numpy as np
import pandas as pd

from skembed import EmbeddingEncoder

# Cardinalities, hidden layers.
NETWORKS = {
    "small": ([10, 50, 200, 1000], (64, 32)),
    "rule": ([7, 12, 31, 12, 1115, 3], (64, 32)),
    "high": ([10, 50, 200, 1000, 10_000, 100_000], (64, 32)),
    "paper": ([7, 12, 31, 12, 1115, 3], (1000, 500)),
}


class Encoder:
    """A fit of two epochs, and a look-up, of as many rows."""

    params = (list(NETWORKS), [256, 2048])
    param_names = ("network", "batch_size")
    timeout = 300

    def setup(self, network, batch_size):
        cardinalities, hidden = NETWORKS[network]
        n_rows = 4 * batch_size if network == "paper" else 20_000
        rng = np.random.default_rng(0)
        codes = [np.minimum(rng.zipf(1.3, n_rows), n) for n in cardinalities]
        self.X = pd.DataFrame({f"c{j}": own.astype(str) for j, own in enumerate(codes)})
        self.y = rng.standard_normal(n_rows)
        self.encoder = EmbeddingEncoder(
            hidden_layer_sizes=hidden,
            embedding_dim=lambda n: min(50, (n + 1) // 2),
            batch_size=batch_size,
            max_iter=2,
            cv=None,
            random_state=0,
        )
        self.fitted = EmbeddingEncoder(max_iter=1, cv=None, random_state=0).fit(self.X, self.y)

    def time_fit(self, network, batch_size):
        self.encoder.fit(self.X, self.y)

    def time_transform(self, network, batch_size):
        self.fitted.transform(self.X)

    def peakmem_fit(self, network, batch_size):
        self.encoder.fit(self.X, self.y)
