"""A headline number in words: its value, its interval, and whether it changed beyond the noise."""

from __future__ import annotations

import pandas as pd

from cs_analysis import glossary
from cs_analysis.errors import ParameterError
from cs_analysis.report.markup import Card
from cs_analysis.show.tables import n_text
from cs_analysis.show.text import Grain, amount_text, difference_text, grain_of, interval_text, period_text, titled, value_text
from cs_analysis.stats.estimates import COLUMNS
from cs_analysis.stats.intervals import Interval, difference

_FREQUENCIES: dict[Grain, str] = {"day": "D", "month": "M", "quarter": "Q", "year": "Y"}


def card(table: pd.DataFrame, period: pd.Timestamp, *, end: pd.Timestamp, language: str) -> tuple[Card, pd.DataFrame]:
    """Return the card of one metric and the row it rests on: the last row at or before `period`, compared with the row before it.

    `table` holds one metric over periods, without groups; a period that reaches beyond `end`, the local time at which the data
    end, is marked as not over.
    """
    if table["period"].duplicated().any():
        raise ParameterError("a card shows one number: the table has several rows a period. Choose one group or metric.")
    rows = table[table["period"] <= period].sort_values("period")
    if rows.empty:
        return _empty(str(table["metric"].iloc[0]) if len(table) else "", language), rows
    now, entry = rows.iloc[-1], glossary.entry(str(rows["metric"].iloc[-1]), language)
    grain = grain_of(table["period"])
    over = (now["period"].to_period(_FREQUENCIES[grain]) + 1).start_time <= end
    name = period_text(now["period"], grain, language) + ("" if over else f" ({glossary.label('unfinished', language)})")
    interval = interval_text(now["conf_low"], now["conf_high"], now["unit"], language=language)
    return (
        Card(
            title=f"{titled(entry.title, str(now['unit']), language)}, {name}",
            value=value_text(now["estimate"], now["unit"], language),
            interval=interval or glossary.label("no_interval", language),
            base="" if now["n"] == now["estimate"] else f"{glossary.label('n', language)} = {n_text(now['n'], language)} ({entry.denominator})",
            change=change_text(rows, direction=entry.direction, grain=grain, language=language),
            definition=entry.definition,
        ),
        rows.iloc[[-1]],
    )


def change_text(rows: pd.DataFrame, *, direction: str, grain: Grain, language: str, with_limits: bool = True) -> str:
    """Return the change from the row before in words: by how much, which way is better, or that it may be noise."""
    comparable = rows.dropna(subset=["estimate"])
    if len(comparable) < 2 or comparable.index[-1] != rows.index[-1]:
        return ""
    estimated = rows[["conf_low", "conf_high"]].notna().any(axis=None)
    if estimated and comparable[["conf_low", "conf_high"]].iloc[-2:].isna().any(axis=None):
        return ""
    before, now = (Interval(*row) for row in comparable[list(COLUMNS[2:5])].iloc[-2:].to_numpy())
    then = period_text(comparable["period"].iloc[-2], grain, language)
    unit, change = str(rows["unit"].iloc[-1]), difference(now, before)
    if change.conf_low <= 0 <= change.conf_high:
        unclear = glossary.label("change_none", language, period=then)
        limits = glossary.label("change_interval", language, limits=difference_text(change.conf_low, change.conf_high, unit, language=language))
        return f"{unclear} ({limits})" if with_limits else unclear
    if change.estimate == 0:
        return glossary.label("change_same", language, period=then)
    way = glossary.label("change_up" if change.estimate > 0 else "change_down", language, amount=amount_text(abs(change.estimate), unit, language), period=then)
    return f"{way} ({_judged(change.estimate, direction, language)})" if direction != "none" else way


def _judged(change: float, direction: str, language: str) -> str:
    return glossary.label("better" if (change > 0) == (direction == "higher") else "worse", language)


def _empty(metric: str, language: str) -> Card:
    title = glossary.title(metric, language) if metric else ""
    return Card(title, glossary.label("no_value", language), glossary.label("no_value_reason", language), "", "", "")
