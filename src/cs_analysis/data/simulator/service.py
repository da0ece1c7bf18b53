"""The service itself: outages, the probes that see them, and the exchange rate. The company's own draws, not an account's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from cs_analysis.data.simulator import draws
from cs_analysis.data.simulator.arrays import Bools, Floats, Ints
from cs_analysis.data.simulator.scenario import Scenario
from cs_analysis.data.simulator.tables import make_table, named

_HOUR = 3_600


@dataclass(frozen=True)
class Hours:
    """Every hour of the history and which services are down in it (one row a service)."""

    begins: int
    down: Bools

    def is_down(self, service: int, instant: Ints) -> Bools:
        """Return whether the service is down at each instant of the history."""
        hour = np.clip((instant - self.begins) // _HOUR, 0, self.down.shape[1] - 1)
        return np.asarray(self.down[service, hour])

    def turns(self, service: int) -> Ints:
        """Return the instants at which the service goes down or comes back."""
        return np.asarray(self.begins + (1 + np.flatnonzero(np.diff(self.down[service]))) * _HOUR)


def draw_hours(scenario: Scenario) -> Hours:
    """Return the hours: a two-state Markov chain for each service, in its stationary distribution from the first hour on."""
    hours = (scenario.ends - scenario.begins) // _HOUR
    services = len(scenario.parameters.service.services)
    return Hours(scenario.begins, np.stack([_down(scenario, service, hours) for service in range(services)]))


def availability(scenario: Scenario) -> float:
    """Return the true share of hours in which a service is up: r / (r + s), outages starting at chance s and ending at chance r an hour."""
    p = scenario.parameters.service
    recovery = 1.0 / p.outage_hours
    return recovery / (recovery + p.outage_start)


def _company(scenario: Scenario, stream: str, count: int) -> Floats:
    return scenario.draws.uniform(f"company/{stream}", np.zeros(1, dtype=np.int64), np.arange(count))


def _down(scenario: Scenario, service: int, hours: int) -> Bools:
    """Return the chain's states: alternating runs of geometric lengths, the first of them a full one by lack of memory."""
    p = scenario.parameters.service
    u = _company(scenario, f"outage/{service}", hours + 1)
    first_down = bool(u[0] >= availability(scenario))
    is_down = np.arange(hours) % 2 == (0 if first_down else 1)
    lengths = 1 + draws.geometric(u[1:], np.where(is_down, p.outage_hours, 1.0 / p.outage_start) - 1.0)
    return np.repeat(is_down, np.minimum(lengths, hours))[:hours]


def checks_table(scenario: Scenario, hours: Hours) -> pa.Table:
    """Return the probes of all services; a probe of a service that is down has no latency."""
    p = scenario.parameters.service
    services = len(p.services)
    hour = np.repeat(np.arange(0, hours.down.shape[1], scenario.probe_hours), services)
    service = np.tile(np.arange(services), len(hour) // services)
    down = hours.down[service, hour]
    u = scenario.draws.uniform("company/latency", service, hour)
    latency = np.round(draws.lognormal(u, np.asarray(p.latency_median)[service], p.latency_sd), 1)
    columns = {"checked_at": scenario.begins + hour * _HOUR, "up": ~down, "latency_ms": np.where(down, np.nan, latency)}
    return make_table("checks", {**columns, "service": named(service, p.services)})


def dollar_rates(scenario: Scenario) -> Floats:
    """Return EUR for one USD in each month of the history: a random walk of the logarithm."""
    p = scenario.parameters.service
    steps = draws.normal(_company(scenario, "dollar", scenario.months), 0.0, p.dollar_drift)
    return np.asarray(np.round(p.dollar_rate * np.exp(np.cumsum(steps) - steps[0]), 4))


def rates_table(scenario: Scenario) -> pa.Table:
    """Return the monthly exchange rate of USD to the reporting currency."""
    months = np.datetime64(scenario.begins, "s").astype("datetime64[M]") + np.arange(scenario.months)
    rate = dollar_rates(scenario)
    return make_table("rates", {"month": months.astype("datetime64[D]"), "currency": named(np.zeros(len(rate), dtype=np.int64), ("USD",)), "rate": rate})
