"""Answers to a survey, counted by account: what every score and its clustered limits need."""

from __future__ import annotations

from collections.abc import Mapping

import ibis.expr.types as ir
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset, cutoff, engine_of, relation
from cs_analysis.data.surveys import DEFAULT_SCALES
from cs_analysis.facts.groups import By, group_columns, with_groups
from cs_analysis.facts.periods import periods


def answers(ds: Dataset, survey: str) -> ir.Table:
    """Return the answered requests of a survey that carry a score on its usual scale: answers on two scales are never pooled."""
    responses = relation(ds, "responses", "score")
    usual = DEFAULT_SCALES.get(survey, survey)
    return responses.filter(responses.survey == survey, responses.scale.fill_null(usual) == usual, responses.answered_at.notnull(), responses.score.notnull())


def answers_by_account(ds: Dataset, survey: str, *, classes: Mapping[str, tuple[int, int]], period: Period | None, by: By) -> pd.DataFrame:
    """Return one row a group (columns `by.<name>`), period and account: the number of answers in each class of scores (low to high, both included)."""
    rows = with_groups(ds, answers(ds, survey), by, table="responses")
    keys = group_columns(by)
    if period is not None:
        engine = engine_of(ds)
        first = engine.run(rows.agg(first=rows.answered_at.min()).order_by("first"))["first"].iloc[0]
        # Without any answer no period has a row, whichever is asked for.
        frame = periods(ds, cutoff(ds) - pd.Timedelta(1, "us") if pd.isna(first) else first, period=period, unfinished=True)
        calendar = engine.lookup(frame[["period", "starts_at", "ends_at"]])
        rows = rows.inner_join(calendar, [rows.answered_at >= calendar.starts_at, rows.answered_at < calendar.ends_at])
        keys = [*keys, "period"]
    counts = {name: rows.score.between(low, high).sum() for name, (low, high) in classes.items()}
    return engine_of(ds).run(rows.group_by(*keys, "account_id").agg(**counts).order_by([*keys, "account_id"]))
