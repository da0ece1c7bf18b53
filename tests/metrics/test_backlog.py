"""Open tickets at the end of each period: by hand, against a plain loop, and as flows that add up."""

from __future__ import annotations

import statistics

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs

AS_OF = "2026-03-18"  # a Wednesday
COUNTS = ["backlog", "opened", "reopened", "resolved"]


def company(tickets: pd.DataFrame, *, as_of: str = AS_OF, calendar: cs.Calendar | None = None) -> cs.Dataset:
    people = pd.DataFrame({"account_id": ["a", "b"], "started_at": pd.Timestamp("2020-01-01", tz="UTC"), "segment": ["x", "y"]})
    return cs.read_dataset({"accounts": people, "tickets": tickets}, as_of=as_of, calendar=calendar)


def tickets_of(*rows: tuple[str | None, ...]) -> pd.DataFrame:
    """Return tickets of account, opening, resolution and reopening in March 2026, as day and time."""
    table = pd.DataFrame(rows, columns=["account_id", "opened_at", "resolved_at", "reopened_at"])
    for name in ("opened_at", "resolved_at", "reopened_at"):
        table[name] = pd.to_datetime("2026-03-" + table[name], utc=True, format="ISO8601")
    return table.assign(ticket_id=[f"t{row}" for row in range(len(table))])


def wide(found: pd.DataFrame) -> pd.DataFrame:
    """Return one row a period, a column a metric."""
    return found.pivot_table(index="period", columns="metric", values="estimate", dropna=False)


def test_by_hand() -> None:
    """Weeks from the 2nd and the 9th, and three days of the one from the 16th.

    The first ticket is solved in its week, the second in the next one. The third is solved on the 5th and reopened on the 10th. The fourth is open.
    At the end of the first week (the 9th, 0:00) the second alone is open, since the 4th at noon: 4.5 days. At that of the second (the 16th) the
    third, since the 3rd (13 days), and the fourth, since the 12th (4 days): 8.5 days in the middle, one of two older than a week; one was resolved
    in 7 days: 14 days to clear. On the 19th at 0:00 they are 16 and 7 days old, and 7 is not over 7.
    """
    ds = company(tickets_of(("a", "02", "03", None), ("a", "04T12:00", "11", None), ("a", "03", "05", "10"), ("b", "12", None, None)))
    found = wide(cs.backlog(ds))
    assert found.index.strftime("%d").tolist() == ["02", "09", "16"]
    assert found["backlog"].tolist() == [1, 2, 2]
    assert found["backlog_age"].tolist() == [4.5, 8.5, 11.5]
    assert found["open_over_7_days"].tolist() == [0, 0.5, 0.5]
    assert found["open_over_30_days"].tolist() == [0, 0, 0]
    assert found[COUNTS[1:]].to_numpy().tolist()[:2] == [[3, 0, 2], [1, 1, 1]]
    assert found.loc["2026-03-16", [*COUNTS[1:], "days_to_clear"]].isna().all()
    assert found["days_to_clear"].tolist()[:2] == [3.5, 14.0]


def test_n_counts_the_tickets_behind_each_number() -> None:
    ds = company(tickets_of(("a", "02", "03", None), ("a", "04", "11", None), ("b", "12", None, None)))
    found = cs.backlog(ds)
    of = {metric: rows["n"].tolist() for metric, rows in found.groupby("metric")}
    assert of["backlog"] == [2, 3, 3]  # opened by then
    assert of["resolved"] == of["opened"] == [2, 2, 1]  # open at some time in the week
    assert of["backlog_age"] == of["days_to_clear"] == [1, 1, 1]  # open at the end


def test_what_is_resolved_at_the_first_instant_of_a_week_was_open_at_the_end_of_the_one_before() -> None:
    found = wide(cs.backlog(company(tickets_of(("a", "03", "09", None)))))
    assert found["backlog"].tolist() == [1, 0, 0]
    assert found["resolved"].tolist()[:2] == [0, 1]
    assert found["backlog_age"].isna().tolist() == [False, True, True]
    assert np.isnan(found["days_to_clear"].iloc[0])


def test_a_ticket_resolved_again_counts_as_open_until_then() -> None:
    """Reopened on the 4th, resolved on the 10th: when it was resolved first is not on record."""
    found = wide(cs.backlog(company(tickets_of(("a", "02", "10", "04"), ("a", "02", None, "04")))))
    assert found["backlog"].tolist() == [2, 1, 1]
    assert found["reopened"].tolist()[:2] == [0, 0]


def test_groups_begin_with_their_first_ticket_and_add_up() -> None:
    ds = company(tickets_of(("a", "02", "03", None), ("a", "04", "11", None), ("b", "12", None, None)))
    found = cs.backlog(ds, by="segment")
    assert found[found["metric"] == "backlog"].groupby("segment")["period"].count().to_dict() == {"x": 3, "y": 2}
    together = cs.backlog(ds)
    sums = found[found["metric"].isin(COUNTS)].groupby(["metric", "period"])["estimate"].sum(min_count=1)
    assert sums.equals(together[together["metric"].isin(COUNTS)].set_index(["metric", "period"])["estimate"].sort_index())


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_random_tickets_equal_a_plain_loop_and_flows_add_up(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(60):
        opened = pd.Timestamp("2026-01-20", tz="UTC") + pd.Timedelta(int(rng.integers(0, 56 * 24)), "h")
        resolved = opened + pd.Timedelta(int(rng.integers(0, 400)), "h") if rng.random() < 0.8 else pd.NaT
        again = opened + pd.Timedelta(int(rng.integers(0, 600)), "h") if rng.random() < 0.3 else pd.NaT
        rows.append((rng.choice(["a", "b"]), opened, resolved, again))
    table = pd.DataFrame(rows, columns=["account_id", "opened_at", "resolved_at", "reopened_at"]).assign(ticket_id=range(60))
    calendar = cs.Calendar(timezone="America/New_York", week_start="sunday")
    for period in ("day", "week", "month"):
        found = wide(cs.backlog(company(table, calendar=calendar), period=period))
        pd.testing.assert_frame_equal(found[[*COUNTS, "backlog_age"]], plain(table, calendar, period), check_names=False, check_index_type=False)
        flows = found[COUNTS].iloc[:-1]
        assert (flows["backlog"] - flows["backlog"].shift(fill_value=0) == flows["opened"] + flows["reopened"] - flows["resolved"]).all()


def plain(tickets: pd.DataFrame, calendar: cs.Calendar, period: str) -> pd.DataFrame:
    """Return the same from a loop over periods and tickets."""
    end = pd.Timestamp(AS_OF, tz=calendar.timezone) + pd.Timedelta(1, "D")
    bounds = calendar.period_bounds(tickets["opened_at"].min(), end, period)
    lines = {}
    for start, stop in zip(bounds["start_at"], bounds["end_at"], strict=True):
        until, line, ages = min(stop, end), dict.fromkeys(COUNTS, 0), []
        for _, opened, resolved, again, _ in tickets.itertuples(index=False):
            known = [moment if pd.notna(moment) and moment < end else None for moment in (resolved, again)]
            back = known[1] if known[0] and known[1] and known[1] > known[0] else None
            line["opened"] += start <= opened < stop
            line["resolved"] += bool(known[0]) and start <= known[0] < stop
            line["reopened"] += bool(back) and start <= back < stop
            if opened < until and (not known[0] or known[0] >= until or (back and back < until)):
                ages.append((until - opened) / pd.Timedelta(1, "D"))
        line["backlog"] = len(ages)
        if stop > end:
            line |= dict.fromkeys(COUNTS[1:], np.nan)
        lines[start.tz_convert(calendar.timezone).tz_localize(None).normalize()] = {**line, "backlog_age": statistics.median(ages) if ages else np.nan}
    return pd.DataFrame.from_dict(lines, orient="index").astype("float64")


@pytest.mark.slow
def test_without_tickets_it_says_so() -> None:
    ds = company(tickets_of(("a", "03", "09", None)))
    with pytest.raises(cs.errors.NotEnoughDataError, match="backlog needs tickets"):
        cs.backlog(ds.at("2026-03-02"), by="segment")
    with pytest.raises(cs.errors.ParameterError, match="period must be one of"):
        cs.backlog(ds, period="fortnight")
    with pytest.raises(cs.errors.MissingColumnsError, match="resolved_at"):
        cs.backlog(company(tickets_of(("a", "03", "09", None)).drop(columns="resolved_at")))
