"""The success map in words for a page: whether a projection may be trusted, and where customers stop."""

from __future__ import annotations

import pandas as pd

from cs_analysis import glossary
from cs_analysis.show.text import value_text

_SMALL = 0.05


def outlook_words(check: pd.DataFrame, language: str = "en") -> str:
    """Return what a projection of the stages supposes and whether that holds, from `stage_projection_error` without groups.

    Examples
    --------
    >>> metrics = ["stage_projection_error", "no_memory_p_value", "constant_rates_p_value"]
    >>> outlook_words(pd.DataFrame({"metric": metrics, "estimate": [0.04, 0.001, 0.4]}))[:61]
    'The outlook supposes that time at a stage does not matter and'
    """
    row = check.drop_duplicates("metric").set_index("metric")["estimate"]
    memory, constant = (row[name] for name in ("no_memory_p_value", "constant_rates_p_value"))
    supposed = "The outlook supposes that time at a stage does not matter and that customers go on moving as so far."
    verdict = [
        _verdict(memory, "Time at a stage does matter, so take it as a rule of thumb for the next months.", "That time at a stage matters is not shown."),
        _verdict(constant, "The rates have changed over the months.", "That the rates have changed is not shown."),
    ]
    error = value_text(row["stage_projection_error"], "share", language)
    return " ".join([supposed, *verdict, f"The same projection made some months ago put {error} of the customers at a wrong stage on balance."])


def slowest_words(times: pd.DataFrame, language: str = "en") -> str:
    """Return at which stage most customers leave before the next one, from `time_in_stage` without groups.

    Examples
    --------
    >>> rows = {"metric": "left_before", "stage": ["set up", "value"], "estimate": [0.1, 0.3], "conf_low": [0.05, 0.2], "conf_high": [0.2, 0.4]}
    >>> slowest_words(pd.DataFrame(rows))
    'Most leave from "value": 30.0% within the window (20.0% to 40.0%) before they reach the next stage.'
    """
    lost = times[(times["metric"] == "left_before") & times["estimate"].notna()]
    if lost.empty:
        return "No stage has been watched long enough to say where customers leave."
    worst = lost.sort_values("estimate", kind="stable").iloc[-1]
    share, low, high = (value_text(worst[name], "share", language) for name in ("estimate", "conf_low", "conf_high"))
    stage = glossary.value_label("stage", worst["stage"], language)
    return f'Most leave from "{stage}": {share} within the window ({low} to {high}) before they reach the next stage.'


def in_stages(table: pd.DataFrame) -> pd.DataFrame:
    """Return estimates of stages in the order of the map, stage by stage, without the numbers of the stages.

    Examples
    --------
    >>> in_stages(pd.DataFrame({"step": [1, 0], "stage": ["value", "set up"], "estimate": [0.2, 0.8]}))["stage"].tolist()
    ['set up', 'value']
    """
    ordered = table.sort_values([name for name in ("step", "to_step") if name in table.columns], kind="stable", ignore_index=True)
    for number, name in (("step", "stage"), ("to_step", "to_stage")):
        if number in ordered.columns:
            names = ordered.sort_values(number)[name].dropna().drop_duplicates()
            ordered[name] = pd.Categorical(ordered[name], categories=names, ordered=True)
    return ordered.drop(columns=["step", "to_step"], errors="ignore")


def stuck_words(stuck: pd.DataFrame, *, currency: str | None, rows: int = 20, language: str = "en") -> pd.DataFrame:
    """Return the first rows of `stuck_accounts` as words.

    Examples
    --------
    >>> row = {"account_id": "A1", "name": "Acme", "stage": "set up", "days_in_stage": 80.2, "usual_days": 12.5, "wanted_stage": None, "mrr": float("nan")}
    >>> stuck_words(pd.DataFrame([row]), currency="EUR").iloc[0].tolist()
    ['Acme (A1)', 'set up', '80 (12)', '–', '–']
    """
    shown = stuck.head(rows)
    days = [f"{value_text(row['days_in_stage'], 'count', language)} ({value_text(row['usual_days'], 'count', language)})" for _, row in shown.iterrows()]
    word = {name: glossary.key_label(name, language) for name in ("account_id", "stage", "days_in_stage", "usual_days", "wanted_stage", "mrr")}
    return pd.DataFrame(
        {
            word["account_id"]: [_who(row) for _, row in shown.iterrows()],
            word["stage"]: [glossary.value_label("stage", stage, language) for stage in shown["stage"]],
            f"{word['days_in_stage']} ({word['usual_days']})": days,
            word["wanted_stage"]: ["–" if pd.isna(stage) else stage for stage in shown["wanted_stage"]],
            word["mrr"]: ["–" if pd.isna(amount) else value_text(amount, currency or "XXX", language) for amount in shown["mrr"]],
        }
    )


def _who(row: pd.Series) -> str:
    return f"{row['name']} ({row['account_id']})" if isinstance(row["name"], str) and row["name"] else str(row["account_id"])


def _verdict(p_value: float, shown: str, not_shown: str) -> str:
    if pd.isna(p_value):
        return "Too few moves to test it."
    return shown if p_value < _SMALL else not_shown
