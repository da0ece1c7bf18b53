"""Beta group against general release: what a planned experiment shows, in figures and in a word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Literal, NamedTuple, TypeVar, get_args

import numpy as np
import pandas as pd

from cs_analysis.data.dataset import Dataset
from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.facts.assignments import assigned_outcomes, checked_units
from cs_analysis.facts.response_columns import table_of
from cs_analysis.stats.differences import Correction, adjusted_p_values
from cs_analysis.stats.equivalence import check_margin
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.experiments import NOT_AS_ASSIGNED, UNLIKELY, Floats, GroupDifference, anytime, group_difference, ratio_mismatch, verdict
from cs_analysis.stats.intervals import Interval

Aim = Literal["difference", "no_worse"]
Better = Literal["higher", "lower"]
T = TypeVar("T")


class _Look(NamedTuple):
    """One comparison: the outcome and groups it is of, what was found with and without adjustment and as if units were accounts, limits, p value."""

    keys: dict[str, str]
    unit: str
    found: GroupDifference
    plain: GroupDifference
    naive: GroupDifference
    limits: Interval
    p_value: float


class _Asked(NamedTuple):
    """How the comparisons are to be made."""

    against: str
    before: Mapping[str, str]
    strata: list[str]
    planned: int | None
    conf_level: float


def experiment_effect(
    source: Dataset | pd.DataFrame,
    *,
    outcome: str | Sequence[str] | Mapping[str, Any],
    assignment: str | pd.DataFrame = "group",
    cluster: str = "account_id",
    against: str = "general",
    before: str | Mapping[str, str] | None = None,
    strata: str | Sequence[str] = (),
    ratio: Mapping[str, float] | None = None,
    margin: float | Mapping[str, float] | None = None,
    aim: Aim = "difference",
    better: Better | Mapping[str, Better] = "higher",
    peeking: bool = False,
    planned: int = 1000,
    horizon: str | timedelta = "90d",
    correction: Correction = "holm",
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Difference that belonging to a group made, where chance alone put accounts into groups, with a verdict in plain words.

    Everybody counts in the group they were assigned to, whether they ever met the new thing or not: those who did chose to, and are other people. Where users
    are measured but accounts were assigned, limits count accounts; `experiment_effect_naive` shows what counting users would claim. A figure from before the
    assignment, and strata, make the limits narrower without moving the estimate.

    Looking every week and stopping at the first "significant" result finds an effect where there is none in a fifth of all experiments after ten looks. Either
    look once, when the planned number is reached (see `experiment_size`), or ask for `peeking`: those limits hold at all looks together, and cost width. They
    are for accounts whose outcome is known once and for all, coming in as time goes by.

    The verdict is "helps" or "harms" where the p value, adjusted for the number of comparisons, is below 1 - conf_level; "none beyond the margin" where the
    limits lie within the margin, which has to be named before the data are seen; "no worse than the margin" where that was asked and the limit on the bad
    side lies within it; else "not shown". "groups are not as assigned": the numbers of accounts differ from the planned ratio more than chance makes them
    (p < 0.001), so somebody is missing, or was moved; then nothing is to be believed before that is explained.

    Parameters
    ----------
    source : Dataset or DataFrame
        One row a unit, all units that were assigned; or a Dataset that knows what became of accounts.
    outcome : str, list of str or mapping
        Columns with numbers, or 0 and 1. With a Dataset: "retention", "renewal", "expansion", "usage" (see `action_effect`), or a mapping of a name to a table
        `account_id`, `reached_at`.
    assignment : str or DataFrame
        Column with the group; with a Dataset a table `account_id`, `group`, `assigned_at`. Where there are columns `assigned_at` and `exposed_at`, nobody may
        have been exposed first.
    cluster : str
        What was assigned as a whole.
    against : str
        The group that the others are compared with.
    before : str or mapping, optional
        Column with the unit's figure from before the assignment, or one for each outcome; with a Dataset a feature (see `health_features`). Where it is missing
        its mean stands in, beside a column that says so.
    strata : str or list of str
        Columns whose values the assignment was balanced in.
    ratio : mapping of str to float, optional
        Parts that accounts were assigned in; by default equal ones.
    margin : float or mapping, optional
        What is too small to matter, in the unit of the outcome.
    aim : {"difference", "no_worse"}
        Whether it is asked if there is a difference, or only if the new is no worse.
    better : {"higher", "lower"} or mapping
        Which direction of an outcome is good.
    peeking : bool
        Limits that hold however often one looks.
    planned : int
        With `peeking`: accounts of both groups at which they are narrowest. Stated before the first look and never changed.
    horizon : str or Timedelta
        With a Dataset: how long after the assignment; accounts assigned later than that before `as_of` are left out.
    correction : {"holm", "benjamini_hochberg"}
        How p values are adjusted for several outcomes and groups.
    conf_level : float
        Level of the limits, which are those of each comparison by itself.

    Returns
    -------
    DataFrame
        Estimates with the keys `outcome`, `group`, `against` and `verdict`.
        `experiment_effect`: share for outcomes of 0 and 1, else count (days for usage); `n` = accounts of both groups.
        `experiment_effect_adjusted_p_value`, a share.
        `experiment_effect_naive`: without adjustment, as if units had been assigned one by one.
        `variance_left`: variance with adjustment over variance without.
        `experiment_outcome`: plain mean of each group; `n` = its accounts.
        `assignment_p_value`: of the planned ratio.

    Raises
    ------
    MissingColumnsError, ParameterError
        A column is missing or holds no numbers; an outcome is missing, an account in two groups, somebody exposed before assigned; no such group; a margin is
        not above 0.
    NotEnoughDataError
        Fewer than two groups, or too few accounts in one or in a stratum of it.

    References
    ----------
    Kohavi, Tang and Xu (2020), Trustworthy Online Controlled Experiments. Deng, Xu, Kohavi and Walker (2013), WSDM 2013, 123-132. Lin (2013), Annals of
    Applied Statistics 7, 295-318. Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), Annals of Statistics 52, 2613-2640. Fabijan and others
    (2019), KDD 2019, 2156-2164. Holm (1979), Scandinavian Journal of Statistics 6, 65-70.

    Examples
    --------
    >>> import pandas as pd
    >>> users = pd.DataFrame({"account_id": range(400), "group": ["beta", "general"] * 200, "kept": [1, 1, 1, 0] * 100})
    >>> experiment_effect(users, outcome="kept")[["metric", "estimate", "verdict"]].head(1).to_dict("records")
    [{'metric': 'experiment_effect', 'estimate': 0.5, 'verdict': 'helps'}]
    """
    check_conf_level(conf_level)
    if aim not in get_args(Aim):
        raise ParameterError(f"aim must be 'difference' or 'no_worse', not {aim!r}.")
    names = _named(outcome)
    layers = [strata] if isinstance(strata, str) else list(strata)
    prior = dict.fromkeys(names, before) if isinstance(before, str) else dict(before or {})
    if isinstance(source, Dataset):
        if not isinstance(assignment, pd.DataFrame):
            raise ParameterError("with a Dataset, assignment must be a table account_id, group, assigned_at.")
        rows, units = assigned_outcomes(source, assignment, names, horizon=horizon, before=prior, strata=layers)
        group, cluster = "group", "account_id"
    else:
        group = str(assignment)
        rows = checked_units(table_of(source), group=group, cluster=cluster, columns=[*names, *prior.values(), *layers])
        units = {name: _unit(rows, name) for name in names}
    mismatch = _mismatch(rows, group=group, cluster=cluster, against=against, ratio=ratio)
    asked = _Asked(against, prior, layers, planned if peeking else None, conf_level)
    looks = [look for name in names for look in _looks(rows, name, units[name], group=group, cluster=cluster, asked=asked)]
    adjusted = _adjusted([look.p_value for look in looks], correction)
    judge = partial(_said, margin=margin, better=better, no_worse=aim == "no_worse", alpha=1 - conf_level, mismatch=mismatch)
    parts = [part for look, p in zip(looks, adjusted, strict=True) for part in _told(look, p, judge(look, p), conf_level=conf_level)]
    means = [_mean(rows, name, units[name], label=label, group=group, cluster=cluster) for name in names for label in _labels(rows, group)]
    accounts = rows[cluster].nunique()
    return stack([*parts, *means, estimates({}, metric="assignment_p_value", unit="share", estimate=mismatch, n=accounts)])


def _named(outcome: Any) -> dict[str, Any]:
    """Return outcomes by name."""
    if isinstance(outcome, Mapping):
        return dict(outcome)
    names = [outcome] if isinstance(outcome, str) else list(outcome)
    if not names or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise ParameterError(f"outcome must be one or more different names, or a mapping of names to tables, not {outcome!r}.")
    return {name: name for name in names}


def _unit(rows: pd.DataFrame, name: str) -> str:
    """Return the unit of a column, if all of it is there and numbers."""
    if not (pd.api.types.is_numeric_dtype(rows[name]) or pd.api.types.is_bool_dtype(rows[name])):
        raise ParameterError(f"the outcome {name!r} must be numbers; row 0 has {rows[name].iloc[0]!r}.")
    values = rows[name].astype("Float64").to_numpy("float64", na_value=np.nan)
    if not (known := np.isfinite(values)).all():
        told = "Write 0 for who did nothing; if outcomes are not due yet, leave out both groups' units from the same day on."
        raise ParameterError(f"every assigned unit needs the outcome {name!r}; row {int(np.argmin(known))} has none, {int((~known).sum())} in all. {told}")
    return "share" if np.isin(values, (0.0, 1.0)).all() else "count"


def _labels(rows: pd.DataFrame, group: str) -> list[Any]:
    return sorted(rows[group].unique(), key=str)


def _mismatch(rows: pd.DataFrame, *, group: str, cluster: str, against: str, ratio: Mapping[str, float] | None) -> float:
    """Return the p value of the planned ratio of accounts."""
    labels = _labels(rows, group)
    if against not in labels:
        raise ParameterError(f"against must be one of the groups {', '.join(map(repr, labels))}, not {against!r}.")
    counts = rows.groupby(group)[cluster].nunique()
    if counts.min() < 2:
        raise NotEnoughDataError(f"the group {counts.idxmin()!r} has {counts.min()} account; limits take two at least.")
    return ratio_mismatch({str(label): int(counts[label]) for label in labels}, dict.fromkeys(map(str, labels), 1.0) if ratio is None else ratio)


def _looks(rows: pd.DataFrame, name: str, unit: str, *, group: str, cluster: str, asked: _Asked) -> list[_Look]:
    """Return the comparison of each group with the one it is compared with."""
    found = []
    for label in _labels(rows, group):
        if label == asked.against:
            continue
        part = rows[rows[group].isin([label, asked.against]) & rows[name].notna()]
        treated = (part[group] == label).to_numpy(bool)
        if treated.all() or not treated.any():
            raise NotEnoughDataError(f"for the outcome {name!r} only one of the groups {label!r} and {asked.against!r} has accounts.")
        values, clusters = part[name].to_numpy("float64"), pd.factorize(part[cluster])[0].astype("int64")
        covariates = _covariates(part, asked.before.get(name), asked.strata)
        plain = group_difference(values, treated, clusters=clusters)
        adjusted = plain if covariates is None else group_difference(values, treated, clusters=clusters, covariates=covariates)
        naive = group_difference(values, treated, clusters=np.arange(len(values)))
        if asked.planned is None:
            limits, p_value = adjusted.limits(asked.conf_level), adjusted.p_value
        else:
            always, p_value = anytime(adjusted, planned=asked.planned, conf_level=asked.conf_level)
            limits = always(asked.conf_level)
        keys = {"outcome": name, "group": str(label), "against": str(asked.against)}
        found.append(_Look(keys, unit, adjusted, plain, naive, limits, p_value))
    return found


def _covariates(rows: pd.DataFrame, before: str | None, strata: list[str]) -> Floats | None:
    """Return what is adjusted for, one row a unit: the figure before, whether it is missing, and the strata but one."""
    parts = []
    if before is not None:
        if not pd.api.types.is_numeric_dtype(rows[before]):
            raise ParameterError(f"the figure before, {before!r}, must be numbers; the first unit has {rows[before].iloc[0]!r}.")
        earlier = rows[before].astype("Float64").astype("float64")
        parts += [earlier.fillna(earlier.mean() if earlier.notna().any() else 0.0), earlier.isna().astype("float64")]
    if strata:
        stratum = rows.groupby(strata, sort=True, dropna=False).ngroup()
        parts += [(stratum == number).astype("float64") for number in range(1, int(stratum.max()) + 1)]
    return np.column_stack(parts) if parts else None


def _adjusted(p_values: list[float], correction: Correction) -> Floats:
    if correction not in get_args(Correction):
        raise ParameterError(f"correction must be 'holm' or 'benjamini_hochberg', not {correction!r}.")
    raw = np.array(p_values)
    adjusted, known = np.full(len(raw), np.nan), np.isfinite(raw)
    adjusted[known] = adjusted_p_values(raw[known], correction)
    return adjusted


def _of(option: T | Mapping[str, T], name: str) -> T | None:
    return option.get(name) if isinstance(option, Mapping) else option


def _said(look: _Look, p_value: float, *, margin: Any, better: Any, no_worse: bool, alpha: float, mismatch: float) -> str:
    name, limits = look.keys["outcome"], look.limits
    wanted, most = _of(better, name) or "higher", _of(margin, name)
    if wanted not in get_args(Better):
        raise ParameterError(f"better must be 'higher' or 'lower', not {wanted!r}.")
    if most is not None:
        check_margin(most)
    if mismatch < UNLIKELY:
        return NOT_AS_ASSIGNED
    if wanted == "lower":
        limits = Interval(-limits.estimate, -limits.conf_high, -limits.conf_low)
    return verdict(limits, margin=most, p_value=p_value, alpha=alpha, no_worse=no_worse)


def _told(look: _Look, p_value: float, said: str, *, conf_level: float) -> list[pd.DataFrame]:
    """Return the rows of one comparison."""
    keys, n = {key: [value] for key, value in look.keys.items()}, look.found.first.accounts + look.found.second.accounts
    row = partial(estimates, keys, n=n)
    left = look.found.error**2 / look.plain.error**2 if look.plain.error > 0 else np.nan
    return [
        estimates({**keys, "verdict": [said]}, metric="experiment_effect", unit=look.unit, **look.limits._asdict(), n=n),
        row(metric="experiment_effect_adjusted_p_value", unit="share", estimate=p_value),
        row(metric="experiment_effect_naive", unit=look.unit, **look.naive.limits(conf_level)._asdict()),
        row(metric="variance_left", unit="ratio", estimate=left),
    ]


def _mean(rows: pd.DataFrame, name: str, unit: str, *, label: Any, group: str, cluster: str) -> pd.DataFrame:
    """Return the plain mean of one group, a fact."""
    part = rows[(rows[group] == label) & rows[name].notna()]
    keys = {"outcome": [name], "group": [str(label)]}
    return estimates(keys, metric="experiment_outcome", unit=unit, estimate=part[name].astype("float64").mean(), n=part[cluster].nunique())
