"""How long customers wait, in words for a page: hours and minutes of opening hours instead of parts of a business day."""

from __future__ import annotations

import math

import pandas as pd

from cs_analysis.data.business_time import minutes_of
from cs_analysis.data.calendar import Calendar
from cs_analysis.show.text import value_text

_LONG = 3  # from so many days on, days say more than hours


def hours_text(days: float, calendar: Calendar, language: str = "en") -> str:
    """Return business days as hours and minutes of opening hours, such as "1 h 12 min", and from three days on as days.

    Examples
    --------
    >>> hours_text(0.15, Calendar())
    '1 h 12 min'
    >>> hours_text(5, Calendar())
    '5 business days'
    """
    if math.isnan(days):
        return "–"
    if days >= _LONG:
        return f"{value_text(days, 'days', language)} business days"
    opens, closes = (minutes_of(text) or 0 for text in calendar.business_hours)
    hours, minutes = divmod(math.ceil(days * (closes - opens)), 60)
    return " ".join([*([f"{hours} h"] if hours else []), *([f"{minutes} min"] if minutes or not hours else [])])


def waiting_words(times: pd.DataFrame, calendar: Calendar, *, what: str, language: str = "en") -> str:
    """Return a sentence on a median and a ninth tenth, of `response_time` or `resolution_time`, with the limits of the median.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> waiting_words(cs.response_time(ds), ds.calendar, what="Tickets")[:37]
    'Tickets: half of the customers waited'
    """
    row = times.set_index("metric")
    name = next(metric for metric in row.index if f"{metric}_naive" in row.index)
    half, low, high = (hours_text(row.loc[name, column], calendar, language) for column in ("estimate", "conf_low", "conf_high"))
    around = f"{low} to {high}" if pd.notna(row.loc[name, "conf_high"]) else f"{low} or more"
    if pd.isna(row.loc[name, "estimate"]):
        return f"{what}: fewer than half of them have come to an end, so the median is not known yet."
    slow = row.loc[f"{name}_90", "estimate"]
    tail = f"one in ten longer than {hours_text(slow, calendar, language)}" if pd.notna(slow) else "how long the slowest tenth waits is not known yet"
    return f"{what}: half of the customers waited no longer than {half} of opening hours ({around}), {tail}."
