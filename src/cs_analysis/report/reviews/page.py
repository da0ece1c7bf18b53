"""The page of one account: its figures beside those of its peers, and what to talk about."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any, cast

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cs_analysis import glossary, show
from cs_analysis.facts.comments.masking import mask
from cs_analysis.report import markup
from cs_analysis.report.markup import Card
from cs_analysis.report.reviews.book import WEEKS, Book
from cs_analysis.report.reviews.subjects import open_tickets, subjects, unused
from cs_analysis.show.text import amount_text, date_text, value_text
from cs_analysis.stats.estimates import estimates

_ROWS = 8
_PROFILE = ("segment", "plan", "region", "industry", "csm", "touch", "seats")
_DOTS_PER_INCH = 110


def title_of(book: Book, account: str) -> str:
    """Return the name of an account, its identifier where it has none."""
    name = book.accounts.loc[account, "name"] if "name" in book.accounts else None
    return name if isinstance(name, str) and name else account


def sections(book: Book, account: str, *, language: str = "en") -> Iterator[tuple[str, str]]:
    """Yield heading and HTML of each part of the page that there is something to say in."""
    parts = (
        ("review_subjects", _subjects),
        ("review_usage", _usage),
        ("review_adoption", _adoption),
        ("review_health", _health),
        ("review_goals", _goals),
        ("review_support", _support),
        ("review_voice", _voice),
        ("review_actions", _actions),
    )
    for name, part in parts:
        html = part(book, account, language)
        if html:
            yield glossary.label(name, language), html


def profile(book: Book, account: str, *, language: str = "en") -> str:
    """Return the head of the page: who the account is, and since when."""
    row = book.accounts.loc[account]
    facts = [(glossary.key_label("account_id", language), account)]
    facts += [(glossary.key_label(name, language), _cell(row[name])) for name in _PROFILE if name in row.index and pd.notna(row[name])]
    facts.append((glossary.label("review_since", language), date_text(row["started_at"], language)))
    return markup.cover(title_of(book, account), facts)


def cards(book: Book, account: str, *, language: str = "en") -> str:
    """Return the headline figures of the account: facts of its own rows, so without limits, each beside its peers."""
    shown = [card for card in (_money(book, account, language), _score(book, account, language), _users(book, account, language)) if card]
    return markup.cards(shown) if shown else ""


def _money(book: Book, account: str, language: str) -> Card | None:
    amount = book.accounts.loc[account, "mrr"]
    if pd.isna(amount):
        return None
    change = book.features["mrr_change_90"].get(account, np.nan) if "mrr_change_90" in book.features else np.nan
    moved = glossary.label("review_since_90_days", language, change=f"{change:+.0%}".replace("-", "−")) if pd.notna(change) else ""
    entry = glossary.entry("mrr", language)
    return Card(entry.title, value_text(amount, book.currency or "XXX", language), "", "", moved, entry.definition)


def _score(book: Book, account: str, language: str) -> Card | None:
    own = book.bands[book.bands["account_id"] == account] if len(book.bands) else book.bands
    if own.empty or pd.isna(own["score"].iloc[-1]):
        return None
    last, entry = own.iloc[-1], glossary.entry("health_score", language)
    change = last["score"] - own["score"].iloc[0] if len(own) > 1 else np.nan
    moved = glossary.label("review_since_month", language, change=_signed(change, language)) if pd.notna(change) else ""
    return Card(entry.title, value_text(last["score"], "points", language), glossary.value_label("band", last["band"], language), "", moved, entry.definition)


def _users(book: Book, account: str, language: str) -> Card | None:
    if book.users.empty:
        return None
    entry = glossary.entry("active_users", language)
    peers = book.peers[0].get(book.accounts.loc[account, "peers"], np.nan)
    beside = glossary.label("review_peers", language, value=value_text(peers, "ratio", language)) if pd.notna(peers) else ""
    own = book.users[0].get(account, 0.0)
    return Card(f"{entry.title}, {glossary.label('review_week', language)}", value_text(own, "count", language), beside, "", "", entry.definition)


def _subjects(book: Book, account: str, language: str) -> str:
    return markup.listed(subjects(book, account, language=language))


def _usage(book: Book, account: str, language: str) -> str:
    if book.users.empty:
        return ""
    own = book.users.loc[account] if account in book.users.index else pd.Series(0.0, index=range(WEEKS))
    group = book.accounts.loc[account, "peers"]
    lines = {glossary.label("review_own", language): own, glossary.label("review_mean", language): book.peers.loc[group] if group in book.peers.index else None}
    table = pd.concat([_line(book, name, values) for name, values in lines.items() if values is not None], ignore_index=True)
    caption = glossary.label("review_usage_caption", language)
    return _picture(table, alt=caption, language=language) + markup.caption(caption)


def _line(book: Book, name: str, values: pd.Series) -> pd.DataFrame:
    keys = pd.DataFrame({"period": book.weeks[::-1], "line": name})
    return estimates(keys, metric="active_users", unit="count", estimate=values.reindex(range(WEEKS)).to_numpy()[::-1], n=len(keys) + 30)


def _picture(table: pd.DataFrame, *, alt: str, language: str) -> str:
    figure = cast("Figure", show.trend(table, grain="day", language=language).get_figure(root=True))
    with io.BytesIO() as png:
        figure.savefig(png, format="png", dpi=_DOTS_PER_INCH, facecolor="white")
        encoded = base64.b64encode(png.getvalue()).decode()
    plt.close(figure)
    return markup.figure(encoded, alt=alt)


def _adoption(book: Book, account: str, language: str) -> str:
    own = book.uses[book.uses["account_id"] == account].sort_values("uses", ascending=False, kind="stable")
    if own.empty:
        return ""
    word = {name: glossary.label(name, language) for name in ("review_feature", "review_first", "review_uses", "review_peer_share")}
    used = pd.DataFrame(
        {
            word["review_feature"]: own["event"],
            word["review_first"]: [date_text(at, language) for at in own["first_used_at"]],
            word["review_uses"]: [value_text(count, "count", language) for count in own["uses"]],
        }
    )
    html = markup.table(used, caption=glossary.label("review_used", language), figures=1)
    missing = unused(book, account)
    if len(missing):
        shares = [value_text(share, "share", language) for share in missing["share"]]
        html += markup.table(
            pd.DataFrame({word["review_feature"]: missing["event"], word["review_peer_share"]: shares}),
            caption=glossary.label("review_unused", language),
            figures=1,
        )
    return html


def _health(book: Book, account: str, language: str) -> str:
    own = book.parts[book.parts["account_id"] == account].dropna(subset=["estimate"]) if len(book.parts) else book.parts
    if own.empty:
        return ""
    word = {name: glossary.label(name, language) for name in ("review_measure", "review_points", "review_value")}
    value = book.features.loc[account]
    ordered = own.sort_values("estimate", kind="stable")
    rows = {
        word["review_measure"]: [glossary.value_label("feature", name, language) for name in ordered["measure"]],
        word["review_value"]: [_number(value.get(name, np.nan), language) for name in ordered["measure"]],
        word["review_points"]: [value_text(points, "points", language) for points in ordered["estimate"]],
    }
    return markup.table(pd.DataFrame(rows), caption=glossary.label("review_health_caption", language), figures=2)


def _goals(book: Book, account: str, language: str) -> str:
    goals = book.of("goals", account).tail(_ROWS)
    if goals.empty:
        return ""
    word = {name: glossary.label(name, language) for name in ("review_goal_name", "review_set", "review_target", "review_reached")}
    columns = {word["review_goal_name"]: goals["goal"].map(_cell)}
    columns |= {word[f"review_{name}"]: [_date(at, language) for at in goals[f"{name}_at"]] for name in ("set", "target", "reached")}
    return markup.table(pd.DataFrame(columns), caption=glossary.label("review_goals_caption", language))


def _support(book: Book, account: str, language: str) -> str:
    waiting = open_tickets(book, account).head(_ROWS)
    if waiting.empty:
        return markup.sentence(glossary.label("review_no_tickets", language)) if len(book.of("tickets", account)) else ""
    word = {name: glossary.label(name, language) for name in ("review_ticket", "review_topic", "review_opened", "review_days_open")}
    columns = {
        word["review_ticket"]: waiting["ticket_id"].map(_cell),
        word["review_topic"]: waiting["topic"].map(_cell),
        word["review_opened"]: [_date(at, language) for at in waiting["opened_at"]],
        word["review_days_open"]: [value_text(days, "count", language) for days in waiting["days_open"]],
    }
    return markup.table(pd.DataFrame(columns), caption=glossary.label("review_support_caption", language), figures=1)


def _voice(book: Book, account: str, language: str) -> str:
    answers = book.of("responses", account)
    said = answers[answers["score"].notna()].sort_values("answered_at", kind="stable").tail(_ROWS) if len(answers) else answers
    if said.empty:
        return ""
    word = {name: glossary.label(name, language) for name in ("review_survey", "review_answered", "review_answer", "review_comment")}
    columns = {
        word["review_survey"]: said["survey"].map(lambda name: str(name).upper()),
        word["review_answered"]: [_date(at, language) for at in said["answered_at"]],
        word["review_answer"]: [_number(score, language) for score in said["score"]],
        word["review_comment"]: said["comment"].map(lambda text: mask(text) if isinstance(text, str) else "–"),
    }
    return markup.table(pd.DataFrame(columns)[::-1], caption=glossary.label("review_voice_caption", language))


def _actions(book: Book, account: str, language: str) -> str:
    actions = book.of("actions", account).tail(_ROWS)
    if actions.empty:
        return ""
    word = {name: glossary.label(name, language) for name in ("review_action", "review_done", "review_completed")}
    yes, no = glossary.label("review_yes", language), glossary.label("review_no", language)
    columns = {
        word["review_action"]: actions["action"].map(_cell),
        word["review_done"]: [_date(at, language) for at in actions["acted_at"]],
        word["review_completed"]: actions["completed"].map(lambda flag: "–" if pd.isna(flag) else yes if flag else no),
    }
    return markup.table(pd.DataFrame(columns)[::-1], caption=glossary.label("review_actions_caption", language))


def _signed(change: float, language: str) -> str:
    return ("+" if change > 0 else "−" if change < 0 else "") + amount_text(abs(change), "points", language)


def _cell(value: Any) -> str:
    return "–" if pd.isna(value) else str(value)


def _date(at: Any, language: str) -> str:
    return "–" if pd.isna(at) else date_text(at, language)


def _number(value: float, language: str) -> str:
    return "–" if pd.isna(value) else value_text(value, "count" if value == round(value) else "ratio", language)
