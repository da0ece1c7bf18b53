"""What is worth talking about with an account: sentences that rest on a date, a count or a share, and nothing where there is none."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from cs_analysis import glossary
from cs_analysis.report.reviews.book import Book
from cs_analysis.show.text import date_text, value_text

SOON = 90
_OLD_TICKET = 7
_DETRACTOR = 6


def subjects(book: Book, account: str, *, language: str = "en") -> list[str]:
    """Return the sentences on an account, the most pressing kind first."""
    return [*_renewal(book, account, language), *_tickets(book, account, language), *_goals(book, account, language), *_scores(book, account, language)]


def unused(book: Book, account: str) -> pd.DataFrame:
    """Return `event` and `share` of the features that half or more of the account's peers have used and the account has not."""
    used = set(book.uses.loc[book.uses["account_id"] == account, "event"])
    usual = book.common[book.common["peers"] == book.accounts.loc[account, "peers"]]
    return usual.loc[~usual["event"].isin(used), ["event", "share"]].reset_index(drop=True)


def overdue(book: Book, account: str) -> pd.DataFrame:
    """Return the goals whose target has passed and that have not been reached."""
    goals = book.of("goals", account)
    if goals.empty:
        return goals
    return goals[goals["reached_at"].isna() & (goals["target_at"] < book.now)]


def open_tickets(book: Book, account: str) -> pd.DataFrame:
    """Return the tickets that are not resolved, or reopened since, with `days_open`, the oldest first."""
    tickets = book.of("tickets", account)
    if tickets.empty:
        return tickets
    again = tickets["reopened_at"].notna() & ~(tickets["resolved_at"] >= tickets["reopened_at"])
    still = tickets[tickets["resolved_at"].isna() | again]
    days = (book.now - still["opened_at"]) / pd.Timedelta(1, "D")
    return still.assign(days_open=days).sort_values("days_open", ascending=False, kind="stable")


def _renewal(book: Book, account: str, language: str) -> Iterator[str]:
    days = book.features["days_to_renewal"].get(account) if "days_to_renewal" in book.features else None
    if days is not None and days <= SOON:
        when = date_text(book.now + pd.Timedelta(days, "D"), language)
        yield glossary.label("review_renewal", language, date=when, days=value_text(days, "count", language))


def _tickets(book: Book, account: str, language: str) -> Iterator[str]:
    waiting = open_tickets(book, account)
    old = waiting[waiting["days_open"] > _OLD_TICKET] if len(waiting) else waiting
    if len(old):
        oldest = value_text(old["days_open"].iloc[0], "count", language)
        name = "review_ticket_old" if len(old) == 1 else "review_tickets"
        yield glossary.label(name, language, count=value_text(len(old), "count", language), limit=_OLD_TICKET, oldest=oldest)


def _goals(book: Book, account: str, language: str) -> Iterator[str]:
    for goal in overdue(book, account).itertuples():
        yield glossary.label("review_goal", language, goal=str(goal.goal), date=date_text(goal.target_at, language))


def _scores(book: Book, account: str, language: str) -> Iterator[str]:
    answers = book.of("responses", account)
    said = answers[(answers["survey"] == "nps") & answers["score"].notna()] if len(answers) else answers
    if len(said) and (last := said.sort_values("answered_at", kind="stable").iloc[-1])["score"] <= _DETRACTOR:
        yield glossary.label("review_score", language, score=value_text(last["score"], "count", language), date=date_text(last["answered_at"], language))
