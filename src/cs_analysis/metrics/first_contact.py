"""First contact resolution: the share of tickets that one answer solved for good, under every definition that the columns allow."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset, cutoff
from cs_analysis.facts.first_contact import Same, calendar_periods, ticket_outcomes, usable_definitions
from cs_analysis.facts.groups import By, as_named, group_columns
from cs_analysis.stats.clusters import clustered_share
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.windows import fixed_days, parse_window

Definitions = str | Sequence[str] | None


class _Rule(NamedTuple):
    """What a ticket is judged by: how long it may take, and for how long it is watched for a reopening or an answer after that."""

    solve_within: pd.Timedelta
    window: pd.Timedelta


def first_contact_resolution(
    ds: Dataset,
    *,
    definitions: Definitions = None,
    solve_within: str | pd.Timedelta = "14d",
    window: str | pd.Timedelta = "14d",
    same: Same | None = None,
    survey: str = "fcr",
    period: Period | None = None,
    by: By = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Share of tickets solved at the first contact, under each of several definitions side by side.

    All definitions but `survey` ask that the ticket was resolved within `solve_within` of its opening, and besides:

    `one_touch`
        it took one answer (`touches` is 1);
    `no_reopen`
        it was not opened again until `window` after the resolution; one whose last resolution came after a reopening was;
    `no_repeat_7`, `no_repeat_14`, `no_repeat_30`
        the same account opened no further ticket (`same`: of the topic, by the user) from the instant of the resolution to 7, 14, 30 days after it;
    `survey`
        instead of all this, the customer said so in the survey about the ticket, until `window` after `solve_within` was over;
    `agent_flag`
        `first_contact_resolved` is true.

    A ticket counts when all it is judged by is over: `solve_within` since its opening, and then the definition's own window. All tickets are so judged
    at one age, slow ones like quick ones; who is not resolved by then was not solved at the first contact. Counting the resolved instead (the naive
    figure) leaves the slow and the unsolved out, and takes young ones for solved which come back later.

    Left out is what is not on record: tickets without an answer to the survey, resolved ones without `touches` or flag, and for these two
    definitions the ones opened again after `solve_within`, whose values were written over later. A ticket resolved anew after a reopening
    counts with its last resolution, the only one on record.

    Parameters
    ----------
    ds : Dataset
        Needs `tickets`; for `survey` also `responses` with `ticket_id`.
    definitions : str or list of str, optional
        Which; default: all that the columns allow. The others are left out.
    solve_within : str or Timedelta
        How long after its opening a resolution still counts, the end included; all time counts.
    window : str or Timedelta
        How long after the resolution a reopening counts, the end included; and how long an answer to the survey is waited for.
    same : {"account", "topic", "user"}, optional
        What a repeated ticket shares with the first, beside the account. Default: the topic where there is the column, else nothing.
    survey : str
        Survey whose answer says it: a score among the top ones of its scale, or 1 in a survey without a known scale (0 means no).
    period : {"day", "week", "month", "quarter", "year"}, optional
        A row for each calendar period in which tickets were opened.
    by : str or list of str, optional
        Columns of `tickets` or `accounts` to group by.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the keys `period` if asked for and `definition`, unit `share`. Metric `first_contact_resolution`, `n` = tickets that count, limits
        clustered by account; missing where none counts, the limits also where several tickets come from one account. Metric
        `first_contact_resolution_naive`: the same among all tickets resolved so far, a fact without limits, `n` = those.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `tickets`; columns that a definition named needs, or that all of them need; an unknown definition or `same`; a window in calendar
        months, which has no fixed length; a survey score that is neither.

    References
    ----------
    Help pages and guides, as read in 2026: Zendesk, How are one-touch resolutions calculated? (solved tickets with one agent reply). Freshworks, How do you
    calculate FCR? (resolved tickets without a further customer interaction, over those resolved in the period: the naive form). Intercom, Reporting metrics
    and attributes (closed once, with one teammate). MetricNet, Desktop support metrics, part 5 (the technician's tick or the customer's answer). SQM Group,
    First call resolution measurement best practice (no repeat call; the customer's answer is held to be the most accurate).
    Korn and Graubard (1998), Survey Methodology 24, 193-201 (limits).

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> cs.first_contact_resolution(ds, definitions=["one_touch", "no_repeat_7"])[["definition", "metric"]].head(2).to_dict("records")
    [{'definition': 'one_touch', 'metric': 'first_contact_resolution'}, {'definition': 'no_repeat_7', 'metric': 'first_contact_resolution'}]
    """
    check_conf_level(conf_level)
    judged = _judged_tickets(ds, definitions, rule=_rule(solve_within, window), same=same, survey=survey, by=by)
    keys = group_columns(by)
    if period is not None:
        judged["period"], keys = calendar_periods(ds, judged["opened_at"], period), [*keys, "period"]
    return as_named(
        stack(
            [
                _shares(judged, [*keys, "definition"], hit="hit", counts="counts", metric="first_contact_resolution", conf_level=conf_level),
                _naive(judged, [*keys, "definition"]),
            ]
        )
    )


def first_contact_agreement(
    ds: Dataset,
    *,
    definitions: Definitions = None,
    solve_within: str | pd.Timedelta = "14d",
    window: str | pd.Timedelta = "14d",
    same: Same | None = None,
    survey: str = "fcr",
    by: By = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Share of tickets that two definitions of first contact resolution judge alike, for every pair of them.

    Two definitions can give one and the same rate and mean different tickets. Agreement is on the tickets that count under both; where most tickets are
    solved at once much of it is by chance.

    Parameters
    ----------
    ds, definitions, solve_within, window, same, survey, by, conf_level
        As for `first_contact_resolution`.

    Returns
    -------
    DataFrame
        Estimates with the keys `definition` and `compared_with`; metric `first_contact_agreement`, unit `share`, `n` = tickets that count under both, limits
        clustered by account; missing as for `first_contact_resolution`. No row with a single definition.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        As for `first_contact_resolution`.

    References
    ----------
    Korn and Graubard (1998), Survey Methodology 24, 193-201 (limits).

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> cs.first_contact_agreement(ds, definitions=["one_touch", "agent_flag"])[["definition", "compared_with"]].to_dict("records")
    [{'definition': 'one_touch', 'compared_with': 'agent_flag'}]
    """
    check_conf_level(conf_level)
    judged = _judged_tickets(ds, definitions, rule=_rule(solve_within, window), same=same, survey=survey, by=by)
    keys = [*group_columns(by), "definition", "compared_with"]
    named = {str(name): rows for name, rows in judged.groupby("definition", observed=True)}
    pairs = [_pair(named[first], named[second], kept=[*group_columns(by), "account_id", "ticket_id"]) for first, second in combinations(named, 2)]
    rows = pd.concat(pairs, ignore_index=True) if pairs else judged.head(0).assign(compared_with="", alike=False)
    return as_named(_shares(rows, keys, hit="alike", counts="counts", metric="first_contact_agreement", conf_level=conf_level))


def _rule(solve_within: str | pd.Timedelta, window: str | pd.Timedelta) -> _Rule:
    lengths = {"solve_within": solve_within, "window": window}
    for name, length in lengths.items():
        fixed_days(length, name=name)
    return _Rule(*(pd.Timedelta(parse_window(length).microseconds, "us") for length in lengths.values()))


def _judged_tickets(ds: Dataset, definitions: Definitions, *, rule: _Rule, same: Same | None, survey: str, by: By) -> pd.DataFrame:
    """Return one row a definition and ticket: the group columns, `account_id`, `ticket_id`, `opened_at`, and what it says.

    `counts` and `hit` are of the definition, `counts_naive` and `hit_naive` of its naive form.
    """
    asked = [definitions] if isinstance(definitions, str) else None if definitions is None else list(definitions)
    usable = usable_definitions(ds, asked, survey=survey)
    tickets = ticket_outcomes(ds, same=same, survey=survey, by=by)
    kept = tickets[[*group_columns(by), "account_id", "ticket_id", "opened_at"]]
    judged = [kept.assign(definition=name, **_judgement(tickets, name, rule=rule, end=cutoff(ds))) for name in usable]
    rows = pd.concat(judged, ignore_index=True)
    return rows.assign(definition=pd.Categorical(rows["definition"], categories=usable, ordered=True))


def _judgement(tickets: pd.DataFrame, name: str, *, rule: _Rule, end: pd.Timestamp) -> dict[str, pd.Series]:
    """Return which tickets count under a definition and which it holds for, in its own and in its naive form."""
    resolved, due = tickets["resolved_at"], tickets["opened_at"] + rule.solve_within
    solved = resolved <= due
    watched, good, known = _definition(tickets, name, rule=rule)
    over = due + watched < end
    if name == "survey":
        answered = tickets["answered_at"]
        return {"counts": over & (answered <= due + watched), "hit": good, "counts_naive": answered.notna(), "hit_naive": good}
    overwritten = (tickets["reopened_at"] > due) & (name in ("one_touch", "agent_flag"))
    return {"counts": over & (~solved | (known & ~overwritten)), "hit": solved & good, "counts_naive": resolved.notna() & known, "hit_naive": good}


def _definition(tickets: pd.DataFrame, name: str, *, rule: _Rule) -> tuple[pd.Timedelta, pd.Series, pd.Series]:
    """Return for how long tickets are watched beyond their resolution, for which of the resolved the definition holds, and of which that is known."""
    everywhere = pd.Series(True, index=tickets.index)
    if name == "survey":
        return rule.window, tickets["yes"].fillna(False).astype("bool"), everywhere
    if name == "one_touch":
        return pd.Timedelta(0), tickets["touches"] == 1, tickets["touches"].notna()
    if name == "agent_flag":
        return pd.Timedelta(0), tickets["flag"].fillna(False).astype("bool"), tickets["flag"].notna()
    again, watched = ("reopened_at", rule.window) if name == "no_reopen" else ("repeat_at", pd.Timedelta(int(name.rsplit("_", 1)[1]), "D"))
    return watched, ~(tickets[again] <= tickets["resolved_at"] + watched), everywhere


def _shares(rows: pd.DataFrame, keys: list[str], *, hit: str, counts: str, metric: str, conf_level: float) -> pd.DataFrame:
    """Return the share of hits among the rows that count, of every group there is, with limits clustered by account."""
    flagged = rows[[*keys, "account_id"]].assign(units=rows[counts].astype("int64"), hits=(rows[counts] & rows[hit]).astype("int64"))
    cells = flagged.groupby([*keys, "account_id"], observed=True, dropna=False, sort=True).sum().reset_index()
    groups = cells.groupby(keys, observed=True, dropna=False, sort=True)
    share = clustered_share(cells["hits"], cells["units"], groups=groups.ngroup().to_numpy(), conf_level=conf_level)
    n = groups["units"].sum().reset_index()
    return estimates(_text(n[keys]), metric=metric, unit="share", **share._asdict(), n=n["units"])


def _naive(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return the share among the tickets resolved so far."""
    flagged = rows[keys].assign(units=rows["counts_naive"].astype("int64"), hits=(rows["counts_naive"] & rows["hit_naive"]).astype("int64"))
    sums = flagged.groupby(keys, observed=True, dropna=False, sort=True).sum().reset_index()
    share = sums["hits"] / sums["units"].where(sums["units"] > 0)
    return estimates(_text(sums[keys]), metric="first_contact_resolution_naive", unit="share", estimate=share, n=sums["units"])


def _pair(first: pd.DataFrame, second: pd.DataFrame, *, kept: list[str]) -> pd.DataFrame:
    """Return the tickets of one definition beside those of another: whether they count under both, and are judged alike."""
    other = second[["ticket_id", "counts", "hit", "definition"]].set_axis(["ticket_id", "counts_there", "hit_there", "compared_with"], axis=1)
    both = first[[*kept, "definition", "counts", "hit"]].merge(other, on="ticket_id", validate="one_to_one")
    return both.assign(counts=both["counts"] & both["counts_there"], alike=both["hit"] == both["hit_there"])


def _text(keys: pd.DataFrame) -> pd.DataFrame:
    """Return keys with the names of definitions as text; as categories they were in the order of the docstring."""
    return keys.astype({name: "object" for name in ("definition", "compared_with") if name in keys.columns})
