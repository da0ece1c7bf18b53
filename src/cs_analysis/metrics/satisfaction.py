"""What customers say: net promoter score, satisfaction and effort, with limits that know which answers share an account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset
from cs_analysis.data.surveys import Scale
from cs_analysis.facts.groups import By, as_named, group_columns
from cs_analysis.facts.score_tables import scored_answers, with_period
from cs_analysis.facts.votes import VotingUnit, votes_of
from cs_analysis.stats.estimates import estimates, stack
from cs_analysis.stats.intervals import Interval
from cs_analysis.stats.risk import grouped
from cs_analysis.stats.vote_limits import How, IntervalMethod, Votes, mean_vote_limits, net_vote_limits, share_vote_limits

Source = int | np.random.Generator
Scales = str | Scale | Sequence[str | Scale] | None


def nps(
    source: Dataset | Any,
    *,
    period: Period | None = None,
    by: By = None,
    unit: VotingUnit = "answer",
    interval: IntervalMethod = "score",
    rng: Source = 0,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Net promoter score in points: share of scores 9-10 minus share of scores 0-6, times 100.

    Requests without an answer are in neither share: see the response rate before trusting the score. Answers of one account are alike, so the
    limits are those of the effective number of answers; with one answer an account they are Tango's score limits.

    By enumeration of every outcome, 95 % limits of 10, 30 and 60 single answers contain the truth in 96, 96 and 95 % over 76 laws (at least 90, 93
    and 93 %), the bootstrap's in 81 and 90 % (at least 18 and 43 %: it is blind where all seem to agree). With two or three answers an account,
    alike by 0.3 or 0.6, and 10 or 30 accounts they do in 95 to 97 %, where limits for independent answers do in 86 to 93 %.

    Parameters
    ----------
    source : Dataset or data frame
        A dataset with `responses` (survey `nps`), or that one table: a frame (pandas, polars or Arrow) with `score`, and `account_id` where
        several answers come from one account. Rows of other surveys or on another scale, and rows without a score, are left out.
    period : {"week", "month", "quarter", "year"}, optional
        A row for each calendar period in which an answer came (datasets only); the last one may be unfinished.
    by : str or list of str, optional
        Columns of `responses` or `accounts` to group by.
    unit : {"answer", "respondent", "account"}
        Who has one vote: every answer; every respondent (a user, or the account where none is named) with the last answer in the group and
        period; every account with the mean of its respondents' votes, so that a large one counts no more than a small one.
    interval : {"score", "adjusted_wald", "bootstrap"}
        Limits: score (Tango), adjusted Wald (Rocks), or BCa from 2,000 resamples of accounts.
    rng : int or Generator
        Randomness of the bootstrap.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the keys of `by` and `period`, where asked for; no row where there is no answer. Metric `nps`, unit `points` (-100 to 100),
        `n` = votes. Limits are missing where several answers all come from one account, and bootstrap limits where all accounts agree.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `responses`, no `score`, an unknown column in `by`; a score that is not a whole number from 0 to 10, or answers on other scales only.

    References
    ----------
    Reichheld (2003), Harvard Business Review 81(12), 46-54. Tango (1998), Statistics in Medicine 17, 891-908. Rocks (2016), The American Statistician
    70, 365-372.

    Examples
    --------
    >>> table = pd.DataFrame({"score": [3] * 20 + [8] * 30 + [10] * 50})
    >>> nps(table)[["estimate", "conf_low", "conf_high", "n"]].round(2).to_dict("records")
    [{'estimate': 30.0, 'conf_low': 13.96, 'conf_high': 44.34, 'n': 100}]
    """
    asked = _Asked("nps", None, period, by, unit, How(interval, conf_level, rng).checked())
    return _scores(source, asked, {"nps": "net"})


def csat(
    source: Dataset | Any,
    *,
    scale: Scales = None,
    period: Period | None = None,
    by: By = None,
    unit: VotingUnit = "answer",
    interval: IntervalMethod = "score",
    rng: Source = 0,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Customer satisfaction: share of answers in the scale's top box (4 and 5 of 1 to 5), with the mean score beside it.

    Answers on different scales are never pooled: only those on one scale count, the usual `csat_5` unless another is named.

    By enumeration, 95 % limits of the share contain the truth in 91 to 97 % with two to five answers an account, alike by 0.3 or 0.6, and 10 or 30
    accounts, those for independent answers in 72 to 93 %. They hold too little where dissatisfaction is rare and comes as whole accounts, because a
    sample without such an account knows nothing of them: with 30 accounts of five answers alike by 0.6 in 88 % at a share of 0.9, 83 % at 0.95.

    Parameters
    ----------
    source : Dataset or data frame
        As for `nps`.
    scale : str or Scale, optional
        `csat_5` (top box 4-5), `csat_7` (6-7), `csat_10` (9-10), `smile_3` (3), or one of your own; a list of them gives rows for each.
    period, by, unit, interval, rng, conf_level : as in `nps`
        Here `score` limits are Wilson's, and `adjusted_wald` those of Agresti and Coull.

    Returns
    -------
    DataFrame
        Estimates with the keys of `by` and `period`, and `scale` where a list was asked for. Metrics `csat` (unit `share`) and `csat_mean` (unit
        `points`, within the scale); `n` = votes. Limits are missing as for `nps`.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        As for `nps`; the scale is unknown or that of another survey, or the answers are on other scales only (the message names them).

    References
    ----------
    Fornell, Johnson, Anderson, Cha and Bryant (1996), Journal of Marketing 60(4), 7-18. Wilson (1927), Journal of the American Statistical
    Association 22, 209-212. Agresti and Coull (1998), The American Statistician 52, 119-126.

    Examples
    --------
    >>> table = pd.DataFrame({"score": [5] * 6 + [4] * 2 + [2] * 2})
    >>> csat(table)[["metric", "estimate", "conf_low", "conf_high"]].round(3).to_dict("split")["data"]
    [['csat', 0.8, 0.49, 0.943], ['csat_mean', 4.2, 3.058, 4.752]]
    """
    asked = _Asked("csat", scale, period, by, unit, How(interval, conf_level, rng).checked())
    return _scores(source, asked, {"csat": "top", "csat_mean": "mean"})


def ces(
    source: Dataset | Any,
    *,
    scale: Scales = None,
    period: Period | None = None,
    by: By = None,
    unit: VotingUnit = "answer",
    interval: IntervalMethod = "score",
    rng: Source = 0,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Customer effort score: mean score on its scale, with the share of customers who found it easy beside it.

    On `ces_7` and `ces_5` a high mean is good: 7, or 5, says that it was very easy. On `ces_1` a low mean is good: it asks for the effort itself,
    from 1 very low to 5 very high, and `ces` stays on that scale. `ces_easy` is a share of content customers on every scale, so high is always good.

    Parameters
    ----------
    source : Dataset or data frame
        As for `nps`.
    scale : str or Scale, optional
        `ces_7` (the usual one), `ces_5`, `ces_1`, or one of your own; a list of them gives rows for each.
    period, by, unit, interval, rng, conf_level : as in `nps`
        Limits as in `csat`.

    Returns
    -------
    DataFrame
        Estimates with the keys of `by` and `period`, and `scale` where a list was asked for. Metrics `ces` (unit `points`, within the scale) and
        `ces_easy` (unit `share`: scores 5-7 of `ces_7`, 4-5 of `ces_5`, 1-2 of `ces_1`); `n` = votes. Limits are missing as for `nps`.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        As for `csat`.

    References
    ----------
    Dixon, Freeman and Toman (2010), Harvard Business Review 88(7/8), 116-122 (`ces_1`). Dixon, Toman and DeLisi (2013), The Effortless Experience,
    Portfolio (`ces_7`).

    Examples
    --------
    >>> table = pd.DataFrame({"score": [1, 1, 2, 5], "scale": "ces_1"})
    >>> ces(table, scale="ces_1")[["metric", "estimate"]].to_dict("split")["data"]
    [['ces', 2.25], ['ces_easy', 0.75]]
    """
    asked = _Asked("ces", scale, period, by, unit, How(interval, conf_level, rng).checked())
    return _scores(source, asked, {"ces": "mean", "ces_easy": "top"})


class _Asked(NamedTuple):
    """What was asked for."""

    survey: str
    scale: Scales
    period: Period | None
    by: By
    unit: VotingUnit
    how: How


def _scores(source: Dataset | Any, asked: _Asked, measures: dict[str, str]) -> pd.DataFrame:
    """Return estimates of each metric, on each scale asked for."""
    if asked.scale is None or isinstance(asked.scale, str | Scale):
        return stack(_on_scale(source, asked, asked.scale, measures=measures, shown=[]))
    return stack([table for scale in asked.scale for table in _on_scale(source, asked, scale, measures=measures, shown=["scale"])])


def _on_scale(source: Dataset | Any, asked: _Asked, scale: str | Scale | None, *, measures: dict[str, str], shown: list[str]) -> list[pd.DataFrame]:
    """Return estimates of each metric on one scale, whose name is `shown` as a key or not."""
    answers, found = scored_answers(source, asked.survey, scale=scale, by=asked.by)
    answers = answers.assign(scale=found.name)
    if asked.period is not None:
        answers = with_period(source, answers, asked.period)
    keys = [*group_columns(asked.by), *(["period"] if asked.period else []), *shown]
    rows = votes_of(answers, keys, unit=asked.unit)
    groups_of, groups = grouped(rows, keys)
    votes = Votes(groups, pd.factorize(rows["account_id"])[0].astype("int64"), rows["answers"].to_numpy("float64"))
    named = as_named(groups_of if len(rows) else groups_of.iloc[:0])
    n = votes.totals(np.ones(len(rows)))
    tables = []
    for metric, measure in measures.items():
        limits = _limits(rows, measure, votes=votes, how=asked.how, scale=found)
        tables.append(estimates(named, metric=metric, unit="share" if measure == "top" else "points", **limits._asdict(), n=n))
    return tables


def _limits(rows: pd.DataFrame, measure: str, *, votes: Votes, how: How, scale: Scale) -> Interval:
    """Return a measure of each group with its limits, in its unit."""
    minus, plus, good = (rows[name].to_numpy("float64") for name in ("minus", "plus", "good"))
    if measure == "net":
        return Interval(*(100 * value for value in net_vote_limits(minus, plus, votes=votes, how=how)))
    if measure == "top":
        return share_vote_limits(plus, votes=votes, how=how)
    mean, low, high = mean_vote_limits(good, votes=votes, how=how)
    width = scale.high - scale.low
    if scale.direction == "high is good":
        return Interval(scale.low + width * mean, scale.low + width * low, scale.low + width * high)
    return Interval(scale.high - width * mean, scale.high - width * high, scale.high - width * low)
