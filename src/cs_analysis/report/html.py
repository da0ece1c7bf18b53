"""From an executed notebook to a page: no code, no scripts, nothing from the network."""

from __future__ import annotations

import base64
import re
from functools import cache
from html import escape
from pathlib import Path

from nbconvert import HTMLExporter
from nbconvert.filters import strip_ansi
from nbformat import NotebookNode

from cs_analysis import glossary
from cs_analysis.report.harmless import harmless

TEMPLATES = Path(__file__).with_name("template")
_HEADING = re.compile(r"^(#{1,3}) +(.+?)\s*$", re.MULTILINE)
_CODE = re.compile(r"(^```.*?^```|^~~~.*?^~~~)", re.MULTILINE | re.DOTALL)
_LONGEST_TEXT = 20_000
_ADDED_ON_FAILURE = "papermill-error-cell-tag"


def report_html(notebook: NotebookNode, *, title: str, language: str, error: str = "") -> str:
    """Return the page of an executed notebook; with `error` it says at its head that it is incomplete and why."""
    page, contents = _with_anchors(notebook)
    headed = any("<h1>" in cell.source for cell in page.cells if cell.cell_type == "markdown")
    words = {name: glossary.label(name, language) for name in ("incomplete", "incomplete_text")}
    report = {
        "title": title,
        "headed": headed,
        "language": language,
        "css": page_style(),
        "contents": contents,
        "contents_label": glossary.label("contents", language),
        "error": error,
        **words,
    }
    html, _ = _exporter().from_notebook_node(page, resources={"report": report})
    return str(html)


def _with_anchors(notebook: NotebookNode) -> tuple[NotebookNode, list[tuple[str, str]]]:
    """Return a copy whose headings can be linked to, with the contents to come before the first section, and the contents."""
    page = NotebookNode({**notebook, "cells": [NotebookNode({**cell}) for cell in notebook.cells if _ADDED_ON_FAILURE not in _tags(cell)]})
    contents: list[tuple[str, str]] = []

    def linked(match: re.Match[str]) -> str:
        level, text = len(match[1]), match[2]
        anchor = f"s{len(contents) + 1}"
        if level == 2:
            contents.append((anchor, text))
        return f"<h{level}{f' id={chr(34)}{anchor}{chr(34)}' if level == 2 else ''}>{escape(text)}</h{level}>\n"

    subject = ""
    for cell in page.cells:
        none_yet = not contents
        if cell.cell_type == "markdown":
            subject = next((match[2] for match in reversed(list(_HEADING.finditer(cell.source)))), subject)
            parts = _CODE.split(cell.source)
            cell.source = "".join(part if _CODE.fullmatch(part) else _HEADING.sub(linked, part) for part in parts)
        cell.metadata = NotebookNode({**cell.metadata, "contents": none_yet and bool(contents), "subject": subject})
    return page, contents


def _tags(cell: NotebookNode) -> list[str]:
    return list(cell.metadata.get("tags", []))


@cache
def _exporter() -> HTMLExporter:
    """Return the exporter, made once for all pages of a batch."""
    return HTMLExporter(
        template_name="template",
        extra_template_basedirs=[str(TEMPLATES.parent)],
        exclude_anchor_links=True,
        filters={"harmless": harmless, "readable": _readable, "inline": _inline},
    )


def _readable(text: str) -> str:
    """Return printed text without colour codes, and no more of it than somebody will read."""
    plain = strip_ansi(text)
    return plain if len(plain) <= _LONGEST_TEXT else f"{plain[:_LONGEST_TEXT]}\n..."


def _inline(picture: str) -> str:
    """Return a picture's XML in base64: inside an `img` it can neither run nor load anything."""
    return base64.b64encode(picture.encode()).decode()


@cache
def page_style() -> str:
    """Return the style of all pages."""
    return (TEMPLATES / "report.css").read_text(encoding="utf-8")
