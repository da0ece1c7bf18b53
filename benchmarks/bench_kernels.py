"""What a notebook's kernel costs: a plain papermill loop, cold kernels, warm ones, and warm ones two at a time, side by side in one run.

`python benchmarks/bench_kernels.py [FURTHER]` runs a notebook that imports what every report imports and draws one figure, once
and then FURTHER times, in each of the four ways, and prints CPU and wall seconds of the first (with the parent's start) and of each further one.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import nbformat
import papermill
from nbformat.v4 import new_code_cell, new_notebook

from cs_analysis.report.execution import execute
from cs_analysis.report.notebooks import Report, read_report
from cs_analysis.report.warm import SWITCH, warm_kernels

CELLS = (
    "import cs_analysis as cs\nimport matplotlib.pyplot as plt\nimport pandas as pd\nfrom cs_analysis import show\nfrom cs_analysis.report.page import Page",
    "plt.plot([1, 2, 4]);",
)


@contextmanager
def switched_off() -> Iterator[None]:
    """Let kernels start cold within a block."""
    os.environ[SWITCH] = "0"
    try:
        yield
    finally:
        del os.environ[SWITCH]


def plain(report: Report, times: int) -> None:
    for number in range(times):
        papermill.execute_notebook(str(report.path), str(report.path.with_suffix(f".{number}.ipynb")), kernel_name="python3", progress_bar=False)


def ours(report: Report, times: int, jobs: int = 1) -> None:
    with ThreadPoolExecutor(jobs) as threads:
        errors = list(threads.map(lambda number: execute(report, report.path.with_suffix(f".{number}.ipynb"), {}), range(times)))
    if any(errors):
        raise RuntimeError(errors)


def cpu() -> float:
    """Return the CPU seconds of this process and of those that have ended, with theirs."""
    used = (resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def measured(work: Callable[[], None]) -> tuple[float, float]:
    """Return CPU and wall seconds of a piece of work."""
    before, started = cpu(), time.perf_counter()
    work()
    return cpu() - before, time.perf_counter() - started


def cold(report: Report, times: int) -> None:
    with switched_off():
        ours(report, times)


def warm(report: Report, times: int, jobs: int = 1) -> None:
    with warm_kernels():
        ours(report, times, jobs)


def main(further: int) -> None:
    ways: dict[str, Callable[[Report, int], None]] = {
        "plain papermill": plain,
        "cold": cold,
        "warm": warm,
        "warm, two at a time": lambda report, times: warm(report, times, jobs=2),
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "imports.ipynb"
        metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        nbformat.write(new_notebook(cells=[new_code_cell(cell) for cell in CELLS], metadata=metadata), path)
        report = read_report(path)
        print(f"{'':<20}  first: CPU s  wall s   further, each: CPU s  wall s   ({further} further)")
        for name, way in ways.items():
            one, all_of_them = (measured(lambda way=way, times=times: way(report, times)) for times in (1, 1 + further))
            each = [(whole - first) / further for whole, first in zip(all_of_them, one, strict=True)]
            print(f"{name:<20}  {one[0]:>12.2f} {one[1]:>7.2f}   {each[0]:>20.2f} {each[1]:>7.2f}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4)
