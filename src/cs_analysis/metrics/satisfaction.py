"""What customers say: the net promoter score, per answer, with limits that know which answers share an account."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset
from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.facts.groups import MISSING_GROUP, By, as_named, by_columns, group_columns
from cs_analysis.facts.responses import answers_by_account
from cs_analysis.stats.clusters import clustered_net_share
from cs_analysis.stats.estimates import estimates

_CLASSES = {"detractors": (0, 6), "passives": (7, 8), "promoters": (9, 10)}


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
    if isinstance(source, Dataset):
        counts = answers_by_account(source, "nps", classes=_CLASSES, period=period, by=by)
    elif period is not None:
        raise ParameterError("period needs a Dataset, whose calendar says where periods begin; pass the dataset instead of the table.")
    else:
        counts = _counts_of_table(source, by)
    keys = [*group_columns(by), *(["period"] if period else [])]
    groups = counts.groupby(keys, dropna=False, sort=True).ngroup() if keys else pd.Series(0, index=counts.index)
    answers = tuple(counts[name] for name in _CLASSES)
    net = clustered_net_share(answers, groups=groups.to_numpy(), conf_level=conf_level)
    n = counts[list(_CLASSES)].sum(axis=1).groupby(groups).sum()
    shown = counts[keys].groupby(groups).first() if keys else pd.DataFrame(index=range(len(n)))
    return estimates(as_named(shown), metric="nps", unit="points", estimate=net.estimate * 100, conf_low=net.conf_low * 100, conf_high=net.conf_high * 100, n=n)


def _counts_of_table(source: Any, by: By) -> pd.DataFrame:
    """Return one row an account (or an answer, if the table does not name accounts) with the answers in each class."""
    table = _as_pandas(source)
    missing = [column for column in ("score", *by_columns(by)) if column not in table.columns]
    if missing:
        raise MissingColumnsError(missing, table.columns, table="responses")
    if "survey" in table.columns:
        table = table[table["survey"].astype("str").str.lower() == "nps"]
    if "scale" in table.columns:
        table = table[table["scale"].isna() | (table["scale"].astype("str").str.lower() == "nps")]
    table = table.dropna(subset=["score"])
    score = _checked_scores(table["score"])
    unit = table["account_id"] if "account_id" in table.columns else pd.Series(np.arange(len(table)), index=table.index, name="account_id")
    classes = pd.DataFrame({name: score.between(low, high).astype("int64") for name, (low, high) in _CLASSES.items()})
    keys = [_named_missing(table[column]).rename(name) for column, name in zip(by_columns(by), group_columns(by), strict=True)]
    return classes.groupby([*keys, _named_missing(unit)], sort=True, dropna=False).sum().reset_index()


def _as_pandas(source: Any) -> pd.DataFrame:
    table = source.collect() if hasattr(source, "collect") else source
    if not isinstance(table, pd.DataFrame) and not hasattr(table, "to_pandas"):
        raise ParameterError(f"nps needs a Dataset or the table of responses, not {type(source).__name__}.")
    return (table if isinstance(table, pd.DataFrame) else table.to_pandas()).reset_index(drop=True)


def _named_missing(group: pd.Series) -> pd.Series:
    """Return the groups with a missing text as "(missing)"; other missing values stay, as they do in a dataset."""
    plain = group.astype(group.cat.categories.dtype) if isinstance(group.dtype, pd.CategoricalDtype) else group
    return plain.astype("object").fillna(MISSING_GROUP) if pd.api.types.infer_dtype(plain, skipna=True) == "string" else plain


def _checked_scores(scores: pd.Series) -> pd.Series:
    numbers = pd.to_numeric(scores.astype("object"), errors="coerce").astype("float64")
    wrong = scores[~(numbers.between(0, 10) & (numbers % 1 == 0))]
    if len(wrong):
        raise ParameterError(f"an NPS score must be a whole number from 0 to 10; row {wrong.index[0] + 1} has {wrong.iloc[0]} ({len(wrong)} such rows).")
    return numbers
