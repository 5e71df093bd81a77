"""
Out of core: a Parquet file, batch by batch
===========================================

A table that does not fit into memory is read in batches. A first pass counts the categories. In a
second one the encoder learns from each batch.
"""

import tempfile
import tracemalloc
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.linear_model import Ridge

from skembed import EmbeddingEncoder
from skembed.datasets import load_employee_salaries

salaries = load_employee_salaries()
names, target = ["division", "employee_position_title"], salaries.target.name
rows = np.random.default_rng(0).permutation(len(salaries.target))
table = pa.Table.from_pandas(salaries.frame[[*names, target]], preserve_index=False).take(rows)
folder = Path(tempfile.mkdtemp())
later, test = table.slice(8_000, 600), table.slice(8_600)
# %%
# The file holds the training rows once, twice and four times over.
files = {}
for times in (1, 2, 4):
    files[times] = folder / f"salaries_{times}.parquet"
    pq.write_table(pa.concat_tables([table.slice(0, 8_000)] * times), files[times])


def read(file):
    """The file in batches of 2000 rows."""
    for batch in pq.ParquetFile(file).iter_batches(batch_size=2_000):
        yield pa.Table.from_batches([batch])


def learn(file):
    """An encoder, and the memory that learning took at most."""
    tracemalloc.start()
    encoder = EmbeddingEncoder(random_state=0)
    for batch in read(file):
        encoder.partial_fit_vocabulary(batch.select(names))
    for batch in read(file):
        encoder.partial_fit(batch.select(names), batch[target])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return encoder, peak / 1e6


# %%
# The peak follows from the tables and one batch, not from the rows. The next model is fitted on
# later rows, which the encoder has not seen: vectors of its own rows would leak the target.
print(f"{'rows':>7}{'peak MB':>9}{'R2':>7}")
peaks = {}
for times, file in files.items():
    encoder, peaks[times] = learn(file)
    model = Ridge().fit(encoder.transform(later.select(names)), later[target])
    score = model.score(encoder.transform(test.select(names)), test[target])
    print(f"{8_000 * times:>7}{peaks[times]:>9.1f}{score:>7.3f}")

figure, axes = plt.subplots(layout="constrained")
axes.plot([8_000 * times for times in peaks], peaks.values(), "o-")
axes.set(xlabel="rows in the file", ylabel="peak memory (MB)", ylim=(0, None))
axes.set_title("Memory of partial_fit")

if __name__ == "__main__":
    figure.savefig("out_of_core.png")
