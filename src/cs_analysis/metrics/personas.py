"""Personas: whether accounts fall into groups by how they use the product at all, which groups, and who belongs to which."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from string import ascii_uppercase
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.facts.persona_rows import NEVER_USED, UNASSIGNED, Choice, Missing, Rows, chosen, persona_rows, refuse_missing
from cs_analysis.stats.estimates import check_conf_level, estimates
from cs_analysis.stats.fits import Diagnostic, Fit, diagnostics_table
from cs_analysis.stats.grouping.groups import Groups, Placed, find_groups
from cs_analysis.stats.grouping.partition import Method
from cs_analysis.stats.grouping.prepare import Column, prepared_column, scaled
from cs_analysis.stats.grouping.verdict import LEAST_SILHOUETTE, LEAST_STABLE, NO_STRUCTURE, STRUCTURE, WEAK, Evidence, criteria, evidence
from cs_analysis.stats.resampling import generator

Floats = npt.NDArray[np.float64]
Scales = tuple[Column, ...]

ROWS_A_PERSONA = 10
_STABLE, _DISSOLVED = 0.75, 0.5
_ADVICE = {
    STRUCTURE: ("ok", ""),
    WEAK: (WEAK, "do not build on borders between personas"),
    NO_STRUCTURE: (NO_STRUCTURE, "describe accounts by their features, not by personas"),
}


@dataclass(frozen=True, eq=False)
class PersonaFit(Fit):
    """Personas, or the verdict that there are none.

    Attributes
    ----------
    coefficients : DataFrame
        Estimates with the keys `persona`, `term`: metric `persona_centre`, unit `ratio`, the centre in standard deviations of the prepared feature, with
        limits from drawing accounts anew.
    covariance, log_likelihood, converged, diagnostics
        As of `Fit`; no covariance is made, and the likelihood is that of a mixture. `diagnostics` has the silhouette, what it is without groups, the p
        value, the criteria by number of groups, the share of accounts left out and the stability of each persona.
    verdict : str
        "no structure", "weak structure" or "structure".
    k : int
        Number of personas; 0 where the verdict refuses them.
    forced : bool
        The number was asked for, whatever the verdict.
    assigned : DataFrame
        `account_id`, `persona` ("A", "B", ... from the largest; "never used"; "unassigned" for a missing value; missing without structure), `margin`: how
        much nearer the account is to its own centre than to the next, 0 (as near) to 1.
    centres : DataFrame
        `persona` and one column a feature, in its own unit.
    stability : DataFrame
        `persona`, `accounts`, `jaccard` (mean share found again), `recovered_share` and `dissolved_share` (of the redrawings with a share of at least 0.75, and
        of at most 0.5), `finding` ("stable", "doubtful", "unstable").
    columns : tuple of str
        Features the personas are made of.
    prepared : DataFrame
        One row a column: `feature`, `scale` ("log1p", "as it is" or "dropped: constant"), `unit` of the logarithm, `low`, `high` (values beyond are drawn in),
        `mean`, `sd`.
    choice, groups
        What `predict` needs of the fit; no groups without structure.
    again : callable
        `fit_personas` with the choices of this fit, also of logarithms, for another table.
    """

    verdict: str
    k: int
    forced: bool
    assigned: pd.DataFrame
    centres: pd.DataFrame
    stability: pd.DataFrame
    columns: tuple[str, ...]
    prepared: pd.DataFrame
    choice: Choice
    groups: Groups | None
    again: Callable[..., PersonaFit]

    def predict(self, features: pd.DataFrame) -> pd.DataFrame:
        """Return the persona of each account of another table, the personas as they are.

        An account goes to its nearest centre (in a mixture the likeliest), unless it is further from it than 99 % of the accounts that made the
        persona, or lacks a value: then it is "unassigned". Of an account that makes a persona about one in a hundred is.

        Parameters
        ----------
        features : DataFrame
            `account_id` and the columns the fit was made from.

        Returns
        -------
        DataFrame
            `account_id`, `persona`, `margin`, by account.

        Raises
        ------
        NotEnoughDataError
            There are no personas, by the verdict.
        MissingColumnsError, ParameterError
            As for `fit_personas`.
        """
        if self.groups is None:
            raise NotEnoughDataError(_refusal(self.diagnostics))
        rows = persona_rows(features, self.choice)
        placed = self.groups.placed(_filled(rows.numbers, self.groups.scales))
        return _assigned(rows, placed, far=self.groups.far(placed))


def fit_personas(
    features: pd.DataFrame,
    *,
    k: int | None = None,
    method: Method = "kmeans",
    columns: Sequence[str] | None = None,
    never_used: Literal["split", "keep"] = "split",
    usage: Sequence[str] | None = None,
    missing: Missing = "refuse",
    units: Mapping[str, float] | None = None,
    most: int = 6,
    null_tables: int = 99,
    rng: int | np.random.Generator = 0,
    conf_level: float = 0.95,
) -> PersonaFit:
    """Return personas with a verdict first: whether the accounts fall into groups beyond what skewed, tied and correlated columns make of anybody.

    Accounts that have used nothing are set apart by rule. Of the others, columns that are never negative and skewed to the right (skewness over 1) are
    taken as log1p of multiples of the lower decile of their positive values, the outer 1 % at each end is drawn in, and all are brought to standard
    deviations. Constant columns are dropped, and `.prepared` says so.

    k-means divides the accounts into 2, 3, ... `most` groups; the largest mean silhouette width is compared with the largest of `null_tables` tables without
    groups: the same values in each column, with the same rank correlations, from a Gaussian copula. "no structure": such a silhouette comes by
    chance in more than 1 - `conf_level` of them, or the BIC of a mixture prefers a single group, or accounts are nowhere surely rarer half-way between
    neighbouring groups than in both: one crowd, however bent. "structure": accounts are surely rarer between each group and its nearest, the silhouette is at
    least 0.25, and of no group less than 0.6 is found again on average in accounts drawn anew. Otherwise "weak structure". Groups that differ in a single
    column are part of every null table, and so no structure: cut that column instead.

    Parameters
    ----------
    features : DataFrame
        `account_id` and columns of numbers, one row an account: `health_features` of one date, or another table.
    k : int, optional
        Number of personas. They are then made whatever the verdict, which stays as it is; `.forced` says so. Default: the best silhouette, or BIC.
    method : {"kmeans", "mixture"}
        How the personas are made: k-means with 25 starts, or a Gaussian mixture whose number is chosen by BIC, one group among the choices.
    columns : list of str, optional
        Features; default: all columns of numbers but `account_id` and `at`.
    never_used : {"split", "keep"}
        Whether accounts whose known values of `usage` are all 0 become the persona "never used" by rule.
    usage : list of str, optional
        The columns for that; default: the usage counts of `health_features` in the table, without those all `columns` that are never negative.
    missing : {"refuse", "complete", "median"}
        What to do with an account that lacks a value: refuse, leave it "unassigned", or put in the median.
    units : mapping, optional
        Units of the logarithm by feature, as in `.prepared` of another fit (missing: as it is); of others they are chosen by the skewness. Personas of two
        tables can be compared only on the same scales.
    most : int
        Largest number of groups that is tried, at most a tenth of the accounts.
    null_tables : int
        Number of tables without groups.
    rng : int or Generator
        Seed or source of randomness.
    conf_level : float
        1 - `conf_level` is the chance to find groups where there are none; and level of the limits of centres.

    Returns
    -------
    PersonaFit
        The verdict, personas, their centres and stability; `.predict(features)` gives other accounts to them.

    Raises
    ------
    NotEnoughDataError
        Fewer than 10 accounts a persona, fewer than two columns that vary, or fewer different rows than personas.
    MissingColumnsError, ParameterError
        A column is absent, not of numbers, or lacks values with missing="refuse"; an account is there twice, or several dates are.

    References
    ----------
    Hennig (2007), Computational Statistics and Data Analysis 52, 258-271. Hennig and Liao (2013), Applied Statistics 62, 309-369. Kaufman and
    Rousseeuw (1990), Finding Groups in Data.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> low, high = rng.normal([3, 3, 3], 0.5, (40, 3)), rng.normal([8, 3, 9], 0.5, (30, 3))
    >>> table = pd.DataFrame(np.vstack([low, high]), columns=["days", "users", "reports"]).assign(account_id=range(70))
    >>> fit = fit_personas(table, null_tables=19, most=3)
    >>> fit.verdict, fit.assigned["persona"].value_counts().to_dict()
    ('structure', {'A': 40, 'B': 30})
    """
    level, source = check_conf_level(conf_level), generator(rng)
    _check(k=k, method=method, never_used=never_used, missing=missing, most=most, null_tables=null_tables, level=level)
    asked = chosen(features, columns=columns, usage=usage, split=never_used == "split", missing=missing)
    choice, scales = _varying(features, asked, units or {})
    table = persona_rows(features, choice)
    refuse_missing(table, choice)
    values = _filled(table.numbers, scales)
    rows = scaled(scales, values[table.grouped])
    most = _most(rows, k=k, most=most)
    seen, bic = evidence(rows, most=most, tables=null_tables, rng=source), criteria(rows, most=most, rng=source)
    best = seen.size if method == "kmeans" else 1 + int(bic.argmin())
    group = partial(find_groups, scales, values[table.grouped], method=method, rng=source)
    cut = group(best) if best > 1 and seen.p_value <= 1 - level else None
    verdict = cut.verdict if cut else NO_STRUCTURE
    found = cut if verdict != NO_STRUCTURE or k == best else None
    if k is not None and (found is None or k != best):
        found = group(k)
    placed = found.placed(values) if found else None
    stable = _stability(found, placed, table)
    dropped = [name for name in asked.names if name not in choice.names]
    told = [*_said_of_verdict(verdict, seen, bic, cut=cut), *_said_of_rows(table, dropped), *_said_of_groups(found, stable, forced=k is not None)]
    return PersonaFit(
        coefficients=_coefficients(found, stable, conf_level=level),
        covariance=pd.DataFrame(),
        log_likelihood=found.partition.log_likelihood if found else float("nan"),
        converged=found is not None and found.partition.converged,
        diagnostics=diagnostics_table(told),
        verdict=verdict,
        k=found.partition.size if found else 0,
        forced=k is not None,
        assigned=_assigned(table, placed),
        centres=_centres(found, choice),
        stability=stable,
        columns=choice.names,
        prepared=_prepared_table(scales, dropped),
        choice=choice,
        groups=found,
        again=partial(
            fit_personas,
            method=method,
            columns=choice.names,
            never_used=never_used,
            usage=choice.usage or None,
            missing=missing,
            units={column.name: column.unit for column in scales},
            most=most,
        ),
    )


def _check(*, k: int | None, method: str, never_used: str, missing: str, most: int, null_tables: int, level: float) -> None:
    for name, value, allowed in (("method", method, get_args(Method)), ("never_used", never_used, ("split", "keep")), ("missing", missing, get_args(Missing))):
        if value not in allowed:
            raise ParameterError(f"{name} must be one of {', '.join(map(repr, allowed))}, not {value!r}.")
    for name, number in (("k", 2 if k is None else k), ("most", most)):
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or not 2 <= number <= len(ascii_uppercase):
            raise ParameterError(f"{name} must be a whole number from 2 to {len(ascii_uppercase)}, not {number!r}.")
    if 1 / (1 + null_tables) > 1 - level:
        raise ParameterError(f"null_tables must be at least {round(1 / (1 - level)) - 1} to judge at conf_level={level}, not {null_tables!r}.")


def _varying(features: pd.DataFrame, asked: Choice, units: Mapping[str, float]) -> tuple[Choice, Scales]:
    """Return the features that vary among the accounts not set apart, and how they are prepared."""
    table = persona_rows(features, asked)
    known = ((name, column[~table.never & ~np.isnan(column)]) for name, column in zip(asked.names, table.numbers.T, strict=True))
    made = [prepared_column(name, column, unit=units.get(name)) for name, column in known if len(column)]
    scales = tuple(column for column in made if column is not None)
    if len(scales) < 2:
        varying = ", ".join(column.name for column in scales) or "none"
        raise NotEnoughDataError(
            f"personas need at least two features that vary among the accounts (these do: {varying}). Name more; a single one is cut, not grouped."
        )
    return replace(asked, names=tuple(column.name for column in scales)), scales


def _filled(values: Floats, scales: Scales) -> Floats:
    """Return values with medians where one is missing; who may not be given one is left out by its row."""
    return np.where(np.isnan(values), [column.middle for column in scales], values)


def _most(rows: Floats, *, k: int | None, most: int) -> int:
    """Return the largest number of groups to try, or raise `NotEnoughDataError`."""
    least = 2 if k is None else int(k)
    if len(rows) < ROWS_A_PERSONA * least:
        raise NotEnoughDataError(f"{least} personas need at least {ROWS_A_PERSONA * least} accounts that were used and lack no value; there are {len(rows)}.")
    different = len(np.unique(rows, axis=0))
    if different <= least:
        raise NotEnoughDataError(f"{least} personas need more than {least} different rows of features; there are {different}. Name more features.")
    return max(least, min(most, len(rows) // ROWS_A_PERSONA, different - 1))


def _refusal(diagnostics: pd.DataFrame) -> str:
    """Return why there are no personas."""
    value = diagnostics.set_index("check")["value"]
    return (
        f"there are no personas to give accounts to: the verdict is '{NO_STRUCTURE}'. The best silhouette is {value['silhouette']:.2f}; tables with "
        "the same columns and rank correlations but without groups reach as much with a chance of "
        f"{value['p value']:.2f}; {'accounts are nowhere rarer between groups' if 'groups beside a valley' in value else 'that is chance'}. "
        "Describe the accounts by their features instead, or force a number with k=."
    )


def _letters(count: int) -> npt.NDArray[np.object_]:
    return np.array(list(ascii_uppercase[:count]), dtype=object)


def _assigned(rows: Rows, placed: Placed | None, *, far: npt.NDArray[np.bool_] | None = None) -> pd.DataFrame:
    """Return the persona and margin of each account."""
    persona, margin = np.full(len(rows.accounts), None, dtype=object), np.full(len(rows.accounts), np.nan)
    if placed is not None:
        outside = rows.lacking if far is None else rows.lacking | far
        persona = np.where(outside, UNASSIGNED, _letters(int(placed.labels.max(initial=0)) + 1)[placed.labels])
        margin = np.where(rows.lacking | rows.never, np.nan, placed.margins)
    persona[rows.never] = NEVER_USED
    return pd.DataFrame({"account_id": rows.accounts, "persona": persona, "margin": margin}).astype({"persona": object})


def _centres(found: Groups | None, choice: Choice) -> pd.DataFrame:
    """Return the centres, each feature in its own unit."""
    if found is None:
        return pd.DataFrame(columns=["persona", *choice.names])
    own = {column.name: column.original(centre) for column, centre in zip(found.scales, found.partition.centres.T, strict=True)}
    return pd.DataFrame({"persona": _letters(found.partition.size), **own})


def _coefficients(found: Groups | None, stable: pd.DataFrame, *, conf_level: float) -> pd.DataFrame:
    """Return the centres in standard deviations, with limits."""
    terms = [column.name for column in found.scales] if found else []
    keys = pd.DataFrame({"persona": np.repeat(stable["persona"].to_numpy(), len(terms)), "term": terms * len(stable)})
    limits = [part.ravel() for part in found.centre_limits(conf_level)] if found else [[], [], []]
    estimate, low, high = limits
    n = np.repeat(stable["accounts"].to_numpy(), len(terms))
    return estimates(keys, metric="persona_centre", unit="ratio", estimate=estimate, conf_low=low, conf_high=high, n=n)


def _stability(found: Groups | None, placed: Placed | None, table: Rows) -> pd.DataFrame:
    """Return how often each persona is found again."""
    names = ["persona", "accounts", "jaccard", "recovered_share", "dissolved_share", "finding"]
    if found is None or placed is None:
        return pd.DataFrame({name: [] for name in names}).astype({"accounts": "int64", "persona": object, "finding": object})
    again = found.stability.jaccard
    mean = again.mean(axis=0)
    accounts = np.bincount(placed.labels[table.grouped], minlength=len(mean))
    finding = np.where(mean >= _STABLE, "stable", np.where(mean >= LEAST_STABLE, "doubtful", "unstable"))
    columns = [_letters(len(mean)), accounts, mean, (again >= _STABLE).mean(axis=0), (again <= _DISSOLVED).mean(axis=0), finding]
    return pd.DataFrame(dict(zip(names, columns, strict=True))).astype({"finding": object})


def _prepared_table(scales: Scales, dropped: list[str]) -> pd.DataFrame:
    """Return how each column was prepared."""
    rows = [(column.name, "as it is" if np.isnan(column.unit) else "log1p", column.unit, column.low, column.high, column.mean, column.sd) for column in scales]
    gone = [(name, "dropped: constant", *[np.nan] * 5) for name in dropped]
    return pd.DataFrame([*rows, *gone], columns=["feature", "scale", "unit", "low", "high", "mean", "sd"])


def _said_of_verdict(verdict: str, seen: Evidence, bic: Floats, *, cut: Groups | None) -> Iterator[Diagnostic]:
    """Yield what the verdict rests on."""
    yield Diagnostic("p value", seen.p_value, *_ADVICE[verdict])
    if cut is not None:
        shown = sum(valley.shown for valley in cut.valleys)
        yield Diagnostic(
            "groups beside a valley", shown, *(() if shown else ("no valley", "one crowd, however bent: accounts are nowhere rarer between groups"))
        )
    low = seen.best < LEAST_SILHOUETTE
    yield Diagnostic("silhouette", seen.best, *(("low", f"below {LEAST_SILHOUETTE} personas run into each other") if low else ()))
    yield Diagnostic("silhouette without groups, 95 % of tables", float(np.quantile(seen.null, 0.95)))
    yield Diagnostic("accounts compared", seen.rows)
    for size, width in zip(seen.sizes, seen.silhouettes, strict=True):
        yield Diagnostic(f"silhouette k={size}", width)
    for size, value in enumerate(bic, start=1):
        yield Diagnostic(f"BIC k={size}", value)


def _said_of_rows(table: Rows, dropped: list[str]) -> Iterator[Diagnostic]:
    """Yield who and what was left out."""
    yield Diagnostic("accounts", table.grouped.sum())
    yield Diagnostic("accounts never used", table.never.sum())
    lacking = int(table.lacking.sum())
    yield Diagnostic("accounts without a value", lacking, *(("unassigned", "leave out the feature they lack, or choose missing='median'") if lacking else ()))
    for name in dropped:
        yield Diagnostic(f"column {name}", 0.0, "constant", "dropped; it tells no accounts apart")


def _said_of_groups(found: Groups | None, stable: pd.DataFrame, *, forced: bool) -> Iterator[Diagnostic]:
    """Yield what is to be said of the personas made."""
    if found is None:
        return
    if forced:
        yield Diagnostic("number of personas", found.partition.size, "forced", "the number was asked for; read the verdict")
    yield Diagnostic("silhouette of the personas", found.silhouette)
    names = _letters(found.partition.size)
    for valley in found.valleys:
        flat = not valley.shown
        finding = ("no valley", "nothing shows a border here: the accounts half-way are not surely rarer") if flat else ()
        yield Diagnostic(f"valley {names[valley.group]} to {names[valley.other]}", valley.depth, *finding)
    for row in stable.itertuples():
        weak = row.finding == "unstable"
        yield Diagnostic(f"stability {row.persona}", row.jaccard, *(("unstable", "not found again in accounts drawn anew; do not name it") if weak else ()))
