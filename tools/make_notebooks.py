"""Run the notebooks again on the demo data, store their outputs in them, and make the sample pack anew.

Usage: python tools/make_notebooks.py [NAME ...]

A notebook that fails is left as it is. What differs from run to run although no number does (times, execution metadata) is not
stored; the sample is a pack without its manifest and notebooks.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import cs_analysis as cs
from cs_analysis.report.execution import execute
from cs_analysis.report.notebooks import read_report
from cs_analysis.report.stored import store
from cs_analysis.report.warm import warm_kernels

ROOT = Path(__file__).parents[1]
NOTEBOOKS = (*sorted((ROOT / "notebooks" / "reports").glob("*.ipynb")), ROOT / "notebooks" / "gallery.ipynb")
SAMPLE = ROOT / "reports" / "sample"


def main(names: list[str]) -> int:
    """Run the named notebooks, or all, and return the number of those that failed."""
    failures = 0
    for path in NOTEBOOKS:
        if names and path.stem not in names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / path.name
            error = execute(read_report(path), target, {})
            if error:
                failures += 1
            else:
                store(target, path)
        print(f"{path.stem}: {error or 'stored'}")
    if not failures and not names:
        make_sample()
    return failures


def make_sample() -> None:
    """Run the reports on the demo data and keep their pages and numbers as the sample."""
    with tempfile.TemporaryDirectory() as folder:
        pack = cs.run_pack(data=ROOT / "data" / "demo", as_of="2026-10-31", out=Path(folder) / "pack").folder
        SAMPLE.mkdir(parents=True, exist_ok=True)
        for path in (*pack.glob("*.html"), pack / "kpis.json", pack / "estimates.csv"):
            shutil.copy(path, SAMPLE)
        shutil.copytree(pack / "lists", SAMPLE / "lists", dirs_exist_ok=True)
    print("sample: made")


if __name__ == "__main__":
    with warm_kernels():
        sys.exit(main(sys.argv[1:]))
