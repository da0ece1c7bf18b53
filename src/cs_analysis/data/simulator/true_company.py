"""True values that follow from the parameters alone: availability, leads, orders and the effects of actions."""

from __future__ import annotations

import numpy as np

from cs_analysis.data.simulator.arrays import Floats
from cs_analysis.data.simulator.estimands import Share, known, week_grid
from cs_analysis.data.simulator.labels import CHANNELS
from cs_analysis.data.simulator.scenario import Scenario
from cs_analysis.data.simulator.service import availability
from cs_analysis.data.simulator.service_parameters import Leads
from cs_analysis.data.simulator.true_use import use_parameters

_STEPS_A_DAY = 200
"""Grid on which the two steps of a lead are added up."""


def company_shares(scenario: Scenario) -> list[Share]:
    """Return the true values that follow from the parameters alone."""
    return [*_service(scenario), *_leads(scenario), *_orders(scenario), *_effects(scenario), *use_parameters(scenario)]


def _service(scenario: Scenario) -> list[Share]:
    p = scenario.parameters.service
    up = [known("availability", "share", availability(scenario), service=name) for name in p.services]
    return [*up, *(known("median_latency", "ms", median, service=name) for name, median in zip(p.services, p.latency_median, strict=True))]


def step_distribution(p: Leads, step: int, days: Floats) -> Floats:
    """Return the chance that a step of a lead takes at most `days`: exponential, cut at the longest."""
    mean = p.stage_days[step]
    return np.asarray(np.expm1(-np.minimum(days, p.stage_most) / mean) / np.expm1(-p.stage_most / mean))


def two_steps(p: Leads, days: Floats) -> Floats:
    """Return the chance that both steps together take at most `days`, by quadrature over the first step."""
    edges = np.linspace(0.0, p.stage_most, int(p.stage_most * _STEPS_A_DAY) + 1)
    mass = np.diff(step_distribution(p, 0, edges))
    middle = (edges[1:] + edges[:-1]) / 2.0
    return np.array([mass @ step_distribution(p, 1, np.maximum(day - middle, 0.0)) for day in days])


def _leads(scenario: Scenario) -> list[Share]:
    """Chance that a lead is at a stage within days of the first contact, by channel."""
    p = scenario.parameters.leads
    days = week_grid(scenario)[:14]
    shares = []
    for channel, chance in zip(CHANNELS, p.conversion, strict=True):
        interested = chance + (1.0 - chance) * p.interest
        shares += [
            known("lead_reached", "share", interested * step_distribution(p, 0, days), channel=channel, stage="acquisition", time_days=days),
            known("lead_reached", "share", chance * two_steps(p, days), channel=channel, stage="conversion", time_days=days),
        ]
    return shares


def _orders(scenario: Scenario) -> list[Share]:
    p = scenario.parameters.orders
    timing = [known("bg_nbd", "ratio", value, term=term) for term, value in (("r", p.r), ("alpha", p.alpha), ("a", p.a), ("b", p.b))]
    return [*timing, *(known("gamma_gamma", "ratio", value, term=term) for term, value in (("p", p.p), ("q", p.q), ("v", p.v)))]


def _effects(scenario: Scenario) -> list[Share]:
    """Effects as they act inside the model: log odds of leaving, log odds of passing an onboarding step, ces points; a reward has none."""
    parameters = scenario.parameters
    return [
        known("log_odds", "ratio", parameters.contract.review, action="review"),
        known("log_odds", "ratio", parameters.onboarding.pass_guide, action="guide"),
        known("latent_points", "points", parameters.voice.ces_guide, action="guide"),
        known("log_odds", "ratio", 0.0, action="reward"),
    ]
