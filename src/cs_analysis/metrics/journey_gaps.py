"""Customers that are not where they want to be: behind the stage they want, or in a stage for longer than is usual."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd

from cs_analysis.data.dataset import Dataset, cutoff, engine_of, relation
from cs_analysis.errors import ParameterError
from cs_analysis.facts.firsts import first_stays
from cs_analysis.facts.groups import By, as_named, group_columns
from cs_analysis.facts.journey import Stages, journeys, stage_names, stage_waits, stages_or_default, standing, with_stage
from cs_analysis.facts.journey_goals import recorded_stages, wanted_stages
from cs_analysis.facts.lifetimes import paid_now
from cs_analysis.stats.competing import cumulative_incidence
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.intervals import wilson
from cs_analysis.stats.risk import grouped

_SAME = 1e-9
_LIST = ["account_id", "name", "stage", "days_in_stage", "usual_days", "wanted_stage", "mrr"]


def behind_wanted_share(ds: Dataset, stages: Stages = None, *, order: bool = True, by: By = None, conf_level: float = 0.95) -> pd.DataFrame:
    """Share of customers that are at an earlier stage of the success map than the one they want to be at.

    What an account wants is the `wanted_stage` of its latest goal that names one. Accounts that have left are not counted,
    nor those that want no stage of the map.

    Parameters
    ----------
    ds : Dataset
        Needs `goals` with `wanted_stage`.
    stages : mapping or list, optional
        As for `success_map`; the names must be those that `wanted_stage` uses. Default: the stages on record in `goals`, in order of the age of accounts at
        them, each entered with the first goal set at it or the first one reached that was to lead to it; the furthest counts.
    order : bool
        As for `success_map`; with the default stages without meaning.
    by : str or list of str, optional
        Columns of `accounts` to group by.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates, unit `share`, Wilson limits. Metric `behind_wanted_share`, `n` = customers that want a stage of the map; `behind_wanted_by_stage`, the same
        by the stage they are at now (keys `step` and `stage`; a stage without such a customer has no row); `wanted_stage_known`: customers that want a stage
        of the map, of all customers.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError, ParameterError
        As for `success_map`; no `goals` or no `wanted_stage`; no wanted stage is on the map.

    References
    ----------
    Wilson (1927), Journal of the American Statistical Association 22, 209-212.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> sorted(set(cs.behind_wanted_share(ds)["metric"]))
    ['behind_wanted_by_stage', 'behind_wanted_share', 'wanted_stage_known']
    """
    check_conf_level(conf_level)
    named = recorded_stages(ds) if stages is None else stages_or_default(ds, stages)
    keys = group_columns(by)
    accounts = standing(ds, journeys(ds, named, order=order and stages is not None, by=by), count=len(named), keys=keys)
    present = _with_wanted(ds, accounts[~accounts["left"]], named)
    wanting = present[present["wanted"].notna()].assign(behind=lambda rows: rows["step"] < rows["wanted"])
    parts = [_share(wanting, keys, flag="behind", metric="behind_wanted_share", conf_level=conf_level)]
    parts.append(with_stage(_share(wanting, [*keys, "step"], flag="behind", metric="behind_wanted_by_stage", conf_level=conf_level), named))
    parts.append(_share(present.assign(known=present["wanted"].notna()), keys, flag="known", metric="wanted_stage_known", conf_level=conf_level))
    table = stack(parts)
    return as_named(table[[*keys, "step", "stage", *table.columns.drop([*keys, "step", "stage"])]])


def stuck_accounts(ds: Dataset, stages: Stages = None, *, order: bool = True, usual: float = 0.9, least: int = 10) -> pd.DataFrame:
    """Customers that have been in their stage longer than nearly all who moved on from it, longest over the usual time first.

    The usual time of a stage is the day by which a share `usual` of those who move on have done so, read off the cumulative incidence of moving on, with
    accounts still in the stage counted as far as they were seen. One in ten of those who move on takes longer, and where few move on most are on the list:
    it says whom to ask, not who is lost. With `subscriptions` only accounts with a running one are on it.

    Parameters
    ----------
    ds : Dataset
        As for `success_map`.
    stages, order
        As for `success_map`.
    usual : float
        Share of those who move on that is usual.
    least : int
        A stage that fewer accounts have moved on from has no usual time, and nobody is stuck in it.

    Returns
    -------
    DataFrame
        One row a customer: `account_id`, `name`, `stage`, `days_in_stage`, `usual_days`, `wanted_stage` (of the latest goal that names one) and `mrr` (a month
        at `as_of`, in the reporting currency); the last ones and the name are missing where the dataset does not have them. The last stage has no next one.

    Raises
    ------
    MissingTableError, NotEnoughDataError, ParameterError
        As for `success_map`; `usual` does not lie between 0 and 1.

    References
    ----------
    Aalen and Johansen (1978), Scandinavian Journal of Statistics 5, 141-150.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> cs.stuck_accounts(ds, ["signed_up", "imported_data", "goal reached"]).columns[:4].tolist()
    ['account_id', 'name', 'stage', 'days_in_stage']
    """
    if not 0 < usual < 1:
        raise ParameterError(f"usual must lie between 0 and 1, such as 0.9, not {usual!r}.")
    named = stages_or_default(ds, stages)
    table = journeys(ds, named, order=order)
    accounts = standing(ds, table, count=len(named))
    present = _customers(ds, accounts[~accounts["left"] & (accounts["step"] < len(named))])
    days = (cutoff(ds) - present["entered_at"]) / timedelta(days=1)
    usually = _usual_days(stage_waits(ds, table, count=len(named)), usual=usual, least=least)
    rows = present.assign(days_in_stage=days, usual_days=present["step"].map(usually), stage=present["step"].map(stage_names(named)))
    stuck = rows[rows["days_in_stage"] > rows["usual_days"]]
    over = (stuck["usual_days"] - stuck["days_in_stage"]).rename("over")
    ordered = stuck.assign(over=over).sort_values(["over", "account_id"], kind="stable")
    return _described(ds, ordered)[_LIST].reset_index(drop=True)


def _customers(ds: Dataset, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the accounts that have a subscription of any kind, of those that have not left."""
    if "subscriptions" not in ds.tables:
        return rows
    stays = first_stays(ds)
    there = engine_of(ds).run(stays.filter(stays.left_at.isnull()).select("account_id").order_by("account_id"))
    return rows[rows["account_id"].isin(there["account_id"])]


def _with_wanted(ds: Dataset, rows: pd.DataFrame, stages: dict[str, list[str]]) -> pd.DataFrame:
    """Return the accounts with the number of the stage they want; missing: none of the map."""
    number = {name: step for step, name in stage_names(stages).items() if step}
    said = wanted_stages(ds)
    wanted = rows["account_id"].map(said.set_index("account_id")["wanted_stage"]).map(number)
    if len(said) and not said["wanted_stage"].isin(number).any():
        raise ParameterError(
            f"no wanted stage of `goals` is on the map: goals want {', '.join(sorted(set(map(str, said['wanted_stage'])))[:5])}, the map has "
            f"{', '.join(stages)}. Give the stages the names that `goals` uses."
        )
    return rows.assign(wanted=wanted.astype("float64"))


def _share(rows: pd.DataFrame, keys: list[str], *, flag: str, metric: str, conf_level: float) -> pd.DataFrame:
    shown, group = grouped(rows, keys)
    n = np.bincount(group, minlength=len(shown))
    share = wilson(np.bincount(group, rows[flag].to_numpy("float64"), minlength=len(shown)), n, conf_level=conf_level)
    return estimates(shown, metric=metric, unit="share", **share._asdict(), n=n)


def _usual_days(waits: pd.DataFrame, *, usual: float, least: int) -> pd.Series:
    """Return by stage the day by which the share of those who move on has done so."""
    curve = cumulative_incidence(waits, ["step"])
    moved = curve[curve["ended_by"] == "moved"]
    enough = waits[waits["ended_by"] == "moved"].groupby("step")["count"].sum()
    height = moved.groupby("step")["estimate"].transform("max")
    there = moved[(moved["estimate"] >= usual * height - _SAME) & moved["step"].isin(enough.index[enough >= least])]
    return there.groupby("step")["time_days"].min()


def _described(ds: Dataset, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the accounts with their name, what they want and what they pay."""
    names = engine_of(ds).run(relation(ds, "accounts").select("account_id", "name").order_by("account_id")).set_index("account_id")["name"]
    told = rows.assign(name=rows["account_id"].map(names), wanted_stage=None, mrr=np.nan)
    if "goals" in ds.tables and "wanted_stage" in ds.tables["goals"].columns:
        told["wanted_stage"] = told["account_id"].map(wanted_stages(ds).set_index("account_id")["wanted_stage"])
    if "subscriptions" in ds.tables:
        told["mrr"] = told["account_id"].map(paid_now(ds).set_index("account_id")["amount"]).astype("float64")
    return told
