"""The rules of the contract, as SQL over a table as it was known at `as_of`.

A `Rule` names the rows that break it either by a predicate (`where`; all predicates of a table are counted in one pass)
or by a FROM clause of its own (`offenders`) that yields their `_row`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cs_analysis.data import sql
from cs_analysis.data.contract import TABLES, Column, Table
from cs_analysis.data.findings import Severity
from cs_analysis.data.surveys import DEFAULT_SCALES, Scale, folded
from cs_analysis.data.typed import Typed

_EXPECTED = {
    "instant": "an instant such as 2026-10-31T09:30:00Z",
    "month": "a month such as 2026-10",
    "number": "a number",
    "money": "an amount such as 1234.50, without a currency sign",
    "integer": "a whole number",
    "boolean": "true or false",
    "currency": "an ISO 4217 code such as EUR",
}
_BEFORE_ACCOUNT_IS_NORMAL = ("accounts", "touchpoints", "rates", "checks")


@dataclass(frozen=True)
class Rule:
    """One rule on one column: which rows break it and what to do about them."""

    rule: str
    column: str
    what_to_do: str
    where: str = ""
    offenders: str = ""
    severity: Severity = "error"


def rules_of(typed: Typed, known: str, targets: Mapping[str, str], *, scales: Mapping[str, Scale]) -> list[Rule]:
    """Return every rule that applies to a table.

    `known` is the relation to look at, `targets` the relation of each table that a reference may name, `scales` the registry
    of answer scales.
    """
    table, columns = typed.table, [column for column in typed.table.columns if column.name in typed.present]
    rules = [rule for column in columns for rule in _cell_rules(typed, column)]
    rules += [_span(start, end) for start, end in table.spans if {start, end} <= set(typed.present)]
    if table.key and set(table.key) <= set(typed.present):
        rules.append(_duplicate_key(table, known))
    rules += [
        _reference(column, other, known=known, target=targets[other])
        for column, other in table.references.items()
        if other in targets and column in typed.present
    ]
    if "accounts" in targets and table.name not in _BEFORE_ACCOUNT_IS_NORMAL:
        rules.append(_before_account(table, known, targets["accounts"]))
    return rules + _special(table.name, known, scales)


def _cell_rules(typed: Typed, column: Column) -> list[Rule]:
    cell, bad, naive = (sql.name(f"{prefix}{column.name}") for prefix in ("", "bad.", "naive."))
    rules: list[Rule] = []
    unread = [flag for prefix in ("bad", "naive", "clash") if (flag := f"{prefix}.{column.name}") in typed.flags]
    empty = " AND ".join([f"{cell} IS NULL", *(f"NOT {sql.name(flag)}" for flag in unread)])
    if column.name in typed.table.key or (column.required and column.name in typed.table.references):
        rules.append(Rule("empty key", column.name, f"Every row needs its {column.name}; fill it in or drop the row.", empty))
    elif column.required:
        rules.append(Rule("empty value", column.name, f"Every row needs {_expectation(column)} here; fill it in or drop the row.", empty))
    if f"bad.{column.name}" in typed.flags:
        rules.append(Rule("wrong type", column.name, f"Every cell must be {_expectation(column)} or empty.", bad))
    if column.kind in ("instant", "month"):
        advice = "An instant before 1900 stands for a missing one in some programs; leave the cell empty, or write the year in full."
        rules.append(Rule("wrong type", column.name, advice, f"{cell} < TIMESTAMP '1900-01-01'"))
    if f"naive.{column.name}" in typed.flags:
        advice = "Say which zone the clock shows: timezone='Europe/Berlin' (or --timezone), or write the offset, as in 2026-10-31T09:30:00+01:00."
        rules.append(Rule("instant without time zone", column.name, advice, naive))
    if column.name in typed.clashes:
        clash = typed.clashes[column.name]
        rules.append(Rule(clash.rule, column.name, clash.what_to_do, sql.name(f"clash.{column.name}")))
    return rules


def _expectation(column: Column) -> str:
    if column.choices:
        return "one of " + ", ".join(column.choices)
    return _EXPECTED.get(column.kind, "a value")


def _span(start: str, end: str) -> Rule:
    where = f"{sql.name(end)} < {sql.name(start)}"
    return Rule("end before start", end, f"{end} must not come before {start}; correct one of them, or empty {end} if it has not happened.", where)


def _duplicate_key(table: Table, known: str) -> Rule:
    keys = ", ".join(sql.name(column) for column in table.key)
    complete = " AND ".join(f"{sql.name(column)} IS NOT NULL" for column in table.key)
    repeated = f"SELECT _row FROM {sql.name(known)} WHERE {complete} QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY _row) > 1"
    named = " + ".join(table.key)
    return Rule(
        "duplicate key", table.key[0], f"{named} must be unique; keep one row of each (the first is kept in quarantine mode).", offenders=f"FROM ({repeated})"
    )


def _reference(column: str, other: str, *, known: str, target: str) -> Rule:
    key, cell = sql.name(TABLES[other].key[0]), sql.name(column)
    offenders = f"FROM {sql.name(known)} k ANTI JOIN {sql.name(target)} t ON t.{key} = k.{cell} WHERE k.{cell} IS NOT NULL"
    return Rule("unknown reference", column, f"Every {column} must be in the table '{other}'; add the row there or drop it here.", offenders=offenders)


def _before_account(table: Table, known: str, accounts: str) -> Rule:
    dated = sql.name(table.dated_by)
    # The first row of an account counts, so that one listed again later changes nothing.
    starts = f"(SELECT account_id, min(started_at) AS started_at FROM {sql.name(accounts)} GROUP BY account_id)"
    offenders = f"FROM {sql.name(known)} k SEMI JOIN {starts} a ON a.account_id = k.account_id AND k.{dated} < a.started_at"
    advice = f"{table.dated_by} lies before accounts.started_at; check the sign-up date, or the account_id of these rows."
    return Rule("event before its account", table.dated_by, advice, offenders=offenders, severity="warning")


def _special(table: str, known: str, scales: Mapping[str, Scale]) -> list[Rule]:
    if table == "subscriptions":
        advice = "An amount a month cannot be negative; a lower price is a new phase, a refund belongs into orders."
        return [Rule("negative mrr", "mrr", advice, "mrr < 0"), _overlap(known)]
    if table == "rates":
        return [Rule("wrong type", "rate", "A rate is the positive price of one unit in the reporting currency.", "rate <= 0")]
    return _score_rules(scales) if table == "responses" else []


def _overlap(known: str) -> Rule:
    earlier = "PARTITION BY subscription_id ORDER BY started_at, _row ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
    previous = f"max(coalesce(ended_at, TIMESTAMP '9999-12-31')) OVER ({earlier}) AS previous_end"
    phases = f"SELECT _row, started_at, {previous} FROM {sql.name(known)} WHERE subscription_id IS NOT NULL"
    advice = (
        "A phase must end before the next one of the same subscription_id starts; end the earlier phase there, or give parallel contracts ids of their own."
    )
    offenders = f"FROM ({phases}) WHERE started_at < previous_end"
    return Rule("overlapping phases of one subscription", "started_at", advice, offenders=offenders)


def _score_rules(scales: Mapping[str, Scale]) -> list[Rule]:
    usual = " ".join(f"WHEN {sql.literal(survey)} THEN {sql.literal(scale)}" for survey, scale in DEFAULT_SCALES.items())
    scale = f"coalesce(scale, CASE survey {usual} ELSE survey END)"
    limits = " ".join(f"WHEN {sql.literal(folded(s.name))} THEN score NOT IN ({', '.join(map(str, s.scores))})" for s in scales.values())
    known = ", ".join(sql.literal(folded(name)) for name in scales)
    outside = "Every score must be on the survey's scale; name the scale in the column 'scale' if another was used."
    unknown = f"The scale must be one of {', '.join(scales)}, or empty for the survey's usual one."
    return [
        Rule("score outside its scale", "score", outside, f"coalesce(CASE {scale} {limits} END, false)"),
        Rule("unknown reference", "scale", unknown, f"scale NOT IN ({known})"),
    ]
