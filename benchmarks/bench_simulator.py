"""The simulator: seconds for the usual company in memory; seconds and peak memory for a large one streamed to Parquet.

`python benchmarks/bench_simulator.py [ACCOUNTS]`; 100,000 accounts (about 100 million events) unless said otherwise.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq

import cs_analysis as cs
from cs_analysis.data.simulator.assembly import stream_tables
from cs_analysis.data.simulator.scenario import Scenario


def peak_mebibytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(accounts: int = 100_000) -> None:
    begin = time.perf_counter()
    cs.simulate_company(accounts=40, months=3)  # imports, so that they are not measured
    print(f"imports and a first company of 40 accounts      {time.perf_counter() - begin:6.1f} s")
    begin = time.perf_counter()
    ds, _ = cs.simulate_company()
    events = len(ds.tables["events"].to_pandas(["event_at"]))
    print(f"simulate_company(), 400 accounts, {events:,} events  {time.perf_counter() - begin:6.1f} s, checked dataset included")
    del ds
    with tempfile.TemporaryDirectory(prefix="cs-analysis-bench-") as folder:
        begin = time.perf_counter()
        stream_tables(Scenario(), accounts, Path(folder) / "company")
        seconds = time.perf_counter() - begin
        written = sorted((Path(folder) / "company").rglob("*.parquet"))
        events = sum(pq.ParquetFile(path).metadata.num_rows for path in written if path.parent.name == "events")
        size = sum(path.stat().st_size for path in written) / 2**20
        print(f"streaming {accounts:,} accounts, {events:,} events  {seconds:6.1f} s, peak memory {peak_mebibytes():,.0f} MiB, {size:,.0f} MiB of Parquet")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
