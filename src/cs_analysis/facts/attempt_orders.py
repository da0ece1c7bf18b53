"""When each step of an attempt is reached: in order, strictly in order, in any order, or within windows of its own."""

from __future__ import annotations

from functools import reduce

import ibis
import ibis.expr.types as ir

from cs_analysis.facts.attempt_rows import Material, beside, following, time_column
from cs_analysis.facts.uses import later

_NEVER = ibis.timestamp("9999-12-31 00:00:00")


def reached_times(material: Material, started: ir.Table) -> ir.Table:
    """Return the attempts with the instant of each step after the first (`at_2`, `at_3`, ...), missing where it is not reached."""
    if material.asked.order == "any":
        return _in_any_order(material, started)
    if material.asked.order == "strict":
        return _strictly(material, started)
    if material.asked.step_windows:
        return _in_windows(material, started)
    return _in_order(material, started)


def _in_order(material: Material, started: ir.Table) -> ir.Table:
    """Each required step at its first row from the one before on; then the optional ones between those."""
    asked = material.asked
    reached = {1: _positions(material, started)}
    for before, step in zip(asked.required, asked.required[1:], strict=False):
        reached[step] = following(material, _free(material, reached, before=before, step=step), asked.steps[step - 1])
    for step, before in enumerate(asked.before, start=2):
        if step not in asked.required:
            next_required = min((other for other in asked.required if other > step), default=None)
            found = following(material, reached[before], asked.steps[step - 1])
            reached[step] = found if next_required is None else _not_after(material, found, reached[next_required])
    return _assembled(material, started, reached)


def _free(material: Material, reached: dict[int, ir.Table], *, before: int, step: int) -> ir.Table:
    """Return the positions from which a step may be looked for: rows of one event at one instant are one row, so the same event is later."""
    steps = material.asked.steps
    same = [other for other in reached if steps[other - 1] == steps[step - 1] and other < step]
    if not same:
        return reached[before]
    used = reached[max(same)].select(*material.key, used_at="at")
    both = reached[before].inner_join(used, material.key)
    return material.engine.stage(both.select(*material.key, "until", at=ibis.greatest(both["at"], both.used_at + ibis.interval(microseconds=1))))


def _not_after(material: Material, found: ir.Table, bound: ir.Table) -> ir.Table:
    """Return the rows found that do not come after the instant of the same attempt in `bound`, if it has one there."""
    bounds = bound.select(*material.key, bound_at="at")
    both = found.left_join(bounds, material.key)
    return material.engine.stage(both.filter(both.bound_at.isnull() | (both["at"] <= both.bound_at)).select(*material.key, "until", "at"))


def _in_windows(material: Material, started: ir.Table) -> ir.Table:
    """Each step at the first row that some chain of rows leads to; all such rows are kept, since a later one may lead further."""
    asked = material.asked
    able = _positions(material, started)
    reached = {1: able}
    for step, name in enumerate(asked.steps[1:], start=2):
        rows = material.of(name).rename(row_at="at")
        first = reached[step - 1]
        kept = first.inner_join(rows, [*material.match, rows.row_at >= first["at"], rows.row_at <= first.until])
        candidates = kept.select(*material.key, "until", at="row_at").distinct()
        if name in asked.step_windows:
            links = able.select(*material.key, link_at="at", link_until=later(able["at"], asked.step_windows[name]))
            candidates = candidates.semi_join(links, [*material.key, links.link_at <= candidates["at"], links.link_until >= candidates["at"]])
        able = material.engine.stage(candidates)
        reached[step] = material.engine.stage(able.group_by(*material.key).agg(until=able.until.min(), at=able["at"].min()))
    return _assembled(material, started, reached)


def _strictly(material: Material, started: ir.Table) -> ir.Table:
    """The rows right after the start, as long as they are those of the next steps and lie in time."""
    asked, rows = material.asked, _usable(material, started)
    ordered = ibis.window(group_by=material.match, order_by=["at", "code"])
    ahead = {f"code_{k}": rows.code.lead(k - 1).over(ordered) for k in range(2, len(asked.steps) + 1)}
    ahead |= {f"row_{k}": rows["at"].lead(k - 1).over(ordered) for k in range(2, len(asked.steps) + 1)}
    sequences = rows.mutate(**ahead)
    sequences = sequences.filter(sequences.code == 1).drop("code").rename(row_1="at")
    joined = started.inner_join(sequences, [*material.match, started.start_at == sequences.row_1])
    so_far = ibis.literal(True)
    times = {}
    for step, name in enumerate(asked.steps[1:], start=2):
        at = joined[f"row_{step}"]
        so_far = so_far & (joined[f"code_{step}"] == step) & (at <= joined.until)
        if name in asked.step_windows:
            so_far = so_far & (at <= later(joined[f"row_{step - 1}"], asked.step_windows[name]))
        times[time_column(step)] = ibis.ifelse(so_far.fill_null(False), at, ibis.null("timestamp(6)"))
    return joined.select(*started.columns, **times)


def _in_any_order(material: Material, started: ir.Table) -> ir.Table:
    """The instants at which each listed step was first done, in order of time; a name listed twice needs two rows.

    One pass over the listed rows in descending order of time tells at each instant when every name comes next, and next but one.
    """
    asked, rows = material.asked, _usable(material, started)
    again = ibis.window(group_by=[*material.match, "code"], order_by="at")
    repeated = max(asked.steps.count(name) for name in asked.steps)
    rows = rows.mutate(**{f"row_{number}": rows["at"].lead(number).over(again) for number in range(1, repeated)}).rename(row_0="at")
    done = {
        f"done_{step}": rows[f"row_{asked.steps[: step - 1].count(name)}"].min(where=rows.code == asked.codes[name]) for step, name in enumerate(asked.steps, 1)
    }
    onward = ibis.window(group_by=material.match, order_by=ibis.desc("row_0"), range=(None, 0))  # equal instants included
    following_rows = rows.select(*material.match, "row_0", **{name: first.over(onward) for name, first in done.items()}).distinct()
    joined = started.inner_join(following_rows, [*material.match, started.start_at == following_rows.row_0])
    in_time = [ibis.ifelse(joined[name] <= joined.until, joined[name], _NEVER).fill_null(_NEVER) for name in done]
    times = joined.mutate(times=ibis.array(in_time).sort())
    at = {time_column(step): times.times[step - 1].nullif(_NEVER) for step in range(2, len(asked.steps) + 1)}
    return times.select(*started.columns, **at)


def _usable(material: Material, started: ir.Table) -> ir.Table:
    """Return the different listed rows; with one attempt an actor those alone that lie in it."""
    rows = material.listed()
    if material.asked.entry == "best":
        return rows
    inside = rows.inner_join(started, [*material.match, rows["at"] >= started.start_at, rows["at"] <= started.until])
    return material.engine.stage(inside.select(*material.match, "code", "at"))


def _positions(material: Material, started: ir.Table) -> ir.Table:
    return started.select(*material.key, "until", at="start_at")


def _assembled(material: Material, started: ir.Table, reached: dict[int, ir.Table]) -> ir.Table:
    """Return the attempts with one column a step."""
    later_steps = [(time_column(step), table) for step, table in sorted(reached.items()) if step > 1]
    return reduce(lambda left, named: _beside(material, left, named[1], name=named[0]), later_steps, started)


def _beside(material: Material, left: ir.Table, right: ir.Table, *, name: str) -> ir.Table:
    """Return every row of the left table with the right one's instant, missing where it has no such attempt."""
    return beside(left, right.select(*material.key, **{name: "at"}), material.key)
