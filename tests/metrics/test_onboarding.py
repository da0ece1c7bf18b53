"""Onboarding by hand, against plain counting on random companies, and on a simulated company whose truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.stats.intervals import wilson_limits
from helpers import accounts, events, phases

END = pd.Timestamp("2026-03-31T23:59:59.999999Z")
DAY = pd.Timedelta(1, "D")


def estimate(table: pd.DataFrame, metric: str, **keys: Any) -> tuple[float, int]:
    """Return estimate and n of the one row of a metric."""
    rows = table[table["metric"] == metric]
    for name, value in keys.items():
        rows = rows[rows[name] == value]
    assert len(rows) == 1
    return round(float(rows["estimate"].iloc[0]), 6), int(rows["n"].iloc[0])


def kaplan_meier(times: list[tuple[float, bool]], horizon: float) -> float:
    """Return the share ended by the horizon, one factor an end; missing if nobody was watched so long and somebody has not ended."""
    staying = 1.0
    for time in sorted({time for time, seen in times if seen and time <= horizon}):
        at_risk = sum(other >= time for other, _ in times)
        staying *= 1 - sum(seen and other == time for other, seen in times) / at_risk
    watched = max(time for time, _ in times) >= horizon
    return 1 - staying if watched or staying == 0 else float("nan")


class TestActivationRate:
    USED = events(
        ("2026-01-01T00:00", "a", "u", "signed_up"),
        ("2026-01-03T00:00", "a", "u", "save"),
        ("2026-01-10T00:00", "a", "u", "share"),
        ("2026-01-15T00:00", "b", "u", "save"),  # exactly 14 days after the start
        ("2026-01-15T00:00:00.000001", "c", "u", "save"),  # a microsecond too late
        ("2026-01-09T00:00", "d", "u", "save"),  # before the start
        ("2026-01-26T00:00", "e", "u", "share"),
    )
    PEOPLE = accounts(a="2026-01-01", b="2026-01-01", c="2026-01-01", d="2026-01-10", e="2026-01-25", late="2026-02-03")

    @pytest.fixture
    def ds(self) -> cs.Dataset:
        return cs.read_dataset({"accounts": self.PEOPLE, "events": self.USED}, as_of="2026-01-31")

    def test_the_end_of_the_window_counts_and_young_accounts_are_censored(self, ds: cs.Dataset) -> None:
        found = cs.activation_rate(ds, "save", cohort=None)
        # a ends after 2 days (5 at risk), e is watched for 7 days, b ends after 14 (3 at risk: b, c, d): 1 - 4/5 x 2/3
        assert estimate(found, "activation_rate") == (round(1 - 4 / 5 * 2 / 3, 6), 5)
        assert estimate(found, "activation_rate_naive") == (0.4, 5)

    def test_signing_up_is_no_activation_unless_it_is_asked_for(self, ds: cs.Dataset) -> None:
        # without actions: a after 2 days, e after 1, b after 14; c and d never: 1 - 4/5 x 3/4 x 2/3
        assert estimate(cs.activation_rate(ds, cohort=None), "activation_rate") == (0.6, 5)
        assert estimate(cs.activation_rate(ds, "signed_up", cohort=None), "activation_rate_naive") == (0.2, 5)

    @pytest.mark.parametrize(("need", "rate"), [("any", 0.6), (1, 0.6), ("all", 0.25), (2, 0.25)])
    def test_any_all_or_so_many_of_the_actions(self, ds: cs.Dataset, need: int | str, rate: float) -> None:
        # all: a alone, after 9 days with 4 at risk (e was watched for 7): 1 - 3/4
        assert estimate(cs.activation_rate(ds, ["save", "share"], need=need, cohort=None), "activation_rate") == (rate, 5)

    def test_limits_are_those_of_wilson_where_everybody_was_watched(self) -> None:
        used = events(*((f"2026-01-0{day}", name, "u", "save") for day, name in ((2, "a"), (3, "b"), (4, "c"))))
        ds = cs.read_dataset({"accounts": accounts(**dict.fromkeys("abcdefgh", "2026-01-01")), "events": used}, as_of="2026-01-31")
        found = cs.activation_rate(ds, "save", cohort=None).iloc[0]
        expected = wilson_limits(np.asarray(3 / 8), n=np.asarray(8.0), conf_level=0.95)
        assert found[["conf_low", "conf_high"]].tolist() == pytest.approx([expected.conf_low, expected.conf_high], abs=1e-9)

    def test_a_cohort_nobody_of_which_was_watched_long_enough_is_missing(self, ds: cs.Dataset) -> None:
        found = cs.activation_rate(ds, "save", cohort="week")
        rates = found[found["metric"] == "activation_rate"]
        assert [f"{day:%m-%d}" for day in rates["cohort"]] == ["12-29", "01-05", "01-19"]
        assert rates["n"].tolist() == [3, 1, 1]
        assert rates["estimate"].round(6).tolist()[:2] == [round(2 / 3, 6), 0.0]
        assert rates[["estimate", "conf_low", "conf_high"]].iloc[2].isna().all()
        assert estimate(found, "activation_rate_naive", cohort=pd.Timestamp("2026-01-19")) == (0.0, 1)

    def test_a_cohort_is_the_calendars_month(self) -> None:
        tables = {"accounts": accounts(a="2026-01-31T23:30", b="2026-01-31T22:30"), "events": events(("2026-02-02", "a", "u", "save"))}
        found = cs.activation_rate(cs.read_dataset(tables, as_of="2026-03-31", timezone="Europe/Berlin"), "save")
        assert estimate(found, "activation_rate", cohort=pd.Timestamp("2026-02-01")) == (1.0, 1)  # a started at 00:30 on the first of February there
        assert estimate(found, "activation_rate", cohort=pd.Timestamp("2026-01-01")) == (0.0, 1)

    def test_the_last_evening_of_a_window_is_not_its_end(self) -> None:
        tables = {"accounts": accounts(a="2026-01-01"), "events": self.USED.iloc[[1]].assign(event_at=pd.Timestamp("2026-03-01", tz="UTC"))}
        by_day = [cs.activation_rate(cs.read_dataset(tables, as_of=day), within="3d", cohort=None)["estimate"].iloc[0] for day in ("2026-01-03", "2026-01-04")]
        assert np.isnan(by_day[0])  # 4 January 00:00 is not known at the end of 3 January
        assert by_day[1] == 0

    def test_a_window_in_months_is_the_calendars(self) -> None:
        used = events(("2026-02-28", "a", "u", "save"), ("2026-03-01T00:00:01", "b", "u", "save"))
        tables = {"accounts": accounts(a="2026-01-31", b="2026-02-01"), "events": used}
        # a month from 31 January ends on 28 February, one from 1 February on 1 March
        assert estimate(cs.activation_rate(cs.read_dataset(tables, as_of="2026-03-31"), "save", within="1mo", cohort=None), "activation_rate") == (0.5, 2)

    def test_who_leaves_first_counts_as_not_activated(self) -> None:
        sold = phases(("s", "a", "2026-01-01", "2026-01-05", 1), ("t", "b", "2026-01-01", None, 1))
        tables = {"accounts": accounts(a="2026-01-01", b="2026-01-01"), "events": events(("2026-01-09", "b", "u", "save")), "subscriptions": sold}
        assert estimate(cs.activation_rate(cs.read_dataset(tables, as_of="2026-01-31"), "save", cohort=None), "activation_rate") == (0.5, 2)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"actions": "svae"}, "no event is named"),
            ({"need": "most"}, "need must be 'any', 'all'"),
            ({"need": 0}, "need must be"),
            ({"actions": ["save", "share"], "need": 3}, "from 1 to 2"),
            ({"within": 14}, "14d"),
            ({"by": "colour"}, "no column 'colour'"),
        ],
    )
    def test_other_arguments_are_refused(self, ds: cs.Dataset, options: dict[str, Any], message: str) -> None:
        with pytest.raises(cs.errors.CSAnalysisError, match=message):
            cs.activation_rate(ds, **options)

    def test_before_the_first_account_there_is_nothing_to_say(self, ds: cs.Dataset) -> None:
        with pytest.raises(cs.errors.NotEnoughDataError, match="no row"):
            cs.activation_rate(ds.at("2025-12-31"))


class TestTimeToValue:
    @pytest.fixture
    def tables(self) -> dict[str, pd.DataFrame]:
        sold = phases(*((name, name, "2026-01-01", "2026-01-05" if name == "b" else None, 1) for name in "abcd"))
        used = events(("2026-01-03", "a", "u", "save"), ("2026-01-20", "b", "u", "save"), ("2026-01-07", "c", "u", "save"))
        return {"accounts": accounts(**dict.fromkeys("abcd", "2026-01-01")), "events": used, "subscriptions": sold}

    @pytest.mark.slow
    def test_by_hand(self, tables: dict[str, pd.DataFrame]) -> None:
        found = cs.time_to_value(cs.read_dataset(tables, as_of="2026-01-31"), "save")
        # value on day 2 (1 of 4), b leaves on day 4, value on day 6: 1/4 + 3/4 x 2/3 x 1/2 = 1/2; three quarters never get there
        assert found["estimate"].tolist()[:2] == [2.0, 6.0]
        assert np.isnan(found["estimate"].iloc[2])
        # if nobody left: 1 - 3/4 x 1/2 = 0.625
        assert estimate(found, "time_to_value_if_nobody_left", quantile=0.5) == (6.0, 4)
        # of the two who got there half had on day 2
        assert estimate(found, "time_to_value_naive", quantile=0.5) == (2.0, 2)
        assert estimate(found, "time_to_value_naive", quantile=0.75) == (6.0, 2)

    @pytest.mark.slow
    def test_leaving_makes_the_difference_between_the_two_questions(self, tables: dict[str, pd.DataFrame]) -> None:
        found = cs.time_to_value(cs.read_dataset(tables, as_of="2026-01-31"), "save", quantiles=[0.6])
        assert np.isnan(found["estimate"].iloc[0])
        assert estimate(found, "time_to_value_if_nobody_left") == (6.0, 4)

    def test_without_subscriptions_nobody_leaves(self, tables: dict[str, pd.DataFrame]) -> None:
        ds = cs.read_dataset({name: tables[name] for name in ("accounts", "events")}, as_of="2026-01-31")
        found = cs.time_to_value(ds, "save")
        # b gets there after 19 days: a third quarter
        assert found["estimate"].tolist()[:6] == [2.0, 6.0, 19.0] * 2

    @pytest.mark.slow
    def test_a_group_without_value_keeps_its_rows(self, tables: dict[str, pd.DataFrame]) -> None:
        ds = cs.read_dataset(tables | {"accounts": tables["accounts"].assign(segment=["x", "x", "x", "y"])}, as_of="2026-01-31")
        found = cs.time_to_value(ds, "save", by="segment", quantiles=[0.5])
        lost = found[(found["segment"] == "y") & (found["metric"] == "time_to_value")]
        assert lost["estimate"].isna().all()
        assert lost["n"].tolist() == [1]
        assert set(found.loc[found["metric"] == "time_to_value_naive", "segment"]) == {"x"}

    @pytest.mark.parametrize("quantiles", [[0], [0.5, 1], []])
    def test_quantiles_lie_between_0_and_1(self, tables: dict[str, pd.DataFrame], quantiles: list[float]) -> None:
        with pytest.raises(cs.errors.ParameterError, match="between 0 and 1"):
            cs.time_to_value(cs.read_dataset(tables, as_of="2026-01-31"), quantiles=quantiles)


class TestValueCurve:
    def test_the_curves_and_those_on_the_way_add_up(self) -> None:
        sold = phases(*((name, name, "2026-01-01", "2026-01-05" if name == "b" else None, 1) for name in "abcd"))
        used = events(("2026-01-03", "a", "u", "save"), ("2026-01-20", "b", "u", "save"), ("2026-01-07", "c", "u", "save"))
        ds = cs.read_dataset({"accounts": accounts(**dict.fromkeys("abcd", "2026-01-01")), "events": used, "subscriptions": sold}, as_of="2026-01-31")
        found = cs.value_curve(ds, "save")
        # of 4: value after 2 and 6 days, one left after 4; d is still on the way
        assert found[["ended_by", "time_days", "estimate", "n"]].values.tolist() == [["left", 4.0, 0.25, 3], ["value", 2.0, 0.25, 4], ["value", 6.0, 0.5, 2]]


class TestDropoff:
    USED = events(
        ("2026-03-02", "a", "u", "import"),
        ("2026-03-02", "a", "u", "save"),  # at the same instant: counts in step order
        ("2026-03-03", "b", "u", "save"),  # before its import, so no second step
        ("2026-03-04", "b", "u", "import"),
        ("2026-03-05", "c", "u", "import"),
        ("2026-03-12T00:00", "c", "u", "save"),  # 11 days after the start
        ("2026-03-30", "e", "u", "import"),
        ("2026-02-20", "d", "u", "import"),  # before the start
    )
    PEOPLE = accounts(a="2026-03-01", b="2026-03-01", c="2026-03-01", d="2026-03-01", e="2026-03-29")

    def test_by_hand(self) -> None:
        ds = cs.read_dataset({"accounts": self.PEOPLE, "events": self.USED}, as_of="2026-03-31")
        found = cs.onboarding_dropoff(ds, ["import", "save"], within="10d")
        # import after 1 (a, e), 3 (b), 4 days (c); d never: a share of 1 - (1 - 2/5)(1 - 1/3)(1 - 1/2) = 0.8 of all accounts
        assert estimate(found, "step_reached", step=1) == (0.8, 5)
        assert estimate(found, "onboarding_dropoff", event="import") == (0.2, 5)
        # save after 1 day (a, of five at risk); b, c and d not in time, e watched for less than 3 days: a share of 0.2, of 0.8 a quarter
        assert estimate(found, "step_reached", step=2) == (0.2, 5)
        assert estimate(found, "onboarding_dropoff", step=2) == (0.75, 4)
        assert estimate(found, "in_progress", step=1) == (0.0, 5)
        assert estimate(found, "in_progress", step=2) == (0.25, 4)  # e

    @pytest.mark.slow
    def test_default_steps_are_the_most_used_in_order_of_their_median(self) -> None:
        rows = [(f"2026-03-{2 + number:02d}", name, "u", f"e{number}") for number in range(6) for name in ("abc" if number == 2 else "ab")]
        used = events(*rows, ("2026-03-01", "a", "u", "signed_up"), ("2026-03-01", "b", "u", "signed_up"), ("2026-03-01", "c", "u", "signed_up"))
        ds = cs.read_dataset({"accounts": accounts(**dict.fromkeys("abc", "2026-03-01")), "events": used}, as_of="2026-03-31")
        found = cs.onboarding_dropoff(ds)
        # three used e2, two each of the others: ties are broken by name, so e5 is not among the five; signing up comes at the start
        assert found["event"].drop_duplicates().tolist() == ["e0", "e1", "e2", "e3", "e4"]

    @pytest.mark.parametrize(("steps", "message"), [(["import", "import"], "different events"), ([], "at least one"), (["improt"], "no event is named")])
    def test_other_steps_are_refused(self, steps: list[str], message: str) -> None:
        ds = cs.read_dataset({"accounts": self.PEOPLE, "events": self.USED}, as_of="2026-03-31")
        with pytest.raises(cs.errors.ParameterError, match=message):
            cs.onboarding_dropoff(ds, steps)

    def test_without_any_event_there_are_no_steps(self) -> None:
        ds = cs.read_dataset({"accounts": self.PEOPLE, "events": self.USED.tail(1)}, as_of="2026-03-31")
        with pytest.raises(cs.errors.NotEnoughDataError, match="nothing to take for steps"):
            cs.onboarding_dropoff(ds)


class TestSatisfactionByStep:
    @pytest.fixture
    def ds(self) -> cs.Dataset:
        rows = [
            ("a", "2026-03-01T12:00", 5),  # before any step
            ("a", "2026-03-05", 4),
            ("b", "2026-03-05", 2),
            ("b", "2026-03-06", None),
            ("c", "2026-03-02", None),  # at the instant of its import
            ("c", "2026-03-20", 5),
        ]
        asked = pd.DataFrame(rows, columns=["account_id", "asked_at", "score"]).assign(response_id=range(6), survey="csat")
        asked["asked_at"] = pd.to_datetime(asked["asked_at"], utc=True, format="ISO8601")
        asked["answered_at"] = (asked["asked_at"] + DAY).where(asked["score"].notna())
        used = events(
            *((f"2026-03-0{day}", name, "u", event) for day, name, event in ((2, "a", "import"), (2, "b", "import"), (2, "c", "import"), (9, "c", "save")))
        )
        return cs.read_dataset({"accounts": accounts(**dict.fromkeys("abc", "2026-03-01")), "events": used, "responses": asked}, as_of="2026-03-31")

    def test_by_hand(self, ds: cs.Dataset) -> None:
        found = cs.onboarding_csat(ds, ["import", "save"])
        assert found["event"].drop_duplicates().tolist() == ["(none)", "import", "save"]
        assert estimate(found, "onboarding_csat", furthest_step=0) == (1.0, 1)
        # after import: asked four times (a, b, b, c), answered 4 and 2, so one of two
        assert estimate(found, "onboarding_csat", furthest_step=1) == (0.5, 2)
        assert estimate(found, "onboarding_csat_lowest", furthest_step=1) == (0.25, 4)  # 1/2 x 1/2
        assert estimate(found, "onboarding_csat_highest", furthest_step=1) == (0.75, 4)  # 1/2 x 1/2 + 1/2
        assert estimate(found, "onboarding_csat", furthest_step=2) == (1.0, 1)

    def test_a_step_asked_about_but_never_answered_says_nothing_but_its_bounds(self, ds: cs.Dataset) -> None:
        found = cs.onboarding_csat(ds.at("2026-03-02"), ["import"])  # a's answer came on the day of asking plus one: known at noon of 2 March
        silent = found[found["furthest_step"] == 1].set_index("metric")
        assert np.isnan(silent["estimate"]["onboarding_csat"])
        assert silent["estimate"][["onboarding_csat_lowest", "onboarding_csat_highest"]].tolist() == [0.0, 1.0]

    def test_a_survey_without_a_scale_is_refused(self, ds: cs.Dataset) -> None:
        with pytest.raises(cs.errors.ParameterError, match="known scale"):
            cs.onboarding_csat(ds, ["import"], survey="pulse")


def random_company(seed: int, size: int = 60) -> dict[str, pd.DataFrame]:
    """Return a company of March 2026 on half days, so that uses, starts and window ends often coincide; some rows lie after END."""
    rng = np.random.default_rng(seed)
    moment = lambda low, high, count: pd.Timestamp("2026-03-01", tz="UTC") + pd.to_timedelta(12 * rng.integers(2 * low, 2 * high, count), "h")  # noqa: E731
    names = np.array([f"a{number}" for number in range(size)])
    people = pd.DataFrame({"account_id": names, "started_at": moment(0, 33, size), "segment": rng.choice(["x", "y"], size)})
    used = pd.DataFrame({"event_at": moment(-2, 36, 500), "account_id": rng.choice(names, 500), "user_id": "u", "event": rng.choice(["e1", "e2", "e3"], 500)})
    return {"accounts": people, "events": pd.concat([used, used.head(40)]).sample(frac=1, random_state=seed)}


def waited(reached: pd.Timestamp | None, start: pd.Timestamp, days: int) -> tuple[float, bool]:
    """Return the days until something was reached within a window, or for how long it was looked for."""
    if reached is not None and reached <= start + days * DAY:
        return (reached - start) / DAY, True
    return min(float(days), (END + pd.Timedelta(1, "us") - start) / DAY - 1e-6), False


@pytest.mark.parametrize("seed", [1, 2, 3])
class TestAgainstPlainCounting:
    def own(self, tables: dict[str, pd.DataFrame], segment: str) -> list[tuple[pd.Timestamp, list[tuple[pd.Timestamp, str]]]]:
        """Return the start of each account of a segment and its known events from then on, in order."""
        people = tables["accounts"].query("segment == @segment and started_at <= @END")
        rows = tables["events"].query("event_at <= @END").sort_values(["event_at", "event"])
        found = []
        for account, start in people[["account_id", "started_at"]].itertuples(index=False, name=None):
            mine = rows[(rows["account_id"] == account) & (rows["event_at"] >= start)]
            found.append((start, list(mine[["event_at", "event"]].itertuples(index=False, name=None))))
        return found

    @pytest.mark.slow
    @pytest.mark.parametrize("need", [1, 2, 3])
    def test_activation(self, seed: int, need: int) -> None:
        tables = random_company(seed)
        found = cs.activation_rate(cs.read_dataset(tables, as_of=END), ["e1", "e2", "e3"], need=need, within="7d", cohort=None, by="segment")
        for segment in "xy":
            times = []
            for start, rows in self.own(tables, segment):
                seen: set[str] = set()
                when = next((at for at, event in rows if seen.add(event) or len(seen) == need), None)  # type: ignore[func-returns-value]
                times.append(waited(when, start, 7))
            expected = kaplan_meier(times, 7)
            assert estimate(found, "activation_rate", segment=segment) == (round(expected, 6), len(times))
            assert estimate(found, "activation_rate_naive", segment=segment)[0] == round(sum(seen for _, seen in times) / len(times), 6)

    @pytest.mark.slow
    def test_dropoff(self, seed: int) -> None:
        tables, steps = random_company(seed), ["e2", "e1", "e3"]
        found = cs.onboarding_dropoff(cs.read_dataset(tables, as_of=END), steps, within="10d", by="segment")
        for segment in "xy":
            people = self.own(tables, segment)
            before, earlier = [True] * len(people), 1.0
            since = [start for start, _ in people]
            for number, step in enumerate(steps, start=1):
                hits = [
                    next((at for at, event in rows if event == step and at >= s), None) if b else None
                    for (_, rows), s, b in zip(people, since, before, strict=True)
                ]
                times = [waited(hit, start, 10) for hit, (start, _) in zip(hits, people, strict=True)]
                share = kaplan_meier(times, 10)
                there = [seen for _, seen in times]
                open_now = [b and not t and start + 10 * DAY > END for b, t, (start, _) in zip(before, there, people, strict=True)]
                assert estimate(found, "step_reached", segment=segment, step=number)[0] == round(share, 6)
                assert estimate(found, "onboarding_dropoff", segment=segment, step=number) == (round(1 - share / earlier, 6), sum(before))
                assert estimate(found, "in_progress", segment=segment, step=number) == (round(sum(open_now) / sum(before), 6), sum(before))
                before, earlier, since = there, share, [hit if hit is not None else END for hit in hits]


@pytest.fixture(scope="module")
def simulated() -> tuple[cs.Dataset, cs.Truth]:
    return cs.simulate_company(accounts=1500, months=12, seed=11)


@pytest.mark.slow
class TestRecovery:
    def test_activation(self, simulated: tuple[cs.Dataset, cs.Truth]) -> None:
        ds, truth = simulated
        found = cs.activation_rate(ds, "shared_report", within="14d", cohort=None).iloc[0]
        assert found["conf_low"] <= truth.of("activation_rate")["value"].iloc[0] <= found["conf_high"]

    def test_median_time_to_value(self, simulated: tuple[cs.Dataset, cs.Truth]) -> None:
        ds, truth = simulated
        found = cs.time_to_value(ds, "shared_report", quantiles=[0.5]).set_index("metric")
        median = truth.of("median_time_to_value")["value"].iloc[0]
        assert found["conf_low"]["time_to_value"] <= median <= found["conf_high"]["time_to_value"]
        assert found["estimate"]["time_to_value_naive"] < 0.8 * median

    @pytest.mark.parametrize("step", ["created_project", "imported_data"])
    def test_steps(self, simulated: tuple[cs.Dataset, cs.Truth], step: str) -> None:
        ds, truth = simulated
        found = cs.onboarding_dropoff(ds, ["created_project", "imported_data"], within="60d").set_index(["metric", "event"]).loc[("step_reached", step)]
        assert found["conf_low"] <= truth.of("step_reached", event=step)["value"].iloc[0] <= found["conf_high"]


@pytest.mark.slow
@pytest.mark.coverage
def test_limits_contain_the_truth_as_often_as_they_say() -> None:
    """A part of benchmarks/coverage/onboarding.py: 250 groups drawn by lot from one company, with a quarter of the accounts under way."""
    ds, truth = cs.simulate_company(accounts=6000, months=3, seed=2)
    part = np.random.default_rng(1).permutation(np.arange(6000) % 250)
    tables = {"accounts": ds.tables["accounts"].to_pandas(["account_id", "started_at"]).assign(part=part), "events": ds.tables["events"].to_pandas()}
    found = cs.activation_rate(cs.read_dataset(tables, as_of="2026-10-15"), "shared_report", cohort=None, by="part")
    rates = found[found["metric"] == "activation_rate"]
    rate = truth.of("activation_rate")["value"].iloc[0]
    inside = (rates["conf_low"] <= rate) & (rate <= rates["conf_high"])
    assert len(inside) == 250
    assert 0.91 < inside.mean() < 0.985
