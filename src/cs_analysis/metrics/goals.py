"""Whether customers reach the goals agreed with them, in time, and with an experience that suits them."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd

from cs_analysis.data.dataset import Dataset
from cs_analysis.errors import ParameterError
from cs_analysis.facts.groups import By, as_named, group_columns
from cs_analysis.facts.journey_goals import goal_rows, goals_by_target
from cs_analysis.facts.score_tables import scored_answers
from cs_analysis.stats.clusters import clustered_share
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.risk import grouped
from cs_analysis.stats.stages import share_within
from cs_analysis.windows import fixed_days, parse_window


def goal_attainment(
    ds: Dataset, *, within: str | timedelta = "90d", due: str | timedelta | None = None, by: By = None, conf_level: float = 0.95
) -> pd.DataFrame:
    """Share of the goals agreed with customers that are reached within a time from their setting, and by their target.

    Goals whose time is not over are no failures: they count as far as they have been seen (1 - Kaplan-Meier), and for the share reached by the target only
    goals whose target has passed count, also those reached early. A goal counts from its setting; one set after the account had left is left out.

    Parameters
    ----------
    ds : Dataset
        Needs `goals`; without `subscriptions` nobody leaves.
    within : str or Timedelta
        Time from setting the goal, its end included, of fixed length ("90d").
    due : str or Timedelta, optional
        How long after it was set a goal without `target_at` is due; default: never.
    by : str or list of str, optional
        Columns of `goals` ("goal") or of `accounts` to group by.
    conf_level : float
        Level of the limits, which are clustered by account.

    Returns
    -------
    DataFrame
        Estimates, unit `share`. Metric `goal_attainment`, `n` = goals: reached within the time, where a goal of an account that has left can not be reached any
        more; missing while no goal was set so long ago. `goal_attainment_if_nobody_left`: with goals of leavers censored when they left.
        `goal_attainment_naive`: reached so far over all goals, a fact, too low while goals are young. `goals_on_time`, `n` = goals due: reached by the
        target. `pending_goal_share`, a fact: goals neither reached nor due, nor of a leaver, over all goals.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError, ParameterError
        No `goals`; an unknown column in `by`; no goal; a window without unit or in calendar months.

    References
    ----------
    Kaplan and Meier (1958), Journal of the American Statistical Association 53, 457-481. Rothman (1978), Journal of Chronic Diseases 31, 557-560 (limits).

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> cs.goal_attainment(ds)["metric"].tolist()[:3]
    ['goal_attainment', 'goal_attainment_if_nobody_left', 'goal_attainment_naive']
    """
    horizon, keys = pd.Timedelta(fixed_days(within, name="within"), "D"), group_columns(by)
    goals = goal_rows(ds, due=None if due is None else parse_window(due, name="due"), by=by)
    parts = []
    for metric, until in _ends(goals).items():
        waits = goals.assign(duration_days=goals["reached_days"].fillna(until), observed=goals["reached_days"].notna())
        parts.append(share_within(waits, keys, horizon=horizon, cluster="account_id", conf_level=conf_level).assign(metric=metric))
    shown, group = grouped(goals, keys)
    n = np.bincount(group)
    decided = goals["reached_at"].notna() | goals.index.isin(goals_by_target(ds, goals).index) | goals["left_days"].notna()
    facts = {"goal_attainment_naive": goals["reached_at"].notna(), "pending_goal_share": ~decided}
    naive, pending = (estimates(shown, metric=name, unit="share", estimate=np.bincount(group, flag) / n, n=n) for name, flag in facts.items())
    on_time = _clustered(goals_by_target(ds, goals), "on_time", "goals_on_time", keys=keys, groups=shown, conf_level=conf_level)
    return as_named(stack([*parts, naive, on_time, pending]))


def goal_and_experience(ds: Dataset, *, survey: str = "csat", due: str | timedelta | None = None, by: By = None, conf_level: float = 0.95) -> pd.DataFrame:
    """Share of due goals that were reached in time by customers who were satisfied on the way: the outcome they require, with the experience they want.

    The outcome is a goal reached by its target. The experience is the account's last answer from the setting of the goal to its target: satisfied is a score in
    the top box of the survey's usual scale. Only goals whose target has passed count. What those who kept silent would have said is not known: beside the
    share among goals with an answer stand the lowest and the highest share possible among all.

    Parameters
    ----------
    ds : Dataset
        Needs `goals` and `responses`.
    survey : str
        The survey that says whether customers are satisfied.
    due : str or Timedelta, optional
        As for `goal_attainment`.
    by : str or list of str, optional
        As for `goal_attainment`.
    conf_level : float
        Level of the limits, which are clustered by account.

    Returns
    -------
    DataFrame
        Estimates, unit `share`. Metric `goal_and_experience`, `n` = due goals with an answer. Of the same goals `goal_without_experience` (reached, not
        satisfied) and `experience_without_goal`. Metrics `goal_and_experience_lowest` and `goal_and_experience_highest`, `n` = due goals: if all who kept
        silent were dissatisfied, or satisfied; facts without limits.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError, ParameterError
        No `goals` or `responses`; an unknown column in `by`; no goal; the survey has no known scale or no top box.

    References
    ----------
    Murphy (2016), on required outcome and appropriate experience. Manski (1989), Journal of Human Resources 24, 343-360 (bounds).

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=60, months=12)
    >>> cs.goal_and_experience(ds)["metric"].tolist()[:2]
    ['goal_and_experience', 'goal_without_experience']
    """
    check_conf_level(conf_level)
    keys = group_columns(by)
    goals = goal_rows(ds, due=None if due is None else parse_window(due, name="due"), by=by)
    shown, _ = grouped(goals, keys)
    told = _with_experience(goals_by_target(ds, goals), ds, survey)
    answered, satisfied, reached = (told[name].to_numpy(bool) for name in ("answered", "satisfied", "on_time"))
    shares = {
        "goal_and_experience": reached & satisfied,
        "goal_without_experience": reached & ~satisfied,
        "experience_without_goal": ~reached & satisfied,
    }
    of_answers = [
        _clustered(told.assign(flag=flag)[answered], "flag", metric, keys=keys, groups=shown, conf_level=conf_level) for metric, flag in shares.items()
    ]
    bounds = {"lowest": reached & satisfied, "highest": reached & (satisfied | ~answered)}
    facts = [_clustered(told.assign(flag=flag), "flag", f"goal_and_experience_{name}", keys=keys, groups=shown) for name, flag in bounds.items()]
    return as_named(stack([*of_answers, *facts]))


def _ends(goals: pd.DataFrame) -> dict[str, pd.Series]:
    """Return until when goals that were not reached were watched: to `as_of`, as those of leavers are known not to be reached, or until the account left."""
    return {"goal_attainment": goals["watched_days"], "goal_attainment_if_nobody_left": goals["left_days"].fillna(goals["watched_days"])}


def _with_experience(goals: pd.DataFrame, ds: Dataset, survey: str) -> pd.DataFrame:
    """Return the goals with whether their account answered between setting and target, and was satisfied the last time it did."""
    answers, scale = scored_answers(ds, survey)
    if not scale.top:
        raise ParameterError(f"the survey must have a scale with a top box, which {survey!r} has not. Take one of csat, ces and nps.")
    pairs = goals[["account_id", "set_at", "due_at"]].reset_index(names="row").merge(answers[["account_id", "answered_at", "top"]], on="account_id")
    inside = pairs[(pairs["answered_at"] >= pairs["set_at"]) & (pairs["answered_at"] <= pairs["due_at"])]
    last = inside.sort_values(["answered_at", "top"], kind="stable").drop_duplicates("row", keep="last").set_index("row")["top"]
    return goals.assign(answered=goals.index.isin(last.index), satisfied=goals.index.isin(last.index[last.astype(bool)]))


def _clustered(rows: pd.DataFrame, flag: str, metric: str, *, keys: list[str], groups: pd.DataFrame, conf_level: float | None = None) -> pd.DataFrame:
    """Return the share of rows with a flag by group, with limits clustered by account unless it is a fact."""
    together = pd.concat([groups[keys], rows[keys]], ignore_index=True) if keys else pd.DataFrame(index=range(len(groups) + len(rows)))
    _, code = grouped(together, keys)
    units = rows.assign(code=code[len(groups) :], flag=rows[flag].to_numpy("float64"))
    sums = units.groupby(["code", "account_id"], sort=True)["flag"].agg(["sum", "size"]).reset_index()
    padded = pd.concat([sums, pd.DataFrame({"code": range(len(groups)), "sum": 0.0, "size": 0})], ignore_index=True)
    n = np.bincount(padded["code"], padded["size"])
    share = clustered_share(padded["sum"], padded["size"], groups=padded["code"], conf_level=conf_level or 0.95)
    limits = share._asdict() if conf_level else {"estimate": share.estimate}
    return estimates(groups, metric=metric, unit="share", **limits, n=n)
