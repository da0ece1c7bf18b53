"""What the health page shows, also where there is little to show."""

from __future__ import annotations

import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.errors import NotEnoughDataError
from cs_analysis.report.health import Health

OPTIONS = {"weights": "gainsight", "horizon": "90d", "gap": "30d", "capacity": 0.1, "conf_level": 0.95}


def small(**tables: pd.DataFrame) -> cs.Dataset:
    """Return one account, with a contract where there is such a table."""
    accounts = pd.DataFrame({"account_id": ["a"], "started_at": pd.to_datetime(["2026-01-05"], utc=True), "name": ["Acme"]})
    return cs.read_dataset({"accounts": accounts, **tables}, as_of="2026-06-30")


CONTRACT = pd.DataFrame(
    {"subscription_id": ["s"], "account_id": ["a"], "started_at": pd.to_datetime(["2026-01-05"], utc=True), "mrr": [10.0], "currency": ["EUR"]}
)


@pytest.mark.slow
@pytest.mark.parametrize("tables", [{}, {"subscriptions": CONTRACT}])
def test_too_few_to_test_are_an_opinion(tables: dict[str, pd.DataFrame]) -> None:
    health = Health(small(**tables), **OPTIONS)
    assert health.told is None
    assert health.verdict.endswith("Read the score as an opinion.")
    with pytest.raises(NotEnoughDataError, match="too few"):
        _ = health.judged


@pytest.mark.slow
def test_one_customer_has_a_score_and_a_name() -> None:
    health = Health(small(subscriptions=CONTRACT), **OPTIONS)
    assert health.scores()[["account_id", "name"]].to_numpy().tolist() == [["a", "Acme"]]
    assert set(health.rollup()["period"]) == {pd.Timestamp("2026-05-01"), pd.Timestamp("2026-06-01")}
    assert health.fallen().empty


def test_rules_that_the_tables_do_not_bear_are_a_reason() -> None:
    with pytest.raises(NotEnoughDataError, match="rules of 'custify' cannot be applied"):
        Health(small(subscriptions=CONTRACT), **{**OPTIONS, "weights": "custify"}).rollup()


@pytest.fixture(scope="module")
def health() -> Health:
    """Return the health of a simulated company."""
    ds, _ = cs.simulate_company(accounts=400, months=20, seed=2)
    return Health(ds, **OPTIONS)


@pytest.mark.slow
class TestCompany:
    def test_few_leavers_validate_nothing_and_the_page_says_so(self, health: Health) -> None:
        left = int(health.judged.query("metric == 'tested_churners'")["estimate"].iloc[0])
        assert left < 100
        assert f"Only {left} customers left" in health.verdict
        assert set(health.compared("auc_difference")["verdict"]) == {"too few to validate"}

    def test_who_fell_most_comes_first_with_parts_that_fell(self, health: Health) -> None:
        found = health.fallen()
        points = [float(text.replace("−", "-")) for text in found.iloc[:, 1]]
        assert points == sorted(points)
        assert all(point < 0 for point in points)
        assert found.iloc[:, 2].str.contains("−").all()

    def test_what_moved_most_against_its_noise_comes_first(self, health: Health) -> None:
        drift = cs.health_drift(health.ds)
        found = health.drifted(drift, rows=3).pivot_table(index="feature", columns="metric", values="estimate")
        assert len(found) == 3
        every = drift.pivot_table(index="feature", columns="metric", values="estimate")
        assert (found["health_drift"] / found["drift_noise"]).min() >= (every["health_drift"] / every["drift_noise"]).drop(found.index).max()

    def test_the_curve_is_that_of_the_fitted_model(self, health: Health) -> None:
        assert set(health.calibration()["model"]) == {"calibrated"}
        assert health.calibration()["n"].sum() == (health.told["model"] == "calibrated").sum()
