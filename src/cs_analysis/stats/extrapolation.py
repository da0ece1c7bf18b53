"""Survival at a horizon that may lie beyond the data: what each family of curves says, whether it fits, and how far they differ."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from cs_analysis.errors import ConvergenceError, NotEnoughDataError, ParameterError
from cs_analysis.stats.cure import CURES, CureFit, fit_cure
from cs_analysis.stats.curve_checks import curve_check
from cs_analysis.stats.discounting import age_window_days
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.life_paths import ENDS_A_TERM, KAPLAN_MEIER, Lives, akaike_weights, largest_gap, read_lives
from cs_analysis.stats.parametric_survival import FAMILIES, SurvivalFit, fit_survival
from cs_analysis.stats.restricted_mean import restricted_mean_time
from cs_analysis.stats.risk import By, Floats, by_columns, grouped, read_rows
from cs_analysis.stats.survival import check_key, log_log_around, survival_at

DEFAULT_FAMILIES = (*FAMILIES,)
ALL = "all"
MISFIT_P, MISFIT_GAP = 0.05, 0.02
"""A curve does not fit where chance would do worse so rarely, and the curve is somewhere so far from the Kaplan-Meier curve that it matters."""

WITHIN, BEYOND, MISFIT, UNKNOWN, UNFITTED = "within the data", "beyond the data", "does not fit", "not identified", "not fitted"
_NODES = 400
_QUANTITIES = (("projected_survival", "share"), ("projected_mean_time", "days"))


def survival_extrapolation(
    durations: pd.DataFrame,
    by: By = None,
    *,
    horizon: str | timedelta,
    families: Sequence[str] = DEFAULT_FAMILIES,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Survival at a horizon and mean time up to it under each family of curves, with what the data say for and against each.

    The curve of a family is its own from the start (see `fit_survival` and `fit_cure`); the Kaplan-Meier curve stands beside it as far as anybody has been
    followed. The limits of a family hold its sampling error, with a covariance that holds if the family is wrong, but not the choice of it: that is in the
    spread between families, and beyond the data no check can make it smaller.

    The data go to the last age at which at least 10 units, or a quarter of all where they are fewer than 40, are at risk. A family does not fit where
    the p-value of `curve_check` is below 0.05 and the curve is somewhere within the data more than 0.02 from the Kaplan-Meier curve.

    Parameters
    ----------
    durations : DataFrame
        As for `survival_curve`.
    by : str or list of str, optional
        Columns that make groups.
    horizon : str or Timedelta
        How far to look, such as `"36mo"` (months of 30.4375 days) or `"365d"`.
    families : list of str
        Of `weibull`, `log_normal`, `log_logistic`, `generalised_gamma` (from 60 ends on), and `weibull_cure`, `log_normal_cure`, `log_logistic_cure`, which
        level off.
    conf_level : float
        Confidence level.

    Returns
    -------
    DataFrame
        Estimates with the keys of `by`, `family`, `time_days` and `verdict`; `n` = units. `verdict` is `within the data` or `beyond the data` for where
        `time_days` lies, or `does not fit`, `not identified` (a curve that levels off without sufficient follow-up), `not fitted` (no maximum, or too few
        ends: fewer than 5, or at fewer than 3 times). Metrics:

        * `projected_survival` (share, limits symmetric for log(-log S)) and `projected_mean_time` (days, mean time up to the horizon; limits z standard
          errors either way within 0 and the horizon). `kaplan_meier` is missing beyond the longest follow-up. The row `all` is the mean over the
          families that fit, by Akaike weights, with the lowest and the highest of their limits; where none fits over all that could be fitted and are
          identified, with the verdict `does not fit`: a range of guesses.
        * `projected_survival_spread`, `projected_mean_time_spread`: largest less smallest answer of those families; facts without limits.
        * `survival_fit_aic` (ratio), `family_weight` (share, among those families), `survival_fit_p_value` and `survival_fit_gap` (share) of each
          family; facts. `time_days` is where the data end.
        * `followed_until` (days) and `horizon_beyond_data` (share of the horizon that lies beyond the data); facts.

    Raises
    ------
    MissingColumnsError, NotEnoughDataError
        As for `survival_curve`.
    ParameterError
        As for `survival_curve`; the horizon has no unit; an unknown family, or one twice.

    Warns
    -----
    UserWarning
        The horizon lies beyond the data of some group.

    References
    ----------
    Latimer (2013), Survival analysis for economic evaluations alongside clinical trials, Medical Decision Making 33, 743-754. Burnham and Anderson (2002),
    Model Selection and Multimodel Inference, chapter 4. Hjort (1990), Annals of Statistics 18, 1221-1258.

    Examples
    --------
    >>> table = pd.DataFrame({"duration_days": -40 * np.log((np.arange(60) + 0.5) / 60), "observed": True})
    >>> found = survival_extrapolation(table, horizon="30d", families=["weibull"])
    >>> found.loc[found["metric"] == "projected_survival", ["family", "verdict"]].to_numpy().tolist()
    [['kaplan_meier', 'within the data'], ['weibull', 'within the data'], ['all', 'within the data']]
    """
    check_key(by)
    days, level, names = age_window_days(horizon, name="horizon"), check_conf_level(conf_level), _families(families)
    read_rows(durations, by)
    keys, group = grouped(durations, by_columns(by))
    parts, outside = [], []
    for number in range(len(keys)):
        own = Outlook.of(durations[group == number], days=days, families=names)
        parts += [table.assign(**{name: keys[name].iloc[number] for name in keys}) for table in own.tables(level)]
        outside += [own.lives.until] if own.beyond else []
    if outside:
        text = f"the horizon of {days} days lies beyond the data, which go to {min(outside):.0f} days"
        groups = f" in the shortest of {len(outside)} groups" if len(outside) > 1 else ""
        warnings.warn(f"{text}{groups}: what families of curves say there is assumption. Look at the spread between them.", UserWarning, stacklevel=2)
    return stack(parts)[[*keys.columns, "family", "time_days", "verdict", "metric", "unit", "estimate", "conf_low", "conf_high", "n"]]


def _families(families: Sequence[str]) -> list[str]:
    names = [families] if isinstance(families, str) else list(families)
    unknown = [name for name in names if name not in (*FAMILIES, *CURES)]
    if unknown or not names or len(set(names)) < len(names):
        raise ParameterError(f"families must be different ones of {', '.join((*FAMILIES, *CURES))}, not {families!r}.")
    return names


@dataclass(frozen=True, eq=False)
class Outlook:
    """The units of one group, and the curves fitted to them."""

    durations: pd.DataFrame
    lives: Lives
    days: int
    fits: dict[str, SurvivalFit | None]

    @classmethod
    def of(cls, durations: pd.DataFrame, *, days: int, families: list[str]) -> Outlook:
        """Return the curves of one group; None for a family that could not be fitted."""
        given = [name for name in ("duration_days", "observed", "enter_days", "count") if name in durations]
        table = pd.DataFrame({"enter_days": 0.0, "count": 1, **durations[given].reset_index(drop=True)})
        single = table.loc[table.index.repeat(table["count"])] if (table["count"] > 1).any() else table
        return cls(table, read_lives(single), days, {name: _fit(table, name) for name in families})

    @property
    def beyond(self) -> bool:
        """Whether the horizon lies beyond the data."""
        return self.days > self.lives.until

    @property
    def until(self) -> float:
        """Age to which the data go; the longest where everybody has ended."""
        return float(min(self.lives.until, self.lives.leave.max()))

    @property
    def n(self) -> int:
        """Number of units."""
        return len(self.lives.leave)

    def tables(self, conf_level: float) -> list[pd.DataFrame]:
        """Return everything as estimates tables."""
        checks = {name: (curve_check(self.durations, fit).p_value, largest_gap(self.lives, fit)) for name, fit in self.fits.items() if fit is not None}
        verdicts = {name: self._verdict(fit, *checks.get(name, (np.nan, np.nan))) for name, fit in self.fits.items()}
        good = [name for name, verdict in verdicts.items() if verdict == self._where()]
        pool = good or [name for name, verdict in verdicts.items() if verdict == MISFIT]
        together = self._where() if good else MISFIT if pool else UNFITTED
        answers = _answers(self, conf_level)
        single = answers.assign(verdict=answers["family"].map({KAPLAN_MEIER: self._where(), **verdicts}))
        numbers = pd.concat([single, self._together(answers, pool).assign(family=ALL, verdict=together)])
        parts = [self._table(numbers[numbers["metric"] == metric], metric, unit, at=self.days) for metric, unit in (*_QUANTITIES, *_spreads())]
        facts = self._facts(checks, verdicts, pool)
        return [*parts, *(self._table(facts[facts["metric"] == metric], metric, unit, at=self.until) for metric, unit in _FACTS)]

    def _table(self, rows: pd.DataFrame, metric: str, unit: str, *, at: float) -> pd.DataFrame:
        keys = rows[["family", "verdict"]].assign(time_days=float(at))[["family", "time_days", "verdict"]]
        numbers = {name: rows[name].to_numpy("float64") for name in ("estimate", "conf_low", "conf_high")}
        return estimates(keys, metric=metric, unit=unit, **numbers, n=np.full(len(rows), self.n))

    def _where(self) -> str:
        return BEYOND if self.beyond else WITHIN

    def _verdict(self, fit: SurvivalFit | None, p_value: float, gap: float) -> str:
        if fit is None:
            return UNFITTED
        if isinstance(fit, CureFit) and not fit.identified:
            return UNKNOWN
        return MISFIT if p_value < MISFIT_P and gap > MISFIT_GAP else self._where()

    def _weights(self, pool: list[str]) -> Floats:
        return akaike_weights([fit for name in pool if (fit := self.fits[name]) is not None])

    def _together(self, answers: pd.DataFrame, pool: list[str]) -> pd.DataFrame:
        """Return the mean over families, the widest of their limits, and how far they are apart."""
        rows = []
        for metric, _ in _QUANTITIES:
            own = answers[answers["metric"] == metric].set_index("family").loc[pool]
            mean = float(self._weights(pool) @ own["estimate"]) if pool else np.nan
            rows.append({"metric": metric, "estimate": mean, "conf_low": own["conf_low"].min(), "conf_high": own["conf_high"].max()})
            spread = own["estimate"].max() - own["estimate"].min()
            rows.append({"metric": f"{metric}_spread", "estimate": spread, "conf_low": np.nan, "conf_high": np.nan})
        return pd.DataFrame(rows)

    def _facts(self, checks: dict[str, tuple[float, float]], verdicts: dict[str, str], pool: list[str]) -> pd.DataFrame:
        rows: list[dict[str, Any]] = []
        for name, (p_value, gap) in checks.items():
            fit = self.fits[name]
            found = {"survival_fit_aic": fit.aic if fit else np.nan, "survival_fit_p_value": p_value, "survival_fit_gap": gap}
            rows += [{"family": name, "verdict": verdicts[name], "metric": metric, "estimate": value} for metric, value in found.items()]
        weights = dict(zip(pool, self._weights(pool), strict=True))
        rows += [{"family": name, "verdict": verdicts[name], "metric": "family_weight", "estimate": weight} for name, weight in weights.items()]
        outside = 1 - self.until / self.days if self.beyond else 0.0
        whole = {"followed_until": self.until, "horizon_beyond_data": outside}
        rows += [{"family": ALL, "verdict": self._where(), "metric": metric, "estimate": value} for metric, value in whole.items()]
        return pd.DataFrame(rows).assign(conf_low=np.nan, conf_high=np.nan)


_FACTS = (
    ("survival_fit_aic", "ratio"),
    ("family_weight", "share"),
    ("survival_fit_p_value", "share"),
    ("survival_fit_gap", "share"),
    ("followed_until", "days"),
    ("horizon_beyond_data", "share"),
)


def _spreads() -> list[tuple[str, str]]:
    return [(f"{metric}_spread", unit) for metric, unit in _QUANTITIES]


def _fit(durations: pd.DataFrame, name: str) -> SurvivalFit | None:
    if name == "generalised_gamma" and (durations["count"] * durations["observed"]).sum() < 3 * ENDS_A_TERM:
        return None
    fit: Callable[..., SurvivalFit] = fit_cure if name in CURES else fit_survival
    try:
        return fit(durations, family=name.removesuffix("_cure"))
    except (ConvergenceError, NotEnoughDataError):
        return None


def _answers(own: Outlook, conf_level: float) -> pd.DataFrame:
    """Return survival at the horizon and mean time up to it with limits, of the Kaplan-Meier curve and of each family."""
    rows = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a curve of few units seen early is 0 is in its own function's warning
        seen = survival_at(own.durations, at_days=own.days, conf_level=conf_level).iloc[0]
        mean = restricted_mean_time(own.durations, horizon=timedelta(days=own.days), conf_level=conf_level).iloc[0]
    rows += [(KAPLAN_MEIER, metric, *row[["estimate", "conf_low", "conf_high"]]) for (metric, _), row in zip(_QUANTITIES, (seen, mean), strict=True)]
    for name, fit in own.fits.items():
        numbers = _projection(fit, own.days, conf_level) if fit is not None else [(np.nan,) * 3] * 2
        rows += [(name, metric, *triple) for (metric, _), triple in zip(_QUANTITIES, numbers, strict=True)]
    return pd.DataFrame(rows, columns=["family", "metric", "estimate", "conf_low", "conf_high"])


def _projection(fit: SurvivalFit, days: int, conf_level: float) -> list[tuple[float, float, float]]:
    """Return survival at the horizon and the mean time up to it, each with its limits, by the delta method on the robust covariance."""
    z = float(special.ndtri((1 + conf_level) / 2))
    slope = fit.slopes([days])[0]
    alive = np.exp(fit.log_survival([days]))
    low, high = log_log_around(alive, z * np.sqrt([slope @ fit.robust @ slope]))
    nodes, weights = special.roots_legendre(_NODES)
    place = (nodes + 1) / 2
    times, weights = days * place**2, days * place * weights  # t = days u^2 puts more nodes near 0, where curves may fall steeply
    curve = np.exp(fit.log_survival(times))
    mean, by_term = float(weights @ curve), (weights * curve) @ fit.slopes(times)
    half = z * float(np.sqrt(by_term @ fit.robust @ by_term))
    return [(float(alive[0]), float(low[0]), float(high[0])), (mean, max(mean - half, 0.0), min(mean + half, float(days)))]
