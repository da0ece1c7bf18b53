"""The list of customers at risk in words, for a page."""

from __future__ import annotations

import pandas as pd

from cs_analysis import glossary
from cs_analysis.metrics.churn_risk import REASONS
from cs_analysis.show.text import interval_text, value_text

_PER_CENT = 100


def risk_words(risk: pd.DataFrame, *, rows: int = 15, language: str = "en") -> pd.DataFrame:
    """Return the first rows of `churn_risk` as texts: rank, customer, chance to leave, money, main reasons, and the change since the list before.

    A reason is the feature's name and value. A change of less than one percentage point is called none.
    """
    word = {name: glossary.label(name, language) for name in ("rank", "chance_to_leave", "money_at_risk", "reasons", "since_before")}
    shown = risk[~risk["notice_given"]].head(rows)
    table = [
        {
            word["rank"]: value_text(row["rank"], "count", language),
            glossary.key_label("account_id", language): _who(row),
            word["chance_to_leave"]: f"{value_text(row['churn_probability'], 'share', language)} ({_limits(row, language)})",
            word["money_at_risk"]: value_text(row["money_at_risk"], row["currency"] or "XXX", language),
            word["reasons"]: _reasons(row, language),
            word["since_before"]: _change(row, language),
        }
        for _, row in shown.iterrows()
    ]
    columns = [word["rank"], glossary.key_label("account_id", language), *(word[name] for name in list(word)[1:])]
    return pd.DataFrame(table, columns=columns)


def _who(row: pd.Series) -> str:
    named = "name" in row.index and isinstance(row["name"], str) and row["name"]
    return f"{row['name']} ({row['account_id']})" if named else str(row["account_id"])


def _limits(row: pd.Series, language: str) -> str:
    return interval_text(row["conf_low"], row["conf_high"], "share", language=language)


def _reasons(row: pd.Series, language: str) -> str:
    named = [(row[f"reason_{place}"], row[f"value_{place}"]) for place in range(1, REASONS + 1) if f"reason_{place}" in row.index]
    told = [glossary.value_label("feature", name, language) + _value(value, language) for name, value in named if isinstance(name, str)]
    return "; ".join(told) or "–"


def _value(value: float, language: str) -> str:
    return "" if pd.isna(value) else f": {value_text(value, 'count' if value == round(value) else 'ratio', language)}"


def _change(row: pd.Series, language: str) -> str:
    if pd.isna(row["probability_before"]):
        return glossary.label("new_on_list", language)
    if abs(row["change"]) < 1 / _PER_CENT:
        return glossary.label("no_change", language)
    moved = glossary.label("percentage_points", language, value=f"{row['change'] * _PER_CENT:+.0f}".replace("-", "−"))
    reason = row["change_reason"]
    return f"{moved}: {glossary.value_label('feature', reason, language)}" if isinstance(reason, str) else moved
