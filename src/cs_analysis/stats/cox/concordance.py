"""How well a risk score orders units by when they end: concordance with its standard error, in n log n steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError
from cs_analysis.stats.cox.design import CoxData
from cs_analysis.stats.estimates import check_conf_level, estimates
from cs_analysis.stats.intervals import Interval
from cs_analysis.stats.risk import By, Flags, Floats, Integers, by_columns, grouped, read_rows


class Concordance(NamedTuple):
    """Share of pairs in order, its standard error, and the (weighted) number of pairs that can be compared."""

    estimate: float
    standard_error: float
    pairs: float

    def interval(self, conf_level: float = 0.95) -> Interval:
        """Return limits that are symmetric for the log-odds; missing where the standard error is 0 and says nothing about the spread."""
        z = special.ndtri((1 + check_conf_level(conf_level)) / 2)
        spread = self.estimate * (1 - self.estimate)
        if not (self.standard_error > 0 and spread > 0):
            return Interval(self.estimate, float("nan"), float("nan"))
        middle, half = special.logit(self.estimate), z * self.standard_error / spread
        return Interval(self.estimate, float(special.expit(middle - half)), float(special.expit(middle + half)))


def concordance(
    durations: pd.DataFrame, score: str | Sequence[float] | Floats | pd.Series, *, strata: By = None, cluster: str | None = None, conf_level: float = 0.95
) -> pd.DataFrame:
    """Share of comparable pairs in which the unit with the higher risk score ended first; equal scores count one half.

    A pair can be compared if one of the two ended while the other was at risk and remained so: entered before, and ended later or was
    last seen then or later. Two that end at the same time cannot. 1/2 is a score that knows nothing, 1 one that orders all. The standard
    error is that of the infinitesimal jackknife (the sum over clusters of squared influences), the limits are symmetric for the log-odds.

    Parameters
    ----------
    durations : DataFrame
        As for `survival_curve`: `duration_days`, `observed`, and `enter_days` and `count` if they apply.
    score : str or array-like
        The risk score, higher for units expected to end sooner: a column of `durations`, or one number a row.
    strata : str or list of str, optional
        Columns within whose values units are compared.
    cluster : str, optional
        Column whose values belong together, such as the account of several users.
    conf_level : float
        Confidence level.

    Returns
    -------
    DataFrame
        One row of estimates; metric `concordance`, unit `share`, `n` = units. The limits are missing where all pairs are in order, or none.

    Raises
    ------
    MissingColumnsError
        A column is absent.
    ParameterError
        As for `survival_curve`; a score is missing or infinite, or there is not one a row.
    NotEnoughDataError
        No pair can be compared.

    References
    ----------
    Harrell, Califf, Pryor, Lee and Rosati (1982), Journal of the American Medical Association 247, 2543-2546. Therneau and Watson (2015),
    The Concordance Statistic and the Cox Model, Mayo Clinic Technical Report 85.

    Examples
    --------
    >>> table = pd.DataFrame({"duration_days": [2, 3, 4, 5], "observed": [True, True, False, True], "risk": [0.9, 0.4, 0.6, 0.1]})
    >>> concordance(table, "risk")[["metric", "unit", "estimate", "n"]]
            metric   unit  estimate  n
    0  concordance  share       0.8  4
    """
    data, count = _read(durations, strata=strata, cluster=cluster)
    found = agreement(_scores(durations, score), data, count=count)
    units = len(durations) if count is None else int(count.sum())
    return estimates({}, metric="concordance", unit="share", **found.interval(conf_level)._asdict(), n=units)


def agreement(score: Floats, data: CoxData, *, count: Integers | None = None) -> Concordance:
    """Return the concordance of a risk score with the ends of a design.

    Parameters
    ----------
    score : array
        One number a row, higher for those expected to end sooner.
    data : CoxData
        Times, ends, weights, strata and clusters; the covariates are not used.
    count : array of int, optional
        How many units with these weights a row stands for; without clusters each of them has an influence of its own.

    Returns
    -------
    Concordance
        Equal to `survival::concordance` of R with `reverse = TRUE`.

    Raises
    ------
    NotEnoughDataError
        No pair can be compared.
    """
    number = np.ones(len(score)) if count is None else count.astype("float64")
    net, compared = _pairs_of_rows(score, data, weights=data.weights * number)
    pairs = float(data.weights * number @ compared) / 2
    if not pairs > 0:
        raise NotEnoughDataError("no two units can be compared: nobody ended while another was at risk and remained so. Observe longer.")
    lead = float(data.weights * number @ net) / (2 * pairs)
    influence = data.weights * (net - lead * compared) / pairs
    variance = number @ influence**2 if data.cluster is None else np.sum(np.bincount(data.cluster, influence * number) ** 2)
    return Concordance((lead + 1) / 2, float(np.sqrt(variance)) / 2, pairs)


class _Items(NamedTuple):
    """Rows at the time they leave and, with the opposite sign, late rows at the time they enter.

    An end at key t is compared with what has a later key in the stratum: rows that leave later, less those that also enter later. What
    leaves at key t is compared with the ends at earlier keys, less those before it entered. Keys are twice the time for ends, one more for
    rows that leave without an end and for entries: at equal times ends come first.
    """

    row: Integers
    time: Integers
    stratum: Integers
    sign: Floats
    ends: Flags

    @classmethod
    def of(cls, data: CoxData) -> _Items:
        late = np.flatnonzero(data.enter > 0)
        row = np.concatenate([np.arange(len(data.leave)), late])
        key = np.concatenate([2 * data.leave + ~data.observed, 2 * data.enter[late] + 1])
        _, time = np.unique(key, return_inverse=True)
        leaves = np.arange(len(row)) < len(data.leave)
        return cls(row, time, data.stratum[row], np.where(leaves, 1.0, -1.0), leaves & data.observed[row])


def _pairs_of_rows(score: Floats, data: CoxData, *, weights: Floats) -> tuple[Floats, Floats]:
    """Return for each row the weights of those it is compared with: in order less out of order, and all."""
    items = _Items.of(data)
    weight = weights[items.row]
    mass, ends = items.sign * weight, items.ends * weight
    _, rank = np.unique(score, return_inverse=True)
    net_after, net_before = _net_of_items(items, rank[items.row], mass=mass, ends=ends)
    after, before = _all_of_items(items, mass=mass, ends=ends)

    def of_rows(later: Floats, earlier: Floats) -> Floats:
        return np.asarray(np.bincount(items.row, items.ends * later + items.sign * earlier, len(score)), dtype="float64")

    return of_rows(net_after, net_before), of_rows(after, before)


def _all_of_items(items: _Items, *, mass: Floats, ends: Floats) -> tuple[Floats, Floats]:
    """Return for each item the mass at later times of its stratum, and the ends at earlier ones."""
    width = int(items.time.max()) + 1
    code, place = np.unique(items.stratum * width + items.time, return_inverse=True)
    end = np.searchsorted(code, (code // width + 1) * width)[place]
    begin = np.searchsorted(code, code // width * width)[place]
    mass_until, ends_until = (np.concatenate([[0.0], np.cumsum(np.bincount(place, values))]) for values in (mass, ends))
    return mass_until[end] - mass_until[place + 1], ends_until[place] - ends_until[begin]


def _net_of_items(items: _Items, rank: Integers, *, mass: Floats, ends: Floats) -> tuple[Floats, Floats]:
    """Return for each item the mass at later times and the ends at earlier ones, counted + where the order is as expected and - where not.

    As expected is a lower score at later times and a higher one at earlier times; equal scores count nothing.
    Times are split bit by bit, from the highest: within a block of times that agree in all higher bits, every item of the late half meets
    every item of the early half, and since the items of a block lie in the order of their scores, running sums count those below and
    above. Each pair meets once, at the highest bit in which its times differ.
    """
    after, before = np.zeros(len(rank)), np.zeros(len(rank))
    order = np.lexsort((rank, items.stratum))
    for bit in reversed(range(int(items.time.max()).bit_length())):
        time = items.time[order]
        late = (time >> bit & 1).astype(bool)
        blocks = _starts(time >> (bit + 1), items.stratum[order])
        ties = blocks | _starts(rank[order])
        early, later = order[~late], order[late]
        after[early] += _below_less_above(np.where(late, mass[order], 0.0), blocks=blocks, ties=ties)[~late]
        before[later] -= _below_less_above(np.where(late, 0.0, ends[order]), blocks=blocks, ties=ties)[late]
        order = np.concatenate([early, later])
    return after, before


def _starts(*columns: npt.NDArray[Any]) -> Flags:
    """Return where any of the columns differs from the entry before."""
    starts = np.ones(len(columns[0]), dtype=bool)
    starts[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return starts


def _below_less_above(values: Floats, *, blocks: Flags, ties: Flags) -> Floats:
    """Return for each entry the sum of the values of its block before its tie less the sum of those after it."""
    running = np.concatenate([[0.0], np.cumsum(values)])
    return _edges(running, ties) - _edges(running, blocks)


def _edges(running: Floats, starts: Flags) -> Floats:
    """Return for each entry the running sum at the beginning of its run plus that at the end."""
    bounds = np.append(np.flatnonzero(starts), len(starts))
    return np.repeat(running[bounds[:-1]] + running[bounds[1:]], np.diff(bounds))


def _read(durations: pd.DataFrame, *, strata: By, cluster: str | None) -> tuple[CoxData, Integers | None]:
    """Return a durations table as a design without covariates, and how many units its rows stand for."""
    layers, member = by_columns(strata), by_columns(cluster)
    rows = read_rows(durations, [*layers, *member])
    _, stratum = grouped(durations, layers)
    code = grouped(durations, member)[1] if member else None
    enter = np.zeros_like(rows.leave) if rows.enter is None else rows.enter
    nothing = np.empty((len(durations), 0))
    data = CoxData(
        nothing, (), enter=enter, leave=rows.leave, observed=rows.observed, weights=np.ones(len(durations)), stratum=stratum, cluster=code, ties="efron"
    )
    return data, rows.count


def _scores(durations: pd.DataFrame, score: Any) -> Floats:
    """Return the scores as floats, one a row."""
    if isinstance(score, str) and score not in durations.columns:
        raise MissingColumnsError([score], durations.columns, table="durations")
    values = np.asarray(pd.to_numeric(pd.Series(durations[score] if isinstance(score, str) else score), errors="coerce"), dtype="float64")
    if values.shape != (len(durations),):
        raise ParameterError(f"score must have one number for each of the {len(durations)} rows, not {values.size}.")
    bad = ~np.isfinite(values)
    if bad.any():
        first = durations.index[int(np.argmax(bad))]
        raise ParameterError(f"score must be a finite number in every row; {int(bad.sum())} are not, first row {first!r}. Leave those rows out of both.")
    return values
