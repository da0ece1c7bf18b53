"""Tickets with all that says whether the first contact solved them: resolution, reopening, answers, flag, and the account's next ticket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from cs_analysis.data.dataset import Dataset, engine_of, relation
from cs_analysis.data.surveys import scale_of
from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.facts.groups import MISSING_GROUP, By, group_columns, with_groups
from cs_analysis.facts.responses import answers

Same = Literal["account", "topic", "user"]

NEEDED: Mapping[str, tuple[str, ...]] = {
    "one_touch": ("resolved_at", "touches"),
    "no_reopen": ("resolved_at", "reopened_at"),
    "no_repeat_7": ("resolved_at",),
    "no_repeat_14": ("resolved_at",),
    "no_repeat_30": ("resolved_at",),
    "survey": (),
    "agent_flag": ("resolved_at", "first_contact_resolved"),
}
"""Definition of first contact resolution -> columns of `tickets` without which it cannot be computed."""

SAME: Mapping[str, str] = {"account": "account_id", "topic": "topic", "user": "user_id"}
"""What two tickets must share to be about the same thing -> the column of `tickets` that says so."""

_INSTANTS = ["opened_at", "resolved_at", "reopened_at", "repeat_at", "answered_at"]


def ticket_outcomes(ds: Dataset, *, same: Same | None, survey: str, by: By) -> pd.DataFrame:
    """Return one row a ticket of a known account, by ticket.

    Columns: the group columns, `account_id`, `ticket_id`, the instants (UTC, without zone) `opened_at`, `resolved_at`, `reopened_at`, `repeat_at`
    (opening of the next ticket of the same account, and topic or user, at or after the resolution) and `answered_at` (the first answer to the
    survey about the ticket), then `touches` (float), `flag` and `yes` (what that answer said; boolean). What is not on record is missing.
    """
    tickets = _tickets(ds, same, by=by)
    repeats = _repeats(ds, tickets)
    joined = tickets.left_join(repeats, tickets.ticket_id == repeats.repeat_of).drop("repeat_of", "kind")
    found = engine_of(ds).run(joined.order_by("ticket_id")).merge(survey_answers(ds, survey), on="ticket_id", how="left")
    return found.astype(dict.fromkeys(_INSTANTS, "datetime64[us]") | {"touches": "float64", "flag": "boolean", "yes": "boolean"})


def survey_answers(ds: Dataset, survey: str) -> pd.DataFrame:
    """Return the first answer to a survey about each ticket: `ticket_id`, `answered_at` and `yes`; no row without responses that name tickets.

    Yes is a score among the top ones of the survey's scale; a survey without a known scale is answered with 1 (yes) or 0 (no).

    Raises
    ------
    ParameterError
        A survey without a known scale has another score than these.
    """
    if "responses" not in ds.tables or not {"ticket_id", "score"} <= set(ds.tables["responses"].columns):
        return pd.DataFrame({"ticket_id": pd.Series(dtype="object"), "answered_at": pd.Series(dtype="datetime64[us]"), "yes": pd.Series(dtype="boolean")})
    rows = answers(ds, survey)
    about = rows.filter(rows.ticket_id.notnull()).select("ticket_id", "answered_at", "response_id", "score")
    first = engine_of(ds).run(about.order_by(["ticket_id", "answered_at", "response_id"])).drop_duplicates("ticket_id")
    scale = scale_of(survey, scales=ds.scales)
    off = ~first["score"].isin([0, 1] if scale is None else scale.scores)
    if off.any():
        row, known = first[off].iloc[0], "0 (no) or 1 (yes)" if scale is None else f"those of {scale.name}"
        raise ParameterError(f"scores of the survey {survey!r} must be {known}; that of ticket {row['ticket_id']!r} is {row['score']:g}. Name another survey.")
    return first.assign(yes=first["score"].isin((1,) if scale is None else scale.top))[["ticket_id", "answered_at", "yes"]]


def usable_definitions(ds: Dataset, asked: list[str] | None, *, survey: str) -> list[str]:
    """Return the definitions asked for, or all that the columns allow.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `tickets`; columns for a definition that was asked for, or for all of them; a definition that does not exist.
    """
    relation(ds, "tickets")  # raises where there is no such table
    present = ds.tables["tickets"].columns
    if unknown := [name for name in asked or [] if name not in NEEDED]:
        raise ParameterError(f"definitions must be some of {', '.join(NEEDED)}, not {unknown[0]!r}.")
    if asked is not None and not asked:
        raise ParameterError(f"definitions must name at least one of {', '.join(NEEDED)}; leave it out for all that the columns allow.")
    lacking = {name: [column for column in NEEDED[name] if column not in present] for name in asked or NEEDED}
    if "survey" in lacking and survey_answers(ds, survey).empty:
        lacking["survey"] = [f"an answer to the survey {survey!r} with ticket_id in responses"]
    usable = [name for name in NEEDED if name in lacking and not lacking[name]]
    if not usable or (asked and len(usable) < len(lacking)):
        wanted = [f"{' and '.join(columns)} (for {name})" for name, columns in lacking.items() if columns]
        raise MissingColumnsError(wanted, present, table="tickets")
    return usable


def calendar_periods(ds: Dataset, instants: pd.Series, period: str) -> pd.Series:
    """Return the first local day of the calendar period of each instant (UTC, without zone)."""
    if not len(instants):
        return instants.astype("datetime64[us]")
    bounds = ds.calendar.period_bounds(instants.min().tz_localize("UTC"), instants.max().tz_localize("UTC") + pd.Timedelta(1, "us"), period)  # type: ignore[arg-type]
    starts = bounds["start_at"].dt.tz_localize(None).to_numpy("datetime64[us]")
    days = bounds["start_at"].dt.tz_convert(ds.calendar.zone).dt.tz_localize(None).dt.normalize().to_numpy("datetime64[us]")
    return pd.Series(days[np.searchsorted(starts, instants.to_numpy("datetime64[us]"), side="right") - 1], index=instants.index)


def _tickets(ds: Dataset, same: Same | None, *, by: By) -> ir.Table:
    """Return the tickets of known accounts with `kind`, what a repeated ticket shares with the first beside the account; staged."""
    present = ds.tables["tickets"].columns
    chosen = same or ("topic" if "topic" in present else "account")
    if chosen not in SAME:
        raise ParameterError(f"same must be one of {', '.join(SAME)}, not {same!r}.")
    if SAME[chosen] not in present:
        raise MissingColumnsError([SAME[chosen]], present, table="tickets")
    rows = with_groups(ds, relation(ds, "tickets"), by, table="tickets")
    kind = rows[SAME[chosen]].cast("string").fill_null(MISSING_GROUP)
    names = ["account_id", "ticket_id", "opened_at", "resolved_at", "reopened_at", "touches"]
    return engine_of(ds).stage(rows.select(*group_columns(by), *names, flag=rows.first_contact_resolved, kind=kind))


def _repeats(ds: Dataset, tickets: ir.Table) -> ir.Table:
    """Return for each ticket the opening of the next one of its account and kind, at or after its resolution.

    Openings are numbered, and the number of openings before a resolution says which one follows: that, or where it is the ticket's own, the next.
    Comparing all tickets of an account with each other would take forever where one account stands for all.
    """
    of = ["account_id", "kind", "ticket_id"]
    openings = tickets.select(*of, at="opened_at", opened=ibis.literal(1))
    both = openings.union(tickets.filter(tickets.resolved_at.notnull()).select(*of, at="resolved_at", opened=ibis.literal(0)))
    so_far = ibis.window(group_by=["account_id", "kind"], order_by=["at", "opened", "ticket_id"], rows=(None, 0))
    numbered = engine_of(ds).stage(both.mutate(number=both.opened.sum().over(so_far).cast("int64")))
    resolved = numbered.filter(numbered.opened == 0)
    wanted = resolved.mutate(number=resolved.number + 1).union(resolved.mutate(number=resolved.number + 2)).drop("at", "opened")
    following = numbered.filter(numbered.opened == 1).select("account_id", "kind", "number", again="ticket_id", again_at="at")
    found = wanted.inner_join(following, ["account_id", "kind", "number"])
    others = found.filter(found.again != found.ticket_id)
    return others.group_by(repeat_of=others.ticket_id).agg(repeat_at=others.again_at.min())
