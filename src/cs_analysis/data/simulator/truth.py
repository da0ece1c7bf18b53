"""What is true about a simulated company: parameters, latent values, and the value of each estimand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from cs_analysis.data.simulator.block import Block
from cs_analysis.data.simulator.estimands import Share, known, tables_of
from cs_analysis.data.simulator.latent import latent_values
from cs_analysis.data.simulator.parameters import Parameters
from cs_analysis.data.simulator.scenario import Scenario
from cs_analysis.data.simulator.support import Tickets
from cs_analysis.data.simulator.true_churn import churn_shares
from cs_analysis.data.simulator.true_company import company_shares
from cs_analysis.data.simulator.true_retention import retention_shares
from cs_analysis.data.simulator.true_use import FINE_DAYS, use_shares, value_by
from cs_analysis.data.simulator.true_voice import voice_shares
from cs_analysis.errors import ParameterError


@dataclass(frozen=True, eq=False)
class Truth:
    """What is true about a simulated company.

    True values are expectations given the latent values of the company's own accounts: an estimate differs from them by what chance
    did after the latent values were drawn. Each is defined where it is computed, in the modules `true_churn`, `true_use`,
    `true_retention`, `true_voice` and `true_company`.

    Attributes
    ----------
    seed, months, event_rate
        Which company.
    parameters
        Every number behind it.
    latent
        One row an account: `account_id`, latent values, and the rates and chances that follow from them.
    estimands
        One row a true value: keys (`policy`, `time_days`, `end_reason`, `period`, `event`, `survey`, `population` ...; missing where they
        do not apply), then `metric`, `unit`, `value`.
    """

    seed: int
    months: int
    event_rate: float
    parameters: Parameters = field(repr=False)
    latent: pd.DataFrame = field(repr=False)
    estimands: pd.DataFrame = field(repr=False)

    def of(self, metric: str, **keys: Any) -> pd.DataFrame:
        """Return the true values of a metric whose keys have the given values, with the keys that apply.

        Raises
        ------
        ParameterError
            There is no such metric or no row with these keys.

        Examples
        --------
        >>> import cs_analysis as cs
        >>> truth = cs.simulate_company(accounts=5, months=3)[1]
        >>> truth.of("availability", service="app")["value"].round(4).tolist()
        [0.994]
        """
        rows = self.estimands[self.estimands["metric"] == metric]
        for name, value in keys.items():
            rows = rows[rows[name] == value] if name in rows else rows.iloc[:0]
        if not len(rows):
            known_metrics = ", ".join(sorted(self.estimands["metric"].unique()))
            raise ParameterError(f"there is no true value {metric!r} with {keys}; the metrics are {known_metrics}.")
        return rows.dropna(axis="columns", how="all").reset_index(drop=True)


class TruthBuilder:
    """Collects the truth block by block."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._shares: list[Share] = []
        self._latent: list[pd.DataFrame] = []
        self._value_by = Share("value_by", "share", 0.0, 0.0)

    def add(self, block: Block, tickets: Tickets) -> None:
        """Take in one block of accounts."""
        shares = [*churn_shares(block), *use_shares(block), *retention_shares(block), *voice_shares(block, tickets)]
        self._shares = [old.plus(new) for old, new in zip(self._shares, shares, strict=True)] if self._shares else shares
        self._value_by = self._value_by.plus(Share("value_by", "share", value_by(block, FINE_DAYS), len(block.accounts.index)))
        self._latent.append(latent_values(block))

    def finish(self) -> Truth:
        """Return the truth about all blocks taken in."""
        scenario = self._scenario
        estimands = tables_of([*self._shares, self._median_time_to_value(), *company_shares(scenario)])
        latent = pd.concat(self._latent, ignore_index=True)
        return Truth(scenario.seed, scenario.months, scenario.event_rate, scenario.parameters, latent, estimands)

    def _median_time_to_value(self) -> Share:
        """Days by which half of the accounts have first value if nobody left, in working time; missing if fewer than half ever do."""
        share = self._value_by.total / self._value_by.weight
        median = float(np.interp(0.5, share, FINE_DAYS)) if share[-1] >= 0.5 else np.nan
        return known("median_time_to_value", "days", median)
