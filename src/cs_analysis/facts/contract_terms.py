"""Terms of contracts: each stretch of a subscription from one renewal to the next, and what became of it.

A contract is a subscription, from its first paying phase on. Renewals are local days, because ends are on record to the day or to the second, and
an end within a day of the renewal is an end at it.
"""

from __future__ import annotations

from typing import NamedTuple

import ibis
import ibis.expr.types as ir
import pandas as pd

from cs_analysis.data.dataset import Dataset, cutoff, engine_of, relation
from cs_analysis.errors import ParameterError
from cs_analysis.facts.groups import MISSING_GROUP, By, group_columns
from cs_analysis.facts.phases import MONEY, effective_phases
from cs_analysis.facts.policy import RevenuePolicy
from cs_analysis.facts.renewals import on_the_wall
from cs_analysis.facts.subscriptions import in_reporting_currency, periods_since_first
from cs_analysis.facts.uses import later, offset_changes
from cs_analysis.windows import Window, parse_window

_ONCE = 12_000  # months: a plan that says one renewal and no interval comes round in a thousand years
_FEWEST = 20
_DAY = ibis.interval(days=1)


class _Grace(NamedTuple):
    """How late a renewal may be."""

    window: Window | None

    def after(self, instants: ir.TimestampValue) -> ir.TimestampValue:
        return instants if self.window is None else later(instants, self.window)


def contract_terms(ds: Dataset, *, by: By = None, grace: str | pd.Timedelta | None = None, policy: RevenuePolicy | str = "default") -> ir.Table:
    """Return one row a term of a contract: a stretch that ends with a renewal, with an end or at `as_of`; staged.

    Renewals of a phase are the planned one, `renewal_at`, and with `interval` "year" its anniversaries as far as the phase reaches, before and after it;
    without `renewal_at` the anniversaries of the contract's start by `interval` (missing: a month), on the wall calendar (the last day of
    the month where the month has no such day). An end from the day before a renewal to the day after it is an end at the renewal. After an end the contract has
    gone on if the same subscription begins again, or another of the account begins for the first time, at that instant or within the grace.

    Columns: `account_id`, the group columns (of the phase in force), `contract`, `interval` ("month", "year"; "(missing)" with a plan alone),
    `renewal` (1, 2, ...: which one ends the term, counted on where a new subscription continues the old one), `outcome`, `due_on` (local day of
    the renewal), `decided` (whether the renewal's day, and its grace, are over), `term_days`, `amount` and `currency` of the phase in force,
    `after` and `after_currency` of what followed.
    Outcomes: "renewed"; "lapsed" (ended at the renewal); "ended_early" (before it); "moved" (replaced before it); "running" at `as_of`.

    Raises
    ------
    ParameterError
        None of many planned renewals in the past was made: `renewal_at` seems to hold the next one only.
    """
    window = _Grace(None if grace is None else parse_window(grace, name="grace"))
    phases = _followed(ds, _phases(ds, by=by, policy=policy), window)
    ranged = engine_of(ds).stage(_ranged(phases))
    rows = engine_of(ds).stage(_numbered(_rows(ds, ranged, by), window, now=_now(ds)))
    _refuse_next_only(ds, ranged, rows)
    return _counted_on(ds, phases, rows)


def valued_terms(ds: Dataset, terms: ir.Table, *, policy: RevenuePolicy) -> ir.Table:
    """Return the terms due that have a price, with `amount` and `kept` of it (at most all) in the reporting currency, at the rates of the month of `due_on`."""
    due = terms.filter(terms.outcome.isin(["renewed", "lapsed"])).mutate(month=ibis._.due_on.truncate("M").cast("timestamp(6)"))
    months = periods_since_first(ds, effective_phases(ds, policy=policy), period="month", unfinished=True)
    columns = [name for name in due.columns if name not in ("amount", "currency", "after", "after_currency")]
    first = in_reporting_currency(ds, due.mutate(reporting=due.month).rename(period="month"), months, policy=policy)
    priced = first.select(*(name for name in columns if name != "month"), "after", "after_currency", period="reporting", due="amount")
    second = priced.rename(amount="after", currency="after_currency")
    both = in_reporting_currency(ds, second, months, policy=policy)
    return both.mutate(kept=ibis.least(both.amount, both.due), amount=both.due)


def _now(ds: Dataset) -> pd.Timestamp:
    """Return the end of what is known on the local clock."""
    return cutoff(ds).tz_localize("UTC").tz_convert(ds.calendar.zone).tz_localize(None)


def _phases(ds: Dataset, *, by: By, policy: RevenuePolicy | str) -> ir.Table:
    """Return the phases that count with their plan, local days, and place in the contract; staged."""
    effective = effective_phases(ds, by=by, policy=policy)
    plans = relation(ds, "subscriptions").select("renewal_at", plan_of="subscription_id", phase_at="started_at", billed="interval")
    joined = effective.inner_join(plans, [effective.subscription_id == plans.plan_of, effective.started_at == plans.phase_at])
    changes = _offsets(ds, joined)
    over = joined.end_at.notnull() & (joined.end_at < ibis.literal(cutoff(ds)))
    in_order = ibis.window(group_by="subscription_id", order_by="started_at")
    placed = joined.mutate(
        start_day=_day(on_the_wall(joined.started_at, changes)),
        end_day=ibis.ifelse(over, _day(on_the_wall(joined.end_at, changes)), ibis.null("timestamp(6)")),
        plan_day=_day(on_the_wall(joined.renewal_at, changes)),
        opens=joined.started_at.lag().over(in_order).isnull(),
        resumes=(joined.started_at != joined.end_at.lag().over(in_order)).fill_null(True),
        next_at=joined.started_at.lead().over(in_order),
    )
    yearly = placed.billed == "year"
    start = placed.start_day.min().over(ibis.window(group_by="subscription_id"))
    so_far = ibis.window(group_by="subscription_id", order_by="started_at", rows=(None, 0))
    resumed = ibis.ifelse(placed.resumes, placed.start_day, ibis.null("timestamp(6)")).max().over(so_far)
    said = ibis.ifelse(placed.billed.isnull() & placed.plan_day.isnull(), "month", placed.billed)
    step = ibis.cases((yearly.fill_null(False), 12), (placed.plan_day.notnull(), _ONCE), else_=1)
    return engine_of(ds).stage(
        placed.mutate(anchor=placed.plan_day.fill_null(start), step=step.cast("int64"), every=said.fill_null(MISSING_GROUP), since=resumed).select(
            "account_id",
            *group_columns(by),
            "subscription_id",
            "started_at",
            "end_at",
            "amount",
            "currency",
            "start_day",
            "end_day",
            "opens",
            "since",
            "anchor",
            "step",
            "every",
            planned=placed.plan_day.notnull(),
            goes_on=(placed.next_at == placed.end_at).fill_null(False),
        )
    )


def _offsets(ds: Dataset, phases: ir.Table) -> list[tuple[pd.Timestamp, int]]:
    """Return the changes of the local clock from the first phase to the last plan, or ten years on if that is earlier."""
    end = cutoff(ds)
    found = engine_of(ds).run(phases.agg(first=phases.started_at.min(), last=phases.renewal_at.max()).order_by("first")).iloc[0]
    first = end - pd.Timedelta(1, "us") if pd.isna(found["first"]) else found["first"]
    last = end if pd.isna(found["last"]) else min(max(found["last"], end), end + pd.Timedelta(3653, "D"))
    return offset_changes(ds.calendar, first, last)


def _day(local: ir.TimestampValue) -> ir.TimestampValue:
    return local.truncate("D").cast("timestamp(6)")


def _followed(ds: Dataset, phases: ir.Table, grace: _Grace) -> ir.Table:
    """Return the phases with `after` and `after_currency`, what followed them (missing: nothing), and `before`, the contract that went before; staged."""
    own = phases.filter(phases.end_day.notnull()).select("account_id", "subscription_id", "started_at", "end_at")
    others = phases.select(owner="account_id", follower="subscription_id", at="started_at", opens="opens", price="amount", its_currency="currency")
    same = own.subscription_id == others.follower
    in_time = [own.account_id == others.owner, others.at >= own.end_at, others.at <= grace.after(own.end_at), same | others.opens]
    pairs = engine_of(ds).stage(own.inner_join(others, in_time))
    itself = pairs.subscription_id == pairs.follower
    after = pairs.group_by(ended="subscription_id", ended_from="started_at").agg(
        same=pairs.price.sum(where=itself), others=pairs.price.sum(where=~itself), after_currency=pairs.its_currency.min()
    )
    new = pairs.filter(~itself)
    before = new.group_by("follower").agg(before=new.subscription_id.min())
    joined = phases.left_join(after, [phases.subscription_id == after.ended, phases.started_at == after.ended_from])
    linked = joined.left_join(before, joined.subscription_id == before.follower)
    return engine_of(ds).stage(
        linked.mutate(after=ibis.coalesce(linked.same, linked.others).cast(MONEY)).drop("ended", "ended_from", "same", "others", "follower")
    )


def _ranged(phases: ir.Table) -> ir.Table:
    """Return the phases with the numbers of the first and the last renewal that falls into them, and whether they end with the last."""
    final = phases.end_day.notnull() & ~phases.goes_on
    until = ibis.ifelse(final, phases.end_day + _DAY, phases.end_day)
    since = _last_by(phases, phases.start_day)
    bounded = phases.mutate(final=final, first_number=since + 1, last_number=_last_by(phases, until))
    last_day = _renewal(bounded, bounded.last_number)
    at_renewal = bounded.final & (last_day >= bounded.end_day - _DAY) & (bounded.last_number >= bounded.first_number)
    return bounded.mutate(at_renewal=at_renewal.fill_null(False))


def _last_by(phases: ir.Table, day: ir.TimestampValue) -> ir.IntegerValue:
    """Return the number of the last renewal, counted from the anchor, by a day."""
    months = (day.year() - phases.anchor.year()) * 12 + day.month() - phases.anchor.month()
    number = (months / phases.step).floor().cast("int64")
    return ibis.ifelse(_renewal(phases, number) > day, number - 1, number)


def _renewal(phases: ir.Table, number: ir.IntegerValue) -> ir.TimestampValue:
    return phases.anchor + (number * phases.step).cast("int64").as_interval("M")


def _rows(ds: Dataset, phases: ir.Table, by: By) -> ir.Table:
    """Return the terms that come to a renewal, and those that come to another end or to `as_of`."""
    now = ibis.literal(_now(ds))
    today = now.truncate("D").cast("timestamp(6)")
    reach = ibis.ifelse(phases.end_day.isnull(), _last_by(phases, today - _DAY), phases.last_number)
    limited = phases.mutate(reach=reach)
    most = engine_of(ds).run(limited.agg(most=(limited.reach - limited.first_number).max()).order_by("most"))["most"].iloc[0]
    places = engine_of(ds).lookup(pd.DataFrame({"place": range(0 if pd.isna(most) else max(int(most), -1) + 1)}, dtype="int64"))
    spread = limited.inner_join(places, places.place <= limited.reach - limited.first_number)
    numbered = spread.mutate(due_on=_renewal(spread, spread.first_number + spread.place))
    ends_it = numbered.at_renewal & (numbered.first_number + numbered.place == numbered.last_number)
    last = ends_it | (~numbered.final & (numbered.due_on == numbered.end_day))
    columns = ["account_id", *group_columns(by), "subscription_id", "every", "planned", "before", "started_at", "since", "amount", "currency"]
    due = numbered.filter(numbered.due_on < today).select(
        *columns,
        "due_on",
        stop="due_on",
        outcome=ibis.ifelse(ends_it & numbered.after_currency.isnull(), "lapsed", "renewed"),
        after=ibis.ifelse(last, numbered.after.fill_null(0), numbered.amount).cast(MONEY),
        after_currency=ibis.ifelse(last, numbered.after_currency.fill_null(numbered.currency), numbered.currency),
    )
    rest = phases.filter(phases.end_day.isnull() | (phases.final & ~phases.at_renewal))
    coming = _renewal(rest, _last_by(rest, rest.end_day.fill_null(today)) + 1)
    others = rest.select(
        *columns,
        due_on=coming,
        stop=rest.end_day.fill_null(today),
        outcome=ibis.cases((rest.end_day.isnull(), "running"), (rest.after_currency.isnull(), "ended_early"), else_="moved"),
        after=ibis.null(MONEY),
        after_currency=ibis.null("string"),
    )
    return due.union(others)


def _numbered(rows: ir.Table, grace: _Grace, *, now: pd.Timestamp) -> ir.Table:
    """Return the terms with their number within the contract, how long they lasted, and whether grace is over."""
    so_far = ibis.window(group_by="subscription_id", order_by=["stop", "started_at"], rows=(None, 0))
    in_order = ibis.window(group_by="subscription_id", order_by=["stop", "started_at"])
    due = rows.outcome.isin(["renewed", "lapsed"])
    begun = ibis.greatest(rows.since, rows.stop.lag().over(in_order).fill_null(rows.since))
    number = due.cast("int64").sum().over(so_far) + ibis.ifelse(due, 0, 1)
    return rows.mutate(
        contract=rows.subscription_id,
        interval=rows.every,
        renewal=number.cast("int64"),
        term_days=rows.stop.delta(begun, unit="day").cast("int64"),
        decided=grace.after(rows.stop + _DAY) <= ibis.literal(now),
    ).drop("started_at", "since", "stop", "subscription_id", "every")


def _refuse_next_only(ds: Dataset, phases: ir.Table, rows: ir.Table) -> None:
    """Raise if many contracts have come to a planned renewal and none was made: those that went on have had theirs overwritten."""
    planned = rows.filter(rows.planned & rows.outcome.isin(["renewed", "lapsed"]))
    found = engine_of(ds).run(planned.agg(due=planned.count(), made=(planned.outcome == "renewed").sum()).order_by("due")).iloc[0]
    running = phases.filter(phases.planned & phases.end_day.isnull() & (phases.step == _ONCE))
    if found["due"] >= _FEWEST and not found["made"] and len(engine_of(ds).run(running.select("subscription_id").limit(1).order_by("subscription_id"))):
        raise ParameterError(
            f"`renewal_at` must hold the renewal planned for each phase: none of {int(found['due']):,} that are past was made, so it seems to "
            "hold the next one only, which hides every renewal made before. Give each term a row of its own, or leave it empty and state the `interval`."
        )


def _counted_on(ds: Dataset, phases: ir.Table, rows: ir.Table) -> ir.Table:
    """Return the terms with renewals counted on from the contracts that went before."""
    engine = engine_of(ds)
    links = engine.run(phases.filter(phases.opens & phases.before.notnull()).select("subscription_id", "before").order_by("subscription_id"))
    if links.empty:
        return rows.drop("before", "planned")
    due = rows.filter(rows.outcome.isin(["renewed", "lapsed"]))
    made = engine.run(due.group_by("contract").agg(made=due.count()).order_by("contract")).set_index("contract")["made"]
    before = links.set_index("subscription_id")["before"]
    offset = before.map(made).fillna(0).astype("int64")
    while before.notna().any():
        offset, before = offset + before.map(offset).fillna(0).astype("int64"), before.map(before)
    counts = engine.lookup(pd.DataFrame({"of": offset.index, "earlier": offset.to_numpy()}))
    joined = rows.left_join(counts, rows.contract == counts.of)
    return engine.stage(joined.mutate(renewal=(joined.renewal + joined.earlier.fill_null(0)).cast("int64")).drop("of", "earlier", "before", "planned"))
