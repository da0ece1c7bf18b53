"""Stable pseudonyms in place of what names somebody: accounts, their users, leads, and the managers on our side.

A pseudonym is a keyed hash (HMAC-SHA256; Krawczyk, Bellare and Canetti 1997, RFC 2104) of kind and name: the same key gives the same one every month, and
nobody without the key can find it by trying names. The key is held by an environment variable, whose name alone is handed about. Names of accounts are left
out, and a customer's own name in what people wrote (`FREE_TEXT`) is masked.

They hide who somebody is from readers of a report, not from somebody who knows a customer's amounts or dates; a group of one is still one.
"""

from __future__ import annotations

import base64
import hmac
import os
from collections import Counter
from collections.abc import Iterable, Mapping

import pandas as pd

from cs_analysis.data import sql
from cs_analysis.data.engine import Engine
from cs_analysis.data.references import is_reference
from cs_analysis.errors import ParameterError

NAMING = {"account_id": "A", "user_id": "U", "lead_id": "L", "csm": "M"}
FREE_TEXT = ("comment", "goal", "topic", "touchpoint", "end_reason", "wanted_stage")
MASK = "[customer]"
_SHORTEST_KEY = 16
_LETTERS, _MORE_LETTERS = 10, 20


def key_of(reference: str) -> bytes:
    """Return the key that an environment variable holds, named as "env:NAME".

    Raises
    ------
    ParameterError
        It is no such name, the variable is not set, or its value is too short to be a key.
    """
    if not is_reference(reference):
        raise ParameterError('pseudonyms must be "env:NAME", the name of an environment variable that holds the key; the key itself is written nowhere.')
    name = reference.removeprefix("env:")
    key = os.environ.get(name, "")
    if len(key) < _SHORTEST_KEY:
        state = f"has {len(key)}" if key else "is not set"
        advice = "Make one with `python -c 'import secrets; print(secrets.token_hex())'` and keep it: another key gives other pseudonyms."
        raise ParameterError(f"the environment variable {name} must hold a key of at least {_SHORTEST_KEY} characters; it {state}. {advice}")
    return key.encode()


def pseudonyms_of(names: Iterable[str], *, kind: str, key: bytes) -> dict[str, str]:
    """Return the pseudonym of each name of a kind (a column of `NAMING`), such as "A-7K3QF-2M5XD"; of names that would share one, longer ones.

    Examples
    --------
    >>> one = pseudonyms_of(["A00001"], kind="account_id", key=b"an example of a key")
    >>> one == pseudonyms_of(["A00001"], kind="account_id", key=b"an example of a key")
    True
    """
    hashes = {name: base64.b32encode(hmac.digest(key, f"{kind}\0{name}".encode(), "sha256")).decode() for name in names}
    shared = {short for short, count in Counter(text[:_LETTERS] for text in hashes.values()).items() if count > 1}
    letters = {name: text[: _MORE_LETTERS if text[:_LETTERS] in shared else _LETTERS] for name, text in hashes.items()}
    return {name: "-".join([NAMING[kind], *(text[i : i + 5] for i in range(0, len(text), 5))]) for name, text in letters.items()}


def hide(engine: Engine, relations: Mapping[str, str], *, key: bytes) -> dict[str, str]:
    """Return relations in which pseudonyms stand for names; `relations` maps tables of the contract to checked ones, which stay as they are."""
    columns = {table: list(engine.describe(relation)) for table, relation in relations.items()}
    lookups = {kind: _lookup(engine, relations, columns, kind=kind, key=key) for kind in NAMING}
    return {table: _hidden(engine, table, relations, columns=columns[table], lookups=lookups) for table in relations}


def _lookup(engine: Engine, relations: Mapping[str, str], columns: Mapping[str, list[str]], *, kind: str, key: bytes) -> str:
    """Return a temporary table of all names of a kind, in whatever table, and their pseudonyms."""
    holding = [relation for table, relation in relations.items() if kind in columns[table]]
    found = " UNION ".join(f"SELECT {sql.name(kind)} AS name FROM {sql.name(relation)}" for relation in holding)
    names = [row[0] for row in engine.rows(f"SELECT name FROM ({found}) WHERE name IS NOT NULL")] if found else []
    pairs = pseudonyms_of(names, kind=kind, key=key)
    frame, lookup = pd.DataFrame({"name": list(pairs), "pseudonym": list(pairs.values())}, dtype="string"), engine.unique("pseudonyms")
    with engine.registered(frame) as view:
        engine.execute(f"CREATE TEMPORARY TABLE {sql.name(lookup)} AS SELECT name::VARCHAR AS name, pseudonym::VARCHAR AS pseudonym FROM {sql.name(view)}")
    return lookup


def _hidden(engine: Engine, table: str, relations: Mapping[str, str], *, columns: list[str], lookups: Mapping[str, str]) -> str:
    shown = {kind: f"{kind}_names.pseudonym" for kind in NAMING if kind in columns}
    joins = [f"LEFT JOIN {sql.name(lookups[kind])} {kind}_names ON rows.{sql.name(kind)} = {kind}_names.name" for kind in shown]
    if table == "accounts" and "name" in columns:
        shown["name"] = "NULL::VARCHAR"
    free = [column for column in FREE_TEXT if column in columns and "account_id" in columns]
    own = "name" if free and "name" in engine.describe(relations["accounts"]) else ""
    if own:
        joins.append(f"LEFT JOIN {sql.name(relations['accounts'])} own ON rows.account_id = own.account_id")
    for column in free:
        text = f"rows.{sql.name(column)}"
        shown[column] = _masked(_masked(text, "trim(own.name)") if own else text, "rows.account_id")
    if not shown:
        return relations[table]
    replaced = ", ".join(f"{expression} AS {sql.name(column)}" for column, expression in shown.items())
    view = engine.unique(f"hidden_{table}")
    engine.execute(f"CREATE VIEW {sql.name(view)} AS SELECT rows.* REPLACE ({replaced}) FROM {sql.name(relations[table])} rows {' '.join(joins)}")
    return view


def _masked(text: str, name: str) -> str:
    """Return the SQL of a text in which a name is masked, whatever its case, but not where it is part of a longer word."""
    bounds = (f"CASE WHEN regexp_matches({name}, '{place}') THEN '\\b' ELSE '' END" for place in ("^\\w", "\\w$"))
    pattern = f" || regexp_escape({name}) || ".join(bounds)
    return f"CASE WHEN coalesce({name}, '') = '' THEN {text} ELSE regexp_replace({text}, {pattern}, '{MASK}', 'gi') END"


def who_is_who(accounts: pd.DataFrame, *, key: bytes) -> pd.DataFrame:
    """Return `pseudonym`, `account_id` and `name` of accounts, for the holder of the key."""
    pairs = pseudonyms_of(accounts["account_id"], kind="account_id", key=key)
    names = accounts.get("name", "")
    table = pd.DataFrame({"pseudonym": accounts["account_id"].map(pairs), "account_id": accounts["account_id"], "name": names})
    return table.sort_values("pseudonym", ignore_index=True)
