"""What customers say: the net promoter score, per answer, with limits that know which answers share an account."""

from __future__ import annotations

from typing import Any

import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset
from cs_analysis.facts.groups import By, as_named, group_columns
from cs_analysis.facts.score_tables import scored_answers, with_period
from cs_analysis.stats.clusters import clustered_net_share
from cs_analysis.stats.estimates import estimates


def nps(source: Dataset | Any, *, period: Period | None = None, by: By = None, conf_level: float = 0.95) -> pd.DataFrame:
    """Net promoter score in points: share of scores 9-10 minus share of scores 0-6, times 100.

    One vote an answer. Requests without an answer are in neither number: see the response rate before trusting the score.
    Answers of one account are alike, so the limits are those of the effective number of answers; with one answer an account
    they are Tango's score limits.

    Parameters
    ----------
    source : Dataset or data frame
        A dataset with `responses` (survey `nps`), or that one table: a frame with `score`, and `account_id` where several
        answers come from one account. Rows of other surveys or on another scale, and rows without a score, are left out.
    period : {"week", "month", "quarter", "year"}, optional
        A row for each calendar period in which the answer came (datasets only); the last one may be unfinished.
    by : str or list of str, optional
        Columns of `responses` or `accounts` to group by.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the key `period` if asked for. Metric `nps`, unit `points` (-100 to 100), `n` = answers. Limits are
        missing where several answers all come from one account.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `responses`, no `score`; an unknown column in `by`; a score that is not a whole number from 0 to 10.

    References
    ----------
    Reichheld, F. F. (2003). The one number you need to grow. Harvard Business Review 81(12), 46-54.
    Tango, T. (1998). Equivalence test and confidence interval for the difference in proportions for the paired-sample
    design. Statistics in Medicine 17, 891-908.

    Examples
    --------
    >>> table = pd.DataFrame({"score": [3] * 20 + [8] * 30 + [10] * 50})
    >>> nps(table)[["estimate", "conf_low", "conf_high", "n"]].round(2).to_dict("records")
    [{'estimate': 30.0, 'conf_low': 13.96, 'conf_high': 44.34, 'n': 100}]
    """
    answers, _ = scored_answers(source, "nps", by=by)
    if period is not None:
        answers = with_period(source, answers, period)
    keys = [*group_columns(by), *(["period"] if period else [])]
    classes = answers.assign(minus=answers["bottom"], zero=~answers["bottom"] & ~answers["top"], plus=answers["top"])
    counts = classes.groupby([*keys, "account_id"], sort=True, dropna=False)[["minus", "zero", "plus"]].sum().reset_index()
    groups = counts.groupby(keys, dropna=False, sort=True).ngroup() if keys else pd.Series(0, index=counts.index)
    net = clustered_net_share((counts["minus"], counts["zero"], counts["plus"]), groups=groups.to_numpy(), conf_level=conf_level)
    n = counts[["minus", "zero", "plus"]].sum(axis=1).groupby(groups).sum()
    shown = counts[keys].groupby(groups).first() if keys else pd.DataFrame(index=range(len(n)))
    return estimates(as_named(shown), metric="nps", unit="points", estimate=net.estimate * 100, conf_low=net.conf_low * 100, conf_high=net.conf_high * 100, n=n)
