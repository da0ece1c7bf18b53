"""What changed between two waves of a survey, and how large a change a survey could notice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset
from cs_analysis.data.surveys import Scale
from cs_analysis.errors import ParameterError
from cs_analysis.facts.groups import By, as_named, group_columns
from cs_analysis.facts.requests import UNIT, extent_of
from cs_analysis.facts.score_tables import MEASURE, Measure, score_values
from cs_analysis.facts.votes import last_answers
from cs_analysis.facts.waves import answers_by_wave, wave_pairs
from cs_analysis.stats.clusters import Codes, design_effect
from cs_analysis.stats.differences import Correction, with_p_values
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.intervals import Floats, Interval
from cs_analysis.stats.paired_scores import Answers, Kind, Pairs, paired_differences, sample_differences
from cs_analysis.stats.risk import grouped
from cs_analysis.stats.score_power import Sampling, detectable_difference, needed_size

Design = Literal["mixed", "independent", "paired"]


def score_change(
    source: Dataset,
    *,
    survey: str = "nps",
    period: Period = "quarter",
    design: Design = "mixed",
    against: str = "previous",
    measure: Measure | None = None,
    scale: str | Scale | None = None,
    unfinished: bool = False,
    by: By = None,
    correction: Correction | None = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """The score of each wave minus that of an earlier one, with limits that know who answered in both.

    A wave is the calendar period in which an answer came. Panels overlap: some accounts answer in both waves, some in one. Whoever was content before
    is mostly content still, so that the change is known better than two separate samples would tell, and a test for independent samples misses
    changes; one for answers instead of accounts sees changes that are none. In simulated panels of 20 and 60 accounts 95 % limits contained the truth in
    95 to 99 %, those for independent samples, up to a quarter wider, in 97 to 100 %, those for single answers in 88 to 99 %.

    Parameters
    ----------
    source : Dataset
        Needs `responses`. Its calendar says where waves begin.
    survey : str
        Name of the survey.
    period : {"week", "month", "quarter", "year"}
        Length of a wave.
    design : {"mixed", "independent", "paired"}
        `mixed`: all answers, the limits from what accounts in both waves have in common; right for any overlap, and the same as `independent` without
        one. `independent`: all answers, as if no account were in both waves. `paired`: the last answer in each wave of respondents who answered in
        both; it says how those changed their minds, not what the score of all did.
    against : str
        The wave compared with: `previous` (the last one before with an answer), `first`, or the first day of a wave ("2026-01-01").
    measure : {"net", "top", "mean"}, optional
        100 x (top - bottom), share of the top box, or mean score; default: net for nps, top for csat, mean otherwise.
    scale : str or Scale, optional
        The scale whose answers count; the survey's usual one without it.
    unfinished : bool
        Whether a last wave that is not over counts; its early answers may be unlike the late ones.
    by : str or list of str, optional
        Columns of `responses` or `accounts` to group by.
    correction : {"holm", "benjamini_hochberg"}, optional
        Adds a row `score_change_adjusted_p_value` to each change, adjusted for the number of changes in the table (key `comparisons`).
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the keys of `by`, `period` and `against` (first days of the two waves). Metric `score_change`, unit `points`, for `top`
        `share`; `n` = answers of the smaller wave, for `paired` respondents in both (of whom there may be none: then the change is missing). Limits are
        clustered by account, and missing where the several answers of a wave come from one account. No row for a group with a single wave.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        As for `csat`; the source is a table, `design` is none of the three, or no answer came in the wave `against`.

    References
    ----------
    Zou (2007), Psychological Methods 12, 399-413. Newcombe (1998), Statistics in Medicine 17, 2635-2650. Rocks (2016), The American
    Statistician 70, 365-372. Agresti and Min (2005), Statistics in Medicine 24, 729-740. Kish (1965), Survey Sampling, section 12.4.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=40, months=12)
    >>> found = cs.score_change(ds, against="first")
    >>> found[["period", "against", "metric"]].astype("str").head(1).to_dict("records")
    [{'period': '2026-01-01', 'against': '2025-10-01', 'metric': 'score_change'}]
    """
    check_conf_level(conf_level)
    if design not in get_args(Design):
        raise ParameterError(f"design must be 'mixed', 'independent' or 'paired', not {design!r}.")
    kind: Kind = measure or MEASURE.get(survey, "mean")
    answers, found = answers_by_wave(source, survey, scale=scale, period=period, unfinished=unfinished, by=by)
    answers = answers.assign(good=(answers["score"] - found.low) / (found.high - found.low))  # place on the scale, whichever end is good
    pairs = wave_pairs(answers, by, against=against)
    if design == "paired":
        change, n = _of_same_people(answers, pairs, kind, conf_level=conf_level)
    else:
        change, n = _of_all(answers, pairs, kind, related=design == "mixed", conf_level=conf_level)
    one = {"net": 100.0, "top": 1.0, "mean": found.high - found.low}[kind]
    shown = estimates(as_named(pairs), metric="score_change", unit=UNIT[kind], **Interval(*(one * value for value in change))._asdict(), n=n)
    return shown if correction is None else with_p_values(shown, correction=correction, conf_level=conf_level)


def detectable_change(
    source: Dataset,
    *,
    survey: str = "nps",
    period: Period = "quarter",
    measure: Measure | None = None,
    scale: str | Scale | None = None,
    unfinished: bool = False,
    by: By = None,
    answers: int | Sequence[int] | None = None,
    overlap: float = 0.0,
    correlation: float = 0.0,
    power: float = 0.8,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Smallest true change between two waves that their comparison would find with the given power.

    (1.96 + 0.84) x s x sqrt(D x 2 (1 - overlap x correlation) / n) at the usual level and power: s is the standard deviation of an answer within waves
    and D the design effect of answers that share an account, both from all waves there are. Smaller changes may be true and not be found; that
    `score_change` finds none says little where this is large. Later waves are taken to spread, and to come from accounts, as those so far.

    Parameters
    ----------
    source, survey, period, measure, scale, unfinished, by
        As for `score_change`.
    answers : int or list of int, optional
        Answers in each of the two waves; default: the mean of the waves so far.
    overlap : float
        Share of the answers from respondents who answer in both waves.
    correlation : float
        Correlation of the two answers of one of them. Either being 0 is the careful choice: separate samples.
    power : float
        Chance of finding the change.
    conf_level : float
        Level of the limits that have to leave out 0.

    Returns
    -------
    DataFrame
        Estimates with the keys of `by` and `answers` (in each wave), `n` = answers it rests on. Metric `detectable_change`, unit as for `score_change`;
        and `answers_design_effect`, unit `ratio`. Figures for planning, without limits; missing where the several answers of all waves
        come from one account. No row for a group without an answer.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        As for `score_change`; a share is out of range, or `answers` is not at least 1.

    References
    ----------
    Fleiss, Levin and Paik (2003), Statistical Methods for Rates and Proportions, 3rd ed., chapter 4. Kish (1965), Survey Sampling, sections 8.2
    and 12.4.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=60, months=12)
    >>> cs.detectable_change(ds, answers=[50, 200])["metric"].tolist()
    ['detectable_change', 'answers_design_effect', 'detectable_change', 'answers_design_effect']
    """
    rows, _, kind = _planning(source, survey, scale=scale, period=period, unfinished=unfinished, by=by, measure=measure)
    check_conf_level(conf_level)
    tables = []
    for shown, part in _by_group(rows, by):
        usual = max(1, round(len(part) / part["period"].nunique()))
        for size in [usual] if answers is None else np.atleast_1d(answers).tolist():
            if size < 1:
                raise ParameterError(f"answers must be at least 1 a wave, not {size!r}.")
            how = Sampling(*_spread(part, kind), overlap=overlap, correlation=correlation)
            keys = shown.assign(answers=int(size))
            least = detectable_difference(size, size, _known(how), power=power, conf_level=conf_level) + 0 * how.design_effect
            tables.append(estimates(keys, metric="detectable_change", unit=UNIT[kind], estimate=float(least), n=len(part)))
            tables.append(estimates(keys, metric="answers_design_effect", unit="ratio", estimate=how.design_effect, n=len(part)))
    empty = rows[group_columns(by)].iloc[:0].assign(answers=pd.Series(dtype="int64"))
    return as_named(stack(tables) if tables else estimates(empty, metric="detectable_change", unit=UNIT[kind], estimate=[], n=[]))


def needed_answers(
    source: Dataset,
    *,
    survey: str = "nps",
    change: float | Sequence[float] | None = None,
    period: Period = "quarter",
    measure: Measure | None = None,
    scale: str | Scale | None = None,
    unfinished: bool = False,
    by: By = None,
    overlap: float = 0.0,
    correlation: float = 0.0,
    power: float = 0.8,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Answers needed in each of two waves for a true change to be found with the given power.

    The inverse of `detectable_change`, rounded up: half the change takes four times the answers.

    Parameters
    ----------
    source, survey
        As for `score_change`.
    change : float or list of float, optional
        True change, in points, for `top` as a share; default: a twentieth of the scale's range, which is 10 points of nps.
    period, measure, scale, unfinished, by, overlap, correlation, power, conf_level
        As for `detectable_change`.

    Returns
    -------
    DataFrame
        Estimates with the keys of `by` and `change`. Metric `needed_answers`, unit `count`, a figure for planning without limits; `n` = answers it rests
        on. Missing as for `detectable_change`.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        As for `detectable_change`; a change is 0.

    References
    ----------
    As for `detectable_change`.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=60, months=12)
    >>> cs.needed_answers(ds, change=[10, 20])[["change", "metric"]].to_dict("records")
    [{'change': 10.0, 'metric': 'needed_answers'}, {'change': 20.0, 'metric': 'needed_answers'}]
    """
    rows, found, kind = _planning(source, survey, scale=scale, period=period, unfinished=unfinished, by=by, measure=measure)
    low, high = extent_of(kind, found)
    wanted = np.atleast_1d(np.asarray((high - low) / 20 if change is None else change, dtype="float64"))
    if not (np.isfinite(wanted) & (wanted != 0)).all():
        raise ParameterError(f"change must be numbers other than 0, not {change!r}.")
    tables = []
    for shown, part in _by_group(rows, by):
        how = Sampling(*_spread(part, kind), overlap=overlap, correlation=correlation)
        sizes = needed_size(wanted, _known(how), power=power, conf_level=conf_level) + 0 * how.design_effect
        keys = shown.loc[shown.index.repeat(len(wanted))].reset_index(drop=True).assign(change=wanted)
        tables.append(estimates(keys, metric="needed_answers", unit="count", estimate=sizes, n=np.repeat(len(part), len(wanted))))
    empty = rows[group_columns(by)].iloc[:0].assign(change=pd.Series(dtype="float64"))
    return as_named(stack(tables) if tables else estimates(empty, metric="needed_answers", unit="count", estimate=[], n=[]))


def _planning(source: Dataset, survey: str, *, measure: Measure | None, **options: Any) -> tuple[pd.DataFrame, Scale, Measure]:
    """Return the answers of all waves, their scale and what is measured."""
    rows, found = answers_by_wave(source, survey, **options)
    return rows, found, measure or MEASURE.get(survey, "mean")


def _by_group(rows: pd.DataFrame, by: By) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Yield the group columns and the answers of each group that has any."""
    shown, code = grouped(rows, group_columns(by))
    for number in range(len(shown) if len(rows) else 0):
        yield shown.iloc[[number]].reset_index(drop=True), rows[code == number]


def _spread(rows: pd.DataFrame, kind: Measure) -> tuple[float, float]:
    """Return the standard deviation of an answer within waves and the design effect of answers that share an account."""
    values = score_values(rows, kind)
    away = values - pd.Series(values).groupby(rows["period"].to_numpy()).transform("mean").to_numpy()
    sums = pd.DataFrame({"sum": away, "square": away**2, "size": 1.0}).groupby([rows["period"].to_numpy(), rows["account_id"].to_numpy()], sort=True).sum()
    spread = float(np.sqrt(np.sum(away**2) / max(len(away) - rows["period"].nunique(), 1)))
    return spread, float(design_effect(sums["sum"], sums["square"], sums["size"]))


def _known(how: Sampling) -> Sampling:
    """Return the sampling with a design effect of 1 where it is not known."""
    return how if np.isfinite(how.design_effect) else how._replace(design_effect=1.0)


def _of_all(answers: pd.DataFrame, pairs: pd.DataFrame, kind: Kind, *, related: bool, conf_level: float) -> tuple[Interval, Floats]:
    """Return the change of each pair of waves from all answers, and the answers of the smaller wave."""
    keys = list(pairs.columns.drop("against"))
    waves, code = grouped(answers, keys)
    place = waves.reset_index(names="place")
    late = pairs[keys].merge(place, on=keys, how="left", validate="one_to_one")["place"].to_numpy("int64")
    before = pairs[keys].assign(period=pairs["against"])
    early = before.merge(place, on=keys, how="left", validate="many_to_one")["place"].to_numpy("int64")
    rows = _answers(answers, code, pd.factorize(answers["account_id"])[0])
    n = np.bincount(code, minlength=len(waves))
    return sample_differences(rows, Pairs(late, early), kind=kind, related=related, conf_level=conf_level), np.minimum(n[late], n[early])


def _of_same_people(answers: pd.DataFrame, pairs: pd.DataFrame, kind: Kind, *, conf_level: float) -> tuple[Interval, Floats]:
    """Return the mean change of those who answered in both waves of each pair, and their number."""
    keys = list(pairs.columns.drop("against"))
    last = last_answers(answers, keys)
    before = last[[*keys, "respondent", "top", "bottom", "good"]].rename(columns={"period": "against"})
    numbered = pairs.reset_index(names="pair").merge(last, on=keys)
    both = numbered.merge(before, on=[*keys[:-1], "against", "respondent"], suffixes=("", "_before")).sort_values(["pair", "respondent"], ignore_index=True)
    pair, clusters = both["pair"].to_numpy("int64"), pd.factorize(both["account_id"])[0]
    earlier = both[["top_before", "bottom_before", "good_before"]].rename(columns=lambda name: name.removesuffix("_before"))
    found = paired_differences(_answers(both, pair, clusters), _answers(earlier, pair, clusters), kind=kind, pairs=len(pairs), conf_level=conf_level)
    return found, np.bincount(pair, minlength=len(pairs)).astype("float64")


def _answers(rows: pd.DataFrame, samples: Codes, clusters: Codes) -> Answers:
    minus, plus, good = (rows[name].to_numpy("float64") for name in ("bottom", "top", "good"))
    return Answers(minus, plus, good, samples, clusters.astype("int64"))
