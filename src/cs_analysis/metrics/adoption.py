"""Adoption: how many of those who could use a feature do."""

from __future__ import annotations

from collections.abc import Sequence

import ibis.expr.types as ir
import pandas as pd

from cs_analysis.data.dataset import Dataset, engine_of
from cs_analysis.errors import ParameterError
from cs_analysis.facts.groups import By, as_named, group_columns
from cs_analysis.facts.uses import eligible_accounts, named_events, uses_by_account
from cs_analysis.stats.estimates import estimates
from cs_analysis.stats.intervals import wilson
from cs_analysis.windows import parse_window


def adoption_rate(
    ds: Dataset,
    event: str | Sequence[str] | None = None,
    *,
    minimum_uses: int = 1,
    within: str | pd.Timedelta | None = None,
    by: By = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Share of all accounts that have adopted each event by `as_of`: adopters / all eligible accounts.

    A stock, a fact about today: an account that has not adopted yet counts as one that has not. For the path in time, with
    young accounts censored, draw the adoption curve instead. (250 adopters of 1,000 accounts are 25 %.)

    Parameters
    ----------
    ds : Dataset
        Needs `events`.
    event : str or list of str, optional
        Events to report; default: every event that occurs, a row each.
    minimum_uses : int
        Uses that make an adopter.
    within : str or Timedelta, optional
        Uses count only within this window from the account's start, its end included ("14d", "3mo"). Accounts whose window is
        not over yet are then not eligible.
    by : str or list of str, optional
        Columns of `accounts` to group by.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the key `event`. Metric `adoption_rate`, unit `share`, Wilson limits, `n` = eligible accounts.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `events`; an unknown column in `by`; an event that never occurs; `minimum_uses` below 1; a bare number as window.

    References
    ----------
    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference. Journal of the American
    Statistical Association 22, 209-212.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> cs.adoption_rate(ds, "signed_up")[["estimate", "n"]].to_dict("records")
    [{'estimate': 1.0, 'n': 30}]
    """
    if minimum_uses < 1:
        raise ParameterError(f"minimum_uses must be at least 1, not {minimum_uses!r}.")
    window = None if within is None else parse_window(within)
    events = named_events(ds, event)
    uses = uses_by_account(ds, events, within=window)
    eligible = eligible_accounts(ds, by=by, window=window)
    counted = _counts(ds, events, adopters=uses.filter(uses.uses >= minimum_uses), eligible=eligible, by=group_columns(by))
    rate = wilson(counted["adopters"], counted["eligible"], conf_level=conf_level)
    return estimates(as_named(counted[[*group_columns(by), "event"]]), metric="adoption_rate", unit="share", **rate._asdict(), n=counted["eligible"])


def _counts(ds: Dataset, events: ir.Table, *, adopters: ir.Table, eligible: ir.Table, by: list[str]) -> pd.DataFrame:
    """Return eligible accounts and adopters for every group and event, with 0 where a group has no adopter."""
    engine = engine_of(ds)
    names = engine.run(events.select("event").distinct().order_by("event"))
    sizes = engine.run(eligible.aggregate(by=by, eligible=eligible.count()).order_by(by or "eligible"))
    joined = eligible.inner_join(adopters, "account_id")
    adopted = engine.run(joined.group_by(*by, "event").agg(adopters=joined.count()).order_by([*by, "event"]))
    table = sizes[sizes["eligible"] > 0].merge(names, how="cross").merge(adopted, on=[*by, "event"], how="left", validate="one_to_one")
    return table.assign(adopters=table["adopters"].fillna(0))
