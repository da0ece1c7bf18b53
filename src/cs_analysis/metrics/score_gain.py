"""Whether a score foretells who leaves better than use of the product does alone: tested out of time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset
from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.facts.account_features import FEATURES, available_features
from cs_analysis.facts.health_snapshots import health_snapshots
from cs_analysis.facts.policy import RevenuePolicy
from cs_analysis.stats.equivalence import Equivalence, check_margin, tost_by_limits
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.intervals import Interval
from cs_analysis.stats.scores.calibration import brier_skill
from cs_analysis.stats.scores.discrimination import auc, auc_difference
from cs_analysis.stats.scores.rolling import Foretold, Model, Sample, calibrated, rolling_origin
from cs_analysis.stats.sum_ratios import Source

ADDS, NOTHING, NOT_SHOWN = "adds", "adds nothing beyond the margin", "not shown"
FEWEST_TESTED = 100
USAGE = ("frequency", "breadth", "depth")
SCORES = {"nps": ("nps_score", "nps_answered"), "csat": ("csat_score",)}
_WITHOUT, _WITH = "usage", "usage_and_score"


def score_gain(
    ds: Dataset,
    *,
    survey: str = "nps",
    over: Iterable[str] | None = None,
    horizon: str | timedelta = "90d",
    gap: str | timedelta | None = "30d",
    margin: float = 0.02,
    every: Period = "month",
    fewest: int = 10,
    conf_level: float = 0.95,
    rng: Source = 0,
    policy: RevenuePolicy | str = "default",
) -> pd.DataFrame:
    """How much better later leavers are told from stayers when the score is added to use of the product, on dates that were not learnt from.

    At each period's end two models foretell who leaves within the horizon after the gap: one from how often, how broadly and how deeply the product is used,
    one from that and the answers to the survey of the last 180 days (for `nps` also whether a request was answered: silence tells too). Both are
    logistic regressions with a cross-validated ridge penalty that learn from earlier dates whose windows were over by then. What came judges them: the
    gain is the difference of the areas under the curve. Left out is who had given notice or left within the gap.

    Parameters
    ----------
    ds : Dataset
        Needs `subscriptions`, `responses` and, without `over`, `events`.
    survey : {"nps", "csat"}
        Whose score is added.
    over : list of str, optional
        What it must add to: names out of `health_features`; default: those of frequency, breadth and depth that the tables allow.
    horizon, gap : str or Timedelta
        Length of the window, and time before it; "0d" or None for none.
    margin : float
        A gain of area, above 0 and below 0.5, that would be too small to matter.
    every : {"month", "quarter", "week", ...}
        The calendar period at whose ends customers are looked at.
    fewest : int
        A date is tested once so many customers had left, and so many stayed, in earlier windows; at least 5.
    conf_level : float
        Level of the limits; the test against the margin is at level 1 - conf_level.
    rng : int or Generator
        Draws the folds of the cross-validations.
    policy : RevenuePolicy or str
        Who is a customer until when.

    Returns
    -------
    DataFrame
        Estimates with the keys `model` and `verdict`; `n` = customers times dates tested; limits allow for a customer's dates being alike.

        * `score_gain`, unit `share`: area with the score minus area without, paired, with the verdict "adds nothing beyond the margin" (that the gain is
          as large as the margin is refuted; a gain that is shown but smaller than the margin too), "adds" (the limits exclude 0) or "not shown", which it
          is with fewer than 100 customers who left, or 100 who stayed, in the windows tested.
        * `score_gain_p_value`, unit `share`: p value of the test against the margin, without limits.
        * `score_gain_brier_skill`, unit `share`: by what share the squared error is smaller with the score than without.
        * `auc`, unit `share`, by `model`: "usage", "usage_and_score".
        * `tested_churners`, unit `count`: customers who left in a window tested, a fact with `n` = customers tested.

        Limits and p value are missing for a single customer. The gain is of models that learnt from as many leavers as there were.

    Raises
    ------
    NotEnoughDataError
        No window is over; too few had left before any date; nobody left, or nobody stayed, in the windows tested.
    MissingTableError, MissingColumnsError, ParameterError
        A table or column is missing; the survey has no features; a feature, a margin or `fewest` that there is not.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44, 837-845. Obuchowski (1997), Biometrics 53, 567-578. Tashman (2000), International Journal of
    Forecasting 16, 437-450. Collins, Ogundimu and Altman (2016), Statistics in Medicine 35, 214-226, for the 100. Demler, Pencina and D'Agostino (2012),
    Statistics in Medicine 31, 2577-2587, for why the test needs rows that were not learnt from.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=200, months=12)
    >>> found = score_gain(ds, over=["active_days_28"], horizon="30d", gap=None, fewest=5)
    >>> found["metric"].tolist()
    ['score_gain', 'score_gain_p_value', 'score_gain_brier_skill', 'auc', 'auc', 'tested_churners']
    """
    level = check_conf_level(conf_level)
    names = _features(ds, survey, over)
    if not (check_margin(margin) < 0.5 and fewest >= 5):
        raise ParameterError(f"margin must be a gain of area below 0.5 and fewest at least 5, not {margin!r} and {fewest!r}.")
    added = [name for name in SCORES[survey] if name not in names]
    rows = health_snapshots(ds, horizon=horizon, gap=gap, every=every, features=[*names, *added], policy=policy).usable()
    kept = [name for name in rows.names if name not in added]
    models: dict[str, Model] = {_WITHOUT: _only(kept, rng), _WITH: _only(rows.names, rng)}
    y, owners = rows.outcomes["churned"].to_numpy("bool"), rows.outcomes["account_id"].to_numpy()
    turn, known_from = rows.turns()
    found = rolling_origin(Sample(np.arange(len(y)), rows.features[rows.names], y, owners), turn=turn, known_from=known_from, models=models, fewest=fewest)
    told = found.pivot_table(index="row", columns="model", values="probability").join(rows.outcomes[["account_id", "churned", "ended_at"]])
    return _judged(told.astype({"churned": "bool"}), margin=margin, conf_level=level)


def _features(ds: Dataset, survey: str, over: Iterable[str] | None) -> list[str]:
    """Return the features that the score must add to."""
    if survey not in SCORES:
        raise ParameterError(f"survey must be one of {', '.join(SCORES)}, whose scores are features of health, not {survey!r}.")
    if over is None:
        return [name for name in available_features(ds) if FEATURES[name].area in USAGE] or [name for name, one in FEATURES.items() if one.area in USAGE]
    names = [over] if isinstance(over, str) else list(over)
    if not names or set(names) & set(SCORES[survey]):
        raise ParameterError(f"over must name features to which the score is added, at least one and not {', '.join(SCORES[survey])}; given: {names!r}.")
    return names


def _only(names: list[str], rng: Source) -> Model:
    """Return a calibrated model that sees some of the features."""
    model = calibrated(rng)

    def foretell(train: Sample, test: Sample) -> Foretold:
        return model(replace(train, x=train.x[names]), replace(test, x=test.x[names]))

    return foretell


def _judged(told: pd.DataFrame, *, margin: float, conf_level: float) -> pd.DataFrame:
    """Return the estimates."""
    y, owners, n = told["churned"], told["account_id"], len(told)
    left = told.loc[y, ["account_id", "ended_at"]].drop_duplicates()
    if y.nunique() < 2:
        raise NotEnoughDataError(f"of {n} customers tested {len(left)} left: models can be judged only where some leave and some stay.")

    def gain(level: float) -> Interval:
        return auc_difference(told[_WITH], told[_WITHOUT], y, clusters=owners, conf_level=level)

    limits, p = gain(conf_level), tost_by_limits(gain, low=-np.inf, high=margin)
    skill = brier_skill(told[_WITH], y, reference=told[_WITHOUT], clusters=owners, conf_level=conf_level)
    stayed = owners.nunique() - owners[y].nunique()
    said = _said(limits, p, conf_level) if min(len(left), stayed) >= FEWEST_TESTED else NOT_SHOWN
    tables = [
        estimates(_key(verdict=said), metric="score_gain", unit="share", **limits._asdict(), n=n),
        estimates(_key(), metric="score_gain_p_value", unit="share", estimate=p.p_value, n=n),
        estimates(_key(), metric="score_gain_brier_skill", unit="share", **skill._asdict(), n=n),
    ]
    areas = {name: auc(told[name], y, clusters=owners, conf_level=conf_level) for name in (_WITHOUT, _WITH)}
    tables += [estimates(_key(model=name), metric="auc", unit="share", **area._asdict(), n=n) for name, area in areas.items()]
    return stack([*tables, estimates(_key(), metric="tested_churners", unit="count", estimate=len(left), n=owners.nunique())])


def _said(limits: Interval, p: Equivalence, conf_level: float) -> str:
    """Return the verdict."""
    if p.p_value < 1 - conf_level:
        return NOTHING
    return ADDS if limits.conf_low > 0 else NOT_SHOWN


def _key(**values: object) -> pd.DataFrame:
    """Return one row of keys, missing unless given."""
    return pd.DataFrame({name: pd.Series([values.get(name)], dtype="object") for name in ("model", "verdict")})
