import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from contract_search import ZONE, random_company, searched
from cs_analysis.stats.clusters import clustered_share
from cs_analysis.stats.intervals import exact_poisson, wilson
from helpers import accounts, phases


def company(as_of: str = "2026-04-30", **options: object) -> cs.Dataset:
    """Return four accounts with yearly contracts, of which two are due on 1 March 2026, one on 31 March, and one ended before."""
    sold = phases(
        ("s1", "a", "2025-03-01", None, 100),
        ("s2", "b", "2025-03-01", "2026-03-01", 50),  # lapsed
        ("s3", "c", "2025-03-31", "2026-03-31", 80),  # renewed at a lower price ...
        ("s3", "c", "2026-03-31", None, 60),
        ("s4", "d", "2025-03-15", "2025-11-15", 70),  # ended before it was due
        ("s5", "a", "2025-04-20", None, 10),  # a second contract of account a
        interval=["year"] * 6,
        plan=["big", "small", "small", "small", "big", "big"],
    )
    return cs.read_dataset(
        {"accounts": accounts(**dict.fromkeys("abcd", "2025-01-01")).assign(segment=["x", "x", "y", "y"]), "subscriptions": sold}, as_of=as_of, **options
    )


def figures(table: pd.DataFrame) -> dict[tuple[str, str], tuple[float, int]]:
    return {(f"{row.period:%Y-%m}", row.metric): (pytest.approx(row.estimate), row.n) for row in table.itertuples()}


class TestOfThoseDue:
    @pytest.mark.slow
    def test_those_that_went_on_over_those_due(self) -> None:
        # March: s1, s2 and s3 due, s1 and s3 went on; of 100 + 50 + 80 a month 100 + 60 did; s4 would have been due. April: s5 alone.
        found = figures(cs.renewal_rate(company()))
        assert found == {
            ("2026-03", "renewal_rate"): (2 / 3, 3),
            ("2026-04", "renewal_rate"): (1.0, 1),
            ("2026-03", "renewal_rate_by_value"): (160 / 230, 3),
            ("2026-04", "renewal_rate_by_value"): (1.0, 1),
            ("2026-03", "ended_before_renewal"): (1.0, 4),
            ("2026-04", "ended_before_renewal"): (0.0, 1),
        }

    @pytest.mark.slow
    def test_with_a_contract_an_account_the_limits_are_wilsons(self) -> None:
        row = cs.renewal_rate(company()).iloc[0]
        expected = wilson(2, 3)
        assert row[["conf_low", "conf_high"]].tolist() == pytest.approx([expected.conf_low, expected.conf_high])

    @pytest.mark.slow
    def test_a_month_that_is_not_over_has_no_row(self) -> None:
        assert cs.renewal_rate(company("2026-04-29"))["period"].max() == pd.Timestamp("2026-03-01")

    @pytest.mark.slow
    def test_the_first_of_a_month_belongs_to_that_month(self) -> None:
        assert "2026-02" not in {period for period, _ in figures(cs.renewal_rate(company()))}

    @pytest.mark.slow
    def test_years_pool_the_months(self) -> None:
        found = figures(cs.renewal_rate(company("2026-12-31"), period="year"))
        assert found["2026-01", "renewal_rate"] == (3 / 4, 4)

    @pytest.mark.slow
    def test_groups_may_be_those_of_the_phase_in_force(self) -> None:
        table = cs.renewal_rate(company(), by="plan")
        march = table[(table["period"] == "2026-03-01") & (table["metric"] == "renewal_rate")]
        assert march[["plan", "estimate", "n"]].values.tolist() == [["big", 1.0, 1], ["small", 0.5, 2]]

    @pytest.mark.slow
    def test_yearly_and_monthly_contracts_may_be_kept_apart(self) -> None:
        assert cs.renewal_rate(company(), by="interval")["interval"].unique().tolist() == ["year"]
        with pytest.raises(cs.errors.ParameterError, match="a key column may not be called 'interval' here"):
            cs.renewal_hazard(company(), by="interval")

    @pytest.mark.slow
    def test_contracts_of_one_account_are_a_cluster(self) -> None:
        sold = phases(
            *((f"a{n}", "a", "2025-03-05", "2026-03-05", 10) for n in range(4)),
            *((f"b{n}", "b", "2025-03-05", None, 10) for n in range(5)),
            ("c0", "c", "2025-03-05", None, 10),
            interval=["year"] * 10,
        )
        ds = cs.read_dataset({"accounts": accounts(a="2025-01-01", b="2025-01-01", c="2025-01-01"), "subscriptions": sold}, as_of="2026-03-31")
        row = cs.renewal_rate(ds).iloc[0]
        expected = clustered_share([0, 5, 1], [4, 5, 1])
        assert row[["estimate", "conf_low", "conf_high"]].tolist() == pytest.approx(list(expected))
        assert expected.conf_high - expected.conf_low > wilson(6, 10).conf_high - wilson(6, 10).conf_low

    @pytest.mark.slow
    def test_a_late_renewal_counts_within_the_grace_that_is_stated(self) -> None:
        sold = phases(("s", "a", "2025-03-01", "2026-03-01", 10), ("t", "a", "2026-03-20", None, 10), ("u", "b", "2025-03-02", None, 10), interval=["year"] * 3)
        tables = {"accounts": accounts(a="2025-01-01", b="2025-01-01"), "subscriptions": sold}
        ds = cs.read_dataset(tables, as_of="2026-04-30")
        assert [cs.renewal_rate(ds, grace=grace)["estimate"].iloc[0] for grace in (None, "18d", "19d", "30d", "1mo")] == [0.5, 0.5, 1.0, 1.0, 1.0]
        assert cs.renewal_rate(ds, grace="31d").empty  # the last of March may still be renewed on 1 May

    @pytest.mark.slow
    def test_what_is_left_of_a_pause_is_up_to_the_policy(self) -> None:
        sold = phases(("s", "a", "2025-03-01", "2026-01-10", 10), ("s", "a", "2026-01-10", None, 0), kind=["paid", "paused"], interval=["year"] * 2)
        ds = cs.read_dataset({"accounts": accounts(a="2025-01-01"), "subscriptions": sold}, as_of="2026-03-31")
        assert figures(cs.renewal_rate(ds))["2026-03", "ended_before_renewal"] == (1.0, 1)
        assert figures(cs.renewal_rate(ds, policy=cs.RevenuePolicy(pauses="customer")))["2026-03", "renewal_rate"] == (1.0, 1)

    @pytest.mark.slow
    def test_without_subscriptions_due_there_is_no_row(self) -> None:
        ds = cs.read_dataset({"accounts": accounts(a="2025-01-01"), "subscriptions": phases().iloc[:0]}, as_of="2026-03-31")
        assert cs.renewal_rate(ds).empty
        assert cs.renewal_hazard(ds).empty


@pytest.mark.slow
@pytest.mark.parametrize("seed", [5, 6])
def test_rates_equal_those_of_a_search(seed: int) -> None:
    tables = random_company(seed)
    due = [row for row in searched(tables, "2025-06-30") if row[3] in ("renewed", "lapsed")]
    found = cs.renewal_rate(cs.read_dataset(tables, as_of="2025-06-30", timezone=ZONE))
    logos, money = (found[found["metric"] == name].set_index("period")["estimate"] for name in ("renewal_rate", "renewal_rate_by_value"))
    months = {pd.Timestamp(row[4].year, row[4].month, 1) for row in due}
    assert months <= set(logos.index)
    for month in months:
        rows = [row for row in due if (row[4].year, row[4].month) == (month.year, month.month)]
        assert logos[month] == pytest.approx(sum(row[3] == "renewed" for row in rows) / len(rows))
        assert money[month] == pytest.approx(sum(min(row[6], row[7]) for row in rows) / sum(row[6] for row in rows))


class TestOfAllCustomers:
    @pytest.mark.slow
    def test_it_is_what_churn_leaves(self) -> None:
        stays, lost = cs.renewal_rate(company(), basis="all", by="segment"), cs.logo_churn_rate(company(), by="segment")
        lost = lost[lost["metric"] == "logo_churn_rate"].reset_index(drop=True)
        assert stays["basis"].unique().tolist() == ["all"]
        np.testing.assert_allclose(stays["estimate"], 1 - lost["estimate"])
        np.testing.assert_allclose(stays[["conf_low", "conf_high"]], 1 - lost[["conf_high", "conf_low"]].to_numpy())

    def test_it_looks_higher_than_the_rate_of_those_due(self) -> None:
        # 1 March: a, b and c are customers (d left in November), b is lost: 2 of 3; in April nobody could leave but a with its second contract
        found = figures(cs.renewal_rate(company(), basis="all"))
        assert found["2026-03", "renewal_rate"] == (2 / 3, 3)
        assert found["2025-07", "renewal_rate"] == (1.0, 4)

    @pytest.mark.parametrize(
        ("options", "message"), [({"basis": "al"}, "basis must be 'due' or 'all'"), ({"basis": "all", "grace": "3d"}, "grace needs the basis 'due'")]
    )
    def test_what_makes_no_sense_is_refused(self, options: dict[str, str], message: str) -> None:
        with pytest.raises(cs.errors.ParameterError, match=message):
            cs.renewal_rate(company(), **options)


class TestHazards:
    @pytest.mark.slow
    def test_at_the_renewal_and_before_it(self) -> None:
        # five contracts: three came to the first renewal and one lapsed there, d ended 245 days after its start; s5 came to its first on 20 April
        table = cs.renewal_hazard(company())
        first = table[table["renewal"] == 1].set_index("metric")
        assert first["interval"].unique().tolist() == ["year"]
        assert first.loc["renewal_hazard", ["estimate", "n"]].tolist() == [1 / 4, 4]
        # residuals over 1 - h of a (730 days, no end), b and c (365, none) and d (245, one), all of 1705 days
        r = 1 / 1705
        effect = (730 * r) ** 2 / (1 - 730 * r) + 2 * (365 * r) ** 2 / (1 - 365 * r) + (1 - 245 * r) ** 2 / (1 - 245 * r)
        rate = exact_poisson(1 / effect, 1705 * 12 / 365.25 / effect)
        assert effect == pytest.approx(1.3, abs=0.05)
        assert first.loc["hazard_between", ["estimate", "conf_low", "conf_high", "n"]].tolist() == pytest.approx([*rate, 5])

    @pytest.mark.slow
    def test_those_on_their_way_to_the_next_renewal_are_at_risk(self) -> None:
        # to 30 April: s1 60 days, s3 30 and the day of its renewal, s5 10 and its day
        second = cs.renewal_hazard(company()).query("renewal == 2")
        assert second["metric"].tolist() == ["hazard_between"]
        assert second[["estimate", "conf_high", "n"]].iloc[0].tolist() == pytest.approx([0.0, exact_poisson(0, (61 + 31 + 11) * 12 / 365.25).conf_high, 3])

    @pytest.mark.slow
    def test_renewals_within_their_grace_are_left_out(self) -> None:
        table = cs.renewal_hazard(company(), grace="20d")  # s5 was due on 20 April
        assert table.query("renewal == 1 and metric == 'renewal_hazard'")["n"].tolist() == [3]

    @pytest.mark.slow
    def test_yearly_and_monthly_contracts_are_kept_apart(self) -> None:
        sold = phases(("s", "a", "2025-03-01", None, 10), ("t", "b", "2026-01-01", "2026-03-01", 10), interval=["year", "month"])
        ds = cs.read_dataset({"accounts": accounts(a="2025-01-01", b="2025-01-01"), "subscriptions": sold}, as_of="2026-03-31")
        at = cs.renewal_hazard(ds).query("metric == 'renewal_hazard'")
        assert pd.api.types.is_integer_dtype(at["renewal"])
        assert at[["interval", "renewal", "estimate"]].values.tolist() == [["month", 1, 0.0], ["month", 2, 1.0], ["year", 1, 0.0]]


def simulated(seed: int) -> tuple[cs.Dataset, cs.Truth]:
    """Return the first contracts of a company, of which the truth speaks."""
    ds, truth = cs.simulate_company(accounts=1000, months=36, seed=seed)
    tables = {name: ds.tables[name].to_pandas() for name in ("accounts", "subscriptions", "rates")}
    tables["subscriptions"] = tables["subscriptions"][tables["subscriptions"]["subscription_id"].str.endswith("1")]
    return cs.read_dataset(tables, as_of=ds.as_of, currency=ds.currency), truth


@pytest.mark.slow
def test_the_truth_of_a_simulated_company_is_recovered() -> None:
    pauses_stay = cs.RevenuePolicy(pauses="customer")
    distances = []
    for seed in (1, 2):
        ds, truth = simulated(seed)
        at = cs.renewal_hazard(ds, policy=pauses_stay).query("metric == 'renewal_hazard'")
        monthly = at[at["interval"] == "month"]
        pooled = (monthly["estimate"] * monthly["n"]).sum() / monthly["n"].sum()
        stays = truth.of("renewal_rate", interval="month")["value"].iloc[0]
        distances.append((1 - pooled - stays) / np.sqrt(stays * (1 - stays) / monthly["n"].sum()))
        for number in (1, 2):
            row = at[(at["interval"] == "year") & (at["renewal"] == number)].iloc[0]
            stays = truth.of("renewal_rate", interval="year", renewal=number)["value"].iloc[0]
            distances.append((1 - row["estimate"] - stays) / np.sqrt(stays * (1 - stays) / row["n"]))
    assert np.abs(distances).max() < 3
    assert np.mean(np.square(distances)) < 2.8  # of a mean of six squared standard normal ones, 1 in 100 lies above


@pytest.mark.slow
@pytest.mark.coverage
def test_limits_hold_the_truth_as_often_as_they_say(repository: Path) -> None:
    """A part of benchmarks/coverage/renewals.py: 200 groups of 100 accounts."""
    study = runpy.run_path(str(repository / "benchmarks" / "coverage" / "renewals.py"))
    found = study["study"](200, accounts_each=100).set_index("metric")["coverage"]
    assert found.drop("customer_time").between(0.90, 0.995).all()  # simulation error 1.5 points
