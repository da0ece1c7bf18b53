"""How adoption spreads: the share of accounts that have adopted by the time they could, and who was early and who late."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from numbers import Real
from typing import Literal

import numpy as np
import pandas as pd

from cs_analysis.data.dataset import Dataset, engine_of
from cs_analysis.data.local_days import Moment, as_day, as_instant, day_start
from cs_analysis.errors import ParameterError
from cs_analysis.facts.firsts import first_use_durations
from cs_analysis.facts.groups import By, as_named, group_columns
from cs_analysis.facts.uses import named_events
from cs_analysis.stats.competing import cumulative_incidence
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.intervals import Floats, wilson
from cs_analysis.stats.survival import survival_at, survival_curve
from cs_analysis.windows import fixed_days

Released = Mapping[str, Moment] | None
CATEGORIES = ("innovators", "early adopters", "early majority", "late majority", "laggards")
OTHERS = ("not adopted yet", "left without adopting")
_UP_TO = np.array([0.025, 0.16, 0.5, 0.84, 1.0])
_DEVIATIONS = (-2.0, -1.0, 0.0, 1.0)


def adoption_curve(
    ds: Dataset, event: str | Sequence[str] | None = None, *, released: Released = None, by: By = None, conf_level: float = 0.95
) -> pd.DataFrame:
    """Share of accounts that have adopted each event by so many days after they first could, with leaving as the competing end.

    The clock starts at the account's start or at the feature's release, whichever is later; accounts that had left by then are not in
    the curve. An account that is still there and has not adopted is censored at `as_of`; one that left without adopting never will. The curve
    "if nobody left" (one minus Kaplan-Meier, leavers censored) is larger and answers another question: what would be if all stayed, and
    leavers were like the others. Where those leave who would adopt less often, it is too high (by up to 6 points after half a year in
    simulated companies); the first curve assumes nothing of the kind.

    Parameters
    ----------
    ds : Dataset
        Needs `events`; without `subscriptions` nobody leaves.
    event : str or list of str, optional
        Events to report; default: every event that occurs.
    released : mapping of event to date or Timestamp, optional
        When a feature could first be used; default: when anybody first did.
    by : str or list of str, optional
        Columns of `accounts` to group by.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the keys `event` and `time_days`, one row a time at which somebody adopted. Metric `adoption_curve` (Aalen-Johansen)
        and metric `adoption_if_nobody_left`, unit `share`, log-log limits, `n` = accounts at risk just before. Nothing beyond the last
        adoption; an event that nobody adopted has no row. The limits are missing where the curve is 1.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `events`; an unknown column in `by`; an event that never occurs, also in `released`.

    References
    ----------
    Aalen, O. O. and Johansen, S. (1978). An empirical transition matrix for non-homogeneous Markov chains based on censored observations.
    Scandinavian Journal of Statistics 5, 141-150. Rogers, E. M. (2003). Diffusion of Innovations, 5th edition (the cumulative curve).

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> cs.adoption_curve(ds, "signed_up").query("metric == 'adoption_curve'")[["time_days", "estimate"]].to_dict("records")
    [{'time_days': 0.0, 'estimate': 1.0}]
    """
    check_conf_level(conf_level)
    waits = _waits(ds, event, released=released, by=by)
    keys = [*group_columns(by), "event"]
    if waits.empty:
        return as_named(estimates({name: [] for name in (*keys, "time_days")}, metric="adoption_curve", unit="share", estimate=[], n=[]))
    both = cumulative_incidence(waits, keys, conf_level=conf_level)
    curve = both[both["ended_by"] == "used"].drop(columns="ended_by").assign(metric="adoption_curve")
    staying = survival_curve(waits.assign(observed=waits["ended_by"] == "used"), keys, conf_level=conf_level)
    mirrored = {"estimate": 1 - staying["estimate"], "conf_low": 1 - staying["conf_high"], "conf_high": 1 - staying["conf_low"]}
    return as_named(stack([curve, staying.assign(metric="adoption_if_nobody_left", **mirrored)]))


def rogers_categories(
    ds: Dataset,
    event: str | Sequence[str] | None = None,
    *,
    method: Literal["share", "time"] = "share",
    ceiling: Literal["observed", "eligible"] | float = "observed",
    released: Released = None,
    by: By = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Number of accounts in each of Rogers' adopter categories, from innovators to laggards, with those who have not adopted apart.

    Accounts are ordered by the days from when they first could use the feature (start or release) until they did. `"share"` cuts at 2.5, 16,
    50 and 84 % of the eventual adopters, so their number, the ceiling, has to be assumed: with `"observed"` nobody else ever adopts, and the
    last third look like laggards however early it is. `"time"` cuts at the mean adoption time and one and two standard deviations around it;
    the shares are then a result (2.5, 13.5, 34, 34 and 16 % if adoption times are normal).

    Parameters
    ----------
    ds : Dataset
        Needs `events`; without `subscriptions` nobody leaves.
    event : str or list of str, optional
        Events to report; default: every event that occurs.
    method : {"share", "time"}
        Where to cut.
    ceiling : {"observed", "eligible"} or float
        Eventual adopters for `"share"`: those so far, all accounts, or a number such as m of `fit_bass`, at least those so far.
    released, by, conf_level
        As for `adoption_curve`.

    Returns
    -------
    DataFrame
        Estimates with the keys `event`, `ceiling` (`observed`, and for another one its name or `given`: the effect of the assumption) and
        `category`. Metric `rogers_categories`, unit `count`: accounts, a fact without limits, `n` = accounts that could adopt; the categories, then
        `not adopted yet` and `left without adopting`. Metric `rogers_share`, unit `share`: of the ceiling, `n` = adopters so far; Wilson limits
        for `"time"`, none for `"share"`, where the shares are set beforehand. Metric `category_until`, unit `days`: the adoption time at which the
        category ends, missing while it is not full and for laggards under `"time"`.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        As for `adoption_curve`; an unknown method; a ceiling that is none of these, or below the adopters so far.

    References
    ----------
    Rogers, E. M. (2003). Diffusion of Innovations, 5th edition, chapter 7. Mahajan, V., Muller, E. and Srivastava, R. K. (1990). Determination
    of adopter categories by using innovation diffusion models. Journal of Marketing Research 27, 37-50.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=40, months=6)
    >>> table = cs.rogers_categories(ds, "signed_up").query("metric == 'rogers_categories'")
    >>> table["estimate"].tolist()  # 2.5, 16, 50, 84 and 100 % of 40
    [1.0, 5.0, 14.0, 13.0, 7.0, 0.0, 0.0]
    """
    check_conf_level(conf_level)
    if method not in ("share", "time"):
        raise ParameterError(f"method must be 'share' or 'time', not {method!r}.")
    _check_ceiling(ceiling)
    waits = _waits(ds, event, released=released, by=by)
    keys = [*group_columns(by), "event"]
    tables = []
    for values, rows in waits.groupby(keys, dropna=False, sort=True):
        key = dict(zip(keys, values, strict=True))
        for name, number in _ceilings(rows, ceiling="observed" if method == "time" else ceiling):
            tables += _of_event(rows, {**key, "ceiling": name}, method=method, ceiling=number, conf_level=conf_level)
    empty = estimates({name: [] for name in (*keys, "ceiling", "category")}, metric="rogers_categories", unit="count", estimate=[], n=[])
    return as_named(stack(tables or [empty]))


def adopters_by_wait(ds: Dataset, event: str, *, width: str | timedelta = "7d", released: Released = None, watched: float = 0.25) -> pd.DataFrame:
    """Number of accounts that adopt in the first, second, third ... week after they first could, in the form that `fit_bass` takes.

    A Bass curve describes accounts that could all begin together. Those of a company come one by one, so the calendar mixes many curves and
    shows the growth of the company besides; on clocks of their own, from start or release, they are comparable. Adopters in period k are
    N (F(k) - F(k-1)), with N all accounts and F their adoption if nobody left (one minus Kaplan-Meier). While everybody is under
    observation this is a plain count; later it is what the count would be if those who are too young yet or have left were like the rest.

    Parameters
    ----------
    ds : Dataset
        Needs `events`; without `subscriptions` nobody leaves.
    event : str
        Name of the event.
    width : str or Timedelta
        Length of a period, such as `"7d"`; p and q of the fit are rates a period.
    released : mapping of event to date or Timestamp, optional
        As for `adoption_curve`.
    watched : float
        The periods end when less than this share of those who have not adopted is still under observation: later counts rest on few.

    Returns
    -------
    DataFrame
        `period` (1, 2, ...) and `adopters`; no row where nobody was under observation for a whole period.

    Raises
    ------
    MissingTableError, ParameterError
        No `events`; an event that never occurs, also in `released`; a width in calendar months; `watched` is no share.

    References
    ----------
    Bass, F. M. (1969). A new product growth for model consumer durables. Management Science 15, 215-227. Kaplan, E. L. and Meier, P. (1958).
    Nonparametric estimation from incomplete observations. Journal of the American Statistical Association 53, 457-481.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=200, months=12)
    >>> adopters_by_wait(ds, "commented", width="28d")["period"].tolist()[:3]
    [1, 2, 3]
    """
    days = fixed_days(width, name="width")
    if not 0 < watched <= 1:
        raise ParameterError(f"watched must be a share above 0 and up to 1, such as 0.25, not {watched!r}.")
    waits = _waits(ds, event, released=released, by=None)
    ends = days * np.arange(1, np.floor(waits["duration_days"].max() / days) + 1) if len(waits) else np.array([])
    if not len(ends):
        return pd.DataFrame({"period": np.array([], dtype="int64"), "adopters": np.array([], dtype="float64")})
    units = waits["count"].sum()
    staying = survival_at(waits.assign(observed=waits["ended_by"] == "used"), at_days=ends)
    seen = (staying["n"] >= watched * units * staying["estimate"]).cummin()
    adopters = -units * np.diff(staying.loc[seen, "estimate"], prepend=1.0)
    return pd.DataFrame({"period": np.arange(1, len(adopters) + 1), "adopters": np.maximum(adopters.round(9), 0.0) + 0.0})


def _waits(ds: Dataset, event: str | Sequence[str] | None, *, released: Released, by: By) -> pd.DataFrame:
    """Return the days from when accounts could use each event until they did, left or are still waiting."""
    events = named_events(ds, event)
    first = engine_of(ds).run(events.group_by("event").agg(first=events.event_at.min()).order_by("event"))
    since = dict(zip(first["event"], first["first"].dt.tz_localize("UTC"), strict=True))
    if unknown := [name for name in released or {} if name not in since]:
        raise ParameterError(f"released must name events of the curve ({', '.join(map(str, since))}), not {', '.join(map(repr, unknown))}.")
    since |= {name: _released_at(ds, moment) for name, moment in (released or {}).items()}
    return first_use_durations(ds, events, since=since, by=by)


def _released_at(ds: Dataset, moment: Moment) -> pd.Timestamp:
    """Return the instant of a release: the start of a day for a date, the instant itself for a time with its zone."""
    day = as_day(moment)
    return as_instant(moment, argument="released") if day is None else day_start(day, ds.calendar.zone)


def _check_ceiling(ceiling: object) -> None:
    """Refuse what is neither a named ceiling nor a number of accounts."""
    known = ceiling in ("observed", "eligible") if isinstance(ceiling, str) else isinstance(ceiling, Real) and np.isfinite(float(ceiling))
    if not known:
        raise ParameterError(f"ceiling must be 'observed', 'eligible' or a number of accounts, not {ceiling!r}.")


def _ceilings(rows: pd.DataFrame, *, ceiling: str | float) -> Iterator[tuple[str, float]]:
    """Yield the observed ceiling and the one that was asked for, if it is another."""
    adopters = float(rows.loc[rows["ended_by"] == "used", "count"].sum())
    yield "observed", adopters
    if ceiling == "eligible":
        yield "eligible", float(rows["count"].sum())
    elif not isinstance(ceiling, str):
        if ceiling < adopters:
            raise ParameterError(f"ceiling must be at least the adopters so far, {adopters:g} of {rows['event'].iloc[0]!r}, not {ceiling!r}.")
        yield "given", float(ceiling)


def _of_event(rows: pd.DataFrame, key: dict[str, object], *, method: str, ceiling: float, conf_level: float) -> list[pd.DataFrame]:
    """Return the categories of one event and ceiling."""
    used = rows[rows["ended_by"] == "used"].sort_values("duration_days")
    days = np.repeat(used["duration_days"].to_numpy("float64"), used["count"])
    sizes, until = _by_share(days, ceiling) if method == "share" else _by_time(days)
    left = float(rows.loc[rows["ended_by"] == "left", "count"].sum())
    eligible = int(rows["count"].sum())
    counts = [*sizes, eligible - len(days) - left, left]
    share = wilson(sizes, len(days), conf_level=conf_level)._asdict() if method == "time" else {"estimate": sizes / ceiling if ceiling else sizes * np.nan}
    everybody, adopters = ({name: [value] * len(part) for name, value in key.items()} | {"category": part} for part in ((*CATEGORIES, *OTHERS), CATEGORIES))
    return [
        estimates(everybody, metric="rogers_categories", unit="count", estimate=counts, n=eligible),
        estimates(adopters, metric="rogers_share", unit="share", **share, n=len(days)),
        estimates(adopters, metric="category_until", unit="days", estimate=until, n=sizes),
    ]


def _by_share(days: Floats, ceiling: float) -> tuple[Floats, Floats]:
    """Return sizes and ends of the categories that hold 2.5, 13.5, 34, 34 and 16 % of the ceiling."""
    last = np.floor(ceiling * _UP_TO + 1e-9).astype("int64")
    full = np.append(days, np.nan)[np.clip(np.minimum(last, len(days)) - 1, -1, None)]
    sizes = np.diff(np.minimum(last, len(days)), prepend=0).astype("float64")
    return sizes, np.where((last <= len(days)) & (last > 0), full, np.nan)


def _by_time(days: Floats) -> tuple[Floats, Floats]:
    """Return sizes and ends of the categories between mean - 2, - 1, 0 and + 1 standard deviations."""
    if not len(days):
        return np.zeros(len(CATEGORIES)), np.full(len(CATEGORIES), np.nan)
    cuts = days.mean() + np.array(_DEVIATIONS) * (days.std(ddof=1) if len(days) > 1 else 0.0)
    category = np.searchsorted(cuts, days, side="left")
    return np.bincount(category, minlength=len(CATEGORIES)).astype("float64"), np.append(cuts, np.nan)
