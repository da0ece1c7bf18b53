"""Whether probabilities mean what they say: error, calibration line and curve, observed over expected."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special
from scipy.stats import binom

from cs_analysis.errors import ParameterError
from cs_analysis.stats.clusters import clustered_share
from cs_analysis.stats.estimates import check_conf_level
from cs_analysis.stats.intervals import Interval, exact_poisson
from cs_analysis.stats.scores.influence import Floats, Integers, check_probabilities, normal_quantile, read_scores, standard_error
from cs_analysis.stats.scores.logistic_search import maximum, robust_covariance

_CERTAIN = 1e-12


def brier(p: npt.ArrayLike, y: npt.ArrayLike, *, clusters: npt.ArrayLike | None = None, conf_level: float = 0.95) -> Interval:
    """Return the mean squared difference between probability and outcome (0 is perfect), with cluster-robust limits, on the logarithm.

    References
    ----------
    Brier (1950), Monthly Weather Review 78, 1-3.

    Examples
    --------
    >>> round(float(brier([0.2, 0.9], [False, True]).estimate), 3)
    0.025
    """
    values, outcome, groups = read_scores(p, y, clusters)
    squares = (check_probabilities(values) - outcome) ** 2
    mean = float(squares.mean())
    return _on_log(mean, standard_error((squares - mean) / len(squares), groups), conf_level=conf_level)


def brier_skill(p: npt.ArrayLike, y: npt.ArrayLike, *, reference: npt.ArrayLike, clusters: npt.ArrayLike | None = None, conf_level: float = 0.95) -> Interval:
    """Return by what share the squared error is smaller than that of reference probabilities: 1 is perfect, 0 no better, below 0 worse.

    References
    ----------
    Murphy (1973), Journal of Applied Meteorology 12, 595-600.
    """
    values, outcome, groups = read_scores(p, y, clusters)
    own, other = (check_probabilities(np.broadcast_to(np.asarray(each, dtype="float64"), values.shape)) for each in (values, reference))
    own, other = (own - outcome) ** 2, (other - outcome) ** 2
    if not other.sum():
        return Interval(np.nan, np.nan, np.nan)
    ratio = float(own.sum() / other.sum())
    left = _on_log(ratio, standard_error((own - ratio * other) / other.sum(), groups), conf_level=conf_level)
    return Interval(1 - left.estimate, 1 - left.conf_high, 1 - left.conf_low)


def observed_expected(p: npt.ArrayLike, y: npt.ArrayLike, *, clusters: npt.ArrayLike | None = None, conf_level: float = 0.95) -> Interval:
    """Return the number with a yes over the number foretold; without any yes the upper limit is that of a Poisson count.

    The other limits are cluster-robust, on the logarithm.
    """
    values, outcome, groups = read_scores(p, y, clusters, both=False)
    expected = float(check_probabilities(values).sum())
    if not expected:
        return Interval(np.nan, np.nan, np.nan)
    if not outcome.sum():
        return Interval(0.0, 0.0, float(exact_poisson(0, expected, conf_level=conf_level).conf_high))
    ratio = float(outcome.sum() / expected)
    return _on_log(ratio, standard_error((outcome - ratio * values) / expected, groups), conf_level=conf_level)


def calibration_terms(p: npt.ArrayLike, y: npt.ArrayLike, *, clusters: npt.ArrayLike | None = None, conf_level: float = 0.95) -> tuple[Interval, Interval]:
    """Return calibration in the large and calibration slope, with cluster-robust limits.

    The slope is that of a logistic regression of the outcome on the logit of the probability: 1 is right, below 1 the probabilities are too extreme.
    Calibration in the large is the intercept of that regression with the slope held at 1: 0 is right, above 0 there are more than foretold. A
    probability of 0 or 1 is read as 1e-12 away from it.

    Raises
    ------
    ParameterError, NotEnoughDataError, ConvergenceError
        As for `auc`; a probability is out of range; all probabilities are equal, so that there is no slope (its values are missing then).

    References
    ----------
    Cox (1958), Biometrika 45, 562-565. Van Calster, McLernon, van Smeden, Wynants and Steyerberg (2019), BMC Medicine 17, 230.
    """
    values, outcome, groups = read_scores(p, y, clusters)
    logit = special.logit(np.clip(check_probabilities(values), _CERTAIN, 1 - _CERTAIN))
    one = np.ones((len(logit), 1))
    intercept = _wald(*_logistic(one, outcome, offset=logit, groups=groups), place=0, conf_level=conf_level)
    if np.ptp(logit) < 1e-9:
        return intercept, Interval(np.nan, np.nan, np.nan)
    spread = logit.std()
    design = np.column_stack([one, (logit - logit.mean()) / spread])
    slope = _wald(*_logistic(design, outcome, offset=np.zeros(len(logit)), groups=groups), place=1, conf_level=conf_level)
    return intercept, Interval(*(each / spread for each in slope))


def calibration_curve(p: npt.ArrayLike, y: npt.ArrayLike, *, bins: int = 10, clusters: npt.ArrayLike | None = None, conf_level: float = 0.95) -> pd.DataFrame:
    """Return foretold and observed shares by bin of the probability, bins of about equal size; equal probabilities share a bin.

    Columns: `bin` (from 1), `predicted` (mean probability), `observed` with limits (of rows in clusters), `band_low` and `band_high` (between which the
    observed share would lie in `conf_level` of samples of as many independent rows as these are worth, were the probabilities right) and `n`.

    References
    ----------
    Broecker and Smith (2007), Weather and Forecasting 22, 651-661, for the band. Korn and Graubard (1998), Survey Methodology 24, 193-201.
    """
    if not (isinstance(bins, int) and bins >= 1):
        raise ParameterError(f"bins must be a whole number of at least 1, not {bins!r}.")
    values, outcome, groups = read_scores(p, y, clusters)
    edges = np.quantile(check_probabilities(values), np.linspace(0, 1, bins + 1)[1:-1])
    _, code = np.unique(np.searchsorted(edges, values, side="left"), return_inverse=True)
    rows = pd.DataFrame({"code": code, "group": groups, "yes": outcome.astype("float64"), "p": values, "one": 1.0})
    sums = rows.groupby(["code", "group"], as_index=False)[["yes", "one"]].sum()
    share = clustered_share(sums["yes"], sums["one"], groups=sums["code"].to_numpy(), conf_level=conf_level)
    means, n = rows.groupby("code")["p"].mean().to_numpy(), rows.groupby("code").size().to_numpy()
    low, high = _band(means, _worth(sums, n), conf_level)
    table = {"bin": np.arange(1, len(n) + 1), "predicted": means, "observed": share.estimate, "conf_low": share.conf_low, "conf_high": share.conf_high}
    return pd.DataFrame({**table, "band_low": low, "band_high": high, "n": n})


def _worth(sums: pd.DataFrame, n: Integers) -> Floats:
    """Return as how many independent rows the rows of each bin count at the worst: all rows of a cluster alike."""
    return np.asarray(n**2 / (sums["one"] ** 2).groupby(sums["code"]).sum().to_numpy())


def _band(p: Floats, n: Floats, conf_level: float) -> tuple[Floats, Floats]:
    tail, whole = (1 - check_conf_level(conf_level)) / 2, np.maximum(np.floor(n), 1)
    return tuple(np.asarray(binom.ppf(level, whole, p) / whole) for level in (tail, 1 - tail))  # type: ignore[return-value]


def _logistic(design: Floats, outcome: npt.NDArray[np.bool_], *, offset: Floats, groups: Integers) -> tuple[Floats, Floats]:
    """Return the coefficients of a logistic regression and their cluster-robust covariance."""
    y, none = outcome.astype("float64"), np.zeros(design.shape[1])
    beta = maximum(design, y, penalties=none, offset=offset)
    return beta, robust_covariance(design, y, beta=beta, penalties=none, groups=groups, offset=offset)


def _wald(point: Floats, covariance: Floats, *, place: int, conf_level: float) -> Interval:
    half = normal_quantile(conf_level) * np.sqrt(covariance[place, place])
    return Interval(float(point[place]), float(point[place] - half), float(point[place] + half))


def _on_log(estimate: float, error: float, *, conf_level: float) -> Interval:
    """Return an estimate above 0 with limits symmetric for its logarithm; without limits where it is 0."""
    if not estimate > 0:
        return Interval(estimate, np.nan, np.nan)
    factor = float(np.exp(normal_quantile(conf_level) * error / estimate))
    return Interval(estimate, estimate / factor, estimate * factor)
