"""Control charts of means and shares from samples of unequal size, with limits for more variation than sampling makes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.stats.intervals import Floats

Flags = npt.NDArray[np.bool_]
Rule = Literal["beyond_limits", "run_of_8", "two_of_three", "four_of_five"]
USUAL_RULES: tuple[Rule, ...] = ("beyond_limits", "run_of_8")

_MOVING_RANGE = 2 / np.sqrt(np.pi)  # mean distance of two independent standard normal values: 1.128


class Chart(NamedTuple):
    """A control chart.

    Attributes
    ----------
    centre : float
        Mean of the baseline.
    low, high : array
        Limits of each sample.
    sigma_z : float
        How many times the samples vary as much as sampling alone makes them; missing with a single baseline sample.
    signals : dict
        Rule -> whether it rings at each sample.
    """

    centre: float
    low: Floats
    high: Floats
    sigma_z: float
    signals: dict[Rule, Flags]


def control_chart(
    means: npt.ArrayLike,
    sizes: npt.ArrayLike,
    *,
    variances: npt.ArrayLike,
    baseline: int | None = None,
    laney: bool = True,
    extent: tuple[float, float] = (-np.inf, np.inf),
    rules: Sequence[Rule] = USUAL_RULES,
) -> Chart:
    """Control chart of sample means, oldest first.

    The centre is the mean of all answers of the baseline. The variance of one answer is taken from the baseline's answers: for shares and net shares it
    is that of the pooled answers (p-chart), else the mean of the samples' own, weighted by n - 1 (X-bar chart); pass `variances` accordingly.
    The sigma of a sample is the root of that over n, and the limits are three sigmas either way. Laney's chart multiplies the
    sigmas by sigma_z = mean |z_i - z_(i-1)| / 1.128, z the distance from the centre in sigmas: where samples vary for reasons of their own
    (seasons, campaigns, which accounts answer) the plain limits ring without cause. Here the factor is never below 1, so that a slow drift, which makes
    neighbours alike, does not narrow the limits; `sigma_z` is reported as it is.

    Parameters
    ----------
    means, sizes : array-like
        Mean and number of answers of each sample; a sample without answers is not judged.
    variances : array-like
        Variance of one answer: a single number, or one a sample (missing where it is not known), pooled with the weights n - 1.
    baseline : int, optional
        How many first samples make centre and sigmas; default: all.
    laney : bool
        Whether sigmas are multiplied by sigma_z where it is above 1.
    extent : tuple
        Lowest and highest possible mean, which the limits do not pass.
    rules : sequence of str
        `beyond_limits`: a sample outside the limits; `run_of_8`: the eighth or later in a row on one side of the centre; `two_of_three` beyond two
        sigmas, `four_of_five` beyond one, on one side.

    Returns
    -------
    Chart
        Limits are missing where no variance is known.

    Raises
    ------
    NotEnoughDataError
        The baseline has no answer.
    ParameterError
        `baseline` is not a whole number of at least 2, a rule is unknown, or lengths differ.

    References
    ----------
    Laney (2002), Quality Engineering 14, 531-537. Montgomery (2013), Introduction to Statistical Quality Control, 7th ed., chapters 6 and 7.
    Western Electric (1956), Statistical Quality Control Handbook. Nelson (1984), Journal of Quality Technology 16, 237-239.

    Examples
    --------
    >>> chart = control_chart([0.10, 0.14, 0.12, 0.30], [100, 100, 100, 100], variances=0.12 * 0.88, baseline=3, laney=False)
    >>> round(chart.centre, 2), chart.high.round(4).tolist(), chart.signals["beyond_limits"].tolist()
    (0.12, [0.2175, 0.2175, 0.2175, 0.2175], [False, False, False, True])
    """
    value, n = np.asarray(means, dtype="float64"), np.asarray(sizes, dtype="float64")
    spread = np.asarray(variances, dtype="float64")
    first = _checked(value, n, spread, baseline=baseline, rules=rules)
    base = (np.arange(len(n)) < first) & (n > 0)
    if not base.any():
        raise NotEnoughDataError("the baseline of a control chart has no answer. Use a longer baseline, or more data.")
    centre = float(n[base] @ value[base] / n[base].sum())
    sigma = np.sqrt(_pooled(spread, n, base) / np.where(n > 0, n, np.nan))
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(sigma > 0, (value - centre) / sigma, np.nan)
    moves = np.abs(np.diff(z[base]))
    sigma_z = float(moves.mean() / _MOVING_RANGE) if len(moves) else float("nan")
    factor = max(1.0, np.nan_to_num(sigma_z, nan=1.0)) if laney else 1.0
    low, high = (centre + side * 3 * factor * sigma for side in (-1, 1))
    signals = {rule: _rings(z[n > 0] / factor, rule) for rule in rules}
    return Chart(centre, np.maximum(low, extent[0]), np.minimum(high, extent[1]), sigma_z, {rule: _placed(found, n > 0) for rule, found in signals.items()})


def _checked(value: Floats, n: Floats, spread: Floats, *, baseline: int | None, rules: Sequence[Rule]) -> int:
    """Return how many samples make the baseline."""
    if len(value) != len(n) or (spread.ndim and len(spread) != len(n)):
        raise ParameterError(f"means, sizes and variances must have one entry a sample; there are {len(value)}, {len(n)} and {spread.size}.")
    if unknown := [rule for rule in rules if rule not in get_args(Rule)]:
        raise ParameterError(f"rules must be among {', '.join(get_args(Rule))}, not {unknown[0]!r}.")
    if baseline is not None and (isinstance(baseline, bool) or not isinstance(baseline, int) or baseline < 2):
        raise ParameterError(f"baseline must be a whole number of at least 2 samples, not {baseline!r}.")
    return len(n) if baseline is None else baseline


def _pooled(spread: Floats, n: Floats, base: Flags) -> float:
    """Return the variance of one answer."""
    if not spread.ndim:
        return float(spread)
    known = base & (n > 1) & np.isfinite(spread)
    return float((n[known] - 1) @ spread[known] / (n[known] - 1).sum()) if known.any() else float("nan")


def _rings(z: Floats, rule: Rule) -> Flags:
    """Return whether a rule rings at each of the judged samples."""
    if rule == "beyond_limits":
        return np.asarray(np.abs(z) > 3)
    needed, within, sigmas = {"run_of_8": (8, 8, 0.0), "two_of_three": (2, 3, 2.0), "four_of_five": (4, 5, 1.0)}[rule]
    sides = [(sign * z > sigmas).astype("int64") for sign in (1, -1)]
    return np.asarray(np.any([(np.convolve(side, np.ones(within, dtype="int64"))[: len(z)] >= needed) & (side > 0) for side in sides], axis=0))


def _placed(found: Flags, judged: Flags) -> Flags:
    every = np.zeros(len(judged), dtype="bool")
    every[judged] = found
    return every
