"""Running the rules over all tables: one aggregate pass a table, then the first offending row of what was broken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

import pandas as pd

from cs_analysis.data import sql
from cs_analysis.data.contract import TABLES, Table
from cs_analysis.data.engine import Engine
from cs_analysis.data.findings import Finding
from cs_analysis.data.masking import known_rows, known_values
from cs_analysis.data.rules import Rule, rules_of
from cs_analysis.data.surveys import Scale
from cs_analysis.data.typed import Typed

_REFERRED_TO = ("accounts", "users", "tickets")


@dataclass
class Inspection:
    """What an inspection found.

    `rejected` and `remaining` map a table to a relation: the broken rows (`_row, rule, column`) and the rest. Unless rows
    were to be removed, `rejected` is empty and `remaining` holds every row.
    """

    findings: list[Finding] = field(default_factory=list)
    rejected: dict[str, str] = field(default_factory=dict)
    remaining: dict[str, str] = field(default_factory=dict)


def inspect(engine: Engine, tables: Mapping[str, Typed], *, as_of: pd.Timestamp, scales: Mapping[str, Scale], remove: bool) -> Inspection:
    """Return every broken row rule of every table as known at `as_of`; with `remove`, broken rows are set aside.

    Tables that others refer to come first, so that a row whose account was set aside is set aside too.
    """
    result = Inspection(remaining={name: typed.relation for name, typed in tables.items()})
    for name in sorted(tables, key=lambda table: (table not in _REFERRED_TO, tables[table].table.name)):
        typed = tables[name]
        known = known_view(engine, typed.table, relation=typed.relation, as_of=as_of)
        rules = rules_of(typed, known, result.remaining, scales=scales)
        broken = {rule: rows for rule, rows in zip(rules, _count(engine, known, rules), strict=True) if rows}
        result.findings += [_finding(engine, typed, rule, known=known) for rule in broken]
        errors = [rule for rule in broken if rule.severity == "error"]
        if remove and errors:
            result.rejected[name], result.remaining[name] = _set_aside(engine, typed, errors, known=known)
    return result


def missing_findings(tables: Mapping[str, Typed], seen: Iterable[str]) -> list[Finding]:
    """Return a finding for each required table or column that is not there; `seen` are tables with a finding of their own."""
    found = []
    if "accounts" not in tables and "accounts" not in seen:
        advice = "Only accounts is required: give accounts.csv, .csv.gz or .parquet with one row an account."
        found.append(Finding("error", "accounts", "", "missing table or column", 0, 0, "missing table: accounts", advice))
    for name, typed in tables.items():
        found += [_missing_column(name, column, typed.present) for column in TABLES[name].required if column not in typed.present]
    return found


def known_view(engine: Engine, table: Table, *, relation: str, as_of: pd.Timestamp) -> str:
    """Return a view of what was known at `as_of`; rows whose date could not be read are in it, to be reported."""
    view = engine.unique(f"known_{table.name}")
    dated = f"({known_rows(table, as_of)} OR {sql.name(table.dated_by)} IS NULL)"
    engine.execute(f"CREATE VIEW {sql.name(view)} AS SELECT * {known_values(table, as_of)} FROM {sql.name(relation)} WHERE {dated}")
    return view


def _count(engine: Engine, known: str, rules: list[Rule]) -> list[int]:
    """Return how many rows break each rule: the predicates in one pass, the queries one by one."""
    counted = ["count(*)", *(f"count(*) FILTER (WHERE {rule.where})" for rule in rules if rule.where)]
    in_one_pass = iter(engine.rows(f"SELECT {', '.join(counted)} FROM {sql.name(known)}")[0][1:])
    return [next(in_one_pass) if rule.where else engine.rows(f"SELECT count(*) {rule.offenders}")[0][0] for rule in rules]


def _offenders(known: str, rule: Rule) -> str:
    return rule.offenders or f"FROM {sql.name(known)} WHERE {rule.where}"


def _finding(engine: Engine, typed: Typed, rule: Rule, *, known: str) -> Finding:
    rows, first = engine.rows(f"SELECT count(*), min(_row) {_offenders(known, rule)}")[0]
    shown = f"CAST({sql.name(rule.column)} AS VARCHAR)" if rule.column in typed.raw.types else "NULL"
    cells = engine.rows(f"SELECT {shown} FROM {sql.name(typed.raw.relation)} WHERE _row = {first}")
    example = cells[0][0] if cells and cells[0][0] is not None else ""
    return Finding(rule.severity, typed.table.name, rule.column, rule.rule, rows, first, example, rule.what_to_do)


def _set_aside(engine: Engine, typed: Typed, errors: Iterable[Rule], *, known: str) -> tuple[str, str]:
    """Return the relation of the rows that break a rule, with each reason, and the relation of the others."""
    rejected, remaining = engine.unique("rejected"), engine.unique(f"remaining_{typed.table.name}")
    parts = (
        f'SELECT _row, {sql.literal(rule.rule)} AS rule, {sql.literal(rule.column)} AS "column", {sql.literal(rule.what_to_do)} AS what_to_do '
        f"{_offenders(known, rule)}"
        for rule in errors
    )
    engine.execute(f"CREATE TABLE {sql.name(rejected)} AS {' UNION ALL '.join(parts)}")
    kept = f"SELECT * FROM {sql.name(typed.relation)} WHERE _row NOT IN (SELECT _row FROM {sql.name(rejected)})"
    engine.execute(f"CREATE TABLE {sql.name(remaining)} AS {kept}")
    return rejected, remaining


def _missing_column(table: str, column: str, present: Iterable[str]) -> Finding:
    close = get_close_matches(column, [name for name in present if name not in TABLES[table].column_names], n=1)
    hint = f" Is it '{close[0]}'? Rename that column." if close else ""
    meaning = TABLES[table].column(column).meaning
    return Finding(
        "error", table, column, "missing table or column", 0, 0, f"missing column: {column}", f"The table needs the column '{column}' ({meaning}).{hint}"
    )
