"""What a finished pack says about the run before it: a section on every page, a table, and alerts for machines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cs_analysis.errors import ReportError
from cs_analysis.report.changes import alerts_json, changes_html
from cs_analysis.report.comparison import Comparison, compared
from cs_analysis.report.figures import Figures, read_figures
from cs_analysis.report.lists import write_list

_END = "</main>"


def earlier_figures(folder: Path) -> Figures | None:
    """Return the numbers of the pack that lies in a folder; nothing if there is none, or its numbers cannot be read."""
    try:
        return read_figures(folder)
    except ReportError:
        return None


def tell_changes(folder: Path, before: Figures, *, languages: Mapping[str, str], rate: float = 0.05) -> Comparison:
    """Write what a finished pack says that an earlier one did not into its folder, and return it.

    `changes.csv` lists all differences and `alerts.json` the headline figures that changed beyond noise; a section at the end of every page (`languages` maps
    reports to theirs) shows what changed beyond noise.
    """
    found = compared(before, read_figures(folder), rate=rate)
    write_list(found.changes, folder / "changes.csv")
    (folder / "alerts.json").write_text(alerts_json(found) + "\n", encoding="utf-8")
    for report, language in languages.items():
        if report in before.manifest["reports"]:
            _append(folder / f"{report}.html", changes_html(found, report=report, language=language))
    return found


def _append(page: Path, section: str) -> None:
    start, end, rest = page.read_text(encoding="utf-8").rpartition(_END)
    page.write_text(f"{start}{section}\n{end}{rest}", encoding="utf-8")
