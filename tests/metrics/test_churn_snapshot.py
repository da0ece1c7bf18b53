"""A table of customers with their tenure and who left last month: what can be said of it, and what cannot."""

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.stats.intervals import wilson

AS_OF = "2026-03-31"
RATE = 0.06


def everybody(seed: int = 1) -> pd.DataFrame:
    """Return all who became customers on the first of a month in five years, each month 60, of whom 6 % leave in each month of their life."""
    rng = np.random.default_rng(seed)
    begun = np.repeat(pd.date_range("2021-04-01", "2026-03-01", freq="MS"), 60)
    return pd.DataFrame({"begun": begun, "life": rng.geometric(RATE, len(begun)), "plan": rng.choice(["a", "b"], len(begun))})


def snapshot() -> pd.DataFrame:
    """Return what a table of the last month shows of them: tenure in months and whether they left in March 2026."""
    people = everybody()
    age = 12 * (2026 - people["begun"].dt.year) + 3 - people["begun"].dt.month
    present = people[people["life"] > age]
    return pd.DataFrame(
        {"tenure": age[present.index] + 1, "churned": np.where(present["life"] == age[present.index] + 1, "Yes", "No"), "plan": present["plan"]}
    )


def as_dataset() -> cs.Dataset:
    """Return the table as accounts with a contract each, as somebody would who wants a curve from it."""
    table = snapshot().reset_index(drop=True)
    names = [f"a{row}" for row in table.index]
    begun = [pd.Timestamp("2026-03-01", tz="UTC") - pd.DateOffset(months=int(tenure) - 1) for tenure in table["tenure"]]
    some_day = pd.Timestamp("2026-03-01", tz="UTC") + pd.to_timedelta(np.random.default_rng(2).uniform(0, 31, len(table)), "D")
    ended = pd.Series(some_day).where(table["churned"] == "Yes")
    sold = pd.DataFrame({"subscription_id": names, "account_id": names, "started_at": begun, "ended_at": ended.dt.floor("min"), "mrr": 10.0, "currency": "EUR"})
    return cs.read_dataset({"accounts": pd.DataFrame({"account_id": names, "started_at": begun}), "subscriptions": sold}, as_of=AS_OF)


def survival(table: pd.DataFrame, day: float) -> float:
    return table.loc[table["time_days"] <= day, "estimate"].iloc[-1]


class TestTheRate:
    def test_those_who_left_over_those_there(self) -> None:
        table = snapshot()
        row = cs.snapshot_churn_rate(table).iloc[0]
        left, n = int((table["churned"] == "Yes").sum()), len(table)
        assert row[["estimate", "conf_low", "conf_high", "n"]].tolist() == pytest.approx([*wilson(left, n), n])
        assert row["conf_low"] < RATE < row["conf_high"]

    def test_in_groups(self) -> None:
        table = pd.DataFrame({"plan": ["a", "a", "b", None], "churned": [1, 0, 0, 1]})
        assert cs.snapshot_churn_rate(table, by="plan")[["estimate", "n"]].values.tolist() == [[0.5, 2], [0.0, 1], [1.0, 1]]

    @pytest.mark.parametrize("values", [[True, False], ["yes", " NO "], [1.0, 0.0], pd.array([True, False], dtype="boolean")])
    def test_yes_may_be_written_in_several_ways(self, values: object) -> None:
        assert cs.snapshot_churn_rate(pd.DataFrame({"churned": values}))["estimate"].tolist() == [0.5]

    @pytest.mark.parametrize(
        ("table", "error", "message"),
        [
            (pd.DataFrame({"churned": ["Yes", "gone"]}), cs.errors.ParameterError, r"churned must say .*row 1 has 'gone'"),
            (pd.DataFrame({"churned": [True, None]}), cs.errors.ParameterError, "row 1 has None"),
            (pd.DataFrame({"churn": [True]}), cs.errors.MissingColumnsError, "churned"),
            (pd.DataFrame({"churned": []}), cs.errors.NotEnoughDataError, "has no row"),
        ],
    )
    def test_what_cannot_be_read_is_refused(self, table: pd.DataFrame, error: type[Exception], message: str) -> None:
        with pytest.raises(error, match=message):
            cs.snapshot_churn_rate(table)

    def test_of_a_dataset_it_is_the_last_month_that_is_over(self) -> None:
        ds = as_dataset()
        rates = cs.logo_churn_rate(ds.at("2026-04-10") if ds.as_of > pd.Timestamp("2026-04-10", tz="UTC") else ds)
        last = rates[(rates["metric"] == "logo_churn_rate") & (rates["period"] == "2026-03-01")].iloc[0]
        row = cs.snapshot_churn_rate(ds).iloc[0]
        assert row["period"] == pd.Timestamp("2026-03-01")
        assert row[["estimate", "n"]].tolist() == last[["estimate", "n"]].tolist()


class TestTheCurve:
    def test_from_day_0_it_would_say_far_too_much(self) -> None:
        # of a yearly cohort .94^12 = 48 % stay a year; the table from day 0 says more than 80 %
        table = snapshot()
        naive = cs.survival_curve(pd.DataFrame({"duration_days": table["tenure"].astype(float), "observed": table["churned"] == "Yes"}))
        assert survival(naive, 12) > 0.8
        assert pytest.approx(0.476, abs=1e-3) == (1 - RATE) ** 12

    @pytest.mark.slow
    def test_it_is_refused_whether_as_a_table_a_design_or_contracts(self) -> None:
        for call in (
            lambda: cs.customer_survival(snapshot()),
            lambda: cs.customer_survival(as_dataset(), design="snapshot"),
            lambda: cs.churn_by_kind(as_dataset(), design="snapshot"),
            lambda: cs.customer_time(as_dataset(), design="snapshot"),
        ):
            with pytest.raises(cs.errors.ParameterError, match=r"a snapshot .* has no curve from day 0.*`snapshot_churn_rate`"):
                call()
        with pytest.raises(cs.errors.ParameterError, match=r"observed_from='2026-03-01'"):
            cs.customer_survival(as_dataset())

    @pytest.mark.slow
    def test_with_the_month_as_the_record_it_is_the_curve_at_the_rates_of_that_month(self) -> None:
        curve = cs.customer_survival(as_dataset(), observed_from="2026-03-01", design="prevalent", at_days=[366])
        low, high = curve[["conf_low", "conf_high"]].iloc[0]
        assert low < (1 - RATE) ** 12 < high


class TestDesigns:
    def company(self) -> cs.Dataset:
        """Return customers who began on 1 January (left after 45 days), 10 February (after 30), 1 March and 20 March (still there)."""
        begun = pd.to_datetime(["2026-01-01", "2026-02-10", "2026-03-01", "2026-03-20"], utc=True)
        ended = pd.to_datetime(["2026-02-15", "2026-03-12", None, None], utc=True)
        names = list("abcd")
        sold = pd.DataFrame({"subscription_id": names, "account_id": names, "started_at": begun, "ended_at": ended, "mrr": 10.0, "currency": "EUR"})
        return cs.read_dataset({"accounts": pd.DataFrame({"account_id": names, "started_at": begun}), "subscriptions": sold}, as_of="2026-04-30")

    @pytest.mark.parametrize(
        ("options", "at_risk"),
        [
            ({}, [(30, 4), (45, 2)]),
            ({"design": "cohort"}, [(30, 4), (45, 2)]),
            ({"observed_from": "2026-02-01"}, [(30, 3), (45, 2)]),  # a is at risk from its day 31
            ({"observed_from": "2026-02-01", "design": "prevalent"}, [(30, 3), (45, 2)]),
            ({"observed_from": "2026-02-01", "design": "cohort"}, [(30, 3)]),  # a began before anybody looked
            ({"started_from": "2026-02-10"}, [(30, 3)]),
            ({"started_until": "2026-02-10"}, [(30, 2), (45, 1)]),
            ({"started_from": "2026-01-02", "started_until": "2026-03-01"}, [(30, 2)]),
        ],
    )
    def test_a_design_says_who_is_at_risk_when(self, options: dict[str, str], at_risk: list[tuple[int, int]]) -> None:
        table = cs.customer_survival(self.company(), **options)
        assert list(zip(table["time_days"].astype(int), table["n"], strict=True)) == at_risk

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"design": "prevalent"}, "needs observed_from"),
            ({"design": "panel"}, "design must be one of cohort, prevalent, snapshot"),
            ({"design": "cohort", "observed_from": "2026-02-01", "started_from": "2026-01-15"}, r"started_from='2026-01-15' lies before observed_from"),
        ],
    )
    def test_a_design_that_contradicts_itself_is_refused(self, options: dict[str, str], message: str) -> None:
        with pytest.raises(cs.errors.ParameterError, match=message):
            cs.customer_survival(self.company(), **options)

    def test_days_on_which_nobody_began_are_not_enough_data(self) -> None:
        with pytest.raises(cs.errors.NotEnoughDataError, match="nobody became a customer from 2026-04-01 until the end"):
            cs.customer_survival(self.company(), started_from="2026-04-01")

    def test_the_day_is_that_of_the_calendar(self) -> None:
        names = ["a", "b"]  # 1 March 00:30 in Berlin, and 23:30 of that day
        begun = pd.to_datetime(["2026-02-28T23:30:00Z", "2026-03-01T22:30:00Z"], utc=True)
        sold = pd.DataFrame({"subscription_id": names, "account_id": names, "started_at": begun, "mrr": 10.0, "currency": "EUR"})
        ds = cs.read_dataset(
            {"accounts": pd.DataFrame({"account_id": names, "started_at": begun}), "subscriptions": sold}, as_of=AS_OF, timezone="Europe/Berlin"
        )
        table = cs.customer_time(ds, horizon="10d", started_from="2026-03-01", started_until="2026-03-01")
        assert table["n"].tolist() == [2]
