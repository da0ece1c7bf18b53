"""Scored answers, one row each, from a dataset or from the one table of responses: what every score is made of."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset, cutoff, engine_of
from cs_analysis.data.surveys import SCALES, Scale, folded
from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.facts.answer_scales import checked_scores, wanted_scale
from cs_analysis.facts.groups import By, by_columns, group_columns, with_groups
from cs_analysis.facts.periods import periods
from cs_analysis.facts.response_columns import accounts_of, code_words, instants_of, named_missing, table_of
from cs_analysis.facts.responses import answered, usual_scale

Measure = Literal["net", "top", "mean"]
MEASURE: Mapping[str, Measure] = MappingProxyType({"nps": "net", "csat": "top", "ces": "mean"})
"""Survey -> what its score measures; a survey of one's own is judged by its mean."""

_BETWEEN = "\x1f"  # separates account and user in the name of a respondent; no identifier has it


def scored_answers(source: Dataset | Any, survey: str, *, scale: str | Scale | None = None, by: By = None) -> tuple[pd.DataFrame, Scale]:
    """Return the answers to a survey on one scale, one row each, and that scale.

    Parameters
    ----------
    source : Dataset or data frame
        A dataset with `responses`, or that one table: a frame with `score`, and where it has them `account_id`, `user_id`, `answered_at`,
        `response_id`, `survey` and `scale`. In a table without accounts every user, or without users every answer, is an account.
    survey : str
        Name of the survey.
    scale : str or Scale, optional
        The scale whose answers count, by name or as it is; the survey's usual one without it.
    by : str or list of str, optional
        Columns to group by.

    Returns
    -------
    tuple
        The table, ordered by instant and identifier: group columns `by.<name>`, `account_id`, `respondent` (a user within the account; where no user
        is named the account itself), `answered_at` (UTC without zone; missing in a table without instants), `score`, `top` and `bottom` (whether the
        score is in the scale's boxes) and `good` (0 at the scale's worst end, 1 at its best). Then the scale.

    Raises
    ------
    MissingTableError, MissingColumnsError
        No `responses`, no `score`, or no such column to group by.
    ParameterError
        The scale is unknown, belongs to another survey, or holds no answer while others do; a score is off the scale; an account is missing.
    """
    rows = _rows_of_dataset(source, survey, by) if isinstance(source, Dataset) else _rows_of_table(source, survey, by)
    wanted = wanted_scale(rows["scale"], survey, scale, known=source.scales if isinstance(source, Dataset) else SCALES)
    rows = rows[rows["scale"] == folded(wanted.name)]
    rows = rows.assign(score=checked_scores(rows["score"], wanted), respondent=_respondents(rows))
    rows = rows.sort_values(["answered_at", "response_id"], kind="stable", ignore_index=True)
    good = (rows["score"] - wanted.low) / (wanted.high - wanted.low)
    boxes = {"top": rows["score"].isin(wanted.top), "bottom": rows["score"].isin(wanted.bottom)}
    table = rows[[*group_columns(by), "account_id", "respondent", "answered_at", "score"]]
    return table.assign(**boxes, good=good if wanted.direction == "high is good" else 1 - good), wanted


def score_values(answers: pd.DataFrame, measure: Measure) -> npt.NDArray[np.float64]:
    """Return what each answer counts: `net` 100, 0 or -100 points, `top` 1 in the top box and else 0, `mean` its score."""
    if measure == "net":
        return np.asarray(100.0 * (answers["top"].to_numpy("float64") - answers["bottom"].to_numpy("float64")))
    if measure not in ("top", "mean"):
        raise ParameterError(f"measure must be 'net', 'top' or 'mean', not {measure!r}.")
    return np.asarray(answers["top" if measure == "top" else "score"], dtype="float64")


def with_period(source: Dataset | Any, rows: pd.DataFrame, period: Period, *, instant: str = "answered_at") -> pd.DataFrame:
    """Return rows of a dataset with the first day of the calendar period (`period`) in which each came.

    Raises
    ------
    ParameterError
        The source is a table, which has no calendar.
    """
    if not isinstance(source, Dataset):
        raise ParameterError("period needs a Dataset, whose calendar says where periods begin; pass the dataset instead of the table.")
    first = rows[instant].min() if len(rows) else cutoff(source) - pd.Timedelta(1, "us")
    frame = periods(source, first, period=period, unfinished=True)
    place = frame["starts_at"].searchsorted(rows[instant], side="right") - 1
    return rows.assign(period=frame["period"].to_numpy()[place])


def _rows_of_dataset(ds: Dataset, survey: str, by: By) -> pd.DataFrame:
    """Return the answered requests of a survey on any scale."""
    rows = with_groups(ds, answered(ds, survey), by, table="responses")
    chosen = rows.select(*group_columns(by), "account_id", "user_id", "answered_at", "response_id", "score", "scale")
    return engine_of(ds).run(chosen.order_by("answered_at", "response_id"))


def _rows_of_table(source: Any, survey: str, by: By) -> pd.DataFrame:
    """Return the same from a table of responses; rows without a score, or without an instant where others have one, are no answers."""
    table = table_of(source)
    if missing := [column for column in ("score", *by_columns(by)) if column not in table.columns]:
        raise MissingColumnsError(missing, table.columns, table="responses")
    empty = pd.Series(None, index=table.index, dtype="object")
    given = {name: table.get(name, empty) for name in ("survey", "scale", "account_id", "user_id", "response_id")}
    instants = instants_of(table["answered_at"]) if "answered_at" in table else pd.Series(pd.NaT, index=table.index, dtype="datetime64[us]")
    rows = pd.DataFrame(
        {
            **{group: named_missing(table[column]) for column, group in zip(by_columns(by), group_columns(by), strict=True)},
            "account_id": accounts_of(table),
            "user_id": given["user_id"] if "account_id" in table else empty,
            "answered_at": instants,
            "response_id": given["response_id"],
            "score": table["score"],
            "scale": code_words(given["scale"], usual_scale(survey)),
        }
    )
    answer = table["score"].notna() & (code_words(given["survey"], folded(survey)) == folded(survey))
    rows = rows[answer & instants.notna() if "answered_at" in table else answer]
    if (nameless := rows["account_id"].isna()).any():
        raise ParameterError(f"every answer must name its account_id; row {rows.index[nameless][0] + 1} does not. Fill it in, or leave such rows out.")
    return rows


def _respondents(rows: pd.DataFrame) -> pd.Series:
    """Return a name for each respondent: account and user, or the account alone where no user is named."""
    account, user = rows["account_id"].astype("str"), rows["user_id"]
    return account.where(user.isna(), account + _BETWEEN + user.astype("str")).astype("object")
