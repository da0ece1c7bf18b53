"""What a maximum says against itself: a slope that is left, or terms that the data do not pin down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from cs_analysis.stats.fits import Diagnostic
from cs_analysis.stats.newton import Optimum

_VAGUE = 3.0  # standard error of a logarithm: 95 % limits that differ by a factor of 100,000 tell nothing
_RIDGE = 1e10


def identification(optimum: Optimum, covariance: npt.NDArray[np.float64], terms: Sequence[str]) -> Iterator[Diagnostic]:
    """Yield the checks of a maximum over the logarithms of positive terms: `gradient`, `curvature` and one a term.

    A term whose estimate is on its way to 0 or infinity has a likelihood so flat that its logarithm has an enormous standard error.
    """
    yield Diagnostic("gradient", optimum.steepest)
    ridge = not optimum.condition < _RIDGE
    text = "the likelihood hardly changes along a line of the terms: read predictions, not terms, or use a simpler model."
    yield Diagnostic("curvature", optimum.condition, *(("not identified", text) if ridge else ()))
    for term, error in zip(terms, np.sqrt(np.diag(covariance)), strict=True):
        vague = not error < _VAGUE
        text = f"the data do not tell how large {term} is (0 or infinity are not excluded): use a simpler model or more data."
        yield Diagnostic(f"standard error of log {term}", error, *(("not identified", text) if vague else ()))
