"""Whether a health score would have told who leaves: models judged out of time against hand-made weights, equal weights, one feature and the base rate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset
from cs_analysis.errors import ParameterError
from cs_analysis.facts.health_points import checked_features, scored
from cs_analysis.facts.health_rules import Better, Rules, read_rules
from cs_analysis.facts.health_scaling import closed_rules, equal_rules
from cs_analysis.facts.health_snapshots import bands_of, health_snapshots, with_inputs
from cs_analysis.facts.health_told import MODELS, TOLD_COLUMNS, by_model
from cs_analysis.facts.policy import RevenuePolicy
from cs_analysis.facts.recipes import Recipe
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.intervals import Interval, wilson
from cs_analysis.stats.medians import median_time
from cs_analysis.stats.scores.discrimination import auc_difference
from cs_analysis.stats.scores.judged import of_differences, of_order, of_probabilities, ranks
from cs_analysis.stats.scores.rolling import Foretold, Model, Sample, base_rate, best_feature, calibrated, recalibrated, rolling_origin
from cs_analysis.stats.sum_ratios import Source

FEWEST_TESTED = 100
_KEYS = ["account_id", "at"]


def health_predictions(
    ds: Dataset,
    *,
    horizon: str | timedelta = "90d",
    gap: str | timedelta | None = "30d",
    features: Iterable[str] | pd.DataFrame | None = None,
    recipe: Recipe | None = None,
    weights: Any = "gainsight",
    every: Period = "month",
    policy: RevenuePolicy | str = "default",
    fewest: int = 10,
    rng: Source = 0,
) -> pd.DataFrame:
    """Return what each model foretold of each customer at each date, having seen no more than was known at that date, and what came.

    At a date a model learns from the snapshots of earlier dates whose whole window was over by then, as `fit_health` makes them. The first date is the
    one by which `fewest` customers had left and as many had stayed in such windows. Left out, as in `fit_health`, is who left within the gap or had
    given notice.

    * `calibrated`: the model of `fit_health`;
    * `hand_weights`: `health_score` under the rules, 100 - score;
    * `equal_weights`: all features alike, each on a line between its 5 % and 95 % value, turned as in the training rows, 100 - score;
    * `best_feature`: the one that told best in the training rows;
    * `base_rate`: the training share of those who left, for everybody.

    A score gets a probability by a logistic regression of the training outcomes on it. A customer without a score gets that of an average one.

    Parameters
    ----------
    ds : Dataset
        Needs `subscriptions`.
    horizon, gap, features, recipe
        As for `fit_health`.
    weights : mapping, str or path, optional
        Rules as for `health_score`; None leaves hand-made weights out.
    every, policy
        As for `fit_health`.
    fewest : int
        At least 5. A model that has learnt from few is judged too: with 10 the dates go far back and the early models are worse than today's.
    rng : int or Generator
        Draws the folds of the cross-validations.

    Returns
    -------
    DataFrame
        `account_id`, `at`, `model`, `score` (higher: likelier to leave), `probability`, `churned`, `ends_at` (of the date), `ended_at`, `band` (of the
        hand-made score, with memory), `verifiable` (no feature of the model may be hindsight), by model, date and account.

    Raises
    ------
    NotEnoughDataError
        No window is over, or there is no date with enough to learn from before it.
    MissingTableError, MissingColumnsError, ParameterError
        As for `fit_health` and `health_score`.

    References
    ----------
    Tashman (2000), International Journal of Forecasting 16, 437-450, for the rolling origin. Dawes (1979), American Psychologist 34, 571-582, for equal
    weights.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=200, months=12)
    >>> sorted(health_predictions(ds, horizon="30d", gap=None, features=["mrr"], weights={"mrr": 1}, fewest=5)["model"].unique())
    ['base_rate', 'best_feature', 'calibrated', 'equal_weights', 'hand_weights']
    """
    if not fewest >= 5:
        raise ParameterError(f"fewest must be at least 5, not {fewest!r}.")
    rows = health_snapshots(ds, horizon=horizon, gap=gap, every=every, features=features, recipe=recipe, policy=policy).usable()
    models: dict[str, Model] = {"calibrated": calibrated(rng)}
    rules = None
    if weights is not None:
        table = with_inputs(ds, rows.features, weights)
        rules = read_rules(weights, columns=table.columns)
        models["hand_weights"] = _hand_weights(rules, checked_features(rules, table))
    models |= {"equal_weights": _equal_weights(rows.features), "best_feature": best_feature, "base_rate": base_rate}
    sample = Sample(np.arange(len(rows.features)), rows.features[rows.names], rows.outcomes["churned"].to_numpy("bool"), rows.outcomes["account_id"].to_numpy())
    turn, known_from = rows.turns()
    found = rolling_origin(sample, turn=turn, known_from=known_from, models=models, fewest=fewest)
    told = rows.outcomes[[*_KEYS, "churned", "ended_at"]].merge(rows.windows[["at", "ends_at"]], on="at").iloc[found["row"]].reset_index(drop=True)
    joined = found.drop(columns="row").join(told.astype({"churned": "bool"}))
    whole = joined.assign(band=bands_of(rules, joined), verifiable=(rows.verdicts["verdict"] == "dated").all())
    place = whole["model"].map({name: number for number, name in enumerate(MODELS)})
    return whole.assign(place=place).sort_values(["place", "at", "account_id"], ignore_index=True)[TOLD_COLUMNS]


def backtest_health(
    source: Dataset | pd.DataFrame,
    *,
    horizon: str | timedelta = "90d",
    gap: str | timedelta | None = "30d",
    features: Iterable[str] | pd.DataFrame | None = None,
    recipe: Recipe | None = None,
    weights: Any = "gainsight",
    every: Period = "month",
    policy: RevenuePolicy | str = "default",
    fewest: int = 10,
    capacity: float = 0.1,
    conf_level: float = 0.95,
    rng: Source = 0,
) -> pd.DataFrame:
    """How well a calibrated health model, hand-made weights, equal weights, the best single feature and the base rate told, out of time, who leaves.

    At each period's end every model foretells from what was known by then (see `health_predictions`), and what came in the window after the gap judges
    it. All dates together; limits allow for the snapshots of an account being alike.

    Parameters
    ----------
    source : Dataset or DataFrame
        Needs `subscriptions`; or the table of `health_predictions`, whose arguments are not used then.
    horizon, gap, features, recipe, weights, every, policy, fewest
        As for `health_predictions`.
    capacity : float
        Share of the customers of a date that can be called.
    conf_level : float
        Level of the limits.
    rng : int or Generator
        Draws the folds of `health_predictions`, and the resamples of `lift`, `precision` and `recall`.

    Returns
    -------
    DataFrame
        Estimates with the keys `model` and `verdict`; `n` = customers times dates, unless said otherwise.

        * `auc`: chance that who leaves had the higher score (0.5 is guessing); `auc_difference`: of the calibrated model minus this one, paired (base
          rate: 0.5), with the verdict: "better", "not better", "worse" (by the limits); "too few to validate" with fewer than 100 customers who
          left or 100 who stayed; "not verifiable" instead of "better" where a feature may be hindsight.
        * `brier`: mean squared error of the probability; `brier_skill`: its reduction below that of the base rate.
        * `health_calibration_intercept` (0 is right; above: more left than foretold), `health_calibration_slope` (1 is right; below: too
          extreme), `observed_expected` (1 is right).
        * `precision`, `recall`, `lift` of a list of the `capacity` highest scores of each date.
        * `flagged_share`: of the customers who left, who was on that list before; `n` = who left. `lead_time`: median days from the first time on it
          to the end, of those; `n` = they. A list that holds somebody by chance long before also counts.
        * `tested_churners`: customers who left in a window tested, a fact with `n` = customers tested.

        Limits are missing where all or none was told right, where nobody on the list left, and for a single customer. A slope needs probabilities that differ.

    Raises
    ------
    NotEnoughDataError
        As `health_predictions`; nobody left, or nobody stayed, in the windows tested.
    MissingTableError, MissingColumnsError, ParameterError
        As `health_predictions`; a capacity that is no share.

    References
    ----------
    Collins, Ogundimu and Altman (2016), Statistics in Medicine 35, 214-226, and Vergouwe, Steyerberg, Eijkemans and Habbema (2005), Journal of Clinical
    Epidemiology 58, 475-483, for the 100. Obuchowski (1997), Biometrics 53, 567-578. Van Calster et al. (2019), BMC Medicine 17, 230.

    Examples
    --------
    >>> told = pd.DataFrame({"account_id": list("abcd") * 2, "model": ["calibrated"] * 4 + ["base_rate"] * 4, "churned": [True, False, True, False] * 2})
    >>> told = told.assign(probability=[0.7, 0.6, 0.2, 0.1] + [0.5] * 4, at=pd.Timestamp("2026-01-31"), band=None, verifiable=True)
    >>> told = told.assign(ends_at=pd.Timestamp("2026-02-01", tz="UTC"), ended_at=pd.Timestamp("2026-03-13", tz="UTC"), score=told["probability"])
    >>> found = backtest_health(told, capacity=0.25).set_index(["model", "metric"])
    >>> float(found.loc[("calibrated", "auc"), "estimate"]), found.loc[("base_rate", "auc_difference"), "verdict"]
    (0.75, 'too few to validate')
    """
    level = check_conf_level(conf_level)
    if not 0 < capacity < 1:
        raise ParameterError(f"capacity must be a share of the customers between 0 and 1, such as 0.1, not {capacity!r}.")
    options: dict[str, Any] = {"horizon": horizon, "gap": gap, "features": features, "recipe": recipe, "weights": weights, "every": every, "policy": policy}
    told = by_model(health_predictions(source, **options, fewest=fewest, rng=rng) if isinstance(source, Dataset) else source)
    tables = [_tested(told["calibrated"])]
    for name in told:
        tables += _judged(name, told, capacity=capacity, conf_level=level, rng=rng)
    found = stack(tables)
    return found[["model", "verdict", *found.columns.drop(["model", "verdict"])]]


def _tested(own: pd.DataFrame) -> pd.DataFrame:
    """Return how many customers left in a window tested."""
    n = own["account_id"].nunique()
    return estimates({"model": [None], "verdict": [None]}, metric="tested_churners", unit="count", estimate=len(_leavers(own)), n=n)


def _judged(name: str, told: dict[str, pd.DataFrame], *, capacity: float, conf_level: float, rng: Source) -> Iterator[pd.DataFrame]:
    """Yield the estimates of one model."""
    own, score = told[name], _ordered(told[name])
    p, y, rows = own["probability"], own["churned"], {"clusters": own["account_id"], "conf_level": conf_level}
    found = of_probabilities(p, y, **rows)
    if name != "base_rate":
        found += of_order(score, y, rounds=own["at"], share=capacity, rng=rng, **rows)
        found += of_differences(p, y, reference=told["base_rate"]["probability"], **rows)
    for measure, unit, interval in found:
        metric = f"health_{measure}" if measure.startswith("calibration") else measure
        yield estimates({"model": [name], "verdict": [None]}, metric=metric, unit=unit, **interval._asdict(), n=len(own))
    if name != "calibrated":
        yield _against(name, told, conf_level=conf_level)
    if name != "base_rate":
        yield from _lead(own, ranks(score, own["at"]) > 1 - capacity, conf_level=conf_level)


def _against(name: str, told: dict[str, pd.DataFrame], *, conf_level: float) -> pd.DataFrame:
    """Return by how much the calibrated model's area exceeds another's, and the verdict."""
    best, own = told["calibrated"], told[name]
    other = pd.Series(0.0, index=own.index) if name == "base_rate" else _ordered(own)
    gap = auc_difference(_ordered(best), other, best["churned"], clusters=best["account_id"], conf_level=conf_level)
    left = len(_leavers(best))
    stayed = int((~best.groupby("account_id")["churned"].any()).sum())
    if min(left, stayed) < FEWEST_TESTED:
        verdict = "too few to validate"
    elif gap.conf_low > 0:
        verdict = "better" if best["verifiable"].all() else "not verifiable"
    else:
        verdict = "worse" if gap.conf_high < 0 else "not better"
    return estimates({"model": [name], "verdict": [verdict]}, metric="auc_difference", unit="share", **gap._asdict(), n=len(own))


def _lead(own: pd.DataFrame, flagged: pd.Series, *, conf_level: float) -> Iterator[pd.DataFrame]:
    """Yield the share of the leavers who were on the list, and how long before their end they first were."""
    ends, keys = _leavers(own), {"model": [own["model"].iloc[0]], "verdict": [None]}
    first = own[flagged & own["ended_at"].notna()].groupby(["account_id", "ended_at"])["ends_at"].min()
    known = first.reindex(pd.MultiIndex.from_frame(ends)).reset_index(name="first_at").dropna(subset=["first_at"])
    share = wilson(len(known), len(ends), conf_level=conf_level)
    yield estimates(keys, metric="flagged_share", unit="share", **share._asdict(), n=len(ends))
    lead = (known["ended_at"] - known["first_at"]) / pd.Timedelta(1, "D")
    median = median_time(pd.DataFrame({"duration_days": lead, "observed": True}), conf_level=conf_level).iloc[0] if len(known) else pd.Series(dtype="float64")
    limits = {part: median.get(part, np.nan) for part in Interval._fields}
    yield estimates(keys, metric="lead_time", unit="days", **limits, n=len(known))


def _leavers(own: pd.DataFrame) -> pd.DataFrame:
    """Return the stretches that ended in a window tested, once each."""
    return own.loc[own["churned"], ["account_id", "ended_at"]].drop_duplicates(ignore_index=True)


def _ordered(own: pd.DataFrame) -> pd.Series:
    """Return the scores, for who has none the middle one of the date."""
    return own["score"].fillna(own.groupby("at")["score"].transform("median")).fillna(own["score"].median())


def _hand_weights(rules: Rules, table: pd.DataFrame) -> Model:
    """Return the score of rules as a model; lines that the rules leave open are made from the training rows."""

    def foretell(train: Sample, test: Sample) -> Foretold:
        return _points(closed_rules(rules, table.iloc[train.rows]), table, train=train, test=test)

    return foretell


def _equal_weights(table: pd.DataFrame) -> Model:
    """Return equal weights as a model; lines and directions are those of the training rows."""

    def foretell(train: Sample, test: Sample) -> Foretold:
        better: dict[str, Better] = {name: "lower" if area > 0.5 else "higher" for name, area in train.areas.items()}
        return _points(equal_rules(table.iloc[train.rows], features=list(better), better=better), table, train=train, test=test)

    return foretell


def _points(rules: Rules, table: pd.DataFrame, *, train: Sample, test: Sample) -> Foretold:
    """Return 100 - score of the test rows, and its probability."""
    before, then = (100 - scored(rules, table.iloc[part.rows]).score for part in (train, test))
    return Foretold(then, recalibrated(train, before, then))
