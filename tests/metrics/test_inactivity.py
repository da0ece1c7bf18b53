"""The inactivity horizon: by hand, against an oracle in plain Python, and on gaps whose law is known."""

from __future__ import annotations

import itertools
import math
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.errors import MissingTableError, NotEnoughDataError, ParameterError
from cs_analysis.facts.silences import silences
from cs_analysis.stats.intervals import wilson


def company(days: dict[str, list[str]], *, as_of: str, **options: object) -> cs.Dataset:
    """Return a dataset of accounts with events at noon UTC of the given days, or at the given instants."""
    rows = [(name, pd.Timestamp(day if " " in day else f"{day} 12:00", tz="UTC")) for name, own in days.items() for day in own]
    used = pd.DataFrame(rows, columns=["account_id", "event_at"]).assign(user_id="u", event="login")
    people = pd.DataFrame({"account_id": list(days), "started_at": pd.Timestamp("2025-01-01", tz="UTC"), "segment": [name[0] for name in days]})
    return cs.read_dataset({"accounts": people, "events": used}, as_of=as_of, **options)


def value(table: pd.DataFrame, metric: str, day: float | None = None) -> pd.Series:
    found = table[(table["metric"] == metric) & (table["time_days"].isna() if day is None else table["time_days"] == day)]
    return found.iloc[0]


def test_by_hand() -> None:
    # a: silences of 1, 2 and 7 days, then open for 11 (from the 11th of January to the 22nd). b: 3 days, then open for 18. c: open for 21.
    ds = company({"a": ["2026-01-01", "2026-01-02", "2026-01-04", "2026-01-11"], "b": ["2026-01-01", "2026-01-04"], "c": ["2026-01-01"]}, as_of="2026-01-22")
    found = cs.inactivity_horizon(ds, within="5d", false_churn=0.3)
    # Day 1: silences of 2, 3, 7 and three open ones reached it; within five days two of six return. Day 2: 3 and 7 and three open ones; both return at
    # 3 and 7, which is day 2 + 5: 2 of 5. Day 3: 7 and three open: 1 of 4, which is no more than 0.3.
    assert value(found, "inactivity_horizon")["estimate"] == 3
    assert value(found, "inactivity_horizon")["n"] == 3
    assert value(found, "false_churn_rate", 3)[["estimate", "n"]].tolist() == [0.25, 4]
    # Day 7: the silence of 7 days is over when day 7 is gone by: three open ones, none returned. Day 14: 18 and 21 days, watched for 4 and 7 of 5 days.
    assert value(found, "false_churn_rate", 7)[["estimate", "n"]].tolist() == [0.0, 3]
    assert value(found, "false_churn_rate", 14)[["estimate", "n"]].tolist() == [0.0, 2]
    assert found.loc[found["metric"] == "silent_accounts", "estimate"].tolist() == [3, 3, 2, 0, 0, 0]  # at 3, 7, 14, 30, 60, 90 days
    assert math.isnan(value(found, "false_churn_rate", 30)["estimate"])


def test_silences_of_accounts_of_their_own_have_wilson_limits() -> None:
    days = {f"r{number}": ["2026-01-01", "2026-01-11"] for number in range(2)} | {f"s{number}": ["2026-01-01"] for number in range(18)}
    found = value(cs.inactivity_horizon(company(days, as_of="2026-01-12"), within="4d"), "false_churn_rate", 7)
    # All twenty began on the first and reached day 7; two returned on day 10, the others were watched till day 11: 2 of 20, no clusters, no censoring.
    expected = wilson(2, 20)
    assert found["n"] == 20
    np.testing.assert_allclose(found[["estimate", "conf_low", "conf_high"]].astype(float), list(expected), rtol=1e-9)


@pytest.mark.slow
def test_an_account_with_many_silences_is_one_account() -> None:
    often = {"a": [f"2026-{month:02d}-{day:02d}" for month in (1, 2) for day in (1, 10, 19)]}
    alone = company(often | {f"s{number}": ["2026-01-01"] for number in range(5)}, as_of="2026-03-20")
    many = company(
        {f"r{number}": ["2026-02-01", "2026-02-10"] for number in range(5)} | {f"s{number}": ["2026-01-01"] for number in range(5)}, as_of="2026-03-20"
    )
    one, five = (value(cs.inactivity_horizon(ds, within="5d"), "false_churn_rate", 7) for ds in (alone, many))
    assert one["conf_high"] - one["conf_low"] > five["conf_high"] - five["conf_low"]


@pytest.mark.slow
def test_days_are_local_and_an_unfinished_day_is_no_silent_one() -> None:
    moments = {"a": ["2026-03-28 23:30", "2026-04-02 21:30"]}  # in Berlin the 29th, the day summer time begins, and the 2nd
    whole = silences(company(moments, as_of="2026-04-04", timezone="Europe/Berlin"))
    assert whole[["days", "returned"]].to_numpy().tolist() == [[2, False], [4, True]]
    noon = pd.Timestamp("2026-04-04 12:00", tz="Europe/Berlin")
    assert silences(company(moments, as_of=noon, timezone="Europe/Berlin"))["days"].tolist() == [1, 4]  # type: ignore[arg-type]
    early = pd.Timestamp("2026-04-02 23:40", tz="Europe/Berlin")
    assert silences(company(moments, as_of=early, timezone="Europe/Berlin"))["days"].tolist() == [0, 4]  # type: ignore[arg-type]


def oracle(used: list[tuple[str, datetime]], zone: str, *, last_day: datetime, follow_up: int) -> tuple[dict[int, float], dict[int, int]]:
    """Return the false-churn rate and the silent accounts by day, silence by silence."""
    gaps = []
    for name in {name for name, _ in used}:
        days = sorted({moment.astimezone(ZoneInfo(zone)).date() for own, moment in used if own == name})
        gaps += [((later - day).days, True) for day, later in itertools.pairwise(days)] + [((last_day.date() - days[-1]).days, False)]
    rates, silent = {}, {}
    for reached in range(1, max(length for length, _ in gaps) + 1):
        staying, known = 1.0, any(length >= reached + follow_up for length, _ in gaps)
        for day in range(reached + 1, reached + follow_up + 1):
            risk = sum(length >= day for length, _ in gaps)
            staying *= 1 - sum(length == day and over for length, over in gaps) / risk if risk else 1
        if known or staying == 0:
            rates[reached] = 1 - staying
        silent[reached] = sum(length >= reached and not over for length, over in gaps)
    return rates, silent


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_equals_the_oracle(seed: int, zone: str) -> None:
    rng = np.random.default_rng(seed)
    start = datetime(2026, 2, 20, tzinfo=ZoneInfo("UTC"))  # summer time begins in March
    used = [(f"a{rng.integers(8)}", start + timedelta(minutes=int(rng.integers(60 * 24 * 45) ** rng.uniform(0.8, 1)))) for _ in range(50)]
    rows = pd.DataFrame(used + used[:5], columns=["account_id", "event_at"]).assign(user_id="u", event="login").sample(frac=1, random_state=seed)
    people = pd.DataFrame({"account_id": [f"a{number}" for number in range(9)], "started_at": pd.Timestamp("2026-01-01", tz="UTC")})
    ds = cs.read_dataset({"accounts": people, "events": rows}, as_of="2026-04-20", timezone=zone)
    found = cs.inactivity_horizon(ds, within="6d", false_churn=0.2)
    rates, silent = oracle(used, zone, last_day=datetime(2026, 4, 20, tzinfo=ZoneInfo("UTC")), follow_up=6)
    for row in found.itertuples():
        if row.metric == "false_churn_rate":
            assert row.estimate == pytest.approx(rates.get(int(row.time_days), math.nan), nan_ok=True)
        elif row.metric == "silent_accounts":
            assert row.estimate == silent.get(int(row.time_days), 0)
    first = min((day for day, rate in rates.items() if rate <= 0.2), default=math.nan)
    assert value(found, "inactivity_horizon")["estimate"] == pytest.approx(first, nan_ok=True)


def lives(accounts: int, *, leave: float, mean_gap: float, seed: int) -> cs.Dataset:
    """Return accounts that leave for good after each active day with a fixed chance and otherwise return after a geometric gap."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(accounts):
        day = int(rng.integers(0, 300))
        while day < 500:
            rows.append((f"a{number:04d}", day))
            day += 10_000 if rng.random() < leave else int(rng.geometric(1 / mean_gap))
    names, days = zip(*rows, strict=True)
    used = pd.DataFrame(
        {"account_id": names, "event_at": pd.Timestamp("2025-01-01 12:00", tz="UTC") + pd.to_timedelta(days, "D"), "user_id": "u", "event": "login"}
    )
    people = pd.DataFrame({"account_id": sorted(set(names)), "started_at": pd.Timestamp("2025-01-01", tz="UTC")})
    return cs.read_dataset({"accounts": people, "events": used}, as_of=pd.Timestamp("2025-01-01", tz="UTC") + pd.Timedelta(500, "D"))


@pytest.mark.slow
def test_recovers_a_known_chance_of_return() -> None:
    leave, mean_gap, follow_up = 0.1, 10.0, 60
    quiet = 1 - 1 / mean_gap  # chance of one more silent day for who will return

    def rate(day: int) -> float:
        # (1 - leave) quiet^h of those who will return are still silent after h days; after 60 more quiet^60 of them
        waiting = (1 - leave) * quiet**day
        return waiting * (1 - quiet**follow_up) / (waiting + leave)

    found = cs.inactivity_horizon(lives(600, leave=leave, mean_gap=mean_gap, seed=2), within=f"{follow_up}d", conf_level=0.99)
    rates = found[found["metric"] == "false_churn_rate"]
    truth = rates["time_days"].map(lambda day: rate(int(day)))
    assert (rates["conf_low"] <= truth).all()
    assert (truth <= rates["conf_high"]).all()
    best = next(day for day in range(1, 500) if rate(day) <= 0.05)
    horizon = value(found, "inactivity_horizon")
    assert horizon["conf_low"] <= best <= horizon["conf_high"]
    assert horizon["estimate"] == pytest.approx(best, abs=8)


@pytest.mark.slow
def test_groups_are_apart() -> None:
    days = {"a1": ["2026-01-01", "2026-01-04"], "b1": ["2026-01-01"], "b2": ["2026-01-02", "2026-01-12"]}
    ds = company(days, as_of="2026-01-30")
    table = cs.inactivity_horizon(ds, within="5d", by="segment")
    alone = cs.inactivity_horizon(company({"b1": days["b1"], "b2": days["b2"]}, as_of="2026-01-30"), within="5d")
    pd.testing.assert_frame_equal(table[table["segment"] == "b"].drop(columns="segment").reset_index(drop=True), alone)


def test_where_silences_are_too_short_nothing_is_said() -> None:
    found = cs.inactivity_horizon(company({"a": ["2026-01-01", "2026-01-03"], "b": ["2026-01-02"]}, as_of="2026-01-05"))
    assert value(found, "inactivity_horizon")[["estimate", "conf_low", "conf_high"]].isna().all()
    daily = cs.inactivity_horizon(company({"a": ["2026-01-01", "2026-01-02", "2026-01-03"]}, as_of="2026-01-03"))
    assert daily["estimate"].fillna(0).eq(0).all()
    assert value(daily, "inactivity_horizon")["n"] == 1


def test_the_upper_limit_is_later_and_the_lower_earlier() -> None:
    days = {f"r{number}": ["2026-01-01", f"2026-01-{6 + number:02d}"] for number in range(8)} | {f"s{number}": ["2026-01-01"] for number in range(30)}
    found = value(cs.inactivity_horizon(company(days, as_of="2026-03-30"), within="20d", false_churn=0.15), "inactivity_horizon")
    # Returns at 5 to 12 days, whereupon those eight are silent again: 38 silences are open at the end. Day 5 was reached by the seven that returned later
    # and those: 7 of 45 = 0.156. Day 6: 6 of 44 = 0.136.
    assert found["estimate"] == 6
    assert found["conf_low"] < 6 < found["conf_high"]


def test_what_is_asked_wrongly_is_named() -> None:
    ds = company({"a": ["2026-01-01"]}, as_of="2026-01-05")
    with pytest.raises(ParameterError, match="false_churn must be a share between 0 and 1"):
        cs.inactivity_horizon(ds, false_churn=5)
    with pytest.raises(ParameterError, match="within must be whole days"):
        cs.inactivity_horizon(ds, within="36h")
    with pytest.raises(ParameterError, match="no event is named 'log in'"):
        cs.inactivity_horizon(ds, events="log in")
    with pytest.raises(MissingTableError, match="events"):
        cs.inactivity_horizon(
            cs.read_dataset({"accounts": pd.DataFrame({"account_id": ["a"], "started_at": [pd.Timestamp("2026-01-01", tz="UTC")]})}, as_of="2026-01-05")
        )
    with pytest.raises(NotEnoughDataError, match="silences need active days"):
        cs.inactivity_horizon(company({"a": ["2026-01-09"]}, as_of="2026-01-05"))
