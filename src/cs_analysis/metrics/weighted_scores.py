"""Scores as they would be if those who answered had the make-up of those they stand for, and waves compared at one make-up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset
from cs_analysis.data.surveys import Scale
from cs_analysis.errors import ParameterError
from cs_analysis.facts.groups import MISSING_GROUP, By, as_named, by_columns, group_columns
from cs_analysis.facts.requests import KIND, UNIT, current_customers, extent_of, scored_requests
from cs_analysis.facts.score_tables import MEASURE, Measure, score_values, scored_answers, with_period
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.intervals import Interval
from cs_analysis.stats.risk import grouped
from cs_analysis.stats.survey.mix_change import mean_change
from cs_analysis.stats.survey.population import Margins, Method, Represented, represent
from cs_analysis.stats.survey.variance import Variance, limits, weighted_mean
from cs_analysis.stats.survey.weights import Weights
from cs_analysis.stats.vote_limits import How, Votes, mean_vote_limits, net_vote_limits, share_vote_limits

Targets = Literal["requests", "customers"] | Margins
Mix = Literal["all", "first"] | Margins
Collapse = Mapping[str, Mapping[Any, Any]]

ALL_CELLS = "(all)"


class _How(NamedTuple):
    """What is measured, and how weights and limits are made."""

    measure: Measure
    scale: Scale
    method: Method = "poststratify"
    at_most: float | None = None
    variance: Variance = "jackknife"
    rng: int | np.random.Generator = 0
    conf_level: float = 0.95


def weighted_score(
    source: Dataset | Any,
    *,
    survey: str = "nps",
    targets: Targets = "requests",
    columns: str | Sequence[str] = "segment",
    method: Method = "poststratify",
    measure: Measure | None = None,
    scale: str | Scale | None = None,
    collapse: Collapse | None = None,
    at_most: float | None = None,
    variance: Variance = "jackknife",
    by: By = None,
    rng: int | np.random.Generator = 0,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """The score with answers weighted so that they have the make-up of those who were asked, or of all customers, beside the plain one.

    Corrects for who answered as far as the columns tell: within a cell those who answered are taken to think like those who did not, which no weight can
    show (see `nonresponse_bounds`). The population is taken as it is: the limits hold the sampling of answers, not of the make-up.

    Parameters
    ----------
    source : Dataset or data frame
        A dataset with `responses`, or that one table (with `asked_at` and `answered_at` for the targets `requests`).
    survey : str
        Name of the survey.
    targets : {"requests", "customers"} or mapping
        Whose make-up: all requests of the survey, all accounts that are customers at `as_of` (each counts once; needs `subscriptions`), or the shares or
        counts themselves: column -> (category -> share or count).
    columns : str or list of str
        Columns of `responses` or `accounts` (for customers: of `accounts`) in which the make-up is to agree; a mapping of targets names its own.
    method : {"poststratify", "rake"}
        Make the combinations of the columns agree, or each column by itself, which needs fewer answers.
    measure : {"net", "top", "mean"}, optional
        100 x (top - bottom), share of the top box, or mean score; default: net for nps, top for csat, mean otherwise.
    scale : str or Scale, optional
        The scale whose answers count; the survey's usual one without it.
    collapse : mapping, optional
        Column -> (category -> category it is counted with), for categories with few answers.
    at_most : float, optional
        Largest weight, in means of all; the make-up then agrees only nearly.
    variance : {"jackknife", "linear", "bootstrap"}
        By leaving out an account at a time and weighting anew, linearised, or by resampled accounts weighted anew.
    by : str or list of str, optional
        Columns of `responses` or `accounts` to group by; each group is weighted to its own population.
    rng : int or Generator
        Randomness of the bootstrap.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the keys of `by` and `cell` ("(all)", or the part of the population without an answer that a row names), `n` = answers. Metrics
        `weighted_score` and `unweighted_score`, unit `points`, for `top` `share`, limits clustered by account (missing where several answers all come
        from one account, or where raking fails without some account); `weighting_design_effect` (Kish, unit `ratio`),
        `effective_answers` (answers over that, unit `count`) and
        `uncovered_share` (of the population in cells without an answer, which is left out of the weighted score; unit `share`, a row for each such cell too):
        facts without limits. No row for a group without an answer.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `responses`, an unknown column; a table with the targets customers; answers in a category without a target; targets of several columns without
        raking; an unknown method, measure or scale.
    ConvergenceError
        No weights rake to all margins: the gaps are listed.

    References
    ----------
    Holt and Smith (1979), Journal of the Royal Statistical Society A 142, 33-46. Deming and Stephan (1940), Annals of Mathematical Statistics
    11, 427-444. Kish (1965), Survey Sampling, section 11.7. Wolter (2007), Introduction to Variance Estimation, chapter 4.

    Examples
    --------
    >>> table = pd.DataFrame({"segment": ["s"] * 2 + ["l"] * 8, "score": [0, 8] + [10] * 8})
    >>> found = weighted_score(table, targets={"segment": {"s": 0.5, "l": 0.5}})
    >>> found[["metric", "estimate"]].head(2).to_dict("records")  # s: -50, l: 100
    [{'metric': 'weighted_score', 'estimate': 25.0}, {'metric': 'unweighted_score', 'estimate': 70.0}]
    """
    check_conf_level(conf_level)
    cells = list(targets) if isinstance(targets, Mapping) else [name for name in by_columns(columns) if name not in by_columns(by)]
    every = list(dict.fromkeys([*by_columns(by), *cells]))
    answers, on = scored_answers(source, survey, scale=scale, by=every)
    how = _How(measure or MEASURE.get(survey, "mean"), on, method, at_most, variance, rng, conf_level)
    population = targets if isinstance(targets, Mapping) else _population(source, targets, survey, on=on, by=every)
    shown, group = grouped(answers, group_columns(by))
    tables: list[pd.DataFrame] = []
    for number in range(len(shown) if len(answers) else 0):
        rows, key = answers[group == number], shown.iloc[[number]]
        found = represent(_cells(rows, cells, collapse), _whom(population, key, cells, collapse=collapse), method=method, at_most=at_most)
        tables += _rows(rows, found, key, how=how, metrics=("weighted_score", "unweighted_score"))
    return as_named(stack(tables) if tables else estimates(shown.iloc[:0].assign(cell=""), metric="weighted_score", unit=UNIT[how.measure], estimate=[], n=[]))


def standardised_score(
    source: Dataset | Any,
    *,
    survey: str = "nps",
    period: Period = "quarter",
    mix: Mix = "all",
    columns: str | Sequence[str] = "segment",
    measure: Measure | None = None,
    scale: str | Scale | None = None,
    collapse: Collapse | None = None,
    by: By = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """The score of each wave at one fixed make-up of cells, beside the plain one, and what of the plain one's change is make-up.

    A plain score falls when more of those who answer belong to a segment that always scored low, with nobody having changed their mind. At a fixed mix that
    change is gone. Directly standardised: the score of each cell of `columns`, weighted by the mix.

    Parameters
    ----------
    source : Dataset
        Needs `responses`. Its calendar says where waves begin.
    survey : str
        Name of the survey.
    period : {"week", "month", "quarter", "year"}
        The wave is the calendar period in which the answer came; the last one may be unfinished.
    mix : {"all", "first"} or mapping
        The answers of all waves, those of the first, or column -> (category -> share); of several columns each by itself (raking).
    columns : str or list of str
        Columns of `responses` or `accounts` whose combinations are the cells; a mapping names its own.
    measure, scale, collapse
        As for `weighted_score`.
    by : str or list of str, optional
        Columns to group by; each group has a mix of its own.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the keys of `by`, `period` and `cell` ("(all)", or the cell without an answer that a row names), `n` = answers of the wave. Metrics
        `standardised_score` and `crude_score`, unit `points`, for `top` `share`, limits clustered by account. A wave without an answer in a cell
        of the mix has no standardised score, and `uncovered_share` (unit `share`, no limits) says how much of the mix, and in rows of their own which
        cells. From the second wave on, `change_from_mix` and `change_from_rates` (unit as the score): what the crude score changed by since the wave before
        because of the make-up and because of the cells' own scores; they add up to the change. Limits are missing where all answers
        come from one account.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        As for `weighted_score`; the source is a table, or `mix` is none of the three.

    References
    ----------
    Keiding and Clayton (2014), Statistical Science 29, 529-558. Kitagawa (1955), Journal of the American Statistical Association 50, 1168-1194.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=60, months=12)
    >>> standardised_score(ds, period="year")["metric"].head(2).tolist()
    ['standardised_score', 'crude_score']
    """
    check_conf_level(conf_level)
    if not isinstance(mix, Mapping) and mix not in ("all", "first"):
        raise ParameterError(f"mix must be 'all', 'first' or a mapping of columns to shares, not {mix!r}.")
    cells = list(mix) if isinstance(mix, Mapping) else [name for name in by_columns(columns) if name not in by_columns(by)]
    answers, on = scored_answers(source, survey, scale=scale, by=list(dict.fromkeys([*by_columns(by), *cells])))
    answers = with_period(source, answers, period)
    how = _How(measure or MEASURE.get(survey, "mean"), on, "rake" if len(cells) > 1 and isinstance(mix, Mapping) else "poststratify", conf_level=conf_level)
    shown, group = grouped(answers, group_columns(by))
    tables: list[pd.DataFrame] = []
    for number in range(len(shown) if len(answers) else 0):
        rows = answers[group == number]
        whom = mix if isinstance(mix, Mapping) else rows if mix == "all" else rows[rows["period"] == rows["period"].min()]
        target = _whom(whom, shown.iloc[[number]], cells, collapse=collapse)
        tables += _waves(rows, target, shown.iloc[[number]], cells=cells, collapse=collapse, how=how)
    empty = shown.iloc[:0].assign(period=pd.Series(dtype="datetime64[us]"), cell="")
    return as_named(stack(tables) if tables else estimates(empty, metric="standardised_score", unit=UNIT[how.measure], estimate=[], n=[]))


def _waves(
    rows: pd.DataFrame, target: pd.DataFrame | Margins, key: pd.DataFrame, *, cells: list[str], collapse: Collapse | None, how: _How
) -> Iterator[pd.DataFrame]:
    """Yield the rows of each wave of one group."""
    before = rows.iloc[:0]
    for first_day, wave in rows.groupby("period", sort=True):
        named = key.assign(period=first_day)
        found = represent(_cells(wave, cells, collapse), target, method=how.method)
        whole = found if not found.uncovered else found._replace(weights=None)
        yield from _rows(wave, whole, named, how=how, metrics=("standardised_score", "crude_score"))
        if len(before):
            both = pd.concat([before, wave])
            parts = mean_change(
                score_values(both, how.measure),
                _cells(both, cells, collapse).astype("str").agg("\x1f".join, axis=1) if cells else np.zeros(len(both)),
                np.arange(len(both)) >= len(before),
                clusters=both["account_id"],
                conf_level=how.conf_level,
            )
            for name, part in (("mix", parts["mix"]), ("rates", parts["rate"])):
                yield estimates(named.assign(cell=ALL_CELLS), metric=f"change_from_{name}", unit=UNIT[how.measure], **part._asdict(), n=len(wave))
        before = wave


def _population(source: Dataset | Any, targets: str, survey: str, *, on: Scale, by: list[str]) -> pd.DataFrame:
    """Return one row a request or a customer, with its group columns."""
    if targets == "requests":
        return scored_requests(source, survey, scale=on, by=by)[0]
    if targets != "customers":
        raise ParameterError(f"targets must be 'requests', 'customers' or a mapping of columns to shares, not {targets!r}.")
    if not isinstance(source, Dataset):
        raise ParameterError("the targets 'customers' need a Dataset, which says who is a customer; pass the dataset instead of the table.")
    return current_customers(source, by=by)


def _whom(population: pd.DataFrame | Margins, key: pd.DataFrame, cells: list[str], *, collapse: Collapse | None) -> pd.DataFrame | Margins:
    """Return the cells of the population of one group, or the totals, with categories collapsed."""
    if isinstance(population, pd.DataFrame):
        own = population.merge(key, on=list(key.columns)) if key.shape[1] else population
        return _cells(own, cells, collapse)
    merged = {}
    for column, totals in population.items():
        into = (collapse or {}).get(column, {})
        categories = [into.get(name, name) for name in dict(totals.items())]
        merged[column] = pd.Series([float(total) for _, total in totals.items()], index=categories).groupby(level=0, sort=False).sum()
    return merged


def _cells(rows: pd.DataFrame, cells: list[str], collapse: Collapse | None) -> pd.DataFrame:
    """Return the columns that make the cells under their own names, without missing values and with categories collapsed."""
    table = rows[group_columns(cells)].set_axis(cells, axis=1).astype("object").reset_index(drop=True)
    table = table.where(table.notna(), MISSING_GROUP)
    for column, into in (collapse or {}).items():
        if column in table:
            table[column] = table[column].map(lambda value, into=into: into.get(value, value))
    return table


def _rows(rows: pd.DataFrame, found: Represented, key: pd.DataFrame, *, how: _How, metrics: tuple[str, str]) -> Iterator[pd.DataFrame]:
    """Yield the weighted and the plain score of one group, what the weights cost, and what they leave out."""
    named, n, unit = key.assign(cell=ALL_CELLS), len(rows), UNIT[how.measure]
    nothing = Interval(np.nan, np.nan, np.nan)
    weighted = nothing if found.weights is None else _score(rows, found.weights, how)
    yield estimates(named, metric=metrics[0], unit=unit, **weighted._asdict(), n=n)
    yield estimates(named, metric=metrics[1], unit=unit, **_plain(rows, how)._asdict(), n=n)
    if metrics[0] == "weighted_score":
        effect = np.nan if found.weights is None else found.weights.design_effect
        yield estimates(named, metric="weighting_design_effect", unit="ratio", estimate=effect, n=n)
        yield estimates(named, metric="effective_answers", unit="count", estimate=n / effect, n=n)
    parts = {ALL_CELLS: sum(found.uncovered.values()), **found.uncovered}
    for cell, share in parts.items():
        yield estimates(key.assign(cell=cell), metric="uncovered_share", unit="share", estimate=share, n=n)


def _score(rows: pd.DataFrame, weights: Weights, how: _How) -> Interval:
    """Return the weighted score with its limits."""
    values = score_values(rows, how.measure)
    spread = weighted_mean(values, weights, clusters=rows["account_id"], variance=how.variance, rng=how.rng)
    part = weights.weight / weights.weight.sum()
    shares = (float(part[values < 0].sum()), float(part[values > 0].sum()))
    return limits(spread, KIND[how.measure], n=len(values), extent=extent_of(how.measure, how.scale), shares=shares, conf_level=how.conf_level)


def _plain(rows: pd.DataFrame, how: _How) -> Interval:
    """Return the score of the answers as they are, with the limits it has everywhere else."""
    votes = Votes(np.zeros(len(rows), dtype="int64"), pd.factorize(rows["account_id"])[0].astype("int64"), np.ones(len(rows)))
    top, bottom, good = (rows[name].to_numpy("float64") for name in ("top", "bottom", "good"))
    limited = How(conf_level=how.conf_level)
    if how.measure == "net":
        return Interval(*(100 * value[0] for value in net_vote_limits(bottom, top, votes=votes, how=limited)))
    if how.measure == "top":
        return Interval(*(value[0] for value in share_vote_limits(top, votes=votes, how=limited)))
    mean, low, high = (value[0] for value in mean_vote_limits(good, votes=votes, how=limited))
    ends = (how.scale.low, how.scale.high) if how.scale.direction == "high is good" else (how.scale.high, how.scale.low)
    placed = [ends[0] + (ends[1] - ends[0]) * value for value in (mean, low, high)]
    return Interval(placed[0], min(placed[1:]), max(placed[1:]))
