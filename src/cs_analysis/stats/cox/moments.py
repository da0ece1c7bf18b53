"""Who is at risk at the moments (times in a stratum) at which units end, and sums over the risk sets."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from cs_analysis.stats.risk import Floats, Integers

if TYPE_CHECKING:
    from cs_analysis.stats.cox.design import CoxData


@dataclass(frozen=True, eq=False)
class Moments:
    """The moments at which units end, by stratum and time.

    Attributes
    ----------
    stratum, time : array
        Of each moment; times in steps.
    ended : array
        Row numbers of the ends, by moment.
    place : array
        Moment of each of `ended`, rising.
    first, last : array
        Each row is at risk at the moments `first`, ..., `last` - 1.
    begin : array
        First moment of each row's stratum.
    """

    stratum: Integers
    time: Integers
    ended: Integers
    place: Integers
    first: Integers
    last: Integers
    begin: Integers

    @classmethod
    def of(cls, data: CoxData) -> Moments:
        """Return the moments of a design."""
        times, _ = _distinct(np.sort(data.leave[data.observed]))
        base = data.stratum * (len(times) + 1)
        leave = base + np.searchsorted(times, data.leave, side="right")
        enter = base + np.searchsorted(times, data.enter - (data.enter == 0), side="right")  # from the start: at risk at time 0 too
        ended = np.flatnonzero(data.observed)
        ended = ended[np.argsort(leave[ended], kind="stable")]
        codes, place = _distinct(leave[ended] - 1)
        first, last, begin = (np.searchsorted(codes, each) for each in (enter, leave, base))
        return cls(codes // (len(times) + 1), times[codes % (len(times) + 1)], ended, place, first, last, begin)

    @cached_property
    def starts(self) -> Integers:
        """Where the ends of each moment begin in `ended`."""
        return np.flatnonzero(np.diff(self.place, prepend=-1))

    @cached_property
    def tied(self) -> Integers:
        """How many rows end at each moment."""
        return np.diff(self.starts, append=len(self.place))

    @cached_property
    def several(self) -> Integers:
        """The moments at which more than one row ends."""
        return np.flatnonzero(self.tied > 1)

    def of_tied(self, values: Floats) -> Floats:
        """Return the sums of each column of `values` (a row for each row of the data) over those that end at each of `several`."""
        return np.asarray(self._tying @ values)

    def at_risk(self, values: Floats) -> Floats:
        """Return the sums of each column of `values` over those at risk at each moment.

        They are added from the end, because the last risk sets are the smallest: what leaves later, less what also enters later, less what both
        leaves and enters in later strata.
        """
        change = self._leaving @ values
        if self._entering is not None:
            change -= self._entering @ values
        later = np.cumsum(change[:0:-1], axis=0)[::-1]
        if not self.stratum.any():
            return later
        return np.asarray(later - np.vstack([later, np.zeros_like(later[:1])])[self._end_of_stratum])

    def over(self, values: Floats) -> Floats:
        """Return for each row the sum of `values` (one a moment) over the moments at which it is at risk."""
        running = np.concatenate([[0.0], np.cumsum(values)])
        return np.asarray(running[self.last] - running[self.first])

    @cached_property
    def _tying(self) -> Any:
        bounds = np.concatenate([[0], np.cumsum(self.tied[self.several])])
        return _grouping(bounds, self.ended[self.tied[self.place] > 1], len(self.first))

    @cached_property
    def _leaving(self) -> Any:
        return self._by(self.last, np.flatnonzero(self.last > self.first))

    @cached_property
    def _entering(self) -> Any | None:
        late = np.flatnonzero((self.first > self.begin) & (self.last > self.first))
        return self._by(self.first, late) if len(late) else None

    @cached_property
    def _end_of_stratum(self) -> Integers:
        return np.searchsorted(self.stratum, self.stratum, side="right")

    def _by(self, moment: Integers, rows: Integers) -> Any:
        """Return the matrix that adds up some rows by moment (the number of moments for never again)."""
        bounds = np.concatenate([[0], np.cumsum(np.bincount(moment[rows], minlength=len(self.time) + 1))])
        return _grouping(bounds, rows[np.argsort(moment[rows], kind="stable")], len(moment))


def _distinct(rising: Integers) -> tuple[Integers, Integers]:
    """Return the distinct ones of rising values, and the number of each value among them (`np.unique` takes longer to find the order)."""
    new = np.diff(rising, prepend=rising[:1] - 1) > 0
    return rising[new], np.cumsum(new) - 1


def _grouping(bounds: Integers, rows: Integers, width: int) -> Any:
    """Return the matrix that adds up `rows[bounds[0]:bounds[1]]`, `rows[bounds[1]:bounds[2]]` and so on."""
    return sparse.csr_array((np.ones(len(rows)), rows, bounds), shape=(len(bounds) - 1, width))
