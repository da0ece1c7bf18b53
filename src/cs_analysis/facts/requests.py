"""Survey requests, answered or not, one row each: what response rates, bounds and weights are made of."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

import pandas as pd

from cs_analysis.data.dataset import Dataset, cutoff, engine_of, relation
from cs_analysis.data.surveys import SCALES, Scale, folded
from cs_analysis.errors import MissingColumnsError
from cs_analysis.facts.answer_scales import checked_scores, wanted_scale
from cs_analysis.facts.groups import By, by_columns, group_columns, with_groups
from cs_analysis.facts.response_columns import accounts_of, code_words, instants_of, named_missing, table_of
from cs_analysis.facts.responses import usual_scale
from cs_analysis.facts.score_tables import Measure
from cs_analysis.facts.subscriptions import customer_spells

UNIT: Mapping[Measure, str] = MappingProxyType({"net": "points", "top": "share", "mean": "points"})
"""Measure -> its unit."""

KIND: Mapping[Measure, Literal["net", "share", "mean"]] = MappingProxyType({"net": "net", "top": "share", "mean": "mean"})
"""Measure -> what kind of number it is."""


def extent_of(measure: Measure, scale: Scale) -> tuple[float, float]:
    """Return the lowest and the highest value there can be."""
    return {"net": (-100.0, 100.0), "top": (0.0, 1.0), "mean": (float(scale.low), float(scale.high))}[measure]


def requests(source: Dataset | Any, survey: str | None = None, *, by: By = None) -> pd.DataFrame:
    """Return the requests of a survey, or of all surveys, one row each in order of time.

    Parameters
    ----------
    source : Dataset or data frame
        A dataset with `responses`, or that one table, with `asked_at` and `answered_at`.
    survey : str, optional
        Name of the survey; all without it.
    by : str or list of str, optional
        Columns to group by.

    Returns
    -------
    DataFrame
        `by.<name>`, `survey`, `scale`, `account_id`, `asked_at`, `answered_at` (UTC without zone), `score` and `answered`. A request is answered
        if it has an instant and, in a table with scores, a score; otherwise both are missing.

    Raises
    ------
    MissingTableError, MissingColumnsError
        No `responses`, or no such column.
    """
    rows = _of_dataset(source, survey, by) if isinstance(source, Dataset) else _of_table(source, survey, by)
    rows["answered_at"], rows["score"] = rows["answered_at"].where(rows["answered"]), rows["score"].where(rows["answered"])
    return rows.sort_values(["asked_at", "response_id"], kind="stable", ignore_index=True).drop(columns="response_id")


def scored_requests(source: Dataset | Any, survey: str, *, scale: str | Scale | None = None, by: By = None) -> tuple[pd.DataFrame, Scale]:
    """Return the requests of a survey on one scale, and that scale.

    A request that was not answered and states no scale is on the scale. Columns as for `requests`, with `top` and `bottom` (whether the score is in the
    scale's boxes; False without an answer). Raises as `scored_answers` does.
    """
    rows = requests(source, survey, by=by)
    given = rows["scale"].fillna(usual_scale(survey))
    wanted = wanted_scale(given[rows["answered"]], survey, scale, known=source.scales if isinstance(source, Dataset) else SCALES)
    rows = rows[(given == folded(wanted.name)) | (~rows["answered"] & rows["scale"].isna())].reset_index(drop=True)
    scores = checked_scores(rows["score"].dropna(), wanted).reindex(rows.index)
    return rows.assign(score=scores, top=scores.isin(wanted.top), bottom=scores.isin(wanted.bottom)), wanted


def known_until(source: Dataset | Any, rows: pd.DataFrame) -> pd.Timestamp:
    """Return the end of what is known (UTC, without zone): that of the dataset, or of a table its last instant."""
    return cutoff(source) if isinstance(source, Dataset) else rows[["asked_at", "answered_at"]].max().max()


def current_customers(ds: Dataset, *, by: By) -> pd.DataFrame:
    """Return the accounts that are customers at `as_of`, one row each: `by.<name>` (columns of `accounts`) and `account_id`."""
    spells = customer_spells(ds, by=by)
    now = spells.filter(spells.started_at < cutoff(ds), spells.ended_at.isnull() | (spells.ended_at >= cutoff(ds)))
    chosen = now.select(*group_columns(by), "account_id").distinct()
    return engine_of(ds).run(chosen.order_by("account_id"))


def _of_dataset(ds: Dataset, survey: str | None, by: By) -> pd.DataFrame:
    responses = relation(ds, "responses")
    scored = "score" in ds.tables["responses"].columns
    known = responses.answered_at.notnull() & responses.score.notnull() if scored else responses.answered_at.notnull()
    rows = responses if survey is None else responses.filter(responses.survey == folded(survey))
    grouped = with_groups(ds, rows.mutate(answered=known), by, table="responses")
    columns = ["survey", "scale", "account_id", "asked_at", "answered_at", "score", "answered", "response_id"]
    return engine_of(ds).run(grouped.select(*group_columns(by), *columns).order_by("asked_at", "response_id"))


def _of_table(source: Any, survey: str | None, by: By) -> pd.DataFrame:
    table = table_of(source)
    if missing := [column for column in ("asked_at", "answered_at", *by_columns(by)) if column not in table.columns]:
        raise MissingColumnsError(missing, table.columns, table="responses")
    empty = pd.Series(None, index=table.index, dtype="object")
    answered_at = instants_of(table["answered_at"])
    rows = pd.DataFrame(
        {
            **{group: named_missing(table[column]) for column, group in zip(by_columns(by), group_columns(by), strict=True)},
            "survey": code_words(table.get("survey", empty), folded(survey or "(missing)")),
            "scale": table.get("scale", empty).map(lambda word: word if pd.isna(word) else folded(str(word).strip())),
            "account_id": accounts_of(table),
            "asked_at": instants_of(table["asked_at"]),
            "answered_at": answered_at,
            "score": table.get("score", empty),
            "answered": answered_at.notna() & table["score"].notna() if "score" in table else answered_at.notna(),
            "response_id": table.get("response_id", empty),
        }
    )
    return rows if survey is None else rows[rows["survey"] == folded(survey)]
