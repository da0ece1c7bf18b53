"""Who has a vote in a score: every answer, every respondent or every account."""

from __future__ import annotations

from typing import Literal, get_args

import pandas as pd

from cs_analysis.errors import ParameterError

VotingUnit = Literal["answer", "respondent", "account"]


def votes_of(answers: pd.DataFrame, keys: list[str], *, unit: VotingUnit) -> pd.DataFrame:
    """Return one row a vote in each group of `keys`.

    Parameters
    ----------
    answers : DataFrame
        As `scored_answers` returns them.
    keys : list of str
        Columns that make the groups; who votes is decided within each.
    unit : {"answer", "respondent", "account"}
        `answer`: every answer. `respondent`: the last answer of each respondent. `account`: the mean of its respondents' last answers.

    Returns
    -------
    DataFrame
        The keys, `account_id`, `minus`, `plus` (part of the vote in the scale's bottom and top box), `good` (0 to 1) and `answers`, how many the vote is
        the mean of; in the order of `answers`, or of accounts.

    Raises
    ------
    ParameterError
        The unit is none of these, or a respondent has several answers without an instant.
    """
    if unit not in get_args(VotingUnit):
        raise ParameterError(f"unit must be 'answer', 'respondent' or 'account', not {unit!r}.")
    counted = answers if unit == "answer" else last_answers(answers, keys)
    votes = counted[[*keys, "account_id", "good"]].assign(minus=counted["bottom"].astype("float64"), plus=counted["top"].astype("float64"), answers=1.0)
    if unit != "account":
        return votes
    parts = votes.groupby([*keys, "account_id"], sort=True, dropna=False, observed=True)
    return parts.agg(minus=("minus", "mean"), plus=("plus", "mean"), good=("good", "mean"), answers=("answers", "sum")).reset_index()


def last_answers(answers: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return the last answer of each respondent in each group; of several at one instant the one with the last identifier."""
    repeated = answers.duplicated([*keys, "respondent"], keep=False)
    if answers.loc[repeated, "answered_at"].isna().any():
        raise ParameterError("which answer of a respondent is the last needs answered_at; add the column or take unit='answer'.")
    return answers.drop_duplicates([*keys, "respondent"], keep="last")
