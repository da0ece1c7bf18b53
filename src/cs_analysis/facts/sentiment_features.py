"""What accounts had said when asked, by each of several dates."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from cs_analysis.data.dataset import Dataset, engine_of, relation
from cs_analysis.data.surveys import DEFAULT_SCALES, SCALES
from cs_analysis.facts.feature_dates import KEYS, joined_to
from cs_analysis.facts.responses import answers

_EXACT = "decimal(18, 6)"


def sentiment_features(ds: Dataset, rows: ir.Table) -> ir.Table:
    """Return what each row (an account at a date) had said within 180 days, staged.

    An answer counts from when it was given; before that the request stands without one. `nps_score` is the score of the last answer (of several at one
    instant the one with the last identifier), `csat_score` the mean of the answers on the usual scale, from 0 (its worst) to 1 (its best).
    `nps_answered` is missing for whom there was neither a request nor an answer.
    """
    joined = joined_to(rows, _last_score(ds, rows), _asked(ds, rows), _satisfaction(ds, rows))
    answered = ibis.ifelse(joined.nps_score.notnull(), 1, ibis.ifelse(joined.asked.notnull(), 0, ibis.null("int8")))
    return engine_of(ds).stage(joined.select(*KEYS, "nps_score", "csat_score", nps_answered=answered))


def _answered(ds: Dataset, rows: ir.Table, survey: str) -> ir.Table:
    """Return the answers that were given within 180 days of each row's date."""
    given = answers(ds, survey).select("response_id", "answered_at", "score", owner="account_id")
    return rows.inner_join(given, [rows.account_id == given.owner, given.answered_at >= rows.since_180, given.answered_at < rows.ends_at])


def _last_score(ds: Dataset, rows: ir.Table) -> ir.Table:
    """Return the score of each row's last answer on how likely the account is to recommend."""
    given = _answered(ds, rows, "nps")
    last = ibis.window(group_by=KEYS, order_by=[given.answered_at.desc(), given.response_id.desc()])
    ranked = given.mutate(place=ibis.row_number().over(last))
    return ranked.filter(ranked.place == 0).select(*KEYS, nps_score="score")


def _asked(ds: Dataset, rows: ir.Table) -> ir.Table:
    """Return how often each row had been asked how likely it is to recommend."""
    responses = relation(ds, "responses")
    requests = responses.filter(responses.survey == "nps").select("asked_at", owner="account_id")
    found = rows.inner_join(requests, [rows.account_id == requests.owner, requests.asked_at >= rows.since_180, requests.asked_at < rows.ends_at])
    return found.group_by(*KEYS).agg(asked=found.count())


def _satisfaction(ds: Dataset, rows: ir.Table) -> ir.Table:
    """Return the mean satisfaction of each row, summed as decimals: sums of floats depend on the order of rows."""
    given = _answered(ds, rows, "csat")
    scale = SCALES[DEFAULT_SCALES["csat"]]
    mean = given.score.cast(_EXACT).sum().cast("float64") / given.count()
    return given.group_by(*KEYS).agg(csat_score=(mean - scale.low) / (scale.high - scale.low))
