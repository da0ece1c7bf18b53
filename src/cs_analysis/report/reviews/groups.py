"""What a page of several accounts shows: their sums, and one row an account."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cs_analysis import glossary
from cs_analysis.report import markup
from cs_analysis.report.markup import Card
from cs_analysis.report.reviews.book import Book
from cs_analysis.report.reviews.page import title_of
from cs_analysis.report.reviews.subjects import subjects
from cs_analysis.show.text import value_text


def by_revenue(book: Book, accounts: list[str]) -> list[str]:
    """Return accounts with the largest revenue first, those that pay nothing last."""
    return list(book.accounts.loc[accounts].sort_values("mrr", ascending=False, kind="stable", na_position="last").index)


def members(book: Book, accounts: list[str], *, language: str = "en") -> pd.DataFrame:
    """Return one row an account as texts: name, revenue a month, health score and band, users of the last week, and how much there is to talk about."""
    scores, latest = _scores(book), book.users[0]
    rows = [
        {
            glossary.key_label("account_id", language): f"{title_of(book, account)} ({account})",
            glossary.title("mrr", language): _money(book, book.accounts.loc[account, "mrr"], language),
            glossary.title("health_score", language): _score(scores, account, language),
            f"{glossary.title('active_users', language)}, {glossary.label('review_week', language)}": value_text(latest.get(account, 0.0), "count", language),
            glossary.label("review_subjects", language): str(len(subjects(book, account, language=language))),
        }
        for account in accounts
    ]
    return pd.DataFrame(rows)


def group_cards(book: Book, accounts: list[str], *, language: str = "en") -> str:
    """Return the headline figures of several accounts: how many customers, their revenue, and the mean of their health scores."""
    amounts = book.accounts.loc[accounts, "mrr"].dropna()
    scores = _scores(book)
    own = scores.reindex(accounts)["score"].dropna() if len(scores) else pd.Series(dtype="float64")
    shown = [Card(glossary.label("review_accounts", language), value_text(len(accounts), "count", language), "", "", "", "")]
    if len(amounts):
        entry = glossary.entry("mrr", language)
        shown.append(Card(entry.title, _money(book, amounts.sum(), language), "", f"n = {len(amounts)}", "", entry.definition))
    if len(own):
        entry = glossary.entry("health_rollup_plain", language)
        shown.append(Card(entry.title, value_text(float(np.mean(own)), "points", language), "", f"n = {len(own)}", "", entry.definition))
    return markup.cards(shown)


def _scores(book: Book) -> pd.DataFrame:
    return book.bands.drop_duplicates("account_id", keep="last").set_index("account_id") if len(book.bands) else book.bands


def _money(book: Book, amount: float, language: str) -> str:
    return "–" if pd.isna(amount) else value_text(amount, book.currency or "XXX", language)


def _score(scores: pd.DataFrame, account: str, language: str) -> str:
    if account not in scores.index or pd.isna(scores.loc[account, "score"]):
        return "–"
    return f"{value_text(scores.loc[account, 'score'], 'points', language)} ({glossary.value_label('band', scores.loc[account, 'band'], language)})"
