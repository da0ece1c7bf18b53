"""Whether a covariate moves all cuts of ordered answers alike, as the proportional-odds model says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from cs_analysis.errors import ConvergenceError, MissingColumnsError, NotEnoughDataError, ParameterError
from cs_analysis.stats.ordinal_likelihood import Cells, Floats, Link, derivatives, hessian, maximum, row_scores, sides_of
from cs_analysis.stats.ordinal_rows import Rows, read_rows

Method = Literal["score", "likelihood_ratio", "brant"]

ALL = "(all)"
_SINGULAR = 1e-9  # a direction whose variance is this small beside the largest one's is none


def proportional_odds_test(
    x: pd.DataFrame,
    y: npt.ArrayLike,
    *,
    weights: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    method: Method = "score",
    terms: Sequence[str] | None = None,
    link: Link = "logit",
) -> pd.DataFrame:
    """Test of whether covariates have the same effect at every cut of the scale, together and one by one.

    The alternative lets the effect of the covariate differ at each threshold. `score` fits the proportional model alone, and so needs no maximum of the
    larger one; `likelihood_ratio` fits both; `brant` compares the slopes of one logistic regression a cut. With many answers a test finds
    departures too small to matter: look at the odds ratios at the cuts, or the shares, before giving up the model.

    Parameters
    ----------
    x, y, weights, clusters
        As for `fit_ordinal`. With clusters the variance of scores or slopes is that of cluster sums, and p is from F(df, G - df) for
        (G - df) / (G - 1) statistic / df; else from chi-squared.
    method : {"score", "likelihood_ratio", "brant"}
        Which test.
    terms : list of str, optional
        Covariates tested, together and each by itself; default: all.
    link : {"logit", "probit"}
        As for `fit_ordinal`; Brant's test has logistic regressions.

    Returns
    -------
    DataFrame
        `term` ("(all)" first, then each), `statistic`, `df`, `p_value`.

    Raises
    ------
    MissingColumnsError, ParameterError
        As for `fit_ordinal`; a term is no covariate, the method is unknown, the likelihood ratio is asked for with clusters, or Brant's test for probit.
    NotEnoughDataError
        Two categories or no covariate: there is nothing to test; no more clusters than degrees of freedom.
    ConvergenceError
        As for `fit_ordinal`; for `likelihood_ratio` and `brant` also where a single cut is separated.

    References
    ----------
    Peterson and Harrell (1990), Applied Statistics 39, 205-217. Brant (1990), Biometrics 46, 1171-1178. Boos (1992), The American Statistician
    46, 327-333, for scores of clusters.

    Examples
    --------
    >>> x = pd.DataFrame({"new": [0] * 8 + [1] * 8})
    >>> y = [1, 1, 1, 2, 2, 3, 3, 3] + [1, 2, 2, 2, 2, 2, 2, 3]
    >>> proportional_odds_test(x, y)[["term", "df"]].to_dict("records")
    [{'term': '(all)', 'df': 1}, {'term': 'new', 'df': 1}]
    """
    if method not in get_args(Method) or link not in get_args(Link):
        raise ParameterError(f"method must be 'score', 'likelihood_ratio' or 'brant', and link 'logit' or 'probit', not {method!r} and {link!r}.")
    if (method == "brant" and link != "logit") or (method == "likelihood_ratio" and clusters is not None):
        raise ParameterError(f"method={method!r} does not go with {'link=probit' if method == 'brant' else 'clusters'}. Use method='score'.")
    rows = read_rows(x, y, weights=weights, clusters=clusters)
    if absent := [name for name in (terms or ()) if name not in rows.terms]:
        raise MissingColumnsError(absent, rows.terms, table="x")
    if len(rows.levels) < 3 or not rows.terms:
        raise NotEnoughDataError(f"proportional odds take three categories and a covariate; there are {len(rows.levels)} and {len(rows.terms)}.")
    chosen = [rows.terms.index(name) for name in (rows.terms if terms is None else terms)]
    sets = [chosen, *([place] for place in chosen)]
    test = {"score": _scores, "likelihood_ratio": _likelihood_ratios, "brant": _brant}[method]
    statistics = test(rows, sets, link)
    df = np.array([len(places) * (len(rows.levels) - 2) for places in sets])
    if rows.clusters is not None and rows.owners <= df.max():
        raise NotEnoughDataError(f"{rows.owners} clusters cannot tell {df.max()} effects apart. Join categories, or use more clusters than that.")
    names = [ALL, *(rows.terms[place] for place in chosen)]
    return pd.DataFrame({"term": names, "statistic": statistics, "df": df, "p_value": _p_values(np.asarray(statistics), df, rows)})


def _p_values(statistic: Floats, df: npt.NDArray[np.int64], rows: Rows) -> Floats:
    if rows.clusters is None:
        return np.asarray(special.chdtrc(df, statistic))
    left = rows.owners - df
    return np.asarray(special.fdtrc(df, left, left / (rows.owners - 1) * statistic / df))


def _scores(rows: Rows, sets: list[list[int]], link: Link) -> list[float]:
    """Return the score statistic of each set of covariates, at the maximum of the proportional model."""
    point = maximum(rows.cells, link=link, terms=rows.terms).point
    return [_score(rows, places, point, link=link) for places in sets]


def _score(rows: Rows, places: list[int], point: Floats, *, link: Link) -> float:
    sides = sides_of(rows.cells, places)
    whole = np.concatenate([point, np.zeros(sides.upper.shape[1] - len(point))])
    found = derivatives(sides, whole, link)
    if found is None:
        raise ConvergenceError("thresholds are not in order. Join categories.")
    scores, information = row_scores(sides, found), -hessian(sides, rows.cells.weight, found)
    kept = slice(0, len(point))
    more = slice(len(point), len(whole))
    project = np.linalg.solve(information[kept, kept], information[kept, more]).T
    away = (rows.cells.weight @ scores)[more]
    if rows.clusters is None:
        return _length(away, information[more, more] - project @ information[kept, more])
    return _length(away, rows.meat(scores[:, more] - scores[:, kept] @ project.T))


def _likelihood_ratios(rows: Rows, sets: list[list[int]], link: Link) -> list[float]:
    total = rows.cells.weight.sum()
    plain = maximum(rows.cells, link=link, terms=rows.terms).value
    return [2 * total * (maximum(rows.cells, link=link, terms=rows.terms, varying=places).value - plain) for places in sets]


def _brant(rows: Rows, sets: list[list[int]], _: Link) -> list[float]:
    """Return Wald statistics of whether the slopes of the logistic regressions of the cuts are equal."""
    cuts, slopes = len(rows.levels) - 1, len(rows.terms)
    design = np.column_stack([np.ones(len(rows.cells.x)), rows.cells.x])
    fits = [_cut(rows, design, cut) for cut in range(cuts)]
    beta = np.concatenate([fit[0] for fit in fits])
    covariance = _slopes_covariance(rows, design, fits)
    statistics = []
    for places in sets:
        gaps = np.vstack([np.eye(cuts * slopes)[place] - np.eye(cuts * slopes)[cut * slopes + place] for cut in range(1, cuts) for place in places])
        statistics.append(_length(gaps @ beta, gaps @ covariance @ gaps.T))
    return statistics


def _cut(rows: Rows, design: Floats, cut: int) -> tuple[Floats, Floats, Floats]:
    """Return slopes, probability and slopes' share of the inverse information of being above a cut."""
    above = (rows.cells.category > cut).astype("int64")
    point = maximum(Cells(rows.cells.x, above, rows.cells.weight, 2), link="logit", terms=rows.terms).point
    p = special.expit(rows.cells.x @ point[1:] - point[0])
    information = (design * (rows.cells.weight * p * (1 - p))[:, None]).T @ design
    return point[1:], p, np.linalg.inv(information)[1:]


def _slopes_covariance(rows: Rows, design: Floats, fits: list[tuple[Floats, Floats, Floats]]) -> Floats:
    """Return the covariance of the slopes of all cuts: Brant's, or that of cluster sums."""
    if rows.clusters is not None:
        influence = [(design * ((rows.cells.category > cut) - p)[:, None]) @ inverse.T for cut, (_, p, inverse) in enumerate(fits)]
        return rows.meat(np.hstack(influence))
    blocks = [[np.zeros(())] * len(fits) for _ in fits]
    for low, (_, more, first) in enumerate(fits):
        for high, (_, less, second) in enumerate(fits[low:], start=low):
            both = (design * (rows.cells.weight * (less - more * less))[:, None]).T @ design
            blocks[low][high] = first @ both @ second.T
            blocks[high][low] = blocks[low][high].T
    return np.block(blocks)


def _length(away: Floats, variance: Floats) -> float:
    """Return the squared length of a vector in its own standard deviations; raise where the variance is singular."""
    scale = np.sqrt(np.maximum(np.diag(variance), 0.0))
    if (scale == 0).any() or np.linalg.eigvalsh(variance / np.outer(scale, scale))[0] < _SINGULAR:
        raise NotEnoughDataError("some cut of the scale has too few answers on one side to tell its effect. Join categories, or use more data.")
    return float(away @ np.linalg.solve(variance, away))
