"""Answers with what was written beside them, one row each, from a dataset or from the one table of responses."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cs_analysis.data.dataset import Dataset, engine_of, relation
from cs_analysis.data.surveys import SCALES, Scale, folded, scale_of
from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.facts.comments.duplicates import duplicate_groups
from cs_analysis.facts.comments.language import languages_of
from cs_analysis.facts.comments.text import EMOJI, normalised
from cs_analysis.facts.groups import MISSING_GROUP, By, by_columns, group_columns, with_groups

_COLUMNS = ("account_id", "answered_at", "response_id", "survey", "scale", "score", "comment")
_SAYS = re.compile(rf"[^\W_]|{EMOJI}")
_NPS_CLASSES = ("detractors", "passives", "promoters")
_CLASSES = ("bottom", "middle", "top")


def answer_rows(source: Dataset | Any, survey: str | None, *, by: By = None) -> pd.DataFrame:
    """Return answers with their comments, ordered by instant, identifier and text.

    Parameters
    ----------
    source : Dataset or data frame
        A dataset with `responses`, or that one table: a frame with `comment`, and where it has them `account_id`, `answered_at`, `response_id`, `survey`,
        `scale` and `score`. Without accounts every row stands for itself.
    survey : str or None
        Name of the survey; all surveys without it.
    by : str or list of str, optional
        Columns to group by.

    Returns
    -------
    DataFrame
        Group columns `by.<name>`, `account_id`, `answered_at`, `score`, `score_class` and `comment`. A comment is a text with a letter, a digit or an
        emoji in it; anything else is missing. `score_class` is detractors, passives or promoters where the survey `nps` was asked for, else the box of
        the answer's own scale (bottom, middle, top), and "(missing)" without a score or a scale.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `responses`, no `comment`, no such column to group by, an unknown scale.
    """
    known = source.scales if isinstance(source, Dataset) else SCALES
    rows = _of_dataset(source, survey, by) if isinstance(source, Dataset) else _of_table(source, survey, by)
    rows = rows.assign(comment=_comments(rows["comment"]), score=pd.to_numeric(rows["score"].astype("object"), errors="coerce").astype("float64"))
    rows = rows.assign(score_class=_score_classes(rows, survey, known), text=rows["comment"].fillna(""), number=rows["response_id"].astype("str"))
    rows = rows.sort_values(["answered_at", "number", "text"], kind="stable", ignore_index=True)
    return rows[[*group_columns(by), "account_id", "answered_at", "score", "score_class", "comment"]]


def comment_rows(source: Dataset | Any, survey: str | None, *, by: By = None, once: bool = False) -> pd.DataFrame:
    """Return the answers that have a comment, with its `language` and `kind` (number of the distinct text); exact and near copies once if asked for.

    Of copies the earliest stays.
    """
    rows = answer_rows(source, survey, by=by).dropna(subset=["comment"]).reset_index(drop=True)
    kind, texts = pd.factorize(rows["comment"])
    rows = rows.assign(kind=kind, language=np.asarray(languages_of(list(texts)), dtype="object")[kind])
    if once:
        rows = rows[~pd.Series(duplicate_groups(list(texts))[kind]).duplicated()].reset_index(drop=True)
    return rows


def distinct(rows: pd.DataFrame) -> tuple[list[str], list[str], npt.NDArray[np.int64]]:
    """Return the distinct comments of rows and their languages, and for each row the place of its own among them."""
    place, kinds = pd.factorize(rows["kind"])
    first = rows.drop_duplicates("kind").set_index("kind").loc[kinds]
    return first["comment"].tolist(), first["language"].tolist(), place


def _of_dataset(ds: Dataset, survey: str | None, by: By) -> pd.DataFrame:
    responses = relation(ds, "responses", "comment")
    rows = responses.filter(responses.answered_at.notnull())
    rows = rows if survey is None else rows.filter(rows.survey == folded(survey))
    chosen = with_groups(ds, rows, by, table="responses").select(*group_columns(by), *_COLUMNS)
    return engine_of(ds).run(chosen.order_by("answered_at", "response_id"))


def _of_table(source: Any, survey: str | None, by: By) -> pd.DataFrame:
    table = source.collect() if hasattr(source, "collect") else source
    if not isinstance(table, pd.DataFrame) and not hasattr(table, "to_pandas"):
        raise ParameterError(f"comments need a Dataset or the table of responses, not {type(source).__name__}.")
    table = (table if isinstance(table, pd.DataFrame) else table.to_pandas()).reset_index(drop=True)
    if missing := [column for column in ("comment", *by_columns(by)) if column not in table.columns]:
        raise MissingColumnsError(missing, table.columns, table="responses")
    empty = pd.Series(None, index=table.index, dtype="object")
    rows = pd.DataFrame({name: table.get(name, empty) for name in _COLUMNS})
    rows = rows.assign(**{group: _named_missing(table[column]) for column, group in zip(by_columns(by), group_columns(by), strict=True)})
    if "account_id" not in table:
        rows["account_id"] = table.index
    if "survey" not in table and survey is not None:
        rows["survey"] = survey
    asked = pd.Series(True, index=rows.index) if survey is None else rows["survey"].map(_code_word) == folded(survey)
    return rows[asked & rows["answered_at"].notna() if "answered_at" in table else asked].dropna(subset=["account_id"])


def _named_missing(group: pd.Series) -> pd.Series:
    """Return the groups with a missing text as "(missing)", as they are in a dataset."""
    plain = group.astype("object")
    return plain.fillna(MISSING_GROUP) if pd.api.types.infer_dtype(plain, skipna=True) == "string" else plain


def _comments(column: pd.Series) -> pd.Series:
    """Return comments as text, missing where they say nothing; numbers are read as text."""
    kind, values = pd.factorize(column.astype("object"))
    texts = [str(value).strip() for value in values]
    said = np.asarray([text if _SAYS.search(normalised(text)) else None for text in texts] + [None], dtype="object")
    return pd.Series(said[kind], index=column.index, dtype="object")


def _score_classes(rows: pd.DataFrame, survey: str | None, known: Mapping[str, Scale]) -> npt.NDArray[np.object_]:
    """Return the class of each score on its own scale."""
    names = _NPS_CLASSES if survey is not None and folded(survey) == "nps" else _CLASSES
    result = np.full(len(rows), MISSING_GROUP, dtype="object")
    pairs = pd.DataFrame({"survey": rows["survey"].map(_code_word), "scale": rows["scale"].map(_code_word)})
    for (asked, scale), places in pairs.groupby(["survey", "scale"], dropna=False).indices.items():
        found = None if pd.isna(asked) else scale_of(asked, None if pd.isna(scale) else scale, scales=known)
        if found is not None:
            result[places] = _boxes(rows["score"].to_numpy()[places], found, names)
    return result


def _boxes(score: npt.NDArray[np.float64], scale: Scale, names: Sequence[str]) -> npt.NDArray[np.object_]:
    low, middle, high = names
    kinds = [np.isnan(score), np.isin(score, scale.bottom), np.isin(score, scale.top)]
    return np.select(kinds, [np.full(len(score), name, dtype="object") for name in (MISSING_GROUP, low, high)], np.full(len(score), middle, dtype="object"))


def _code_word(word: Any) -> Any:
    return None if pd.isna(word) else folded(str(word).strip())
