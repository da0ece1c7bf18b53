"""How long the everyday steps take, and the most memory used so far, on a simulated company.

Usage: bench_pipeline.py [ACCOUNTS] (default 400, over 24 months)
"""

from __future__ import annotations

import inspect
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import TypeVar

import cs_analysis as cs

Answer = TypeVar("Answer")


def timed(step: str, do: Callable[[], Answer]) -> Answer:
    """Return what `do` returns; print how long it took and the peak of memory in megabytes."""
    started = time.perf_counter()
    answer = do()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)
    print(f"{step:<44}{time.perf_counter() - started:>8.2f} s{peak:>8.0f} MB", flush=True)
    return answer


def metrics() -> dict[str, Callable]:
    """Return the public metric functions by name."""
    public = {name: getattr(cs, name) for name in cs.__all__ if not name.startswith("_")}
    return {name: thing for name, thing in public.items() if inspect.isfunction(thing) and ".metrics." in thing.__module__}


def main(accounts: int) -> None:
    timed("import cs_analysis", lambda: subprocess.run([sys.executable, "-c", "import cs_analysis"], check=True))
    timed("cs-analysis --help", lambda: subprocess.run([sys.executable, "-m", "cs_analysis", "--help"], check=True, stdout=subprocess.DEVNULL))
    with tempfile.TemporaryDirectory() as folder:
        made, _ = timed(f"simulate_company, {accounts} accounts", lambda: cs.simulate_company(accounts=accounts, months=24, into=folder))
        ds = timed("read_dataset, all checks", lambda: cs.read_dataset(folder, as_of=made.as_of))
        for name, metric in metrics().items():
            timed(name, lambda metric=metric: metric(ds))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
