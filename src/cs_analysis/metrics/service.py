"""Whether the service was up, how it failed and recovered, and how fast it answered."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Literal, get_args

import numpy as np
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset, cutoff
from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.facts.check_latency import LatencyBlocks, at_levels, below_by_day, latency_blocks
from cs_analysis.facts.checks import Service, in_periods, outage_days, period_frame, service_days, timed_checks
from cs_analysis.stats.blocks import block_levels, block_share
from cs_analysis.stats.clusters import clustered_share
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.intervals import exact_poisson
from cs_analysis.stats.medians import median_time

Weighting = Literal["time", "checks"]
_KEYS = ["service", "period"]
_MINUTES_A_DAY = 1_440


def availability(
    ds: Dataset,
    *,
    period: Period | None = "month",
    service: Service = None,
    weighting: Weighting = "time",
    maintenance: pd.DataFrame | None = None,
    longest_gap: str | None = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Share of time in which each service was up, with limits that count outages and not checks.

    Each check stands for the time until the next one (or `as_of`), at most `longest_gap`; what lies beyond was not observed and is neither up nor down.
    Failed checks come in runs, the outages, so that thousands of checks can say as little as two outages. The limits are for what the service will be in the
    long run: number of outages times their lengths (`stats.blocks.block_share`). A period without outage has no limits of 100 % to 100 %, but an
    upper limit of the time down: the exact limit of the number of outages times the mean length of those seen in other periods (else in other services;
    else one check, and outages between two checks are not seen at all).

    On 2,000 simulated histories of hourly checks (an outage every 35 days, 5 hours long on average, geometric) the 95 % limits held the truth in 99, 98, 96 and
    96 % at 1, 3, 12 and 24 months; with heavy-tailed lengths (log-normal) in 99, 98, 90 and 91 %. Limits from days as blocks held it in 95, 83, 89 and
    92 %, Wilson's, which take checks for independent, in 39 to 49 % at a quarter to an eighth of the width.

    Parameters
    ----------
    ds : Dataset
        Needs `checks`.
    period : {"day", "week", "month", "quarter", "year"}, optional
        Calendar period, a row each if it is over; None: one row for all.
    service : str or list of str, optional
        Which services; default: all, each of its own. Checks without a service are "(all)".
    weighting : {"time", "checks"}
        Share of time, or of checks.
    maintenance : DataFrame, optional
        Announced maintenance: `starts_at`, `ends_at`, and `service` where it is of one. Checks in it are left out as if they had not been made.
    longest_gap : str, optional
        How long a check can stand for, such as "15min"; default: three times the service's median time between checks.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the keys `service` and `period` (its first day; missing for None), `n` = checks. Metric `availability`, unit `share`; without any time
        up the upper limit is missing. Metric `unobserved_share`, unit `share`: of the time since the service's first check; a fact without limits. A period
        without a check has only that.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError, ParameterError
        No `checks`; `maintenance` lacks a column; no check, or none in a period that is over; an unknown service, weighting or period.

    References
    ----------
    Gray and Lewis (1967), Technometrics 9, 465-471. Barlow and Proschan (1975), Statistical Theory of Reliability, chapter 7.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> cs.availability(ds, period=None)[["service", "metric"]].values.tolist()
    [['api', 'availability'], ['app', 'availability'], ['api', 'unobserved_share'], ['app', 'unobserved_share']]
    """
    if weighting not in get_args(Weighting):
        raise ParameterError(f"weighting must be 'time' or 'checks', not {weighting!r}.")
    check_conf_level(conf_level)
    timed = timed_checks(ds, service=service, maintenance=maintenance, longest_gap=longest_gap)
    days = service_days(ds, timed)
    outages = outage_days(ds, timed)
    up, down, lost = ("up_seconds", "down_seconds", "seconds") if weighting == "time" else ("up", "failed", "failed")
    days = days.assign(up=days["checks"] - days["failed"])
    sums = _summed(in_periods(ds, days, period), ["checks", up, down])
    blocks = _blocks(in_periods(ds, outages, period), lost).reindex(sums.index, fill_value=0.0)
    one_check = (days[up].sum() + days[down].sum()) / days["checks"].sum()
    typical = sums.index.get_level_values("service").map(_typical(outages, lost, days, unit=one_check))
    share = block_share(sums[up], sums[down], blocks=blocks["count"], squares=blocks["squares"], typical=typical, conf_level=conf_level)
    shown = sums.index.to_frame(index=False)
    return stack([estimates(shown, metric="availability", unit="share", **share._asdict(), n=sums["checks"]), _unobserved(ds, days, period)])


def outages(
    ds: Dataset,
    *,
    period: Period | None = "month",
    service: Service = None,
    maintenance: pd.DataFrame | None = None,
    longest_gap: str | None = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Number and length of outages, the time between them, and how long the service takes to recover.

    An outage is a run of failed checks. It belongs to the period in which it began and lasts until the next check that was answered; one that still
    goes on is censored at `as_of`. What is shorter than the time between two checks may not be seen.

    Parameters
    ----------
    ds, period, service, maintenance, longest_gap, conf_level
        As for `availability`.

    Returns
    -------
    DataFrame
        Estimates with the keys `service` and `period`. Metrics `outages` (unit `count`), `outage_minutes` (failed checks' time in the period) and
        `longest_outage` (unit `minutes`): facts without limits. `mean_time_between_outages` (unit `days`): time up per outage with exact Poisson
        limits; without an outage missing, with a lower limit. `time_to_recover` (unit `minutes`): median by Kaplan-Meier; an upper limit is missing where
        it may lie beyond what was seen, and there is no row without an outage. `n` = outages that began in the period.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError, ParameterError
        As for `availability`.

    References
    ----------
    Garwood (1936), Biometrika 28, 437-442. Brookmeyer and Crowley (1982), Biometrics 38, 29-41.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> cs.outages(ds, period=None, service="app")["metric"].tolist()
    ['outages', 'outage_minutes', 'longest_outage', 'mean_time_between_outages', 'time_to_recover']
    """
    check_conf_level(conf_level)
    timed = timed_checks(ds, service=service, maintenance=maintenance, longest_gap=longest_gap)
    sums = _summed(in_periods(ds, service_days(ds, timed), period), ["checks", "up_seconds", "down_seconds"])
    begun = outage_days(ds, timed).drop_duplicates(["service", "outage"])
    lasted = (begun["ends_at"].fillna(cutoff(ds)) - begun["starts_at"]).dt.total_seconds() / 60
    begun = in_periods(ds, begun.assign(minutes=lasted, observed=begun["ends_at"].notna()), period)
    seen = begun.groupby(_KEYS, dropna=False)["minutes"].agg(["size", "max"]).reindex(sums.index)
    count, shown = seen["size"].fillna(0).to_numpy(), sums.index.to_frame(index=False)
    rate = exact_poisson(count, sums["up_seconds"] / 86_400, conf_level=conf_level)
    between = {"estimate": _inverse(rate.estimate), "conf_low": _inverse(rate.conf_high), "conf_high": _inverse(rate.conf_low)}
    parts = [
        estimates(shown, metric="outages", unit="count", estimate=count, n=count),
        estimates(shown, metric="outage_minutes", unit="minutes", estimate=sums["down_seconds"] / 60, n=count),
        estimates(shown, metric="longest_outage", unit="minutes", estimate=seen["max"], n=count),
        estimates(shown, metric="mean_time_between_outages", unit="days", **between, n=count),
    ]
    return stack([*parts, *_recovery(begun, conf_level=conf_level)])


def latency(
    ds: Dataset,
    *,
    quantiles: Sequence[float] = (0.5, 0.95, 0.99),
    period: Period | None = "month",
    service: Service = None,
    target_ms: float | None = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Milliseconds within which a share of checks was answered, with limits that take days as blocks.

    The q quantile is the smallest time within which at least the share q of the answered checks was answered. With failures: of all checks, one that
    failed being slower than every answer; a 99 % quantile beside 2 % of failures is not reached and missing. The limits are Woodruff's, from the share of
    checks at or below the quantile with local days as clusters, since slow hours come together. A mean of the days' 95 % quantiles
    (`latency_mean_of_p95_naive`) is no 95 % quantile: bad days weigh as little as quiet ones, and hide.

    Parameters
    ----------
    ds : Dataset
        Needs `checks` with `latency_ms`.
    quantiles : list of float
        Shares answered; 0.5 is the median.
    period, service
        As for `availability`.
    target_ms : float, optional
        A time to be kept; adds the share of checks slower than it.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the keys `service` and `period`. Metric `latency` (the median; further ones `latency_95`, `latency_99`), unit `ms`, `n` = answered
        checks with a latency; `latency_with_failures`, `latency_95_with_failures`, ..., `n` = those and the failed ones. A limit is missing beyond the
        slowest answer, and both are with a single day. `slow_share`, unit `share`: of all checks, the failed ones being slow.
        `latency_mean_of_p95_naive`: a fact without limits.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError, ParameterError
        No `checks` or no `latency_ms`; nothing answered or failed in a period that is over; a quantile not between 0 and 1.

    References
    ----------
    Woodruff (1952), Journal of the American Statistical Association 47, 635-646. Korn and Graubard (1998), Survey Methodology 24, 193-201.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=3)
    >>> cs.latency(ds, period=None, service="app", quantiles=[0.95])["metric"].tolist()
    ['latency_95', 'latency_95_with_failures', 'latency_mean_of_p95_naive']
    """
    levels = sorted({float(level) for level in quantiles})
    if not levels or not all(0 < level < 1 for level in levels):
        raise ParameterError(f"quantiles must be numbers between 0 and 1, at least one, not {quantiles!r}.")
    if target_ms is not None and not target_ms > 0:
        raise ParameterError(f"target_ms must be a number above 0, not {target_ms!r}.")
    check_conf_level(conf_level)
    blocks = latency_blocks(ds, period=period, service=service, target_ms=target_ms)
    parts = []
    for failures, level in product((False, True), levels):
        found = _latency_limits(ds, blocks, level=level, failures=failures, conf_level=conf_level)
        parts.append(_quantile_rows(found, level, failures))
    days = blocks.days
    if target_ms is not None:
        parts.append(_slow(days, conf_level=conf_level))
    means = days.groupby(_KEYS, dropna=False).agg(p95=("p95", "mean"), n=("answered", "sum"))
    naive = estimates(means.index.to_frame(index=False), metric="latency_mean_of_p95_naive", unit="ms", estimate=means["p95"], n=means["n"])
    return stack([*parts, naive])


def _latency_limits(ds: Dataset, blocks: LatencyBlocks, *, level: float, failures: bool, conf_level: float) -> pd.DataFrame:
    """Return the quantile of each service and period with Woodruff limits: `service, period, estimate, conf_low, conf_high, n`."""
    days = blocks.days.sort_values(["code", "day"])
    units = days["checks" if failures else "answered"]
    n = units.groupby(days["code"]).sum().to_numpy()
    value = at_levels(ds, blocks, np.full(len(n), level), n=n)
    levels = block_levels(below_by_day(ds, blocks, value), units, level=level, groups=days["code"], conf_level=conf_level)
    known = np.isfinite(value)
    low, high = (np.where(known, at_levels(ds, blocks, part, n=n), np.nan) for part in levels)
    keys = days.drop_duplicates("code")[_KEYS].reset_index(drop=True)
    return keys.assign(estimate=value, conf_low=np.minimum(low, value), conf_high=np.maximum(high, value), n=n)


def _quantile_rows(found: pd.DataFrame, level: float, failures: bool) -> pd.DataFrame:
    name = "latency" if level == 0.5 else f"latency_{100 * level:g}".replace(".", "_")
    numbers = {column: found[column] for column in ("estimate", "conf_low", "conf_high", "n")}
    return estimates(found[_KEYS], metric=name + "_with_failures" * failures, unit="ms", **numbers)


def _slow(days: pd.DataFrame, *, conf_level: float) -> pd.DataFrame:
    """Return the share of checks slower than the target, failed ones being slow."""
    groups = days.groupby(_KEYS, dropna=False)
    share = clustered_share(days["slow"], days["checks"], groups=groups.ngroup(), conf_level=conf_level)
    return estimates(groups.size().index.to_frame(index=False), metric="slow_share", unit="share", **share._asdict(), n=groups["checks"].sum())


def _summed(days: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Return sums by service and period; refuse none."""
    if days.empty:
        raise NotEnoughDataError("no period with checks is over yet. Take a shorter period, or period=None for all checks together.")
    return days.groupby(_KEYS, dropna=False)[columns].sum().astype("float64")


def _blocks(rows: pd.DataFrame, lost: str) -> pd.DataFrame:
    """Return the number of outages with time in each period and the sum of their squared lengths in it."""
    lengths = rows.groupby([*_KEYS, "outage"], dropna=False)[lost].sum().astype("float64")
    counted = (lengths**2).groupby(_KEYS, dropna=False).agg(["size", "sum"]).set_axis(["count", "squares"], axis=1)
    return counted.astype("float64")


def _typical(outages: pd.DataFrame, lost: str, days: pd.DataFrame, *, unit: float) -> dict[str, float]:
    """Return the mean length of an outage of each service; where it has none that of all services, and without any one check."""
    lengths = outages.groupby(["service", "outage"])[lost].sum()
    own = lengths.groupby("service").mean()
    common = float(lengths.mean()) if len(lengths) else unit
    return {name: float(own.get(name, common)) for name in days["service"].unique()}


def _unobserved(ds: Dataset, days: pd.DataFrame, period: Period | None) -> pd.DataFrame:
    """Return the share of time since each service's first check for which no check stands."""
    end = cutoff(ds)
    first = days.groupby("service")["first_at"].min().rename("since").reset_index()
    frame = pd.DataFrame({"period": [pd.NaT], "starts_at": [first["since"].min()], "ends_at": [end], "finished": [True]})
    frame = frame if period is None else period_frame(ds, days["day"].min(), period)
    cells = first.merge(frame[frame["finished"]].drop(columns="finished"), how="cross").query("since < ends_at")
    dated = in_periods(ds, days, period).astype({"period": "datetime64[us]"})
    seen = dated.groupby(_KEYS, dropna=False)[["up_seconds", "down_seconds", "checks"]].sum().reset_index()
    cells = cells.astype({"period": "datetime64[us]"}).merge(seen, on=_KEYS, how="left").fillna({"up_seconds": 0.0, "down_seconds": 0.0, "checks": 0})
    length = (cells["ends_at"] - cells[["starts_at", "since"]].max(axis=1)).dt.total_seconds()
    share = (1 - (cells["up_seconds"] + cells["down_seconds"]) / length).clip(0, 1)
    return estimates(cells[_KEYS], metric="unobserved_share", unit="share", estimate=share, n=cells["checks"])


def _recovery(begun: pd.DataFrame, *, conf_level: float) -> list[pd.DataFrame]:
    """Return the median length of outages; nothing without one."""
    if begun.empty:
        return []
    rows = begun[_KEYS].assign(duration_days=begun["minutes"] / _MINUTES_A_DAY, observed=begun["observed"])
    keys = _KEYS if rows["period"].notna().all() else ["service"]
    table = median_time(rows[[*keys, "duration_days", "observed"]], keys, conf_level=conf_level)
    times = {name: table[name] * _MINUTES_A_DAY for name in ("estimate", "conf_low", "conf_high")}
    shown = table[keys].assign(**{} if "period" in keys else {"period": pd.Series(pd.NaT, index=table.index, dtype="datetime64[us]")})
    return [estimates(shown, metric="time_to_recover", unit="minutes", **times, n=table["n"])]


def _inverse(values: np.ndarray) -> np.ndarray:
    return np.asarray(1 / np.where(np.asarray(values) > 0, values, np.nan))
