"""What a Bass curve says about periods to come: expected and actual adopters with bands, the peak, and how past forecasts did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special, stats

from cs_analysis.errors import ConvergenceError, NotEnoughDataError, ParameterError
from cs_analysis.stats.bass_curve import Floats
from cs_analysis.stats.bass_limits import expected_limits, peak_limits
from cs_analysis.stats.bass_optimum import Curve, Method, Optimum, best_curve, regression
from cs_analysis.stats.estimates import estimates, stack
from cs_analysis.stats.period_axis import PeriodAxis

FEWEST_PERIODS = 5


@dataclass(frozen=True)
class Fitted:
    """A fitted curve with its data: what forecasts are made of. `optimum` is missing for the regression of 1969, which has no bands."""

    axis: PeriodAxis
    counts: Floats
    curve: Curve
    optimum: Optimum | None
    method: Method
    conf_level: float


def fitted_curve(counts: Floats, *, before: float, method: Method) -> tuple[Curve, Optimum | None]:
    """Return the curve of one of the three methods, with its optimum where there is a criterion."""
    if method == "ols":
        return regression(counts).curve, None
    optimum = best_curve(counts, before=before, criterion=method)
    return optimum.curve, optimum


def forecast(fitted: Fitted, periods: int | Sequence[Any]) -> pd.DataFrame:
    """Return `expected_adopters` and `adopters` of periods, one row each."""
    positions = _positions(fitted, periods)
    expected = fitted.curve.expected(positions)
    limits = np.array([_limits_of(fitted, position) for position in positions]).reshape(-1, 2)
    low, high = _with_noise(fitted, expected, limits)
    keys = pd.DataFrame({"period": [fitted.axis.label(position) for position in positions]})
    rows = len(fitted.counts)
    return stack(
        [
            estimates(keys, metric="expected_adopters", unit="count", estimate=expected, conf_low=limits[:, 0], conf_high=limits[:, 1], n=rows),
            estimates(keys, metric="adopters", unit="count", estimate=expected, conf_low=low, conf_high=high, n=rows),
        ]
    )


def _positions(fitted: Fitted, periods: int | Sequence[Any]) -> list[int]:
    if isinstance(periods, bool) or (isinstance(periods, int | np.integer) and periods < 1):
        raise ParameterError(f"periods must be a number of periods from 1, or labels of periods, not {periods!r}.")
    if isinstance(periods, int | np.integer):
        return [len(fitted.counts) + ahead for ahead in range(int(periods))]
    return [fitted.axis.position(label) for label in periods]


def _limits_of(fitted: Fitted, position: int) -> tuple[float, float]:
    return (np.nan, np.nan) if fitted.optimum is None else expected_limits(fitted.optimum, position, fitted.conf_level)


def _with_noise(fitted: Fitted, expected: Floats, limits: Floats) -> tuple[Floats, Floats]:
    """Return limits for counts: the distance to each limit of the mean and the spread of a count around it, added as squares."""
    level = (1 + fitted.conf_level) / 2
    if fitted.method == "ml":
        spread = special.ndtri(level) ** 2 * expected
    elif fitted.optimum is not None:
        spread = np.full(len(expected), stats.t.ppf(level, len(fitted.counts) - 3) ** 2 * fitted.optimum.residual_variance())
    else:
        spread = np.full(len(expected), np.nan)
    low = expected - np.sqrt((expected - limits[:, 0]) ** 2 + spread)
    return np.maximum(low, 0.0), expected + np.sqrt((limits[:, 1] - expected) ** 2 + spread)


def peak_table(fitted: Fitted) -> pd.DataFrame:
    """Return the time of the peak since the launch."""
    low, high = (np.nan, np.nan) if fitted.optimum is None else peak_limits(fitted.optimum, fitted.conf_level)
    time = max(fitted.curve.peak_time, 0.0)
    place = int(np.floor(time - fitted.curve.before))
    keys = {"period": [fitted.axis.label(place)]}
    return estimates(keys, metric="peak_time", unit="count", estimate=[time], conf_low=[low], conf_high=[high], n=len(fitted.counts))


def rolling_origins(fitted: Fitted, horizon: int) -> pd.DataFrame:
    """Return forecasts made from every earlier end of the data, beside what came."""
    if isinstance(horizon, bool) or not isinstance(horizon, int | np.integer) or horizon < 1:
        raise ParameterError(f"horizon must be a number of periods from 1, not {horizon!r}.")
    if len(fitted.counts) <= FEWEST_PERIODS:
        raise NotEnoughDataError(
            f"a back-test needs more than {FEWEST_PERIODS} periods: {FEWEST_PERIODS} to fit and one to forecast; there are {len(fitted.counts)}."
        )
    rows = [row for seen in range(FEWEST_PERIODS, len(fitted.counts)) for row in _from_origin(fitted, seen, int(horizon))]
    return pd.DataFrame(rows)


def _from_origin(fitted: Fitted, seen: int, horizon: int) -> Iterator[dict[str, Any]]:
    """Yield one row a horizon for the origin after `seen` periods."""
    targets = np.arange(seen, min(seen + horizon, len(fitted.counts)))
    bass, status = _earlier_forecast(fitted, seen, targets)
    last = fitted.counts[seen - 1]
    slope = (last - fitted.counts[0]) / (seen - 1)
    for ahead, target in enumerate(targets, start=1):
        yield {
            "origin": fitted.axis.label(seen - 1),
            "period": fitted.axis.label(int(target)),
            "horizon": ahead,
            "adopters": fitted.counts[target],
            "bass": bass[ahead - 1],
            "last_value": last,
            "drift": max(last + ahead * slope, 0.0),
            "status": status,
        }


def _earlier_forecast(fitted: Fitted, seen: int, targets: npt.NDArray[np.int64]) -> tuple[Floats, str]:
    counts = fitted.counts[:seen]
    try:
        curve, optimum = fitted_curve(counts, before=fitted.curve.before, method=fitted.method)
    except ConvergenceError:
        return np.full(len(targets), np.nan), "no curve"
    passed = curve.peak_time < curve.end if optimum is None else optimum.identified(fitted.conf_level)
    return curve.expected(targets), "identified" if passed else "not identified"


def error_ratios(backtest: pd.DataFrame) -> pd.DataFrame:
    """Return the mean absolute error of the curve over that of the naive forecasts, by horizon, for all origins with a curve and identified ones."""
    groups = [
        (horizon, origins, against, rows)
        for horizon, at_horizon in backtest.groupby("horizon")
        for origins, rows in (("with a curve", at_horizon[at_horizon["bass"].notna()]), ("identified", at_horizon[at_horizon["status"] == "identified"]))
        for against in ("last_value", "drift")
    ]
    keys = pd.DataFrame([group[:3] for group in groups], columns=["horizon", "origins", "against"])
    ratios = [_error_ratio(rows, against) for *_, against, rows in groups]
    return estimates(keys, metric="forecast_error_ratio", unit="ratio", estimate=ratios, n=[len(group[3]) for group in groups])


def _error_ratio(rows: pd.DataFrame, against: str) -> float:
    naive = float((rows[against] - rows["adopters"]).abs().sum())
    return float((rows["bass"] - rows["adopters"]).abs().sum()) / naive if naive > 0 else np.nan
