"""What changed between two waves of a survey, and how large a change a survey could notice."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset
from cs_analysis.data.surveys import Scale
from cs_analysis.errors import ParameterError
from cs_analysis.facts.groups import By, as_named
from cs_analysis.facts.requests import UNIT
from cs_analysis.facts.score_tables import MEASURE, Measure
from cs_analysis.facts.votes import last_answers
from cs_analysis.facts.waves import answers_by_wave, wave_pairs
from cs_analysis.stats.clusters import Codes
from cs_analysis.stats.differences import Correction, with_p_values
from cs_analysis.stats.estimates import check_conf_level, estimates
from cs_analysis.stats.intervals import Floats, Interval
from cs_analysis.stats.paired_scores import Answers, Kind, Pairs, paired_differences, sample_differences
from cs_analysis.stats.risk import grouped

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
    changes; one for answers instead of accounts sees changes that are none.

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
        change, n = _of_same_people(answers, pairs, kind, conf_level)
    else:
        change, n = _of_all(answers, pairs, kind, related=design == "mixed", conf_level=conf_level)
    one = {"net": 100.0, "top": 1.0, "mean": found.high - found.low}[kind]
    shown = estimates(as_named(pairs), metric="score_change", unit=UNIT[kind], **Interval(*(one * value for value in change))._asdict(), n=n)
    return shown if correction is None else with_p_values(shown, correction=correction, conf_level=conf_level)


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


def _of_same_people(answers: pd.DataFrame, pairs: pd.DataFrame, kind: Kind, conf_level: float) -> tuple[Interval, Floats]:
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
