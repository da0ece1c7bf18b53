"""What a hand-made health score says of each customer, why, what has moved it, and how the revenue is spread over it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.facts.groups import MISSING_GROUP, By, by_columns
from cs_analysis.facts.health_bands import plain_bands
from cs_analysis.facts.health_change import changes
from cs_analysis.facts.health_points import KEYS, parts, score
from cs_analysis.facts.health_rules import Rules, read_rules
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.sum_ratios import ratios_by_cell

_NO_SCORE = "(no score)"


def health_score(features: pd.DataFrame, *, weights: Any) -> pd.DataFrame:
    """Health score of each account at each date, 0 (worst) to 100 (best), by rules that are stated and checked.

    A measure turns a feature into points, by conditions (`at_most = 4` gives 20) or on a straight line between values. In the style "mean" the score is
    the weighted mean of the points, sum of w p / sum of w; in the style "sum" it is `start` plus the points, held within the scale. A missing value is
    left out (the other weights then count for more, as `health_inputs_used` shows), counts as the middle (`neutral`) or the `worst`, or leaves the
    account without a score (`no_score`), as the rules say. An account of which no input is known has no score.

    Parameters
    ----------
    features : DataFrame
        `account_id`, `at` and columns of numbers, as `health_features` returns them. A feature of `health_features` that the table lacks is missing
        in every row.
    weights : mapping, str, path or Rules
        `{feature: weight}`: points then go from the 5 % to the 95 % value of this table, more taken for better or worse as `health_features` takes it
        (`{"weight": 2, "better": "lower"}` states it); the path of a TOML file; or a packaged style, "gainsight", "vitally", "planhat" or
        "custify", as these vendors document their scores.

    Returns
    -------
    DataFrame
        Keys `account_id`, `at`; metric `health_score` (points; `n`: inputs that were known) and `health_inputs_used` (count; `n`: inputs of the rules).
        No limits: the score is a fact of its rules. Whether it tells who leaves is another question: see `backtest_health`.

    Raises
    ------
    ParameterError
        All that is wrong with the rules, at once; an account twice at a date; a feature that is no number.
    MissingColumnsError
        No `account_id` or `at`, or none of the features.

    References
    ----------
    Documentation of Gainsight ("Calculation of Measure Group Scores and Overall Scores", "Scorecard FAQs"), Vitally ("Health scores"), Planhat ("How
    health is calculated", "Setting up your Health Factors") and Custify ("Health Scores", "Clustered Health Scores"), as read in 2026.

    Examples
    --------
    >>> features = pd.DataFrame({"account_id": ["a", "b"], "at": pd.Timestamp("2026-03-31"), "active_days_28": [2, 20], "past_due": [0, 1]})
    >>> health_score(features, weights={"active_days_28": 60, "past_due": 40})[["account_id", "metric", "estimate", "n"]].head(2)
      account_id        metric  estimate  n
    0          a  health_score      40.0  2
    1          b  health_score      60.0  2
    """
    scores = score(_rules(weights, features), features).sort_values(KEYS[::-1], ignore_index=True)
    keys = scores[KEYS]
    return stack(
        [
            estimates(keys, metric="health_score", unit="points", estimate=scores["score"], n=scores["inputs_used"]),
            estimates(keys, metric="health_inputs_used", unit="count", estimate=scores["inputs_used"], n=scores["inputs"]),
        ]
    )


def health_score_parts(features: pd.DataFrame, *, weights: Any) -> pd.DataFrame:
    """What each measure adds to the health score of each account; the parts of an account at a date sum to its score exactly.

    In a mean the part is the measure's points times its weight over the weights that count; in a sum it is the points added or taken off, beside the
    rows "(start)" and "(beyond the scale)", what holding the score within 0 and 100 added or took off.

    Parameters
    ----------
    features : DataFrame
        As for `health_score`.
    weights : mapping, str, path or Rules
        As for `health_score`.

    Returns
    -------
    DataFrame
        Keys `account_id`, `at`, `measure`; metric `health_score_parts`, missing where the measure does not count because its value is missing; `n`: 1
        where its value is known, else 0. No limits, as for the score.

    Raises
    ------
    ParameterError, MissingColumnsError
        As `health_score`.

    References
    ----------
    Documentation of Gainsight ("Measure Weights in Scorecards"), as read in 2026, for contributions to an overall score.

    Examples
    --------
    >>> features = pd.DataFrame({"account_id": ["a", "b"], "at": pd.Timestamp("2026-03-31"), "active_days_28": [2, 20], "past_due": [0, 1]})
    >>> health_score_parts(features, weights={"active_days_28": 60, "past_due": 40})["estimate"].tolist()
    [0.0, 40.0, 60.0, 0.0]
    """
    shares = parts(_rules(weights, features), features).sort_values(KEYS[::-1], kind="stable", ignore_index=True)
    keys = shares[[*KEYS, "measure"]]
    return estimates(keys, metric="health_score_parts", unit="points", estimate=shares["part"], n=shares["value"].notna())


def health_bands(features: pd.DataFrame, *, weights: Any) -> pd.DataFrame:
    """Band of each account at each date, such as red, yellow or green, that does not flicker at the limits.

    On its first date with a score an account is in the band where the score lies. From then on it changes its band only if the score lies outside of it
    by the rules' `margin` (default 2 points) or more, or has lain outside on the same side on `dates` dates in a row (default 2). Dates without
    a score have no band and are passed over.

    Parameters
    ----------
    features : DataFrame
        As for `health_score`; its dates are the dates in a row.
    weights : mapping, str, path or Rules
        As for `health_score`.

    Returns
    -------
    DataFrame
        `account_id`, `at`, `score`, `band`, `band_of_score` (without memory), `since` (the first date of the present stay in the band) and `moved` ("up",
        "down", "stays"; missing on the first date), by date and account.

    Raises
    ------
    ParameterError, MissingColumnsError
        As `health_score`.

    References
    ----------
    Schmitt (1938), Journal of Scientific Instruments 15, 24-26, for switching with a margin. Western Electric (1956), Statistical Quality Control
    Handbook, for several in a row on one side.

    Examples
    --------
    >>> dates = pd.to_datetime(["2026-01-31", "2026-02-28", "2026-03-31"])
    >>> features = pd.DataFrame({"account_id": "a", "at": dates, "grade": [49, 51, 52]})
    >>> rules = {"measure": [{"feature": "grade", "weight": 1, "line": [{"value": 0, "points": 0}, {"value": 100, "points": 100}]}]}
    >>> health_bands(features, weights=rules)[["score", "band", "band_of_score"]].values.tolist()
    [[49.0, 'red', 'red'], [51.0, 'red', 'yellow'], [52.0, 'yellow', 'yellow']]
    """
    rules = _rules(weights, features)
    table = score(rules, features).sort_values(KEYS[::-1], ignore_index=True)
    names = np.array([*(band.name for band in rules.bands), None], dtype=object)
    order = {band.name: place for place, band in enumerate(rules.bands)}
    there = table.dropna(subset=["score"])
    places = there["band"].map(order).astype("float64")
    before = places.groupby(there["account_id"]).shift()
    stay = (places != before).groupby(there["account_id"]).cumsum()
    return table[[*KEYS, "score", "band"]].assign(
        band_of_score=names[plain_bands(rules, table["score"].to_numpy("float64"))],
        since=there.groupby([there["account_id"], stay])["at"].transform("min"),
        moved=np.sign(places - before).map({1.0: "up", -1.0: "down", 0.0: "stays"}),
    )


def health_change(features: pd.DataFrame, *, weights: Any, between: Any = None) -> pd.DataFrame:
    """Change of each account's health score between two dates, split into what each measure did to it; the pieces sum to the change exactly.

    A measure has `moved` when it is known on both dates. Where the rules leave missing values out, a measure that `became_known` adds its
    distance from the score of the measures known on both dates, times its weight; one that `became_missing` takes its distance off: so a change of what
    is known is told apart from a change of what happened. `cut_off` is what holding a sum within its scale did.

    Parameters
    ----------
    features : DataFrame
        As for `health_score`.
    weights : mapping, str, path or Rules
        As for `health_score`; plain weights are scaled on all rows of the table.
    between : pair of dates, optional
        Two dates of the table; default: its last two.

    Returns
    -------
    DataFrame
        Keys `account_id`, `before`, `at`, `measure`, `reason`; metric `health_change` (points, `measure` missing) and below it
        `health_change_by_measure`, largest first; accounts by their change, the largest loss first. Accounts without a score on both dates are left
        out. `n`: measures known on both dates. No limits: differences of facts.

    Raises
    ------
    ParameterError, MissingColumnsError
        As `health_score`; `between` are not two dates of the table.
    NotEnoughDataError
        The table has one date.

    References
    ----------
    Kitagawa (1955), Journal of the American Statistical Association 50, 1168-1194, for splitting a difference of weighted means.

    Examples
    --------
    >>> dates = pd.to_datetime(["2026-02-28", "2026-03-31"])
    >>> features = pd.DataFrame({"account_id": "a", "at": dates, "active_days_28": [20, 2], "open_tickets": [1, 0]})
    >>> health_change(features, weights={"active_days_28": 60, "open_tickets": 40})[["measure", "estimate"]].values.tolist()
    [[nan, -20.0], ['active_days_28', -60.0], ['open_tickets', 40.0]]
    """
    found = changes(_rules(weights, features), features, between=between)
    pieces = found.pieces.merge(found.totals, on="account_id")
    whole = found.totals.assign(measure=np.nan, reason=np.nan, piece=found.totals["change"], size=np.inf).astype({"measure": object, "reason": object})
    rows = pd.concat([whole, pieces.assign(size=pieces["piece"].abs())], ignore_index=True)
    rows = rows.sort_values(["change", "account_id", "size", "measure"], ascending=[True, True, False, True], ignore_index=True)
    keys = rows[["account_id"]].assign(before=found.before, at=found.at, measure=rows["measure"], reason=rows["reason"])
    table = estimates(keys, metric="health_change_by_measure", unit="points", estimate=rows["piece"], n=rows["inputs"])
    table.loc[rows["measure"].isna(), "metric"] = "health_change"
    return table


def health_rollup(features: pd.DataFrame, *, weights: Any, by: By = None, value: str = "mrr", conf_level: float = 0.95) -> pd.DataFrame:
    """Mean health score by date and group, each account counted with its revenue, beside the plain mean and the revenue in each band.

    The weighted mean is the ratio of two sums over accounts, sum of v s / sum of v; its limits are those of a share on an effective number of accounts, so
    that a few large ones widen them. They say how far another set of such customers could lie, not how well the score tells who leaves.

    Parameters
    ----------
    features : DataFrame
        As for `health_score`.
    weights : mapping, str, path or Rules
        As for `health_score`.
    by : str or list of str, optional
        Columns of the table, such as `csm`; a missing text value is the group "(missing)".
    value : str
        Column by which accounts are weighted; an account without it counts in the plain mean alone.
    conf_level : float
        Confidence level.

    Returns
    -------
    DataFrame
        Keys `at`, those of `by`, `band`; metrics `health_rollup` (points, weighted; `n`: accounts with a score and a value above 0),
        `health_rollup_plain` (points; `n`: accounts with a score), `health_value_share` (share of the value in each band, with memory, and in
        "(no score)"; `n`: accounts with a value above 0) and `health_largest_share` (share of the value that is the largest account's; no
        limits). Limits are missing where the sums rest on fewer than two accounts, or all are alike.

    Raises
    ------
    ParameterError, MissingColumnsError
        As `health_score`; `by` or `value` is no column of the table; a value is negative.

    References
    ----------
    Cochran (1977), Sampling Techniques, section 6.4. Korn and Graubard (1998), Survey Methodology 24, 193-201.

    Examples
    --------
    >>> features = pd.DataFrame({"account_id": list("abc"), "at": pd.Timestamp("2026-03-31"), "active_days_28": [0, 10, 20], "mrr": [600, 300, 100]})
    >>> health_rollup(features, weights="custify").query("metric.str.startswith('health_rollup')")["estimate"].round(1).tolist()
    [25.0, 50.0]
    """
    check_conf_level(conf_level)
    rules, columns = _rules(weights, features), by_columns(by)
    rows = score(rules, features).assign(accounts=1.0, value=_values(features, value), **_groups(features, columns))
    rows = rows.sort_values(["at", *columns, "account_id"], ignore_index=True, key=lambda part: part.astype(str) if part.dtype == object else part)
    keys = list(dict.fromkeys(["at", *columns]))
    known, worth = rows[rows["score"].notna()], rows[rows["value"] > 0]
    both = known[known["value"] > 0]
    tables = [
        _mean(both.assign(above=both["value"] * both["score"] / 100, below=both["value"]), keys, metric="health_rollup", conf_level=conf_level),
        _mean(known.assign(above=known["score"] / 100, below=1.0), keys, metric="health_rollup_plain", conf_level=conf_level),
        *(_band_share(worth, keys, name, conf_level=conf_level) for name in [*(band.name for band in rules.bands), _NO_SCORE]),
        _largest(worth, keys),
    ]
    return stack(tables)


def _rules(weights: Any, features: pd.DataFrame) -> Rules:
    """Return checked rules, whose features are looked up in the table too."""
    return read_rules(weights, columns=features.columns)


def _values(features: pd.DataFrame, name: str) -> Any:
    """Return what each account counts for."""
    if name not in features.columns:
        raise MissingColumnsError([name], features.columns, table="features")
    values = pd.to_numeric(features[name]).to_numpy("float64", na_value=np.nan)
    if (values < 0).any():
        place = int(np.argmax(values < 0))
        raise ParameterError(f"{name!r} must be at least 0 to be a weight; account {features['account_id'].iloc[place]!r} has {values[place]:g}. Correct it.")
    return values


def _groups(features: pd.DataFrame, columns: list[str]) -> dict[str, Any]:
    """Return the columns of the groups, row by row."""
    if missing := [name for name in columns if name not in features.columns]:
        raise MissingColumnsError(missing, features.columns, table="features")
    groups = features[[name for name in columns if name not in KEYS]]
    return {name: (part.fillna(MISSING_GROUP) if part.dtype == object else part).to_numpy() for name, part in groups.items()}


def _mean(rows: pd.DataFrame, keys: list[str], *, metric: str, conf_level: float) -> pd.DataFrame:
    """Return mean scores as points, with the limits of a share."""
    found = ratios_by_cell(rows, keys, numerator="above", denominator="below", share=True, conf_level=conf_level)
    points = {name: found[name] * 100 for name in ("estimate", "conf_low", "conf_high")}
    return estimates(found[keys], metric=metric, unit="points", n=found["n"], **points)


def _band_share(rows: pd.DataFrame, keys: list[str], band: str, *, conf_level: float) -> pd.DataFrame:
    """Return the share of the value that lies in one band."""
    inside = rows["band"].fillna(_NO_SCORE) == band
    found = ratios_by_cell(
        rows.assign(above=rows["value"].where(inside, 0.0), below=rows["value"]),
        keys,
        numerator="above",
        denominator="below",
        share=True,
        conf_level=conf_level,
    )
    limits = {name: found[name] for name in ("estimate", "conf_low", "conf_high")}
    return estimates(found[keys].assign(band=band), metric="health_value_share", unit="share", n=found["n"], **limits)


def _largest(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return the share of the value that is the largest account's."""
    found = rows.groupby(keys, sort=False, dropna=False)["value"].agg(["max", "sum", "size"]).reset_index()
    return estimates(found[keys], metric="health_largest_share", unit="share", estimate=found["max"] / found["sum"], n=found["size"])
