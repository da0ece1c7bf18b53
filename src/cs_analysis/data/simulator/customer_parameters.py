"""The numbers behind accounts, onboarding, usage and contracts.

Log odds and log rates are at fit 0; a `..._fit` field is their slope in the latent fit (mean 0, standard deviation 1 over accounts).
Days are days of working time, seven a week; months are calendar months. Lists by category follow the order of `labels`.
"""

from __future__ import annotations

from dataclasses import dataclass

CANNOT = float("-inf")
"""Log odds of what cannot happen."""


@dataclass(frozen=True)
class Market:
    """Who signs up, and when.

    Attributes
    ----------
    founding_share, founding_days
        Share of accounts that sign up, evenly, in the first days of the window.
    growth
        Sign-ups a day at the end of the window over those at its start, for the others.
    segment_share, region_share, industry_share
        Shares, in the order of `SEGMENTS`, `REGIONS`, `INDUSTRIES`.
    dollar_region
        Number of the region that pays in USD; the others pay in EUR.
    office_shift
        Days by which a region's office day begins later in UTC.
    high_touch
        Share of high-touch accounts by segment.
    seats_log, seats_sd
        Mean by segment and standard deviation of log seats at sign-up.
    persona_level, persona_fit
        Log weights of the personas and their slopes in fit.
    channel_level, channel_fit
        Log weights of the acquisition channels and their slopes in fit.
    channel_cost, segment_cost, cost_sd
        Median acquisition cost in EUR by channel, its factor by segment, and the standard deviation of its logarithm.
    satisfaction_fit
        Correlation of latent satisfaction with fit: success is not satisfaction.
    """

    founding_share: float = 0.25
    founding_days: float = 60.0
    growth: float = 2.5
    segment_share: tuple[float, ...] = (0.55, 0.32, 0.13)
    region_share: tuple[float, ...] = (0.35, 0.2, 0.2, 0.25)
    industry_share: tuple[float, ...] = (0.28, 0.2, 0.16, 0.14, 0.1, 0.12)
    dollar_region: int = 3
    office_shift: tuple[float, ...] = (0.0, 0.0, -0.08, 0.25)
    high_touch: tuple[float, ...] = (0.12, 0.45, 0.9)
    seats_log: tuple[float, ...] = (1.5, 3.0, 4.4)
    seats_sd: float = 0.5
    persona_level: tuple[float, ...] = (-0.5, -0.2, 0.3, -1.0)
    persona_fit: tuple[float, ...] = (1.1, 0.4, -0.2, -0.9)
    channel_level: tuple[float, ...] = (0.5, 0.6, -0.3, -0.5, -0.6)
    channel_fit: tuple[float, ...] = (0.0, -0.25, 0.15, 0.35, 0.0)
    channel_cost: tuple[float, ...] = (120.0, 420.0, 300.0, 150.0, 650.0)
    segment_cost: tuple[float, ...] = (1.0, 3.0, 9.0)
    cost_sd: float = 0.35
    satisfaction_fit: float = 0.75


@dataclass(frozen=True)
class Onboarding:
    """The steps from sign-up to first value (the last of `ONBOARDING_STEPS`).

    Attributes
    ----------
    never_active
        Share of dormant accounts that never do anything.
    pass_level, pass_fit
        Log odds of going on to each step, and their slope in fit.
    pass_high_touch, pass_guide
        What a high-touch service model and a completed guide add to those log odds.
    step_days
        Mean days of each step (exponential).
    pace_fit, pace_guide
        What a unit of fit and a completed guide add to the logarithm of all step days.
    activation_days
        Days within which the last step makes an account activated.
    """

    never_active: float = 0.5
    pass_level: tuple[float, ...] = (3.1, 2.2, 2.1, 1.9)
    pass_fit: float = 0.5
    pass_high_touch: float = 0.25
    pass_guide: float = 0.5
    step_days: tuple[float, ...] = (0.5, 2.2, 3.4, 4.8)
    pace_fit: float = -0.2
    pace_guide: float = -0.25
    activation_days: int = 14


@dataclass(frozen=True)
class Feature:
    """One feature, spreading by Bass from the later of the account's sign-up and the feature's release.

    Attributes
    ----------
    name
        Name of its event.
    release
        Release as a share of the window; 0 = there from the start.
    p, q
        Innovation and imitation, a day.
    ceiling
        Share of active accounts of fit 0 that adopt it sooner or later.
    weight
        How often it is used once adopted, by persona, in the order of `PERSONAS`.
    """

    name: str
    release: float
    p: float
    q: float
    ceiling: float
    weight: tuple[float, ...]


@dataclass(frozen=True)
class Usage:
    """Sessions and the events in them.

    Attributes
    ----------
    features
        The features that spread; `ceiling_fit` is the slope of their ceilings' log odds in fit.
    core_weight
        How often `viewed_dashboard` and the four onboarding steps are used again, by persona.
    sessions_a_day
        Sessions a day of an account with one user, by persona.
    sessions_fit, sessions_sd
        Slope in fit and standard deviation of the logarithm of the session rate.
    users_power
        Power of the number of users in the session rate.
    users_engaged
        Share of the seats that become users, by persona; at most `users_most`.
    invite_days
        Mean days from the first invitation to a user's creation (exponential).
    events_a_session
        Mean number of events of a session after `signed_in` (geometric).
    early, early_days
        Factor of the session rate in the first days.
    free
        Factor on a free plan.
    decline, decline_days
        Factor on the last day of a contract; the way there is linear.
    webinar, webinar_days
        Factor in the days after a completed webinar: the webinar's known effect.
    outage
        Factor while the service is down.
    """

    features: tuple[Feature, ...] = (
        Feature("commented", 0.0, 0.010, 0.030, 0.75, (3.0, 2.0, 1.0, 0.5)),
        Feature("exported_data", 0.0, 0.006, 0.020, 0.65, (2.0, 2.0, 1.5, 0.5)),
        Feature("scheduled_report", 0.0, 0.003, 0.020, 0.50, (1.5, 1.5, 0.6, 0.2)),
        Feature("built_automation", 0.0, 0.002, 0.016, 0.35, (2.0, 1.5, 0.3, 0.1)),
        Feature("connected_api", 0.0, 0.0015, 0.012, 0.25, (1.5, 1.0, 0.1, 0.1)),
        Feature("opened_mobile_app", 0.25, 0.004, 0.022, 0.55, (2.0, 1.5, 1.0, 0.5)),
        Feature("generated_summary", 0.5, 0.008, 0.035, 0.45, (2.5, 2.5, 0.8, 0.3)),
    )
    ceiling_fit: float = 0.8
    core_weight: tuple[tuple[float, ...], ...] = (
        (6.0, 1.0, 1.0, 0.6, 2.0),
        (4.0, 1.2, 1.0, 0.4, 1.2),
        (5.0, 0.4, 0.5, 0.2, 0.8),
        (5.0, 0.2, 0.2, 0.1, 0.3),
    )
    sessions_a_day: tuple[float, ...] = (0.52, 0.32, 0.14, 0.05)
    sessions_fit: float = 0.3
    sessions_sd: float = 0.4
    users_power: float = 0.5
    users_engaged: tuple[float, ...] = (0.7, 0.5, 0.3, 0.15)
    users_most: int = 25
    invite_days: float = 40.0
    events_a_session: float = 3.2
    early: float = 1.4
    early_days: float = 21.0
    free: float = 0.3
    decline: float = 0.2
    decline_days: float = 56.0
    webinar: float = 1.3
    webinar_days: float = 56.0
    outage: float = 0.3


@dataclass(frozen=True)
class Contract:
    """Trials, contracts, their ends and what changes in between. All of it happens at monthly anniversaries of the contract.

    Attributes
    ----------
    entry_share
        Shares of `ENTRIES` by segment.
    trial_days
        Length of a trial, in calendar days.
    trial_level, trial_fit, trial_activated
        Log odds that a trial is bought, their slope in fit, and what activation adds; `fall_back` of the others stay on the free plan.
    upgrade
        Chance a month that an account that started on the free plan buys.
    yearly_share
        Share of yearly contracts by segment; those who come from the free plan pay monthly.
    month_level, month_fit, month_age
        Log odds against staying of each of `END_REASONS` at each renewal of a monthly contract; slopes in fit and in the log of the
        renewal number.
    year_level, year_fit, year_age
        The same at the renewals of a yearly contract; the age slope is in the renewal number less one.
    early_level
        The same inside a yearly term (slopes in fit as at its renewals).
    review
        What a completed review adds to all of these log odds from then on: the review's known effect.
    notice_share
        Share of those who do not renew that say so before; who ends voluntarily or downgrades always does.
    return_level, return_fit, return_days, return_after
        Log odds that an ended customer comes back, their slope in fit, and the mean (exponential) and least days until then.
    grow_level, grow_fit
        Log odds a month of adding seats, and their slope in fit.
    grow_by, grow_share
        The possible shares of seats added, rounded up to whole seats, and how often each occurs.
    shrink_month, shrink_year, shrink_fit, shrink_by
        Log odds of giving up seats at a monthly and a yearly renewal, their slope in fit, and the share of seats given up.
    seat_price
        List price of a seat and month in EUR by plan, in the order of `PLANS`; `dollar_price` is its factor in USD.
    team_seats, business_seats
        Seats from which the plan is team, and business.
    indexation
        Yearly rise of the price.
    discount, discount_share
        Discount in the first year of a yearly contract, and how many have it.
    pause, pause_long
        Chance a month that a monthly contract is paused for a month, and that the pause lasts two.
    trouble, dunning_days
        Chance a month of a payment that fails and is made good; the days before the renewal in which the contract is past due then, and
        also before it ends for payment.
    """

    entry_share: tuple[tuple[float, ...], ...] = ((0.7, 0.22, 0.08), (0.78, 0.1, 0.12), (0.5, 0.0, 0.5))
    trial_days: int = 14
    trial_level: float = 0.1
    trial_fit: float = 0.7
    trial_activated: float = 0.8
    fall_back: float = 0.35
    upgrade: float = 0.04
    yearly_share: tuple[float, ...] = (0.25, 0.55, 0.9)
    month_level: tuple[float, ...] = (-3.4, -4.6, CANNOT, -4.7)
    month_fit: tuple[float, ...] = (-0.8, -0.3, 0.0, -0.5)
    month_age: float = -0.15
    year_level: tuple[float, ...] = (-3.0, -3.8, -1.6, -3.4)
    year_fit: tuple[float, ...] = (-0.7, -0.3, -0.9, -0.5)
    year_age: float = -0.35
    early_level: tuple[float, ...] = (-6.0, -6.2, CANNOT, CANNOT)
    review: float = -0.6
    notice_share: float = 0.6
    return_level: float = -1.7
    return_fit: float = 0.5
    return_days: float = 60.0
    return_after: float = 30.0
    grow_level: float = -3.3
    grow_fit: float = 0.6
    grow_by: tuple[float, ...] = (0.1, 0.2, 0.4)
    grow_share: tuple[float, ...] = (0.5, 0.3, 0.2)
    shrink_month: float = -4.1
    shrink_year: float = -1.6
    shrink_fit: float = -0.5
    shrink_by: float = 0.15
    seat_price: tuple[float, ...] = (0.0, 18.0, 24.0, 29.0)
    dollar_price: float = 1.15
    team_seats: int = 10
    business_seats: int = 50
    indexation: float = 0.04
    discount: float = 0.1
    discount_share: float = 0.4
    pause: float = 0.01
    pause_long: float = 0.4
    trouble: float = 0.015
    dunning_days: int = 14
