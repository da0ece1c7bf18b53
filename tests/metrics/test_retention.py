"""Retention by hand, against the worked examples of three tools' documentation, and on companies of known retention."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.stats.projection import back_test, project_cells
from helpers import accounts, events


def of(rows: list[tuple[str, str, str, str]], *, as_of: str, zone: str = "UTC") -> cs.Dataset:
    """Return a dataset of events, their accounts starting in 2020."""
    names = {account for _, account, _, _ in rows}
    return cs.read_dataset({"accounts": accounts(**dict.fromkeys(sorted(names), "2020-01-01")), "events": events(*rows)}, as_of=as_of, timezone=zone)


def cells(table: pd.DataFrame) -> dict[tuple[str, int], float | None]:
    """Return (cohort or "all", age) -> share, None where missing."""
    whole = table["cohort"].isna()
    cohort = table["cohort"].dt.strftime("%Y-%m-%d").mask(whole, "all")
    return {(day, age): None if np.isnan(share) else share for day, age, share in zip(cohort, table["age"], table["estimate"], strict=True)}


@pytest.fixture(scope="module")
def two_days() -> cs.Dataset:
    """Return 1,000 users of whom 500 return and 500 of whom 400 do; each is an account of its own. A third cohort is not over."""
    rows = []
    for day, size, back in (("01", 1000, 500), ("02", 500, 400), ("03", 700, 10)):
        begin = pd.Timestamp(f"2026-03-{day}T08:00Z")
        rows += [(str(begin), f"a{day}{number}", "u", "open") for number in range(size)]
        rows += [(str(begin + pd.Timedelta("25h")), f"a{day}{number}", "u", "came") for number in range(back)]
    return of(rows, as_of="2026-03-04")


class TestTheWhole:
    @pytest.mark.parametrize(
        ("average", "expected"),
        [
            ("pooled", 900 / 1500),  # (500 + 400) / (1,000 + 500)
            ("simple", 0.65),  # (50 % + 80 %) / 2
            ("size_squared", (500 * 1000 + 400 * 500) / (1000**2 + 500**2)),  # 700,000 / 1,250,000 = 56 %
        ],
    )
    def test_one_example_has_three_averages(self, two_days: cs.Dataset, average: Any, expected: float) -> None:
        early = two_days.at("2026-03-03")  # day 1 of the third cohort is not over
        found = cs.cohort_retention(early, period="day", average=average, max_age=1)
        row = found[found["cohort"].isna() & (found["age"] == 1)].iloc[0]
        assert row["estimate"] == pytest.approx(expected, abs=1e-12)
        assert row["n"] == 1500
        assert row["conf_low"] < expected < row["conf_high"]

    def test_pooled_limits_of_accounts_of_one_user_are_wilsons(self, two_days: cs.Dataset) -> None:
        found = cs.cohort_retention(two_days.at("2026-03-03"), period="day", max_age=1)
        row = found[found["cohort"].isna() & (found["age"] == 1)].iloc[0]
        # z^2 = 3.841459: centre (.6 + .001280)/1.002561 = .599745, half 1.959964 sqrt(.00016 + .000653^2)/1.002561 = .024761
        assert (row["conf_low"], row["conf_high"]) == pytest.approx((0.574983, 0.624506), abs=1e-6)

    def test_weighted_limits_are_as_wide_as_the_variance_of_the_weighted_mean(self, two_days: cs.Dataset) -> None:
        found = cs.cohort_retention(two_days.at("2026-03-03"), period="day", average="simple", max_age=1)
        row = found[found["cohort"].isna() & (found["age"] == 1)].iloc[0]
        variance = (0.5 * 0.5 / 1000 + 0.8 * 0.2 / 500) / 4
        assert (row["conf_high"] - row["conf_low"]) / 2 / 1.96 == pytest.approx(variance**0.5, rel=0.01)


class TestMixpanelsExample:
    def test_the_average_of_the_documentation(self, two_days: cs.Dataset) -> None:
        found = cs.retention_definitions(two_days, period="day", definitions=["mixpanel_on"], start="open", event="came", max_age=1)
        assert found.loc[found["age"] == 1, ["estimate", "n"]].to_numpy().tolist() == [[pytest.approx(0.56), 1500]]  # 466.66 of 833.33

    def test_eight_in_the_evening_and_six_in_the_morning_are_two_calendar_days_but_one_rolling_day(self) -> None:
        ds = of([("2026-03-02T20:00Z", "a", "u", "open"), ("2026-03-03T06:00Z", "a", "u", "open")], as_of="2026-03-10")
        assert cells(cs.cohort_retention(ds, period="day", max_age=1, average=None)) == {("2026-03-02", 0): 1, ("2026-03-02", 1): 1}
        assert cells(cs.cohort_retention(ds, period="day", max_age=1, windows="rolling", average=None)) == {("2026-03-02", 0): 1, ("2026-03-02", 1): 0}

    @pytest.mark.parametrize(
        ("period", "first", "back"), [("week", "2026-03-06T12:00Z", "2026-03-09T12:00Z"), ("month", "2026-02-25T12:00Z", "2026-03-03T12:00Z")]
    )
    def test_friday_to_monday_is_calendar_week_1_and_25_february_to_3_march_month_1(self, period: Any, first: str, back: str) -> None:
        ds = of([(first, "a", "u", "buy"), (back, "a", "u", "buy")], as_of="2026-12-31")
        found = [cells(cs.cohort_retention(ds, period=period, windows=windows, max_age=1, average=None)) for windows in ("calendar", "rolling")]
        assert [list(table.values()) for table in found] == [[1, 1], [1, 0]]

    def test_who_buys_each_week_is_in_every_weekly_cohort(self) -> None:
        ds = of([(f"2026-03-{day:02d}T12:00Z", "a", "u", "buy") for day in (3, 10, 17)], as_of="2026-03-22")
        found = cs.cohort_retention(ds, period="week", entry="recurring")
        assert found.loc[found["age"] == 0, "n"].tolist() == [1, 1, 1, 3]


class TestAmplitudesExample:
    """Users 1, 2 and 3 of "How time works in a retention analysis": Wednesday, 1 December is in 2021."""

    def days(self, *instants: str, **rule: Any) -> dict[int, float | None]:
        ds = of([(instant, "a", "u", "open") for instant in instants], as_of="2022-03-31")
        found = cs.cohort_retention(ds, average=None, max_age=1, **rule)
        return {age: share for (_, age), share in cells(found).items()}

    @pytest.mark.slow
    def test_user_1_is_retained_on_day_1_since_times_are_cut_to_hours(self) -> None:
        times = ("2021-12-01T17:59Z", "2021-12-02T17:00Z")
        assert self.days(*times, period="day", windows="rolling_hours") == {0: 1, 1: 1}
        assert self.days(*times, period="day", windows="rolling") == {0: 1, 1: 0}  # 23 hours and a minute
        assert self.days(*times, period="day") == {0: 1, 1: 1}

    @pytest.mark.slow
    def test_user_2_is_retained_in_week_0_by_days_and_in_week_1_by_the_calendar(self) -> None:
        times = ("2021-12-01T10:00Z", "2021-12-06T10:00Z")
        assert self.days(*times, period="week", windows="rolling_days") == {0: 1, 1: 0}
        assert self.days(*times, period="week") == {0: 1, 1: 1}

    @pytest.mark.parametrize(("day", "share"), [("07", 0), ("08", 1), ("14", 1), ("15", 0)])
    def test_week_1_is_the_8th_to_the_14th_of_december(self, day: str, share: int) -> None:
        assert self.days("2021-12-01T10:00Z", f"2021-12-{day}T00:00Z", period="week", windows="rolling_days")[1] == share

    def test_user_3_is_retained_in_month_0_either_way(self) -> None:
        times = ("2021-12-06T10:00Z", "2021-12-12T10:00Z")
        assert self.days(*times, period="month", windows="rolling_days") == self.days(*times, period="month") == {0: 1, 1: 0}

    def test_returning_on_day_two_counts_for_days_one_and_zero(self) -> None:
        found = self.days("2021-12-01T10:00Z", "2021-12-03T10:00Z", period="day", criterion="on_or_after", look_ahead=1)
        assert found == {0: 1, 1: 1}


class TestPostHogsExample:
    def test_one_of_three_came_back_on_day_1_and_on_day_5(self) -> None:
        rows = [(f"2020-07-12T{hour}:00Z", "a", f"u{hour}", "view") for hour in (10, 11, 12)]
        ds = of([*rows, ("2020-07-13T09:00Z", "a", "u10", "view"), ("2020-07-17T09:00Z", "a", "u10", "view")], as_of="2020-07-20")
        found = cs.retention_definitions(ds, period="day", definitions=["posthog"], max_age=6)
        assert found["estimate"].round(2).tolist() == [1, 0.33, 0, 0, 0, 0.33, 0]

    def test_the_simple_mean_gives_each_cohort_the_same_weight(self, two_days: cs.Dataset) -> None:
        found = cs.retention_definitions(two_days.at("2026-03-03"), period="day", definitions=["posthog", "posthog_simple_mean"], max_age=1)
        assert found.loc[found["age"] == 1, "estimate"].tolist() == pytest.approx([0.6, 0.65])


class TestCells:
    rows = [("2026-01-10", "a", "u", "open"), ("2026-01-20", "b", "v", "open"), ("2026-02-05", "a", "u", "open"), ("2026-02-06", "b", "v", "close")]

    def test_an_unfinished_cell_is_missing_and_keeps_its_n(self) -> None:
        found = cs.cohort_retention(of(self.rows, as_of="2026-02-20"))
        assert cells(found) == {("2026-01-01", 0): 1, ("2026-01-01", 1): None, ("all", 0): 1}
        assert found["n"].tolist() == [2, 2, 2]

    def test_the_last_day_finishes_it(self) -> None:
        assert cells(cs.cohort_retention(of(self.rows, as_of="2026-02-28"), event="open"))["2026-01-01", 1] == 0.5

    @pytest.mark.slow
    def test_on_or_after_waits_for_its_look_ahead(self) -> None:
        ds = of(self.rows, as_of="2026-03-31")
        by_look = {ahead: cells(cs.cohort_retention(ds, criterion="on_or_after", look_ahead=ahead))["2026-01-01", 1] for ahead in (1, 2, 3)}
        assert by_look == {1: 1, 2: 1, 3: None}  # February, and March behind it, are over; April is not

    def test_a_bracket_counts_once_and_bears_its_first_age(self) -> None:
        rows = [("2026-01-01", "a", "u", "open"), ("2026-01-03", "a", "u", "open"), ("2026-01-05", "a", "u", "open"), ("2026-01-01", "b", "v", "open")]
        found = cs.cohort_retention(of(rows, as_of="2026-01-12"), period="day", criterion="bracket", brackets=[(1, 7), (8, 14)])
        assert cells(found) == {("2026-01-01", 1): 0.5, ("2026-01-01", 8): None, ("all", 1): 0.5}

    def test_an_account_without_any_event_is_in_the_cohort_of_its_start(self) -> None:
        tables = {"accounts": accounts(a="2026-01-05", b="2026-01-06"), "events": events(("2026-01-07", "a", "u", "open"))}
        found = cs.cohort_retention(cs.read_dataset(tables, as_of="2026-01-31"), entry="account_start", actor="account")
        assert found[["estimate", "n"]].to_numpy().tolist() == [[0.5, 2], [0.5, 2]]

    def test_no_events_give_an_empty_table(self) -> None:
        empty = {"accounts": accounts(a="2026-01-05"), "events": events(("2026-01-07", "a", "u", "open")).iloc[:0]}
        found = cs.cohort_retention(cs.read_dataset(empty, as_of="2026-01-31"))
        assert found.empty
        assert found.columns.tolist() == ["cohort", "age", "metric", "unit", "estimate", "conf_low", "conf_high", "n"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"criterion": "at"}, "criterion must be one of on, on_or_after, bracket"),
        ({"criterion": "bracket"}, "brackets go with"),
        ({"brackets": [(1, 2)]}, "brackets go with"),
        ({"criterion": "bracket", "brackets": [(1, 3), (3, 4)]}, "do not overlap"),
        ({"criterion": "bracket", "brackets": [3, 5]}, "rising pairs .* 3 breaks this"),
        ({"windows": "rolling", "period": "quarter"}, "fixed length"),
        ({"entry": "account_start"}, "actor='account'"),
        ({"minimum": 0}, "minimum must be a whole number of at least 1"),
        ({"average": "mean"}, "average must be"),
        ({"event": "opne"}, "no event is named 'opne'"),
    ],
)
def test_what_has_no_meaning_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(cs.errors.ParameterError, match=message):
        cs.cohort_retention(of(TestCells.rows, as_of="2026-02-20"), **options)


@pytest.mark.parametrize(("options", "message"), [({"criterion": "on_or_after"}, "only criterion='on'"), ({"method": "sbg"}, "for contracts, which end once")])
def test_a_projection_of_what_depends_on_itself_or_ends_once_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(cs.errors.ParameterError, match=message):
        cs.retention_projection(of(TestCells.rows, as_of="2026-02-28"), **options)


def triangle(rng: np.random.Generator, *, cohorts: int, size: int, spread: float) -> pd.DataFrame:
    """Return cells of cohorts whose logits are -0.4 x age^0.5 plus a normal effect of the cohort."""
    effects = rng.normal(0, spread, cohorts)
    rows = [(c, a, rng.binomial(size, 1 / (1 + np.exp(0.4 * a**0.5 - effects[c]))), size) for c in range(cohorts) for a in range(1, cohorts - c)]
    return pd.DataFrame(rows, columns=["cohort", "age", "hits", "units"])


@pytest.mark.slow
def test_a_projection_finds_age_and_cohort_effects() -> None:
    cells = triangle(np.random.default_rng(1), cohorts=20, size=100_000, spread=0.5)
    tried = back_test(cells, hidden=4)
    tried = tried[tried["cohort"] < 15]  # of cohort 15 nothing had been seen
    assert (tried["estimate"] - tried["seen"]).abs().max() < 0.01  # chance alone moves a share by 0.0016
    assert (tried["naive"] - tried["seen"]).abs().mean() > 0.03


@pytest.mark.slow
@pytest.mark.parametrize(("size", "spread"), [(30, 0.3), (300, 0.3), (300, 0.0)])
def test_the_band_covers_what_comes(size: int, spread: float) -> None:
    rng = np.random.default_rng(7)
    tried = pd.concat([back_test(triangle(rng, cohorts=14, size=size, spread=spread), hidden=3) for _ in range(25)])
    inside = ((tried["conf_low"] <= tried["seen"]) & (tried["seen"] <= tried["conf_high"])).mean()
    assert 0.93 <= inside <= 0.995  # whole numbers of users and weak priors make it wide rather than narrow
    assert (tried["estimate"] - tried["seen"]).abs().mean() < (tried["naive"] - tried["seen"]).abs().mean()


def test_an_age_at_which_everybody_is_there_is_projected_as_such() -> None:
    known = pd.DataFrame({"cohort": [0, 1, 0], "age": [0, 0, 1], "hits": [10, 10, 4], "units": [10, 10, 10]})
    found = project_cells(known, pd.DataFrame({"cohort": [2, 2, 2], "age": [0, 1, 2], "units": [10, 10, 10]}))
    assert found.estimate[0] == found.conf_high[0] == 1
    assert 0.2 < found.estimate[1] < 0.6
    assert np.isnan(found.estimate[2])


@pytest.mark.slow
@pytest.mark.coverage
def test_limits_cover_what_is_known_of_users_within_accounts(repository: Path) -> None:
    study = runpy.run_path(str(repository / "benchmarks" / "coverage" / "retention.py"))
    rng = np.random.default_rng(3)
    table = cs.cohort_retention(study["company"](400, likeness=0.1, share=0.5, users=6, rng=rng), by="replicate")
    month_1 = table[table["cohort"].isna() & (table["age"] == 1)]
    assert len(month_1) == 400
    assert 0.92 <= (month_1["conf_low"].le(0.5) & month_1["conf_high"].ge(0.5)).mean() <= 0.98
    assert month_1["estimate"].mean() == pytest.approx(0.5, abs=0.006)  # 400 groups whose standard error is about 0.04
