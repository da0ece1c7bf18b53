"""What two runs say differently, for a terminal, for a machine, and for a page."""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Callable
from typing import Any, cast

import pandas as pd

from cs_analysis import glossary
from cs_analysis.report import markup
from cs_analysis.report.comparison import COLUMNS, VALUES, Comparison
from cs_analysis.show.text import Grain, date_text, difference_text, interval_text, level_text, period_text, value_text

_MOST = 20  # lines of a kind that are printed
_LISTED = {"fact": "Told without a test", "restated": "Said differently now of a period that was over"}
_COUNTED = {"gone": "In the first run alone", "new": "In the second run alone"}


def changes_text(found: Comparison) -> str:
    """Return a comparison in plain English: headline figures first, then the others, what is told without a test, and how many were tested."""
    ringing, others = found.alerts, found.beyond_noise.query("not headline")
    moved = found.changes[found.changes["kind"] == "moved"]
    by_kind = [(title, found.changes[found.changes["kind"] == kind]) for kind, title in _LISTED.items()]
    sections = [("Changed beyond noise", ringing), ("Further figures that changed beyond noise", others), *by_kind]
    alone = [(title, found.changes[found.changes["kind"] == kind]) for kind, title in _COUNTED.items()]
    counted = f"{len(ringing)} of {found.tested} headline figures changed beyond noise, and {len(others)} of {int((~moved['headline']).sum())} others."
    rate = f"Where nothing has changed, about {level_text(found.rate)} of runs show a headline figure here, or fewer, and as many one of the others."
    parts = [*(_told(title, rows) for title, rows in sections if len(rows)), *(_counted(title, rows) for title, rows in alone if len(rows))]
    return "\n\n".join([*(f"Note: {note}" for note in found.notes), *parts, f"{counted} {rate}"])


def changes_json(found: Comparison) -> str:
    """Return the alerts and every change as JSON."""
    return _json({**_summary(found), "changes": [_plain(row) for row in found.changes.to_dict("records")]})


def alerts_json(found: Comparison) -> str:
    """Return the headline figures that changed beyond noise as JSON, with the rate of false alarms."""
    return _json(_summary(found))


FORMATS: dict[str, Callable[[Comparison], str]] = {
    "text": changes_text,
    "csv": lambda found: found.changes.to_csv(index=False, columns=list(COLUMNS)).rstrip("\n"),
    "json": changes_json,
}


def changes_html(found: Comparison, *, report: str | None = None, language: str = "en") -> str:
    """Return the section of a page on what changed beyond noise: of one report, or, for the index, the alerts of all, each with a link."""
    rows = found.alerts if report is None else found.beyond_noise.query("report == @report")
    facts = {"date": date_text(pd.Timestamp(found.before), language), "rate": level_text(found.rate, language)}
    headline, others = rows[rows["headline"]], rows[~rows["headline"]]
    links = [f"{name}.html#since" for name in headline["report"]] if report is None else []
    parts = []
    if len(headline):
        parts.append(markup.table(_shown(headline, language), caption=glossary.label("changes_caption", language, **facts), links=links))
    if len(others):
        told = glossary.label("changes_others", language, count=value_text(len(others), "count", language))
        parts.append(markup.folded(told, markup.table(_shown(others, language), caption=glossary.label("changes_caption", language, **facts))))
    if not parts:
        parts.append(markup.sentence(glossary.label("changes_none", language, **facts)))
    restated = found.changes["kind"].eq("restated") & (found.changes["report"].eq(report) if report else True)
    if restated.any():
        parts.append(markup.sentence(glossary.label("changes_restated", language, count=value_text(int(restated.sum()), "count", language))))
    return markup.section("".join(parts), name="since", heading=glossary.label("changes_title", language))


def _shown(rows: pd.DataFrame, language: str) -> pd.DataFrame:
    """Return figures in words: name, before, now, and the limits of the difference."""
    names = [glossary.label(f"changes_{name}", language) for name in ("figure", "before", "now", "difference")]
    texts = [(figure_name(row, language), _value(row, "_before", language), _value(row, "", language), _difference(row, language)) for row in _records(rows)]
    return pd.DataFrame(texts, columns=names)


def figure_name(row: dict[str, Any], language: str = "en") -> str:
    """Return the name of a figure: its metric and what it is of.

    Examples
    --------
    >>> figure_name({"metric": "renewal_rate", "keys": "basis=due"})
    'Renewal rate, Basis contracts due'
    """
    parts = [part.partition("=") for part in row["keys"].split("; ") if part]
    keys = [f"{glossary.key_label(name, language)} {glossary.value_label(name, value, language)}" for name, _, value in parts]
    return ", ".join([glossary.title(row["metric"], language), *keys])


def _value(row: dict[str, Any], suffix: str, language: str) -> str:
    limits = interval_text(row[f"conf_low{suffix}"], row[f"conf_high{suffix}"], row["unit"], language=language)
    value = value_text(row[f"estimate{suffix}"], row["unit"], language) + (f" ({limits})" if limits else "")
    start = row[f"period{suffix}"]
    if not start or pd.isna(start):
        return value
    return glossary.label("change_fact", language, period=period_text(pd.Timestamp(start), cast("Grain", row["grain"]), language), value=value)


def _difference(row: dict[str, Any], language: str) -> str:
    difference = difference_text(row["difference_low"], row["difference_high"], row["unit"], language=language)
    return glossary.label("changes_judged", language, difference=difference, judged=glossary.label(row["judged"], language)) if row["judged"] else difference


def _told(title: str, rows: pd.DataFrame) -> str:
    first = rows.sort_values("headline", ascending=False, kind="stable").head(_MOST)
    lines = [textwrap.indent(_line(row), "  ") for row in _records(first)]
    more = [f"  ... and {len(rows) - _MOST:,} more (--format csv lists all)"] if len(rows) > _MOST else []
    return "\n".join([f"{title}:", *lines, *more])


def _line(row: dict[str, Any]) -> str:
    """Return a figure on one line."""
    tested = f"; {_difference(row, 'en')}, adjusted p {row['adjusted_p_value']:.2g}" if row["kind"] == "moved" else ""
    return f"{row['report']}: {figure_name(row)}: {_value(row, '_before', 'en')} -> {_value(row, '', 'en')}{tested}"


def _counted(title: str, rows: pd.DataFrame) -> str:
    """Return how many figures of each metric only one run has."""
    counts = rows.groupby(["report", "metric"], sort=False).size()
    return "\n".join([f"{title}:", *(f"  {report}: {glossary.title(metric)} ({count:,})" for (report, metric), count in counts.items())])


def _summary(found: Comparison) -> dict[str, Any]:
    runs = {"before": found.before, "after": found.after, "notes": list(found.notes)}
    return {**runs, "false_alarm_rate": found.rate, "tested": found.tested, "worse": found.worse, "alerts": [_alert(row) for row in _records(found.alerts)]}


def _alert(row: dict[str, Any]) -> dict[str, Any]:
    named = {"kpi": figure_name(row), **{name: row[name] for name in ("report", "metric", "unit", "keys")}}
    values = {run: _plain({name: row[f"{name}{suffix}"] for name in ("period", *VALUES)}) for run, suffix in (("before", "_before"), ("after", ""))}
    difference = _plain({"estimate": row["difference"], "conf_low": row["difference_low"], "conf_high": row["difference_high"]})
    return {**named, **values, "difference": difference, "adjusted_p_value": row["adjusted_p_value"], "judged": row["judged"]}


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", rows.to_dict("records"))


def _plain(row: dict[Any, Any]) -> dict[str, Any]:
    """Return a row as JSON takes it: what is missing or without end as null."""
    return {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in row.items()}


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False)
