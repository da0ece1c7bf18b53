"""Which currency a dataset reports in, and whether every amount can be brought into it."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from cs_analysis.data import sql
from cs_analysis.data.engine import Engine
from cs_analysis.data.findings import Finding
from cs_analysis.data.masking import instant_literal

# An end is the first moment that no longer counts: one at 00:00 on the first uses no rate of that month.
_SPANS = {
    "subscriptions": ("started_at", "least(coalesce(ended_at - INTERVAL 1 MICROSECOND, {as_of}), {as_of})"),
    "orders": ("ordered_at", "ordered_at"),
}


def reporting_currency(engine: Engine, known: Mapping[str, str], *, requested: str | None, as_of: pd.Timestamp) -> tuple[str | None, list[Finding]]:
    """Return the currency that money is reported in, and an error for each currency that cannot be converted.

    That is the requested one, else the only one, else the one that needs no rate: absent from `rates` or at 1 throughout.
    """
    used = _used(engine, known, as_of)
    if requested is not None and set(used) <= {requested}:
        return requested, []
    if len(used) <= 1 and requested is None:
        return next(iter(used), None), []
    rated = _rates(engine, known)
    base = [requested] if requested else [code for code in used if set(rated.get(code, {}).values()) <= {1.0}]
    if len(base) != 1 or not rated:
        return requested, [_without_rates(used)]
    foreign = [code for code in used if code != base[0]]
    return base[0], [finding for code in foreign if (finding := _missing_months(code, used[code], rated.get(code, {})))]


def _used(engine: Engine, known: Mapping[str, str], as_of: pd.Timestamp) -> dict[str, list[str]]:
    """Return currency -> months (as 2026-10, in the zone of `as_of`) in which an amount in it must be converted, in both tables that carry one."""
    used: dict[str, set[str]] = {}
    for table, (start, end) in _SPANS.items():
        if table in known:
            for code, month in engine.rows(_months(known[table], start, end.format(as_of=instant_literal(as_of)), zone=str(as_of.tz))):
                used.setdefault(code, set()).add(month)
    return {code: sorted(used[code]) for code in sorted(used)}


def _months(relation: str, start: str, end: str, *, zone: str) -> str:
    first, last = (f"timezone({sql.literal(zone)}, timezone('UTC', {instant}))" for instant in (start, f"greatest({start}, {end})"))
    series = f"generate_series(date_trunc('month', {first}), {last}, INTERVAL 1 MONTH)"
    rows = f"SELECT DISTINCT currency, unnest({series}) AS month FROM {sql.name(relation)} WHERE currency IS NOT NULL AND {start} IS NOT NULL"
    return f"SELECT currency, strftime(month, '%Y-%m') FROM ({rows}) ORDER BY ALL"


def _rates(engine: Engine, known: Mapping[str, str]) -> dict[str, dict[str, float]]:
    rated: dict[str, dict[str, float]] = {}
    if "rates" in known:
        for code, month, rate in engine.rows(f"SELECT currency, strftime(month, '%Y-%m'), rate FROM {sql.name(known['rates'])} WHERE rate > 0 ORDER BY ALL"):
            rated.setdefault(code, {})[month] = rate
    return rated


def _without_rates(used: Mapping[str, list[str]]) -> Finding:
    advice = "Add the table 'rates' (month, currency, rate): the price of one unit of each currency in the reporting one, month by month."
    return Finding("error", "rates", "currency", "several currencies without rates", 0, 0, ", ".join(used), advice)


def _missing_months(code: str, months: list[str], rated: Mapping[str, float]) -> Finding | None:
    missing = [month for month in months if month not in rated]
    if not missing:
        return None
    advice = f"The table 'rates' needs a rate for {code} in every month in which it is used; {len(missing)} missing: {', '.join(missing[:6])}."
    return Finding("error", "rates", "rate", "several currencies without rates", len(missing), 0, f"{code} {missing[0]}", advice)
