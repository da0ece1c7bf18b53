"""How concentrated revenue is, in a sentence that says when a number is true of any company."""

from __future__ import annotations

import pandas as pd

from cs_analysis.metrics.concentration import TRUE_BY_CONSTRUCTION, always_true
from cs_analysis.show.text import interval_text, value_text

_SMALL = 0.05


def customers_words(table: pd.DataFrame, language: str = "en") -> str:
    """Return how many customers make the share of revenue asked for, from `revenue_concentration` without groups.

    Examples
    --------
    >>> rows = {"metric": ["customers_needed", "customers_needed_share"], "estimate": [40, 0.2], "conf_low": [31, 0.16], "conf_high": [50, 0.25]}
    >>> customers_words(pd.DataFrame(rows).assign(of_revenue=0.8, unit=["count", "share"], n=200))
    '80.0% of revenue comes from the 40 largest of 200 customers (31 to 50), that is 20.0% of them.'
    """
    row = table.drop_duplicates("metric").set_index("metric")
    needed, share = row.loc["customers_needed"], row.loc["customers_needed_share"]
    revenue, part = value_text(needed["of_revenue"], "share", language), value_text(share["estimate"], "share", language)
    limits = interval_text(needed["conf_low"], needed["conf_high"], "count", language=language)
    largest = f"{value_text(needed['estimate'], 'count', language)} largest of {value_text(needed['n'], 'count', language)} customers"
    return f"{revenue} of revenue comes from the {largest}{f' ({limits})' if limits else ''}, that is {part} of them."


def groups_words(table: pd.DataFrame, *, what: str = "personas", language: str = "en") -> str:
    """Return how many groups make the share of revenue, beside how many groups of the same sizes dealt out by chance would need.

    Examples
    --------
    >>> rows = {"metric": ["groups_needed", "groups_in_all", "groups_needed_by_chance", "groups_needed_chance"], "estimate": [2, 3, 2, 0.6]}
    >>> groups_words(pd.DataFrame(rows).assign(of_revenue=0.8))[:101]
    '80.0% of revenue comes from 2 of 3 personas; dealt out by chance, groups of these sizes would need 2.'
    """
    row = table.drop_duplicates("metric").set_index("metric")
    needed, total, chance = (value_text(row.loc[name, "estimate"], "count", language) for name in ("groups_needed", "groups_in_all", "groups_needed_by_chance"))
    revenue = value_text(row.loc["groups_needed", "of_revenue"], "share", language)
    said = f"{revenue} of revenue comes from {needed} of {total} {what}; dealt out by chance, groups of these sizes would need {chance}."
    if row.loc["groups_needed_chance", "estimate"] < _SMALL:
        said += " That is fewer than chance gives: the groups have to do with revenue."
    return f"{said} {TRUE_BY_CONSTRUCTION}" if always_true(int(row.loc["groups_in_all", "estimate"])) else said
