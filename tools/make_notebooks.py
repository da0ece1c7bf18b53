"""Run the notebooks again on the demo data and store their outputs in them.

Usage: python tools/make_notebooks.py [NAME ...]

A notebook that fails is left as it is. What differs from run to run although no number does (times, execution metadata) is not
stored.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from cs_analysis.report.execution import execute
from cs_analysis.report.notebooks import read_report
from cs_analysis.report.stored import store

REPORTS = Path(__file__).parents[1] / "notebooks" / "reports"


def main(names: list[str]) -> int:
    """Run the named notebooks, or all, and return the number of those that failed."""
    failures = 0
    for path in sorted(REPORTS.glob("*.ipynb")):
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
    return failures


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
