"""What a model of buying has to give, so that fitting, limits and forecasts are the same for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np

from cs_analysis.stats.buying.histories import Floats, Histories, Ints, Past
from cs_analysis.stats.fits import Diagnostic
from cs_analysis.stats.newton import Objective

_ROWS = 4096
_CELLS = 2**19


class BuyingModel(Protocol):
    """A model of customers who buy at rates of their own until they leave unnoticed.

    Every method takes the logarithms of the parameters (`point`). "Still there" is the state at the end of the data. A new customer is the past
    `NEW_CUSTOMER`, so nothing needs a second formula. What is still to come of somebody who is there may depend on frequency and age, not on
    recency: `expected`, `reach` and `at_least` are asked for distinct pairs of them only.
    """

    @property
    def name(self) -> str:
        """Name in metrics: `bg_nbd` gives `bg_nbd_coefficient`."""

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the parameters, all positive."""

    def starts(self, histories: Histories) -> Iterable[Floats]:
        """Points from which to search, the best guess first."""

    def objective(self, histories: Histories) -> Objective:
        """Mean log-likelihood of a customer, with gradient and Hessian."""

    def checks(self, point: Floats) -> Iterable[Diagnostic]:
        """Whether the maximum lies where the model becomes a simpler one."""

    def alive_log_odds(self, point: Floats, past: Past) -> Floats:
        """Log odds that each customer is still there."""

    def expected(self, point: Floats, past: Past, days: float) -> Floats:
        """Expected purchases in the coming days of each customer, given that he is still there."""

    def reach(self, point: Floats, past: Past, days: float) -> Ints:
        """Number of purchases that each customer exceeds with no probability worth counting."""

    def at_least(self, point: Floats, past: Past, *, days: float, most: int) -> Floats:
        """Probabilities of at least 1, 2, ... `most` purchases (columns) of each customer (rows), given that he is still there."""


def blocks(reach: Ints) -> Iterator[tuple[Ints, int]]:
    """Yield rows with a similar reach, few enough for one table of probabilities, and the largest reach of them."""
    order = np.argsort(reach, kind="stable")
    first = 0
    while first < len(order):
        widest = int(reach[order[min(first + _ROWS, len(order)) - 1]])
        rows = order[first : first + max(1, min(_ROWS, _CELLS // widest))]
        yield rows, int(reach[rows[-1]])
        first += len(rows)
