"""Active users against sets counted by hand."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from helpers import accounts, events


@pytest.fixture(scope="module")
def random_events() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    rows = [
        (str(pd.Timestamp("2026-03-01") + pd.Timedelta(int(rng.integers(0, 70 * 24)), "h")), f"a{rng.integers(0, 4)}", f"u{rng.integers(0, 15)}", "login")
        for _ in range(250)
    ]
    return events(*rows)


@pytest.mark.slow
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York"])  # clocks change on 29 and 8 March
def test_rolling_counts_equal_sets_of_users_by_hand(random_events: pd.DataFrame, zone: str) -> None:
    tables = {"accounts": accounts(a0="2026-01-01", a1="2026-01-01", a2="2026-01-01", a3="2026-01-01"), "events": random_events}
    ds = cs.read_dataset(tables, as_of="2026-05-05", timezone=zone)
    found = cs.active_users(ds)
    local = random_events["event_at"].dt.tz_convert(zone).dt.tz_localize(None).dt.normalize()
    assert len(found)
    for row in found.itertuples():
        days = int(row.window.removesuffix("d"))
        inside = (local <= row.period) & (local > row.period - pd.Timedelta(days, "D"))
        assert row.estimate == random_events.loc[inside, "user_id"].nunique()
    first = found.groupby("window")["period"].min()
    assert (first - local.min()).dt.days.to_dict() == {"1d": 0, "7d": 6, "28d": 27}  # no window reaches back before the first event
    assert found["period"].max() == pd.Timestamp("2026-05-05")


class TestByHand:
    tables = {
        "accounts": accounts(a="2026-01-01", b="2026-01-01").assign(segment=["x", None]),
        "events": events(
            ("2026-01-01", "a", "u1", "login"), ("2026-01-02", "a", "u2", "report"), ("2026-01-02", "a", "u1", "login"), ("2026-01-04", "b", "u3", "login")
        ),
    }

    def daily(self, **options: object) -> list[float]:
        found = cs.active_users(cs.read_dataset(self.tables, as_of="2026-01-05"), **options)
        return found.loc[found["window"] == "1d", "estimate"].tolist()

    def test_a_day_without_anyone_is_a_zero(self) -> None:
        assert self.daily() == [1, 2, 0, 1, 0]

    @pytest.mark.slow
    def test_only_qualifying_events_make_active(self) -> None:
        assert self.daily(events="login") == [1, 1, 0, 1, 0]
        assert self.daily(events=["report"]) == [1, 0, 0, 0]

    def test_accounts_can_be_counted_instead(self) -> None:
        assert self.daily(actor="account") == [1, 1, 0, 1, 0]

    def test_a_group_begins_with_its_own_first_event_and_a_missing_group_is_named(self) -> None:
        found = cs.active_users(cs.read_dataset(self.tables, as_of="2026-01-05"), by="segment")
        first = found[found["window"] == "1d"].groupby("segment")["period"].min()
        assert first.to_dict() == {"x": pd.Timestamp("2026-01-01"), "(missing)": pd.Timestamp("2026-01-04")}

    def test_no_events_give_an_empty_table_with_all_columns(self) -> None:
        tables = {**self.tables, "events": self.tables["events"].iloc[:0]}
        found = cs.active_users(cs.read_dataset(tables, as_of="2026-01-05"))
        assert found.empty
        assert found.columns.tolist() == ["period", "window", "metric", "unit", "estimate", "conf_low", "conf_high", "n"]

    def test_a_misspelt_event_names_those_there_are(self) -> None:
        with pytest.raises(cs.errors.ParameterError, match=r"no event is named 'logn'; the events are login, report"):
            self.daily(events="logn")

    def test_another_actor_is_refused(self) -> None:
        with pytest.raises(cs.errors.ParameterError, match="'user' or 'account'"):
            self.daily(actor="session")


def test_groups_may_be_instants_of_which_one_is_missing() -> None:
    people = accounts(a="2026-01-01", b="2026-01-01").assign(trained_at=pd.to_datetime(["2026-01-02", None], utc=True))
    used = events(("2026-01-03", "a", "u", "login"), ("2026-01-03", "b", "v", "login"), ("2026-01-03", "b", "w", "login"))
    found = cs.active_users(cs.read_dataset({"accounts": people, "events": used}, as_of="2026-01-03"), by="trained_at")
    assert found["estimate"].tolist() == [1, 2]
    assert found["trained_at"].isna().tolist() == [False, True]


def test_users_of_an_account_not_known_yet_are_in_no_number() -> None:
    people = accounts(a="2026-01-01", z="2026-06-01").assign(segment="x")
    used = events(("2026-01-03", "a", "u", "login"), ("2026-01-03", "z", "v", "login"))
    ds = cs.read_dataset({"accounts": people, "events": used}, as_of="2026-01-03")
    assert cs.active_users(ds)["estimate"].tolist() == cs.active_users(ds, by="segment")["estimate"].tolist() == [1]


def random_tables(seed: int) -> dict[str, pd.DataFrame]:
    """Return events of 12 users in 5 accounts over 130 days across a clock change, with exact duplicates, shuffled; every user has one account."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(300):
        user = int(rng.integers(0, 12))
        moment = pd.Timestamp("2026-01-20") + pd.Timedelta(int(rng.integers(0, 130 * 96)) * 15, "min")
        rows.append((str(moment), f"a{user % 5}", f"u{user}", str(rng.choice(["login", "report"]))))
    rows += rows[:20]
    names = {f"a{number}": "2026-01-01" for number in range(5)}
    shuffled = [rows[place] for place in rng.permutation(len(rows))]
    return {"accounts": accounts(**names).assign(segment=["x", "x", "y", "y", None]), "events": events(*shuffled)}


def days_by_user(tables: dict[str, pd.DataFrame], zone: str) -> dict[str, set[pd.Timestamp]]:
    found: dict[str, set[pd.Timestamp]] = {}
    for row in tables["events"].itertuples():
        found.setdefault(row.user_id, set()).add(row.event_at.tz_convert(zone).tz_localize(None).normalize())
    return found


@pytest.mark.slow
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York"])
@pytest.mark.parametrize("period", ["week", "month"])
@pytest.mark.parametrize("seed", [1, 2])
def test_stickiness_equals_a_count_of_days_user_by_user(zone: str, period: str, seed: int) -> None:
    tables = random_tables(seed)
    found = cs.stickiness(cs.read_dataset(tables, as_of="2026-05-20", timezone=zone), period=period)
    days = days_by_user(tables, zone)
    first = min(day for own in days.values() for day in own)
    ends = pd.date_range("2026-02-01", "2026-05-20", freq="W-SUN" if period == "week" else "ME")
    expected = {}
    for end in ends:
        start = end - pd.Timedelta(27, "D")
        inside = [sum(start <= day <= end for day in own) for own in days.values()]
        mau = sum(count > 0 for count in inside)
        if start >= first:
            on_last = sum(end in own for own in days.values())
            begin = end - pd.Timedelta(6, "D") if period == "week" else end.replace(day=1)
            expected |= {(begin, "stickiness"): sum(inside) / (28 * mau), (begin, "stickiness_naive"): on_last / mau, (begin, "n"): mau}
    values = {(row.period, row.metric): row.estimate for row in found.itertuples()}
    assert values | {(row.period, "n"): row.n for row in found.itertuples()} == pytest.approx(expected)


def test_stickiness_by_hand() -> None:
    # u1 is active on 7 of the 28 days to 28 February, u2 on 14: 21 / (28 x 2) = 0.375; only u1 on the last day: 1 / 2.
    rows = [(f"2026-02-{day:02d}", "a", "u1", "login") for day in (1, 5, 9, 13, 17, 21, 28)]
    rows += [(f"2026-02-{day:02d}", "b", "u2", "login") for day in range(1, 28, 2)]
    ds = cs.read_dataset({"accounts": accounts(a="2026-01-01", b="2026-01-01"), "events": events(*rows)}, as_of="2026-03-10")
    found = cs.stickiness(ds)
    assert found["estimate"].tolist() == [0.375, 0.5]
    assert found["period"].unique().tolist() == [pd.Timestamp("2026-02-01")]
    assert found["n"].tolist() == [2, 2]


def test_a_user_in_two_accounts_counts_once() -> None:
    used = events(("2026-02-01", "a", "u", "login"), ("2026-02-02", "b", "u", "login"), ("2026-02-03", "b", "v", "login"))
    ds = cs.read_dataset({"accounts": accounts(a="2026-01-01", b="2026-01-01"), "events": used}, as_of="2026-02-28")
    assert cs.stickiness(ds)["n"].tolist() == [2, 2]
    assert cs.stickiness(ds)["estimate"].iloc[0] == pytest.approx(3 / (28 * 2))


def test_a_period_without_anybody_is_missing_and_an_unfinished_one_has_no_row() -> None:
    used = events(("2026-01-01", "a", "u", "login"), ("2026-05-30", "a", "u", "login"))
    ds = cs.read_dataset({"accounts": accounts(a="2026-01-01"), "events": used}, as_of="2026-06-15")
    sticky = cs.stickiness(ds).query("metric == 'stickiness'")
    assert sticky["n"].tolist() == [0, 0, 0, 0, 1]  # January's 28 days reach from the 4th to the 31st
    assert sticky["estimate"].isna().tolist() == [True, True, True, True, False]


@pytest.mark.slow
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York"])
@pytest.mark.parametrize("period", ["week", "month"])
@pytest.mark.parametrize("seed", [1, 2])
def test_lifecycle_equals_sets_of_users(zone: str, period: str, seed: int) -> None:
    tables = random_tables(seed)
    found = cs.lifecycle(cs.read_dataset(tables, as_of="2026-05-20", timezone=zone), period=period)
    counts = {(row.period, row.state): row.estimate for row in found.itertuples()}
    days = days_by_user(tables, zone)
    starts = pd.date_range("2026-01-01", "2026-06-10", freq="W-MON" if period == "week" else "MS")
    cells = [(start, end) for start, end in pairwise(starts) if end <= pd.Timestamp("2026-05-21")]
    active = [{user for user, own in days.items() if any(start <= day < end for day in own)} for start, end in cells]
    seen: set[str] = set()
    expected = {}
    for number, (start, _) in enumerate(cells):
        now, before = active[number], active[number - 1] if number else set()
        if now or seen:
            sizes = {"new": now - seen, "returning": now & before, "resurrected": (now & seen) - before, "dormant": before - now}
            expected |= {(start, state): len(users) for state, users in sizes.items()}
        seen |= now
    assert counts == expected


@pytest.mark.slow
@pytest.mark.parametrize("period", ["day", "week", "month"])
def test_new_and_resurrected_less_dormant_is_the_change_in_active_users(period: str) -> None:
    ds = cs.read_dataset(random_tables(3), as_of="2026-05-20", timezone="Europe/Berlin")
    wide = cs.lifecycle(ds, period=period, by="segment").pivot_table(index=["segment", "period"], columns="state", values="estimate")
    active = wide[["new", "returning", "resurrected"]].sum(axis=1)
    change = active.groupby("segment").diff().dropna()
    assert len(change) > 5
    pd.testing.assert_series_equal(change, (wide["new"] + wide["resurrected"] - wide["dormant"])[change.index], check_names=False)


def test_accounts_have_a_life_too_and_states_come_in_order() -> None:
    used = events(("2026-01-05", "a", "u", "login"), ("2026-02-05", "b", "v", "login"), ("2026-03-05", "a", "w", "login"))
    ds = cs.read_dataset({"accounts": accounts(a="2026-01-01", b="2026-01-01"), "events": used}, as_of="2026-03-31")
    found = cs.lifecycle(ds, actor="account")
    assert found["state"].tolist() == ["new", "returning", "resurrected", "dormant"] * 3
    assert found["estimate"].tolist() == [1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 1, 1]
    assert found["n"].tolist() == [1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1]


@pytest.mark.parametrize("metric", [cs.stickiness, cs.lifecycle])
def test_another_actor_is_refused_here_too(metric: object) -> None:
    with pytest.raises(cs.errors.ParameterError, match="'user' or 'account'"):
        metric(cs.read_dataset(random_tables(1), as_of="2026-05-20"), actor="session")


@pytest.mark.parametrize("metric", [cs.stickiness, cs.lifecycle])
def test_without_an_event_there_is_no_row(metric: object) -> None:
    tables = random_tables(1)
    found = metric(cs.read_dataset({**tables, "events": tables["events"].iloc[:0]}, as_of="2026-05-20"))
    assert found.empty
    assert found["estimate"].dtype == "float64"
