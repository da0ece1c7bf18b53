"""The numbers behind surveys, support, customer success, orders, leads and the service itself.

Conventions are those of `customer_parameters`.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Survey:
    """One survey: score = latent mean + user and answer noise, rounded and cut to its scale.

    Attributes
    ----------
    low, high
        Ends of the scale.
    mean, satisfaction
        Latent mean at satisfaction 0 and its slope in satisfaction.
    user_sd, answer_sd
        Standard deviations of the noise that stays with the user, and of the noise of one answer.
    ask
        Share of occasions at which the question is asked.
    answer_level, answer_satisfaction
        Log odds of an answer and their slope in satisfaction: unhappy accounts answer less.
    answer_days
        Mean days until the answer (exponential).
    """

    low: int
    high: int
    mean: float
    satisfaction: float
    user_sd: float
    answer_sd: float
    ask: float
    answer_level: float
    answer_satisfaction: float
    answer_days: float = 2.0


@dataclass(frozen=True)
class Voice:
    """The surveys.

    Attributes
    ----------
    nps, csat, ces
        The three surveys.
    nps_first, nps_every, nps_users
        Days from sign-up to the first wave, days between waves, and most users asked in a wave.
    csat_speed
        What each factor e of resolution time adds to the latent mean of csat.
    ces_guide
        What a completed guide adds to the latent mean of ces.
    comment_share, contact_share, local_share
        Share of answers with a comment, of comments with an e-mail address or phone number, and of comments in the region's language.
    """

    nps: Survey = field(default_factory=lambda: Survey(0, 10, 7.7, 1.2, 0.9, 1.3, 1.0, -0.3, 0.5, 3.0))
    csat: Survey = field(default_factory=lambda: Survey(1, 5, 3.9, 0.45, 0.0, 0.9, 0.7, -0.4, 0.4, 1.0))
    ces: Survey = field(default_factory=lambda: Survey(1, 7, 5.1, 0.6, 0.0, 1.1, 1.0, 0.1, 0.4, 1.0))
    nps_first: float = 45.0
    nps_every: float = 91.0
    nps_users: int = 3
    csat_speed: float = -0.2
    ces_guide: float = 0.4
    comment_share: float = 0.35
    contact_share: float = 0.03
    local_share: float = 0.7


@dataclass(frozen=True)
class Support:
    """Tickets and messages.

    Attributes
    ----------
    tickets_a_day, tickets_fit, tickets_users
        Tickets a day of an account with one user, slope of its logarithm in fit, and power of the number of users.
    response_median, response_sd, response_high_touch
        Median days and standard deviation of the logarithm of the first response time; its factor for high-touch accounts.
    resolution_median, resolution_sd
        The same from first response to resolution.
    never_resolved
        Share of tickets that are never resolved.
    reopen_level, reopen_fit, reopen_days
        Log odds of being opened again, slope in fit, and mean days from resolution until then.
    more_touches, flag_noise
        Mean number of answers beyond the first, and share of agent's flags that are wrong.
    channel_share, topic_share
        Shares of `TICKET_CHANNELS` and `TOPICS`.
    threads_a_day, threads_users, threads_high_touch
        Conversations a day of an account with one user, power of the number of users, factor for high-touch accounts.
    started_by_us, more_messages, most_messages, last_word
        Share of conversations that we open; mean number of messages beyond the first and their most; chance that we answer a
        customer's last message.
    reply_median, answer_median, reply_sd
        Median days until our reply and until the customer's; standard deviation of their logarithm.
    email_share
        Share of conversations held by e-mail; the others are chats.
    """

    tickets_a_day: float = 0.0065
    tickets_fit: float = -0.5
    tickets_users: float = 0.4
    response_median: float = 0.15
    response_sd: float = 1.0
    response_high_touch: float = 0.6
    resolution_median: float = 0.8
    resolution_sd: float = 1.1
    never_resolved: float = 0.02
    reopen_level: float = -2.2
    reopen_fit: float = -0.3
    reopen_days: float = 4.0
    more_touches: float = 0.9
    flag_noise: float = 0.08
    channel_share: tuple[float, ...] = (0.55, 0.35, 0.1)
    topic_share: tuple[float, ...] = (0.34, 0.2, 0.12, 0.14, 0.1, 0.1)
    threads_a_day: float = 0.007
    threads_users: float = 0.3
    threads_high_touch: float = 1.6
    started_by_us: float = 0.25
    more_messages: float = 1.5
    most_messages: int = 12
    last_word: float = 0.85
    reply_median: float = 0.2
    answer_median: float = 0.6
    reply_sd: float = 1.0
    email_share: float = 0.7


@dataclass(frozen=True)
class Success:
    """Actions of the customer-success team, and goals.

    Actions are confounded on purpose: who gets one depends on fit and on the service model. Their effects stand with what they act on
    (`Onboarding.pass_guide`, `Usage.webinar`, `Contract.review`, `Voice.ces_guide`); a reward has none.

    Attributes
    ----------
    action_level, action_fit, action_high_touch
        Log odds of each of `ACTION_KINDS`, their slopes in fit, and what a high-touch service model adds.
    action_after, action_days
        Least and mean further days (exponential) from sign-up to the action.
    completed_level, completed_fit
        Log odds that the customer sees it through, and their slope in fit; only completed actions have an effect.
    goals_low, goals_high, goals_most
        Mean number of goals of low-touch and high-touch accounts, and their most.
    goal_after, goal_spread, goal_every
        Least days from sign-up to the first goal, the width over which it spreads, and days between goals.
    goal_target_days
        The possible days from setting to target.
    goal_never, goal_days, goal_fit
        Share of goals out of reach, mean days until the others are reached (exponential), and slope of their logarithm in fit.
    stage_days
        Days from sign-up at which an account enters each of `STAGES`.
    """

    action_level: tuple[float, ...] = (-0.3, -0.6, -0.9, -1.8)
    action_fit: tuple[float, ...] = (-0.4, -0.3, -0.5, 0.6)
    action_high_touch: tuple[float, ...] = (0.8, 0.3, 1.6, 0.2)
    action_after: tuple[float, ...] = (0.0, 5.0, 30.0, 45.0)
    action_days: tuple[float, ...] = (0.05, 70.0, 90.0, 120.0)
    completed_level: float = 1.5
    completed_fit: float = 0.3
    goals_low: float = 0.5
    goals_high: float = 1.6
    goals_most: int = 3
    goal_after: float = 10.0
    goal_spread: float = 40.0
    goal_every: float = 75.0
    goal_target_days: tuple[int, ...] = (60, 90, 180)
    goal_never: float = 0.2
    goal_days: float = 110.0
    goal_fit: float = -0.2
    stage_days: tuple[float, ...] = (0.0, 30.0, 120.0, 240.0, 400.0)


@dataclass(frozen=True)
class Orders:
    """One-off orders (trainings, credit packs): BG/NBD in time, gamma-gamma in amount.

    Attributes
    ----------
    buyers, first_days
        Share of active accounts that ever order, and mean days from sign-up to the first order (exponential).
    r, alpha
        Shape and rate (in days) of the gamma-distributed purchase rate.
    a, b
        Parameters of the beta-distributed chance of dropping out after a repeat purchase.
    rate_fit
        Correlation of the normal score of the purchase rate with fit.
    p, q, v
        Gamma-gamma: amounts have shape p, the account's rate has shape q and rate v; independent of the purchase rate.
    margin
        Least and most margin as a share of the amount.
    refund, refund_days
        Share of orders refunded in full, and mean days until then.
    most_repeats
        Repeat purchases after which an account is cut off; not met in practice.
    """

    buyers: float = 0.5
    first_days: float = 40.0
    r: float = 0.9
    alpha: float = 60.0
    a: float = 0.8
    b: float = 3.0
    rate_fit: float = 0.5
    p: float = 6.0
    q: float = 4.0
    v: float = 120.0
    margin: tuple[float, float] = (0.3, 0.6)
    refund: float = 0.02
    refund_days: float = 6.0
    most_repeats: int = 120


@dataclass(frozen=True)
class Leads:
    """Leads: `LEAD_STAGES` from the first contact to the sign-up.

    Attributes
    ----------
    conversion
        Chance that a lead becomes an account sooner or later, by channel.
    interest
        Chance that a lead that never converts still reaches the stage acquisition.
    stage_days, stage_most
        Mean days of each of the two steps before they are cut (exponential), and the most a step can take.
    """

    conversion: tuple[float, ...] = (0.2, 0.1, 0.22, 0.32, 0.15)
    interest: float = 0.35
    stage_days: tuple[float, float] = (12.0, 20.0)
    stage_most: float = 45.0


@dataclass(frozen=True)
class Service:
    """Probes of the service, and exchange rates; the company's own draws, not an account's.

    Attributes
    ----------
    services
        Names of the services; an outage of the first one keeps people from using the product.
    outage_start
        Chance an hour that a running service goes down.
    outage_hours
        Mean hours of an outage (geometric, at least one).
    latency_median, latency_sd
        Median latency in milliseconds by service, and standard deviation of its logarithm.
    dollar_rate, dollar_drift
        EUR for one USD in the first month, and standard deviation of its logarithm's monthly step.
    """

    services: tuple[str, ...] = ("app", "api")
    outage_start: float = 0.0012
    outage_hours: float = 5.0
    latency_median: tuple[float, ...] = (180.0, 90.0)
    latency_sd: float = 0.35
    dollar_rate: float = 0.92
    dollar_drift: float = 0.012
