"""Whether the data can tell the coefficients of a Cox model: what varies at all, and what follows from what."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.stats.cox.likelihood import PartialLikelihood
from cs_analysis.stats.cox.moments import Moments
from cs_analysis.stats.risk import Floats

if TYPE_CHECKING:
    from cs_analysis.stats.cox.design import CoxData

_NO_SPREAD = 1e-10  # standard deviation beside the largest absolute value
_EXPLAINED = 1e-10  # part of a variance that is left when it is all rounding
_SHOWN = 1e-6  # share of the largest part of a combination below which a part is rounding


def check_design(data: CoxData, *, information: Floats | None = None, moments: Moments | None = None) -> None:
    """Return nothing if the data can tell every coefficient, else raise an error that names the covariate.

    Refused are more terms than ends, a column that is constant (within every stratum, among those who are ever at risk when somebody ends),
    a column that is a linear combination of others, and one, or a combination, that does not vary among those at risk at one time.

    Parameters
    ----------
    data : CoxData
        The design.
    information : array, optional
        The information matrix with all coefficients 0, if it is known already.
    moments : Moments, optional
        Those of the design, likewise.

    Raises
    ------
    NotEnoughDataError
        Nobody ends, or there are more terms than ends.
    ParameterError
        A coefficient cannot be told; the message names the terms, how they hang together and what to do.
    """
    ends = int(data.observed.sum())
    if ends < max(1, len(data.terms)):
        few = f"{len(data.terms)} coefficients cannot be told from {ends} ends." if ends else "nobody ended: no hazard can be told."
        raise NotEnoughDataError(f"{few} Use fewer covariates, pool levels, or observe longer.")
    deviation = _within_strata(data, Moments.of(data) if moments is None else moments)
    spread = np.sqrt(np.mean(deviation**2, axis=0))
    _refuse_constant(data, spread)
    _refuse_combinations(data.terms, deviation / spread, spread)
    if information is None:
        _, _, information = PartialLikelihood.of(data).at(np.zeros(len(data.terms)))
    _refuse_common(data.terms, information, spread * np.sqrt(ends * data.weights.mean()))


def _within_strata(data: CoxData, moments: Moments) -> Floats:
    """Return the covariates less their mean in the stratum, of the rows that are at risk when somebody ends."""
    used = moments.last > moments.first
    x, stratum = data.x[used], data.stratum[used]
    if not stratum.any():
        return np.asarray(x - x.mean(axis=0))
    size = np.maximum(np.bincount(stratum), 1)
    mean = np.column_stack([np.bincount(stratum, column) / size for column in x.T])
    return np.asarray(x - mean[stratum])


def _refuse_constant(data: CoxData, spread: Floats) -> None:
    """Raise if a column does not vary."""
    constant = spread <= _NO_SPREAD * np.abs(data.x).max(axis=0)
    if not constant.any():
        return
    column = int(np.argmax(constant))
    values = data.x[:, column]
    where = "in every row" if np.ptp(values) == 0 else "among all who are at risk when somebody ends" + (" (within each stratum)" if data.stratum.any() else "")
    value = f" ({values[0]:g})" if np.ptp(values) == 0 else ""
    others = f" So have {_listed(data.terms[other] for other in np.flatnonzero(constant)[1:])}." if constant.sum() > 1 else ""
    raise ParameterError(f"the covariate '{label(data.terms[column])}' has the same value{value} {where}: no hazard ratio can be told. Leave it out.{others}")


def _refuse_combinations(terms: Sequence[str], scaled: Floats, spread: Floats) -> None:
    """Raise if a column follows from those before it; the columns have spread 1."""
    likeness = scaled.T @ scaled / len(scaled)
    for column in range(1, len(terms)):
        before = slice(0, column)
        parts = np.linalg.solve(likeness[before, before], likeness[before, column])
        if likeness[column, column] - parts @ likeness[before, column] < _EXPLAINED:
            sum_of = combination(terms[:column], parts * spread[column] / spread[before])
            raise ParameterError(
                f"the covariate '{label(terms[column])}' follows from others, so that no hazard ratio of its own can be told: up to a constant "
                f"it is {sum_of}. Leave one of them out."
            )


def _refuse_common(terms: Sequence[str], information: Floats, scale: Floats) -> None:
    """Raise if some combination has the same value for all at risk at one time."""
    values, vectors = np.linalg.eigh(information / np.outer(scale, scale))
    if values[0] < _EXPLAINED:
        parts = vectors[:, 0] / scale
        raise ParameterError(
            f"no hazard ratio of {combination(terms, parts / parts[np.argmax(np.abs(parts))])} can be told: at every time at which somebody "
            "ends it has the same value for all at risk (as calendar dates or the time itself have). Leave it, or one of its parts, out."
        )


def label(term: str) -> str:
    """Return a term as a reader says it: `plan[free]` and `plan[T.free]` are "plan = free"."""
    level = re.fullmatch(r"(?:C\()?(.+?)\)?\[(?:T\.)?(.+)\]", term)
    return f"{level[1]} = {level[2]}" if level else term


def combination(terms: Sequence[str], parts: Floats) -> str:
    """Return a linear combination in words, without the parts that are rounding."""
    kept = np.abs(parts) > _SHOWN * np.abs(parts).max()
    first, *others = [(float(size), label(term)) for size, term, shown in zip(parts, terms, kept, strict=True) if shown]

    def part(size: float, name: str) -> str:
        named = f"({name})" if " " in name else name
        return named if abs(size - 1) < _SHOWN else f"{size:.4g} {named}"

    lead = f"-{part(-first[0], first[1])}" if first[0] < 0 else part(*first)
    return lead + "".join(f" {'-' if size < 0 else '+'} {part(abs(size), name)}" for size, name in others)


def _listed(names: Iterable[str]) -> str:
    """Return names in quotes, separated by commas."""
    return ", ".join(f"'{label(name)}'" for name in names)
