"""A health score that is fitted: the chance that a customer leaves after a gap, from what was known at dates before, every part of it told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset
from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError
from cs_analysis.facts.health_snapshots import DUE, HealthSnapshots, due_between, health_snapshots, numbers, with_due
from cs_analysis.facts.policy import RevenuePolicy
from cs_analysis.facts.recipes import Recipe
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.fits import Diagnostic, Fit, diagnostics_table
from cs_analysis.stats.intervals import Interval
from cs_analysis.stats.scores.influence import normal_quantile
from cs_analysis.stats.scores.logistic import PENALTIES, RidgeLogistic, fit_ridge_logistic
from cs_analysis.stats.sum_ratios import Source

Floats = npt.NDArray[np.float64]

BASE = "(base)"
EVENTS_PER_FEATURE = 10
FEWEST_CHURNERS = 100
_KEYS = ["account_id", "at"]
_GRID = 2.0**-32  # sums of numbers on this grid below 2^20 are exact in any order


@dataclass(frozen=True, eq=False)
class HealthFit(Fit):
    """A fitted health model.

    Attributes
    ----------
    coefficients, covariance, log_likelihood, converged, diagnostics
        As of `Fit`.
    model : RidgeLogistic
        The regression.
    horizon, gap : str
        The window that its probability is of, and the time before it.
    between : tuple of float
        The days after a date at which the window begins and ends.
    conf_level : float
        Level of all limits.
    """

    model: RidgeLogistic
    horizon: str
    gap: str
    between: tuple[float, float]
    conf_level: float

    def predict(self, features: pd.DataFrame) -> pd.DataFrame:
        """Return the chance that each customer leaves within the horizon after the gap, and the score made from it.

        Parameters
        ----------
        features : DataFrame
            `account_id`, `at` and the model's features, as `health_features` returns them (`renewal_due` is made from `days_to_renewal`). A missing
            value is read as the training mean.

        Returns
        -------
        DataFrame
            Estimates with the keys `account_id`, `at`, by date and account; `n` = inputs that are known. Metrics `churn_probability`, unit `share`,
            with limits that hold the uncertainty of the fit alone; `health_score_calibrated`, unit `points`, 100 x (1 - probability);
            `health_inputs_used`, unit `count`, a fact with `n` = inputs of the model.

        Raises
        ------
        MissingColumnsError, ParameterError
            A column is absent; an account is twice at a date; a feature is not made of numbers.
        """
        table = self._checked(features)
        p = self._probability(table)
        used = table[list(self.model.features)].notna().sum(axis=1)
        keys = table[_KEYS]
        score = [100 * (1 - part) for part in (p.estimate, p.conf_high, p.conf_low)]
        return stack(
            [
                estimates(keys, metric="churn_probability", unit="share", **p._asdict(), n=used),
                estimates(keys, metric="health_score_calibrated", unit="points", estimate=score[0], conf_low=score[1], conf_high=score[2], n=used),
                estimates(keys, metric="health_inputs_used", unit="count", estimate=used, n=len(self.model.features)),
            ]
        )

    def explain(self, features: pd.DataFrame) -> pd.DataFrame:
        """Return what each feature adds to each customer's log-odds of leaving: the contributions of a customer sum to its log-odds exactly.

        The row "(base)" is the log-odds of a customer at the training means. A missing value contributes 0.

        Returns
        -------
        DataFrame
            `account_id`, `at`, `feature`, `value`, `contribution`, by date and account, the base first, then by size of the contribution.
        """
        table = self._checked(features)
        long = _long(table, self._parts(table), [BASE, *self.model.features]).rename(columns={"part": "contribution"})
        return long[[*_KEYS, "feature", "value", "contribution"]]

    def change(self, features: pd.DataFrame) -> pd.DataFrame:
        """Return what moved each customer's log-odds between its last two dates: the parts of a customer sum to the change exactly.

        Returns
        -------
        DataFrame
            `account_id`, `at` (the last date), `since` (the date before), `feature`, `value_before`, `value`, `change`, by account and size of the change.
            An account with one date has no row.
        """
        table = self._checked(features).sort_values(["account_id", "at"], ignore_index=True)
        owner = table["account_id"]
        last = ((owner != owner.shift(-1)) & (owner == owner.shift(1))).to_numpy().nonzero()[0]
        parts, before = self._parts(table), table.iloc[last - 1]
        long = _long(table.iloc[last], (parts[last] - parts[last - 1])[:, 1:], list(self.model.features)).rename(columns={"part": "change"})
        sinces = before[["account_id", "at"]].rename(columns={"at": "since"})
        earlier = before.melt(id_vars="account_id", value_vars=list(self.model.features), var_name="feature", value_name="value_before")
        told = long.merge(sinces, on="account_id").merge(earlier, on=["account_id", "feature"])
        return told.sort_values("account_id", kind="stable", ignore_index=True)[[*_KEYS, "since", "feature", "value_before", "value", "change"]]

    def _parts(self, table: pd.DataFrame) -> Floats:
        """Return the base and the contributions of each row on a grid on which their sum does not depend on its order."""
        own = self.model.contributions(table).to_numpy()
        return np.asarray(np.round(np.column_stack([np.full(len(own), self.model.intercept), own]) / _GRID) * _GRID + 0.0)

    def _probability(self, table: pd.DataFrame) -> Interval:
        estimate = special.expit(self._parts(table).sum(axis=1))
        _, low, high = self.model.probability(table, conf_level=self.conf_level)
        return Interval(estimate, np.minimum(low, estimate), np.maximum(high, estimate))

    def _checked(self, features: pd.DataFrame) -> pd.DataFrame:
        """Return keys and features in numbers, by date and account."""
        given = with_due(features, self.between) if DUE in self.model.features else features
        wanted = [*_KEYS, *self.model.features]
        if absent := [name for name in wanted if name not in given.columns]:
            raise MissingColumnsError(absent, given.columns, table="features")
        if (twice := features.duplicated(_KEYS)).any():
            row = features[twice].iloc[0]
            raise ParameterError(f"features must have one row an account and date; account {row['account_id']!r} has two at {row['at']}. Drop one of them.")
        return numbers(given[wanted]).sort_values(["at", "account_id"], ignore_index=True)


def fit_health(
    ds: Dataset,
    *,
    horizon: str | timedelta = "90d",
    gap: str | timedelta | None = "30d",
    features: Iterable[str] | pd.DataFrame | None = None,
    recipe: Recipe | None = None,
    every: Period = "month",
    conf_level: float = 0.95,
    rng: Source = 0,
    policy: RevenuePolicy | str = "default",
) -> HealthFit:
    """Return a calibrated health model: log-odds of leaving within the horizon after the gap, from features known before.

    Each finished calendar period gives a snapshot of the customers at its end: their features as of then, and whether they left within
    [end + gap, end + gap + horizon). A snapshot whose window is not over by `as_of` is left out. So is a customer who left within the gap, when nobody
    could have acted, and one who had given notice; both are counted in `.diagnostics`. Logistic regression on features in standard deviations, with a ridge
    penalty chosen by cross-validation over accounts; standard errors are robust to an account's snapshots being alike. Where `days_to_renewal` is a
    feature, `renewal_due` is one too: 1 if that renewal lies in the window.

    Features are our own or a caller's table. What the caller's recipe makes is made again as of each date, and a feature whose values were not those known
    then is refused; one that nobody can make again stands as "not verifiable" in `.diagnostics`: what it promises may be hindsight.

    Parameters
    ----------
    ds : Dataset
        Needs `subscriptions`.
    horizon, gap : str or Timedelta
        Length of the window, and time between the date and the window's start; "0d" or None for none.
    features : list of str or DataFrame, optional
        Names out of `health_features` (default: all that the tables allow), or a table with `account_id`, `at` (ends of the periods) and columns of numbers.
    recipe : callable, optional
        `recipe(ds)` returns `account_id` and the table's columns as of `ds`.
    every : {"month", "quarter", "week", ...}
        The calendar period of the snapshots.
    conf_level : float
        Level of the limits.
    rng : int or Generator
        Draws the folds of the cross-validation.
    policy : RevenuePolicy or str
        Who is a customer until when.

    Returns
    -------
    HealthFit
        `.coefficients` has the key `term`; metric `log_odds_ratio`, unit `ratio`: log-odds of leaving for one standard deviation, `n` = snapshots of customers.
        The limits are around shrunken values. `.covariance` is of the base and the terms.

    Raises
    ------
    NotEnoughDataError
        No window is over, or fewer than 5 customers left or stayed.
    MissingTableError, MissingColumnsError, ParameterError
        As `health_features`; a feature was not known at its date; a feature is not made of numbers.

    References
    ----------
    Le Cessie and van Houwelingen (1992), Applied Statistics 41, 191-201. Liang and Zeger (1986), Biometrika 73, 13-22. Van Houwelingen (2007),
    Scandinavian Journal of Statistics 34, 70-85, for stacked landmarks.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> number, start = np.arange(40), pd.Timestamp("2026-01-01", tz="UTC")
    >>> sold = pd.DataFrame({"account_id": number.astype(str), "mrr": np.where(number % 2, 90.0, 10.0), "currency": "EUR", "started_at": start})
    >>> sold["ended_at"] = (start + pd.to_timedelta(45 + 5 * number, "D")).where((number % 4 == 0) | (number % 10 == 1))
    >>> tables = {"accounts": sold[["account_id", "started_at"]], "subscriptions": sold.assign(subscription_id=sold["account_id"])}
    >>> fit = cs.fit_health(cs.read_dataset(tables, as_of="2026-12-31"), gap="14d", features=["mrr", "tenure_days"])
    >>> bool(fit.coefficients.set_index("term").loc["mrr", "estimate"] < 0)
    True
    """
    level = check_conf_level(conf_level)
    stacked = health_snapshots(ds, horizon=horizon, gap=gap, every=every, features=features, recipe=recipe, policy=policy)
    rows = stacked.usable()
    if rows.outcomes.empty:
        raise NotEnoughDataError("every customer had given notice or left within the gap: there is nobody to learn from. Use a shorter gap or more data.")
    outcome = rows.outcomes["churned"].to_numpy("float64")
    model = fit_ridge_logistic(rows.features[rows.names], outcome, clusters=rows.outcomes["account_id"], rng=rng)
    names = [BASE, *model.features]
    covariance = pd.DataFrame(model.covariance, index=names, columns=names)
    found = diagnostics_table(_diagnostics(stacked, rows, model))
    return HealthFit(
        _coefficients(model, level),
        covariance,
        model.log_likelihood,
        converged=True,
        diagnostics=found,
        model=model,
        horizon=str(horizon),
        gap="0d" if gap is None else str(gap),
        between=due_between(horizon, gap),
        conf_level=level,
    )


def _coefficients(model: RidgeLogistic, conf_level: float) -> pd.DataFrame:
    half = normal_quantile(conf_level) * np.sqrt(np.diag(model.covariance)[1:])
    limits = {"estimate": model.beta, "conf_low": model.beta - half, "conf_high": model.beta + half}
    return estimates({"term": list(model.features)}, metric="log_odds_ratio", unit="ratio", **limits, n=model.n)


def _diagnostics(stacked: HealthSnapshots, rows: HealthSnapshots, model: RidgeLogistic) -> Iterator[Diagnostic]:
    """Yield what the fit rests on, and what is to be said against it."""
    outcomes = rows.outcomes
    churners = outcomes.loc[outcomes["churned"].to_numpy("bool"), ["account_id", "ended_at"]].drop_duplicates().shape[0]
    yield Diagnostic("snapshots", outcomes["at"].nunique())
    yield Diagnostic("accounts", outcomes["account_id"].nunique())
    few = churners < FEWEST_CHURNERS
    yield Diagnostic("churners", churners, *(("too few to validate", f"wait for {FEWEST_CHURNERS} before the model is trusted or blamed") if few else ()))
    each = churners / len(model.features)
    thin = each < EVENTS_PER_FEATURE
    yield Diagnostic("churners per feature", each, *(("too few for so many features", "name fewer features, or use more data") if thin else ()))
    yield Diagnostic("left in gap", stacked.outcomes["left_in_gap"].sum())
    yield Diagnostic("notice given", stacked.outcomes["notice_given"].sum())
    flat = model.penalty >= PENALTIES[-1]
    yield Diagnostic("penalty", model.penalty, *(("no feature helps", "the base rate says as much; look for other features") if flat else ()))
    for name, verdict in zip(rows.names, stacked.verdicts["verdict"], strict=True):
        yield Diagnostic(f"feature {name}", rows.features[name].notna().mean(), *_said_of(rows.features[name], str(verdict)))


def _said_of(column: pd.Series, verdict: str) -> tuple[str, str]:
    """Return the finding on a feature, and what to do."""
    if verdict != "dated":
        return verdict, "pass a table with `at` and a recipe that makes it; what it promises may be hindsight"
    if column.dropna().nunique() < 2:
        return "never varies", "leave it out: it says nothing"
    return "ok", ""


def _long(table: pd.DataFrame, parts: Floats, names: list[str]) -> pd.DataFrame:
    """Return one row a row of the table and part: keys, `feature`, `value`, `part`; the base first, then the largest parts."""
    features = len(names)
    values = table.reindex(columns=names).to_numpy("float64", na_value=np.nan)
    row = np.repeat(np.arange(len(table)), features)
    long = table[_KEYS].iloc[row].reset_index(drop=True)
    long = long.assign(feature=np.tile(np.array(names, dtype=object), len(table)), value=values.ravel(), part=parts.ravel())
    size = np.where(long["feature"] == BASE, np.inf, long["part"].abs())
    return long.iloc[np.lexsort((long["feature"], -size, row))].reset_index(drop=True)
