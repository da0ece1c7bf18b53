"""The sentence above the cards: which headline figures changed beyond noise, and whether that is better or worse."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from cs_analysis import glossary
from cs_analysis.report.cards import Change, change_of
from cs_analysis.show.text import amount_text, grain_of

_KINDS = ("better", "worse", "changed")


def headline(tables: Iterable[pd.DataFrame], period: pd.Timestamp, *, language: str = "en") -> str:
    """Return which estimates changed beyond noise since the row before, that none did, or nothing where none can be compared.

    `tables` hold one metric each over periods, as for `card`. Facts, such as amounts in the books, have no noise and are left to their cards.

    Examples
    --------
    >>> from cs_analysis.stats.estimates import estimates
    >>> months = pd.to_datetime(["2026-09-01", "2026-10-01"])
    >>> rate = {"estimate": [0.09, 0.03], "conf_low": [0.07, 0.02], "conf_high": [0.11, 0.04], "n": [900, 900]}
    >>> headline([estimates({"period": months}, metric="logo_churn_rate", unit="share", **rate)], months[-1])
    'Better than in September 2026: Logo churn rate (6.0 percentage points down).'
    """
    found: dict[str, list[str]] = {kind: [] for kind in _KINDS}
    compared: list[Change] = []
    for table in tables:
        rows = table[table["period"] <= period].sort_values("period")
        change = change_of(rows, grain=grain_of(table["period"]), language=language) if len(rows) else None
        if change is None or not change.estimated:
            continue
        compared.append(change)
        if change.is_clear:
            entry = glossary.entry(str(rows["metric"].iloc[-1]), language)
            found[_kind(change.difference.estimate, entry.direction)].append(_figure(entry.title, change, language))
    if not compared:
        return ""
    then = {change.then for change in compared}
    before = then.pop() if len(then) == 1 else glossary.label("headline_before", language)
    told = [glossary.label(f"headline_{kind}", language, period=before, figures=", ".join(figures)) for kind, figures in found.items() if figures]
    return " ".join(told) or glossary.label("headline_none", language, period=before)


def _kind(change: float, direction: str) -> str:
    return "changed" if direction == "none" else "better" if (change > 0) == (direction == "higher") else "worse"


def _figure(title: str, change: Change, language: str) -> str:
    amount = change.difference.estimate
    way = "headline_up" if amount > 0 else "headline_down"
    return glossary.label(way, language, title=title, amount=amount_text(abs(amount), change.unit, language))
