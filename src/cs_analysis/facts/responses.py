"""Answers to a survey, as rows in the database."""

from __future__ import annotations

import ibis.expr.types as ir

from cs_analysis.data.dataset import Dataset, relation
from cs_analysis.data.surveys import DEFAULT_SCALES, folded


def answered(ds: Dataset, survey: str) -> ir.Table:
    """Return the requests of a survey that were answered with a score; a missing scale is the survey's usual one."""
    responses = relation(ds, "responses", "score")
    rows = responses.filter(responses.survey == folded(survey), responses.answered_at.notnull(), responses.score.notnull())
    return rows.mutate(scale=rows.scale.fill_null(usual_scale(survey)))


def answers(ds: Dataset, survey: str) -> ir.Table:
    """Return the answers to a survey on its usual scale: answers on two scales are never pooled."""
    rows = answered(ds, survey)
    return rows.filter(rows.scale == usual_scale(survey))


def usual_scale(survey: str) -> str:
    """Return the name, as code words are read, of the scale on which answers lie that state none."""
    return folded(DEFAULT_SCALES.get(folded(survey), survey))
