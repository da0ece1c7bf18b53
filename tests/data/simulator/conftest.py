"""Simulated companies that several tests look at."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import pytest

from cs_analysis.data.simulator.assembly import simulate_tables
from cs_analysis.data.simulator.scenario import Scenario
from cs_analysis.data.simulator.truth import Truth


@dataclass(frozen=True)
class Company:
    """Tables of a simulated company as pandas frames, and the truth about it."""

    scenario: Scenario
    tables: dict[str, pd.DataFrame]
    truth: Truth

    def __getitem__(self, name: str) -> pd.DataFrame:
        return self.tables[name]


def simulated(scenario: Scenario, accounts: int) -> Company:
    tables, truth = simulate_tables(scenario, accounts)
    frames = {name: table.to_pandas() for name, table in tables.items()}
    for name, columns in (("subscriptions", ["mrr", "discount"]), ("orders", ["amount", "margin"]), ("accounts", ["acquisition_cost"])):
        frames[name] = frames[name].astype(dict.fromkeys(columns, "float64"))
    return Company(scenario, frames, truth)


@pytest.fixture(scope="session")
def company() -> Company:
    """Return a company of 400 accounts at a fifth of the event rate."""
    return simulated(Scenario(event_rate=0.2, probe_hours=6), 400)


@pytest.fixture(scope="session")
def large_company() -> Company:
    """Return a company large enough to hold counts against the truth; of events it has first uses only."""
    return simulated(Scenario(seed=11, event_rate=0.0), 8_000)
