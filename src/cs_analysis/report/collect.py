"""Numbers that travel beside the text of a notebook: written by its cells as data, collected by whoever ran it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import pandas as pd
from nbformat import NotebookNode

from cs_analysis.errors import ReportError
from cs_analysis.stats.estimates import COLUMNS

MIME = "application/vnd.cs-analysis.kpi+json"
LIST_MIME = "application/vnd.cs-analysis.list+json"
_LIST_NAME = re.compile(r"[a-z][a-z0-9_]*")
_DIGITS = 10


def as_data(table: pd.DataFrame, *, kind: str) -> dict[str, Any]:
    """Return an estimates table as the payload of a data output: numbers to ten significant digits, periods as ISO dates.

    `kind` is `kpi` for headline numbers and `estimates` for everything else.
    """
    return {"kind": kind, "rows": [{key: _plain(value) for key, value in row.items()} for row in table.to_dict("records")]}


def collected(notebook: NotebookNode, *, report: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the headline numbers and all estimates that an executed notebook emitted, each with the report's name, without repeats."""
    payloads = list(_payloads(notebook))
    kpis = [payload for payload in payloads if payload["kind"] == "kpi"]
    return _rows(kpis, report), _rows(payloads, report)


def collected_lists(notebook: NotebookNode) -> dict[str, str]:
    """Return the lists that an executed notebook handed on, as CSV text by name; of two with one name the later."""
    lists = {}
    for data in _outputs(notebook):
        if LIST_MIME in data:
            payload = data[LIST_MIME]
            named = isinstance(payload, dict) and all(isinstance(payload.get(key), str) for key in ("name", "text"))
            if not named or not _LIST_NAME.fullmatch(payload["name"]):
                raise ReportError(f"a list handed on as {LIST_MIME} must have a name of small letters, digits and _, and a text; a cell handed on another.")
            lists[payload["name"]] = payload["text"]
    return lists


def _rows(payloads: list[dict[str, Any]], report: str) -> list[dict[str, Any]]:
    named = ({"report": report, **_ordered(row)} for payload in payloads for row in payload["rows"])
    return list({json.dumps(row): row for row in named}.values())


def _payloads(notebook: NotebookNode) -> Iterator[dict[str, Any]]:
    for data in _outputs(notebook):
        if MIME in data:
            if not _is_payload(data[MIME]):
                raise ReportError(f"numbers handed on as {MIME} must be a kind (kpi or estimates) and rows with {', '.join(COLUMNS)}; a cell handed on others.")
            yield data[MIME]


def _outputs(notebook: NotebookNode) -> Iterator[dict[str, Any]]:
    return (output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", []))


def _is_payload(payload: Any) -> bool:
    named = isinstance(payload, dict) and payload.get("kind") in ("kpi", "estimates") and isinstance(payload.get("rows"), list)
    return named and all(isinstance(row, dict) and _is_row(row) for row in payload["rows"])


def _is_row(row: dict[str, Any]) -> bool:
    numbers = [row.get(name) for name in COLUMNS[2:5]]
    return set(COLUMNS) <= set(row) and type(row["n"]) is int and all(number is None or _is_number(number) for number in numbers)


def _is_number(value: Any) -> bool:
    return type(value) is int or (type(value) is float and math.isfinite(value))


def _ordered(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its keys first, as in every estimates table; a notebook file sorts them."""
    return {**{key: value for key, value in row.items() if key not in COLUMNS}, **{name: row[name] for name in COLUMNS}}


def _plain(value: Any) -> Any:
    if isinstance(value, pd.Timestamp):
        return value.date().isoformat()
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    return value.item() if hasattr(value, "item") else None if pd.isna(value) else value
