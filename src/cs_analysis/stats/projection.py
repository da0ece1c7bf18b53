"""Shares by cohort and age: what the cells that are not over yet will show, with a band, and how well that would have worked before."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import optimize, special

from cs_analysis.stats.estimates import check_conf_level
from cs_analysis.stats.intervals import Floats, Interval, wilson

_ROUNDS, _STEPS = 4, 12
_PRIOR = ((-3.0, 2.0), (0.0, 2.0), (0.0, 1.0))  # mean and standard deviation of log tau^2, log kappa, log phi
_LOWEST, _HIGHEST = 1e-9, 0.98


class _Grid(NamedTuple):
    """Known cells laid out with one row a cohort and one column an age: successes, units (0 where unknown), and the units of each cohort.

    The last row is half a success and half a failure at each age, a cohort without effect of its own.
    """

    hits: Floats
    units: Floats
    sizes: Floats


class _Fitted(NamedTuple):
    """Effects, what they leave uncertain, and phi, how many times as much as independent units cells scatter."""

    logit: Floats
    variance: Floats
    phi: float


def project_cells(known: pd.DataFrame, wanted: pd.DataFrame, *, conf_level: float = 0.95) -> Interval:
    """Share that each wanted cell will show, with a band for what will be seen.

    logit of the share = effect of the age + effect of the cohort. Cohort effects are normal with variance tau^2 + kappa / n: a small cohort
    scatters by who happens to be in it. Cells scatter phi times as much as independent units would. The three are estimated by restricted
    maximum likelihood on the working response (penalised quasi-likelihood), weakly held by lognormal priors so that a few cells suffice, and half
    a success and half a failure are added at each age. Cohorts drift: the variance grows with each age beyond the last known cell, by as much as
    the squared differences of a cohort's known residuals grow with the ages between them. The band is that of a beta-binomial number of
    successes whose variance is the sum of what is uncertain about the share and what chance will add. In simulated companies it covered 79
    to 100 % of the cells of a company at 95 %, 94 % on average: the cells of one company move together.

    Parameters
    ----------
    known : DataFrame
        `cohort`, `age`, `hits`, `units`, one row a cell.
    wanted : DataFrame
        `cohort`, `age`, `units`.
    conf_level : float
        Level of the band.

    Returns
    -------
    Interval
        One entry a wanted cell; missing at ages that no known cell has. At ages where all known cells are 0 or all are 1 it is their share,
        with Wilson's limits.

    References
    ----------
    Breslow and Clayton (1993), Journal of the American Statistical Association 88, 9-25. Robinson (1991), Statistical Science 6, 15-32.
    """
    check_conf_level(conf_level)
    totals = known.groupby("age")[["hits", "units"]].sum()
    plain = wilson(*(totals.reindex(wanted["age"])[name].fillna(0).to_numpy() for name in ("hits", "units")), conf_level=conf_level)
    vary = totals.index[(totals["hits"] > 0) & (totals["hits"] < totals["units"])]
    modelled = wanted["age"].isin(vary).to_numpy()
    if not modelled.any():
        return Interval(*(np.asarray(value, dtype="float64") for value in plain))
    rows = wanted[modelled]
    fitted = _fit(known[known["age"].isin(vary)], rows, ages=vary)
    band = _band(fitted, rows["units"].to_numpy("float64"), conf_level=conf_level)
    return Interval(*(_placed(np.asarray(whole, dtype="float64"), modelled, part) for whole, part in zip(plain, band, strict=True)))


def back_test(cells: pd.DataFrame, *, hidden: int, conf_level: float = 0.95) -> pd.DataFrame:
    """Hidden cells with what would have been projected for them.

    Parameters
    ----------
    cells : DataFrame
        Finished cells: `cohort` (number of the period), `age`, `hits`, `units`. A cell was seen in period cohort + age.
    hidden : int
        So many last periods are hidden; fewer where fewer than two would be left.
    conf_level : float
        Level of the band.

    Returns
    -------
    DataFrame
        One row a hidden cell whose cohort and age had been seen: `cohort`, `age`, `units`, `seen` (its share), `estimate`, `conf_low`,
        `conf_high`, and `naive`, the share at that age of the youngest cohort that had finished it.
    """
    seen_in = cells["cohort"] + cells["age"]
    last = seen_in.max() - min(hidden, max(int(seen_in.max() - cells["cohort"].min()) - 1, 0)) if len(cells) else 0
    past, later = cells[seen_in <= last], cells[(seen_in > last) & (cells["cohort"] <= last)]
    later = later[later["age"].isin(past["age"])].reset_index(drop=True)
    youngest = past.sort_values("cohort").drop_duplicates("age", keep="last").set_index("age")
    naive = (youngest["hits"] / youngest["units"]).reindex(later["age"]).to_numpy("float64")
    projected = project_cells(past, later, conf_level=conf_level)
    kept = later[["cohort", "age", "units"]]
    return kept.assign(seen=later["hits"] / later["units"], **projected._asdict(), naive=naive)


def _placed(whole: Floats, where: npt.NDArray[np.bool_], part: Floats) -> Floats:
    whole[where] = part
    return whole


def _fit(known: pd.DataFrame, wanted: pd.DataFrame, *, ages: pd.Index) -> _Fitted:
    """Return the logits of the wanted cells."""
    sizes = pd.concat([known, wanted]).groupby("cohort")["units"].max()
    hits, units = (
        known.pivot_table(index="cohort", columns="age", values=name, aggfunc="sum").reindex(index=sizes.index, columns=ages) for name in ("hits", "units")
    )
    half, one = np.full((1, len(ages)), 0.5), np.ones((1, len(ages)))
    grid = _Grid(np.vstack([hits.fillna(0), half]), np.vstack([units.fillna(0), one]), sizes.to_numpy("float64"))
    logs = np.array([mean for mean, _ in _PRIOR])
    logit = np.broadcast_to(special.logit(grid.hits.sum(0) / grid.units.sum(0)), grid.units.shape).copy()
    for _ in range(_ROUNDS):
        for _ in range(_STEPS):
            logit = _solved(grid, logit, logs)[0]
        logs = optimize.minimize(lambda trial, at=logit: _loss(grid, at, trial), logs, method="Nelder-Mead", options={"xatol": 0.01, "fatol": 0.001}).x
    variance = _uncertain(grid, logit, logs)
    row, column = sizes.index.get_indexer(wanted["cohort"]), ages.get_indexer(wanted["age"])
    return _Fitted(logit[row, column], variance[row, column], float(np.exp(logs[2])))


def _working(grid: _Grid, logit: Floats, logs: Floats) -> tuple[Floats, Floats, Floats]:
    """Return working weights, working responses and the variance of each cohort's effect."""
    share = special.expit(np.clip(logit, -8, 8))
    information = share * (1 - share)
    response = np.clip(logit, -8, 8) + np.where(grid.units > 0, grid.hits / np.maximum(grid.units, 1) - share, 0) / information
    tau, kappa, phi = np.exp(logs)
    weights = grid.units * information / phi
    weights[-1] *= phi
    return weights, response, np.append(tau + kappa / grid.sizes, 0.0)


def _solved(grid: _Grid, logit: Floats, logs: Floats) -> tuple[Floats, float]:
    """Return the logits of all cells one step on, and twice the negative restricted log likelihood."""
    weights, response, spread = _working(grid, logit, logs)
    shrink, precision = _shrunk(weights, spread)
    weighted = weights * response
    ages = np.linalg.solve(precision, weighted.sum(0) - weights.T @ (shrink * weighted.sum(1)))
    left = weights * (response - ages)
    cohorts = left.sum(1)
    fit = (left * (response - ages)).sum() - (shrink * cohorts**2).sum()
    loss = -np.log(weights[weights > 0]).sum() + np.log1p(spread * weights.sum(1)).sum() + np.linalg.slogdet(precision)[1] + fit
    return ages[None] + (shrink * cohorts)[:, None], float(loss)


def _shrunk(weights: Floats, spread: Floats) -> tuple[Floats, Floats]:
    """Return how far the cells of each cohort are believed, a unit of weight, and the precision of the ages' effects."""
    shrink = spread / (1 + spread * weights.sum(1))
    return shrink, np.diag(weights.sum(0)) - weights.T @ (shrink[:, None] * weights)


def _uncertain(grid: _Grid, logit: Floats, logs: Floats) -> Floats:
    """Return the variances of the errors of all logits.

    An error of the ages' effects moves a cohort's own effect the other way, in proportion to how far its cells are believed.
    """
    weights, response, spread = _working(grid, logit, logs)
    shrink, precision = _shrunk(weights, spread)
    covariance, moved = np.linalg.inv(precision), shrink[:, None] * weights
    both = moved @ covariance
    settled = np.diag(covariance)[None] - 2 * both + (both * moved).sum(1)[:, None] + shrink[:, None]
    return np.asarray(settled + _drift(weights, response - logit) * _lead(weights))


def _drift(weights: Floats, residuals: Floats) -> float:
    """Return by how much the mean squared difference of two residuals of a cohort grows with each age between them, never below 0."""
    lags = np.arange(1, weights.shape[1] // 2 + 1)
    means, masses = np.zeros(len(lags)), np.zeros(len(lags))
    for place, lag in enumerate(lags):
        near, far = weights[:-1, :-lag], weights[:-1, lag:]
        mass = near * far / np.where(near + far > 0, near + far, 1)
        means[place] = (mass * (residuals[:-1, lag:] - residuals[:-1, :-lag]) ** 2).sum() / max(mass.sum(), _LOWEST)
        masses[place] = mass.sum()
    if len(lags) < 2 or not masses.any():
        return 0.0
    middle = np.average(lags, weights=masses)
    return max(float((masses * (lags - middle) * means).sum() / max((masses * (lags - middle) ** 2).sum(), _LOWEST)), 0.0)


def _lead(weights: Floats) -> Floats:
    """Return the ages from the last known cell of each cohort, or from the first age, to each cell."""
    places = np.arange(weights.shape[1])
    last = np.where(weights > 0, places, 0).max(1)
    return np.asarray(np.maximum(places[None] - last[:, None], 0), dtype="float64")


def _loss(grid: _Grid, logit: Floats, logs: Floats) -> float:
    held = sum(((log - mean) / deviation) ** 2 for log, (mean, deviation) in zip(logs, _PRIOR, strict=True))
    return _solved(grid, logit, np.clip(logs, -12, 6))[1] + float(held)


def _band(fitted: _Fitted, units: Floats, *, conf_level: float) -> Interval:
    """Return the share and the limits of a beta-binomial share of so many units whose variance is that of the projection."""
    share = special.expit(fitted.logit)
    chance = share * (1 - share)
    variance = chance**2 * fitted.variance + fitted.phi * chance / units
    likeness = np.clip((variance * units / chance - 1) / np.where(units > 1, units - 1, np.nan), _LOWEST, _HIGHEST)
    likeness = np.where(units > 1, likeness, 0.5)
    strength = 1 / likeness - 1
    tail = (1 - conf_level) / 2
    pairs = zip(units.astype("int64"), share * strength, (1 - share) * strength, strict=True)
    ends = np.array([_quantiles(count, a, b, tail=tail) for count, a, b in pairs]).reshape(-1, 2)
    return Interval(share, np.minimum(ends[:, 0], share), np.maximum(ends[:, 1], share))


def _quantiles(count: int, a: float, b: float, *, tail: float) -> tuple[float, float]:
    """Return the shares between which all but `tail` on either side of a beta-binomial distribution lies."""
    successes = np.arange(count + 1)
    log_chance = (
        special.betaln(successes + a, count - successes + b) - special.betaln(a, b) - np.log(count + 1) - special.betaln(count - successes + 1, successes + 1)
    )
    below = np.cumsum(np.exp(log_chance))
    low, high = np.searchsorted(below, [tail, 1 - tail])
    return float(low / count), float(min(high, count) / count)
