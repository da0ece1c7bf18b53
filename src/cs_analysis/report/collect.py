"""Numbers that travel beside the text of a notebook: written by its cells as data, collected by whoever ran it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pandas as pd
from nbformat import NotebookNode

from cs_analysis.errors import ReportError
from cs_analysis.stats.estimates import COLUMNS

MIME = "application/vnd.cs-analysis.kpi+json"
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


def _rows(payloads: list[dict[str, Any]], report: str) -> list[dict[str, Any]]:
    named = ({"report": report, **_ordered(row)} for payload in payloads for row in payload["rows"])
    return list({json.dumps(row): row for row in named}.values())


def _payloads(notebook: NotebookNode) -> Iterator[dict[str, Any]]:
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if MIME in output.get("data", {}):
                payload = output["data"][MIME]
                if not _is_payload(payload):
                    raise ReportError(
                        f"numbers handed on as {MIME} must be a kind (kpi or estimates) and rows with {', '.join(COLUMNS)}; a cell handed on others."
                    )
                yield payload


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
