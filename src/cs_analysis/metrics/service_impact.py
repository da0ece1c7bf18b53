"""What goes with outages: usage on bad days and after them, and the churn of those who met them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cs_analysis.data.dataset import Dataset
from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.facts.bad_days import Usage, bad_days, customers_at_outages, daily_usage
from cs_analysis.facts.checks import Service
from cs_analysis.stats.clusters import clustered_share
from cs_analysis.stats.day_contrasts import marked_days, stratified_contrast, weekday_gaps
from cs_analysis.stats.estimates import check_conf_level, estimates, stack


def usage_on_bad_days(
    ds: Dataset,
    *,
    service: Service = None,
    at_least: str = "30min",
    usage: Usage = "users",
    after: int = 3,
    margin: float = 0.05,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Usage on days with an outage over that of ordinary days like them, and on the days after.

    exp(mean over bad days of log usage less that of the same weekdays up to four weeks before and after): the pairs before and after are both ordinary days, so
    that weekday and growth cancel. A bad day has at least `at_least` of failed checks. The limits come from the same pattern of days moved along the calendar
    to ordinary days, which keeps what neighbouring days have in common. It is an association: a service may fail because it is used much.

    Parameters
    ----------
    ds : Dataset
        Needs `checks` and `events`.
    service : str or list of str, optional
        Which services; of several the one that was down for longest counts on each day.
    at_least : str
        Time down from which a day is bad.
    usage : {"users", "uses"}
        Active users of the day, or its events.
    after : int
        So many days after each bad day are looked at too.
    margin : float
        A ratio within 1 -/+ margin counts as no difference.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the keys `days_after` (0 = the bad day) and `verdict`: "lower" or "higher" (the limits leave out 1), "none beyond the margin" (they
        lie within it) or "not shown". Metric `usage_on_bad_days`, unit `ratio`, `n` = days with like days on both sides; missing without any, the limits where
        the history is too short for 40 moves. `usage_on_bad_days_p_value` and `usage_on_bad_days_naive` (mean of bad days over mean of all others, weekdays
        mixed): facts without limits.

    Raises
    ------
    MissingTableError, NotEnoughDataError, ParameterError
        No `checks` or `events`; no day with both, or none that is bad or ordinary; a margin not between 0 and 1, a negative `after`, an unknown word.

    References
    ----------
    Fisher (1935), The Design of Experiments. Besag and Diggle (1977), Applied Statistics 26, 327-333.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> cs.usage_on_bad_days(ds, service="app", after=0)["metric"].tolist()
    ['usage_on_bad_days', 'usage_on_bad_days_p_value', 'usage_on_bad_days_naive']
    """
    if not 0 < margin < 1 or after < 0:
        raise ParameterError(f"margin must lie between 0 and 1 and after be at least 0; they are {margin!r} and {after!r}.")
    check_conf_level(conf_level)
    days = daily_usage(ds, usage=usage).merge(bad_days(ds, service=service, at_least=at_least), on="day", how="left")
    bad, ordinary = (days["bad"].eq(value).to_numpy(dtype="bool") for value in (True, False))
    if not bad.any() or not ordinary.any():
        what = f"no day with usage has an outage of {at_least}" if not bad.any() else "every day with usage is bad"
        raise NotEnoughDataError(f"{what}, so there is nothing to compare. Change at_least.")
    gaps = weekday_gaps(days["amount"].to_numpy(), ordinary)
    rows = [(lag, marked_days(gaps, _later(bad, lag) & (ordinary | (lag == 0)), ordinary, conf_level=conf_level)) for lag in range(after + 1)]
    found = pd.DataFrame([row._asdict() for _, row in rows])
    limits = {name: np.exp(found[name]) for name in ("estimate", "conf_low", "conf_high")}
    keys = pd.DataFrame({"days_after": [lag for lag, _ in rows], "verdict": _verdicts(limits["conf_low"], limits["conf_high"], margin)})
    plain = days.loc[bad, "amount"].mean() / days.loc[ordinary, "amount"].mean() if days.loc[ordinary, "amount"].any() else np.nan
    first = {"days_after": [0], "verdict": pd.Series([None], dtype="object")}
    return stack(
        [
            estimates(keys, metric="usage_on_bad_days", unit="ratio", **limits, n=found["n"]),
            estimates(keys, metric="usage_on_bad_days_p_value", unit="share", estimate=found["p_value"], n=found["n"]),
            estimates(first, metric="usage_on_bad_days_naive", unit="ratio", estimate=plain, n=int(bad.sum())),
        ]
    )


def churn_after_outages(
    ds: Dataset, *, service: Service = None, at_least: str = "30min", horizon: str = "90d", margin: float = 0.05, conf_level: float = 0.95
) -> pd.DataFrame:
    """Share of customers who left after an outage, those who used the product on that day beside those who did not.

    Each bad day is a landmark: customers at its end are exposed if they used the product on it, and followed for `horizon`; days not followed as long are left
    out. The difference is taken within outages and bands of earlier activity (active days in the four weeks before: none, to 4, to 12, more) and weighted by
    the exposed, since those who use much both meet outages and stay. What is left of that difference is in it still: an association and no effect.

    Parameters
    ----------
    ds : Dataset
        Needs `checks`, `events` and `subscriptions`.
    service, at_least
        As for `usage_on_bad_days`.
    horizon : str
        How long customers are followed, of fixed length.
    margin : float
        A difference within -/+ margin counts as none.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the keys `exposed` ("yes", "no") and `verdict`. Metric `churn_after_outages`, unit `share`, limits clustered by account, `n` = customers
        at outages. `churn_after_outages_difference`, unit `share`, limits clustered by account, with the verdict "higher", "lower", "none beyond the margin",
        "not shown", or "cannot be compared" (estimate missing: in no outage and band were there both). `churn_after_outages_naive`, unit `share`: the plain
        difference, a fact without limits.

    Raises
    ------
    MissingTableError, NotEnoughDataError, ParameterError
        A table is absent; no bad day has been followed for the horizon, or nobody was a customer then; a margin not between 0 and 1.

    References
    ----------
    Anderson, Cain and Gelber (1983), Journal of Clinical Oncology 1, 710-719, for landmarks. Binder (1983), International Statistical Review 51, 279-292.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=8)
    >>> cs.churn_after_outages(ds, service="app")["metric"].unique().tolist()
    ['churn_after_outages', 'churn_after_outages_difference', 'churn_after_outages_naive']
    """
    if not 0 < margin < 1:
        raise ParameterError(f"margin must lie between 0 and 1, not {margin!r}.")
    check_conf_level(conf_level)
    rows = customers_at_outages(ds, service=service, at_least=at_least, horizon=horizon)
    if rows.empty:
        raise NotEnoughDataError("nobody was a customer at a bad day that was followed for the horizon. Check the subscriptions.")
    side = np.where(rows["exposed"], "yes", "no")
    sums = rows.groupby([side, "account_id"])["left"].agg(["sum", "size"])
    groups = sums.groupby(level=0)
    share = clustered_share(sums["sum"], sums["size"], groups=groups.ngroup(), conf_level=conf_level)
    plain = np.append(share.estimate, np.nan)[:2]
    contrast, n = stratified_contrast(rows, strata=["day", "band"], conf_level=conf_level)
    low, high = (pd.Series([value]) for value in (contrast.conf_low, contrast.conf_high))
    verdict = _verdicts(low + 1, high + 1, margin) if n else ["cannot be compared"]
    keys = pd.DataFrame({"exposed": list(groups.groups), "verdict": pd.Series([None] * len(groups), dtype="object")})
    none = pd.Series([None], dtype="object")
    return stack(
        [
            estimates(keys, metric="churn_after_outages", unit="share", **share._asdict(), n=groups["size"].sum()),
            estimates({"exposed": none, "verdict": verdict}, metric="churn_after_outages_difference", unit="share", **contrast._asdict(), n=n),
            estimates({"exposed": none, "verdict": none}, metric="churn_after_outages_naive", unit="share", estimate=plain[1] - plain[0], n=len(rows)),
        ]
    )


def _later(marks: np.ndarray, days: int) -> np.ndarray:
    return np.concatenate([np.zeros(min(days, len(marks)), dtype="bool"), marks[: max(len(marks) - days, 0)]])


def _verdicts(low: pd.Series, high: pd.Series, margin: float) -> list[str]:
    """Return what limits of a ratio say."""
    cases = [high < 1, low > 1, (low > 1 - margin) & (high < 1 + margin)]
    return [str(word) for word in np.select(cases, ["lower", "higher", "none beyond the margin"], "not shown")]
