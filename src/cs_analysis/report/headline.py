"""The sentence above the cards: which headline figures changed beyond noise, and whether that is better or worse."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from cs_analysis import glossary
from cs_analysis.report.cards import Change, change_of
from cs_analysis.show.text import amount_text, grain_of
from cs_analysis.stats.differences import adjusted_p_values
from cs_analysis.stats.intervals import p_value_of_difference

_KINDS = ("better", "worse", "changed")


def headline(tables: Iterable[pd.DataFrame], period: pd.Timestamp, *, language: str = "en", together: float | None = None) -> str:
    """Return which estimates changed beyond noise since the row before, that none did, or nothing where none can be compared.

    `tables` hold one metric each over periods, as for `card`. Facts, such as amounts in the books, have no noise and are left to their cards.
    Each change is judged by its own limits, or, with the level of the limits as `together`, all of them by Benjamini and Hochberg's procedure.

    Examples
    --------
    >>> from cs_analysis.stats.estimates import estimates
    >>> months = pd.to_datetime(["2026-09-01", "2026-10-01"])
    >>> rate = {"estimate": [0.09, 0.03], "conf_low": [0.07, 0.02], "conf_high": [0.11, 0.04], "n": [900, 900]}
    >>> headline([estimates({"period": months}, metric="logo_churn_rate", unit="share", **rate)], months[-1])
    'Better than in September 2026: Logo churn rate (6.0 percentage points down).'
    """
    compared: list[tuple[Change, str]] = []
    for table in tables:
        rows = table[table["period"] <= period].sort_values("period")
        change = change_of(rows, grain=grain_of(table["period"]), language=language) if len(rows) else None
        if change is not None and change.estimated:
            compared.append((change, str(rows["metric"].iloc[-1])))
    if not compared:
        return ""
    found: dict[str, list[str]] = {kind: [] for kind in _KINDS}
    for (change, metric), clear in zip(compared, _clear([change for change, _ in compared], together), strict=True):
        if clear:
            entry = glossary.entry(metric, language)
            found[_kind(change.difference.estimate, entry.direction)].append(_figure(entry.title, change, language))
    then = {change.then for change, _ in compared}
    before = then.pop() if len(then) == 1 else glossary.label("headline_before", language)
    told = [glossary.label(f"headline_{kind}", language, period=before, figures=", ".join(figures)) for kind, figures in found.items() if figures]
    said = " ".join(told) or glossary.label("headline_none", language, period=before)
    return said if together is None or len(compared) == 1 else f"{said} {glossary.label('headline_together', language, count=len(compared))}"


def _clear(changes: Sequence[Change], together: float | None) -> list[bool]:
    """Return which changes are beyond noise: each by its limits, or all of them together."""
    if together is None:
        return [change.is_clear for change in changes]
    p_values = np.array([p_value_of_difference(change.difference, conf_level=together) for change in changes])
    return list(adjusted_p_values(p_values, "benjamini_hochberg") <= 1 - together)


def _kind(change: float, direction: str) -> str:
    return "changed" if direction == "none" else "better" if (change > 0) == (direction == "higher") else "worse"


def _figure(title: str, change: Change, language: str) -> str:
    amount = change.difference.estimate
    way = "headline_up" if amount > 0 else "headline_down"
    return glossary.label(way, language, title=title, amount=amount_text(abs(amount), change.unit, language))
