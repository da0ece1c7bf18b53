"""Who is in which group of a planned experiment: accounts dealt out by chance that can be repeated, and the outcomes of those who were assigned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from hashlib import blake2b
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from cs_analysis.data.dataset import Dataset
from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError
from cs_analysis.facts.account_features import account_features, feature_names
from cs_analysis.facts.action_days import local_days
from cs_analysis.facts.effect_outcomes import outcome_of
from cs_analysis.facts.feature_dates import feature_dates
from cs_analysis.facts.landmarks import EARLIER, account_columns
from cs_analysis.windows import fixed_days

Way = Literal["blocks", "hash"]
AT_WHICH = ("assigned_at", "exposed_at")


def split_accounts(
    accounts: Dataset | pd.DataFrame,
    *,
    salt: str,
    groups: Sequence[str] = ("beta", "general"),
    ratio: Sequence[int] | None = None,
    strata: str | Sequence[str] = ("segment",),
    method: Way = "blocks",
) -> pd.DataFrame:
    """Groups of a planned experiment, dealt out by chance that anybody can repeat: the same accounts and salt give the same groups.

    By blocks, the accounts of each stratum are taken in the order of their start, and each run of as many as the ratio adds up to is dealt to the groups in an
    order drawn from the salt: within a stratum the groups never differ by more than a block. Accounts that start later leave the groups of the earlier ones as
    they are. By hash, each account falls by itself, whatever others there are; the groups are then alike in number only on average.

    Parameters
    ----------
    accounts : Dataset or DataFrame
        `account_id`, the strata, and for blocks `started_at`.
    salt : str
        Name of the experiment. Another salt deals anew; the same one would put the same accounts together again.
    groups : list of str
        Names of the groups.
    ratio : list of int, optional
        Accounts of each group in a block; by default one each.
    strata : str or list of str
        Columns within whose values the groups are balanced; none: (). By hash they are only shown.
    method : {"blocks", "hash"}
        How accounts are dealt out.

    Returns
    -------
    DataFrame
        `account_id`, the strata and `group`, by account: one row an account. It is the `assignment` of `experiment_effect`, once a column `assigned_at` says
        when it was put into force.

    Raises
    ------
    MissingColumnsError, ParameterError
        A column is missing; an account is there twice, or has no identifier or start; fewer than two groups; a ratio not of whole numbers above 0.

    References
    ----------
    Matts and Lachin (1988), Controlled Clinical Trials 9, 327-344, for blocks.

    Examples
    --------
    >>> import pandas as pd
    >>> accounts = pd.DataFrame({"account_id": list("abcd"), "started_at": pd.date_range("2026-01-01", periods=4), "segment": ["s", "s", "m", "m"]})
    >>> split_accounts(accounts, salt="new editor").groupby("segment")["group"].apply(sorted).tolist()
    [['beta', 'general'], ['beta', 'general']]
    """
    names, parts = _dealt(groups, ratio)
    if method not in get_args(Way):
        raise ParameterError(f"method must be 'blocks' or 'hash', not {method!r}.")
    layers = [strata] if isinstance(strata, str) else list(strata)
    table = accounts.tables["accounts"].to_pandas() if isinstance(accounts, Dataset) else accounts
    rows = _listed(table, [*layers, *(["started_at"] if method == "blocks" else [])])
    rows["hash"] = [_hash(salt, account) for account in rows["account_id"]]
    if method == "hash":
        edges = np.cumsum(parts) / sum(parts)
        rows["group"] = [names[int(np.searchsorted(edges, value / 2**64, side="right"))] for value in rows["hash"]]
    else:
        rows["group"] = _in_blocks(rows, layers, salt=salt, order=[name for name, part in zip(names, parts, strict=True) for _ in range(part)])
    return rows.sort_values("account_id", ignore_index=True)[["account_id", *layers, "group"]]


def _dealt(groups: Sequence[str], ratio: Sequence[int] | None) -> tuple[list[str], list[int]]:
    names, parts = list(groups), [1] * len(groups) if ratio is None else list(ratio)
    if isinstance(groups, str) or len(set(names)) < 2 or len(set(names)) < len(names):
        raise ParameterError(f"groups must be at least two different names, such as ('beta', 'general'), not {groups!r}.")
    if len(parts) != len(names) or any(not isinstance(part, int | np.integer) or part < 1 for part in parts):
        raise ParameterError(f"ratio must be one whole number above 0 for each of the {len(names)} groups, not {ratio!r}.")
    return names, parts


def _listed(table: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Return the accounts with some of their columns, if each is there once and has a start where one is needed."""
    missing = [name for name in ("account_id", *columns) if name not in table.columns]
    if missing:
        hint = " Without started_at accounts can be split by method='hash'." if "started_at" in missing else ""
        raise MissingColumnsError(missing, table.columns, table=f"accounts to split.{hint} It")
    rows = table[["account_id", *dict.fromkeys(columns)]].reset_index(drop=True)
    needed = ["account_id", *(["started_at"] if "started_at" in columns else [])]
    without = rows[needed].isna().any(axis=1)
    if without.any():
        raise ParameterError(f"every account needs {' and '.join(needed)}; row {without.idxmax()} lacks one, {int(without.sum())} in all.")
    if (twice := rows["account_id"].duplicated()).any():
        raise ParameterError(f"every account may be listed once; {rows.loc[twice.idxmax(), 'account_id']!r} is there again in row {twice.idxmax()}.")
    return rows


def _hash(*parts: Any) -> int:
    text = "\x1f".join(map(str, parts))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def _in_blocks(rows: pd.DataFrame, layers: list[str], *, salt: str, order: list[str]) -> pd.Series:
    """Return the group of each account: its place in the block it falls into, by the order drawn for that block."""
    told = [rows[name].astype("string").fillna("(missing)").astype("object") for name in layers]
    sequence = rows.assign(stratum=["\x1f".join(values) for values in zip(*told, strict=True)] if told else "")
    sequence = sequence.sort_values(["started_at", "hash", "account_id"], kind="stable")
    place = sequence.groupby("stratum", sort=False).cumcount()
    drawn: dict[tuple[str, int], list[int]] = {}
    for stratum, block in {*zip(sequence["stratum"], place // len(order), strict=True)}:
        draw = {number: _hash(salt, stratum, block, number) for number in range(len(order))}
        drawn[stratum, block] = sorted(draw, key=draw.__getitem__)
    found = [order[drawn[stratum, at // len(order)][at % len(order)]] for stratum, at in zip(sequence["stratum"], place, strict=True)]
    return pd.Series(found, index=sequence.index).reindex(rows.index)


def checked_units(table: pd.DataFrame, *, group: str, cluster: str, columns: Sequence[str]) -> pd.DataFrame:
    """Return the units of an experiment, if every account is in one group and nobody met the new thing before being assigned.

    Raises
    ------
    MissingColumnsError, ParameterError, NotEnoughDataError
        A column is missing; a unit has no group or account; an account is in two groups; `exposed_at` is before `assigned_at`; fewer than two groups.
    """
    missing = [name for name in (group, cluster, *columns) if name not in table.columns]
    if missing:
        raise MissingColumnsError(missing, table.columns, table="of the experiment")
    rows = table.reset_index(drop=True)
    without = rows[[group, cluster]].isna().any(axis=1)
    if without.any():
        raise ParameterError(f"every unit needs a {group} and a {cluster}; row {without.idxmax()} has not both, {int(without.sum())} in all.")
    several = rows.groupby(cluster, sort=False)[group].nunique()
    if (several > 1).any():
        name, count = several[several > 1].index[0], int((several > 1).sum())
        both = " and ".join(map(repr, rows.loc[rows[cluster] == name, group].drop_duplicates()))
        raise ParameterError(f"every {cluster} must be in one group; {name!r} is in {both}, {count} such in all. Find out how before reading any result.")
    if rows[group].nunique() < 2:
        raise NotEnoughDataError(f"an experiment has two groups; all units are in {rows[group].iloc[0]!r}." if len(rows) else "the experiment has no units.")
    if set(AT_WHICH) <= set(rows.columns):
        _check_order(rows, cluster)
    return rows


def _check_order(rows: pd.DataFrame, cluster: str) -> None:
    """Raise an error where somebody was exposed before being assigned."""
    assigned, exposed = (pd.to_datetime(rows[name], utc=True) for name in AT_WHICH)
    early = exposed < assigned
    if early.any():
        first = early.idxmax()
        told = f"{rows.loc[first, cluster]!r} was exposed at {exposed[first]:%Y-%m-%d %H:%M} and assigned at {assigned[first]:%Y-%m-%d %H:%M} UTC"
        raise ParameterError(f"nobody may be exposed before being assigned; {told}, {int(early.sum())} such in all. Whoever chose beforehand was not assigned.")


def assigned_outcomes(
    ds: Dataset, assignment: pd.DataFrame, outcomes: Mapping[str, Any], *, horizon: str | timedelta, before: Mapping[str, str], strata: Sequence[str]
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return one row an assigned account whose horizon is over, with its group, outcomes, features before and strata; and the unit of each outcome.

    Parameters
    ----------
    ds : Dataset
        Where outcomes are on record.
    assignment : DataFrame
        `account_id`, `group`, `assigned_at`, perhaps `exposed_at`. All who were assigned count, whether exposed or not.
    outcomes : mapping of str to str or DataFrame
        Outcomes by name, as `outcome_of` takes them.
    horizon : str or Timedelta
        How long after the assignment.
    before : mapping of str to str
        A feature for each outcome that has one, known at the end of the day before the assignment; missing for who was no customer then.
    strata : list of str
        Columns of `accounts`.

    Raises
    ------
    MissingColumnsError, ParameterError, NotEnoughDataError
        As for `checked_units`; an account is not on record; nobody's horizon is over.
    """
    units = checked_units(assignment, group="group", cluster="account_id", columns=["assigned_at"])
    _check_known(ds, units)
    rows = units[["account_id", "group"]].assign(landmark=local_days(ds, units["assigned_at"]))
    rows["end"] = rows["landmark"] + pd.Timedelta(round(fixed_days(horizon, name="horizon")), "D")
    rows["prior"] = rows["landmark"] - pd.Timedelta(1, "D")
    rows = rows[rows["end"] <= pd.Timestamp(ds.as_of.date())].reset_index(drop=True)
    if rows["group"].nunique() < 2:
        raise NotEnoughDataError(f"of {units['group'].nunique()} groups {rows['group'].nunique()} have accounts whose horizon is over. Shorten it, or wait.")
    usable = [EARLIER] if any(name == "usage" for name in outcomes.values() if isinstance(name, str)) else []
    features = feature_names(ds, list(dict.fromkeys([*before.values(), *usable]))) if before or usable else []
    days = sorted({*rows["end"].dt.date, *(rows["prior"].dt.date if before else [])})
    known = account_features(ds, feature_dates(ds, days), features or ["tenure_days"])
    table, units_of = rows[["account_id", "group"]].copy(), {}
    for name, outcome in outcomes.items():
        found = outcome_of(ds, outcome, rows=rows, known=known)
        table[name], units_of[name] = np.where(found.asked, found.value, np.nan), found.unit
    at = pd.MultiIndex.from_arrays([rows["account_id"], rows["prior"]])
    for feature in dict.fromkeys(before.values()):
        table[feature] = known.set_index(["account_id", "at"])[feature].reindex(at).to_numpy("float64")
    return pd.concat([table, account_columns(ds, rows["account_id"], list(strata))], axis=1), units_of


def _check_known(ds: Dataset, units: pd.DataFrame) -> None:
    listed = ds.tables["accounts"].to_pandas(["account_id"])["account_id"]
    for bad, told in ((~units["account_id"].isin(listed), "is not in accounts"), (units["account_id"].duplicated(), "was assigned twice")):
        if bad.any():
            raise ParameterError(
                f"every assigned account must be on record, once; {units.loc[bad.idxmax(), 'account_id']!r} {told}, {int(bad.sum())} such in all."
            )
    if units["assigned_at"].isna().any():
        raise ParameterError(f"every assigned account needs assigned_at; {units.loc[units['assigned_at'].isna().idxmax(), 'account_id']!r} has none.")
