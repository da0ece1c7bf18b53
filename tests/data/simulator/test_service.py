"""Probes, outages and exchange rates."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cs_analysis.data.simulator.scenario import Scenario
from cs_analysis.data.simulator.service import availability, checks_table, draw_hours, rates_table
from cs_analysis.data.simulator.tables import plain


def test_the_service_is_down_in_blocks() -> None:
    """Outages last five hours on average, so their number is about a fifth of the hours that are down."""
    down = draw_hours(Scenario(months=120)).down[0]
    starts = (np.diff(down.astype(int)) == 1).sum()
    assert down.sum() / starts == pytest.approx(5.0, abs=1.5)


def test_availability_is_the_stationary_share_of_the_chain() -> None:
    """r / (r + s) = 0.2 / 0.2012; over 120 months and two services the share lies within four standard errors of it."""
    hours = draw_hours(Scenario(months=120)).down
    memory = 1.0 - 0.2 - 0.0012
    error = np.sqrt(0.2 * 0.0012 / 0.2012**2 * (1 + memory) / (1 - memory) / hours.size)
    assert availability(Scenario()) == pytest.approx(0.2 / 0.2012)
    assert abs(1 - hours.mean() - availability(Scenario())) < 4 * error


def test_probes_are_regular_and_silent_services_have_no_latency() -> None:
    scenario = Scenario(months=3, probe_hours=6)
    checks = plain(checks_table(scenario, draw_hours(scenario))).to_pandas()
    assert set(checks["service"]) == {"app", "api"}
    assert (checks.groupby("service")["checked_at"].diff().dropna() == pd.Timedelta("6h")).all()
    assert checks["checked_at"].min() == pd.Timestamp("2026-08-01", tz="UTC")
    assert (checks["up"] == checks["latency_ms"].notna()).all()


def test_fewer_probes_see_the_same_service() -> None:
    hours = draw_hours(Scenario(months=3))
    hourly, rare = (plain(checks_table(Scenario(months=3, probe_hours=step), hours)).to_pandas() for step in (1, 6))
    both = rare.merge(hourly, on=["checked_at", "service"])
    assert len(both) == len(rare)
    assert (both["up_x"] == both["up_y"]).all()


def test_there_is_a_rate_for_every_month() -> None:
    rates = rates_table(Scenario(months=24)).to_pandas()
    assert list(pd.DatetimeIndex(rates["month"]).strftime("%Y-%m")) == list(pd.period_range("2024-11", "2026-10", freq="M").astype(str))
    assert rates["rate"].iloc[0] == 0.92
    assert rates["rate"].between(0.75, 1.1).all()
