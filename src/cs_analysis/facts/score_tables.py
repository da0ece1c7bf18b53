"""Scored answers, one row each, from a dataset or from the one table of responses: what every score is made of."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset, engine_of
from cs_analysis.data.surveys import DEFAULT_SCALES, SCALES, SURVEYS, Scale, folded, scale_of
from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.facts.groups import MISSING_GROUP, By, by_columns, group_columns, with_groups
from cs_analysis.facts.periods import periods
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
    wanted = _wanted_scale(rows["scale"], survey, scale, known=source.scales if isinstance(source, Dataset) else SCALES)
    rows = rows[rows["scale"] == folded(wanted.name)]
    rows = rows.assign(score=_checked_scores(rows["score"], wanted), respondent=_respondents(rows))
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


def with_period(source: Dataset | Any, answers: pd.DataFrame, period: Period) -> pd.DataFrame:
    """Return scored answers of a dataset with the first day of the calendar period (`period`) in which each came.

    Raises
    ------
    ParameterError
        The source is a table, which has no calendar.
    """
    if not isinstance(source, Dataset):
        raise ParameterError("period needs a Dataset, whose calendar says where periods begin; pass the dataset instead of the table.")
    first = answers["answered_at"].min() if len(answers) else source.as_of.tz_convert("UTC").tz_localize(None)
    frame = periods(source, first, period=period, unfinished=True)
    place = frame["starts_at"].searchsorted(answers["answered_at"], side="right") - 1
    return answers.assign(period=frame["period"].to_numpy()[place])


def _rows_of_dataset(ds: Dataset, survey: str, by: By) -> pd.DataFrame:
    """Return the answered requests of a survey on any scale."""
    rows = with_groups(ds, answered(ds, survey), by, table="responses")
    chosen = rows.select(*group_columns(by), "account_id", "user_id", "answered_at", "response_id", "score", "scale")
    return engine_of(ds).run(chosen.order_by("answered_at", "response_id"))


def _rows_of_table(source: Any, survey: str, by: By) -> pd.DataFrame:
    """Return the same from a table of responses; rows without a score, or without an instant where others have one, are no answers."""
    table = _as_pandas(source)
    if missing := [column for column in ("score", *by_columns(by)) if column not in table.columns]:
        raise MissingColumnsError(missing, table.columns, table="responses")
    empty = pd.Series(None, index=table.index, dtype="object")
    given = {name: table.get(name, empty) for name in ("survey", "scale", "account_id", "user_id", "response_id")}
    instants = _instants(table["answered_at"]) if "answered_at" in table else pd.Series(pd.NaT, index=table.index, dtype="datetime64[us]")
    rows = pd.DataFrame(
        {
            **{group: _named_missing(table[column]) for column, group in zip(by_columns(by), group_columns(by), strict=True)},
            "account_id": _accounts(table),
            "user_id": given["user_id"] if "account_id" in table else empty,
            "answered_at": instants,
            "response_id": given["response_id"],
            "score": table["score"],
            "scale": _code_words(given["scale"], usual_scale(survey)),
        }
    )
    answer = table["score"].notna() & (_code_words(given["survey"], folded(survey)) == folded(survey))
    rows = rows[answer & instants.notna() if "answered_at" in table else answer]
    if (nameless := rows["account_id"].isna()).any():
        raise ParameterError(f"every answer must name its account_id; row {rows.index[nameless][0] + 1} does not. Fill it in, or leave such rows out.")
    return rows


def _as_pandas(source: Any) -> pd.DataFrame:
    table = source.collect() if hasattr(source, "collect") else source
    if not isinstance(table, pd.DataFrame) and not hasattr(table, "to_pandas"):
        raise ParameterError(f"a score needs a Dataset or the table of responses, not {type(source).__name__}.")
    return (table if isinstance(table, pd.DataFrame) else table.to_pandas()).reset_index(drop=True)


def _accounts(table: pd.DataFrame) -> pd.Series:
    """Return who answers are clustered by: accounts, without them users, without those every answer for itself."""
    rows = pd.Series(table.index, index=table.index, dtype="object")
    if "account_id" in table:
        return table["account_id"].astype("object")
    return table["user_id"].astype("object").where(table["user_id"].notna(), rows) if "user_id" in table else rows


def _instants(column: pd.Series) -> pd.Series:
    """Return instants as UTC without zone; those without a zone are read as UTC."""
    text = {} if pd.api.types.is_datetime64_any_dtype(column) else {"format": "ISO8601"}
    try:
        return pd.to_datetime(column, utc=True, **text).dt.tz_localize(None).astype("datetime64[us]")
    except (ValueError, TypeError) as error:
        raise ParameterError(f"answered_at must hold instants: {error}. Convert the column first.") from error


def _code_words(column: pd.Series, missing: str) -> pd.Series:
    words = column.astype("object").where(column.notna(), missing)
    return words.map(lambda word: folded(str(word).strip())).astype("object")


def _named_missing(group: pd.Series) -> pd.Series:
    """Return the groups with a missing text as "(missing)"; other missing values stay, as they do in a dataset."""
    plain = group.astype(group.cat.categories.dtype) if isinstance(group.dtype, pd.CategoricalDtype) else group
    return plain.astype("object").fillna(MISSING_GROUP) if pd.api.types.infer_dtype(plain, skipna=True) == "string" else plain


def _wanted_scale(present: pd.Series, survey: str, scale: str | Scale | None, *, known: Mapping[str, Scale]) -> Scale:
    """Return the scale asked for, which is the survey's usual one unless said otherwise, if it is one of the survey's and holds the answers."""
    survey = folded(survey)
    by_word = {folded(name): one for name, one in known.items()}
    found = scale if isinstance(scale, Scale) else scale_of(survey, scale and folded(scale), scales=by_word)
    counted = present.value_counts().sort_index()
    there = ", ".join(f"{name} ({count})" for name, count in counted.items()) or "none"
    fitting = [name for name in counted.index if _fits(name, survey)]
    hint = f"Ask for another by name, such as scale={fitting[0]!r}." if fitting else "None of these is a scale of the survey: correct the column 'scale'."
    if found is None:
        raise ParameterError(f"the survey {survey!r} has no scale of its own; its answers are on: {there}. Name a scale, or add one by register_scale.")
    if not _fits(found.name, survey):
        own = ", ".join(name for name, owner in SURVEYS.items() if owner == survey)
        raise ParameterError(f"scale must be one of the survey {survey!r} ({own}, or one of your own), not {found.name!r}.")
    if len(counted) and folded(found.name) not in counted.index:
        raise ParameterError(f"no answer to {survey!r} is on the scale {found.name!r}; they are on: {there}. {hint}")
    return found


def _fits(scale: str, survey: str) -> bool:
    """Return whether a survey may be answered on a scale: nps, csat and ces not on each other's."""
    return survey not in DEFAULT_SCALES or SURVEYS.get(scale, survey) == survey


def _checked_scores(scores: pd.Series, scale: Scale) -> pd.Series:
    """Return the scores as numbers of the scale."""
    numbers = pd.to_numeric(scores.astype("object"), errors="coerce").astype("float64")
    steps = (numbers - scale.low) / scale.step
    on = np.isclose(steps, steps.round(), rtol=0, atol=1e-6) & numbers.between(scale.low - 1e-9, scale.high + 1e-9)
    if not on.all():
        wrong = scores[~on]
        allowed = f"a whole number from {scale.low:g} to {scale.high:g}" if scale.step == 1 and scale.low % 1 == 0 else f"one of {scale.scores}"
        raise ParameterError(f"a score on the scale {scale.name!r} must be {allowed}; row {wrong.index[0] + 1} has {wrong.iloc[0]} ({len(wrong)} such rows).")
    return (scale.low + steps.round() * scale.step).round(10)


def _respondents(rows: pd.DataFrame) -> pd.Series:
    """Return a name for each respondent: account and user, or the account alone where no user is named."""
    account, user = rows["account_id"].astype("str"), rows["user_id"]
    return account.where(user.isna(), account + _BETWEEN + user.astype("str")).astype("object")
