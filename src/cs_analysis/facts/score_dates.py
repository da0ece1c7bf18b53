"""What accounts had said by a date: beside what they had reached by then, and before what became of them afterwards."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import numpy as np
import pandas as pd

from cs_analysis.data.dataset import Dataset, cutoff, engine_of, relation
from cs_analysis.data.surveys import Scale, folded
from cs_analysis.facts.feature_dates import FeatureDates
from cs_analysis.facts.groups import By, group_columns, with_groups
from cs_analysis.facts.outcomes import churn_outcomes, outcome_windows
from cs_analysis.facts.policy import RevenuePolicy
from cs_analysis.facts.score_tables import scored_answers
from cs_analysis.windows import Window, fixed_days, parse_window

Unit = Literal["account", "answer"]

NO_ANSWER = "(no answer)"
NOT_ASKED = "(not asked)"
_NAMES = {"nps": ("detractor", "passive", "promoter")}


def grouped_accounts(ds: Dataset, *, by: By = None) -> pd.DataFrame:
    """Return one row an account known at `as_of`, with the columns of `by`, which are those of `accounts`."""
    rows = with_groups(ds, relation(ds, "accounts").select("account_id"), by, table=None)
    return engine_of(ds).run(rows.select(*group_columns(by), "account_id").order_by("account_id"))


def success_rows(ds: Dataset, *, survey: str, scale: str | None = None, unit: Unit = "account", due: str | timedelta | None = None) -> pd.DataFrame:
    """Return one row an answer (of an account the last, or every one) with the state of the account's goals when it was given.

    A goal counts from `set_at`. It was `reached` if it had been reached by then, late or not; `missed` if it was due by then and had not; otherwise it was
    `pending`. It is due at `target_at`, without one `due` after it was set, without that never.

    Columns, by instant and identifier of the answer: `account_id`, `answered_at`, `good` (0 worst, 1 best), `satisfied` (in the scale's top box),
    `reached`, `missed`, `pending` (numbers of goals).
    """
    answers, _ = scored_answers(ds, survey, scale=scale)
    said = answers[["account_id", "answered_at", "good"]].assign(satisfied=answers["top"])
    said = said[said["account_id"].isin(grouped_accounts(ds)["account_id"])]
    if unit == "account":
        said = said.drop_duplicates("account_id", keep="last")
    said = said.reset_index(drop=True)
    states = _goal_states(said.reset_index(names="row"), _goals(ds, due))
    return said.join(states).fillna(dict.fromkeys(states, 0)).astype(dict.fromkeys(states, "int64"))


def _goals(ds: Dataset, due: str | timedelta | None) -> pd.DataFrame:
    """Return the goals with when they were set, are due and were reached."""
    found = relation(ds, "goals").select("account_id", "goal", "set_at", "target_at", "reached_at")
    goals = engine_of(ds).run(found.order_by("account_id", "set_at", "goal", "target_at", "reached_at"))
    if due is not None:
        length = parse_window(due, name="due")
        late = goals["set_at"] + pd.DateOffset(months=length.months) + pd.Timedelta(length.microseconds, "us")
        goals["target_at"] = goals["target_at"].fillna(late)
    return goals


def _goal_states(said: pd.DataFrame, goals: pd.DataFrame) -> pd.DataFrame:
    """Return how many goals were reached, missed and pending when each answer was given; no row without a goal."""
    pairs = said[["row", "account_id", "answered_at"]].merge(goals, on="account_id")
    pairs = pairs[pairs["set_at"] <= pairs["answered_at"]]
    reached = pairs["reached_at"] <= pairs["answered_at"]
    missed = ~reached & (pairs["target_at"] <= pairs["answered_at"])
    return pairs[["row"]].assign(reached=reached, missed=missed, pending=~reached & ~missed).groupby("row").sum()


def score_classes(scale: Scale) -> tuple[str, str, str]:
    """Return what answers outside both boxes and in them are called: of the bottom box, neither, the top box."""
    return _NAMES.get(scale.name, ("bottom box", "middle", "top box"))


def scored_customers(
    ds: Dataset,
    dates: FeatureDates,
    *,
    survey: str,
    scale: str | None = None,
    memory: str | timedelta = "180d",
    horizon: str | timedelta = "180d",
    gap: str | timedelta | None = None,
    by: By = None,
    policy: RevenuePolicy | str = "default",
) -> pd.DataFrame:
    """Return one row a customer at a date with what it had last said by then, and how long it stayed in the window that opens after the gap.

    With E the end of the date, the answer is the account's last one in [E - memory, E): it was given before the window opens. Who was asked in that time
    and has not answered by E is "(no answer)", also if it answered later; who was neither is "(not asked)". Left out is who had given notice by E or
    left within the gap: an answer cannot foretell what was settled. So is a date whose window has not opened before `as_of`.

    Columns, by date and account: `account_id`, the columns of `by`, `at`, `score_class`, `score`, `answered_at` (UTC without zone), `duration_days` since the
    window opened (at most the horizon), `observed` (left in it), `over` (the window is over).
    """
    length = pd.Timedelta(fixed_days(horizon, name="horizon"), "D")
    found = churn_outcomes(ds, dates=dates, horizon=horizon, gap=gap, policy=policy)
    found = found[~found["left_in_gap"] & ~found["notice_given"]].merge(_windows(dates, gap=gap), on="at")
    end = cutoff(ds)
    rows = found[found["opens_at"] < end].merge(grouped_accounts(ds, by=by), on="account_id")
    ended, closes = rows["ended_at"].dt.tz_localize(None), rows["opens_at"] + length
    observed = ended < closes
    until = ended.where(observed, closes.clip(upper=end))
    days = (until - rows["opens_at"]) / pd.Timedelta(1, "D")
    told = rows[["account_id", *group_columns(by), "at", "number", "ends_at"]].assign(duration_days=days, observed=observed, over=closes <= end)
    return last_said(ds, told, survey=survey, scale=scale, memory=memory).sort_values(["at", "account_id"], ignore_index=True)


def _windows(dates: FeatureDates, *, gap: str | timedelta | None) -> pd.DataFrame:
    """Return for each date when it ends and when its window opens (UTC without zone)."""
    frame = dates.frame[["at", "number", "ends_at"]]
    if gap is None or parse_window(gap, name="gap", may_be_nothing=True) == Window(0, 0):
        return frame.assign(opens_at=frame["ends_at"])
    return frame.assign(opens_at=outcome_windows(dates, horizon=gap)["over_at"].dt.tz_localize(None).to_numpy())


def last_said(ds: Dataset, rows: pd.DataFrame, *, survey: str, scale: str | None = None, memory: str | timedelta | None = None) -> pd.DataFrame:
    """Return rows of `account_id` and `ends_at` with `score_class`, `score` and `answered_at` of the account's last answer before; see `scored_customers`.

    Without `memory` answers and requests count however long ago they were.
    """
    answers, used = scored_answers(ds, survey, scale=scale)
    low, middle, high = score_classes(used)
    named = np.select([answers["bottom"], answers["top"]], [low, high], default=middle)
    said = answers[["account_id", "answered_at", "score"]].assign(score_class=named)
    last = _last_before(rows, said, column="answered_at", memory=memory)
    asked = _last_before(rows, _requests(ds, survey), column="asked_at", memory=memory)["asked_at"].notna()
    silent = np.where(asked, NO_ANSWER, NOT_ASKED)
    return rows.assign(score_class=last["score_class"].where(last["score"].notna(), silent), score=last["score"], answered_at=last["answered_at"])


def _requests(ds: Dataset, survey: str) -> pd.DataFrame:
    """Return when each account was asked."""
    responses = relation(ds, "responses")
    asked = responses.filter(responses.survey == folded(survey)).select("account_id", "asked_at")
    return engine_of(ds).run(asked.order_by("asked_at", "account_id"))


def _last_before(rows: pd.DataFrame, facts: pd.DataFrame, *, column: str, memory: str | timedelta | None) -> pd.DataFrame:
    """Return for each row the last fact of its account before `ends_at`, missing where there is none within the memory; of equal instants the last row."""
    given = facts.assign(**{column: facts[column].astype("datetime64[us]")}).sort_values(column, kind="stable")
    wanted = rows[["account_id", "ends_at"]].astype({"ends_at": "datetime64[us]"}).reset_index(names="row").sort_values("ends_at", kind="stable")
    found = pd.merge_asof(wanted, given, left_on="ends_at", right_on=column, by="account_id", allow_exact_matches=False)
    found = found.set_index("row").reindex(rows.index)
    if memory is None:
        return found
    length = parse_window(memory, name="memory")
    since = found["ends_at"] - pd.DateOffset(months=length.months) - pd.Timedelta(length.microseconds, "us")
    return found.where(found[column] >= since)
