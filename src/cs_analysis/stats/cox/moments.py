"""Who is at risk at the moments (times in a stratum) at which units end, and sums over the risk sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from cs_analysis.stats.risk import Floats, Integers

if TYPE_CHECKING:
    from cs_analysis.stats.cox.design import CoxData


class Moments(NamedTuple):
    """The moments at which units end, by stratum and time.

    Attributes
    ----------
    stratum, time : array
        Of each moment; times in steps.
    ended : array
        Row numbers of the ends, by moment.
    place : array
        Moment of each of `ended`.
    first, last : array
        Each row is at risk at the moments `first`, ..., `last` - 1.
    """

    stratum: Integers
    time: Integers
    ended: Integers
    place: Integers
    first: Integers
    last: Integers

    @classmethod
    def of(cls, data: CoxData) -> Moments:
        """Return the moments of a design."""
        times = np.unique(data.leave[data.observed])
        base = data.stratum * (len(times) + 1)
        leave = base + np.searchsorted(times, data.leave, side="right")
        enter = base + np.searchsorted(times, data.enter - (data.enter == 0), side="right")  # from the start: at risk at time 0 too
        ended = np.flatnonzero(data.observed)
        ended = ended[np.argsort(leave[ended], kind="stable")]
        codes, place = np.unique(leave[ended] - 1, return_inverse=True)
        first, last = np.searchsorted(codes, enter), np.searchsorted(codes, leave)
        return cls(codes // (len(times) + 1), times[codes % (len(times) + 1)], ended, place, first, last)

    @property
    def tied(self) -> Integers:
        """How many rows end at each moment."""
        return np.bincount(self.place, minlength=len(self.time))

    def at_risk(self, values: Floats) -> Floats:
        """Return the sums of each column of `values` (a row for each row of the data) over those at risk at each moment."""
        return np.column_stack([_after(self.last, column, len(self.time)) - _after(self.first, column, len(self.time)) for column in values.T])

    def over(self, values: Floats) -> Floats:
        """Return for each row the sum of `values` (one a moment) over the moments at which it is at risk."""
        running = np.concatenate([[0.0], np.cumsum(values)])
        return np.asarray(running[self.last] - running[self.first])


def _after(bound: Integers, values: Floats, moments: int) -> Floats:
    """Return at each moment the sum of the values whose bound lies after it, added from the end: the last risk sets are the smallest."""
    return np.asarray(np.cumsum(np.bincount(bound, values, moments + 1)[:0:-1])[::-1])
