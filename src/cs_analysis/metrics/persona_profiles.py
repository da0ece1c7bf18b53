"""What personas are like: how many, how much money, their features beside everybody else's, and what else they differ in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError
from cs_analysis.facts.persona_rows import NEVER_USED, UNASSIGNED
from cs_analysis.stats.clusters import clustered_share
from cs_analysis.stats.differences import Correction, with_p_values
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.intervals import Interval, difference, wilson
from cs_analysis.stats.quantile_scores import median_limits

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

MONEY = "mrr"
DIFFERS, NOT_SHOWN = "differs", "not shown"
MADE_OF, DESCRIBED, TESTED = "made of", "described", "tested"
_KEYS = ("account_id", "at")
_FEWEST = 2


class _Assigned(Protocol):
    """What has personas: a `PersonaFit`."""

    @property
    def assigned(self) -> pd.DataFrame: ...
    @property
    def columns(self) -> tuple[str, ...]: ...


def persona_profile(
    personas: _Assigned | pd.DataFrame,
    features: pd.DataFrame,
    *,
    validation: pd.DataFrame | None = None,
    correction: Correction = "holm",
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """How large each persona is, what part of the money it pays, its features in their own units, and what it differs in that it was not made of.

    Personas differ in the features they were made of by construction: limits of means and lifts describe, they test nothing. The key `basis` says which these
    are. Whether personas
    are more than a division of these features is asked of `validation`: columns the personas were not made of, each tested against everybody else, with
    p values adjusted for all of these tests together.

    Parameters
    ----------
    personas : PersonaFit or DataFrame
        Personas, or `account_id`, `persona`.
    features : DataFrame
        `account_id` and columns of numbers in their own units, such as `health_features`; one row an account.
    validation : DataFrame, optional
        `account_id` and columns of numbers or texts that the personas were not made of: segment, channel, renewals that came later.
    correction : {"holm", "benjamini_hochberg"}
        How p values are adjusted.
    conf_level : float
        Level of the limits, each by itself.

    Returns
    -------
    DataFrame
        Estimates with the keys `persona`, `feature`, `basis`, `value`, `verdict`, `comparisons`. `basis`: "made of" (the personas were, so they differ in it by
        construction), "described" (they were not, but it is not tested), "tested"; missing for features where personas are a DataFrame, as nobody knows.
        `persona_share`: of all accounts, Wilson limits; also of "never used" and "unassigned".
        `persona_revenue_share`: of the sum of `mrr`, where `features` has it, limits by account.
        `persona_mean` and `persona_median`, unit `ratio`, in the feature's own unit: limits of Student's t, and by ranks (missing for few accounts).
        `persona_lift`: mean over the mean of the accounts of the other personas, limits on the logarithmic scale; missing where a value is negative.
        `validation_difference`: mean of a column of numbers (unit `ratio`), share of a yes (True, or 1 where all are 0 or 1), or share with a text (`value`;
        unit `share`), less that of the accounts of the other personas; of two personas, or two texts, the first alone. `verdict` "differs" where the
        adjusted p value is below 1 - `conf_level`, else "not shown".
        `validation_adjusted_p_value`: of the row before, for so many `comparisons`.

    Raises
    ------
    NotEnoughDataError
        There are no personas, by the verdict, or only one.
    MissingColumnsError, ParameterError
        A table lacks a column; an account is there twice; a validation column is one of the features, or one the personas were made of, or of dates.

    References
    ----------
    Hennig and Liao (2013), Journal of the Royal Statistical Society C 62, 309-369, for validation by variables not used. Holm (1979), Scandinavian
    Journal of Statistics 6, 65-70. Zou and Donner (2008), Statistics in Medicine 27, 1693-1702.

    Examples
    --------
    >>> personas = pd.DataFrame({"account_id": range(6), "persona": list("AAABBB")})
    >>> table = persona_profile(personas, pd.DataFrame({"account_id": range(6), "reports": [8, 10, 12, 4, 5, 6]}))
    >>> table.query("metric == 'persona_lift'")[["persona", "estimate"]].values.tolist()
    [['A', 2.0], ['B', 0.5]]
    """
    check_conf_level(conf_level)
    given, made_of = (personas, None) if isinstance(personas, pd.DataFrame) else (personas.assigned, personas.columns)
    if validation is not None:
        _check_independent(validation, of=[*features.columns, *(made_of or ())])
    rows = _joined(given, features, validation)
    names = sorted(set(rows["persona"].dropna()) - {NEVER_USED, UNASSIGNED})
    if len(names) < _FEWEST:
        raise NotEnoughDataError("a profile needs at least two personas: where there is no structure, or one persona, there is nobody else to compare with.")
    wanted = _numbers(features)
    parts = [_sizes(rows, names, conf_level=conf_level), *_described(rows, names, basis=_basis(wanted, made_of), conf_level=conf_level)]
    if validation is not None:
        parts += list(_validated(rows, names, wanted=[name for name in validation.columns if name not in _KEYS], correction=correction, conf_level=conf_level))
    return stack(parts)


def _numbers(features: pd.DataFrame) -> list[str]:
    return [name for name in features.columns if name not in _KEYS and pd.api.types.is_numeric_dtype(features[name])]


def _basis(wanted: list[str], made_of: Sequence[str] | None) -> dict[str, str | None]:
    """Return what each feature has to do with the personas; nothing is known of personas that are only listed."""
    return {name: None if made_of is None else MADE_OF if name in made_of else DESCRIBED for name in wanted}


def _check_independent(validation: pd.DataFrame, *, of: list[str]) -> None:
    """Raise `ParameterError` if a column cannot validate personas."""
    if shared := sorted((set(validation.columns) & set(of)) - set(_KEYS)):
        raise ParameterError(f"validation must be columns that the personas were not made of; {', '.join(shared)} is among the features. Drop it from one.")
    if dates := [name for name in validation.columns if name not in _KEYS and pd.api.types.is_datetime64_any_dtype(validation[name])]:
        raise ParameterError(f"validation must be numbers or texts; {dates[0]} is of dates. Give the days until then, or the month as text.")


def _joined(personas: pd.DataFrame, features: pd.DataFrame, validation: pd.DataFrame | None) -> pd.DataFrame:
    """Return one row an account of the personas, with its features and what they are validated by."""
    tables = {"personas": (personas, ["account_id", "persona"]), "features": (features, ["account_id"])}
    if validation is not None:
        tables["validation"] = (validation, ["account_id"])
    rows = personas
    for name, (table, needed) in tables.items():
        if missing := [column for column in needed if column not in table.columns]:
            raise MissingColumnsError(missing, table.columns, table=name)
        if twice := table.loc[table["account_id"].duplicated(), "account_id"].tolist():
            raise ParameterError(f"{name} must have one row an account; {twice[0]!r} has two.")
        if name != "personas":
            rows = rows.merge(table.drop(columns=["at", "persona", "margin"], errors="ignore"), on="account_id", how="left")
    return rows.sort_values("account_id", kind="stable", ignore_index=True)


def _sizes(rows: pd.DataFrame, names: list[str], *, conf_level: float) -> pd.DataFrame:
    """Return the share of accounts, and of the money, of each persona and of those without one."""
    present = [*names, *(name for name in (NEVER_USED, UNASSIGNED) if (rows["persona"] == name).any())]
    of = [(rows["persona"] == name).to_numpy(bool) for name in present]
    counts = np.array([own.sum() for own in of])
    parts = [estimates({"persona": present}, metric="persona_share", unit="share", **wilson(counts, len(rows), conf_level=conf_level)._asdict(), n=len(rows))]
    money = rows[MONEY].fillna(0).to_numpy("float64") if MONEY in rows.columns else np.zeros(len(rows))
    if money.sum() > 0 and (money >= 0).all():
        shares = _columns([clustered_share(money * own, money, conf_level=conf_level) for own in of])
        parts.append(estimates({"persona": present}, metric="persona_revenue_share", unit="share", **shares, n=len(rows)))
    return stack(parts)


def _described(rows: pd.DataFrame, names: list[str], *, basis: dict[str, str | None], conf_level: float) -> Iterator[pd.DataFrame]:
    """Yield mean, median and lift of each feature and persona."""
    for feature, use in basis.items():
        values = rows[feature].to_numpy("float64")
        parts = [(name, values[own], values[rest]) for name, own, rest in _against(rows, names, values)]
        told = {
            "persona_mean": [_mean(own, conf_level) for _, own, _ in parts],
            "persona_median": [_median(own, conf_level) for _, own, _ in parts],
            "persona_lift": [_lift(own, rest, conf_level=conf_level) for _, own, rest in parts],
        }
        for metric, found in told.items():
            keys = {"persona": [name for name, *_ in parts], "feature": feature, "basis": use}
            yield estimates(keys, metric=metric, unit="ratio", **_columns(found), n=[len(own) for _, own, _ in parts])


def _against(rows: pd.DataFrame, names: list[str], values: npt.NDArray[Any]) -> Iterator[tuple[str, Flags, Flags]]:
    """Yield each persona with its accounts whose value is known, and those of the other personas."""
    known, persona = ~pd.isna(values), rows["persona"]
    placed = persona.isin(names).to_numpy(bool) & known
    for name in names:
        own = (persona == name).to_numpy(bool)
        yield name, own & known, placed & ~own


def _mean(values: Floats, conf_level: float) -> Interval:
    if len(values) < _FEWEST:
        return Interval(values.mean() if len(values) else np.nan, np.nan, np.nan)
    reach = special.stdtrit(len(values) - 1, (1 + conf_level) / 2) * values.std(ddof=1) / np.sqrt(len(values))
    return Interval(values.mean(), values.mean() - reach, values.mean() + reach)


def _median(values: Floats, conf_level: float) -> Interval:
    return median_limits(pd.Series(values), conf_level=conf_level) if len(values) else Interval(np.nan, np.nan, np.nan)


def _lift(own: Floats, rest: Floats, *, conf_level: float) -> Interval:
    """Return the mean of the own values over that of the rest, limits from the relative variances of both on the logarithmic scale (Welch's t)."""
    if min(len(own), len(rest)) < _FEWEST or min(own.min(), rest.min()) < 0 or own.mean() * rest.mean() == 0:
        return Interval(np.nan, np.nan, np.nan)
    ratio = own.mean() / rest.mean()
    spread = np.array([part.var(ddof=1) / len(part) / part.mean() ** 2 for part in (own, rest)])
    if spread.sum() == 0:
        return Interval(ratio, np.nan, np.nan)
    freedom = spread.sum() ** 2 / (spread**2 / (np.array([len(own), len(rest)]) - 1)).sum()
    factor = np.exp(special.stdtrit(freedom, (1 + conf_level) / 2) * np.sqrt(spread.sum()))
    return Interval(ratio, ratio / factor, ratio * factor)


def _validated(rows: pd.DataFrame, names: list[str], *, wanted: list[str], correction: Correction, conf_level: float) -> Iterator[pd.DataFrame]:
    """Yield the differences in columns that the personas were not made of, all tested together; of two personas or texts one tells of both."""
    told: list[dict[str, Any]] = []
    for feature in wanted:
        values, shares_of = _asked(rows[feature])
        for (name, own, rest), value in product(_one_of_two(list(_against(rows, names, values))), shares_of):
            gap = _gap(values[own], values[rest], value, conf_level=conf_level)
            keys = {"persona": name, "feature": feature, "value": None if values.dtype == "float64" else value}
            told.append({**keys, "unit": "ratio" if value is None else "share", "n": own.sum(), **gap._asdict()})
    if not told:
        return
    found = pd.DataFrame(told)
    keys = found[["persona", "feature", "value"]].assign(basis=TESTED)
    limits = {name: found[name] for name in Interval._fields}
    table = estimates(keys, metric="validation_difference", unit="ratio", **limits, n=found["n"]).assign(unit=found["unit"])
    tested = with_p_values(table, correction=correction, conf_level=conf_level)
    shown = np.where(tested["estimate"].shift(-1) < 1 - conf_level, DIFFERS, NOT_SHOWN)  # each difference is followed by its p value
    yield tested.assign(verdict=pd.Series(shown, dtype=object).where(tested["metric"] == "validation_difference"))


def _asked(column: pd.Series) -> tuple[npt.NDArray[Any], list[Any]]:
    """Return the values, and of which the shares are compared: of yes and no the yes, of two texts the first; None compares means."""
    known = column.convert_dtypes()  # yes and no with gaps come as objects
    if not pd.api.types.is_numeric_dtype(known):
        texts = column.astype("object").to_numpy()
        return texts, _one_of_two(sorted(set(texts[~pd.isna(texts)]), key=str))
    numbers = known.to_numpy("float64", na_value=np.nan)
    return numbers, [1.0] if set(numbers[~np.isnan(numbers)]) <= {0.0, 1.0} else [None]


def _one_of_two(things: list[Any]) -> list[Any]:
    return things[:1] if len(things) == 2 else things


def _gap(own: npt.NDArray[Any], rest: npt.NDArray[Any], value: Any, *, conf_level: float) -> Interval:
    """Return the difference of two means, or of the shares that have a value."""
    if value is None:
        return difference(_mean(own, conf_level), _mean(rest, conf_level))
    shares = [wilson(int((part == value).sum()), len(part), conf_level=conf_level) for part in (own, rest)]
    return Interval(*(float(part) for part in difference(*shares)))


def _columns(found: list[Interval]) -> dict[str, list[float]]:
    return {name: [float(getattr(one, name)) for one in found] for name in Interval._fields}
