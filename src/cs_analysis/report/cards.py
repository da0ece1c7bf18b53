"""A headline number in words: its value, its interval, and whether it changed beyond the noise."""

from __future__ import annotations

from typing import NamedTuple

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


class Change(NamedTuple):
    """How a headline number changed from the row before: the difference with its limits, what it is compared with, and whether it is an estimate."""

    difference: Interval
    unit: str
    then: str
    estimated: bool

    @property
    def is_clear(self) -> bool:
        """Return whether the limits of the difference leave out 0."""
        return not self.difference.conf_low <= 0 <= self.difference.conf_high


def change_of(rows: pd.DataFrame, *, grain: Grain, language: str) -> Change | None:
    """Return the change of the last row from the one before it that has a value; nothing where the two cannot be compared."""
    comparable = rows.dropna(subset=["estimate"])
    if len(comparable) < 2 or comparable.index[-1] != rows.index[-1]:
        return None
    estimated = bool(rows[["conf_low", "conf_high"]].notna().any(axis=None))
    if estimated and comparable[["conf_low", "conf_high"]].iloc[-2:].isna().any(axis=None):
        return None
    before, now = (Interval(*row) for row in comparable[list(COLUMNS[2:5])].iloc[-2:].to_numpy())
    then = period_text(comparable["period"].iloc[-2], grain, language)
    return Change(difference(now, before), str(rows["unit"].iloc[-1]), then, estimated)


def change_text(rows: pd.DataFrame, *, direction: str, grain: Grain, language: str, with_limits: bool = True) -> str:
    """Return the change from the row before in words: by how much, which way is better, or that it may be noise."""
    change = change_of(rows, grain=grain, language=language)
    if change is None:
        return ""
    amount, low, high = change.difference
    if change.estimated and not change.is_clear:
        unclear = glossary.label("change_none", language, period=change.then)
        limits = glossary.label("change_interval", language, limits=difference_text(low, high, change.unit, language=language))
        return f"{unclear} ({limits})" if with_limits else unclear
    if amount == 0:
        return glossary.label("change_same", language, period=change.then)
    way = glossary.label("change_up" if amount > 0 else "change_down", language, amount=amount_text(abs(amount), change.unit, language), period=change.then)
    return f"{way} ({_judged(amount, direction, language)})" if direction != "none" else way


def _judged(change: float, direction: str, language: str) -> str:
    return glossary.label("better" if (change > 0) == (direction == "higher") else "worse", language)


def _empty(metric: str, language: str) -> Card:
    title = glossary.title(metric, language) if metric else ""
    return Card(title, glossary.label("no_value", language), glossary.label("no_value_reason", language), "", "", "")
