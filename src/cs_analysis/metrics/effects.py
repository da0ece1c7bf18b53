"""Did it work? What an action did for customers as far as records can tell, the naive contrast beside it, and when records cannot tell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from cs_analysis.data.dataset import Dataset
from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.facts.action_days import action_days
from cs_analysis.facts.activation import Actions
from cs_analysis.facts.effect_outcomes import Outcome, outcome_of
from cs_analysis.facts.landmarks import Trials, customer_trials
from cs_analysis.facts.start_trials import new_account_trials
from cs_analysis.stats.effects.matching import matched_contrast, matched_pairs
from cs_analysis.stats.effects.overlap import Contrast, balance, e_value, effective_clusters, overlap_contrast, overlap_weights
from cs_analysis.stats.effects.propensity import Floats, propensity
from cs_analysis.stats.equivalence import tost
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.experiments import HARMS, HELPS, NONE, NOT_SHOWN
from cs_analysis.windows import fixed_days

Method = Literal["overlap", "match"]
FEWEST, FEWEST_EFFECTIVE, ALIKE = 10, 8.0, 0.25
CANNOT, NOT_TRUSTED = "cannot be compared", "not to be trusted"


class _Compared(NamedTuple):
    """What a comparison found: the effect, the negative control (if there is one), differences before and after, effective accounts, whether it bears."""

    effect: Contrast
    control: Contrast | None
    before: Floats
    after: Floats
    effective: float
    bears: bool


def action_effect(
    ds: Dataset,
    action: str | pd.DataFrame,
    outcome: str | pd.DataFrame,
    *,
    landmark: str | timedelta = "30d",
    horizon: str | timedelta = "90d",
    adjust_for: Sequence[str] | None = None,
    method: Method = "overlap",
    margin: float | None = None,
    value: Actions = None,
    quick: str | timedelta = "8h",
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Difference that an action made to an outcome, among customers who might as well have had it as not, with a verdict in plain words.

    At the end of each month a trial begins with all customers who have not had the action yet. Treated is who completes it within the landmark; both groups
    must still be customers then, and the outcome comes after. Customers are weighted so that both groups were alike in what was known when the trial began
    (overlap weights of a logistic regression), and the difference of the weighted means is the effect. A customer takes part in several trials; limits count
    accounts. For the outcome "activation" each account's trial begins with its start, among those not activated by the landmark. For "quick_reply" those
    take part who open a case within the landmark, and the first reply to the first of them says who is treated.

    A negative control goes through the same machine: the days of use that ended two months before the trial, which no later action can have moved. Where it
    differs, the groups differ in something that was not adjusted for, and the verdict says so; where it is missing, nothing stood guard. It sees only
    what shows in use: wishes, fit and trouble that nobody recorded can always have done it, and `e_value` says how strong they would have to be. A planned
    experiment (`experiment_effect`) needs none of this.

    The verdict is "helps" or "harms" where the limits leave out 0; "none beyond the margin" only where the test of equivalence shows the effect to be smaller
    than the margin; else "not shown". "cannot be compared": the covariates tell the groups apart for certain, or leave fewer than 8 effective accounts in
    one. "not to be trusted": the limits of the negative control leave out 0.

    Parameters
    ----------
    ds : Dataset
        Needs `actions` (or a table of one's own) and `subscriptions`; for activation `events`, for quick replies `tickets`.
    action : str or DataFrame
        A kind or name in `actions`, such as "webinar"; only completed ones count where that is on record. Or "quick_reply", or a table `account_id`,
        `acted_at`.
    outcome : str or DataFrame
        "retention" (a customer at the end), "renewal" (of the contracts due by then, the share renewed), "expansion" (a higher price by then), "usage" (days
        with use in the last 28 of the horizon), "activation"; or a table `account_id`, `reached_at`.
    landmark : str or Timedelta
        How long after the trial's beginning an action still counts.
    horizon : str or Timedelta
        How long after the landmark the outcome is looked at.
    adjust_for : list of str, optional
        Features (see `health_features`) and columns of `accounts` in which the groups are made alike. Default: use, cases, recommendation, tenure, revenue,
        days to renewal, segment and service model, as far as there are; for activation segment, service model and channel.
    method : {"overlap", "match"}
        Overlap weights, or pairs matched one to one within a fifth of a standard deviation of the log-odds.
    margin : float, optional
        What would be too small to matter: default 0.05 (5 points) of a share, one day of use.
    value : str or list of str, optional
        Events that activate an account; default: the last of the usual first steps.
    quick : str or Timedelta
        Within what time of the case's opening a first reply is quick, on the wall clock.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the keys `verdict` (on the effect's row alone) and `covariate` (on the rows on balance alone).
        `action_effect` (unit share, days for usage), `n` = treated accounts.
        `treated_outcome` and `compared_outcome`: the weighted means, facts.
        `action_effect_naive`: those who ever had the action less those who never did, without trials or adjustment; a fact.
        `negative_control`: difference in earlier use in standard deviations; a missing figure where nobody's earlier use is known.
        `e_value`, unit ratio: of the limit nearer to 0, and 1 where the limits hold 0; for shares.
        `effective_accounts`: of the smaller group.
        `balance_before` and `balance`: standardised differences of each covariate; facts.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `actions` or `subscriptions`; no such action or outcome; a covariate there is not; windows of no fixed length.
    NotEnoughDataError
        Fewer than 10 accounts were treated, or compared; no trial is over.

    References
    ----------
    Li, Morgan and Zaslavsky (2018), Journal of the American Statistical Association 113, 390-400. Hernan and Robins (2016), American Journal of Epidemiology
    183, 758-764, for trials from records. Lipsitch, Tchetgen Tchetgen and Cohen (2010), Epidemiology 21, 383-388, for negative controls. VanderWeele
    and Ding (2017), Annals of Internal Medicine 167, 268-274.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=200, months=14)
    >>> cs.action_effect(ds, "webinar", "retention")["metric"].tolist()[:2]
    ['action_effect', 'treated_outcome']
    """
    check_conf_level(conf_level)
    if method not in get_args(Method):
        raise ParameterError(f"method must be 'overlap' or 'match', not {method!r}.")
    if margin is not None and not margin > 0:
        raise ParameterError(f"margin must be above 0, in the unit of the outcome, not {margin!r}.")
    lengths = {name: round(fixed_days(window, name=name)) for name, window in (("landmark", landmark), ("horizon", horizon))}
    acted = action_days(ds, action, quick=quick)
    if isinstance(outcome, str) and outcome == "activation":
        trials, found = new_account_trials(ds, acted, landmark=lengths["landmark"], horizon=lengths["horizon"], adjust_for=adjust_for, value=value)
    else:
        trials, known = customer_trials(ds, acted, landmark=lengths["landmark"], horizon=lengths["horizon"], adjust_for=adjust_for)
        found = outcome_of(ds, outcome, rows=trials.rows, known=known)
    asked, told = trials.of(pd.Series(found.asked)), found.value[found.asked]
    _check_enough(asked.rows, action)
    compared = _compared(asked, told, method=method, conf_level=conf_level)
    limit = margin if margin is not None else 0.05 if found.unit == "share" else 1.0
    return _table(asked, told, found, found=compared, margin=limit, conf_level=conf_level)


def _check_enough(rows: pd.DataFrame, action: Any) -> None:
    counts = {name: rows.loc[flag, "account_id"].nunique() for name, flag in (("had the action", rows["treated"]), ("had not", ~rows["treated"]))}
    few = [f"{count} {name}" for name, count in counts.items() if count < FEWEST]
    if few:
        what = repr(action) if isinstance(action, str) else "the action"
        raise NotEnoughDataError(f"to say what {what} did, {FEWEST} accounts with and without it are needed within trials that are over; {' and '.join(few)}.")


def _compared(trials: Trials, outcome: Floats, *, method: Method, conf_level: float) -> _Compared:
    """Return what the comparison of treated and others says."""
    treated, covariates = trials.rows["treated"].to_numpy(bool), trials.covariates.to_numpy("float64")
    clusters = pd.factorize(trials.rows["account_id"])[0].astype("int64")
    fit = propensity(treated, covariates)
    weight = overlap_weights(treated, fit.chance)
    pairs = matched_pairs(treated, fit.chance) if method == "match" else None
    if pairs is not None:
        weight = np.bincount(np.concatenate(pairs), minlength=len(treated)).astype("float64")
    effective = min((effective_clusters(weight[group], clusters[group]) if weight[group].any() else 0.0) for group in (treated, ~treated))
    before = balance(covariates, treated)
    if fit.separated or effective < FEWEST_EFFECTIVE:
        nothing = Contrast(*[np.nan] * 7)
        return _Compared(nothing, None, before, np.full(len(before), np.nan), effective, bears=False)
    after = balance(covariates, treated, weight)

    def contrast(values: Floats) -> Contrast:
        if pairs is not None:
            return matched_contrast(values, pairs, clusters=clusters, conf_level=conf_level)
        return overlap_contrast(values, treated, fit, clusters=clusters, conf_level=conf_level)

    return _Compared(contrast(outcome), _control(trials, method=method, conf_level=conf_level), before, after, effective, bears=True)


def _control(trials: Trials, *, method: Method, conf_level: float) -> Contrast | None:
    """Return the difference in earlier use, in standard deviations, among those who were customers then; nothing where too few were."""
    there = trials.of(trials.earlier.notna())
    spread = there.earlier.std(ddof=0) if len(there.rows) else 0.0
    counts = [there.rows.loc[flag, "account_id"].nunique() for flag in (there.rows["treated"], ~there.rows["treated"])] if len(there.rows) else [0]
    if min(counts) < FEWEST or not spread > 0:
        return None
    treated, clusters = there.rows["treated"].to_numpy(bool), pd.factorize(there.rows["account_id"])[0].astype("int64")
    fit, values = propensity(treated, there.covariates.to_numpy("float64")), (there.earlier / spread).to_numpy("float64")
    if fit.separated:
        return None
    if method == "match":
        pairs = matched_pairs(treated, fit.chance)
        return matched_contrast(values, pairs, clusters=clusters, conf_level=conf_level) if len(pairs[0]) >= FEWEST else None
    return overlap_contrast(values, treated, fit, clusters=clusters, conf_level=conf_level)


def _verdict(found: _Compared, *, margin: float, conf_level: float) -> str:
    effect, control = found.effect, found.control
    if not found.bears:
        return CANNOT
    if control is not None and (control.conf_low > 0 or control.conf_high < 0):
        return NOT_TRUSTED
    if np.isnan(effect.conf_low):
        return NOT_SHOWN
    if effect.conf_low > 0 or effect.conf_high < 0:
        return HELPS if effect.estimate > 0 else HARMS
    shown = tost(effect.estimate, effect.error, low=-margin, high=margin, freedom=effect.freedom).p_value
    return NONE if shown < (1 - conf_level) / 2 else NOT_SHOWN


def _table(trials: Trials, outcome: Floats, asked: Outcome, *, found: _Compared, margin: float, conf_level: float) -> pd.DataFrame:
    effect, rows = found.effect, trials.rows
    n = int(rows.loc[rows["treated"], "account_id"].nunique())
    verdict = {"verdict": [_verdict(found, margin=margin, conf_level=conf_level)]}
    limits = {"estimate": effect.estimate, "conf_low": effect.conf_low, "conf_high": effect.conf_high}
    parts = [
        estimates(verdict, metric="action_effect", unit=asked.unit, **limits, n=n),
        estimates({}, metric="treated_outcome", unit=asked.unit, estimate=effect.treated, n=n),
        estimates({}, metric="compared_outcome", unit=asked.unit, estimate=effect.compared, n=int(rows.loc[~rows["treated"], "account_id"].nunique())),
        estimates({}, metric="action_effect_naive", unit=asked.unit, estimate=_naive(rows, outcome), n=int(rows["account_id"].nunique())),
    ]
    if found.bears:
        parts.append(_control_row(trials, found.control))
    if asked.unit == "share" and found.bears:
        parts.append(estimates({}, metric="e_value", unit="ratio", estimate=_explained(effect), n=n))
    parts.append(estimates({}, metric="effective_accounts", unit="count", estimate=found.effective, n=n))
    names = {"covariate": list(trials.covariates.columns)}
    for metric, values in (("balance_before", found.before), ("balance", found.after)):
        parts.append(estimates(names, metric=metric, unit="ratio", estimate=values, n=len(rows)))
    return stack(parts)


def _control_row(trials: Trials, control: Contrast | None) -> pd.DataFrame:
    there = 0 if control is None else int(trials.rows.loc[trials.earlier.notna(), "account_id"].nunique())
    limits = {} if control is None else {"conf_low": control.conf_low, "conf_high": control.conf_high}
    return estimates({}, metric="negative_control", unit="ratio", estimate=np.nan if control is None else control.estimate, **limits, n=there)


def _naive(rows: pd.DataFrame, outcome: npt.NDArray[np.float64]) -> float:
    """Return the mean of the last trial of each account that was ever treated less that of those that never were."""
    last = rows.assign(value=outcome).groupby("account_id").agg(treated=("treated", "max"), value=("value", "last"))
    means = last.groupby("treated")["value"].mean()
    return float(means[True] - means[False])


def _explained(effect: Contrast) -> float:
    """Return the E-value of the limit nearer to no effect, as a ratio of the two shares."""
    near = effect.conf_low if effect.conf_low > 0 else effect.conf_high if effect.conf_high < 0 else 0.0
    ratio = (effect.compared + near) / effect.compared if effect.compared > 0 else np.inf
    return e_value(ratio) if near else 1.0
