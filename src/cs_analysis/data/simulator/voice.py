"""Survey requests and their answers: nps in waves, csat after tickets, ces after onboarding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from scipy import special

from cs_analysis.data.simulator import draws
from cs_analysis.data.simulator.arrays import NEVER, Floats, Ints, in_order, position, take
from cs_analysis.data.simulator.block import Block
from cs_analysis.data.simulator.clock import working_time
from cs_analysis.data.simulator.comments import CONTACTS, comments
from cs_analysis.data.simulator.labels import REGIONS
from cs_analysis.data.simulator.service_parameters import Survey
from cs_analysis.data.simulator.support import Tickets, ticket_ids
from cs_analysis.data.simulator.tables import identifiers, make_table, named

SURVEYS = ("nps", "csat", "ces")
_TOUCHPOINTS = ("relationship", "support", "onboarding")
_LANGUAGE_OF_REGION = tuple({"DACH": 1, "Türkiye": 2}.get(region, 0) for region in REGIONS)


@dataclass(frozen=True)
class Requests:
    """Requests of one survey, one entry a request.

    Attributes
    ----------
    owner, key
        Row of the account and counter of the draws.
    user
        Row of the user who is asked.
    asked
        Instant of the request.
    mean
        Latent mean of the score.
    ticket
        Row of the ticket it is about; -1 = none.
    """

    owner: Ints
    key: Ints
    user: Ints
    asked: Ints
    mean: Floats
    ticket: Ints


def survey_of(block: Block, name: str) -> Survey:
    """Return the parameters of a survey."""
    return {"nps": block.scenario.parameters.voice.nps, "csat": block.scenario.parameters.voice.csat, "ces": block.scenario.parameters.voice.ces}[name]


def draw_requests(block: Block, tickets: Tickets, name: str) -> Requests:
    """Return the requests of a survey that are sent within the history."""
    makers = {"nps": _nps_requests, "csat": _csat_requests, "ces": _ces_requests}
    return makers[name](block, tickets)


def answer_chance(block: Block, survey: Survey, owner: Ints) -> Floats:
    """Return the chance that a request is answered sooner or later: unhappy accounts answer less."""
    return draws.logistic(survey.answer_level + survey.answer_satisfaction * block.accounts.satisfaction[owner])


def score_chances(survey: Survey, mean: Any) -> Floats:
    """Return the chance of each score low, ..., high for latent means: a normal variable rounded and cut to the scale."""
    sd = np.hypot(survey.user_sd, survey.answer_sd)
    cuts = np.arange(survey.low, survey.high) + 0.5
    up_to = special.ndtr((cuts - np.asarray(mean)[..., None]) / sd)
    edge = np.ones((*np.shape(mean), 1))
    return np.diff(np.concatenate([0 * edge, up_to, edge], axis=-1), axis=-1)


def _latent_mean(block: Block, survey: Survey, owner: Ints) -> Floats:
    return np.asarray(survey.mean + survey.satisfaction * block.accounts.satisfaction[owner])


def _nps_requests(block: Block, _: Tickets) -> Requests:
    """Ask up to a few different users of every account under contract, wave by wave."""
    p, accounts, users = block.scenario.parameters.voice, block.accounts, block.users
    waves = int(31 * block.scenario.months / p.nps_every) + 1
    grid = np.indices((len(accounts.index), waves, p.nps_users)).reshape(3, -1)
    fits = np.flatnonzero(grid[2] < users.count[grid[0]])
    owner, wave, slot = grid[:, fits]
    key = wave * 8 + slot
    first = (users.count[owner] * block.uniform("nps/user", owner, wave)).astype(np.int64)
    user = users.first[owner] + (first + slot) % users.count[owner]
    asked = block.instants(owner, accounts.start_work[owner] + p.nps_first + p.nps_every * wave + block.uniform("nps/asked", owner, key))
    under_contract = np.any([(life.start[owner] <= asked) & (asked < life.ended[owner]) for life in block.lives], axis=0)
    sent = (asked < block.scenario.ends) & under_contract & (users.created[user] <= asked) & accounts.active[owner]
    requests = Requests(owner=owner, key=key, user=user, asked=asked, mean=_latent_mean(block, p.nps, owner), ticket=np.full(len(owner), -1))
    return take(requests, np.flatnonzero(sent))


def _csat_requests(block: Block, tickets: Tickets) -> Requests:
    """Ask after most resolved tickets; slow resolution lowers the score."""
    p = block.scenario.parameters.voice
    owner, key = tickets.owner, tickets.key
    asked_work = tickets.opened_work + tickets.response_days + tickets.resolution_days + 0.02 + 0.2 * block.uniform("csat/asked", owner, key)
    asked = block.instants(owner, asked_work)
    number = (block.users.count[owner] * block.uniform("csat/user", owner, key) ** 2).astype(np.int64)
    slowness = np.log((tickets.response_days + tickets.resolution_days) / block.scenario.parameters.support.resolution_median)
    mean = _latent_mean(block, p.csat, owner) + p.csat_speed * slowness
    user = block.users.at_work(owner, number, tickets.opened)
    requests = Requests(owner=owner, key=key, user=user, asked=asked, mean=mean, ticket=np.arange(len(owner)))
    return take(requests, np.flatnonzero(block.happens(owner, asked) & (block.uniform("csat/ask", owner, key) < p.csat.ask)))


def _ces_requests(block: Block, _: Tickets) -> Requests:
    """Ask the first user a day after first value."""
    p = block.scenario.parameters.voice
    owner = np.arange(len(block.accounts.index))
    value = block.onboarding.at[:, -1]
    asked = block.instants(owner, value + 1.0)
    guided = block.actions.effective_from("guide") <= value
    mean = _latent_mean(block, p.ces, owner) + p.ces_guide * guided
    requests = Requests(owner=owner, key=0 * owner, user=block.users.first, asked=asked, mean=mean, ticket=np.full(len(owner), -1))
    return take(requests, np.flatnonzero(block.happens(owner, block.instants(owner, value)) & block.happens(owner, asked)))


def responses_table(block: Block, tickets: Tickets) -> pa.Table:
    """Return the responses table: every request, answered or not, by account and instant."""
    parts = [_answered(block, tickets, name) for name in SURVEYS]
    rows = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = in_order(rows["owner"], rows["asked"])
    rows = {name: column[order] for name, column in rows.items()}
    owner = rows["owner"]
    columns = {
        "response_id": identifiers("R", block.accounts.index[owner], position(owner), width=3),
        "account_id": block.account_column(owner),
        "user_id": block.user_column(rows["user"]),
        "survey": named(rows["survey"], SURVEYS),
        "asked_at": rows["asked"],
        "answered_at": rows["answered"],
        "score": rows["score"],
        "comment": comments(rows["language"], rows["mood"], sentence=rows["sentence"], contact=rows["contact"]),
        "touchpoint": named(rows["survey"], _TOUCHPOINTS),
        "scale": named(np.full(len(owner), -1), ("",)),
        "ticket_id": named(rows["ticket"], ticket_ids(block, tickets)),
    }
    return make_table("responses", columns)


def _answered(block: Block, tickets: Tickets, name: str) -> dict[str, Any]:
    survey, requests = survey_of(block, name), draw_requests(block, tickets, name)
    answered = _answer_instant(block, name, requests)
    score = np.where(answered < NEVER, _score(block, name, requests), np.nan)
    return {
        "owner": requests.owner,
        "user": requests.user,
        "survey": np.full(len(score), SURVEYS.index(name)),
        "asked": requests.asked,
        "answered": answered,
        "score": score,
        "ticket": requests.ticket,
        **_comment(block, name, requests, place=(score - survey.low) / (survey.high - survey.low)),
    }


def _answer_instant(block: Block, name: str, requests: Requests) -> Ints:
    survey, owner, key = survey_of(block, name), requests.owner, requests.key
    answers = block.uniform(f"{name}/answers", owner, key) < answer_chance(block, survey, owner)
    wait = 0.003 + draws.exponential(block.uniform(f"{name}/wait", owner, key), survey.answer_days)
    answered = block.instants(owner, working_time(requests.asked, block.accounts.shift[owner]) + wait)
    return np.where(answers & (answered < block.scenario.ends), answered, NEVER)


def _score(block: Block, name: str, requests: Requests) -> Floats:
    survey = survey_of(block, name)
    habit = draws.normal(block.uniform(f"{name}/habit", requests.owner, requests.user - block.users.first[requests.owner]), 0.0, survey.user_sd)
    noise = draws.normal(block.uniform(f"{name}/noise", requests.owner, requests.key), 0.0, survey.answer_sd)
    return np.clip(np.rint(requests.mean + habit + noise), survey.low, survey.high)


def _comment(block: Block, name: str, requests: Requests, *, place: Floats) -> dict[str, Any]:
    """Return language, mood, sentence and contact of comments, given the place of the score on its scale (missing = no answer)."""
    p, owner, key = block.scenario.parameters.voice, requests.owner, requests.key
    u = {stream: block.uniform(f"{name}/{stream}", owner, key) for stream in ("comments", "language", "sentence", "contact", "contact_kind")}
    says = np.isfinite(place) & (u["comments"] < p.comment_share)
    mood = np.searchsorted([0.65, 0.85], np.nan_to_num(place), side="left")
    local = np.asarray(_LANGUAGE_OF_REGION)[block.accounts.region[owner]]
    contact = 1 + ((len(CONTACTS) - 1) * u["contact_kind"]).astype(np.int64)
    return {
        "language": np.where(u["language"] < p.local_share, local, 0),
        "mood": np.where(says, mood, -1),
        "sentence": u["sentence"],
        "contact": np.where(u["contact"] < p.contact_share, contact, 0),
    }
