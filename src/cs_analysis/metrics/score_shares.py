"""How answers spread over the scores of a scale."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset
from cs_analysis.data.surveys import Scale
from cs_analysis.facts.groups import By, as_named, group_columns
from cs_analysis.facts.score_tables import scored_answers, with_period
from cs_analysis.stats.clusters import clustered_share
from cs_analysis.stats.estimates import check_conf_level, estimates
from cs_analysis.stats.risk import grouped


def score_shares(
    source: Dataset | Any,
    *,
    survey: str = "nps",
    scale: str | Scale | None = None,
    period: Period | None = None,
    by: By = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Share of answers with each score of the scale, with Wilson limits that allow for likeness within accounts.

    Every score of the scale has a row: of one that nobody gave the share is 0, with an upper limit above 0. Two surveys with the same mean or net
    promoter score may spread quite differently.

    Parameters
    ----------
    source : Dataset or data frame
        As for `nps`.
    survey : str
        Name of the survey.
    scale : str or Scale, optional
        The scale whose answers count; the survey's usual one without it. Answers on different scales are never pooled.
    period : {"week", "month", "quarter", "year"}, optional
        Rows for each calendar period in which an answer came (datasets only).
    by : str or list of str, optional
        Columns of `responses` or `accounts` to group by.
    conf_level : float
        Level of the limits, for each share alone.

    Returns
    -------
    DataFrame
        Estimates with the keys of `by`, `period` where asked for, and `score`; no row without any answer. Metric `score_shares`, unit `share`, `n` =
        answers. The shares of a group add up to 1. Limits are missing where several answers all come from one account.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        As for `csat`.

    References
    ----------
    Wilson (1927), Journal of the American Statistical Association 22, 209-212. Korn and Graubard (1998), Survey Methodology 24, 193-201.

    Examples
    --------
    >>> table = pd.DataFrame({"score": [1, 3, 3, 3], "scale": "smile_3"})
    >>> score_shares(table, survey="csat", scale="smile_3")[["score", "estimate", "conf_low", "conf_high"]].round(2).to_dict("split")["data"]
    [[1, 0.25, 0.05, 0.7], [2, 0.0, 0.0, 0.49], [3, 0.75, 0.3, 0.95]]
    """
    check_conf_level(conf_level)
    answers, found = scored_answers(source, survey, scale=scale, by=by)
    if period is not None:
        answers = with_period(source, answers, period)
    shown, groups = grouped(answers, [*group_columns(by), *(["period"] if period else [])])
    scores = np.array(found.scores)
    kind = ((answers["score"].to_numpy() - found.low) / found.step).round().astype("int64")
    rows = pd.get_dummies(pd.Categorical(kind, categories=range(len(scores))), dtype="float64").groupby([groups, answers["account_id"].to_numpy()], sort=True)
    given = rows.sum()
    cell = given.index.get_level_values(0).to_numpy("int64")[:, None] * len(scores) + np.arange(len(scores))
    sizes = np.repeat(given.sum(axis=1).to_numpy(), len(scores))
    share = clustered_share(given.to_numpy().ravel(), sizes, groups=cell.ravel(), conf_level=conf_level)
    shown = shown if len(answers) else shown.iloc[:0]
    keys = shown.loc[shown.index.repeat(len(scores))].reset_index(drop=True).assign(score=np.tile(scores, len(shown)))
    n = np.bincount(cell.ravel(), sizes, len(keys))
    return estimates(as_named(keys), metric="score_shares", unit="share", **share._asdict(), n=n)
