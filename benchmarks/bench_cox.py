"""Cox regression with 10 covariates: CPU seconds of ours, beside lifelines, statsmodels and R.

`python benchmarks/bench_cox.py [rows] [million rows]`: 100,000 rows on continuous times and on months, with and without late entries, by all of
them; then a million rows by ours and R (where `Rscript` with the package survival is installed). Each reads the same CSV file; reading is not
timed; after a short run the least of three is taken (of one that takes long). A program that needs more than the limit is left out with a word.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

COVARIATES = [f"x{number}" for number in range(1, 11)]
EFFECTS = np.linspace(-0.5, 0.5, 10)
LIMIT_SECONDS = 100
PROGRAMS = {
    "ours": """
import cs_analysis as cs
def fit(table):
    return cs.fit_cox(table, covariates).coefficients["estimate"].tolist()
""",
    "lifelines": """
from lifelines import CoxPHFitter
def fit(table):
    entry = {"entry_col": "enter_days"} if late else {}
    return CoxPHFitter().fit(table if late else table.drop(columns="enter_days"), "duration_days", "observed", **entry).params_.tolist()
""",
    "statsmodels": """
from statsmodels.duration.hazard_regression import PHReg
def fit(table):
    entry = table["enter_days"] if late else None
    return PHReg(table["duration_days"], table[covariates], status=table["observed"], entry=entry, ties="efron").fit().params.tolist()
""",
}
FRAME = """
import sys, time, warnings
warnings.simplefilter("ignore")
import pandas as pd
table = pd.read_csv(sys.argv[1])
late = sys.argv[2] == "late"
covariates = [name for name in table.columns if name.startswith("x")]
{program}
fit(table.head(500))
taken = []
while len(taken) < 3 and sum(taken) < 3:
    begin = time.process_time()
    beta = fit(table)
    taken.append(time.process_time() - begin)
print(min(taken), *beta)
"""
IN_R = """
library(survival)
argument <- commandArgs(TRUE)
table <- read.csv(argument[1])
left <- if (argument[2] == "late") "Surv(enter_days, duration_days, observed)" else "Surv(duration_days, observed)"
model <- as.formula(paste(left, "~", paste(grep("^x", names(table), value = TRUE), collapse = "+")))
taken <- c()
while (length(taken) < 3 && sum(taken) < 3) {
  used <- system.time(fit <- coxph(model, table))
  taken <- c(taken, used["user.self"] + used["sys.self"])
}
cat(min(taken), coef(fit), "\\n")
"""


def customers(rows: int, *, monthly: bool, late: bool) -> pd.DataFrame:
    """Return simulated times whose hazards depend on the covariates; about half the rows end."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 10))
    x[:, 5:] = x[:, 5:] > 0.5
    life, seen = rng.exponential(size=rows) * 300 / np.exp(x @ EFFECTS), rng.uniform(100, 900, rows)
    time_days = np.minimum(life, seen)
    time_days = np.ceil(time_days / 30) * 30 if monthly else np.round(time_days, 6) + 1e-6
    enter = np.floor(time_days * rng.random(rows) * 0.5) if late else np.zeros(rows)
    times = pd.DataFrame({"enter_days": enter, "duration_days": time_days, "observed": (life <= seen).astype(int)})
    return times.join(pd.DataFrame(x.round(6), columns=COVARIATES))


def taken(program: str, path: Path, *, late: bool) -> tuple[float | str, np.ndarray]:
    """Return CPU seconds (or why there are none) and coefficients of one program, run on its own."""
    command = ["Rscript", "-e", IN_R] if program == "R" else [sys.executable, "-c", FRAME.replace("{program}", PROGRAMS[program])]
    try:
        done = subprocess.run([*command, str(path), "late" if late else "whole"], capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        return f"over {LIMIT_SECONDS} s", np.full(10, np.nan)
    if done.returncode:
        return f"does not run: {(done.stderr.strip().splitlines() or ['?'])[-1]}", np.full(10, np.nan)
    seconds, *beta = map(float, done.stdout.split())
    return seconds, np.array(beta)


def compared(rows: int, programs: list[str], folder: Path) -> None:
    """Print a line a program and kind of times: CPU seconds, how many times ours, and the largest difference of a coefficient to ours."""
    for monthly in (False, True):
        for late in (False, True):
            path = folder / "customers.csv"
            customers(rows, monthly=monthly, late=late).to_csv(path, index=False)
            kind = f"{rows:,} rows, {'months' if monthly else 'continuous'}{', late entries' if late else ''}"
            ours, beta = taken("ours", path, late=late)
            print(f"{kind}: ours {ours if isinstance(ours, str) else f'{ours:.2f}'} CPU s", flush=True)
            for program in programs:
                began = time.monotonic()
                seconds, other = taken(program, path, late=late)
                if isinstance(seconds, str) or isinstance(ours, str):
                    print(f"  {program}: {seconds} ({time.monotonic() - began:.0f} s)", flush=True)
                else:
                    print(
                        f"  {program}: {seconds:.2f} CPU s, {seconds / ours:.1f} times ours; coefficients within {np.abs(other - beta).max():.0e}",
                        flush=True,
                    )


def main() -> None:
    rows, million = (int(sys.argv[place]) if len(sys.argv) > place else size for place, size in ((1, 100_000), (2, 1_000_000)))
    in_r = ["R"] if shutil.which("Rscript") else []
    with tempfile.TemporaryDirectory() as folder:
        if rows:
            compared(rows, ["lifelines", "statsmodels", *in_r], Path(folder))
        if million:
            compared(million, in_r, Path(folder))


if __name__ == "__main__":
    main()
