"""What actions did, for a page: every action on every outcome, the verdicts in a table of words, and how alike the compared were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from cs_analysis import glossary
from cs_analysis.data.dataset import Dataset, engine_of, relation
from cs_analysis.errors import MissingColumnsError, MissingTableError, NotEnoughDataError
from cs_analysis.facts.action_days import QUICK_REPLY
from cs_analysis.metrics.effects import action_effect
from cs_analysis.show.text import amount_text, difference_text, interval_text, value_text
from cs_analysis.stats.experiments import HARMS, HELPS
from cs_analysis.stats.sample_size import experiment_size

OUTCOMES = ("activation", "retention", "expansion", "usage")
NEW_ACCOUNTS = ("7d", "30d")  # landmark and horizon of activation: new accounts are activated early or not at all


class Effects(NamedTuple):
    """Estimates of `action_effect` with the keys `action` and `outcome`, and what could not be compared for want of customers, as "action, outcome"."""

    table: pd.DataFrame
    left_out: list[str]


def actions_of(ds: Dataset) -> list[str]:
    """Return the kinds of actions on record, and "quick_reply" where first replies to cases are."""
    kinds: list[str] = []
    if "actions" in ds.tables:
        kinds = [str(kind) for kind in engine_of(ds).run(relation(ds, "actions").select("kind").distinct().order_by("kind"))["kind"].dropna()]
    replies = "tickets" in ds.tables and "first_response_at" in ds.tables["tickets"].columns
    return [*kinds, *([QUICK_REPLY] if replies else [])]


def effects_of(ds: Dataset, actions: Sequence[str], outcomes: Sequence[str] = OUTCOMES, *, horizon: str, conf_level: float) -> Effects | None:
    """Return what each action did to each outcome, as far as enough customers had it and had not; nothing where that is nowhere so."""
    tables, left_out = [], []
    for action in actions:
        for outcome in outcomes:
            first, then = NEW_ACCOUNTS if outcome == "activation" else ("30d", horizon)
            try:
                found = action_effect(ds, action, outcome, landmark=first, horizon=then, conf_level=conf_level)
            except (NotEnoughDataError, MissingTableError, MissingColumnsError):
                left_out.append(f"{glossary.value_label('action', action)} on {glossary.value_label('outcome', outcome)}")
                continue
            found.insert(0, "outcome", outcome)
            found.insert(0, "action", action)
            tables.append(found)
    return Effects(pd.concat(tables, ignore_index=True), left_out) if tables else None


def effect_words(table: pd.DataFrame, language: str = "en") -> pd.DataFrame:
    """Return one row an action and outcome: the verdict, the effect with its limits, takers against others as they are, the negative control.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=200, months=14)
    >>> effects = effects_of(ds, ["webinar"], ["retention"], horizon="60d", conf_level=0.95)
    >>> effect_words(effects.table).columns.tolist()[:3]
    ['Action', 'Outcome', 'Verdict']
    """
    rows = []
    for (action, outcome), part in table.groupby(["action", "outcome"], sort=False):
        value = part.drop_duplicates("metric").set_index("metric")
        effect, naive = value.loc["action_effect"], value.loc["action_effect_naive"]
        rows.append(
            {
                glossary.key_label("action", language): glossary.value_label("action", action, language),
                glossary.key_label("outcome", language): glossary.value_label("outcome", outcome, language),
                glossary.key_label("verdict", language): glossary.value_label("verdict", effect["verdict"], language),
                glossary.title("action_effect", language): _difference(effect, language),
                glossary.label("n", language): str(effect["n"]),
                glossary.title("action_effect_naive", language): amount_text(naive["estimate"], naive["unit"], language),
                glossary.title("negative_control", language): _limits(value.reindex(["negative_control"]).iloc[0], language),
            }
        )
    return pd.DataFrame(rows)


def verdict_words(table: pd.DataFrame, conf_level: float = 0.95) -> str:
    """Return how many of the comparisons claim an effect, and how many would by chance alone.

    Examples
    --------
    >>> verdict_words(pd.DataFrame({"metric": "action_effect", "action": ["a", "b"], "outcome": "usage", "verdict": ["helps", "not shown"]}))
    'Of 2 comparisons 1 claims an effect: a helps usage. Without any effect 0.1 would by chance. "Not shown" is no proof that there is none.'
    """
    effects = table[table["metric"] == "action_effect"]
    claimed = effects[effects["verdict"].isin([HELPS, HARMS])]
    words = [f"{_of('action', row)} {row['verdict']} {_of('outcome', row)}" for _, row in claimed.iterrows()]
    which = f"{len(words) or 'none'} claim{'s' if len(words) < 2 else ''} an effect{': ' + ', '.join(words) if words else ''}."
    by_chance = f"Without any effect {len(effects) * (1 - conf_level):.1f} would by chance."
    return f'Of {len(effects)} comparisons {which} {by_chance} "Not shown" is no proof that there is none.'


def balance_words(table: pd.DataFrame, action: str, outcome: str, *, language: str = "en") -> pd.DataFrame:
    """Return the difference of each covariate before and after the adjustment, of one action and outcome, the largest first."""
    rows = table[(table["action"] == action) & (table["outcome"] == outcome)]
    before, after = (rows[rows["metric"] == metric].set_index("covariate")["estimate"] for metric in ("balance_before", "balance"))
    names = before.abs().sort_values(ascending=False, kind="stable").index
    shown = {glossary.key_label("covariate", language): [glossary.value_label("feature", name, language) for name in names]}
    for metric, values in (("balance_before", before), ("balance", after)):
        shown[glossary.title(metric, language)] = [value_text(values[name], "ratio", language) for name in names]
    return pd.DataFrame(shown)


def size_words(base: float, *, conf_level: float = 0.95, language: str = "en") -> str:
    """Return how many accounts a planned experiment needs to show five and ten points more than a share, in four of five trials.

    Examples
    --------
    >>> size_words(0.5)
    'From 50.0%, 1,565 accounts in each half show 5.0 percentage points more in four of five trials, and 388 show 10.0 percentage points.'
    """
    needed = []
    for effect in (0.05, 0.1):
        if base + effect < 1:
            size = experiment_size(base=base, effect=effect, conf_level=conf_level)
            count = float(size.loc[size["metric"] == "accounts_needed", "estimate"].iloc[0])
            needed.append((value_text(count, "count", language), amount_text(effect, "share", language)))
    if not needed:
        return f"At {value_text(base, 'share', language)} there is little left to gain: an experiment had better look at another outcome."
    first = f"From {value_text(base, 'share', language)}, {needed[0][0]} accounts in each half show {needed[0][1]} more in four of five trials"
    return f"{first}, and {needed[1][0]} show {needed[1][1]}." if len(needed) > 1 else f"{first}."


def _of(key: str, row: pd.Series) -> str:
    return glossary.value_label(key, row[key])


def _difference(effect: pd.Series, language: str) -> str:
    if pd.isna(effect["estimate"]):
        return "–"
    limits = difference_text(effect["conf_low"], effect["conf_high"], effect["unit"], language=language)
    return f"{amount_text(effect['estimate'], effect['unit'], language)} ({limits})"


def _limits(row: pd.Series, language: str) -> str:
    return "–" if pd.isna(row["conf_low"]) else interval_text(row["conf_low"], row["conf_high"], "ratio", language=language)
