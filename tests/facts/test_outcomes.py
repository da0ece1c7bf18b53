"""What became of customers after a date, against plain Python."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.data.engine import Engine, compiled
from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.facts.feature_dates import feature_dates
from cs_analysis.facts.outcomes import churn_outcomes, exposures, outcome_windows, snapshot_days

DAY = pd.Timedelta(1, "D")


def utc(text: str | None) -> pd.Timestamp:
    """Return an instant, or none."""
    return pd.Timestamp(text, tz="UTC") if text else pd.NaT


def company(*phases: tuple[str, str, str | None, str | None], as_of: str = "2026-06-30", zone: str = "UTC") -> cs.Dataset:
    """Return a dataset of phases: account, start, end, cancellation."""
    rows = [
        {"account_id": name, "started_at": utc(start), "ended_at": utc(end), "cancelled_at": utc(notice), "mrr": 10.0, "currency": "EUR"}
        for name, start, end, notice in phases
    ]
    table = pd.DataFrame(rows).assign(subscription_id=[f"s{number}" for number in range(len(rows))])
    accounts = table.groupby("account_id", as_index=False)["started_at"].min()
    return cs.read_dataset({"accounts": accounts, "subscriptions": table}, as_of=as_of, calendar=cs.Calendar(timezone=zone))


def outcome(ds: cs.Dataset, day: str, **options: Any) -> dict[str, tuple[object, bool, bool]]:
    """Return what became of each customer of a day."""
    found = churn_outcomes(ds, dates=day, **options)
    return {row.account_id: (None if pd.isna(row.churned) else bool(row.churned), row.left_in_gap, row.notice_given) for row in found.itertuples()}


class TestByHand:
    # The day 2026-01-31 ends with 2026-02-01T00:00. With a gap of 10 days the window of 30 days is [2026-02-11, 2026-03-13).
    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("end", "expected"),
        [
            ("2026-01-31T23:59:59", None),  # no customer at the end of the day
            ("2026-02-01T00:00:00", (False, True, False)),
            ("2026-02-10T23:59:59", (False, True, False)),
            ("2026-02-11T00:00:00", (True, False, False)),
            ("2026-03-12T23:59:59", (True, False, False)),
            ("2026-03-13T00:00:00", (False, False, False)),
            (None, (False, False, False)),
        ],
    )
    def test_the_gap_and_the_window_begin_where_the_day_ends(self, end: str | None, expected: tuple[bool, bool, bool] | None) -> None:
        found = outcome(company(("a", "2026-01-01", end, None)), "2026-01-31", horizon="30d", gap="10d")
        assert found == ({} if expected is None else {"a": expected})

    @pytest.mark.slow
    def test_nothing_is_known_of_a_window_that_is_not_over(self) -> None:
        ds = company(("a", "2026-01-01", "2026-05-20", None), ("b", "2026-01-01", None, None))
        assert outcome(ds, "2026-04-30", horizon="61d") == {"a": (True, False, False), "b": (False, False, False)}
        assert outcome(ds, "2026-04-30", horizon="62d") == {"a": (None, False, False), "b": (None, False, False)}
        assert outcome(ds.at("2026-05-25"), "2026-04-30", horizon="30d") == {"a": (None, False, False), "b": (None, False, False)}

    @pytest.mark.slow
    def test_notice_is_what_was_on_record_for_every_running_phase(self) -> None:
        ds = company(
            ("told", "2026-01-01", "2026-03-15", "2026-01-20"),
            ("told later", "2026-01-01", "2026-03-15", "2026-02-20"),
            ("told of one", "2026-01-01", "2026-03-15", "2026-01-20"),
            ("told of one", "2026-01-01", None, None),
        )
        assert {name: notice for name, (_, _, notice) in outcome(ds, "2026-01-31", horizon="60d").items()} == {
            "told": True,
            "told later": False,
            "told of one": False,
        }

    @pytest.mark.slow
    def test_coming_back_does_not_undo_having_left(self) -> None:
        ds = company(("a", "2026-01-01", "2026-02-10", None), ("a", "2026-02-20", None, None))
        assert outcome(ds, "2026-01-31", horizon="90d") == {"a": (True, False, False)}

    @pytest.mark.slow
    def test_days_end_in_the_calendars_zone(self) -> None:
        ds = company(("a", "2026-01-01", "2026-01-31T23:30", None), zone="Europe/Berlin")  # 00:30 on the first of February in Berlin
        assert outcome(ds, "2026-01-31", horizon="30d") == {"a": (True, False, False)}
        assert outcome(company(("a", "2026-01-01", "2026-01-31T23:30", None)), "2026-01-31", horizon="30d") == {}

    @pytest.mark.slow
    def test_a_scheduled_end_has_not_come_yet(self) -> None:
        ds = company(("a", "2026-01-01", "2026-07-10", "2026-05-01"))
        assert outcome(ds, "2026-05-31", horizon="30d") == {"a": (False, False, True)}

    @pytest.mark.slow
    def test_says_what_was_paid_and_when_it_ended(self) -> None:
        ds = company(("a", "2026-01-01", "2026-02-20T12:00", None), ("b", "2026-01-01", None, None), ("b", "2026-01-15", None, None))
        found = churn_outcomes(ds, dates=["2026-01-10", "2026-01-31"], horizon="30d")
        assert list(found.columns) == ["account_id", "at", "churned", "left_in_gap", "notice_given", "mrr", "ended_at"]
        assert found["mrr"].tolist() == [10.0, 10.0, 10.0, 20.0]
        assert found["ended_at"].tolist()[::2] == [utc("2026-02-20T12:00")] * 2
        assert found["ended_at"][1::2].isna().all()
        assert churn_outcomes(ds.at("2026-02-20T11:00+00:00"), dates="2026-01-31", horizon="30d")["ended_at"].isna().all()

    @pytest.mark.slow
    @pytest.mark.parametrize("options", [{"horizon": "30d"}, {"horizon": "1mo", "gap": "1mo"}, {"horizon": "2mo", "gap": "30d"}])
    def test_a_window_is_over_when_its_outcomes_are_known(self, options: dict[str, str]) -> None:
        # from the end of 30 January, 2026-01-31: a month ends at 2026-02-28, another at 2026-03-28; 30 days at 2026-03-02, two months more at 2026-05-02
        ds = company(("a", "2026-01-01", None, None))
        over = outcome_windows(feature_dates(ds, "2026-01-30"), **options)["over_at"].iloc[0]
        assert over in (utc("2026-03-02"), utc("2026-03-28"), utc("2026-05-02"))
        late, early = (ds.at(over - pd.Timedelta(shift, "us")) for shift in (1, 2))  # as_of is the last microsecond known
        assert churn_outcomes(late, dates="2026-01-30", **options)["churned"].tolist() == [False]
        assert churn_outcomes(early, dates="2026-01-30", **options)["churned"].isna().all()

    @pytest.mark.slow
    def test_another_policy_ends_a_customer_elsewhere(self) -> None:
        ds = company(("a", "2026-01-01", "2026-03-15", "2026-02-10"))
        assert outcome(ds, "2026-01-31", horizon="30d") == {"a": (False, False, False)}
        assert outcome(ds, "2026-01-31", horizon="30d", policy=cs.RevenuePolicy(churn_date="cancel_request")) == {"a": (True, False, False)}

    def test_time_at_risk_goes_from_date_to_date(self) -> None:
        ds = company(("a", "2026-01-11", "2026-03-01", None), ("b", "2026-02-20", None, None))
        found = exposures(ds, feature_dates(ds, ["2026-01-31", "2026-02-28", "2026-05-31"]))
        rows = [("a", "2026-01-31", 21.0, 49.0, True), ("b", "2026-02-28", 9.0, 101.0, False), ("b", "2026-05-31", 101.0, 131.0, False)]
        expected = pd.DataFrame(rows, columns=["account_id", "at", "enter_days", "duration_days", "observed"])
        pd.testing.assert_frame_equal(found, expected.astype({"at": "datetime64[us]"}))


def test_snapshots_are_the_last_days_of_finished_periods() -> None:
    ds = company(("a", "2026-01-11", None, None), as_of="2026-04-15")
    assert snapshot_days(ds) == [date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31)]
    assert snapshot_days(ds, every="quarter") == [date(2026, 3, 31)]
    with pytest.raises(NotEnoughDataError, match="nobody was a customer by the end of a finished month"):
        snapshot_days(ds.at("2026-01-20"))


@pytest.mark.slow
def test_windows_say_their_unit() -> None:
    ds = company(("a", "2026-01-11", None, None))
    with pytest.raises(ParameterError, match="horizon must say its unit"):
        churn_outcomes(ds, dates="2026-01-31", horizon=30)
    with pytest.raises(ParameterError, match="gap must be a length of time, not '-5d'"):
        churn_outcomes(ds, dates="2026-01-31", horizon="30d", gap="-5d")
    with pytest.raises(ParameterError, match="horizon must be longer than nothing"):
        churn_outcomes(ds, dates="2026-01-31", horizon="0d")
    pd.testing.assert_frame_equal(churn_outcomes(ds, dates="2026-01-31", horizon="30d", gap="0d"), churn_outcomes(ds, dates="2026-01-31", horizon="30d"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_agrees_with_a_search_through_all_stretches(seed: int, zone: str) -> None:
    rng = np.random.default_rng(seed)
    phases = []
    for number in range(25):
        start = utc("2025-10-01") + pd.Timedelta(int(rng.integers(0, 200)), "D")
        for _ in range(rng.integers(1, 4)):
            end = start + pd.Timedelta(int(rng.integers(1, 90)), "D") if rng.random() < 0.7 else None
            phases.append((f"a{number}", start.isoformat()[:19], end.isoformat()[:19] if end else None, None))
            if end is None:
                break
            start = end + pd.Timedelta(int(rng.integers(0, 20)), "D")
    ds = company(*phases, zone=zone)
    days, as_of_end = ["2025-12-31", "2026-02-14", "2026-03-31", "2026-05-31"], pd.Timestamp("2026-07-01", tz=zone)
    found = churn_outcomes(ds, dates=feature_dates(ds, days), horizon="30d", gap="7d").set_index(["account_id", "at"])
    rows = {}
    for account, first, last in stretches(phases):
        for day in days:
            end = pd.Timestamp(day, tz=zone) + pd.DateOffset(days=1)
            if first < end and (last is None or last >= end):
                opens, closes = end.tz_convert("UTC") + 7 * DAY, end.tz_convert("UTC") + 37 * DAY
                over, left = closes <= as_of_end, last is not None and last < as_of_end
                rows[account, pd.Timestamp(day)] = ((left and opens <= last < closes) if over else None, left and last < opens)
    assert len(rows) == len(found)
    for key, (churned, gap) in rows.items():
        seen = found.loc[key]
        assert (None if pd.isna(seen["churned"]) else bool(seen["churned"]), bool(seen["left_in_gap"])) == (churned, gap), key


def stretches(phases: list[tuple[str, str, str | None, str | None]]) -> list[tuple[str, pd.Timestamp, pd.Timestamp | None]]:
    """Return the stretches of each account: phases that touch or overlap are one."""
    found: list[tuple[str, pd.Timestamp, pd.Timestamp | None]] = []
    for account, start, end, _ in sorted(phases, key=lambda phase: (phase[0], phase[1])):
        first, last = utc(start), utc(end) if end else None
        if found and found[-1][0] == account and (found[-1][2] is None or first <= found[-1][2]):
            before = found.pop()
            first, last = before[1], None if None in (before[2], last) else max(before[2], last)
        found.append((account, first, last))
    return found


@pytest.mark.slow
def test_every_expression_compiles_for_a_warehouse_too(monkeypatch: pytest.MonkeyPatch) -> None:
    queries: list[str] = []
    run, stage = Engine.run, Engine.stage
    monkeypatch.setattr(Engine, "run", lambda engine, asked: (queries.append(compiled(asked, "databricks")), run(engine, asked))[1])
    monkeypatch.setattr(Engine, "stage", lambda engine, asked: (queries.append(compiled(asked, "databricks")), stage(engine, asked))[1])
    ds = company(("a", "2026-01-01", "2026-03-15", "2026-01-20"), ("b", "2026-01-01", None, None))
    assert len(churn_outcomes(ds, dates="2026-01-31", horizon="30d", gap="1mo")) == 2
    assert queries
    assert all(query.lstrip().upper().startswith(("SELECT", "WITH")) for query in queries)
