"""Scores over many waves: which of their ups and downs call for a cause, and whether answers as a whole became better."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset
from cs_analysis.data.surveys import Scale
from cs_analysis.errors import ConvergenceError, NotEnoughDataError, ParameterError
from cs_analysis.facts.groups import By, as_named, by_columns, group_columns
from cs_analysis.facts.requests import UNIT, extent_of
from cs_analysis.facts.score_tables import MEASURE, Measure, score_values
from cs_analysis.facts.waves import answers_by_wave, wave_pairs
from cs_analysis.stats.control_charts import USUAL_RULES, Chart, Rule, control_chart
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.intervals import Floats, Interval
from cs_analysis.stats.ordinal import fit_ordinal
from cs_analysis.stats.ordinal_checks import proportional_odds_test
from cs_analysis.stats.ordinal_likelihood import Link
from cs_analysis.stats.risk import grouped

NO_SIGNAL = "none"
FEWEST = 5  # answers of each wave at a level of the check: fewer cannot tell whether waves differ alike there
_LATER = "later"


def score_control_chart(
    source: Dataset,
    *,
    survey: str = "nps",
    period: Period = "month",
    measure: Measure | None = None,
    scale: str | Scale | None = None,
    baseline: int | None = None,
    laney: bool = True,
    rules: Sequence[Rule] = USUAL_RULES,
    unfinished: bool = False,
    by: By = None,
) -> pd.DataFrame:
    """The score of each wave on a control chart: centre, limits, and which waves are out of the ordinary.

    A wave inside the limits is one of a stable process: asking why it went up or down is asking about noise. Limits are three sigmas from the centre; sigma
    is that of a net share, a share or a mean of so many answers. Scores vary for more reasons than that (who answers, seasons, answers of one
    account being alike), and then the plain chart rings all the time; Laney's multiplies sigma by how much more neighbouring waves differ than
    they should (`sigma_z`), never by less than 1. Of 24 simulated waves of 50 to 400 answers, with a share that moves by 3 or 6 points of itself, plain
    limits rang in 2 and 13 %, Laney's in 0.4 %.

    Parameters
    ----------
    source : Dataset
        Needs `responses`. Its calendar says where waves begin.
    survey : str
        Name of the survey.
    period : {"week", "month", "quarter", "year"}
        Length of a wave; waves without an answer are left out.
    measure : {"net", "top", "mean"}, optional
        100 x (top - bottom), share of the top box, or mean score; default: net for nps, top for csat, mean otherwise.
    scale : str or Scale, optional
        The scale whose answers count; the survey's usual one without it.
    baseline : int, optional
        How many first waves make centre, sigma and sigma_z, against which later ones are judged; default: all. Fix it once a process is known to be stable.
    laney : bool
        Whether limits are widened by sigma_z.
    rules : list of str
        `beyond_limits`, `run_of_8` (the eighth or later in a row on one side of the centre), `two_of_three` beyond two sigmas on one side, `four_of_five`
        beyond one. Every further rule finds more and rings falsely more often.
    unfinished : bool
        Whether a last wave that is not over counts.
    by : str or list of str, optional
        Columns of `responses` or `accounts` to group by; each group has a chart of its own.

    Returns
    -------
    DataFrame
        Estimates with the keys of `by`, `period` and `signal` (the first of `rules` that rings at the wave, or "none"), unit `points`, for `top` `share`;
        `n` = answers of the wave. Metrics `score_control_chart` (the wave's score), `control_centre`, `control_low` and `control_high`; in the row of
        the last wave also `sigma_z` (unit `ratio`, `n` = waves of the baseline; missing with one). Control limits are no confidence limits: they say where the
        scores of single waves lie while nothing changes, so they stand in rows of their own, and none of these figures has conf limits. They are
        missing where no wave tells how answers vary (means of one answer each).

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        As for `score_change`; an unknown rule, or a baseline of fewer than 2 waves.

    References
    ----------
    Laney (2002), Quality Engineering 14, 531-537. Montgomery (2013), Introduction to Statistical Quality Control, 7th ed., chapters 6 and 7.
    Western Electric (1956), Statistical Quality Control Handbook. Nelson (1984), Journal of Quality Technology 16, 237-239.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=60, months=12)
    >>> cs.score_control_chart(ds)["metric"].unique().tolist()
    ['score_control_chart', 'control_centre', 'control_low', 'control_high', 'sigma_z']
    """
    answers, found = answers_by_wave(source, survey, scale=scale, period=period, unfinished=unfinished, by=by)
    kind: Measure = measure or MEASURE.get(survey, "mean")
    rows = answers.assign(value=score_values(answers, kind))
    shown, group = grouped(rows, group_columns(by))
    tables: list[pd.DataFrame] = []
    for number in range(len(shown)):
        waves = rows[group == number].groupby("period", sort=True)["value"].agg(["mean", "size", "var"])
        if len(waves):
            spread = waves["var"] if kind == "mean" else _pooled_variance(rows[group == number], waves.index[:baseline])
            chart = control_chart(waves["mean"], waves["size"], variances=spread, baseline=baseline, laney=laney, extent=extent_of(kind, found), rules=rules)
            tables += _chart_rows(shown.iloc[[number]], waves, chart, unit=UNIT[kind], base=min(len(waves), baseline or len(waves)))
    empty = shown.iloc[:0].assign(period=pd.Series(dtype="datetime64[us]"), signal="")
    return as_named(stack(tables) if tables else estimates(empty, metric="score_control_chart", unit=UNIT[kind], estimate=[], n=[]))


def _pooled_variance(rows: pd.DataFrame, baseline: pd.Index) -> float:
    """Return the variance of an answer around the mean of all answers of the baseline."""
    return float(rows.loc[rows["period"].isin(baseline), "value"].var(ddof=0))


def _chart_rows(key: pd.DataFrame, waves: pd.DataFrame, chart: Chart, *, unit: str, base: int) -> Iterator[pd.DataFrame]:
    """Yield the rows of one chart."""
    signal = np.full(len(waves), NO_SIGNAL, dtype="object")
    for rule, rings in reversed(chart.signals.items()):
        signal[rings] = rule
    named = key.loc[key.index.repeat(len(waves))].reset_index(drop=True).assign(period=waves.index, signal=signal)
    lines = {"score_control_chart": waves["mean"], "control_centre": np.full(len(waves), chart.centre), "control_low": chart.low, "control_high": chart.high}
    for metric, values in lines.items():
        yield estimates(named, metric=metric, unit=unit, estimate=values, n=waves["size"])
    yield estimates(named.tail(1), metric="sigma_z", unit="ratio", estimate=[chart.sigma_z], n=[base])


class _Model(NamedTuple):
    """How waves are compared."""

    adjust_for: list[str]
    link: Link
    conf_level: float


def ordinal_change(
    source: Dataset,
    *,
    survey: str = "nps",
    period: Period = "quarter",
    against: str = "previous",
    scale: str | Scale | None = None,
    unfinished: bool = False,
    adjust_for: By = None,
    by: By = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Odds ratio of better answers in a wave against an earlier one, from an ordinal model of the whole scale.

    Net scores and top boxes throw away most of an answer: from 3 to 6 is no change, from 8 to 9 a large one. The proportional-odds model takes the order of
    all scores and no distances: an odds ratio of 1.5 says that the odds of a better answer are 1.5 times as high, wherever "better" is cut.
    `proportional_odds_p_value` tests that "wherever". Where it is small, do not read the ratio: answers moved differently along the scale (fewer very bad
    ones, say, and no more very good ones); look at `score_shares` of both waves instead, and take `score_change` of the box that matters.

    Parameters
    ----------
    source, survey, period, against, scale, unfinished
        As for `score_change`.
    adjust_for : str or list of str, optional
        Columns of `responses` or `accounts` whose effects are held constant: numbers as they are, all else as groups.
    by : str or list of str, optional
        Columns of `responses` or `accounts` to group by; each group has models of its own.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the keys of `by`, `period`, `against` and `adjusted_for` ("(nothing)", or the columns joined by commas). Metric `ordinal_change`, unit
        `ratio`, above 1 where answers became better (on scales where low is good, lower ones), `n` = answers of the smaller wave. Limits are clustered by
        account, with t quantiles for the wave with fewer accounts. Metric `proportional_odds_p_value`, unit `share`: score test, clustered, with
        neighbouring scores joined until each level has 5 answers in both waves. Missing: the ratio where one wave's answers are all better than the
        other's, all answers are alike or the columns leave waves nothing to differ in; its limits with one account in a wave; p with fewer than
        three such levels, or no more accounts than levels.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        As for `score_change`; a column both in `adjust_for` and `by`, or a missing number in `adjust_for`.

    References
    ----------
    McCullagh (1980), Journal of the Royal Statistical Society B 42, 109-142. Peterson and Harrell (1990), Applied Statistics 39, 205-217. Boos
    (1992), The American Statistician 46, 327-333. Liang and Zeger (1986), Biometrika 73, 13-22.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=60, months=12)
    >>> cs.ordinal_change(ds, against="first")["metric"].unique().tolist()
    ['ordinal_change', 'proportional_odds_p_value']
    """
    check_conf_level(conf_level)
    columns, groups = by_columns(adjust_for), by_columns(by)
    if both := [name for name in columns if name in groups]:
        raise ParameterError(f"a column may not be both in adjust_for and in by, as {both[0]!r} is.")
    answers, _ = answers_by_wave(source, survey, scale=scale, period=period, unfinished=unfinished, by=[*groups, *columns])
    for name in group_columns(columns):
        if lacking := int(answers[name].isna().sum()):
            raise ParameterError(f"a column of adjust_for must have a value for every answer; {name.removeprefix('by.')!r} lacks {lacking}. Fill it in.")
    pairs = wave_pairs(answers, by, against=against)
    shown = pairs.assign(adjusted_for=", ".join(columns) or "(nothing)")
    model = _Model(group_columns(columns), "logit", conf_level)
    found = [_compared(late, early, model) for late, early in _waves_of(answers, pairs)]
    ratio = Interval(*(np.array([change[place] for change, _, _ in found], dtype="float64") for place in range(3)))
    n = np.array([smaller for _, _, smaller in found], dtype="int64")
    change = estimates(as_named(shown), metric="ordinal_change", unit="ratio", **ratio._asdict(), n=n)
    check = estimates(as_named(shown), metric="proportional_odds_p_value", unit="share", estimate=[p for _, p, _ in found], n=n)
    return pd.concat([change, check]).sort_index(kind="stable", ignore_index=True)


def _waves_of(answers: pd.DataFrame, pairs: pd.DataFrame) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Yield the answers of the later and of the earlier wave of each pair."""
    keys = list(pairs.columns.drop("against"))
    for row in range(len(pairs)):
        late = pairs[keys].iloc[[row]]
        early = late.assign(period=pairs["against"].iloc[row])
        yield answers.merge(late, on=keys), answers.merge(early, on=keys)


def _compared(late: pd.DataFrame, early: pd.DataFrame, model: _Model) -> tuple[tuple[float, float, float], float, int]:
    """Return the odds ratio with its limits, the p value of the check, and the answers of the smaller wave."""
    both = pd.concat([early, late], ignore_index=True)
    x = _design(both, (np.arange(len(both)) >= len(early)).astype("float64"), model.adjust_for)
    smaller = min(len(late), len(early))
    fewest = min(late["account_id"].nunique(), early["account_id"].nunique())
    owners, nothing = both["account_id"].nunique(), (np.nan, np.nan, np.nan)
    if x is None or both["good"].nunique() < 2:
        return nothing, np.nan, smaller
    try:
        fit = fit_ordinal(x, both["good"].round(10), clusters=both["account_id"] if owners > x.shape[1] else None, link=model.link)
    except ConvergenceError:
        return nothing, np.nan, smaller
    log_odds, half = float(fit.coefficients["estimate"].iloc[-1]), np.nan
    if fewest > 1 and owners > x.shape[1]:
        few = fewest / (fewest - 1) * (owners - 1) / owners  # the robust variance knows only of all accounts together
        half = special.stdtrit(fewest - 1, (1 + model.conf_level) / 2) * np.sqrt(fit.covariance.to_numpy()[-1, -1] * few)
    limits = tuple(float(np.exp(log_odds + side * half)) for side in (0, -1, 1)) if np.isfinite(half) else (float(np.exp(log_odds)), np.nan, np.nan)
    return (limits[0], limits[1], limits[2]), _check(x, both, model), smaller


def _check(x: pd.DataFrame, both: pd.DataFrame, model: _Model) -> float:
    """Return the p value of whether the waves differ alike at all cuts; missing where it cannot be told."""
    try:
        found = proportional_odds_test(x, _joined(both["good"].round(10), x[_LATER]), terms=[_LATER], clusters=both["account_id"], link=model.link)
    except (NotEnoughDataError, ConvergenceError):
        return float("nan")
    return float(found["p_value"].iloc[0])


def _joined(score: pd.Series, later: pd.Series) -> pd.Series:
    """Return the scores joined with their neighbours to levels with at least `FEWEST` answers in each wave, the last of which takes the rest."""
    counts = pd.crosstab(score, later)
    level, held = {}, np.zeros(counts.shape[1])
    number = 0
    for value, row in zip(counts.index, counts.to_numpy(), strict=True):
        level[value], held = number, held + row
        if held.min() >= FEWEST:
            number, held = number + 1, np.zeros(counts.shape[1])
    last = max(number - (held.min() < FEWEST), 0)
    return score.map(level).clip(upper=last)


def _design(both: pd.DataFrame, later: Floats, columns: list[str]) -> pd.DataFrame | None:
    """Return the columns of the model, the wave last, without those that others make up; None where the wave is one of these."""
    given = both[columns]
    words = [name for name in columns if not pd.api.types.is_numeric_dtype(given[name]) or pd.api.types.is_bool_dtype(given[name])]
    wide = pd.get_dummies(given.astype(dict.fromkeys(words, "object")), columns=words, dummy_na=False, dtype="float64") if columns else given
    wide = wide.assign(**{_LATER: later})
    kept: list[str] = []
    basis = np.ones((len(both), 1))
    for name in wide.columns:
        tried = np.column_stack([basis, wide[name].to_numpy("float64")])
        if np.linalg.matrix_rank(tried) == tried.shape[1]:
            kept, basis = [*kept, name], tried
    return wide[kept] if _LATER in kept else None
