"""Ranges of numbers with open or closed ends, as conditions and bands of a health score are written: `above`, `at_least`, `below`, `at_most`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

LOWER, UPPER = ("above", "at_least"), ("below", "at_most")


class Cut(NamedTuple):
    """A place between numbers: just before `value`, or just after it."""

    value: float
    after: bool


class Span(NamedTuple):
    """All numbers between two cuts."""

    start: Cut
    end: Cut

    def holds(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Tell which values lie in it; a missing one lies in none."""
        low = values > self.start.value if self.start.after else values >= self.start.value
        high = values <= self.end.value if self.end.after else values < self.end.value
        return low & high

    def words(self) -> str:
        """Return the range as it is said: `above 5 and at most 10`."""
        said = []
        if np.isfinite(self.start.value):
            said.append(f"{'above' if self.start.after else 'at least'} {self.start.value:g}")
        if np.isfinite(self.end.value):
            said.append(f"{'at most' if self.end.after else 'below'} {self.end.value:g}")
        return " and ".join(said) or "any number"

    def limits(self) -> dict[str, float]:
        """Return the range as it is written in a file."""
        low = {LOWER[not self.start.after]: self.start.value} if np.isfinite(self.start.value) else {}
        high = {UPPER[self.end.after]: self.end.value} if np.isfinite(self.end.value) else {}
        return {**low, **high}


EVERYTHING = Span(Cut(-np.inf, after=False), Cut(np.inf, after=True))


def span_of(limits: Mapping[str, Any]) -> Span:
    """Return the range that limits describe; a limit that is not there is infinite."""
    start, end = EVERYTHING
    for name in LOWER:
        start = Cut(float(limits[name]), after=name == "above") if name in limits else start
    for name in UPPER:
        end = Cut(float(limits[name]), after=name == "at_most") if name in limits else end
    return Span(start, end)


def clashes(spans: Sequence[Span], *, within: Span = EVERYTHING) -> list[tuple[str, int, str]]:
    """Return where ranges are empty, overlap, or leave numbers between or beside them out.

    Returns
    -------
    list of tuple
        What is wrong (`inverted limits`, `overlap`, `gap`), the position of the range at fault, and the numbers concerned in words.
    """
    empty = [("inverted limits", place, span.words()) for place, span in enumerate(spans) if span.start >= span.end]
    if empty:
        return empty
    order = sorted(range(len(spans)), key=lambda place: spans[place])
    found, reached = [], within.start
    for place in order:
        span = spans[place]
        if span.start > reached:
            found.append(("gap", place, Span(reached, span.start).words()))
        elif span.start < reached and place != order[0]:
            found.append(("overlap", place, Span(span.start, min(reached, span.end)).words()))
        reached = max(reached, span.end)
    if reached < within.end:
        found.append(("gap", order[-1], Span(reached, within.end).words()))
    return found
