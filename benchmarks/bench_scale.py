"""Event metrics on companies of growing size, with at most 2 GiB for the database: CPU seconds, seconds, peak memory, and growth.

Usage: bench_scale.py [ACCOUNTS ...] (default 1,000 and 10,000; 100,000 accounts are 103 million events and take some minutes to make)
       bench_scale.py --folder FOLDER (a simulated company that is there already)

Each metric runs in a process of its own, so that its peak memory is its own. Growth is CPU seconds over those of the company before, divided
by the growth of the events: 1 is linear.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cs_analysis as cs
from cs_analysis.data.dataset import engine_of

AS_OF = "2026-10-31"
STEPS = ["signed_up", "created_project", "imported_data", "invited_user", "shared_report"]
CALLS = {
    "read and check": lambda _: None,
    "funnel": lambda ds: cs.funnel(ds, STEPS, within="7d", by="segment"),
    "cohort_retention": lambda ds: cs.cohort_retention(ds, period="week", max_age=26),
    "active_users": cs.active_users,
    "stickiness": cs.stickiness,
    "adoption_rate": cs.adoption_rate,
    "adoption_curve": cs.adoption_curve,
}


def measure(name: str, folder: str) -> dict[str, float]:
    """Return what one metric costs on a folder, without reading and checking it, which is measured by itself."""
    begun, clock = time.process_time(), time.perf_counter()
    ds = cs.read_dataset(folder, as_of=AS_OF)
    engine_of(ds).connection.execute("SET memory_limit = '2GiB'")
    if name != "read and check":
        begun, clock = time.process_time(), time.perf_counter()
        CALLS[name](ds)
    spent = {"cpu": time.process_time() - begun, "wall": time.perf_counter() - clock}
    return {**spent, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}


def report(folder: Path, before: dict[str, float], grown: float) -> dict[str, float]:
    """Print what each metric costs on a folder and return the CPU seconds."""
    costs = {}
    for name in CALLS:
        run = subprocess.run([sys.executable, __file__, "--measure", name, str(folder)], capture_output=True, text=True, check=False)
        if run.returncode:
            print(f"  {name:<18}failed: {run.stderr.strip().splitlines()[-1]}")
            continue
        found = json.loads(run.stdout)
        growth = f"{found['cpu'] / before[name] / grown:>8.2f}" if name in before else ""
        print(f"  {name:<18}{found['cpu']:>8.1f} CPU s{found['wall']:>8.1f} s{found['peak']:>7.2f} GiB{growth}", flush=True)
        costs[name] = found["cpu"]
    return costs


def events_of(folder: Path) -> int:
    """Return how many events a company has."""
    ds = cs.read_dataset(folder, as_of=AS_OF)
    return int(engine_of(ds).connection.execute(f"SELECT count(*) FROM read_parquet('{folder}/events*/**/*.parquet')").fetchall()[0][0])


def main(arguments: list[str]) -> None:
    """Measure companies of the given numbers of accounts, or one that is there."""
    if arguments[:1] == ["--measure"]:
        print(json.dumps(measure(arguments[1], arguments[2])))
        return
    if arguments[:1] == ["--folder"]:
        report(Path(arguments[1]), {}, 1.0)
        return
    before: dict[str, float] = {}
    events = 0
    for accounts in [int(text.replace(",", "")) for text in arguments] or [1_000, 10_000]:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "company"
            cs.simulate_company(accounts=accounts, into=folder)
            number = events_of(folder)
            print(f"{accounts:,} accounts, {number:,} events")
            before, events = report(folder, before, number / events if events else 1.0), number


if __name__ == "__main__":
    main(sys.argv[1:])
