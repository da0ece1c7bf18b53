"""Accounts: the latent fit, the traits that follow from it, and the sign-up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cs_analysis.data.simulator import draws
from cs_analysis.data.simulator.arrays import Bools, Floats, Ints
from cs_analysis.data.simulator.clock import instant_at, working_time
from cs_analysis.data.simulator.customer_parameters import Market
from cs_analysis.data.simulator.labels import PERSONAS
from cs_analysis.data.simulator.scenario import Scenario


@dataclass(frozen=True)
class Accounts:
    """Traits of a block of accounts, one entry an account; categories are numbers into `labels`.

    Attributes
    ----------
    index
        Number of the account in the company; with the seed it fixes everything about it.
    fit, satisfaction
        The latent fit, and a latent satisfaction that correlates with it.
    active
        False for the dormant accounts that never do anything.
    shift
        Days by which the region's office day begins later in UTC.
    start, start_work
        Sign-up as an instant and in working time.
    """

    index: Ints
    fit: Floats
    satisfaction: Floats
    segment: Ints
    region: Ints
    industry: Ints
    high_touch: Bools
    persona: Ints
    active: Bools
    seats: Ints
    channel: Ints
    acquisition_cost: Floats
    dollar: Bools
    shift: Floats
    start: Ints
    start_work: Floats

    def uniform(self, scenario: Scenario, stream: str, counter: Any = 0) -> Floats:
        """Return uniforms, one an account, or a row an account for a list of counters."""
        index = self.index[:, None] if np.ndim(counter) else self.index
        return scenario.draws.uniform(stream, index, counter)


def draw_accounts(scenario: Scenario, index: Ints) -> Accounts:
    """Return the accounts of the given numbers."""
    market = scenario.parameters.market

    def u(stream: str) -> Floats:
        return scenario.draws.uniform(f"account/{stream}", index)

    fit = draws.normal(u("fit"))
    segment = draws.choice(u("segment"), market.segment_share)
    region = draws.choice(u("region"), market.region_share)
    persona = draws.choice(u("persona"), draws.softmax(market.persona_level, market.persona_fit, fit))
    channel = draw_channel(market, u("channel"), fit)
    shift = np.asarray(market.office_shift)[region]
    start = _sign_up(scenario, founding=u("founding"), u=u("sign_up"), shift=shift)
    return Accounts(
        index=index,
        fit=fit,
        satisfaction=market.satisfaction_fit * fit + np.sqrt(1 - market.satisfaction_fit**2) * draws.normal(u("satisfaction")),
        segment=segment,
        region=region,
        industry=draws.choice(u("industry"), market.industry_share),
        high_touch=u("touch") < np.asarray(market.high_touch)[segment],
        persona=persona,
        active=(persona != PERSONAS.index("dormant")) | (u("active") >= scenario.parameters.onboarding.never_active),
        seats=_seats(market, u("seats"), segment),
        channel=channel,
        acquisition_cost=_acquisition_cost(market, u("cost"), channel=channel, segment=segment),
        dollar=region == market.dollar_region,
        shift=shift,
        start=start,
        start_work=working_time(start, shift),
    )


def draw_channel(market: Market, u: Floats, fit: Floats) -> Ints:
    """Return acquisition channels."""
    return draws.choice(u, draws.softmax(market.channel_level, market.channel_fit, fit))


def growth_position(market: Market, u: Any) -> Floats:
    """Return positions in a window over which sign-ups grow exponentially; `u` beyond 1 goes on after its end."""
    return np.asarray(np.log1p(u * (market.growth - 1)) / np.log(market.growth))


def window_work(scenario: Scenario, shift: Floats) -> tuple[Floats, Floats]:
    """Return the working times at which the history begins and ends where the office day is shifted by `shift`."""
    return working_time(scenario.begins, shift), working_time(scenario.ends, shift)


def _sign_up(scenario: Scenario, *, founding: Floats, u: Floats, shift: Floats) -> Ints:
    market = scenario.parameters.market
    first, end = window_work(scenario, shift)
    early = np.minimum(market.founding_days, end - first) * u
    later = (end - first) * growth_position(market, u)
    started = instant_at(first + np.where(founding < market.founding_share, early, later), shift)
    return np.minimum(started, scenario.ends - 1)


def _seats(market: Market, u: Floats, segment: Ints) -> Ints:
    size = draws.normal(u, np.asarray(market.seats_log)[segment], market.seats_sd)
    return np.maximum(np.rint(np.exp(size)), 1).astype(np.int64)


def _acquisition_cost(market: Market, u: Floats, *, channel: Ints, segment: Ints) -> Floats:
    median = np.asarray(market.channel_cost)[channel] * np.asarray(market.segment_cost)[segment]
    return np.round(draws.lognormal(u, median, market.cost_sd), 2)
