"""Success is not satisfaction: goals that customers have reached against what they say, and whether a relation, or that there is none, is shown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Literal

import numpy as np
import pandas as pd

from cs_analysis.data.dataset import Dataset
from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.facts.groups import By, as_named, group_columns
from cs_analysis.facts.score_dates import Unit, grouped_accounts, success_rows
from cs_analysis.stats.clusters import clustered_share
from cs_analysis.stats.correlation import Correlation, Method, rank_correlation
from cs_analysis.stats.equivalence import check_margin, tost_correlation, verdict
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.intervals import Interval, difference

RELATED, NONE, NOT_SHOWN = "related", "no relation beyond the margin", "not shown"
_WORDS = {"different": RELATED, "within the margin": NONE, "not shown": NOT_SHOWN}
_STATES = ("in the table", "goals pending", "no goal", "no answer")
_CELLS = [("yes", "yes"), ("yes", "no"), ("no", "yes"), ("no", "no")]
_KEYS = ["reached", "satisfied", "verdict", "coverage"]


def success_vs_satisfaction(
    ds: Dataset,
    *,
    survey: str = "csat",
    scale: str | None = None,
    margin: float = 0.2,
    need: Literal["all", "any"] = "all",
    unit: Unit = "account",
    due: str | timedelta | None = None,
    method: Method = "spearman",
    by: By = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Rank correlation of goals reached with satisfaction, the table behind it, and a verdict that says "no relation" only where a test does.

    Of each account the last answer counts, with the state of its goals at that instant. A goal had been reached by then, late or not; or it was due and
    had not been: missed. A goal whose target lies later, and one without a target, is pending unless reached: no failure, and not in the table.
    Wins count at once and failures only when due, so that the share of goals reached is too rosy; a relation does not come from that. The correlation
    is of the share of its decided goals that the account reached with the score. That it differs from 0 and that it is smaller than the margin are two
    tests, and with few accounts neither says anything.

    Parameters
    ----------
    ds : Dataset
        Needs `goals` and `responses`.
    survey, scale : str
        Which answers; the survey's usual scale without `scale`. Satisfied is a score in the scale's top box.
    margin : float
        A correlation, above 0 and below 1, that would be too small to matter.
    need : {"all", "any"}
        Whether an account with several decided goals is in the row "reached" of the table if all were reached, or any.
    unit : {"account", "answer"}
        Whether the last answer of an account counts or every one, with limits that allow for an account's answers being alike.
    due : str or Timedelta, optional
        How long after it was set a goal without `target_at` is due.
    method : {"spearman", "kendall"}
        Which rank correlation.
    by : str or list of str, optional
        Columns of `accounts` to group by.
    conf_level : float
        Level of the limits; the test of equivalence is at level 1 - conf_level.

    Returns
    -------
    DataFrame
        Estimates with the keys `reached`, `satisfied`, `verdict` and `coverage`, missing where they do not apply; `n` = units in the table unless said
        otherwise.

        * `success_vs_satisfaction`, unit `ratio`: the correlation with limits, and the `verdict` "related" (the limits exclude 0), "no relation beyond
          the margin" (the test of equivalence says so; a relation that is shown but smaller than the margin too) or "not shown". Correlation and
          limits are missing where all accounts are alike, the limits also below four accounts and where one account alone is unlike the others.
        * `success_vs_satisfaction_equivalence`, unit `share`: p value of that test, without limits.
        * `success_table_share`, unit `share`: each cell of `reached` and `satisfied`, Wilson limits.
        * `satisfied_by_success`, unit `share`: satisfied among those who reached and those who did not, `n` = they; in the row of "yes"
          `satisfied_by_success_difference`, yes minus no, `n` = the smaller side.
        * `success_coverage`, unit `share`: accounts by `coverage`: "in the table", "goals pending", "no goal" (when they answered), "no answer"; they
          sum to 1; a fact without limits, `n` = accounts.
        * `pending_goals`, unit `count`: goals pending at the answers, a fact, `n` = goals set by then.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `goals` or `responses`; an unknown column in `by`; a margin out of range; as for the survey's score.
    NotEnoughDataError
        No account has both an answer and a goal that was decided by then.

    References
    ----------
    Goertzen and Cribbie (2010), British Journal of Mathematical and Statistical Psychology 63, 527-537. Schuirmann (1987), Journal of Pharmacokinetics
    and Biopharmaceutics 15, 657-680. Nešlehová (2007), Journal of Multivariate Analysis 98, 544-567. Newcombe (1998), Statistics in Medicine 17,
    873-890. Altman and Bland (1995), BMJ 311, 485: absence of evidence is not evidence of absence.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=100, months=12)
    >>> cs.success_vs_satisfaction(ds)[["metric", "verdict"]].head(1).to_dict("records")
    [{'metric': 'success_vs_satisfaction', 'verdict': 'not shown'}]
    """
    check_conf_level(conf_level)
    _check(margin=margin, need=need, unit=unit)
    rows = success_rows(ds, survey=survey, scale=scale, unit=unit, due=due)
    rows = rows.assign(decided=rows["reached"] + rows["missed"])
    if not (rows["decided"] > 0).any():
        raise NotEnoughDataError(
            f"no account has an answer to {survey!r} and a goal that was reached or due by then. Choose another survey, give `due` for goals without a target, "
            "or use more data."
        )
    accounts = grouped_accounts(ds, by=by)
    keys, tables = group_columns(by), []
    for _, members in accounts.groupby(keys, sort=True, dropna=False) if keys else [((), accounts)]:
        own = rows[rows["account_id"].isin(members["account_id"])].reset_index(drop=True)
        found = stack(list(_parts(own, len(members), need=need, margin=margin, method=method, conf_level=conf_level)))
        tables.append(pd.concat([members[keys].iloc[[0] * len(found)].reset_index(drop=True), found], axis=1))
    table = stack(tables)
    return as_named(table[[*keys, *_KEYS, *table.columns.drop([*keys, *_KEYS])]])


def _check(*, margin: float, need: str, unit: str) -> None:
    if not check_margin(margin) < 1:
        raise ParameterError(f"margin must be a correlation below 1 that is too small to matter, such as 0.2, not {margin!r}.")
    if need not in ("all", "any"):
        raise ParameterError(f"need must be 'all' or 'any', not {need!r}.")
    if unit not in ("account", "answer"):
        raise ParameterError(f"unit must be 'account' or 'answer', not {unit!r}.")


def _parts(rows: pd.DataFrame, accounts: int, *, need: str, margin: float, method: Method, conf_level: float) -> Iterator[pd.DataFrame]:
    """Yield the estimates of one group of accounts."""
    known = rows[rows["decided"] > 0].reset_index(drop=True)
    yield from _relation(known, margin=margin, method=method, conf_level=conf_level)
    reached = (known["missed"] == 0) if need == "all" else (known["reached"] > 0)
    table = pd.DataFrame({"account_id": known["account_id"], "reached": _words(reached), "satisfied": _words(known["satisfied"])})
    yield _cells(table, conf_level=conf_level)
    yield from _by_success(table, conf_level=conf_level)
    yield _coverage(rows, accounts)
    pending, goals = rows["pending"].sum(), rows[["reached", "missed", "pending"]].sum().sum()
    yield estimates(_key(), metric="pending_goals", unit="count", estimate=pending, n=goals)


def _key(**values: object) -> pd.DataFrame:
    """Return one row of keys, missing unless given."""
    return pd.DataFrame({name: pd.Series([values.get(name)], dtype="object") for name in _KEYS})


def _words(flags: pd.Series) -> pd.Series:
    return flags.map({True: "yes", False: "no"}).astype("object")


def _relation(rows: pd.DataFrame, *, margin: float, method: Method, conf_level: float) -> Iterator[pd.DataFrame]:
    """Yield the correlation with the verdict, and the p value of equivalence."""
    share = rows["reached"] / rows["decided"]
    found = Correlation(np.nan, np.nan, 0, np.nan, np.nan)
    if len(rows) and share.min() < share.max() and rows["good"].min() < rows["good"].max():
        found = rank_correlation(share, rows["good"], method=method, clusters=rows["account_id"])
    limits, p = found.limits(conf_level), tost_correlation(found, margin=margin)
    said = _WORDS[verdict(limits, p, alpha=1 - conf_level)]
    yield estimates(_key(verdict=said), metric="success_vs_satisfaction", unit="ratio", **limits._asdict(), n=len(rows))
    yield estimates(_key(), metric="success_vs_satisfaction_equivalence", unit="share", estimate=p.p_value, n=len(rows))


def _cells(table: pd.DataFrame, *, conf_level: float) -> pd.DataFrame:
    """Return the share of each of the four cells."""
    sizes = table.groupby("account_id").size()
    tables = []
    for reached, satisfied in _CELLS:
        hits = ((table["reached"] == reached) & (table["satisfied"] == satisfied)).groupby(table["account_id"]).sum()
        share = clustered_share(hits, sizes, conf_level=conf_level)
        tables.append(estimates(_key(reached=reached, satisfied=satisfied), metric="success_table_share", unit="share", **share._asdict(), n=len(table)))
    return stack(tables)


def _by_success(table: pd.DataFrame, *, conf_level: float) -> Iterator[pd.DataFrame]:
    """Yield the share of the satisfied on both sides, and their difference."""
    shares = {}
    for reached in ("yes", "no"):
        side = table[table["reached"] == reached]
        owners = side.groupby("account_id")["satisfied"]
        shares[reached] = clustered_share(owners.agg(lambda said: (said == "yes").sum()), owners.size(), conf_level=conf_level)
        yield estimates(_key(reached=reached), metric="satisfied_by_success", unit="share", **shares[reached]._asdict(), n=len(side))
    gap = difference(shares["yes"], shares["no"])
    smaller = int(table["reached"].value_counts().reindex(["yes", "no"], fill_value=0).min())
    yield estimates(_key(reached="yes"), metric="satisfied_by_success_difference", unit="share", **Interval(*gap)._asdict(), n=smaller)


def _coverage(rows: pd.DataFrame, accounts: int) -> pd.DataFrame:
    """Return the shares of the accounts in the table and of those who are not, by why."""
    own = rows.groupby("account_id")[["decided", "pending"]].sum()
    inside, waiting = int((own["decided"] > 0).sum()), int(((own["decided"] == 0) & (own["pending"] > 0)).sum())
    counts = (inside, waiting, len(own) - inside - waiting, accounts - len(own))
    return stack(
        [
            estimates(_key(coverage=state), metric="success_coverage", unit="share", estimate=count / accounts, n=accounts)
            for state, count in zip(_STATES, counts, strict=True)
        ]
    )
