"""Personas in words that come from numbers alone, and silence where the numbers show nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import pandas as pd

from cs_analysis import glossary
from cs_analysis.data.dataset import Dataset, engine_of, relation
from cs_analysis.facts.account_features import available_features
from cs_analysis.metrics.health_features import health_features
from cs_analysis.show.text import interval_text, value_text

USUAL = ("active_days_28", "features_used_28", "key_uses_per_user_28", "mrr")
"""Frequency, breadth, depth and value: the features personas are made of."""

_TOLD = 3


class _Personas(Protocol):
    @property
    def verdict(self) -> str: ...
    @property
    def k(self) -> int: ...
    @property
    def diagnostics(self) -> pd.DataFrame: ...


def usual_features(ds: Dataset) -> list[str]:
    """Return the features that personas are made of, as far as the tables have them."""
    known = available_features(ds)
    return [name for name in USUAL if name in known]


def features_on(ds: Dataset, *, days: int, columns: Sequence[str]) -> pd.DataFrame:
    """Return the features of the customers so many days before `as_of`."""
    return health_features(ds, at=(ds.as_of - pd.Timedelta(days, "D")).date(), features=columns)


def validation_columns(ds: Dataset, names: Sequence[str]) -> pd.DataFrame | None:
    """Return columns of `accounts` that personas are to be validated by, as far as they are there and say different things; nothing without any."""
    there = [name for name in names if name in ds.tables["accounts"].columns]
    table = engine_of(ds).run(relation(ds, "accounts").select("account_id", *there).order_by("account_id"))
    telling = [name for name in there if len(set(table[name].dropna())) > 1]
    return table[["account_id", *telling]] if telling else None


def group_words(fit: _Personas) -> str:
    """Return the verdict on groups with what it rests on.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> checks = pd.DataFrame({"check": ["silhouette", "silhouette without groups", "p value"], "value": [0.31, 0.29, 0.2]})
    >>> group_words(SimpleNamespace(verdict="no structure", k=0, diagnostics=checks))[:62]
    'No structure: the best division is no better than that of a cr'
    """
    value = fit.diagnostics.set_index("check")["value"]
    seen = f"(silhouette {value['silhouette']:.2f}; such a one comes by chance in {value_text(value['p value'], 'share')} of crowds without groups)"
    if fit.verdict == "no structure":
        return (
            f"No structure: the best division is no better than that of a crowd without groups, or has no gaps between its parts {seen}. No personas are drawn."
        )
    if fit.verdict == "weak structure":
        return f"Weak structure: {fit.k} personas that run into each other {seen}. Do not build on where one ends and the next begins."
    return f"Structure: {fit.k} personas, with gaps between them, and found again in customers drawn anew {seen}."


def persona_words(profile: pd.DataFrame, persona: str, language: str = "en") -> str:
    """Return what a persona is like: its size, its revenue, and the features in which it is furthest from the others, if limits leave out no difference.

    Examples
    --------
    >>> rows = {"persona": "A", "feature": [None, "reports", "users"], "metric": ["persona_share", "persona_lift", "persona_lift"]}
    >>> values = {"unit": ["share", "ratio", "ratio"], "estimate": [0.34, 2.0, 1.1], "conf_low": [0.3, 1.7, 0.8], "conf_high": [0.4, 2.4, 1.5]}
    >>> persona_words(pd.DataFrame({**rows, **values}), "A")
    'Persona A: 34.0% of accounts; reports 2.00 times that of the others (1.70 to 2.40).'
    """
    own = profile[profile["persona"] == persona]
    parts = [f"{value_text(_of(own, 'persona_share'), 'share', language)} of accounts"]
    if (own["metric"] == "persona_revenue_share").any():
        parts[0] += f" and {value_text(_of(own, 'persona_revenue_share'), 'share', language)} of revenue"
    lifts = own[(own["metric"] == "persona_lift") & ((own["conf_low"] > 1) | (own["conf_high"] < 1))]
    furthest = lifts.loc[lifts["estimate"].clip(lower=1e-9).map(lambda lift: max(lift, 1 / lift)).sort_values(ascending=False, kind="stable").index]
    for _, row in furthest.head(_TOLD).iterrows():
        name = glossary.value_label("feature", row["feature"], language)
        limits = interval_text(row["conf_low"], row["conf_high"], "ratio", language=language)
        parts.append(f"{name} {value_text(row['estimate'], 'ratio', language)} times that of the others ({limits})")
    return f"Persona {persona}: {'; '.join(parts)}."


def account_words(table: pd.DataFrame, language: str = "en") -> pd.DataFrame:
    """Return accounts with personas and numbers as a table of words.

    Examples
    --------
    >>> account_words(pd.DataFrame({"persona": ["A"], "account_id": ["A1"], "active_days_28": [7.25]})).to_dict("records")
    [{'Persona': 'A', 'Account': 'A1', 'Active days in 28 days': '7.25'}]
    """
    shown = {}
    for name, column in table.items():
        feature = glossary.value_label("feature", str(name), language)
        title = glossary.key_label(str(name), language) if feature == name else feature
        numbers = pd.api.types.is_float_dtype(column)
        shown[title] = ["–" if pd.isna(value) else value_text(value, "ratio", language) if numbers else str(value) for value in column]
    return pd.DataFrame(shown)


def difference_words(profile: pd.DataFrame) -> str:
    """Return whether the personas differ in anything that they were not made of.

    Examples
    --------
    >>> rows = {"metric": "validation_difference", "persona": ["A", "B"], "feature": "segment", "verdict": ["differs", "not shown"]}
    >>> difference_words(pd.DataFrame(rows))
    'The personas differ in what they were not made of: A in segment.'
    """
    tested = profile[profile["metric"] == "validation_difference"]
    if tested.empty:
        return "Nothing was given to validate the personas by."
    shown = tested.loc[tested["verdict"] == "differs", ["persona", "feature"]].drop_duplicates()
    if shown.empty:
        return "That the personas differ in anything they were not made of is not shown: treat them as a division of their features, no more."
    found = ", ".join(f"{persona} in {', '.join(part['feature'])}" for persona, part in shown.groupby("persona"))
    return f"The personas differ in what they were not made of: {found}."


def _of(rows: pd.DataFrame, metric: str) -> float:
    return float(rows.loc[rows["metric"] == metric, "estimate"].iloc[0])
