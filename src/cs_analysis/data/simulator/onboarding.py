"""From sign-up to first value, and the adoption of features after that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from cs_analysis.data.simulator import draws
from cs_analysis.data.simulator.accounts import Accounts
from cs_analysis.data.simulator.actions import Actions
from cs_analysis.data.simulator.arrays import Bools, Floats
from cs_analysis.data.simulator.clock import working_time
from cs_analysis.data.simulator.customer_parameters import Feature
from cs_analysis.data.simulator.labels import ONBOARDING_STEPS
from cs_analysis.data.simulator.scenario import Scenario


@dataclass(frozen=True)
class Onboarding:
    """Onboarding of a block of accounts.

    Attributes
    ----------
    at
        Working time of each of `ONBOARDING_STEPS`, one column a step; infinite where the account never gets there.
    passes
        Chance of going on to each step.
    pace
        Factor of all step days.
    """

    at: Floats
    passes: Floats
    pace: Floats

    def activated(self, accounts: Accounts, within: float) -> Bools:
        """Return which accounts reach first value less than `within` days after sign-up."""
        return np.asarray(self.at[:, -1] < accounts.start_work + within)


def draw_onboarding(scenario: Scenario, accounts: Accounts, actions: Actions) -> Onboarding:
    """Return when the accounts take each step."""
    guided = np.isfinite(actions.effective_from("guide"))
    steps = np.arange(len(ONBOARDING_STEPS))
    passes = pass_chance(scenario, accounts, guided)
    pace = step_pace(scenario, accounts, guided)
    goes_on = np.logical_and.accumulate(accounts.uniform(scenario, "onboarding/pass", steps) < passes, axis=1)
    days = draws.exponential(accounts.uniform(scenario, "onboarding/days", steps), np.asarray(scenario.parameters.onboarding.step_days))
    reached = accounts.start_work[:, None] + np.cumsum(days * pace[:, None], axis=1)
    return Onboarding(at=np.where(goes_on, reached, np.inf), passes=passes, pace=pace)


def pass_chance(scenario: Scenario, accounts: Accounts, guided: Any) -> Floats:
    """Return the chance of going on to each step (columns), given who completed the guide; 0 for those who never do anything."""
    p = scenario.parameters.onboarding
    traits = p.pass_fit * accounts.fit + p.pass_high_touch * accounts.high_touch + p.pass_guide * np.asarray(guided)
    return draws.logistic(np.asarray(p.pass_level) + traits[:, None]) * accounts.active[:, None]


def step_pace(scenario: Scenario, accounts: Accounts, guided: Any) -> Floats:
    """Return the factor of all step days, given who completed the guide."""
    p = scenario.parameters.onboarding
    return np.exp(p.pace_fit * accounts.fit + p.pace_guide * np.asarray(guided))


@dataclass(frozen=True)
class Adoption:
    """Adoption of each feature (one column a feature).

    Attributes
    ----------
    at
        Working time of the first use; infinite for who never adopts.
    clock_start
        Working time from which the Bass clock runs: the later of sign-up and release.
    ceiling
        Chance that the account adopts sooner or later.
    """

    at: Floats
    clock_start: Floats
    ceiling: Floats


def draw_adoption(scenario: Scenario, accounts: Accounts) -> Adoption:
    """Return when the accounts adopt each feature: eventual adopters at the inverse Bass distribution of a uniform of their own."""
    features = scenario.parameters.usage.features
    numbers = np.arange(len(features))
    ceiling = adoption_ceiling(scenario, accounts)
    adopts = accounts.uniform(scenario, "adoption/ever", numbers) < ceiling
    u = accounts.uniform(scenario, "adoption/time", numbers)
    clock_start = np.maximum(accounts.start_work[:, None], release_work(scenario, accounts))
    wait = np.column_stack([bass_time(feature, u[:, number]) for number, feature in enumerate(features)])
    return Adoption(at=np.where(adopts, clock_start + wait, np.inf), clock_start=clock_start, ceiling=ceiling)


def adoption_ceiling(scenario: Scenario, accounts: Accounts) -> Floats:
    """Return each account's chance of ever adopting each feature."""
    usage = scenario.parameters.usage
    level = special.logit([feature.ceiling for feature in usage.features])
    return draws.logistic(level + usage.ceiling_fit * accounts.fit[:, None]) * accounts.active[:, None]


def release_instant(scenario: Scenario, feature: Feature) -> int:
    """Return the instant of a feature's release."""
    return scenario.begins + int(feature.release * (scenario.ends - scenario.begins))


def release_work(scenario: Scenario, accounts: Accounts) -> Floats:
    """Return the working time of each feature's release, one row an account; minus infinity for those there from the start."""
    features = scenario.parameters.usage.features
    later = [working_time(release_instant(scenario, feature), accounts.shift) for feature in features]
    there = [feature.release == 0 for feature in features]
    return np.where(there, -np.inf, np.column_stack(later))


def bass_share(feature: Feature, days: Any) -> Floats:
    """Return the share of eventual adopters that have adopted by `days`: F(t) = (1 - exp(-(p+q)t)) / (1 + (q/p) exp(-(p+q)t)).

    References
    ----------
    Bass (1969), A new product growth model for consumer durables, Management Science 15(5), 215-227.
    """
    left = np.exp(-(feature.p + feature.q) * np.maximum(days, 0.0))
    return np.asarray((1.0 - left) / (1.0 + feature.q / feature.p * left))


def bass_time(feature: Feature, share: Any) -> Floats:
    """Return the days by which a share of the eventual adopters has adopted: the inverse of `bass_share`."""
    return np.asarray(np.log((1.0 + feature.q / feature.p * share) / (1.0 - share)) / (feature.p + feature.q))
