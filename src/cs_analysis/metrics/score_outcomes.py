"""Whether customers with better scores stay: answers given before a window opens, against who is kept in it, with the misleading figure beside it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

import ibis
import numpy as np
import numpy.typing as npt
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset, cutoff, engine_of
from cs_analysis.errors import ConvergenceError, NotEnoughDataError
from cs_analysis.facts.feature_dates import feature_dates
from cs_analysis.facts.groups import By, as_named, group_columns
from cs_analysis.facts.outcomes import snapshot_days
from cs_analysis.facts.policy import RevenuePolicy
from cs_analysis.facts.score_dates import NO_ANSWER, NOT_ASKED, grouped_accounts, last_said, score_classes, scored_customers
from cs_analysis.facts.score_tables import scored_answers
from cs_analysis.facts.subscriptions import customer_spells
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.intervals import Interval, wilson
from cs_analysis.stats.scores.influence import normal_quantile
from cs_analysis.stats.scores.logistic import FEWEST
from cs_analysis.stats.scores.logistic_search import maximum, robust_covariance
from cs_analysis.stats.stages import share_within
from cs_analysis.windows import fixed_days

_FARTHEST = 20.0


class _Question(NamedTuple):
    """What both figures are asked for: keys of the groups, the keys of an answer, the order of the classes, and the level."""

    groups: list[str]
    levels: list[str]
    order: list[str]
    conf_level: float


def renewal_by_score(
    ds: Dataset,
    *,
    survey: str = "nps",
    scale: str | None = None,
    horizon: str | timedelta = "180d",
    gap: str | timedelta | None = None,
    memory: str | timedelta = "180d",
    every: Period = "quarter",
    by_class: bool = True,
    by: By = None,
    conf_level: float = 0.95,
    policy: RevenuePolicy | str = "default",
) -> pd.DataFrame:
    """Share of customers kept in a window, by what they had last said before it opened; with the change of the odds for one point more.

    At the end E of each finished calendar period every customer is looked at once: its last answer in [E - memory, E), and whether it is still a
    customer at E + gap + horizon. The answer is always older than the window. Whoever had given notice by E, or leaves within the gap, is left out: an
    answer cannot foretell what was settled, and who has decided to leave often says so in a survey. Silence is a level of its own: "(no answer)" is who
    was asked and has not answered by E; who was not asked is "(not asked)". Windows that are not over by `as_of` count as far as they were watched.

    The naive figure takes each account's last score ever and whether it is a customer today. In it leavers' scores are often from after the decision,
    and the scores of those who stayed are newer: it shows a relation where answers foretell nothing. Neither is an effect of the score.

    Parameters
    ----------
    ds : Dataset
        Needs `responses` and `subscriptions`.
    survey, scale : str
        Which answers; the survey's usual scale without `scale`.
    horizon : str or Timedelta
        Length of the window, a fixed time.
    gap : str or Timedelta, optional
        Time between the date and the window.
    memory : str or Timedelta
        How old an answer, or a request, may be at the date.
    every : {"quarter", "month", "week", "year"}
        The calendar period at whose ends customers are looked at.
    by_class : bool
        By class of the score (detractor, passive, promoter; bottom box, middle, top box), else by the score itself.
    by : str or list of str, optional
        Columns of `accounts` to group by.
    conf_level : float
        Level of the limits.
    policy : RevenuePolicy or str
        Who is a customer until when.

    Returns
    -------
    DataFrame
        Estimates with the key `score_class` (and `score` unless `by_class`).

        * `renewal_by_score`, unit `share`: 1 - Kaplan-Meier share of leavers, Wilson limits on the effective number of customers (of all dates, clustered
          by account), `n` = customers times dates. Missing where nobody has been watched for the horizon; no limits for a single account.
        * `renewal_by_score_naive`, unit `share`: Wilson limits, `n` = accounts that have ever been customers.
        * `renewal_by_score_trend`, `renewal_by_score_trend_naive`, unit `ratio`: the factor by which one point of the score more multiplies the odds of being
          kept, of those with an answer (and a window that is over), by logistic regression with limits clustered by account; `n` = they. Missing
          with fewer than 5 who left or stayed, or where the scores tell them apart perfectly.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `responses` or `subscriptions`; an unknown column in `by`; a window without a unit, or a horizon in calendar months.
    NotEnoughDataError
        There is no finished period with a customer whose window has opened.

    References
    ----------
    Anderson, Cain and Gelber (1983), Journal of Clinical Oncology 1, 710-719, for the landmark. Van Houwelingen (2007), Scandinavian Journal of
    Statistics 34, 70-85, for stacked landmarks. Liang and Zeger (1986), Biometrika 73, 13-22. Rothman (1978), Journal of Chronic Diseases 31, 557-560.
    Keiningham, Cooil, Andreassen and Aksoy (2007), Journal of Marketing 71(3), 39-51, for what the score was found to foretell.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=60, months=12)
    >>> cs.renewal_by_score(ds, horizon="90d")["score_class"].head(5).tolist()
    ['detractor', 'passive', 'promoter', '(no answer)', '(not asked)']
    """
    check_conf_level(conf_level)
    fixed_days(horizon, name="horizon")
    _, used = scored_answers(ds, survey, scale=scale)
    order = [*score_classes(used), NO_ANSWER, NOT_ASKED]
    asked = _Question(group_columns(by), ["score_class"] if by_class else ["score_class", "score"], order, conf_level)
    dates = feature_dates(ds, snapshot_days(ds, every=every))
    rows = scored_customers(ds, dates, survey=survey, scale=scale, memory=memory, horizon=horizon, gap=gap, by=by, policy=policy)
    if rows.empty:
        raise NotEnoughDataError(
            f"no customer who could still decide was there at the end of a finished {every} whose window has opened by {ds.as_of:%Y-%m-%d}. "
            "Use a shorter period or gap, or more data."
        )
    now = _today(ds, survey=survey, scale=scale, by=by, policy=policy)
    over = rows[rows["over"]].assign(kept=lambda part: ~part["observed"])
    tables = [_kept(rows, asked, horizon=horizon), _naive(now, asked)]
    tables += [*_trends(rows, over, asked, metric="renewal_by_score_trend"), *_trends(now, now, asked, metric="renewal_by_score_trend_naive")]
    table = stack(tables)
    shown = table[[*asked.groups, *asked.levels, *table.columns.drop([*asked.groups, *asked.levels])]]
    return as_named(shown)


def _kept(rows: pd.DataFrame, asked: _Question, *, horizon: str | timedelta) -> pd.DataFrame:
    """Return the share kept at each level."""
    lost = share_within(rows, [*asked.groups, *asked.levels], horizon=horizon, cluster="account_id", conf_level=asked.conf_level)
    kept = lost.assign(metric="renewal_by_score", estimate=1 - lost["estimate"], conf_low=1 - lost["conf_high"], conf_high=1 - lost["conf_low"])
    return _ordered(kept, asked)


def _naive(now: pd.DataFrame, asked: _Question) -> pd.DataFrame:
    """Return the share of accounts that are customers today at each level of their last score ever."""
    counts = now.groupby([*asked.groups, *asked.levels], dropna=False)["kept"].agg(["sum", "size"]).reset_index()
    share = wilson(counts["sum"], counts["size"], conf_level=asked.conf_level)
    keys = counts[[*asked.groups, *asked.levels]]
    return _ordered(estimates(keys, metric="renewal_by_score_naive", unit="share", **share._asdict(), n=counts["size"]), asked)


def _ordered(table: pd.DataFrame, asked: _Question) -> pd.DataFrame:
    """Return the levels from the lowest score to those without one."""
    place = table["score_class"].map({name: number for number, name in enumerate(asked.order)})
    keys = [*asked.groups, "place", *asked.levels[1:]]
    return table.assign(place=place).sort_values(keys, kind="stable", ignore_index=True).drop(columns="place")


def _today(ds: Dataset, *, survey: str, scale: str | None, by: By, policy: RevenuePolicy | str) -> pd.DataFrame:
    """Return every account that has ever been a customer with its last answer ever and whether it is a customer now."""
    spells, end = customer_spells(ds, policy=policy), cutoff(ds)
    running = (spells.ended_at.isnull() | (spells.ended_at >= ibis.literal(end))).cast("int8")
    known = spells.mutate(running=running).group_by("account_id").agg(kept=lambda part: part.running.max())
    found = engine_of(ds).run(known.order_by("account_id")).merge(grouped_accounts(ds, by=by), on="account_id")
    rows = found.assign(kept=found["kept"].astype("bool"), ends_at=end)
    return last_said(ds, rows, survey=survey, scale=scale)


def _trends(everybody: pd.DataFrame, rows: pd.DataFrame, asked: _Question, *, metric: str) -> Iterator[pd.DataFrame]:
    """Yield for each group the factor of the odds of being kept for one point."""
    scored = rows[rows["score"].notna()]
    groups = everybody[asked.groups].drop_duplicates().sort_values(asked.groups, ignore_index=True) if asked.groups else pd.DataFrame(index=range(1))
    owned = scored.merge(groups.reset_index(names="group"), on=asked.groups) if asked.groups else scored.assign(group=0)
    for number in range(len(groups)):
        own = owned[owned["group"] == number]
        odds = _odds(own, conf_level=asked.conf_level)
        keys = groups.iloc[[number]].reset_index(drop=True).assign(score_class=pd.Series([None], dtype="object"))
        yield estimates(keys, metric=metric, unit="ratio", **odds._asdict(), n=len(own))


def _odds(rows: pd.DataFrame, *, conf_level: float) -> Interval:
    """Return the odds ratio for one point with clustered limits, missing where there is none to be had."""
    nothing = Interval(np.nan, np.nan, np.nan)
    kept, score = rows["kept"].to_numpy("float64"), rows["score"].to_numpy("float64")
    if min(kept.sum(), (1 - kept).sum()) < FEWEST or np.ptp(score) == 0:
        return nothing
    groups, centre, spread = pd.factorize(rows["account_id"])[0], score.mean(), score.std()
    design, free = np.column_stack([np.ones(len(score)), (score - centre) / spread]), np.zeros(2)
    try:
        beta: npt.NDArray[np.float64] = maximum(design, kept, penalties=free)
    except ConvergenceError:
        return nothing
    if not np.abs(beta).max() < _FARTHEST:
        return nothing
    error = np.sqrt(robust_covariance(design, kept, beta=beta, penalties=free, groups=groups)[1, 1])
    half = normal_quantile(conf_level) * error if groups.max() else np.nan
    return Interval(*(float(np.exp(place / spread)) for place in (beta[1], beta[1] - half, beta[1] + half)))
