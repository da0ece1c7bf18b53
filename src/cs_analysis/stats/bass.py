"""The Bass diffusion model: adopters a period from innovators, imitators and a ceiling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import special, stats

from cs_analysis.errors import ParameterError
from cs_analysis.stats.bass_curve import Floats
from cs_analysis.stats.bass_forecast import FEWEST_PERIODS, Fitted, error_ratios, forecast, peak_table, rolling_origins
from cs_analysis.stats.bass_limits import Limits, bootstrap_limits, profile_limits, wald_covariance
from cs_analysis.stats.bass_optimum import Method, Optimum, Regression, best_curve, regression
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.fits import Diagnostic, Fit, diagnostics_table
from cs_analysis.stats.period_axis import read_counts

TERMS = ("p", "q", "m")


@dataclass(frozen=True, eq=False)
class BassFit(Fit):
    """A fitted Bass curve.

    Attributes
    ----------
    coefficients, covariance, log_likelihood, converged, diagnostics
        As for every fit. `covariance` is Wald's, for readers who want it; the limits of `coefficients` do not use it (but for `"ols"`).
    squared_error : float
        Sum of squared differences between counts and curve.
    """

    squared_error: float
    _fitted: Fitted

    def predict(self, periods: int | Sequence[Any]) -> pd.DataFrame:
        """Adopters of periods: expected, and as they may come.

        The two metrics have the same estimate, m (F(t) - F(t-1)). The limits of `expected_adopters` hold the uncertainty of the curve only
        (profile limits); those of `adopters` hold that of one count around it as well: the distance to each limit of the mean and the
        spread of a count (residual for `"nls"`, Poisson for `"ml"`) are added as squares, not below 0.

        Parameters
        ----------
        periods : int or sequence
            How many periods after the data, or labels of periods like those of the data, inside or after it.

        Returns
        -------
        DataFrame
            Estimates with the key `period`; `n` = periods fitted. The limits are missing for `"ols"`.

        Raises
        ------
        ParameterError
            A label is no period from the first one on.

        References
        ----------
        Zou and Donner (2008), Statistics in Medicine 27, 1693-1702.
        """
        return forecast(self._fitted, periods)

    def peak(self) -> pd.DataFrame:
        """Time from the launch to the fastest adoption, log(q / p) / (p + q), in periods.

        Returns
        -------
        DataFrame
            One row of estimates with the key `period` (in which the peak falls), metric `peak_time`. 0 where adoption falls from the start. The
            upper limit is infinite where growth without end is not excluded; limits are missing for `"ols"` and where q = 0.
        """
        return peak_table(self._fitted)

    def backtest(self, *, horizon: int = 3) -> pd.DataFrame:
        """Forecasts made from every earlier end of the data, from five periods on, beside what came and two naive forecasts.

        Parameters
        ----------
        horizon : int
            How many periods ahead.

        Returns
        -------
        DataFrame
            One row an origin (last period known) and horizon: `origin, period, horizon, adopters` (what came), `bass`, `last_value`
            (nothing changes), `drift` (the mean change so far goes on, not below 0) and `status`: `identified`, `not identified` (the
            forecast is there, but at that origin m had no upper limit) or `no curve` (no Bass curve fitted best; `bass` is missing).

        Raises
        ------
        ParameterError, NotEnoughDataError
            `horizon` is below 1; there are five periods or fewer.
        """
        return rolling_origins(self._fitted, horizon)

    def forecast_error_ratio(self, *, horizon: int = 3) -> pd.DataFrame:
        """Mean absolute error of the Bass forecasts over that of naive ones: below 1, the curve was worth fitting.

        Parameters
        ----------
        horizon : int
            How many periods ahead.

        Returns
        -------
        DataFrame
            Estimates with the keys `horizon`, `origins` (`with a curve`: all that had one; `identified`) and `against` (`last_value`, `drift`);
            `n` = forecasts compared. A fact about the past, without limits; missing where the naive forecasts have no error.

        Raises
        ------
        ParameterError, NotEnoughDataError
            As for `backtest`.

        References
        ----------
        Hyndman and Koehler (2006), International Journal of Forecasting 22, 679-688.
        """
        return error_ratios(self.backtest(horizon=horizon))


def fit_bass(
    adopters: pd.DataFrame,
    *,
    method: Method = "nls",
    launched_before: float = 0,
    conf_level: float = 0.95,
    interval: Literal["profile", "bootstrap"] = "profile",
    rng: int | np.random.Generator = 0,
    replicates: int = 1000,
) -> BassFit:
    """Bass model of adopters a period: coefficient of innovation p, of imitation q, and the number m that will ever adopt.

    Adopters in period t = m (F(t) - F(t-1)), F(t) = (1 - e^-(p+q)t) / (1 + (q/p) e^-(p+q)t), t in periods since the launch; p and q are rates a
    period, so monthly and yearly data give different ones. p > 0, q >= 0; q = 0 is pure innovation.

    `"nls"` minimises squared errors (Srinivasan and Mason). `"ml"` takes counts as Poisson around the curve; its p, q and m are those of
    Schmittlein and Mahajan's multinomial likelihood of adoption times. `"ols"` is Bass's regression of adopters on earlier adopters and their
    square, for comparison: it takes the state at the start of a period for the whole period, which biases it. The search is exhaustive: m has
    a closed form given p and q, a grid over these two finds every valley, Newton steps with exact derivatives go to the bottom of each.

    Parameters
    ----------
    adopters : DataFrame
        `period` (whole numbers, or starts of days, weeks, months, quarters, years) and `adopters` (numbers from 0 who adopted for the first
        time in it), at least five rows without a gap. For `"ml"` whole numbers of heads: in thousands, limits would be far too wide.
    method : {"nls", "ml", "ols"}
        How the curve is fitted.
    launched_before : float
        Periods between the launch and the first row, whose adopters were not recorded; m includes them. An unknown launch is not estimated.
    conf_level : float
        Confidence level.
    interval : {"profile", "bootstrap"}
        Limits where the criterion, minimised over the other terms, has risen enough (F(1, rows - 3) for `"nls"`, chi-squared for `"ml"`); or
        percentiles of refits to resampled residuals (`"nls"`) or to Poisson counts (`"ml"`). `"ols"` has limits by the delta method only.
    rng : int or Generator
        Seed or source of randomness of the bootstrap.
    replicates : int
        Number of bootstrap replicates, at least 100.

    Returns
    -------
    BassFit
        `coefficients` have the metric `bass_coefficient` and the terms `p`, `q` (unit `ratio`: a period) and `m` (`count`); `n` = periods.
        Until the fitted peak has passed and growth without end is excluded at the level, m has the upper limit infinity and `diagnostics` has
        a row `not identified`; p then reaches down to 0 where growth without end is not excluded.

    Raises
    ------
    MissingColumnsError, ParameterError, NotEnoughDataError
        A column is absent; a count or period is not valid, or a period is missing; fewer than five periods, or no adopters.
    ConvergenceError
        There is no best curve: growth without end, the same number in every period or adoption within one period fits better, or the regression
        has no real, positive solution.

    Notes
    -----
    Theory promises coverage only for large counts and many periods. Measured: 2,000 series of Poisson counts with p = .01, q = .4, m = 1,000
    (peak after 9.0 periods), 95 % profile limits. `"ml"` contains the truth in 94.9 to 95.9 % (p, q, m, peak) with 10, 12 or 20 periods seen, and
    the count of the next period in 94.7 to 95.5 %. `"nls"` takes all periods as equally noisy, which counts are not: p, q and m 92.3 to 97.0 %,
    but the peak 89.7, 91.1 and 90.2 %, and the next count 89.2, 93.4 and 100 %, with 10, 12 and 20 periods seen. So prefer `"ml"` for heads. With
    10 periods seen, m has no upper limit in 11 % (`"ml"`) and 15 % (`"nls"`) of the series. Bootstrap limits (200 series)
    cover p, q and m less well: 91.5 to 97 % (`"ml"`), 85 to 94 % (`"nls"`). `benchmarks/coverage` has all figures.

    References
    ----------
    Bass (1969), Management Science 15, 215-227. Schmittlein and Mahajan (1982), Marketing Science 1, 57-78. Srinivasan and Mason (1986),
    Marketing Science 5, 169-178. Van den Bulte and Lilien (1997), Marketing Science 16, 338-353. Markovic and Jukic (2013), International
    Journal of Applied Mathematics and Computer Science 23, 145-155.

    Examples
    --------
    >>> sold = [96, 195, 238, 380, 1045, 1230, 1267, 1828, 1586, 1673, 1800, 1580, 1500]
    >>> fit = fit_bass(pd.DataFrame({"period": range(1949, 1962), "adopters": sold}))
    >>> fit.coefficients[["term", "estimate", "conf_low", "conf_high"]].round(4)
      term    estimate    conf_low   conf_high
    0    p      0.0094      0.0058      0.0140
    1    q      0.3748      0.2908      0.4595
    2    m  18712.7416  16041.3256  22572.0623
    """
    _check_options(method, launched_before=launched_before, interval=interval, replicates=replicates)
    level, source = check_conf_level(conf_level), _generator(rng)
    axis, counts = read_counts(adopters, "adopters", at_least=FEWEST_PERIODS)
    if method == "ols":
        found = regression(counts)
        return _from_regression(found, Fitted(axis, counts, found.curve, None, method, level))
    if method == "ml" and (fraction := np.flatnonzero(counts % 1)).size:
        raise ParameterError(
            f"method='ml' needs whole numbers of adopters; {counts[fraction[0]]:g} in {axis.label(int(fraction[0]))} is none. Use method='nls'."
        )
    optimum = best_curve(counts, before=float(launched_before), criterion=method)
    resampled = interval == "bootstrap"
    limits = bootstrap_limits(optimum, level, rng=source, replicates=replicates) if resampled else profile_limits(optimum, level)
    return _from_optimum(optimum, Fitted(axis, counts, optimum.curve, optimum, method, level), limits)


def _check_options(method: str, *, launched_before: float, interval: str, replicates: int) -> None:
    if method not in ("nls", "ml", "ols"):
        raise ParameterError(f"method must be 'nls', 'ml' or 'ols', not {method!r}.")
    if not (isinstance(launched_before, int | float) and 0 <= launched_before < np.inf):
        raise ParameterError(f"launched_before must be a number of periods from 0, not {launched_before!r}.")
    if method == "ols" and launched_before:
        raise ParameterError("method='ols' needs the adopters from the launch on: launched_before must be 0. Use 'nls' or 'ml'.")
    if interval not in ("profile", "bootstrap"):
        raise ParameterError(f"interval must be 'profile' or 'bootstrap', not {interval!r}.")
    if method == "ols" and interval == "bootstrap":
        raise ParameterError("method='ols' has limits by the delta method only: leave interval out. Use 'nls' or 'ml' for a bootstrap.")
    if replicates < 100:
        raise ParameterError(f"replicates must be at least 100 for limits to mean anything, not {replicates!r}.")


def _generator(rng: Any) -> np.random.Generator:
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"rng must be a seed (a whole number from 0) or a numpy Generator, not {rng!r}.") from error


def _from_optimum(optimum: Optimum, fitted: Fitted, limits: Sequence[Limits]) -> BassFit:
    expected = fitted.curve.expected(np.arange(len(fitted.counts)))
    squared_error = float(((fitted.counts - expected) ** 2).sum())
    found = [*_diagnostics(optimum, fitted), *_residual_checks(fitted, expected)]
    return BassFit(
        coefficients=_coefficients(fitted, limits),
        covariance=pd.DataFrame(wald_covariance(optimum), index=TERMS, columns=TERMS),
        log_likelihood=_gaussian(squared_error, len(expected)) if fitted.method == "nls" else _poisson(fitted.counts, expected),
        converged=all(each.finding in ("ok", "autocorrelated", "overdispersed") for each in found),
        diagnostics=diagnostics_table(found),
        squared_error=squared_error,
        _fitted=fitted,
    )


def _from_regression(found: Regression, fitted: Fitted) -> BassFit:
    curve = found.curve
    wide = stats.t.ppf((1 + fitted.conf_level) / 2, len(fitted.counts) - 3) * np.sqrt(np.diag(found.covariance))
    limits = [(value - half, value + half) for value, half in zip((curve.p, curve.q, curve.m), wide, strict=True)]
    identified = curve.peak_time < curve.end
    limits[2] = (limits[2][0], limits[2][1] if identified else np.inf)
    checks = [
        _ceiling(curve.peak_time - curve.end, identified=identified),
        Diagnostic("limits", np.nan, "delta method", "Use method='nls' for profile limits."),
    ]
    return BassFit(
        coefficients=_coefficients(fitted, limits),
        covariance=pd.DataFrame(found.covariance, index=TERMS, columns=TERMS),
        log_likelihood=_gaussian(found.squared_error, len(fitted.counts)),
        converged=identified,
        diagnostics=diagnostics_table(checks),
        squared_error=float(((fitted.counts - curve.expected(np.arange(len(fitted.counts)))) ** 2).sum()),
        _fitted=fitted,
    )


def _coefficients(fitted: Fitted, limits: Sequence[Limits]) -> pd.DataFrame:
    curve = fitted.curve
    rows = zip(TERMS, (curve.p, curve.q, curve.m), limits, ("ratio", "ratio", "count"), strict=True)
    return stack(
        [
            estimates({"term": [term]}, metric="bass_coefficient", unit=unit, estimate=[value], conf_low=[low], conf_high=[high], n=len(fitted.counts))
            for term, value, (low, high), unit in rows
        ]
    )


def _gaussian(squared_error: float, rows: int) -> float:
    return float(-rows / 2 * (np.log(2 * np.pi * squared_error / rows) + 1)) if squared_error > 0 else np.inf


def _poisson(counts: Floats, expected: Floats) -> float:
    return float((special.xlogy(counts, expected) - expected - special.gammaln(counts + 1)).sum())


def _diagnostics(optimum: Optimum, fitted: Fitted) -> Iterator[Diagnostic]:
    """Yield what the optimum itself has to say."""
    curve, solution = fitted.curve, optimum.solution
    yield Diagnostic("gradient", float(np.abs(solution.gradient[np.isfinite(solution.point)]).max()))
    yield _ceiling(curve.peak_time - curve.end, identified=optimum.identified(fitted.conf_level))
    boundary = optimum.without_imitation
    yield Diagnostic("imitation", curve.q, *(("boundary", "q is 0: adoption falls from the start; the model is pure innovation.") if boundary else ()))
    moving = np.flatnonzero(np.isfinite(solution.point))
    sizes = np.linalg.eigvalsh(solution.hessian[np.ix_(moving, moving)])
    ridge = not 0 < sizes[-1] < 1e8 * sizes[0]
    text = "the criterion hardly changes along a line of p, q and m: read their limits, not their estimates."
    yield Diagnostic("curvature", float(sizes[0] / sizes[-1]), *(("ridge", text) if ridge else ()))


def _ceiling(beyond: float, *, identified: bool) -> Diagnostic:
    """Return the check of m; its value is how many periods after the end of the data the peak lies."""
    if identified:
        return Diagnostic("m", beyond)
    reason = "the fitted peak has not passed" if beyond >= 0 else "growth without end is not excluded"
    return Diagnostic("m", beyond, "not identified", f"{reason}: m has no upper limit. Forecast a few periods only, or wait.")


def _residual_checks(fitted: Fitted, expected: Floats) -> Iterator[Diagnostic]:
    """Yield whether the counts scatter around the curve as the limits assume."""
    variance = expected if fitted.method == "ml" else np.ones(len(expected))
    missed = (fitted.counts - expected) / np.sqrt(np.maximum(variance, 1e-12))
    squares = float(missed @ missed)
    exact = squares <= 1e-16 * float(fitted.counts @ fitted.counts)
    alike = 0.0 if exact else float(missed[1:] @ missed[:-1]) / squares
    text = "neighbouring periods miss the curve alike: limits are too narrow."
    yield Diagnostic("neighbours", alike, *(("autocorrelated", text) if abs(alike) > 2 / np.sqrt(len(missed)) else ()))
    if fitted.method == "ml":
        freedom = len(missed) - 3
        loud = squares > stats.chi2.ppf(0.99, freedom)
        text = "counts scatter more than Poisson counts: limits are too narrow. Use method='nls'."
        yield Diagnostic("scatter", squares / freedom, *(("overdispersed", text) if loud else ()))
