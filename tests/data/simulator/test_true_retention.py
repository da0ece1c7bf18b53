"""True retention by hand and against the sessions that were drawn, counted by pandas alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import special

from cs_analysis.data.simulator.assembly import simulate_tables
from cs_analysis.data.simulator.block import draw_block
from cs_analysis.data.simulator.parameters import Parameters
from cs_analysis.data.simulator.scenario import Scenario
from cs_analysis.data.simulator.service import draw_hours
from cs_analysis.data.simulator.true_retention import expected_sessions, weeks_over
from cs_analysis.data.simulator.usage import chance_to_take_place, rate_factor, session_rate

START, END = pd.Timestamp("2024-11-01", tz="UTC"), pd.Timestamp("2026-11-01", tz="UTC")
WEEKS = 52
ACCOUNTS = 1_000


def even_usage(**changes: float) -> Parameters:
    """Return parameters under which an account's rate never changes, but for the changes asked for."""
    even = {"early": 1.0, "webinar": 1.0, "free": 1.0, "decline": 1.0, "outage": 1.0}
    return replace(Parameters(), usage=replace(Parameters().usage, **{**even, **changes}))


@pytest.mark.slow
@pytest.mark.parametrize("week", [0, 1])
def test_in_the_first_two_weeks_nobody_has_left(week: int) -> None:
    """The rate is 1.4 times the account's own: 1 - exp(-7 x 1.4 x rate), over the accounts whose week is over."""
    scenario = Scenario(seed=3, event_rate=0.3, probe_hours=24, parameters=even_usage(early=1.4))
    tables, truth = simulate_tables(scenario, 120)
    over = tables["accounts"].to_pandas()["started_at"] + pd.Timedelta(7 * (week + 1), "D") <= END
    rate = truth.latent["sessions_a_day"][over]
    true = truth.of("retention", time_days=7.0 * week)["value"].item()
    assert true == pytest.approx((1 - np.exp(-7 * 1.4 * rate)).mean(), rel=1e-9)


@pytest.mark.slow
def test_the_early_days_end_within_a_week() -> None:
    """Days 7 to 10 at twice the rate and days 10 to 14 at the rate make 3 x 2 + 4 = 10 days of it."""
    scenario = Scenario(seed=3, event_rate=0.3, probe_hours=24, parameters=even_usage(early=2.0, early_days=10.0))
    tables, truth = simulate_tables(scenario, 120)
    over = tables["accounts"].to_pandas()["started_at"] + pd.Timedelta("14D") <= END
    expected = (1 - np.exp(-10 * truth.latent["sessions_a_day"][over])).mean()
    assert truth.of("retention", time_days=7.0)["value"].item() == pytest.approx(expected, rel=1e-9)


def test_without_sessions_nobody_comes_back() -> None:
    truth = simulate_tables(Scenario(event_rate=0.0, probe_hours=24), 20)[1]
    assert (truth.of("retention")["value"] == 0).all()


@pytest.mark.parametrize("months", [1, 6])
def test_there_is_a_value_for_each_week_of_the_history_that_can_be_over(months: int) -> None:
    days = simulate_tables(Scenario(months=months, probe_hours=24), 20)[1].of("retention")["time_days"]
    length = (END - (END - pd.DateOffset(months=months))).days
    assert days.tolist() == [7.0 * week for week in range(length // 7)]


def test_the_integral_is_that_of_a_fine_grid() -> None:
    """A grid of 1/128 day errs by at most half a step times the jump of the rate at each edge; four large ones a week is more than there are."""
    scenario, accounts, step = Scenario(seed=4, probe_hours=24), 40, 1 / 128
    block = draw_block(scenario, np.arange(accounts), service=draw_hours(scenario))
    owner = np.repeat(np.arange(accounts), WEEKS * 7 * 128)
    at = (block.accounts.start_work[:, None] + step * (np.arange(WEEKS * 7 * 128) + 0.5)).ravel()
    factor = rate_factor(block, owner, at) * chance_to_take_place(block, owner, block.instants(owner, at))
    sums = step * factor.reshape(accounts, WEEKS, -1).sum(axis=2)
    exact = expected_sessions(block)[block.accounts.active] / session_rate(block)[block.accounts.active, None]
    assert (sums > 0).mean() > 0.3
    assert np.abs(exact - sums[block.accounts.active]).max() < 4 * step / 2 * 1.4 * 1.3


@pytest.fixture(scope="module")
def sessions() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return sessions drawn and expected in each account's weeks since sign-up, and which of these weeks are over.

    Outages are forty times as frequent as by default, so that a mistake about them shows.
    """
    parameters = replace(Parameters(), service=replace(Parameters().service, outage_start=0.05))
    scenario = Scenario(seed=8, probe_hours=24, parameters=parameters)
    tables, _ = simulate_tables(scenario, ACCOUNTS)
    started = tables["accounts"].to_pandas().set_index("account_id")["started_at"]
    signed_in = tables["events"].to_pandas().query("event == 'signed_in'")
    age = (signed_in["event_at"] - signed_in["account_id"].map(started)) // pd.Timedelta("7D")
    drawn = np.zeros((ACCOUNTS, WEEKS))
    early = (age < WEEKS).to_numpy()
    np.add.at(drawn, (started.index.get_indexer(signed_in["account_id"])[early], age[early].to_numpy()), 1)
    block = draw_block(scenario, np.arange(ACCOUNTS), service=draw_hours(scenario))
    return drawn, expected_sessions(block), weeks_over(block)


@pytest.mark.slow
class TestAgainstTheSessions:
    """Given all but the sessions, the numbers of different weeks are independent Poisson numbers."""

    def test_as_many_as_expected(self, sessions: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
        drawn, expected, over = sessions
        total = expected[over].sum()
        assert total > 50_000
        assert abs(drawn[over].sum() - total) < 4 * np.sqrt(total)

    def test_in_each_week(self, sessions: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
        drawn, expected, over = sessions
        z = ((drawn - expected) * over).sum(axis=0) / np.sqrt((expected * over).sum(axis=0))
        assert np.abs(z).max() < 4
        assert 1e-4 < special.chdtrc(WEEKS, (z**2).sum()) < 1 - 1e-4

    def test_accounts_that_come_back_in_each_week(self, sessions: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
        drawn, expected, over = sessions
        returns = 1 - np.exp(-expected)
        z = (((drawn > 0) - returns) * over).sum(axis=0) / np.sqrt((returns * (1 - returns) * over).sum(axis=0))
        assert np.abs(z).max() < 4
        assert 1e-4 < special.chdtrc(WEEKS, (z**2).sum()) < 1 - 1e-4

    def test_there_are_none_where_none_are_expected(self, sessions: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
        drawn, expected, _ = sessions
        assert (expected == 0).sum() > 1_000
        assert drawn[expected == 0].sum() == 0
