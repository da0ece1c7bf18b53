"""Changes of net shares, shares and means between samples that share some, all or none of their clusters."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from cs_analysis.errors import ParameterError
from cs_analysis.stats.clusters import Codes, effective_number
from cs_analysis.stats.estimates import check_conf_level
from cs_analysis.stats.intervals import Floats, Interval
from cs_analysis.stats.vote_limits import How, Votes, effective_votes, mean_vote_limits, share_vote_limits

Kind = Literal["net", "top", "mean"]

_ADDED = {"net": (3.0, 1.0), "top": (2.0, 0.5), "mean": (1.0, np.nan)}  # pseudo-pairs, and the variance of their difference


class Answers(NamedTuple):
    """Single answers: part in the bottom box, part in the top box (0 or 1), place on the scale (0 to 1), number of the sample and of the cluster."""

    minus: Floats
    plus: Floats
    good: Floats
    samples: Codes
    clusters: Codes

    def values(self, kind: Kind) -> Floats:
        """Return what each answer counts: -1, 0 or 1 for `net`, 0 or 1 for `top`, 0 to 1 for `mean`."""
        if kind not in _ADDED:
            raise ParameterError(f"measure must be 'net', 'top' or 'mean', not {kind!r}.")
        return {"net": self.plus - self.minus, "top": self.plus, "mean": self.good}[kind]


class Pairs(NamedTuple):
    """Which sample is compared with which: the numbers of the later and of the earlier ones."""

    late: Codes
    early: Codes


def sample_differences(answers: Answers, pairs: Pairs, *, kind: Kind, related: bool = True, conf_level: float = 0.95) -> Interval:
    """Mean of each later sample minus that of the earlier one, with limits for clusters that answer in one of them or in both.

    Each sample has limits of its own: adjusted Wald on the effective number of answers for net shares, those of `share_vote_limits` and
    `mean_vote_limits` otherwise. The lower limit of the difference is d - sqrt(a^2 + b^2 - 2 r a b), a and b the half widths of the two samples
    on the sides that matter, the upper one its mirror image. r is the correlation of the two means: with u a cluster's part in the error of a mean,
    the sum of its products over clusters that are in both samples, over the roots of the sums of squares over all; times m / (m + 1) for m shared
    clusters, of which a few know little about likeness. Without a shared cluster, and with `related=False`, r is 0: limits of independent samples.

    Parameters
    ----------
    answers : Answers
        All samples, numbered 0, 1, ...
    pairs : Pairs
        Numbers of the samples compared.
    kind : {"net", "top", "mean"}
        What is averaged.
    related : bool
        Whether shared clusters are taken into account.
    conf_level : float
        Confidence level.

    Returns
    -------
    Interval
        One entry a pair; the limits are missing where a sample of several answers comes from a single cluster.

    References
    ----------
    Zou (2007), Psychological Methods 12, 399-413. Newcombe (1998), Statistics in Medicine 17, 2635-2650. Rocks (2016), The American
    Statistician 70, 365-372. Kish (1965), Survey Sampling, section 12.4, for samples that overlap.

    Examples
    --------
    >>> score = np.array([1.0, 1, 0, 0, 1, 1, 1, 0])
    >>> panel = Answers(1 - score, score, score, np.repeat([0, 1], 4), np.tile(np.arange(4), 2))
    >>> once = Pairs(np.array([1]), np.array([0]))
    >>> found = [sample_differences(panel, once, kind="top", related=related) for related in (True, False)]
    >>> [f"{each.estimate[0]:.2f} ({each.conf_low[0]:.2f} to {each.conf_high[0]:.2f})" for each in found]
    ['0.25 (-0.17 to 0.56)', '0.25 (-0.32 to 0.66)']
    """
    how = How(conf_level=check_conf_level(conf_level))
    values = answers.values(kind)
    votes = Votes(answers.samples, answers.clusters, np.ones(len(values)))
    mean = votes.means(values)
    likeness = _likeness(values - mean[answers.samples], answers, pairs) if related else np.zeros(len(pairs.late))
    gap = mean[pairs.late] - mean[pairs.early]
    if kind == "net":
        centre, half = _adjusted(answers, votes, how)
        width = _joined(half[pairs.late], half[pairs.early], likeness)
        middle, most = centre[pairs.late] - centre[pairs.early], 2.0
        return _around(gap, middle - width, middle + width, most=most)
    own = (share_vote_limits if kind == "top" else mean_vote_limits)(values, votes=votes, how=how)
    below, above = own.estimate - own.conf_low, own.conf_high - own.estimate
    down = _joined(below[pairs.late], above[pairs.early], likeness)
    up = _joined(above[pairs.late], below[pairs.early], likeness)
    return _around(gap, gap - down, gap + up, most=1.0)


def paired_differences(late: Answers, early: Answers, *, kind: Kind, pairs: int, conf_level: float = 0.95) -> Interval:
    """Mean difference between two answers of the same respondents, with limits clustered.

    Adjusted Wald limits: to the effective number of pairs are added pairs whose two answers have nothing to do with each other, 3 for net shares (as 3
    answers are to one sample), 2 for shares (Agresti and Min) and 1 for means, so that limits stay apart where nobody changed. For means the
    effective number is reduced by the squared ratio of normal and t quantiles.

    Parameters
    ----------
    late, early : Answers
        The two answers of each respondent, in the same order, with the same clusters; `samples` numbers the comparison each belongs to.
    kind : {"net", "top", "mean"}
        What is averaged.
    pairs : int
        Number of comparisons; one without a respondent is missing.
    conf_level : float
        Confidence level.

    Returns
    -------
    Interval
        One entry a comparison; the limits are missing where several respondents come from a single cluster, and of a mean with one respondent.

    References
    ----------
    Agresti and Min (2005), Statistics in Medicine 24, 729-740. Rocks (2016), The American Statistician 70, 365-372.

    Examples
    --------
    >>> first, second = np.array([0.0, 0, 1, 1, 1, 0, 0, 1]), np.array([1.0, 1, 1, 1, 1, 0, 1, 0])
    >>> who, one = np.arange(8), np.zeros(8, dtype="int64")
    >>> rows = [Answers(1 - score, score, score, one, who) for score in (second, first)]
    >>> found = paired_differences(*rows, kind="top", pairs=1)
    >>> f"{found.estimate[0]:.2f} ({found.conf_low[0]:.2f} to {found.conf_high[0]:.2f})"
    '0.25 (-0.22 to 0.62)'
    """
    upper = (1 + check_conf_level(conf_level)) / 2
    now, then = late.values(kind), early.values(kind)
    gaps = now - then
    n = np.bincount(late.samples, minlength=pairs).astype("float64")
    mean, square = (_over(np.bincount(late.samples, part, pairs), n) for part in (gaps, gaps**2))
    sums = pd.DataFrame({"gap": gaps, "square": gaps**2, "size": 1.0}).groupby([late.samples, late.clusters], sort=True).sum()
    groups = sums.index.get_level_values(0).to_numpy("int64")
    number = np.full(pairs, np.nan)
    found = effective_number(sums["gap"], sums["square"], sums["size"], groups=groups, conf_level=conf_level) if len(sums) else np.array([])
    number[: len(found)] = found
    added, spread = _ADDED[kind][0], np.asarray(_ADDED[kind][1])
    if kind == "mean":
        number = np.where(n > 1, number * (special.ndtri(upper) / special.stdtrit(np.maximum(n - 1, 1.0), upper)) ** 2, np.nan)
        own = [[_over(np.bincount(late.samples, part**power, pairs), n) for power in (1, 2)] for part in (now, then)]
        spread = own[0][1] - own[0][0] ** 2 + own[1][1] - own[1][0] ** 2
    whole = number + added
    centre = number * mean / whole
    variance = (number * square + added * spread) / whole - centre**2
    half = special.ndtri(upper) * np.sqrt(np.maximum(variance, 0.0) / whole)
    return _around(mean, centre - half, centre + half, most=2.0 if kind == "net" else 1.0)


def _likeness(away: Floats, answers: Answers, pairs: Pairs) -> Floats:
    """Return the correlation of the two means of each pair of samples that the clusters they share make."""
    sums = pd.DataFrame({"sample": answers.samples, "cluster": answers.clusters, "part": away}).groupby(["sample", "cluster"], as_index=False).sum()
    squares = (sums["part"] ** 2).groupby(sums["sample"]).sum().to_numpy()
    both = pd.DataFrame({"pair": np.arange(len(pairs.late)), "late": pairs.late, "early": pairs.early})
    both = both.merge(sums, left_on="late", right_on="sample").merge(sums, left_on=["early", "cluster"], right_on=["sample", "cluster"])
    products = np.bincount(both["pair"], both["part_x"] * both["part_y"], len(pairs.late))
    shared = np.bincount(both["pair"], minlength=len(pairs.late))
    norm = np.sqrt(squares[pairs.late] * squares[pairs.early])
    return np.clip(np.where(norm > 0, products / np.where(norm > 0, norm, 1.0), 0.0), -1.0, 1.0) * shared / (shared + 1)


def _adjusted(answers: Answers, votes: Votes, how: How) -> tuple[Floats, Floats]:
    """Return centre and half width of a net share after adding 3/4, 3/2 and 3/4 answers to the effective ones."""
    net, voted = answers.plus - answers.minus, answers.plus + answers.minus
    n = effective_votes(net, voted, votes=votes, conf_level=how.conf_level)
    low, high = ((votes.means(part) * n + 0.75) / (n + 3) for part in (answers.minus, answers.plus))
    z = special.ndtri((1 + how.conf_level) / 2)
    return high - low, z * np.sqrt(np.maximum(high + low - (high - low) ** 2, 0.0) / (n + 3))


def _joined(first: Floats, second: Floats, likeness: Floats) -> Floats:
    return np.asarray(np.sqrt(np.maximum(first**2 + second**2 - 2 * likeness * first * second, 0.0)))


def _over(total: Any, n: Floats) -> Floats:
    return np.asarray(total / np.where(n > 0, n, np.nan))


def _around(estimate: Floats, low: Floats, high: Floats, *, most: float) -> Interval:
    """Return limits within the range of the difference that contain its estimate."""
    return Interval(estimate, np.minimum(np.maximum(low, -most), estimate), np.maximum(np.minimum(high, most), estimate))
