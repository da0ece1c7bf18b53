"""Ordinal regression: what moves ordered answers up or down, without taking their categories for equal steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError
from cs_analysis.stats.estimates import check_conf_level, estimates
from cs_analysis.stats.fits import Diagnostic, Fit, diagnostics_table
from cs_analysis.stats.newton import Optimum
from cs_analysis.stats.ordinal_likelihood import Floats, Link, derivatives, maximum, row_scores, sides_of
from cs_analysis.stats.ordinal_rows import Rows, read_rows

FEW_CLUSTERS, FEW_ANSWERS = 30, 5


@dataclass(frozen=True, eq=False)
class OrdinalFit(Fit):
    """A fitted cumulative model: share of answers up to category j = F(threshold j - x beta), with F logistic or normal.

    Attributes
    ----------
    coefficients, covariance, log_likelihood, converged, diagnostics
        As for every fit. Terms are the thresholds ("3|4": between 3 and 4) and then the covariates, with a positive effect where answers are higher.
    levels : tuple
        The categories from the lowest.
    link : str
        `logit` or `probit`.
    freedom : float
        Degrees of freedom of the limits: clusters - 1, infinite without clusters.
    """

    levels: tuple[object, ...]
    link: Link
    terms: tuple[str, ...]
    freedom: float
    conf_level: float

    @property
    def odds_ratios(self) -> pd.DataFrame:
        """Odds ratio of a higher answer for one unit of each covariate: metric `odds_ratio`, unit `ratio`; for the logit link."""
        if self.link != "logit":
            raise ParameterError("odds ratios belong to link='logit'; this fit has link='probit'.")
        rows = self.coefficients[self.coefficients["metric"] == "log_odds_ratio"].reset_index(drop=True)
        return rows.assign(metric="odds_ratio", **{name: np.exp(rows[name]) for name in ("estimate", "conf_low", "conf_high")})

    def predict(self, x: pd.DataFrame) -> pd.DataFrame:
        """Share of answers in each category for given covariates, with limits that are symmetric for its log-odds.

        Parameters
        ----------
        x : DataFrame
            One row a unit, with the covariates of the fit.

        Returns
        -------
        DataFrame
            Estimates with the keys `row` (from 0) and `category`; metric `answer_share`, unit `share`, `n` = answers of the fit.

        Raises
        ------
        MissingColumnsError
            A covariate is absent.
        """
        if absent := [name for name in self.terms if name not in x.columns]:
            raise MissingColumnsError(absent, x.columns, table="x")
        values = x[list(self.terms)].to_numpy("float64").reshape(len(x), len(self.terms))
        point, cuts = self.coefficients["estimate"].to_numpy(), len(self.levels) - 1
        places = point[:cuts] - (values @ point[cuts:])[:, None]
        below, density = _distribution(places, self.link)
        ends = (np.zeros((len(x), 1)), np.ones((len(x), 1)))
        share = np.diff(np.hstack([ends[0], below, ends[1]]), axis=1)
        slope = np.dstack([density[:, :, None] * np.eye(cuts), -density[:, :, None] * values[:, None, :]])
        slope = np.diff(np.pad(slope, ((0, 0), (1, 1), (0, 0))), axis=1)
        error = np.sqrt(np.einsum("rci,ij,rcj->rc", slope, self.covariance.to_numpy(), slope))
        half = special.stdtrit(self.freedom, (1 + self.conf_level) / 2) * error / (share * (1 - share))
        low, high = (special.expit(special.logit(share) + sign * half).ravel() for sign in (-1, 1))
        keys = {"row": np.repeat(np.arange(len(x)), cuts + 1), "category": list(self.levels) * len(x)}
        return estimates(keys, metric="answer_share", unit="share", estimate=share.ravel(), conf_low=low, conf_high=high, n=int(self.coefficients["n"].iloc[0]))


def fit_ordinal(
    x: pd.DataFrame,
    y: npt.ArrayLike,
    *,
    weights: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    link: Link = "logit",
    conf_level: float = 0.95,
) -> OrdinalFit:
    """Return the proportional-odds model of ordered answers on covariates, by maximum likelihood.

    The share of answers up to category j is F(threshold j - x beta): a covariate moves all cuts of the scale alike. Under the logit link exp(beta) is the
    odds ratio of a higher answer, wherever "higher" is cut; `proportional_odds_test` says whether that holds. Rows are added up to distinct ones first.

    Parameters
    ----------
    x : DataFrame
        One column of numbers a covariate; categories as columns of 0 and 1, without one of them. There may be none.
    y : array
        Answers, as numbers or as an ordered categorical. Categories without an answer have no threshold.
    weights : array, optional
        How many answers each row stands for.
    clusters : array, optional
        Which rows belong together, such as the answers of one account: the covariance is then the cluster-robust one (scores summed by cluster, times
        G / (G - 1)) and the limits have t quantiles with G - 1 degrees of freedom.
    link : {"logit", "probit"}
        Logistic or normal F.
    conf_level : float
        Level of the limits.

    Returns
    -------
    OrdinalFit
        `.coefficients`: key `term`; metric `threshold`, then `log_odds_ratio` (for probit `probit_effect`), unit `ratio`, `n` = answers.

    Raises
    ------
    ParameterError
        A value is missing, a covariate is constant or a combination of others, lengths differ, or the link is unknown.
    NotEnoughDataError
        All answers are in one category; a single cluster, or no more clusters than covariates.
    ConvergenceError
        Covariates separate higher from lower categories: the effect would be infinite. The message names them.

    References
    ----------
    McCullagh (1980), Journal of the Royal Statistical Society B 42, 109-142. Agresti (2010), Analysis of Ordinal Categorical Data, 2nd ed.,
    chapter 3. Liang and Zeger (1986), Biometrika 73, 13-22, for clusters.

    Examples
    --------
    >>> fit = fit_ordinal(pd.DataFrame({"new": [0, 0, 0, 0, 1, 1, 1, 1]}), [1, 1, 2, 3, 1, 2, 3, 3])
    >>> fit.coefficients[["term", "estimate"]].round(3).to_dict("split")["data"]
    [['1|2', 0.0], ['2|3', 1.099], ['new', 1.099]]
    """
    check_conf_level(conf_level)
    if link not in get_args(Link):
        raise ParameterError(f"link must be 'logit' or 'probit', not {link!r}.")
    rows = read_rows(x, y, weights=weights, clusters=clusters)
    if rows.clusters is not None and rows.owners <= len(rows.terms):
        raise NotEnoughDataError(f"{rows.owners} clusters say nothing of the spread of {len(rows.terms)} effects. Use more clusters than covariates.")
    optimum = maximum(rows.cells, link=link, terms=rows.terms)
    back = _to_own_units(rows)
    covariance = back @ _covariance(rows, optimum, link) @ back.T
    names = [*(f"{low}|{high}" for low, high in zip(rows.levels[:-1], rows.levels[1:], strict=True)), *rows.terms]
    freedom = np.inf if rows.clusters is None else rows.owners - 1.0
    half = special.stdtrit(freedom, (1 + conf_level) / 2) * np.sqrt(np.diag(covariance))
    point, total = back @ optimum.point, rows.cells.weight.sum()
    table = estimates({"term": names}, metric="", unit="ratio", estimate=point, conf_low=point - half, conf_high=point + half, n=round(total))
    effect = "log_odds_ratio" if link == "logit" else "probit_effect"
    table["metric"] = ["threshold"] * (len(rows.levels) - 1) + [effect] * len(rows.terms)
    return OrdinalFit(
        table,
        pd.DataFrame(covariance, index=names, columns=names),
        optimum.value * total,
        converged=True,
        diagnostics=diagnostics_table(_diagnostics(rows, optimum)),
        levels=rows.levels,
        link=link,
        terms=rows.terms,
        freedom=freedom,
        conf_level=conf_level,
    )


def _to_own_units(rows: Rows) -> Floats:
    """Return the matrix that takes parameters of standardised covariates to those of the covariates themselves."""
    cuts = len(rows.levels) - 1
    back = np.diag(np.concatenate([np.ones(cuts), 1 / rows.scale]))
    back[:cuts, cuts:] = rows.mean / rows.scale
    return back


def _covariance(rows: Rows, optimum: Optimum, link: Link) -> Floats:
    """Return the inverse of the information, with clusters between the spread of their scores."""
    inverse = np.linalg.inv(-optimum.hessian * rows.cells.weight.sum())
    if rows.clusters is None:
        return inverse
    sides = sides_of(rows.cells)
    found = derivatives(sides, optimum.point, link)
    return inverse if found is None else np.asarray(inverse @ rows.meat(row_scores(sides, found)) @ inverse)


def _distribution(places: Floats, link: Link) -> tuple[Floats, Floats]:
    """Return F and its density."""
    if link == "logit":
        return special.expit(places), special.expit(places) * special.expit(-places)
    return special.ndtr(places), np.exp(-(places**2) / 2) / np.sqrt(2 * np.pi)


def _diagnostics(rows: Rows, optimum: Optimum) -> Iterator[Diagnostic]:
    """Yield what the fit itself has to say."""
    yield Diagnostic("gradient", optimum.steepest)
    if rows.clusters is not None:
        text = f"fewer than {FEW_CLUSTERS} clusters: robust limits are too narrow. Use larger data, or fewer covariates."
        yield Diagnostic("clusters", rows.owners, *(("few clusters", text) if rows.owners < FEW_CLUSTERS else ()))
    least = np.bincount(rows.cells.category, rows.cells.weight).min()
    text = f"a category with fewer than {FEW_ANSWERS} answers: its threshold is loose. Join it with a neighbour."
    yield Diagnostic("smallest_category", least, *(("few answers", text) if least < FEW_ANSWERS else ()))
