"""True values about onboarding and adoption, in days since sign-up or release."""

from __future__ import annotations

import numpy as np

from cs_analysis.data.simulator.arrays import Bools, Floats
from cs_analysis.data.simulator.block import Block
from cs_analysis.data.simulator.clock import working_time
from cs_analysis.data.simulator.estimands import Share, known, mean_of, week_grid
from cs_analysis.data.simulator.labels import ONBOARDING_STEPS
from cs_analysis.data.simulator.onboarding import bass_share, pass_chance, release_instant, step_pace
from cs_analysis.data.simulator.scenario import Scenario

FINE_DAYS = np.arange(0.0, 120.0, 0.05)
"""Days at which the distribution of the time to value is followed to find its median."""


def use_shares(block: Block) -> list[Share]:
    """Return this block's shares of the true values about onboarding and adoption."""
    return [*_onboarding(block), _guide_effect(block), *_adoption(block)]


def use_parameters(scenario: Scenario) -> list[Share]:
    """Return the Bass parameters of each feature, and the webinar's factor of the session rate."""
    shares = []
    for feature in scenario.parameters.usage.features:
        shares += [known("bass_p", "ratio", feature.p, event=feature.name), known("bass_q", "ratio", feature.q, event=feature.name)]
    return [*shares, known("usage_ratio", "ratio", scenario.parameters.usage.webinar, action="webinar")]


def sum_of_steps(means: tuple[float, ...], days: Floats) -> Floats:
    """Return the chance that the sum of independent exponential steps with different means is at most `days` (hypoexponential)."""
    rates = 1.0 / np.asarray(means)
    left = np.zeros_like(days)
    for number, rate in enumerate(rates):
        others = np.delete(rates, number)
        left += np.prod(others / (others - rate)) * np.exp(-rate * days)
    return np.asarray(1.0 - left)


def value_by(block: Block, days: Floats, *, guided: bool | None = None) -> Floats:
    """Return the expected number of accounts with first value within the days of sign-up, if nobody left; `guided` sets the guide for all."""
    p, onboarding = block.scenario.parameters.onboarding, block.onboarding
    passes, pace = onboarding.passes, onboarding.pace
    if guided is not None:
        passes, pace = pass_chance(block.scenario, block.accounts, guided), step_pace(block.scenario, block.accounts, guided)
    reached = np.prod(passes, axis=1)
    return np.array([reached @ sum_of_steps(p.step_days, day / pace) for day in np.atleast_1d(days)])


def _onboarding(block: Block) -> list[Share]:
    """Reached steps, activation within the days of the parameters, and the distribution of the time to value, over all accounts."""
    within, size = block.scenario.parameters.onboarding.activation_days, float(len(block.accounts.index))
    weeks = week_grid(block.scenario)[:27]
    reached = np.cumprod(block.onboarding.passes, axis=1)
    steps = [mean_of("step_reached", "share", reached[:, number], event=step) for number, step in enumerate(ONBOARDING_STEPS)]
    return [
        *steps,
        Share("activation_rate", "share", value_by(block, np.array([float(within)])), size, {"time_days": [float(within)]}),
        Share("time_to_value", "share", value_by(block, weeks), size, {"time_days": weeks}),
    ]


def _guide_effect(block: Block) -> Share:
    """Causal effect of a completed guide on activation: everyone guided against nobody, over all accounts."""
    within = np.array([float(block.scenario.parameters.onboarding.activation_days)])
    gain = value_by(block, within, guided=True) - value_by(block, within, guided=False)
    return Share("activation_difference", "share", gain, float(len(block.accounts.index)), {"action": "guide", "time_days": within})


def _adoption(block: Block) -> list[Share]:
    """Adoption of each feature by days since the later of sign-up and release, over the accounts that were there after the release.

    `adoption_if_nobody_left` is the chance of having adopted; `adoption` is the chance of having adopted before the first time without
    any subscription; `adoption_ceiling` its limit. Accounts that were there at the release have stayed so far and fit better than new
    ones; they have also been followed longer. So features released later have their values for either group (`joined`) as well.
    """
    shares = []
    for number, feature in enumerate(block.scenario.parameters.usage.features):
        released = release_instant(block.scenario, feature)
        shares += _adoption_of(block, number, joined="all", among=np.ones(len(block.accounts.start), dtype=bool))
        if feature.release > 0:
            shares += _adoption_of(block, number, joined="before_release", among=block.accounts.start < released)
            shares += _adoption_of(block, number, joined="after_release", among=block.accounts.start >= released)
    return shares


def _adoption_of(block: Block, number: int, *, joined: str, among: Bools) -> list[Share]:
    feature, clock_start = block.scenario.parameters.usage.features[number], block.adoption.clock_start[:, number]
    leaves = working_time(block.presence.first_leave, block.accounts.shift)
    here = among & (leaves > clock_start)
    ceiling, stay = block.adoption.ceiling[here, number], (leaves - clock_start)[here]
    days, size = week_grid(block.scenario), float(here.sum())
    keys = {"event": feature.name, "joined": joined, "time_days": days}
    before_leaving = np.array([ceiling @ bass_share(feature, np.minimum(day, stay)) for day in days])
    return [
        Share("adoption_if_nobody_left", "share", ceiling.sum() * bass_share(feature, days), size, keys),
        Share("adoption", "share", before_leaving, size, keys),
        mean_of("adoption_ceiling", "share", ceiling, event=feature.name, joined=joined),
    ]
