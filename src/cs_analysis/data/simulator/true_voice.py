"""True values about surveys, support and goals."""

from __future__ import annotations

import numpy as np
from scipy import special

from cs_analysis.data.simulator.arrays import DAY, Floats
from cs_analysis.data.simulator.block import Block
from cs_analysis.data.simulator.clock import working_time
from cs_analysis.data.simulator.estimands import Share, mean_of, week_grid
from cs_analysis.data.simulator.goals import draw_goals, goal_days
from cs_analysis.data.simulator.service_parameters import Survey
from cs_analysis.data.simulator.support import Tickets, reopen_chance, response_median, ticket_rate
from cs_analysis.data.simulator.voice import SURVEYS, Requests, answer_chance, draw_requests, score_chances, survey_of

_RESPONSE_DAYS = (1.0, 2.0, 7.0)


def voice_shares(block: Block, tickets: Tickets) -> list[Share]:
    """Return this block's shares of the true values about surveys, support and goals."""
    surveys = [share for name in SURVEYS for share in _survey(block, tickets, name)]
    return [*surveys, *_support(block, tickets), *_goals(block)]


def score_value(name: str, survey: Survey) -> Floats:
    """Return what each score counts in the survey's metric: nps points, csat top two boxes, ces mean."""
    score = np.arange(survey.low, survey.high + 1)
    if name == "nps":
        return 100.0 * (score >= 9) - 100.0 * (score <= 6)
    return (score >= survey.high - 1).astype(float) if name == "csat" else score.astype(float)


def answered_chance(block: Block, requests: Requests, survey: Survey) -> Floats:
    """Return the chance that each request is answered before the end of the history."""
    shift = block.accounts.shift[requests.owner]
    left = working_time(block.scenario.ends, shift) - working_time(requests.asked, shift)
    return np.asarray(answer_chance(block, survey, requests.owner) * -np.expm1(-left / survey.answer_days))


def _survey(block: Block, tickets: Tickets, name: str) -> list[Share]:
    """Expected score over all requests (`asked`) and over those answered (`answering`), and the expected share answered."""
    survey, requests = survey_of(block, name), draw_requests(block, tickets, name)
    chances = score_chances(survey, requests.mean)
    answered = answered_chance(block, requests, survey)
    shares = [mean_of("response_rate", "share", answered, survey=name)]
    measures = {name: score_value(name, survey), "mean_score": np.arange(survey.low, survey.high + 1.0)}
    for metric, value in measures.items():
        expected = chances @ value
        unit = "share" if metric == "csat" else "points"
        shares.append(mean_of(metric, unit, expected, survey=name, population="asked"))
        shares.append(Share(metric, unit, float(answered @ expected), float(answered.sum()), {"survey": name, "population": "answering"}))
    return shares


def _support(block: Block, tickets: Tickets) -> list[Share]:
    """Ticket rate over all accounts, first responses within days of the opening, and tickets solved for good by the first answer."""
    p = block.scenario.parameters.support
    at_once = (1.0 - reopen_chance(block, tickets.owner)) / (1.0 + p.more_touches)
    shift = block.accounts.shift[tickets.owner]
    waits = {days: working_time(tickets.opened + int(days * DAY), shift) - tickets.opened_work for days in _RESPONSE_DAYS}
    median = response_median(block, tickets.owner)
    return [
        mean_of("ticket_rate", "per_month", ticket_rate(block) * 365.25 / 12.0),
        mean_of("first_contact_resolution", "share", at_once),
        *(mean_of("first_response_within", "share", special.ndtr(np.log(wait / median) / p.response_sd), time_days=days) for days, wait in waits.items()),
    ]


def _goals(block: Block) -> list[Share]:
    """Chance that a goal is reached within days of being set if the account stays, over the goals set."""
    goals = draw_goals(block)
    p = block.scenario.parameters.success
    mean = goal_days(block)[goals.owner]
    days = week_grid(block.scenario)[:53]
    reached = np.array([(1.0 - p.goal_never) * -np.expm1(-day / mean).sum() for day in days])
    return [Share("goal_reached", "share", reached, float(len(mean)), {"time_days": days})]
