"""BG/NBD of a million simulated customers: CPU seconds of ours with covariance and limits, beside lifetimes and pymc-marketing.

`python benchmarks/bench_buying.py [PYTHON ...]`: each further argument is the interpreter of an environment that has `lifetimes` or `pymc-marketing`;
what an interpreter cannot import is reported as such. The others read the same table from a CSV file; reading is not timed.
"""

from __future__ import annotations

import runpy
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import cs_analysis as cs

CUSTOMERS = 1_000_000
LISTED = 200_000
OTHERS = {
    "lifetimes": """
import sys, time, warnings
import pandas as pd
import lifetimes
warnings.simplefilter("ignore")
table = pd.read_csv(sys.argv[1])
begin = time.process_time()
fit = lifetimes.BetaGeoFitter().fit(table["frequency"], table["recency_days"], table["age_days"])
print(lifetimes.__version__, time.process_time() - begin, *fit.params_)
""",
    "pymc-marketing": """
import sys, time, warnings
warnings.simplefilter("ignore")
import pandas as pd
import pymc_marketing
from pymc_marketing.clv import BetaGeoModel
table = pd.read_csv(sys.argv[1]).rename(columns={"recency_days": "recency", "age_days": "T"})
table["customer_id"] = range(len(table))
begin = time.process_time()
model = BetaGeoModel(data=table)
model.fit(method="map")
print(pymc_marketing.__version__, time.process_time() - begin)
""",
}


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the least CPU time of three runs."""
    taken = []
    for _ in range(3):
        begin = time.process_time()
        work()
        taken.append(time.process_time() - begin)
    return min(taken)


def customers(number: int) -> pd.DataFrame:
    """Return simulated customers in whole days."""
    study = runpy.run_path(str(Path(__file__).parent / "coverage" / "buying.py"))
    table = study["buyers"](np.random.default_rng(0), number, ages=(7, 273)).drop(columns="later")
    return table.assign(recency_days=np.minimum(np.ceil(table["recency_days"]), table["age_days"]))


def other(interpreter: str, name: str, path: str) -> str:
    """Return what another package needed, or that it is not there."""
    done = subprocess.run([interpreter, "-c", OTHERS[name], path], capture_output=True, text=True, check=False)
    return done.stdout.strip().splitlines()[-1] if done.returncode == 0 else f"does not run: {(done.stderr.strip().splitlines() or ['?'])[-1]}"


def main() -> None:
    table = customers(CUSTOMERS)
    cs.fit_bg_nbd(table.head(1000))
    for name, fit in {"BG/NBD": cs.fit_bg_nbd, "MBG/NBD": cs.fit_mbg_nbd}.items():
        print(f"{name}: {cpu_seconds(lambda fit=fit: fit(table)):.2f} CPU s for {CUSTOMERS:,} customers with covariance and profile limits")
    fit, listed = cs.fit_bg_nbd(table), table.head(LISTED)
    print(f"list of {LISTED:,} customers with limits: {cpu_seconds(lambda: fit.predict(listed)):.2f} CPU s")
    print(f"their total: {cpu_seconds(lambda: fit.predict_total(listed)):.2f}; discounted: {cpu_seconds(lambda: fit.discounted_purchases(listed)):.2f} CPU s")
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "customers.csv")
        table.to_csv(path, index=False)
        for interpreter in sys.argv[1:]:
            for name in OTHERS:
                print(f"{name} ({interpreter}; version, CPU s, terms): {other(interpreter, name, path)}", flush=True)


if __name__ == "__main__":
    main()
