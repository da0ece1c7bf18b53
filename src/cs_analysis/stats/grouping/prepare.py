"""Columns of numbers made comparable: skewed ones on a logarithmic scale, far values drawn in, all in standard deviations."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats

from cs_analysis.stats.intervals import Floats

TAIL = 0.01
"""Share of the values at each end that are drawn in."""

SKEWED = 1.0
"""Skewness beyond which a column that is never negative is taken on a logarithmic scale."""

_CONSTANT = 1e-9


class Column(NamedTuple):
    """How one column is prepared: log1p of the values per `unit` (missing: as they are), drawn in to `low` and `high`, less `mean`, over `sd`.

    `low` to `sd` are on the scale on which the values are drawn in; `middle` is the median of the values themselves.
    """

    name: str
    unit: float
    low: float
    high: float
    mean: float
    sd: float
    middle: float

    def scaled(self, values: Floats, *, drawn_in: bool = True) -> Floats:
        """Return values in standard deviations."""
        shaped = _shaped(values, self.unit)
        return np.asarray(((np.clip(shaped, self.low, self.high) if drawn_in else shaped) - self.mean) / self.sd)

    def original(self, scaled: Floats) -> Floats:
        """Return standard deviations as values."""
        shaped = scaled * self.sd + self.mean
        return shaped if np.isnan(self.unit) else np.asarray(np.expm1(shaped) * self.unit)


def prepared_column(name: str, values: Floats, *, unit: float | None = None) -> Column | None:
    """Return how a column without missing values is prepared, or nothing where it is constant once far values are drawn in.

    The unit of the logarithm is the lower decile of the positive values, so that a column in euros and the same one in cents are prepared alike. A unit may
    be given (missing: no logarithm).
    """
    if unit is None:
        logged = values.min() >= 0 and _skewness(values) > SKEWED
        unit = float(np.quantile(values[values > 0], 0.1)) if logged else np.nan
    shaped = _shaped(values, unit)
    low, high = (float(limit) for limit in np.quantile(shaped, [TAIL, 1 - TAIL]))
    inner = np.clip(shaped, low, high)
    mean, sd = float(inner.mean()), float(inner.std())
    if sd <= _CONSTANT * max(abs(low), abs(high)):
        return None
    return Column(name, unit, low, high, mean, sd, float(np.median(values)))


def scaled(columns: tuple[Column, ...], values: Floats, *, drawn_in: bool = True) -> Floats:
    """Return a matrix whose columns are prepared."""
    return np.column_stack([column.scaled(values[:, place], drawn_in=drawn_in) for place, column in enumerate(columns)])


def _shaped(values: Floats, unit: float) -> Floats:
    return values if np.isnan(unit) else np.log1p(np.maximum(values, 0) / unit)


def _skewness(values: Floats) -> float:
    spread = values.std()
    return 0.0 if spread <= _CONSTANT * np.abs(values).max() else float(stats.skew(values))
