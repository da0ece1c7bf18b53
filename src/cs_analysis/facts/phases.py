"""The phases of subscriptions that count under a policy, each with the end and the amount that the policy gives it."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from cs_analysis.data.dataset import Dataset, engine_of, relation
from cs_analysis.errors import MissingColumnsError
from cs_analysis.facts.groups import By, group_columns, with_groups
from cs_analysis.facts.kept import kept
from cs_analysis.facts.policy import RevenuePolicy, needed_columns, policy_of
from cs_analysis.facts.uses import later
from cs_analysis.windows import parse_window

MONEY = "decimal(18, 4)"
NEVER = ibis.timestamp("9999-12-31 00:00:00")


@kept
def effective_phases(ds: Dataset, *, by: By = None, policy: RevenuePolicy | str = "default") -> ir.Table:
    """Return the phases that count under a policy, staged; spells, months and movements are all made from them.

    Columns: `account_id`, the group columns (of the phase, else of the account), `subscription_id`, `started_at`, `end_at` (missing: no end
    known; after `as_of`: a scheduled end), `end_reason`, `amount` (0 for a phase that makes a customer without revenue) and its `currency`.
    A phase without length is left out.

    Raises
    ------
    MissingTableError, MissingColumnsError
        No `subscriptions`; an unknown column in `by`; no column for a choice of the policy.
    """
    policy = policy_of(policy)
    counted = _counted(ds, by=by, policy=policy)
    limited = _within_grace(_with_ends(ds, counted, policy), policy)
    lasting = limited.filter(limited.end_at.isnull() | (limited.end_at > limited.started_at))
    columns = ["account_id", *group_columns(by), "subscription_id", "started_at", "end_at", "end_reason", "amount", "currency"]
    phases = engine_of(ds).stage(lasting.select(*columns))
    return phases if policy.bridged_gap is None else engine_of(ds).stage(_bridged(phases, policy.bridged_gap))


def _counted(ds: Dataset, *, by: By, policy: RevenuePolicy) -> ir.Table:
    """Return the phases whose kind counts, with their amounts."""
    rows = relation(ds, "subscriptions")
    handle = ds.tables["subscriptions"]
    for choices in needed_columns(policy):
        if not set(choices) & set(handle.columns):
            raise MissingColumnsError(choices[:1], handle.columns, table="subscriptions")
    known = with_groups(ds, rows, by, table="subscriptions")
    kind = known.kind.fill_null("paid")
    earning = kind.isin([name for name, how in policy.kinds.items() if how == "revenue"])
    price = known.mrr - known.discount.fill_null(0) if policy.discounts == "net" else known.mrr
    keep = kind.isin([name for name, how in policy.kinds.items() if how != "nobody"])
    if policy.zero_amounts == "nobody":
        keep = keep & (~earning | (price != 0))
    if policy.annual_plans == "left_out":
        keep = keep & (known.interval.fill_null("month") != "year")
    columns = ["subscription_id", "started_at", "ended_at", "cancelled_at", "renewal_at", "interval", "end_reason", "currency"]
    amount = money(ibis.ifelse(earning, price, 0))
    return known.filter(keep).select("account_id", *group_columns(by), *columns, kind=kind, amount=amount, phase_at="started_at")


def _with_ends(ds: Dataset, phases: ir.Table, policy: RevenuePolicy) -> ir.Table:
    """Return the phases with `end_at`, by the policy's churn date."""
    if policy.churn_date == "paid_through":
        return _paid_through(ds, phases)
    if policy.churn_date == "service_end":
        return phases.mutate(end_at=phases.ended_at)
    earlier = phases.cancelled_at.notnull() & (phases.ended_at.isnull() | (phases.cancelled_at < phases.ended_at))
    return phases.mutate(end_at=ibis.ifelse(earlier, phases.cancelled_at, phases.ended_at))


def _paid_through(ds: Dataset, phases: ir.Table) -> ir.Table:
    """Return the phases with an `end_at` at the end of the time that was paid, or where the account's next phase begins."""
    staged = engine_of(ds).stage(phases)
    others = relation(ds, "subscriptions").select(owner="account_id", next_at="started_at")
    ended = staged.filter(staged.ended_at.notnull() & staged.kind.isin(["paid", "metered"]))
    following = ended.inner_join(others, [ended.account_id == others.owner, others.next_at >= ended.ended_at])
    soonest = following.group_by(key_id="subscription_id", key_at="phase_at").agg(next_at=following.next_at.min())
    joined = staged.left_join(soonest, [staged.subscription_id == soonest.key_id, staged.phase_at == soonest.key_at])
    paid = ibis.ifelse(joined.renewal_at > joined.ended_at, joined.renewal_at, _interval_end(joined))
    until = ibis.least(paid.fill_null(joined.ended_at), joined.next_at.fill_null(NEVER))
    extended = joined.kind.isin(["paid", "metered"]) & (until > joined.ended_at)
    return joined.mutate(end_at=ibis.ifelse(extended.fill_null(False), until, joined.ended_at)).drop("key_id", "key_at", "next_at")


def _interval_end(phases: ir.Table) -> ir.TimestampValue:
    """Return the end of the billing interval, counted from the phase's start, in which the phase ended; missing without an interval."""
    step = ibis.cases((phases.interval == "year", 12), (phases.interval == "month", 1), else_=ibis.null("int64"))
    months = (phases.ended_at.year() - phases.started_at.year()) * 12 + phases.ended_at.month() - phases.started_at.month()
    whole = (months - months % step).cast("int64")
    last = phases.started_at + whole.as_interval("M")
    return ibis.ifelse(last >= phases.ended_at, last, phases.started_at + (whole + step).cast("int64").as_interval("M"))


def _within_grace(phases: ir.Table, policy: RevenuePolicy) -> ir.Table:
    """Return the phases with those past due ended when their grace is over."""
    if policy.past_due_grace is None:
        return phases
    limit = later(phases.started_at, parse_window(policy.past_due_grace))
    over = (phases.kind == "past_due") & (phases.end_at.isnull() | (phases.end_at > limit))
    return phases.mutate(end_at=ibis.ifelse(over, limit, phases.end_at))


def money(amount: ir.NumericValue) -> ir.DecimalValue:
    """Return an amount as money; through a wider type, because the compiler takes a difference of money for money and the database does not."""
    return amount.cast("decimal(38, 4)").cast(MONEY)


def with_breaks(phases: ir.Table) -> ir.Table:
    """Return the phases with `covered_until`, the latest end of the account's phases before it, and `breaks`, 1 where none of them reaches it."""
    ended = phases.mutate(until=phases.end_at.fill_null(NEVER))
    before = ibis.window(group_by="account_id", order_by=["started_at", "until", "subscription_id"], rows=(None, -1))
    reached = ended.mutate(covered_until=ended.until.max().over(before))
    return reached.mutate(breaks=(reached.covered_until.isnull() | (reached.started_at > reached.covered_until)).cast("int64"))


def _bridged(phases: ir.Table, gap: str) -> ir.Table:
    """Return the phases with the ends before short breaks moved to where the account goes on."""
    flagged = with_breaks(phases)
    short = flagged.filter((flagged.breaks == 1) & (flagged.started_at < later(flagged.covered_until, parse_window(gap))))
    bridges = short.select(gap_of="account_id", gap_at="covered_until", on_at="started_at").distinct()
    joined = phases.left_join(bridges, [phases.account_id == bridges.gap_of, phases.end_at == bridges.gap_at])
    return joined.mutate(end_at=ibis.coalesce(joined.on_at, joined.end_at)).drop("gap_of", "gap_at", "on_at")
