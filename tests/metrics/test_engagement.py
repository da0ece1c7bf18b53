"""Active users against sets counted by hand."""

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
