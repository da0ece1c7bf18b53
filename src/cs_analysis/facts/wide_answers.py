"""Answers to several surveys side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pandas as pd

from cs_analysis.data.dataset import Dataset
from cs_analysis.errors import ParameterError
from cs_analysis.facts.score_tables import scored_answers
from cs_analysis.facts.votes import last_answers


def answers_wide(ds: Dataset, *, surveys: Sequence[str], unit: Literal["respondent", "account"] = "respondent") -> pd.DataFrame:
    """Return the last answers to several surveys, one row a respondent or account and one column a survey: a table for `key_drivers`.

    Parameters
    ----------
    ds : Dataset
        Needs `responses`, in which each rated item is a survey of its own.
    surveys : list of str
        Their names; each on its usual scale.
    unit : {"respondent", "account"}
        `respondent`: the last answer of each respondent to each survey. `account`: the mean of its respondents' last answers.

    Returns
    -------
    DataFrame
        `account_id`, with unit "respondent" `respondent`, and a column for each survey: its score, missing where there is no answer. Ordered by
        account.

    Raises
    ------
    MissingTableError
        No `responses`.
    ParameterError
        No survey, one twice, or an unknown unit; a score off its scale.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=60, months=8)
    >>> list(answers_wide(ds, surveys=["nps", "csat"]).columns)
    ['account_id', 'respondent', 'nps', 'csat']
    """
    if unit not in ("respondent", "account"):
        raise ParameterError(f"unit must be 'respondent' or 'account', not {unit!r}.")
    names = [surveys] if isinstance(surveys, str) else list(surveys)
    if not names or len(set(names)) < len(names):
        raise ParameterError(f"surveys must name at least one survey, and none twice, not {surveys!r}.")
    keys = ["account_id", "respondent"]
    columns = [last_answers(scored_answers(ds, name)[0], []).set_index(keys)["score"].rename(name) for name in names]
    wide = pd.concat(columns, axis=1).sort_index()
    return (wide if unit == "respondent" else wide.groupby(level="account_id").mean()).reset_index()
