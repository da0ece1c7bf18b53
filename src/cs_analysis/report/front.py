"""The first page of a pack: the month in figures, what changed beyond noise, whom to call, and the way to every report."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import jinja2
from nbformat import NotebookNode

from cs_analysis import glossary
from cs_analysis.report.collect import LIST_MIME
from cs_analysis.report.harmless import harmless
from cs_analysis.report.html import TEMPLATES, page_style

SUMMARY, TO_CALL = "scorecard", "churn_risk"
_BEGINNINGS = ('<p class="headline">', '<ul class="cards">')
_FIRST_PARAGRAPH = re.compile(r"\A#[^\n]*\n+([^#\s][^\n]*)")


@dataclass(frozen=True)
class Listed:
    """A report as the first page shows it: name, title, what it is about, its error, if any, and as HTML its headline, cards and list of customers to call."""

    name: str
    title: str
    about: str = ""
    headline: str = ""
    cards: str = ""
    to_call: str = ""
    error: str = ""


def listed(notebook: NotebookNode, *, name: str, title: str, error: str = "") -> Listed:
    """Return what the first page shows of an executed notebook: the sentence under its heading, its headline, its first cards, and whom to call."""
    first = next((cell.source for cell in notebook.cells if cell.cell_type == "markdown"), "")
    about = _FIRST_PARAGRAPH.match(first)
    shown = [data for data in _outputs(notebook) if "text/html" in data]
    said, cards = (next((data["text/html"] for data in shown if data["text/html"].startswith(start)), "") for start in _BEGINNINGS)
    to_call = next((data["text/html"] for data in shown if isinstance(data.get(LIST_MIME), dict) and data[LIST_MIME].get("name") == TO_CALL), "")
    return Listed(name, title, about[1].strip() if about else "", said, cards, to_call, error)


def front_page(reports: Iterable[Listed], *, title: str, language: str, cover: str, changes: str = "") -> str:
    """Return the first page of a pack; with a scorecard the cards of the other reports stay on their pages, and without one all are here."""
    reports = list(reports)
    summary = next((report for report in reports if report.name == SUMMARY and report.cards), None)
    words = {name: glossary.label(name, language) for name in ("incomplete", "to_call", "all_reports")}
    to_call = next((report.to_call for report in reports if report.to_call), "")
    return _template().render(
        reports=reports, summary=summary, to_call=to_call, changes=changes, title=title, language=language, cover=cover, css=page_style(), words=words
    )


def _template() -> jinja2.Template:
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=False, undefined=jinja2.StrictUndefined)  # noqa: S701 - each text is escaped where it is put in
    environment.filters["harmless"] = harmless
    return environment.get_template("pack.html.j2")


def _outputs(notebook: NotebookNode) -> Iterator[dict[str, Any]]:
    return (output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", []))
